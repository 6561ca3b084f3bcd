//! What other languages write: their operators, comments, quotes and words, and characters that only look right.

use super::error;
use super::scene::{Expected, Scene};
use crate::diagnostic::Diagnostic;
use crate::tokens::{Bracket, Token, TokenKind};

/// Explains a symbol that the language does not have, or not there.
pub(super) fn symbol(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.found()?;
    let span = scene.span(found);
    let quoted = format!("`{}`", found.text);
    Some(match found.text {
        ";" if !matches!(scene.bracket(), None | Some(Bracket::Block | Bracket::Limits)) => error(
            "`;` is not part of the language",
            span,
            format!("expected {}", scene.expectation()),
        )
        .suggest("elements are separated by commas", span, ","),
        ";" => error("`;` is not part of the language", span, "statements and items end by themselves").suggest(
            "remove it",
            span,
            "",
        ),
        "'" | "`" | "\u{201C}" | "\u{201D}" | "\u{2018}" | "\u{2019}" => foreign_quote(scene, found),
        "#" => error("`#` does not begin a comment", span, "not part of the language").suggest(
            "comments begin with `//`",
            span,
            "//",
        ),
        "/*" | "*/" => error("there are no block comments", span, "not part of the language")
            .help("begin each line of the comment with `//`"),
        "\\" => error("`\\` is not part of the language", span, "lines need no sign to go on on the next").suggest(
            "remove it",
            span,
            "",
        ),
        "&" | "|" => {
            let doubled = found.text.repeat(2);
            error(format!("there is no operator {quoted}"), span, "not an operator").suggest(
                format!("`{doubled}` is the logical one"),
                span,
                doubled,
            )
        }
        "~" => error("there is no operator `~`", span, "not an operator").suggest("`!` is the logical not", span, "!"),
        "@" if scene.expected.is_after_operand() => error("there is no operator `@`", span, "not an operator")
            .help("matrices are multiplied with `matmul(a, b)`"),
        "?" => error("there is no operator `?`", span, "not an operator")
            .help("a choice is written `if condition { a } else { b }`"),
        "**" if scene.expected.is_after_operand() => {
            error("there is no operator `**`", span, "not an operator").help("write a square as `x * x`")
        }
        "*" | "**" if matches!(scene.expected, Expected::Argument | Expected::Operand) && scene.follows_separator() => {
            error("arguments and elements cannot be unpacked", span, "not possible here")
                .help("write each of them, or pass the whole list")
        }
        "..." => error("`...` is not part of the language", span, "not an expression or an operator")
            .help("a range is written `a..b`, or `a..=b` with its end"),
        "->" | "=>" if scene.expected.is_after_operand() => {
            error(format!("there is no operator {quoted}"), span, "not an operator")
                .help("a value is passed on with `|>`, and a named argument is written `name=value`")
        }
        "->" => error("functions and modules have no return types", span, "not part of the language")
            .help("shapes are checked without being declared: leave the type away"),
        "=>" if scene.expected == Expected::Body => error(
            "`=>` is not part of the language",
            span,
            "expected `=` or `{`",
        )
        .suggest("a function of one expression is written with `=`", span, "="),
        "=>" => error("`=>` is not part of the language", span, "not an operator"),
        "+=" | "-=" | "*=" | "/=" | "%=" => compound_assignment(scene, found),
        "+" | "-" if scene.before(1).is_some_and(|before| before.text == found.text && before.end() == found.start) => {
            error(format!("there is no operator `{0}{0}`", found.text), span, "expected an expression")
                .help("write `x = x + 1`")
        }
        ":" if scene.expected.is_after_operand() && scene.after(1).is_some_and(|after| after.is("=")) => {
            error("there is no operator `:=`", span, "not an operator")
                .help("`let name = ...` makes a new name, `name = ...` gives an old one a new value")
        }
        ":" if scene.expected.is_after_operand() && scene.after(1).is_some_and(|after| after.is(":")) => {
            error("there are no paths with `::`", span, "not part of the language")
                .help("everything from a file brought in by `use` is known by its plain name")
        }
        "." if matches!(scene.expected, Expected::Operand | Expected::Argument | Expected::Subscript) => {
            let number =
                scene.after(1).filter(|after| after.kind == TokenKind::Number && after.start == found.end())?;
            error("a number must begin with a digit", scene.between(found, number), "").suggest(
                "put a zero in front",
                scene.between(found, number),
                format!("0.{}", number.text),
            )
        }
        _ if found.kind == TokenKind::Unknown => unknown_character(scene, found),
        _ => return None,
    })
}

/// `'text'`.
fn foreign_quote(scene: &Scene<'_>, found: &Token<'_>) -> Diagnostic {
    let message = format!("strings stand in double quotes, not in `{}`", found.text);
    let partner = match found.text {
        "\u{201C}" => "\u{201D}",
        "\u{2018}" => "\u{2019}",
        same => same,
    };
    match scene.rest_of_line(found).find(|token| token.text == partner) {
        Some(closing) => {
            let span = scene.between(found, closing);
            let replacement = format!("\"{}\"", scene.text_between(found, closing));
            error(message, span, "not a string").suggest("use double quotes", span, replacement)
        }
        None => error(message, scene.span(found), "not part of the language").help("use double quotes: `\"text\"`"),
    }
}

/// `x += 1`.
fn compound_assignment(scene: &Scene<'_>, found: &Token<'_>) -> Diagnostic {
    let span = scene.span(found);
    let operator = found.text.trim_end_matches('=');
    let error = error(format!("there is no operator `{}`", found.text), span, "not an operator");
    match scene.before(1) {
        Some(name)
            if name.is_name()
                && scene.expected.is_after_operand()
                && scene.before(2).is_some_and(|before| before.is("{") || before.ends_operand()) =>
        {
            error.suggest("write it in full", span, format!("= {} {operator}", name.text))
        }
        _ => error.help(format!("write it in full: `x = x {operator} ...`")),
    }
}

/// Characters that look like one of the language's, or are not to be seen at all.
const LOOK_ALIKES: [(char, &str, &str); 20] = [
    ('\u{2212}', "minus sign", "-"),
    ('\u{2010}', "hyphen", "-"),
    ('\u{2013}', "en dash", "-"),
    ('\u{2014}', "em dash", "-"),
    ('\u{00D7}', "multiplication sign", "*"),
    ('\u{00B7}', "middle dot", "*"),
    ('\u{00F7}', "division sign", "/"),
    ('\u{2264}', "less-than or equal sign", "<="),
    ('\u{2265}', "greater-than or equal sign", ">="),
    ('\u{2260}', "not equal sign", "!="),
    ('\u{2192}', "arrow", "|>"),
    ('\u{2026}', "ellipsis", ".."),
    ('\u{FF08}', "fullwidth parenthesis", "("),
    ('\u{FF09}', "fullwidth parenthesis", ")"),
    ('\u{FF0C}', "fullwidth comma", ","),
    ('\u{FF1A}', "fullwidth colon", ":"),
    ('\u{FF1D}', "fullwidth equals sign", "="),
    ('\u{00A0}', "no-break space", " "),
    ('\u{3000}', "ideographic space", " "),
    ('\u{200B}', "zero width space", ""),
];

fn unknown_character(scene: &Scene<'_>, found: &Token<'_>) -> Diagnostic {
    let span = scene.span(found);
    let character = found.text.chars().next().unwrap_or_default();
    let code = format!("U+{:04X}", u32::from(character));
    if let Some((_, name, meant)) = LOOK_ALIKES.iter().find(|(alike, ..)| *alike == character) {
        let shown =
            if meant.trim().is_empty() { "an ordinary space or nothing".to_owned() } else { format!("`{meant}`") };
        let message = format!("unknown character {code}, {name}");
        return error(message, span, "").suggest(format!("did you mean {shown}?"), span, *meant);
    }
    if character.is_alphabetic() {
        return error(format!("unknown character `{character}`"), span, "not part of the language")
            .help("names are made of ASCII letters, digits and `_`");
    }
    let shown = if character.is_control() || character.is_whitespace() { code } else { format!("`{character}`") };
    error(format!("unknown character {shown}"), span, "not part of the language")
}

/// Explains a word that other languages have as a keyword.
pub(super) fn word(scene: &Scene<'_>) -> Option<Diagnostic> {
    let found = scene.found();
    let before = scene.before(1);
    if let Some(found) = found
        && scene.expected.is_after_operand()
        && let Some(diagnostic) = between_operands(found, scene)
    {
        return Some(diagnostic);
    }
    // The word was taken for a name, and what follows it did not fit: `lambda x`, `let mut x`, `while x {`.
    let word = before.filter(|before| before.is_name())?;
    after_word(word, found, scene).or_else(|| {
        // `elif a {` reads as two names in a row, and stops at the brace.
        let earlier = scene
            .backwards()
            .take_while(|token| token.line == word.line)
            .find(|token| token.is_any(&["elif", "while"]))?;
        after_word(earlier, found, scene)
    })
}

/// A word in the place of an operator.
pub(super) fn between_operands(word: &Token<'_>, scene: &Scene<'_>) -> Option<Diagnostic> {
    let span = scene.span(word);
    let message = format!("`{}` is not an operator", word.text);
    Some(match word.text {
        "and" => error(message, span, "").suggest("the logical and is `&&`", span, "&&"),
        "or" => error(message, span, "").suggest("the logical or is `||`", span, "||"),
        "is" => error(message, span, "").suggest("values are compared with `==`", span, "=="),
        "xor" => error(message, span, "").suggest("of two conditions, exactly one: `!=`", span, "!="),
        "mod" => error(message, span, "").suggest("the remainder is `%`", span, "%"),
        "elif" | "elseif" | "elsif" => elif(word, scene),
        "then" => error("`then` is not part of the language", span, "expected `{`")
            .help("what an `if` does stands in braces: `if a { b } else { c }`"),
        "if" if scene.expected == (Expected::AfterOperand { before_block: false })
            && scene.bracket() != Some(Bracket::Block) =>
        {
            choice(word, scene)
        }
        "in" => error(message, span, "").help("compare with each element, or choose by an `if`"),
        _ => return None,
    })
}

/// A word in the place of a name, with something behind it that cannot follow a name.
fn after_word(word: &Token<'_>, found: Option<&Token<'_>>, scene: &Scene<'_>) -> Option<Diagnostic> {
    let span = scene.span(word);
    Some(match word.text {
        "not" if scene.expected.is_after_operand() => {
            let end = found.filter(|found| found.line == word.line).map_or(word.end(), |found| found.start);
            let whole = crate::source::Span::new(span.source, word.start, end);
            error("`not` is not an operator", span, "").suggest("the logical not is `!`", whole, "!")
        }
        "elif" | "elseif" | "elsif" => elif(word, scene),
        "while" | "loop" => error(format!("there is no `{}`", word.text), span, "not part of the language")
            .help("every loop runs over a list or a range: `for i in 0..4 { ... }`"),
        "lambda" => error("there are no anonymous functions", span, "not part of the language")
            .help("define the function at the top level, `fn f(x) = ...`, and pass its name"),
        "mut" if scene.expected == Expected::Equals => {
            let end = found.map_or(word.end(), |found| found.start);
            let whole = crate::source::Span::new(span.source, word.start, end);
            error("`mut` is not part of the language", span, "").suggest(
                "every `let` may be assigned to again",
                whole,
                "",
            )
        }
        "var" | "val" | "auto" if scene.expected.is_after_operand() => error(
            format!("`{}` is not part of the language", word.text),
            span,
            "",
        )
        .suggest("new names are made with `let`", span, "let"),
        _ => return None,
    })
}

fn elif(word: &Token<'_>, scene: &Scene<'_>) -> Diagnostic {
    let span = scene.span(word);
    error(format!("`{}` is not part of the language", word.text), span, "").suggest(
        "write it as two words",
        span,
        "else if",
    )
}

/// `a if condition else b`, or a comprehension with its `if` in front.
fn choice(word: &Token<'_>, scene: &Scene<'_>) -> Diagnostic {
    let span = scene.span(word);
    if scene.bracket() == Some(Bracket::List) && scene.rest_of_line(word).any(|token| token.is("for")) {
        return error("the `if` of a comprehension comes last", span, "expected `for`, `,` or `]`")
            .help("write `[element for pattern in list if condition]`");
    }
    error("`if` cannot follow a value", span, "expected an operator or the end of the expression")
        .help("a choice is written `if condition { a } else { b }`")
}
