//! How an arm comes to its candidates: it ranks exactly what qualifies while that is a manageable number, else it is asked for more and
//! more until enough of what it names may be shown. Used by both arms; knows neither.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::OnceCell;

use crate::{
    domain::ids::{MemoryId, SpaceId},
    ports::{EXACT_ROWS_MAX, Filter, Hit, Neighbour, QueryError, SearchReads, TextHash},
};

/// Those who may be shown, if they are few; `None` when there is no filter, or too many pass it.
pub type Few = Option<Arc<[MemoryId]>>;

/// What an arm names.
pub trait Named {
    fn id(&self) -> MemoryId;
    /// Whether it stands for the text that the memory has now.
    fn is_of(&self, text: TextHash) -> bool;
}

impl Named for Hit {
    fn id(&self) -> MemoryId {
        self.id
    }

    /// The index has the newest text by itself.
    fn is_of(&self, _: TextHash) -> bool {
        true
    }
}

impl Named for Neighbour {
    fn id(&self) -> MemoryId {
        self.id
    }

    fn is_of(&self, text: TextHash) -> bool {
        self.text == text
    }
}

/// One search's wish, shared by its arms.
pub struct Candidates<'a> {
    pub space: &'a SpaceId,
    pub filter: &'a Filter,
    pub reads: &'a dyn SearchReads,
    /// How many each arm ranks.
    pub depth: usize,
    few: OnceCell<Few>,
}

impl<'a> Candidates<'a> {
    pub fn new(space: &'a SpaceId, filter: &'a Filter, reads: &'a dyn SearchReads, depth: usize) -> Self {
        Self { space, filter, reads, depth, few: OnceCell::new() }
    }

    /// Looked up once for both arms.
    async fn few(&self) -> Result<Few, QueryError> {
        let look = async || {
            if self.filter.is_none() {
                return Ok(None);
            }
            let ids = self.reads.qualifying(self.space, self.filter, EXACT_ROWS_MAX + 1).await?;
            Ok((ids.len() <= EXACT_ROWS_MAX).then(|| ids.into()))
        };
        self.few.get_or_try_init(look).await.cloned()
    }

    /// The best that `ask` names among the few that it is given, or among all; it is told how many to name, best first. `knows_living`
    /// says that it names only memories that live, with the text that they have.
    pub async fn best<T: Named, W, E: From<QueryError>>(
        &self,
        knows_living: bool,
        ask: impl AsyncFn(Few, usize) -> Result<(Vec<T>, W), E>,
    ) -> Result<(Vec<T>, W), E> {
        let few = self.few().await?;
        let is_narrow = self.filter.is_none() || few.is_some();
        if knows_living && is_narrow {
            return ask(few, self.depth).await;
        }
        // Where nobody is kept out by a filter, few are kept out at all.
        let mut fetch = if is_narrow { self.depth + self.depth / 4 } else { self.depth * 2 };
        loop {
            let (found, with) = ask(few.clone(), fetch).await?;
            let is_exhausted = found.len() < fetch;
            let ids: Vec<MemoryId> = found.iter().map(Named::id).collect();
            let passing = self.reads.passing(self.space, &ids, self.filter).await?;
            let passing: HashMap<MemoryId, TextHash> = passing.into_iter().collect();
            let stands = |one: &T| passing.get(&one.id()).is_some_and(|text| one.is_of(*text));
            let mut kept: Vec<T> = found.into_iter().filter(stands).collect();
            if is_exhausted || kept.len() >= self.depth {
                kept.truncate(self.depth);
                return Ok((kept, with));
            }
            fetch *= 2;
        }
    }
}
