//! `brain members …`: who belongs to the space, and how somebody comes to.

use std::process::ExitCode;

use reqwest::Method;
use uuid::Uuid;

use super::{connect::ConnectionArgs, table};
use crate::{
    adapters::system::SystemClock,
    api::v1::dto::access::{
        InvitationInput, InvitationList, InvitationView, InvitationWritten, JoinInput, JoinedView, MemberInput, MemberList,
        MemberView, RoleInput,
    },
    ports::Clock,
};

const ALL: &str = "/api/v1/members";
const INVITATIONS: &str = "/api/v1/invitations";
const DAY_S: u64 = 24 * 3_600;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    wish: Option<Wish>,
}

#[derive(clap::Subcommand)]
enum Wish {
    /// Show all members; without a wish as well
    List,
    /// Make an agent, or with --person a person, who then acts by a key: brain keys new LABEL --principal ID
    Add {
        /// What others shall call it
        name: String,
        /// reader, editor or owner
        #[arg(long, default_value = "editor")]
        role: String,
        /// It is a person
        #[arg(long)]
        person: bool,
    },
    /// Give a member another role
    Role {
        /// The member's id
        id: Uuid,
        /// reader, editor or owner
        role: String,
    },
    /// Remove a member, whose keys then open nothing here
    Rm {
        /// The member's id
        id: Uuid,
    },
    /// Print a secret that makes whoever shows it first a member
    Invite {
        /// reader, editor or owner
        #[arg(long, default_value = "reader")]
        role: String,
        /// For how many days it is good, up to 90
        #[arg(long, default_value_t = 7)]
        days: u32,
    },
    /// Show all invitations
    Invitations,
    /// Withdraw an invitation
    Withdraw {
        /// The invitation's id
        id: Uuid,
    },
    /// Take an invitation and print the key that you get, this once; --url names the server
    Join {
        /// What you were given: sbi_…
        secret: String,
        /// What others shall call you
        #[arg(long)]
        name: String,
    },
}

pub async fn run(args: Args, connection: ConnectionArgs) -> anyhow::Result<ExitCode> {
    let wish = args.wish.unwrap_or(Wish::List);
    let given = if let Wish::Join { secret, .. } = &wish { Some(secret.as_str()) } else { None };
    let connection = &connection.open_by(given)?;
    let one = |method: Method, id: Uuid| connection.request(method, &format!("{ALL}/{id}"));
    match wish {
        Wish::List => connection.show(connection.get(ALL).send().await, |list: MemberList| table::members(&list.members)),
        Wish::Add { name, role, person } => {
            let kind = if person { "person" } else { "agent" };
            let input = MemberInput { kind: Some(kind.into()), name: Some(name), role: Some(role) };
            let answer = connection.request(Method::POST, ALL).body(&input).send().await;
            connection.show(answer, |it: MemberView| format!("added {} as {}", it.id, it.role))
        }
        Wish::Role { id, role } => {
            let answer = one(Method::PUT, id).body(&RoleInput { role: Some(role) }).send().await;
            connection.show(answer, |it: MemberView| format!("{} is {} now", it.id, it.role))
        }
        Wish::Rm { id } => match one(Method::DELETE, id).text().await {
            Ok(_) => connection.show(Ok(serde_json::Value::Null), |(): ()| format!("removed {id}")),
            Err(error) => connection.fail(&error),
        },
        Wish::Invite { role, days } => {
            let input = InvitationInput { role: Some(role), expires_in_s: Some(u64::from(days) * DAY_S) };
            let answer = connection.request(Method::POST, INVITATIONS).body(&input).send().await;
            let said =
                |it: InvitationWritten| format!("invited as {} ({})\nsecret {}", it.invitation.role, it.invitation.id, it.secret);
            connection.show(answer, said)
        }
        Wish::Invitations => {
            let now = SystemClock.now();
            let rows = |list: InvitationList| table::invitations(&list.invitations, now);
            connection.show(connection.get(INVITATIONS).send().await, rows)
        }
        Wish::Withdraw { id } => {
            let answer = connection.request(Method::DELETE, &format!("{INVITATIONS}/{id}")).send().await;
            connection.show(answer, |it: InvitationView| format!("withdrew {}", it.id))
        }
        Wish::Join { secret, name } => {
            let input = JoinInput { secret: Some(secret), name: Some(name) };
            let answer = connection.request(Method::POST, &format!("{INVITATIONS}/accept")).body(&input).send().await;
            connection.show(answer, |it: JoinedView| format!("you are {} in {}\nkey {}", it.role, it.key.space, it.secret))
        }
    }
}
