//! Every file says what it is before anything else.

use crate::{
    none, passes, refuses,
    source::{self, Facts},
};

fn wrong(facts: &Facts) -> Vec<String> {
    (!facts.opens_with_doc).then(|| format!("src/{} opens without //!", facts.path)).into_iter().collect()
}

#[test]
fn every_file_says_what_it_is() {
    none(source::all().iter().flat_map(wrong).collect());
}

#[test]
fn a_file_that_begins_with_something_else_is_refused() {
    refuses(wrong, &[("api/x.rs", "use std::fmt;", "opens without"), ("api/x.rs", "// What it is.", "opens without")]);
    passes(wrong, &[("api/x.rs", "//! What it is.")]);
}
