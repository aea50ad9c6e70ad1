//! `brain login-link`: a way into the browser for whoever can read this machine's key, when no provider lets them in.

use std::process::ExitCode;

use reqwest::Method;

use super::client::Connection;
use crate::api::login::LoginLink;

#[derive(clap::Args)]
pub struct Args {}

pub async fn run(connection: &Connection) -> anyhow::Result<ExitCode> {
    let answer = connection.request(Method::POST, "/api/v1/login-link").send().await;
    connection.show(answer, |link: LoginLink| link.url)
}
