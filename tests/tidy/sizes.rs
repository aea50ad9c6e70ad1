//! How long files and functions may be.

use crate::{
    none, passes, refuses,
    source::{self, Facts},
};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

fn too_long(facts: &Facts) -> Vec<String> {
    let is_long = facts.production_lines > FILE_LINES_MAX;
    let whole =
        format!("src/{} has {} lines; the limit is {FILE_LINES_MAX}: split it by noun", facts.path, facts.production_lines);
    is_long.then_some(whole).into_iter().collect()
}

fn long_functions(facts: &Facts) -> Vec<String> {
    let long = facts.functions.iter().filter(|function| function.lines > FUNCTION_LINES_MAX);
    long.map(|function| format!("{}: {} has {} lines", facts.at(function.line), function.name, function.lines)).collect()
}

#[test]
fn files_are_short() {
    none(source::production().flat_map(too_long).collect());
}

#[test]
fn functions_are_short() {
    none(source::all().iter().flat_map(long_functions).collect());
}

/// A function of so many lines, its braces included.
fn function(lines: usize) -> String {
    format!("fn f() {{\n{}}}\n", "g();\n".repeat(lines - 2))
}

#[test]
fn what_is_long_is_refused_wherever_it_stands() {
    let (long, short) = (function(71), function(70));
    let declared = format!("trait T {{\nfn a(\n&self,\n);\n{long}}}\n");
    let tested = format!("#[cfg(test)] mod tests {{\n{long}}}\n");
    let nested = format!("impl X {{\n{}}}\n", long.replace("fn f", "pub async fn f"));
    let deep = format!("fn outer() {{\n{long}}}\n");
    let asked = format!("trait T {{ fn f(\n{}); }}", "a: u8,\n".repeat(70));
    let samples = [&long, &declared, &tested, &nested, &deep].map(|code| ("api/x.rs", code.as_str(), "f has 71 lines"));
    refuses(long_functions, &samples);
    refuses(long_functions, &[("api/x.rs", &asked, "f has 72 lines")]);
    passes(long_functions, &[("api/x.rs", &short)]);
    let (file, split) = ("fn f() {}\n".repeat(401), "fn f() {}\n".repeat(400));
    let after = format!("#[cfg(test)]\nmod tests {{\n}}\n{file}");
    let before = format!("{split}#[cfg(test)]\nmod tests {{\n{split}}}\n");
    refuses(too_long, &[("api/x.rs", &file, "has 401 lines"), ("api/x.rs", &after, "has 401 lines")]);
    passes(too_long, &[("api/x.rs", &split), ("api/x.rs", &before)]);
}
