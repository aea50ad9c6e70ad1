//! What the index holds of a memory. How text becomes words is [`super::analysis`]'s to say.

use std::net::Ipv6Addr;

use tantivy::{
    TantivyDocument, Term,
    schema::{FAST, Field, IndexRecordOption, STRING, Schema, TextFieldIndexing, TextOptions},
    tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer, TokenizerManager},
};
use uuid::Uuid;

use super::analysis;
use crate::{
    domain::ids::{MemoryId, SpaceId},
    ports::KeywordText,
};

/// Name of the fast field that holds a memory's id.
pub const ID: &str = "id";
/// Name of the fast field that holds a document's fingerprint.
pub const FINGERPRINT: &str = "fingerprint";
const WORDS: &str = "words";

/// The fields of the index. Nothing is stored: Postgres is the authority on what a memory says.
#[derive(Clone)]
pub struct Fields {
    pub schema: Schema,
    pub space: Field,
    /// `<space>/<id>`: what a memory is replaced and removed by.
    key: Field,
    id: Field,
    fingerprint: Field,
    pub title: Field,
    /// What the memory is called, each as one word.
    pub names: Field,
    pub content: Field,
    pub tags: Field,
}

impl Fields {
    pub fn new() -> Self {
        let mut schema = Schema::builder();
        let words = TextFieldIndexing::default().set_tokenizer(WORDS).set_index_option(IndexRecordOption::WithFreqsAndPositions);
        let text = TextOptions::default().set_indexing_options(words);
        let space = schema.add_text_field("space", STRING);
        let key = schema.add_text_field("key", STRING);
        // An id is 128 bits wide, and so is the widest number that a fast field holds: an IPv6 address.
        let id = schema.add_ip_addr_field(ID, FAST);
        let fingerprint = schema.add_u64_field(FINGERPRINT, FAST);
        let title = schema.add_text_field("title", text.clone());
        let names = schema.add_text_field("names", STRING);
        let content = schema.add_text_field("content", text.clone());
        let tags = schema.add_text_field("tags", text);
        Self { schema: schema.build(), space, key, id, fingerprint, title, names, content, tags }
    }

    pub fn key(&self, space: &SpaceId, id: MemoryId) -> Term {
        Term::from_field_text(self.key, &format!("{space}/{id}"))
    }

    pub fn document(&self, space: &SpaceId, id: MemoryId, text: &KeywordText) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        document.add_text(self.space, space.as_str());
        document.add_text(self.key, format!("{space}/{id}"));
        document.add_ip_addr(self.id, address(id));
        document.add_u64(self.fingerprint, text.fingerprint(space, id));
        if let Some(title) = &text.title {
            document.add_text(self.title, title);
            for name in analysis::names(title) {
                document.add_text(self.names, name);
            }
        }
        document.add_text(self.content, &text.content);
        for tag in &text.tags {
            document.add_text(self.tags, tag);
        }
        document
    }
}

pub fn address(id: MemoryId) -> Ipv6Addr {
    Ipv6Addr::from_bits(id.0.as_u128())
}

pub fn id_of(address: Ipv6Addr) -> MemoryId {
    MemoryId(Uuid::from_u128(address.to_bits()))
}

/// [`analysis`] as the index library wants it.
#[derive(Clone)]
struct Words;

struct Found {
    rest: std::vec::IntoIter<analysis::Token>,
    token: Token,
}

impl Tokenizer for Words {
    type TokenStream<'a> = Found;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Found {
        Found { rest: analysis::of_text(text).into_iter(), token: Token::default() }
    }
}

impl TokenStream for Found {
    fn advance(&mut self) -> bool {
        let Some(analysis::Token { text, position, .. }) = self.rest.next() else { return false };
        self.token = Token { text, position, ..Token::default() };
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

pub fn tokenizers() -> TokenizerManager {
    let manager = TokenizerManager::default();
    manager.register(WORDS, TextAnalyzer::from(Words));
    manager
}
