//! What the written names of a file mean: `self`, `super`, raw names, and whatever `use` calls something, followed to whole paths.

use std::collections::BTreeSet;

use crate::{
    reading::{Read, Written},
    source::Name,
};

/// How often one name may stand for another.
const DEPTH_MAX: usize = 8;

/// The library by its name, as its own binary calls it.
const OWN_NAME: &str = "second_brain";

/// Everything that a file names, as whole paths. What begins with no crate, module or name that is known here is something of the
/// module that it stands in.
pub fn resolve(read: &Read, crates: &BTreeSet<String>) -> Vec<Name> {
    let scope = Scope { read, crates };
    let mut names = vec![];
    for written in &read.written {
        // A word by itself is a name of this file, which is looked at where it comes from.
        if written.used_as.is_none() && written.segments.len() == 1 {
            continue;
        }
        for path in scope.of(written, DEPTH_MAX) {
            let own = path.last().cloned().unwrap_or_default();
            let renamed = written.used_as.clone().filter(|called| !written.is_glob && *called != own);
            names.push(Name { path: path.join("::"), line: written.line, renamed, is_glob: written.is_glob });
        }
    }
    names
}

struct Scope<'a> {
    read: &'a Read,
    crates: &'a BTreeSet<String>,
}

impl Scope<'_> {
    /// All that a path may mean: two functions may call different things by one name.
    fn of(&self, written: &Written, depth: usize) -> Vec<Vec<String>> {
        let (module, segments) = (&written.module, &written.segments);
        let Some(first) = segments.first() else { return vec![] };
        let rest = &segments[1..];
        let below = |base: &[String]| vec![[base, rest].concat()];
        match first.as_str() {
            _ if written.is_rooted => vec![segments.clone()],
            "crate" | OWN_NAME => below(&["crate".to_owned()]),
            "self" => below(module),
            "super" => {
                let ups = segments.iter().take_while(|segment| *segment == "super").count();
                let base = &module[..module.len().saturating_sub(ups).max(1)];
                vec![[base, &segments[ups..]].concat()]
            }
            _ => {
                let aliases = self.aliases(module, first, written, depth);
                if !aliases.is_empty() {
                    return aliases.into_iter().map(|base| [base.as_slice(), rest].concat()).collect();
                }
                let is_child = self.read.children.contains(&(module.clone(), first.clone()));
                let is_crate = !is_child && self.crates.contains(first) && (written.used_as.is_some() || segments.len() > 1);
                if is_crate { vec![segments.clone()] } else { vec![[module.as_slice(), segments].concat()] }
            }
        }
    }

    /// What `use` calls so, in the module or in those of this file that it takes everything from.
    fn aliases(&self, module: &[String], name: &str, asking: &Written, depth: usize) -> Vec<Vec<String>> {
        if depth == 0 {
            return vec![];
        }
        let bound = |module: &[String], name: &str| self.read.aliases.get(&(module.to_vec(), name.to_owned()));
        let mut found: Vec<Vec<String>> = vec![];
        for alias in bound(module, name).into_iter().flatten() {
            // `use x;` and `use x::y as x;` speak of another `x` than the one that they bring.
            if alias.segments.first().is_some_and(|first| first == name) && !alias.is_rooted {
                let is_itself = asking.line == alias.line && asking.segments == alias.segments;
                let outside = Written { used_as: None, ..alias.clone() };
                if !is_itself && self.crates.contains(name) {
                    found.push(outside.segments);
                }
                continue;
            }
            found.extend(self.of(alias, depth - 1));
        }
        for glob in bound(module, "*").into_iter().flatten() {
            if glob.segments.first().is_some_and(|first| first == name) {
                continue;
            }
            for base in self.of(glob, depth - 1) {
                if base != module && bound(&base, name).is_some() {
                    found.extend(self.aliases(&base, name, asking, depth - 1));
                }
            }
        }
        found
    }
}
