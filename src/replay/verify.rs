//! Proves that the rows of a projection are what the log says: the log is replayed into tables of its own, up to exactly the position
//! of the rows, and both are digested. Called by the operator only; the tables are dropped afterwards.

use std::{collections::BTreeMap, time::Duration};

use super::{Operator, broken};
use crate::{
    ports::replay::{Difference, Error, Verified},
    projectors::{
        Definition,
        store::{KeyedRow, TableDigest, VersionSnapshot, VersionState},
    },
};

/// How often a difference must be seen in a stream that keeps the newest messages only.
const COMPACTED_TRIES: u32 = 6;
const COMPACTED_PAUSE: Duration = Duration::from_millis(150);

/// Errors: see [`Error`]; a difference is an answer and no error.
pub async fn run(operator: &Operator, definition: &Definition) -> Result<Verified, Error> {
    let versions = operator.versions(definition).await?;
    for cut_off in versions.iter().filter(|it| it.state == VersionState::Scratch) {
        operator.store.drop_version(&definition.at(cut_off.version)).await.map_err(broken)?;
    }
    let live = operator.live(definition).await?;
    let newest = versions.iter().map(|it| it.version).max().unwrap_or(live.version);
    let scratch = definition.at(newest + 1);
    operator.store.install(&scratch, VersionState::Scratch).await.map_err(broken)?;
    let compared = settle(operator, &live, &scratch).await;
    let put_aside = operator.store.put_aside(&live).await;
    operator.store.release(&scratch).await;
    operator.store.drop_version(&scratch).await.map_err(broken)?;
    let (parked, skipped) = put_aside.map_err(broken)?;
    Ok(Verified { parked, skipped, ..compared? })
}

/// Compares until both are equal, or the difference has proven to stay.
///
/// A stream that keeps the newest message of each subject no longer holds what a row at an earlier position was made of, once a
/// newer message has come. Such a row agrees as soon as the newer one is applied to both; a row that is wrong never does.
async fn settle(operator: &Operator, live: &Definition, scratch: &Definition) -> Result<Verified, Error> {
    let mut tries = if live.stream == "DERIVED" { COMPACTED_TRIES } else { 1 };
    loop {
        let mut rows = operator.store.snapshot(live).await.map_err(broken)?;
        let verified = compare(operator, scratch, &mut *rows).await?;
        tries -= 1;
        if verified.difference.is_none() || tries == 0 {
            return Ok(verified);
        }
        tokio::time::sleep(COMPACTED_PAUSE).await;
    }
}

async fn compare(operator: &Operator, scratch: &Definition, rows: &mut dyn VersionSnapshot) -> Result<Verified, Error> {
    let position = rows.applied_seq();
    operator.fill(scratch, position).await?;
    let mut replayed = operator.store.snapshot(scratch).await.map_err(broken)?;
    let (found, expected) = (rows.digests().await.map_err(broken)?, replayed.digests().await.map_err(broken)?);
    let count = expected.iter().flat_map(|it| &it.partitions).map(|(_, rows, _)| rows).sum();
    let mut verified = Verified { position, rows: count, unequal_partitions: 0, difference: None, parked: 0, skipped: 0 };
    for (found, expected) in found.iter().zip(&expected) {
        for partition in unequal(found, expected) {
            verified.unequal_partitions += 1;
            if verified.difference.is_none() {
                let found_rows = rows.rows(&found.table, partition).await.map_err(broken)?;
                let expected_rows = replayed.rows(&found.table, partition).await.map_err(broken)?;
                verified.difference = first_difference(&found.table, found_rows, expected_rows);
            }
        }
    }
    Ok(verified)
}

/// The partitions of which the two digests say different things.
fn unequal(found: &TableDigest, expected: &TableDigest) -> Vec<i32> {
    let by_number = |digest: &TableDigest| {
        digest.partitions.iter().map(|(number, rows, sum)| (*number, (*rows, sum.clone()))).collect::<BTreeMap<_, _>>()
    };
    let (found, expected) = (by_number(found), by_number(expected));
    let mut numbers: Vec<i32> = found.keys().chain(expected.keys()).copied().collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.retain(|number| found.get(number) != expected.get(number));
    numbers
}

/// The first key, in order, of which the two sides say different things.
fn first_difference(table: &str, found: Vec<KeyedRow>, expected: Vec<KeyedRow>) -> Option<Difference> {
    let mut sides: BTreeMap<String, [Option<String>; 2]> = BTreeMap::new();
    for (side, rows) in [found, expected].into_iter().enumerate() {
        for KeyedRow { key, row } in rows {
            sides.entry(key).or_default()[side] = Some(row);
        }
    }
    let (key, [found, expected]) = sides.into_iter().find(|(_, [found, expected])| found != expected)?;
    let json = |row: Option<String>| row.map(|row| serde_json::from_str(&row).expect("Postgres wrote it as JSON"));
    Some(Difference { table: table.to_owned(), key, found: json(found), expected: json(expected) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(partitions: &[(i32, u64, &str)]) -> TableDigest {
        let partitions = partitions.iter().map(|(number, rows, sum)| (*number, *rows, (*sum).to_owned())).collect();
        TableDigest { table: "t".into(), partitions }
    }

    #[test]
    fn what_only_one_side_has_is_a_difference_too() {
        let (a, b) = (digest(&[(1, 2, "7"), (2, 1, "3"), (5, 1, "1")]), digest(&[(1, 2, "7"), (2, 1, "4"), (9, 1, "1")]));
        assert_eq!(unequal(&a, &b), [2, 5, 9]);
        let row = |key: &str, row: &str| KeyedRow { key: key.into(), row: row.into() };
        let difference =
            first_difference("t", vec![row("a", "1"), row("c", "3")], vec![row("a", "1"), row("b", "2"), row("c", "3")]);
        let expected = Difference { table: "t".into(), key: "b".into(), found: None, expected: Some(2.into()) };
        assert_eq!(difference, Some(expected));
    }
}
