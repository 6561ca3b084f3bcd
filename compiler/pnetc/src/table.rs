//! Tables for people.

pub(crate) use parameternet_compiler::figures::grouped;

/// How the cells of a column stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Rows of cells under headings, two blanks between columns and before each row; no blanks at the end of a line.
#[derive(Debug)]
pub(crate) struct Table {
    alignments: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a row of headings.
    pub(crate) fn new(columns: &[(&str, Align)]) -> Self {
        Table {
            alignments: columns.iter().map(|(_, align)| *align).collect(),
            rows: vec![columns.iter().map(|(heading, _)| (*heading).to_owned()).collect()],
        }
    }

    /// A table of names and what is said about them, without headings.
    pub(crate) fn facts() -> Self {
        Table { alignments: vec![Align::Left, Align::Left], rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn fact(&mut self, name: &str, said: String) {
        self.row([name.to_owned(), said]);
    }

    /// The table as text; every line ends with a line break.
    pub(crate) fn render(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.alignments.len()).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, width), align) in row.iter().zip(&widths).zip(&self.alignments) {
                line.push_str("  ");
                line.push_str(&match align {
                    Align::Left => format!("{cell:<width$}"),
                    Align::Right => format!("{cell:>width$}"),
                });
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// `1 thread`, `2 threads`.
pub(crate) fn counted(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", grouped(number as u64))
}

/// A difference with its sign.
pub(crate) fn signed(from: u64, to: u64) -> String {
    let sign = match from.cmp(&to) {
        std::cmp::Ordering::Less => "+",
        std::cmp::Ordering::Equal => "",
        std::cmp::Ordering::Greater => "-",
    };
    format!("{sign}{}", grouped(from.abs_diff(to)))
}

/// The beginning of a text, of at most so many characters; `…` stands for what was cut off.
pub(crate) fn beginning(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        Some(_) => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

/// The end of a text, likewise.
pub(crate) fn ending(text: &str, width: usize) -> String {
    match text.chars().count().checked_sub(width) {
        Some(excess) if excess > 0 => ['…'].into_iter().chain(text.chars().skip(excess + 1)).collect(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_no_plural() {
        assert_eq!([counted(1, "thread"), counted(1024, "thread")], ["1 thread", "1,024 threads"]);
    }

    #[test]
    fn differences_have_signs() {
        assert_eq!([signed(1, 2001), signed(5, 5), signed(3, 1)], ["+2,000", "0", "-2"]);
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&[("name", Align::Left), ("number", Align::Right), ("what", Align::Left)]);
        table.row(["a".to_owned(), "1,234,567".to_owned(), "é".to_owned()]);
        table.row(["longer".to_owned(), "1".to_owned(), String::new()]);
        assert_eq!(table.render(), "  name       number  what\n  a       1,234,567  é\n  longer          1\n");
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!((beginning("1234", 4), ending("1234", 4)), ("1234".to_owned(), "1234".to_owned()));
        assert_eq!((beginning("12345", 4), ending("12345", 4)), ("123…".to_owned(), "…345".to_owned()));
    }
}
