//! Text to syntax tree, with as many errors as are independent of each other.
//!
//! In: one text of a [`SourceMap`]. Out: its [`ast::File`] and the errors. The text is cut into *parts*, one per item
//! ([`parts`]), so that an error in one item hides none in the others. Each part goes through the same steps, and the
//! first that fails ends it: strings are closed, brackets match and nest within reason ([`brackets`]), the grammar accepts it
//! (else [`explain`] says why not), the tree is built ([`builder`]).
//! Invariant: whatever the text, this neither panics nor overflows a stack of 2 MiB, and takes time linear in the text.

mod brackets;
mod builder;
mod explain;
mod expressions;
mod items;
mod literals;
mod parts;
mod statements;

use std::ops::Range;

use pest::Parser;

use crate::ast;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::grammar::{Grammar, Rule};
use crate::limits::MAX_SOURCE_BYTES;
use crate::source::{SourceId, SourceMap, Span};
use crate::tokens::{Token, TokenKind, tokenize};

use builder::Builder;

#[cfg(test)]
mod tests;

/// Parses one text of the map.
///
/// Items with errors are left out of the tree, except where the error is confined to a literal or to an expression that stands
/// alone: these are replaced or left out themselves.
#[must_use]
pub fn parse(sources: &SourceMap, id: SourceId) -> (ast::File, Vec<Diagnostic>) {
    let Some(source) = sources.get(id) else { return (ast::File::default(), Vec::new()) };
    let text = source.text.as_str();
    if text.len() > MAX_SOURCE_BYTES {
        return (ast::File::default(), vec![too_large(text.len(), id)]);
    }
    let tokens = tokenize(text);
    let mut builder = Builder::new(id, text, &tokens);
    for part in parts::split(&tokens) {
        if builder.is_full() {
            break;
        }
        parse_part(text, &tokens, part, &mut builder);
    }
    builder.finish()
}

/// Parses the tokens `part` of the text into `builder`.
fn parse_part(text: &str, tokens: &[Token<'_>], part: Range<usize>, builder: &mut Builder<'_>) {
    let id = builder.source();
    let part_tokens = tokens.get(part.clone()).unwrap_or_default();
    let mut broken_strings = part_tokens.iter().filter(|token| token.kind == TokenKind::BrokenString).peekable();
    if broken_strings.peek().is_some() {
        broken_strings.for_each(|token| builder.report(literals::unterminated(token, id)));
        return;
    }
    if let Some(diagnostic) = brackets::check(tokens, part.clone(), id) {
        builder.report(diagnostic);
        return;
    }
    let (Some(first), Some(last)) = (part_tokens.first(), part_tokens.last()) else { return };
    let offset = first.start;
    match Grammar::parse(Rule::items, text.get(offset..last.end()).unwrap_or_default()) {
        Ok(pairs) => builder.items(pairs, offset),
        Err(error) => builder.report(explain::rejection(&error, offset, text, tokens, part, id)),
    }
}

/// The error for a text that is too long to look at.
fn too_large(bytes: usize, id: SourceId) -> Diagnostic {
    Diagnostic::new(Code::E0005, format!("this text has {bytes} bytes, and {MAX_SOURCE_BYTES} are allowed"))
        .primary(Span::new(id, 0, 0), "")
        .help("split it into several files and bring them together with `use`; large tables hardly belong into a network's source")
}
