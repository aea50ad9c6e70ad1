//! Turns the links of imported notes into relationships, and takes back those whose link has vanished. Called after the memories are
//! written, so that a link may point forward.

use std::collections::HashSet;

use futures::{StreamExt, TryStreamExt, stream};
use reqwest::Method;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    REQUESTS_IN_FLIGHT_MAX,
    links::{self, Resolver},
    report::{Refusal, Report},
    source,
};
use crate::{
    api::{
        dto::graph::{Related, RelationshipInput, RelationshipPage, RelationshipView},
        error::Problem,
    },
    cli::client::{Connection, Error},
    domain::ids::{MemoryId, RelationshipId},
};

/// What a link is between memories.
const TYPE: &str = "references";
/// The property by which the next import knows its own relationships.
const MARK: &str = "import";
const PAGE_ROWS: u32 = 1_000;

/// Makes the relationships that stand in the files themselves, as `brain export` writes them.
pub async fn read(
    connection: &Connection,
    found: &source::Found,
    log_end: Option<u64>,
    report: &mut Report,
) -> Result<(), Error> {
    let inputs: Vec<RelationshipInput> = found.files.iter().flat_map(|file| source::relationships(file)).collect();
    put(connection, &inputs, log_end, report, |report, problem| {
        report.refused.push(Refusal {
            file: "relationships".into(),
            position: 0,
            place: String::new(),
            field: problem.errors.first().map(|fault| fault.field.clone()).unwrap_or_default(),
            reason: problem.detail,
        });
    })
    .await
}

/// Sends the relationships and counts what was made; a refusal goes to `refused`.
async fn put(
    connection: &Connection,
    inputs: &[RelationshipInput],
    log_end: Option<u64>,
    report: &mut Report,
    refused: impl Fn(&mut Report, Problem),
) -> Result<(), Error> {
    let send = |input| connection.put("/api/v1/relationships").body(input).read::<Related>();
    let mut answers = stream::iter(inputs.iter().map(send).collect::<Vec<_>>()).buffer_unordered(REQUESTS_IN_FLIGHT_MAX);
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(related) => report.link(related.position, log_end),
            Err(Error::Refused(problem)) => refused(report, *problem),
            Err(lost) => return Err(lost),
        }
    }
    Ok(())
}

/// Relates what `found` links to; relationships of this root between memories of `produced` that no link asks for any more are deleted.
pub async fn run(
    connection: &Connection,
    (found, root): (&[links::Found], &source::Root),
    (files, produced): (&[String], &HashSet<Uuid>),
    (log_end, report): (Option<u64>, &mut Report),
) -> Result<(), Error> {
    let mark = source::mark(root, "");
    let mut resolver = Resolver::new(root, files);
    let mut wanted: HashSet<(Uuid, Uuid)> = HashSet::new();
    for link in found {
        match resolver.resolve(link) {
            Some(to) => drop(wanted.insert((link.from, to))),
            None => report.links_open += 1,
        }
    }
    let inputs: Vec<_> = wanted.iter().map(|ends| input(*ends, &mark)).collect();
    // The memory of a refused link's end was refused itself, which the report says already.
    put(connection, &inputs, log_end, report, |report, _| report.links_open += 1).await?;
    if produced.is_empty() {
        return Ok(());
    }
    let kept: HashSet<Uuid> = wanted.iter().map(|(from, to)| id_of(*from, *to)).collect();
    let vanished = vanished(connection, &mark, produced, &kept).await?;
    report.unlinked = vanished.len() as u64;
    let delete = |id: &Uuid| connection.request(Method::DELETE, &format!("/api/v1/relationships/{id}")).send();
    let deletes = stream::iter(vanished.iter().map(delete).collect::<Vec<_>>()).buffer_unordered(REQUESTS_IN_FLIGHT_MAX);
    deletes.try_for_each(async |_| Ok(())).await
}

fn id_of(from: Uuid, to: Uuid) -> Uuid {
    RelationshipId::of(MemoryId(from), TYPE, MemoryId(to)).0
}

fn input((from, to): (Uuid, Uuid), mark: &str) -> RelationshipInput {
    RelationshipInput {
        source_id: Some(from),
        target_id: Some(to),
        relationship_type: Some(TYPE.to_owned()),
        properties: Map::from_iter([(MARK.to_owned(), Value::from(mark))]),
        ..RelationshipInput::default()
    }
}

/// Relationships that an earlier import of this root made from memories of this one, and no link asks for.
async fn vanished(
    connection: &Connection,
    mark: &str,
    produced: &HashSet<Uuid>,
    kept: &HashSet<Uuid>,
) -> Result<Vec<Uuid>, Error> {
    let mut vanished = Vec::new();
    let query = [("limit", PAGE_ROWS.to_string()), ("relationship_type", TYPE.to_owned())];
    let add = |rows: Vec<RelationshipView>| {
        let ours = rows.iter().filter(|it| it.properties.get(MARK).and_then(Value::as_str) == Some(mark));
        let gone = ours.filter(|it| produced.contains(&it.source_id) && !kept.contains(&it.id));
        vanished.extend(gone.map(|it| it.id));
    };
    connection.pages::<RelationshipPage>("/api/v1/relationships", &query, add).await?;
    Ok(vanished)
}
