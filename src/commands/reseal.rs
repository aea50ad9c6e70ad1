//! The command that seals what a webhook keeps anew, under the version of the master key that seals now. Called when versions are rotated;
//! what the endpoint's owner sees stays as it is.

use super::{
    Actor, CommandKey, Commands, Error, IfMatch,
    append::{self, Load},
};
use crate::{
    domain::{
        ids::{CommandId, PrincipalId, SpaceId},
        webhook::{self, Asymmetric, Rejection, Secret, Webhook, WebhookDecider},
    },
    ports::webhooks::{Vault, VaultError, WebhookRecord},
};

impl Commands {
    /// Seals the secrets and header values of a webhook anew; answers whether that changed anything. Nothing is done, and `false` answered,
    /// where somebody was faster or has deleted it.
    /// Errors: see [`Error`]; `Vault` where something of it does not open.
    pub async fn reseal_webhook(&self, space: &SpaceId, record: &WebhookRecord, vault: &dyn Vault) -> Result<bool, Error> {
        let WebhookRecord { id, revision, webhook } = record;
        let bound_to = |field: &str| webhook::associated_data(space, *id, field);
        let again = |field: &str, sealed: &str| {
            let bound_to = bound_to(field);
            vault.seal(&bound_to, &vault.unseal(&bound_to, sealed)?)
        };
        let resealed = resealed(webhook, again)?;
        let (at, actor) = (self.clock.now(), PrincipalId(uuid::Uuid::nil()));
        let key = format!("reseal webhook {id} {revision} {}", at.timestamp_micros());
        let key = CommandKey { seed: CommandId::keyed(space, actor, &key), fresh: true };
        let (actor, of) = (Actor::within(space.clone(), actor), ("webhook", id.to_string()));
        let if_match = Some(IfMatch::OneOf(vec![*revision]));
        let load = Load { if_match, ..Load::new(actor, of, (key, "reseal"), at) };
        match append::run::<WebhookDecider, _>(self, &load, || resealed.clone(), Error::Webhook).await {
            Ok(outcome) => Ok(outcome.changed),
            Err(Error::Webhook(Rejection::Deleted | Rejection::NotFound) | Error::PreconditionFailed { .. }) => Ok(false),
            Err(cause) => Err(cause),
        }
    }
}

fn resealed(webhook: &Webhook, again: impl Fn(&str, &str) -> Result<String, VaultError>) -> Result<webhook::Command, VaultError> {
    let header = |(name, sealed): (&String, &String)| Ok((name.clone(), again(&format!("headers/{name}"), sealed)?));
    let secret = |secret: &Secret| {
        let asymmetric = match &secret.asymmetric {
            Some(key) => Some(Asymmetric { sealed: again("asymmetric", &key.sealed)?, public: key.public.clone() }),
            None => None,
        };
        Ok(Secret { sealed: again("secret", &secret.sealed)?, asymmetric, ..secret.clone() })
    };
    let headers = webhook.config.headers.iter().map(header).collect::<Result<_, VaultError>>()?;
    let secrets = webhook.secrets.iter().map(secret).collect::<Result<_, VaultError>>()?;
    Ok(webhook::Command::Reseal { headers, secrets })
}
