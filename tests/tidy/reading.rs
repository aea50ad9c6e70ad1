//! Walks through a parsed file once and notes what stands in it, with the names as they are written.

use std::{collections::BTreeMap, ops::RangeInclusive};

use proc_macro2::Span;
use syn::{
    Attribute, Expr, Item, ItemMod, Meta, Signature, Stmt, UseTree,
    ext::IdentExt,
    spanned::Spanned,
    visit::{self, Visit},
};

use crate::{
    source::{Call, Function, Macro},
    tokens,
};

/// A file as it is written.
#[derive(Default)]
pub struct Read {
    pub written: Vec<Written>,
    /// What `use` calls things, by module and name.
    pub aliases: BTreeMap<(Vec<String>, String), Vec<Written>>,
    /// Modules that are declared here, by the module that they stand in and their name.
    pub children: Vec<(Vec<String>, String)>,
    pub methods: Vec<(String, usize)>,
    pub asynchronous: Vec<usize>,
    pub macros: Vec<Macro>,
    pub calls: Vec<Call>,
    pub functions: Vec<Function>,
    pub hidden: Vec<(&'static str, usize)>,
    pub test_lines: Vec<RangeInclusive<usize>>,
    pub test_modules: Vec<Vec<String>>,
}

/// A path as it is written, in which module, and how.
#[derive(Clone)]
pub struct Written {
    pub module: Vec<String>,
    pub segments: Vec<String>,
    /// It begins with `::`.
    pub is_rooted: bool,
    pub line: usize,
    /// By `use`: as this name.
    pub used_as: Option<String>,
    pub is_glob: bool,
}

pub fn read(file: &syn::File, module: &[String]) -> Read {
    let mut reader = Reader { module: module.to_vec(), in_tests: false, read: Read::default() };
    reader.within(&file.attrs, file.span(), |reader| reader.visit_file(file));
    reader.read
}

struct Reader {
    module: Vec<String>,
    in_tests: bool,
    read: Read,
}

fn line(span: Span) -> usize {
    span.start().line
}

/// Whether something with these attributes is compiled for tests only.
fn is_test_only(attributes: &[Attribute]) -> bool {
    let is_false = |attribute: &Attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => list.parse_args::<Meta>().is_ok_and(|cfg| holds(&cfg) == Some(false)),
        meta => meta.path().is_ident("test") || meta.path().segments.last().is_some_and(|last| last.ident == "test"),
    };
    attributes.iter().any(is_false)
}

/// Whether a condition holds where nothing is tested; `None` if that depends on something else.
fn holds(cfg: &Meta) -> Option<bool> {
    let Meta::List(list) = cfg else { return cfg.path().is_ident("test").then_some(false) };
    let parts = list.parse_args_with(syn::punctuated::Punctuated::<Meta, syn::Token![,]>::parse_terminated).ok()?;
    let parts: Vec<Option<bool>> = parts.iter().map(holds).collect();
    let decided = |decisive: bool| match () {
        () if parts.contains(&Some(decisive)) => Some(decisive),
        () if parts.contains(&None) => None,
        () => Some(!decisive),
    };
    match list.path.get_ident()?.to_string().as_str() {
        "all" => decided(false),
        "any" => decided(true),
        "not" => parts.first().copied().flatten().map(|holds| !holds),
        _ => None,
    }
}

fn attributes_of(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::ExternCrate(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::ForeignMod(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Macro(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Static(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::TraitAlias(it) => &it.attrs,
        Item::Type(it) => &it.attrs,
        Item::Union(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

fn attributes_within(item: &syn::ImplItem) -> &[Attribute] {
    match item {
        syn::ImplItem::Const(it) => &it.attrs,
        syn::ImplItem::Fn(it) => &it.attrs,
        syn::ImplItem::Type(it) => &it.attrs,
        syn::ImplItem::Macro(it) => &it.attrs,
        _ => &[],
    }
}

fn attributes_promised(item: &syn::TraitItem) -> &[Attribute] {
    match item {
        syn::TraitItem::Const(it) => &it.attrs,
        syn::TraitItem::Fn(it) => &it.attrs,
        syn::TraitItem::Type(it) => &it.attrs,
        syn::TraitItem::Macro(it) => &it.attrs,
        _ => &[],
    }
}

fn attributes_said(statement: &Stmt) -> &[Attribute] {
    match statement {
        Stmt::Local(it) => &it.attrs,
        Stmt::Item(it) => attributes_of(it),
        Stmt::Macro(it) => &it.attrs,
        Stmt::Expr(Expr::Block(it), _) => &it.attrs,
        Stmt::Expr(Expr::Call(it), _) => &it.attrs,
        Stmt::Expr(Expr::MethodCall(it), _) => &it.attrs,
        Stmt::Expr(Expr::If(it), _) => &it.attrs,
        Stmt::Expr(..) => &[],
    }
}

impl Reader {
    /// Goes on into something, as into a test if it is compiled for tests only.
    fn within(&mut self, attributes: &[Attribute], whole: Span, go_on: impl FnOnce(&mut Self)) {
        let before = self.in_tests;
        if !before && is_test_only(attributes) {
            self.in_tests = true;
            self.read.test_lines.push(whole.start().line..=whole.end().line);
        }
        go_on(self);
        self.in_tests = before;
    }

    fn write(&mut self, segments: Vec<String>, is_rooted: bool, line: usize) {
        if !self.in_tests {
            let module = self.module.clone();
            self.read.written.push(Written { module, segments, is_rooted, line, used_as: None, is_glob: false });
        }
    }

    fn bind(&mut self, segments: Vec<String>, name: &str, (is_rooted, line): (bool, usize)) {
        if self.in_tests {
            return;
        }
        let (module, is_glob) = (self.module.clone(), name == "*");
        let written = Written { module: module.clone(), segments, is_rooted, line, used_as: Some(name.to_owned()), is_glob };
        self.read.aliases.entry((module, name.to_owned())).or_default().push(written.clone());
        self.read.written.push(written);
    }

    fn bind_tree(&mut self, tree: &UseTree, before: &[String], is_rooted: bool) {
        let with = |ident: &syn::Ident| {
            let mut segments = before.to_vec();
            // `self` in a group is what stands before it.
            if ident != "self" || before.is_empty() {
                segments.push(ident.unraw().to_string());
            }
            segments
        };
        match tree {
            UseTree::Path(path) => self.bind_tree(&path.tree, &with(&path.ident), is_rooted),
            UseTree::Name(name) => {
                let segments = with(&name.ident);
                let called = segments.last().cloned().unwrap_or_default();
                self.bind(segments, &called, (is_rooted, line(name.ident.span())));
            }
            UseTree::Rename(rename) => {
                let called = rename.rename.unraw().to_string();
                self.bind(with(&rename.ident), &called, (is_rooted, line(rename.ident.span())));
            }
            UseTree::Glob(glob) => self.bind(before.to_vec(), "*", (is_rooted, line(glob.star_token.span()))),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.bind_tree(tree, before, is_rooted)),
        }
    }

    fn measure(&mut self, signature: &Signature, end: Span) {
        let start = line(signature.fn_token.span);
        let name = signature.ident.to_string();
        self.read.functions.push(Function { name, line: start, lines: end.end().line - start + 1 });
        if signature.asyncness.is_some() && !self.in_tests {
            self.read.asynchronous.push(start);
        }
    }

    fn take_tokens(&mut self, stream: proc_macro2::TokenStream, texts_are_paths: bool) {
        if self.in_tests {
            return;
        }
        let found = tokens::scan(stream, texts_are_paths);
        for (segments, is_rooted, line) in found.paths {
            self.write(segments, is_rooted, line);
        }
        self.read.methods.extend(found.methods);
        self.read.asynchronous.extend(found.asynchronous);
        self.read.macros.extend(found.macros);
    }

    fn module(&mut self, module: &ItemMod) {
        let name = module.ident.unraw().to_string();
        self.read.children.push((self.module.clone(), name.clone()));
        self.module.push(name);
        if module.content.is_none() && self.in_tests {
            self.read.test_modules.push(self.module.clone());
        }
        visit::visit_item_mod(self, module);
        self.module.pop();
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        self.within(attributes_of(item), item.span(), |reader| match item {
            Item::Mod(module) => reader.module(module),
            _ => visit::visit_item(reader, item),
        });
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        self.within(attributes_within(item), item.span(), |reader| visit::visit_impl_item(reader, item));
    }

    fn visit_trait_item(&mut self, item: &'ast syn::TraitItem) {
        self.within(attributes_promised(item), item.span(), |reader| visit::visit_trait_item(reader, item));
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        self.within(attributes_said(statement), statement.span(), |reader| visit::visit_stmt(reader, statement));
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        self.within(&field.attrs, field.span(), |reader| visit::visit_field(reader, field));
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.within(&variant.attrs, variant.span(), |reader| visit::visit_variant(reader, variant));
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        self.within(&arm.attrs, arm.span(), |reader| visit::visit_arm(reader, arm));
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.bind_tree(&item.tree, &[], item.leading_colon.is_some());
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        let name = item.ident.unraw().to_string();
        let called = item.rename.as_ref().map_or(name.clone(), |(_, rename)| rename.unraw().to_string());
        let (segments, is_rooted) = if name == "self" { (vec!["crate".to_owned()], false) } else { (vec![name], true) };
        self.bind(segments, &called, (is_rooted, line(item.ident.span())));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect();
        self.write(segments, path.leading_colon.is_some(), line(path.span()));
        visit::visit_path(self, path);
    }

    // `pub(in crate::x)` uses nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        match &attribute.meta {
            // Documentation may point anywhere, and lints are no modules.
            meta if ["doc", "allow", "expect", "warn", "deny", "forbid"].iter().any(|word| meta.path().is_ident(word)) => {}
            meta if meta.path().is_ident("path") && !self.in_tests => {
                self.read.hidden.push(("#[path]", line(attribute.span())));
            }
            Meta::List(list) => {
                self.visit_path(&list.path);
                self.take_tokens(list.tokens.clone(), true);
            }
            _ => visit::visit_attribute(self, attribute),
        }
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.visit_path(&called.path);
        if !self.in_tests {
            let name = called.path.segments.last().map(|last| last.ident.unraw().to_string()).unwrap_or_default();
            if name == "include" {
                self.read.hidden.push(("include!", line(called.path.span())));
            }
            let first_text = tokens::first_text(&called.tokens);
            self.read.macros.push(Macro { name, first_text, line: line(called.path.span()) });
        }
        self.take_tokens(called.tokens.clone(), false);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if !self.in_tests {
            self.read.methods.push((call.method.unraw().to_string(), line(call.method.span())));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let (false, syn::Expr::Path(function), Some(syn::Expr::Lit(first))) = (self.in_tests, &*call.func, call.args.first())
            && let syn::Lit::Str(text) = &first.lit
        {
            let names: Vec<String> = function.path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect();
            let function = names[names.len().saturating_sub(2)..].join("::");
            self.read.calls.push(Call { function, first_text: text.value(), line: line(call.span()) });
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_async(&mut self, block: &'ast syn::ExprAsync) {
        if !self.in_tests {
            self.read.asynchronous.push(line(block.span()));
        }
        visit::visit_expr_async(self, block);
    }

    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        if !self.in_tests {
            self.read.asynchronous.extend(closure.asyncness.map(|word| line(word.span)));
        }
        visit::visit_expr_closure(self, closure);
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.measure(&function.sig, function.block.brace_token.span.close());
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.measure(&function.sig, function.block.brace_token.span.close());
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        let end = function.default.as_ref().map_or(function.sig.paren_token.span.close(), |block| block.brace_token.span.close());
        self.measure(&function.sig, end);
        visit::visit_trait_item_fn(self, function);
    }
}
