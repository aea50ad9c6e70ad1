//! `brain.toml`: the file of settings, a table for each concern. Which of its keys are settings is judged here; what they hold is judged
//! by [`super::resolve`]. One file may serve several verbs, so a key that any of them reads is known.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::{
    fault::Fault,
    nearest,
    setting::{Reader, Setting},
};

/// Its name in the data folder.
pub const NAME: &str = "brain.toml";

/// A file that is TOML.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    pub path: PathBuf,
    /// Keys with their tables before them, `cache.ttl`, in the file's order of names.
    keys: Vec<(String, toml::Value)>,
}

/// A setting as the file has it: under which of its names, and what stands there.
pub type Entry<'a> = (&'a str, &'a toml::Value);

impl File {
    /// Reads a file. Errors: it cannot be read, or is no TOML.
    pub fn read(path: &Path) -> Result<Self, Fault> {
        Self::find(path)?.ok_or_else(|| Fault::new(path.display().to_string(), format!("{} is not there", path.display())))
    }

    /// The same for a file that need not be there.
    pub fn find(path: &Path) -> Result<Option<Self>, Fault> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text).map(Some),
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(Fault::new(path.display().to_string(), format!("{} cannot be read: {cause}", path.display()))),
        }
    }

    /// Reads the text of a file. Errors: it is no TOML, with the line.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Fault> {
        let table: toml::Table = text.parse().map_err(|cause: toml::de::Error| {
            let line = cause.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let place = path.display().to_string();
            // The cause's own text would show the line, which may hold a password.
            Fault::new(place.clone(), format!("{place}, line {line}: {}", cause.message().replace('\n', " ")))
        })?;
        let mut keys = vec![];
        flatten("", table, &mut keys);
        Ok(Self { path: std::path::absolute(path).unwrap_or_else(|_| path.into()), keys })
    }

    /// What a path in the file is relative to.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// What stands under a key, as it is.
    pub fn value(&self, key: &str) -> Option<&toml::Value> {
        self.keys.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// The settings that the file makes, by their names; what is none of them goes to `faults`.
    pub fn settings(&self, faults: &mut Vec<Fault>) -> BTreeMap<&'static str, Entry<'_>> {
        let mut found: BTreeMap<&'static str, Entry<'_>> = BTreeMap::new();
        for (key, value) in &self.keys {
            let setting = super::all().find(|setting| setting.name == key || setting.aliases.contains(&key.as_str()));
            match setting {
                Some(setting) if setting.in_file => match found.get(setting.name) {
                    None => drop(found.insert(setting.name, (key, value))),
                    Some((other, _)) => {
                        let detail = format!("{other} and {key} in {} are one setting: leave one out", self.path.display());
                        faults.push(self.fault(key, detail));
                    }
                },
                Some(setting) => faults.push(self.elsewhere(key, setting)),
                // Read by themselves: they are lists of tables.
                None if [super::auth::provider::KEY, super::auth::client::KEY].contains(&key.as_str()) => {}
                None if is_table(key, value) => {}
                None => faults.push(self.unknown(key)),
            }
        }
        found
    }

    fn fault(&self, key: &str, detail: String) -> Fault {
        Fault { file: Some(self.path.display().to_string()), ..Fault::new(key, detail) }
    }

    fn unknown(&self, key: &str) -> Fault {
        let known: Vec<&str> =
            super::all().filter(|it| it.in_file).flat_map(|it| [it.name].into_iter().chain(it.aliases.iter().copied())).collect();
        let meant = nearest::advice(key, &known);
        let fault = self.fault(key, format!("{key} in {} is no setting of brain{meant}", self.path.display()));
        Fault { limit: nearest::nearest(key, &known).map(str::to_owned), ..fault }
    }

    fn elsewhere(&self, key: &str, setting: &Setting) -> Fault {
        let readers = setting.read_by(Reader::as_str);
        self.fault(key, format!("{key} in {} is read from no file: {readers} take {}", self.path.display(), setting.ways()))
    }
}

/// A table of settings in which nothing stands.
fn is_table(key: &str, value: &toml::Value) -> bool {
    let is_known = || super::all().any(|setting| setting.in_file && setting.name.split('.').next() == Some(key));
    value.as_table().is_some_and(toml::Table::is_empty) && is_known()
}

fn flatten(before: &str, table: toml::Table, keys: &mut Vec<(String, toml::Value)>) {
    for (key, value) in table {
        let name = if before.is_empty() { key } else { format!("{before}.{key}") };
        match value {
            toml::Value::Table(inner) if !inner.is_empty() => flatten(&name, inner, keys),
            other => keys.push((name, other)),
        }
    }
}
