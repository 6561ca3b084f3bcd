//! Keywords and other things where a name or a value should stand.

use super::error;
use super::scene::{Expected, Scene};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::tokens::{Bracket, Token, TokenKind};

/// Explains what was found in the place of a name or of an operand.
pub(super) fn explain(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.found();
    match scene.expected {
        Expected::Name | Expected::Pattern => {
            if let Some(diagnostic) = after_point(scene) {
                return Some(diagnostic);
            }
            let found = found?;
            item_name(scene, found)
                .or_else(|| after_as(scene, found))
                .or_else(|| after_input(scene, found))
                .or_else(|| keyword(scene, found))
        }
        Expected::Operand | Expected::Argument | Expected::Subscript => {
            let found = found?;
            if found.text == "_" {
                return Some(
                    error("`_` has no value", scene.span(found), "expected an expression")
                        .help("`_` only stands where a value is dropped: `let (a, _) = pair`"),
                );
            }
            keyword_as_value(scene, found)
        }
        _ => None,
    }
}

/// `x.0`, `2.`.
fn after_point(scene: &Scene<'_>) -> Option<Diagnostic> {
    let point = scene.before(1).filter(|before| before.is("."))?;
    let base = scene.before(2)?;
    if base.kind == TokenKind::Number && base.end() == point.start {
        let end = Span::new(scene.span(point).source, point.end(), point.end());
        return Some(error("a decimal point needs a digit behind it", scene.between(base, point), "").suggest(
            "add a zero",
            end,
            "0",
        ));
    }
    if let Some(found) = scene.found().filter(|found| found.kind == TokenKind::Number) {
        let span = scene.between(point, found);
        return Some(
            error("elements are chosen with brackets, not with a point", span, "expected the name of an attribute")
                .suggest("use brackets", span, format!("[{}]", found.text)),
        );
    }
    None
}

/// An item without a name.
fn item_name(scene: &Scene<'_>, found: &Token<'_>) -> Option<Diagnostic> {
    let keyword = scene.before(1).filter(|before| before.is_item_keyword())?;
    if found.is_keyword() {
        return None;
    }
    let message = match keyword.text {
        "budget" => format!("expected the name of a network or module, found {}", scene.describe_found()),
        kind => format!("expected the name of the `{kind}`, found {}", scene.describe_found()),
    };
    Some(scene.unexpected(message, "a name"))
}

/// `x as "name"`, `x as 3`.
fn after_as(scene: &Scene<'_>, found: &Token<'_>) -> Option<Diagnostic> {
    if !scene.follows("as") {
        return None;
    }
    let span = scene.span(found);
    let message = format!("expected the name of an instance, found {}", scene.describe_found());
    let error = error(message, span, "expected a name");
    let content = found.text.trim_matches('"');
    let is_path = content.split('.').all(|name| {
        name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
    });
    if found.kind == TokenKind::String && is_path {
        return Some(error.suggest("instance names stand without quotes", span, content));
    }
    Some(error.help("an instance is named like this: `as conv`, or `as blocks[i].conv` in a loop"))
}

/// `input` at the beginning of a statement that is no declaration.
fn after_input(scene: &Scene<'_>, found: &Token<'_>) -> Option<Diagnostic> {
    let keyword = scene.before(1).filter(|before| before.is("input"))?;
    if found.is_keyword() {
        return None;
    }
    Some(
        error(
            "`input` is a keyword, so it cannot be used as a name",
            scene.span(keyword),
            "begins a declaration such as `input image: f32[batch, 3, 224, 224]`",
        )
        .suggest("use another name", scene.span(keyword), "image"),
    )
}

/// A keyword where a name is to be made.
fn keyword(scene: &Scene<'_>, found: &Token<'_>) -> Option<Diagnostic> {
    if !found.is_keyword() || found.is("in") || !scene.same_line() {
        return None;
    }
    let span = scene.span(found);
    let message = format!("expected a name, found {}", scene.describe_found());
    let error = error(message, span, "keywords cannot be used as names");
    if scene.after(1).is_some_and(Token::is_name) {
        return Some(error);
    }
    Some(error.suggest("use another name, for instance", span, format!("{}_", found.text)))
}

/// A keyword where a value should stand.
fn keyword_as_value(scene: &Scene<'_>, found: &Token<'_>) -> Option<Diagnostic> {
    if !found.is_keyword() || !scene.same_line() {
        return None;
    }
    let span = scene.span(found);
    let named = scene.expected == Expected::Argument && scene.after(1).is_some_and(|after| after.is("="));
    let wanted = if named { "the name of a parameter".to_owned() } else { scene.expectation() };
    let message = format!("expected {wanted}, found {}", scene.describe_found());
    match found.text {
        _ if named => Some(error(message, span, "keywords cannot be used as names")),
        "for" if scene.bracket() == Some(Bracket::List) => Some(
            error(message, span, "expected an element before this")
                .help("a comprehension is written `[element for pattern in list]`"),
        ),
        "for" => Some(
            error(message, span, "a loop has no value")
                .help("for a list of values write `[value for pattern in list]`"),
        ),
        "return" => Some(error(message, span, "`return` is a statement, not a value")),
        "else" | "as" | "in" => None,
        _ => Some(error(message, span, "keywords cannot be used as names or values")),
    }
}
