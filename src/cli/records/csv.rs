//! Memories as a table with a header. Called by export and import.
//!
//! Tags and metadata are JSON in their cell; a list of words with commas is taken as tags too. An empty cell is "not there"; a text
//! that is empty, or that begins with a quotation mark, stands as a JSON string.

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::api::v1::dto::{MemoryInput, SourceDto};

const COLUMNS: [&str; 17] = [
    "id",
    "title",
    "content",
    "memory_type",
    "tags",
    "importance",
    "metadata",
    "source_kind",
    "source_uri",
    "source_id",
    "source_position",
    "user_id",
    "agent_id",
    "run_id",
    "occurred_at",
    "created_at",
    "sensitive",
];

pub fn write(memories: &[MemoryInput]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(vec![]);
    writer.write_record(COLUMNS)?;
    for it in memories {
        let source = it.source.clone().unwrap_or_default();
        let json = |value: Value| value.to_string();
        writer.write_record([
            it.id.map(|id| id.to_string()).unwrap_or_default(),
            text(&it.title),
            it.content.clone(),
            text(&it.memory_type),
            json(it.tags.clone().into()),
            it.importance.map(|number| json(number.into())).unwrap_or_default(),
            json(it.metadata.clone().into()),
            text(&source.kind),
            text(&source.uri),
            text(&source.id),
            source.position.map(|position| position.to_string()).unwrap_or_default(),
            text(&it.user_id),
            text(&it.agent_id),
            text(&it.run_id),
            it.occurred_at.map(|time| time.to_rfc3339()).unwrap_or_default(),
            it.created_at.map(|time| time.to_rfc3339()).unwrap_or_default(),
            it.sensitive.map(|sensitive| sensitive.to_string()).unwrap_or_default(),
        ])?;
    }
    writer.into_inner().map_err(|failed| failed.into_error().into())
}

fn text(value: &Option<String>) -> String {
    match value {
        None => String::new(),
        Some(text) if text.is_empty() || text.starts_with('"') => Value::from(text.clone()).to_string(),
        Some(text) => text.clone(),
    }
}

/// The marks that may stand between cells; which of them does, the header tells.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A row's memory, or what is wrong with it.
#[derive(Debug, PartialEq)]
pub struct Row {
    /// Counts the rows from 0, those without words too: ids are made of it.
    pub number: u64,
    /// Line of the file at which it begins, from 1.
    pub line: u64,
    pub memory: Result<MemoryInput, String>,
}

/// Each row's memory. A column of another name goes to the metadata; a row without words is passed over.
/// A row that has not the header's number of cells is no memory: nobody knows which cell is which.
pub fn read(table: &str) -> Vec<Row> {
    let table = table.trim_start_matches('\u{feff}');
    let (delimiter, skipped) = delimiter(table);
    let text = &table[skipped..];
    let before = table[..skipped].matches('\n').count() as u64;
    let mut reader = csv::ReaderBuilder::new().flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let wrong = |line, reason: String| vec![Row { number: 0, line, memory: Err(reason) }];
    let header: Vec<String> = match reader.headers() {
        Ok(header) => header.iter().map(column).collect(),
        Err(cause) => return wrong(before + 1, cause.to_string()),
    };
    if let Err(reason) = check_header(&header) {
        return wrong(before + 1, reason);
    }
    let row = |(number, row): (usize, Result<csv::StringRecord, csv::Error>)| {
        let number = number as u64;
        let row = match row {
            Ok(row) => row,
            Err(cause) => {
                let line = cause.position().map_or(0, csv::Position::line);
                return Some(Row { number, line: before + line, memory: Err(cause.to_string()) });
            }
        };
        let line = before + row.position().map_or(0, csv::Position::line);
        let has_words = row.iter().any(|cell| !cell.trim().is_empty());
        has_words.then(|| Row { number, line, memory: cells(&header, &row, delimiter).and_then(memory) })
    };
    reader.records().enumerate().filter_map(row).collect()
}

/// The mark between cells, and how many bytes stand before the header: Excel may name the mark on a line of its own.
fn delimiter(table: &str) -> (u8, usize) {
    let blank = table.len() - table.trim_start_matches(['\n', '\r']).len();
    let first = table[blank..].lines().next().unwrap_or_default();
    if let Some(&[mark]) = first.trim_end().strip_prefix("sep=").map(str::as_bytes) {
        return (mark, blank + table[blank..].find('\n').map_or(first.len(), |end| end + 1));
    }
    let names = |mark: &u8| {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).delimiter(*mark).from_reader(&table.as_bytes()[blank..]);
        let header = reader.records().next().and_then(Result::ok).unwrap_or_default();
        let known = header.iter().filter(|name| COLUMNS.contains(&column(name).as_str())).count();
        (known, header.len())
    };
    // The first of equals: a table of one column has no mark.
    let best = DELIMITERS.iter().rev().max_by_key(|mark| names(mark)).copied().unwrap_or(b',');
    (best, blank)
}

/// The name of a column: known ones in any case.
fn column(name: &str) -> String {
    let name = name.trim().trim_start_matches('\u{feff}').trim();
    let plain = name.to_lowercase().replace([' ', '-'], "_");
    if COLUMNS.contains(&plain.as_str()) { plain } else { name.to_owned() }
}

fn check_header(header: &[String]) -> Result<(), String> {
    if !header.iter().any(|name| name == "content") {
        let found = header.join(", ");
        return Err(format!("the table has no column content, but {found:?}; it may have {}", COLUMNS.join(", ")));
    }
    match header.iter().enumerate().find(|(at, name)| !name.is_empty() && header[..*at].contains(name)) {
        Some((_, name)) => Err(format!("the column {name} is there twice: one of them has to go or be renamed")),
        None => Ok(()),
    }
}

/// The cells of a row by their columns.
fn cells<'a>(header: &'a [String], row: &'a csv::StringRecord, delimiter: u8) -> Result<HashMap<&'a str, &'a str>, String> {
    let surplus = row.iter().skip(header.len()).any(|cell| !cell.trim().is_empty());
    if row.len() < header.len() || surplus {
        let mark = if delimiter == b'\t' { "a tab".to_owned() } else { char::from(delimiter).to_string() };
        let (has, wants) = (row.len(), header.len());
        return Err(format!("the row has {has} cells, the header {wants}; a cell that holds {mark} stands in quotation marks"));
    }
    let named = header.iter().map(String::as_str).zip(row.iter());
    match named.clone().position(|(name, cell)| name.is_empty() && !cell.trim().is_empty()) {
        Some(at) => Err(format!("the column {} has no name", at + 1)),
        None => Ok(named.filter(|(name, _)| !name.is_empty()).collect()),
    }
}

fn memory(mut cells: HashMap<&str, &str>) -> Result<MemoryInput, String> {
    let names_a_source = COLUMNS.iter().any(|name| name.starts_with("source_") && cells.contains_key(name));
    let mut take = |name: &str| cells.remove(name).filter(|cell| !cell.is_empty());
    let content = take("content").unwrap_or_default().to_owned();
    let tags = take("tags").map(tags).unwrap_or_default();
    let source = SourceDto {
        kind: take("source_kind").map(plain),
        uri: take("source_uri").map(plain),
        id: take("source_id").map(plain),
        position: take("source_position").map(|cell| parsed("source_position", cell)).transpose()?,
    };
    let mut memory = MemoryInput {
        id: take("id").map(|cell| parsed("id", &Value::from(cell.trim()).to_string())).transpose()?,
        title: take("title").map(plain),
        content,
        memory_type: take("memory_type").map(plain),
        metadata: take("metadata").map(|cell| parsed("metadata", cell)).transpose()?.unwrap_or_default(),
        tags,
        importance: take("importance").map(|cell| parsed("importance", cell)).transpose()?,
        source: names_a_source.then_some(source),
        user_id: take("user_id").map(plain),
        agent_id: take("agent_id").map(plain),
        run_id: take("run_id").map(plain),
        occurred_at: take("occurred_at").map(|cell| parsed("occurred_at", &Value::from(cell).to_string())).transpose()?,
        created_at: take("created_at").map(|cell| parsed("created_at", &Value::from(cell).to_string())).transpose()?,
        sensitive: take("sensitive").map(|cell| parsed("sensitive", cell)).transpose()?,
    };
    let strangers = cells.into_iter().filter(|(_, cell)| !cell.is_empty());
    memory.metadata.extend(strangers.map(|(name, cell)| (name.to_owned(), cell.into())).collect::<Map<String, Value>>());
    Ok(memory)
}

fn parsed<T: DeserializeOwned>(column: &str, json: &str) -> Result<T, String> {
    let json = super::exact(json).map_err(|cause| format!("{column}: {cause}"))?;
    serde_json::from_str(json).map_err(|cause| format!("{column}: {cause}"))
}

fn plain(cell: &str) -> String {
    let quoted = cell.starts_with('"').then(|| serde_json::from_str(cell).ok()).flatten();
    quoted.unwrap_or_else(|| cell.to_owned())
}

fn tags(cell: &str) -> Vec<String> {
    let words = || cell.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect();
    serde_json::from_str(cell).unwrap_or_else(|_| words())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memories(table: &str) -> Vec<MemoryInput> {
        read(table).into_iter().map(|row| row.memory.unwrap_or_else(|reason| panic!("line {}: {reason}", row.line))).collect()
    }

    fn wrong(table: &str) -> (u64, String) {
        let row = read(table).into_iter().find(|row| row.memory.is_err()).expect("a refusal");
        (row.line, row.memory.unwrap_err())
    }

    #[test]
    fn a_table_made_by_hand_is_read_too() {
        let read = memories("content,tags,colour\nTea at four,\"a, b\",red\nOnly this,,\n");
        assert_eq!((read[0].content.as_str(), &read[0].tags), ("Tea at four", &vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!((&read[0].metadata["colour"], &read[1].metadata, &read[0].source), (&Value::from("red"), &Map::new(), &None));
        assert!(wrong("text\nx\n").1.contains("content"));
        assert!(wrong("content,importance\nx,high\n").1.starts_with("importance"));
    }

    #[test]
    fn the_header_tells_what_stands_between_cells() {
        for table in [
            "content;tags\nTea, hot;a\n",
            "content\ttags\r\nTea, hot\ta\r\n",
            "content|tags\nTea, hot|a",
            "Content , TAGS\n\"Tea, hot\",a\n",
            "\u{feff}\"content\";\"tags\"\n\"Tea, hot\";\"a\"\n",
            "sep=;\ncontent;tags\nTea, hot;a\n",
            "\n\ncontent;tags\nTea, hot;a\n",
        ] {
            let read = memories(table);
            assert_eq!((read[0].content.as_str(), read[0].tags[0].as_str(), read.len()), ("Tea, hot", "a", 1), "{table}");
        }
        assert_eq!(memories("content\nTea; hot\n")[0].content, "Tea; hot");
        assert_eq!(memories("id;Memory Type;content\n;episodic;x\n")[0].memory_type.as_deref(), Some("episodic"));
    }

    #[test]
    fn a_row_of_another_length_is_refused_with_its_line() {
        let (line, reason) = wrong("content,tags\nfirst,\"a\nb\"\nTea, milk and sugar at four,drink\nNext,x\n");
        assert_eq!((line, reason.contains("3 cells") && reason.contains('2')), (4, true), "{reason}");
        assert_eq!(wrong("sep=,\ncontent,tags\nshort\n").0, 3);
        assert_eq!(read("content,tags\nTea, milk,drink\nNext,x\n")[1].memory.as_ref().unwrap().content, "Next");
        assert_eq!(memories("content,tags,\nTea,a,\n")[0].metadata, Map::new());
        assert_eq!(memories("content,tags\nTea,a,,\n").len(), 1, "a sheet's empty cells hold nothing");
        assert!(wrong("content,\nTea,a\n").1.contains("no name"));
    }

    #[test]
    fn empty_rows_are_passed_over_and_lines_are_those_of_the_file() {
        let rows = read("content,tags\nbefore,a\n\n,\n   ,b\nafter,c\n,\n");
        let lines: Vec<(u64, &str)> = rows.iter().map(|row| (row.line, row.memory.as_ref().unwrap().content.trim())).collect();
        assert_eq!(lines, [(2, "before"), (5, ""), (6, "after")]);
    }

    #[test]
    fn a_column_named_twice_is_refused() {
        let (line, reason) = wrong("content,tags,Content\nx,a,y\n");
        assert_eq!((line, reason.contains("twice")), (1, true));
    }
}
