//! Any text as a flat list of tokens, comments included.
//!
//! In: a source text, however wrong. Out: its [`Token`]s in order, which cover everything but white space. They serve the
//! bracket check, error recovery, error messages and the formatter; the syntax tree is built from the grammar alone.

mod bracket;

pub(crate) use bracket::Bracket;

use pest::Parser;

use crate::grammar::{Grammar, Rule};

/// What a [`Token`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// `// ...` or `/// ...` to the end of the line.
    Comment,
    /// `"text"`.
    String,
    /// A `"` without its partner, to the end of the line.
    BrokenString,
    /// A number with whatever letters stick to it.
    Number,
    /// A name, a keyword or `_`.
    Word,
    /// An operator, bracket or other punctuation.
    Symbol,
    /// One character that the language does not know.
    Unknown,
}

/// One token: a byte range of the text with what is known about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// What it is.
    pub(crate) kind: TokenKind,
    /// Its text.
    pub(crate) text: &'a str,
    /// First byte.
    pub(crate) start: usize,
    /// The line that it stands on, from 0.
    pub(crate) line: usize,
    /// Bytes between the beginning of the line and the token.
    pub(crate) column: usize,
    /// Whether it is the first token of its line.
    pub(crate) first_on_line: bool,
}

impl Token<'_> {
    /// One past its last byte.
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is the keyword, operator or bracket `text`.
    pub(crate) fn is(&self, text: &str) -> bool {
        matches!(self.kind, TokenKind::Word | TokenKind::Symbol) && self.text == text
    }

    /// Whether it is one of `texts`.
    pub(crate) fn is_any(&self, texts: &[&str]) -> bool {
        texts.iter().any(|text| self.is(text))
    }

    /// Whether it opens a bracket.
    pub(crate) fn opens(&self) -> bool {
        self.is_any(&["(", "[", "{"])
    }

    /// Whether it closes a bracket.
    pub(crate) fn closes(&self) -> bool {
        self.is_any(&[")", "]", "}"])
    }

    /// Whether it begins an item.
    pub(crate) fn is_item_keyword(&self) -> bool {
        self.is_any(&ITEM_KEYWORDS)
    }

    /// Whether it is reserved.
    pub(crate) fn is_keyword(&self) -> bool {
        self.is_item_keyword() || self.is_any(&OTHER_KEYWORDS)
    }

    /// Whether it is a name: a word that is neither reserved nor `_`.
    pub(crate) fn is_name(&self) -> bool {
        self.kind == TokenKind::Word && self.text != "_" && !self.is_keyword()
    }

    /// Whether an expression may end with it.
    pub(crate) fn ends_operand(&self) -> bool {
        match self.kind {
            TokenKind::String | TokenKind::BrokenString | TokenKind::Number => true,
            TokenKind::Word => !self.is_keyword() || self.is_any(&["true", "false"]),
            TokenKind::Symbol => self.closes(),
            TokenKind::Comment | TokenKind::Unknown => false,
        }
    }
}

/// The words that begin an item.
pub(crate) const ITEM_KEYWORDS: [&str; 6] = ["use", "const", "fn", "module", "network", "budget"];

/// The reserved words that do not begin an item.
pub(crate) const OTHER_KEYWORDS: [&str; 10] =
    ["input", "let", "for", "in", "if", "else", "return", "as", "true", "false"];

/// Splits a text into tokens.
pub(crate) fn tokenize(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut line_start = 0;
    // No token goes over a line break: line by line, what pest needs for its own list stays small.
    for (line, line_text) in text.split_inclusive('\n').enumerate() {
        let pairs = Grammar::parse(Rule::tokens, line_text).ok().and_then(|mut pairs| pairs.next());
        let pairs = pairs.into_iter().flat_map(pest::iterators::Pair::into_inner);
        let mut first_on_line = true;
        for pair in pairs {
            let kind = match pair.as_rule() {
                Rule::comment => TokenKind::Comment,
                Rule::string => TokenKind::String,
                Rule::broken_string => TokenKind::BrokenString,
                Rule::number => TokenKind::Number,
                Rule::word => TokenKind::Word,
                Rule::symbol => TokenKind::Symbol,
                Rule::unknown => TokenKind::Unknown,
                _ => continue,
            };
            let column = pair.as_span().start();
            let text = match kind {
                // These run to the end of the line, white space included.
                TokenKind::Comment | TokenKind::BrokenString => pair.as_str().trim_end(),
                _ => pair.as_str(),
            };
            tokens.push(Token { kind, text, start: line_start + column, line, column, first_on_line });
            first_on_line = false;
        }
        line_start += line_text.len();
    }
    tokens
}
