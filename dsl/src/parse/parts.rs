//! Cuts a file into the parts that are parsed on their own: error recovery.
//!
//! In: the tokens of a text. Out: ranges of them, in order, that cover all tokens but comments at the ends. A valid text may be cut
//! anywhere between two items, or not at all; inside of an item never.

use std::ops::Range;

use crate::tokens::{Token, TokenKind};

/// The parts of a text, as ranges of its tokens.
///
/// A new part begins with the first word of a line that stands no further right than the part does and
///   * is a keyword that begins an item (inside of an item such a word is always an error, so no valid item is cut), or
///   * cannot continue what stands before it, with all brackets closed: `modul B(x) { }` below `const A = 3`.
pub(super) fn split(tokens: &[Token<'_>]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    // Index and column of the first token of the part.
    let mut begin: Option<(usize, usize)> = None;
    let mut previous: Option<(usize, &Token<'_>)> = None;
    let mut open_brackets = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        if token.kind == TokenKind::Comment {
            continue;
        }
        match (begin, previous) {
            (Some((first, column)), Some((last, last_token))) if token.first_on_line && token.column <= column => {
                let stray = open_brackets == 0 && last_token.ends_operand() && begins_afresh(token);
                if token.is_item_keyword() || stray {
                    parts.push(first..last + 1);
                    begin = Some((index, token.column));
                    open_brackets = 0;
                }
            }
            (None, _) => begin = Some((index, token.column)),
            _ => {}
        }
        if token.opens() {
            open_brackets += 1;
        } else if token.closes() {
            open_brackets = open_brackets.saturating_sub(1);
        }
        previous = Some((index, token));
    }
    if let (Some((first, _)), Some((last, _))) = (begin, previous) {
        parts.push(first..last + 1);
    }
    parts
}

/// Whether the token is a word that cannot follow a complete expression or block.
fn begins_afresh(token: &Token<'_>) -> bool {
    token.kind == TokenKind::Word && !token.is_any(&["as", "else", "in"])
}
