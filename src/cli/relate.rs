//! `brain relate` and `brain unrelate`: makes and deletes a relationship between two memories.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{client::Connection, json_object, number};
use crate::{
    api::v1::dto::graph::{Related, RelationshipInput},
    domain::ids::{MemoryId, RelationshipId},
};

#[derive(clap::Args)]
pub struct Args {
    /// The memory that it goes out from
    source: Uuid,
    /// The memory that it leads to
    target: Uuid,
    /// related_to, references, contradicts, supports, extends, replaces, part_of, contains or depends_on
    #[arg(long = "type", default_value = "related_to")]
    relationship_type: String,
    /// How strong it is, 0 to 1
    #[arg(long, value_parser = number)]
    weight: Option<f64>,
    /// Properties, as a JSON object
    #[arg(long, value_parser = json_object)]
    properties: Option<Map<String, Value>>,
}

#[derive(clap::Args)]
pub struct UnrelateArgs {
    /// The memory that it goes out from
    source: Uuid,
    /// The memory that it leads to
    target: Uuid,
    /// Which of the relationships between the two
    #[arg(long = "type", default_value = "related_to")]
    relationship_type: String,
}

/// Makes the relationship be exactly this, whether it existed or not.
pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    let input = RelationshipInput {
        source_id: Some(args.source),
        target_id: Some(args.target),
        relationship_type: Some(args.relationship_type),
        weight: args.weight,
        properties: args.properties.unwrap_or_default(),
        created_at: None,
    };
    let answer = connection.put("/api/v1/relationships").body(&input).send().await;
    connection.show(answer, |related: Related| written("related", &related))
}

pub async fn unrelate(args: UnrelateArgs, connection: &Connection) -> anyhow::Result<ExitCode> {
    let id = RelationshipId::of(MemoryId(args.source), &args.relationship_type, MemoryId(args.target));
    let answer = connection.request(Method::DELETE, &format!("/api/v1/relationships/{id}")).send().await;
    connection.show(answer, |related: Related| written("unrelated", &related))
}

fn written(verb: &str, answer: &Related) -> String {
    let it = &answer.relationship;
    let ends = format!("{} {} {}", it.source_id, it.relationship_type, it.target_id);
    format!("{verb} {ends} (revision {}, position {})", it.revision, answer.position)
}
