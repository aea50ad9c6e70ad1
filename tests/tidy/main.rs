//! The rules of the house that a machine can check, and for each rule samples of what it refuses.
//!
//! The sources are read once, by `syn`, into [`source::Facts`]; the rules ask those. What stands under `#[cfg(test)]` is left out where a
//! rule is about what the program does.

mod arrows;
mod codes;
mod heads;
mod metrics;
mod names;
mod purity;
mod reading;
mod rows;
mod sizes;
mod source;
mod tasks;
mod tokens;

/// Fails with all complaints, each on a line.
#[track_caller]
fn none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// Holds a rule against samples: a file, what it says, and a part of what the rule must complain of.
#[track_caller]
fn refuses(rule: impl Fn(&source::Facts) -> Vec<String>, samples: &[(&str, &str, &str)]) {
    for (path, code, complaint) in samples {
        let complaints = rule(&source::of(path, code));
        assert!(complaints.iter().any(|one| one.contains(complaint)), "{path}: {code}\nis refused with {complaints:?}");
    }
}

/// The opposite: what the rule must let pass.
#[track_caller]
fn passes(rule: impl Fn(&source::Facts) -> Vec<String>, samples: &[(&str, &str)]) {
    for (path, code) in samples {
        let complaints = rule(&source::of(path, code));
        assert!(complaints.is_empty(), "{path}: {code}\nis refused with {complaints:?}");
    }
}
