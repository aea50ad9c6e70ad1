//! A memory is found by its words in every script, however they are typed, and by its title first.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Reply, World, eventually};

/// Notes in many scripts, each with what people type to find it.
const NOTES: [(&str, &[&str]); 19] = [
    ("IT will not be in the office on Monday.", &["IT", "office monday", "will not be"]),
    ("To be, or not to be: that is the question.", &["to be or not to be"]),
    ("Die Größe der Straßenbahn überrascht Müller.", &["grosse", "STRASSENBAHN", "Größe", "muller", "u\u{308}berrascht"]),
    ("Le re\u{301}sume\u{301} de The\u{301}re\u{300}se est dans le tiroir.", &["résumé", "resume", "Thérèse", "THERESE"]),
    ("Ёлка стоит в углу, и мой брат её украсил.", &["елка", "ЁЛКА", "угол елка", "мой"]),
    ("Η οδός Αθηνάς είναι μακριά.", &["οδος", "ΑΘΗΝΑΣ"]),
    ("قَرَأْتُ الكِتَابَ أمس في المكتبة", &["كتاب", "قرأت", "امس"]),
    ("שָׁלוֹם לְכֻלָּם בבית הספר", &["שלום", "לכולם שלום", "הספר"]),
    ("यह किताब ज़रूर पढ़ना", &["किताब", "जरूर"]),
    ("วันนี้เรากินต้มยำกุ้งที่ตลาดน้ำ", &["ต้มยำ", "ตลาด", "กุ้ง"]),
    ("我们明天在上海的图书馆见面", &["上海", "图书馆", "馆"]),
    (
        "会議は毎週火曜日の午後三時に東京駅の近くで行われます。コントリビューターも歓迎。",
        &["東京", "会議", "火曜日", "ｺﾝﾄﾘﾋﾞｭｰﾀｰ"],
    ),
    ("학교에서 데이터베이스를 배웠어요", &["학교", "데이터베이스", "배웠어요"]),
    ("Tôi thích phở ở đường Nguyễn Huệ", &["phở", "pho nguyen", "duong"]),
    ("Release party 🎉🎉 on the roof", &["🎉", "party 🎉"]),
    ("Well done 👩🏽‍💻, thumbs 👍🏿", &["👍", "👩‍💻"]),
    (
        "Call getUserProfileById before parse_http_header.",
        &["user profile", "getUserProfileById", "getuserprofilebyid", "http header"],
    ),
    ("The HTTPServer speaks ＵＴＦ８ and C++.", &["http server", "utf-8", "c++"]),
    ("ខ្ញុំរៀនភាសាខ្មែរនៅសាលា", &["ភាសា", "សាលា"]),
];

async fn search(world: &World, body: Value) -> Reply {
    let reply = world.send(Method::POST, "/api/v1/search", body).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    reply
}

fn contents(reply: &Reply) -> Vec<&str> {
    let results = reply.body["results"].as_array().expect("results");
    results.iter().map(|result| result["memory"]["content"].as_str().expect("content")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_is_found_first_in_every_script() {
    let world = World::new().await;
    let items: Vec<Value> = NOTES.iter().map(|(content, _)| json!({"content": content})).collect();
    let made = world.send(Method::POST, "/api/v1/memories/batch", json!({"memories": items})).await;
    assert_eq!(made.body["results"].as_array().map(Vec::len), Some(NOTES.len()), "{made:?}");
    let mut wrong = vec![];
    for (content, queries) in NOTES {
        for query in queries {
            for mode in ["keyword", "hybrid"] {
                let reply = search(&world, json!({"query": query, "mode": mode, "wait": "embedded"})).await;
                if contents(&reply).first() != Some(&content) {
                    wrong.push(format!("{mode}: {query}: {:?}", contents(&reply)));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}",
        wrong.join(
            "
"
        )
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_title_finds_its_memory_first_and_a_changed_one_at_once() {
    let world = World::new().await;
    for (title, content) in [
        ("Zanzibar itinerary", "Day one: arrive and rest."),
        ("Go", "Good tools make good programs."),
        ("Things to go for", "Go and go and go again."),
        ("Holidays", "All that we plan: Zanzibar, an itinerary for Go, tools for the garden."),
    ] {
        world.send(Method::POST, "/api/v1/memories", json!({"title": title, "content": content})).await;
    }
    let first = async |query: &str| {
        let reply = search(&world, json!({"query": query, "wait": "embedded"})).await;
        let memory = &reply.body["results"][0]["memory"];
        (memory["title"].as_str().expect("a title").to_owned(), memory["id"].as_str().expect("an id").to_owned())
    };
    for title in ["Zanzibar itinerary", "zanzibar", "Go", "holidays", "things to GO for"] {
        let found = first(title).await.0.to_lowercase();
        assert!(found.starts_with(&title.to_lowercase()), "{title}: {found}");
    }
    let id = first("Go").await.1;
    let path = format!("/api/v1/memories/{id}");
    world.send(Method::PATCH, &path, json!({"title": "Xylophone lessons"})).await;
    assert_eq!(first("Xylophone lessons").await.1, id, "a kept answer is over");
    assert_ne!(first("Go").await.1, id);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_scores_little_and_a_least_score_leaves_it_out() {
    let world = World::new().await;
    let notes = [
        "The kettle is descaled every second month with vinegar.",
        "Invoices of the bakery are paid on the last Friday.",
        "Our cat Miso sleeps on the radiator in winter.",
        "The passphrase of the router is quokkazebra.",
        "会議は毎週火曜日の午後三時に行われます。",
    ];
    let items: Vec<Value> = notes.iter().map(|content| json!({"content": content})).collect();
    world.send(Method::POST, "/api/v1/memories/batch", json!({"memories": items})).await;
    let score = |reply: &Reply| reply.body["results"][0]["score"].as_f64().unwrap_or(0.0);
    let ask = async |body: Value| search(&world, body).await;
    let exact = score(&ask(json!({"query": "quokkazebra", "wait": "embedded"})).await);
    assert!(exact > 0.6, "{exact}");
    // By words alone, of all that might be meant, it is over the least score that README recommends.
    let by_words = score(&ask(json!({"query": "quokkazebra", "mode": "keyword"})).await);
    assert!(by_words >= 0.5, "{by_words}");
    for noise in ["zzqx blorf", "???", "x", "aaaaaaaaaaaaaaaaaaaaaa", "🎉", "ต้มยำ", "Ёлка"] {
        let found = ask(json!({"query": noise})).await;
        assert!(score(&found) < 0.4 && score(&found) < exact, "{noise}: {found:?}");
        let least = ask(json!({"query": noise, "min_score": 0.5})).await;
        assert!(contents(&least).is_empty(), "{noise}: {least:?}");
    }
    for unread in ["???", "🎉", "Ёлка"] {
        let found = ask(json!({"query": unread})).await;
        assert_eq!((&found.body["degraded"], &found.body["results"]), (&json!(["semantic"]), &json!([])), "{unread}");
    }
    let near = ask(json!({"query": "where does our pet rest", "min_score": 0.05})).await;
    assert_eq!((contents(&near)[0], &near.body["degraded"]), (notes[2], &json!([])));
    let scores: Vec<f64> = near.body["results"].as_array().unwrap().iter().map(|it| it["score"].as_f64().unwrap()).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b) && scores.iter().all(|it| (0.05..=1.0).contains(it)), "{scores:?}");
    for bad in [json!(-0.1), json!(1.1)] {
        let refused = world.send(Method::POST, "/api/v1/search", json!({"query": "x", "min_score": bad})).await;
        assert_eq!((refused.status, &refused.body["code"]), (StatusCode::BAD_REQUEST, &json!("search.bad_min_score")));
        assert_eq!(refused.body["errors"][0]["field"], "min_score");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_search_with_a_least_score_lets_in_what_reaches_it() {
    let world = World::that_audits().await;
    for content in ["green tea in the blue tin", "a letter from the museum", "the bicycle has a flat tyre"] {
        world.send(Method::POST, "/api/v1/memories", json!({"content": content})).await;
    }
    let ask = async || search(&world, json!({"query": "tea", "min_score": 0.5, "wait": "embedded"})).await;
    assert_eq!(contents(&ask().await), ["green tea in the blue tin"]);
    eventually("the search is kept", async || {
        let answer = ask().await;
        let is_hit = answer.headers["cache-status"].to_str().expect("text").starts_with("brain; hit");
        if is_hit { Ok(()) } else { Err(answer) }
    })
    .await;
    world.send(Method::POST, "/api/v1/memories", json!({"content": "black tea for the morning"})).await;
    let now = ask().await;
    assert!(contents(&now).contains(&"black tea for the morning"), "{now:?}");
    world.end().await;
}
