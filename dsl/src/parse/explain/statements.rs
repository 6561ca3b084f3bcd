//! Mistakes in statements.

use super::error;
use super::items::no_types;
use super::scene::{Expected, Scene};
use crate::diagnostic::Diagnostic;
use crate::tokens::{Bracket, Token, TokenKind};

/// Explains an error in a statement.
pub(super) fn explain(scene: &Scene<'_>) -> Option<Diagnostic> {
    match scene.expected {
        Expected::Statement => scene.found().and_then(|found| no_statement(scene, found)),
        Expected::AfterOperand { before_block: true } => scene.found().and_then(|found| condition(scene, found)),
        Expected::AfterOperand { .. } if scene.bracket() == Some(Bracket::Block) => {
            let found = scene.found()?;
            no_statement(scene, found).or_else(|| after_expression(scene, found))
        }
        Expected::Equals => scene.found().and_then(|found| binding(scene, found)),
        Expected::Block => body(scene),
        Expected::In => scene.found().and_then(|found| for_head(scene, found)),
        Expected::Operand => scene.found().and_then(|found| operand(scene, found)),
        Expected::Colon | Expected::Shape => Some(input(scene)),
        Expected::Name if scene.follows(":") => Some(input(scene)),
        _ => None,
    }
}

/// A token that begins no statement.
fn no_statement(scene: &Scene<'_>, found: &Token<'_>) -> Option<Diagnostic> {
    let span = scene.span(found);
    if found.is_item_keyword() {
        let kind = scene.item().map_or("block", |item| item.text);
        return Some(
            error(format!("`{}` cannot stand inside of a `{kind}`", found.text), span, "expected a statement")
                .help(format!("move it out of the `{kind}`, to the top level")),
        );
    }
    if found.is("else") {
        return Some(
            error("`else` without an `if` before it", span, "expected a statement")
                .help("`else` follows right behind the `}` of its `if`"),
        );
    }
    if found.is("|>") {
        return Some(error("expected an expression before `|>`", span, "nothing flows in here"));
    }
    None
}

/// What follows the condition of an `if`, or what a `for` runs over, and is no `{`.
fn condition(scene: &Scene<'_>, found: &Token<'_>) -> Option<Diagnostic> {
    let span = scene.span(found);
    if found.is("=") {
        return Some(error("`=` does not compare", span, "expected an operator or `{`").suggest(
            "values are compared with `==`",
            span,
            "==",
        ));
    }
    braces(scene, found)
}

/// A body without braces.
fn braces(scene: &Scene<'_>, found: &Token<'_>) -> Option<Diagnostic> {
    if found.is("else") && scene.backwards().any(|token| token.is("if") && token.line == found.line) {
        let span = scene.span(found);
        return Some(
            error("expected `{` before the `else`, found none", span, "expected `{`")
                .help("a choice is written `if condition { a } else { b }`"),
        );
    }
    let expected = scene.expectation();
    let message = format!("expected {expected}, found {}", scene.describe_found());
    let error = scene.unexpected(message, &expected);
    Some(if found.is(":") {
        error.help("blocks stand in braces, and line breaks and indentation mean nothing")
    } else if found.ends_operand() || found.is_keyword() {
        error.help("what an `if` or a `for` does always stands in braces")
    } else {
        error
    })
}

/// What follows a whole statement on its line and is no statement.
fn after_expression(scene: &Scene<'_>, found: &Token<'_>) -> Option<Diagnostic> {
    let span = scene.span(found);
    match found.text {
        "=" => Some(assignment(scene, found)),
        "," => {
            let error = error("`,` cannot follow a statement", span, "expected an operator or the next statement");
            Some(match statement_keyword(scene) {
                Some("return") => error.help(
                    "to return several values, make them a tuple, `return (a, b)`, or name them, `return a = x, b = y`",
                ),
                Some("let") => {
                    error.help("each name has a `let` of its own; to take a tuple apart write `let (a, b) = pair`")
                }
                _ => error,
            })
        }
        "{" => Some(error(
            "expected an operator or the next statement, found `{`",
            span,
            "braces only follow `if`, `else` and `for`",
        )),
        ":" => Some(
            error("expected an operator or the next statement, found `:`", span, "not possible here")
                .help("names have no types, and blocks stand in braces"),
        ),
        _ => None,
    }
}

/// The keyword of the statement that the place is in, if it has one on the same line.
fn statement_keyword<'a>(scene: &Scene<'a>) -> Option<&'a str> {
    let line = scene.found()?.line;
    scene
        .backwards()
        .take_while(|token| token.line == line)
        .find(|token| token.is_any(&["return", "let", "for", "if", "input"]))
        .map(|token| token.text)
}

/// A `=` behind something that cannot be assigned to.
fn assignment(scene: &Scene<'_>, found: &Token<'_>) -> Diagnostic {
    let span = scene.span(found);
    let mut depth = 0_usize;
    let mut first = found;
    let mut before = None;
    // Walk back over one operand: names, points, and brackets with all that is in them.
    for token in scene.backwards() {
        let joined = depth > 0 || token.closes() || token.is(".") || first.opens() || first.is(".") || first.is("=");
        if !joined || (depth == 0 && token.opens()) {
            before = Some(token);
            break;
        }
        if depth == 0 && first.opens() && !token.ends_operand() {
            before = Some(token);
            break;
        }
        if token.closes() {
            depth += 1;
        } else if token.opens() {
            depth = depth.saturating_sub(1);
        }
        first = token;
    }
    if before.is_some_and(|before| before.is("=")) {
        return error("an assignment has no value", span, "a second `=` in one statement")
            .help("write two statements, or compare with `==`");
    }
    let last = scene.before(1).unwrap_or(found);
    let target = scene.between(first, last);
    if first.is("(") {
        return error("a tuple cannot be assigned to", target, "not a name")
            .help("new names are made with `let (a, b) = ...`; names that exist are assigned one by one");
    }
    error("only names can be assigned to", target, "not a name")
        .help("values do not change: make a new one, and give it the old name")
}

/// Something else than `=` in a `let`.
fn binding(scene: &Scene<'_>, found: &Token<'_>) -> Option<Diagnostic> {
    let span = scene.span(found);
    let keyword = scene.backwards().find(|token| token.is_keyword())?;
    if found.is(":") {
        return Some(no_types(scene, found));
    }
    if keyword.is("let") && found.is("(") {
        return Some(
            error("expected `=`, found `(`", span, "expected `=`")
                .help("functions are defined at the top level: `fn f(x) = ...`"),
        );
    }
    if keyword.is("let") && found.is(",") {
        return Some(
            error("expected `=`, found `,`", span, "expected `=`")
                .help("to take a tuple apart write `let (a, b) = pair`"),
        );
    }
    if keyword.is("let") && !scene.same_line() || found.is("}") {
        return Some(
            scene
                .unexpected(format!("expected `=`, found {}", scene.describe_found()), "`=`")
                .help("a `let` always has a value"),
        );
    }
    None
}

/// A body is missing.
fn body(scene: &Scene<'_>) -> Option<Diagnostic> {
    scene.bracket()?;
    braces(scene, scene.found()?)
}

/// Something wrong between `for` and `in`.
fn for_head(scene: &Scene<'_>, found: &Token<'_>) -> Option<Diagnostic> {
    let span = scene.span(found);
    let message = format!("expected `in`, found {}", scene.describe_found());
    Some(match found.text {
        "of" => error(message, span, "expected `in`").suggest("a loop is written with `in`", span, "in"),
        "=" | ":" => {
            error(message, span, "expected `in`").help("a loop runs over a list or a range: `for i in 0..4 { ... }`")
        }
        "," => error(message, span, "a `for` takes an index and a pattern at most")
            .help("take the element apart with a tuple: `for i, (a, b) in list`"),
        _ => return None,
    })
}

/// An operand is missing.
fn operand(scene: &Scene<'_>, found: &Token<'_>) -> Option<Diagnostic> {
    let before = scene.before(1)?;
    if before.is("return") && found.is("}") {
        return Some(
            error("`return` needs a value", scene.span(before), "expected an expression after this")
                .help("a block without a result ends without `return`"),
        );
    }
    if found.is("{") {
        return Some(
            error("expected an expression, found `{`", scene.span(found), "a block is no value by itself")
                .help("only `if` and `else` have blocks with values; lists stand in `[ ]`, tuples in `( )`"),
        );
    }
    if found.is("=") && before.kind == TokenKind::Symbol && before.end() == found.start {
        let message = format!("there is no operator `{}=`", before.text);
        return Some(error(message, scene.between(before, found), "not an operator"));
    }
    None
}

/// Something wrong in an `input`.
fn input(scene: &Scene<'_>) -> Diagnostic {
    let expected = match scene.expected {
        Expected::Name => "the type of the elements".to_owned(),
        _ => scene.expectation(),
    };
    let error = scene.unexpected(format!("expected {expected}, found {}", scene.describe_found()), &expected);
    error.help("an input is declared with type and shape: `input image: f32[batch, 3, 224, 224]`")
}
