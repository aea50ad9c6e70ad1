//! Which memories are deleted or erased: by their ids, by filters, or all. The arguments that `brain rm` and `brain erase` share.

use anyhow::bail;
use serde_json::Value;
use uuid::Uuid;

use super::{Usage, filters::Conditions};
use crate::api::v1::dto::delete::DeleteInput;

#[derive(clap::Args)]
pub struct Which {
    /// Their ids; none where filters say which are meant
    pub ids: Vec<Uuid>,
    #[command(flatten)]
    conditions: Conditions,
    /// Every memory of the space, in place of ids and filters
    #[arg(long)]
    all: bool,
    /// Change nothing; show how many memories it would be, and the newest of them
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask whether it is meant
    #[arg(long, short)]
    pub yes: bool,
}

impl Which {
    /// What the server is asked for where filters or `--all` say which are meant, so many memories a call; `None` where ids do.
    /// Errors: neither do, or both.
    pub fn asked(&self, limit: u32) -> anyhow::Result<Option<DeleteInput>> {
        let filter = self.conditions.clone().filter();
        if !self.ids.is_empty() {
            if self.all || !filter.is_empty() || self.dry_run {
                bail!(Usage("memories are meant by their ids, or by filters or --all, of which --dry-run can be asked".into()));
            }
            return Ok(None);
        }
        if self.all != filter.is_empty() {
            bail!(Usage("say which memories: ids, or filters such as --tag draft, or --all alone for every memory".into()));
        }
        let filters = (!self.all).then(|| Value::from(filter));
        Ok(Some(DeleteInput { filters, all: self.all, limit: Some(limit), ..DeleteInput::default() }))
    }
}
