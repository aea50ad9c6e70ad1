//! The way in that needs no provider: a link that the machine itself has made, for its owner, once and for some minutes. Who can read the
//! machine's key can do everything anyway; this is how they get into a browser.

use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use super::{Entered, Login, RETURN_TO, Visitor};
use crate::{
    app::{Caller, Error, access::secret, sealed},
    domain::{access::Credential, ids::Timestamp, session::Origin},
};

/// How long a link holds, in seconds.
pub const LINK_S: u32 = 300;
/// What a link is sealed for.
const PLACE: &str = "login link";

#[derive(Serialize, Deserialize)]
struct Sealed {
    /// Makes each link another one.
    name: String,
    ends_at: Timestamp,
}

impl Login {
    /// A link for the owner, and when it is over. Whoever asks holds the key that stands in the machine's own file.
    /// Errors: `auth.operator_only`, `login.no_base_url`, `secrets.no_master_key`.
    pub fn link(&self, caller: &Caller) -> Result<(String, Timestamp), Error> {
        if caller.credential() != Credential::Key(self.machine_key) {
            return Err(Error::new("auth.operator_only", "only the key in the machine's credentials.json makes such links"));
        }
        let ends_at = self.clock.now() + TimeDelta::seconds(LINK_S.into());
        let sealed = Sealed { name: secret::fresh(&*self.vault), ends_at };
        let code = sealed::sealed(&*self.vault, PLACE, &sealed)?;
        let code: String = form_urlencoded::byte_serialize(code.as_bytes()).collect();
        Ok((self.base()?.at(&format!("/auth/link?code={code}")), ends_at))
    }

    /// Lets in who has a link that nobody has used. Errors: `login.bad_link`, `login.unavailable`.
    pub async fn enter_by_link(&self, code: &str, visitor: Visitor) -> Result<Entered, Error> {
        let bad = || Error::new("login.bad_link", "this link is over or was used: ask for another with `brain login-link`");
        let sealed: Sealed = sealed::opened(&*self.vault, PLACE, code).ok_or_else(bad)?;
        if sealed.ends_at <= self.clock.now() {
            return Err(bad());
        }
        let is_first =
            self.sessions.first_use(&format!("link {}", sealed.name), Duration::from_secs(2 * u64::from(LINK_S))).await?;
        if !is_first {
            return Err(bad());
        }
        self.enter(self.owner, Origin::Link, visitor, RETURN_TO.into()).await
    }
}
