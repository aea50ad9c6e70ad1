//! Folders and files as people have them, imported with the command line: nothing is lost, and what was cut or passed over is named.

use std::{fs, path::Path, process::Output};

use serde_json::{Value, json};

use crate::harness::World;

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
}

async fn run(world: &World, path: &Path, arguments: &[&str]) -> Output {
    world.brain(&[&["import", &path.to_string_lossy()], arguments].concat()).await
}

/// The report of an import, and the exit code.
async fn import(world: &World, path: &Path, arguments: &[&str]) -> (Value, i32) {
    let output = run(world, path, &[arguments, &["--json"]].concat()).await;
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|cause| panic!("{cause}: {output:?}"));
    (report, output.status.code().expect("an exit code"))
}

fn counts(report: &Value) -> [u64; 4] {
    ["created", "changed", "unchanged", "refused"].map(|name| report[name].as_u64().expect("a count"))
}

async fn memories(world: &World) -> Vec<Value> {
    world.get("/api/v1/memories?limit=200").await.body["memories"].as_array().expect("a list").clone()
}

async fn titled(world: &World, title: &str) -> Value {
    let all = memories(world).await;
    all.into_iter().find(|it| it["title"] == json!(title)).unwrap_or_else(|| panic!("nothing is called {title}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_with_every_oddity_arrives_whole() {
    let world = World::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let vault = folder.path().join("vault");
    let tags: String = (0..70).map(|n| format!("#topic{n} ")).collect();
    write(
        &vault,
        &[
            (".obsidian/app.json", "{}"),
            ("colon.md", "---\ntitle: Ferry: winter timetable\ntags: boat pier\n---\nThe last ferry leaves at 18:10."),
            ("rule.md", "---\n\nToday: we met: the plumber\n\n---\n\nHe comes on Friday."),
            ("toml.md", "+++\ntitle = \"Bread\"\ndate = 2020-01-05T08:00:00Z\n+++\nRye rests for a day."),
            ("2023-03-04 walk.md", "Along the quay #ต้ม, see [[#Below]].\n"),
            ("deep.md", "---\na: {b: {c: {d: {e: {f: 1}}}}}\ndate: 0000-12-24\n---\nDeep properties."),
            ("many tags.md", &tags),
            ("Cafe\u{301}.md", "The café.\n"),
            ("Mill.md", "---\naliases: [Old Mill]\nup: \"[[Café]]\"\n---\nBy the river, ![[crane.png]].\n"),
            ("links.md", "| a |\n|---|\n| [[colon\\|the ferry]] |\n\n[[Old Mill]] [[Nowhere]] [[stub]] [x](/Mill.md)\n"),
            ("code.md", "```html\n<b>bold</b>\n[[Nowhere else]] #include\n```\n"),
            ("stub.md", ""),
            ("pics/crane.png", "not a picture"),
            ("settings.json", "{\"theme\": \"dark\"}"),
        ],
    );
    let (report, code) = import(&world, &vault, &[]).await;
    let skipped = |class: &str| report["skipped"][class]["first"].clone();
    assert_eq!((code, counts(&report)), (0, [10, 0, 0, 0]), "{report}");
    assert_eq!(
        (skipped("hidden"), skipped("attachments"), skipped("empty")),
        (json!([".obsidian"]), json!(["pics/crane.png"]), json!(["stub.md"]))
    );
    let links = ["linked", "links_open", "links_empty", "links_own", "links_files"].map(|name| report[name].as_u64().unwrap());
    assert_eq!(links, [3, 1, 1, 1, 1], "{report}");
    assert_eq!(report["broken_links"][0]["target"], "Nowhere");
    assert_eq!((&report["broken_links"][0]["file"], &report["broken_links"][0]["line"]), (&json!("links.md"), &json!(5)));
    let warned: Vec<&str> = report["warnings"].as_array().unwrap().iter().map(|it| it["file"].as_str().unwrap()).collect();
    assert_eq!(warned, ["colon.md", "deep.md", "deep.md", "many tags.md"], "{report}");

    let ferry = titled(&world, "Ferry: winter timetable").await;
    assert_eq!((&ferry["content"], &ferry["tags"]), (&json!("The last ferry leaves at 18:10."), &json!(["boat", "pier"])));
    let walk = titled(&world, "2023-03-04 walk").await;
    assert_eq!((&walk["occurred_at"], &walk["tags"]), (&json!("2023-03-04T00:00:00Z"), &json!(["ต้ม"])));
    assert_eq!(titled(&world, "Bread").await["occurred_at"], "2020-01-05T08:00:00Z");
    assert!(titled(&world, "rule").await["content"].as_str().unwrap().contains("the plumber"));
    assert_eq!(titled(&world, "many tags").await["tags"].as_array().unwrap().len(), 64);
    assert_eq!(titled(&world, "deep").await["metadata"]["front_matter"]["date"], "0000-12-24");

    let (again, code) = import(&world, &vault, &["--dry-run"]).await;
    assert_eq!(
        (code, counts(&again), &again["linked"], &again["links_unchanged"]),
        (0, [0, 0, 10, 0], &json!(0), &json!(3)),
        "{again}"
    );
    let text = String::from_utf8(run(&world, &vault, &[]).await.stdout).unwrap();
    insta::assert_snapshot!(text, @r#"
    12 files read, 4 skipped: 0 created, 0 changed, 10 unchanged, 0 refused
    skipped: 1 hidden (.obsidian); 1 attachments (pics/crane.png); 1 without records (settings.json); 1 empty (stub.md)
    links: 0 made, 3 unchanged, 0 removed, 1 lead nowhere, 1 to empty notes, 1 within their note, 1 to files that are no notes
      links.md, line 5 → Nowhere
      links.md, line 5 → stub (leads to an empty note)
    warnings: 4, what they name was stored nevertheless
      colon.md, line 2 | title: kept as a text: mapping values are not allowed in this context
      deep.md, line 2 | a: it is nested 7 deep and kept as a text; the limit is 5
      deep.md, line 3 | date: "0000-12-24" is no time that can be told for certain; kept as a text
      many tags.md, line 1 | tags: there are 70 tags, of which the first 64 are kept; the limit is 64
    "#);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_one_folder_by_whatever_path_it_comes() {
    let world = World::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let at = |path: &str| folder.path().join(path);
    write(&at("work/journal"), &[("today.md", "The release is frozen."), ("deep/pager.md", "Pager duty starts.")]);
    write(&at("home/journal"), &[("today.md", "Buy plums.")]);
    assert_eq!(counts(&import(&world, &at("work/journal"), &[]).await.0), [2, 0, 0, 0]);
    let part = import(&world, &at("work/journal/deep"), &[]).await.0;
    assert_eq!((counts(&part), &part["name"]), ([0, 0, 1, 0], &json!("journal")), "a part of it is the same memories");
    assert_eq!(counts(&import(&world, &at("work/journal/today.md"), &[]).await.0), [0, 0, 1, 0]);

    let other = run(&world, &at("home/journal"), &["--prune"]).await;
    let said = String::from_utf8_lossy(&other.stderr).into_owned();
    assert_eq!((other.status.code(), said.contains("--name") && said.contains("work/journal")), (Some(2), true), "{said}");
    assert_eq!(memories(&world).await.len(), 2, "nothing is overwritten and nothing is deleted");
    assert_eq!(counts(&import(&world, &at("home/journal"), &["--name", "home journal", "--prune"]).await.0), [1, 0, 0, 0]);
    assert_eq!(counts(&import(&world, &at("home/journal"), &[]).await.0), [0, 0, 1, 0], "its name is known from now on");

    fs::rename(at("work/journal"), at("diary")).expect("renamed");
    let renamed = run(&world, &at("diary"), &[]).await;
    assert_eq!(renamed.status.code(), Some(2), "{renamed:?}");
    let moved = import(&world, &at("diary"), &["--name", "journal"]).await.0;
    assert_eq!((counts(&moved), &moved["moved"]), ([0, 0, 0, 0], &json!(2)), "{moved}");
    assert_eq!(counts(&import(&world, &at("diary"), &[]).await.0), [0, 0, 2, 0]);

    write(folder.path(), &[("top.md", "Above all.")]);
    assert_eq!(counts(&import(&world, folder.path(), &[]).await.0), [1, 0, 3, 0], "what was imported before keeps its memories");
    assert_eq!(memories(&world).await.len(), 4);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_has_lost_its_files_deletes_nothing() {
    let world = World::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let notes = folder.path().join("notes");
    let name = |n: usize| notes.join(format!("{n}.md"));
    fs::create_dir_all(&notes).expect("a folder");
    (0..20).for_each(|n| fs::write(name(n), format!("Note {n}.")).expect("a note"));
    assert_eq!(counts(&import(&world, &notes, &[]).await.0), [20, 0, 0, 0]);
    (8..20).for_each(|n| fs::remove_file(name(n)).expect("removed"));
    let (refused, code) = import(&world, &notes, &["--prune"]).await;
    assert_eq!((code, refused["gone"].as_array().unwrap().len(), &refused["pruned"]), (1, 12, &json!(false)));
    assert!(refused["prune_refused"].as_str().unwrap().contains("--yes"));
    let (dry, _) = import(&world, &notes, &["--prune", "--yes", "--dry-run"]).await;
    assert_eq!((&dry["pruned"], memories(&world).await.len()), (&json!(true), 20));
    assert_eq!(import(&world, &notes, &["--prune", "--yes"]).await.1, 0);
    assert_eq!(memories(&world).await.len(), 8);
    fs::remove_file(name(0)).expect("removed");
    assert_eq!((import(&world, &notes, &["--prune"]).await.1, memories(&world).await.len()), (0, 7), "few go without a word");
    (1..8).for_each(|n| fs::remove_file(name(n)).expect("removed"));
    assert_eq!((import(&world, &notes, &["--prune"]).await.1, memories(&world).await.len()), (1, 7), "all do not");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_keep_their_order_and_faults_have_their_line() {
    let world = World::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let files = folder.path().join("records");
    let id = "11111111-1111-4111-8111-111111111111";
    let versions: String = (0..40).map(|n| format!("{{\"id\":\"{id}\",\"content\":\"version {n}\"}}\n")).collect();
    write(
        &files,
        &[
            ("dup.jsonl", &format!("{versions}[null,\"positional\"]\n")),
            ("table.csv", "Content;Tags\nTea, hot;a\n\n;\nMilk;b;c\n"),
            ("facts.json", r#"{"results":[{"id":"m-1","memory":"Ann likes tea","user_id":"ann"}]}"#),
            (
                "graph.jsonl",
                "{\"type\":\"entity\",\"name\":\"Ann\",\"entityType\":\"person\",\"observations\":[\"lives by the sea\"]}\n\
                 {\"type\":\"entity\",\"name\":\"Mill\",\"entityType\":\"place\",\"observations\":[\"grinds rye\"]}\n\
                 {\"type\":\"relation\",\"from\":\"Ann\",\"to\":\"Mill\",\"relationType\":\"works at\"}\n",
            ),
        ],
    );
    let (report, code) = import(&world, &files, &[]).await;
    assert_eq!(
        (code, counts(&report), &report["superseded"], &report["linked"]),
        (1, [5, 0, 0, 2], &json!(39), &json!(1)),
        "{report}"
    );
    let lines: Vec<_> =
        report["refusals"].as_array().unwrap().iter().map(|it| (it["file"].as_str().unwrap(), it["line"].as_u64())).collect();
    assert_eq!(lines, [("dup.jsonl", Some(41)), ("table.csv", Some(5))]);
    assert_eq!(world.get(&format!("/api/v1/memories/{id}")).await.body["content"], "version 39");
    assert_eq!(counts(&import(&world, &files, &[]).await.0), [0, 0, 5, 2]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_went_through_editors_is_unchanged() {
    let world = World::new().await;
    for content in ["Tea is at four.", "one\r\ntwo\rthree", "# A\n\n---\n\nb"] {
        let made = world
            .send(reqwest::Method::POST, "/api/v1/memories", json!({"content": content, "title": "T", "tags": ["a b"]}))
            .await;
        assert!(made.status.is_success(), "{made:?}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("copy");
    assert!(world.brain(&["export", "--format", "markdown", &copy.to_string_lossy()]).await.status.success());
    for change in [
        |text: &str| text.replace("\r\n", "\n").replace('\n', "\r\n"),
        |text: &str| format!("\u{feff}{}", text.replace("\r\n", "\n")),
        |text: &str| format!("{}\n\n", text.trim_start_matches('\u{feff}')),
    ] {
        for entry in fs::read_dir(&copy).expect("a folder") {
            let path = entry.expect("a file").path();
            let text = fs::read_to_string(&path).expect("a note");
            fs::write(&path, change(&text)).expect("a note");
        }
        assert_eq!(counts(&import(&world, &copy, &[]).await.0), [0, 0, 3, 0]);
    }
    world.end().await;
}
