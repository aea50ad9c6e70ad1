//! Looks for a word in everything that a brain keeps: decoded, stream by stream and table by table, and byte by byte in files.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
};

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tantivy::{Index, TantivyDocument, collector::DocSetCollector, query::AllQuery, schema::Document};

use super::World;

/// Bytes of a piece: a compressed page holds no longer run of a text for sure.
const PIECE: usize = 6;
/// Two different pieces so near each other are no chance.
const NEAR: usize = 48;

/// How often the word was found, by place; places without it are left out.
pub type Found = BTreeMap<String, usize>;

impl World {
    /// Everything, decoded and raw; the write-ahead log of Postgres stands apart, as `wal`.
    pub async fn scan(&self, word: &str) -> Found {
        let mut found = Found::new();
        for stem in ["EVENTS", "DERIVED"] {
            self.scan_stream(stem, word, &mut found).await;
        }
        self.scan_tables(word, &mut found).await;
        let (folders, word) =
            ([self.servers_folder.clone().expect("its own servers"), self.folder().to_owned()], word.to_owned());
        let files = tokio::task::spawn_blocking(move || {
            let mut found = Found::new();
            scan_index(&folders[1], &word, &mut found);
            for folder in &folders {
                scan_files(folder, folder, word.as_bytes(), &mut found);
            }
            found
        });
        found.extend(files.await.expect("no panic"));
        found
    }

    async fn scan_stream(&self, stem: &str, word: &str, found: &mut Found) {
        let (_, stream) = self.stream_of(stem).await;
        let state = stream.cached_info().state.clone();
        let (mut hits, mut seen) = (0, 0);
        for seq in state.first_sequence..=state.last_sequence {
            let Ok(message) = stream.get_raw_message(seq).await else { continue };
            seen += 1;
            let headers = format!("{:?} {}", message.headers, message.subject);
            hits += count(&message.payload, word.as_bytes()) + count(headers.as_bytes(), word.as_bytes());
        }
        // How far somebody has come is replaced all the time.
        assert!(seen + 4 >= state.messages, "{seen} of {} messages of {stem} were read", state.messages);
        note(found, format!("stream {stem}"), hits);
    }

    async fn scan_tables(&self, word: &str, found: &mut Found) {
        const TABLES: &str = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables \
            WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
        const STATISTICS: &str = "SELECT count(*) FROM pg_stats WHERE concat(most_common_vals::text, histogram_bounds::text, \
            most_common_elems::text) LIKE '%' || $1 || '%'";
        let url = self.servers.as_ref().expect("held").postgres().admin_url(&self.name);
        let mut admin = PgConnection::connect(&url).await.expect("connects");
        let tables: Vec<String> = sqlx::query_scalar(TABLES).fetch_all(&mut admin).await.expect("the tables");
        assert!(tables.len() > 10, "{tables:?}");
        for table in tables {
            // What COPY would write, row by row.
            let sql = format!("SELECT count(*) FROM {table} AS t WHERE t::text LIKE '%' || $1 || '%'");
            let hits: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).bind(word).fetch_one(&mut admin).await.expect("counted");
            note(found, format!("table {table}"), hits as usize);
        }
        let hits: i64 = sqlx::query_scalar(STATISTICS).bind(word).fetch_one(&mut admin).await.expect("counted");
        note(found, "pg_stats".into(), hits as usize);
    }
}

fn note(found: &mut Found, place: String, hits: usize) {
    if hits > 0 {
        *found.entry(place).or_default() += hits;
    }
}

fn count(bytes: &[u8], word: &[u8]) -> usize {
    bytes.windows(word.len()).filter(|window| *window == word).count()
}

/// The words and the stored fields of the keyword index, deleted documents included as long as their segment is there.
fn scan_index(folder: &Path, word: &str, found: &mut Found) {
    let index = Index::open_in_dir(folder.join("keyword/v3")).expect("the index");
    let searcher = index.reader().expect("reads").searcher();
    let (mut words, mut stored) = (0, 0);
    for segment in searcher.segment_readers() {
        for (field, entry) in index.schema().fields().filter(|(_, entry)| entry.is_indexed()) {
            let terms = segment.inverted_index(field).unwrap_or_else(|cause| panic!("{}: {cause}", entry.name()));
            let mut terms = terms.terms().stream().expect("terms");
            while terms.advance() {
                words += count(terms.key(), word.to_lowercase().as_bytes());
            }
        }
    }
    for address in searcher.search(&AllQuery, &DocSetCollector).expect("all documents") {
        let document: TantivyDocument = searcher.doc(address).expect("a document");
        stored += count(document.to_json(&index.schema()).as_bytes(), word.as_bytes());
    }
    note(found, "index words".into(), words);
    note(found, "index stored".into(), stored);
}

/// Whole words and, for pages that are compressed, pieces of them; by the first folders of the path.
fn scan_files(root: &Path, folder: &Path, word: &[u8], found: &mut Found) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            scan_files(root, &path, word, found);
            continue;
        }
        // Files come and go meanwhile.
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let place = path.strip_prefix(root).expect("below").to_string_lossy().into_owned();
        let place = if place.contains("pg_wal") { "wal".to_owned() } else { format!("file {place}") };
        note(found, place.clone(), whole(&bytes, word));
        if place != "wal" {
            note(found, format!("{place} in pieces"), in_pieces(&bytes, word));
        }
    }
}

fn whole(bytes: &[u8], word: &[u8]) -> usize {
    let (mut hits, mut rest) = (0, bytes);
    while let Some(at) = rest.iter().position(|byte| *byte == word[0]) {
        rest = &rest[at..];
        hits += usize::from(rest.starts_with(word));
        rest = &rest[1..];
    }
    hits
}

/// Places where two different pieces of the word lie near each other.
fn in_pieces(bytes: &[u8], word: &[u8]) -> usize {
    let pieces: HashSet<&[u8]> = word.windows(PIECE).collect();
    let mut begins = [false; 65_536];
    let pair = |two: &[u8]| usize::from(two[0]) << 8 | usize::from(two[1]);
    pieces.iter().for_each(|piece| begins[pair(piece)] = true);
    let (mut hits, mut last): (usize, Option<(usize, &[u8])>) = (0, None);
    for at in 0..bytes.len().saturating_sub(PIECE) {
        let piece = &bytes[at..at + PIECE];
        if begins[pair(piece)] && pieces.contains(piece) {
            hits += usize::from(last.is_some_and(|(before, other)| at - before <= NEAR && other != piece));
            last = Some((at, piece));
        }
    }
    hits
}

#[test]
fn a_word_is_found_whole_and_broken_by_compression() {
    let word = b"canary7q2mzk4x9tpl0vbwe8rsu3";
    let mut broken = word.to_vec();
    // A control byte after each eight, as pglz has them.
    (8..broken.len()).step_by(9).for_each(|at| broken.insert(at, 0));
    let around = |word: &[u8]| [b"before ", word, b" after"].concat();
    assert_eq!((whole(&around(word), word), whole(&around(&broken), word)), (1, 0));
    assert!(in_pieces(&around(word), word) > 0 && in_pieces(&around(&broken), word) > 0);
    assert_eq!(in_pieces(b"canary is a word that may stand anywhere", word), 0);
}
