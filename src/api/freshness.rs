//! Applies `min_position` and read-your-own-writes to a read of memories. Called by the handlers that read; answers nothing itself.

use super::{ApiState, auth::Identity, error::Problem};
use crate::{
    domain::ids::StreamSeq,
    queries::{
        MEMORIES,
        freshness::{Freshness, settle},
    },
};

/// Waits until the read model is as new as the caller may expect.
pub async fn wait(state: &ApiState, identity: &Identity, min_position: Option<u64>) -> Result<(), Problem> {
    let wish =
        Freshness { min_position: min_position.map(StreamSeq), acknowledged: state.commands.acknowledged(identity.0.principal) };
    Ok(settle(MEMORIES, wish, &*state.positions, &*state.log).await?)
}
