//! Settings: what a file, a variable and a flag say shows in a brain that runs, and what is wrong with them is said before anything is made.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use reqwest::{Method, StatusCode};
use second_brain::{config::Webhooks, domain::webhook::Retry};
use serde_json::{Value, json};

use crate::harness::{World, alone::Alone, reachable};

/// A verb of brain with this environment of ours, and nothing of the test's own.
async fn brain(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brain"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BRAIN_")) {
        command.env_remove(name);
    }
    command.args(arguments).envs(variables.iter().copied());
    tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("the program runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn path(path: &Path) -> &str {
    path.to_str().expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_setting_is_shown_with_its_source_and_no_secret() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = path(place.path());
    let file = place.path().join("brain.toml");
    fs::write(&file, "[cache]\nttl = 60\nmax_size = \"1MB\"\nkey_prefix = \"sb_\"\n[http]\nlisten = \"127.0.0.1:7001\"\n")
        .expect("its own");
    let variables = [
        ("BRAIN_DATA_DIR", folder),
        ("BRAIN_LISTEN", "127.0.0.1:7002"),
        ("BRAIN_NATS_URL", "nats://b:hunter2@h"),
        ("BRAIN_API_KEY", "hunter2"),
    ];
    let shown = brain(&["config", "--json", "--cache-max-bytes", "7"], &variables).await;
    assert!(shown.status.success(), "{}", said(&shown));
    let text = String::from_utf8_lossy(&shown.stdout);
    assert!(!text.contains("hunter2"), "{text}");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(document["file"], json!(file));
    let rows = document["settings"].as_array().expect("rows");
    let row = |name: &str| {
        let row = rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name}"));
        (row["value"].clone(), row["source"].as_str().expect("a word"), row["from"].as_str().expect("words").to_owned())
    };
    assert_eq!(row("cache.max_bytes"), (json!(7), "flag", "--cache-max-bytes".into()));
    assert_eq!(row("http.listen"), (json!("127.0.0.1:7002"), "variable", "BRAIN_LISTEN".into()));
    assert_eq!(row("cache.ttl_s"), (json!(60), "file", format!("cache.ttl in {}", file.display())));
    assert_eq!(row("servers.nats_url"), (json!("nats://b:***@h"), "variable", "BRAIN_NATS_URL".into()));
    assert_eq!(row("cache.enabled"), (json!(true), "default", "default".into()));

    let table = brain(&["config"], &variables).await;
    let lines = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(lines.contains("http.listen\t127.0.0.1:7002\tBRAIN_LISTEN\tup, serve\n") && !lines.contains("hunter2"), "{lines}");
    assert!(said(&table).contains("cache.key_prefix has no effect"), "{}", said(&table));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_names_all_that_is_wrong_and_so_does_a_start() {
    let place = tempfile::tempdir().expect("a folder");
    let (file, folder) = (place.path().join("mine.toml"), place.path().join("data"));
    fs::write(&file, "[cache]\nttl = 0\nmaxsize = 1\n[security]\noauth_providers = ['google']\n").expect("its own");
    let arguments = ["--config", path(&file), "--data-dir", path(&folder)];
    for verb in [&["config", "--check"][..], &["up"]] {
        let refused = brain(&[verb, &arguments].concat(), &[("BRAIN_LISTN", "x")]).await;
        let said = said(&refused);
        assert_eq!(refused.status.code(), Some(2), "{verb:?}: {said}");
        for words in [
            "cache.ttl in ".to_owned(),
            " is 0; it takes a whole number from 1 to 3153600000, in seconds".to_owned(),
            format!("cache.maxsize in {} is no setting of brain; did you mean cache.max_size?", file.display()),
            "a name alone makes no provider: write a table [[auth.provider]]".to_owned(),
            "BRAIN_LISTN is set, but brain knows no such setting; did you mean BRAIN_LISTEN?".to_owned(),
        ] {
            assert!(said.contains(&words), "{verb:?} does not say {words:?}: {said}");
        }
    }
    assert!(!folder.exists(), "nothing was made");
    fs::write(&file, "[cache]\nttl = 60\n").expect("its own");
    let well = brain(&[&["config", "--check"][..], &arguments].concat(), &[]).await;
    assert_eq!((well.status.code(), said(&well).as_str()), (Some(0), ""));
    let nowhere = brain(&["config", "--config", "/nonexistent/brain.toml"], &[]).await;
    assert!(nowhere.status.code() == Some(2) && said(&nowhere).contains("is not there"), "{}", said(&nowhere));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_up_would_ignore_stops_it_and_clients_live_with_it() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("data");
    let up = brain(&["up", "--data-dir", path(&folder)], &[("BRAIN_ROLES", "api")]).await;
    assert_eq!(up.status.code(), Some(2), "{}", said(&up));
    assert!(said(&up).contains("BRAIN_ROLES is set, but `brain up` would ignore it: it is for `brain serve`"), "{}", said(&up));
    assert!(!folder.exists(), "nothing was made");
    let serve = brain(&["serve"], &[("BRAIN_NATS_URL", "nats://h")]).await;
    assert!(serve.status.code() == Some(2) && said(&serve).contains("BRAIN_DATABASE_URL"), "{}", said(&serve));
    let world = World::new().await;
    let list = brain(&["list"], &[("BRAIN_ROLES", "api"), ("BRAIN_URL", world.url()), ("BRAIN_API_KEY", world.key())]).await;
    assert!(list.status.success(), "{}", said(&list));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_file_says_shows_in_a_brain_that_runs() {
    let place = reachable();
    let folder = place.path().join("data");
    fs::create_dir(&folder).expect("its own");
    let settings = "[cache]\nenabled = false\n[memories]\nscript_tags = \"allow\"\n[webhooks]\nenabled = false\n";
    fs::write(folder.join("brain.toml"), settings).expect("its own");
    let brain = Alone::start(&folder, "127.0.0.1:0").await;
    let scripted = json!({"content": "as it came: <script>tea()</script>"});
    let added = brain.send(Method::POST, "/api/v1/memories", scripted).await;
    assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
    let found = format!("/api/v1/memories?min_position={}", added.body["position"]);
    for _ in 0..2 {
        let listed = brain.send(Method::GET, &found, json!(null)).await;
        assert_eq!(listed.headers["cache-status"], "brain; fwd=bypass", "{listed:?}");
    }
    let hook = json!({"url": "https://example.org/hook", "events": ["*"]});
    for (method, path) in [(Method::POST, "/api/v1/webhooks"), (Method::GET, "/api/v1/webhooks")] {
        let refused = brain.send(method, path, hook.clone()).await;
        assert_eq!((refused.status, &refused.body["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("webhook.switched_off")));
        assert!(refused.body["detail"].as_str().is_some_and(|detail| detail.contains("webhooks.enabled")), "{refused:?}");
    }
    brain.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_webhook_gets_the_settings_where_its_client_says_nothing() {
    let retry = Retry { max_retries: Some(3), timeout_s: Some(30.0), base_delay_s: None };
    let world = World::with_webhooks(Webhooks { retry, ..Webhooks::default() }).await;
    let register = async |own: Value| {
        let wish = json!({"url": "https://example.org/hook", "events": ["*"], "retry_config": own});
        world.send(Method::POST, "/api/v1/webhooks", wish).await.body["webhook"]["retry_config"].clone()
    };
    assert_eq!(register(json!({})).await, json!({"max_retries": 3, "timeout_s": 30.0}));
    assert_eq!(register(json!({"max_retries": 0, "timeout_s": 2.0})).await, json!({"max_retries": 0, "timeout_s": 2.0}));
    world.end().await;
}
