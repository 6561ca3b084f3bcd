//! Which tokens of a line stand apart.
//!
//! In: two neighbours with their [`Role`]s. Out: one space or none.

use crate::tokens::{Bracket, Token};

/// What a token does where it stands, as far as white space depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Keywords, names, literals, closing brackets, brackets around values.
    Plain,
    /// An operator between two operands, `=`, and `as`.
    Infix,
    /// `.`, `..`, the `=` of an argument, the `:` of a slice: no space on either side.
    Tight,
    /// `-` and `!` before an operand: no space behind.
    Prefix,
    /// The bracket of a call, an index, a shape or of parameters, and the `:` of an input: no space before.
    Attached,
}

impl Role {
    /// The role of `token` behind `previous`, inside of a bracket of kind `bracket`.
    pub(super) fn new(token: &Token<'_>, previous: Option<&Token<'_>>, bracket: Option<Bracket>) -> Self {
        let after_operand = previous.is_some_and(Token::ends_operand);
        match token.text {
            "." | ".." | "..=" => Role::Tight,
            "=" if bracket == Some(Bracket::Call) => Role::Tight,
            ":" if bracket == Some(Bracket::Index) => Role::Tight,
            ":" => Role::Attached,
            // Behind a name follow arguments or parameters, behind a `}` the value of a block.
            "(" | "[" if after_operand && previous.is_some_and(|previous| !previous.is("}")) => Role::Attached,
            "!" => Role::Prefix,
            "-" if !after_operand => Role::Prefix,
            "=" | "|>" | "||" | "&&" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "+" | "-" | "*" | "/" | "%" | "as" => {
                Role::Infix
            }
            _ => Role::Plain,
        }
    }

    /// Whether a line that begins with the token, which has this role, goes on with what stands before it.
    pub(super) fn continues(self, token: &Token<'_>) -> bool {
        matches!(self, Role::Infix | Role::Tight | Role::Attached) || token.is("in")
    }

    /// Whether what stands on the line behind the token, which has this role, belongs to the same expression or statement.
    pub(super) fn awaits_more(self, token: &Token<'_>) -> bool {
        match self {
            Role::Infix | Role::Tight | Role::Prefix => true,
            Role::Attached => token.is(":"),
            Role::Plain => token.is_keyword() && !token.is_any(&["else", "true", "false"]),
        }
    }
}

/// Whether a space stands between two tokens of a line.
pub(super) fn is_spaced(previous: Option<&Token<'_>>, before: Role, token: &Token<'_>, role: Role) -> bool {
    let Some(previous) = previous else { return false };
    if previous.is("{") || token.is("}") {
        return !(previous.is("{") && token.is("}"));
    }
    if previous.opens() || token.closes() || token.is(",") {
        return false;
    }
    if previous.is(",") {
        return true;
    }
    !matches!(before, Role::Tight | Role::Prefix) && !matches!(role, Role::Tight | Role::Attached)
}
