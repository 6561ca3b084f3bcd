//! Brackets that match, and nest within reason: checked on tokens, before the grammar recurses over them.
//!
//! In: the tokens of one part of a text. Out: the first error, if there is one. After it, every bracket of the part has its partner,
//! and no more than [`MAX_NESTING`] are open at once.

use std::ops::Range;

use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::limits::MAX_NESTING;
use crate::source::{SourceId, Span};
use crate::tokens::{Token, TokenKind};

/// An open bracket.
struct Open<'a> {
    token: &'a Token<'a>,
    /// Column of the first token on its line.
    indentation: usize,
}

/// Checks the brackets of the tokens `part`.
pub(super) fn check(tokens: &[Token<'_>], part: Range<usize>, id: SourceId) -> Option<Diagnostic> {
    let mut open: Vec<Open<'_>> = Vec::new();
    // A `{` that is closed by a `}` further to the left: probably one of those between is missing.
    let mut misindented: Option<(&Token<'_>, &Token<'_>)> = None;
    let mut indentation = 0;
    for token in tokens.get(part.clone()).unwrap_or_default() {
        if token.first_on_line && token.kind != TokenKind::Comment {
            indentation = token.column;
        }
        if token.opens() {
            if open.len() >= MAX_NESTING {
                return Some(too_deep(token, id));
            }
            open.push(Open { token, indentation });
        } else if token.closes() {
            let Some(opening) = open.pop() else { return Some(nothing_to_close(token, misindented, id)) };
            if partner(opening.token) != token.text {
                return Some(mismatch(opening.token, token, tokens, id));
            }
            if token.first_on_line && token.column < opening.indentation {
                misindented = misindented.or(Some((opening.token, token)));
            }
        }
    }
    let unclosed = open.last()?.token;
    Some(never_closed(unclosed, tokens, part, misindented, id))
}

fn partner(opening: &Token<'_>) -> &'static str {
    match opening.text {
        "(" => ")",
        "[" => "]",
        _ => "}",
    }
}

fn span(token: &Token<'_>, id: SourceId) -> Span {
    Span::new(id, token.start, token.end())
}

fn too_deep(token: &Token<'_>, id: SourceId) -> Diagnostic {
    Diagnostic::new(Code::E0003, format!("brackets nest more than {MAX_NESTING} deep"))
        .primary(span(token, id), "one more than is allowed")
        .help("give the inner parts names with `let`, or move them into functions or modules of their own")
}

fn nothing_to_close(token: &Token<'_>, misindented: Option<(&Token<'_>, &Token<'_>)>, id: SourceId) -> Diagnostic {
    let error = Diagnostic::new(Code::E0002, format!("`{}` closes nothing", token.text))
        .primary(span(token, id), "no bracket is open here");
    suspicion(error, misindented, id)
}

fn mismatch(opening: &Token<'_>, closing: &Token<'_>, tokens: &[Token<'_>], id: SourceId) -> Diagnostic {
    let error = Diagnostic::new(Code::E0002, format!("`{}` is closed by `{}`", opening.text, closing.text))
        .primary(span(closing, id), format!("closed here by `{}`, expected `{}`", closing.text, partner(opening)))
        .secondary(span(opening, id), format!("unclosed `{}`", opening.text));
    missing_before_statement(error, opening, closing.start, tokens, id)
}

fn never_closed(
    opening: &Token<'_>,
    tokens: &[Token<'_>],
    part: Range<usize>,
    misindented: Option<(&Token<'_>, &Token<'_>)>,
    id: SourceId,
) -> Diagnostic {
    let next = tokens.get(part.end..).unwrap_or_default().iter().find(|token| token.kind != TokenKind::Comment);
    let message = match next {
        Some(_) => format!("`{}` is not closed before the next item", opening.text),
        None => format!("`{}` is never closed", opening.text),
    };
    let mut error =
        Diagnostic::new(Code::E0002, message).primary(span(opening, id), format!("unclosed `{}`", opening.text));
    if let Some(next) = next {
        error = error.secondary(span(next, id), "the next item begins here");
    }
    let end = tokens.get(part).and_then(|part| part.last()).map_or(opening.end(), Token::end);
    error = missing_before_statement(error, opening, end, tokens, id);
    if opening.is("{") { suspicion(error, misindented, id) } else { error }
}

/// Points at the first statement between a `(` or `[` and `end`: the bracket is missing before it.
fn missing_before_statement(
    error: Diagnostic,
    opening: &Token<'_>,
    end: usize,
    tokens: &[Token<'_>],
    id: SourceId,
) -> Diagnostic {
    if opening.is("{") {
        return error;
    }
    let first = tokens.partition_point(|token| token.start <= opening.start);
    let inside = tokens.get(first..).unwrap_or_default().iter().take_while(|token| token.start < end);
    let mut inside = inside.filter(|token| token.first_on_line);
    match inside.find(|token| token.is_any(&["let", "return", "input"])) {
        Some(statement) => {
            error.secondary(span(statement, id), format!("`{}` is missing before this statement", partner(opening)))
        }
        None => error,
    }
}

/// Points at a pair of braces whose indentation differs.
fn suspicion(error: Diagnostic, misindented: Option<(&Token<'_>, &Token<'_>)>, id: SourceId) -> Diagnostic {
    let Some((opening, closing)) = misindented else { return error };
    error
        .secondary(span(opening, id), "this brace may lack its partner,")
        .secondary(span(closing, id), "as this one, further to the left, closes it")
}
