//! `brain vault …`: the master key. All but `protect` ask the running server; that one works on the file alone, while nothing runs or while
//! something does: what was sealed stays as it is.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use reqwest::Method;

use super::{
    Usage,
    client::Connection,
    connect::ConnectionArgs,
    output,
    settings::{Flags, OfAll},
    table,
};
use crate::{
    adapters::{
        http::install_tls,
        vault::place::{Place, Source},
    },
    api::v1::vault::{DestroyInput, DestroyedAnswer, RewrappedAnswer, RotatedAnswer, VaultAnswer},
    config::{Config, security::Kms},
    wiring::vault as wired,
};

const VAULT: &str = "/api/v1/vault";
/// Everything that is sealed may be sealed anew.
const REWRAP_WAIT: Duration = Duration::from_secs(6 * 60 * 60);

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    wish: Wish,
}

#[derive(clap::Subcommand)]
enum Wish {
    /// Show the versions of the master key, and what is sealed under each
    Status(ConnectionArgs),
    /// Make a new version and let it seal, once all processes hold it
    Rotate(ConnectionArgs),
    /// Seal under the newest version what lies under older ones
    Rewrap(ConnectionArgs),
    /// End an old version for ever; refused while anything is sealed under it
    Destroy {
        /// Its number, as `brain vault status` shows it
        number: u32,
        #[command(flatten)]
        connection: ConnectionArgs,
    },
    /// Write the file of the master key anew: under a passphrase, under a key management service, or in clear
    Protect(Box<Protect>),
}

/// How the file is to be kept from now on. Where it lies and how it is opened now, the settings say.
#[derive(clap::Args)]
#[group(id = "to", required = true, multiple = false)]
struct To {
    /// Under the passphrase in this file
    #[arg(long, value_name = "PATH")]
    passphrase_file: Option<PathBuf>,
    /// Under a key of this OpenBao or HashiCorp Vault; the key's name and the token by --to-key, --to-mount, --token-file
    #[arg(long, value_name = "URL", requires = "token_file")]
    kms: Option<reqwest::Url>,
    /// In clear, for the file's owner alone
    #[arg(long)]
    plain: bool,
}

#[derive(clap::Args)]
struct Protect {
    #[command(flatten)]
    to: To,
    /// The key's name in the transit engine
    #[arg(long, value_name = "NAME", default_value = "second-brain")]
    to_key: String,
    /// Where the transit engine is mounted
    #[arg(long, value_name = "NAME", default_value = "transit")]
    to_mount: String,
    /// The namespace of the transit engine
    #[arg(long, value_name = "NAME")]
    to_namespace: Option<String>,
    /// A file with the token that the service is asked by
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    settings: Flags<OfAll>,
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.wish {
        Wish::Status(connection) => {
            let connection = connection.open()?;
            connection.show(connection.get(VAULT).send().await, |answer: VaultAnswer| table::vault(&answer))
        }
        Wish::Rotate(connection) => {
            let connection = connection.open()?;
            let answer = post(&connection, "rotate").send().await;
            connection.show(answer, |RotatedAnswer { version, before, processes }: RotatedAnswer| {
                format!("version {version} seals, {processes} processes hold it; version {before} still opens what it sealed\nnext: brain vault rewrap")
            })
        }
        Wish::Rewrap(connection) => {
            let connection = connection.open()?;
            let answer = post(&connection, "rewrap").timeout(REWRAP_WAIT).send().await;
            connection.show(answer, |answer: RewrappedAnswer| {
                let count = |(name, count): (&String, &u64)| format!("{count} {name}");
                let counts: Vec<String> = answer.rewrapped.iter().map(count).collect();
                format!("sealed anew under version {}: {}", answer.active, counts.join(", "))
            })
        }
        Wish::Destroy { number: version, connection } => {
            let connection = connection.open()?;
            let answer = post(&connection, "destroy").body(&DestroyInput { version }).send().await;
            connection.show(answer, |DestroyedAnswer { version, left_to_do }: DestroyedAnswer| match left_to_do {
                None => format!("version {version} is destroyed"),
                Some(left) => format!("version {version} is destroyed for this instance; {left}"),
            })
        }
        Wish::Protect(protect) => rewrite(*protect).await,
    }
}

fn post(connection: &Connection, wish: &str) -> super::client::Request {
    connection.request(Method::POST, &format!("{VAULT}/{wish}"))
}

/// Opens the file as the settings say and writes it as the command line does.
async fn rewrite(wish: Protect) -> anyhow::Result<ExitCode> {
    let Config { folders, security, .. } = wish.settings.config()?;
    install_tls();
    let from = wired::place(&security, &folders.data_dir)?;
    if let Source::Variable(_) = from.source {
        bail!(Usage("the master key comes from BRAIN_MASTER_KEY, and there is no file to protect".into()));
    }
    let (source, next) = match wish.to {
        To { passphrase_file: Some(path), .. } => {
            (Source::Passphrase(wired::passphrase(&path)?), format!("set BRAIN_MASTER_PASSPHRASE_FILE={}", path.display()))
        }
        To { kms: Some(url), .. } => {
            let token_file = wish.token_file.context("clap asks for it")?;
            let next = format!(
                "set BRAIN_KMS_URL={url} BRAIN_KMS_KEY={} BRAIN_KMS_MOUNT={} BRAIN_KMS_TOKEN_FILE={}",
                wish.to_key,
                wish.to_mount,
                token_file.display()
            );
            let kms = Kms { url, key: wish.to_key, mount: wish.to_mount, namespace: wish.to_namespace, token_file };
            (wired::source_of_service(kms)?, next)
        }
        To { .. } => {
            (Source::File, "set none of BRAIN_MASTER_PASSPHRASE, BRAIN_MASTER_PASSPHRASE_FILE, BRAIN_KMS_URL".to_owned())
        }
    };
    let to = Place { path: from.path.clone(), source };
    let versions = from.protect(&to).await?;
    output::line(format_args!("{} versions of the master key are kept in {}", versions, to.describe()))?;
    output::say(format_args!("before the next start: {next}"));
    Ok(ExitCode::SUCCESS)
}
