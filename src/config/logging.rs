//! What is logged to standard error.

use super::{
    resolve::Effective,
    setting::{Fallback, Setting},
};

pub static FILTER: Setting = Setting {
    name: "logging.filter",
    variables: &["BRAIN_LOG", "RUST_LOG"],
    fallback: Fallback::Absent("info; with `brain up` warn, info with -v, debug with -vv"),
    about: "What is logged to standard error, as tracing filters: info, or second_brain=debug,warn",
    ..Setting::BASE
};

pub static SETTINGS: [&Setting; 1] = [&FILTER];

/// How much is logged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logging {
    /// The filter, and where it was given.
    pub filter: Option<(String, String)>,
}

impl Logging {
    pub fn of(effective: &Effective) -> Self {
        let filter = effective.maybe(&FILTER).filter(|text: &String| !text.is_empty());
        Self { filter: filter.map(|text| (text, effective.row(&FILTER).origin.to_string())) }
    }
}
