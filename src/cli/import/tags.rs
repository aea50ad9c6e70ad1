//! What is a tag: in a property of a note, and in its text. Pure; called by `import::note` and `import::marks`.

use serde_json::Value;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// What stands between the tags of one text.
const SEPARATORS: [char; 5] = [',', ';', '，', '、', '\n'];

/// The tags of a property: a list, lists in a list, or one text. `None` for what is none of these.
pub fn of_value(value: &Value) -> Option<Vec<String>> {
    let mut tags = Vec::new();
    let understood = match value {
        Value::String(text) => {
            tags.extend(of_text(text));
            true
        }
        other => add(other, &mut tags),
    };
    understood.then(|| unique(tags))
}

/// Each once, in order.
pub fn unique(tags: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    tags.into_iter().filter(|tag| !tag.is_empty() && seen.insert(tag.clone())).collect()
}

fn add(value: &Value, tags: &mut Vec<String>) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(_) | Value::Number(_) => {
            tags.push(value.to_string());
            true
        }
        Value::String(text) => {
            // An item of a list is one tag, whatever its spaces, unless each of its words is marked as one.
            let marked = text.split_whitespace().count() > 1 && text.split_whitespace().all(|word| word.starts_with('#'));
            if marked {
                tags.extend(of_text(text))
            } else {
                tags.push(clean(text))
            }
            true
        }
        Value::Array(values) => values.iter().all(|value| add(value, tags)),
        Value::Object(_) => false,
    }
}

/// The tags of one text: between commas if there are any, else words.
pub fn of_text(text: &str) -> Vec<String> {
    let text = text.trim();
    let text =
        text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).filter(|text| !text.starts_with('[')).unwrap_or(text);
    let pages = text.starts_with("[[") || text.starts_with("#[[");
    let words: Vec<&str> = if text.contains(SEPARATORS) {
        text.split(SEPARATORS).collect()
    } else if pages {
        text.split("]]").collect()
    } else {
        text.split_whitespace().collect()
    };
    words.into_iter().map(clean).filter(|tag| !tag.is_empty()).collect()
}

fn clean(word: &str) -> String {
    let bare = word.trim().trim_matches(['"', '\'']).trim_start_matches('#').trim_matches(['[', ']', '"', '\'']);
    bare.trim_start_matches('#').trim().nfc().filter(|letter| *letter != '\0').collect()
}

/// The tag that begins at the `#` with which `text` begins, if it is one: not a number alone.
pub fn at(text: &str) -> Option<String> {
    let word = text.strip_prefix('#')?;
    let word = &word[..word.find(|letter: char| !is_part(letter)).unwrap_or(word.len())];
    let word = word.trim_end_matches('/');
    let begins = word.chars().next().is_some_and(|first| !is_joint(first) && first != '/');
    let has_name = word.chars().any(|letter| letter.is_alphanumeric() || is_emoji(letter));
    let is_number = word.chars().all(char::is_numeric);
    (begins && has_name && !is_number).then(|| word.nfc().collect())
}

fn is_part(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '-' | '/') || is_joint(letter) || is_emoji(letter)
}

/// Marks, and what joins or varies the letter before it.
fn is_joint(letter: char) -> bool {
    is_combining_mark(letter) || matches!(letter, '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}' | '\u{e0020}'..='\u{e007f}')
}

fn is_emoji(letter: char) -> bool {
    matches!(letter, '\u{1f000}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{2300}'..='\u{23ff}' | '\u{2190}'..='\u{21ff}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn properties_have_tags_in_many_forms() {
        for (value, tags) in [
            (json!("garden tools"), vec!["garden", "tools"]),
            (json!("garden, two words"), vec!["garden", "two words"]),
            (json!("#garden #tools"), vec!["garden", "tools"]),
            (json!("[#garden, 'tools']"), vec!["garden", "tools"]),
            (json!(["garden", "two words", "#seeds", "garden"]), vec!["garden", "two words", "seeds"]),
            (json!([["garden", "tools"], "seeds"]), vec!["garden", "tools", "seeds"]),
            (json!([["garden", ["deep"]], 2024, true, null]), vec!["garden", "deep", "2024", "true"]),
            (json!("[[two words]], b"), vec!["two words", "b"]),
            (json!("[[two words]] [[b]]"), vec!["two words", "b"]),
            (json!("#[[two words]]"), vec!["two words"]),
            (json!("園芸、道具"), vec!["園芸", "道具"]),
            (json!("cafe\u{301}"), vec!["café"]),
            (json!(2024), vec!["2024"]),
            (json!(null), vec![]),
            (json!(""), vec![]),
        ] {
            assert_eq!(of_value(&value).unwrap(), tags, "{value}");
        }
        assert_eq!(of_value(&json!({"a": 1})), None);
        assert_eq!(of_value(&json!([{"a": 1}])), None);
    }

    #[test]
    fn a_tag_in_a_text_is_of_any_script() {
        for (text, tag) in [
            ("#tea, then", "tea"),
            ("#drinks/hot.", "drinks/hot"),
            ("#ต้ม #x", "ต้ม"),
            ("#हिन्दी।", "हिन्दी"),
            ("#نیم‌فاصله", "نیم‌فاصله"),
            ("#cafe\u{301}!", "café"),
            ("#👩‍🌾garden", "👩‍🌾garden"),
            ("#❤️", "❤️"),
            ("#会議。", "会議"),
            ("#2024-plan", "2024-plan"),
            ("#tea/", "tea"),
            ("#snake_case)", "snake_case"),
        ] {
            assert_eq!(at(text).as_deref(), Some(tag), "{text}");
        }
        for text in ["#123", "# tea", "#", "##tea", "#/tea", "#-", "#️⃣", "#(", "#"] {
            assert_eq!(at(text), None, "{text}");
        }
    }
}
