//! Which folder an import's paths begin at, and by which name the server knows it. Called by `brain import`; asks nobody.
//!
//! Two folders of one name must never write over each other, and a part of a folder must give the memories that the whole gives. So the
//! root is looked for upwards (a vault, an earlier import), and a name that another folder has is refused until the person names one.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use unicode_normalization::UnicodeNormalization;

use super::{
    existing::{Existing, Import, Origin, content_print},
    names::Habits,
    source::Item,
    walk::relative,
};

/// Fewest memories by which a folder of another name is known again, if not all are the same.
const SAME_MIN: usize = 3;

/// The folder imported from.
#[derive(Clone, Debug, PartialEq)]
pub struct Root {
    pub path: PathBuf,
    /// Its name is a part of each id.
    pub name: String,
    pub origin: Origin,
    pub habits: Habits,
    /// Whether the folder as a whole is an import, so that links to all of its notes mean something.
    pub is_whole: bool,
    /// Folders below it that were imported by another name before: their memories keep it.
    pub inner: Vec<(String, Origin, String)>,
}

/// Why an import has to be asked for again with its name.
pub type Doubt = String;

impl Root {
    /// Finds the root of what is at `path`, which is canonical. Errors: the person has to say which name is meant.
    pub fn find(path: &Path, given: Option<&str>, host: &str, existing: &Existing) -> Result<Self, Doubt> {
        let imports = existing.imports();
        let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
        let known = known_root(folder, host, &imports);
        let vault = folder.ancestors().find(|folder| is_vault(folder));
        let (root, name) = match (given, known) {
            (Some(given), Some((root, names))) if names.contains(&given) => (root, given.to_owned()),
            (Some(given), _) => (vault.unwrap_or(folder).to_owned(), given.to_owned()),
            (None, Some((root, names))) if vault.is_none_or(|vault| root.starts_with(vault)) => {
                let base = base_name(&root, &imports);
                let name = one_of(&names, &base).ok_or_else(|| {
                    format!(
                        "{} was imported by several names: say with --name which of {} is meant",
                        root.display(),
                        names.join(", ")
                    )
                })?;
                (root, name)
            }
            _ => {
                let root = vault.filter(|vault| imports.contains_key(base_name(vault, &imports).as_str()));
                let root = root.or_else(|| unmarked_root(folder, &imports)).or(vault).unwrap_or(folder);
                (root.to_owned(), base_name(root, &imports))
            }
        };
        let habits = habits(&root);
        let is_folder = path.is_dir();
        let is_whole =
            is_folder || vault.is_some() || imports.get(name.as_str()).is_some_and(|import| has_folder(import, host, &root));
        let origin = Origin { host: host.to_owned(), root: root.to_string_lossy().into_owned(), single: !is_whole };
        let inner = inner_roots(&root, &name, host, &imports);
        Ok(Self { path: root, name, origin, habits, is_whole, inner })
    }

    /// The import, the origin and the path of a file below the root.
    pub fn owner<'a>(&'a self, file: &'a str) -> (&'a str, &'a Origin, &'a str) {
        let below = |folder: &str| file.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
        let inner = self.inner.iter().filter_map(|(folder, origin, name)| Some((name.as_str(), origin, below(folder)?)));
        inner.min_by_key(|(_, _, rest)| rest.len()).unwrap_or((&self.name, &self.origin, file))
    }

    /// The path below the root of a file of an import that is read here.
    pub fn file_of(&self, name: &str, file: &str) -> Option<String> {
        if name == self.name {
            return Some(file.to_owned());
        }
        self.inner.iter().find(|(_, _, inner)| inner == name).map(|(folder, _, _)| format!("{folder}/{file}"))
    }

    /// Why this may be another folder than the one that the name belongs to; `None` if it is the same, or new.
    pub fn doubt(&self, items: &[Item], existing: &Existing) -> Option<Doubt> {
        let imports = existing.imports();
        let Some(import) = imports.get(self.name.as_str()) else { return self.seen_by_another_name(items, existing, &imports) };
        if import.origins.iter().any(|origin| origin.is_folder(&self.origin.host, &self.origin.root)) {
            return None;
        }
        let is_like = match import.origins.iter().find(|origin| origin.root == self.origin.root) {
            // A container has a new name each time; what it holds tells.
            Some(_) => self.is_mostly(items, existing),
            None => import.origins.is_empty() && import.files.iter().any(|file| self.path.join(file).exists()),
        };
        let from =
            import.origins.iter().min().map_or_else(|| "another folder".to_owned(), |it| format!("{} on {}", it.root, it.host));
        let (name, here) = (&self.name, self.path.display());
        (!is_like).then(|| {
            format!(
                "the import {name:?} in this brain comes from {from}, and this is {here}: --name {name} if it is the same folder, \
                 which has moved, else --name with a name of its own"
            )
        })
    }

    /// Whether most of what the server holds of this import is here, and most of what is here is held.
    fn is_mostly(&self, items: &[Item], existing: &Existing) -> bool {
        let held =
            existing.memories.values().filter(|known| known.source.as_ref().is_some_and(|(name, _)| *name == self.name)).count();
        let is_same = |item: &&Item| {
            existing.memories.get(&item.id).is_some_and(|it| it.content_print == content_print(&item.input.content))
        };
        let same = items.iter().filter(is_same).count();
        same * 2 >= held && same * 2 >= items.len() && same > 0
    }

    /// A folder that was renamed, or copied: most of its notes are there, from files of the same paths.
    fn seen_by_another_name(&self, items: &[Item], existing: &Existing, imports: &BTreeMap<&str, Import>) -> Option<Doubt> {
        let mut same: BTreeMap<&str, usize> = BTreeMap::new();
        let mut held = std::collections::HashSet::new();
        for known in existing.memories.values() {
            if let Some((name, file)) = &known.source {
                held.insert((name.as_str(), file.as_str(), known.content_print));
            }
        }
        for item in items.iter().filter(|item| item.is_ours) {
            let print = content_print(&item.input.content);
            for name in imports.keys().filter(|name| held.contains(&(**name, item.file.as_str(), print))) {
                *same.entry(name).or_default() += 1;
            }
        }
        let (other, count) = same.into_iter().max_by_key(|(_, count)| *count)?;
        let is_same = count == items.len() || (count >= SAME_MIN && count * 2 >= items.len());
        let from = imports[other].origins.iter().min().map_or_else(String::new, |it| format!(" from {} on {}", it.root, it.host));
        let name = &self.name;
        is_same.then(|| {
            format!(
                "{count} of these {} memories are in this brain already, as the import {other:?}{from}: --name {other} goes on with it, \
                 --name {name} makes a second set",
                items.len()
            )
        })
    }
}

/// The name of this machine.
pub fn host() -> String {
    let kept = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let asked = || {
        let output = std::process::Command::new("uname").arg("-n").output().ok()?;
        String::from_utf8(output.stdout).ok()
    };
    kept.or_else(asked).map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}

/// The nearest folder upwards that an earlier import on this machine had as its root, and the names that it has.
fn known_root<'a>(folder: &Path, host: &str, imports: &BTreeMap<&'a str, Import>) -> Option<(PathBuf, Vec<&'a str>)> {
    folder.ancestors().find_map(|folder| {
        let names: Vec<&str> =
            imports.iter().filter(|(_, import)| has_folder(import, host, folder)).map(|(name, _)| *name).collect();
        (!names.is_empty()).then(|| (folder.to_owned(), names))
    })
}

fn has_folder(import: &Import, host: &str, folder: &Path) -> bool {
    import.origins.iter().any(|it| !it.single && it.is_folder(host, &folder.to_string_lossy()))
}

/// The root of an import of a time when no root was written down: its name is the folder's, and its files are there.
fn unmarked_root<'a>(folder: &'a Path, imports: &BTreeMap<&str, Import>) -> Option<&'a Path> {
    folder.ancestors().find(|root| {
        let import = imports.get(base_name(root, imports).as_str()).filter(|import| import.origins.is_empty());
        import
            .is_some_and(|import| import.files.iter().any(|file| root.join(file).starts_with(folder) && root.join(file).exists()))
    })
}

fn inner_roots(root: &Path, name: &str, host: &str, imports: &BTreeMap<&str, Import>) -> Vec<(String, Origin, String)> {
    let mut inner = Vec::new();
    for (other, import) in imports.iter().filter(|(other, _)| **other != name) {
        for origin in import.origins.iter().filter(|it| !it.single && it.host == host) {
            let path = Path::new(&origin.root);
            if path != root && path.starts_with(root) {
                inner.push((relative(root, path).nfc().collect(), origin.clone(), (*other).to_owned()));
            }
        }
    }
    inner
}

fn one_of(names: &[&str], base: &str) -> Option<String> {
    match names {
        [name] => Some((*name).to_owned()),
        names => names.iter().find(|name| **name == base).map(|name| (*name).to_owned()),
    }
}

/// The folder's own name, in its normal form unless an earlier import has the other one.
fn base_name(folder: &Path, imports: &BTreeMap<&str, Import>) -> String {
    let raw = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name: String = raw.nfc().collect();
    if imports.contains_key(raw.as_str()) && !imports.contains_key(name.as_str()) { raw } else { name }
}

fn is_vault(folder: &Path) -> bool {
    let habits = habits(folder);
    habits.obsidian || habits.logseq
}

fn habits(folder: &Path) -> Habits {
    let has = |name: &str| folder.join(name).is_dir();
    let logseq = folder.join("logseq/config.edn").is_file() || (has("logseq") && (has("pages") || has("journals")));
    Habits { obsidian: has(".obsidian"), logseq }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{super::existing::tests::*, *};

    const HOST: &str = "laptop";

    fn origin(root: &Path) -> Origin {
        Origin { host: HOST.into(), root: root.to_string_lossy().into_owned(), single: false }
    }

    fn folders(names: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        names.iter().for_each(|name| fs::create_dir_all(path.join(name)).unwrap());
        (folder, path)
    }

    fn find(path: &Path, name: Option<&str>, existing: &Existing) -> (PathBuf, String) {
        let root = Root::find(path, name, HOST, existing).unwrap();
        (root.path, root.name)
    }

    #[test]
    fn a_root_is_found_upwards() {
        let (_kept, top) = folders(&["vault/.obsidian", "vault/people", "graph/logseq", "graph/pages", "plain/deep"]);
        let none = Existing::default();
        assert_eq!(find(&top.join("vault/people"), None, &none), (top.join("vault"), "vault".into()));
        assert_eq!(find(&top.join("graph/pages"), None, &none), (top.join("graph"), "graph".into()));
        assert_eq!(find(&top.join("plain/deep"), None, &none), (top.join("plain/deep"), "deep".into()));
        assert_eq!(find(&top.join("plain/deep"), Some("mine"), &none), (top.join("plain/deep"), "mine".into()));
        let earlier = holding(vec![view(1, "mine", "deep/a.md", "x", Some(&origin(&top.join("plain"))))]);
        assert_eq!(find(&top.join("plain/deep"), None, &earlier), (top.join("plain"), "mine".into()));
        assert_eq!(find(&top.join("vault/people"), None, &earlier), (top.join("vault"), "vault".into()));
    }

    #[test]
    fn an_import_without_a_root_goes_on() {
        let (_kept, top) = folders(&["vault/people", "other/people"]);
        fs::write(top.join("vault/people/ann.md"), "x").unwrap();
        let earlier = holding(vec![view(1, "vault", "people/ann.md", "x", None)]);
        assert_eq!(find(&top.join("vault/people"), None, &earlier), (top.join("vault"), "vault".into()));
        assert_eq!(find(&top.join("other/people"), None, &earlier), (top.join("other/people"), "people".into()));
        let root = Root::find(&top.join("vault"), None, HOST, &earlier).unwrap();
        assert_eq!(root.doubt(&[], &earlier), None);
    }

    #[test]
    fn a_folder_of_the_same_name_is_doubted() {
        let (_kept, top) = folders(&["home/journal", "work/journal"]);
        let earlier = holding(vec![view(1, "journal", "today.md", "x", Some(&origin(&top.join("work/journal"))))]);
        let doubt = |path: &str| Root::find(&top.join(path), None, HOST, &earlier).unwrap().doubt(&[], &earlier);
        assert_eq!(doubt("work/journal"), None);
        let said = doubt("home/journal").expect("a doubt");
        assert!(said.contains("--name") && said.contains("work/journal") && said.contains(HOST), "{said}");
        let elsewhere = Root::find(&top.join("work/journal"), None, "desktop", &earlier).unwrap();
        assert!(elsewhere.doubt(&[], &earlier).is_some());
    }

    #[test]
    fn a_container_of_another_name_is_known_by_what_it_holds() {
        let (_kept, top) = folders(&["notes"]);
        fs::write(top.join("notes/a.md"), "Tea").unwrap();
        let origin = Origin { host: "container-1".into(), root: top.join("notes").to_string_lossy().into_owned(), single: false };
        let read = |existing: &Existing| {
            let root = Root::find(&top.join("notes"), None, HOST, existing).unwrap();
            let found = super::super::walk::find(&root.path, &root.path, true, root.habits);
            let items = super::super::source::collect(&root, &found, existing, || {}).items;
            (root, items)
        };
        let id = read(&Existing::default()).1[0].id.as_u128();
        let same = holding(vec![view(id, "notes", "a.md", "Tea", Some(&origin))]);
        let (root, items) = read(&same);
        assert_eq!(root.doubt(&items, &same), None);
        let other = holding(vec![view(id, "notes", "a.md", "Coffee", Some(&origin))]);
        assert!(root.doubt(&items, &other).is_some());
    }

    #[test]
    fn a_folder_imported_before_keeps_its_name_within_a_larger_one() {
        let (_kept, top) = folders(&["vault/people"]);
        let earlier = holding(vec![view(1, "people", "ann.md", "x", Some(&origin(&top.join("vault/people"))))]);
        let root = Root::find(&top.join("vault"), None, HOST, &earlier).unwrap();
        let owner = |file: &'static str| (root.owner(file).0.to_owned(), root.owner(file).2.to_owned());
        assert_eq!(
            (owner("people/ann.md"), owner("b.md")),
            (("people".into(), "ann.md".into()), ("vault".into(), "b.md".into()))
        );
        assert_eq!((root.file_of("people", "ann.md"), root.file_of("x", "y")), (Some("people/ann.md".into()), None));
    }
}
