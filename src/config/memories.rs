//! What contents may hold.

use super::{
    resolve::Effective,
    setting::{Fallback, Setting},
    value::Kind,
};
use crate::domain::memory::ScriptTags;

pub static SCRIPT_TAGS: Setting = Setting {
    name: "memories.script_tags",
    variables: &["BRAIN_SCRIPT_TAGS"],
    flag: Some("script-tags"),
    kind: Kind::Choice(&["refuse", "allow"]),
    fallback: Fallback::Is("refuse"),
    about: "What becomes of a content with a script tag outside of Markdown code: refuse or allow",
    ..Setting::BASE
};

pub static SETTINGS: [&Setting; 1] = [&SCRIPT_TAGS];

/// Rules of contents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memories {
    pub script_tags: ScriptTags,
}

impl Memories {
    pub fn of(effective: &Effective) -> Self {
        let script_tags: String = effective.of(&SCRIPT_TAGS);
        Self { script_tags: script_tags.parse().expect("it is one of the choices") }
    }
}
