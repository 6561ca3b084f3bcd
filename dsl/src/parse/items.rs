//! Items: `use`, `const`, `fn`, `module`, `network`, `budget`.

use pest::iterators::{Pair, Pairs};

use super::builder::{Builder, parts};
use crate::ast::{Budget, Comparison, Const, Fn, FnBody, Item, ItemKind, Limit, Module, Name, Network, Parameter, Use};
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::grammar::Rule;
use crate::source::Span;
use crate::tokens::TokenKind;

impl Builder<'_> {
    /// Builds the items of one part, whose pairs count their positions from `offset`.
    pub(super) fn items(&mut self, pairs: Pairs<'_, Rule>, offset: usize) {
        self.offset = offset;
        for pair in pairs.filter(|pair| !pair.as_rule().is_fixed()) {
            let span = self.span(&pair);
            let errors = self.diagnostics.len();
            match self.item_kind(pair) {
                Some(kind) => {
                    let docs = self.docs_before(span);
                    self.file.items.push(Item { docs, kind, span });
                }
                None if self.diagnostics.len() == errors => self.report(internal(span)),
                None => {}
            }
        }
    }

    fn item_kind(&mut self, pair: Pair<'_, Rule>) -> Option<ItemKind> {
        let rule = pair.as_rule();
        let mut parts = parts(pair);
        let first = parts.next()?;
        if rule == Rule::use_item {
            let path_span = self.span(&first);
            return Some(ItemKind::Use(Use { path: self.string(&first), path_span }));
        }
        let name = self.name(&first);
        match rule {
            Rule::const_item => {
                let value = self.expression(parts.next()?)?.tree;
                Some(ItemKind::Const(Const { name, value }))
            }
            Rule::fn_item => {
                let parameters = self.parameters(parts.next()?)?;
                let body = parts.next()?;
                let body = match body.as_rule() {
                    Rule::block => FnBody::Block(self.block(body)?.tree),
                    _ => FnBody::Expr(self.expression(body)?.tree),
                };
                Some(ItemKind::Fn(Fn { name, parameters, body }))
            }
            Rule::budget_item => {
                let limits = parts.next()?.into_inner().map(|limit| self.limit(limit)).collect::<Option<_>>()?;
                Some(ItemKind::Budget(Budget { target: name, limits }))
            }
            _ => {
                let mut next = parts.next()?;
                let mut parameters = Vec::new();
                if next.as_rule() == Rule::parameters {
                    parameters = self.parameters(next)?;
                    next = parts.next()?;
                }
                let body = self.block(next)?.tree;
                Some(match rule {
                    Rule::module_item => ItemKind::Module(Module { name, parameters, body }),
                    _ => ItemKind::Network(Network { name, parameters, body }),
                })
            }
        }
    }

    fn parameters(&mut self, pair: Pair<'_, Rule>) -> Option<Vec<Parameter>> {
        pair.into_inner()
            .map(|parameter| {
                let mut parts = parts(parameter);
                let name = self.name(&parts.next()?);
                let default = match parts.next() {
                    Some(value) => Some(self.expression(value)?.tree),
                    None => None,
                };
                Some(Parameter { name, default })
            })
            .collect()
    }

    fn limit(&mut self, pair: Pair<'_, Rule>) -> Option<Limit> {
        let span = self.span(&pair);
        let mut parts = parts(pair);
        let metric = self.name(&parts.next()?);
        let mut next = parts.next()?;
        let mut preset: Option<Name> = None;
        if next.as_rule() == Rule::preset {
            preset = next.into_inner().next().map(|name| self.name(&name));
            next = parts.next()?;
        }
        let comparison = if next.as_str() == "<" { Comparison::Below } else { Comparison::AtMost };
        let bound = self.expression(parts.next()?)?.tree;
        Some(Limit { metric, preset, comparison, bound, span })
    }

    /// The doc comments right before an item.
    fn docs_before(&self, item: Span) -> String {
        let before = self.tokens.get(..self.token_index(item.start as usize)).unwrap_or_default();
        let mut docs: Vec<&str> = before
            .iter()
            .rev()
            .take_while(|token| token.kind == TokenKind::Comment)
            .filter_map(|token| token.text.strip_prefix("///").filter(|text| !text.starts_with('/')))
            .map(|text| text.strip_prefix(' ').unwrap_or(text))
            .collect();
        docs.reverse();
        docs.join("\n")
    }
}

/// The error for an item that the grammar accepts and the builder does not understand: a bug, but no reason to panic.
fn internal(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0001, "this cannot be turned into a syntax tree")
        .primary(span, "")
        .note("this is a bug in the compiler: please report it with this text")
}
