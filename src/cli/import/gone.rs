//! What an earlier import of the same folder wrote and this one did not find again. Called after an import; deletes only if told to.

use std::collections::HashSet;

use futures::{StreamExt, TryStreamExt, stream};
use reqwest::Method;
use serde::Serialize;
use uuid::Uuid;

use super::{REQUESTS_IN_FLIGHT_MAX, source::Scope};
use crate::{
    api::dto::{MemoryPage, MemoryView},
    cli::client::{Connection, Error},
};

/// Memories asked for at once: the most that a list gives.
const PAGE_ROWS: u32 = 200;

/// A memory whose place in the user's files has vanished.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Gone {
    /// Path below the import root.
    pub file: String,
    pub id: Uuid,
    /// Its first words, by which a person knows it.
    pub excerpt: String,
}

/// The living memories of the scope that this import did not produce, in the order of their files.
pub async fn find(connection: &Connection, scope: &Scope, produced: &HashSet<Uuid>) -> Result<Vec<Gone>, Error> {
    let mut gone = Vec::new();
    let add = |rows: Vec<MemoryView>| {
        gone.extend(rows.into_iter().filter(|memory| !produced.contains(&memory.id)).filter_map(|memory| {
            let file = scope.file_of(memory.source.uri.as_deref()?)?.to_owned();
            let excerpt = memory.content.split_whitespace().take(8).collect::<Vec<_>>().join(" ");
            Some(Gone { file, id: memory.id, excerpt })
        }));
    };
    connection.pages::<MemoryPage>("/api/v1/memories", &[("limit", PAGE_ROWS.to_string())], add).await?;
    gone.sort();
    Ok(gone)
}

/// Deletes them; a memory that somebody else deleted meanwhile is as good.
pub async fn prune(connection: &Connection, gone: &[Gone]) -> Result<(), Error> {
    let delete = |gone: &Gone| connection.request(Method::DELETE, &format!("/api/v1/memories/{}", gone.id)).send();
    let deletes = stream::iter(gone.iter().map(delete).collect::<Vec<_>>()).buffer_unordered(REQUESTS_IN_FLIGHT_MAX);
    deletes.try_for_each(async |_| Ok(())).await
}
