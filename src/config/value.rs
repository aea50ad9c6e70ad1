//! What a setting may hold, read from a word of the command line or the environment, or from a value of the file.

use std::{
    ffi::OsStr,
    fmt,
    path::{Path, PathBuf},
};

/// What a setting takes. Bounds are included.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Switch,
    Integer {
        min: u64,
        max: u64,
    },
    Number {
        min: f64,
        max: f64,
    },
    /// A whole number of bytes, also with a unit: `500MB`, `1 GiB`.
    Bytes {
        max: u64,
    },
    /// One of these words, in any case of letters.
    Choice(&'static [&'static str]),
    /// Words with commas between them; an array in the file.
    List,
    /// A file or a folder; in the file, relative to that file's folder.
    Path,
    Text,
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Switch(bool),
    Integer(u64),
    Number(f64),
    Text(String),
    List(Vec<String>),
    Path(PathBuf),
}

/// This is no value of that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit;

/// Units of bytes, the longer names first.
const UNITS: [(&str, u64); 8] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
];

impl Kind {
    /// What it takes, for a sentence.
    pub fn takes(&self) -> String {
        match self {
            Self::Switch => "true or false".to_owned(),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Number { min, max } => format!("a number from {min} to {max}"),
            Self::Bytes { max } => format!("a number of bytes from 0 to {max}, also as 500MB or 1GiB"),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::List => "words with commas between them".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Text => "a text".to_owned(),
        }
    }

    /// The bounds or the words, for a program.
    pub fn limit(&self) -> Option<String> {
        match self {
            Self::Switch => Some("true, false".to_owned()),
            Self::Integer { min, max } => Some(format!("{min} to {max}")),
            Self::Number { min, max } => Some(format!("{min} to {max}")),
            Self::Bytes { max } => Some(format!("0 to {max}")),
            Self::Choice(words) => Some(words.join(", ")),
            Self::List | Self::Path | Self::Text => None,
        }
    }

    /// Reads a word of the command line or the environment.
    pub fn parse(&self, raw: &OsStr) -> Result<Value, Unfit> {
        if let Self::Path = self {
            return if raw.is_empty() { Err(Unfit) } else { Ok(Value::Path(raw.into())) };
        }
        let text = raw.to_str().ok_or(Unfit)?;
        match self {
            Self::Switch => text.parse().map(Value::Switch).map_err(|_| Unfit),
            Self::Integer { .. } => text.parse().map_err(|_| Unfit).and_then(|number| self.integer(number)),
            Self::Number { .. } => text.parse().map_err(|_| Unfit).and_then(|number| self.number(number)),
            Self::Bytes { .. } => bytes(text).and_then(|number| self.integer(number)),
            Self::Choice(words) => {
                let word = words.iter().find(|word| word.eq_ignore_ascii_case(text)).ok_or(Unfit)?;
                Ok(Value::Text((*word).to_owned()))
            }
            Self::List => {
                let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
                Ok(Value::List(words.map(str::to_owned).collect()))
            }
            Self::Path | Self::Text => Ok(Value::Text(text.to_owned())),
        }
    }

    /// Reads a value of the file; `folder` is where the file lies.
    pub fn read(&self, value: &toml::Value, folder: &Path) -> Result<Value, Unfit> {
        use toml::Value as T;
        match (self, value) {
            (Self::Switch, T::Boolean(is)) => Ok(Value::Switch(*is)),
            (Self::Integer { .. } | Self::Bytes { .. }, T::Integer(number)) => {
                u64::try_from(*number).map_err(|_| Unfit).and_then(|number| self.integer(number))
            }
            (Self::Number { .. }, T::Integer(number)) => self.number(*number as f64),
            (Self::Number { .. }, T::Float(number)) => self.number(*number),
            (Self::List, T::Array(items)) => {
                let words = items.iter().map(|item| item.as_str().map(|word| word.trim().to_owned()).ok_or(Unfit));
                words.collect::<Result<_, _>>().map(Value::List)
            }
            (Self::Path, T::String(text)) => self.parse(text.as_ref()).map(|value| match value {
                Value::Path(path) => Value::Path(folder.join(path)),
                other => other,
            }),
            (Self::Bytes { .. } | Self::Choice(_) | Self::List | Self::Text, T::String(text)) => self.parse(text.as_ref()),
            _ => Err(Unfit),
        }
    }

    fn integer(&self, number: u64) -> Result<Value, Unfit> {
        let fits = match self {
            Self::Integer { min, max } => (*min..=*max).contains(&number),
            Self::Bytes { max } => number <= *max,
            _ => false,
        };
        if fits { Ok(Value::Integer(number)) } else { Err(Unfit) }
    }

    fn number(&self, number: f64) -> Result<Value, Unfit> {
        match self {
            Self::Number { min, max } if (*min..=*max).contains(&number) => Ok(Value::Number(number)),
            _ => Err(Unfit),
        }
    }
}

/// `1000`, `1 GB`, `64MiB`.
fn bytes(text: &str) -> Result<u64, Unfit> {
    let lower = text.trim().to_ascii_lowercase();
    let with_unit = UNITS.iter().find_map(|(unit, size)| Some((lower.strip_suffix(unit)?, *size)));
    let (digits, size) = with_unit.unwrap_or((&lower, 1));
    let number: u64 = digits.trim().parse().map_err(|_| Unfit)?;
    number.checked_mul(size).ok_or(Unfit)
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(is) => is.fmt(out),
            Self::Integer(number) => number.fmt(out),
            Self::Number(number) => number.fmt(out),
            Self::Text(text) => out.write_str(text),
            Self::List(words) => out.write_str(&words.join(",")),
            Self::Path(path) => path.display().fmt(out),
        }
    }
}

impl serde::Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Switch(is) => out.serialize_bool(*is),
            Self::Integer(number) => out.serialize_u64(*number),
            Self::Number(number) => out.serialize_f64(*number),
            Self::List(words) => words.serialize(out),
            Self::Text(_) | Self::Path(_) => out.collect_str(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Kind = Kind::Integer { min: 1, max: 60 };
    const ROOM: Kind = Kind::Bytes { max: 2_000_000_000 };

    #[test]
    fn words_are_read_within_their_bounds() {
        let read = |kind: Kind, text: &str| kind.parse(text.as_ref()).ok();
        assert_eq!(read(TTL, "60"), Some(Value::Integer(60)));
        for bad in ["0", "61", "-1", "1.5", "", "many"] {
            assert_eq!(read(TTL, bad), None, "{bad}");
        }
        for (text, bytes) in [("7", 7), ("1GB", 1_000_000_000), ("1 gib", 1 << 30), ("64KiB", 65_536), ("0", 0)] {
            assert_eq!(read(ROOM, text), Some(Value::Integer(bytes)), "{text}");
        }
        for bad in ["3GB", "1XB", "GB", "99999999999999999999GB", "18446744073709551615kb"] {
            assert_eq!(read(ROOM, bad), None, "{bad}");
        }
        let number = Kind::Number { min: 1.0, max: 30.0 };
        assert_eq!((read(number, "2.5"), read(number, "NaN"), read(number, "31")), (Some(Value::Number(2.5)), None, None));
        assert_eq!(read(Kind::Choice(&["lru", "tinylfu"]), "LRU"), Some(Value::Text("lru".into())));
        assert_eq!(read(Kind::List, "a, b,,"), Some(Value::List(vec!["a".into(), "b".into()])));
        assert_eq!((read(Kind::Switch, "true"), read(Kind::Switch, "1")), (Some(Value::Switch(true)), None));
    }

    #[test]
    fn the_file_has_types_and_its_paths_begin_where_it_lies() {
        let read = |kind: Kind, text: &str| {
            let table: toml::Table = format!("x = {text}").parse().expect("TOML");
            kind.read(&table["x"], Path::new("/etc/brain")).ok()
        };
        assert_eq!(read(TTL, "7"), Some(Value::Integer(7)));
        assert_eq!((read(TTL, "\"7\""), read(TTL, "7.0"), read(TTL, "-7"), read(TTL, "true")), (None, None, None, None));
        assert_eq!(read(ROOM, "\"1GB\""), Some(Value::Integer(1_000_000_000)));
        assert_eq!(read(Kind::Number { min: 1.0, max: 30.0 }, "30"), Some(Value::Number(30.0)));
        assert_eq!((read(Kind::Switch, "false"), read(Kind::Switch, "\"false\"")), (Some(Value::Switch(false)), None));
        assert_eq!(read(Kind::Path, "\"master.key\""), Some(Value::Path("/etc/brain/master.key".into())));
        assert_eq!(read(Kind::Path, "\"/var/m\""), Some(Value::Path("/var/m".into())));
        assert_eq!((read(Kind::List, "[\"a\"]"), read(Kind::List, "[1]")), (Some(Value::List(vec!["a".into()])), None));
    }
}
