//! Blocks, statements and patterns.

use pest::iterators::Pair;

use super::builder::{Builder, Deep, parts};
use super::explain;
use crate::ast::{Block, Expr, ExprKind, Pattern, ReturnValue, Statement, StatementKind, ValueBlock};
use crate::grammar::Rule;
use crate::source::Span;

/// What follows `if` and `else`, in order, with a body of type `B`.
pub(super) struct Chain<B> {
    /// Conditions with their bodies.
    pub(super) branches: Vec<(Expr, B)>,
    /// The body of the last `else`.
    pub(super) otherwise: Option<B>,
    /// The depth of the deepest condition or body.
    pub(super) inner: usize,
}

impl Builder<'_> {
    /// `{ statements }`.
    pub(super) fn block(&mut self, pair: Pair<'_, Rule>) -> Option<Deep<Block>> {
        let span = self.span(&pair);
        let mut statements = Vec::new();
        let mut inner = 0;
        for part in pair.into_inner() {
            if let Some(statement) = self.statement(part)? {
                inner = inner.max(statement.depth);
                statements.push(statement.tree);
            }
        }
        self.deepen(Block { statements, span }, span, inner)
    }

    /// `{ statements value }`.
    pub(super) fn value_block(&mut self, pair: Pair<'_, Rule>) -> Option<Deep<ValueBlock>> {
        let span = self.span(&pair);
        let mut statements = Vec::new();
        let mut inner = 0;
        let mut contents = pair.into_inner().peekable();
        while let Some(part) = contents.next() {
            if contents.peek().is_none() && matches!(part.as_rule(), Rule::bare | Rule::if_chain) {
                let value = match part.as_rule() {
                    Rule::bare => self.expression(part.into_inner().next()?)?,
                    _ => self.if_value(part)?,
                };
                return self.deepen(ValueBlock { statements, value: value.tree }, span, inner.max(value.depth));
            }
            if let Some(statement) = self.statement(part)? {
                inner = inner.max(statement.depth);
                statements.push(statement.tree);
            }
        }
        let diagnostic = explain::missing_value(self.tokens, span, statements.last());
        self.report(diagnostic);
        None
    }

    /// One statement; `Some(None)` for one that was reported as having no effect.
    fn statement(&mut self, pair: Pair<'_, Rule>) -> Option<Option<Deep<Statement>>> {
        let span = self.span(&pair);
        let rule = pair.as_rule();
        let (kind, depth) = match rule {
            Rule::if_chain => {
                let chain = self.if_chain(pair, Builder::block)?;
                (StatementKind::If { branches: chain.branches, otherwise: chain.otherwise }, chain.inner)
            }
            Rule::bare => {
                self.misplaced(span);
                return Some(None);
            }
            Rule::return_statement => self.return_statement(pair)?,
            Rule::input_statement => self.input_statement(pair)?,
            Rule::for_statement => {
                let mut head = self.for_head(parts(pair))?;
                let body = self.block(head.rest.next()?)?;
                let depth = head.depth.max(body.depth);
                let (index, pattern, iterable) = (head.index, head.pattern, head.iterable);
                (StatementKind::For { index, pattern, iterable, body: body.tree }, depth)
            }
            Rule::let_statement => {
                let mut parts = parts(pair);
                let pattern = self.pattern(parts.next()?)?;
                let value = self.expression(parts.next()?)?;
                let depth = pattern.depth.max(value.depth);
                (StatementKind::Let { pattern: pattern.tree, value: value.tree }, depth)
            }
            _ => {
                let mut parts = parts(pair);
                let name = self.name(&parts.next()?);
                let value = self.expression(parts.next()?)?;
                (StatementKind::Assign { name, value: value.tree }, value.depth)
            }
        };
        Some(Some(Deep { tree: Statement { kind, span }, depth }))
    }

    /// Reports an expression that stands where a statement should, unless it goes on from one that was reported.
    fn misplaced(&mut self, span: Span) {
        let Some(misplaced) = explain::Misplaced::new(self.tokens, span) else { return };
        if !misplaced.goes_on_from(self.misplaced_end) {
            self.report(explain::no_effect(&misplaced));
        }
        self.misplaced_end = span.end as usize;
    }

    /// `if a { } else if b { } else { }`, with `body` for what stands in the braces.
    pub(super) fn if_chain<B>(
        &mut self,
        pair: Pair<'_, Rule>,
        body: fn(&mut Self, Pair<'_, Rule>) -> Option<Deep<B>>,
    ) -> Option<Chain<B>> {
        let mut chain = Chain { branches: Vec::new(), otherwise: None, inner: 0 };
        let mut parts = parts(pair);
        while let Some(part) = parts.next() {
            if part.as_rule() == Rule::block {
                let otherwise = body(self, part)?;
                chain.inner = chain.inner.max(otherwise.depth);
                chain.otherwise = Some(otherwise.tree);
            } else {
                let condition = self.expression(part)?;
                let branch = body(self, parts.next()?)?;
                chain.inner = chain.inner.max(condition.depth).max(branch.depth);
                chain.branches.push((condition.tree, branch.tree));
            }
        }
        Some(chain)
    }

    /// `if` as a value.
    pub(super) fn if_value(&mut self, pair: Pair<'_, Rule>) -> Option<Deep<Expr>> {
        let span = self.span(&pair);
        let chain = self.if_chain(pair, Builder::value_block)?;
        let Some(otherwise) = chain.otherwise else {
            self.report(explain::missing_else(span));
            return None;
        };
        let kind = ExprKind::If { branches: chain.branches, otherwise: Box::new(otherwise) };
        self.deepen(Expr { kind, span }, span, chain.inner)
    }

    fn return_statement(&mut self, pair: Pair<'_, Rule>) -> Option<(StatementKind, usize)> {
        let mut values = Vec::new();
        let mut depth = 0;
        for part in parts(pair) {
            let (name, value) = if part.as_rule() == Rule::named_value {
                let mut parts = parts(part);
                (Some(self.name(&parts.next()?)), self.expression(parts.next()?)?)
            } else {
                (None, self.expression(part)?)
            };
            depth = depth.max(value.depth);
            values.push(ReturnValue { name, value: value.tree });
        }
        Some((StatementKind::Return(values), depth))
    }

    fn input_statement(&mut self, pair: Pair<'_, Rule>) -> Option<(StatementKind, usize)> {
        let mut parts = parts(pair).filter(|part| part.as_rule() != Rule::colon);
        let name = self.name(&parts.next()?);
        let dtype = self.name(&parts.next()?);
        let mut shape = Vec::new();
        let mut depth = 0;
        for dimension in parts.next()?.into_inner() {
            let dimension = self.expression(dimension)?;
            depth = depth.max(dimension.depth);
            shape.push(dimension.tree);
        }
        Some((StatementKind::Input { name, dtype, shape }, depth))
    }

    /// `index, pattern in iterable` of a `for` statement or of a clause.
    pub(super) fn for_head<'i, I>(&mut self, mut parts: I) -> Option<ForHead<I>>
    where
        I: Iterator<Item = Pair<'i, Rule>>,
    {
        let mut index = None;
        let mut pattern = self.pattern(parts.next()?)?;
        let mut depth = pattern.depth;
        let mut next = parts.next()?;
        if next.as_rule() != Rule::expression {
            index = Some(pattern.tree);
            pattern = self.pattern(next)?;
            depth = depth.max(pattern.depth);
            next = parts.next()?;
        }
        let iterable = self.expression(next)?;
        depth = depth.max(iterable.depth);
        Some(ForHead { index, pattern: pattern.tree, iterable: iterable.tree, depth, rest: parts })
    }

    /// `name`, `_` or `(patterns)`.
    pub(super) fn pattern(&mut self, pair: Pair<'_, Rule>) -> Option<Deep<Pattern>> {
        let span = self.span(&pair);
        match pair.as_rule() {
            Rule::name => self.deepen(Pattern::Name(self.name(&pair)), span, 0),
            Rule::ignore => self.deepen(Pattern::Ignore(span), span, 0),
            _ => {
                let mut commas = 0;
                let mut inner = 0;
                let mut patterns = Vec::new();
                for part in pair.into_inner() {
                    if part.as_rule() == Rule::comma {
                        commas += 1;
                        continue;
                    }
                    let pattern = self.pattern(part)?;
                    inner = inner.max(pattern.depth);
                    patterns.push(pattern.tree);
                }
                match patterns.pop() {
                    // Parentheses around one pattern only group, as they do around an expression.
                    Some(pattern) if commas == 0 && patterns.is_empty() => Some(Deep { tree: pattern, depth: inner }),
                    last => {
                        patterns.extend(last);
                        self.deepen(Pattern::Tuple(patterns, span), span, inner)
                    }
                }
            }
        }
    }
}

/// The parts of `for index, pattern in iterable`, and what comes after them.
pub(super) struct ForHead<I> {
    pub(super) index: Option<Pattern>,
    pub(super) pattern: Pattern,
    pub(super) iterable: Expr,
    pub(super) depth: usize,
    pub(super) rest: I,
}
