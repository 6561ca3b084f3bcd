//! What a bracket belongs to, told from the tokens before it.
//!
//! Sure for texts that the grammar accepts; a good guess for others.

use super::Token;

/// What an open bracket belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bracket {
    /// `fn f(`, `module M(`, `network N(`.
    Parameters,
    /// `f(`.
    Call,
    /// `(` of a tuple or around an expression.
    Group,
    /// `x[`, or `as blocks[`.
    Index,
    /// `input x: f32[`.
    Shape,
    /// `[` of a list, or of the index in `as [`, which is written like one.
    List,
    /// `{` of statements.
    Block,
    /// `{` of a budget.
    Limits,
}

impl Bracket {
    /// The kind of the bracket that `tokens[index]` opens.
    ///
    /// `tokens` begin with the item that the bracket is in, without comments; `outermost` says that no other bracket is open.
    pub(crate) fn new(tokens: &[&Token<'_>], index: usize, outermost: bool) -> Self {
        let before = index.checked_sub(1).and_then(|before| tokens.get(before));
        let in_budget = tokens.first().is_some_and(|token| token.is("budget"));
        let after_value = before.is_some_and(|before| before.ends_operand() && !before.is("}"));
        match tokens.get(index).map_or("", |token| token.text) {
            "{" if in_budget => Bracket::Limits,
            "{" => Bracket::Block,
            "[" if after_value && is_input(tokens.get(..index).unwrap_or_default()) => Bracket::Shape,
            "[" if after_value => Bracket::Index,
            "[" => Bracket::List,
            _ if outermost && tokens.first().is_some_and(|token| token.is_any(&["fn", "module", "network"])) => {
                // The body of a function may be an expression without brackets around it.
                if index <= 2 {
                    Bracket::Parameters
                } else if after_value {
                    Bracket::Call
                } else {
                    Bracket::Group
                }
            }
            _ if after_value => Bracket::Call,
            _ => Bracket::Group,
        }
    }
}

/// Whether the tokens end with `input name: type`.
fn is_input(tokens: &[&Token<'_>]) -> bool {
    matches!(tokens, [.., input, _, colon, _] if input.is("input") && colon.is(":"))
}
