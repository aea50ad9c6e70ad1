//! Hands a batch's events to a projection's statement as the relation `staged`, the one shape that every `apply.sql` reads.
//! Called by the projection store inside its transaction.

use std::collections::HashSet;

use sqlx::{AssertSqlSafe, PgConnection, Postgres, postgres::PgArguments};

use super::bigint;
use crate::{
    domain::ids::StreamSeq,
    journal::Envelope,
    projectors::{Definition, column::Column},
};

/// Opens the transaction of a batch. A lost commit is no harm: rows and checkpoint go together and the log still has the
/// events, so the commit need not wait for the disk.
pub const BEGIN: &str = "BEGIN; SET LOCAL synchronous_commit = off";

type Query<'q> = sqlx::query::Query<'q, Postgres, PgArguments>;

/// A column that every event has: its name, its type, and how the events' values are bound.
type Framed = (&'static str, &'static str, for<'q> fn(Query<'q>, &'q [Row<'q>]) -> Query<'q>);

const FRAME: [Framed; 10] = [
    ("seq", "bigint", |query, rows| query.bind(column(rows, |row| bigint(row.seq.0)))),
    ("at", "timestamptz", |query, rows| query.bind(column(rows, |row| row.event.at))),
    ("space", "text", |query, rows| query.bind(column(rows, |row| row.event.space.as_str()))),
    ("aggregate", "text", |query, rows| query.bind(column(rows, |row| row.event.aggregate.as_str()))),
    ("id", "text", |query, rows| query.bind(column(rows, |row| row.event.aggregate_id.as_str()))),
    ("type", "text", |query, rows| query.bind(column(rows, |row| row.event.kind.as_str()))),
    ("revision", "bigint", |query, rows| query.bind(column(rows, |row| bigint(row.event.revision.0)))),
    ("command_id", "uuid", |query, rows| query.bind(column(rows, |row| row.event.command_id.0))),
    ("actor", "uuid", |query, rows| query.bind(column(rows, |row| row.event.actor.0))),
    ("newest", "boolean", |query, rows| query.bind(newest(rows))),
];

/// One event on its way to the statement; `values` are texts, one for each column of the definition.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    pub seq: StreamSeq,
    pub event: &'a Envelope,
    pub values: &'a [Option<String>],
}

/// Runs the projection's statement over the rows, in one message of the protocol.
///
/// Decision 2026-11-24: arrays that the statement itself unfolds, not a table that is filled before: to write the rows there and to read
/// them again took a third of Postgres's time. And not COPY: it ends with a small message of its own, which waits 40 ms for the
/// acknowledgement of the data before it wherever Nagle's algorithm is not switched off, and sqlx does not.
pub async fn apply(connection: &mut PgConnection, definition: &Definition, rows: &[Row<'_>]) -> Result<(), sqlx::Error> {
    let frame = frame_of(&definition.sql.apply);
    // Safe: the statement is built into the program, with nothing but a version's number put in. Prepared once per connection.
    let query = sqlx::query(AssertSqlSafe(with_staged(definition, &frame)));
    let query = frame.iter().fold(query, |query, (_, _, bind)| bind(query, rows));
    let values = |index: usize| match rows.iter().all(|row| row.values.get(index).is_none_or(Option::is_none)) {
        // Shorter arrays are filled up with NULL.
        true => vec![],
        false => column(rows, move |row| row.values.get(index).and_then(Option::as_deref)),
    };
    let query = (0..definition.columns.len()).fold(query, |query, index| query.bind(values(index)));
    query.execute(connection).await?;
    Ok(())
}

fn column<'a, T>(rows: &'a [Row<'a>], value: impl Fn(&'a Row<'a>) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

/// What of the frame a statement speaks of; the position always, so that there are as many rows as events.
///
/// Decision 2026-11-28: arrays that nobody reads are not sent, nor such as hold nothing but NULL. Postgres unfolds each of them into a store
/// of its own, whether or not the statement looks there.
fn frame_of(apply: &str) -> Vec<Framed> {
    let words: HashSet<&str> = apply.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').collect();
    FRAME.into_iter().filter(|(name, ..)| *name == "seq" || words.contains(name)).collect()
}

/// The statement with `staged` before whatever it names itself.
fn with_staged(definition: &Definition, frame: &[Framed]) -> String {
    let is_comment = |line: &&str| line.starts_with("--") || line.trim().is_empty();
    let statement: String = definition.sql.apply.lines().skip_while(is_comment).flat_map(|line| [line, "\n"]).collect();
    let staged = staged(frame, &definition.columns);
    match statement.strip_prefix("WITH ") {
        Some(rest) => format!("WITH {staged}, {rest}"),
        None => format!("WITH {staged} {statement}"),
    }
}

/// The relation `staged`. OFFSET 0 keeps the planner from casting a column anew for each of its uses.
fn staged(frame: &[Framed], columns: &[Column]) -> String {
    let (mut values, mut arrays, mut names) = (vec![], vec![], vec![]);
    for (name, sql_type, _) in frame {
        // Names are compared byte by byte, which is three times as quick to sort.
        let collation = if *sql_type == "text" { "COLLATE \"C\"" } else { "" };
        values.push(format!("given.{name} {collation} AS {name}"));
        arrays.push(format!("${}::{sql_type}[]", arrays.len() + 1));
        names.push((*name).to_owned());
    }
    for column in columns {
        let (name, sql_type) = (&column.name, column.sql_type());
        values.push(format!("given.{name}::{sql_type} AS {name}"));
        arrays.push(format!("${}::text[]", arrays.len() + 1));
        names.push(name.clone());
    }
    let (values, arrays, names) = (values.join(", "), arrays.join(", "), names.join(", "));
    format!("staged AS (SELECT {values} FROM unnest({arrays}) AS given ({names}) OFFSET 0)")
}

/// Which rows are the last of their aggregate here: to find them is a glance for us and a sort for Postgres.
/// Facts of several models about one memory share an aggregate; `vectors` picks its own.
fn newest(rows: &[Row<'_>]) -> Vec<bool> {
    let mut seen = HashSet::with_capacity(rows.len());
    let mut newest: Vec<bool> = rows
        .iter()
        .rev()
        .map(|row| seen.insert((row.event.space.as_str(), row.event.aggregate.as_str(), row.event.aggregate_id.as_str())))
        .collect();
    newest.reverse();
    newest
}
