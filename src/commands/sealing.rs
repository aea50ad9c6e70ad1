//! Sensitive memories on the write path: what is written is sealed last, what was read is opened first, and what is decided in between
//! knows neither. Called by `append` and by the commands of memories.

use super::{
    Commands, Error,
    append::{self, Load, Outcome},
};
use crate::{
    domain::decider::Decider,
    journal::{
        Envelope, Recorded,
        events::Storable,
        sealed::{self, Contents},
    },
    ports::data_keys::{DataKeys, Place, SealError},
};

impl Commands {
    fn data_keys(&self) -> Result<&dyn DataKeys, Error> {
        self.data_keys.as_deref().ok_or(Error::Sealing(SealError::NoDataKey))
    }

    /// The event as it may be written: with its contents sealed if it leaves a sensitive memory. Errors: `Sealing`, `Unavailable`.
    pub(super) async fn sealed(&self, mut event: Envelope) -> Result<Envelope, Error> {
        if !sealed::is_sensitive(&event) {
            return Ok(event);
        }
        let keys = self.data_keys()?;
        if sealed::has_become_sensitive(&event) {
            // Nothing can come between them and this event: it expects the newest of them.
            let (older, _) = self.past_of(&event.space, (&event.aggregate, &event.aggregate_id)).await?;
            event.data["older"] = serde_json::to_value(older).expect("places are numbers and times");
        }
        let contents = sealed::take(&mut event).to_bytes();
        let place = Place { space: &event.space, id: &event.aggregate_id, revision: event.revision };
        let text = keys.seal(place, &contents).await?;
        if event.command_hash != 0 {
            // An unkeyed number of a short text gives the text away to whoever tries some.
            event.command_hash = keys.keyed(&event.space, &event.aggregate_id, event.command_hash).await?;
        }
        sealed::put(&mut event, text);
        Ok(event)
    }

    /// The event with its contents. Errors: `Unavailable`; `Sealing` if they cannot be opened.
    async fn opened(&self, mut recorded: Recorded) -> Result<Recorded, Error> {
        let Some(text) = sealed::of(&recorded.event) else { return Ok(recorded) };
        let Recorded { event, .. } = &recorded;
        let place = Place { space: &event.space, id: &event.aggregate_id, revision: event.revision };
        let bytes = match self.data_keys()?.unseal(place, text).await {
            Ok(bytes) => bytes,
            Err(SealError::Away(cause)) => return Err(Error::Unavailable(cause)),
            Err(refused) => return Err(refused.into()),
        };
        let contents = Contents::from_bytes(&bytes).map_err(|_| SealError::Damaged)?;
        sealed::put_back(&mut recorded.event, contents);
        Ok(recorded)
    }

    pub(super) async fn state_of<D>(&self, newest: Option<&Recorded>) -> Result<D::State, Error>
    where
        D: Decider,
        D::Event: Storable,
    {
        match newest {
            Some(newest) if sealed::of(&newest.event).is_some() => {
                append::state_of::<D>(Some(&self.opened(newest.clone()).await?))
            }
            plain => append::state_of::<D>(plain),
        }
    }

    /// The state on which a command is decided. What is erased need not be opened, nor what is replaced if its key is lost: it was
    /// sensitive, and that is known without the key.
    pub(super) async fn state_before<D>(&self, load: &Load, newest: Option<&Recorded>) -> Result<D::State, Error>
    where
        D: Decider,
        D::Event: Storable,
    {
        if load.takes_all {
            return append::state_of::<D>(newest);
        }
        match self.state_of::<D>(newest).await {
            Err(Error::Sealing(SealError::NoDataKey | SealError::Damaged)) if load.replaces => append::state_of::<D>(newest),
            other => other,
        }
    }

    /// What a command has already brought about.
    pub(super) async fn outcome_of<D>(&self, found: Recorded) -> Result<Outcome<D::State>, Error>
    where
        D: Decider,
        D::Event: Storable,
    {
        let (revision, position) = (found.event.revision, found.seq);
        Ok(Outcome { state: self.state_of::<D>(Some(&found)).await?, revision, position, changed: true })
    }

    /// Whether the event was caused by the same request.
    pub(super) async fn asked_for(&self, load: &Load, caused: &Recorded) -> Result<bool, Error> {
        let Envelope { command_id, command_hash, .. } = caused.event;
        let wanted = load.number_under(command_id);
        if !sealed::is_sensitive(&caused.event) || wanted == 0 {
            return Ok(command_hash == wanted);
        }
        match self.data_keys()?.keyed(&load.space, &load.id, wanted).await {
            Ok(keyed) => Ok(command_hash == keyed),
            Err(SealError::Away(cause)) => Err(Error::Unavailable(cause)),
            Err(lost) => Err(lost.into()),
        }
    }
}
