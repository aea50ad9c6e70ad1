//! The centre is pure: no input or output, no clock, no chance, no waiting. Its crates are a row of [`crate::rows`].

use crate::{
    none, passes, refuses,
    source::{self, Facts, is_in},
};

/// Paths that the domain may not name, and what of them it may.
const BANNED: &[(&str, &[&str])] = &[
    ("std::env", &[]),
    ("std::fs", &[]),
    ("std::io", &[]),
    ("std::net", &[]),
    ("std::os", &[]),
    ("std::process", &[]),
    ("std::thread", &[]),
    // How long something takes is a value, when it is is not.
    ("std::time", &["std::time::Duration"]),
    ("getrandom", &[]),
    ("reqwest", &[]),
    ("tokio", &[]),
];

/// Whoever calls these asks a clock or dice, whatever they belong to.
const CHANCE: &[&str] = &["now", "now_v1", "now_v6", "now_v7", "new_v4", "elapsed", "random"];

fn wrong(facts: &Facts) -> Vec<String> {
    if facts.module.get(1).is_none_or(|module| module != "domain") {
        return vec![];
    }
    let banned = |path: &str| BANNED.iter().any(|(ban, but)| is_in(path, ban) && !but.iter().any(|but| is_in(path, but)));
    let by_chance = |path: &str| path.rsplit("::").next().is_some_and(|last| CHANCE.contains(&last)) && path.contains("::");
    // Whoever takes everything from a place takes these with it.
    let is_taken = |path: &str| BANNED.iter().any(|(ban, _)| is_in(ban, path));
    let mut complaints = vec![];
    for name in &facts.names {
        if banned(&name.path) || by_chance(&name.path) || (name.is_glob && is_taken(&name.path)) {
            complaints.push(format!("{} names {}", facts.at(name.line), name.path));
        }
    }
    let asked = facts.methods.iter().filter(|(method, _)| CHANCE.contains(&method.as_str()));
    complaints.extend(asked.map(|(method, line)| format!("{} calls {method}", facts.at(*line))));
    complaints.extend(facts.asynchronous.iter().map(|line| format!("{} is asynchronous", facts.at(*line))));
    complaints
}

#[test]
fn the_centre_is_pure() {
    none(source::production().flat_map(wrong).collect());
}

#[test]
fn what_is_not_pure_is_refused() {
    refuses(
        wrong,
        &[
            ("domain/x.rs", "use std::env;", "names std::env"),
            ("domain/x.rs", "use std::{env::var, fmt};", "names std::env::var"),
            ("domain/x.rs", "fn f() { std::fs::read(\"x\"); }", "names std::fs::read"),
            ("domain/x.rs", "use std as s; fn f() { s::net::TcpStream::connect(\"x\"); }", "names std::net"),
            ("domain/x.rs", "use std::time::{Duration, SystemTime};", "names std::time::SystemTime"),
            ("domain/x.rs", "use std::time::*;", "names std::time"),
            ("domain/x.rs", "use std::*; fn f() { env::var(\"x\"); }", "names std"),
            ("domain/x.rs", "use std::time as t; fn f(_: t::Instant) {}", "names std::time"),
            ("domain/x.rs", "fn f() { std::thread::sleep(d); }", "names std::thread"),
            ("domain/x.rs", "fn f() { std::process::id(); }", "names std::process"),
            ("domain/x.rs", "fn f() { getrandom::fill(&mut b); }", "names getrandom"),
            ("domain/x.rs", "use tokio::sync::Mutex;", "names tokio"),
            ("domain/x.rs", "fn f() { reqwest::get(\"x\"); }", "names reqwest"),
            ("domain/x.rs", "use chrono::Utc; fn f() { Utc::now(); }", "names chrono::Utc::now"),
            ("domain/x.rs", "type Clock = chrono::Utc; fn f() { Clock::now(); }", "Clock::now"),
            ("domain/x.rs", "fn f() { let ask = chrono::Utc::now; }", "names chrono::Utc::now"),
            ("domain/x.rs", "fn f() { uuid::Uuid::now_v7(); }", "names uuid::Uuid::now_v7"),
            ("domain/x.rs", "fn f(clock: &dyn Clock) { clock.now(); }", "calls now"),
            ("domain/x.rs", "fn f() { println!(\"{}\", chrono::Utc::now()); }", "names chrono::Utc::now"),
            ("domain/x.rs", "async fn f() {}", "is asynchronous"),
            ("domain/x.rs", "trait T { async fn f(); }", "is asynchronous"),
            ("domain/x.rs", "fn f() { let a = async { 1 }; let b = async || 1; }", "is asynchronous"),
            ("domain/x.rs", "#[cfg(test)] mod tests {} async fn f() {}", "is asynchronous"),
        ],
    );
    passes(
        wrong,
        &[
            ("domain/x.rs", "use std::time::Duration; fn f(at: chrono::DateTime<chrono::Utc>) {}"),
            ("domain/x.rs", "#[cfg(test)] mod tests { use std::time::Instant; async fn f() { chrono::Utc::now(); } }"),
            ("adapters/system/x.rs", "fn f() { chrono::Utc::now(); }"),
        ],
    );
}
