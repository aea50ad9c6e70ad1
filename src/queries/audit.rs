//! Who did what, when, by what and from where: the log itself, read backwards. Called by the use case.

use crate::{
    domain::ids::{PrincipalId, SpaceId, StreamSeq, Timestamp},
    journal::{Envelope, Recorded, catalog, public::fits},
    ports::{
        EventLog,
        log::{self, ReadError},
    },
};

/// Entries of a page.
pub const LIMIT_DEFAULT: u32 = 100;
pub const LIMIT_MAX: u32 = 1_000;
/// Positions that one page looks at, whoever's events stand there.
const LOOKED_AT_MAX: u64 = 50_000;
/// How much further back each look goes than the one before.
const WIDER: u64 = 4;

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditQuery {
    /// Only what stands before this position; from the newest on when absent.
    pub before: Option<StreamSeq>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub actor: Option<PrincipalId>,
    /// Names of types, `key.*` for all of an aggregate; all when empty.
    pub types: Vec<String>,
    /// `memory/0190f3d2-…`.
    pub resource: Option<String>,
    pub limit: usize,
}

impl AuditQuery {
    fn wants(&self, event: &Envelope) -> bool {
        self.since.is_none_or(|since| event.at >= since)
            && self.until.is_none_or(|until| event.at < until)
            && self.actor.is_none_or(|actor| event.actor == actor)
            && (self.types.is_empty() || self.types.iter().any(|pattern| fits(pattern, &event.kind)))
            && self.resource.as_ref().is_none_or(|resource| *resource == resource_of(event))
    }
}

/// What has changed, as audits name it.
pub fn resource_of(event: &Envelope) -> String {
    format!("{}/{}", event.aggregate, event.aggregate_id)
}

/// The newest first. With `before`, there may be more: ask for what stands before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    pub events: Vec<Recorded>,
    pub before: Option<StreamSeq>,
}

/// Whether the event concerns the space: it stands there, or says who may come in there.
pub fn concerns(space: &SpaceId, event: &Envelope) -> bool {
    if !event.space.is_sys() {
        return event.space == *space;
    }
    match event.aggregate.as_str() {
        catalog::SPACE => event.aggregate_id == space.as_str(),
        _ => event.data.get("space").is_some_and(|of| of == space.as_str()),
    }
}

/// Reads back from where the question begins until a page is full, the time is too early, or enough was looked at.
/// Errors: the log cannot be read.
pub async fn ask(log: &dyn EventLog, query: &AuditQuery, is_visible: impl Fn(&Envelope) -> bool) -> Result<Page, ReadError> {
    let end = match query.before {
        Some(before) => StreamSeq(before.0.saturating_sub(1)).min(log.last_seq().await?),
        None => log.last_seq().await?,
    };
    let mut width = query.limit as u64 * 2;
    loop {
        let start = end.0.saturating_sub(width);
        let (mut found, oldest) = between(log, (StreamSeq(start), end), |event| is_visible(event) && query.wants(event)).await?;
        let is_early = query.since.zip(oldest).is_some_and(|(since, oldest)| oldest < since);
        let is_over = start == 0 || is_early;
        if found.len() >= query.limit || is_over || width >= LOOKED_AT_MAX {
            found.reverse();
            let is_full = found.len() >= query.limit;
            found.truncate(query.limit);
            let rest = if is_full { found.last().map(|last| last.seq) } else { (!is_over).then_some(StreamSeq(start + 1)) };
            let before = rest.filter(|at| at.0 > 1);
            return Ok(Page { events: found, before });
        }
        width = (width * WIDER).min(LOOKED_AT_MAX);
    }
}

/// The wanted events after one position up to another, and when the oldest of all that stand there was.
async fn between(
    log: &dyn EventLog,
    (start, end): (StreamSeq, StreamSeq),
    wants: impl Fn(&Envelope) -> bool,
) -> Result<(Vec<Recorded>, Option<Timestamp>), ReadError> {
    let (mut found, mut oldest) = (vec![], None);
    if start >= end {
        return Ok((found, oldest));
    }
    let mut events = log.read(start, None).await?;
    loop {
        let (seq, recorded) = log::next(&mut events).await?;
        if seq > end {
            return Ok((found, oldest));
        }
        if let Some(recorded) = recorded {
            oldest = oldest.or(Some(recorded.event.at));
            if wants(&recorded.event) {
                found.push(recorded);
            }
        }
        if seq == end {
            return Ok((found, oldest));
        }
    }
}
