//! Holding the best of a search against the question once more: token by token with the real model, and by a cross-encoder of the
//! operator's. No package ships weights of one, so that the test makes a small one of its own: it shows that it has the say, not that it is wise.

use std::{fs, path::Path};

use reqwest::{Method, StatusCode};
use second_brain::config::{Config, Models};
use serde_json::{Value, json};

use crate::harness::{Reply, World};

const TALK: [&str; 6] = [
    "Ann: Hey Bo, good to see you! How was the lake, and when did you go to the lake with Mia?",
    "Bo: It was wonderful, we went out by boat last Sunday and came home late.",
    "Ann: I love the lake as well, the lake is where I learnt to swim.",
    "Bo: My sister paints, she sold two pictures of a lake.",
    "Ann: Did she? I would like to see them.",
    "Bo: Come over, she has a show in the old mill.",
];

async fn with_talk(models: Models) -> World {
    let world = World::with_models(models).await;
    let turn = |(position, content): (usize, &&str)| json!({"content": content, "source": {"kind": "talk", "id": "lake", "position": position}});
    let turns: Vec<Value> = TALK.iter().enumerate().map(turn).collect();
    let made = world.send(Method::POST, "/api/v1/memories/batch", json!({"memories": turns})).await;
    assert_eq!(made.status, StatusCode::OK, "{made:?}");
    world
}

async fn search(world: &World, body: Value) -> Reply {
    let reply = world.send(Method::POST, "/api/v1/search", body).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    reply
}

fn contents(reply: &Reply) -> Vec<&str> {
    let results = reply.body["results"].as_array().expect("results");
    results.iter().map(|result| result["memory"]["content"].as_str().expect("content")).collect()
}

fn ours() -> Models {
    Config::of_environment().expect("good settings").models
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_comes_before_what_only_speaks_of_the_same() {
    let world = with_talk(ours()).await;
    let wish =
        |rerank: Value| json!({"query": "When did Bo go to the lake?", "wait": "embedded", "explain": true, "rerank": rerank});
    let (plain, again) = (search(&world, wish(json!(null))).await, search(&world, wish(json!(true))).await);
    assert_eq!(contents(&again)[0], TALK[1], "{again:?}");
    let (mut before, mut after) = (contents(&plain), contents(&again));
    before.sort_unstable();
    after.sort_unstable();
    assert_eq!(before, after, "the same are found, in another order");
    assert!(again.body["explain"]["stages_ms"]["rerank"].is_number() && plain.body["explain"]["stages_ms"]["rerank"].is_null());
    let values: Vec<f64> =
        again.body["results"].as_array().unwrap().iter().map(|it| it["explain"]["rerank"].as_f64().expect("a value")).collect();
    assert!(values.is_sorted_by(|a, b| a >= b), "{values:?}");
    // What is kept ends with what it was made of, though that is not what it shows.
    let one = json!({"query": "When did Bo go to the lake?", "limit": 1, "rerank": true});
    assert_eq!(contents(&search(&world, one.clone()).await), [TALK[1]]);
    let results = again.body["results"].as_array().unwrap();
    let id = results.iter().find(|it| it["memory"]["content"] == TALK[1]).unwrap()["memory"]["id"].as_str().unwrap();
    world.send(Method::DELETE, &format!("/api/v1/memories/{id}"), json!({})).await;
    assert_ne!(contents(&search(&world, one).await), [TALK[1]]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cross_encoder_has_the_say_and_a_missing_one_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    cross_encoder(folder.path());
    let world = with_talk(Models { rerank: true, reranker: Some(folder.path().to_owned()), ..ours() }).await;
    let wish = |query: &str, more: Value| {
        let mut wish = json!({"query": query, "explain": true, "mode": "keyword"});
        wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        wish
    };
    let plain = search(&world, wish("lake", json!({"rerank": false}))).await;
    let first = contents(&plain)[0];
    let again = search(&world, wish("lake", json!({}))).await;
    assert_eq!(again.body["degraded"], json!([]));
    // Its weights like texts in which "sister" stands, whatever is asked.
    assert_eq!(contents(&again)[0], TALK[3], "before: {first}");
    fs::remove_file(folder.path().join("config.json")).expect("it was there");
    world.end().await;

    let world = with_talk(Models { rerank: true, reranker: Some(folder.path().join("none")), ..ours() }).await;
    let reply = search(&world, wish("lake", json!({}))).await;
    assert_eq!((contents(&reply)[0], &reply.body["degraded"]), (first, &json!(["rerank"])));
    world.end().await;
}

const WIDTH: usize = 32;
const WORDS: [&str; 8] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "lake", "sister", "boat", "home"];

/// A model of one layer that does nothing but hand on what it attends to, and a score for one word.
fn cross_encoder(folder: &Path) {
    let config = json!({
        "model_type": "bert", "architectures": ["BertForSequenceClassification"], "hidden_act": "gelu", "hidden_size": WIDTH,
        "intermediate_size": 64, "layer_norm_eps": 1e-12, "max_position_embeddings": 512, "num_attention_heads": 2,
        "num_hidden_layers": 1, "vocab_size": WORDS.len(),
    });
    fs::write(folder.join("config.json"), config.to_string()).expect("written");
    let vocabulary: serde_json::Map<String, Value> =
        WORDS.iter().enumerate().map(|(id, word)| ((*word).to_owned(), json!(id))).collect();
    let special = |id: &str| json!({"SpecialToken": {"id": id, "type_id": 0}});
    let text = |id: &str, of_type: u32| json!({"Sequence": {"id": id, "type_id": of_type}});
    let end = json!({"SpecialToken": {"id": "[SEP]", "type_id": 1}});
    let token = |id: u32, word: &str| json!({"id": word, "ids": [id], "tokens": [word]});
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"}, "decoder": null,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [special("[CLS]"), text("A", 0), special("[SEP]")],
            "pair": [special("[CLS]"), text("A", 0), special("[SEP]"), text("B", 1), end],
            "special_tokens": {"[CLS]": token(2, "[CLS]"), "[SEP]": token(3, "[SEP]")},
        },
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    });
    fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).expect("written");
    let diagonal =
        |value: f32| -> Vec<f32> { (0..WIDTH * WIDTH).map(|at| if at % (WIDTH + 1) == 0 { value } else { 0.0 }).collect() };
    let zeros = |count: usize| vec![0.0_f32; count];
    // Each word has a direction of its own.
    let words: Vec<f32> = (0..WORDS.len() * WIDTH).map(|at| if at % WIDTH == at / WIDTH { 3.0 } else { 0.0 }).collect();
    let score: Vec<f32> = (0..WIDTH).map(|at| if at == 5 { 5.0 } else { 0.0 }).collect();
    let mut tensors: Vec<(String, Vec<usize>, Vec<f32>)> = vec![
        ("bert.embeddings.word_embeddings.weight".into(), vec![WORDS.len(), WIDTH], words),
        ("bert.embeddings.position_embeddings.weight".into(), vec![512, WIDTH], zeros(512 * WIDTH)),
        ("bert.embeddings.token_type_embeddings.weight".into(), vec![2, WIDTH], zeros(2 * WIDTH)),
        ("bert.pooler.dense.weight".into(), vec![WIDTH, WIDTH], diagonal(1.0)),
        ("bert.pooler.dense.bias".into(), vec![WIDTH], zeros(WIDTH)),
        ("classifier.weight".into(), vec![1, WIDTH], score),
        ("classifier.bias".into(), vec![1], vec![0.0]),
    ];
    for name in ["embeddings.LayerNorm", "encoder.layer.0.attention.output.LayerNorm", "encoder.layer.0.output.LayerNorm"] {
        tensors.push((format!("bert.{name}.weight"), vec![WIDTH], vec![1.0; WIDTH]));
        tensors.push((format!("bert.{name}.bias"), vec![WIDTH], zeros(WIDTH)));
    }
    let linear = [
        ("attention.self.query", WIDTH, WIDTH, zeros(WIDTH * WIDTH)),
        ("attention.self.key", WIDTH, WIDTH, zeros(WIDTH * WIDTH)),
        ("attention.self.value", WIDTH, WIDTH, diagonal(4.0)),
        ("attention.output.dense", WIDTH, WIDTH, diagonal(4.0)),
        ("intermediate.dense", 64, WIDTH, zeros(64 * WIDTH)),
        ("output.dense", WIDTH, 64, zeros(64 * WIDTH)),
    ];
    for (name, outputs, inputs, weights) in linear {
        tensors.push((format!("bert.encoder.layer.0.{name}.weight"), vec![outputs, inputs], weights));
        tensors.push((format!("bert.encoder.layer.0.{name}.bias"), vec![outputs], zeros(outputs)));
    }
    let (mut head, mut data) = (serde_json::Map::new(), vec![]);
    for (name, shape, values) in tensors {
        let from = data.len();
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        head.insert(name, json!({"dtype": "F32", "shape": shape, "data_offsets": [from, data.len()]}));
    }
    let head = Value::Object(head).to_string();
    let file = [&(head.len() as u64).to_le_bytes(), head.as_bytes(), &data].concat();
    fs::write(folder.join("model.safetensors"), file).expect("written");
}
