//! Answers as tables for people. Called by the verbs; prints nothing itself.

use comfy_table::{ContentArrangement, Table, presets};

use crate::{
    api::{
        caches::CachesAnswer,
        dto::{
            MemoryView, Written,
            graph::{GraphStats, NeighborsAnswer, PathAnswer},
            history::RevisionView,
            search::{ArmView, SearchResult},
            webhook::{AttemptView, DeliveryView, HealthAnswer, WebhookView},
        },
        replay::VerifyAnswer,
    },
    ports::replay::ParkedEvent,
    queries::status::Status,
};

/// How much of a content a row of a list shows.
const EXCERPT_CHARS_MAX: usize = 80;

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.to_vec());
    table
}

/// Text of others without what a terminal would obey; line ends and tabs stay.
pub fn printable(text: &str) -> String {
    text.chars().filter(|one| !one.is_control() || matches!(one, '\n' | '\t')).collect()
}

/// One memory, field by field, then its content.
pub fn memory(view: &MemoryView) -> String {
    let mut table = table(&["field", "value"]);
    table.add_row(vec!["id".to_owned(), view.id.to_string()]);
    table.add_row(vec!["type".to_owned(), view.memory_type.clone()]);
    table.add_row(vec!["tags".to_owned(), printable(&view.tags.join(", "))]);
    table.add_row(vec!["importance".to_owned(), view.importance.to_string()]);
    if let Some(uri) = &view.source.uri {
        table.add_row(vec!["source".to_owned(), printable(uri)]);
    }
    table.add_row(vec!["created".to_owned(), view.created_at.to_rfc3339()]);
    table.add_row(vec!["revision".to_owned(), view.revision.to_string()]);
    format!("{table}\n{}", printable(&view.content))
}

/// One line about a write.
pub fn written(verb: &str, answer: &Written) -> String {
    format!("{verb} {} (revision {}, position {})", answer.memory.id, answer.memory.revision, answer.position)
}

/// A row for each memory.
pub fn memories(views: &[MemoryView]) -> String {
    let mut table = table(&["id", "created", "type", "content"]);
    for view in views {
        let created = view.created_at.format("%Y-%m-%d %H:%M").to_string();
        table.add_row(vec![view.id.to_string(), created, view.memory_type.clone(), excerpt(&view.content)]);
    }
    table.to_string()
}

/// A row for each result of a search, the best first.
pub fn found(results: &[SearchResult]) -> String {
    let mut table = table(&["score", "id", "type", "content", "found by"]);
    for result in results {
        let arm = |(name, arm): (&String, &ArmView)| {
            let name = if name == "semantic" { "meaning" } else { "words" };
            format!("{name} {}", arm.rank)
        };
        let arms = result.arms.iter().map(arm).collect::<Vec<_>>().join(", ");
        let memory = &result.memory;
        let score = format!("{:.2}", result.score);
        table.add_row(vec![score, memory.id.to_string(), memory.memory_type.clone(), excerpt(&memory.content), arms]);
    }
    table.to_string()
}

/// A row for each memory around another, nearest first.
pub fn neighbors(answer: &NeighborsAnswer) -> String {
    let mut table = table(&["depth", "way", "weight", "id", "memory"]);
    for reached in &answer.neighbors {
        let via = &reached.via;
        let way =
            if via.forward { format!("─{}→", via.relationship_type) } else { format!("←{}─", via.relationship_type) };
        let row =
            [reached.depth.to_string(), way, via.weight.to_string(), reached.node.id.to_string(), excerpt(&reached.node.label)];
        table.add_row(row);
    }
    let more = if answer.truncated { "\nthere is more than the limit lets through" } else { "" };
    format!("around {}\n{table}{more}", excerpt(&answer.start.label))
}

/// Each way, one memory per line.
pub fn paths(answer: &PathAnswer) -> String {
    if answer.paths.is_empty() {
        return "no way leads there".to_owned();
    }
    let way = |path: &crate::api::dto::graph::PathView| {
        let mut lines = vec![format!("{} hops, cost {:.2}", path.hops.len(), path.cost)];
        for (index, node) in path.nodes.iter().enumerate() {
            let via = index.checked_sub(1).and_then(|before| path.hops.get(before));
            let arrow = |hop: &crate::api::dto::graph::HopView| {
                if hop.forward {
                    format!("─{}→ ", hop.relationship_type)
                } else {
                    format!("←{}─ ", hop.relationship_type)
                }
            };
            lines.push(format!("  {}{} {}", via.map(arrow).unwrap_or_default(), node.id, excerpt(&node.label)));
        }
        lines.join("\n")
    };
    answer.paths.iter().map(way).collect::<Vec<_>>().join("\n")
}

pub fn graph_stats(stats: &GraphStats) -> String {
    let mut types = table(&["type", "relationships"]);
    for (kind, count) in &stats.edges_by_type {
        types.add_row([kind.clone(), count.to_string()]);
    }
    let mut hubs = table(&["relationships", "id", "memory"]);
    for hub in &stats.hubs {
        hubs.add_row([hub.degree.to_string(), hub.node.id.to_string(), excerpt(&hub.node.label)]);
    }
    let GraphStats { nodes, edges, isolated, average_degree, .. } = stats;
    format!("{nodes} memories ({isolated} alone), {edges} relationships, {average_degree:.2} per memory\n{types}\n{hubs}")
}

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
pub fn parked(events: &[ParkedEvent]) -> String {
    if events.is_empty() {
        return "nothing is parked".to_owned();
    }
    let mut table = table(&["projection", "position", "space", "aggregate", "id", "since", "error"]);
    for it in events {
        let since = it.parked_at.format("%Y-%m-%d %H:%M:%S").to_string();
        let let_go = if it.skipped_at.is_some() { "let go: " } else { "" };
        let (seq, error) = (it.seq.to_string(), format!("{let_go}{}", printable(&it.error)));
        table.add_row([&it.projection, &seq, &it.space, &it.aggregate, &it.id, &since, &error]);
    }
    format!("{table}\n{}", advice(events))
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

/// A row for each state of a memory, newest first.
pub fn revisions(revisions: &[RevisionView]) -> String {
    let mut table = table(&["revision", "position", "at", "event", "content"]);
    for it in revisions {
        let at = it.at.format("%Y-%m-%d %H:%M:%S").to_string();
        table.add_row([it.revision.to_string(), it.position.to_string(), at, it.kind.clone(), excerpt(&it.memory.content)]);
    }
    table.to_string()
}

/// The first words of a content in one line.
pub fn excerpt(content: &str) -> String {
    let line = printable(content).split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(EXCERPT_CHARS_MAX).collect()
}

pub fn status(status: &Status) -> String {
    let mut projections = table(&["projection", "version", "state", "applied", "lag", "lag s", "parked"]);
    for row in &status.projections {
        let numbers = [row.applied_seq, row.lag, row.lag_s.round() as u64, row.parked];
        let which = [row.name.clone(), row.version.to_string(), row.state.clone()];
        projections.add_row(which.into_iter().chain(numbers.map(|number| number.to_string())));
    }
    let mut parts = table(&["part", "version", "state"]);
    for part in &status.parts {
        parts.add_row(vec![part.name.clone(), part.version.clone(), part.state.clone()]);
    }
    let mut keys = table(&["key", "label", "space", "issued", "where"]);
    for key in &status.keys {
        let place = if key.in_credentials_file { "credentials.json" } else { "in no file of this process" };
        let issued = key.issued_at.format("%Y-%m-%d %H:%M").to_string();
        keys.add_row([key.id.to_string(), printable(&key.label), key.space.clone(), issued, place.to_owned()]);
    }
    let pending = status.embeddings_pending;
    let position = status.log.last_seq;
    let stopped =
        status.projections.iter().filter_map(|row| Some(format!("{} has stopped: {}\n", row.name, row.stopped.as_ref()?)));
    let stopped: String = stopped.collect();
    format!("log position: {position}\nembeddings pending: {pending}\n{projections}\n{stopped}{parts}\n{keys}")
}

/// What is kept in all, and a row for each of the answers that were given most.
pub fn caches(answer: &CachesAnswer) -> String {
    let mut rows = table(&["hits", "kind", "space", "bytes", "held in", "age s", "position", "depends on", "question"]);
    for view in &answer.most_hit {
        let age = format!("{:.0}", view.age_s);
        let dependencies = format!("{}{}", view.dependencies, if view.narrowed { ", narrowed" } else { "" });
        let numbers = [u64::from(view.hits), view.content_bytes as u64, view.bytes as u64, view.position];
        let [hits, bytes, held, position] = numbers.map(|number| number.to_string());
        let question = printable(&view.question);
        rows.add_row(vec![hits, view.kind.clone(), view.space.clone(), bytes, held, age, position, dependencies, question]);
    }
    let CachesAnswer { entries, content_bytes, packed_bytes, overhead_bytes, max_bytes, position, .. } = answer;
    let held = packed_bytes + overhead_bytes;
    format!("{entries} answers of {content_bytes} bytes, held in {held} of {max_bytes}; up to position {position}\n{rows}")
}

/// A row for each webhook.
pub fn webhooks(views: &[WebhookView]) -> String {
    let mut table = table(&["id", "active", "events", "url"]);
    for view in views {
        table.add_row(vec![view.id.to_string(), standing(view), view.events.join(", "), printable(&view.url)]);
    }
    table.to_string()
}

fn standing(view: &WebhookView) -> String {
    match &view.disabled_reason {
        Some(reason) => format!("no: {reason}"),
        None => "yes".to_owned(),
    }
}

/// One webhook, field by field.
pub fn webhook(view: &WebhookView) -> String {
    let mut table = table(&["field", "value"]);
    table.add_row(vec!["id".to_owned(), view.id.to_string()]);
    table.add_row(vec!["url".to_owned(), printable(&view.url)]);
    table.add_row(vec!["active".to_owned(), standing(view)]);
    table.add_row(vec!["description".to_owned(), printable(&view.description)]);
    table.add_row(vec!["events".to_owned(), view.events.join(", ")]);
    table.add_row(vec!["tags".to_owned(), printable(&view.filter.tags.join(", "))]);
    table.add_row(vec!["payload".to_owned(), view.payload.clone()]);
    table.add_row(vec!["headers".to_owned(), view.headers.join(", ")]);
    table.add_row(vec!["ordered".to_owned(), view.ordered.to_string()]);
    for secret in &view.secrets {
        let end = secret.expires_at.map_or("signs".to_owned(), |end| format!("signs until {}", end.to_rfc3339()));
        let public = secret.public_key.as_deref().map(|key| format!(", {key}")).unwrap_or_default();
        table.add_row(vec!["secret".to_owned(), format!("of {}, {end}{public}", secret.created_at.to_rfc3339())]);
    }
    table.to_string()
}

/// A row for each delivery.
pub fn deliveries(views: &[DeliveryView]) -> String {
    let mut table = table(&["position", "type", "subject", "state", "attempts", "next"]);
    for view in views {
        let next = view.due_at.map(|due| due.to_rfc3339()).unwrap_or_default();
        let (position, attempts) = (view.position.to_string(), view.attempts.to_string());
        table.add_row(vec![position, view.kind.clone(), view.subject.clone(), view.state.clone(), attempts, next]);
    }
    table.to_string()
}

/// A row for each attempt.
pub fn attempts(views: &[AttemptView]) -> String {
    let mut table = table(&["attempt", "at", "ms", "status", "error"]);
    for view in views {
        let status = view.status.map(|status| status.to_string()).unwrap_or_default();
        let error = view.detail.as_deref().map(printable).unwrap_or_default();
        let (number, duration) = (view.number.to_string(), format!("{:.1}", view.duration_ms));
        table.add_row(vec![number, view.at.to_rfc3339(), duration, status, error]);
    }
    table.to_string()
}

/// How an endpoint fares, field by field.
pub fn health(view: &HealthAnswer) -> String {
    let mut table = table(&["field", "value"]);
    let rate = view.success_rate.map_or("no attempts".to_owned(), |rate| format!("{:.1} %", rate * 100.0));
    let ms = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1} ms"));
    let pause = view.paused_until.map(|until| format!(", nothing is sent before {}", until.to_rfc3339()));
    table.add_row(vec!["active".to_owned(), view.active.to_string()]);
    table.add_row(vec!["breaker".to_owned(), format!("{}{}", view.breaker, pause.unwrap_or_default())]);
    table.add_row(vec!["success, 24 h".to_owned(), format!("{rate} of {}", view.attempts)]);
    table.add_row(vec!["p50 / p95".to_owned(), format!("{} / {}", ms(view.p50_ms), ms(view.p95_ms))]);
    table.add_row(vec!["pending".to_owned(), format!("{}, the oldest for {:.0} s", view.pending, view.backlog_s)]);
    table.add_row(vec!["failed".to_owned(), view.failed.to_string()]);
    table.to_string()
}
