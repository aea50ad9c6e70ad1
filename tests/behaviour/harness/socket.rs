//! A live socket that is watched until it is closed.

use futures::{SinkExt, StreamExt};
use serde_json::json;
use tokio::time::Instant;
use tokio_tungstenite::{connect_async, tungstenite::Message};

use super::soon;

/// Opens a socket of a brain by a token; gives what it said to that, and what answers when it is closed, and with which code.
pub async fn open(brain: &str, token: &str) -> (String, impl Future<Output = (Instant, u16)> + use<>) {
    let (mut socket, _) = connect_async(format!("{}/api/v1/ws", brain.replace("http", "ws"))).await.expect("opens");
    let connect = json!({"id": 1, "connect": {"token": token}}).to_string();
    socket.send(Message::text(connect)).await.expect("sent");
    let connected = soon("it is connected", socket.next()).await.expect("open").expect("a frame");
    let connected = connected.to_text().expect("a text").to_owned();
    assert!(connected.contains("\"client\""), "{connected}");
    let closed = async move {
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(frame))) => return (Instant::now(), frame.map_or(0, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                other => panic!("closed without a word: {other:?}"),
            }
        }
    };
    (connected, closed)
}
