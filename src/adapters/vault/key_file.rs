//! The file of master keys: a line for each version, in clear or wrapped. Reads it, makes it once, and replaces it whole.
//!
//! `<version> <key>` · `<version> argon2id m=<KiB>,t=<passes>,p=<lanes> <salt> <wrapped>` · `<version> transit <key's name> <ciphertext>`;
//! keys, salts and what is wrapped are base64. Never shows a line in what it says.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Key, passphrase::Wrapped};
use crate::private_file;

/// What a group or others may do with a file; nothing, with one that holds a secret.
const OF_OTHERS: u32 = 0o077;
const ARGON2ID: &str = "argon2id";
const TRANSIT: &str = "transit";

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{path} cannot be read")]
    Read {
        path: String,
        #[source]
        cause: io::Error,
    },
    #[error("{path} cannot be written")]
    Write {
        path: String,
        #[source]
        cause: io::Error,
    },
    #[error("{path} holds a secret and is open to others (mode {mode:04o}): run  chmod 600 {path}")]
    Open { path: String, mode: u32 },
    #[error("{path}, line {line}: {why}")]
    Shape { path: String, line: usize, why: &'static str },
}

/// One version as the file keeps it.
#[derive(Clone, PartialEq)]
pub enum Kept {
    Clear(Key),
    Passphrase(Wrapped),
    Kms { key: String, ciphertext: String },
}

/// All versions as the file keeps them; at least one.
#[derive(Clone, PartialEq, Default)]
pub struct KeyFile(pub BTreeMap<u32, Kept>);

impl KeyFile {
    /// Errors: which line is none, and why.
    pub fn parse(text: &str) -> Result<Self, (usize, &'static str)> {
        let mut lines = BTreeMap::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = |why| (index + 1, why);
            let (version, kept) = parsed(line).map_err(wrong)?;
            if lines.insert(version, kept).is_some() {
                return Err(wrong("the version stands in an earlier line as well"));
            }
        }
        if lines.is_empty() { Err((1, "no key stands in it")) } else { Ok(Self(lines)) }
    }

    pub fn render(&self) -> String {
        let line = |(version, kept): (&u32, &Kept)| match kept {
            Kept::Clear(key) => format!("{version} {}\n", STANDARD.encode(key.as_slice())),
            Kept::Passphrase(wrapped) => format!("{version} {ARGON2ID} {}\n", wrapped.render()),
            Kept::Kms { key, ciphertext } => format!("{version} {TRANSIT} {key} {ciphertext}\n"),
        };
        self.0.iter().map(line).collect()
    }

    /// The file; `None` where there is none. Errors: others may read it, or it is no file of keys.
    pub fn read(path: &Path) -> Result<Option<Self>, Error> {
        let Some(text) = private_text(path)? else { return Ok(None) };
        let wrong = |(line, why)| Error::Shape { path: path.display().to_string(), line, why };
        Self::parse(&text).map(Some).map_err(wrong)
    }

    /// Makes the file; answers whether this one was made. It never replaces another: what was sealed under its keys would be lost.
    pub fn create(&self, path: &Path) -> Result<bool, Error> {
        private_file::create(path, self.render().as_bytes()).map_err(cannot_write(path))
    }

    /// Puts this in place of the file at once; what is left after a crash is the old file or the new one, whole.
    pub fn replace(&self, path: &Path) -> Result<(), Error> {
        private_file::replace(path, self.render().as_bytes()).map_err(cannot_write(path))
    }
}

/// Holds off everybody else who would change the file, on this machine, until it is dropped.
pub fn lock(path: &Path) -> Result<File, Error> {
    let place = private_file::beside(path, "lock");
    let open = || {
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&place)?;
        file.lock().map(|()| file)
    };
    open().map_err(cannot_write(path))
}

/// The text of a file that holds a secret; `None` where there is none. Errors: others may read it.
pub fn private_text(path: &Path) -> Result<Option<String>, Error> {
    let shown = || path.display().to_string();
    let read = || -> io::Result<_> {
        let mode = fs::metadata(path)?.permissions().mode() & 0o7777;
        Ok((mode, fs::read_to_string(path)?))
    };
    match read() {
        Ok((mode, _)) if mode & OF_OTHERS != 0 => Err(Error::Open { path: shown(), mode }),
        Ok((_, text)) => Ok(Some(text)),
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Error::Read { path: shown(), cause }),
    }
}

fn cannot_write(path: &Path) -> impl Fn(io::Error) -> Error {
    move |cause| Error::Write { path: path.display().to_string(), cause }
}

fn parsed(line: &str) -> Result<(u32, Kept), &'static str> {
    const FORMS: &str = "a line is a version and 32 bytes in base64, or a version and what `brain vault protect` has written";
    let words: Vec<&str> = line.split_whitespace().collect();
    let [version, rest @ ..] = words.as_slice() else { return Err(FORMS) };
    let version = version.parse().ok().filter(|version| *version > 0).ok_or("a line begins with a version from 1 on")?;
    let kept = match rest {
        [key] => Kept::Clear(clear(key).ok_or(FORMS)?),
        [ARGON2ID, parameters, salt, wrapped] => Kept::Passphrase(Wrapped::parse(parameters, salt, wrapped)?),
        [TRANSIT, key, ciphertext] => Kept::Kms { key: (*key).into(), ciphertext: (*ciphertext).into() },
        _ => return Err(FORMS),
    };
    Ok((version, kept))
}

/// A key in base64.
pub fn clear(text: &str) -> Option<Key> {
    let bytes = zeroize::Zeroizing::new(STANDARD.decode(text).ok()?);
    Some(Key::new(bytes.as_slice().try_into().ok()?))
}
