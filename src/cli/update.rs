//! `brain update`: changes the named fields of one memory.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{add, client::Connection, json_object, number, table};
use crate::api::v1::dto::Written;

#[derive(clap::Args)]
pub struct Args {
    /// The memory's id
    id: Uuid,
    /// The new content; `-` reads standard input
    #[arg(long)]
    content: Option<String>,
    /// One line that names it; empty for none
    #[arg(long)]
    title: Option<String>,
    /// semantic, episodic or procedural
    #[arg(long = "type")]
    memory_type: Option<String>,
    /// Replaces all tags; may be given several times
    #[arg(long = "tag")]
    tags: Option<Vec<String>>,
    /// How important it is, 0 to 1
    #[arg(long, value_parser = number)]
    importance: Option<f64>,
    /// A JSON object that replaces the metadata
    #[arg(long, value_parser = json_object)]
    metadata: Option<Map<String, Value>>,
    /// true seals it and destroys what its past says in the clear; false needs an owner
    #[arg(long)]
    sensitive: Option<bool>,
    /// Only if the memory has this revision
    #[arg(long)]
    if_revision: Option<u64>,
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    let mut patch = Map::new();
    if args.content.is_some() {
        patch.insert("content".into(), add::content(args.content)?.into());
    }
    if let Some(metadata) = args.metadata {
        patch.insert("metadata".into(), metadata.into());
    }
    let simple = [
        ("title", args.title.map(Value::from)),
        ("memory_type", args.memory_type.map(Value::from)),
        ("tags", args.tags.map(Value::from)),
        ("importance", args.importance.map(Value::from)),
        ("sensitive", args.sensitive.map(Value::from)),
    ];
    patch.extend(simple.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    let mut request = connection.request(Method::PATCH, &format!("/api/v1/memories/{}", args.id)).body(&patch);
    if let Some(revision) = args.if_revision {
        request = request.header("If-Match", &format!("\"{revision}\""));
    }
    connection.show(request.send().await, |answer: Written| table::written("updated", &answer))
}
