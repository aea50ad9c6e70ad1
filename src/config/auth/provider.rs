//! One login provider: a table `[[auth.provider]]` of the file. Read whole, with all that is wrong named; what is secret is never repeated.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use url::Url;

use super::is_here;
use crate::{
    config::{fault::Fault, file::File, mask::HIDDEN, nearest},
    domain::{
        access::Role,
        groups::{GroupRules, RoleAt},
        ids::SpaceId,
    },
};

/// The key of the file under which providers stand.
pub const KEY: &str = "auth.provider";
const KEYS: [&str; 12] = [
    "id",
    "name",
    "preset",
    "issuer",
    "client_id",
    "client_secret",
    "client_secret_file",
    "scopes",
    "groups_claim",
    "auto_create",
    "map",
    "default",
];
const PROVIDERS_MAX: usize = 16;
const ID_CHARS_MAX: usize = 32;
/// Names that stand in paths beside those of providers.
const RESERVED: [&str; 4] = ["providers", "logout", "link", "passkey"];
/// Nobody comes in by it: the word in place of a role.
const DENY: &str = "deny";

/// A provider whose endpoints and habits are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    Oidc,
    Google,
    GitHub,
}

/// A secret of the file, or where it stands.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    Here(String),
    In(PathBuf),
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(_) => out.write_str(HIDDEN),
            Self::In(path) => path.fmt(out),
        }
    }
}

/// A provider as the file describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    /// Stands in the address to come back to.
    pub id: String,
    /// For people.
    pub name: String,
    pub preset: Preset,
    pub issuer: String,
    pub client_id: String,
    pub client_secret: Option<Secret>,
    pub scopes: Vec<String>,
    pub groups_claim: String,
    /// Whether whom the provider knows becomes known here by logging in.
    pub auto_create: bool,
    pub rules: GroupRules,
}

/// The providers of a file. What is wrong goes to `faults`.
pub fn read(file: &File, faults: &mut Vec<Fault>) -> Vec<Provider> {
    let Some(value) = file.value(KEY) else { return vec![] };
    let fault =
        |field: String, detail: String| Fault { file: Some(file.path.display().to_string()), ..Fault::new(field, detail) };
    let tables: Option<Vec<&toml::Table>> = value.as_array().and_then(|all| all.iter().map(toml::Value::as_table).collect());
    let Some(tables) = tables else {
        faults.push(fault(KEY.into(), format!("{KEY} in {} is a list of tables: [[{KEY}]]", file.path.display())));
        return vec![];
    };
    if tables.len() > PROVIDERS_MAX {
        faults.push(fault(
            KEY.into(),
            format!("{KEY} in {} has {}; {PROVIDERS_MAX} are allowed", file.path.display(), tables.len()),
        ));
        return vec![];
    }
    let mut found: Vec<Provider> = vec![];
    for (index, table) in tables.into_iter().enumerate() {
        let place = format!("{KEY}[{index}]");
        match (Entry { folder: file.folder(), table, place: &place }).provider() {
            Ok(provider) if found.iter().any(|other| other.id == provider.id) => {
                let detail = format!("{place}.id in {} is \"{}\" a second time", file.path.display(), provider.id);
                faults.push(fault(format!("{place}.id"), detail));
            }
            Ok(provider) => found.push(provider),
            Err((field, why)) => {
                let field = format!("{place}.{field}");
                faults.push(fault(field.clone(), format!("{field} in {} {why}", file.path.display())));
            }
        }
    }
    found
}

/// What is wrong, and with which key.
pub(super) type Wrong = (String, String);

fn wrong<T>(field: &str, why: impl Into<String>) -> Result<T, Wrong> {
    Err((field.to_owned(), why.into()))
}

/// What stands in one table.
pub(super) struct Entry<'a> {
    /// What a path is relative to.
    pub folder: &'a Path,
    pub table: &'a toml::Table,
    pub place: &'a str,
}

impl Entry<'_> {
    pub(super) fn provider(&self) -> Result<Provider, Wrong> {
        if let Some(unknown) = self.table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let advice = nearest::advice(unknown, &KEYS);
            return wrong(unknown, format!("is nothing that a provider has{advice}"));
        }
        let id = self.id()?;
        let preset = self.preset(&id)?;
        let issuer = self.issuer(preset)?;
        let Some(client_id) = self.text("client_id")? else {
            return wrong("client_id", "is missing: the name that the provider gave this client");
        };
        Ok(Provider {
            name: self.text("name")?.unwrap_or_else(|| self.name_of(preset, &id)),
            preset,
            issuer,
            client_id,
            client_secret: self.secret()?,
            scopes: self.scopes(preset)?,
            groups_claim: self.text("groups_claim")?.unwrap_or_else(|| "groups".into()),
            auto_create: self.switch("auto_create")?,
            rules: GroupRules { map: self.map()?, default: self.default()? },
            id,
        })
    }

    fn text(&self, key: &str) -> Result<Option<String>, Wrong> {
        match self.table.get(key) {
            None => Ok(None),
            Some(toml::Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
            // What stands there may be a secret.
            Some(_) => wrong(key, "takes a text that is not empty"),
        }
    }

    fn switch(&self, key: &str) -> Result<bool, Wrong> {
        match self.table.get(key) {
            None => Ok(false),
            Some(toml::Value::Boolean(is)) => Ok(*is),
            Some(_) => wrong(key, "takes true or false"),
        }
    }

    fn id(&self) -> Result<String, Wrong> {
        let Some(id) = self.text("id")? else {
            return wrong("id", format!("is missing: the name of {} in addresses", self.place));
        };
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if id.len() > ID_CHARS_MAX || !id.bytes().all(good) {
            return wrong("id", format!("is {id:?}; it takes 1 to {ID_CHARS_MAX} characters of a-z, 0-9 and -"));
        }
        if RESERVED.contains(&id.as_str()) {
            return wrong("id", format!("is {id:?}, which is an address of its own: choose another"));
        }
        Ok(id)
    }

    fn preset(&self, id: &str) -> Result<Preset, Wrong> {
        let named = self.text("preset")?;
        let has_issuer = self.table.contains_key("issuer");
        match named.as_deref().unwrap_or(if has_issuer { "oidc" } else { id }) {
            "google" => Ok(Preset::Google),
            "github" => Ok(Preset::GitHub),
            "oidc" => Ok(Preset::Oidc),
            _ if named.is_some() => wrong("preset", "takes one of oidc, google, github"),
            _ => wrong("issuer", "is missing: where the provider describes itself, such as https://id.example.org"),
        }
    }

    fn issuer(&self, preset: Preset) -> Result<String, Wrong> {
        let issuer = match (self.text("issuer")?, preset) {
            (Some(issuer), _) => issuer,
            (None, Preset::Google) => "https://accounts.google.com".to_owned(),
            (None, Preset::GitHub) => "https://github.com".to_owned(),
            (None, Preset::Oidc) => {
                return wrong("issuer", "is missing: where the provider describes itself, such as https://id.example.org");
            }
        };
        let is_good = Url::parse(&issuer).is_ok_and(|url| {
            let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_here(&url));
            is_safe && url.has_host() && url.query().is_none() && url.fragment().is_none() && url.password().is_none()
        });
        if is_good {
            // Byte by byte as it was written: that is how it is compared.
            Ok(issuer)
        } else {
            wrong("issuer", "takes an https URL without a query; http is for a provider on this machine")
        }
    }

    fn name_of(&self, preset: Preset, id: &str) -> String {
        match preset {
            Preset::Google => "Google".into(),
            Preset::GitHub => "GitHub".into(),
            Preset::Oidc => id.to_owned(),
        }
    }

    fn secret(&self) -> Result<Option<Secret>, Wrong> {
        match (self.text("client_secret")?, self.text("client_secret_file")?) {
            (Some(_), Some(_)) => wrong("client_secret", "stands beside client_secret_file: leave one out"),
            (Some(secret), None) => Ok(Some(Secret::Here(secret))),
            (None, Some(path)) => Ok(Some(Secret::In(self.folder.join(path)))),
            (None, None) => Ok(None),
        }
    }

    fn scopes(&self, preset: Preset) -> Result<Vec<String>, Wrong> {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let fallback = match preset {
            Preset::GitHub => "read:user user:email",
            Preset::Google => "openid profile email",
            Preset::Oidc => "openid profile email groups",
        };
        match self.table.get("scopes") {
            None => Ok(words(fallback)),
            Some(toml::Value::String(text)) => Ok(words(text)),
            Some(toml::Value::Array(all)) if all.iter().all(toml::Value::is_str) => {
                Ok(all.iter().filter_map(toml::Value::as_str).flat_map(words).collect())
            }
            Some(_) => wrong("scopes", "takes a text or a list of texts"),
        }
    }

    fn map(&self) -> Result<BTreeMap<String, RoleAt>, Wrong> {
        let table = match self.table.get("map") {
            None => return Ok(BTreeMap::new()),
            Some(toml::Value::Table(table)) => table,
            Some(_) => return wrong("map", "takes a table: \"a group\" = \"editor@a-space\""),
        };
        table.iter().map(|(group, value)| Ok((group.clone(), self.role_at(&format!("map.{group}"), value)?))).collect()
    }

    fn default(&self) -> Result<Option<RoleAt>, Wrong> {
        match self.table.get("default") {
            None => Ok(None),
            Some(toml::Value::String(text)) if text == DENY => Ok(None),
            Some(value) => self.role_at("default", value).map(Some),
        }
    }

    fn role_at(&self, field: &str, value: &toml::Value) -> Result<RoleAt, Wrong> {
        let parsed = value.as_str().and_then(|text| text.split_once('@')).and_then(|(role, space)| {
            let space = if space == "*" { None } else { Some(space.parse().ok().filter(|it: &SpaceId| !it.is_sys())?) };
            Some(RoleAt { role: Role::parse(role)?, space })
        });
        match parsed {
            Some(role_at) => Ok(role_at),
            None => wrong(
                field,
                "takes a role and a space, such as editor@home or owner@*: owner, editor, reader; a space, or * for all",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(text: &str) -> Result<Vec<Provider>, Vec<String>> {
        let file = File::parse(Path::new("/etc/brain/brain.toml"), text).unwrap();
        let mut faults = vec![];
        let found = read(&file, &mut faults);
        if faults.is_empty() { Ok(found) } else { Err(faults.into_iter().map(|fault| fault.detail).collect()) }
    }

    const HOME: &str = "[[auth.provider]]\nid = 'home'\nissuer = 'https://id.example/'\nclient_id = 'brain'\n";

    #[test]
    fn a_provider_is_read_whole_and_presets_know_the_rest() {
        let text = format!(
            "{HOME}client_secret = 'hunter2'\nscopes = 'openid groups'\ngroups_claim = 'realm_access.roles'\nauto_create = true\n\
             default = 'reader@default'\n[auth.provider.map]\n'brain-admins' = 'owner@*'\n'/family' = 'editor@home'\n\
             [[auth.provider]]\nid = 'github'\nclient_id = 'x'\nclient_secret_file = 'github.secret'\n\
             [[auth.provider]]\nid = 'work'\npreset = 'google'\nclient_id = 'y'\n"
        );
        let found = settled(&text).unwrap();
        let [home, github, work] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((home.issuer.as_str(), home.scopes.len(), home.auto_create), ("https://id.example/", 2, true));
        assert_eq!(home.rules.map["brain-admins"], RoleAt { role: Role::Owner, space: None });
        assert_eq!(home.rules.map["/family"], RoleAt { role: Role::Editor, space: Some("home".parse().unwrap()) });
        assert_eq!(home.rules.default, Some(RoleAt { role: Role::Reader, space: Some(SpaceId::default_space()) }));
        assert_eq!(
            (github.preset, github.issuer.as_str(), github.name.as_str()),
            (Preset::GitHub, "https://github.com", "GitHub")
        );
        assert_eq!(github.client_secret, Some(Secret::In("/etc/brain/github.secret".into())));
        assert_eq!(
            (work.preset, work.issuer.as_str(), work.rules.default.clone()),
            (Preset::Google, "https://accounts.google.com", None)
        );
        assert!(!format!("{found:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_wrong_with_a_provider_is_named_and_its_secret_is_not() {
        for (text, words) in [
            ("[auth]\nprovider = 1".to_owned(), "a list of tables"),
            (
                "[[auth.provider]]\nissuer = 'https://id.example'".to_owned(),
                "auth.provider[0].id in /etc/brain/brain.toml is missing",
            ),
            (format!("{HOME}clientsecret = 'hunter2'"), "clientsecret in /etc/brain/brain.toml is nothing that a provider has"),
            (format!("{HOME}client_secret = ['hunter2']"), "takes a text"),
            (format!("{HOME}client_secret = 'hunter2'\nclient_secret_file = 'f'"), "leave one out"),
            (HOME.replace("home", "Home"), "characters of a-z"),
            (HOME.replace("home", "logout"), "address of its own"),
            (HOME.replace("issuer", "#"), "auth.provider[0].issuer in /etc/brain/brain.toml is missing"),
            (HOME.replace("https", "http"), "takes an https URL"),
            (HOME.replace("client_id", "#"), "client_id in /etc/brain/brain.toml is missing"),
            (format!("{HOME}preset = 'okta'"), "one of oidc, google, github"),
            (format!("{HOME}default = 'boss@home'"), "takes a role and a space"),
            (format!("{HOME}map = {{ a = 'owner@sys' }}"), "auth.provider[0].map.a in"),
            (format!("{HOME}{HOME}"), "a second time"),
        ] {
            let faults = settled(&text).unwrap_err();
            assert!(faults.len() == 1 && faults[0].contains(words) && !faults[0].contains("hunter2"), "{text}: {faults:?}");
        }
    }
}
