//! What a projection is: `projection.toml` and its SQL, built into the program. Read by `wiring`, the engine and the store.
//! Never opens a file.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::column::{Column, Spec};

/// How the events of one key become a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fold {
    /// The newest event alone decides.
    Last,
    /// Each event leaves its own trace.
    Every,
}

/// A projection's definition with its SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    pub name: String,
    /// Version of the tables: 1, 2, 3 …; they live in the schema `<name>_v<version>`. The files name version 1; see [`Definition::at`].
    pub version: u32,
    /// Stem of the stream that feeds it.
    pub stream: String,
    pub fold: Fold,
    /// Types of the events that it wants; all others only move its checkpoint.
    pub events: Vec<String>,
    /// What it takes from an event's data.
    pub columns: Vec<Column>,
    /// How long a small batch waits for company: what nobody waits for at once leaves the processor to what somebody does.
    pub linger_ms: u64,
    pub sql: Sql,
}

/// A projection's statements, which come from the files of the program alone and are therefore safe to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sql {
    /// Makes the schema and its tables; runs once per version.
    pub schema: String,
    /// Makes the indexes that only readers need: at once, or after a rebuild has filled the tables.
    pub indexes: String,
    /// Points the views in `live` to this version.
    pub live: String,
    /// One statement from the relation `staged` into the projection's tables.
    pub apply: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    name: String,
    version: u32,
    stream: String,
    fold: Fold,
    #[serde(default)]
    columns: BTreeMap<String, Spec>,
    #[serde(default)]
    linger_ms: u64,
    events: Vec<String>,
}

/// The definition is not one: a mistake in the program's own files.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("projection.toml cannot be read")]
    Toml(#[source] toml::de::Error),
    #[error("projection {name:?}: {reason}")]
    Invalid { name: String, reason: &'static str },
}

impl Definition {
    /// Reads a definition; `sql` is schema, indexes, live and apply, in this order.
    pub fn parse(header: &str, sql: [&str; 4]) -> Result<Self, Error> {
        let Header { name, version, stream, fold, columns, linger_ms, events } = toml::from_str(header).map_err(Error::Toml)?;
        let word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let reason = if !word(&name) {
            Some("the name is not a word of a-z and _")
        } else if version == 0 || i32::try_from(version).is_err() {
            Some("versions count from 1")
        } else if events.is_empty() {
            Some("it needs at least one event type")
        } else if [0, 2, 3].into_iter().any(|at: usize| !sql[at].contains(&format!("{name}_v{version}"))) {
            Some("its SQL does not speak of the schema of its version")
        } else {
            None
        };
        match reason {
            Some(reason) => Err(Error::Invalid { name, reason }),
            None => {
                let [schema, indexes, live, apply] = sql.map(str::to_owned);
                let columns = match columns.is_empty() {
                    true => vec![Column::whole()],
                    false => columns.into_iter().map(|(name, spec)| Column::new(name, spec)).collect(),
                };
                Ok(Self { name, version, stream, fold, events, columns, linger_ms, sql: Sql { schema, indexes, live, apply } })
            }
        }
    }

    /// The same projection in tables of another version: a rebuild fills them beside those that are live.
    pub fn at(&self, version: u32) -> Self {
        let (old, new) = (self.schema(), format!("{}_v{version}", self.name));
        let moved = |sql: &str| {
            sql.replace(&format!("{old}."), &format!("{new}.")).replace(&format!("SCHEMA {old}"), &format!("SCHEMA {new}"))
        };
        let Sql { schema, indexes, live, apply } = &self.sql;
        let sql = Sql { schema: moved(schema), indexes: moved(indexes), live: moved(live), apply: moved(apply) };
        Self { version, sql, ..self.clone() }
    }

    /// The Postgres schema of its tables.
    pub fn schema(&self) -> String {
        format!("{}_v{}", self.name, self.version)
    }

    /// What its rows follow from, whatever the version: tables filled by other SQL must be filled anew.
    pub fn fingerprint(&self) -> String {
        let first = self.at(1);
        let mut text = format!("{:?}", (&first.sql, &first.events, &first.stream));
        // The tables of the first releases name no columns and stay as they are.
        if self.columns != [Column::whole()] {
            text.push_str(&format!("{:?}", self.columns));
        }
        format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
    }

    pub fn wants(&self, kind: &str) -> bool {
        self.events.iter().any(|wanted| wanted == kind)
    }
}

macro_rules! built_in {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        $(
            $(#[$doc])*
            pub fn $name() -> Definition {
                Definition::parse(
                    include_str!(concat!("../../projections/", stringify!($name), "/projection.toml")),
                    [
                        include_str!(concat!("../../projections/", stringify!($name), "/schema.sql")),
                        include_str!(concat!("../../projections/", stringify!($name), "/indexes.sql")),
                        include_str!(concat!("../../projections/", stringify!($name), "/live.sql")),
                        include_str!(concat!("../../projections/", stringify!($name), "/apply.sql")),
                    ],
                )
                .expect("a test parses every definition that is built in")
            }
        )+

        /// All projections, in the order in which they are started.
        pub fn all() -> Vec<Definition> {
            vec![$($name()),+]
        }
    };
}

built_in! {
    /// Memories as they stand now.
    memories,
    /// Spaces and keys, for listing. Never asked who may come in: that is the directory's.
    access,
    /// Embeddings, from the stream of derived facts.
    vectors,
    /// Memories and relationships as points and edges.
    graph,
    /// Every state that a memory had.
    memory_history,
    /// Every state that a relationship had.
    edge_history,
    /// Which time belongs to which position.
    positions,
    /// Which event a keyed command has caused.
    command_log,
    /// Endpoints that want to be told of events.
    webhooks,
    /// Which memories are erased, and the receipts.
    erasures,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_definition_is_valid_and_named_once() {
        let mut names: Vec<_> = all().into_iter().map(|definition| definition.name).collect();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn every_event_of_a_clients_command_is_in_the_command_log() {
        use crate::journal::catalog::{MEMORY, RELATIONSHIP, WEBHOOK, stored};
        for event in stored().filter(|event| [MEMORY, RELATIONSHIP, WEBHOOK].contains(&event.aggregate)) {
            // What is forgotten here has a second effect when its key comes again after 64 revisions.
            assert!(command_log().wants(event.name), "{}", event.name);
        }
    }

    #[test]
    fn memories_keeps_the_last_event_of_each_key() {
        let memories = memories();
        assert_eq!((memories.name.as_str(), memories.version, memories.fold), ("memories", 1, Fold::Last));
        assert!(memories.wants("memory.restored"));
        assert!(!memories.wants("key.created"));
    }

    #[test]
    fn another_version_lives_in_another_schema_and_is_otherwise_the_same() {
        for definition in all() {
            let second = definition.at(12);
            let Sql { schema, indexes, live, apply } = &second.sql;
            for sql in [schema, indexes, live, apply] {
                assert!(!sql.contains(&format!("{}_v1.", second.name)) && !sql.contains("SCHEMA vectors_v1;"), "{sql}");
            }
            assert!(schema.contains(&format!("CREATE SCHEMA {};", second.schema())));
            assert_eq!((second.fingerprint(), second.at(1)), (definition.fingerprint(), definition));
        }
    }

    #[test]
    fn mistakes_are_named() {
        let header = |name: &str, version: u32| {
            format!("name = \"{name}\"\nversion = {version}\nstream = \"EVENTS\"\nfold = \"last\"\nevents = [\"a.b\"]")
        };
        let sql = ["things_v1"; 4];
        assert!(Definition::parse(&header("things", 1), sql).is_ok());
        for bad in [header("Things", 1), header("things", 0), header("things", 2), "name = 1".to_owned()] {
            assert!(Definition::parse(&bad, sql).is_err(), "{bad}");
        }
        let unknown = format!("{}\ncolour = \"red\"", header("things", 1));
        assert!(matches!(Definition::parse(&unknown, sql), Err(Error::Toml(_))));
    }
}
