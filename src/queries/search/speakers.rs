//! Who says what a memory holds, and whether a question names them. Pure; called by [`super::second`].

use crate::domain::memory::Body;

/// Where a memory may say who speaks, in this order.
const FIELDS: [&str; 2] = ["speaker", "author"];
/// Longest name that is read before a colon, in characters and in words.
const NAME_CHARS_MAX: usize = 40;
const NAME_WORDS_MAX: usize = 3;

/// Who speaks: by the metadata, else by what stands before the first colon (`Ann: tea is at four`).
pub fn speaker(body: &Body) -> Option<&str> {
    let told = FIELDS.iter().find_map(|field| body.metadata.get(*field)?.as_str());
    let written = || {
        let (name, _) = body.content.split_once(": ")?;
        let is_name = name.chars().count() <= NAME_CHARS_MAX && name.chars().all(|c| c.is_alphabetic() || " .-'_".contains(c));
        (is_name && (1..=NAME_WORDS_MAX).contains(&name.split_whitespace().count())).then_some(name)
    };
    told.or_else(written).filter(|name| !name.trim().is_empty())
}

/// Whether a question names them: by a word of the name.
pub fn is_named(name: &str, question: &str) -> bool {
    let words =
        |text: &str| text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).filter(|it| !it.is_empty()).collect();
    let asked: Vec<String> = words(question);
    let name: Vec<String> = words(name);
    name.iter().any(|word| asked.contains(word))
}

/// Whether it asks something itself.
pub fn asks(body: &Body) -> bool {
    body.content.lines().next().is_some_and(|line| line.trim_end().ends_with(['?', '？', '؟']))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::memory::Draft;

    fn body(content: &str) -> Body {
        Draft { content: content.into(), ..Draft::default() }.validate().expect("valid")
    }

    #[test]
    fn who_speaks_stands_in_the_metadata_or_before_a_colon() {
        assert_eq!(speaker(&body("Ann: tea is at four")), Some("Ann"));
        assert_eq!(speaker(&body("Dr. Mary-Ann O'Neill: well")), Some("Dr. Mary-Ann O'Neill"));
        for other in ["Tea is at four", "http://a.b: x", "what we have to do on a Monday: wash", ": x", "10: x"] {
            assert_eq!(speaker(&body(other)), None, "{other}");
        }
        let mut told = body("Tea: at four");
        told.metadata.insert("author".into(), json!("Bo"));
        assert_eq!(speaker(&told), Some("Bo"));
    }

    #[test]
    fn a_question_names_them_by_a_word_of_their_name() {
        assert!(is_named("Ann Miller", "What did Ann's cat do?") && is_named("Müller", "was sagt müller"));
        assert!(!is_named("Ann", "what does Anna do") && !is_named("Ann", ""));
        assert!(asks(&body("Ann: tea?\n[a pot]")) && !asks(&body("Tea at four.\nCake?")));
    }
}
