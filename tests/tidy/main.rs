//! The rules of the house that a machine can check: which module may use which, and how long files and functions are.

use std::{
    fs,
    path::{Path, PathBuf},
};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

/// Module → the modules it may use besides itself. `*` is anything.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("journal", &["domain"]),
    ("ports", &["domain", "journal"]),
    ("commands", &["ports", "journal", "domain"]),
    ("projectors", &["patience", "ports", "journal", "domain"]),
    // Decision 2026-11-24: a replay is the projectors' engine over tables of its own, so `replay` uses `projectors`.
    ("replay", &["projectors", "ports", "journal", "domain"]),
    ("fanout", &["patience", "ports", "journal", "domain"]),
    ("caches", &["ports", "journal", "domain"]),
    ("reactors", &["patience", "ports", "journal", "domain"]),
    ("queries", &["ports", "journal", "domain"]),
    ("app", &["commands", "queries", "caches", "ports", "journal", "domain"]),
    // Sockets and streams are driven from the API, which is why it may use `fanout` (its part `live`).
    // Views are made of what queries and ports give.
    ("api", &["app", "commands", "queries", "caches", "fanout", "ports", "journal", "domain"]),
    // Decision 2026-11-23: adapters may use `projectors`, for the port `Store` and the batch that it stores; it stands beside its only caller.
    ("adapters", &["ports", "journal", "domain", "projectors"]),
    ("runtime", &["*"]),
    ("wiring", &["*"]),
    ("cli", &["*"]),
    // Settings become what those that read them take: rules of the domain, of caches, of the servers.
    ("config", &["domain", "journal", "caches", "runtime"]),
    ("patience", &[]),
    ("telemetry", &[]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src is readable") {
        let path = entry.expect("src is readable").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// Every source file below `src`: its path from there, and its text.
fn tree() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    let name = |path: &Path| path.strip_prefix(&root).expect("below src").to_string_lossy().into_owned();
    found.iter().map(|path| (name(path), fs::read_to_string(path).expect("utf-8"))).collect()
}

fn module_of(path: &str) -> &str {
    path.split('/').next().expect("has a first part").trim_end_matches(".rs")
}

/// The production lines of a file: up to its first test module.
fn production(text: &str) -> Vec<&str> {
    let all: Vec<&str> = text.lines().collect();
    let tests =
        all.windows(2).position(|pair| pair[0].trim() == "#[cfg(test)]" && pair[1].trim_start().starts_with("mod tests {"));
    all[..tests.unwrap_or(all.len())].to_vec()
}

/// The top-level modules that a text names after `crate::`, also inside `use crate::{…}`.
fn uses(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            for word in group.split_inclusive(['{', '}', ',']) {
                let first = word.trim().split([':', '{', '}', ',']).next().unwrap_or_default().to_owned();
                if depth == 0 && !first.is_empty() {
                    found.push(first);
                }
                depth += word.matches('{').count() as i32 - word.matches('}').count() as i32;
                if depth < 0 {
                    break;
                }
            }
        } else {
            found.push(rest.chars().take_while(|letter| letter.is_ascii_lowercase() || *letter == '_').collect());
        }
    }
    found
}

#[test]
fn arrows_between_modules_point_inwards() {
    let mut wrong = Vec::new();
    for (path, text) in tree() {
        let module = module_of(&path);
        if matches!(module, "lib" | "main") {
            continue;
        }
        let (_, allowed) =
            MAY_USE.iter().find(|(known, _)| *known == module).unwrap_or_else(|| panic!("{module} is not on the list"));
        // Documentation may point anywhere; code may not.
        let code: Vec<&str> = production(&text).into_iter().filter(|line| !line.trim_start().starts_with("//")).collect();
        for used in uses(&code.join("\n")) {
            let named = MAY_USE.iter().any(|(known, _)| *known == used);
            if named && used != module && !allowed.contains(&"*") && !allowed.contains(&used.as_str()) {
                wrong.push(format!("src/{path} uses {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_centre_is_pure() {
    let banned = ["async fn", "std::fs", "std::net", "sqlx", "async_nats", "actix", "::now(", "tokio"];
    for (path, text) in tree().iter().filter(|(path, _)| module_of(path) == "domain") {
        for word in banned {
            assert!(!production(text).iter().any(|line| line.contains(word)), "src/{path} has {word}");
        }
    }
}

#[test]
fn every_file_says_what_it_is_and_is_short() {
    for (path, text) in tree() {
        assert!(text.starts_with("//!"), "src/{path} opens without //!");
        let lines = production(&text).len();
        assert!(lines <= FILE_LINES_MAX, "src/{path} has {lines} lines; the limit is {FILE_LINES_MAX}: split it by noun");
    }
}

#[test]
fn functions_are_short() {
    for (path, text) in tree() {
        let mut open: Option<(usize, usize, &str)> = None;
        for (number, line) in text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let words: Vec<&str> = line.split_whitespace().take(5).collect();
            if open.is_none() && words.contains(&"fn") && !line.trim_end().ends_with(';') && !line.trim_start().starts_with("//")
            {
                open = Some((number, indent, line.trim()));
            }
            if let Some((start, depth, name)) = open {
                let closes = (number > start && line.trim_end() == format!("{}}}", " ".repeat(depth)))
                    || (number == start && line.trim_end().ends_with('}'));
                if closes {
                    assert!(
                        number - start < FUNCTION_LINES_MAX,
                        "src/{path}:{}: {name} has {} lines",
                        start + 1,
                        number - start + 1
                    );
                    open = None;
                }
            }
        }
    }
}

#[test]
fn every_metric_stands_on_the_list() {
    let sources = tree();
    let (_, list) = sources.iter().find(|(path, _)| path == "telemetry.rs").expect("telemetry.rs holds the list");
    for (path, text) in &sources {
        for macro_name in ["gauge!(\"", "counter!(\"", "histogram!(\""] {
            for (at, _) in text.match_indices(macro_name) {
                let name = text[at + macro_name.len()..].split('"').next().expect("a name");
                assert!(list.contains(&format!("(\"{name}\"")), "src/{path} records {name}");
            }
        }
    }
}
