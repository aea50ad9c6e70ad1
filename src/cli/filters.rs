//! Which memories are meant, for the verbs that speak of many.

use serde_json::{Map, Value, json};

use super::{json_object, moment, number};
use crate::domain::ids::Timestamp;

/// What a memory is and whom it concerns: filters by one value each, under the names that the API has for them.
#[derive(clap::Args, Clone)]
struct Equal {
    /// Only this type: semantic, episodic or procedural
    #[arg(long = "type")]
    memory_type: Option<String>,
    /// Only of this user
    #[arg(long)]
    user_id: Option<String>,
    /// Only of this agent
    #[arg(long)]
    agent_id: Option<String>,
    /// Only of this run
    #[arg(long)]
    run_id: Option<String>,
}

impl Equal {
    fn given(self) -> impl Iterator<Item = (&'static str, String)> {
        let Self { memory_type, user_id, agent_id, run_id } = self;
        let optional = [("memory_type", memory_type), ("user_id", user_id), ("agent_id", agent_id), ("run_id", run_id)];
        optional.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }
}

/// The filters of a list of memories.
#[derive(clap::Args)]
pub struct Filters {
    #[command(flatten)]
    equal: Equal,
    /// Only with this tag
    #[arg(long)]
    tag: Option<String>,
}

impl Filters {
    /// The query parameters that ask for them.
    pub fn query(self) -> impl Iterator<Item = (&'static str, String)> {
        self.equal.given().chain(self.tag.map(|tag| ("tag", tag)))
    }
}

/// The filters of a search, and of a deletion of many: all of them must hold.
#[derive(clap::Args, Clone)]
pub struct Conditions {
    #[command(flatten)]
    equal: Equal,
    /// Only with this tag; given several times, with all of them
    #[arg(long = "tag")]
    tags: Vec<String>,
    /// Only of at least this importance, 0 to 1
    #[arg(long, value_parser = number)]
    min_importance: Option<f64>,
    /// Only created at or after this day or time: 2026-11-27, 2026-11-27T10:00, yesterday, 3d
    #[arg(long, value_parser = moment::time)]
    since: Option<Timestamp>,
    /// Only created before this day or time
    #[arg(long, value_parser = moment::time)]
    until: Option<Timestamp>,
    /// A filter as the API takes it, for instance '{"not": {"tags": ["draft"]}}'
    #[arg(long, value_parser = json_object)]
    filter: Option<Map<String, Value>>,
}

impl Conditions {
    /// All of them as one filter; empty when there is none.
    pub fn filter(self) -> Map<String, Value> {
        let mut filters: Map<String, Value> = self.equal.given().map(|(name, value)| (name.to_owned(), value.into())).collect();
        if !self.tags.is_empty() {
            filters.insert("tags".into(), self.tags.into());
        }
        if let Some(importance) = self.min_importance {
            filters.insert("importance".into(), json!({"gte": importance}));
        }
        let ends = [("gte", self.since), ("lt", self.until)];
        let created: Map<String, Value> =
            ends.into_iter().filter_map(|(name, end)| Some((name.to_owned(), json!(end?)))).collect();
        if !created.is_empty() {
            filters.insert("created_at".into(), created.into());
        }
        if let Some(filter) = self.filter {
            filters.insert("and".into(), json!([filter]));
        }
        filters
    }
}
