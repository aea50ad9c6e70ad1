//! Who may begin what goes on by itself: a task or a thread that nobody knows of is not waited for at the end.

use crate::{
    none, passes, refuses,
    source::{self, Facts, is_in},
};

/// Ways to begin something that no tracker knows, and the files that may take them.
const SPAWNING: &[(&str, &[&str])] = &[
    // The server, which is waited for by its handle.
    ("tokio::spawn", &["wiring/http.rs"]),
    ("tokio::task::spawn", &[]),
    ("tokio::task::spawn_local", &[]),
    // Work that holds a thread up; each of them waits for it at once.
    (
        "tokio::task::spawn_blocking",
        &[
            "adapters/encoder/loader.rs",
            "adapters/nats/reader.rs",
            "adapters/tantivy/mod.rs",
            "adapters/vault/place.rs",
            "adapters/vectors/mod.rs",
            "cli/up.rs",
            "wiring/mod.rs",
        ],
    ),
    // Of the program itself, and of the thread that watches over the servers.
    ("tokio::runtime", &["cli/mod.rs", "runtime/supervisor.rs"]),
    // A connection is served on the server's own threads, which no tracker reaches; it ends by the token that all get.
    ("actix_web::rt::spawn", &["api/live/socket.rs"]),
    ("actix_web::rt::Arbiter", &[]),
    ("actix_web::rt::System", &[]),
    ("std::thread::spawn", &[]),
    // Threads of one computation, which waits for them.
    ("std::thread::scope", &["bert/lib.rs"]),
    // The models' thread, those that search vectors, and the one that watches over the servers; all are joined.
    ("std::thread::Builder", &["adapters/encoder/worker.rs", "adapters/vectors/crew.rs", "runtime/mod.rs"]),
];

fn wrong(facts: &Facts) -> Vec<String> {
    let refused = |path: &str| {
        let way = SPAWNING.iter().find(|(way, _)| is_in(path, way));
        way.filter(|(_, files)| !files.contains(&facts.path.as_str()))
    };
    // Whoever takes everything from a place takes these with it.
    let is_taken = |path: &str| SPAWNING.iter().any(|(way, _)| is_in(way, path));
    let wrong = facts.names.iter().filter(|name| refused(&name.path).is_some() || (name.is_glob && is_taken(&name.path)));
    wrong.map(|name| format!("{} uses {}: tasks belong to a tracker", facts.at(name.line), name.path)).collect()
}

#[test]
fn tasks_belong_to_a_tracker() {
    none(source::production().flat_map(wrong).collect());
}

#[test]
fn every_exception_is_needed() {
    let idle = |(way, file): (&str, &str)| {
        let used = source::production().any(|facts| facts.path == file && facts.names.iter().any(|name| is_in(&name.path, way)));
        (!used).then(|| format!("src/{file} may use {way} and does not"))
    };
    none(SPAWNING.iter().flat_map(|(way, files)| files.iter().map(move |file| (*way, *file))).filter_map(idle).collect());
}

#[test]
fn what_nobody_waits_for_is_refused() {
    refuses(
        wrong,
        &[
            ("api/x.rs", "fn f() { tokio::spawn(g()); }", "uses tokio::spawn"),
            ("api/x.rs", "use tokio::spawn; fn f() { spawn(g()); }", "uses tokio::spawn"),
            ("api/x.rs", "use tokio::task; fn f() { task::spawn(g()); }", "uses tokio::task::spawn"),
            ("api/x.rs", "use tokio::task::spawn as begin;", "uses tokio::task::spawn"),
            ("api/x.rs", "fn f() { tokio::task::spawn_local(g()); }", "uses tokio::task::spawn_local"),
            ("api/x.rs", "fn f() { actix_web::rt::spawn(g()); }", "uses actix_web::rt::spawn"),
            ("api/x.rs", "use actix_web as web; fn f() { web::rt::spawn(g()); }", "uses actix_web::rt::spawn"),
            ("api/x.rs", "fn f() { tokio::runtime::Handle::current().spawn(g()); }", "uses tokio::runtime"),
            ("queries/x.rs", "fn f() { std::thread::spawn(g); }", "uses std::thread::spawn"),
            ("queries/x.rs", "use std::thread; fn f() { thread::scope(g); }", "uses std::thread::scope"),
            ("queries/x.rs", "use std::thread::*; fn f() { spawn(g); }", "uses std::thread"),
            ("queries/x.rs", "use tokio::*; fn f() { task::spawn(g()); }", "uses tokio"),
            ("api/x.rs", "fn f() { tokio::select! { () = g() => { tokio::spawn(h()); } } }", "uses tokio::spawn"),
            ("adapters/postgres/x.rs", "fn f() { tokio::task::spawn_blocking(g); }", "uses tokio::task::spawn_blocking"),
        ],
    );
    passes(
        wrong,
        &[
            ("fanout/x.rs", "use tokio_util::task::TaskTracker; fn f(tasks: &TaskTracker) { tasks.spawn(g()); }"),
            ("fanout/x.rs", "use tokio::task::JoinSet;"),
            ("fanout/x.rs", "#[cfg(test)] mod tests { fn f() { tokio::spawn(g()); } }"),
        ],
    );
}
