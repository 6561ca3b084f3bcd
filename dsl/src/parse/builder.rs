//! What the tree-building functions share: positions, depth, and where errors go.
//!
//! Building is an `impl` of [`Builder`] over several files ([`super::items`], [`super::statements`], [`super::expressions`],
//! [`super::literals`]). Each function takes a pest pair of a known rule and returns `Option`: `None` means that the item
//! cannot be built; the error was reported. Where pest guarantees the shape of a pair, `?` on the missing part ends the item too, and
//! [`Builder::items`] reports it as an internal error, should it ever happen.

use pest::iterators::Pair;

use crate::ast;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::grammar::Rule;
use crate::limits::{MAX_ERRORS, MAX_NESTING};
use crate::source::{SourceId, Span};
use crate::tokens::{Token, TokenKind};

/// Builds the syntax tree of one text.
pub(super) struct Builder<'a> {
    source: SourceId,
    /// The whole text.
    pub(super) text: &'a str,
    /// Where the part begins that the pairs at hand count their positions from.
    pub(super) offset: usize,
    /// The tokens of the whole text.
    pub(super) tokens: &'a [Token<'a>],
    pub(super) file: ast::File,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Where the last expression ends that was reported as a misplaced statement.
    pub(super) misplaced_end: usize,
}

/// A piece of the tree with the depth of the tree under it.
pub(super) struct Deep<T> {
    /// The piece.
    pub(super) tree: T,
    /// How many expressions and blocks lie within each other, counting itself.
    pub(super) depth: usize,
}

impl<'a> Builder<'a> {
    /// A builder for the text with these tokens.
    pub(super) fn new(source: SourceId, text: &'a str, tokens: &'a [Token<'a>]) -> Self {
        let file = ast::File::default();
        Builder { source, text, offset: 0, tokens, file, diagnostics: Vec::new(), misplaced_end: 0 }
    }

    /// The text that the spans point into.
    pub(super) fn source(&self) -> SourceId {
        self.source
    }

    /// The tree and the errors.
    pub(super) fn finish(self) -> (ast::File, Vec<Diagnostic>) {
        (self.file, self.diagnostics)
    }

    /// Keeps an error.
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < MAX_ERRORS {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Whether so many errors were kept that further ones are of no use.
    pub(super) fn is_full(&self) -> bool {
        self.diagnostics.len() >= MAX_ERRORS
    }

    /// Where a pair stands in the whole text.
    pub(super) fn span(&self, pair: &Pair<'_, Rule>) -> Span {
        let span = pair.as_span();
        let (start, mut end) = (self.offset + span.start(), self.offset + span.end());
        if pair.as_str().ends_with(char::is_whitespace) {
            // Where a rule ends with something optional, pest counts the white space and comments before it in.
            let inside = self.tokens.get(..self.token_index(end)).unwrap_or_default();
            let last = inside.iter().rev().find(|token| token.kind != TokenKind::Comment);
            end = last.map_or(end, Token::end).max(start);
        }
        Span::new(self.source, start, end)
    }

    /// The name that a pair of [`Rule::name`] is.
    pub(super) fn name(&self, pair: &Pair<'_, Rule>) -> ast::Name {
        ast::Name { text: pair.as_str().to_owned(), span: self.span(pair) }
    }

    /// The index of the first token that begins at or after `start`.
    pub(super) fn token_index(&self, start: usize) -> usize {
        self.tokens.partition_point(|token| token.start < start)
    }

    /// Makes a piece of tree from parts that are up to `inner` deep, or reports that it is too deep.
    pub(super) fn deepen<T>(&mut self, tree: T, span: Span, inner: usize) -> Option<Deep<T>> {
        if inner >= MAX_NESTING {
            self.report(too_deep(span));
            return None;
        }
        Some(Deep { tree, depth: inner + 1 })
    }
}

/// The parts of a pair that carry meaning: without keywords and fixed punctuation.
pub(super) fn parts<'i>(pair: Pair<'i, Rule>) -> impl Iterator<Item = Pair<'i, Rule>> {
    pair.into_inner().filter(|part| !part.as_rule().is_fixed())
}

/// The error for a tree that is deeper than the compiler can follow.
pub(super) fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0003, format!("brackets, blocks or expressions nest more than {MAX_NESTING} deep"))
        .primary(span, "this is too deep")
        .note("operators in a row nest too: `a + b + c` is `(a + b) + c`")
        .help("give the inner parts names with `let`, or move them into functions or modules of their own")
}
