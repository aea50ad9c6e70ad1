//! What can be said of a filter without asking anybody: whether it chooses at all. Called before something is done to all that pass.

use serde_json::Value;

use crate::ports::{Filter, Test};

/// Whether every memory passes, whatever it is: by how the filter is built, not by what happens to be stored.
pub fn admits_everything(filter: &Filter) -> bool {
    constant(filter) == Some(true)
}

/// What a filter says of every memory alike; `None` where that depends on the memory.
fn constant(filter: &Filter) -> Option<bool> {
    let all = |parts: &[Filter], absorbing: bool| {
        let said: Vec<_> = parts.iter().map(constant).collect();
        if said.contains(&Some(absorbing)) {
            return Some(absorbing);
        }
        said.iter().all(Option::is_some).then_some(!absorbing)
    };
    match filter {
        Filter::All(parts) => all(parts, false),
        Filter::Any(parts) => all(parts, true),
        Filter::Not(part) => constant(part).map(|said| !said),
        // Everything contains an empty object.
        Filter::Is(Test::Metadata(Value::Object(wanted))) if wanted.is_empty() => Some(true),
        Filter::Is(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_filter_that_chooses_nothing_is_seen_through() {
        let (is, not) = (|| Filter::Is(Test::UserId(vec!["ann".into()])), |part| Filter::Not(Box::new(part)));
        for everything in [
            Filter::none(),
            Filter::All(vec![Filter::All(vec![]), not(Filter::Any(vec![]))]),
            Filter::Any(vec![is(), Filter::none()]),
            not(not(Filter::none())),
            Filter::All(vec![Filter::Is(Test::Metadata(json!({})))]),
        ] {
            assert!(admits_everything(&everything), "{everything:?}");
        }
        for some in [is(), Filter::All(vec![is(), Filter::none()]), not(is()), Filter::Any(vec![]), not(Filter::none())] {
            assert!(!admits_everything(&some), "{some:?}");
        }
    }
}
