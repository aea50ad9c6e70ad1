//! Questions whose answers may be kept: how they are named, how new they must be, and who writes them. Called by the use cases that read.
//!
//! What is kept is what a surface has written, under the surface's name: an answer that is given again costs no rendering.

use std::{fmt::Debug, sync::Arc};

use bytes::Bytes;

use super::{
    Caller, Error,
    admission::{Queue, Queues},
    freshness::When,
};
use crate::{
    caches::{
        Caches, Outcome, Wanted,
        body::Body,
        entry::{Entry, Key},
    },
    commands::Commands,
    domain::ids::{Revision, StreamSeq},
    ports::{
        EventLog, HistoryReads, Positions,
        cache::{Answer, Dep},
    },
};

/// A language in which clients ask: the native API, or another one beside it.
pub trait Surface: Sync {
    /// Keeps its answers apart from those of others.
    const NAME: &'static str;
}

/// Writes answers of one sort as a surface's clients read them.
pub trait Render<T>: Surface {
    /// Errors: `internal`, when it cannot be written.
    fn render(&self, found: T) -> Result<Bytes, Error>;
}

/// What all reads share: how far projections are, what is kept, and how many may ask at a time.
pub struct Reading {
    pub commands: Arc<Commands>,
    pub positions: Arc<dyn Positions>,
    pub log: Arc<dyn EventLog>,
    pub history: Arc<dyn HistoryReads>,
    pub caches: Arc<Caches>,
    pub queues: Arc<Queues>,
}

/// An answer as the surface has written it, kept or new.
pub struct Kept {
    pub body: Body,
    /// Of the one thing that it shows; `None` when it shows several.
    pub revision: Option<Revision>,
    pub outcome: Outcome,
}

/// A question to read models.
pub(super) struct Question<'a> {
    kind: &'static str,
    /// Everything that chooses the answer.
    text: String,
    /// The projections that show the present, and those that show a past moment.
    present: &'a [&'static str],
    past: &'a [&'static str],
    when: When<'a>,
    is_narrowed: bool,
    is_expensive: bool,
}

impl<'a> Question<'a> {
    /// `asked` is everything that chooses the answer, but for the moment.
    pub fn new(kind: &'static str, asked: &impl Debug, present: &'a [&'static str], when: When<'a>) -> Self {
        let (text, past): (_, &[&str]) = (format!("{asked:?}"), &[]);
        Self { kind, text, present, past, when, is_narrowed: false, is_expensive: false }
    }

    /// A question that may be about a past moment, which these projections show.
    pub fn with_past(self, past: &'a [&'static str]) -> Self {
        Self { past, ..self }
    }

    /// A question that takes tens of milliseconds: it waits among its like.
    pub fn expensive(self) -> Self {
        Self { is_expensive: true, ..self }
    }

    /// A question whose members are judged change by change.
    pub fn narrowed(self) -> Self {
        Self { is_narrowed: true, ..self }
    }
}

/// An answer that the surface writes like this and that depends on these.
pub(super) fn answer<T, R: Render<T>>(render: &R, found: T, deps: Vec<Dep>) -> Result<Answer, Error> {
    Ok(Answer { body: render.render(found)?, deps, is_whole: true, ..Answer::default() })
}

impl Reading {
    fn queue(&self, question: &Question<'_>) -> &Arc<Queue> {
        if question.is_expensive { &self.queues.searches } else { &self.queues.reads }
    }

    /// Answers from what is kept, or asks. What a past moment was like is always asked: it is named by its position.
    pub(super) async fn serve(
        &self,
        caller: &Caller,
        surface: &'static str,
        question: Question<'_>,
        ask: impl AsyncFn(Option<StreamSeq>) -> Result<Answer, Error>,
    ) -> Result<Kept, Error> {
        if question.when.as_of.is_some() {
            let at = self.moment(caller, question.when, question.present, question.past).await?;
            let _permit = self.queue(&question).enter().await?;
            let answer = ask(at).await?;
            return Ok(Kept { body: Body::Plain(answer.body), revision: answer.revision, outcome: Outcome::Bypass });
        }
        let differs = async |kept: &Entry| Ok(ask(None).await?.body != kept.body.plain());
        self.serve_compared(caller, surface, question, async || ask(None).await, differs).await
    }

    /// As [`Self::serve`], for answers about the present that are compared in a way of their own.
    pub(super) async fn serve_compared(
        &self,
        caller: &Caller,
        surface: &'static str,
        question: Question<'_>,
        ask: impl AsyncFn() -> Result<Answer, Error>,
        differs: impl AsyncFn(&Entry) -> Result<bool, Error>,
    ) -> Result<Kept, Error> {
        let queue = self.queue(&question);
        let Question { kind, text, present: views, when, is_narrowed, .. } = question;
        let at_least = when.min_position.map_or_else(|| self.commands.acknowledged(caller.principal()), StreamSeq);
        let wanted = Wanted { key: Key::new(caller.space(), surface, kind, text), at_least, views, is_narrowed };
        let settle = async || self.moment(caller, when, views, &[]).await.map(drop);
        let ask = async || {
            let _permit = queue.enter().await?;
            ask().await
        };
        let served = self.caches.serve(wanted, settle, ask, differs).await?;
        Ok(Kept { body: served.entry.body.clone(), revision: served.entry.revision, outcome: served.outcome })
    }
}
