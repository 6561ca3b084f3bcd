//! Brackets that match, and nest within reason: checked on tokens, before the grammar recurses over them.
//!
//! In: the tokens of one part of a text. Out: the first error, if there is one. After it, every bracket of the part has its partner,
//! and no more than [`MAX_NESTING`] are open at once; nor do the conditions of `if`, which nest without brackets.

use std::ops::Range;

use super::builder::too_deep;
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
    /// How many `if` outside of it still wait for their `{`.
    waiting: usize,
}

/// Checks the brackets of the tokens `part`.
pub(super) fn check(tokens: &[Token<'_>], part: Range<usize>, id: SourceId) -> Option<Diagnostic> {
    let mut open: Vec<Open<'_>> = Vec::new();
    // A `{` that is closed by a `}` further to the left: probably one of those between is missing.
    let mut misindented: Option<(&Token<'_>, &Token<'_>)> = None;
    let mut indentation = 0;
    // `if if a { b } else { c } { ... }`: conditions nest without brackets.
    let mut waiting = 0_usize;
    let mut depth = 0_usize;
    let mut previous: Option<&Token<'_>> = None;
    for token in tokens.get(part.clone()).unwrap_or_default() {
        if token.kind == TokenKind::Comment {
            continue;
        }
        if token.first_on_line {
            indentation = token.column;
        }
        // Behind a whole operand it is a statement, or a condition of a comprehension.
        if token.is("if") && !previous.is_some_and(Token::ends_operand) {
            waiting += 1;
        }
        if token.opens() {
            if token.is("{") && !previous.is_some_and(|previous| previous.is("else")) {
                waiting = waiting.saturating_sub(1);
            }
            open.push(Open { token, indentation, waiting });
            depth += waiting + 1;
            waiting = 0;
        } else if token.closes() {
            let Some(opening) = open.pop() else { return Some(nothing_to_close(token, misindented, id)) };
            depth -= opening.waiting + 1;
            waiting = opening.waiting;
            if partner(opening.token) != token.text {
                return Some(mismatch(opening.token, token, tokens, id));
            }
            if token.first_on_line && token.column < opening.indentation {
                misindented = misindented.or(Some((opening.token, token)));
            }
        }
        if depth + waiting > MAX_NESTING {
            return Some(too_deep(span(token, id)));
        }
        previous = Some(token);
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
