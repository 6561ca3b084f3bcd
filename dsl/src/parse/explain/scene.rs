//! The place where parsing stopped: what was expected, what was found, and what stands around it.

use std::ops::Range;

use super::error;
use crate::diagnostic::Diagnostic;
use crate::grammar::Rule;
use crate::source::{SourceId, Span};
use crate::tokens::{Bracket, Token, TokenKind};

/// What could have stood where parsing stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// An item, or the end.
    Item,
    /// A statement.
    Statement,
    /// An expression.
    Operand,
    /// A whole operand stands before; an operator, a call, an index or what follows the expression may come.
    AfterOperand {
        /// Whether the expression ends where a `{` must follow: it is the condition of an `if` or what a `for` runs over.
        before_block: bool,
    },
    /// An argument of a call.
    Argument,
    /// What stands between the brackets of an index.
    Subscript,
    /// A name.
    Name,
    /// A name, `_` or a tuple of them.
    Pattern,
    /// `=`.
    Equals,
    /// `{`.
    Block,
    /// `= expression` or `{`.
    Body,
    /// `(`, the parameters of a function.
    Parameters,
    /// `(` or `{` of a module or network.
    ParametersOrBlock,
    /// `in`.
    In,
    /// `:` of an input.
    Colon,
    /// `[` of an input.
    Shape,
    /// The path of a `use`.
    Path,
    /// `<=` or `<`.
    LimitOperator,
    /// `)` of a counting convention.
    Close,
    /// `,` or `)` in a pattern.
    PatternEnd,
}

impl Expected {
    /// What the rules that pest tried at the furthest place mean together.
    pub(super) fn new(rules: &[Rule]) -> Self {
        let has = |rule| rules.contains(&rule);
        let table = [
            (has(Rule::operator), Expected::AfterOperand { before_block: has(Rule::block) }),
            (has(Rule::argument), Expected::Argument),
            (has(Rule::subscript), Expected::Subscript),
            (has(Rule::kw_let), Expected::Statement),
            (has(Rule::kw_const), Expected::Item),
            (has(Rule::tuple_pattern), Expected::Pattern),
            (has(Rule::term) || has(Rule::expression), Expected::Operand),
            (has(Rule::block) && has(Rule::equals), Expected::Body),
            (has(Rule::block) && has(Rule::parameters), Expected::ParametersOrBlock),
            (has(Rule::block) || has(Rule::limits), Expected::Block),
            (has(Rule::parameters), Expected::Parameters),
            (has(Rule::limit_operator), Expected::LimitOperator),
            (has(Rule::kw_in), Expected::In),
            (has(Rule::equals), Expected::Equals),
            (has(Rule::colon), Expected::Colon),
            (has(Rule::shape), Expected::Shape),
            (has(Rule::string), Expected::Path),
            (has(Rule::close), Expected::Close),
            (has(Rule::comma), Expected::PatternEnd),
            (has(Rule::name) || has(Rule::path), Expected::Name),
        ];
        table.iter().find(|(applies, _)| *applies).map_or(Expected::Item, |(_, expected)| *expected)
    }

    /// Whether a whole operand stands before.
    pub(super) fn is_after_operand(self) -> bool {
        matches!(self, Expected::AfterOperand { .. })
    }
}

/// The tokens of a rejected part and the place among them where parsing stopped.
pub(super) struct Scene<'a> {
    /// The whole text.
    text: &'a str,
    /// The tokens without comments, up to the end of the part and one more.
    tokens: Vec<&'a Token<'a>>,
    /// The index of the token that was one too many; past the end if the file ended too early.
    at: usize,
    /// How many tokens belong to the part.
    length: usize,
    /// What could have stood there.
    pub(super) expected: Expected,
    id: SourceId,
}

impl<'a> Scene<'a> {
    /// The scene at byte `position`, inside of the tokens `part`.
    pub(super) fn new(
        text: &'a str,
        tokens: &'a [Token<'a>],
        part: Range<usize>,
        position: usize,
        expected: Expected,
        id: SourceId,
    ) -> Self {
        let significant = |token: &&'a Token<'a>| token.kind != TokenKind::Comment;
        let mut own: Vec<_> = tokens.get(part.clone()).unwrap_or_default().iter().filter(significant).collect();
        let length = own.len();
        own.extend(tokens.get(part.end..).unwrap_or_default().iter().find(significant));
        let at = own.partition_point(|token| token.start < position);
        Scene { text, tokens: own, at, length, expected, id }
    }

    /// The token that was one too many, if it belongs to the same part.
    pub(super) fn found(&self) -> Option<&'a Token<'a>> {
        if self.at < self.length { self.tokens.get(self.at).copied() } else { None }
    }

    /// The token `count` places before it.
    pub(super) fn before(&self, count: usize) -> Option<&'a Token<'a>> {
        self.tokens.get(self.at.checked_sub(count)?).copied()
    }

    /// The token `count` places after it.
    pub(super) fn after(&self, count: usize) -> Option<&'a Token<'a>> {
        if self.at + count < self.length { self.tokens.get(self.at + count).copied() } else { None }
    }

    /// Whether the token before it is `text`.
    pub(super) fn follows(&self, text: &str) -> bool {
        self.before(1).is_some_and(|token| token.is(text))
    }

    /// The tokens before the place, nearest first.
    pub(super) fn backwards(&self) -> impl Iterator<Item = &'a Token<'a>> {
        self.tokens.get(..self.at).unwrap_or_default().iter().rev().copied()
    }

    /// The tokens of the line of `token` after it.
    pub(super) fn rest_of_line(&self, token: &'a Token<'a>) -> impl Iterator<Item = &'a Token<'a>> {
        let line = token.line;
        self.tokens.iter().copied().filter(move |other| other.line == line && other.start > token.start)
    }

    /// The first token of the item.
    pub(super) fn item(&self) -> Option<&'a Token<'a>> {
        self.tokens.first().copied().filter(|token| token.is_item_keyword())
    }

    /// The innermost bracket that is open at the place.
    pub(super) fn bracket(&self) -> Option<Bracket> {
        let mut open = Vec::new();
        for (index, token) in self.tokens.iter().enumerate().take(self.at) {
            if token.opens() {
                open.push(index);
            } else if token.closes() {
                open.pop();
            }
        }
        let index = open.pop()?;
        Some(Bracket::new(&self.tokens, index, open.is_empty()))
    }

    /// Whether the found token stands on the line of the one before it.
    pub(super) fn same_line(&self) -> bool {
        match (self.found(), self.before(1)) {
            (Some(found), Some(before)) => found.line == before.line,
            (found, before) => found.is_some() && before.is_none(),
        }
    }

    /// Where a token stands.
    pub(super) fn span(&self, token: &Token<'_>) -> Span {
        Span::new(self.id, token.start, token.end())
    }

    /// From the beginning of one token to the end of another.
    pub(super) fn between(&self, first: &Token<'_>, last: &Token<'_>) -> Span {
        self.span(first).to(self.span(last))
    }

    /// The empty place right behind the token before the one found.
    pub(super) fn gap(&self) -> Span {
        let end = self.before(1).map_or(0, Token::end);
        Span::new(self.id, end, end)
    }

    /// The text between two tokens.
    pub(super) fn text_between(&self, first: &Token<'_>, last: &Token<'_>) -> &'a str {
        self.text.get(first.end()..last.start).unwrap_or_default()
    }

    /// The found token as messages name it.
    pub(super) fn describe_found(&self) -> String {
        match self.tokens.get(self.at) {
            Some(token) => describe(token),
            None => "the end of the file".to_owned(),
        }
    }

    /// An error at the found token with the label "expected …", or, if that stands on another line, behind the token before it.
    pub(super) fn unexpected(&self, message: impl Into<String>, expected: &str) -> Diagnostic {
        match (self.found(), self.before(1)) {
            (Some(found), _) if self.same_line() => error(message, self.span(found), format!("expected {expected}")),
            (Some(found), None) => error(message, self.span(found), format!("expected {expected}")),
            (_, Some(before)) => error(message, self.span(before), format!("expected {expected} after this")),
            (None, None) => error(message, Span::new(self.id, 0, 0), format!("expected {expected}")),
        }
    }

    /// What was expected, in words.
    pub(super) fn expectation(&self) -> String {
        let words = match self.expected {
            Expected::Item => "an item",
            Expected::Statement => "a statement or `}`",
            Expected::Operand => "an expression",
            Expected::AfterOperand { before_block: true } => "`{`",
            Expected::AfterOperand { before_block: false } => match self.bracket() {
                Some(Bracket::Parameters | Bracket::Call | Bracket::Group) => "`,` or `)`",
                Some(Bracket::Index | Bracket::Shape | Bracket::List) => "`,` or `]`",
                Some(Bracket::Block) => "an operator or the next statement",
                Some(Bracket::Limits) => "the next limit or `}`",
                None => "an operator or the next item",
            },
            Expected::Argument => "an argument",
            Expected::Subscript => "an index or a slice",
            Expected::Name => "a name",
            Expected::Pattern => "a name or a pattern",
            Expected::Equals if self.bracket() == Some(Bracket::Parameters) => "`=`, `,` or `)`",
            Expected::Equals => "`=`",
            Expected::Block => "`{`",
            Expected::Body => "`=` or `{`",
            Expected::Parameters => "`(`",
            Expected::ParametersOrBlock => "`(` or `{`",
            Expected::In => "`in`",
            Expected::Colon => "`:`",
            Expected::Shape => "`[` and the dimensions",
            Expected::Path => "a path in double quotes",
            Expected::LimitOperator => "`<=` or `<`",
            Expected::Close => "`)`",
            Expected::PatternEnd => "`,` or `)`",
        };
        words.to_owned()
    }
}

/// A token as messages name it.
pub(super) fn describe(token: &Token<'_>) -> String {
    let mut text: String = token.text.chars().take(24).collect();
    if text.len() < token.text.len() {
        text.push('…');
    }
    if token.is_keyword() { format!("the keyword `{text}`") } else { format!("`{text}`") }
}
