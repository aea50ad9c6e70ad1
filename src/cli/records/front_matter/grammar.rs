//! The lines of a block of properties, and the values in them as JSON. Called by `records::front_matter`.

use serde_json::{Map, Number, Value};

use super::{Found, Odd, Property};

/// Longest key of a line that is read by itself, in words: what is longer is a sentence.
const KEY_WORDS_MAX: usize = 4;

/// One property's lines.
struct Group<'a> {
    key: String,
    /// Behind the key on its line.
    rest: &'a str,
    /// All of its lines.
    text: &'a str,
    line: u64,
}

/// The properties of a block by the lines on which they stand.
pub struct Lines<'a> {
    groups: Vec<Group<'a>>,
    line: u64,
    /// Whether a line at the margin is neither a property nor a part of one.
    has_strangers: bool,
}

impl<'a> Lines<'a> {
    /// `line` is the number of the first; `mark` stands between key and value.
    pub fn of(text: &'a str, line: u64, mark: char) -> Self {
        let mut lines = Self { groups: vec![], line, has_strangers: false };
        let (mut at, mut number, mut from) = (0, line, 0);
        for row in text.split_inclusive('\n') {
            let bare = row.trim_end();
            // The first one may be pushed in by mistake; later ones are parts of the one above.
            if let Some((key, rest)) = property(if lines.groups.is_empty() { bare.trim_start() } else { bare }, mark) {
                from = at;
                lines.groups.push(Group { key, rest, text: &text[at..at + row.len()], line: number });
            } else {
                let continues = bare.is_empty() || row.starts_with([' ', '\t', '#', '-', '}', ']', '{']);
                lines.has_strangers |= !continues || (lines.groups.is_empty() && !bare.is_empty() && !row.starts_with('#'));
                if let Some(last) = lines.groups.last_mut() {
                    last.text = &text[from..at + row.len()];
                }
            }
            at += row.len();
            number += 1;
        }
        lines
    }

    /// Whether this is a list of properties with faults in it, and not prose.
    pub fn are_properties(&self, is_usual: impl Fn(&str) -> bool) -> bool {
        !self.groups.is_empty() && (!self.has_strangers || self.groups.iter().any(|group| is_usual(&group.key)))
    }

    fn group(&self, key: &str) -> Option<&Group<'a>> {
        self.groups.iter().find(|group| group.key == key)
    }

    /// Adds a property that was read with the whole block; a value that cannot be kept as it is becomes its text.
    pub fn add(&self, found: &mut Found, key: String, value: Result<Value, String>) {
        let group = self.group(&key);
        let (line, raw) = group.map_or((self.line, ""), |group| (group.line, group.rest));
        let value = match value {
            Ok(Value::Number(number)) if number.is_f64() && is_whole(raw) => Value::from(raw),
            Ok(value) => value,
            Err(reason) => {
                found.1.push(odd(line, &key, &reason));
                Value::from(group.map_or_else(String::new, Group::value_text))
            }
        };
        found.0.push(Property { key, value, line, raw: raw.to_owned() });
    }

    /// Reads each property by itself; what cannot be read is a text. A key that stands twice gets both values.
    pub fn one_by_one(&self, read: impl Fn(&str) -> Result<Value, String>) -> Found {
        let mut found = Found::default();
        for group in &self.groups {
            let value = read(group.text).unwrap_or_else(|reason| {
                found.1.push(odd(group.line, &group.key, &reason));
                Value::from(group.value_text())
            });
            match found.0.iter_mut().find(|known| known.key == group.key) {
                Some(known) => {
                    let all = [as_list(known.value.take()), as_list(value)].concat();
                    known.value = Value::Array(all);
                    known.raw.clear();
                }
                None => {
                    let (key, raw) = (group.key.clone(), group.rest.to_owned());
                    found.0.push(Property { key, value, line: group.line, raw });
                }
            }
        }
        found
    }
}

impl Group<'_> {
    /// All behind the key, without the quotation marks around it.
    fn value_text(&self) -> String {
        let behind = self.text.lines().skip(1).fold(self.rest.to_owned(), |text, line| format!("{text}\n{line}"));
        let text = behind.trim();
        let quoted =
            |mark: char| text.strip_prefix(mark).and_then(|text| text.strip_suffix(mark)).filter(|text| !text.contains(mark));
        quoted('"').or_else(|| quoted('\'')).unwrap_or(text).to_owned()
    }
}

fn odd(line: u64, key: &str, reason: &str) -> Odd {
    // It tells the place in what was read, which is not the note.
    let reason = reason.lines().next().unwrap_or_default();
    let reason = reason.find(" at line ").map_or(reason, |end| &reason[..end]);
    Odd { line, key: key.to_owned(), reason: format!("kept as a text: {reason}") }
}

fn as_list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        Value::Null => vec![],
        other => vec![other],
    }
}

/// The key and the rest of a line at the margin that is a property.
fn property(line: &str, mark: char) -> Option<(String, &str)> {
    if line.starts_with([' ', '\t', '#', '-', '{', '[', '}', ']', '|', '>']) {
        return None;
    }
    let quoted = line.starts_with(['"', '\'']).then(|| line[1..].find(&line[..1])).flatten().map_or(0, |end| end + 2);
    let at = quoted + line[quoted..].find(mark)?;
    let (key, rest) = (line[..at].trim(), &line[at + mark.len_utf8()..]);
    let is_apart = mark == '=' || rest.is_empty() || rest.starts_with([' ', '\t']) || quoted > 0;
    let is_word = !key.contains(char::is_whitespace) && !rest.starts_with("//");
    let words = key.split_whitespace().count();
    let key = key.trim_matches(['"', '\'']);
    let fits = (1..=KEY_WORDS_MAX).contains(&words) && (is_apart || is_word);
    fits.then(|| (key.to_owned(), rest.trim()))
}

/// Whether a number is written without a fraction and without an exponent, so that a float is not all of it.
fn is_whole(raw: &str) -> bool {
    let digits = raw.trim_start_matches(['+', '-']);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A key as a text.
pub fn key_of(key: &yaml_serde::Value) -> Option<String> {
    use yaml_serde::Value as Yaml;
    match key {
        Yaml::String(key) => Some(key.clone()),
        Yaml::Number(number) => Some(number.to_string()),
        Yaml::Bool(value) => Some(value.to_string()),
        Yaml::Null => Some("null".to_owned()),
        _ => None,
    }
}

/// A value as JSON. Errors: a key that is no plain value, as `{{title}}` of a template is.
pub fn from_yaml(value: yaml_serde::Value) -> Result<Value, String> {
    use yaml_serde::Value as Yaml;
    Ok(match value {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => value.into(),
        Yaml::String(text) => text.into(),
        Yaml::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(whole), _, _) => whole.into(),
            (_, Some(whole), _) => whole.into(),
            (_, _, float) => float.and_then(Number::from_f64).map_or_else(|| number.to_string().into(), Value::Number),
        },
        Yaml::Sequence(values) => values.into_iter().map(from_yaml).collect::<Result<Vec<_>, _>>()?.into(),
        Yaml::Mapping(fields) => {
            let fields = fields.into_iter().map(|(key, value)| {
                let key = key_of(&key).ok_or_else(|| "a key is no text".to_owned())?;
                Ok((key, from_yaml(value)?))
            });
            fields.collect::<Result<Map<_, _>, String>>()?.into()
        }
        Yaml::Tagged(tagged) => from_yaml(tagged.value)?,
    })
}

/// The value of one property's lines.
pub fn yaml_line(text: &str) -> Result<Value, String> {
    match yaml_serde::from_str::<yaml_serde::Value>(text).map_err(|cause| cause.to_string())? {
        yaml_serde::Value::Mapping(mapping) if mapping.len() == 1 => {
            let value = mapping.into_iter().next().map(|(_, value)| value).unwrap_or_default();
            from_yaml(value)
        }
        _ => Err("this is no property of YAML".to_owned()),
    }
}

pub fn from_toml(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number),
        toml::Value::Boolean(value) => value.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(values) => values.into_iter().map(from_toml).collect(),
        toml::Value::Table(fields) => {
            fields.into_iter().map(|(key, value)| (key, from_toml(value))).collect::<Map<_, _>>().into()
        }
    }
}

/// The value of one property's lines.
pub fn toml_line(text: &str) -> Result<Value, String> {
    let table = toml::from_str::<toml::Table>(text).map_err(|cause| cause.message().to_owned())?;
    table.into_iter().next().map(|(_, value)| from_toml(value)).ok_or_else(|| "this is no property of TOML".to_owned())
}
