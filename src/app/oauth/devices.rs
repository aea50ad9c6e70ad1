//! The device flow (RFC 8628): a device shows a code, its person types that into a browser and says yes or no, and the device, which has
//! asked all the while, gets its tokens. Used through [`super::Oauth`].

use chrono::TimeDelta;
use uuid::Uuid;

use super::{Allowed, Fault, Given, Oauth, Refusal, named};
use crate::{
    app::{
        Error,
        access::secret::{self, sha256_hex},
        delegations::WAITING_MAX,
        login::Visitor,
    },
    domain::{
        delegation::{DEVICE_S, Decision, Device},
        ids::{PrincipalId, SpaceId, StreamSeq},
    },
};

/// How long a device waits between two questions, in seconds; who asks sooner waits so much longer from then on.
pub const INTERVAL_S: i64 = 5;
/// Most devices of one address that wait at a time.
const WAITING_AT_MAX: usize = 50;
/// Consonants, of which no words are made (RFC 8628, 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const CODE_LETTERS: usize = 8;
/// Tries to find a code that nobody waits by.
const TRIES: usize = 8;

/// What a device is told when it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceBegun {
    pub device_code: String,
    /// `XXXX-XXXX`.
    pub user_code: String,
    pub verification_uri: String,
    pub expires_in_s: i64,
}

impl Oauth {
    /// A device begins to wait. Errors: `invalid_client`, `invalid_scope`, `temporarily_unavailable`.
    pub async fn begin_device(&self, client: &str, scope: Option<&str>, visitor: Visitor) -> Result<DeviceBegun, Refusal> {
        let (client, scopes) = (self.client(client)?, Self::scopes(scope)?);
        let verification_uri = format!("{}/oauth/device", self.tokens.issuer()?);
        let (agent, address) = named(visitor);
        let (waiting, here) = self.delegations.waiting(&address);
        if waiting >= WAITING_MAX || here >= WAITING_AT_MAX {
            return Err(Refusal::new(Fault::TemporarilyUnavailable, "too many devices wait already; try again in some minutes"));
        }
        let device_code = format!("sbd_{}", secret::fresh(&*self.vault));
        let device = Device {
            device_sha256: sha256_hex(device_code.as_bytes()),
            client: client.id.clone(),
            client_name: client.name.clone(),
            scopes,
            agent,
            address,
            asked_at: self.clock.now(),
            decision: Decision::Pending,
        };
        for _ in 0..TRIES {
            let user_code = self.user_code();
            if self.delegations.put_device(&name_of(&user_code), device.clone(), StreamSeq(0)).await? {
                let user_code = format!("{}-{}", &user_code[..4], &user_code[4..]);
                return Ok(DeviceBegun { device_code, user_code, verification_uri, expires_in_s: DEVICE_S });
            }
        }
        Err(Refusal::new(Fault::TemporarilyUnavailable, "no code is free; try again"))
    }

    fn user_code(&self) -> String {
        // Bytes beyond the last whole multiple would make some letters likelier than others.
        let fair = 256 / LETTERS.len() * LETTERS.len();
        let mut code = String::new();
        while code.len() < CODE_LETTERS {
            let bytes = self.vault.random(2 * CODE_LETTERS);
            let letters = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair);
            code.extend(letters.map(|byte| char::from(LETTERS[byte % LETTERS.len()])).take(CODE_LETTERS - code.len()));
        }
        code
    }

    /// A device asks what its person has said. Errors: `authorization_pending`, `slow_down`, `access_denied`, `expired_token`,
    /// `invalid_grant`, `invalid_client`.
    pub async fn poll_device(&self, device_code: &str, client: &str, visitor: Visitor) -> Result<Given, Refusal> {
        self.client(client)?;
        let unknown = || Refusal::new(Fault::InvalidGrant, "no device waits by this code");
        let device_sha256 = sha256_hex(device_code.as_bytes());
        let (name, device) = self.delegations.device_by(&device_sha256).ok_or_else(unknown)?;
        if device.client != client {
            return Err(unknown());
        }
        if !device.waits_at(self.clock.now()) {
            return Err(Refusal::new(Fault::ExpiredToken, "this device has waited too long; begin again"));
        }
        self.must_be_patient(&device_sha256)?;
        let (principal, space) = match &device.decision {
            Decision::Pending => return Err(Refusal::new(Fault::AuthorizationPending, "nobody has said anything yet")),
            Decision::Denied => {
                self.delegations.end_device(&name, &device).await?;
                return Err(Refusal::new(Fault::AccessDenied, "its person has said no"));
            }
            Decision::Allowed { principal, space } => (*principal, space.clone()),
        };
        // Of two that ask at once one is the first.
        let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, device_sha256.as_bytes());
        let client = (device.client.clone(), device.client_name.clone());
        let allowed = Allowed { id, principal, client, scopes: device.scopes.clone(), space };
        let given = self.delegate(allowed, visitor).await?;
        self.delegations.end_device(&name, &device).await?;
        Ok(given)
    }

    /// Errors: `slow_down`, for whoever asks sooner than they were told.
    fn must_be_patient(&self, device_sha256: &str) -> Result<(), Refusal> {
        let now = self.clock.now();
        let mut polls = self.polls.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        polls.retain(|_, (last, _)| now - *last < TimeDelta::seconds(DEVICE_S));
        let Some((last, interval_s)) = polls.get_mut(device_sha256) else {
            polls.insert(device_sha256.to_owned(), (now, INTERVAL_S));
            return Ok(());
        };
        let is_early = now - *last < TimeDelta::seconds(*interval_s);
        *last = now;
        if !is_early {
            return Ok(());
        }
        *interval_s += INTERVAL_S;
        Err(Refusal::new(Fault::SlowDown, format!("ask every {interval_s} seconds")))
    }

    /// The device that waits by a user code, however that is written. `None` for a wrong guess.
    pub fn waiting_device(&self, user_code: &str) -> Option<std::sync::Arc<Device>> {
        let (_, device) = self.delegations.device(&name_of(&plain(user_code)?))?;
        (device.waits_at(self.clock.now()) && device.decision == Decision::Pending).then_some(device)
    }

    /// Somebody says what a device may: nothing, or all that it asked for, in one of their spaces or in all.
    /// Errors: `oauth.unknown_code`, `auth.space_forbidden`, `login.unavailable`.
    pub async fn decide_device(
        &self,
        user_code: &str,
        principal: PrincipalId,
        space: Option<Option<SpaceId>>,
    ) -> Result<(), Error> {
        let unknown = || Error::new("oauth.unknown_code", "no device waits by this code");
        let name = name_of(&plain(user_code).ok_or_else(unknown)?);
        let (seq, device) = self.delegations.device(&name).ok_or_else(unknown)?;
        if !device.waits_at(self.clock.now()) || device.decision != Decision::Pending {
            return Err(unknown());
        }
        let decision = match space {
            None => Decision::Denied,
            Some(space) => {
                self.must_belong(principal, space.as_ref())?;
                Decision::Allowed { principal, space }
            }
        };
        let decided = Device { decision, ..(*device).clone() };
        if self.delegations.put_device(&name, decided, seq).await? { Ok(()) } else { Err(unknown()) }
    }

    /// Errors: `auth.space_forbidden`.
    pub(super) fn must_belong(&self, principal: PrincipalId, space: Option<&SpaceId>) -> Result<(), Error> {
        let forbidden = || Error::new("auth.space_forbidden", "you do not belong to that space");
        if self.belongs(principal, space) { Ok(()) } else { Err(forbidden()) }
    }
}

/// The letters of a code as somebody has typed it.
fn plain(user_code: &str) -> Option<String> {
    let letters = user_code.chars().filter(|one| !matches!(one, '-' | ' ')).map(|one| one.to_ascii_uppercase());
    let code: String = letters.take(CODE_LETTERS + 1).collect();
    (code.len() == CODE_LETTERS && code.bytes().all(|byte| LETTERS.contains(&byte))).then_some(code)
}

fn name_of(user_code: &str) -> String {
    sha256_hex(format!("user code {user_code}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_understood_however_it_is_typed() {
        for good in ["BCDF-GHJK", "bcdfghjk", " bcdf ghjk ", "B-C-D-F-G-H-J-K"] {
            assert_eq!(plain(good).as_deref(), Some("BCDFGHJK"), "{good}");
        }
        for bad in ["", "BCDF-GHJ", "BCDF-GHJKL", "ACDF-GHJK", "BCDF_GHJK", "ÄCDFGHJK"] {
            assert!(plain(bad).is_none(), "{bad}");
        }
        assert!(name_of("BCDFGHJK") != name_of("BCDFGHJL"));
    }
}
