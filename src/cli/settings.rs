//! Settings on the command line: the flags of a verb, made from the list in [`crate::config`], and everything that was set, settled.

use std::{ffi::OsString, marker::PhantomData};

use clap::{
    Arg, ArgMatches, Command,
    builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser, ValueParser},
};

use super::Usage;
use crate::config::{self, Config, Effective, Fallback, Kind, Reader, Setting, setting::Secrecy};

/// Whose flags they are.
pub trait Whose {
    /// `None` takes those of every verb, without showing them in its help.
    const READER: Option<Reader>;
}

/// The flags of `brain up`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OfUp;
/// The flags of `brain serve`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OfServe;
/// The flags of verbs that ask a server; they may stand behind their own verbs as well.
#[derive(Clone, Copy, Debug, Default)]
pub struct OfClient;
/// The flags of all of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct OfAll;

impl Whose for OfUp {
    const READER: Option<Reader> = Some(Reader::Up);
}

impl Whose for OfServe {
    const READER: Option<Reader> = Some(Reader::Serve);
}

impl Whose for OfClient {
    const READER: Option<Reader> = Some(Reader::Client);
}

impl Whose for OfAll {
    const READER: Option<Reader> = None;
}

/// The flags of settings as they were given.
#[derive(Clone, Debug, Default)]
pub struct Flags<W>(config::Flags, PhantomData<W>);

impl<W: Whose> Flags<W> {
    /// Settles every setting. Errors: a usage error that names all that is wrong.
    pub fn settle(&self) -> Result<Effective, Usage> {
        config::load(W::READER, &self.0).map_err(|faults| Usage(faults.to_string()))
    }

    /// The same for another reader. Errors: what is wrong, one by one.
    pub fn settle_for(&self, reader: Option<Reader>) -> Result<Effective, config::Faults> {
        config::load(reader, &self.0)
    }

    /// The settings of a server. Errors: as [`Self::settle`].
    pub fn config(&self) -> Result<Config, Usage> {
        self.settle().map(|effective| Config::of(&effective))
    }
}

fn flags(reader: Option<Reader>) -> impl Iterator<Item = (&'static Setting, &'static str)> {
    let is_read = move |setting: &&Setting| reader.is_none_or(|reader| setting.is_read_by(reader));
    config::all().filter(is_read).filter_map(|setting| Some((setting, setting.flag?)))
}

impl<W: Whose> clap::FromArgMatches for Flags<W> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = flags(W::READER).filter_map(|(setting, _)| {
            let raw = matches.get_one::<OsString>(setting.name)?;
            Some((setting.name, raw.clone()))
        });
        Ok(Self(given.collect(), PhantomData))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<W: Whose> clap::Args for Flags<W> {
    fn augment_args(command: Command) -> Command {
        let argument = |(setting, flag)| {
            let argument = argument(setting, flag);
            argument.hide(W::READER.is_none()).global(W::READER == Some(Reader::Client))
        };
        command.args(flags(W::READER).map(argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn argument(setting: &'static Setting, flag: &'static str) -> Arg {
    let argument =
        Arg::new(setting.name).long(flag).value_name(value_name(setting)).help(help(setting)).value_parser(parser(setting));
    match setting.kind {
        // Alone it means true.
        Kind::Switch => argument.num_args(0..=1).require_equals(true).default_missing_value("true"),
        Kind::Choice(_) => argument.ignore_case(true),
        _ => argument,
    }
}

fn value_name(setting: &Setting) -> &'static str {
    match (setting.kind, setting.unit) {
        (Kind::Switch, _) => "true|false",
        (_, Some("seconds")) => "SECONDS",
        (Kind::Integer { .. } | Kind::Number { .. }, _) => "NUMBER",
        (Kind::Bytes { .. }, _) => "BYTES",
        (Kind::Choice(_), _) => "WORD",
        (Kind::List, _) => "WORDS",
        (Kind::Path, _) => "PATH",
        (Kind::Text, _) if setting.name.ends_with("url") => "URL",
        (Kind::Text, _) if setting.name == config::http::LISTEN.name => "ADDRESS",
        (Kind::Text, _) => "TEXT",
    }
}

/// Refuses at once what is wrong; what may hold a secret is left to those who do not repeat it.
fn parser(setting: &'static Setting) -> ValueParser {
    match setting.kind {
        Kind::Choice(words) => PossibleValuesParser::new(words).map(OsString::from).into(),
        Kind::Path => OsStringValueParser::new().into(),
        _ if setting.secrecy != Secrecy::Open => OsStringValueParser::new().into(),
        kind => OsStringValueParser::new().try_map(move |raw| is_fit(setting, kind, &raw).map(|()| raw)).into(),
    }
}

fn is_fit(setting: &Setting, kind: Kind, raw: &OsString) -> Result<(), String> {
    let value = kind.parse(raw).map_err(|_| format!("it takes {}", setting.takes()))?;
    (setting.check)(&value)
}

/// What it is, and what else it is called: as clap says it of its own.
fn help(setting: &Setting) -> String {
    let mut text = setting.about.to_owned();
    let mut add = |name: &str, value: &str| text.push_str(&format!(" [{name}: {value}]"));
    if let [first, ..] = setting.variables {
        add("env", first);
    }
    if setting.in_file {
        add("file", setting.name);
    }
    match setting.fallback {
        Fallback::Is(default) if !default.is_empty() => add("default", default),
        _ => {}
    }
    text
}
