//! Source texts and positions in them.
//!
//! A [`SourceMap`] owns every text of one compilation; a [`Span`] is a byte range of one of them. Nothing here reads
//! files: a [`Loader`] brings the texts in, so that the compiler can run on a disk, in a macro or in a test alike.

use std::fmt;

/// Identifies one text of a [`SourceMap`]; prints as `s0`, `s1`, ….
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(u32);

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0)
    }
}

/// A byte range `start..end` of one source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The text that the range lies in.
    pub source: SourceId,
    /// First byte, counted from 0.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A span over `start..end` of `source`.
    #[must_use]
    pub fn new(source: SourceId, start: usize, end: usize) -> Self {
        // A text is limited to MAX_SOURCE_BYTES, far below 4 GiB; saturating keeps the conversion total.
        let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Span { source, start: narrow(start), end: narrow(end) }
    }

    /// The smallest span that covers both; `self` if they lie in different texts.
    #[must_use]
    pub fn to(self, other: Span) -> Span {
        if self.source != other.source {
            return self;
        }
        Span { source: self.source, start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The byte range as `usize`, for slicing the text.
    #[must_use]
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// One text with the name it is shown under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// What diagnostics print before the line number: the path as the user wrote it, or something like `<inline>`.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl SourceFile {
    /// Line and column (both from 1, columns in characters) of a byte offset; offsets past the end are at the end.
    #[must_use]
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = self.text.get(..offset).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        (line, before.get(line_start..).unwrap_or_default().chars().count() + 1)
    }
}

/// Every source text of one compilation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        SourceMap::default()
    }

    /// Adds a text and returns its id.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> SourceId {
        let id = SourceId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(SourceFile { name: name.into(), text: text.into() });
        id
    }

    /// The file of an id. `None` only for an id of another map.
    #[must_use]
    pub fn get(&self, id: SourceId) -> Option<&SourceFile> {
        self.files.get(id.0 as usize)
    }

    /// The text under a span; empty if the span does not fit this map.
    #[must_use]
    pub fn snippet(&self, span: Span) -> &str {
        self.get(span.source).and_then(|file| file.text.get(span.range())).unwrap_or_default()
    }

    /// All files in the order in which they were added, with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &SourceFile)> {
        (0u32..).map(SourceId).zip(&self.files)
    }
}

/// Why a [`Loader`] could not bring a file in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// There is nothing at that path.
    #[error("there is no such file")]
    NotFound,
    /// The file holds bytes that are not UTF-8.
    #[error("the file is not UTF-8 text")]
    NotText,
    /// The file is larger than a source text may be.
    #[error("the file is larger than {limit} bytes")]
    TooLarge {
        /// The most bytes that a source text may have.
        limit: usize,
    },
    /// Anything else that the system said.
    #[error("{0}")]
    Other(String),
}

/// Brings source texts in by path, so that the compiler itself does no I/O.
pub trait Loader {
    /// The text at `path`, a path as [`join`] makes it.
    ///
    /// # Errors
    /// When there is no text to be had at that path; the error says why.
    fn load(&self, path: &str) -> Result<String, LoadError>;

    /// Paths that could have been meant instead of `path`, for did-you-mean; none by default.
    fn similar(&self, _path: &str) -> Vec<String> {
        Vec::new()
    }
}

/// The path that `use "target"` means inside the file `from`: relative to the folder of `from`, with `.` and `..` resolved
/// where they can be. Absolute targets stay as they are. Both use `/`.
#[must_use]
pub fn join(from: &str, target: &str) -> String {
    let folder = if target.starts_with('/') { "" } else { from.rsplit_once('/').map_or("", |(folder, _)| folder) };
    let absolute = target.starts_with('/') || from.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(target.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    format!("{}{}", if absolute { "/" } else { "" }, parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_relative_to_the_file_that_says_use() {
        assert_eq!(join("models/a.pnet", "blocks/ghost.pnet"), "models/blocks/ghost.pnet");
        assert_eq!(join("models/blocks/a.pnet", "../b.pnet"), "models/b.pnet");
        assert_eq!(join("a.pnet", "../b.pnet"), "../b.pnet");
        assert_eq!(join("../x/a.pnet", "../../b.pnet"), "../../b.pnet");
        assert_eq!(join("/abs/a.pnet", "./b.pnet"), "/abs/b.pnet");
        assert_eq!(join("/a.pnet", "../../b.pnet"), "/b.pnet");
        assert_eq!(join("x/a.pnet", "/abs/b.pnet"), "/abs/b.pnet");
    }

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let file = SourceFile { name: "x".into(), text: "ab\ncé d".into() };
        assert_eq!(file.line_column(0), (1, 1));
        assert_eq!(file.line_column(3), (2, 1));
        assert_eq!(file.line_column(6), (2, 3));
        assert_eq!(file.line_column(99), (2, 5));
    }
}
