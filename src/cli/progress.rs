//! How far a long work has come, on standard error: standard output is for the answer alone. Called by the verbs that take a while.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar of so many things; `None` while nobody knows how many.
pub fn bar(count: Option<u64>, things: &str) -> ProgressBar {
    styled(count, &format!("{{bar:40}} {{pos}}/{{len}} {things}, {{elapsed}}"))
}

/// A count of things of which nobody knows how many there are.
pub fn counter(things: &str) -> ProgressBar {
    styled(None, &format!("{{spinner}} {{pos}} {things}, {{elapsed}}"))
}

fn styled(count: Option<u64>, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).expect("the template is made of constants");
    ProgressBar::with_draw_target(count, ProgressDrawTarget::stderr()).with_style(style)
}
