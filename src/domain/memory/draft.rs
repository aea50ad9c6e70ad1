//! What a client says of a memory before it is believed, and the rules that it must keep (specification §2.2).
//!
//! Called by the decider of memories and, for the limits, by the API's documentation. Collects every violation, not the first one.

use serde_json::{Map, Value, json};

use super::{
    Body, MemoryType, Rejection, Rules, Scope, Source,
    script::{self, ScriptTags},
    sensitive,
};
use crate::domain::{
    ids::Timestamp,
    json_object::{self, Codes, nul},
    limits,
    violation::Violation,
};

/// Longest content, in characters, counted after null bytes and surrounding white space are removed.
pub const CONTENT_CHARS_MAX: usize = 10_000;
/// Longest title, in characters, counted after white space is made single spaces.
pub const TITLE_CHARS_MAX: usize = 512;
/// Most tags of one memory, after equal ones are merged.
pub const TAGS_MAX: usize = 64;
/// Longest tag, in characters.
pub const TAG_CHARS_MAX: usize = 128;
/// Longest `source.uri`, in characters.
pub const URI_CHARS_MAX: usize = 2_048;
/// Longest `source.kind`, `source.id`, `user_id`, `agent_id`, `run_id`, in characters.
pub const NAME_CHARS_MAX: usize = 256;
/// Importance of a memory that does not say its own.
pub const IMPORTANCE_DEFAULT: f64 = 0.5;

const METADATA_CODES: Codes =
    Codes { too_deep: "memory.metadata_too_deep", too_large: "memory.metadata_too_large", nul: NUL_CODE };
const NUL_CODE: &str = "memory.nul_character";
const TIME_CODE: &str = "memory.time_out_of_range";

/// A memory as a client wrote it. Field for field [`Body`], but unchecked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// One line; runs of white space become one space, and an empty one is none.
    pub title: Option<String>,
    pub content: String,
    /// `semantic` when absent.
    pub memory_type: Option<String>,
    pub metadata: Map<String, Value>,
    pub tags: Vec<String>,
    /// [`IMPORTANCE_DEFAULT`] when absent.
    pub importance: Option<f64>,
    pub source: Source,
    pub scope: Scope,
    pub occurred_at: Option<Timestamp>,
    /// Whether it is to be sealed; as it was, and as instance and space have it, when absent.
    pub sensitive: Option<bool>,
}

impl Draft {
    /// Cleans (null bytes in the content, white space, equal tags, how numbers and times are written) and checks every rule.
    /// Errors: every field that is out of its bounds, with its limit and the value; never none.
    pub fn validate(self) -> Result<Body, Vec<Violation>> {
        self.clean(None, ScriptTags::Refuse).map(|(body, _)| body)
    }

    /// As [`Self::validate`], with the time at which the memory is said to have been created, whether it was sensitive before, and the
    /// instance's rules. Errors: [`Rejection::Invalid`], and those of [`sensitive::decide`].
    pub fn validate_with(
        self,
        created_at: Option<Timestamp>,
        was_sensitive: bool,
        rules: Rules,
    ) -> Result<(Body, Option<Timestamp>), Rejection> {
        let wish = self.sensitive;
        let (mut body, created_at) = self.clean(created_at, rules.script_tags).map_err(Rejection::Invalid)?;
        body.sensitive = sensitive::decide(wish, was_sensitive, &body, rules.sealing)?;
        Ok((body, created_at))
    }

    fn clean(self, created_at: Option<Timestamp>, script_tags: ScriptTags) -> Result<(Body, Option<Timestamp>), Vec<Violation>> {
        let mut broken = Vec::new();
        let title = clean_title(self.title.as_deref());
        check_title(title.as_deref(), &mut broken);
        let content = clean_content(&self.content);
        check_content(&content, script_tags, &mut broken);
        let memory_type = check_type(self.memory_type.as_deref(), &mut broken);
        let metadata = json_object::clean(self.metadata);
        json_object::check("metadata", &metadata, &METADATA_CODES, &mut broken);
        let tags = clean_tags(self.tags);
        check_tags(&tags, &mut broken);
        let importance = limits::number(self.importance.unwrap_or(IMPORTANCE_DEFAULT));
        check_importance(importance, &mut broken);
        check_names(&self.source, &self.scope, &mut broken);
        let occurred_at = limits::check_time("occurred_at", TIME_CODE, self.occurred_at, &mut broken);
        let created_at = limits::check_time("created_at", TIME_CODE, created_at, &mut broken);
        if !broken.is_empty() {
            return Err(broken);
        }
        let (source, scope) = (self.source, self.scope);
        let sensitive = self.sensitive == Some(true);
        let body = Body { title, content, memory_type, metadata, tags, importance, source, scope, occurred_at, sensitive };
        Ok((body, created_at))
    }
}

impl From<Body> for Draft {
    fn from(body: Body) -> Self {
        Self {
            title: body.title,
            content: body.content,
            memory_type: Some(body.memory_type.as_str().to_owned()),
            metadata: body.metadata,
            tags: body.tags,
            importance: Some(body.importance),
            source: body.source,
            scope: body.scope,
            occurred_at: body.occurred_at,
            sensitive: body.sensitive.then_some(true),
        }
    }
}

/// The fields of a memory that an update names; `None` leaves a field as it is, `Some(None)` empties it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    pub title: Option<Option<String>>,
    pub content: Option<String>,
    pub memory_type: Option<String>,
    /// Replaces the metadata as a whole.
    pub metadata: Option<Map<String, Value>>,
    /// Replaces the tags as a whole.
    pub tags: Option<Vec<String>>,
    pub importance: Option<f64>,
    pub source: Option<Source>,
    pub user_id: Option<Option<String>>,
    pub agent_id: Option<Option<String>>,
    pub run_id: Option<Option<String>>,
    pub occurred_at: Option<Option<Timestamp>>,
    /// `false` needs somebody who may administer the space.
    pub sensitive: Option<bool>,
}

impl Patch {
    /// The body after the change. A content that stays was let in once and is asked no more about script tags.
    pub(super) fn apply(self, old: &Body, rules: Rules) -> Result<Body, Rejection> {
        let script_tags = if self.content.is_some() { rules.script_tags } else { ScriptTags::Allow };
        let was_sensitive = old.sensitive;
        let old = Draft::from(old.clone());
        let draft = Draft {
            title: self.title.unwrap_or(old.title),
            content: self.content.unwrap_or(old.content),
            memory_type: self.memory_type.or(old.memory_type),
            metadata: self.metadata.unwrap_or(old.metadata),
            tags: self.tags.unwrap_or(old.tags),
            importance: self.importance.or(old.importance),
            source: self.source.unwrap_or(old.source),
            scope: Scope {
                user_id: self.user_id.unwrap_or(old.scope.user_id),
                agent_id: self.agent_id.unwrap_or(old.scope.agent_id),
                run_id: self.run_id.unwrap_or(old.scope.run_id),
            },
            occurred_at: self.occurred_at.unwrap_or(old.occurred_at),
            sensitive: self.sensitive,
        };
        draft.validate_with(None, was_sensitive, Rules { script_tags, ..rules }).map(|(body, _)| body)
    }
}

fn clean_title(title: Option<&str>) -> Option<String> {
    let words: Vec<&str> = title?.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn check_title(title: Option<&str>, broken: &mut Vec<Violation>) {
    let Some(title) = title else { return };
    let chars = title.chars().count();
    if chars > TITLE_CHARS_MAX {
        let detail = format!("title has {chars} characters; the limit is {TITLE_CHARS_MAX}");
        broken.push(Violation::new("memory.title_too_long", "title", detail).limit(TITLE_CHARS_MAX).value(chars));
    } else if title.contains('\0') {
        broken.push(nul("title", NUL_CODE));
    }
}

fn clean_content(content: &str) -> String {
    if content.contains('\0') { content.replace('\0', "").trim().to_owned() } else { content.trim().to_owned() }
}

fn check_content(content: &str, script_tags: ScriptTags, broken: &mut Vec<Violation>) {
    let chars = content.chars().count();
    if chars == 0 {
        let detail = format!("content is empty; it needs 1 to {CONTENT_CHARS_MAX} characters");
        broken.push(Violation::new("memory.content_empty", "content", detail).limit(1).value(0));
    }
    if chars > CONTENT_CHARS_MAX {
        let detail = format!("content has {chars} characters; the limit is {CONTENT_CHARS_MAX}");
        broken.push(Violation::new("memory.content_too_long", "content", detail).limit(CONTENT_CHARS_MAX).value(chars));
    }
    // What is too long is refused anyway, and is not worth reading to its end.
    if script_tags == ScriptTags::Refuse
        && chars <= CONTENT_CHARS_MAX
        && let Some(at) = script::tag(content)
    {
        let detail = format!("content has a script tag at byte {at}; script tags are allowed in Markdown code only");
        broken.push(Violation::new("memory.script_tag", "content", detail).value(at));
    }
}

fn check_type(given: Option<&str>, broken: &mut Vec<Violation>) -> MemoryType {
    let Some(text) = given else { return MemoryType::default() };
    MemoryType::parse(text).unwrap_or_else(|| {
        let allowed = MemoryType::ALL.map(MemoryType::as_str);
        let detail = format!("memory_type is one of {}", allowed.join(", "));
        let shown: String = text.chars().take(NAME_CHARS_MAX).collect();
        broken.push(Violation::new("memory.type_unknown", "memory_type", detail).limit(json!(allowed)).value(shown));
        MemoryType::default()
    })
}

fn clean_tags(tags: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(tags.len());
    for tag in tags {
        let tag = tag.trim();
        if !kept.iter().any(|known| known == tag) {
            kept.push(tag.to_owned());
        }
        // One more than allowed is enough to refuse; a million tags must not cost a quadratic search.
        if kept.len() > TAGS_MAX * 2 {
            break;
        }
    }
    kept
}

fn check_tags(tags: &[String], broken: &mut Vec<Violation>) {
    if tags.len() > TAGS_MAX {
        let detail = format!("there are {} tags; the limit is {TAGS_MAX}", tags.len());
        broken.push(Violation::new("memory.too_many_tags", "tags", detail).limit(TAGS_MAX).value(tags.len()));
        return;
    }
    for (index, tag) in tags.iter().enumerate() {
        let field = format!("tags[{index}]");
        let chars = tag.chars().count();
        if chars == 0 {
            let detail = format!("{field} is empty; a tag has 1 to {TAG_CHARS_MAX} characters");
            broken.push(Violation::new("memory.tag_empty", field, detail).limit(1).value(0));
        } else if chars > TAG_CHARS_MAX {
            let detail = format!("{field} has {chars} characters; the limit is {TAG_CHARS_MAX}");
            broken.push(Violation::new("memory.tag_too_long", field, detail).limit(TAG_CHARS_MAX).value(chars));
        } else if tag.contains('\0') {
            broken.push(nul(field, NUL_CODE));
        }
    }
}

fn check_importance(importance: f64, broken: &mut Vec<Violation>) {
    if !(0.0..=1.0).contains(&importance) {
        let detail = format!("importance is {importance}; it goes from 0 to 1");
        broken
            .push(Violation::new("memory.importance_out_of_range", "importance", detail).limit(json!([0, 1])).value(importance));
    }
}

fn check_names(source: &Source, scope: &Scope, broken: &mut Vec<Violation>) {
    let fields = [
        ("source.kind", &source.kind, NAME_CHARS_MAX),
        ("source.uri", &source.uri, URI_CHARS_MAX),
        ("source.id", &source.id, NAME_CHARS_MAX),
        ("user_id", &scope.user_id, NAME_CHARS_MAX),
        ("agent_id", &scope.agent_id, NAME_CHARS_MAX),
        ("run_id", &scope.run_id, NAME_CHARS_MAX),
    ];
    for (field, text, chars_max) in fields {
        let Some(text) = text else { continue };
        let chars = text.chars().count();
        if chars > chars_max {
            let detail = format!("{field} has {chars} characters; the limit is {chars_max}");
            broken.push(Violation::new("memory.field_too_long", field, detail).limit(chars_max).value(chars));
        } else if text.contains('\0') {
            broken.push(nul(field, NUL_CODE));
        }
    }
    if let Some(position) = source.position.filter(|position| *position > limits::INTEGER_MAX) {
        let detail = format!("source.position is {position}; the limit is {}", limits::INTEGER_MAX);
        let violation = Violation::new("memory.position_out_of_range", "source.position", detail);
        broken.push(violation.limit(limits::INTEGER_MAX).value(position));
    }
}
