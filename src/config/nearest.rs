//! The known name that is most like one that is not known: what was probably meant.

/// How alike two names must be, from 0 to 1, for one to be taken for the other.
const ALIKE: f32 = 0.6;

/// The known name that is most like `name`, if one is like it at all.
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    similar::get_close_matches(name, known, 1, ALIKE).into_iter().next()
}

/// The same as the end of a sentence: `; did you mean cache.ttl?`
pub fn advice(name: &str, known: &[&str]) -> String {
    nearest(name, known).map_or_else(String::new, |found| format!("; did you mean {found}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_found_and_nothing_is_made_up() {
        let known = ["cache.ttl_s", "cache.max_bytes", "http.listen", "webhooks.enabled"];
        for (name, found) in [
            ("cahce.ttl_s", Some("cache.ttl_s")),
            ("cache.maxbytes", Some("cache.max_bytes")),
            ("listen", Some("http.listen")),
            ("webhook.enabled", Some("webhooks.enabled")),
            ("colour", None),
        ] {
            assert_eq!(nearest(name, &known), found, "{name}");
        }
    }
}
