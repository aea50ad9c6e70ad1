//! Applies `min_position` and read-your-own-writes to a read. Called by the handlers that read; answers nothing itself.

use super::{ApiState, auth::Identity, error::Problem};
use crate::{
    domain::ids::StreamSeq,
    queries::freshness::{Freshness, settle},
};

/// Waits until the projection is as new as the caller may expect.
pub async fn wait_for(state: &ApiState, identity: &Identity, projection: &str, min_position: Option<u64>) -> Result<(), Problem> {
    let wish =
        Freshness { min_position: min_position.map(StreamSeq), acknowledged: state.commands.acknowledged(identity.0.principal) };
    Ok(settle(projection, wish, &*state.positions, &*state.log).await?)
}
