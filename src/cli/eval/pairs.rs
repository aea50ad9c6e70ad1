//! The user's own pairs of a question and what should be found. Pure; called by `brain eval file`.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Question;

/// One line of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    question: String,
    expected: Expected,
    #[serde(default)]
    category: Option<String>,
    #[serde(default)]
    filters: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Expected {
    One(String),
    Several(Vec<String>),
}

/// The questions of a file; each is a group of its own. Errors: the first line that cannot be read, by its number.
pub fn read(text: &str) -> Result<Vec<Question>, String> {
    let mut questions = vec![];
    for (place, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let line: Line = serde_json::from_str(line).map_err(|cause| format!("line {}: {cause}", place + 1))?;
        let expected = match line.expected {
            Expected::One(expected) => vec![expected],
            Expected::Several(expected) => expected,
        };
        if expected.is_empty() || line.question.trim().is_empty() {
            return Err(format!("line {}: there is no question, or nothing is expected of it", place + 1));
        }
        let category = line.category.unwrap_or_else(|| "-".to_owned());
        questions.push(Question { text: line.question, filters: line.filters, expected, category, group: questions.len() });
    }
    Ok(questions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_question_with_one_or_several_that_should_come() {
        let text = "{\"question\": \"when is tea\", \"expected\": \"Tea\"}\n\n{\"question\": \"q\", \"expected\": [\"a\", \"b\"], \"category\": \"hard\"}\n";
        let questions = read(text).expect("two");
        assert_eq!((questions[0].expected.len(), questions[1].expected.len(), &*questions[1].category), (1, 2, "hard"));
        for bad in ["{}", "{\"question\": \" \", \"expected\": \"x\"}", "{\"question\": \"q\", \"expected\": []}", "tea"] {
            let refused = read(&format!("\n{bad}")).map(|_| ()).expect_err("not a pair");
            assert!(refused.starts_with("line 2: "), "{refused}");
        }
    }
}
