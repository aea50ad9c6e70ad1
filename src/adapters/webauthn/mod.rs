//! Passkeys by `webauthn-rs`: which questions browsers are asked, and whether their answers count. Built by wiring for one site; keeps nothing.

mod keys;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::DateTime;
use serde_json::{Value, json};
use url::Url;
use webauthn_rs::prelude::{
    Credential, DiscoverableAuthentication, PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential, Webauthn,
    WebauthnBuilder, WebauthnError,
};

use crate::{
    domain::{access::Passkey, ids::PrincipalId},
    ports::passkeys::{Asked, Holder, PasskeyError, Passkeys},
};

/// Longest credential id, in bytes (Web Authentication level 3, 6.5.1).
const ID_BYTES_MAX: usize = 1_023;
/// What authenticators show as the name of this site.
const SITE: &str = "Second Brain";

/// Passkeys of one site.
pub struct SitePasskeys(Webauthn);

impl SitePasskeys {
    /// For the site at this address. `None` if it has no name: authenticators know sites by their domain, never by a number.
    pub fn at(base: &Url) -> Option<Self> {
        let site = WebauthnBuilder::new(base.domain()?, base).ok()?.rp_name(SITE).build().ok()?;
        Some(Self(site))
    }
}

impl Passkeys for SitePasskeys {
    fn ask_for_new(&self, holder: Holder<'_>, known: &[Passkey]) -> Result<Asked, PasskeyError> {
        let asked = self.0.start_passkey_registration(holder.principal.0, holder.account, holder.name, None);
        let (challenge, state) = asked.map_err(broken)?;
        let mut options = public_key(&challenge)?;
        // Those who log in type no name, so their authenticator must find the key by itself.
        options["authenticatorSelection"]["residentKey"] = "required".into();
        options["authenticatorSelection"]["requireResidentKey"] = true.into();
        // Said to the browser alone: ids are long, and whether one is known already is asked again when it comes.
        options["excludeCredentials"] = known.iter().map(|it| json!({"type": "public-key", "id": it.id})).collect();
        Ok(Asked { options, state: written(&state)? })
    }

    fn made(&self, state: &str, answer: Value) -> Result<Passkey, PasskeyError> {
        let state: PasskeyRegistration = read(state)?;
        let answer: RegisterPublicKeyCredential = answer_of(answer)?;
        let credential = Credential::from(self.0.finish_passkey_registration(&answer, &state).map_err(refused)?);
        if credential.cred_id.len() > ID_BYTES_MAX {
            return Err(PasskeyError::Refused("its id is too long".into()));
        }
        let public_key = keys::public_key(&credential.cred).ok_or_else(|| PasskeyError::Refused("its algorithm".into()))?;
        Ok(Passkey {
            id: URL_SAFE_NO_PAD.encode(&credential.cred_id),
            label: String::new(),
            public_key,
            counter: credential.counter,
            is_synced: credential.backup_eligible,
            added_at: DateTime::UNIX_EPOCH,
        })
    }

    fn ask_for_signature(&self) -> Result<Asked, PasskeyError> {
        let (challenge, state) = self.0.start_discoverable_authentication().map_err(broken)?;
        Ok(Asked { options: public_key(&challenge)?, state: written(&state)? })
    }

    fn claimed(&self, answer: &Value) -> Result<(PrincipalId, String), PasskeyError> {
        let answer: PublicKeyCredential = answer_of(answer.clone())?;
        let (principal, id) = self.0.identify_discoverable_authentication(&answer).map_err(refused)?;
        Ok((PrincipalId(principal), URL_SAFE_NO_PAD.encode(id)))
    }

    fn verified(&self, state: &str, answer: Value, passkey: &Passkey) -> Result<u32, PasskeyError> {
        let state: DiscoverableAuthentication = read(state)?;
        let answer: PublicKeyCredential = answer_of(answer)?;
        let known = keys::credential(passkey).ok_or_else(|| PasskeyError::Broken("a stored passkey is not readable".into()))?;
        let result = self.0.finish_discoverable_authentication_v2(&answer, state, known).map_err(refused)?;
        Ok(result.counter())
    }
}

/// The part that `navigator.credentials` takes.
fn public_key(challenge: &impl serde::Serialize) -> Result<Value, PasskeyError> {
    let mut value = serde_json::to_value(challenge).map_err(|cause| PasskeyError::Broken(cause.to_string()))?;
    Ok(value["publicKey"].take())
}

fn written(state: &impl serde::Serialize) -> Result<String, PasskeyError> {
    serde_json::to_string(state).map_err(|cause| PasskeyError::Broken(cause.to_string()))
}

fn read<T: serde::de::DeserializeOwned>(state: &str) -> Result<T, PasskeyError> {
    serde_json::from_str(state).map_err(|cause| PasskeyError::Refused(format!("the state of the ceremony: {cause}")))
}

fn answer_of<T: serde::de::DeserializeOwned>(answer: Value) -> Result<T, PasskeyError> {
    serde_json::from_value(answer).map_err(|cause| PasskeyError::Refused(format!("it is not readable: {cause}")))
}

fn broken(cause: WebauthnError) -> PasskeyError {
    PasskeyError::Broken(cause.to_string())
}

fn refused(cause: WebauthnError) -> PasskeyError {
    PasskeyError::Refused(cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_has_a_name_and_asks_for_a_key_that_is_found_and_a_person_who_is_verified() {
        for (base, is_site) in [
            ("http://localhost:7700", true),
            ("https://brain.example.org", true),
            ("http://127.0.0.1:7700", false),
            ("http://[::1]:7700", false),
        ] {
            assert_eq!(SitePasskeys::at(&base.parse().expect("a URL")).is_some(), is_site, "{base}");
        }
        let site = SitePasskeys::at(&"https://brain.example.org".parse().expect("a URL")).expect("a site");
        let principal = PrincipalId(uuid::Uuid::from_u128(1));
        let asked = site.ask_for_new(Holder { principal, account: "ann", name: "Ann" }, &[]).expect("asked");
        let selection = &asked.options["authenticatorSelection"];
        assert_eq!((&selection["residentKey"], &selection["userVerification"]), (&json!("required"), &json!("required")));
        assert_eq!((&asked.options["rp"]["id"], &asked.options["attestation"]), (&json!("brain.example.org"), &json!("none")));
        let asked = site.ask_for_signature().expect("asked");
        assert_eq!((&asked.options["userVerification"], &asked.options["allowCredentials"]), (&json!("required"), &json!([])));
        assert!(asked.state.len() < 1_024, "a cookie holds it: {}", asked.state.len());
        assert!(matches!(site.made(&asked.state, json!({})), Err(PasskeyError::Refused(_))));
        assert!(matches!(site.claimed(&json!({"id": "x"})), Err(PasskeyError::Refused(_))));
    }
}
