//! What the arguments of a macro name. They are no syntax that anybody but the macro knows, so paths are told by their double colons.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::source::Macro;

#[derive(Default)]
pub struct Found {
    /// Segments, whether they begin with `::`, and the line.
    pub paths: Vec<(Vec<String>, bool, usize)>,
    pub methods: Vec<(String, usize)>,
    pub asynchronous: Vec<usize>,
    pub macros: Vec<Macro>,
}

/// All that some tokens name. In attributes texts may be paths as well: `serde(default = "crate::x")`.
pub fn scan(stream: TokenStream, texts_are_paths: bool) -> Found {
    let mut scan = Scan { texts_are_paths, found: Found::default() };
    scan.within(stream, &[]);
    scan.found
}

/// The text that some tokens begin with.
pub fn first_text(stream: &TokenStream) -> Option<String> {
    match stream.clone().into_iter().next()? {
        TokenTree::Literal(literal) => text_of(&literal),
        _ => None,
    }
}

fn text_of(literal: &proc_macro2::Literal) -> Option<String> {
    syn::parse_str::<syn::LitStr>(&literal.to_string()).ok().map(|text| text.value())
}

struct Scan {
    texts_are_paths: bool,
    found: Found,
}

fn is(tree: Option<&TokenTree>, wanted: char) -> bool {
    matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn word(tree: Option<&TokenTree>) -> Option<String> {
    match tree {
        Some(TokenTree::Ident(ident)) => Some(ident.to_string().trim_start_matches("r#").to_owned()),
        _ => None,
    }
}

fn group(tree: Option<&TokenTree>) -> Option<&Group> {
    match tree {
        Some(TokenTree::Group(group)) => Some(group),
        _ => None,
    }
}

/// Where two colons at this place would end.
fn colons(trees: &[TokenTree], at: usize) -> Option<usize> {
    (is(trees.get(at), ':') && is(trees.get(at + 1), ':')).then_some(at + 2)
}

impl Scan {
    /// `before` is the path that a group of a `use` stands after.
    fn within(&mut self, stream: TokenStream, before: &[String]) {
        let trees: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        while at < trees.len() {
            at = match &trees[at] {
                TokenTree::Group(group) => {
                    self.within(group.stream(), &[]);
                    at + 1
                }
                TokenTree::Literal(literal) => {
                    self.text(literal);
                    at + 1
                }
                TokenTree::Ident(_) => self.path(&trees, at, before),
                TokenTree::Punct(_) => at + 1,
            };
        }
    }

    fn text(&mut self, literal: &proc_macro2::Literal) {
        let path = text_of(literal).filter(|text| self.texts_are_paths && text.contains("::"));
        if let Some(path) = path.and_then(|text| syn::parse_str::<syn::Path>(&text).ok()) {
            let segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.found.paths.push((segments, path.leading_colon.is_some(), literal.span().start().line));
        }
    }

    /// Takes the path that begins here; answers where it has ended.
    fn path(&mut self, trees: &[TokenTree], start: usize, before: &[String]) -> usize {
        let line = trees[start].span().start().line;
        let first = word(trees.get(start)).expect("a path begins with a word");
        let after_dot = start > 0 && is(trees.get(start - 1), '.') && !(start > 1 && is(trees.get(start - 2), '.'));
        if after_dot {
            self.found.methods.push((first, line));
            return start + 1;
        }
        if first == "async" {
            self.found.asynchronous.push(line);
        }
        let is_rooted = start > 1 && colons(trees, start - 2).is_some() && before.is_empty();
        let mut segments = before.to_vec();
        segments.push(first);
        let mut at = start + 1;
        while let Some(next) = colons(trees, at) {
            if let Some(more) = word(trees.get(next)) {
                segments.push(more);
                at = next + 1;
            } else {
                if let Some(tree) = group(trees.get(next)).filter(|group| group.delimiter() == Delimiter::Brace) {
                    self.within(tree.stream(), &segments);
                    return next + 1;
                }
                break;
            }
        }
        if let Some(arguments) = group(trees.get(at + 1)).filter(|_| is(trees.get(at), '!')) {
            let name = segments.last().cloned().unwrap_or_default();
            self.found.macros.push(Macro { name, first_text: first_text(&arguments.stream()), line });
        }
        if segments.len() > 1 {
            self.found.paths.push((segments, is_rooted, line));
        }
        at
    }
}
