//! `brain config`: what every setting is and where that comes from, what settings there are, and whether what was set is well.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{
    client,
    layout::{Layout, Table, path, text, whole},
    output,
    settings::{Flags, OfAll},
};
use crate::config::{self, Effective, Fallback, Origin, Reader, Row, Setting};

#[derive(clap::Args)]
pub struct Args {
    /// Say only whether what was set is well, with all that is not: unknown names, wrong types, values out of range
    #[arg(long, conflicts_with = "list")]
    check: bool,
    /// Show instead what settings there are: what each takes, its default, and its names
    #[arg(long)]
    list: bool,
    /// Look as this verb does: at what it reads, and at what it would refuse to ignore or cannot do without
    #[arg(long = "for", value_name = "VERB")]
    verb: Option<Verb>,
    /// Print one JSON document on standard output
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: Flags<OfAll>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Verb {
    Up,
    Serve,
    Client,
}

impl From<Verb> for Reader {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Up => Self::Up,
            Verb::Serve => Self::Serve,
            Verb::Client => Self::Client,
        }
    }
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let reader = args.verb.map(Reader::from);
    let is_shown = |setting: &Setting| reader.is_none_or(|reader| setting.is_read_by(reader));
    if args.list {
        let settings: Vec<&Setting> = config::all().filter(|setting| is_shown(setting)).collect();
        return show(
            args.json,
            || json!({"settings": settings.iter().map(|it| described(it)).collect::<Vec<_>>()}),
            || list(&settings),
        );
    }
    let effective = match args.flags.settle_for(reader) {
        Ok(effective) => effective,
        Err(faults) => {
            if args.json {
                output::line(json!({"ok": false, "faults": faults.0}))?;
            }
            faults.0.iter().for_each(|fault| output::say(format_args!("brain: {}", fault.detail)));
            return Ok(ExitCode::from(client::USAGE));
        }
    };
    if args.check {
        return show(args.json, || json!({"ok": true, "faults": []}), || well(&effective).into());
    }
    let rows: Vec<&Row> = effective.rows.iter().filter(|row| is_shown(row.setting)).collect();
    let document = || {
        let rows: Vec<Value> = rows.iter().map(|row| settled(row)).collect();
        json!({"file": effective.file.as_ref().map(|path| path.display().to_string()), "settings": rows})
    };
    show(args.json, document, || values(&rows))
}

fn show(as_json: bool, document: impl FnOnce() -> Value, layout: impl FnOnce() -> Layout) -> anyhow::Result<ExitCode> {
    if as_json {
        output::line(document())?
    } else {
        client::print(&layout())?
    }
    Ok(ExitCode::SUCCESS)
}

/// What a setting is, for a program.
fn described(setting: &Setting) -> Value {
    json!({
        "name": setting.name,
        "aliases": setting.aliases,
        "in_file": setting.in_file,
        "variables": setting.variables,
        "flag": setting.flag.map(|flag| format!("--{flag}")),
        "takes": setting.kind.takes(),
        "limit": setting.kind.limit(),
        "unit": setting.unit,
        "default": setting.default(),
        "read_by": setting.readers.iter().map(|reader| reader.word()).collect::<Vec<_>>(),
        "secret": setting.secrecy != config::setting::Secrecy::Open,
        "about": setting.about,
    })
}

/// A setting with its value, for a program. A secret is as it may be shown.
fn settled(row: &Row) -> Value {
    let Row { setting, value, origin } = row;
    let shown = match value {
        Some(value) if setting.secrecy == config::setting::Secrecy::Open => json!(value),
        Some(value) => json!(setting.shown(value)),
        None => Value::Null,
    };
    let mut document = described(setting);
    document["value"] = shown;
    document["source"] = json!(origin.kind());
    document["from"] = json!(origin.to_string());
    document["note"] = json!(setting.note);
    document
}

/// A row for each setting, with what it is now.
fn values(rows: &[&Row]) -> Layout {
    let mut table = Table::new([whole("setting"), path("value"), text("from"), whole("read by")]);
    for Row { setting, value, origin } in rows {
        let value = match (value, setting.fallback) {
            (Some(value), _) if !value.to_string().is_empty() => setting.shown(value),
            (None, Fallback::Absent(instead)) => format!("({instead})"),
            _ => "(none)".to_owned(),
        };
        let from = origin.to_string();
        table.row([setting.name.into(), value.into(), from.into(), setting.read_by(Reader::word).into()]);
    }
    let is_set = |row: &&&Row| row.origin != Origin::Default;
    rows.iter().filter(is_set).filter_map(|row| row.setting.note).fold(Layout::from(table), Layout::hint)
}

/// A row for each setting, with what it may be.
fn list(settings: &[&Setting]) -> Layout {
    let columns = [whole("setting"), text("takes"), text("default"), text("names"), whole("read by"), text("what it is")];
    let mut table = Table::new(columns);
    for setting in settings {
        let default = match setting.fallback {
            Fallback::Absent(instead) => format!("({instead})"),
            Fallback::Needed => "(needed)".to_owned(),
            Fallback::Is(_) | Fallback::Found(_) => setting.default().map(|it| it.to_string()).unwrap_or_default(),
        };
        let flag = setting.flag.map(|flag| format!("--{flag}"));
        let names =
            flag.iter().map(String::as_str).chain(setting.variables.iter().copied()).chain(setting.aliases.iter().copied());
        table.row([
            setting.name.into(),
            setting.takes().into(),
            default.into(),
            names.collect::<Vec<_>>().join(" ").into(),
            setting.read_by(Reader::word).into(),
            setting.about.into(),
        ]);
    }
    table.into()
}

fn well(effective: &Effective) -> String {
    let set = effective.rows.iter().filter(|row| row.origin != Origin::Default).count();
    let file = effective.file.as_ref().map_or_else(|| "there is no file".to_owned(), |path| path.display().to_string());
    format!("all is well: {set} of {} settings are set ({file})", effective.rows.len())
}
