//! Makes the side fields of a note fit the limits of a memory, and says what it cut: no side field costs the note. Pure.
//!
//! Called by `import::note`. The content is not its business: it is cut into pieces before.

use serde_json::{Map, Value};

use crate::{
    api::v1::dto::MemoryInput,
    domain::{
        json_object::{self, BYTES_MAX, Codes, DEPTH_MAX},
        memory::draft::{NAME_CHARS_MAX, TAG_CHARS_MAX, TAGS_MAX, URI_CHARS_MAX},
    },
};

/// What is left of a value that is too large, in characters of its JSON.
const CUT_CHARS: usize = 1_000;
const CODES: Codes = Codes { too_deep: "deep", too_large: "large", nul: "nul" };
const PROPERTIES: &str = "front_matter";

/// What was cut: the field, and why.
pub type Cut = (String, String);

/// Cuts tags and metadata to what a memory takes.
pub fn fit(input: &mut MemoryInput) -> Vec<Cut> {
    let mut cuts = Vec::new();
    fit_tags(&mut input.tags, &mut cuts);
    fit_metadata(&mut input.metadata, &mut cuts);
    if let Some(source) = &mut input.source {
        source.id = source.id.take().map(|id| last_chars(id, NAME_CHARS_MAX));
        source.uri = source.uri.take().map(|uri| first_chars(&uri, URI_CHARS_MAX));
    }
    cuts
}

fn fit_tags(tags: &mut Vec<String>, cuts: &mut Vec<Cut>) {
    tags.retain(|tag| {
        let chars = tag.chars().count();
        let fits = chars <= TAG_CHARS_MAX;
        if !fits {
            let begin = first_chars(tag, 20);
            cuts.push((
                "tags".into(),
                format!("the tag {begin:?}… has {chars} characters and is left out; the limit is {TAG_CHARS_MAX}"),
            ));
        }
        fits
    });
    if tags.len() > TAGS_MAX {
        cuts.push((
            "tags".into(),
            format!("there are {} tags, of which the first {TAGS_MAX} are kept; the limit is {TAGS_MAX}", tags.len()),
        ));
        tags.truncate(TAGS_MAX);
    }
}

fn fit_metadata(metadata: &mut Map<String, Value>, cuts: &mut Vec<Cut>) {
    let mut broken = Vec::new();
    json_object::check("metadata", metadata, &CODES, &mut broken);
    if broken.is_empty() {
        return;
    }
    *metadata = std::mem::take(metadata).into_iter().map(|(key, value)| (no_nul(&key), without_nul(value))).collect();
    if let Some(properties) = metadata.get_mut(PROPERTIES).and_then(Value::as_object_mut) {
        for (key, value) in properties.iter_mut() {
            // The object is 0 deep, the properties 1, the value of one 2.
            let depth = 2 + depth_of(value);
            if depth > DEPTH_MAX {
                *value = value.to_string().into();
                cuts.push((key.clone(), format!("it is nested {depth} deep and kept as a text; the limit is {DEPTH_MAX}")));
            }
        }
    }
    if !is_too_large(metadata) {
        return;
    }
    for (name, value) in metadata.iter_mut().filter(|(name, _)| *name != PROPERTIES) {
        shorten(name, value, cuts);
    }
    let mut left = BYTES_MAX.saturating_sub(metadata.iter().filter(|(name, _)| *name != PROPERTIES).map(bytes_of).sum());
    if let Some(properties) = metadata.get_mut(PROPERTIES).and_then(Value::as_object_mut) {
        properties.iter_mut().for_each(|(key, value)| shorten(key, value, cuts));
        left = left.saturating_sub(PROPERTIES.len() + 8);
        let all = properties.len();
        properties.retain(|key, value| {
            let bytes = bytes_of((key, value));
            let fits = bytes <= left;
            left -= if fits { bytes } else { left };
            fits
        });
        if properties.len() < all {
            let reason =
                format!("{} of {all} properties are left out; the limit of all is {BYTES_MAX} bytes", all - properties.len());
            cuts.push((PROPERTIES.into(), reason));
        }
    }
    if is_too_large(metadata) {
        metadata.clear();
        cuts.push(("metadata".into(), format!("it is left out; the limit is {BYTES_MAX} bytes")));
    }
}

/// Cuts a large value to its first characters, as a text.
fn shorten(key: &str, value: &mut Value, cuts: &mut Vec<Cut>) {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if text.chars().count() > CUT_CHARS {
        *value = first_chars(&text, CUT_CHARS).into();
        let reason = format!(
            "it has {} bytes, of which the first {CUT_CHARS} characters are kept; the limit of all properties is {BYTES_MAX}",
            text.len()
        );
        cuts.push((key.to_owned(), reason));
    }
}

/// What a field costs at most: numbers are stored with all their digits.
fn bytes_of((key, value): (&String, &Value)) -> usize {
    let text = value.to_string().len();
    key.len() + 4 + if value.is_number() { text.max(330) } else { text }
}

fn is_too_large(metadata: &Map<String, Value>) -> bool {
    let mut broken = Vec::new();
    json_object::check("metadata", metadata, &CODES, &mut broken);
    broken.iter().any(|it| it.code == CODES.too_large)
}

fn depth_of(value: &Value) -> usize {
    match value {
        Value::Array(values) => values.iter().map(|value| 1 + depth_of(value)).max().unwrap_or(0),
        Value::Object(fields) => fields.values().map(|value| 1 + depth_of(value)).max().unwrap_or(0),
        _ => 0,
    }
}

fn no_nul(text: &str) -> String {
    text.replace('\0', "\u{2400}")
}

fn without_nul(value: Value) -> Value {
    match value {
        Value::String(text) => no_nul(&text).into(),
        Value::Array(values) => values.into_iter().map(without_nul).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(key, value)| (no_nul(&key), without_nul(value))).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

/// The first characters of a text, without half of a word's white space at the end.
pub fn first_chars(text: &str, count: usize) -> String {
    text.chars().take(count).collect::<String>().trim_end().to_owned()
}

fn last_chars(text: String, count: usize) -> String {
    let chars = text.chars().count();
    if chars <= count { text } else { text.chars().skip(chars - count).collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(metadata: Value, tags: Vec<String>) -> (MemoryInput, Vec<Cut>) {
        let metadata = metadata.as_object().expect("an object").clone();
        let mut input = MemoryInput { content: "x".into(), metadata, tags, ..MemoryInput::default() };
        let cuts = fit(&mut input);
        assert_eq!(input.clone().into_parts().1.validate().err(), None, "{cuts:?}");
        (input, cuts)
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        let (input, cuts) = with(json!({"front_matter": {"a": {"b": {"c": 1}}}}), vec!["x".into()]);
        assert_eq!((input.metadata["front_matter"]["a"]["b"]["c"].clone(), cuts), (json!(1), vec![]));
    }

    #[test]
    fn too_many_and_too_long_tags_are_cut_and_said() {
        let (input, cuts) = with(json!({}), (0..70).map(|n| format!("topic{n}")).chain(["é".repeat(200)]).collect());
        assert_eq!((input.tags.len(), cuts.len()), (64, 2));
        assert!(cuts[0].1.contains("200") && cuts[1].1.contains("70") && cuts[1].1.contains("64"), "{cuts:?}");
    }

    #[test]
    fn too_deep_and_too_large_metadata_is_cut_and_said() {
        let (input, cuts) = with(json!({"front_matter": {"a": {"b": {"c": {"d": {"e": 1}}}}, "z": 1}}), vec![]);
        assert_eq!(input.metadata["front_matter"], json!({"a": "{\"b\":{\"c\":{\"d\":{\"e\":1}}}}", "z": 1}));
        assert_eq!(cuts[0].0, "a");
        let (input, cuts) = with(json!({"front_matter": {"long": "ö".repeat(80_000), "z": 1}}), vec![]);
        assert_eq!((input.metadata["front_matter"]["long"].as_str().unwrap().chars().count(), cuts.len()), (1_000, 1));
        let many: Map<String, Value> = (0..20_000).map(|n| (format!("k{n}"), n.into())).collect();
        assert!(!with(json!({"front_matter": many}), vec![]).1.is_empty());
        let (input, _) = with(json!({"front_matter": {"a\u{0}": ["b\u{0}"]}, "headings": ["\u{0}"]}), vec![]);
        assert_eq!(input.metadata["front_matter"], json!({"a␀": ["b␀"]}));
        with(json!({"headings": ["x".repeat(100_000)]}), vec![]);
    }
}
