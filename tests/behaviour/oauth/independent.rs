//! A client that others have written, npm's `openid-client`, which knows of us what our descriptions say.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

use tokio::task::spawn_blocking;

use super::{owner, say, world};
use crate::harness::{done, npm};

const PACKAGES: [&str; 1] = ["openid-client@6.9.0"];

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_others_does_everything_by_our_descriptions() {
    let Some(modules) = npm::modules("openid-client", &PACKAGES, "TOKENS ARE NOT TESTED BY ANOTHER'S CLIENT").await else {
        return;
    };
    let world = world().await;
    let browser = owner(&world).await;
    let mut node = Command::new("node");
    node.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviour/oauth/client.mjs"));
    node.env("MODULES", modules).env("BRAIN", world.url()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut program = node.spawn().expect("node runs");
    let (mut input, output) = (program.stdin.take().expect("piped"), program.stdout.take().expect("piped"));
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let reading =
        spawn_blocking(move || BufReader::new(output).lines().map_while(Result::ok).for_each(|line| drop(tell.send(line))));
    let mut steps = vec![];
    while let Some(line) = done("the client says something", told.recv()).await {
        println!("openid-client: {line}");
        let (step, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match step {
            "device" => {
                let page = browser.get(rest).await;
                assert!(say(&browser, &page, "allow", "*").await.status.is_success());
            }
            "authorize" => {
                let page = browser.get(rest).await;
                let back = say(&browser, &page, "allow", "default").await.location().expect("back");
                writeln!(input, "{back}").expect("written");
            }
            _ => {}
        }
        steps.push(step.to_owned());
    }
    reading.await.expect("no panic");
    let status = spawn_blocking(move || program.wait()).await.expect("no panic").expect("it ran");
    assert!(status.success(), "{steps:?}");
    let wanted = [
        "discovered",
        "device",
        "tokens",
        "verified",
        "me",
        "refreshed",
        "revoked",
        "authorize",
        "tokens",
        "me",
        "replayed",
        "done",
    ];
    assert_eq!(steps, wanted);
    world.end().await;
}
