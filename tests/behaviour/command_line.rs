//! The command line where somebody pipes it, mistypes it, or looks away: no panic, no silence, no broken id.

use std::{
    fs::File,
    process::{Command, Output, Stdio},
};

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::{World, finished};

async fn run(command: Command) -> Output {
    let output = finished(command).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("panicked"), "{said}");
    output
}

/// A pipe that nobody reads any more.
fn deaf() -> Stdio {
    let (_, writer) = std::io::pipe().expect("a pipe");
    writer.into()
}

/// A brain with a memory, and every verb that answers something about it.
async fn answering() -> (World, Vec<Vec<String>>) {
    let world = World::new().await;
    let body = json!({"content": "Tea is at four", "source": {"uri": "notes/tea.md"}, "tags": ["habit"]});
    let made = world.send(Method::POST, "/api/v1/memories", body).await;
    let id = made.body["memory"]["id"].as_str().expect("an id");
    let other = world.send(Method::POST, "/api/v1/memories", json!({"content": "Cake is at five"})).await;
    let related = json!({"source_id": id, "target_id": other.body["memory"]["id"], "relationship_type": "supports"});
    let related = world.send(Method::POST, "/api/v1/relationships", related).await;
    let shown = world.get(&format!("/api/v1/graph/neighbors?id={id}&min_position={}", related.body["position"])).await;
    assert_eq!(shown.body["neighbors"].as_array().map(Vec::len), Some(1), "{shown:?}");
    let lines = [
        "list".to_owned(),
        "list --json".to_owned(),
        format!("get {id}"),
        format!("get {id} --json"),
        "search tea".to_owned(),
        format!("history {id}"),
        format!("diff {id} 1 1"),
        "events".to_owned(),
        "events --json".to_owned(),
        "export".to_owned(),
        "export --format json".to_owned(),
        "status".to_owned(),
        "caches".to_owned(),
        "graph stats".to_owned(),
        "graph export".to_owned(),
        format!("graph neighbors {id}"),
        "webhooks list --json".to_owned(),
        "replay parked".to_owned(),
        "rm --all --dry-run".to_owned(),
        format!("update {id} --content five"),
        format!("get {} --json", "0190f3d2-0000-7000-8000-000000000009"),
        "add six".to_owned(),
        "--help".to_owned(),
        "list --help".to_owned(),
        "--version".to_owned(),
    ];
    let verbs = lines.iter().map(|line| line.split(' ').map(str::to_owned).collect()).collect();
    (world, verbs)
}

fn command(world: &World, verb: &[String]) -> Command {
    world.command(&verb.iter().map(String::as_str).collect::<Vec<_>>())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_gone_ends_every_verb_quietly() {
    let (world, verbs) = answering().await;
    for verb in verbs {
        let mut command = command(&world, &verb);
        command.stdout(deaf());
        let output = run(command).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{verb:?}");
    }
    let mut mute = world.command(&["events"]);
    mute.stderr(deaf());
    assert!(run(mute).await.status.success(), "what is said beside the answer may go unheard");
    world.end().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_written_is_an_error() {
    let (world, verbs) = answering().await;
    for verb in verbs {
        let mut command = command(&world, &verb);
        command.stdout(File::options().write(true).open("/dev/full").expect("Linux has it"));
        let output = run(command).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{verb:?}: {said}");
        assert!(said.contains("standard output cannot be written: No space left on device"), "{verb:?}: {said}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_mistyped_is_named_and_is_no_crash() {
    let world = World::new().await;
    let path = world.folder().join("credentials.json");
    for (flags, variables, words) in [
        (&["--url", "127.0.0.1:7811"][..], &[][..], "--url: \"127.0.0.1:7811\" is no address of a server"),
        (&["--url", ""], &[], "--url is empty; an address begins with http://"),
        (&["--url", "localhost"], &[], "--url: \"localhost\""),
        (&[], &[("BRAIN_URL", "")], "BRAIN_URL is empty"),
        (&[], &[("BRAIN_URL", "h:1")], "BRAIN_URL: \"h:1\" is no address"),
        (&[], &[("BRAIN_API_KEY", "sbk_x\n")], "BRAIN_API_KEY holds a line end"),
        (&["--key", "sbk x"], &[], "--key holds a character"),
        (&["--as-of", "soon"], &[], "'--as-of <AS_OF>': this is no position, no day and no time; write 2026-11-27"),
    ] {
        let mut command = world.command(&[&["list"], flags].concat());
        command.envs(variables.iter().copied());
        let output = run(command).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(words), "{flags:?} {variables:?}: {said}");
    }
    std::fs::write(&path, r#"{"url": "h:1", "api_key": "sbk\n"}"#).expect("its own");
    for (given, words) in [("BRAIN_API_KEY", "is no address of a server"), ("BRAIN_URL", "holds a line end")] {
        let mut command = world.command(&["list"]);
        command
            .env_remove(if given == "BRAIN_URL" { "BRAIN_API_KEY" } else { "BRAIN_URL" })
            .env("BRAIN_DATA_DIR", world.folder());
        let output = run(command).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains("credentials.json") && said.contains(words), "{said}");
    }
    for said_wrong in
        [&["add", "tea", "--idempotency-key", "a\nb"][..], &["add", "tea", "--importance", "NaN"], &["list", "--limit", "-1"]]
    {
        assert_eq!(run(world.command(said_wrong)).await.status.code(), Some(2), "{said_wrong:?}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_gets_whole_rows_and_days_are_days() {
    let world = World::new().await;
    let body = json!({"content": "Tea is at four", "title": "Tea", "source": {"uri": "notes/tea.md"}});
    assert_eq!(world.send(Method::POST, "/api/v1/memories", body).await.status, StatusCode::CREATED);
    let text = |output: Output| String::from_utf8(output.stdout).expect("text");
    let listed = text(world.brain(&["list"]).await);
    let row: Vec<&str> = listed.trim_end().split('\t').collect();
    assert_eq!((row.len(), &row[2..]), (6, &["semantic", "Tea", "notes/tea.md", "Tea is at four"][..]), "{listed}");
    assert!(row[1].ends_with('Z'), "a time says its zone: {listed}");
    for (verb, found) in [
        (&["search", "tea", "--mode", "keyword", "--since", "yesterday"][..], 1),
        (&["search", "tea", "--mode", "keyword", "--until", "yesterday"], 0),
        (&["search", "tea", "--mode", "keyword", "--since", "2h ago", "--until", "now"], 1),
        (&["list", "--as-of", "yesterday"], 0),
    ] {
        let output = world.brain(verb).await;
        assert!(output.status.success(), "{output:?}");
        assert_eq!(text(output).lines().count(), found, "{verb:?}");
    }
    world.end().await;
}
