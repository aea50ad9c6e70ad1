//! `brain webhooks …`: who is told of events, and what became of it.

use std::{collections::BTreeMap, process::ExitCode};

use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::{
    client::{Connection, Request},
    layout::Layout,
    moment, table,
};
use crate::{
    api::v1::dto::{
        delivery::{AttemptView, DeliveryAnswer, DeliveryPage, HealthAnswer, RecoverAnswer, RedeliverAnswer},
        webhook::{FilterDto, RotateInput, SecretsAnswer, WebhookInput, WebhookPage, WebhookPatch, WebhookView, WebhookWritten},
    },
    domain::ids::Timestamp,
};

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    wish: Wish,
}

#[derive(clap::Subcommand)]
enum Wish {
    /// Send events to an address from now on, and print the secret that signs them
    Add(Add),
    /// Show all webhooks
    List,
    /// Show one
    Show(One),
    /// Change address or events
    Update {
        /// The webhook's id
        id: Uuid,
        /// The new address; --url is the server's
        #[arg(long)]
        address: Option<String>,
        /// Types of events; repeat it for several
        #[arg(long = "event")]
        events: Vec<String>,
        /// What it is for
        #[arg(long)]
        description: Option<String>,
    },
    /// Switch one on; what was pending is sent
    Enable(One),
    /// Switch one off; what is pending waits
    Disable(One),
    /// Delete one; nothing more is sent
    Rm(One),
    /// Make a new secret, beside which the old one signs for a while
    Rotate {
        /// The webhook's id
        id: Uuid,
        /// How long the old one still signs, in hours
        #[arg(long, default_value_t = 24)]
        overlap_h: u32,
    },
    /// Let the newest secret alone sign
    Revoke(One),
    /// Print the secrets that sign now
    Secret(One),
    /// Send a test event now and show what came of it
    Test(One),
    /// Show how one fares: success rate, times, backlog
    Health(One),
    /// Show what was sent, newest first; one delivery with its attempts when a position is named
    Deliveries {
        /// The webhook's id
        id: Uuid,
        /// Only this delivery, by the event's position in the log
        position: Option<u64>,
        /// Only in this state: pending, delivered, failed or discarded
        #[arg(long)]
        state: Option<String>,
        /// Most deliveries, 1 to 200
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Try one delivery again
    Resend {
        /// The webhook's id
        id: Uuid,
        /// The event's position in the log
        position: u64,
    },
    /// Try again what has failed since then
    Recover {
        /// The webhook's id
        id: Uuid,
        /// A day or a time: 2026-11-27, 2026-11-27T10:00, yesterday, 3d
        #[arg(value_parser = moment::time)]
        since: Timestamp,
    },
    /// Deliver what one has missed after a position
    Replay {
        /// The webhook's id
        id: Uuid,
        /// The position after which it has missed something
        after: u64,
    },
}

/// One webhook.
#[derive(clap::Args)]
struct One {
    /// The webhook's id
    id: Uuid,
}

#[derive(clap::Args)]
struct Add {
    /// The address that events are sent to
    url: String,
    /// Types of events: memory.created, memory.* or *; repeat it for several
    #[arg(long = "event", default_value = "*")]
    events: Vec<String>,
    /// Only of memories with one of these tags; repeat it for several
    #[arg(long = "tag")]
    tags: Vec<String>,
    /// A header to send along, as Name: value; repeat it for several
    #[arg(long = "header", value_parser = header)]
    headers: Vec<(String, String)>,
    /// What it is for
    #[arg(long, default_value = "")]
    description: String,
    /// Send no content, only what has changed
    #[arg(long)]
    thin: bool,
    /// Events of one memory one after the other, in order
    #[arg(long)]
    ordered: bool,
    /// Sign with an ed25519 key as well
    #[arg(long)]
    asymmetric: bool,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a header is written Name: value")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

pub async fn run(args: Args, connection: &Connection) -> anyhow::Result<ExitCode> {
    const ALL: &str = "/api/v1/webhooks";
    let get = |id: Uuid, rest: &str| connection.get(&format!("{ALL}/{id}{rest}"));
    let post = |id: Uuid, rest: &str| connection.request(Method::POST, &format!("{ALL}/{id}{rest}"));
    match args.wish {
        Wish::Add(add) => written(connection, connection.request(Method::POST, ALL).body(&input(add)), "added").await,
        Wish::List => connection.show(connection.get(ALL).send().await, |page: WebhookPage| table::webhooks(&page.webhooks)),
        Wish::Show(One { id }) => connection.show(get(id, "").send().await, |view: WebhookView| table::webhook(&view)),
        Wish::Update { id, address, events, description } => {
            let events = (!events.is_empty()).then_some(events);
            let patch = WebhookPatch { url: address, events, description, ..WebhookPatch::default() };
            let request = connection.request(Method::PATCH, &format!("{ALL}/{id}")).body(&patch);
            written(connection, request, "updated").await
        }
        Wish::Enable(One { id }) => written(connection, post(id, "/enable"), "enabled").await,
        Wish::Disable(One { id }) => written(connection, post(id, "/disable"), "disabled").await,
        Wish::Rm(One { id }) => written(connection, connection.request(Method::DELETE, &format!("{ALL}/{id}")), "deleted").await,
        Wish::Rotate { id, overlap_h } => {
            let input = RotateInput { secret: None, overlap_h: Some(overlap_h) };
            written(connection, post(id, "/secret/rotate").body(&input), "rotated").await
        }
        Wish::Revoke(One { id }) => written(connection, post(id, "/secret/revoke"), "revoked older secrets of").await,
        Wish::Secret(One { id }) => {
            let lines = |answer: SecretsAnswer| [answer.secrets, answer.public_keys].concat().join("\n");
            connection.show(get(id, "/secret").send().await, lines)
        }
        Wish::Test(One { id }) => {
            connection.show(post(id, "/test").send().await, |attempt: AttemptView| table::attempts(&[attempt]))
        }
        Wish::Health(One { id }) => {
            connection.show(get(id, "/health").send().await, |health: HealthAnswer| table::health(&health))
        }
        Wish::Deliveries { id, position: Some(position), .. } => {
            let show = |answer: DeliveryAnswer| {
                Layout::from(table::deliveries(&[answer.delivery])).table(table::attempts(&answer.attempts))
            };
            connection.show(get(id, &format!("/deliveries/{position}")).send().await, show)
        }
        Wish::Deliveries { id, position: None, state, limit } => {
            let mut query = vec![("limit", limit.to_string())];
            query.extend(state.map(|state| ("state", state)));
            let answer = get(id, "/deliveries").query(&query).send().await;
            connection.show(answer, |page: DeliveryPage| table::deliveries(&page.deliveries))
        }
        Wish::Resend { id, position } => recovered(connection, post(id, &format!("/deliveries/{position}/resend"))).await,
        Wish::Recover { id, since } => recovered(connection, post(id, "/recover").body(&json!({"since": since}))).await,
        Wish::Replay { id, after } => {
            let answer = post(id, "/replay").body(&json!({"after": after})).send().await;
            connection.show(answer, |it: RedeliverAnswer| format!("looking for missed events from {} to {}", it.after, it.upto))
        }
    }
}

fn input(add: Add) -> WebhookInput {
    WebhookInput {
        url: Some(add.url),
        events: add.events,
        filter: FilterDto { tags: add.tags, ..FilterDto::default() },
        headers: BTreeMap::from_iter(add.headers),
        description: add.description,
        payload: add.thin.then(|| "thin".to_owned()),
        ordered: add.ordered,
        asymmetric: add.asymmetric,
        ..WebhookInput::default()
    }
}

async fn written(connection: &Connection, request: Request, verb: &str) -> anyhow::Result<ExitCode> {
    connection.show(request.send().await, |answer: WebhookWritten| {
        let secret = answer.secret.map(|secret| format!("\nsecret {secret}")).unwrap_or_default();
        let it = &answer.webhook;
        format!("{verb} {} (revision {}, position {}){secret}", it.id, it.revision, answer.position)
    })
}

async fn recovered(connection: &Connection, request: Request) -> anyhow::Result<ExitCode> {
    connection.show(request.send().await, |answer: RecoverAnswer| format!("{} deliveries are pending again", answer.recovered))
}
