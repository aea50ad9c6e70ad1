//! One setting: what it is called on the command line, in the environment and in the file, what it may hold, and who reads it.
//!
//! Each concern describes its settings with this; parsing, help, `brain config` and the check for unknown names are derived from it.

use std::path::PathBuf;

use super::value::{Kind, Value};

/// Who reads settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    Up,
    Serve,
    /// Every verb that asks a running server.
    Client,
}

/// Those that start a server.
pub const SERVERS: &[Reader] = &[Reader::Up, Reader::Serve];
/// `brain up`, which runs NATS and Postgres itself.
pub const UP: &[Reader] = &[Reader::Up];
/// `brain serve`, which is told of a NATS and a Postgres.
pub const SERVE: &[Reader] = &[Reader::Serve];
/// Every verb.
pub const ALL: &[Reader] = &[Reader::Up, Reader::Serve, Reader::Client];
/// Verbs that ask a server.
pub const CLIENTS: &[Reader] = &[Reader::Client];

impl Reader {
    /// As it is said in a sentence.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "`brain up`",
            Self::Serve => "`brain serve`",
            Self::Client => "the verbs that ask a server",
        }
    }

    /// As it is written in a table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Serve => "serve",
            Self::Client => "clients",
        }
    }
}

/// What holds where nobody says anything.
#[derive(Clone, Copy, Debug)]
pub enum Fallback {
    /// This value, written as in a variable.
    Is(&'static str),
    /// A folder that is found at run time.
    Found(fn() -> PathBuf),
    /// No value; what then happens.
    Absent(&'static str),
    /// No value, without which the verb cannot run.
    Needed,
}

/// How much of a value may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrecy {
    Open,
    /// A URL whose password is hidden.
    Password,
    Whole,
}

/// A setting. More than ten fields, because it is the one description from which everything else about a setting is derived.
#[derive(Debug)]
pub struct Setting {
    /// As in the file: table and key, with a dot between. Settings that no file holds are named alike.
    pub name: &'static str,
    /// Other names in the file, those of the specification.
    pub aliases: &'static [&'static str],
    pub in_file: bool,
    /// Environment variables; the first one that is set counts.
    pub variables: &'static [&'static str],
    /// Long flag, without its hyphens.
    pub flag: Option<&'static str>,
    pub kind: Kind,
    /// Unit of a number.
    pub unit: Option<&'static str>,
    pub fallback: Fallback,
    pub readers: &'static [Reader],
    pub secrecy: Secrecy,
    /// What is to be checked beyond the kind. Errors: a sentence that says why not.
    pub check: fn(&Value) -> Result<(), String>,
    /// One sentence for the help.
    pub about: &'static str,
    /// What whoever sets it should know.
    pub note: Option<&'static str>,
}

impl Setting {
    /// What most settings of servers have in common, for `..Setting::BASE`.
    pub const BASE: Self = Self {
        name: "",
        aliases: &[],
        in_file: true,
        variables: &[],
        flag: None,
        kind: Kind::Text,
        unit: None,
        fallback: Fallback::Absent(""),
        readers: SERVERS,
        secrecy: Secrecy::Open,
        check: |_| Ok(()),
        about: "",
        note: None,
    };

    pub fn is_read_by(&self, reader: Reader) -> bool {
        self.readers.contains(&reader)
    }

    /// The value where nobody says anything.
    pub fn default(&self) -> Option<Value> {
        match self.fallback {
            Fallback::Is(text) => Some(self.kind.parse(text.as_ref()).expect("a test parses every default")),
            Fallback::Found(find) => Some(Value::Path(find())),
            Fallback::Absent(_) | Fallback::Needed => None,
        }
    }

    /// A value as it may be shown.
    pub fn shown(&self, value: &Value) -> String {
        match self.secrecy {
            Secrecy::Open => value.to_string(),
            Secrecy::Password => super::mask::url(&value.to_string()),
            Secrecy::Whole => super::mask::HIDDEN.to_owned(),
        }
    }

    /// The names by which it can be set, the strongest first: for a sentence.
    pub fn ways(&self) -> String {
        let flag = self.flag.map(|flag| format!("--{flag}"));
        let key = self.in_file.then(|| format!("{} in {}", self.name, super::file::NAME));
        let ways: Vec<String> = flag.into_iter().chain(self.variables.iter().map(|it| (*it).to_owned())).chain(key).collect();
        match ways.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
            None => self.name.to_owned(),
        }
    }

    /// What it takes, with its unit: `a whole number from 1 to 5`.
    pub fn takes(&self) -> String {
        match self.unit {
            Some(unit) => format!("{}, in {unit}", self.kind.takes()),
            None => self.kind.takes(),
        }
    }

    /// Its readers for a sentence or a table.
    pub fn read_by(&self, of: fn(Reader) -> &'static str) -> String {
        self.readers.iter().map(|reader| of(*reader)).collect::<Vec<_>>().join(", ")
    }
}
