//! `brain add`: writes one memory, from the argument or from standard input.

use std::{io::Read, process::ExitCode};

use anyhow::Context;
use reqwest::Method;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{client::Connection, idempotency_key, json_object, number, table};
use crate::api::v1::dto::{MemoryInput, SourceDto, Written};

#[derive(clap::Args)]
pub struct Args {
    /// The content; `-` or nothing reads standard input
    content: Option<String>,
    /// Its id, a UUID; else the server chooses
    #[arg(long)]
    id: Option<Uuid>,
    /// One line that names it
    #[arg(long)]
    title: Option<String>,
    /// semantic, episodic or procedural
    #[arg(long = "type")]
    memory_type: Option<String>,
    /// A tag; may be given several times
    #[arg(long = "tag")]
    tags: Vec<String>,
    /// How important it is, 0 to 1
    #[arg(long, value_parser = number)]
    importance: Option<f64>,
    /// Properties, as a JSON object
    #[arg(long, value_parser = json_object)]
    metadata: Option<Map<String, Value>>,
    /// Where it comes from, a path or an address
    #[arg(long)]
    source_uri: Option<String>,
    /// Seal what it says wherever it is stored; no search finds it
    #[arg(long)]
    sensitive: bool,
    /// Makes a repeated call the same wish: 1 to 255 visible ASCII characters
    #[arg(long, value_parser = idempotency_key)]
    idempotency_key: Option<String>,
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    let input = MemoryInput {
        id: args.id,
        title: args.title,
        content: content(args.content)?,
        memory_type: args.memory_type,
        metadata: args.metadata.unwrap_or_default(),
        tags: args.tags,
        importance: args.importance,
        source: args.source_uri.map(|uri| SourceDto { uri: Some(uri), ..SourceDto::default() }),
        sensitive: args.sensitive.then_some(true),
        ..MemoryInput::default()
    };
    let mut request = connection.request(Method::POST, "/api/v1/memories").body(&input);
    if let Some(key) = args.idempotency_key {
        request = request.header("Idempotency-Key", &key);
    }
    connection.show(request.send().await, |answer: Written| table::written("added", &answer))
}

/// The content as given, or all of standard input.
pub(super) fn content(given: Option<String>) -> anyhow::Result<String> {
    match given {
        Some(text) if text != "-" => Ok(text),
        _ => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("standard input cannot be read as text")?;
            Ok(text)
        }
    }
}
