//! What the server holds before an import: what became of which file, and from which folders earlier imports came. Read once, at the start.
//!
//! Called by `brain import`. Writes nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    api::v1::dto::{MemoryInput, MemoryPage, MemoryView},
    cli::{
        client::{Connection, Error},
        records,
    },
    domain::memory::{Body, Rules, ScriptTags, Sealing},
};

/// Memories asked for at once: the most that a list gives.
const PAGE_ROWS: u32 = 200;
/// What the origin of every imported memory begins with. Decision: the next import knows by it what is its own.
const MARK: &str = "import:";
/// The field of the metadata that says which folder a memory was read from.
const ORIGIN: &str = "import";

/// The folder that an import reads: a name alone may be that of two.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// The machine's name.
    pub host: String,
    pub root: String,
    /// Whether single files of the folder were imported, and not the folder.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub single: bool,
}

impl Origin {
    /// Writes it into the metadata of a memory that does not say otherwise.
    pub fn put(&self, input: &mut MemoryInput) {
        let value = serde_json::to_value(self).expect("texts are plain JSON");
        input.metadata.entry(ORIGIN).or_insert(value);
    }

    pub fn is_folder(&self, host: &str, root: &str) -> bool {
        self.host == host && self.root == root
    }
}

/// A memory that is there already.
#[derive(Clone, Debug)]
pub struct Known {
    /// The import and the path below its root, as its source says.
    pub source: Option<(String, String)>,
    pub origin: Option<Origin>,
    /// Of everything but origin and times.
    pub print: Option<u128>,
    /// Of the content alone.
    pub content_print: u128,
    /// Its first words, by which a person knows it.
    pub excerpt: String,
    created_at: chrono::DateTime<chrono::Utc>,
    sensitive: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Existing {
    pub memories: HashMap<Uuid, Known>,
}

/// An earlier import by its name.
#[derive(Debug, Default)]
pub struct Import {
    pub origins: HashSet<Origin>,
    /// Paths below its root.
    pub files: HashSet<String>,
}

/// What an import would do to a memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Difference {
    New,
    Changed,
    /// Only the folder that it comes from is another, or was not known.
    Origin,
    None,
}

impl Existing {
    /// Reads the memories of the space, not before the position is there.
    pub async fn read(connection: &Connection, position: Option<u64>) -> Result<Self, Error> {
        let mut existing = Self::default();
        let mut query = vec![("limit", PAGE_ROWS.to_string())];
        query.extend(position.map(|position| ("min_position", position.to_string())));
        let add = |rows: Vec<MemoryView>| existing.memories.extend(rows.into_iter().map(|view| (view.id, known(view))));
        connection.pages::<MemoryPage>("/api/v1/memories", &query, add).await?;
        Ok(existing)
    }

    /// The earlier imports by their names.
    pub fn imports(&self) -> BTreeMap<&str, Import> {
        let mut imports: BTreeMap<&str, Import> = BTreeMap::new();
        for known in self.memories.values() {
            if let Some((name, file)) = &known.source {
                let import = imports.entry(name).or_default();
                import.origins.extend(known.origin.clone());
                import.files.insert(file.clone());
            }
        }
        imports
    }

    /// What a write of this memory would change.
    pub fn difference(&self, id: Uuid, input: &MemoryInput) -> Difference {
        let Some(known) = self.memories.get(&id) else { return Difference::New };
        let is_same = known.print.is_some() && known.print == print(input);
        let is_as_sensitive = input.sensitive.is_none_or(|wish| wish == known.sensitive);
        if !is_same || !is_as_sensitive || input.created_at.is_some_and(|time| time != known.created_at) {
            Difference::Changed
        } else if known.origin == origin_of(input) {
            Difference::None
        } else {
            Difference::Origin
        }
    }
}

fn known(view: MemoryView) -> Known {
    let (created_at, sensitive, input) = (view.created_at, view.sensitive, records::of(view));
    Known {
        source: input.source.as_ref().and_then(|source| named(source.uri.as_deref()?)),
        origin: origin_of(&input),
        print: print(&input),
        content_print: content_print(&input.content),
        excerpt: input.content.split_whitespace().take(8).collect::<Vec<_>>().join(" "),
        created_at,
        sensitive,
    }
}

/// The origin of a memory of an import: where its file lies.
pub fn uri(name: &str, file: &str) -> String {
    format!("{MARK}{name}/{file}")
}

fn named(uri: &str) -> Option<(String, String)> {
    let (name, file) = uri.strip_prefix(MARK)?.split_once('/')?;
    Some((name.to_owned(), file.to_owned()))
}

fn origin_of(input: &MemoryInput) -> Option<Origin> {
    input.metadata.get(ORIGIN).and_then(|value| Origin::deserialize(value).ok())
}

/// A number of everything that a memory says, as the server would store it; `None` for what it would refuse.
fn print(input: &MemoryInput) -> Option<u128> {
    // Whether it is sensitive is compared apart: who does not say it leaves it as it is.
    let mut input = MemoryInput { sensitive: Some(false), ..input.clone() };
    if input.metadata.get(ORIGIN).is_some_and(Value::is_object) {
        input.metadata.remove(ORIGIN);
    }
    as_stored(&input).map(|body| xxh3_128(format!("{body:?}").as_bytes()))
}

/// The memory as a server would store it that keeps script tags, which this program cannot know; `None` for what none would store.
pub fn as_stored(input: &MemoryInput) -> Option<Body> {
    let (_, draft, created_at) = input.clone().into_parts();
    let rules = Rules { script_tags: ScriptTags::Allow, sealing: Sealing { is_possible: true, ..Sealing::default() } };
    draft.validate_with(created_at, false, rules).ok().map(|(body, _)| body)
}

pub fn content_print(content: &str) -> u128 {
    xxh3_128(content.trim().as_bytes())
}

#[cfg(test)]
pub mod tests {
    use serde_json::json;

    use super::*;

    /// A memory of an import as the server shows it.
    pub fn view(id: u128, name: &str, file: &str, content: &str, origin: Option<&Origin>) -> MemoryView {
        serde_json::from_value(json!({
            "id": Uuid::from_u128(id), "title": null, "content": content, "memory_type": "semantic",
            "metadata": origin.map_or_else(|| json!({}), |origin| json!({"import": origin})), "tags": [], "importance": 0.5,
            "source": {"kind": null, "uri": uri(name, file), "id": null, "position": null}, "user_id": null, "agent_id": null, "run_id": null,
            "occurred_at": null, "created_at": "2024-01-01T00:00:00Z", "updated_at": "2024-01-01T00:00:00Z", "revision": 1
        }))
        .expect("a memory")
    }

    pub fn holding(views: Vec<MemoryView>) -> Existing {
        Existing { memories: views.into_iter().map(|view| (view.id, known(view))).collect() }
    }

    #[test]
    fn a_difference_is_what_the_server_would_see() {
        let origin = Origin { host: "h".into(), root: "/notes".into(), single: false };
        let existing = holding(vec![view(1, "notes", "a.md", "Tea", Some(&origin))]);
        let mut input = MemoryInput { content: " Tea\n".into(), ..MemoryInput::default() };
        input.source = Some(crate::api::v1::dto::SourceDto { uri: Some(uri("notes", "a.md")), ..Default::default() });
        let id = Uuid::from_u128(1);
        assert_eq!(existing.difference(id, &input), Difference::Origin);
        origin.put(&mut input);
        assert_eq!(existing.difference(id, &input), Difference::None);
        assert_eq!(existing.difference(Uuid::from_u128(2), &input), Difference::New);
        assert_eq!(existing.difference(id, &MemoryInput { tags: vec!["x".into()], ..input.clone() }), Difference::Changed);
        assert_eq!(existing.imports()["notes"].origins, HashSet::from([origin]));
    }
}
