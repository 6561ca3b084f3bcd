//! Why a text is not in the language, in the words of the language.
//!
//! In: the place where pest gave up with the rules that it tried there, and the tokens around it. Out: one [`Diagnostic`].
//! pest's own message is never shown. A [`Scene`] says what stands where; then, from the most special to the most general,
//! the first who knows explains: [`foreign`] knows what other languages write, [`names`] knows keywords and names in the wrong
//! place, [`items`], [`statements`] and [`sequences`] know the mistakes of their constructs, [`plain`] says what was expected and found.
//! The errors that only show in the tree are in [`tree`].

mod foreign;
mod items;
mod names;
mod scene;
mod sequences;
mod statements;
mod tree;

pub(super) use tree::{
    Misplaced, chained, literal_applied, missing_else, missing_value, no_effect, operator_after_stage,
    prefix_before_stage,
};

use std::ops::Range;

use pest::error::{Error, ErrorVariant, InputLocation};

use super::builder::too_deep;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::grammar::Rule;
use crate::source::{SourceId, Span};
use crate::tokens::Token;
use scene::{Expected, Scene};

/// Explains why pest rejected the tokens `part`, whose text begins at `offset`.
pub(super) fn rejection(
    error: &Error<Rule>,
    offset: usize,
    text: &str,
    tokens: &[Token<'_>],
    part: Range<usize>,
    id: SourceId,
) -> Diagnostic {
    let position = offset
        + match error.location {
            InputLocation::Pos(position) | InputLocation::Span((position, _)) => position,
        };
    let ErrorVariant::ParsingError { positives, .. } = &error.variant else {
        // pest itself watches the stack, which was small to begin with if this happens.
        return too_deep(Span::new(id, position, position));
    };
    let scene = Scene::new(text, tokens, part, position, Expected::new(positives), id);
    foreign::symbol(&scene)
        .or_else(|| foreign::word(&scene))
        .or_else(|| names::explain(&scene))
        .or_else(|| items::explain(&scene))
        .or_else(|| statements::explain(&scene))
        .or_else(|| sequences::explain(&scene))
        .unwrap_or_else(|| plain(&scene))
}

/// "expected this, found that".
fn plain(scene: &Scene<'_>) -> Diagnostic {
    let expected = scene.expectation();
    let diagnostic = scene.unexpected(format!("expected {expected}, found {}", scene.describe_found()), &expected);
    match scene.expected {
        Expected::Item => diagnostic.help("items begin with `use`, `const`, `fn`, `module`, `network` or `budget`"),
        _ => diagnostic,
    }
}

/// An error of unexpected text at `span`.
fn error(message: impl Into<String>, span: Span, label: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::E0001, message).primary(span, label)
}
