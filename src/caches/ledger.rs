//! The rule by which answers are kept, without any storage: an answer with stamp S is taken if nothing that it depends on was touched
//! after S, and goes when something is. Pure; called under one lock by the store.
//!
//! Touches arrive in the order of their stream and the newest of them are remembered, so a fill that races an invalidation is refused
//! or removed in any order of arrival. What was touched before the history begins (its floor) cannot be judged, so older stamps are
//! refused.
//!
//! Decision 2026-11-25: one ring of the newest touches instead of a highest position per dependency. It bounds memory in the same way,
//! and it can be asked about narrowed answers too, which no key stands for.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::{
    dependants::{Dependants, map_bytes},
    entry::{Entry, EntryId},
};
use crate::{
    domain::ids::{SpaceId, StreamSeq},
    ports::cache::{Change, Dep, Membership, Stamp},
};

/// Which stream a touch came from; each has positions of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Events,
    Derived,
}

impl Source {
    pub fn other(self) -> Self {
        match self {
            Self::Events => Self::Derived,
            Self::Derived => Self::Events,
        }
    }
}

/// What one event touches.
#[derive(Clone)]
pub struct Touch {
    pub seq: StreamSeq,
    /// The position in EVENTS of what it says: for an event its own, for a vector that of the text.
    pub about: StreamSeq,
    /// What it is of, a memory or a relationship.
    pub subject: Dep,
    /// What was told of the other stream before the change was looked at closely.
    pub knows: StreamSeq,
    pub space: SpaceId,
    pub deps: Vec<Dep>,
    /// `None` when it alters no members but of what depends on it.
    pub change: Option<Change>,
}

impl Stamp {
    fn is_before(&self, source: Source, seq: StreamSeq) -> bool {
        match source {
            Source::Events => self.events < seq,
            Source::Derived => self.derived.is_some_and(|derived| derived < seq),
        }
    }
}

/// Why an answer is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Older than what is remembered of touches.
    BelowFloor,
    /// Something that it depends on was touched while it was made.
    Touched,
    /// A change while it was made may have altered its members.
    Entered,
    /// An outage has cut it short, or something is put aside in what it was read from.
    Incomplete,
}

impl Refused {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BelowFloor => "below_floor",
            Self::Touched => "touched",
            Self::Entered => "entered",
            Self::Incomplete => "incomplete",
        }
    }
}

/// Why answers go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    Dependency,
    Narrowed,
    /// A change of which nothing more was known than that there was one.
    Unknown,
    /// Too many changes at once to be held against each answer one by one.
    Flood,
    /// Statistics have moved on.
    Statistics,
    /// Everything went.
    Flushed,
}

impl Cause {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dependency => "dependency",
            Self::Narrowed => "narrowed",
            Self::Unknown => "unknown",
            Self::Flood => "flood",
            Self::Statistics => "statistics",
            Self::Flushed => "flushed",
        }
    }
}

/// What is known of one stream's touches: all of those in (`floor`, `head`] are in `recent`.
#[derive(Clone, Default)]
struct History {
    head: StreamSeq,
    floor: StreamSeq,
    recent: VecDeque<Touch>,
}

impl History {
    /// What an answer with these positions may not have seen: a fact that came before counts as well if what it is about did not.
    fn unseen(&self, seq: StreamSeq, events: StreamSeq) -> impl Iterator<Item = &Touch> {
        self.recent.iter().filter(move |touch| touch.seq > seq || touch.about > events)
    }

    fn remember(&mut self, touch: Touch, touches_max: usize) {
        self.recent.push_back(touch);
        while self.recent.len() > touches_max {
            self.floor = self.recent.pop_front().map_or(self.floor, |oldest| oldest.seq);
        }
    }
}

/// The answers that are kept, by what they depend on.
#[derive(Clone)]
pub struct Ledger {
    touches_max: usize,
    events: History,
    derived: History,
    kept: HashMap<EntryId, Arc<Entry>>,
    dependants: Dependants,
    narrowed: HashMap<SpaceId, Vec<EntryId>>,
}

impl Ledger {
    /// Keeps nothing yet; nothing older than these positions will be taken.
    pub fn new(touches_max: usize, floor: Stamp) -> Self {
        let history = |floor| History { head: floor, floor, recent: VecDeque::new() };
        Self {
            touches_max,
            events: history(floor.events),
            derived: history(floor.derived.unwrap_or_default()),
            kept: HashMap::new(),
            dependants: Dependants::default(),
            narrowed: HashMap::new(),
        }
    }

    pub fn head(&self, source: Source) -> StreamSeq {
        self.history(source).head
    }

    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// All answers that are kept, in no order.
    pub fn kept(&self) -> impl Iterator<Item = &Entry> {
        self.kept.values().map(|entry| &**entry)
    }

    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Narrowed answers of a space: each is asked about each change.
    pub fn narrowed(&self, space: &SpaceId) -> usize {
        self.narrowed.get(space).map_or(0, Vec::len)
    }

    /// What the index holds beside the answers, in bytes; an estimate by the sizes of its parts.
    pub fn index_bytes(&self) -> usize {
        map_bytes(self.kept.len(), size_of::<(EntryId, Arc<Entry>)>())
            + self.dependants.bytes()
            + self.narrowed.values().map(|ids| ids.capacity() * size_of::<EntryId>()).sum::<usize>()
    }

    fn history(&self, source: Source) -> &History {
        match source {
            Source::Events => &self.events,
            Source::Derived => &self.derived,
        }
    }

    fn history_mut(&mut self, source: Source) -> &mut History {
        match source {
            Source::Events => &mut self.events,
            Source::Derived => &mut self.derived,
        }
    }

    /// Takes an answer, unless something has happened to it since its stamp.
    /// Errors: why it is not kept, see [`Refused`]; it may be given once all the same.
    pub fn admit(&mut self, entry: Arc<Entry>) -> Result<(), Refused> {
        let (stamp, membership) = (entry.stamp, entry.membership.as_deref());
        self.check(Source::Events, stamp.events, &entry, membership)?;
        if let Some(derived) = stamp.derived {
            self.check(Source::Derived, derived, &entry, membership)?;
        }
        for dep in &entry.deps {
            self.dependants.add(*dep, entry.id);
        }
        if membership.is_some() {
            self.narrowed.entry(entry.key.space().clone()).or_default().push(entry.id);
        }
        self.kept.insert(entry.id, entry);
        Ok(())
    }

    fn check(&self, source: Source, stamp: StreamSeq, entry: &Entry, membership: Option<&dyn Membership>) -> Result<(), Refused> {
        let history = self.history(source);
        if stamp < history.floor {
            return Err(Refused::BelowFloor);
        }
        for touch in history.unseen(stamp, entry.stamp.events) {
            if touch.deps.iter().any(|dep| entry.deps.contains(dep)) {
                return Err(Refused::Touched);
            }
            let may_enter = |membership: &dyn Membership| {
                enters(membership, touch) || (membership.heeds_vectors() && self.is_outdated(source, touch, entry.stamp))
            };
            if touch.space == *entry.key.space() && membership.is_some_and(may_enter) {
                return Err(Refused::Entered);
            }
        }
        Ok(())
    }

    /// Whether the other stream has said more of the same memory since a change was looked at, or may have said so to an answer with
    /// this stamp: then it may be another one by now.
    ///
    /// What EVENTS said up to the stamp the answer has seen, so none of that will be held against it when it is told.
    fn is_outdated(&self, source: Source, touch: &Touch, stamp: Stamp) -> bool {
        let other = self.history(source.other());
        let later = other.recent.iter().rev().take_while(|it| it.seq > touch.knows);
        let was_looked_at = touch.change.is_some() || source == Source::Derived;
        let is_ahead = source == Source::Derived && stamp.events > other.head;
        was_looked_at && (is_ahead || touch.knows < other.floor || later.into_iter().any(|it| it.subject == touch.subject))
    }

    /// Takes notice of a touch; gives the answers that are over by it. With `one_by_one` off all narrowed answers of the space are,
    /// if the touch may alter members at all.
    ///
    /// A vector is held against answers whatever their stamp: the memory may become visible after its vector.
    pub fn touch(&mut self, source: Source, touch: Touch, one_by_one: bool) -> Vec<(Arc<Entry>, Cause)> {
        let mut over = vec![];
        for dep in &touch.deps {
            for id in self.dependants.of(*dep) {
                if self.kept.get(&id).is_some_and(|entry| entry.stamp.is_before(source, touch.seq)) {
                    over.extend(self.forget(id).map(|entry| (entry, Cause::Dependency)));
                }
            }
        }
        if touch.change.is_some() || source == Source::Derived {
            let is_over = |id: &EntryId| {
                let entry = self.kept.get(id)?;
                let membership = entry.membership.as_deref()?;
                let concerns = source == Source::Events && entry.stamp.events < touch.seq
                    || source == Source::Derived && membership.heeds_vectors();
                // It may show a state that was not there when the vector was looked at.
                let is_ahead = source == Source::Derived && entry.stamp.events > touch.knows;
                let cause = match touch.change {
                    _ if is_ahead => Cause::Unknown,
                    Some(Change::Unknown) => Cause::Unknown,
                    _ if one_by_one => Cause::Narrowed,
                    _ => Cause::Flood,
                };
                let alters = touch.change.is_some() && (!one_by_one || enters(membership, &touch));
                (concerns && (is_ahead || alters)).then_some((*id, cause))
            };
            let found: Vec<_> = self.narrowed.get(&touch.space).into_iter().flatten().filter_map(is_over).collect();
            for (id, cause) in found {
                over.extend(self.forget(id).map(|entry| (entry, cause)));
            }
        }
        let touches_max = self.touches_max;
        let history = self.history_mut(source);
        history.head = history.head.max(touch.seq);
        history.remember(touch, touches_max);
        over
    }

    /// Nothing but what was touched lies up to here.
    pub fn reach(&mut self, source: Source, head: StreamSeq) {
        let history = self.history_mut(source);
        history.head = history.head.max(head);
    }

    /// What DERIVED has told so far of a position in EVENTS, if that is remembered.
    pub fn told_about(&self, position: StreamSeq) -> Option<&Change> {
        self.last_vector(|touch| touch.about == position)
    }

    /// What DERIVED has told of a subject last, if that is remembered.
    pub fn told_of(&self, subject: Dep) -> Option<&Change> {
        self.last_vector(|touch| touch.subject == subject)
    }

    fn last_vector(&self, is_wanted: impl Fn(&Touch) -> bool) -> Option<&Change> {
        self.derived.recent.iter().rev().find(|touch| is_wanted(touch))?.change.as_ref()
    }

    /// The newest position up to `upto` at which EVENTS has told of a subject, if that is remembered.
    pub fn last_told(&self, subject: Dep, upto: StreamSeq) -> Option<StreamSeq> {
        let told = self.events.recent.iter().rev().find(|touch| touch.seq <= upto && touch.subject == subject);
        told.map(|touch| touch.seq)
    }

    /// Drops an answer that is kept no longer.
    pub fn forget(&mut self, id: EntryId) -> Option<Arc<Entry>> {
        let entry = self.kept.remove(&id)?;
        for dep in &entry.deps {
            self.dependants.remove(*dep, id);
        }
        if entry.membership.is_some()
            && let Some(ids) = self.narrowed.get_mut(entry.key.space())
        {
            ids.retain(|other| *other != id);
        }
        Some(entry)
    }

    /// Drops everything, and takes nothing any more that is older than the head of a stream, or than `head` if the stream goes on from
    /// there.
    pub fn flush(&mut self, restarted: Option<(Source, StreamSeq)>) -> Vec<Arc<Entry>> {
        let kept = self.kept.drain().map(|(_, entry)| entry).collect();
        self.dependants.clear();
        self.narrowed.clear();
        for source in [Source::Events, Source::Derived] {
            let history = self.history_mut(source);
            if let Some((_, head)) = restarted.filter(|(of, _)| *of == source) {
                history.head = head;
            }
            history.floor = history.head;
            history.recent.clear();
        }
        kept
    }
}

fn enters(membership: &dyn Membership, touch: &Touch) -> bool {
    match &touch.change {
        None => false,
        Some(Change::Unknown) => true,
        Some(Change::Stands(candidates)) => candidates.iter().any(|candidate| membership.may_admit(candidate)),
    }
}

#[cfg(test)]
mod tests;
