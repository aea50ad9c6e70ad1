//! What it costs to know who asks: the same client asks an open route, one that needs a key and one that needs a session, in turns, each of which
//! answers a small list from memory. Goal: at most 5 % more at the median. And how long a login takes in our two handlers, without what the
//! provider takes of it: npm's `oidc-provider`, as the tests fetch it; where it is not there, that part is left out and said so.
//!
//! `cargo bench --bench access -- [--rounds 20] [--requests 500] [--logins 200]`

#[path = "../tests/behaviour/login/browser.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod browser;
mod ground;

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context;
use browser::Browser;
use ground::{Ground, setting};
use second_brain::{
    config::{
        Auth,
        auth::{Preset, Provider, Secret},
    },
    domain::{
        access::Role,
        groups::{GroupRules, RoleAt},
        ids::SpaceId,
    },
    runtime::Durability,
    wiring::{Brain, Links, Place, Roles},
};

const PREFIX: &str = "access";

fn main() -> anyhow::Result<()> {
    ground::run(measure())
}

/// A provider as long as it is held.
struct Op {
    issuer: String,
    program: Child,
}

impl Drop for Op {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

impl Op {
    /// `None` where the tests have not fetched it.
    fn start(brain: &str) -> Option<Self> {
        let modules = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oidc-provider/node_modules");
        if !modules.exists() {
            return None;
        }
        let mut command = Command::new("node");
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviour/login/op.mjs"));
        command.env("MODULES", modules).env("BRAIN", brain).env("PORT", "0").env("PLAIN", "");
        let mut program = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
        let mut line = String::new();
        BufReader::new(program.stdout.take()?).read_line(&mut line).ok()?;
        Some(Self { issuer: line.trim().to_owned(), program })
    }
}

fn provider(issuer: &str) -> Provider {
    let at = RoleAt { role: Role::Editor, space: Some(SpaceId::default_space()) };
    Provider {
        id: "home".into(),
        name: "Home".into(),
        preset: Preset::Oidc,
        issuer: issuer.into(),
        client_id: "brain-home".into(),
        client_secret: Some(Secret::Here("a secret of forty-four characters, for tests".into())),
        scopes: ["openid", "profile", "email", "groups"].map(str::to_owned).to_vec(),
        groups_claim: "groups".into(),
        auto_create: true,
        rules: GroupRules { map: BTreeMap::new(), default: Some(at) },
    }
}

async fn measure() -> anyhow::Result<()> {
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let base = format!("http://127.0.0.1:{port}");
    let op = Op::start(&base);
    let ground = Ground::new(Durability::Os).await?;
    ground.database(PREFIX).await?.close().await;
    let folder = tempfile::tempdir()?;
    let auth =
        Auth { base_url: Some(base.clone()), providers: op.iter().map(|op| provider(&op.issuer)).collect(), ..Auth::default() };
    let place = Place { auth, listen: ([127, 0, 0, 1], port).into(), ..ground::place(folder.path(), PREFIX, Roles::all())? };
    let brain = Brain::start(Links::embedded(&ground.servers, PREFIX), place).await?;
    let session = session(&base, &brain).await?;
    overhead(&base, &brain.credentials.api_key, &session).await?;
    match &op {
        Some(op) => logins(&base, op).await?,
        None => println!("logins are not measured: `cargo test --test behaviour -- login` fetches the provider"),
    }
    brain.stop().await;
    ground.end().await
}

/// The cookie of a session of the owner.
async fn session(base: &str, brain: &Brain) -> anyhow::Result<String> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let made = client.post(format!("{base}/api/v1/login-link")).bearer_auth(&brain.credentials.api_key).send().await?;
    let made: serde_json::Value = made.json().await?;
    let owner = Browser::of("owner");
    owner.get(made["url"].as_str().context("a link")?).await;
    owner.cookies(base).remove("brain").context("a session")
}

/// Asks the three routes in turns.
async fn overhead(base: &str, key: &str, session: &str) -> anyhow::Result<()> {
    let (rounds, requests) = (setting("rounds", 20), setting("requests", 500));
    let client = reqwest::Client::builder().no_proxy().build()?;
    let kinds = [
        ("no credential", "/auth/providers", None),
        ("a key", "/api/v1/me/passkeys", Some(("authorization", format!("Bearer {key}")))),
        ("a session", "/api/v1/me/passkeys", Some(("cookie", format!("brain={session}")))),
    ];
    let mut times: [Vec<Duration>; 3] = Default::default();
    for round in 0..=rounds {
        for ((_, path, header), times) in kinds.iter().zip(&mut times) {
            for _ in 0..requests {
                let mut request = client.get(format!("{base}{path}"));
                if let Some((name, value)) = header {
                    request = request.header(*name, value);
                }
                let began = Instant::now();
                let answer = request.send().await?;
                anyhow::ensure!(answer.status() == 200, "{path} answers {}", answer.status());
                answer.bytes().await?;
                // The first round warms up.
                if round > 0 {
                    times.push(began.elapsed());
                }
            }
        }
    }
    println!("| who asks | p50 | p95 | p50 against no credential |\n|---|---|---|---|");
    let open = quantile(&mut times[0], 0.5);
    for ((name, ..), times) in kinds.iter().zip(&mut times) {
        let (p50, p95) = (quantile(times, 0.5), quantile(times, 0.95));
        println!("| {name} | {p50:.1?} | {p95:.1?} | {:.3} × |", p50.as_secs_f64() / open.as_secs_f64());
    }
    Ok(())
}

/// Logs in again and again; the provider knows the person after the first time, and asks nothing.
async fn logins(base: &str, op: &Op) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let spent =
        async || -> anyhow::Result<Vec<f64>> { Ok(client.get(format!("{}/spent", op.issuer)).send().await?.json().await?) };
    let ann = Browser::of("ann");
    anyhow::ensure!(ann.log_in(base, "home").await.status == 303, "nobody is in");
    let (mut all, mut ours, mut theirs) = (vec![], vec![], vec![]);
    for _ in 0..setting("logins", 200) {
        let began = Instant::now();
        let begun = ann.get(&format!("{base}/auth/home")).await;
        let first = began.elapsed();
        let away = begun.location().context("away")?;
        let back = ann.walk(away.as_str(), |next| next.as_str().starts_with(base)).await;
        let back = back.map_err(|page| anyhow::anyhow!("does not come back: {}", page.url))?;
        // What the provider did for the browser is not of the handlers.
        spent().await?;
        let began = Instant::now();
        let entered = ann.get(back.as_str()).await;
        let whole = first + began.elapsed();
        anyhow::ensure!(entered.status == 303, "nobody is in: {}", entered.text);
        let provider = Duration::from_secs_f64(spent().await?.iter().sum::<f64>() / 1e3);
        all.push(whole);
        ours.push(whole.saturating_sub(provider));
        theirs.push(provider);
    }
    println!("\n| a login | p50 | p95 |\n|---|---|---|");
    for (name, times) in [("our two handlers", &mut ours), ("the provider behind them", &mut theirs), ("both", &mut all)] {
        println!("| {name} | {:.2?} | {:.2?} |", quantile(times, 0.5), quantile(times, 0.95));
    }
    Ok(())
}

fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    times[((times.len() - 1) as f64 * share) as usize]
}
