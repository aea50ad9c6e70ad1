//! One API client that people can let in: a table `[[auth.client]]` of the file, with where it may send browsers back. It has no secret.

use url::Url;

use super::is_here;
use crate::config::{fault::Fault, file::File, nearest};

/// The key of the file under which clients stand.
pub const KEY: &str = "auth.client";
const KEYS: [&str; 3] = ["id", "name", "redirect_uris"];
const CLIENTS_MAX: usize = 64;
const ID_CHARS_MAX: usize = 64;
const NAME_CHARS_MAX: usize = 100;
/// The one that is built in.
const RESERVED: &str = "brain-cli";

/// A client as the file describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// What it calls itself in requests.
    pub id: String,
    /// For people.
    pub name: String,
    /// Without one it can only wait as a device.
    pub redirect_uris: Vec<String>,
}

/// The clients of a file. What is wrong goes to `faults`.
pub fn read(file: &File, faults: &mut Vec<Fault>) -> Vec<Client> {
    let Some(value) = file.value(KEY) else { return vec![] };
    let path = file.path.display().to_string();
    let mut fault = |field: String, detail: String| {
        faults.push(Fault { file: Some(path.clone()), ..Fault::new(field, detail) });
    };
    let tables: Option<Vec<&toml::Table>> = value.as_array().and_then(|all| all.iter().map(toml::Value::as_table).collect());
    let Some(tables) = tables.filter(|tables| tables.len() <= CLIENTS_MAX) else {
        fault(KEY.into(), format!("{KEY} in {path} is a list of up to {CLIENTS_MAX} tables: [[{KEY}]]"));
        return vec![];
    };
    let mut found: Vec<Client> = vec![];
    for (index, table) in tables.into_iter().enumerate() {
        match client(table) {
            Ok(client) if found.iter().any(|other| other.id == client.id) => {
                fault(format!("{KEY}[{index}].id"), format!("{KEY}[{index}].id in {path} is {:?} a second time", client.id));
            }
            Ok(client) => found.push(client),
            Err((field, why)) => {
                let field = format!("{KEY}[{index}].{field}");
                fault(field.clone(), format!("{field} in {path} {why}"));
            }
        }
    }
    found
}

fn client(table: &toml::Table) -> Result<Client, (String, String)> {
    let wrong = |field: &str, why: String| Err((field.to_owned(), why));
    if let Some(unknown) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return wrong(unknown, format!("is nothing that a client has{}", nearest::advice(unknown, &KEYS)));
    }
    let text = |key: &str| table.get(key).and_then(toml::Value::as_str);
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_id = |id: &&str| (1..=ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(is_word) && *id != RESERVED;
    let Some(id) = text("id").filter(is_id) else {
        let why = format!("takes 1 to {ID_CHARS_MAX} letters, digits, -, _ and dots, and not {RESERVED}, which is built in");
        return wrong("id", why);
    };
    let name = if table.contains_key("name") { text("name") } else { Some(id) };
    let is_name = |name: &&str| (1..=NAME_CHARS_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    let Some(name) = name.filter(is_name) else {
        return wrong("name", format!("takes a text of 1 to {NAME_CHARS_MAX} characters"));
    };
    let uris = match table.get("redirect_uris") {
        None => vec![],
        Some(toml::Value::Array(all)) if all.iter().all(toml::Value::is_str) => {
            all.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect()
        }
        Some(_) => return wrong("redirect_uris", "takes a list of texts".into()),
    };
    if let Some(bad) = uris.iter().find(|uri| !is_place(uri)) {
        let why = format!("has {bad:?}; it takes https URLs without a fragment, and http URLs of this machine");
        return wrong("redirect_uris", why);
    }
    Ok(Client { id: id.to_owned(), name: name.to_owned(), redirect_uris: uris })
}

fn is_place(uri: &str) -> bool {
    Url::parse(uri).is_ok_and(|url| {
        let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_here(&url));
        is_safe && url.has_host() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none()
    })
}
