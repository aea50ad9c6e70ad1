//! Who did what, by what and from where. Every change is an event, so the log is the audit; what was only read is not in it.

use std::sync::Arc;

use super::{Caller, Error, paging, sessions::Sessions};
use crate::{
    domain::{
        access::{Key, Principal},
        ids::{PrincipalId, StreamSeq, Timestamp},
        session::Session,
    },
    journal::{Envelope, Recorded, catalog},
    ports::{AccessDirectory, EventLog},
    queries::audit::{self, AuditQuery, LIMIT_DEFAULT, LIMIT_MAX, concerns},
};

/// The use case of audits.
pub struct Audit {
    pub log: Arc<dyn EventLog>,
    pub directory: Arc<dyn AccessDirectory>,
    pub sessions: Arc<Sessions>,
}

/// Which changes are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted<'a> {
    pub before: Option<u64>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub actor: Option<PrincipalId>,
    /// Names with commas, `key.*` for all of an aggregate; all when absent.
    pub types: Option<&'a str>,
    pub resource: Option<&'a str>,
    /// 1 to 1,000; 100 when absent.
    pub limit: Option<u32>,
}

/// One change, with what is known today of who made it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub recorded: Recorded,
    pub actor: Option<Arc<Principal>>,
    pub key: Option<Arc<Key>>,
    /// The session that they came in, while it holds.
    pub session: Option<Session>,
}

/// The newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Entries {
    pub entries: Vec<Entry>,
    /// Where the next page begins.
    pub before: Option<StreamSeq>,
}

impl Audit {
    /// The changes in the caller's space and to who may come in there; operators are shown as well what happened to any principal.
    /// Errors: `audit.bad_parameter`, `read.bad_limit`, `log.unavailable`.
    pub async fn entries(&self, caller: &Caller, wanted: Wanted<'_>) -> Result<Entries, Error> {
        let limit = paging::limit(wanted.limit, LIMIT_DEFAULT, LIMIT_MAX)? as usize;
        let Wanted { before, since, until, actor, types, resource, .. } = wanted;
        let types: Vec<String> =
            types.unwrap_or_default().split(',').map(str::trim).filter(|it| !it.is_empty()).map(Into::into).collect();
        let is_known = |pattern: &String| catalog::stored().any(|event| crate::journal::public::fits(pattern, event.name));
        if let Some(stranger) = types.iter().find(|pattern| !is_known(pattern)) {
            let detail = format!("types names {:?}, of which there are no events", super::error::short(stranger));
            return Err(Error::new("audit.bad_parameter", detail).at("types", None, None));
        }
        let (before, resource) = (before.map(StreamSeq), resource.map(str::to_owned));
        let query = AuditQuery { before, since, until, actor, types, resource, limit };
        let is_operator = caller.is_operator();
        let is_visible = |event: &Envelope| {
            concerns(caller.space(), event) || (is_operator && event.space.is_sys() && event.aggregate == catalog::PRINCIPAL)
        };
        let page = audit::ask(&*self.log, &query, is_visible).await?;
        Ok(Entries { entries: page.events.into_iter().map(|recorded| self.entry(recorded)).collect(), before: page.before })
    }

    fn entry(&self, recorded: Recorded) -> Entry {
        let via = recorded.event.via.as_ref();
        let key = via.and_then(|via| self.directory.key(via.key?));
        let session = via.and_then(|via| self.sessions.get(via.session?));
        Entry { actor: self.directory.principal(recorded.event.actor), key, session, recorded }
    }
}
