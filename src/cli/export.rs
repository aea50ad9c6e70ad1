//! `brain export`: memories and relationships in files that `brain import` reads back identically, ids and times included.
//!
//! Everything is read as of one position, so that writes going on meanwhile leave no half of a change in the file.

use std::{collections::HashSet, fs, path::Path, path::PathBuf, process::ExitCode};

use anyhow::{Context, bail};
use serde_json::json;
use uuid::Uuid;

use super::{
    Usage,
    client::{Connection, Error},
    filters::Filters,
    moment, output, progress,
    records::{self, csv, note},
};
use crate::{
    api::v1::dto::{
        MemoryInput, MemoryPage, MemoryView,
        graph::{RelationshipInput, RelationshipPage, RelationshipView},
    },
    queries::status::Status,
};

const PAGE_ROWS: u32 = 200;
const RELATIONSHIP_PAGE_ROWS: u32 = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// One JSON object per line, memories first
    Jsonl,
    /// One JSON document
    Json,
    /// A table of the memories; relationships in a .relationships.jsonl beside it
    Csv,
    /// A folder with a note per memory
    Markdown,
}

#[derive(clap::Args)]
pub struct Args {
    /// The file to write, or the folder for markdown; standard output when absent
    output: Option<PathBuf>,
    /// What is written
    #[arg(long, value_enum, default_value = "jsonl")]
    format: Format,
    #[command(flatten)]
    filters: Filters,
    /// Sensitive memories as well, in the clear
    #[arg(long)]
    sensitive: bool,
    /// As it stood at this position, day or time; now when absent
    #[arg(long, value_parser = moment::position_or_time)]
    as_of: Option<String>,
}

/// What is exported: memories, oldest first, and the relationships among them.
struct Collected {
    memories: Vec<MemoryInput>,
    relationships: Vec<RelationshipInput>,
    /// Sensitive memories that were left out.
    left_out: usize,
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    if args.output.is_none() && args.format == Format::Markdown {
        bail!(Usage("--format markdown needs a folder to write to".into()));
    }
    let collected = match collect(args.filters, args.as_of, args.sensitive, connection).await {
        Ok(collected) => collected,
        Err(error) => return Ok(error.report()),
    };
    match &args.output {
        Some(path) => write(&collected, args.format, path).with_context(|| format!("cannot write {}", path.display()))?,
        None => output::bytes(&whole(&collected, args.format)?)?,
    }
    let (memories, relationships) = (collected.memories.len(), collected.relationships.len());
    if connection.json && args.output.is_some() {
        output::line(json!({"memories": memories, "relationships": relationships, "left_out": collected.left_out}))?;
    } else {
        output::say(format_args!("brain: {memories} memories and {relationships} relationships exported"));
    }
    if collected.left_out > 0 {
        let left_out = collected.left_out;
        output::say(format_args!("brain: {left_out} sensitive memories left out; --sensitive writes them in the clear"));
    }
    Ok(ExitCode::SUCCESS)
}

async fn collect(
    filters: Filters,
    as_of: Option<String>,
    with_sensitive: bool,
    connection: &Connection,
) -> Result<Collected, Error> {
    let moment = match as_of {
        Some(moment) => moment,
        None => connection.get("/api/v1/status").read::<Status>().await?.log.last_seq.to_string(),
    };
    let mut query = vec![("limit", PAGE_ROWS.to_string()), ("as_of", moment.clone())];
    query.extend(filters.query());
    let bar = progress::counter("memories");
    let (mut memories, mut left_out) = (vec![], 0);
    let add = |rows: Vec<MemoryView>| {
        let (out, shown): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.sensitive && !with_sensitive);
        left_out += out.len();
        memories.extend(shown.into_iter().map(records::of));
        bar.set_position(memories.len() as u64);
    };
    connection.pages::<MemoryPage>("/api/v1/memories", &query, add).await?;
    bar.finish_and_clear();
    memories.reverse();
    let ids = memories.iter().filter_map(|memory| memory.id).collect();
    let relationships = relationships(connection, &moment, &ids).await?;
    Ok(Collected { memories, relationships, left_out })
}

/// The relationships among the memories that are exported.
async fn relationships(connection: &Connection, moment: &str, ids: &HashSet<Uuid>) -> Result<Vec<RelationshipInput>, Error> {
    let mut found = vec![];
    let query = [("limit", RELATIONSHIP_PAGE_ROWS.to_string()), ("as_of", moment.to_owned())];
    let add = |rows: Vec<RelationshipView>| {
        let among = rows.into_iter().filter(|it| ids.contains(&it.source_id) && ids.contains(&it.target_id));
        found.extend(among.map(input));
    };
    connection.pages::<RelationshipPage>("/api/v1/relationships", &query, add).await?;
    Ok(found)
}

fn input(view: RelationshipView) -> RelationshipInput {
    RelationshipInput {
        source_id: Some(view.source_id),
        target_id: Some(view.target_id),
        relationship_type: Some(view.relationship_type),
        weight: Some(view.weight),
        properties: view.properties,
        created_at: Some(view.created_at),
    }
}

fn write(collected: &Collected, format: Format, path: &Path) -> anyhow::Result<()> {
    match format {
        Format::Jsonl | Format::Json => fs::write(path, whole(collected, format)?)?,
        Format::Csv => {
            fs::write(path, whole(collected, format)?)?;
            write_relationships(&collected.relationships, &path.with_extension("relationships.jsonl"))?;
        }
        Format::Markdown => {
            fs::create_dir_all(path)?;
            for memory in &collected.memories {
                fs::write(path.join(file_name(memory)), note::write(memory))?;
            }
            write_relationships(&collected.relationships, &path.join("relationships.jsonl"))?;
        }
    }
    Ok(())
}

fn write_relationships(relationships: &[RelationshipInput], path: &Path) -> anyhow::Result<()> {
    if !relationships.is_empty() {
        fs::write(path, lines(relationships)?)?;
    }
    Ok(())
}

/// Everything as one file.
fn whole(collected: &Collected, format: Format) -> anyhow::Result<Vec<u8>> {
    let Collected { memories, relationships, .. } = collected;
    Ok(match format {
        Format::Jsonl => [lines(memories)?, lines(relationships)?].concat(),
        Format::Json => serde_json::to_vec_pretty(
            &json!({"memories": memories, "relationships": relationships, "left_out": collected.left_out}),
        )?,
        Format::Csv => csv::write(memories)?,
        Format::Markdown => unreachable!("a folder was asked for before"),
    })
}

fn lines(records: &[impl serde::Serialize]) -> anyhow::Result<Vec<u8>> {
    let mut bytes = vec![];
    for record in records {
        serde_json::to_writer(&mut bytes, record)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// The first words, by which a person knows the note, and the id, by which it is the only one.
fn file_name(memory: &MemoryInput) -> String {
    let line = memory.content.lines().next().unwrap_or_default();
    let words: Vec<&str> = line.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).take(6).collect();
    let name: String = words.join("-").to_lowercase().chars().take(48).collect();
    let id = memory.id.unwrap_or_default();
    if name.is_empty() { format!("{id}.md") } else { format!("{name}-{id}.md") }
}
