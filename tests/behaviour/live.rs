//! Live streams: whoever is subscribed is told at once, and who was away gets exactly what was missed.

use std::{collections::VecDeque, time::Duration};

use futures::{SinkExt, StreamExt};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::harness::{DEADLINE, World, eventually, reply, soon};

/// A socket that speaks lines of JSON.
struct Socket {
    inner: WebSocketStream<MaybeTlsStream<TcpStream>>,
    heard: VecDeque<Value>,
}

impl Socket {
    /// One for which the machine keeps hardly anything that it does not read.
    async fn narrow(world: &World) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(16 * 1_024).expect("set");
        let address = world.url().trim_start_matches("http://").parse().expect("an address");
        let stream = MaybeTlsStream::Plain(socket.connect(address).await.expect("connects"));
        let url = format!("{}/api/v1/ws", world.url().replace("http://", "ws://"));
        let (inner, _) = tokio_tungstenite::client_async(url, stream).await.expect("opens");
        Self { inner, heard: VecDeque::new() }.introduced(world).await
    }

    async fn open(world: &World, path: &str, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let url = format!("{}{path}", world.url().replace("http://", "ws://"));
        let mut request = url.into_client_request().expect("a request");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header"));
        }
        match connect_async(request).await {
            Ok((inner, _)) => Ok(Self { inner, heard: VecDeque::new() }),
            Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(other) => panic!("{other}"),
        }
    }

    /// A socket of the Centrifuge protocol that has said who it is.
    async fn connected(world: &World) -> Self {
        Self::open(world, "/api/v1/ws", &[]).await.expect("opens").introduced(world).await
    }

    async fn introduced(mut self, world: &World) -> Self {
        self.say(json!({"id": 1, "connect": {"token": world.key()}})).await;
        let connected = self.hear().await;
        assert!(connected["connect"]["client"].is_string() && connected["connect"]["pong"] == true, "{connected}");
        self
    }

    async fn say(&mut self, message: Value) {
        self.inner.send(Message::text(message.to_string())).await.expect("sent");
    }

    /// The next message that is no ping; a close as `{"close": code}`.
    async fn hear(&mut self) -> Value {
        soon("something is said besides pings", self.next()).await
    }

    async fn next(&mut self) -> Value {
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return heard;
            }
            match self.inner.next().await.expect("open").expect("a frame") {
                Message::Text(text) => {
                    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
                    self.heard.extend(lines.filter(|line| *line != json!({})));
                }
                Message::Close(Some(frame)) => return json!({"close": u16::from(frame.code)}),
                _ => {}
            }
        }
    }

    /// Says a command and waits for its reply; what is pushed meanwhile waits.
    async fn ask(&mut self, message: Value) -> Value {
        soon(format!("{message} is answered"), self.reply_to(&message)).await
    }

    async fn reply_to(&mut self, message: &Value) -> Value {
        self.say(message.clone()).await;
        let mut pushed = VecDeque::new();
        loop {
            let heard = self.hear().await;
            if heard["id"] == message["id"] {
                pushed.append(&mut self.heard);
                self.heard = pushed;
                return heard;
            }
            pushed.push_back(heard);
        }
    }

    /// The next publication: channel, offset and content.
    async fn publication(&mut self) -> (String, u64, Value) {
        let heard = self.hear().await;
        let push = &heard["push"];
        let offset = push["pub"]["offset"].as_u64().unwrap_or_else(|| panic!("a publication, not {heard}"));
        (push["channel"].as_str().expect("a channel").to_owned(), offset, push["pub"]["data"].clone())
    }
}

async fn add(world: &World, content: &str, tags: &[&str]) -> Value {
    let added = world.send(Method::POST, "/api/v1/memories", json!({"content": content, "tags": tags})).await;
    assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
    added.body
}

#[tokio::test(flavor = "multi_thread")]
async fn each_channel_carries_what_its_name_says() {
    let world = World::new().await;
    let early = add(&world, "before anybody listens", &["tea"]).await;
    let id = early["memory"]["id"].as_str().expect("an id").to_owned();
    let mut socket = Socket::connected(&world).await;
    let channels = [format!("memory:{id}"), "tag:tea".into(), "type:memory.deleted".into(), "graph".into()];
    for (n, channel) in channels.iter().enumerate() {
        let subscribed = socket.ask(json!({"id": n + 2, "subscribe": {"channel": channel}})).await;
        assert_eq!(subscribed["subscribe"]["recoverable"], true, "{subscribed}");
    }
    let other = add(&world, "cake", &[]).await;
    let patched = world.send(Method::PATCH, &format!("/api/v1/memories/{id}"), json!({"tags": ["pie"]})).await;
    let mut told = [socket.publication().await, socket.publication().await];
    told.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!([told[0].0.as_str(), told[1].0.as_str()], [channels[0].as_str(), "tag:tea"], "it left the tag");
    assert!(told.iter().all(|one| Some(one.1) == patched.body["position"].as_u64() && one.2["type"] == "memory.updated"));
    let link = json!({"source_id": other["memory"]["id"], "target_id": id, "relationship_type": "supports"});
    assert!(world.send(Method::POST, "/api/v1/relationships", link).await.status.is_success());
    let mut told = vec![socket.publication().await.0, socket.publication().await.0];
    told.sort();
    assert_eq!(told, ["graph".to_owned(), channels[0].clone()]);
    let refused = socket.ask(json!({"id": 9, "subscribe": {"channel": "memory:everything"}})).await;
    assert_eq!(refused["error"]["code"], 102);
    let present = socket.ask(json!({"id": 10, "presence": {"channel": "graph"}})).await;
    assert_eq!(present["presence"]["presence"].as_object().map(|map| map.len()), Some(1));
    let published = socket.ask(json!({"id": 11, "publish": {"channel": "graph", "data": {}}})).await;
    assert_eq!(published["error"]["code"], 108);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_gets_what_was_missed_and_nothing_twice() {
    let mut world = World::new().await;
    let mut socket = Socket::connected(&world).await;
    let subscribed = socket.ask(json!({"id": 2, "subscribe": {"channel": "space"}})).await;
    let epoch = subscribed["subscribe"]["epoch"].clone();
    add(&world, "one", &[]).await;
    let (_, offset, _) = socket.publication().await;
    drop(socket);
    let missed = [add(&world, "two", &[]).await, add(&world, "three", &[]).await];
    // The server is another process's life away, and so is its memory.
    world.restart().await;
    let mut socket = Socket::connected(&world).await;
    let again = json!({"id": 2, "subscribe": {"channel": "space", "recover": true, "epoch": epoch, "offset": offset}});
    let recovered = socket.ask(again).await["subscribe"].clone();
    assert_eq!((&recovered["recovered"], &recovered["was_recovering"]), (&json!(true), &json!(true)), "{recovered}");
    let publications = recovered["publications"].as_array().expect("publications");
    let positions: Vec<_> = publications.iter().map(|one| one["offset"].clone()).collect();
    assert_eq!(positions, missed.iter().map(|one| one["position"].clone()).collect::<Vec<_>>());
    let later = add(&world, "four", &[]).await;
    let (_, offset, event) = socket.publication().await;
    assert_eq!((Some(offset), &event["data"]["memory"]["content"]), (later["position"].as_u64(), &json!("four")));
    let another = json!({"id": 3, "subscribe": {"channel": "graph", "recover": true, "epoch": "another", "offset": 1}});
    assert_eq!(socket.ask(another).await["subscribe"]["recovered"], false);
    let history = json!({"id": 4, "history": {"channel": "type:memory.created", "limit": 2, "reverse": true}});
    let history = socket.ask(history).await["history"]["publications"].clone();
    assert_eq!(history[0]["offset"], later["position"]);
    assert_eq!(history.as_array().map(Vec::len), Some(2));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_never_had_cannot_be_recovered_from() {
    let world = World::new().await;
    let end = add(&world, "one", &[]).await["position"].clone();
    let mut socket = Socket::connected(&world).await;
    let epoch = socket.ask(json!({"id": 2, "subscribe": {"channel": "graph"}})).await["subscribe"]["epoch"].clone();
    let wish = json!({"channel": "space", "recover": true, "epoch": epoch, "offset": 99_999});
    let answer = socket.ask(json!({"id": 3, "subscribe": wish})).await["subscribe"].clone();
    assert_eq!((&answer["recovered"], &answer["offset"]), (&json!(false), &end), "{answer}");
    let next = add(&world, "two", &[]).await["position"].as_u64();
    assert_eq!(Some(socket.publication().await.1), next, "it is told what comes from now on");
    let bearer = format!("Bearer {}", world.key());
    let headers = [("Authorization", bearer.as_str()), ("Sec-WebSocket-Protocol", "cloudevents.json")];
    assert_eq!(Socket::open(&world, "/api/v1/ws?after=99999", &headers).await.err(), Some(400));
    let beyond = world.get("/api/v1/stream?after=99999").await;
    assert_eq!((beyond.status.as_u16(), &beyond.body["code"]), (400, &json!("read.position_beyond_log")));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_others_and_frames_of_nobody_are_turned_away() {
    let world = World::new().await;
    // Not readable as text, so nobody's that is known.
    let origin = reqwest::header::HeaderValue::from_bytes("http://127.0.0.1\u{e9}".as_bytes()).expect("a value");
    let foreign = reply(world.request(Method::GET, "/api/v1/stream").header("Origin", origin)).await;
    assert_eq!((foreign.status.as_u16(), &foreign.body["code"]), (403, &json!("live.origin_forbidden")));
    // A frame whose reserved bits are set ends the connection with a reason.
    let mut socket = Socket::connected(&world).await;
    let MaybeTlsStream::Plain(stream) = socket.inner.get_mut() else { panic!("a plain stream") };
    tokio::io::AsyncWriteExt::write_all(stream, &[0xF1, 0x80, 0, 0, 0, 0]).await.expect("written");
    assert_eq!(socket.hear().await, json!({"close": 1002}));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_resumes_by_its_last_id() {
    let world = World::new().await;
    let first = add(&world, "one", &["tea"]).await["position"].as_u64().expect("a position");
    add(&world, "two", &[]).await;
    let third = add(&world, "three", &["tea"]).await["position"].as_u64().expect("a position");
    let request = world.request(Method::GET, "/api/v1/stream?channels=tag:tea");
    let mut answer = request.header("Last-Event-ID", first.to_string()).send().await.expect("an answer");
    assert_eq!(answer.headers()["content-type"], "text/event-stream; charset=utf-8");
    let mut text = String::new();
    let mut read_until = async |wanted: String| {
        let all = async {
            while !text.contains(&wanted) {
                let part = answer.chunk().await.expect("open").expect("bytes");
                text.push_str(std::str::from_utf8(&part).expect("UTF-8"));
            }
        };
        soon(format!("the stream gives {wanted:?}"), all).await;
        text.clone()
    };
    let heard = read_until(format!("id: {third}\nevent: memory.created\ndata: ")).await;
    assert!(!heard.contains("\"one\"") && !heard.contains("\"two\""), "{heard}");
    let fourth = add(&world, "four", &["tea"]).await["position"].as_u64().expect("a position");
    read_until(format!("id: {fourth}\n")).await;
    let bad = world.get("/api/v1/stream?channels=everything").await;
    assert_eq!((bad.status.as_u16(), &bad.body["code"]), (400, &json!("live.bad_parameter")));
    let beyond = reply(world.request(Method::GET, "/api/v1/stream").header("Last-Event-ID", "99999")).await;
    assert_eq!(beyond.body["code"], "read.position_beyond_log");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simpler_dialects_are_spoken_too() {
    let world = World::new().await;
    let path = format!("/ws/ann?api_key={}", world.key());
    let mut legacy = Socket::open(&world, &path, &[]).await.expect("opens");
    legacy.say(json!({"type": "subscribe", "channel": "space"})).await;
    assert_eq!(legacy.hear().await, json!({"type": "subscribed", "channel": "space"}));
    let bearer = format!("Bearer {}", world.key());
    let headers = [("Authorization", bearer.as_str()), ("Sec-WebSocket-Protocol", "cloudevents.json")];
    let mut bare = Socket::open(&world, "/api/v1/ws?types=memory.created", &headers).await.expect("opens");
    let added = add(&world, "Tea at four", &[]).await;
    let told = legacy.hear().await;
    assert_eq!((&told["type"], &told["event"]["sequence"]), (&json!("event"), &json!(added["position"].to_string())));
    let event = bare.hear().await;
    assert_eq!((&event["specversion"], &event["sequence"]), (&json!("1.0"), &json!(added["position"].to_string())));
    legacy.say(json!({"type": "subscribe", "channel": "nonsense"})).await;
    assert_eq!(legacy.hear().await["type"], "error");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_may_read_is_told() {
    let world = World::new().await;
    let connect = async |token: &str| {
        let mut socket = Socket::open(&world, "/api/v1/ws", &[]).await.expect("opens");
        socket.say(json!({"id": 1, "connect": {"token": token}})).await;
        let heard = socket.hear().await;
        (socket, heard)
    };
    assert_eq!(connect("").await.1["error"]["code"], 101);
    assert_eq!(connect("nonsense").await.1, json!({"close": 3500}));
    let issued = world.send(Method::POST, "/api/v1/live/token", json!({"ttl_s": 1})).await;
    let token = issued.body["token"].as_str().expect("a token").to_owned();
    let (mut socket, connected) = connect(&token).await;
    assert_eq!(connected["connect"]["expires"], true, "{connected}");
    assert!(socket.ask(json!({"id": 2, "subscribe": {"channel": "space"}})).await["subscribe"].is_object());
    // The end is looked at when it comes, long before the next ping.
    assert_eq!(timeout(Duration::from_secs(10), socket.hear()).await.expect("at its end"), json!({"close": 3005}));
    assert_eq!(connect(&token).await.1["error"]["code"], 109);
    let issued = world.send(Method::POST, "/api/v1/live/token", json!({"ttl_s": 60})).await;
    let (mut socket, connected) = connect(issued.body["token"].as_str().expect("a token")).await;
    assert!((1..60).contains(&connected["connect"]["ttl"].as_u64().expect("a number")), "time to fetch another: {connected}");
    assert!(socket.ask(json!({"id": 2, "subscribe": {"channel": "space"}})).await["subscribe"].is_object());
    let fresh = world.send(Method::POST, "/api/v1/live/token", json!({})).await.body["token"].clone();
    assert!(socket.ask(json!({"id": 3, "refresh": {"token": fresh}})).await["refresh"]["ttl"].as_u64() > Some(800));
    // Another space hears nothing of this one.
    let (mut stranger, connected) = connect(&world.stranger().await).await;
    assert!(connected["connect"].is_object(), "{connected}");
    stranger.ask(json!({"id": 2, "subscribe": {"channel": "space"}})).await;
    let position = add(&world, "ours", &[]).await["position"].as_u64();
    assert_eq!(Some(socket.publication().await.1), position);
    let heard = stranger.ask(json!({"id": 3, "history": {"channel": "space", "limit": 10}})).await;
    assert_eq!(heard["history"]["publications"], json!([]));
    assert!(stranger.heard.is_empty());
    let foreign = Socket::open(&world, "/api/v1/ws", &[("Origin", "https://evil.example")]).await;
    assert_eq!(foreign.err(), Some(403));
    let own = world.url().to_owned();
    assert!(Socket::open(&world, "/api/v1/ws", &[("Origin", &own)]).await.is_ok());
    let mut mute = Socket::open(&world, "/api/v1/ws", &[]).await.expect("opens");
    mute.say(json!({"id": 1, "subscribe": {"channel": "space"}})).await;
    assert_eq!(mute.hear().await, json!({"close": 3501}), "the first command says who it is");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_narrowed_by_what_a_memory_is() {
    let world = World::new().await;
    let mut socket = Socket::connected(&world).await;
    let narrow = json!({"tags": "tea, cake", "importance_min": 0.6, "types": "memory.created"});
    let subscribed = socket.ask(json!({"id": 2, "subscribe": {"channel": "space", "data": narrow}})).await;
    assert!(subscribed["subscribe"].is_object(), "{subscribed}");
    for (tag, importance) in [("tea", 0.5), ("pie", 0.9), ("cake", 0.7)] {
        let memory = json!({"content": format!("about {tag}"), "tags": [tag], "importance": importance});
        assert!(world.send(Method::POST, "/api/v1/memories", memory).await.status.is_success());
    }
    assert_eq!(socket.publication().await.2["data"]["memory"]["tags"], json!(["cake"]));
    let bad = socket.ask(json!({"id": 3, "subscribe": {"channel": "graph", "data": {"importance_min": 7}}})).await;
    assert_eq!(bad["error"]["code"], 107, "{bad}");
    let bad = world.get("/api/v1/stream?memory_types=tasty").await;
    assert_eq!((bad.status.as_u16(), &bad.body["errors"][0]["field"]), (400, &json!("memory_types")));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_is_cut_off_and_recovers_and_nobody_else_notices() {
    const EVENTS: usize = 12;
    let world = World::new().await;
    let tags: Vec<String> = (0..30).map(|n| format!("t{n}")).collect();
    let (mut slow, mut quick) = (Socket::narrow(&world).await, Socket::connected(&world).await);
    let mut epoch = Value::Null;
    for (n, tag) in tags.iter().enumerate() {
        let subscribed = slow.ask(json!({"id": n + 2, "subscribe": {"channel": format!("tag:{tag}")}})).await;
        epoch = subscribed["subscribe"]["epoch"].clone();
    }
    quick.ask(json!({"id": 2, "subscribe": {"channel": "space"}})).await;
    let mut expected = vec![];
    for _ in 0..EVENTS {
        // Over a megabyte for the slow one, once for each of its channels.
        let memory = json!({"content": "\u{1f375}".repeat(10_000), "tags": tags});
        let added = world.send(Method::POST, "/api/v1/memories", memory).await;
        expected.push(added.body["position"].as_u64().expect("a position"));
        assert_eq!(Some(&quick.publication().await.1), expected.last());
    }
    // Its place is given up although it has never closed.
    let present = json!({"id": 3, "presence_stats": {"channel": "tag:t0"}});
    eventually("the slow one is gone", async || {
        let present = quick.ask(present.clone()).await["presence_stats"]["num_clients"].clone();
        if present == 0 { Ok(()) } else { Err(present) }
    })
    .await;
    let mut seen = vec![];
    let rest = async {
        while let Some(Ok(message)) = slow.inner.next().await {
            let Message::Text(text) = message else { continue };
            let frames = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
            let ours = frames.filter(|frame| frame["push"]["channel"] == "tag:t0");
            seen.extend(ours.filter_map(|frame| frame["push"]["pub"]["offset"].as_u64()));
        }
    };
    soon("the slow one's connection ends", rest).await;
    assert!(seen.len() < EVENTS, "it was cut off before the end");
    let mut again = Socket::connected(&world).await;
    let offset = seen.last().copied().unwrap_or(expected[0] - 1);
    let wish = json!({"channel": "tag:t0", "recover": true, "epoch": epoch, "offset": offset});
    let recovered = again.ask(json!({"id": 2, "subscribe": wish})).await["subscribe"].clone();
    seen.extend(recovered["publications"].as_array().into_iter().flatten().filter_map(|one| one["offset"].as_u64()));
    assert_eq!(seen, expected);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_others_making_works_unchanged() {
    let world = World::new().await;
    let url = format!("{}/api/v1/ws", world.url().replace("http://", "ws://"));
    let config = tokio_centrifuge::config::Config::new().with_token(world.key()).use_json();
    let client = tokio_centrifuge::client::Client::new(&url, config);
    let subscription = client.new_subscription("space");
    let (told, mut telling) = tokio::sync::mpsc::unbounded_channel();
    subscription.on_publication(move |publication| drop(told.send(publication.data)));
    let subscribed = subscription.subscribe();
    client.connect().await.expect("connects");
    subscribed.await.expect("subscribes");
    add(&world, "Tea at four", &[]).await;
    let data = timeout(DEADLINE, telling.recv()).await.expect("told").expect("open");
    let event: Value = serde_json::from_slice(&data).expect("JSON");
    assert_eq!(event["data"]["memory"]["content"], "Tea at four");
    client.disconnect().await;
    world.end().await;
}
