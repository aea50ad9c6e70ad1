//! `brain graph …`: what lies around a memory, ways between two, figures, and exports for other programs.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use uuid::Uuid;

use super::{client::Connection, moment, output, table};
use crate::api::v1::dto::graph::{GraphStats, NeighborsAnswer, PathAnswer};

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    question: Question,
    /// As it stood at this position, day or time
    #[arg(long, global = true, value_parser = moment::position_or_time)]
    as_of: Option<String>,
}

#[derive(clap::Subcommand)]
enum Question {
    /// What lies around a memory, nearest first
    Neighbors {
        /// The memory's id
        id: Uuid,
        /// How many steps away at most, 1 to 5
        #[arg(long, default_value_t = 1)]
        depth: u32,
        /// Most memories, 1 to 1000
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// out, in or both
        #[arg(long, default_value = "both")]
        direction: String,
        /// Only along these types of relationships, separated by commas
        #[arg(long)]
        types: Option<String>,
    },
    /// The shortest ways from one memory to another
    Path {
        /// The memory to begin with
        source: Uuid,
        /// The memory to arrive at
        target: Uuid,
        /// A strong relationship is a short one
        #[arg(long)]
        weighted: bool,
        /// How many ways, 1 to 5
        #[arg(short, long, default_value_t = 1)]
        k: u32,
        /// out, in or both
        #[arg(long, default_value = "both")]
        direction: String,
        /// Only along these types of relationships, separated by commas
        #[arg(long)]
        types: Option<String>,
    },
    /// How many memories and relationships there are, and which memories have most
    Stats,
    /// The graph in a file for other programs
    Export {
        /// json, graphml or gexf
        #[arg(long, default_value = "json")]
        format: String,
        /// The file to write; standard output when absent
        #[arg(long, short)]
        output: Option<PathBuf>,
    },
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    let mut query = vec![];
    query.extend(args.as_of.map(|moment| ("as_of", moment)));
    match args.question {
        Question::Neighbors { id, depth, limit, direction, types } => {
            query.extend([("id", id.to_string()), ("depth", depth.to_string()), ("limit", limit.to_string())]);
            query.push(("direction", direction));
            query.extend(types.map(|types| ("types", types)));
            let answer = connection.get("/api/v1/graph/neighbors").query(&query).send().await;
            connection.show(answer, |answer: NeighborsAnswer| table::neighbors(&answer))
        }
        Question::Path { source, target, weighted, k, direction, types } => {
            query.extend([("source", source.to_string()), ("target", target.to_string()), ("k", k.to_string())]);
            query.extend([("weighted", weighted.to_string()), ("direction", direction)]);
            query.extend(types.map(|types| ("types", types)));
            let answer = connection.get("/api/v1/graph/path").query(&query).send().await;
            connection.show(answer, |answer: PathAnswer| table::paths(&answer))
        }
        Question::Stats => {
            let answer = connection.get("/api/v1/graph/stats").query(&query).send().await;
            connection.show(answer, |stats: GraphStats| table::graph_stats(&stats))
        }
        Question::Export { format, output } => {
            query.push(("format", format));
            let text = match connection.get("/api/v1/graph/export").query(&query).text().await {
                Ok(text) => text,
                Err(error) => return Ok(error.report()),
            };
            match output {
                Some(path) => std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?,
                None => output::line(text)?,
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}
