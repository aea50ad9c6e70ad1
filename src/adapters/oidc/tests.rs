//! Tokens of those who should not come in, as a table: each differs from a good one in one thing, and is refused for that thing.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::DateTime;
use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use openidconnect::{ClientId, IssuerUrl, core::CoreJsonWebKeySet};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};

use super::{
    GitHub, Registration, Way,
    claims::Claims,
    verify::{Expected, Unfit, id_token, logout_token},
};
use crate::{
    adapters::{http::install_tls, system::SystemClock},
    ports::identity::{Arrival, AttemptSecrets, IdentityProvider, LogoutNotice},
};

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://id.example/";
const NONCE: &str = "n-0S6_WzA2Mj";
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

fn public(number: u8) -> String {
    URL_SAFE_NO_PAD.encode(key(number).verifying_key().as_bytes())
}

fn keys() -> CoreJsonWebKeySet {
    let one = |kid: &str, number| json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": kid, "x": public(number)});
    serde_json::from_value(json!({"keys": [one("k1", 1), one("k2", 2)]})).unwrap()
}

/// What makes a signature of bytes.
type Sign = dyn Fn(&[u8]) -> Vec<u8>;

/// A token as it is put together; the parts are texts, so that they can be anything.
struct Minted {
    header: Value,
    claims: Value,
    /// In place of the claims as they are written.
    text: Option<String>,
    signer: Box<Sign>,
}

impl Minted {
    fn header(mut self, name: &str, value: Value) -> Self {
        self.header[name] = value;
        self
    }

    fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims[name] = value;
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.claims.as_object_mut().unwrap().remove(name);
        self.header.as_object_mut().unwrap().remove(name);
        self
    }

    fn text(mut self, change: impl Fn(String) -> String) -> Self {
        self.text = Some(change(self.claims.to_string()));
        self
    }

    fn signed_by(mut self, signer: impl Fn(&[u8]) -> Vec<u8> + 'static) -> Self {
        self.signer = Box::new(signer);
        self
    }

    fn token(self) -> String {
        let part = |text: String| URL_SAFE_NO_PAD.encode(text);
        let claims = self.text.unwrap_or_else(|| self.claims.to_string());
        let signed = format!("{}.{}", part(self.header.to_string()), part(claims));
        let signature = URL_SAFE_NO_PAD.encode((self.signer)(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

fn signer(number: u8) -> impl Fn(&[u8]) -> Vec<u8> {
    move |bytes| key(number).sign(bytes).to_bytes().to_vec()
}

fn identity() -> Minted {
    Minted {
        header: json!({"alg": "EdDSA", "kid": "k1", "typ": "JWT"}),
        claims: json!({
            "iss": ISSUER, "sub": "ann", "aud": "brain", "exp": NOW + 300, "iat": NOW, "nonce": NONCE, "sid": "s1", "groups": ["a"],
        }),
        text: None,
        signer: Box::new(signer(1)),
    }
}

fn notice() -> Minted {
    Minted {
        header: json!({"alg": "EdDSA", "kid": "k1", "typ": "logout+jwt"}),
        claims: json!({
            "iss": ISSUER, "aud": "brain", "iat": NOW, "exp": NOW + 120, "jti": "j1", "sub": "ann", "sid": "s1",
            "events": {EVENT: {}},
        }),
        text: None,
        signer: Box::new(signer(1)),
    }
}

fn expected<T>(look: impl Fn(Expected<'_>) -> T) -> T {
    let (issuer, client) = (IssuerUrl::new(ISSUER.into()).unwrap(), ClientId::new("brain".into()));
    let now = DateTime::from_timestamp(NOW, 0).unwrap();
    look(Expected { issuer: &issuer, client_id: &client, keys: &keys(), now })
}

fn identified(token: &str) -> Result<Claims, Unfit> {
    expected(|expected| id_token(token, NONCE, expected))
}

fn noticed(token: &str) -> Result<LogoutNotice, Unfit> {
    expected(|expected| logout_token(token, expected))
}

#[test]
fn good_tokens_come_in_also_when_clocks_differ_a_little() {
    for (name, token) in [
        ("as it is", identity()),
        ("another key of the provider", identity().header("kid", json!("k2")).signed_by(signer(2))),
        ("no typ", identity().without("typ")),
        ("over for 59 s", identity().claim("exp", json!(NOW - 59))),
        ("issued in 60 s", identity().claim("iat", json!(NOW + 60))),
        ("holds in 60 s", identity().claim("nbf", json!(NOW + 60))),
        ("a list of one", identity().claim("aud", json!(["brain"]))),
        ("issued to us", identity().claim("azp", json!("brain"))),
    ] {
        let claims = identified(&token.token()).unwrap_or_else(|unfit| panic!("{name}: {unfit}"));
        assert_eq!((claims.text("sub"), claims.groups("groups")), (Some("ann"), Some(vec!["a".into()])), "{name}");
    }
}

/// Signed with what everybody knows.
fn by_public_key(bytes: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(public(1).as_bytes()).unwrap();
    mac.update(bytes);
    mac.finalize().into_bytes().to_vec()
}

fn with_another_bit() -> String {
    let token = identity().token();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    bytes[0] ^= 1;
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bytes))
}

fn with_other_claims() -> String {
    let parts: Vec<String> = identity().token().split('.').map(str::to_owned).collect();
    let eve = URL_SAFE_NO_PAD.encode(identity().claim("sub", json!("eve")).claims.to_string());
    format!("{}.{eve}.{}", parts[0], parts[2])
}

fn encrypted() -> String {
    format!("{}.a.b.c.d", URL_SAFE_NO_PAD.encode(json!({"alg": "RSA-OAEP", "enc": "A256GCM"}).to_string()))
}

/// What is wrong, the token, and a word of the refusal.
fn hostile() -> Vec<(&'static str, String, &'static str)> {
    vec![
        ("alg none", identity().header("alg", json!("none")).signed_by(|_| vec![]).token(), "ignature"),
        ("alg None in capitals", identity().header("alg", json!("NONE")).signed_by(|_| vec![]).token(), "readable"),
        ("HS256 with the public key", identity().header("alg", json!("HS256")).signed_by(by_public_key).token(), "HS256"),
        ("signed by somebody else", identity().signed_by(signer(9)).token(), "ignature"),
        ("signed by our provider's other key", identity().signed_by(signer(2)).token(), "ignature"),
        ("a bit of the signature", with_another_bit(), "ignature"),
        ("other claims under a good signature", with_other_claims(), "ignature"),
        ("an RSA algorithm with this key", identity().header("alg", json!("RS256")).token(), "not known"),
        ("a weak algorithm", identity().header("alg", json!("RS512")).token(), "RS512"),
        ("unknown kid", identity().header("kid", json!("k9")).token(), "not known"),
        ("kid that leads elsewhere", identity().header("kid", json!("../../dev/null")).token(), "not known"),
        ("no kid, and several keys", identity().without("kid").token(), "one eligible"),
        (
            "a key of its own",
            identity().header("jwk", json!({"kty": "OKP", "x": public(9)})).signed_by(signer(9)).token(),
            "ignature",
        ),
        ("asks for more", identity().header("crit", json!(["b64"])).header("b64", json!(false)).token(), "critical"),
        ("aud absent", identity().without("aud").token(), "aud"),
        ("aud foreign", identity().claim("aud", json!("other")).token(), "brain"),
        ("aud with others", identity().claim("aud", json!(["brain", "other"])).claim("azp", json!("brain")).token(), "trusted"),
        ("azp foreign", identity().claim("azp", json!("other")).token(), "azp"),
        ("azp no text", identity().claim("azp", json!(["brain"])).token(), ""),
        ("iss without its slash", identity().claim("iss", json!("https://id.example")).token(), "issuer"),
        ("iss foreign", identity().claim("iss", json!("https://evil.example/")).token(), "issuer"),
        ("iss absent", identity().without("iss").token(), "iss"),
        ("exp past by 60 s", identity().claim("exp", json!(NOW - 60)).token(), "expired"),
        ("exp absent", identity().without("exp").token(), "exp"),
        ("exp a text", identity().claim("exp", json!((NOW + 300).to_string())).token(), ""),
        ("iat in 61 s", identity().claim("iat", json!(NOW + 61)).token(), "future"),
        ("iat absent", identity().without("iat").token(), "iat"),
        ("nbf in 61 s", identity().claim("nbf", json!(NOW + 61)).token(), "hold yet"),
        ("nbf a text", identity().claim("nbf", json!("soon")).token(), "nbf"),
        ("nonce absent", identity().without("nonce").token(), "nonce"),
        ("nonce of another attempt", identity().claim("nonce", json!("other")).token(), "nonce"),
        ("sub absent", identity().without("sub").token(), "sub"),
        ("sub empty", identity().claim("sub", json!("")).token(), "nobody"),
        ("an access token", identity().header("typ", json!("at+jwt")).token(), "at+jwt"),
        ("a notice", notice().claim("nonce", json!(NONCE)).token(), "logout+jwt"),
        ("a notice that says it is a JWT", notice().header("typ", json!("JWT")).claim("nonce", json!(NONCE)).token(), "notice"),
        ("a claim twice", identity().text(|text| text.replacen('{', "{\"sub\":\"eve\",", 1)).token(), "twice"),
        ("encrypted", encrypted(), "three parts"),
        ("two parts", "a.b".into(), "three parts"),
        ("empty", String::new(), "three parts"),
        ("oversized", identity().claim("x", json!("x".repeat(70_000))).token(), "too long"),
    ]
}

#[test]
fn hostile_identity_tokens_are_refused_each_for_what_is_wrong_with_it() {
    let hostile = hostile();
    assert!(hostile.len() >= 24);
    let mut strange = vec![];
    for (name, token, why) in hostile {
        let unfit = identified(&token).expect_err(name).to_string();
        if !unfit.contains(why) {
            strange.push(format!("{name}: {unfit}"));
        }
        assert!(token.is_empty() || !unfit.contains(&token), "{name} is repeated");
    }
    assert!(strange.is_empty(), "{strange:#?}");
}

#[test]
fn notices_of_a_logout_are_read_and_hostile_ones_refused() {
    let read = |minted: Minted| noticed(&minted.token());
    let good = read(notice()).unwrap();
    let wanted =
        LogoutNotice { issuer: ISSUER.into(), subject: Some("ann".into()), provider_session: Some("s1".into()), id: "j1".into() };
    assert_eq!(good, wanted);
    for fine in [notice().without("sid"), notice().without("sub"), notice().claim("sid", json!(null)), notice().without("typ")] {
        read(fine).unwrap();
    }
    for (name, minted, why) in [
        ("an identity token", identity(), "no notice"),
        ("a nonce", notice().claim("nonce", json!("n")), "nonce"),
        ("alg none", notice().header("alg", json!("none")).signed_by(|_| vec![]), "algorithm"),
        ("another kind", notice().header("typ", json!("at+jwt")), "typ"),
        ("signed by somebody else", notice().signed_by(signer(9)), "signature"),
        ("unknown kid", notice().header("kid", json!("k9")), "not known"),
        ("asks for more", notice().header("crit", json!(["x"])), "crit"),
        ("another issuer", notice().claim("iss", json!("https://evil.example/")), "issuer"),
        ("another client", notice().claim("aud", json!("other")), "somebody else"),
        ("over", notice().claim("exp", json!(NOW - 60)), "hold now"),
        ("old, without an end", notice().without("exp").claim("iat", json!(NOW - 361)), "hold now"),
        ("of the future", notice().claim("iat", json!(NOW + 61)), "hold now"),
        ("no time", notice().without("iat"), "issued"),
        ("no event", notice().claim("events", json!({})), "no notice"),
        ("an event that is no object", notice().claim("events", json!({EVENT: true})), "no notice"),
        ("no name", notice().without("jti"), "jti"),
        ("nobody", notice().without("sub").without("sid"), "neither"),
    ] {
        let unfit = read(minted).expect_err(name).to_string();
        assert!(unfit.contains(why), "{name}: {unfit}");
    }
}

/// Answers each request by its path, one connection each: the status line's end, and a body. Gives the address, and what
/// answers for as long as it is held.
async fn answering(answers: BTreeMap<&'static str, (&'static str, String)>) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut asked = vec![0; 8_192];
            let length = socket.read(&mut asked).await.unwrap();
            let asked = String::from_utf8_lossy(&asked[..length]).into_owned();
            let path = asked.split([' ', '?']).nth(1).unwrap_or_default();
            let (status, body) = answers.get(path).cloned().unwrap_or(("404 Not Found", String::new()));
            let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n");
            let _ = socket.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await;
        }
    });
    (format!("http://{address}"), serving)
}

#[tokio::test]
async fn the_way_out_follows_no_redirect_and_reads_only_so_much() {
    install_tls();
    let answers = [
        ("/well", ("200 OK", "{}".to_owned())),
        ("/moved", ("302 Found\r\nlocation: /well", String::new())),
        ("/long", ("200 OK", "x".repeat(600_000))),
    ];
    let ((here, _serving), way) = (answering(answers.into()).await, Way::new(Arc::new(SystemClock)).unwrap());
    assert_eq!(way.get(&format!("{here}/well"), None).await.unwrap(), b"{}");
    for (address, why) in [
        (format!("{here}/moved"), "302"),
        (format!("{here}/long"), "longer"),
        ("http://id.example/".to_owned(), "only https"),
        ("http://169.254.169.254/latest".to_owned(), "only https"),
    ] {
        let failed = way.get(&address, Some("a token")).await.unwrap_err().to_string();
        assert!(failed.contains(why) && !failed.contains("a token"), "{address}: {failed}");
    }
}

#[tokio::test]
async fn github_is_asked_who_somebody_is_and_names_them_by_their_number() {
    install_tls();
    let answers = [
        ("/login/oauth/access_token", json!({"access_token": "t", "token_type": "bearer", "scope": "read:org"})),
        ("/api/v3/user", json!({"id": 7, "login": "ann", "name": null, "email": null})),
        (
            "/api/v3/user/emails",
            json!([{"email": "a@x.example", "primary": false, "verified": true}, {"email": "b@x.example", "primary": true, "verified": true}]),
        ),
        ("/api/v3/user/orgs", json!([{"login": "house"}])),
        ("/api/v3/user/teams", json!([{"slug": "cooks", "organization": {"login": "house"}}])),
    ];
    let answers = answers.into_iter().map(|(path, body)| (path, ("200 OK", body.to_string()))).collect();
    let (issuer, _serving) = answering(answers).await;
    let registration = Registration {
        issuer: issuer.clone(),
        client_id: "brain".into(),
        client_secret: Some("s".into()),
        scopes: ["read:user", "user:email", "read:org"].map(str::to_owned).to_vec(),
        groups_claim: String::new(),
    };
    let github = GitHub::new(registration, Way::new(Arc::new(SystemClock)).unwrap());
    let secrets = AttemptSecrets { state: "st".into(), nonce: "n".into(), verifier: "v".repeat(43) };
    let departure = github.depart("http://127.0.0.1/auth/github/callback", &secrets).await.unwrap();
    let url = departure.url.as_str();
    assert!(
        url.starts_with(&format!("{issuer}/login/oauth/authorize?")) && url.contains("state=st") && url.contains("S256"),
        "{url}"
    );
    let redirect_uri = "http://127.0.0.1/auth/github/callback";
    let person = github.arrive(Arrival { code: "c", issuer: &issuer, secrets: &secrets, redirect_uri }).await.unwrap();
    assert_eq!((person.issuer.as_str(), person.subject.as_str(), person.name.as_deref()), (issuer.as_str(), "7", Some("ann")));
    assert_eq!((person.email.as_deref(), person.groups), (Some("b@x.example"), Some(vec!["house".into(), "house/cooks".into()])));
    assert!(github.check_issuer(&issuer, Some("https://evil.example")).await.is_err() && github.notice("t").await.is_err());
}
