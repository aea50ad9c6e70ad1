//! Every code that a refusal is made with stands in one of the two tables; one that does not would be answered as `internal`.

use std::{fs, path::Path, sync::LazyLock};

use crate::{
    none, passes, refuses,
    source::{self, Facts},
};

const REFUSING: [&str; 4] = ["Error::new", "Error::of_kind", "Problem::new", "Problem::of_kind"];

fn refusals(facts: &Facts) -> impl Iterator<Item = &source::Call> {
    let is_ours = facts.path.starts_with("app/") || facts.path.starts_with("api/");
    facts.calls.iter().filter(move |call| is_ours && REFUSING.contains(&call.function.as_str()))
}

fn unknown(facts: &Facts) -> Vec<String> {
    static TABLES: LazyLock<String> = LazyLock::new(|| {
        let table = |path: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a table of codes");
        ["src/app/error/table.rs", "src/api/http/error/table.rs"].map(table).concat()
    });
    let unknown = refusals(facts).filter(|call| !TABLES.contains(&format!("(\"{}\", ", call.first_text)));
    unknown.map(|call| format!("{} refuses with {:?}", facts.at(call.line), call.first_text)).collect()
}

#[test]
fn every_code_stands_in_a_table() {
    none(source::production().flat_map(unknown).collect());
    // That many there are at least: else nothing was looked at.
    assert!(source::production().map(|facts| refusals(facts).count()).sum::<usize>() > 60);
}

#[test]
fn a_code_beside_the_tables_is_refused() {
    refuses(
        unknown,
        &[
            ("app/x.rs", r#"fn f() { Error::new("memory.eaten", "it is gone") }"#, "memory.eaten"),
            ("api/x.rs", r#"fn f() { g().map_err(|_| crate::api::http::error::Problem::new("tea.cold", "sorry")) }"#, "tea.cold"),
        ],
    );
    passes(
        unknown,
        &[
            ("app/x.rs", r#"fn f() { Error::new("memory.not_found", "there is none") }"#),
            ("adapters/x.rs", r#"fn f() { Error::new("memory.eaten", "of another kind") }"#),
        ],
    );
}
