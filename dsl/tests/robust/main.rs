//! Whatever the text, the front end stays standing, and what it formats it does not change.

mod bombs;
mod laws;
mod programs;

use parameternet_dsl::ast::File;
use parameternet_dsl::diagnostic::Diagnostic;
use parameternet_dsl::source::{SourceId, SourceMap};

/// A map with one text.
fn source(text: &str) -> (SourceMap, SourceId) {
    let mut sources = SourceMap::new();
    let id = sources.add("test.pnet", text);
    (sources, id)
}

/// The tree and the errors of a text.
fn parse(text: &str) -> (File, Vec<Diagnostic>) {
    let (sources, id) = source(text);
    parameternet_dsl::parse(&sources, id)
}

/// The formatted text, if it parses.
fn format(text: &str) -> Option<String> {
    let (sources, id) = source(text);
    parameternet_dsl::format(&sources, id).ok()
}
