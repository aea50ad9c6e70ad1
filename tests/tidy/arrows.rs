//! Which module may use which, and which foreign crates: the table in [`crate::rows`], held against everything that the code names.

use std::collections::BTreeSet;

use crate::{
    none, passes, refuses,
    rows::{EVERYWHERE, ROWS, Row},
    source::{self, Facts, is_in},
};

/// The row of a module: that of the innermost part of it which has one.
fn row_of(module: &[String]) -> Option<&'static Row> {
    let path = module[1..].join("::");
    ROWS.iter().filter(|row| is_in(&path, row.module)).max_by_key(|row| row.module.len())
}

fn is_foreign(path: &str) -> bool {
    !is_in(path, "crate")
}

fn crate_of(path: &str) -> &str {
    path.split("::").next().unwrap_or_default()
}

/// What a file names and may not.
fn wrong(facts: &Facts) -> Vec<String> {
    if facts.module == ["crate"] {
        return of_the_map(facts);
    }
    let Some(row) = row_of(&facts.module) else { return vec![format!("src/{} is of no module in the table", facts.path)] };
    let mut complaints = vec![];
    for name in &facts.names {
        let refused = if is_foreign(&name.path) { foreign(row, &name.path) } else { ours(row, &name.path, name.is_glob) };
        let renamed = name.renamed.as_ref().filter(|_| name.path == "crate");
        let twice = renamed.map(|called| format!("calls the whole library {called}; its name is crate"));
        complaints.extend(refused.into_iter().chain(twice).map(|what| format!("{} {what}", facts.at(name.line))));
    }
    complaints.extend(facts.hidden.iter().map(|(what, line)| format!("{} brings code in by {what}", facts.at(*line))));
    complaints.dedup();
    complaints
}

/// The file with the map declares modules; a name that it gave something would stand for that everywhere.
fn of_the_map(facts: &Facts) -> Vec<String> {
    let ours = facts.names.iter().filter(|name| !is_foreign(&name.path));
    ours.map(|name| format!("{} uses {}; the map declares modules only", facts.at(name.line), name.path)).collect()
}

fn foreign(row: &Row, path: &str) -> Option<String> {
    let name = crate_of(path);
    let may = matches!(name, "std" | "core" | "alloc") || EVERYWHERE.contains(&name) || row.crates.contains(&name);
    (!may).then(|| format!("({}) uses the crate {name}", row.module))
}

fn ours(row: &Row, path: &str, is_glob: bool) -> Option<String> {
    let inside = path.strip_prefix("crate").map_or("", |rest| rest.trim_start_matches("::"));
    if inside.is_empty() {
        return is_glob.then(|| "takes everything from the library".to_owned());
    }
    let first = inside.split("::").next().unwrap_or_default();
    if !ROWS.iter().any(|row| crate_of(row.module) == first) {
        return Some(format!("uses {path}, which is of no module in the table"));
    }
    let may = is_in(inside, row.module) || row.uses.iter().any(|used| *used == "*" || is_in(inside, used));
    let never = row.never.iter().find(|never| is_or_holds(inside, never));
    match never {
        Some(never) => Some(format!("({}) uses {never}", row.module)),
        None => (!may).then(|| format!("({}) uses {path}", row.module)),
    }
}

/// Whether a path is this thing, by the module that it stands in or by the one that hands it on.
fn is_or_holds(path: &str, thing: &str) -> bool {
    let (place, name) = thing.split_once("::").unwrap_or((thing, ""));
    is_in(path, thing) || (is_in(path, place) && path.split("::").skip(1).any(|part| part == name))
}

#[test]
fn arrows_between_modules_point_inwards() {
    none(source::production().flat_map(wrong).collect());
}

/// What the table allows and nobody does is allowed no longer.
#[test]
fn every_permission_is_used() {
    let mut unused: BTreeSet<(&str, &str)> =
        ROWS.iter().flat_map(|row| row.uses.iter().chain(row.crates).map(|one| (row.module, *one))).collect();
    unused.retain(|(_, one)| *one != "*");
    for facts in source::production() {
        let Some(row) = row_of(&facts.module) else { continue };
        for name in &facts.names {
            let inside = name.path.trim_start_matches("crate::");
            unused.retain(|(module, one)| {
                let is_it = if is_foreign(&name.path) { crate_of(&name.path) == *one } else { is_in(inside, one) };
                *module != row.module || !is_it
            });
        }
    }
    none(unused.iter().map(|(module, one)| format!("{module} may use {one} and does not")).collect());
}

#[test]
fn wrong_arrows_are_refused_whatever_they_are_called() {
    refuses(
        wrong,
        &[
            ("api/x.rs", "use crate::adapters::nats::Nats;", "uses crate::adapters::nats::Nats"),
            ("api/x.rs", "use crate::{adapters as a, ports::X};", "uses crate::adapters"),
            ("api/x.rs", "use crate::{self as b}; fn f() { b::adapters::nats::f() }", "uses crate::adapters::nats::f"),
            ("api/x.rs", "use crate as brain; fn f() { brain::adapters::nats::f() }", "uses crate::adapters::nats::f"),
            ("api/x.rs", "use crate as brain;", "calls the whole library brain"),
            ("api/x.rs", "extern crate self as brain; fn f() { brain::adapters::f() }", "uses crate::adapters::f"),
            ("api/x.rs", "use super::super::adapters::nats;", "uses crate::adapters::nats"),
            ("api/x.rs", "use super::super as up; fn f(_: up::adapters::X) {}", "uses crate::adapters::X"),
            ("api/x/y.rs", "use super::super::super::adapters::nats;", "uses crate::adapters::nats"),
            ("api/x.rs", "fn f() { crate::r#adapters::nats::f() }", "uses crate::adapters::nats::f"),
            ("api/x.rs", "fn f() { let _: Vec<crate::adapters::X> = vec![]; }", "uses crate::adapters::X"),
            ("api/x.rs", "fn f() { <crate::adapters::X as Default>::default(); }", "uses crate::adapters::X"),
            ("api/x.rs", "fn f() { use crate::adapters::nats; }", "uses crate::adapters::nats"),
            ("api/x.rs", "mod y { use super::super::super::adapters::nats; }", "uses crate::adapters::nats"),
            ("api/x.rs", "use crate as b; mod y { use super::*; fn f() { b::adapters::f() } }", "uses crate::adapters::f"),
            ("api/x.rs", "use crate::*; fn f() { adapters::nats::f() }", "takes everything from the library"),
            ("api.rs", "use super::*;", "takes everything from the library"),
            ("api/x.rs", "#[cfg(test)] mod tests { fn f() {} } fn g() { crate::adapters::f() }", "uses crate::adapters::f"),
            ("api/x.rs", "#[cfg(not(test))] use crate::adapters::X;", "uses crate::adapters::X"),
            ("api/x.rs", "fn f() { println!(\"{}\", crate::adapters::f()) }", "uses crate::adapters::f"),
            ("api/x.rs", "macro_rules! m { () => { $crate::adapters::f() } }", "uses crate::adapters::f"),
            ("api/x.rs", "macro_rules! m { () => { use crate::{adapters::f}; } }", "uses crate::adapters::f"),
            ("api/x.rs", "#[derive(crate::adapters::Row)] struct A;", "uses crate::adapters::Row"),
            ("api/x.rs", "struct A { #[serde(default = \"crate::adapters::f\")] b: u8 }", "uses crate::adapters::f"),
            ("api/x.rs", "#[path = \"../adapters/nats/mod.rs\"] mod y;", "brings code in by #[path]"),
            ("api/x.rs", "include!(\"../adapters/nats/log.rs\");", "brings code in by include!"),
            ("api/x.rs", "use crate::shortcut::X;", "is of no module in the table"),
            ("shortcut.rs", "pub use crate::adapters::nats;", "is of no module in the table"),
            ("lib.rs", "pub mod adapters; pub use adapters::nats as n;", "the map declares modules only"),
            ("lib.rs", "pub use crate::adapters as a;", "the map declares modules only"),
        ],
    );
}

#[test]
fn each_module_keeps_to_its_neighbours() {
    refuses(
        wrong,
        &[
            ("domain/x.rs", "use crate::journal::Envelope;", "(domain) uses crate::journal"),
            ("api/x.rs", "use crate::fanout::webhooks::Settings;", "(api) uses crate::fanout::webhooks"),
            ("api/x.rs", "use crate::fanout::*;", "(api) uses crate::fanout"),
            ("adapters/nats/x.rs", "use crate::adapters::postgres::Postgres;", "(adapters::nats) uses crate::adapters::postgres"),
            ("adapters/nats/x.rs", "use super::super::postgres;", "(adapters::nats) uses crate::adapters::postgres"),
            ("adapters/nats/mod.rs", "use super::*;", "(adapters::nats) uses crate::adapters"),
            ("wiring/x.rs", "use crate::cli::up;", "(wiring) uses crate::cli"),
            ("runtime/x.rs", "use crate::domain::ids::MemoryId;", "(runtime) uses crate::domain"),
            ("commands/x.rs", "use crate::queries::list;", "(commands) uses crate::queries"),
            ("commands/x.rs", "use crate::ports::MemoryReads;", "(commands) uses ports::MemoryReads"),
            ("api/x.rs", "use crate::ports::EventAppender;", "(api) uses ports::EventAppender"),
            (
                "queries/x.rs",
                "use crate::ports::{log as l, X}; fn f(_: &dyn l::EventAppender) {}",
                "(queries) uses ports::EventAppender",
            ),
            ("fanout/x.rs", "use crate::ports::log::EventAppender;", "(fanout) uses ports::EventAppender"),
            ("commands/x.rs", "use crate::ports::FactAppender;", "(commands) uses ports::FactAppender"),
            ("replay/x.rs", "use crate::ports::HttpSender;", "(replay) uses ports::HttpSender"),
        ],
    );
    passes(
        wrong,
        &[
            ("api/x.rs", "use crate::fanout::live::Hub; use super::y; use crate::{ports::X, domain};"),
            ("api/x.rs", "#[cfg(test)] use crate::adapters::X; #[cfg(all(test, unix))] fn f() { crate::adapters::f() }"),
            ("api/x.rs", "fn f() { #[cfg(test)] crate::adapters::f(); #[cfg(test)] let _ = crate::adapters::f(); }"),
            ("api/x.rs", "impl X { #[cfg(test)] fn f() { crate::adapters::f() } } #[test] fn g() { crate::adapters::f() }"),
            ("api/x.rs", "/// As [`crate::adapters::nats`] has it.\nfn f() {}"),
            ("adapters/nats/x.rs", "use super::y; use super::super::nats::z;"),
        ],
    );
}

#[test]
fn each_module_keeps_to_its_crates() {
    refuses(
        wrong,
        &[
            ("api/x.rs", "use sqlx::PgPool;", "(api) uses the crate sqlx"),
            ("api/x.rs", "use ::sqlx::PgPool;", "(api) uses the crate sqlx"),
            ("api/x.rs", "use sqlx as database; fn f(_: database::PgPool) {}", "(api) uses the crate sqlx"),
            ("api/x.rs", "extern crate sqlx as database;", "(api) uses the crate sqlx"),
            ("api/x.rs", "fn f() { sqlx::query(\"SELECT 1\"); }", "(api) uses the crate sqlx"),
            ("api/x.rs", "#[derive(sqlx::FromRow)] struct A;", "(api) uses the crate sqlx"),
            (
                "api/x.rs",
                "fn f() { tokio::select! { row = sqlx::query(\"SELECT 1\").fetch() => {} } }",
                "(api) uses the crate sqlx",
            ),
            ("commands/x.rs", "use actix_web::HttpRequest;", "(commands) uses the crate actix_web"),
            ("queries/x.rs", "use async_nats::Client;", "(queries) uses the crate async_nats"),
            ("adapters/tantivy/x.rs", "use sqlx::PgPool;", "(adapters::tantivy) uses the crate sqlx"),
            ("domain/x.rs", "use tokio::time::sleep;", "(domain) uses the crate tokio"),
            ("domain/x.rs", "use getrandom::fill;", "(domain) uses the crate getrandom"),
            ("domain/x.rs", "fn f() { reqwest::get(\"x\") }", "(domain) uses the crate reqwest"),
        ],
    );
    passes(
        wrong,
        &[
            ("adapters/postgres/x.rs", "use sqlx::PgPool;"),
            ("api/x.rs", "use actix_web::HttpRequest; fn f(url: &str) { g(url) }"),
            ("api/x/mod.rs", "mod csv; fn f() { csv::f() }"),
            ("queries/x.rs", "#[cfg(test)] mod tests { use sqlx::PgPool; }"),
        ],
    );
}
