//! A person at a real browser and a real provider: which cookies come along where. The provider stands at a number and brain at a name, which
//! are two sites to a browser.

use super::{
    Scene,
    chromium::{Chromium, Tab},
};

/// Logs in by the provider as a person does, up to the page that they wanted.
pub async fn log_in(base: &str, tab: &Tab<'_>, name: &str) {
    tab.goto(&format!("{base}/auth?return_to=/api/v1/me")).await;
    tab.click("a[href^='/auth/home']").await;
    tab.until("Boolean(document.querySelector('input[name=login]'))").await;
    tab.eval(&format!("document.querySelector('input[name=login]').value = '{name}'")).await;
    tab.eval("document.querySelector('input[name=password]').value = 'x'").await;
    tab.click("button[type=submit]").await;
    // Consent: the same form without fields.
    tab.until("!document.querySelector('input[name=login]') && Boolean(document.querySelector('button[type=submit]'))").await;
    tab.click("button[type=submit]").await;
    tab.arrives(&format!("{base}/api/v1/me")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_come_along_from_the_provider_and_to_the_page_after_it() {
    let Some(chromium) = Chromium::start().await else { return };
    let Some(scene) = Scene::at("localhost").await else { return };
    let (base, tab) = (scene.brain(), chromium.person().await);
    log_in(base, &tab, "ann").await;
    // The attempt's cookie was there at the callback, or nobody would be in; the session's opens the very page that the 303 leads to.
    tab.until("document.body.innerText.includes('ann of the tests')").await;
    let cookies = tab.call("Network.getCookies", serde_json::json!({"urls": [base]})).await;
    let cookies = cookies["cookies"].as_array().expect("a list");
    let [session] = cookies.as_slice() else { panic!("the attempt is gone: {cookies:?}") };
    assert!(session["name"] == "brain" && session["sameSite"] == "Lax" && session["httpOnly"] == true, "{session}");
    // From the page of another site, a link leads in with the session, and a request from there does not come with it.
    tab.goto(&format!("{}/.well-known/openid-configuration", scene.op.issuer)).await;
    tab.eval(&format!("location.assign('{base}/api/v1/me')")).await;
    tab.arrives(&format!("{base}/api/v1/me")).await;
    tab.until("document.body.innerText.includes('ann of the tests')").await;
    // Out, and the provider's own session ends as well.
    tab.goto(&format!("{base}/auth")).await;
    tab.click("#logout").await;
    tab.arrives(&scene.op.issuer).await;
    tab.goto(&format!("{base}/api/v1/me")).await;
    tab.until("document.body.innerText.includes('auth.missing_key')").await;
    scene.end().await;
}
