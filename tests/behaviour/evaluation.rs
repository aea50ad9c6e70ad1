//! How good searches are: measured by `brain eval` on what a person gives it, and told by every result's score.

use std::fs;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::World;

const TALK: &str = r#"[{"sample_id": "talk-1", "conversation": {"speaker_a": "Ann", "speaker_b": "Bo",
    "session_1_date_time": "1:56 pm on 8 May, 2023",
    "session_1": [
        {"speaker": "Ann", "dia_id": "D1:1", "text": "Which colour has your boat?"},
        {"speaker": "Bo", "dia_id": "D1:2", "text": "Green, with a white line."},
        {"speaker": "Ann", "dia_id": "D1:3", "text": "I planted radishes on the balcony."},
        {"speaker": "Bo", "dia_id": "D1:4", "text": "The violin teacher moved to Lisbon.", "blip_caption": "a house with a blue door"}]},
    "qa": [
        {"question": "Where did the violin teacher move to?", "evidence": ["D1:4"], "category": 4},
        {"question": "What did Ann plant?", "evidence": ["D1:3"], "category": 4},
        {"question": "What colour is the boat?", "evidence": ["D:1:2; D9:9"], "category": 1},
        {"question": "Nobody knows?", "evidence": [], "category": 5}]}]"#;

const VAULT: [(&str, &str); 6] = [
    ("Descaling the kettle", "The kettle is descaled every second month with vinegar; rinse it twice before tea."),
    ("Paying the bakery", "Invoices of the bakery are paid on the last Friday of the month by bank transfer."),
    ("Spare key", "The spare key of the house hangs behind the bicycle in the shed."),
    ("Ownership errors", "Error E0382 means that a value was used after it was moved; clone it or borrow it."),
    ("Plum cake", "Grandmother's recipe for plum cake needs cardamom, butter and a hot oven."),
    ("Backups", "Backups of the server run at three in the morning and are kept for thirty days."),
];

async fn output(world: &World, arguments: &[&str]) -> String {
    let output = world.brain(arguments).await;
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}\n{complained}");
    said.into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_are_measured_and_taken_away_again() {
    let world = World::new().await;
    let file = world.folder().join("talk.json");
    fs::write(&file, TALK).expect("a file");
    let file = file.to_str().expect("a path");
    let said = output(&world, &["eval", "locomo", file, "--ablate"]).await;
    let row = |name: &str| said.lines().find(|line| line.starts_with(&format!("| {name} | 3 |"))).map(str::to_owned);
    for name in ["semantic", "keyword", "hybrid", "hybrid without neighbours", "hybrid without all of them"] {
        assert!(row(name).is_some(), "{name}: {said}");
    }
    // With four turns the first five are all that may be found.
    assert!(row("hybrid").expect("a row").contains("| 100.0 |"), "{said}");
    assert!(said.contains("| 4 | 2 |") && said.contains("Calibration error"), "{said}");
    let left = world.get("/api/v1/memories").await;
    assert_eq!(left.body["memories"], json!([]), "nothing is left to be found");
    output(&world, &["eval", "locomo", file, "--keep", "mine", "--mode", "keyword"]).await;
    output(&world, &["eval", "locomo", file, "--keep", "mine", "--mode", "keyword"]).await;
    let kept = world.get("/api/v1/memories?run_id=mine%2Ftalk-1").await;
    assert_eq!(kept.body["memories"].as_array().map(Vec::len), Some(4), "once: {kept:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scores_tell_an_answer_from_noise_and_pairs_are_measured() {
    let world = World::new().await;
    let items: Vec<Value> = VAULT.iter().map(|(title, content)| json!({"title": title, "content": content})).collect();
    let made = world.send(Method::POST, "/api/v1/memories/batch", json!({"memories": items})).await;
    let position = made.body["position"].as_u64().expect("a position");
    let best = async |query: &str| {
        let asked = json!({"query": query, "min_position": position, "wait": "embedded"});
        let reply = world.send(Method::POST, "/api/v1/search", asked).await;
        let first = &reply.body["results"][0];
        (first["score"].as_f64().unwrap_or_default(), first["memory"]["title"].as_str().unwrap_or_default().to_owned())
    };
    for query in [
        "zzqx blorf",
        "what is the capital of mongolia",
        "who won the 1954 world cup final",
        "how many moons does neptune have",
        "und der die das mit von zu",
        "le la les des et dans que",
        "el la los que en y de",
    ] {
        let (score, title) = best(query).await;
        assert!(score < 0.2, "{query}: {title} {score}");
    }
    for (query, expected) in [
        ("when are the invoices of the bakery paid", "Paying the bakery"),
        ("how often is the kettle descaled", "Descaling the kettle"),
        ("E0382", "Ownership errors"),
        ("plum cake recipe", "Plum cake"),
        ("where is the spare key of the house", "Spare key"),
    ] {
        let (score, title) = best(query).await;
        assert!(score >= 0.5 && title == expected, "{query}: {title} {score}");
    }
    let least = json!({"query": "what is the capital of mongolia", "min_score": 0.2});
    let nothing = world.send(Method::POST, "/api/v1/search", least).await;
    assert_eq!(nothing.body["results"], json!([]));
    let pairs = world.folder().join("pairs.jsonl");
    let line = |question: &str, expected: &str| json!({"question": question, "expected": expected}).to_string();
    let lines = [line("spice in the cake", "Plum cake"), line("when do backups run", VAULT[5].1), line("tea", "Nowhere")];
    fs::write(&pairs, lines.join("\n")).expect("a file");
    let said = output(&world, &["eval", "file", pairs.to_str().expect("a path"), "--mode", "hybrid"]).await;
    assert!(said.lines().any(|line| line.starts_with("| hybrid | 3 | 66.7")), "{said}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_neighbour_says_is_lent_and_explained() {
    let world = World::new().await;
    let turn = |position: usize, content: &str| json!({"content": content, "source": {"id": "talk", "position": position}});
    let turns = [
        turn(0, "Ann: Which colour has your boat?"),
        turn(1, "Bo: Green, with a white line."),
        turn(2, "Ann: It rains."),
        turn(9, "Ann: My aunt once wrote a book about the colour of a boat in a storm, and nobody read it."),
    ];
    let made = world.send(Method::POST, "/api/v1/memories/batch", json!({"memories": turns})).await;
    let asked = |fields: Value| {
        let mut body = json!({"query": "colour of Bo's boat", "min_position": made.body["position"], "wait": "embedded"});
        body.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        body
    };
    let plain = world.send(Method::POST, "/api/v1/search", asked(json!({}))).await;
    assert!(plain.body.get("explain").is_none() && plain.body["results"][0].get("explain").is_none(), "{plain:?}");
    let told = world.send(Method::POST, "/api/v1/search", asked(json!({"explain": true}))).await;
    let green = |reply: &Value| {
        let results = reply["results"].as_array().expect("results");
        let place = results.iter().position(|it| it["memory"]["source"]["position"] == 1).expect("it is found");
        (place, results[place].clone())
    };
    let (place, result) = green(&told.body);
    assert!(result["explain"]["neighbours"].as_f64().expect("a part") > 0.0, "{result}");
    assert!(told.body["explain"]["stages_ms"]["second"].as_f64().is_some(), "{told:?}");
    let without =
        world.send(Method::POST, "/api/v1/search", asked(json!({"without": ["neighbours", "speaker", "walk", "asks"]}))).await;
    let results = without.body["results"].as_array().expect("results");
    let found = results.iter().position(|it| it["memory"]["source"]["position"] == 1);
    assert!(found.is_none_or(|found| found > place), "{without:?}");
    let refused = world.send(Method::POST, "/api/v1/search", asked(json!({"without": ["luck"]}))).await;
    assert_eq!(refused.body["code"], "search.bad_without", "{refused:?}");
    // A kept answer ends when a neighbour of what it was made of changes, though it does not show it.
    let before = world.send(Method::POST, "/api/v1/search", asked(json!({"limit": 1}))).await;
    let id = made.body["results"][0]["memory"]["id"].as_str().expect("an id").to_owned();
    world.send(Method::PATCH, &format!("/api/v1/memories/{id}"), json!({"content": "Ann: How is your cat?"})).await;
    let after =
        world.send(Method::POST, "/api/v1/search", json!({"query": "colour of Bo's boat", "limit": 1, "wait": "embedded"})).await;
    assert_ne!(
        before.body["results"][0]["memory"]["source"]["position"],
        after.body["results"][0]["memory"]["source"]["position"]
    );
    world.end().await;
}
