//! Turns the links of imported notes into relationships, and takes back those whose link has vanished. Called after the memories are
//! written, so that a link may point forward.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};
use reqwest::Method;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    REQUESTS_IN_FLIGHT_MAX, existing,
    names::Meaning,
    report::{Broken, Refusal, Report},
    root::Root,
    source::{Collected, Related, Spotted},
};
use crate::{
    api::{
        http::error::Problem,
        v1::dto::graph::{Related as Answer, RelationshipInput, RelationshipPage, RelationshipView},
    },
    cli::{
        client::{Connection, Error},
        records::foreign,
    },
    domain::ids::{MemoryId, RelationshipId},
};

/// What a link is between memories.
const TYPE: &str = "references";
/// The property by which the next import knows its own relationships.
const MARK: &str = "import";
const PAGE_ROWS: u32 = 1_000;
/// What is said of a link whose note is there and was not stored.
const REFUSED: &str = "that note was refused";

/// Makes the relationships that stand in the files themselves, as `brain export` writes them.
pub async fn read(connection: &Connection, related: &[Related], log_end: Option<u64>, report: &mut Report) -> Result<(), Error> {
    if report.is_dry {
        return Ok(());
    }
    let related = &last_of_each(related, report);
    let refused = |report: &mut Report, related: &Related, problem: Problem| {
        report.refused.push(Refusal {
            file: related.file.clone(),
            position: related.number,
            line: related.line,
            place: format!("record {}", related.number + 1),
            field: problem.errors.first().map(|fault| fault.field.clone()).unwrap_or_default(),
            reason: problem.detail,
        });
    };
    put(connection, related, |related| &related.input, log_end, report, refused).await
}

/// Of relationships with the same ends and type the last one; what another program calls them is kept of all.
fn last_of_each(all: &[Related], report: &mut Report) -> Vec<Related> {
    let mut last: HashMap<_, usize> = HashMap::new();
    let mut kept: Vec<Related> = Vec::new();
    for related in all {
        let input = &related.input;
        let key = (input.source_id, input.target_id, input.relationship_type.clone());
        match last.get(&key) {
            Some(place) => {
                let before = std::mem::replace(&mut kept[*place], related.clone());
                if !foreign::join(&mut kept[*place].input, &before.input) {
                    report.superseded += 1;
                }
            }
            None => {
                last.insert(key, kept.len());
                kept.push(related.clone());
            }
        }
    }
    kept
}

/// Sends the relationships and counts what was made; a refusal goes to `refused`.
async fn put<T>(
    connection: &Connection,
    wishes: &[T],
    input: impl Fn(&T) -> &RelationshipInput,
    log_end: Option<u64>,
    report: &mut Report,
    refused: impl Fn(&mut Report, &T, Problem),
) -> Result<(), Error> {
    let send = |wish| {
        let request = connection.put("/api/v1/relationships").body(input(wish));
        async move { (wish, request.read::<Answer>().await) }
    };
    let mut answers = stream::iter(wishes.iter().map(send).collect::<Vec<_>>()).buffer_unordered(REQUESTS_IN_FLIGHT_MAX);
    while let Some((wish, answer)) = answers.next().await {
        match answer {
            Ok(related) => report.link(related.position, log_end),
            Err(Error::Refused(problem)) => refused(report, wish, *problem),
            Err(lost) => return Err(lost),
        }
    }
    Ok(())
}

/// A relationship that links ask for.
struct Wish {
    input: RelationshipInput,
    /// The first of the links.
    link: Spotted,
}

/// Relates what the notes link to; relationships of this root between memories of `produced` that no link asks for any more are deleted.
pub async fn run(
    connection: &Connection,
    (root, collected): (&Root, &Collected),
    produced: &HashSet<Uuid>,
    (log_end, report): (Option<u64>, &mut Report),
) -> Result<(), Error> {
    let wishes = wishes(root, collected, report);
    if produced.is_empty() {
        return Ok(());
    }
    let marks = collected.items.iter().map(|item| mark(root, &item.file)).collect::<HashSet<_>>();
    let before = made_before(connection, (&marks, produced), log_end).await?;
    let (stand, new): (Vec<_>, Vec<_>) = wishes.into_iter().partition(|(id, _)| before.contains(id));
    report.links.links_unchanged += stand.len() as u64;
    let kept: HashSet<Uuid> = stand.iter().map(|(id, _)| *id).collect();
    let vanished: Vec<Uuid> = before.into_iter().filter(|id| !kept.contains(id)).collect();
    report.links.unlinked = vanished.len() as u64;
    let new: Vec<Wish> = new.into_iter().map(|(_, wish)| wish).collect();
    if report.is_dry {
        report.links.linked += new.len() as u64;
        return Ok(());
    }
    let refused = |report: &mut Report, wish: &Wish, _| report.broken_link(&wish.link, REFUSED);
    put(connection, &new, |wish| &wish.input, log_end, report, refused).await?;
    let delete = |id: &Uuid| connection.request(Method::DELETE, &format!("/api/v1/relationships/{id}")).send();
    let deletes = stream::iter(vanished.iter().map(delete).collect::<Vec<_>>()).buffer_unordered(REQUESTS_IN_FLIGHT_MAX);
    deletes.try_for_each(async |_| Ok(())).await
}

/// What the links ask for, by the ids of the relationships; links that lead to no memory are counted.
fn wishes(root: &Root, collected: &Collected, report: &mut Report) -> BTreeMap<Uuid, Wish> {
    let mut wishes = BTreeMap::new();
    let mut marks: HashMap<&str, String> = HashMap::new();
    for link in &collected.links {
        match collected.index.meaning(&link.file, &link.link) {
            Meaning::Memory(to) => {
                let mark = marks.entry(link.file.as_str()).or_insert_with(|| mark(root, &link.file));
                wishes
                    .entry(id_of(link.from, to))
                    .or_insert_with(|| Wish { input: input((link.from, to), mark), link: link.clone() });
            }
            Meaning::Own => report.links.links_own += 1,
            Meaning::File => report.links.links_files += 1,
            Meaning::Empty => {
                report.links.links_empty += 1;
                report.broken.push(broken(link, "leads to an empty note"));
            }
            Meaning::Nothing => report.broken_link(link, ""),
        }
    }
    wishes
}

impl Report {
    fn broken_link(&mut self, link: &Spotted, reason: &'static str) {
        self.links.links_open += 1;
        self.broken.push(broken(link, reason));
    }
}

fn broken(link: &Spotted, reason: &'static str) -> Broken {
    Broken { file: link.file.clone(), line: link.line, target: link.link.target().to_owned(), reason }
}

/// By what the relationships of a file's notes are known as the import's.
fn mark(root: &Root, file: &str) -> String {
    existing::uri(root.owner(file).0, "")
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

/// Relationships that an earlier import of this root made from memories of this one.
async fn made_before(
    connection: &Connection,
    (marks, produced): (&HashSet<String>, &HashSet<Uuid>),
    log_end: Option<u64>,
) -> Result<HashSet<Uuid>, Error> {
    let mut found = HashSet::new();
    let mut query = vec![("limit", PAGE_ROWS.to_string()), ("relationship_type", TYPE.to_owned())];
    query.extend(log_end.map(|position| ("min_position", position.to_string())));
    let add = |rows: Vec<RelationshipView>| {
        let is_ours =
            |it: &&RelationshipView| it.properties.get(MARK).and_then(Value::as_str).is_some_and(|mark| marks.contains(mark));
        found.extend(rows.iter().filter(is_ours).filter(|it| produced.contains(&it.source_id)).map(|it| it.id));
    };
    connection.pages::<RelationshipPage>("/api/v1/relationships", &query, add).await?;
    Ok(found)
}
