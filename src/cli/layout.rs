//! Answers as tables, fields and sentences, laid out for whoever takes them. Made by [`super::table`]; prints nothing itself.
//!
//! In a terminal a row is a line while everything fits: texts may be cut, the rest (ids, times, numbers) never is. Where it does not fit a
//! row becomes a few lines of its own. For a program a row is a line with tabs, and nothing is cut.

use super::{
    found::Found,
    screen::{Screen, cut, cut_start, has_colours, one_line, printable, width},
};
use crate::domain::ids::Timestamp;

/// Between two columns.
const GAP: &str = "  ";
/// A column of text that would become narrower than this is not worth reading.
const TEXT_COLUMNS_MIN: usize = 20;

/// A value of a row or a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Text(String),
    /// To the minute where somebody looks at it.
    Time(Timestamp),
    /// To the second, with its zone.
    Exact(Timestamp),
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Cell {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Text(number.to_string())
    }
}

impl From<Timestamp> for Cell {
    fn from(at: Timestamp) -> Self {
        Self::Time(at)
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or_else(|| Self::Text(String::new()), Into::into)
    }
}

impl Cell {
    /// As one line.
    fn shown(&self, screen: Screen) -> String {
        match self {
            Self::Text(text) => one_line(text),
            Self::Time(at) => screen.time(*at),
            Self::Exact(at) => screen.exact_time(*at),
        }
    }
}

/// A column by its name.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    name: &'static str,
    /// How a value is made shorter; one that has no such way is shown whole or not at all.
    cut: Option<fn(&str, usize) -> String>,
}

/// A column whose values are shown whole or not at all: ids, times, numbers.
pub const fn whole(name: &'static str) -> Column {
    Column { name, cut: None }
}

/// A column whose values may be cut at their end.
pub const fn text(name: &'static str) -> Column {
    Column { name, cut: Some(cut) }
}

/// A column whose values may be cut at their beginning.
pub const fn path(name: &'static str) -> Column {
    Column { name, cut: Some(cut_start) }
}

impl Column {
    fn is_text(&self) -> bool {
        self.cut.is_some()
    }

    /// A value in so many columns of the terminal.
    fn fitted(&self, cell: &str, columns: usize) -> String {
        self.cut.map_or_else(|| cell.to_owned(), |cut| cut(cell, columns))
    }
}

/// Rows under columns.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
    names_itself: bool,
}

impl Table {
    pub fn new<const N: usize>(columns: [Column; N]) -> Self {
        Self { columns: columns.to_vec(), rows: vec![], names_itself: false }
    }

    /// A table whose values need no names: an id, a time and a title are known when they are seen.
    pub fn of_records<const N: usize>(columns: [Column; N]) -> Self {
        Self { names_itself: true, ..Self::new(columns) }
    }

    /// Adds a row, which has a value for each column.
    pub fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        debug_assert_eq!(N, self.columns.len());
        self.rows.push(cells.into());
    }

    fn render(&self, screen: Screen) -> String {
        let rows: Vec<Vec<String>> = self.rows.iter().map(|row| row.iter().map(|cell| cell.shown(screen)).collect()).collect();
        let lines: Vec<String> = match screen {
            Screen::Pipe => rows.iter().map(|row| row.join("\t")).collect(),
            Screen::Terminal { width } => match self.widths(&rows, width) {
                Some(widths) => self.lines(&rows, &widths),
                None => rows.iter().map(|row| self.block(row, width)).collect(),
            },
        };
        lines.join("\n")
    }

    /// How wide each column is if every row can be a line: 0 for a column in which nothing stands. `None` where that cannot be.
    fn widths(&self, rows: &[Vec<String>], columns: usize) -> Option<Vec<usize>> {
        let widest = |index: usize| rows.iter().filter_map(|row| row.get(index)).map(|cell| width(cell)).max().unwrap_or(0);
        let named = |(index, column): (usize, &Column)| match widest(index) {
            0 if !rows.is_empty() => 0,
            widest => widest.max(width(column.name)),
        };
        let mut widths: Vec<usize> = self.columns.iter().enumerate().map(named).collect();
        let shown = widths.iter().filter(|width| **width > 0).count();
        let gaps = GAP.len() * shown.saturating_sub(1);
        let fixed: usize = self.columns.iter().zip(&widths).filter(|(column, _)| !column.is_text()).map(|(_, width)| width).sum();
        let mut spare = columns.checked_sub(gaps + fixed)?;
        // The narrow ones first, so that what they leave is the others'.
        let mut texts: Vec<usize> =
            (0..widths.len()).filter(|index| self.columns[*index].is_text() && widths[*index] > 0).collect();
        texts.sort_by_key(|index| widths[*index]);
        let count = texts.len();
        for (before, index) in texts.into_iter().enumerate() {
            let share = spare / (count - before);
            if share < widths[index].min(TEXT_COLUMNS_MIN) {
                return None;
            }
            widths[index] = widths[index].min(share);
            spare -= widths[index];
        }
        Some(widths)
    }

    fn lines(&self, rows: &[Vec<String>], widths: &[usize]) -> Vec<String> {
        let shown = || self.columns.iter().zip(widths).enumerate().filter(|(_, (_, columns))| **columns > 0);
        let line = |cells: &dyn Fn(usize) -> String| {
            let padded = shown().map(|(index, (_, columns))| {
                let cell = cells(index);
                let blanks = columns.saturating_sub(width(&cell));
                cell + &" ".repeat(blanks)
            });
            padded.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
        };
        let head = line(&|index| self.columns[index].name.to_owned());
        let columns = shown().map(|(_, (_, columns))| columns + GAP.len()).sum::<usize>();
        let rule = "─".repeat(columns.saturating_sub(GAP.len()));
        let fitted = |row: &Vec<String>| line(&|index| self.columns[index].fitted(&row[index], widths[index]));
        [head, rule].into_iter().chain(rows.iter().map(fitted)).collect()
    }

    /// A row as lines of its own: what may not be cut first, then each text.
    fn block(&self, row: &[String], columns: usize) -> String {
        let named = |(column, cell): (&Column, String)| {
            if self.names_itself { cell } else { format!("{} {cell}", column.name) }
        };
        let filled = || self.columns.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
        let mut lines = vec![String::new()];
        for value in filled().filter(|(column, _)| !column.is_text()).map(|(column, cell)| named((column, cell.clone()))) {
            let last = lines.last_mut().expect("there is one from the start");
            if last.is_empty() {
                *last = value;
            } else if width(last) + GAP.len() + width(&value) <= columns {
                last.push_str(GAP);
                last.push_str(&value);
            } else {
                lines.push(format!("{GAP}{value}"));
            }
        }
        let texts = filled().filter(|(column, _)| column.is_text()).map(|(column, cell)| {
            let name = if self.names_itself { 0 } else { column.name.len() + 1 };
            named((column, column.fitted(cell, columns.saturating_sub(GAP.len() + name))))
        });
        lines.extend(texts.map(|text| format!("{GAP}{text}")));
        lines.retain(|line| !line.is_empty());
        lines.join("\n")
    }
}

enum Block {
    Text(String),
    Table(Table),
    Fields(Vec<(&'static str, Cell)>),
    Found(Found),
}

/// An answer: blocks one below the other, and what is said of it to somebody who looks on.
#[derive(Default)]
pub struct Layout {
    blocks: Vec<Block>,
    /// Goes to standard error, so that whoever reads the answer gets the answer alone.
    pub hints: Vec<String>,
}

impl Layout {
    /// Lines as they are, but for what a terminal would obey.
    pub fn text(mut self, text: impl AsRef<str>) -> Self {
        self.blocks.push(Block::Text(printable(text.as_ref())));
        self
    }

    pub fn table(mut self, table: Table) -> Self {
        self.blocks.push(Block::Table(table));
        self
    }

    /// Names and values below each other, whole. What has no value is left out.
    pub fn fields<const N: usize>(mut self, fields: [(&'static str, Cell); N]) -> Self {
        let filled = fields.into_iter().filter(|(_, cell)| *cell != Cell::Text(String::new()));
        self.blocks.push(Block::Fields(filled.collect()));
        self
    }

    pub fn hint(mut self, text: impl Into<String>) -> Self {
        self.hints.push(text.into());
        self
    }

    /// The blocks, each from a new line.
    pub fn render(&self, screen: Screen) -> String {
        let block = |block: &Block| match block {
            Block::Text(text) => text.clone(),
            Block::Table(table) => table.render(screen),
            Block::Fields(fields) => field_lines(fields, screen),
            Block::Found(found) => found.render(screen, has_colours()),
        };
        self.blocks.iter().map(block).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
    }
}

fn field_lines(fields: &[(&'static str, Cell)], screen: Screen) -> String {
    let widest = fields.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    let line = |(name, cell): &(&str, Cell)| match screen {
        Screen::Pipe => format!("{name}\t{}", cell.shown(screen)),
        Screen::Terminal { .. } => format!("{name}{}{GAP}{}", " ".repeat(widest - width(name)), cell.shown(screen)),
    };
    fields.iter().map(line).collect::<Vec<_>>().join("\n")
}

impl From<Table> for Layout {
    fn from(table: Table) -> Self {
        Self::default().table(table)
    }
}

impl From<Found> for Layout {
    fn from(found: Found) -> Self {
        Self { blocks: vec![Block::Found(found)], hints: vec![] }
    }
}

impl From<String> for Layout {
    fn from(text: String) -> Self {
        Self::default().text(text)
    }
}

impl From<&str> for Layout {
    fn from(text: &str) -> Self {
        Self::default().text(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01900000-0000-7000-8000-000000000001";

    fn notes() -> Table {
        let mut table = Table::of_records([whole("id"), whole("type"), text("title"), path("path"), text("text")]);
        let long = "The crane was built in 1890 and moved to the east quay\nwhere it stands";
        table.row([ID.into(), "semantic".into(), "Harbour crane".into(), "harbour/crane.md".into(), long.into()]);
        table.row([
            ID.into(),
            "episodic".into(),
            Cell::from(None::<String>),
            "tea.md".into(),
            "会議は毎週火曜日\tの東京駅".into(),
        ]);
        table
    }

    #[test]
    fn a_row_is_a_line_while_everything_fits() {
        let text = notes().render(Screen::Terminal { width: 120 });
        insta::assert_snapshot!(text, @r"
        id                                    type      title          path              text
        ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
        01900000-0000-7000-8000-000000000001  semantic  Harbour crane  harbour/crane.md  The crane was built in 1890 and moved…
        01900000-0000-7000-8000-000000000001  episodic                 tea.md            会議は毎週火曜日 の東京駅
        ");
        assert!(text.lines().all(|line| width(line) <= 120));
    }

    #[test]
    fn where_it_does_not_fit_ids_stay_whole_and_texts_end_with_an_ellipsis() {
        for columns in [80, 40] {
            let text = notes().render(Screen::Terminal { width: columns });
            assert!(text.lines().all(|line| width(line) <= columns), "{text}");
            assert_eq!(text.matches(ID).count(), 2);
        }
        insta::assert_snapshot!(notes().render(Screen::Terminal { width: 40 }), @r"
        01900000-0000-7000-8000-000000000001
          semantic
          Harbour crane
          harbour/crane.md
          The crane was built in 1890 and moved…
        01900000-0000-7000-8000-000000000001
          episodic
          tea.md
          会議は毎週火曜日 の東京駅
        ");
    }

    #[test]
    fn programs_get_whole_values_between_tabs() {
        let text = notes().render(Screen::Pipe);
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
        assert_eq!(rows.iter().map(Vec::len).collect::<Vec<_>>(), [5, 5]);
        assert_eq!((rows[0][4].ends_with("where it stands"), rows[1][2]), (true, ""));
    }

    #[test]
    fn values_that_do_not_speak_for_themselves_are_named_when_rows_are_broken() {
        let mut table = Table::new([whole("hits"), whole("bytes"), text("question")]);
        table.row([12_u64.into(), 4096_u64.into(), "a question that is longer than the line".into()]);
        insta::assert_snapshot!(table.render(Screen::Terminal { width: 30 }), @r"
        hits 12  bytes 4096
          question a question that is…
        ");
    }

    #[test]
    fn fields_stand_below_each_other_and_empty_ones_are_left_out() {
        let layout = Layout::default()
            .fields([("id", ID.into()), ("title", "".into()), ("importance", "0.5".into())])
            .text("Tea\n at four");
        insta::assert_snapshot!(layout.render(Screen::Terminal { width: 40 }), @r"
        id          01900000-0000-7000-8000-000000000001
        importance  0.5
        Tea
         at four
        ");
        assert!(layout.render(Screen::Pipe).starts_with(&format!("id\t{ID}\nimportance\t0.5\nTea")));
    }

    #[test]
    fn a_table_without_rows_is_a_head_alone() {
        let empty = Table::new([whole("id"), text("title")]);
        assert_eq!(
            (empty.render(Screen::Terminal { width: 80 }).lines().count(), empty.render(Screen::Pipe)),
            (2, String::new())
        );
    }
}
