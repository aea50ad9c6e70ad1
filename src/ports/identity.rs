//! What a login needs of somebody else's word: a provider that says who a person is. Implemented by `adapters::oidc`, asked by `app::login`.
//! Tokens of a provider never come through here: only what they say, once it was verified.

use async_trait::async_trait;
use url::Url;

/// Groups of one person that are looked at; what comes after them is not.
pub const GROUPS_MAX: usize = 1_000;

/// The secrets of one attempt to log in, each 256 bits of chance in base64url.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptSecrets {
    pub state: String,
    pub nonce: String,
    /// PKCE: the provider is told its SHA-256 first, and itself at the exchange.
    pub verifier: String,
}

/// Where to send a browser, and whose answer is then awaited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    pub url: Url,
    /// Byte by byte as the provider calls itself.
    pub issuer: String,
}

/// What a browser brought back.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    pub code: &'a str,
    /// The issuer that was recorded at the departure.
    pub issuer: &'a str,
    pub secrets: &'a AttemptSecrets,
    pub redirect_uri: &'a str,
}

/// Who somebody is, in the verified words of a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    pub issuer: String,
    /// Never given to anybody else by this issuer.
    pub subject: String,
    /// The provider's own session, which it may end later.
    pub provider_session: Option<String>,
    pub name: Option<String>,
    pub email: Option<String>,
    /// Whether the provider says that the address is this person's.
    pub email_verified: bool,
    /// At most [`GROUPS_MAX`]; `None` if the provider said nothing of groups.
    pub groups: Option<Vec<String>>,
}

/// A provider's word that somebody has logged out there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutNotice {
    pub issuer: String,
    pub subject: Option<String>,
    pub provider_session: Option<String>,
    /// The name of the notice: it counts once.
    pub id: String,
}

/// Why a provider's word does not count, or is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// What it sent breaks a rule; asking again changes nothing.
    #[error("the provider's answer is not accepted: {0}")]
    Refused(String),
    /// It cannot be reached, or answers nonsense; try again.
    #[error("the provider cannot be asked: {0}")]
    Away(String),
    /// It has no such thing.
    #[error("the provider does not do that")]
    Unsupported,
}

/// One provider.
#[async_trait]
pub trait IdentityProvider: Send + Sync {
    /// Where a browser goes to log in. Errors: `Away`.
    async fn depart(&self, redirect_uri: &str, secrets: &AttemptSecrets) -> Result<Departure, IdentityError>;

    /// Looks at the parameter `iss` of an answer (RFC 9207), which a provider may always send. Errors: `Refused`, `Away`.
    async fn check_issuer(&self, recorded: &str, given: Option<&str>) -> Result<(), IdentityError>;

    /// Who came back. Errors: all.
    async fn arrive(&self, arrival: Arrival<'_>) -> Result<Person, IdentityError>;

    /// Where a browser goes to log out there as well, and then comes back to `return_to`; `None` where there is no such place.
    async fn log_out(&self, return_to: &str) -> Option<Url>;

    /// Reads a notice that the provider sent behind the browser's back. Errors: all.
    async fn notice(&self, logout_token: &str) -> Result<LogoutNotice, IdentityError>;
}
