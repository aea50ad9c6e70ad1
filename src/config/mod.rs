//! Every setting in one place: a file for each concern, with the description of its settings and the struct that they become.
//!
//! - [`setting`], [`value`]: what a setting is, and what it may hold.
//! - [`resolve`]: flag, variable, file, default: which of them has the say. Pure.
//! - [`mod@file`]: `brain.toml`, in the data folder or where `--config` says.
//! - [`fault`], [`nearest`], [`mask`]: what is said of mistakes, without secrets.
//! - the concerns: [`folders`], [`http`], [`servers`], [`cache`], [`webhooks`], [`security`], [`auth`], [`memories`], [`models`],
//!   [`search`], [`logging`], [`client`].
//!
//! Used by the command line and by wiring. The help, `brain config` and all checks are made from [`all`]; a setting stands nowhere else.

pub mod auth;
pub mod cache;
pub mod client;
pub mod fault;
pub mod file;
pub mod folders;
pub mod http;
pub mod logging;
pub mod mask;
pub mod memories;
pub mod models;
pub mod nearest;
pub mod resolve;
mod roles;
pub mod search;
pub mod security;
pub mod servers;
pub mod setting;
#[cfg(test)]
mod tests;
pub mod value;
pub mod webhooks;

use std::{ffi::OsString, path::Path};

pub use self::{
    auth::Auth,
    cache::Cache,
    fault::{Fault, Faults},
    file::File,
    folders::Folders,
    http::Http,
    logging::Logging,
    memories::Memories,
    models::Models,
    resolve::{Effective, Flags, Given, Origin, Row},
    roles::{Role, Roles},
    search::Search,
    security::Security,
    servers::Servers,
    setting::{Fallback, Reader, Setting},
    value::{Kind, Value},
    webhooks::Webhooks,
};

/// The settings of each concern, in the order in which they are shown.
static CONCERNS: [&[&Setting]; 13] = [
    &folders::SETTINGS,
    &http::SETTINGS,
    &servers::SETTINGS,
    &cache::SETTINGS,
    &webhooks::SETTINGS,
    &security::SETTINGS,
    &auth::SETTINGS,
    &auth::simple::SETTINGS,
    &memories::SETTINGS,
    &models::SETTINGS,
    &search::SETTINGS,
    &logging::SETTINGS,
    &client::SETTINGS,
];

/// The list of every setting.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    CONCERNS.iter().flat_map(|settings| settings.iter().copied())
}

/// The settings of a server, ready for use.
#[derive(Clone, Debug)]
pub struct Config {
    pub folders: Folders,
    pub http: Http,
    pub servers: Servers,
    pub cache: Cache,
    pub webhooks: Webhooks,
    pub security: Security,
    pub auth: Auth,
    pub memories: Memories,
    pub models: Models,
    pub search: Search,
    pub logging: Logging,
}

impl Config {
    pub fn of(effective: &Effective) -> Self {
        Self {
            folders: Folders::of(effective),
            http: Http::of(effective),
            servers: Servers::of(effective),
            cache: Cache::of(effective),
            webhooks: Webhooks::of(effective),
            security: Security::of(effective),
            auth: Auth::of(effective),
            memories: Memories::of(effective),
            models: Models::of(effective),
            search: Search::of(effective),
            logging: Logging::of(effective),
        }
    }

    /// What the environment alone says, whichever verb it was meant for: for programs that embed a brain, such as tests and benches.
    /// Errors: a variable that is unknown or holds something else than it may.
    pub fn of_environment() -> Result<Self, Faults> {
        let variables = environment();
        let given = Given { variables: &variables, ..Given::default() };
        resolve::resolve(None, given).map(|effective| Self::of(&effective))
    }
}

/// The variables of this process. A name that is no text is none of ours.
pub fn environment() -> Vec<(String, OsString)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect()
}

/// Settles every setting from the flags, the environment and the file: `--config` or `BRAIN_CONFIG`, else `brain.toml` of the data folder.
/// `reader` is the verb that runs, or `None` to look at all of them. Verbs that ask a server read no file.
/// Errors: everything that is wrong, at once.
pub fn load(reader: Option<Reader>, flags: &Flags) -> Result<Effective, Faults> {
    let variables = environment();
    let given = Given { flags: Some(flags), variables: &variables, file: None };
    if reader == Some(Reader::Client) {
        return resolve::resolve(reader, given);
    }
    let path = |setting| match resolve::said_aloud(setting, given) {
        Some(Ok(Row { value: Some(Value::Path(path)), .. })) => Some(path),
        _ => None,
    };
    let named = path(&folders::CONFIG_FILE);
    let is_named = named.is_some();
    let file = match named {
        Some(path) => File::read(&path).map(Some),
        None => File::find(&path(&folders::DATA_DIR).unwrap_or_else(crate::runtime::default_data_dir).join(file::NAME)),
    };
    let file = file.map_err(|fault| Faults(vec![fault]))?;
    let effective = resolve::resolve(reader, Given { file: file.as_ref(), ..given })?;
    match &effective.row(&folders::DATA_DIR).origin {
        Origin::File { path, key } if !is_named => Err(Faults(vec![in_itself(key, path)])),
        _ => Ok(effective),
    }
}

/// The file was found in the data folder, so it comes too late to say where that is.
fn in_itself(key: &str, path: &Path) -> Fault {
    let place = path.display();
    let detail = format!(
        "{key} in {place} comes too late, for the file lies in the data folder: say it by --data-dir or BRAIN_DATA_DIR, or name the file by --config"
    );
    Fault { file: Some(place.to_string()), ..Fault::new(key, detail) }
}
