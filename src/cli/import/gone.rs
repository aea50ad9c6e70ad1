//! What an earlier import of the same files wrote and this one did not find again. Called after an import; deletes only if told to.

use std::collections::HashSet;

use futures::{StreamExt, TryStreamExt, stream};
use reqwest::Method;
use serde::Serialize;
use uuid::Uuid;

use super::{REQUESTS_IN_FLIGHT_MAX, existing::Existing, root::Root};
use crate::cli::client::{Connection, Error};

/// So many may vanish without a question.
const GONE_MAX: usize = 10;

/// A memory whose place in the user's files has vanished.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Gone {
    /// Path below the import root.
    pub file: String,
    pub id: Uuid,
    /// Its first words, by which a person knows it.
    pub excerpt: String,
}

/// Which memories of the server an import answers for: those that it, or an earlier one like it, wrote.
pub struct Scope<'a> {
    pub root: &'a Root,
    /// The file or folder below the root that was imported; empty for all of it.
    pub wanted: &'a str,
    /// Files that could not be read: nobody knows what they hold now.
    pub unread: &'a HashSet<String>,
}

impl Scope<'_> {
    /// The path below the root of a memory that the import answers for.
    fn file_of(&self, name: &str, file: &str) -> Option<String> {
        let file = self.root.file_of(name, file)?;
        let below = file.strip_prefix(self.wanted);
        let is_wanted = self.wanted.is_empty() || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        (is_wanted && !self.unread.contains(&file)).then_some(file)
    }

    /// The memories of the scope that this import did not produce, in the order of their files.
    pub fn gone(&self, existing: &Existing, produced: &HashSet<Uuid>) -> Vec<Gone> {
        let gone = existing.memories.iter().filter(|(id, _)| !produced.contains(id)).filter_map(|(id, known)| {
            let (name, file) = known.source.as_ref()?;
            Some(Gone { file: self.file_of(name, file)?, id: *id, excerpt: known.excerpt.clone() })
        });
        let mut gone: Vec<Gone> = gone.collect();
        gone.sort();
        gone
    }
}

/// Why so many are not deleted without a word of the person; `None` if they are few. `kept` is how many the import has found.
pub fn doubt(gone: usize, kept: usize) -> Option<String> {
    let all = gone + kept;
    let is_much = (kept == 0 && gone > 0) || (gone > GONE_MAX && gone * 3 > all);
    is_much.then(|| format!("not deleted: that is {gone} of {all} memories; --yes deletes them"))
}

/// Deletes them; a memory that somebody else deleted meanwhile is as good.
pub async fn prune(connection: &Connection, gone: &[Gone]) -> Result<(), Error> {
    let delete = |gone: &Gone| connection.request(Method::DELETE, &format!("/api/v1/memories/{}", gone.id)).send();
    let deletes = stream::iter(gone.iter().map(delete).collect::<Vec<_>>()).buffer_unordered(REQUESTS_IN_FLIGHT_MAX);
    deletes.try_for_each(async |_| Ok(())).await
}

#[cfg(test)]
mod tests {
    use super::{super::existing::tests::*, *};

    #[test]
    fn an_import_answers_for_its_own_part() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("vault");
        std::fs::create_dir_all(path.join("people")).unwrap();
        let root = Root::find(&path, None, "h", &Existing::default()).unwrap();
        let views = [("a.md", 1), ("people/b.md", 2), ("people/c.md", 3), ("people2/d.md", 4)]
            .map(|(file, id)| view(id, "vault", file, "x y", None));
        let mut views = views.to_vec();
        views.push(view(5, "other", "people/e.md", "z", None));
        let (existing, unread) = (holding(views), HashSet::from(["people/c.md".to_owned()]));
        let gone = |wanted: &str, produced: &[u128]| {
            let produced = produced.iter().map(|id| Uuid::from_u128(*id)).collect();
            let scope = Scope { root: &root, wanted, unread: &unread };
            scope.gone(&existing, &produced).into_iter().map(|gone| gone.file).collect::<Vec<_>>()
        };
        assert_eq!(gone("", &[1]), ["people/b.md", "people2/d.md"]);
        assert_eq!(gone("people", &[]), ["people/b.md"]);
        assert_eq!(gone("people/b.md", &[2]), [""; 0]);
    }

    #[test]
    fn a_third_or_all_wants_a_word() {
        assert!(doubt(1, 0).is_some() && doubt(11, 20).is_some());
        assert!(doubt(0, 0).is_none() && doubt(1, 1).is_none() && doubt(10, 1).is_none() && doubt(11, 30).is_none());
    }
}
