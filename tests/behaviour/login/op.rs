//! A real provider: npm's certified `oidc-provider`, in a process of its own. Where it
//! cannot be had, for want of node, npm or a registry, the tests that need it say so and pass.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::harness::{client, done, npm};

const PACKAGES: [&str; 1] = ["oidc-provider@9.13.3"];

/// The provider, as long as it is held.
pub struct Op {
    pub issuer: String,
    program: Child,
    brain: String,
    is_plain: bool,
}

impl Drop for Op {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

impl Op {
    /// One that knows brain at this address. `is_plain` puts all claims into the identity token; else they stand in userinfo alone.
    pub async fn start(brain: &str, is_plain: bool) -> Option<Self> {
        let (program, issuer) = run(brain, is_plain, 0).await?;
        Some(Self { issuer, program, brain: brain.to_owned(), is_plain })
    }

    /// The same provider, under its address, with keys of which nobody has heard.
    pub async fn with_new_keys(mut self) -> Self {
        let _ = self.program.kill();
        let _ = self.program.wait();
        let port = self.issuer.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        let (program, issuer) = run(&self.brain, self.is_plain, port).await.expect("it ran before");
        assert_eq!(issuer, self.issuer);
        self.program = program;
        self
    }

    pub async fn control(&self, wanted: Value) {
        let answer = client().post(format!("{}/control", self.issuer)).body(wanted.to_string()).send().await.expect("an answer");
        assert!(answer.status().is_success());
    }
}

async fn run(brain: &str, is_plain: bool, port: u16) -> Option<(Child, String)> {
    let loss = "LOGINS ARE NOT TESTED AGAINST A REAL PROVIDER";
    let modules = npm::modules("oidc-provider", &PACKAGES, loss).await?;
    let mut command = Command::new("node");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviour/login/op.mjs"));
    command
        .env("MODULES", modules)
        .env("BRAIN", brain)
        .env("PORT", port.to_string())
        .env("PLAIN", if is_plain { "1" } else { "" });
    let mut program = command.stdout(Stdio::piped()).spawn().expect("node runs");
    let out = program.stdout.take().expect("piped");
    let line = spawn_blocking(move || {
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).map(|_| line)
    });
    let line = done("the provider says where it is", line).await.expect("no panic").expect("a line");
    let issuer = line.trim().to_owned();
    assert!(issuer.starts_with("http://"), "the provider did not start: {line:?}");
    Some((program, issuer))
}
