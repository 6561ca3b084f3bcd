//! Tokens as the text that they came from, and back: which token stands at a byte of that text.
//!
//! In: the tokens of a program, or of a value. Out: a [`SourceText`]. Where the compiler knows the lines and columns of the
//! tokens, the text has them too, so that what it says of places is true of the Rust file; where it does not (tokens
//! that another macro made), they follow each other with spaces between them.
//! Invariants: nothing is lost, doc comments included; and each token's text stands at the range that is recorded for it.

use std::ops::Range;

use proc_macro2::{Delimiter, Group, Punct, Spacing, Span, TokenStream, TokenTree};

/// The farthest that white space goes: what seems farther away is a place in another text.
const FARTHEST_LINE: usize = 100_000;
const FARTHEST_COLUMN: usize = 2_000;

/// A text made of tokens.
#[derive(Debug, Default)]
pub(crate) struct SourceText {
    text: String,
    /// Where each token stands, in order.
    tokens: Vec<(Range<usize>, Span)>,
    /// The file of the first token: positions of tokens from elsewhere mean nothing here.
    file: Option<String>,
    /// Where the text ends: its line from 1, its column from 0, both as the tokens count them.
    line: usize,
    column: usize,
    /// Whether the last token was punctuation that the next belongs to.
    is_joint: bool,
}

impl SourceText {
    /// The text of these tokens, whose first line is the line of the file that they stand in.
    pub(crate) fn of(tokens: TokenStream) -> SourceText {
        let mut text = SourceText { line: 1, ..SourceText::default() };
        text.stream(tokens);
        text
    }

    /// The text of a value: it begins with its first token.
    pub(crate) fn of_value(tokens: &[TokenTree]) -> SourceText {
        let first = tokens.first().map(|token| token.span().start());
        let (line, column) = first.map_or((1, 0), |start| (start.line, start.column));
        let mut text = SourceText { line, column, ..SourceText::default() };
        text.stream(tokens.iter().cloned().collect());
        text
    }

    /// The whole text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What the file of the tokens is called, if it is known.
    pub(crate) fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// The first and the last token of a range, or the token nearest to it. `None` if there is no token at all.
    pub(crate) fn spans(&self, range: &Range<usize>) -> Option<(Span, Span)> {
        let first = self.tokens.partition_point(|(token, _)| token.end <= range.start);
        let first = first.min(self.tokens.len().checked_sub(1)?);
        let after = self.tokens.partition_point(|(token, _)| token.start < range.end);
        let last = after.saturating_sub(1).max(first);
        Some((self.tokens.get(first)?.1, self.tokens.get(last)?.1))
    }

    /// Where the token behind a word stands, if it is the one that is looked for.
    pub(crate) fn after(&self, word: &str, is_it: impl Fn(&str) -> bool) -> Option<Range<usize>> {
        let text = |range: &Range<usize>| self.text.get(range.clone()).unwrap_or_default();
        let mut pairs = self.tokens.iter().zip(self.tokens.iter().skip(1));
        let found = pairs.find(|((before, _), (token, _))| text(before) == word && is_it(text(token)));
        found.map(|(_, (token, _))| token.clone())
    }

    /// The tokens with their ranges.
    #[cfg(test)]
    pub(crate) fn tokens(&self) -> &[(Range<usize>, Span)] {
        &self.tokens
    }

    fn stream(&mut self, stream: TokenStream) {
        let mut tokens = stream.into_iter().peekable();
        while let Some(token) = tokens.next() {
            if let TokenTree::Punct(hash) = &token
                && hash.as_char() == '#'
            {
                let inner = tokens.next_if(|next| is_punct(next, '!'));
                if let Some(comment) = tokens.peek().and_then(documentation) {
                    tokens.next();
                    self.comment(&comment, inner.is_some(), hash.span());
                    continue;
                }
                self.punct(hash);
                if let Some(TokenTree::Punct(bang)) = &inner {
                    self.punct(bang);
                }
                continue;
            }
            match &token {
                TokenTree::Group(group) => self.group(group),
                TokenTree::Punct(punct) => self.punct(punct),
                TokenTree::Ident(ident) => self.token(&ident.to_string(), ident.span()),
                TokenTree::Literal(literal) => self.token(&literal.to_string(), literal.span()),
            }
        }
    }

    fn group(&mut self, group: &Group) {
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::Brace => ("{", "}"),
            // What a variable of another macro stands for keeps together: `2 * $x` with `1 + 1` is 4.
            Delimiter::None if has_operator(group.stream()) => {
                self.separate('(');
                self.write("(");
                self.stream(group.stream());
                self.write(")");
                return;
            }
            Delimiter::None => return self.stream(group.stream()),
        };
        self.token(open, group.span_open());
        self.stream(group.stream());
        self.token(close, group.span_close());
    }

    fn punct(&mut self, punct: &Punct) {
        let mut buffer = [0; 4];
        self.token(punct.as_char().encode_utf8(&mut buffer), punct.span());
        self.is_joint = punct.spacing() == Spacing::Joint;
    }

    /// A doc comment, on a line of its own.
    fn comment(&mut self, comment: &str, is_inner: bool, span: Span) {
        self.move_to(span, '/');
        let slashes = if is_inner { "//!" } else { "///" };
        let lines: Vec<&str> = if comment.is_empty() { vec![""] } else { comment.lines().collect() };
        for line in lines {
            if !matches!(self.text.chars().next_back(), None | Some('\n' | ' ')) {
                self.write("\n");
            }
            let start = self.text.len();
            self.write(slashes);
            self.write(line);
            self.tokens.push((start..self.text.len(), span));
            self.write("\n");
        }
        self.is_joint = false;
    }

    fn token(&mut self, token: &str, span: Span) {
        let first = token.chars().next().unwrap_or(' ');
        if !self.move_to(span, first) {
            self.separate(first);
        }
        self.is_joint = false;
        let start = self.text.len();
        self.write(token);
        self.tokens.push((start..self.text.len(), span));
    }

    /// Fills up with white space to where a token stands; `false` if its place is unknown, or taken.
    fn move_to(&mut self, span: Span, first: char) -> bool {
        let file = span.file();
        let start = span.start();
        if self.file.get_or_insert_with(|| file.clone()) != &file || start.line < self.line {
            return false;
        }
        let (lines, column) = match start.line - self.line {
            0 => (0, self.column),
            lines => (lines, 0),
        };
        if start.column < column || start.column - column > FARTHEST_COLUMN || lines > FARTHEST_LINE {
            return false;
        }
        let spaces = start.column - column;
        // Two words that seem to touch are from two texts.
        if lines == 0 && spaces == 0 && is_word(first) && self.text.chars().next_back().is_some_and(is_word) {
            return false;
        }
        self.text.extend(std::iter::repeat_n('\n', lines));
        self.text.extend(std::iter::repeat_n(' ', spaces));
        (self.line, self.column) = (start.line, start.column);
        true
    }

    /// A space before a token whose place is unknown, unless it belongs to the last one.
    fn separate(&mut self, next: char) {
        // `|>` is no operator of Rust: whoever writes tokens down may say that `|` stands alone, which it never does.
        let is_joint = self.is_joint || self.text.ends_with('|');
        let belongs = is_joint && next.is_ascii_punctuation() && !"([{\"".contains(next);
        if !belongs && !matches!(self.text.chars().next_back(), None | Some('\n' | ' ')) {
            self.write(" ");
        }
    }

    fn write(&mut self, text: &str) {
        self.text.push_str(text);
        match text.rsplit_once('\n') {
            Some((before, after)) => {
                self.line += before.matches('\n').count() + 1;
                self.column = after.chars().count();
            }
            None => self.column += text.chars().count(),
        }
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '"'
}

/// Whether a token is this punctuation.
pub(crate) fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

/// The text of `[doc = "text"]`, which is how doc comments arrive.
pub(crate) fn documentation(token: &TokenTree) -> Option<String> {
    let TokenTree::Group(group) = token else { return None };
    if group.delimiter() != Delimiter::Bracket {
        return None;
    }
    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
    match tokens.as_slice() {
        [TokenTree::Ident(name), equals, TokenTree::Literal(text)] if name == "doc" && is_punct(equals, '=') => {
            Some(syn::parse_str::<syn::LitStr>(&text.to_string()).ok()?.value())
        }
        _ => None,
    }
}

/// Whether an operator stands between the tokens, rather than inside brackets.
fn has_operator(stream: TokenStream) -> bool {
    stream.into_iter().any(|token| matches!(&token, TokenTree::Punct(punct) if "+-*/%<>=&|!".contains(punct.as_char())))
}
