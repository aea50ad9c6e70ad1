//! Questions whose answers may be kept: how they are named, how new they must be, and what the client is told of it (`Cache-Status`,
//! RFC 9211). Called by the handlers that read.

use std::{fmt::Debug, sync::Arc};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use serde::Serialize;

use super::{ApiState, admission::Admission, auth::Identity, body, compression::takes_gzip, error::Problem, precondition, query};
use crate::{
    caches::{
        Outcome, Wanted,
        body::Body,
        entry::{Entry, Key},
    },
    domain::ids::{Revision, StreamSeq},
    ports::cache::{Answer, Dep},
};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// A question to read models.
pub struct Question<'a> {
    kind: &'static str,
    /// Everything that chooses the answer.
    text: String,
    /// The projections that show the present.
    views: &'a [&'static str],
    /// `as_of` and those that show it, and `min_position`.
    when: (Option<&'a str>, Option<u64>),
    past: &'a [&'static str],
    is_narrowed: bool,
    is_dear: bool,
}

impl<'a> Question<'a> {
    /// `asked` is everything that chooses the answer.
    pub fn new(kind: &'static str, asked: &impl Debug, views: &'a [&'static str], min_position: Option<u64>) -> Self {
        Self {
            kind,
            text: format!("{asked:?}"),
            views,
            when: (None, min_position),
            past: &[],
            is_narrowed: false,
            is_dear: false,
        }
    }

    /// A question that may be about a past moment, which these projections show.
    pub fn of(self, as_of: Option<&'a str>, past: &'a [&'static str]) -> Self {
        Self { when: (as_of, self.when.1), past, ..self }
    }

    /// A question that takes tens of milliseconds: it waits among its like.
    pub fn dear(self) -> Self {
        Self { is_dear: true, ..self }
    }

    fn seats<'s>(&self, state: &'s ApiState) -> &'s Arc<Admission> {
        if self.is_dear { &state.seats.searches } else { &state.seats.reads }
    }

    /// A question whose members are judged change by change.
    pub fn narrowed(self) -> Self {
        Self { is_narrowed: true, ..self }
    }
}

/// An answer that shows this view and depends on these.
pub fn answer(view: &impl Serialize, deps: Vec<Dep>) -> Result<Answer, Problem> {
    Ok(Answer { body: body::written(view)?, deps, is_whole: true, ..Answer::default() })
}

/// Answers from what is kept, or asks. What a past moment was like is always asked: it is named by its position.
pub async fn serve(
    request: &HttpRequest,
    (state, identity): (&ApiState, &Identity),
    question: Question<'_>,
    ask: impl AsyncFn(Option<StreamSeq>) -> Result<Answer, Problem>,
) -> Result<HttpResponse, Problem> {
    if question.when.0.is_some() {
        let at = query::moment(state, identity, question.when, question.views, question.past).await?;
        let _seat = question.seats(state).enter().await?;
        let answer = ask(at).await?;
        return respond(request, answer.revision, &Body::Plain(answer.body), &Outcome::Bypass);
    }
    let differs = async |kept: &Entry| Ok(ask(None).await?.body != kept.body.plain());
    serve_compared(request, (state, identity), question, async || ask(None).await, differs).await
}

/// As [`serve`], for answers about the present that are compared in a way of their own.
pub async fn serve_compared(
    request: &HttpRequest,
    (state, identity): (&ApiState, &Identity),
    question: Question<'_>,
    ask: impl AsyncFn() -> Result<Answer, Problem>,
    differs: impl AsyncFn(&Entry) -> Result<bool, Problem>,
) -> Result<HttpResponse, Problem> {
    let seats = question.seats(state);
    let Question { kind, text, views, when, is_narrowed, .. } = question;
    let at_least = when.1.map_or_else(|| state.commands.acknowledged(identity.0.principal), StreamSeq);
    let wanted = Wanted { key: Key::new(&identity.0.space, kind, text), at_least, views, is_narrowed };
    let settle = async || query::moment(state, identity, when, views, &[]).await.map(drop);
    let ask = async || {
        let _seat = seats.enter().await?;
        ask().await
    };
    let served = state.caches.serve(wanted, settle, ask, differs).await?;
    respond(request, served.entry.revision, &served.entry.body, &served.outcome)
}

fn respond(request: &HttpRequest, revision: Option<Revision>, body: &Body, outcome: &Outcome) -> Result<HttpResponse, Problem> {
    let as_kept = match body {
        Body::Gzip { packed, .. } if takes_gzip(request) => Some(packed),
        _ => None,
    };
    let json = || Ok(as_kept.cloned().unwrap_or_else(|| body.plain()));
    let mut response = precondition::unless_known(request, revision, json)?;
    let is_known = response.status() == StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    if matches!(body, Body::Gzip { .. }) {
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if as_kept.is_some() && !is_known {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(CACHE_STATUS, status(outcome));
    Ok(response)
}

fn status(outcome: &Outcome) -> HeaderValue {
    let text = match outcome {
        Outcome::Hit { age } => format!("brain; hit; detail=\"age {} s\"", age.as_secs()),
        Outcome::Miss(Ok(())) => "brain; fwd=uri-miss; stored".to_owned(),
        Outcome::Miss(Err(refused)) => format!("brain; fwd=uri-miss; detail={}", refused.as_str()),
        Outcome::Collapsed => "brain; fwd=uri-miss; collapsed".to_owned(),
        Outcome::Bypass => "brain; fwd=bypass".to_owned(),
    };
    HeaderValue::from_str(&text).expect("only letters, digits and signs that a header may hold")
}
