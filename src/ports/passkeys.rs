//! What a passkey needs of mathematics and of the words that browsers speak (Web Authentication, level 3). Implemented by
//! `adapters::webauthn`, asked by `app::passkeys`. Keeps nothing: the state of a ceremony goes out and comes back as text.

use serde_json::Value;

use crate::domain::{access::Passkey, ids::PrincipalId};

/// What a browser is asked, and what must be shown again with its answer; the state is nobody's to read or to change.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// `publicKey` for `navigator.credentials`, with bytes as base64url.
    pub options: Value,
    pub state: String,
}

/// Whom a passkey is made for, as their authenticator will show them.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    pub principal: PrincipalId,
    /// The account: an address of mail, or else a name.
    pub account: &'a str,
    pub name: &'a str,
}

/// Why an answer does not count.
#[derive(Debug, thiserror::Error)]
pub enum PasskeyError {
    /// It breaks a rule: made for another site or another question, not signed with this key, nobody verified.
    #[error("the answer is not accepted: {0}")]
    Refused(String),
    #[error("passkeys cannot be used: {0}")]
    Broken(String),
}

/// The two ceremonies. Whoever answers must have been verified by their authenticator: by a finger, a face, a code.
pub trait Passkeys: Send + Sync {
    /// Asks for a new passkey that its authenticator finds by itself; those in `known` are not made a second time. Errors: `Broken`.
    fn ask_for_new(&self, holder: Holder<'_>, known: &[Passkey]) -> Result<Asked, PasskeyError>;

    /// The passkey that a browser has made, without a label and from no time. Errors: `Refused`, `Broken`.
    fn made(&self, state: &str, answer: Value) -> Result<Passkey, PasskeyError>;

    /// Asks for a signature by any passkey of this site. Errors: `Broken`.
    fn ask_for_signature(&self) -> Result<Asked, PasskeyError>;

    /// Whose passkey an answer says that it was made with, and its id. Not verified yet. Errors: `Refused`.
    fn claimed(&self, answer: &Value) -> Result<(PrincipalId, String), PasskeyError>;

    /// Verifies an answer; gives how often the passkey says that it has signed, 0 where it does not count. Whether that has grown is the
    /// caller's to look at. Errors: all.
    fn verified(&self, state: &str, answer: Value, passkey: &Passkey) -> Result<u32, PasskeyError>;
}
