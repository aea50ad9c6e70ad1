//! A browser as far as logging in needs one: cookies by site, redirects, forms that a person fills in.

use std::{collections::BTreeMap, sync::Mutex};

use reqwest::{Method, StatusCode, header::HeaderMap, redirect::Policy};
use serde_json::Value;
use url::Url;

/// Steps until somebody has arrived anywhere.
const STEPS_MAX: usize = 20;

/// A page, or whatever else came.
#[derive(Debug)]
pub struct Page {
    pub url: Url,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Page {
    pub fn location(&self) -> Option<Url> {
        self.url.join(self.headers.get("location")?.to_str().ok()?).ok()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::String(self.text.clone()))
    }

    /// The code on a page that refuses.
    pub fn code(&self) -> &str {
        self.text.split("<code>").nth(1).and_then(|rest| rest.split("</code>").next()).unwrap_or(&self.text)
    }
}

/// One person's browser.
pub struct Browser {
    client: reqwest::Client,
    /// By host and port: browsers do not tell ports apart, but nothing here relies on that.
    jar: Mutex<BTreeMap<String, BTreeMap<String, String>>>,
    person: &'static str,
}

impl Browser {
    pub fn of(person: &'static str) -> Self {
        let client = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().expect("a client");
        Self { client, jar: Mutex::default(), person }
    }

    fn site(url: &Url) -> String {
        url.authority().to_owned()
    }

    pub fn cookies(&self, url: &str) -> BTreeMap<String, String> {
        let url: Url = url.parse().expect("a URL");
        self.jar.lock().expect("unpoisoned").get(&Self::site(&url)).cloned().unwrap_or_default()
    }

    /// A request with the cookies of its site.
    fn request(&self, method: Method, url: &Url) -> reqwest::RequestBuilder {
        let request = self.client.request(method, url.clone());
        let cookies = self.cookies(url.as_str()).into_iter().map(|(name, value)| format!("{name}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        if cookies.is_empty() { request } else { request.header("cookie", cookies) }
    }

    async fn answer(&self, url: Url, request: reqwest::RequestBuilder) -> Page {
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status(), answer.headers().clone());
        self.keep(&url, &headers);
        Page { url, status, headers, text: answer.text().await.expect("a body") }
    }

    /// One request and its answer; a redirect is not followed.
    pub async fn send(&self, method: Method, url: &str, headers: &[(&str, &str)], form: Option<&[(String, String)]>) -> Page {
        let url: Url = url.parse().expect("a URL");
        let mut request = self.request(method, &url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(form) = form {
            let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
            request = request.header("content-type", "application/x-www-form-urlencoded").body(text);
        }
        self.answer(url, request).await
    }

    /// A body of JSON, from no page in particular.
    pub async fn send_json(&self, url: &str, headers: &[(&str, &str)], body: Value) -> Page {
        let url: Url = url.parse().expect("a URL");
        let mut request = self.request(Method::POST, &url).json(&body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.answer(url, request).await
    }

    /// Takes cookies over that another browser had.
    pub fn put_cookies(&self, url: &str, cookies: BTreeMap<String, String>) {
        let url: Url = url.parse().expect("a URL");
        self.jar.lock().expect("unpoisoned").insert(Self::site(&url), cookies);
    }

    fn keep(&self, url: &Url, headers: &HeaderMap) {
        let mut jar = self.jar.lock().expect("unpoisoned");
        let site = jar.entry(Self::site(url)).or_default();
        for line in headers.get_all("set-cookie") {
            let line = line.to_str().expect("text");
            let (name, value) = line.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            let lower = line.to_ascii_lowercase();
            let is_gone = value.is_empty() || lower.contains("max-age=0") || lower.contains("expires=thu, 01 jan 1970");
            if is_gone {
                site.remove(name)
            } else {
                site.insert(name.to_owned(), value.to_owned())
            };
        }
    }

    pub async fn get(&self, url: &str) -> Page {
        self.send(Method::GET, url, &[], None).await
    }

    /// What a page of brain's own sends when it writes: the token is one that only such a page can read.
    async fn headers_of_a_page(&self, url: &str) -> [(&'static str, String); 2] {
        let base: Url = url.parse().expect("a URL");
        let list = self.get(base.join("/api/v1/sessions").expect("a URL").as_str()).await.json();
        let token = list["csrf_token"].as_str().unwrap_or_else(|| panic!("a token: {list}")).to_owned();
        [("sec-fetch-site", "same-origin".to_owned()), ("x-csrf-token", token)]
    }

    /// A request of a page of brain's own, without a body.
    pub async fn write(&self, method: Method, url: &str) -> Page {
        let [site, token] = self.headers_of_a_page(url).await;
        self.send(method, url, &[(site.0, &site.1), (token.0, &token.1)], None).await
    }

    /// The same with a body.
    pub async fn write_json(&self, url: &str, body: Value) -> Page {
        let headers = self.headers_of_a_page(url).await;
        let url: Url = url.parse().expect("a URL");
        let mut request = self.request(Method::POST, &url).json(&body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        self.answer(url, request).await
    }

    /// Goes to an address and on, filling in what the provider asks, until the next step would be one that `stops`, or there is none.
    pub async fn walk(&self, url: &str, stops: impl Fn(&Url) -> bool) -> Result<Url, Page> {
        let mut page = self.get(url).await;
        for _ in 0..STEPS_MAX {
            if let Some(next) = page.location() {
                if stops(&next) {
                    return Ok(next);
                }
                page = self.get(next.as_str()).await;
            } else if let Some((action, fields)) = form(&page, self.person) {
                page = self.send(Method::POST, action.as_str(), &[], Some(&fields)).await;
            } else {
                return Err(page);
            }
        }
        panic!("{} goes round in circles at {}", self.person, page.url);
    }

    /// Logs in by a provider as far as the way back: the address that the provider sends the browser to.
    pub async fn walk_to_callback(&self, brain: &str, provider: &str) -> Url {
        let callback = format!("{brain}/auth/{provider}/callback");
        let arrived = self.walk(&format!("{brain}/auth/{provider}"), |next| next.as_str().starts_with(&callback)).await;
        arrived.unwrap_or_else(|page| panic!("{} does not come back: {} {}", self.person, page.url, page.text))
    }

    /// Logs in by a provider; the answer to the last step.
    pub async fn log_in(&self, brain: &str, provider: &str) -> Page {
        let callback = self.walk_to_callback(brain, provider).await;
        self.get(callback.as_str()).await
    }

    /// What the API says of this browser.
    pub async fn me(&self, brain: &str) -> Page {
        self.get(&format!("{brain}/api/v1/me")).await
    }
}

/// The form of a page, filled in: where it goes, and its fields.
fn form(page: &Page, person: &str) -> Option<(Url, Vec<(String, String)>)> {
    let attribute = |text: &str, name: &str| {
        let rest = text.split(&format!("{name}=\"")).nth(1)?;
        rest.split('"').next().map(|value| value.replace("&amp;", "&"))
    };
    let form = page.text.split("<form").nth(1)?;
    let action = page.url.join(&attribute(form, "action")?).ok()?;
    let mut fields: Vec<(String, String)> = vec![];
    for input in page.text.split("<input").skip(1) {
        let input = input.split('>').next().unwrap_or_default();
        let Some(name) = attribute(input, "name") else { continue };
        let value = match name.as_str() {
            "login" => person.to_owned(),
            "password" => "x".to_owned(),
            _ => attribute(input, "value").unwrap_or_default(),
        };
        fields.push((name, value));
    }
    if page.text.contains("name=\"logout\"") || page.text.contains("value=\"yes\"") {
        fields.retain(|(name, _)| name != "logout");
        fields.push(("logout".into(), "yes".into()));
    }
    Some((action, fields))
}
