//! A real browser: Chromium without a window, driven by its own protocol (CDP), with authenticators that are made of software. Where there is
//! none, the tests that need it say so and pass.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, sync::Mutex, task::spawn_blocking};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::harness::{done, eventually, soon};

const PROGRAM: &str = "chromium";

struct Line {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    id: u64,
}

/// The browser, as long as it is held.
pub struct Chromium {
    program: Child,
    line: Mutex<Line>,
    _profile: tempfile::TempDir,
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

impl Chromium {
    /// `None` where there is none; that was said.
    pub async fn start() -> Option<Self> {
        let profile = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(PROGRAM);
        command.args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--no-default-browser-check",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-proxy-server",
            "--remote-debugging-port=0",
        ]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        let Ok(mut program) = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn() else {
            eprintln!("SKIPPED: NOTHING IS TESTED IN A REAL BROWSER, FOR THERE IS NO {PROGRAM} HERE");
            return None;
        };
        let err = program.stderr.take().expect("piped");
        let address = spawn_blocking(move || {
            let mut lines = BufReader::new(err).lines().map_while(Result::ok);
            let address = lines.find_map(|line| line.strip_prefix("DevTools listening on ").map(str::to_owned));
            // Read on, or the browser would wait for somebody who does.
            std::thread::spawn(move || lines.for_each(drop));
            address
        });
        let address = done("the browser says where it is", address).await.expect("no panic").expect("an address");
        let (socket, _) = connect_async(&address).await.expect("the browser listens");
        Some(Self { program, line: Mutex::new(Line { socket, id: 0 }), _profile: profile })
    }

    /// A call and its answer. `Err` is what the browser says is wrong with it.
    async fn call(&self, session: Option<&str>, method: &str, parameters: Value) -> Result<Value, Value> {
        let mut line = self.line.lock().await;
        line.id += 1;
        let id = line.id;
        let mut call = json!({"id": id, "method": method, "params": parameters});
        if let Some(session) = session {
            call["sessionId"] = session.into();
        }
        line.socket.send(Message::text(call.to_string())).await.expect("sent");
        loop {
            let message = soon(method, line.socket.next()).await.expect("open").expect("a frame");
            let Ok(mut said) = serde_json::from_str::<Value>(message.to_text().unwrap_or_default()) else { continue };
            if said["id"] == id {
                return if said["error"].is_null() { Ok(said["result"].take()) } else { Err(said["error"].take()) };
            }
        }
    }

    /// An empty page of somebody who shares nothing with the others.
    pub async fn person(&self) -> Tab<'_> {
        let call = async |method: &str, parameters: Value| self.call(None, method, parameters).await.expect("a good call");
        let context = call("Target.createBrowserContext", json!({})).await;
        let context = context["browserContextId"].clone();
        let target = call("Target.createTarget", json!({"url": "about:blank", "browserContextId": context})).await;
        let attached = call("Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true})).await;
        let tab = Tab { browser: self, session: attached["sessionId"].as_str().expect("a session").to_owned() };
        tab.call("Page.enable", json!({})).await;
        tab.call("Emulation.setFocusEmulationEnabled", json!({"enabled": true})).await;
        tab
    }
}

/// One page.
pub struct Tab<'a> {
    browser: &'a Chromium,
    session: String,
}

impl Tab<'_> {
    pub async fn call(&self, method: &str, parameters: Value) -> Value {
        let answer = self.browser.call(Some(&self.session), method, parameters).await;
        answer.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// What an expression comes to; of a promise, what it holds. `Err` is what was thrown, or that the page went away meanwhile.
    pub async fn try_eval(&self, expression: &str) -> Result<Value, Value> {
        let parameters = json!({"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true});
        let mut answer = self.browser.call(Some(&self.session), "Runtime.evaluate", parameters).await?;
        match answer["exceptionDetails"].take() {
            Value::Null => Ok(answer["result"]["value"].take()),
            thrown => Err(thrown),
        }
    }

    pub async fn eval(&self, expression: &str) -> Value {
        self.try_eval(expression).await.unwrap_or_else(|thrown| panic!("{expression}: {thrown}"))
    }

    /// Waits until an expression is true; a page that is just going away is asked again.
    pub async fn until(&self, expression: &str) {
        eventually(expression, async || {
            let seen = self.try_eval(expression).await;
            if seen == Ok(Value::Bool(true)) {
                return Ok(());
            }
            let page = self.try_eval("location.href + ' ' + (document.body?.innerText ?? '').slice(0, 600)").await;
            Err((seen, page))
        })
        .await;
    }

    /// Waits until the page is at an address that begins so, and is there whole.
    pub async fn arrives(&self, start: &str) {
        self.until(&format!("document.readyState === 'complete' && location.href.startsWith({})", json!(start))).await;
    }

    pub async fn goto(&self, url: &str) {
        let went = self.call("Page.navigate", json!({"url": url})).await;
        assert!(went["errorText"].is_null(), "{url}: {went}");
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'").await;
    }

    pub async fn click(&self, selector: &str) {
        self.until(&format!("Boolean(document.querySelector({0}) && !document.querySelector({0}).disabled)", json!(selector)))
            .await;
        self.eval(&format!("document.querySelector({}).click()", json!(selector))).await;
    }

    /// What the page says of how it went.
    pub async fn says(&self, words: &str) {
        self.until(&format!("document.getElementById('said')?.textContent.includes({})", json!(words))).await;
    }

    /// One key of the keyboard.
    pub async fn press(&self, key: &str, code: u32, text: &str) {
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code});
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Plugs an authenticator in that keeps passkeys and verifies its holder; answers its name.
    pub async fn authenticator(&self) -> Value {
        self.call("WebAuthn.enable", json!({})).await;
        let options = json!({
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": true,
            "hasUserVerification": true,
            "isUserVerified": true,
            "automaticPresenceSimulation": true,
        });
        let added = self.call("WebAuthn.addVirtualAuthenticator", json!({"options": options})).await;
        added["authenticatorId"].clone()
    }

    /// The passkeys that an authenticator keeps, with their private halves.
    pub async fn kept(&self, authenticator: &Value) -> Vec<Value> {
        let kept = self.call("WebAuthn.getCredentials", json!({"authenticatorId": authenticator})).await;
        kept["credentials"].as_array().expect("a list").clone()
    }
}
