//! The master key: where it may come from, that the wrong one or none stops a start with nothing lost, and that it is turned while all goes on.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{
    Answer, Fleet, Reply, Sink, Transit, World,
    alone::{Alone, fail_to_start_with, said},
    eventually, reachable,
};

const HOOKS: &str = "/api/v1/webhooks";
const PORT: &str = "127.0.0.1:0";

/// A webhook with a secret and a header; answers its id and the secret.
async fn register(world: &World, url: &str) -> (String, String) {
    let wish = json!({"url": url, "events": ["memory.*"], "headers": {"x-tea": "at four"}});
    let made = world.send(Method::POST, HOOKS, wish).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    (made.body["webhook"]["id"].as_str().expect("an id").into(), made.body["secret"].as_str().expect("a secret").into())
}

async fn secret(world: &World, id: &str) -> Value {
    world.get_until(&format!("{HOOKS}/{id}/secret"), StatusCode::OK).await.body["secrets"][0].clone()
}

/// Waits until the secret of a webhook is shown, whoever is asked; answers it.
async fn shown(ask: impl AsyncFn(&str) -> Reply, id: &str) -> Value {
    let path = format!("{HOOKS}/{id}/secret");
    let secret = eventually(format!("{path} is shown"), async || {
        let reply = ask(&path).await;
        if reply.status == StatusCode::OK { Ok(reply.body["secrets"][0].clone()) } else { Err(reply) }
    });
    secret.await
}

fn lines(folder: &Path) -> Vec<String> {
    fs::read_to_string(folder.join("master.key")).expect("a file").lines().map(str::to_owned).collect()
}

fn another_key(version: u32) -> String {
    format!("{version} {}\n", STANDARD.encode([7; 32]))
}

fn write_key(folder: &Path, text: &str) {
    let path = folder.join("master.key");
    fs::write(&path, text).expect("its own");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its own");
}

/// `brain vault …` on a folder, without a server.
async fn offline(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brain"));
    command.args(["vault", "protect", "--data-dir"]).arg(folder).args(arguments).envs(variables.iter().copied());
    tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("the program runs")
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_key_or_none_stops_the_start_and_nothing_is_lost_by_it() {
    let mut world = World::new().await;
    let (id, before) = register(&world, "https://example.org/hook").await;
    let good = fs::read_to_string(world.folder().join("master.key")).expect("a file");
    let told = world.refused_after(|folder| fs::remove_file(folder.join("master.key")).expect("was there")).await;
    assert!(told.contains("there is no master key") && told.contains("BRAIN_MASTER_KEY_FILE"), "{told}");
    assert!(!world.folder().join("master.key").exists(), "none is made");
    let told = world.refused_after(|folder| write_key(folder, &another_key(1))).await;
    assert!(told.contains("version 1 of the master key is another one"), "{told}");
    assert!(told.contains(&world.folder().join("master.key").display().to_string()), "{told}");
    let told = world.refused_after(|folder| write_key(folder, &another_key(2))).await;
    assert!(told.contains("version 1 of the master key is missing"), "{told}");
    let told = world
        .refused_after(|folder| {
            write_key(folder, &good);
            fs::set_permissions(folder.join("master.key"), fs::Permissions::from_mode(0o644)).expect("its own");
        })
        .await;
    assert!(told.contains("chmod 600"), "{told}");
    world.restart_after(|folder| write_key(folder, &good)).await;
    assert_eq!(secret(&world, &id).await, json!(before));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_folder_gets_its_check_once_the_key_has_opened_something() {
    let mut world = World::new().await;
    let (id, before) = register(&world, "https://example.org/hook").await;
    let good = fs::read_to_string(world.folder().join("master.key")).expect("a file");
    world.forget_key_ring().await;
    let told = world.refused_after(|folder| write_key(folder, &another_key(1))).await;
    assert!(told.contains("opens none of the webhook secrets"), "{told}");
    let told = world.refused_after(|folder| fs::remove_file(folder.join("master.key")).expect("was there")).await;
    assert!(told.contains("there is no master key") && told.contains("webhook secrets"), "{told}");
    world.restart_after(|folder| write_key(folder, &good)).await;
    assert_eq!(secret(&world, &id).await, json!(before));
    let told = world.refused_after(|folder| write_key(folder, &another_key(1))).await;
    assert!(told.contains("version 1 of the master key is another one"), "now it is proven: {told}");
    world.restart_after(|folder| write_key(folder, &good)).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_loses_nothing_and_an_old_version_ends_when_nothing_is_under_it() {
    let mut world = World::new().await;
    let sink = Sink::new(|_| Answer::Status(204)).await;
    let (id, first) = register(&world, &sink.url).await;
    let rotated = world.brain(&["vault", "rotate", "--json"]).await;
    assert!(rotated.status.success(), "{}", told(&rotated));
    let rotated: Value = serde_json::from_slice(&rotated.stdout).expect("JSON");
    assert_eq!(rotated, json!({"version": 2, "before": 1, "processes": 1}));
    assert_eq!(lines(world.folder()).len(), 2);
    assert_eq!(secret(&world, &id).await, json!(first));
    let (other, second) = register(&world, &sink.url).await;
    let standing = world.get("/api/v1/vault").await.body;
    let sealed = |standing: &Value| -> Vec<Value> {
        standing["versions"].as_array().expect("versions").iter().map(|it| it["sealed"]["webhook secrets"].clone()).collect()
    };
    // Each endpoint has a secret and a header.
    assert_eq!((standing["active"].clone(), sealed(&standing)), (json!(2), vec![json!(2), json!(2)]));
    assert_eq!(standing["processes"][0]["versions"], json!([1, 2]));

    let in_use = world.send(Method::POST, "/api/v1/vault/destroy", json!({"version": 1})).await;
    assert_eq!((in_use.status, &in_use.body["code"]), (StatusCode::CONFLICT, &json!("vault.version_in_use")), "{in_use:?}");
    assert!(in_use.body["detail"].as_str().is_some_and(|detail| detail.contains("2 webhook secrets")), "{in_use:?}");
    for (version, code) in [(2, "vault.version_active"), (9, "vault.unknown_version")] {
        let refused = world.send(Method::POST, "/api/v1/vault/destroy", json!({"version": version})).await;
        assert_eq!(refused.body["code"], json!(code));
    }
    let rewrapped = world.send(Method::POST, "/api/v1/vault/rewrap", json!(null)).await;
    assert_eq!(rewrapped.body["rewrapped"]["webhook secrets"], json!(1), "{rewrapped:?}");
    let again = world.send(Method::POST, "/api/v1/vault/rewrap", json!(null)).await;
    assert_eq!(again.body["rewrapped"]["webhook secrets"], json!(0), "{again:?}");
    let old_file = fs::read_to_string(world.folder().join("master.key")).expect("a file");
    let destroyed = world.brain(&["vault", "destroy", "1"]).await;
    assert!(destroyed.status.success() && told(&destroyed).contains("version 1 is destroyed"), "{}", told(&destroyed));
    assert!(lines(world.folder()).len() == 1 && lines(world.folder())[0].starts_with("2 "));
    let shown = world.brain(&["vault", "status"]).await;
    let shown = told(&shown);
    assert!(shown.contains("1\tdestroyed\t") && shown.contains("2\tactive\t") && shown.contains("4 webhook secrets"), "{shown}");

    // A copy of the file from before brings nothing back.
    world.restart_after(|folder| write_key(folder, &old_file)).await;
    assert!(lines(world.folder()).len() == 1 && lines(world.folder())[0].starts_with("2 "));
    assert_eq!(secret(&world, &id).await, json!(first));
    assert_eq!(secret(&world, &other).await, json!(second));
    world.send(Method::POST, "/api/v1/memories", json!({"content": "tea"})).await;
    let seen = sink.wait_for(2).await;
    assert!(seen.iter().all(|request| request.headers["x-tea"] == "at four"), "{seen:?}");
    let third = world.send(Method::POST, "/api/v1/vault/rotate", json!(null)).await;
    assert_eq!(third.body["version"], json!(3), "the number of one that is gone is not given again: {third:?}");
    world.end().await;
}

/// Each place where a rotation may break off, as the next start finds it.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_broke_off_is_gone_on_with() {
    let mut world = World::new().await;
    let (id, before) = register(&world, "https://example.org/hook").await;
    // The file has the new version, and nobody else knows.
    let added = |folder: &Path| write_key(folder, &(lines(folder)[0].clone() + "\n" + &another_key(2)));
    world.restart_after(added).await;
    let standing = world.get("/api/v1/vault").await.body;
    assert_eq!((&standing["active"], &standing["versions"][1]["state"]), (&json!(1), &json!("announced")), "{standing}");
    register(&world, "https://example.org/hook").await;
    let standing = world.get("/api/v1/vault").await.body;
    assert_eq!(standing["versions"][1]["sealed"], json!({}), "what is announced seals nothing: {standing}");
    // It was announced, and the process died.
    world.restart().await;
    let rotated = world.send(Method::POST, "/api/v1/vault/rotate", json!(null)).await;
    assert_eq!((&rotated.body["version"], lines(world.folder()).len()), (&json!(2), 2), "the one that is there is taken");
    assert_eq!(format!("{}\n", lines(world.folder())[1]), another_key(2));
    assert_eq!(secret(&world, &id).await, json!(before));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_seals_once_all_processes_hold_it() {
    let world = World::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (shared, copied) = (folder.path().join("shared.key"), folder.path().join("copied.key"));
    let mut fleet = Fleet::of(&world).await;
    fleet.variables = vec![("BRAIN_MASTER_KEY_FILE", shared.display().to_string())];
    let (one, two) = (fleet.serve("api,projector").await, fleet.serve("api").await);
    let rotated = fleet.send(&one, Method::POST, "/api/v1/vault/rotate", json!(null)).await;
    assert_eq!(rotated.body, json!({"version": 2, "before": 1, "processes": 2}), "{rotated:?}");
    let wish = json!({"url": "https://example.org/hook", "events": ["*"]});
    let made = fleet.send(&one, Method::POST, HOOKS, wish).await;
    let id = made.body["webhook"]["id"].as_str().expect("an id");
    let read = shown(async |path| fleet.send(&two, Method::GET, path, json!(null)).await, id).await;
    assert_eq!(read, made.body["secret"]);

    // One that has a copy of the file does not learn of what is made in another.
    fs::copy(&shared, &copied).expect("copied");
    fleet.variables = vec![("BRAIN_MASTER_KEY_FILE", copied.display().to_string())];
    let three = fleet.serve("api").await;
    let refused = fleet.send(&one, Method::POST, "/api/v1/vault/rotate", json!(null)).await;
    assert_eq!((refused.status, &refused.body["code"]), (StatusCode::CONFLICT, &json!("vault.not_shared")), "{refused:?}");
    assert!(refused.body["detail"].as_str().is_some_and(|detail| detail.contains("does not hold version 3")), "{refused:?}");
    for member in [&one, &two, &three] {
        let standing = fleet.send(member, Method::GET, "/api/v1/vault", json!(null)).await;
        assert_eq!(standing.body["active"], json!(2), "{standing:?}");
    }
    fs::copy(&shared, &copied).expect("copied");
    let rotated = fleet.send(&three, Method::POST, "/api/v1/vault/rotate", json!(null)).await;
    assert_eq!(rotated.body, json!({"version": 3, "before": 2, "processes": 3}), "{rotated:?}");
    let is_known = async || {
        let standing = fleet.send(&two, Method::GET, "/api/v1/vault", json!(null)).await.body;
        let active: Vec<Value> = standing["processes"].as_array().expect("some").iter().map(|it| it["active"].clone()).collect();
        if active == [json!(3), json!(3), json!(3)] { Ok(()) } else { Err(standing) }
    };
    eventually("all processes seal under the new version", is_known).await;
    fleet.end();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_a_variable_is_seen_by_no_child_and_in_no_log() {
    let place = reachable();
    let folder = place.path().join("data");
    let key = STANDARD.encode([9; 32]);
    let variables = [("BRAIN_MASTER_KEY", key.as_str()), ("BRAIN_LOG", "trace")];
    let brain = Alone::with_variables(&folder, PORT, &variables).await;
    assert!(!folder.join("master.key").exists());
    let hook = json!({"url": "https://example.org/hook", "events": ["*"]});
    let made = brain.send(Method::POST, HOOKS, hook).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let refused = brain.send(Method::POST, "/api/v1/vault/rotate", json!(null)).await;
    assert_eq!(refused.body["code"], json!("vault.read_only"), "{refused:?}");
    assert!(refused.body["detail"].as_str().is_some_and(|detail| detail.contains("add the line  2 ")), "{refused:?}");
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", brain.pid())).unwrap_or_default();
    let mut seen = 0;
    for child in walk_processes(brain.pid()) {
        let environment = fs::read(format!("/proc/{child}/environ")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&environment).contains(&key), "process {child} is told the key ({children})");
        seen += 1;
    }
    assert!(seen >= 2, "nats-server and Postgres run");
    brain.stop().await;
    for entry in walkdir::WalkDir::new(folder.join("logs")).into_iter().flatten().filter(|entry| entry.file_type().is_file()) {
        assert!(!String::from_utf8_lossy(&fs::read(entry.path()).expect("a log")).contains(&key), "{}", entry.path().display());
    }
    assert!(!said(&folder).contains(&key));
    // Two sources, or what is no key, are said before anything starts.
    for (variables, words) in [
        (&[("BRAIN_MASTER_KEY", key.as_str()), ("BRAIN_MASTER_PASSPHRASE", "correct horse battery")][..], "one source"),
        (&[("BRAIN_MASTER_KEY", key.as_str()), ("BRAIN_MASTER_KEY_FILE", "/nonexistent")], "BRAIN_MASTER_KEY_FILE"),
        (&[("BRAIN_KMS_URL", "https://bao.example.org")], "BRAIN_KMS_TOKEN_FILE"),
        (&[("BRAIN_KMS_URL", "http://bao.example.org")], "https://bao.example.org:8200"),
        (&[("BRAIN_MASTER_PASSPHRASE", "short")], "at least 12 characters"),
    ] {
        let status = fail_to_start_with(&folder, PORT, variables).await;
        assert_eq!(status.code(), Some(2), "{words}");
        assert!(said(&folder).lines().last().is_some_and(|line| line.contains(words)), "{words}: {}", said(&folder));
    }
    assert!(!fail_to_start_with(&folder, PORT, &[("BRAIN_MASTER_KEY", "no key at all")]).await.success());
    assert!(said(&folder).contains("BRAIN_MASTER_KEY is no master key") && !said(&folder).contains("no key at all"));
}

/// All processes below one.
fn walk_processes(root: u32) -> Vec<u32> {
    let parent = |pid: u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse::<u32>().ok())
    };
    let all = fs::read_dir("/proc").expect("processes").flatten();
    let all: Vec<u32> = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    let is_below = |pid: u32| std::iter::successors(parent(pid), |pid| parent(*pid)).any(|above| above == root);
    all.into_iter().filter(|pid| is_below(*pid)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_wraps_the_key_from_the_first_start_or_later() {
    let place = reachable();
    let folder = place.path().join("data");
    let words = place.path().join("words");
    fs::write(&words, "correct horse battery\n").expect("its own");
    fs::set_permissions(&words, fs::Permissions::from_mode(0o600)).expect("its own");
    let file = words.display().to_string();
    let under = [("BRAIN_MASTER_PASSPHRASE_FILE", file.as_str())];
    let brain = Alone::with_variables(&folder, PORT, &under).await;
    let hook = json!({"url": "https://example.org/hook", "events": ["*"]});
    let made = brain.send(Method::POST, HOOKS, hook).await;
    let id = made.body["webhook"]["id"].as_str().expect("an id").to_owned();
    let rotated = brain.send(Method::POST, "/api/v1/vault/rotate", json!(null)).await;
    assert_eq!(rotated.body["version"], json!(2), "{rotated:?}");
    brain.stop().await;
    assert!(lines(&folder).len() == 2 && lines(&folder).iter().all(|line| line.contains(" argon2id m=65536,t=3,p=1 ")));
    for (variables, said_then) in [
        (&[("BRAIN_MASTER_PASSPHRASE", "wrong horse battery")][..], "the passphrase does not open version 1"),
        (&[], "set BRAIN_MASTER_PASSPHRASE_FILE or BRAIN_MASTER_PASSPHRASE"),
    ] {
        assert!(!fail_to_start_with(&folder, PORT, variables).await.success());
        assert!(said(&folder).contains(said_then), "{said_then}: {}", said(&folder));
    }
    let plain = offline(&folder, &["--plain"], &under).await;
    assert!(plain.status.success() && told(&plain).contains("2 versions"), "{}", told(&plain));
    assert!(lines(&folder).iter().all(|line| line.split(' ').count() == 2));
    let brain = Alone::with_variables(&folder, PORT, &[]).await;
    assert_eq!(shown(async |path| brain.send(Method::GET, path, json!(null)).await, &id).await, made.body["secret"]);
    // Also while it runs: what was sealed stays, and the next start is told how.
    let again = offline(&folder, &["--passphrase-file", &file], &[]).await;
    assert!(again.status.success() && told(&again).contains("set BRAIN_MASTER_PASSPHRASE_FILE="), "{}", told(&again));
    brain.stop().await;
    let brain = Alone::with_variables(&folder, PORT, &[("BRAIN_MASTER_PASSPHRASE", "correct horse battery")]).await;
    assert_eq!(shown(async |path| brain.send(Method::GET, path, json!(null)).await, &id).await, made.body["secret"]);
    brain.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_wraps_the_key_and_may_turn_its_own() {
    let place = reachable();
    let folder = place.path().join("data");
    let (token, wrong) = (place.path().join("token"), place.path().join("wrong"));
    fs::write(&token, "s.tea\n").expect("its own");
    fs::write(&wrong, "s.coffee\n").expect("its own");
    let transit = Transit::new("s.tea").await;
    let (url, token, wrong) = (transit.url(), token.display().to_string(), wrong.display().to_string());
    let by = [("BRAIN_KMS_URL", url.as_str()), ("BRAIN_KMS_TOKEN_FILE", token.as_str())];
    // It begins in clear and moves under the service.
    let brain = Alone::with_variables(&folder, PORT, &[]).await;
    let hook = json!({"url": "https://example.org/hook", "events": ["*"]});
    let made = brain.send(Method::POST, HOOKS, hook).await;
    let id = made.body["webhook"]["id"].as_str().expect("an id").to_owned();
    brain.stop().await;
    let moved = offline(&folder, &["--kms", &url, "--token-file", &token], &[]).await;
    assert!(moved.status.success() && told(&moved).contains("set BRAIN_KMS_URL="), "{}", told(&moved));
    assert!(lines(&folder)[0].starts_with("1 transit second-brain vault:v1:"));

    assert!(!fail_to_start_with(&folder, PORT, &[by[0], ("BRAIN_KMS_TOKEN_FILE", &wrong)]).await.success());
    assert!(said(&folder).contains("refuses the token in") && said(&folder).contains("permission denied"), "{}", said(&folder));
    assert!(!fail_to_start_with(&folder, PORT, &[by[0], by[1], ("BRAIN_KMS_KEY", "another")]).await.success());
    assert!(said(&folder).contains("is wrapped under the key second-brain"), "{}", said(&folder));

    // One that is not open yet is waited for.
    transit.seal(true);
    let started = Instant::now();
    let opening = async {
        tokio::time::sleep(Duration::from_secs(6)).await;
        transit.seal(false);
    };
    let (brain, ()) = tokio::join!(Alone::with_variables(&folder, PORT, &by), opening);
    assert!(started.elapsed() >= Duration::from_secs(6));
    assert_eq!(shown(async |path| brain.send(Method::GET, path, json!(null)).await, &id).await, made.body["secret"]);
    let rotated = brain.send(Method::POST, "/api/v1/vault/rotate", json!(null)).await;
    assert_eq!(rotated.body["version"], json!(2), "{rotated:?}");
    assert!(lines(&folder)[1].starts_with("2 transit second-brain vault:v1:"));
    let asked = transit.sink.seen().len();
    brain.send(Method::POST, HOOKS, json!({"url": "https://example.org/other", "events": ["*"]})).await;
    assert_eq!(transit.sink.seen().len(), asked, "what a master key seals needs no service");
    transit.rotate();
    let rewrapped = brain.send(Method::POST, "/api/v1/vault/rewrap", json!(null)).await;
    assert_eq!(rewrapped.body["wrapped_versions"], json!(2), "{rewrapped:?}");
    assert!(lines(&folder).iter().all(|line| line.contains(" transit second-brain vault:v2:")), "{:?}", lines(&folder));
    brain.stop().await;
    let brain = Alone::with_variables(&folder, PORT, &by).await;
    assert_eq!(shown(async |path| brain.send(Method::GET, path, json!(null)).await, &id).await, made.body["secret"]);
    brain.stop().await;
}
