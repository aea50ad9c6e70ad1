//! Which of the sources has the say: flag, variable, file, default, in this order. Pure; [`super::load`] fetches the sources.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
    path::PathBuf,
};

use super::{
    auth::{self, Client, Provider},
    fault::{Fault, Faults},
    file::{Entry, File},
    nearest, security,
    setting::{Fallback, Reader, Secrecy, Setting},
    value::{Kind, Unfit, Value},
};

/// Variables with this prefix are ours: one that nobody knows is a mistake.
const PREFIX: &str = "BRAIN_";
/// Known, but no settings: what only the tests read.
const OF_TESTS: [&str; 1] = ["BRAIN_UPDATE_SCHEMAS"];
/// How much of a wrong value is repeated.
const SHOWN_CHARS_MAX: usize = 80;

/// Flags as they were given, by the names of their settings.
pub type Flags = BTreeMap<&'static str, OsString>;

/// What was said about settings.
#[derive(Clone, Copy, Default)]
pub struct Given<'a> {
    pub flags: Option<&'a Flags>,
    pub variables: &'a [(String, OsString)],
    pub file: Option<&'a File>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Flag(&'static str),
    Variable(&'static str),
    File { path: PathBuf, key: String },
    Default,
}

impl Origin {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Flag(_) => "flag",
            Self::Variable(_) => "variable",
            Self::File { .. } => "file",
            Self::Default => "default",
        }
    }

    /// What the setting is called there.
    fn field(&self) -> String {
        match self {
            Self::Flag(flag) => format!("--{flag}"),
            Self::Variable(name) => (*name).to_owned(),
            Self::File { key, .. } => key.clone(),
            Self::Default => String::new(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(_) | Self::Variable(_) => out.write_str(&self.field()),
            Self::File { path, key } => write!(out, "{key} in {}", path.display()),
            Self::Default => out.write_str("default"),
        }
    }
}

/// A setting, its value and where that comes from.
#[derive(Clone, Debug)]
pub struct Row {
    pub setting: &'static Setting,
    pub value: Option<Value>,
    pub origin: Origin,
}

/// Every setting as it holds for one verb.
#[derive(Clone, Debug)]
pub struct Effective {
    pub rows: Vec<Row>,
    pub file: Option<PathBuf>,
    /// The login providers that the file and the environment describe.
    pub providers: Vec<Provider>,
    /// The API clients that the file describes.
    pub clients: Vec<Client>,
}

/// A type that values of some kind are.
pub trait FromValue: Sized {
    fn from_value(value: &Value) -> Option<Self>;
}

macro_rules! from_value {
    ($($type:ty: $variant:ident),*) => {$(
        impl FromValue for $type {
            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    Value::$variant(inner) => Some(inner.clone()),
                    _ => None,
                }
            }
        }
    )*};
}

from_value!(bool: Switch, u64: Integer, f64: Number, String: Text, Vec<String>: List, PathBuf: Path);

impl Effective {
    pub fn row(&self, setting: &Setting) -> &Row {
        self.rows.iter().find(|row| row.setting.name == setting.name).expect("every setting has a row")
    }

    /// The value of a setting that may have none.
    pub fn maybe<T: FromValue>(&self, setting: &Setting) -> Option<T> {
        let value = self.row(setting).value.as_ref()?;
        Some(T::from_value(value).expect("a test reads every setting as what its kind gives"))
    }

    /// The value of a setting that has a default.
    pub fn of<T: FromValue>(&self, setting: &Setting) -> T {
        self.maybe(setting).expect("a test reads every setting that has a default")
    }
}

/// Settles every setting; only those that `reader` reads are looked up, and all where it is `None`.
/// Errors: everything that is wrong, in the order of the sources.
pub fn resolve(reader: Option<Reader>, given: Given<'_>) -> Result<Effective, Faults> {
    let mut faults = variables_at_fault(reader, given.variables);
    let in_file = given.file.map(|file| file.settings(&mut faults)).unwrap_or_default();
    let mut rows = vec![];
    for setting in super::all() {
        let entry = given.file.zip(in_file.get(setting.name).copied());
        let from_file = entry.map(|(file, entry)| of_file(setting, file, entry));
        let is_read = reader.is_none_or(|reader| setting.is_read_by(reader));
        let said = if is_read { said_aloud(setting, given) } else { None };
        // The file is judged as a whole, whoever reads it and whatever has the say before it.
        let said = match (said, from_file) {
            (Some(said), Some(Err(fault))) => {
                faults.push(fault);
                Some(said)
            }
            (None, from_file) => from_file,
            (said, _) => said,
        };
        let default = || Row { setting, value: setting.default(), origin: Origin::Default };
        let row = said.transpose().unwrap_or_else(|fault| {
            faults.push(fault);
            None
        });
        let row = row.unwrap_or_else(default);
        if let (None, Fallback::Needed, Some(reader)) = (&row.value, setting.fallback, reader.filter(|_| is_read))
            && !faults.iter().any(|fault| fault.field == setting.name)
        {
            let detail = format!("{} needs {}: say it by {}", reader.as_str(), setting.name, setting.ways());
            faults.push(Fault::new(setting.name, detail));
        }
        rows.push(row);
    }
    faults.extend(security::contradictions(&rows));
    let mut providers = given.file.map(|file| auth::provider::read(file, &mut faults)).unwrap_or_default();
    auth::simple::read(&rows, &mut providers, &mut faults);
    let clients = given.file.map(|file| auth::client::read(file, &mut faults)).unwrap_or_default();
    if faults.is_empty() {
        Ok(Effective { rows, file: given.file.map(|file| file.path.clone()), providers, clients })
    } else {
        Err(Faults(faults))
    }
}

/// The row that a flag or a variable makes, if there is one.
pub(super) fn said_aloud(setting: &'static Setting, given: Given<'_>) -> Option<Result<Row, Fault>> {
    if let (Some(flag), Some(raw)) = (setting.flag, given.flags.and_then(|flags| flags.get(setting.name))) {
        return Some(of_word(setting, raw, Origin::Flag(flag)));
    }
    // An empty path is none, as shells leave it behind; and of two variables the empty one leaves the say to the other.
    let is_none = |raw: &OsStr| raw.is_empty() && (matches!(setting.kind, Kind::Path) || setting.variables.len() > 1);
    let set = |name: &&'static str| Some((*name, lookup(given.variables, name).filter(|raw| !is_none(raw))?));
    let (name, raw) = setting.variables.iter().find_map(set)?;
    Some(of_word(setting, raw, Origin::Variable(name)))
}

fn lookup<'a>(variables: &'a [(String, OsString)], name: &str) -> Option<&'a OsStr> {
    variables.iter().find(|(known, _)| known == name).map(|(_, raw)| raw.as_os_str())
}

fn of_word(setting: &'static Setting, raw: &OsStr, origin: Origin) -> Result<Row, Fault> {
    let shown = quoted(setting, &raw.to_string_lossy());
    checked(setting, setting.kind.parse(raw), shown, origin)
}

fn of_file(setting: &'static Setting, file: &File, (key, value): Entry<'_>) -> Result<Row, Fault> {
    let shown = match (setting.secrecy, value) {
        (Secrecy::Open, toml::Value::String(text)) => quoted(setting, text),
        (Secrecy::Open, other) => shortened(&other.to_string()),
        (_, toml::Value::String(text)) => quoted(setting, text),
        _ => super::mask::HIDDEN.to_owned(),
    };
    let origin = Origin::File { path: file.path.clone(), key: key.to_owned() };
    checked(setting, setting.kind.read(value, file.folder()), shown, origin)
}

/// A value as a sentence shows it.
fn quoted(setting: &Setting, text: &str) -> String {
    format!("{:?}", shortened(&setting.shown(&Value::Text(text.to_owned()))))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn checked(setting: &'static Setting, read: Result<Value, Unfit>, shown: String, origin: Origin) -> Result<Row, Fault> {
    let is_wrong = match read {
        Ok(value) => match (setting.check)(&value) {
            Ok(()) => return Ok(Row { setting, value: Some(value), origin }),
            Err(why) => format!("is {shown}: {why}"),
        },
        Err(Unfit) => format!("is {shown}; it takes {}", setting.takes()),
    };
    let fault = Fault::new(origin.field(), format!("{origin} {is_wrong}"));
    let file = match &origin {
        Origin::File { path, .. } => Some(path.display().to_string()),
        _ => None,
    };
    Err(Fault { file, limit: setting.kind.limit(), value: Some(shown), ..fault })
}

/// Variables with our prefix that nobody knows, or that this reader would pass over.
///
/// Decision 2026-11-28: a verb that starts a server refuses what it would ignore. Verbs that ask one let a server's variables pass: a
/// container's environment is its server's, and its operator calls them in there.
fn variables_at_fault(reader: Option<Reader>, variables: &[(String, OsString)]) -> Vec<Fault> {
    let fault = |(name, raw): &(String, OsString)| {
        if !name.starts_with(PREFIX) || OF_TESTS.contains(&name.as_str()) {
            return None;
        }
        let Some(setting) = super::all().find(|setting| setting.variables.contains(&name.as_str())) else {
            let known: Vec<&str> = super::all().flat_map(|setting| setting.variables.iter().copied()).collect();
            let detail = format!("{name} is set, but brain knows no such setting{}", nearest::advice(name, &known));
            let limit = nearest::nearest(name, &known).map(str::to_owned);
            return Some(Fault { limit, ..Fault::new(name, detail) });
        };
        let reader = reader.filter(|reader| *reader != Reader::Client && !setting.is_read_by(*reader) && !raw.is_empty())?;
        let (verb, readers) = (reader.as_str(), setting.read_by(Reader::as_str));
        Some(Fault::new(name, format!("{name} is set, but {verb} would ignore it: it is for {readers}; unset it here")))
    };
    variables.iter().filter_map(fault).collect()
}
