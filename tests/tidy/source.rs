//! What the rules know of a source file, and the files themselves.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use crate::{names, reading};

/// One file of `src`.
pub struct Facts {
    /// From `src`: `adapters/nats/log.rs`.
    pub path: String,
    /// `["crate", "adapters", "nats", "log"]`; the entry files are `["crate"]` and `["crate", "main"]`.
    pub module: Vec<String>,
    /// Everything that its production code names, as whole paths.
    pub names: Vec<Name>,
    /// Methods that its production code calls, by their bare names.
    pub methods: Vec<(String, usize)>,
    /// Lines of production code at which something asynchronous begins.
    pub asynchronous: Vec<usize>,
    /// Macros that its production code calls.
    pub macros: Vec<Macro>,
    /// Functions that its production code calls with a plain text first.
    pub calls: Vec<Call>,
    /// All its functions, those of tests as well.
    pub functions: Vec<Function>,
    /// Ways to bring code in that no rule could follow, with their lines.
    pub hidden: Vec<(&'static str, usize)>,
    /// Lines without those of tests.
    pub production_lines: usize,
    pub opens_with_doc: bool,
    /// Modules that it declares for tests only and whose code stands in files of their own.
    pub test_modules: Vec<Vec<String>>,
}

/// A path that code names: `crate::…` if it is ours, else it begins with the crate.
pub struct Name {
    pub path: String,
    pub line: usize,
    /// What it is called here, if that is another name than its own.
    pub renamed: Option<String>,
    pub is_glob: bool,
}

pub struct Macro {
    pub name: String,
    /// The text that its arguments begin with.
    pub first_text: Option<String>,
    pub line: usize,
}

pub struct Call {
    /// The end of its path: `Error::new`.
    pub function: String,
    pub first_text: String,
    pub line: usize,
}

pub struct Function {
    pub name: String,
    pub line: usize,
    pub lines: usize,
}

impl Facts {
    /// `src/api/mod.rs:7`.
    pub fn at(&self, line: usize) -> String {
        format!("src/{}:{line}", self.path)
    }
}

/// Whether a path is this prefix or something in it.
pub fn is_in(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The facts of one file.
pub fn of(path: &str, text: &str) -> Facts {
    let file = syn::parse_file(text).unwrap_or_else(|cause| panic!("src/{path} is no Rust: {cause}"));
    let module = module_of(path);
    let read = reading::read(&file, &module);
    let mut names = names::resolve(&read, crates());
    if let Some(package) = package_of(path) {
        for name in &mut names {
            name.path = within(package, &name.path);
        }
    }
    let in_tests: usize = {
        let lines: BTreeSet<usize> = read.test_lines.iter().cloned().flatten().collect();
        lines.len()
    };
    Facts {
        path: path.to_owned(),
        names,
        methods: read.methods,
        asynchronous: read.asynchronous,
        macros: read.macros,
        calls: read.calls,
        functions: read.functions,
        hidden: read.hidden,
        production_lines: text.lines().count() - in_tests,
        opens_with_doc: text.starts_with("//!"),
        test_modules: read.test_modules,
        module,
    }
}

/// Packages within `src`, each in a folder of its name.
const PACKAGES: [&str; 1] = ["bert"];

fn package_of(path: &str) -> Option<&'static str> {
    PACKAGES.into_iter().find(|package| path.split('/').next() == Some(package))
}

/// A path of a package as the program would have it, whose module the package's folder is.
fn within(package: &str, path: &str) -> String {
    match path.strip_prefix("crate::") {
        Some(rest) if !is_in(rest, package) => format!("crate::{package}::{rest}"),
        _ => path.to_owned(),
    }
}

fn module_of(path: &str) -> Vec<String> {
    let whole = path.trim_end_matches(".rs");
    let parts = whole.split('/').filter(|part| !matches!(*part, "mod" | "lib"));
    ["crate"].into_iter().chain(parts).map(str::to_owned).collect()
}

/// Every file of `src`.
pub fn all() -> &'static [Facts] {
    static ALL: LazyLock<Vec<Facts>> = LazyLock::new(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut found = Vec::new();
        files(&root, &mut found);
        found.sort();
        let name = |path: &Path| path.strip_prefix(&root).expect("below src").to_string_lossy().into_owned();
        found.iter().map(|path| of(&name(path), &fs::read_to_string(path).expect("utf-8"))).collect()
    });
    &ALL
}

/// Those that are part of the program.
pub fn production() -> impl Iterator<Item = &'static Facts> {
    static TESTS: LazyLock<Vec<Vec<String>>> =
        LazyLock::new(|| all().iter().flat_map(|facts| facts.test_modules.clone()).collect());
    all().iter().filter(|facts| !TESTS.iter().any(|test| facts.module.starts_with(test)))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src is readable") {
        let path = entry.expect("src is readable").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The crates that the program is built with, as code spells them, and those of the language.
fn crates() -> &'static BTreeSet<String> {
    static CRATES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folders = PACKAGES.into_iter().map(|package| root.join("src").join(package)).chain([root.to_owned()]);
        let dependencies = folders.flat_map(|folder| {
            let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("readable");
            let manifest: toml::Table = manifest.parse().expect("TOML");
            let dependencies = manifest["dependencies"].as_table().expect("a table").keys().cloned();
            dependencies.map(|name| name.replace('-', "_")).collect::<Vec<_>>()
        });
        dependencies.chain(["std", "core", "alloc"].map(str::to_owned)).collect()
    });
    &CRATES
}
