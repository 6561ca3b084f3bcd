//! Mistakes at the top level: in what begins an item, and in its head.

use super::error;
use super::scene::{Expected, Scene};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::source::Span;
use crate::tokens::{Bracket, ITEM_KEYWORDS, Token, TokenKind};

/// Explains an error outside of all blocks, or in a budget.
pub(super) fn explain(scene: &Scene<'_>) -> Option<Diagnostic> {
    match scene.expected {
        Expected::Item => scene.found().and_then(|found| no_item(scene, found)),
        Expected::AfterOperand { .. } if scene.bracket().is_none() => {
            scene.found().filter(|found| found.first_on_line).and_then(|found| no_item(scene, found))
        }
        Expected::Equals | Expected::Body | Expected::Block | Expected::Parameters | Expected::ParametersOrBlock => {
            head(scene)
        }
        Expected::Path => path(scene),
        Expected::LimitOperator => limit_operator(scene),
        Expected::Name if scene.bracket() == Some(Bracket::Limits) => Some(
            scene
                .unexpected(
                    format!("expected what to limit, found {}", scene.describe_found()),
                    "`macs`, `params` or the like",
                )
                .help("a limit is written `macs <= 600M`"),
        ),
        _ => None,
    }
}

/// A token that begins no item.
fn no_item(scene: &Scene<'_>, found: &Token<'_>) -> Option<Diagnostic> {
    let span = scene.span(found);
    if found.is_any(&["as", ","]) && scene.item().is_some_and(|item| item.is("use")) {
        return Some(
            error("a `use` takes nothing but one path", span, "expected the next item")
                .help("every definition of that file is then known by its own name"),
        );
    }
    if found.kind != TokenKind::Word {
        return None;
    }
    let next_is_name = scene.after(1).is_some_and(|after| after.is_name() || after.kind == TokenKind::String);
    let next_is_equals = scene.after(1).is_some_and(|after| after.is("="));
    let not_a_keyword = format!("expected an item, found `{}`", found.text);
    if found.is("let") {
        return Some(error("`let` cannot stand outside of a block", span, "expected an item").suggest(
            "at the top level, values are named with `const`",
            span,
            "const",
        ));
    }
    if found.is_any(&["input", "for", "if", "return"]) {
        return Some(
            error(format!("`{}` cannot stand outside of a block", found.text), span, "expected an item")
                .help("statements belong into the braces of a `network`, `module` or `fn`"),
        );
    }
    if next_is_equals && found.is_name() {
        let start = Span::new(span.source, found.start, found.start);
        return Some(error(not_a_keyword, span, "an assignment cannot stand outside of a block").suggest(
            "at the top level, values are named with `const`",
            start,
            "const ",
        ));
    }
    let next_is_item = scene.after(1).is_some_and(Token::is_item_keyword);
    if (next_is_name || next_is_item)
        && let Some(help) = foreign_item(found.text)
    {
        let error = error(not_a_keyword, span, "not a keyword");
        return Some(match help {
            Foreign::Is(keyword) => error.suggest(format!("here it is called `{keyword}`"), span, keyword),
            Foreign::Nothing => error.help("everything is visible to every file: leave this word away"),
            Foreign::Either => {
                error.help("a function of numbers is an `fn`, a part of a network with weights is a `module`")
            }
        });
    }
    if next_is_name && let Some(keyword) = did_you_mean(found.text, ITEM_KEYWORDS) {
        let message = format!("expected an item, found `{}`", found.text);
        return Some(error(message, span, "not a keyword").suggest(
            format!("did you mean `{keyword}`?"),
            span,
            keyword,
        ));
    }
    None
}

/// What other languages' words for items mean here.
enum Foreign {
    Is(&'static str),
    Nothing,
    Either,
}

fn foreign_item(word: &str) -> Option<Foreign> {
    Some(match word {
        "import" | "include" | "from" | "require" => Foreign::Is("use"),
        "static" | "val" | "var" | "define" => Foreign::Is("const"),
        "class" | "struct" | "layer" | "block" => Foreign::Is("module"),
        "model" | "net" | "graph" => Foreign::Is("network"),
        "func" | "function" | "fun" => Foreign::Is("fn"),
        "limit" | "limits" => Foreign::Is("budget"),
        "pub" | "export" | "extern" | "public" => Foreign::Nothing,
        "def" => Foreign::Either,
        _ => return None,
    })
}

/// Something wrong between the keyword of an item and its body.
fn head(scene: &Scene<'_>) -> Option<Diagnostic> {
    let item = scene.item()?;
    let found = scene.found();
    let bracket = scene.bracket();
    if bracket == Some(Bracket::Parameters) || (bracket.is_none() && scene.expected == Expected::Equals) {
        let found = found?;
        if found.is(":") {
            return Some(no_types(scene, found));
        }
        return None;
    }
    if bracket.is_some() {
        return None;
    }
    match (item.text, scene.expected) {
        ("module" | "network" | "budget", Expected::Block | Expected::ParametersOrBlock) => {
            let kind = item.text;
            if let Some(found) = found.filter(|found| found.is("=") || found.is(":")) {
                let message = format!("the body of a `{kind}` stands in braces");
                return Some(error(message, scene.span(found), "expected `{`"));
            }
            let expected = scene.expectation();
            let message =
                format!("expected {expected} after the head of the `{kind}`, found {}", scene.describe_found());
            Some(scene.unexpected(message, &expected))
        }
        ("fn", Expected::Parameters) => Some(
            scene
                .unexpected(format!("expected `(`, found {}", scene.describe_found()), "`(`")
                .help("a value without parameters is a `const`"),
        ),
        ("fn", Expected::Body) => Some(
            scene
                .unexpected(
                    format!("expected `=` or `{{` after the head of the `fn`, found {}", scene.describe_found()),
                    "`=` or `{`",
                )
                .help("a function is written `fn f(x) = x + 1` or `fn f(x) { ... return ... }`"),
        ),
        _ => None,
    }
}

/// `x: f32`.
pub(super) fn no_types(scene: &Scene<'_>, colon: &Token<'_>) -> Diagnostic {
    let what = match scene.bracket() {
        Some(Bracket::Parameters) => "parameters",
        _ => "names",
    };
    error(format!("{what} have no types"), scene.span(colon), format!("expected {}", scene.expectation()))
        .help("leave the type away: what a value is follows from where it comes from")
}

/// `use blocks/ghost.pnet`.
fn path(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.found().filter(|_| scene.same_line())?;
    let rest: Vec<_> = scene.rest_of_line(found).collect();
    let last = rest.last().copied().unwrap_or(found);
    let span = scene.between(found, last);
    let mut end = found.end();
    let mut text = found.text.to_owned();
    for token in rest {
        if token.start != end {
            return Some(error("the path of a `use` stands in double quotes", span, "expected a string"));
        }
        text.push_str(token.text);
        end = token.end();
    }
    let error = error("the path of a `use` stands in double quotes", span, "expected a string");
    Some(error.suggest("put it in quotes", span, format!("\"{text}\"")))
}

/// Something else than `<=` in a budget.
fn limit_operator(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.found()?;
    let span = scene.span(found);
    if found.is_any(&[">=", ">"]) {
        return Some(error("a budget sets upper bounds only", span, "expected `<=` or `<`"));
    }
    let message = format!("expected `<=` or `<`, found {}", scene.describe_found());
    if found.is_any(&["=", ":", "==", "=>"]) {
        return Some(error(message, span, "expected `<=` or `<`").suggest("set an upper bound", span, "<="));
    }
    if found.kind == TokenKind::Number && scene.same_line() {
        return Some(error(message, span, "expected `<=` or `<`").suggest("set an upper bound", scene.gap(), " <="));
    }
    None
}
