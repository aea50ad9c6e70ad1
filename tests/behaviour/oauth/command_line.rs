//! `brain login`, on a machine without a screen and on one with a browser, and everything after it.

use std::{
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::{owner, say, world};
use crate::{
    harness::{World, done, eventually, finished, output_of},
    login::browser::Browser,
};

/// The command line of somebody who has no key.
fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brain"));
    command.args(arguments).env("BRAIN_DATA_DIR", folder).env_remove("BRAIN_API_KEY").env_remove("BRAIN_URL");
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "SSH_TTY", "BROWSER"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn run(folder: &Path, arguments: &[&str]) -> Output {
    finished(command(folder, arguments)).await
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The first line of what a program says beside its answers that holds this.
async fn line_with(program: &mut Child, what: &'static str) -> String {
    let said = program.stderr.take().expect("piped");
    let found = spawn_blocking(move || {
        let mut lines = BufReader::new(said).lines().map_while(Result::ok);
        let found = lines.by_ref().find(|line| line.contains(what));
        // Held open: a program that cannot say anything might end.
        std::mem::forget(lines);
        found
    });
    done("it says so", found).await.expect("no panic").unwrap_or_else(|| panic!("it says nothing of {what}"))
}

async fn log_in_by_device(world: &World, browser: &Browser, folder: &Path) {
    let mut program = command(folder, &["login", "--url", world.url()]).spawn().expect("it runs");
    let line = line_with(&mut program, "or open ").await;
    let page = browser.get(line.split("or open ").nth(1).expect("an address")).await;
    assert!(page.text.contains("brain/"), "it says what it is: {page:?}");
    assert!(say(browser, &page, "allow", "*").await.status.is_success());
    let output = output_of(program, "brain login").await;
    assert!(output.status.success() && words(&output).contains("as owner, for all spaces"), "{output:?}");
}

fn logins(folder: &Path) -> Value {
    let text = std::fs::read(folder.join("logins.json")).expect("readable");
    serde_json::from_slice(&text).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_by_a_device_serves_all_verbs_is_renewed_and_given_back() {
    let mut world = world().await;
    let (browser, folder) = (owner(&world).await, tempfile::tempdir().expect("a folder"));
    let folder = folder.path();
    log_in_by_device(&world, &browser, folder).await;
    let mode = std::fs::metadata(folder.join("logins.json")).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let added = run(folder, &["add", "Tea is at four"]).await;
    assert!(added.status.success(), "{added:?}");
    let shown = run(folder, &["delegations"]).await;
    assert!(words(&shown).contains("(this one)"), "{shown:?}");
    world.restart().await;
    // A token that is over is renewed, once for all who need it.
    let mut kept = logins(folder);
    let url = world.url().to_owned();
    let before = kept["logins"][&url]["refresh_token"].as_str().expect("a token").to_owned();
    kept["logins"][&url]["expires_at"] = json!("2026-01-01T00:00:00Z");
    std::fs::write(folder.join("logins.json"), kept.to_string()).expect("written");
    let outputs = futures::future::join_all((0..8).map(|_| run(folder, &["spaces"]))).await;
    assert!(outputs.iter().all(|it| it.status.success()), "{outputs:?}");
    let after = logins(folder);
    assert_ne!(after["logins"][&url]["refresh_token"], json!(before));
    // One that the server does not take any more as well.
    kept["logins"][&url] = after["logins"][&url].clone();
    kept["logins"][&url]["access_token"] = json!("a.b.c");
    std::fs::write(folder.join("logins.json"), kept.to_string()).expect("written");
    assert!(run(folder, &["spaces"]).await.status.success());
    // A key that is given counts more.
    let by_key = run(folder, &["spaces", "--key", "sbk_nobody", "--url", &url]).await;
    assert!(words(&by_key).contains("auth.invalid_key"), "{by_key:?}");
    let out = run(folder, &["logout"]).await;
    assert!(out.status.success() && words(&out).contains("logged out"), "{out:?}");
    assert_eq!(world.get("/api/v1/delegations").await.body["delegations"], json!([]));
    assert_eq!(logins(folder)["logins"], json!({}));
    let gone = run(folder, &["spaces"]).await;
    assert_eq!(gone.status.code(), Some(2), "{gone:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_was_ended_elsewhere_says_so() {
    let world = world().await;
    let (browser, folder) = (owner(&world).await, tempfile::tempdir().expect("a folder"));
    log_in_by_device(&world, &browser, folder.path()).await;
    let list = world.get("/api/v1/delegations").await.body;
    let id = list["delegations"][0]["id"].as_str().expect("an id");
    assert!(world.brain(&["delegations", "end", id]).await.status.success());
    let refused = run(folder.path(), &["spaces"]).await;
    assert!(refused.status.code() == Some(1) && words(&refused).contains("brain login"), "{refused:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_by_the_browser_of_this_machine() {
    let world = world().await;
    let (browser, folder) = (owner(&world).await, tempfile::tempdir().expect("a folder"));
    let (shown, opener) = (folder.path().join("shown"), folder.path().join("browser"));
    std::fs::write(&opener, format!("#!/bin/sh\nprintf '%s' \"$1\" > {0}.new && mv {0}.new {0}\n", shown.display()))
        .expect("written");
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).expect("set");
    let mut login = command(folder.path(), &["login", "--url", world.url(), "--scope", "memory:read", "--json"]);
    let program = login.env("DISPLAY", ":0").env("BROWSER", &opener).spawn().expect("it runs");
    let url =
        eventually("a browser is opened", async || std::fs::read_to_string(&shown).map_err(|cause| cause.to_string())).await;
    let page = browser.get(&url).await;
    let back = say(&browser, &page, "allow", "default").await.location().expect("back");
    // Whoever else comes by, or brings another state, ends nothing.
    let origin = back.origin().ascii_serialization();
    assert_eq!(Browser::of("eve").get(&format!("{origin}/")).await.status, 404);
    assert_eq!(Browser::of("eve").get(&format!("{origin}/callback?code=x&state=y&iss={}", world.url())).await.status, 404);
    let arrived = browser.get(back.as_str()).await;
    assert!(arrived.status == 200 && arrived.text.contains("You are logged in"), "{arrived:?}");
    let output = output_of(program, "brain login").await;
    assert!(output.status.success(), "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&answer["scope"], &answer["space"]), (&json!("memory:read"), &json!("default")));
    let refused = run(folder.path(), &["add", "no"]).await;
    assert!(words(&refused).contains("auth.scope_missing"), "{refused:?}");
    assert!(run(folder.path(), &["list"]).await.status.success());
    let list = world.send(Method::GET, "/api/v1/delegations", json!(null)).await.body;
    assert_eq!(list["delegations"].as_array().map(Vec::len), Some(1));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_calls_itself_something_else_is_not_trusted() {
    let world = world().await;
    let folder = tempfile::tempdir().expect("a folder");
    let other = world.url().replace("127.0.0.1", "localhost");
    let refused = run(folder.path(), &["login", "--url", &other, "--device"]).await;
    assert!(refused.status.code() == Some(1) && words(&refused).contains(world.url()), "{refused:?}");
    let nowhere = run(folder.path(), &["login", "--device"]).await;
    assert_eq!(nowhere.status.code(), Some(2), "{nowhere:?}");
    world.end().await;
}
