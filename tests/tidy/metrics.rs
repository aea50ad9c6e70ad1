//! Every metric that is recorded stands on the list in `telemetry.rs`.

use crate::{
    none, passes, refuses,
    source::{self, Facts},
};

const RECORDING: &[&str] = &["counter", "gauge", "histogram"];

/// Metrics that a list lacks; one whose name is no plain text cannot be looked up.
fn missing(list: &str) -> impl Fn(&Facts) -> Vec<String> {
    move |facts| {
        let recorded = facts.macros.iter().filter(|called| RECORDING.contains(&called.name.as_str()));
        let unlisted =
            recorded.filter(|called| !called.first_text.as_ref().is_some_and(|name| list.contains(&format!("(\"{name}\""))));
        unlisted.map(|called| format!("{} records {:?}", facts.at(called.line), called.first_text)).collect()
    }
}

#[test]
fn every_metric_stands_on_the_list() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/telemetry.rs");
    let list = std::fs::read_to_string(path).expect("telemetry.rs holds the list");
    none(source::production().filter(|facts| facts.path != "telemetry.rs").flat_map(missing(&list)).collect());
}

#[test]
fn a_metric_beside_the_list_is_refused() {
    let list = r#"[("brain_known", "what it is")]"#;
    refuses(
        missing(list),
        &[
            ("api/x.rs", r#"fn f() { metrics::counter!("brain_new").increment(1); }"#, "brain_new"),
            ("api/x.rs", r#"use metrics::gauge; fn f() { gauge!("brain_new", "kind" => "a").set(1); }"#, "brain_new"),
            ("api/x.rs", r#"fn f() { tokio::select! { () = g() => metrics::histogram!("brain_new").record(1) } }"#, "brain_new"),
            ("api/x.rs", r#"fn f(name: &str) { metrics::counter!(name).increment(1); }"#, "None"),
        ],
    );
    passes(missing(list), &[("api/x.rs", r#"fn f() { metrics::counter!("brain_known").increment(1); }"#)]);
}
