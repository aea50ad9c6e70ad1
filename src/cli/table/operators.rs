//! What operators look at: how the whole stands, what is parked, what was verified, what is kept in memory.

use crate::{
    api::v1::{caches::CachesAnswer, replay::VerifyAnswer},
    cli::{
        layout::{Layout, Table, text, whole},
        screen::printable,
    },
    ports::replay::ParkedEvent,
    queries::status::Status,
};

/// A line for each projection, and the first difference where there is one.
pub fn verified(answers: &[VerifyAnswer]) -> String {
    let line = |answer: &VerifyAnswer| {
        let VerifyAnswer { projection, position, rows, unequal_partitions, difference, parked, skipped, .. } = answer;
        let mut text = if answer.equal {
            format!("{projection}: equal to the log up to position {position}, {rows} rows")
        } else {
            format!("{projection}: NOT equal to the log at position {position}: {unequal_partitions} partitions differ")
        };
        if *parked > 0 {
            text.push_str(&format!(", {parked} events are put aside (`brain replay parked {projection}`)"));
        }
        if *skipped > 0 {
            text.push_str(&format!(", {skipped} events were let go"));
        }
        if let Some(it) = difference {
            let json = |side: &Option<serde_json::Value>| side.as_ref().map_or("no row".to_owned(), ToString::to_string);
            let (found, expected) = (printable(&json(&it.found)), printable(&json(&it.expected)));
            text.push_str(&format!("\n  first in {}, key {}\n  found    {found}\n  expected {expected}", it.table, it.key));
        }
        text
    };
    answers.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A row for each event that could not be applied, and what can be done about it.
pub fn parked(events: &[ParkedEvent]) -> Layout {
    if events.is_empty() {
        return "nothing is parked".into();
    }
    let columns =
        [whole("projection"), whole("position"), whole("space"), whole("aggregate"), whole("id"), whole("since"), text("error")];
    let mut table = Table::new(columns);
    for it in events {
        let let_go = if it.skipped_at.is_some() { "let go: " } else { "" };
        table.row([
            it.projection.as_str().into(),
            it.seq.to_string().into(),
            it.space.as_str().into(),
            it.aggregate.as_str().into(),
            it.id.as_str().into(),
            it.parked_at.into(),
            format!("{let_go}{}", it.error).into(),
        ]);
    }
    Layout::from(table).text(advice(events))
}

/// The ways out, by the commands that go them.
fn advice(events: &[ParkedEvent]) -> String {
    let Some(first) = events.iter().find(|it| it.skipped_at.is_none()) else { return "all of it was let go".to_owned() };
    let ParkedEvent { projection, space, aggregate, id, seq, .. } = first;
    let which = if id.is_empty() { format!("--position {seq}") } else { format!("{space} {aggregate} {id}") };
    let mut lines = vec!["What can be done, for the first of them:".to_owned()];
    if aggregate == "memory" {
        lines.push(format!("  brain update {id} …                 a change that can be applied heals it"));
    }
    lines.push(format!("  brain replay retry {projection} {which}   once the cause is gone: an upgrade, a mended table"));
    lines.push(format!("  brain replay skip {projection} {which}    to do without it: it stays in the log"));
    lines.join("\n")
}

pub fn status(status: &Status) -> Layout {
    let columns =
        [whole("projection"), whole("version"), whole("state"), whole("applied"), whole("lag"), whole("lag s"), whole("parked")];
    let mut projections = Table::new(columns);
    for row in &status.projections {
        projections.row([
            row.name.as_str().into(),
            row.version.to_string().into(),
            row.state.as_str().into(),
            row.applied_seq.to_string().into(),
            row.lag.to_string().into(),
            format!("{:.0}", row.lag_s).into(),
            row.parked.to_string().into(),
        ]);
    }
    let mut parts = Table::new([whole("part"), whole("version"), whole("state")]);
    for part in &status.parts {
        parts.row([part.name.as_str().into(), part.version.as_str().into(), part.state.as_str().into()]);
    }
    let mut keys = Table::new([whole("key"), whole("space"), whole("issued"), text("label"), text("where")]);
    for key in &status.keys {
        let place = if key.in_credentials_file { "credentials.json" } else { "in no file of this process" };
        let label = key.label.as_str();
        keys.row([key.id.to_string().into(), key.space.as_str().into(), key.issued_at.into(), label.into(), place.into()]);
    }
    let stopped =
        status.projections.iter().filter_map(|row| Some(format!("{} has stopped: {}", row.name, row.stopped.as_ref()?)));
    let stopped: Vec<String> = stopped.collect();
    let heads = [
        ("log position", status.log.last_seq.to_string().into()),
        ("embeddings pending", status.embeddings_pending.to_string().into()),
    ];
    Layout::default().fields(heads).table(projections).text(stopped.join("\n")).table(parts).table(keys)
}

/// What is kept in all, and a row for each of the answers that were given most.
pub fn caches(answer: &CachesAnswer) -> Layout {
    let columns = [
        whole("hits"),
        whole("kind"),
        whole("space"),
        whole("bytes"),
        whole("held in"),
        whole("age s"),
        whole("position"),
        whole("depends on"),
        text("question"),
    ];
    let mut rows = Table::new(columns);
    for view in &answer.most_hit {
        let dependencies = format!("{}{}", view.dependencies, if view.narrowed { ", narrowed" } else { "" });
        rows.row([
            view.hits.to_string().into(),
            view.kind.as_str().into(),
            view.space.as_str().into(),
            view.content_bytes.to_string().into(),
            view.bytes.to_string().into(),
            format!("{:.0}", view.age_s).into(),
            view.position.to_string().into(),
            dependencies.into(),
            view.question.as_str().into(),
        ]);
    }
    let CachesAnswer { entries, content_bytes, packed_bytes, overhead_bytes, max_bytes, position, .. } = answer;
    let held = packed_bytes + overhead_bytes;
    let sums = format!("{entries} answers of {content_bytes} bytes, held in {held} of {max_bytes}; up to position {position}");
    Layout::default().text(sums).table(rows)
}
