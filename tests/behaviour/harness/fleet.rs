//! Roles of one brain as processes of their own, on a prefix and a database of the test's own.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::Mutex,
};

use reqwest::Method;
use serde_json::Value;

use super::{
    Reply, World, done, reply,
    servers::{create_database, fresh_name},
};

pub struct Fleet {
    name: String,
    nats_url: String,
    database_url: String,
    client: reqwest::Client,
    /// What those that are started from now on find in their environment besides.
    pub variables: Vec<(&'static str, String)>,
    children: Mutex<Vec<(String, Child)>>,
}

/// A process that serves.
pub struct Member {
    pub url: String,
    folder: tempfile::TempDir,
}

impl Member {
    pub fn key(&self) -> String {
        let text = std::fs::read(self.folder.path().join("credentials.json")).expect("credentials");
        let credentials: Value = serde_json::from_slice(&text).expect("JSON");
        credentials["api_key"].as_str().expect("a key").to_owned()
    }
}

impl Fleet {
    pub async fn of(world: &World) -> Self {
        let servers = world.servers.as_ref().expect("held");
        let name = fresh_name();
        create_database(servers, &name).await;
        let nats = servers.nats();
        let nats_url = nats.url.replace("nats://", &format!("nats://{}:{}@", nats.user, nats.password));
        let database_url = servers.postgres().owner_url(&name);
        Self { name, nats_url, database_url, client: world.client.clone(), variables: vec![], children: Mutex::new(vec![]) }
    }

    /// Starts a process with these roles and waits until it serves.
    pub async fn serve(&mut self, roles: &str) -> Member {
        self.start(roles, "127.0.0.1:0", tempfile::tempdir().expect("a folder")).await
    }

    /// Starts a process that was killed once more, with its folder and under its address.
    pub async fn serve_again(&mut self, killed: Member, roles: &str) -> Member {
        self.start(roles, killed.url.trim_start_matches("http://"), killed.folder).await
    }

    /// The process is held before it has said anything: one that never does ends with the test.
    async fn start(&mut self, roles: &str, listen: &str, folder: tempfile::TempDir) -> Member {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brain"));
        command.args(["serve", "--listen", listen, "--roles", roles, "--prefix", &self.name, "--data-dir"]);
        command.arg(folder.path()).stdout(Stdio::piped());
        command.env("BRAIN_NATS_URL", &self.nats_url).env("BRAIN_DATABASE_URL", &self.database_url).env("BRAIN_LOG", "error");
        command.envs(self.variables.iter().map(|(name, value)| (*name, value.as_str())));
        let mut child = command.spawn().expect("the program runs");
        let out = child.stdout.take().expect("piped");
        self.children.get_mut().expect("unpoisoned").push((String::new(), child));
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(out).read_line(&mut line).map(|_| line)
        });
        let line = done("the process says where it is", line).await.expect("no panic").expect("a line");
        let url = line.trim().rsplit(' ').next().expect("an address").to_owned();
        assert!(url.starts_with("http://"), "the process did not start: {line:?}");
        self.children.get_mut().expect("unpoisoned").last_mut().expect("pushed above").0.clone_from(&url);
        Member { url, folder }
    }

    pub async fn send(&self, member: &Member, method: Method, path: &str, body: Value) -> Reply {
        reply(self.client.request(method, format!("{}{path}", member.url)).bearer_auth(member.key()).json(&body)).await
    }

    /// kill -9.
    pub fn kill(&self, member: &Member) {
        let mut children = self.children.lock().expect("unpoisoned");
        let at = children.iter().position(|(url, _)| *url == member.url).expect("runs");
        let (_, mut child) = children.swap_remove(at);
        child.kill().expect("killed");
        child.wait().expect("reaped");
    }

    pub fn end(self) {}
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for (_, child) in self.children.get_mut().expect("unpoisoned") {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
