//! The list's cursor: the key of the last row seen, bound to the filters it was made for.
//!
//! Called by the list of memories. Holds no position of a projection, so that it survives rebuilds.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    app::Error,
    domain::ids::{MemoryId, SpaceId, Timestamp},
    ports::ListQuery,
};

#[derive(Serialize, Deserialize)]
struct Cursor {
    key: (Timestamp, MemoryId),
    filters: String,
}

pub fn encode(key: (Timestamp, MemoryId), space: &SpaceId, query: &ListQuery) -> String {
    let cursor = Cursor { key, filters: fingerprint(space, query) };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).expect("an instant, an id and a text always serialise"))
}

/// Errors: `list.bad_cursor` when it is no cursor, or one of other filters or another space.
pub fn decode(text: &str, space: &SpaceId, query: &ListQuery) -> Result<(Timestamp, MemoryId), Error> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let cursor = bytes.and_then(|bytes| serde_json::from_slice::<Cursor>(&bytes).ok());
    let bad = |detail: &str| Error::new("list.bad_cursor", detail).at("cursor", None, None);
    let cursor = cursor.ok_or_else(|| bad("this is no cursor of ours"))?;
    if cursor.filters != fingerprint(space, query) {
        return Err(bad("this cursor belongs to a list with other filters"));
    }
    Ok(cursor.key)
}

/// The first 64 bits of the SHA-256 of everything that chooses rows; the page size does not.
fn fingerprint(space: &SpaceId, query: &ListQuery) -> String {
    let chosen = (space, &query.memory_type, &query.tag, &query.user_id, &query.agent_id, &query.run_id, query.at);
    let text = serde_json::to_vec(&chosen).expect("texts always serialise");
    Sha256::digest(&text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_cursor_fits_its_own_filters_only() {
        let (space, key) = (SpaceId::default_space(), (DateTime::UNIX_EPOCH, MemoryId(Uuid::nil())));
        let query = ListQuery { limit: 5, tag: Some("a".into()), ..ListQuery::default() };
        let text = encode(key, &space, &query);
        assert_eq!(decode(&text, &space, &ListQuery { limit: 9, ..query.clone() }).unwrap(), key);
        let other = ListQuery { tag: Some("b".into()), ..query.clone() };
        for (text, space, query) in [(&*text, &space, &other), (&*text, &SpaceId::sys(), &query), ("%", &space, &query)] {
            assert_eq!(decode(text, space, query).unwrap_err().code, "list.bad_cursor");
        }
    }
}
