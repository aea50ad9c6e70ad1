//! Access tokens as nobody but an attacker makes them: each is refused, and a good one by the same hand is not.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer, SigningKey};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{me, text, tokens, world};

fn encoded(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

/// Whoever has the server's own key.
struct Hand {
    key: SigningKey,
    head: Value,
    claims: Value,
}

impl Hand {
    fn sign(&self, head: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encoded(head), encoded(claims));
        format!("{signed}.{}", encoded(self.key.sign(signed.as_bytes()).to_bytes()))
    }

    /// With this in the header and in the claims; null takes away.
    fn with(&self, head: Value, claims: Value) -> String {
        let changed = |base: &Value, change: Value| {
            let mut base = base.clone();
            for (name, value) in change.as_object().expect("an object") {
                base[name] = value.clone();
            }
            base.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
            base.to_string()
        };
        self.sign(&changed(&self.head, head), &changed(&self.claims, claims))
    }

    fn claims(&self, claims: Value) -> String {
        self.with(json!({}), claims)
    }

    fn head(&self, head: Value) -> String {
        self.with(head, json!({}))
    }

    fn by_secret(&self, secret: &[u8]) -> String {
        let head = json!({"alg": "HS256", "typ": "at+jwt", "kid": self.head["kid"]}).to_string();
        let signed = format!("{}.{}", encoded(head), encoded(self.claims.to_string()));
        let signature = crypto::sign(signed.as_bytes(), &EncodingKey::from_secret(secret), Algorithm::HS256).expect("signs");
        format!("{signed}.{signature}")
    }

    /// What differs from a good token by its form.
    fn misformed(&self, good: &str, public: &[u8; 32]) -> Vec<(&'static str, String)> {
        let (head, claims) = (self.head.to_string(), self.claims.to_string());
        let (signed, signature) = good.rsplit_once('.').expect("signed");
        let unsigned = format!(
            "{}.{}",
            encoded(json!({"alg": "none", "typ": "at+jwt", "kid": self.head["kid"]}).to_string()),
            encoded(&claims)
        );
        let stranger = Hand { key: SigningKey::from_bytes(&[9; 32]), head: self.head.clone(), claims: self.claims.clone() };
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(stranger.key.verifying_key().to_bytes())});
        let twice = |json: &str, more: &str| format!("{{{more},{}", &json[1..]);
        let mut more = self.claims.clone();
        more["scope"] = "memory:read memory:write space:admin".into();
        vec![
            ("alg none, without a signature", format!("{unsigned}.")),
            ("alg none, with one", format!("{unsigned}.{signature}")),
            ("HS256 with the public key", self.by_secret(public)),
            ("HS256 with the public key as it is published", self.by_secret(encoded(public).as_bytes())),
            ("another key", stranger.sign(&head, &claims)),
            ("another key that the header brings along", stranger.head(json!({"jwk": jwk}))),
            ("an unknown kid", self.head(json!({"kid": "unknown"}))),
            ("a kid that is a path", self.head(json!({"kid": "../../dev/null"}))),
            ("no kid", self.head(json!({"kid": null}))),
            ("an alg in other letters", self.head(json!({"alg": "eddsa"}))),
            ("typ JWT", self.head(json!({"typ": "JWT"}))),
            ("no typ", self.head(json!({"typ": null}))),
            ("a critical extension", self.head(json!({"crit": ["b64"], "b64": false}))),
            ("a header that says its kid twice", self.sign(&twice(&head, &format!("\"kid\":{}", self.head["kid"])), &claims)),
            ("claims that say sub twice", self.sign(&head, &twice(&claims, "\"sub\":\"0190f3d2-0000-7000-8000-000000000009\""))),
            ("claims that say scope twice", self.sign(&head, &twice(&claims, "\"scope\":\"space:admin\""))),
            ("more scopes under an old signature", format!("{}.{}.{signature}", encoded(&head), encoded(more.to_string()))),
            ("no signature", format!("{signed}.")),
            ("two parts", signed.to_owned()),
            ("five parts, as what is encrypted has", format!("{}.a.b.c.d", encoded("{\"alg\":\"dir\",\"enc\":\"A256GCM\"}"))),
            ("a part too many", format!("{good}.")),
            ("padding", format!("{good}=")),
            ("half a signature", format!("{signed}.{}", &signature[..40])),
            ("a token too long", self.claims(json!({"jti": "x".repeat(5_000)}))),
            ("claims that are no object", self.sign(&head, "[]")),
            ("nothing", "..".into()),
        ]
    }

    /// What is signed well, and says what it may not.
    fn misspoken(&self, now: i64, issuer: &str) -> Vec<(&'static str, String)> {
        let stranger = "0190f3d2-0000-7000-8000-000000000009";
        vec![
            (
                "an identity token",
                self.with(json!({"typ": "JWT"}), json!({"nonce": "n", "sid": null, "scope": null, "space": null})),
            ),
            ("claims of an identity under our type", self.claims(json!({"nonce": "n", "email": "a@b.example"}))),
            ("another issuer", self.claims(json!({"iss": "https://evil.example"}))),
            ("the issuer with a slash", self.claims(json!({"iss": format!("{issuer}/")}))),
            ("another audience", self.claims(json!({"aud": "https://evil.example"}))),
            ("several audiences", self.claims(json!({"aud": [issuer, "https://evil.example"]}))),
            ("over for 61 seconds", self.claims(json!({"iat": now - 661, "exp": now - 61}))),
            ("an end that is a text", self.claims(json!({"exp": (now + 300).to_string()}))),
            ("an end that is a fraction", self.claims(json!({"exp": now as f64 + 0.5}))),
            ("good for a year", self.claims(json!({"exp": now + 31_536_000}))),
            ("good only later", self.claims(json!({"nbf": now + 120}))),
            ("issued later", self.claims(json!({"iat": now + 120, "exp": now + 600}))),
            ("times beyond all numbers", self.claims(json!({"iat": i64::MIN, "exp": i64::MAX}))),
            ("somebody else", self.claims(json!({"sub": stranger}))),
            ("an unknown delegation", self.claims(json!({"sid": stranger}))),
            ("another client", self.claims(json!({"client_id": "other"}))),
            ("another space", self.claims(json!({"space": "team"}))),
            ("all spaces", self.claims(json!({"space": "*"}))),
            ("a scope that there is none of", self.claims(json!({"scope": "memory:read memory:eat"}))),
            ("no name of its own", self.claims(json!({"jti": ""}))),
        ]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_tokens_open_nothing() {
    let world = world().await;
    let given = tokens(&world, "memory:read", "default").await;
    let token = text(&given, "access_token");
    let parts: Vec<&str> = token.split('.').collect();
    let (head, claims) = (decoded(parts[0]), decoded(parts[1]));
    let (kid, seed) = world.signing_key().await;
    assert_eq!((&head["kid"], &head["alg"], &head["typ"]), (&json!(kid), &json!("EdDSA"), &json!("at+jwt")));
    let hand = Hand { key: SigningKey::from_bytes(&seed), head, claims };
    let (now, issuer) = (hand.claims["iat"].as_i64().expect("a time"), world.url().to_owned());
    let good = hand.claims(json!({"jti": "made by a test"}));
    assert_eq!(me(&world, &good).await.status, StatusCode::OK, "what the hand makes would be taken");
    // The clocks of two machines may differ by a minute, and scopes that the delegation lacks are worth nothing.
    for close in [json!({"iat": now + 50}), json!({"nbf": now + 50}), json!({"iat": now - 630, "exp": now - 30})] {
        assert_eq!(me(&world, &hand.claims(close.clone())).await.status, StatusCode::OK, "{close}");
    }
    let more = me(&world, &hand.claims(json!({"scope": "memory:read space:admin"}))).await;
    assert_eq!(more.body["scopes"], json!(["memory:read"]));
    let public = hand.key.verifying_key().to_bytes();
    let without = ["iss", "aud", "sub", "client_id", "sid", "space", "scope", "jti", "iat", "exp"];
    let without = without.map(|name| (name, hand.claims(json!({name: null}))));
    let all: Vec<_> = hand.misformed(&good, &public).into_iter().chain(hand.misspoken(now, &issuer)).chain(without).collect();
    println!("{} hostile tokens", all.len());
    for (what, token) in &all {
        let answer = me(&world, token).await;
        let code = answer.body["code"].as_str().unwrap_or_default();
        // Who tries too many is told to wait, and gets in as little.
        let is_refused = [(401, "auth.invalid_token"), (429, "auth.too_many_failures")].contains(&(answer.status.as_u16(), code));
        assert!(is_refused, "{what}: {answer:?}");
    }
    assert_eq!(me(&world, &good).await.status, StatusCode::OK, "and a good one is taken at any time");
    world.end().await;
}
