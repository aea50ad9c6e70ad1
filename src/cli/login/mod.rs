//! `brain login` and `brain logout`: tokens of a server for whoever sits here, by a browser on this machine or on another one.

pub mod ask;
pub mod held;
mod loopback;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use serde_json::json;

use self::held::{Logins, Tokens};
use super::{
    client::{Connection, Error},
    connect::{ConnectionArgs, http},
    output,
};
use crate::{
    api::{
        oauth::{DeviceAnswer, OauthProblem, ServerMetadata, TokenAnswer},
        v1::dto::access::MeView,
    },
    app::oauth::CLI,
    domain::access::Scope,
};

/// The way of a device that has no browser.
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// How much slower a device asks once it was told to slow down, in seconds (RFC 8628, 3.5).
const SLOWER_S: u64 = 5;

#[derive(clap::Args)]
pub struct Args {
    /// Show a code to be typed into a browser elsewhere; the default where there is no screen
    #[arg(long, visible_alias = "no-browser")]
    device: bool,
    /// Ask for this scope only; repeat it for several; everything when absent
    #[arg(long = "scope")]
    scopes: Vec<String>,
    /// The space that later verbs speak of, where the login is for several
    #[arg(long)]
    space: Option<String>,
}

#[derive(clap::Args)]
pub struct LogoutArgs {}

/// A refusal of the server, for people.
fn refused(url: &str, problem: &OauthProblem) -> Error {
    Error::Login { url: url.to_owned(), why: format!("{} ({})", problem.error_description, problem.error) }
}

/// `brain login`.
pub async fn run(args: Args, connection: ConnectionArgs) -> anyhow::Result<ExitCode> {
    let (url, data_dir) = connection.server()?;
    let http = http(&url)?;
    let url = url.as_str().trim_end_matches('/').to_owned();
    let scope = if args.scopes.is_empty() { Scope::ALL.map(Scope::as_str).join(" ") } else { args.scopes.join(" ") };
    let by_device = args.device || !loopback::has_screen();
    let given = async {
        let server = ask::metadata(&http, &url).await?;
        let given = if by_device { device(&http, &server, &scope).await } else { loopback::run(&http, &server, &scope).await };
        given.map(|given| (server, given))
    };
    let (server, given) = match given.await {
        Ok(given) => given,
        Err(error) => return Ok(error.report()),
    };
    let space = args.space.or_else(|| given.space.clone());
    let (scope, opens) = (given.scope.clone(), given.space.clone());
    let tokens = Tokens {
        access_token: String::new(),
        expires_at: chrono::DateTime::UNIX_EPOCH,
        refresh_token: String::new(),
        token_endpoint: server.token_endpoint,
        revocation_endpoint: server.revocation_endpoint,
        space,
    };
    Logins::of(&data_dir).keep(&url, tokens.renewed(given)).await?;
    let json = connection.json;
    greet(&connection.open()?, (&url, opens.as_deref(), &scope), json).await
}

async fn greet(connection: &Connection, (url, space, scope): (&str, Option<&str>, &str), json: bool) -> anyhow::Result<ExitCode> {
    let me: MeView = match connection.get("/api/v1/me").read().await {
        Ok(me) => me,
        Err(error) => return connection.fail(&error),
    };
    if json {
        output::line(json!({"url": url, "id": me.id, "name": me.name, "space": space, "scope": scope}))?;
    } else {
        let name = me.name.unwrap_or_else(|| me.id.to_string());
        let space = space.map_or_else(|| "all spaces".to_owned(), |space| format!("the space {space}"));
        output::line(format_args!("logged in to {url} as {name}, for {space}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows a code, and asks until its person has said something.
async fn device(http: &reqwest::Client, server: &ServerMetadata, scope: &str) -> Result<TokenAnswer, Error> {
    let place = &server.device_authorization_endpoint;
    let begun: Result<DeviceAnswer, _> = ask::form(http, place, &[("client_id", CLI), ("scope", scope)]).await?;
    let begun = begun.map_err(|problem| refused(&server.issuer, &problem))?;
    output::say(format_args!("Open {} in a browser and type the code {}", begun.verification_uri, begun.user_code));
    output::say(format_args!("or open {}", begun.verification_uri_complete));
    let form = [("grant_type", DEVICE), ("device_code", begun.device_code.as_str()), ("client_id", CLI)];
    let mut interval_s = u64::try_from(begun.interval).unwrap_or(SLOWER_S).max(1);
    loop {
        tokio::time::sleep(Duration::from_secs(interval_s)).await;
        match ask::form(http, &server.token_endpoint, &form).await {
            Ok(Ok(given)) => return Ok(given),
            Ok(Err(problem)) => match problem.error.as_str() {
                "authorization_pending" | "temporarily_unavailable" => {}
                "slow_down" => interval_s += SLOWER_S,
                _ => return Err(refused(&server.issuer, &problem)),
            },
            // A server that is being started again knows the code afterwards.
            Err(Error::Unreachable { .. }) => interval_s = (interval_s * 2).min(60),
            Err(other) => return Err(other),
        }
    }
}

/// `brain logout`.
pub async fn out(connection: &ConnectionArgs) -> anyhow::Result<ExitCode> {
    let (named, data_dir): (Option<String>, PathBuf) = connection.named_server()?;
    let logins = Logins::of(&data_dir);
    let Some(url) = logins.server(named.as_deref())? else {
        output::say("brain: nobody is logged in");
        return Ok(ExitCode::SUCCESS);
    };
    if let Some(tokens) = logins.get(&url)? {
        let http = http(&url.parse()?)?;
        let form = [("token", tokens.refresh_token.as_str()), ("token_type_hint", "refresh_token"), ("client_id", CLI)];
        let told: Result<Result<serde_json::Value, OauthProblem>, Error> =
            ask::form(&http, &tokens.revocation_endpoint, &form).await;
        match told {
            Ok(Ok(_)) => {}
            // What the server does not know any more is over.
            Ok(Err(problem)) if problem.error == "invalid_grant" => {}
            Ok(Err(problem)) => return Ok(refused(&url, &problem).report()),
            Err(error) => return Ok(error.report()),
        }
    }
    logins.forget(&url).await?;
    if connection.json {
        output::line(json!({"url": url}))?;
    } else {
        output::line(format_args!("logged out of {url}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
