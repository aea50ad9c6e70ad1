//! The messages of the Centrifuge client protocol, version 2, as JSON: what a session understands and says. Called by sessions.
//! Source: the protocol's public definition and the behaviour of its official clients.

use serde::Deserialize;
use serde_json::{Value, json};

/// A command of a client; one line of a frame. An empty one is the answer to a ping.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Command {
    pub id: u32,
    pub connect: Option<Connect>,
    pub subscribe: Option<Subscribe>,
    pub unsubscribe: Option<InChannel>,
    pub presence: Option<InChannel>,
    pub presence_stats: Option<InChannel>,
    pub history: Option<History>,
    pub refresh: Option<Refresh>,
    pub ping: Option<Value>,
    pub publish: Option<Value>,
    pub rpc: Option<Value>,
    pub sub_refresh: Option<Value>,
    pub send: Option<Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Connect {
    pub token: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Subscribe {
    pub channel: String,
    pub recover: bool,
    pub epoch: String,
    pub offset: u64,
    pub join_leave: bool,
    /// Narrows the channel, see [`super::channel::Narrowing`]: `{"types": "memory.created,memory.updated", "tags": "tea"}`.
    pub data: Value,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct InChannel {
    pub channel: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct History {
    pub channel: String,
    pub limit: i64,
    pub since: Option<Since>,
    pub reverse: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Since {
    pub offset: u64,
    pub epoch: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Refresh {
    pub token: String,
}

/// Why a command has no result; the codes are the protocol's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: u32,
    pub message: String,
    pub temporary: bool,
}

impl Refusal {
    fn new(code: u32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), temporary: false }
    }

    pub fn internal() -> Self {
        Self { temporary: true, ..Self::new(100, "internal server error") }
    }

    pub fn unauthorized() -> Self {
        Self::new(101, "unauthorized")
    }

    pub fn unknown_channel(why: String) -> Self {
        Self::new(102, why)
    }

    pub fn not_found() -> Self {
        Self::new(104, "method not found")
    }

    pub fn already_subscribed() -> Self {
        Self::new(105, "already subscribed")
    }

    pub fn limit_exceeded(why: String) -> Self {
        Self::new(106, why)
    }

    pub fn bad_request(why: String) -> Self {
        Self::new(107, why)
    }

    pub fn not_available() -> Self {
        Self::new(108, "not available: events are written by commands")
    }

    pub fn token_expired() -> Self {
        Self::new(109, "token expired")
    }

    pub fn unrecoverable() -> Self {
        Self::new(112, "unrecoverable position")
    }
}

/// Why a connection ends; codes from 3000 to 3499 and 4000 to 4499 make the client come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnect {
    pub code: u16,
    pub reason: &'static str,
}

impl Disconnect {
    /// RFC 6455, section 7.4.1.
    pub const PROTOCOL: Self = Self { code: 1002, reason: "protocol error" };
    pub const SHUTDOWN: Self = Self { code: 3001, reason: "shutdown" };
    pub const INTERNAL: Self = Self { code: 3004, reason: "internal server error" };
    pub const EXPIRED: Self = Self { code: 3005, reason: "connection expired" };
    pub const SLOW: Self = Self { code: 3008, reason: "slow" };
    pub const ANOTHER_LOG: Self = Self { code: 3010, reason: "insufficient state" };
    pub const NO_PONG: Self = Self { code: 3012, reason: "no pong" };
    pub const TOO_MANY: Self = Self { code: 3505, reason: "connection limit" };
    pub const INVALID_TOKEN: Self = Self { code: 3500, reason: "invalid token" };
    pub const BAD_REQUEST: Self = Self { code: 3501, reason: "bad request" };
    pub const STALE: Self = Self { code: 3502, reason: "stale" };
    pub const TOO_LARGE: Self = Self { code: 3504, reason: "message size limit" };
}

/// A reply with the result of a command, under the command's name.
pub fn reply(id: u32, name: &str, result: Value) -> String {
    json!({"id": id, name: result}).to_string()
}

pub fn refused(id: u32, refusal: &Refusal) -> String {
    let Refusal { code, message, temporary } = refusal;
    json!({"id": id, "error": {"code": code, "message": message, "temporary": temporary}}).to_string()
}

/// What a subscriber of a channel gets for an event that is JSON already.
pub fn publication(channel: &str, offset: u64, data: &str) -> String {
    let channel = Value::from(channel);
    format!(r#"{{"push":{{"channel":{channel},"pub":{{"data":{data},"offset":{offset}}}}}}}"#)
}

/// Somebody came to a channel or left it.
pub fn presence(channel: &str, joined: bool, info: &Value) -> String {
    let what = if joined { "join" } else { "leave" };
    json!({"push": {"channel": channel, what: {"info": info}}}).to_string()
}
