//! Login providers by environment variables alone, for whoever has a container and no file: Google, GitHub and one of OpenID Connect. What they
//! become is what a table `[[auth.provider]]` becomes, by the same rules.

use std::path::Path;

use super::{
    super::{
        fault::Fault,
        resolve::{Origin, Row},
        setting::{Fallback, Secrecy, Setting},
        value::{Kind, Value},
    },
    provider::{Entry, Provider},
};

/// A setting that stands in the environment only.
macro_rules! variable {
    ($name:expr, $variable:expr, $without:expr, $about:expr $(, $field:ident: $value:expr)*) => {
        Setting {
            name: $name,
            in_file: false,
            variables: &[$variable],
            fallback: Fallback::Absent($without),
            about: $about,
            $($field: $value,)*
            ..Setting::BASE
        }
    };
}

/// What every provider has.
macro_rules! provider {
    ($id:literal, $upper:literal, $called:literal) => {
        [
            variable!(
                concat!("auth.", $id, ".client_id"),
                concat!("BRAIN_AUTH_", $upper, "_CLIENT_ID"),
                "nobody logs in by it",
                concat!("The name that ", $called, " gave this client; with it people log in there")
            ),
            variable!(
                concat!("auth.", $id, ".client_secret"),
                concat!("BRAIN_AUTH_", $upper, "_CLIENT_SECRET"),
                "a public client, or client_secret_file",
                concat!("The secret that ", $called, " gave this client"),
                secrecy: Secrecy::Whole
            ),
            variable!(
                concat!("auth.", $id, ".client_secret_file"),
                concat!("BRAIN_AUTH_", $upper, "_CLIENT_SECRET_FILE"),
                "client_secret",
                concat!("A file in which the secret for ", $called, " stands"),
                kind: Kind::Path
            ),
            variable!(
                concat!("auth.", $id, ".auto_create"),
                concat!("BRAIN_AUTH_", $upper, "_AUTO_CREATE"),
                "false",
                concat!("Whether whom ", $called, " knows becomes known here by logging in"),
                kind: Kind::Switch
            ),
            variable!(
                concat!("auth.", $id, ".default"),
                concat!("BRAIN_AUTH_", $upper, "_DEFAULT"),
                "deny",
                concat!("The role of those from ", $called, " whose groups give none, such as reader@default")
            ),
        ]
    };
}

static GOOGLE: [Setting; 5] = provider!("google", "GOOGLE", "Google");
static GITHUB: [Setting; 5] = provider!("github", "GITHUB", "GitHub");
static OIDC: [Setting; 5] = provider!("oidc", "OIDC", "the provider of BRAIN_AUTH_OIDC_ISSUER");

/// What only a provider needs that is not known by its name.
static OIDC_MORE: [Setting; 5] = [
    variable!(
        "auth.oidc.issuer",
        "BRAIN_AUTH_OIDC_ISSUER",
        "nobody logs in by it",
        "Where a provider of OpenID Connect describes itself, such as https://id.example.org"
    ),
    variable!("auth.oidc.name", "BRAIN_AUTH_OIDC_NAME", "oidc", "What people are shown for the provider"),
    variable!(
        "auth.oidc.scopes",
        "BRAIN_AUTH_OIDC_SCOPES",
        "openid profile email groups",
        "What the provider is asked for, separated by spaces"
    ),
    variable!(
        "auth.oidc.groups_claim",
        "BRAIN_AUTH_OIDC_GROUPS_CLAIM",
        "groups",
        "Where groups stand in what the provider says; dots lead inwards, as in realm_access.roles"
    ),
    variable!(
        "auth.oidc.map",
        "BRAIN_AUTH_OIDC_MAP",
        "groups give no roles",
        "Which roles the groups give, such as admins=owner@*,family=editor@default",
        kind: Kind::List
    ),
];

/// The settings, in the order in which they are shown.
pub static SETTINGS: [&Setting; 20] = [
    &GOOGLE[0],
    &GOOGLE[1],
    &GOOGLE[2],
    &GOOGLE[3],
    &GOOGLE[4],
    &GITHUB[0],
    &GITHUB[1],
    &GITHUB[2],
    &GITHUB[3],
    &GITHUB[4],
    &OIDC_MORE[0],
    &OIDC[0],
    &OIDC[1],
    &OIDC[2],
    &OIDC[3],
    &OIDC[4],
    &OIDC_MORE[1],
    &OIDC_MORE[2],
    &OIDC_MORE[3],
    &OIDC_MORE[4],
];

/// Adds the providers that the environment describes to those of the file. What is wrong goes to `faults`.
pub fn read(rows: &[Row], found: &mut Vec<Provider>, faults: &mut Vec<Fault>) {
    for id in ["google", "github", "oidc"] {
        let variable = |field: &str| format!("BRAIN_AUTH_{}_{}", id.to_uppercase(), field.to_uppercase());
        let table = match table(rows, id) {
            Ok(table) if table.is_empty() => continue,
            Ok(table) => table,
            Err(pair) => {
                let detail =
                    format!("{} holds {pair:?}; it takes a group and its role, such as family=editor@default", variable("map"));
                faults.push(Fault::new(variable("map"), detail));
                continue;
            }
        };
        let entry = Entry { folder: Path::new(""), table: &with_id(table, id), place: id };
        match entry.provider() {
            Ok(provider) if found.iter().any(|other| other.id == provider.id) => {
                let detail = format!("{} describes \"{id}\" a second time: it stands in the file as well", variable("client_id"));
                faults.push(Fault::new(variable("client_id"), detail));
            }
            Ok(provider) => found.push(provider),
            Err((field, why)) => {
                let named = variable(field.split('.').next().unwrap_or_default());
                faults.push(Fault::new(named.clone(), format!("{named} {why}")));
            }
        }
    }
}

fn with_id(mut table: toml::Table, id: &str) -> toml::Table {
    table.insert("id".into(), id.into());
    table
}

/// What was said of a provider, as a file would say it. Nothing that is empty is said: a composition passes on what is not set as that.
/// Errors: what is no group and role.
fn table(rows: &[Row], id: &str) -> Result<toml::Table, String> {
    let (prefix, mut table) = (format!("auth.{id}."), toml::Table::new());
    for row in rows.iter().filter(|row| row.origin != Origin::Default) {
        let (Some(field), Some(value)) = (row.setting.name.strip_prefix(&prefix), &row.value) else { continue };
        let value = match value {
            Value::List(pairs) if pairs.is_empty() => continue,
            Value::List(pairs) => {
                let role = |pair: &String| {
                    let (group, role) = pair.rsplit_once('=').ok_or_else(|| pair.clone())?;
                    Ok((group.trim().to_owned(), toml::Value::from(role.trim())))
                };
                toml::Value::Table(pairs.iter().map(role).collect::<Result<_, String>>()?)
            }
            Value::Switch(is) => (*is).into(),
            other => match other.to_string() {
                empty if empty.is_empty() => continue,
                text => text.into(),
            },
        };
        table.insert(field.to_owned(), value);
    }
    Ok(table)
}
