//! Hands a batch's events to a projection's statement as the relation `staged`, the one shape that every `apply.sql` reads.
//! Called by the projection store inside its transaction.

use std::collections::HashSet;

use sqlx::{AssertSqlSafe, PgConnection};

use super::bigint;
use crate::{
    domain::ids::StreamSeq,
    journal::Envelope,
    projectors::{Definition, column::Column},
};

/// Opens the transaction of a batch. A lost commit is no harm: rows and checkpoint go together and the log still has the
/// events, so the commit need not wait for the disk.
pub const BEGIN: &str = "BEGIN; SET LOCAL synchronous_commit = off";

/// What every event has. Names are compared byte by byte, which is three times as quick to sort.
const FRAME: &str = "seq, at, space COLLATE \"C\" AS space, aggregate COLLATE \"C\" AS aggregate, id COLLATE \"C\" AS id, \
    type COLLATE \"C\" AS type, revision, command_id, actor, newest";
const FRAME_ARRAYS: &str = "$1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], \
    $7::bigint[], $8::uuid[], $9::uuid[], $10::boolean[]";
const FRAME_NAMES: &str = "seq, at, space, aggregate, id, type, revision, command_id, actor, newest";
/// The number of the last parameter of the frame.
const FRAME_COUNT: usize = 10;

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
    fn column<'a, T>(rows: &'a [Row<'a>], value: impl Fn(&'a Row<'a>) -> T) -> Vec<T> {
        rows.iter().map(value).collect()
    }
    // Safe: the statement is built into the program, with nothing but a version's number put in. Prepared once per connection.
    let query = sqlx::query(AssertSqlSafe(with_staged(definition)))
        .bind(column(rows, |row| bigint(row.seq.0)))
        .bind(column(rows, |row| row.event.at))
        .bind(column(rows, |row| row.event.space.as_str()))
        .bind(column(rows, |row| row.event.aggregate.as_str()))
        .bind(column(rows, |row| row.event.aggregate_id.as_str()))
        .bind(column(rows, |row| row.event.kind.as_str()))
        .bind(column(rows, |row| bigint(row.event.revision.0)))
        .bind(column(rows, |row| row.event.command_id.0))
        .bind(column(rows, |row| row.event.actor.0))
        .bind(newest(rows));
    let values = |index: usize| column(rows, move |row| row.values.get(index).and_then(Option::as_deref));
    let query = (0..definition.columns.len()).fold(query, |query, index| query.bind(values(index)));
    query.execute(connection).await?;
    Ok(())
}

/// The statement with `staged` before whatever it names itself.
fn with_staged(definition: &Definition) -> String {
    let is_comment = |line: &&str| line.starts_with("--") || line.trim().is_empty();
    let statement: String = definition.sql.apply.lines().skip_while(is_comment).flat_map(|line| [line, "\n"]).collect();
    let staged = staged(&definition.columns);
    match statement.strip_prefix("WITH ") {
        Some(rest) => format!("WITH {staged}, {rest}"),
        None => format!("WITH {staged} {statement}"),
    }
}

/// The relation `staged`. OFFSET 0 keeps the planner from casting a column anew for each of its uses.
fn staged(columns: &[Column]) -> String {
    let (mut values, mut arrays, mut names) = (FRAME.to_owned(), FRAME_ARRAYS.to_owned(), FRAME_NAMES.to_owned());
    for (index, column) in columns.iter().enumerate() {
        let (name, sql_type) = (&column.name, column.sql_type());
        values.push_str(&format!(", given.{name}::{sql_type} AS {name}"));
        arrays.push_str(&format!(", ${}::text[]", FRAME_COUNT + 1 + index));
        names.push_str(&format!(", {name}"));
    }
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
