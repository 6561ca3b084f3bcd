//! Mistakes between the elements of something: arguments, parameters, lists, tuples, indices.

use super::error;
use super::scene::{Expected, Scene};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::tokens::{Bracket, Token, TokenKind};

/// Explains an error between two elements.
pub(super) fn explain(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.found()?;
    let bracket = scene.bracket()?;
    let in_sequence = match scene.expected {
        Expected::AfterOperand { before_block: false } => !matches!(bracket, Bracket::Block | Bracket::Limits),
        Expected::Equals => bracket == Bracket::Parameters,
        Expected::PatternEnd => true,
        _ => false,
    };
    if !in_sequence {
        return None;
    }
    let span = scene.span(found);
    let expected = scene.expectation();
    let message = format!("expected {expected}, found {}", scene.describe_found());
    if bracket == Bracket::Call && (found.is(":") || found.is("=")) {
        let error = error(message, span, format!("expected {expected}"));
        let is_name = scene.before(1).is_some_and(Token::is_name)
            && scene.before(2).is_some_and(|before| before.is("(") || before.is(","));
        return Some(match found.text {
            ":" if is_name => {
                let value =
                    scene.after(1).filter(|value| value.line == found.line).map_or(found.end(), |value| value.start);
                error.suggest("arguments are named with `=`", Span::new(span.source, found.start, value), "=")
            }
            "=" => error.help("only a plain name can name an argument; values are compared with `==`"),
            _ => error,
        });
    }
    if found.is("=") {
        return Some(error(message, span, format!("expected {expected}")).suggest(
            "values are compared with `==`",
            span,
            "==",
        ));
    }
    if begins_operand(found) {
        let what = match bracket {
            Bracket::Call => "arguments",
            Bracket::Parameters => "parameters",
            Bracket::Index => "indices",
            Bracket::Shape => "dimensions",
            Bracket::List | Bracket::Group | Bracket::Block | Bracket::Limits => "elements",
        };
        let previous = scene.before(1)?;
        return Some(
            error(
                format!("expected {expected}, found {}", scene.describe_found()),
                span,
                format!("expected {expected}"),
            )
            .secondary(scene.span(previous), "")
            .suggest(format!("separate {what} by commas"), scene.gap(), ","),
        );
    }
    None
}

/// Whether an expression may begin with the token; `-` continues one as well.
fn begins_operand(token: &Token<'_>) -> bool {
    match token.kind {
        TokenKind::Word => !token.is_keyword() || token.is_any(&["true", "false", "if"]),
        TokenKind::Number | TokenKind::String => true,
        TokenKind::Symbol => token.is_any(&["(", "[", "!"]),
        TokenKind::Comment | TokenKind::BrokenString | TokenKind::Unknown => false,
    }
}

impl Scene<'_> {
    /// Whether the place is where an element begins: behind an opening bracket or a comma.
    pub(super) fn follows_separator(&self) -> bool {
        self.before(1).is_some_and(|before| before.opens() || before.is(","))
    }
}
