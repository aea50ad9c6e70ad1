//! What clients do with relationships between memories.

use std::sync::Arc;

use super::{
    Caller, Error, Kept, Reading, Render, When, WriteOptions, Writing,
    cached::{self, Question},
    error::short,
    paging,
};
use crate::{
    commands::{Done, RelationshipAction, Request},
    domain::{
        ids::{MemoryId, RelationshipId},
        relationship::RelationshipType,
    },
    ports::{
        GraphReads, RelationshipQuery, RelationshipRecord,
        cache::{Answer, Dep},
    },
    queries::{
        EDGE_HISTORY, GRAPH, MEMORY_HISTORY,
        relationships::{self, LIMIT_DEFAULT, LIMIT_MAX},
    },
};

/// The use cases of relationships.
pub struct Relationships {
    pub reading: Arc<Reading>,
    pub writing: Arc<Writing>,
    pub graph: Arc<dyn GraphReads>,
}

/// Which relationships a list shows, and where it goes on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filters {
    /// 1 to 1,000; 50 when absent.
    pub limit: Option<u32>,
    /// The last one of the page before.
    pub after: Option<RelationshipId>,
    pub source: Option<MemoryId>,
    pub target: Option<MemoryId>,
    pub relationship_type: Option<RelationshipType>,
}

/// A page of living relationships between living memories, in the order of their ids.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    pub relationships: Vec<RelationshipRecord>,
    /// The last one of this page, if there are more behind it.
    pub next: Option<RelationshipId>,
}

impl Relationships {
    /// Creates, changes or deletes a relationship, as the action says.
    /// Errors: those of the domain, `auth.scope_missing`, and that the log does not take it.
    pub async fn change(
        &self,
        caller: &Caller,
        options: WriteOptions,
        id: RelationshipId,
        action: RelationshipAction,
    ) -> Result<Done<RelationshipRecord>, Error> {
        if let RelationshipAction::Create { created_at, .. } | RelationshipAction::Put { created_at, .. } = &action {
            caller.may_date(*created_at)?;
        }
        let key = self.writing.command_key(caller, options.idempotency_key.as_deref());
        let request = Request { actor: caller.actor(), key, id, if_match: options.if_match, action };
        Ok(self.writing.commands.relationship(request).await?)
    }

    /// One relationship. Errors: `relationship.not_found`, `relationship.deleted`, and those of waiting.
    pub async fn get<R: Render<RelationshipRecord>>(
        &self,
        caller: &Caller,
        id: RelationshipId,
        when: When<'_>,
        render: &R,
    ) -> Result<Kept, Error> {
        let space = caller.space();
        let question = Question::new("relationship", &id, &[GRAPH], when).with_past(&[EDGE_HISTORY]);
        let ask = async |at| match self.graph.relationship(space, id, at).await? {
            None => Err(Error::new("relationship.not_found", "there is no relationship with this id")),
            Some(record) if record.relationship.deleted_at.is_some() => {
                Err(Error::new("relationship.deleted", "the relationship is deleted; create it again"))
            }
            Some(record) => {
                let revision = Some(record.revision);
                Ok(Answer { revision, ..cached::answer(render, record, vec![Dep::relationship(space, id)])? })
            }
        };
        self.reading.serve(caller, R::NAME, question, ask).await
    }

    /// A page of them. Errors: `read.bad_limit`, and those of waiting.
    pub async fn list<R: Render<Listing>>(
        &self,
        caller: &Caller,
        filters: Filters,
        when: When<'_>,
        render: &R,
    ) -> Result<Kept, Error> {
        let limit = paging::limit(filters.limit, LIMIT_DEFAULT, LIMIT_MAX)?;
        let Filters { after, source, target, relationship_type, .. } = filters;
        let listed = RelationshipQuery { limit, after, source, target, relationship_type, at: None };
        let space = caller.space();
        let question = Question::new("relationships", &listed, &[GRAPH], when).with_past(&[EDGE_HISTORY, MEMORY_HISTORY]);
        let ask = async |at| {
            let query = RelationshipQuery { at, ..listed.clone() };
            let (relationships, next) = relationships::ask(space, &query, &*self.graph).await?;
            // Those of one memory come and go with it; all others with any.
            let around = source.or(target).map_or(Dep::edges(space), |end| Dep::node(space, end));
            cached::answer(render, Listing { relationships, next }, vec![around, Dep::lifecycle(space)])
        };
        self.reading.serve(caller, R::NAME, question, ask).await
    }
}

/// A type by its name. Errors: `relationship.type_unknown`.
pub fn relationship_type(text: &str) -> Result<RelationshipType, Error> {
    RelationshipType::parse(text).ok_or_else(|| {
        let allowed = RelationshipType::ALL.map(RelationshipType::as_str);
        let detail = format!("a relationship's type is one of {}", allowed.join(", "));
        let (allowed, given) = (Some(allowed.to_vec().into()), Some(short(text).into()));
        Error::new("relationship.type_unknown", detail).at("relationship_type", allowed, given)
    })
}
