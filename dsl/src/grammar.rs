//! The pest grammar, compiled: [`Grammar`] parses by [`Rule`]. Nothing outside this crate sees pest.

use pest_derive::Parser;

/// The parser that `pnet.pest` describes.
#[derive(Parser)]
#[grammar = "pnet.pest"]
pub(crate) struct Grammar;

impl Rule {
    /// Whether the rule stands for a keyword or for punctuation that the tree builder has no use for.
    pub(crate) fn is_fixed(self) -> bool {
        matches!(
            self,
            Rule::kw_use
                | Rule::kw_const
                | Rule::kw_fn
                | Rule::kw_module
                | Rule::kw_network
                | Rule::kw_budget
                | Rule::kw_input
                | Rule::kw_let
                | Rule::kw_for
                | Rule::kw_in
                | Rule::kw_if
                | Rule::kw_else
                | Rule::kw_return
                | Rule::kw_as
                | Rule::equals
                | Rule::close
                | Rule::EOI
        )
    }
}
