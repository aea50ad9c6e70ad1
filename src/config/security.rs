//! Keys, and what of the specification's security this brain does not have, or has elsewhere: whoever asks for that is refused, not left unprotected.

use std::{fmt, path::PathBuf};

use url::{Host, Url};

use super::{
    fault::Fault,
    mask::HIDDEN,
    resolve::{Effective, Origin, Row},
    setting::{Fallback, Secrecy, Setting},
    value::{Kind, Value},
};

/// Shortest passphrase.
const PASSPHRASE_CHARS_MIN: usize = 12;
const NO_OTHER: &str = "the master key stands in clear in its file";

pub static MASTER_KEY_FILE: Setting = Setting {
    name: "security.master_key_file",
    variables: &["BRAIN_MASTER_KEY_FILE"],
    flag: Some("master-key-file"),
    kind: Kind::Path,
    fallback: Fallback::Absent("master.key of the data folder"),
    about: "The file of the key that seals secrets, mode 0600; all processes of an instance share the key. Without it master.key in the \
            data folder, which `brain up` makes",
    ..Setting::BASE
};

pub static MASTER_KEY: Setting = Setting {
    name: "security.master_key",
    variables: &["BRAIN_MASTER_KEY"],
    in_file: false,
    secrecy: Secrecy::Whole,
    fallback: Fallback::Absent(NO_OTHER),
    check: |value| is_text(value, 1),
    about: "The master key itself, in place of a file: 32 bytes in base64, or the text of a file of keys",
    ..Setting::BASE
};

pub static MASTER_PASSPHRASE: Setting = Setting {
    name: "security.master_passphrase",
    variables: &["BRAIN_MASTER_PASSPHRASE"],
    in_file: false,
    secrecy: Secrecy::Whole,
    fallback: Fallback::Absent(NO_OTHER),
    check: |value| is_text(value, PASSPHRASE_CHARS_MIN),
    about: "A passphrase of at least 12 characters that wraps the master key in its file",
    ..Setting::BASE
};

pub static MASTER_PASSPHRASE_FILE: Setting = Setting {
    name: "security.master_passphrase_file",
    variables: &["BRAIN_MASTER_PASSPHRASE_FILE"],
    flag: Some("master-passphrase-file"),
    kind: Kind::Path,
    fallback: Fallback::Absent(NO_OTHER),
    about: "A file, mode 0600, with the passphrase that wraps the master key in its file",
    ..Setting::BASE
};

pub static KMS_URL: Setting = Setting {
    name: "security.kms_url",
    variables: &["BRAIN_KMS_URL"],
    flag: Some("kms-url"),
    secrecy: Secrecy::Password,
    fallback: Fallback::Absent(NO_OTHER),
    check: is_service,
    about: "An OpenBao or HashiCorp Vault whose transit engine wraps the master key in its file, such as https://bao.example.org:8200",
    ..Setting::BASE
};

pub static KMS_KEY: Setting = Setting {
    name: "security.kms_key",
    variables: &["BRAIN_KMS_KEY"],
    flag: Some("kms-key"),
    fallback: Fallback::Is("second-brain"),
    check: is_name,
    about: "The key's name in the transit engine; it must exist there",
    ..Setting::BASE
};

pub static KMS_MOUNT: Setting = Setting {
    name: "security.kms_mount",
    variables: &["BRAIN_KMS_MOUNT"],
    flag: Some("kms-mount"),
    fallback: Fallback::Is("transit"),
    check: is_name,
    about: "Where the transit engine is mounted",
    ..Setting::BASE
};

pub static KMS_NAMESPACE: Setting = Setting {
    name: "security.kms_namespace",
    variables: &["BRAIN_KMS_NAMESPACE"],
    flag: Some("kms-namespace"),
    fallback: Fallback::Absent("the service's own"),
    check: is_name,
    about: "The namespace of the transit engine, where the service has namespaces",
    ..Setting::BASE
};

pub static KMS_TOKEN_FILE: Setting = Setting {
    name: "security.kms_token_file",
    variables: &["BRAIN_KMS_TOKEN_FILE"],
    flag: Some("kms-token-file"),
    kind: Kind::Path,
    fallback: Fallback::Absent("needed with security.kms_url"),
    about: "A file with the token that the service is asked by: it may encrypt, decrypt and rewrap under that key. Read anew each time",
    ..Setting::BASE
};

pub static ENCRYPTION_ENABLED: Setting = Setting {
    name: "security.encryption_enabled",
    variables: &["BRAIN_ENCRYPTION_ENABLED"],
    kind: Kind::Switch,
    fallback: Fallback::Is("true"),
    about: "Whether sensitive memories are taken, and sealed where they are stored; without it they are refused. Those that are sealed \
            already are shown either way",
    ..Setting::BASE
};

pub static DETECT_SENSITIVE: Setting = Setting {
    name: "security.detect_sensitive",
    variables: &["BRAIN_DETECT_SENSITIVE"],
    kind: Kind::Switch,
    fallback: Fallback::Is("false"),
    about: "Whether memories that hold a payment card's number, an IBAN or a secret key are taken as sensitive, whoever writes them",
    ..Setting::BASE
};

pub static OAUTH_PROVIDERS: Setting = Setting {
    name: "security.oauth_providers",
    variables: &["BRAIN_OAUTH_PROVIDERS"],
    kind: Kind::List,
    fallback: Fallback::Is(""),
    check: are_none,
    about: "Of the specification; providers by which people log in stand as [[auth.provider]], and none is named here",
    ..Setting::BASE
};

pub static SETTINGS: [&Setting; 12] = [
    &MASTER_KEY_FILE,
    &MASTER_KEY,
    &MASTER_PASSPHRASE,
    &MASTER_PASSPHRASE_FILE,
    &KMS_URL,
    &KMS_KEY,
    &KMS_MOUNT,
    &KMS_NAMESPACE,
    &KMS_TOKEN_FILE,
    &ENCRYPTION_ENABLED,
    &DETECT_SENSITIVE,
    &OAUTH_PROVIDERS,
];

/// Of these at most one is set: each is a source of the master key of its own. Without one its file holds it in clear.
static SOURCES: [&Setting; 4] = [&MASTER_KEY, &MASTER_PASSPHRASE, &MASTER_PASSPHRASE_FILE, &KMS_URL];

/// A secret text that nothing shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(HIDDEN)
    }
}

/// What opens the master key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MasterSource {
    /// Nothing: it stands in its file in clear.
    #[default]
    File,
    Here(Secret),
    Passphrase(Secret),
    PassphraseFile(PathBuf),
    Kms(Kms),
}

/// A transit engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kms {
    pub url: Url,
    pub key: String,
    pub mount: String,
    pub namespace: Option<String>,
    pub token_file: PathBuf,
}

/// Keys of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Security {
    pub master_key_file: Option<PathBuf>,
    pub source: MasterSource,
    /// Whether sensitive memories are taken.
    pub encryption_enabled: bool,
    /// Whether it is looked for secrets.
    pub detect_sensitive: bool,
}

impl Default for Security {
    fn default() -> Self {
        Self { master_key_file: None, source: MasterSource::File, encryption_enabled: true, detect_sensitive: false }
    }
}

impl Security {
    pub fn of(effective: &Effective) -> Self {
        let secret = |setting| effective.maybe::<String>(setting).map(Secret);
        let kms = || {
            let url = effective.maybe::<String>(&KMS_URL)?;
            Some(MasterSource::Kms(Kms {
                url: url.parse().expect("it was checked"),
                key: effective.of(&KMS_KEY),
                mount: effective.of(&KMS_MOUNT),
                namespace: effective.maybe(&KMS_NAMESPACE),
                token_file: effective.maybe(&KMS_TOKEN_FILE)?,
            }))
        };
        let source = secret(&MASTER_KEY)
            .map(MasterSource::Here)
            .or_else(|| secret(&MASTER_PASSPHRASE).map(MasterSource::Passphrase))
            .or_else(|| effective.maybe(&MASTER_PASSPHRASE_FILE).map(MasterSource::PassphraseFile))
            .or_else(kms);
        Self {
            master_key_file: effective.maybe(&MASTER_KEY_FILE),
            source: source.unwrap_or_default(),
            encryption_enabled: effective.of(&ENCRYPTION_ENABLED),
            detect_sensitive: effective.of(&DETECT_SENSITIVE),
        }
    }
}

/// What settings say against each other: two sources of one key, or half of one.
pub fn contradictions(rows: &[Row]) -> Vec<Fault> {
    let origin = |wanted: &Setting| {
        let row = rows.iter().find(|row| row.setting.name == wanted.name)?;
        (row.origin != Origin::Default).then(|| row.origin.to_string())
    };
    let sources: Vec<String> = SOURCES.iter().filter_map(|setting| origin(setting)).collect();
    let mut faults = vec![];
    if sources.len() > 1 {
        let detail = format!("the master key has one source, but {} are set: leave one of them", sources.join(" and "));
        faults.push(Fault::new("security", detail));
    }
    if let (Some(key), Some(file)) = (origin(&MASTER_KEY), origin(&MASTER_KEY_FILE)) {
        faults.push(Fault::new(
            "security",
            format!("the master key has one source, but {key} and {file} are set: leave one of them"),
        ));
    }
    let (url, token) = (origin(&KMS_URL), origin(&KMS_TOKEN_FILE));
    if let (Some(url), None) = (&url, &token) {
        let detail = format!("{url} needs a token to ask by: say it by {}", KMS_TOKEN_FILE.ways());
        faults.push(Fault::new(KMS_TOKEN_FILE.name, detail));
    }
    faults
}

fn is_text(value: &Value, chars_min: usize) -> Result<(), String> {
    let chars = value.to_string().trim().chars().count();
    if chars >= chars_min { Ok(()) } else { Err(format!("it takes at least {chars_min} characters")) }
}

/// Tokens and keys go over TLS, or do not leave this machine.
fn is_service(value: &Value) -> Result<(), String> {
    const WANTED: &str = "it takes an address such as https://bao.example.org:8200; http only on this machine";
    let url = Url::parse(&value.to_string()).map_err(|_| WANTED.to_owned())?;
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let is_bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    let is_safe = url.scheme() == "https" && url.has_host() || url.scheme() == "http" && is_here;
    if is_safe && is_bare { Ok(()) } else { Err(WANTED.to_owned()) }
}

/// It stands in an address, and in a line of words.
fn is_name(value: &Value) -> Result<(), String> {
    let text = value.to_string();
    let is_part = |part: &str| {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !part.is_empty() && part != "." && part != ".." && part.bytes().all(is_good)
    };
    if text.len() <= 200 && text.split('/').all(is_part) {
        return Ok(());
    }
    Err("it takes up to 200 characters of a-z, A-Z, 0-9, -, _ and ., with / between its parts".to_owned())
}

fn are_none(value: &Value) -> Result<(), String> {
    if *value == Value::List(vec![]) {
        return Ok(());
    }
    Err("a name alone makes no provider: write a table [[auth.provider]] with id, issuer and client_id, and leave this out"
        .to_owned())
}
