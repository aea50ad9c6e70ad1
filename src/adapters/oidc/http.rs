//! The way to providers: one client that follows no redirect, waits only so long and reads only so much. Used by the files of this adapter.
//!
//! Decision 2026-11-28: addresses of this network are not refused here, as they are for webhooks. A provider stands in the settings of the
//! operator, most often in the same house; nobody else can name one.

use std::{pin::Pin, sync::Arc, time::Duration};

use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse, http};
use reqwest::Client;
use url::{Host, Url};

use super::drift::Drift;
use crate::{adapters::http::outgoing, ports::Clock};

/// How long one request may take in all.
const WORK_MAX: Duration = Duration::from_secs(10);
/// Largest answer of a provider, in bytes.
const ANSWER_BYTES_MAX: usize = 512 * 1_024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no answer of {host}")]
    Failed {
        host: String,
        #[source]
        cause: reqwest::Error,
    },
    #[error("the answer of {host} is longer than {ANSWER_BYTES_MAX} bytes")]
    TooLong { host: String },
    #[error("{0}")]
    Refused(String),
    #[error("no request")]
    Malformed(#[from] http::Error),
}

/// Asks providers. Cheap to clone.
#[derive(Clone)]
pub struct Way {
    client: Client,
    drift: Arc<Drift>,
}

impl Way {
    /// Errors: TLS cannot be set up.
    pub fn new(clock: Arc<dyn Clock>) -> Result<Self, reqwest::Error> {
        let client = outgoing().timeout(WORK_MAX).build()?;
        Ok(Self { client, drift: Arc::new(Drift::new(clock)) })
    }

    /// The hosts whose clocks are far from this one's, and by how many seconds they are ahead.
    pub fn wrong_clocks(&self) -> Vec<(String, i64)> {
        self.drift.off()
    }

    /// One request and its answer. Errors: no answer, one that is too long, or an address that is neither https nor this machine.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Error> {
        let url: Url = request.uri().to_string().parse().map_err(|_| Error::Refused("an endpoint is no URL".into()))?;
        must_be_safe(&url).map_err(Error::Refused)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let (head, body) = request.into_parts();
        let asked_at = self.drift.clock.now();
        let sent = self.client.request(head.method, url).headers(head.headers).body(body).send().await;
        let mut answer = sent.map_err(|cause| Error::Failed { host: host.clone(), cause: cause.without_url() })?;
        if let Some(date) = answer.headers().get(http::header::DATE).and_then(|date| date.to_str().ok()) {
            self.drift.note(&host, date, asked_at);
        }
        let mut built = http::Response::builder().status(answer.status());
        if let Some(media) = answer.headers().get(http::header::CONTENT_TYPE) {
            built = built.header(http::header::CONTENT_TYPE, media);
        }
        let mut bytes = vec![];
        while let Some(part) =
            answer.chunk().await.map_err(|cause| Error::Failed { host: host.clone(), cause: cause.without_url() })?
        {
            if bytes.len() + part.len() > ANSWER_BYTES_MAX {
                return Err(Error::TooLong { host });
            }
            bytes.extend_from_slice(&part);
        }
        Ok(built.body(bytes)?)
    }

    /// What stands at an address, as bytes of an answer that went well. `bearer` is the token to show there.
    /// Errors: as [`Self::send`], and any status but 200.
    pub async fn get(&self, url: &str, bearer: Option<&str>) -> Result<Vec<u8>, Error> {
        let mut request = http::Request::get(url).header(http::header::ACCEPT, "application/json");
        if let Some(token) = bearer {
            request = request.header(http::header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let answer = self.send(request.body(vec![])?).await?;
        if answer.status() == http::StatusCode::OK {
            Ok(answer.into_body())
        } else {
            Err(Error::Refused(format!("the provider answers {}", answer.status().as_u16())))
        }
    }
}

impl<'c> AsyncHttpClient<'c> for Way {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Error>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

/// Secrets go over TLS, or do not leave this machine. Errors: why not.
pub fn must_be_safe(url: &Url) -> Result<(), String> {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" if url.has_host() => Ok(()),
        "http" if is_here => Ok(()),
        _ => Err(format!("{} is not asked: only https is, and http on this machine", url.host_str().unwrap_or("an endpoint"))),
    }
}
