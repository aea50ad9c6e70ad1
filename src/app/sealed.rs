//! What browsers and clients keep for us between two calls: sealed for one purpose, so that it says what we have written and opens nowhere else.
//! Called by logins and by the code flow.

use serde::{Serialize, de::DeserializeOwned};

use super::Error;
use crate::ports::webhooks::Vault;

/// Errors: `secrets.no_master_key`.
pub fn sealed(vault: &dyn Vault, place: &str, it: &impl Serialize) -> Result<String, Error> {
    let text = serde_json::to_vec(it);
    let text = text.map_err(|cause| Error::new("internal", "what is handed out cannot be written").logged(&cause))?;
    Ok(vault.seal(place, &text)?)
}

/// `None` for what we have not sealed, or for another purpose.
pub fn opened<T: DeserializeOwned>(vault: &dyn Vault, place: &str, sealed: &str) -> Option<T> {
    serde_json::from_slice(&vault.unseal(place, sealed).ok()?).ok()
}
