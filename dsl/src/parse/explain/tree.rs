//! Errors that the grammar lets pass and the tree builder finds.

use super::error;
use crate::ast::{Statement, StatementKind};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::tokens::{Token, TokenKind};

/// An expression in the place of a statement.
pub(in crate::parse) struct Misplaced<'a> {
    tokens: &'a [Token<'a>],
    span: Span,
    /// Its first token.
    first: Token<'a>,
    /// The token before it.
    before: Option<Token<'a>>,
}

impl<'a> Misplaced<'a> {
    /// The expression at `span`.
    pub(in crate::parse) fn new(tokens: &'a [Token<'a>], span: Span) -> Option<Self> {
        let index = tokens.partition_point(|token| token.start < span.start as usize);
        let first = *tokens.get(index)?;
        let earlier = tokens.get(..index).unwrap_or_default();
        let before = earlier.iter().rev().find(|token| token.kind != TokenKind::Comment).copied();
        Some(Misplaced { tokens, span, first, before })
    }

    /// The token after its first.
    fn second(&self) -> Option<&'a Token<'a>> {
        self.next_from(self.first.end())
    }

    /// The first token that begins at or after `position`.
    fn next_from(&self, position: usize) -> Option<&'a Token<'a>> {
        let index = self.tokens.partition_point(|token| token.start < position);
        self.tokens.get(index..)?.iter().find(|token| token.kind != TokenKind::Comment)
    }

    /// Whether it stands on the line of the token before it, which ends at `end`.
    pub(in crate::parse) fn goes_on_from(&self, end: usize) -> bool {
        self.before.is_some_and(|before| before.end() == end && before.line == self.first.line)
    }
}

/// The error for an expression that stands alone in a block.
pub(in crate::parse) fn no_effect(misplaced: &Misplaced<'_>) -> Diagnostic {
    let Misplaced { first, before, span, .. } = misplaced;
    let place = |token: &Token<'_>| Span::new(span.source, token.start, token.end());
    let word = place(first);
    let not_an_operator = |text: &str| format!("`{text}` is not an operator");
    match first.text {
        "and" => return error(not_an_operator("and"), word, "").suggest("the logical and is `&&`", word, "&&"),
        "or" => return error(not_an_operator("or"), word, "").suggest("the logical or is `||`", word, "||"),
        "is" => return error(not_an_operator("is"), word, "").suggest("values are compared with `==`", word, "=="),
        "var" | "val" | "auto" if misplaced.second().is_some_and(|second| second.is_name()) => {
            return error(format!("`{}` is not part of the language", first.text), word, "").suggest(
                "new names are made with `let`",
                word,
                "let",
            );
        }
        _ => {}
    }
    if let Some(before) = before
        && before.line == first.line
        && before.ends_operand()
        && !before.is("}")
    {
        if before.is("not") {
            let both = Span::new(span.source, before.start, first.start);
            return error(not_an_operator("not"), place(before), "").suggest("the logical not is `!`", both, "!");
        }
        if before.is("lambda") {
            return error("there are no anonymous functions", place(before), "not part of the language")
                .help("define the function at the top level, `fn f(x) = ...`, and pass its name");
        }
        let shown = super::scene::describe(first);
        return error(
            format!("expected an operator or the next statement, found {shown}"),
            word,
            "expected an operator or the next statement",
        );
    }
    if before.is_some_and(|before| before.is(",")) {
        return error("the values of a `return` are all named or none is", *span, "a value without a name")
            .help("write `return a = x, b = y`, or return a tuple: `return (x, y)`");
    }
    let start = Span::new(span.source, span.start as usize, span.start as usize);
    let error = error("an expression alone has no effect", *span, "this value is dropped");
    if first.is_name() && misplaced.second().is_some_and(|second| second.is("|>")) {
        let name = first.text;
        return error.suggest(format!("did you mean to give `{name}` the new value?"), start, format!("{name} = "));
    }
    if misplaced.next_from(span.end as usize).is_some_and(|after| after.is("}")) {
        return error.suggest("did you mean to return it?", start, "return ");
    }
    error.help("give it a name with `let`, or remove it")
}

/// The error for an arm of an `if` expression, at `block`, that ends without a value.
pub(in crate::parse) fn missing_value(tokens: &[Token<'_>], block: Span, last: Option<&Statement>) -> Diagnostic {
    let message = "this arm of an `if` has no value";
    let Some(last) = last else {
        return error(message, block, "expected an expression between the braces")
            .note("the `if` is used as a value, so each of its arms needs one");
    };
    let error = error(message, last.span, "expected an expression after this statement")
        .note("the `if` is used as a value, so each of its arms ends with an expression");
    if matches!(last.kind, StatementKind::Return(_)) {
        let index = tokens.partition_point(|token| token.start <= last.span.start as usize);
        if let Some(value) = tokens.get(index) {
            let keyword = Span::new(last.span.source, last.span.start as usize, value.start);
            return error.suggest("the value stands there without `return`", keyword, "");
        }
    }
    // `let a = f` and, on the next line, `(a, b)` is one call.
    let after_first = tokens.partition_point(|token| token.start <= last.span.start as usize);
    let inside = tokens.get(after_first..).unwrap_or_default().iter();
    let mut inside = inside.take_while(|token| token.start < last.span.end as usize);
    let swallowed = inside.find(|token| token.first_on_line && token.is_any(&["(", "[", "-"]));
    match swallowed {
        Some(token) => error.secondary(
            Span::new(last.span.source, token.start, token.end()),
            "this continues the expression on the line before: line breaks mean nothing",
        ),
        None => error,
    }
}

/// The error for an `if` expression without `else`.
pub(in crate::parse) fn missing_else(span: Span) -> Diagnostic {
    error("an `if` that is used as a value needs an `else`", span, "without `else` it may have no value")
        .help("add the value for all other cases: `else { ... }`")
}

/// The error for `x |> f + y`: `pipeline` is what stands before the operator.
pub(in crate::parse) fn operator_after_stage(text: &str, pipeline: Span, operator: Span) -> Diagnostic {
    let symbol = text.get(operator.range()).unwrap_or_default();
    let error = error(
        format!("`{symbol}` cannot follow a stage of a pipeline"),
        operator,
        "expected `|>`, `as` or the end of the expression",
    )
    .secondary(pipeline, "this pipeline ends before it");
    match text.get(pipeline.range()).filter(|text| !text.contains('\n')) {
        Some(inside) => error.suggest("put the pipeline into parentheses", pipeline, format!("({inside})")),
        None => error.help("put the pipeline into parentheses, or give its result a name with `let`"),
    }
}

/// The error for `x |> -f`.
pub(in crate::parse) fn prefix_before_stage(stage: Span) -> Diagnostic {
    error("a stage of a pipeline cannot begin with `-` or `!`", stage, "expected a call or the name of a function")
        .help("put the whole pipeline into parentheses: `-(x |> f)`")
}

/// The error for a literal, at `literal`, that is called or indexed like a tensor by what stands at `after`: most often two
/// elements of a table without a comma between them.
pub(in crate::parse) fn literal_applied(what: &str, action: &str, literal: Span, after: Span) -> Diagnostic {
    let gap = Span::new(literal.source, literal.end as usize, literal.end as usize);
    let bracket = Span::new(after.source, after.start as usize, after.start as usize + 1);
    error(format!("{what} cannot be {action}"), bracket, "expected `,` before this")
        .secondary(literal, format!("this is {what}"))
        .suggest("separate elements by commas", gap, ",")
}

/// The error for `a < b < c` or `a..b..c`, whose middle stands at `middle`.
pub(in crate::parse) fn chained(text: &str, first: Span, second: Span, middle: Span) -> Diagnostic {
    let symbol = text.get(first.range()).unwrap_or_default();
    if symbol.starts_with("..") {
        return error("ranges cannot be chained", second, "a second range operator").secondary(first, "the first");
    }
    let error = error("comparisons cannot be chained", second, "a second comparison").secondary(first, "the first");
    match text.get(middle.range()).filter(|text| !text.contains('\n')) {
        Some(inside) => {
            let place = Span::new(second.source, second.start as usize, second.start as usize);
            error.suggest("compare twice", place, format!("&& {inside} "))
        }
        None => error.help("compare twice: `a < b && b < c`"),
    }
}
