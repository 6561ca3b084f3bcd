//! Tests of the parser as a whole: trees and spans of texts that are right, messages about texts that are wrong.

mod errors;
mod trees;

use super::parse;
use crate::ast::File;
use crate::diagnostic::{Diagnostic, Style, render};
use crate::source::SourceMap;

/// The tree and the errors of a text, and the map that it is in.
fn parse_text(text: &str) -> (File, Vec<Diagnostic>, SourceMap) {
    let mut sources = SourceMap::new();
    let id = sources.add("net.pnet", text);
    let (file, diagnostics) = parse(&sources, id);
    (file, diagnostics, sources)
}

/// The errors of a text as the author sees them.
fn errors(text: &str) -> String {
    let (_, diagnostics, sources) = parse_text(text);
    render(&diagnostics, &sources, Style::Plain)
}

/// The tree of a text without errors.
fn tree(text: &str) -> File {
    let (file, diagnostics, sources) = parse_text(text);
    assert!(diagnostics.is_empty(), "{}", render(&diagnostics, &sources, Style::Plain));
    file
}
