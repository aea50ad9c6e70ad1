//! Where the master key of an instance comes from: a file, a variable, a file under a passphrase, a file under a key management service.
//! Used by [`super::MasterKey`] and by `brain vault protect`; nobody else sees a key.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use super::{
    KEY_BYTES, Key, Keys,
    key_file::{self, Kept, KeyFile},
    passphrase::Wrapped,
    random,
};
use crate::ports::master_keys::{Kms, KmsError};

/// A secret text that nothing shows.
#[derive(Clone)]
pub struct Hidden(Arc<Zeroizing<String>>);

impl Hidden {
    pub fn new(text: String) -> Self {
        Self(Arc::new(Zeroizing::new(text)))
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    File(#[from] key_file::Error),
    #[error("BRAIN_MASTER_KEY is no master key ({why}): it takes 32 bytes in base64, or the text of a file of keys")]
    Variable { why: &'static str },
    #[error("{path} holds version {version} of the master key {found}, but the settings say that it is {wanted}: {advice}")]
    Form { path: String, version: u32, found: &'static str, wanted: &'static str, advice: &'static str },
    #[error("the passphrase does not open version {version} of the master key in {path}")]
    Passphrase { path: String, version: u32 },
    #[error("version {version} of the master key in {path} cannot be unwrapped")]
    Kms {
        path: String,
        version: u32,
        #[source]
        cause: KmsError,
    },
    #[error("a master key cannot be wrapped")]
    Wrap(#[source] KmsError),
    #[error(
        "a new version cannot be made where the master key comes from a variable: add the line  {next} <32 bytes in base64>  to \
         BRAIN_MASTER_KEY of every process, start each again, and rotate then"
    )]
    CannotMake { next: u32 },
    #[error("take the line of version {version} out of BRAIN_MASTER_KEY of every process")]
    CannotRemove { version: u32 },
    #[error("the thread that opens the master key has ended")]
    Thread,
}

/// What opens the lines.
#[derive(Clone)]
pub enum Source {
    /// They are in clear.
    File,
    /// They are in clear, and in no file.
    Variable(Hidden),
    Passphrase(Hidden),
    Kms(Arc<dyn Kms>),
}

/// A source, and the file where there is one.
#[derive(Clone)]
pub struct Place {
    pub path: PathBuf,
    pub source: Source,
}

impl Place {
    /// Where keys come from, in words.
    pub fn describe(&self) -> String {
        let path = self.path.display();
        match &self.source {
            Source::File => format!("file {path}"),
            Source::Variable(_) => "variable BRAIN_MASTER_KEY".to_owned(),
            Source::Passphrase(_) => format!("file {path}, under a passphrase"),
            Source::Kms(kms) => format!("file {path}, under the key {} of a key management service", kms.key()),
        }
    }

    /// What stands in the file, as it is kept; `None` where there is none. Errors: it cannot be read.
    pub fn file(&self) -> Result<Option<KeyFile>, Error> {
        match self.source {
            Source::Variable(_) => Ok(None),
            _ => Ok(KeyFile::read(&self.path)?),
        }
    }

    /// All versions; `None` where nothing is. Errors: what is there cannot be opened.
    pub async fn read(&self) -> Result<Option<Keys>, Error> {
        if let Source::Variable(text) = &self.source {
            return of_variable(&text.0).map(Some);
        }
        match KeyFile::read(&self.path)? {
            Some(file) => self.open(file).await.map(Some),
            None => Ok(None),
        }
    }

    async fn open(&self, file: KeyFile) -> Result<Keys, Error> {
        let mut keys = Keys::new();
        for (version, kept) in file.0 {
            keys.insert(version, self.open_one(version, kept).await?);
        }
        Ok(keys)
    }

    async fn open_one(&self, version: u32, kept: Kept) -> Result<Key, Error> {
        let path = || self.path.display().to_string();
        match (&self.source, kept) {
            (Source::File, Kept::Clear(key)) => Ok(key),
            (Source::Passphrase(passphrase), Kept::Passphrase(wrapped)) => {
                let passphrase = passphrase.clone();
                let opened = spawn_blocking(move || wrapped.unwrap(&passphrase.0, version)).await;
                opened.map_err(|_| Error::Thread)?.map_err(|_| Error::Passphrase { path: path(), version })
            }
            (Source::Kms(kms), Kept::Kms { key, ciphertext }) if key == kms.key() => {
                let failed = |cause| Error::Kms { path: path(), version, cause };
                let secret = Zeroizing::new(kms.unwrap(&ciphertext).await.map_err(failed)?);
                let bound = secret.split_first_chunk::<4>().filter(|(to, _)| **to == version.to_be_bytes());
                let key = bound.and_then(|(_, key)| key.try_into().ok());
                key.map(Key::new).ok_or_else(|| failed(KmsError::Refused("it was wrapped for another version".into())))
            }
            (Source::Kms(kms), Kept::Kms { key, .. }) => {
                let why = format!("it is wrapped under the key {key}, but security.kms_key is {}", kms.key());
                Err(Error::Kms { path: path(), version, cause: KmsError::Refused(why) })
            }
            (_, kept) => Err(self.strange(version, &kept)),
        }
    }

    fn strange(&self, version: u32, kept: &Kept) -> Error {
        const CLEAR: &str = "in clear";
        const PASSPHRASE: &str = "under a passphrase";
        const KMS: &str = "under a key management service";
        let wanted = match self.source {
            Source::File | Source::Variable(_) => CLEAR,
            Source::Passphrase(_) => PASSPHRASE,
            Source::Kms(_) => KMS,
        };
        let (found, advice) = match kept {
            Kept::Clear(_) => (CLEAR, "wrap it with `brain vault protect`, or take the setting away"),
            Kept::Passphrase(_) => (PASSPHRASE, "set BRAIN_MASTER_PASSPHRASE_FILE or BRAIN_MASTER_PASSPHRASE, and nothing else"),
            Kept::Kms { .. } => (KMS, "set BRAIN_KMS_URL and BRAIN_KMS_TOKEN_FILE, and nothing else"),
        };
        Error::Form { path: self.path.display().to_string(), version, found, wanted, advice }
    }

    /// Makes the file with version 1; answers whether it was made, or somebody was faster. A variable is not made.
    pub async fn make(&self) -> Result<bool, Error> {
        if let Source::Variable(_) = self.source {
            return Ok(false);
        }
        let file = self.wrap(&Keys::from([(1, fresh())])).await?;
        Ok(file.create(&self.path)?)
    }

    /// The first version above this one that stands there, or one that is made: in the file before it is answered.
    pub async fn next(&self, above: u32) -> Result<u32, Error> {
        if let Source::Variable(text) = &self.source {
            let found = of_variable(&text.0)?.into_keys().find(|version| *version > above);
            return found.ok_or(Error::CannotMake { next: above + 1 });
        }
        let _lock = self.locked().await?;
        let mut file = KeyFile::read(&self.path)?.unwrap_or_default();
        if let Some(version) = file.0.keys().find(|version| **version > above) {
            return Ok(*version);
        }
        // A file that was written otherwise meanwhile would be one that nothing opens as a whole.
        self.open(file.clone()).await?;
        let version = above + 1;
        file.0.extend(self.wrap(&Keys::from([(version, fresh())])).await?.0);
        file.replace(&self.path)?;
        Ok(version)
    }

    /// Takes a version out of the file.
    pub async fn remove(&self, version: u32) -> Result<(), Error> {
        if let Source::Variable(text) = &self.source {
            let is_there = of_variable(&text.0)?.contains_key(&version);
            return if is_there { Err(Error::CannotRemove { version }) } else { Ok(()) };
        }
        let _lock = self.locked().await?;
        let Some(mut file) = KeyFile::read(&self.path)? else { return Ok(()) };
        if file.0.remove(&version).is_some() {
            file.replace(&self.path)?;
        }
        Ok(())
    }

    /// Lets the service wrap its lines anew under the newest version of its own key; answers how many it did.
    pub async fn rewrap(&self) -> Result<usize, Error> {
        let Source::Kms(kms) = &self.source else { return Ok(0) };
        let _lock = self.locked().await?;
        let Some(before) = KeyFile::read(&self.path)? else { return Ok(0) };
        let mut file = before.clone();
        for (version, kept) in &mut file.0 {
            let Kept::Kms { ciphertext, .. } = kept else { return Err(self.strange(*version, kept)) };
            *ciphertext = kms.rewrap(ciphertext).await.map_err(Error::Wrap)?;
        }
        if file != before {
            // Nothing takes the place of lines that open unless it opens as well.
            self.open(file.clone()).await?;
            file.replace(&self.path)?;
        }
        Ok(file.0.len())
    }

    /// Writes the file anew so that `to` opens it; answers how many versions stand in it. The keys stay what they are.
    pub async fn protect(&self, to: &Self) -> Result<usize, Error> {
        let _lock = to.locked().await?;
        let keys = self.read().await?;
        let Some(keys) = keys else {
            let cause = std::io::ErrorKind::NotFound.into();
            return Err(key_file::Error::Read { path: self.path.display().to_string(), cause }.into());
        };
        let file = to.wrap(&keys).await?;
        // It is read back before anything is lost.
        let again = to.open(file.clone()).await?;
        if again != keys {
            return Err(Error::Thread);
        }
        file.replace(&to.path)?;
        Ok(keys.len())
    }

    async fn wrap(&self, keys: &Keys) -> Result<KeyFile, Error> {
        let mut lines = BTreeMap::new();
        for (version, key) in keys {
            let (version, key) = (*version, key.clone());
            let kept = match &self.source {
                Source::File | Source::Variable(_) => Kept::Clear(key),
                Source::Passphrase(passphrase) => {
                    let passphrase = passphrase.clone();
                    let wrapped = spawn_blocking(move || Wrapped::wrap(&passphrase.0, version, &key)).await;
                    Kept::Passphrase(wrapped.map_err(|_| Error::Thread)?)
                }
                Source::Kms(kms) => {
                    // The version goes with the key, so that lines cannot be exchanged.
                    let secret = Zeroizing::new([version.to_be_bytes().as_slice(), key.as_slice()].concat());
                    Kept::Kms { key: kms.key().to_owned(), ciphertext: kms.wrap(&secret).await.map_err(Error::Wrap)? }
                }
            };
            lines.insert(version, kept);
        }
        Ok(KeyFile(lines))
    }

    /// Waits, beside the other threads, until nobody else changes the file.
    async fn locked(&self) -> Result<std::fs::File, Error> {
        let path = self.path.clone();
        Ok(spawn_blocking(move || key_file::lock(&path)).await.map_err(|_| Error::Thread)??)
    }
}

fn fresh() -> Key {
    let bytes = Zeroizing::new(random(KEY_BYTES));
    Key::new(bytes.as_slice().try_into().expect("asked for so many"))
}

/// A key alone is version 1.
fn of_variable(text: &str) -> Result<Keys, Error> {
    if let Some(key) = key_file::clear(text.trim()) {
        return Ok(Keys::from([(1, key)]));
    }
    let file = KeyFile::parse(text).map_err(|(_, why)| Error::Variable { why })?;
    let clear = |(version, kept)| match kept {
        Kept::Clear(key) => Ok((version, key)),
        _ => Err(Error::Variable { why: "what is wrapped stands in a file" }),
    };
    file.0.into_iter().map(clear).collect()
}
