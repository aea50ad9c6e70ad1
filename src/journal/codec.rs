//! Envelope ⇄ bytes. Called where the log is written and read. MessagePack with named fields, ids and times as text,
//! so that the stored form is what the JSON Schemas say.

use serde::{Deserialize, Serialize};

use super::{envelope::Envelope, upcast};

/// The bytes in the log are not an event that this program knows. Permanent: reading again does not help.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot write the event as MessagePack")]
    Encode(#[source] rmp_serde::encode::Error),
    #[error("the stored bytes are not an event envelope")]
    Decode(#[source] rmp_serde::decode::Error),
    #[error(transparent)]
    Upcast(#[from] upcast::Error),
}

/// Errors: `Encode` for data that MessagePack cannot hold.
pub fn encode(event: &Envelope) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(1024);
    let mut writer = rmp_serde::Serializer::new(&mut bytes).with_struct_map().with_human_readable();
    event.serialize(&mut writer).map_err(Error::Encode)?;
    Ok(bytes)
}

/// Reads an envelope and lifts its data to the newest version of its event.
pub fn decode(bytes: &[u8]) -> Result<Envelope, Error> {
    let mut reader = rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable();
    let event = Envelope::deserialize(&mut reader).map_err(Error::Decode)?;
    Ok(upcast::lift(event)?)
}
