//! Talking to a running server: where it is, with which key, and how its refusals end the program.
//!
//! Called by every verb but `up`. Never prints the key.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context;
use reqwest::{
    Method, StatusCode,
    header::{AUTHORIZATION, HeaderValue},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{layout::Layout, login::held::Held, output, screen::Screen};
use crate::{
    api::{
        http::error::Problem,
        v1::dto::{
            MemoryPage, MemoryView,
            graph::{RelationshipPage, RelationshipView},
        },
    },
    retry::Backoff,
};

/// Exit code of a wish that the server refused.
pub const REFUSED: u8 = 1;
/// Exit code of a command line that cannot be obeyed as it stands.
pub const USAGE: u8 = 2;
/// Exit code when no server answers.
pub const UNREACHABLE: u8 = 3;
/// Longer than the longest wait of the server for a position.
pub(super) const ANSWER_WAIT: Duration = Duration::from_secs(60);
pub(super) const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// How long the patient send again what the server calls retryable, and their longest pause in between.
const RETRIES_FOR: Duration = Duration::from_secs(25);
const PAUSE_MS_MAX: u64 = 3_000;

/// By what a verb comes in.
#[derive(Clone)]
pub enum By {
    Key(String),
    Login(Box<Held>),
}

/// A server that can be asked.
#[derive(Clone)]
pub struct Connection {
    pub(super) http: reqwest::Client,
    /// Without a slash at its end.
    pub(super) url: String,
    pub(super) by: By,
    pub(super) retries_for: Duration,
    pub json: bool,
}

/// Why an answer did not come.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no server answers at {url}; is `brain up` running?")]
    Unreachable {
        url: String,
        #[source]
        cause: reqwest::Error,
    },
    #[error(transparent)]
    Refused(#[from] Box<Problem>),
    #[error("the server answered {status} with something that is not the API's")]
    Strange { status: StatusCode },
    /// A login has not come about, or is over.
    #[error("no login at {url}: {why}; `brain login` begins one")]
    Login { url: String, why: String },
    /// Something on the command line has no place in a request.
    #[error("this cannot be sent to a server")]
    Unsendable(#[source] reqwest::Error),
}

impl Error {
    /// Says on standard error what happened and gives the program's exit code.
    pub fn report(&self) -> ExitCode {
        match self {
            Self::Refused(problem) => {
                output::say(format_args!("refused ({}): {}", problem.code, problem.detail));
                for fault in problem.errors.iter().filter(|fault| fault.detail != problem.detail) {
                    output::say(format_args!("  {}: {} ({})", fault.field, fault.detail, fault.code));
                }
                ExitCode::from(REFUSED)
            }
            Self::Unreachable { cause, .. } => {
                // The innermost cause says why; those around it repeat the address.
                let outermost: &(dyn std::error::Error + 'static) = cause;
                let why = std::iter::successors(Some(outermost), |error| error.source()).last().unwrap_or(outermost);
                output::say(format_args!("{self} ({why})"));
                ExitCode::from(UNREACHABLE)
            }
            Self::Strange { .. } | Self::Login { .. } => {
                output::say(self);
                ExitCode::from(REFUSED)
            }
            Self::Unsendable(cause) => {
                output::say(format_args!("{self} ({cause})"));
                ExitCode::from(USAGE)
            }
        }
    }
}

impl Connection {
    /// The same for long work, which a server that has much to do shall not end: what it calls retryable is sent again. Only for
    /// requests that may come twice.
    pub fn patient(&self) -> Self {
        Self { retries_for: RETRIES_FOR, ..self.clone() }
    }

    pub fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path)
    }

    pub fn put(&self, path: &str) -> Request {
        self.request(Method::PUT, path)
    }

    /// A request to `path`, with what a verb comes in by.
    pub fn request(&self, method: Method, path: &str) -> Request {
        let url = format!("{}{path}", self.url);
        let inner = self.http.request(method, url);
        let space = match &self.by {
            By::Login(held) => held.space.as_deref(),
            By::Key(_) => None,
        };
        let inner = space.into_iter().fold(inner, |inner, space| inner.header("Brain-Space", space));
        Request { inner, url: self.url.clone(), by: self.by.clone(), retries_for: self.retries_for }
    }

    /// Reads a list to its end, page by page; `each` gets the rows of a page.
    pub async fn pages<P: Page>(
        &self,
        path: &str,
        query: &[(&str, String)],
        mut each: impl FnMut(Vec<P::Row>),
    ) -> Result<(), Error> {
        let mut cursor = None;
        loop {
            let at = cursor.map(|cursor| ("cursor", cursor));
            let page: P = self.get(path).query(query).query(at.as_slice()).read().await?;
            let (rows, next) = page.split();
            each(rows);
            match next {
                Some(_) => cursor = next,
                None => return Ok(()),
            }
        }
    }

    /// Reports what went wrong, on standard output as well where a program reads it; gives the exit code.
    pub fn fail(&self, error: &Error) -> anyhow::Result<ExitCode> {
        if let (true, Error::Refused(problem)) = (self.json, error) {
            output::line(serde_json::to_string(problem)?)?;
        }
        Ok(error.report())
    }

    /// Prints the answer, as JSON or as `layout` has it, or reports the refusal; gives the exit code.
    pub fn show<T: DeserializeOwned, L: Into<Layout>>(
        &self,
        answer: Result<Value, Error>,
        layout: impl FnOnce(T) -> L,
    ) -> anyhow::Result<ExitCode> {
        match answer {
            Err(error) => return self.fail(&error),
            Ok(value) if self.json => output::line(value)?,
            Ok(value) => {
                let view = serde_json::from_value(value).context("the server's answer has another shape than expected")?;
                print(&layout(view).into())?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints an answer for whoever takes it, then its hints beside it.
pub fn print(layout: &Layout) -> Result<(), output::Error> {
    let text = layout.render(Screen::of_stdout());
    if !text.is_empty() {
        output::line(text)?;
    }
    layout.hints.iter().for_each(output::say);
    Ok(())
}

/// A page of a list.
pub trait Page: DeserializeOwned {
    type Row;
    /// Its rows, and where the next page begins.
    fn split(self) -> (Vec<Self::Row>, Option<String>);
}

impl Page for MemoryPage {
    type Row = MemoryView;
    fn split(self) -> (Vec<MemoryView>, Option<String>) {
        (self.memories, self.next_cursor)
    }
}

impl Page for RelationshipPage {
    type Row = RelationshipView;
    fn split(self) -> (Vec<RelationshipView>, Option<String>) {
        (self.relationships, self.next_cursor)
    }
}

/// A request being made.
pub struct Request {
    inner: reqwest::RequestBuilder,
    url: String,
    by: By,
    retries_for: Duration,
}

impl Request {
    pub fn query(mut self, pairs: &[(&str, String)]) -> Self {
        self.inner = self.inner.query(pairs);
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.inner = self.inner.header(name, value);
        self
    }

    /// Waits this long for the answer, not as long as for others.
    pub fn timeout(mut self, wait: Duration) -> Self {
        self.inner = self.inner.timeout(wait);
        self
    }

    pub fn body(mut self, body: &impl serde::Serialize) -> Self {
        self.inner = self.inner.json(body);
        self
    }

    /// Sends it and gives the JSON answer of a success.
    pub async fn send(self) -> Result<Value, Error> {
        self.read().await
    }

    /// Sends it and gives the answer of a success as what it must be.
    pub async fn read<T: DeserializeOwned>(self) -> Result<T, Error> {
        let (status, bytes) = self.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|_| Error::Strange { status })
    }

    /// Sends it and gives the answer of a success as it is.
    pub async fn text(self) -> Result<String, Error> {
        let (status, bytes) = self.bytes().await?;
        String::from_utf8(bytes).map_err(|_| Error::Strange { status })
    }

    async fn bytes(self) -> Result<(StatusCode, Vec<u8>), Error> {
        let Self { inner, url, by, retries_for } = self;
        let (http, request) = inner.build_split();
        let request = request.map_err(Error::Unsendable)?;
        let (started, mut pause) = (Instant::now(), Backoff::new(PAUSE_MS_MAX));
        let (mut secret, mut is_renewed) = (by.secret(&http, None).await?, false);
        loop {
            let mut again = request.try_clone().expect("its body is in memory, there is no other way to give one");
            again.headers_mut().insert(AUTHORIZATION, bearer(&secret)?);
            match answer(&http, again, &url).await {
                // A token may be over sooner than it said.
                Err(Error::Refused(problem)) if problem.code == "auth.invalid_token" && !is_renewed => {
                    (secret, is_renewed) = (by.secret(&http, Some(&secret)).await?, true);
                }
                Err(Error::Refused(problem)) if problem.retryable && started.elapsed() < retries_for => {
                    tokio::time::sleep(pause.next_pause()).await;
                }
                done => return done,
            }
        }
    }
}

impl By {
    /// What to show; `refused` is what was shown in vain.
    async fn secret(&self, http: &reqwest::Client, refused: Option<&str>) -> Result<String, Error> {
        match self {
            Self::Key(key) => Ok(key.clone()),
            Self::Login(held) => held.token(http, refused).await,
        }
    }
}

fn bearer(secret: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::try_from(format!("Bearer {secret}"))
        .map_err(|_| Error::Login { url: String::new(), why: "what is shown there is no secret".into() })?;
    value.set_sensitive(true);
    Ok(value)
}

async fn answer(http: &reqwest::Client, request: reqwest::Request, url: &str) -> Result<(StatusCode, Vec<u8>), Error> {
    let unreachable = |cause| Error::Unreachable { url: url.to_owned(), cause };
    let answer = http.execute(request).await.map_err(unreachable)?;
    let status = answer.status();
    let bytes = answer.bytes().await.map_err(unreachable)?;
    if status.is_success() {
        return Ok((status, bytes.into()));
    }
    match serde_json::from_slice::<Problem>(&bytes) {
        Ok(problem) => Err(Error::Refused(Box::new(problem))),
        Err(_) => Err(Error::Strange { status }),
    }
}
