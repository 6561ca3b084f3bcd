//! Expressions: precedence climbing over the flat chains of the grammar, and everything that binds tighter.

use std::vec::IntoIter;

use pest::iterators::Pair;

use super::builder::{Builder, Deep, parts};
use super::explain;
use crate::ast::{
    Argument, BinaryOperator, Clause, Expr, ExprKind, InstancePath, PathSegment, Subscript, UnaryOperator,
};
use crate::diagnostic::Diagnostic;
use crate::grammar::Rule;
use crate::source::Span;

/// An expression, and where it stands with the parentheses around it.
pub(super) struct Operand {
    pub(super) value: Deep<Expr>,
    /// From the opening to the closing parenthesis, if there are any; else the span of the expression.
    pub(super) extent: Span,
    /// Whether it can be a stage of a pipeline: no prefix operator.
    pub(super) is_stage: bool,
}

/// An operator between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Infix {
    /// `|>`
    Pipe,
    /// `..` or `..=`
    Range {
        /// Whether it is `..=`.
        inclusive: bool,
    },
    /// Any other.
    Binary(BinaryOperator),
}

impl Infix {
    fn new(symbol: &str) -> Option<Self> {
        use BinaryOperator as B;
        Some(match symbol {
            "|>" => Infix::Pipe,
            ".." => Infix::Range { inclusive: false },
            "..=" => Infix::Range { inclusive: true },
            "||" => Infix::Binary(B::Or),
            "&&" => Infix::Binary(B::And),
            "==" => Infix::Binary(B::Equal),
            "!=" => Infix::Binary(B::NotEqual),
            "<" => Infix::Binary(B::Less),
            "<=" => Infix::Binary(B::LessOrEqual),
            ">" => Infix::Binary(B::Greater),
            ">=" => Infix::Binary(B::GreaterOrEqual),
            "+" => Infix::Binary(B::Add),
            "-" => Infix::Binary(B::Subtract),
            "*" => Infix::Binary(B::Multiply),
            "/" => Infix::Binary(B::Divide),
            "%" => Infix::Binary(B::Remainder),
            _ => return None,
        })
    }

    /// How tightly it binds.
    fn precedence(self) -> u8 {
        use BinaryOperator as B;
        match self {
            Infix::Pipe => 0,
            Infix::Range { .. } => 1,
            Infix::Binary(B::Or) => 2,
            Infix::Binary(B::And) => 3,
            Infix::Binary(B::Equal | B::NotEqual | B::Less | B::LessOrEqual | B::Greater | B::GreaterOrEqual) => {
                COMPARISON
            }
            Infix::Binary(B::Add | B::Subtract) => 5,
            Infix::Binary(B::Multiply | B::Divide | B::Remainder) => 6,
        }
    }

    /// Whether two of its kind in a row are an error.
    fn stands_alone(self) -> bool {
        matches!(self.precedence(), 1 | COMPARISON)
    }
}

const COMPARISON: u8 = 4;

/// The error for a call of a literal, or for several subscripts to a list, which no value of any program can mean.
fn misapplied(base: &Operand, pair: &Pair<'_, Rule>, part: Span) -> Option<Diagnostic> {
    let what = match base.value.tree.kind {
        ExprKind::Tuple(_) => "a tuple",
        ExprKind::List(_) | ExprKind::Comprehension { .. } => "a list",
        ExprKind::Int(_) | ExprKind::Float(_) => "a number",
        ExprKind::Str(_) => "a string",
        ExprKind::Bool(_) => "a truth value",
        _ => return None,
    };
    let action = match pair.as_rule() {
        Rule::call => "called",
        Rule::index if pair.clone().into_inner().nth(1).is_some() => "indexed like a tensor",
        _ => return None,
    };
    Some(explain::literal_applied(what, action, base.extent, part))
}

/// What is left of a chain `operand (operator operand)*`; operators are one fewer than operands, always.
struct Chain {
    operands: IntoIter<Operand>,
    operators: std::iter::Peekable<IntoIter<(Infix, Span)>>,
}

impl Builder<'_> {
    /// Any expression.
    pub(super) fn expression(&mut self, pair: Pair<'_, Rule>) -> Option<Deep<Expr>> {
        Some(self.operand_chain(pair)?.value)
    }

    /// Any expression, with its extent.
    fn operand_chain(&mut self, pair: Pair<'_, Rule>) -> Option<Operand> {
        let mut operands = Vec::new();
        let mut operators = Vec::new();
        for part in pair.into_inner() {
            if part.as_rule() == Rule::operator {
                operators.push((Infix::new(part.as_str())?, self.span(&part)));
            } else {
                operands.push(self.term(part)?);
            }
        }
        if operators.is_empty() {
            return operands.pop();
        }
        self.pipeline(Chain { operands: operands.into_iter(), operators: operators.into_iter().peekable() })
    }

    /// `first |> stage |> stage`, or just `first`.
    fn pipeline(&mut self, mut chain: Chain) -> Option<Operand> {
        let first = self.climb(&mut chain, 1)?;
        if chain.operators.peek().is_none() {
            return Some(first);
        }
        let mut extent = first.extent;
        let mut inner = first.value.depth;
        let mut stages = Vec::new();
        for (operator, operator_span) in chain.operators.by_ref() {
            if operator != Infix::Pipe {
                let diagnostic = explain::operator_after_stage(self.text, extent, operator_span);
                self.report(diagnostic);
                return None;
            }
            let stage = chain.operands.next()?;
            if !stage.is_stage {
                let diagnostic = explain::prefix_before_stage(stage.extent);
                self.report(diagnostic);
                return None;
            }
            inner = inner.max(stage.value.depth);
            extent = extent.to(stage.extent);
            stages.push(stage.value.tree);
        }
        let kind = ExprKind::Pipeline { first: Box::new(first.value.tree), stages };
        self.operand(kind, extent, inner)
    }

    /// Everything that binds at least as tightly as `minimum`. Recurses once per precedence at most.
    fn climb(&mut self, chain: &mut Chain, minimum: u8) -> Option<Operand> {
        let mut left = chain.operands.next()?;
        while let Some(&(operator, operator_span)) = chain.operators.peek()
            && operator.precedence() >= minimum
        {
            chain.operators.next();
            let right = self.climb(chain, operator.precedence() + 1)?;
            if operator.stands_alone()
                && let Some(&(second, second_span)) = chain.operators.peek()
                && second.precedence() == operator.precedence()
            {
                let diagnostic = explain::chained(self.text, operator_span, second_span, right.extent);
                self.report(diagnostic);
                return None;
            }
            let extent = left.extent.to(right.extent);
            let inner = left.value.depth.max(right.value.depth);
            let (first, second) = (Box::new(left.value.tree), Box::new(right.value.tree));
            let kind = match operator {
                Infix::Range { inclusive } => ExprKind::Range { start: first, end: second, inclusive },
                Infix::Binary(operator) => ExprKind::Binary { operator, operator_span, left: first, right: second },
                Infix::Pipe => return None,
            };
            left = self.operand(kind, extent, inner)?;
        }
        Some(left)
    }

    /// An expression without parentheses around it, whose parts are up to `inner` deep.
    fn operand(&mut self, kind: ExprKind, span: Span, inner: usize) -> Option<Operand> {
        let value = self.deepen(Expr { kind, span }, span, inner)?;
        Some(Operand { value, extent: span, is_stage: true })
    }

    /// Prefix operators, a primary expression, what is called, indexed or read of it, and its name.
    fn term(&mut self, pair: Pair<'_, Rule>) -> Option<Operand> {
        let mut prefixes = Vec::new();
        let mut operand: Option<Operand> = None;
        for part in pair.into_inner() {
            operand = match operand {
                None if part.as_rule() == Rule::prefix => {
                    prefixes.push((part.as_str() == "-", self.span(&part)));
                    None
                }
                None => Some(self.primary(part)?),
                Some(base) => Some(self.postfix(base, part)?),
            };
        }
        let mut operand = operand?;
        for (negates, span) in prefixes.into_iter().rev() {
            let operator = if negates { UnaryOperator::Negate } else { UnaryOperator::Not };
            let kind = ExprKind::Unary { operator, operand: Box::new(operand.value.tree) };
            operand = self.operand(kind, span.to(operand.extent), operand.value.depth)?;
            operand.is_stage = false;
        }
        Some(operand)
    }

    fn primary(&mut self, pair: Pair<'_, Rule>) -> Option<Operand> {
        let span = self.span(&pair);
        let kind = match pair.as_rule() {
            Rule::number => self.number(&pair),
            Rule::string => ExprKind::Str(self.string(&pair)),
            Rule::boolean => ExprKind::Bool(pair.as_str() == "true"),
            Rule::name => ExprKind::Name(pair.as_str().to_owned()),
            Rule::list => return self.list(pair),
            Rule::parens => return self.parens(pair),
            _ => {
                let value = self.if_value(pair)?;
                return Some(Operand { value, extent: span, is_stage: true });
            }
        };
        self.operand(kind, span, 0)
    }

    /// `[a, b]` or `[element for pattern in iterable]`.
    fn list(&mut self, pair: Pair<'_, Rule>) -> Option<Operand> {
        let span = self.span(&pair);
        let mut elements = Vec::new();
        let mut clauses = Vec::new();
        let mut inner = 0;
        for part in pair.into_inner() {
            if part.as_rule() == Rule::clause {
                let clause = self.clause(part)?;
                inner = inner.max(clause.depth);
                clauses.push(clause.tree);
            } else {
                let element = self.expression(part)?;
                inner = inner.max(element.depth);
                elements.push(element.tree);
            }
        }
        let kind = if clauses.is_empty() {
            ExprKind::List(elements)
        } else {
            ExprKind::Comprehension { element: Box::new(elements.pop()?), clauses }
        };
        self.operand(kind, span, inner)
    }

    fn clause(&mut self, pair: Pair<'_, Rule>) -> Option<Deep<Clause>> {
        let mut head = self.for_head(parts(pair))?;
        let mut depth = head.depth;
        let mut conditions = Vec::new();
        for condition in head.rest.by_ref() {
            let condition = self.expression(condition)?;
            depth = depth.max(condition.depth);
            conditions.push(condition.tree);
        }
        let clause = Clause { index: head.index, pattern: head.pattern, iterable: head.iterable, conditions };
        Some(Deep { tree: clause, depth })
    }

    /// `(a)`, which only groups, or a tuple.
    fn parens(&mut self, pair: Pair<'_, Rule>) -> Option<Operand> {
        let span = self.span(&pair);
        let mut elements = Vec::new();
        let mut commas = 0;
        let mut inner = 0;
        for part in pair.into_inner() {
            if part.as_rule() == Rule::comma {
                commas += 1;
                continue;
            }
            let element = self.expression(part)?;
            inner = inner.max(element.depth);
            elements.push(element.tree);
        }
        if commas == 0
            && let Some(tree) = elements.pop()
        {
            return Some(Operand { value: Deep { tree, depth: inner }, extent: span, is_stage: true });
        }
        self.operand(ExprKind::Tuple(elements), span, inner)
    }

    /// `base(...)`, `base[...]`, `base.name` or `base as path`.
    fn postfix(&mut self, base: Operand, pair: Pair<'_, Rule>) -> Option<Operand> {
        let part = self.span(&pair);
        if let Some(diagnostic) = misapplied(&base, &pair, part) {
            self.report(diagnostic);
            return None;
        }
        let span = base.extent.to(part);
        let mut inner = base.value.depth;
        let base = Box::new(base.value.tree);
        let kind = match pair.as_rule() {
            Rule::call => {
                let mut arguments = Vec::new();
                for part in pair.into_inner() {
                    let argument = self.argument(part)?;
                    inner = inner.max(argument.depth);
                    arguments.push(argument.tree);
                }
                ExprKind::Call { callee: base, arguments }
            }
            Rule::index => {
                let mut subscripts = Vec::new();
                for part in pair.into_inner() {
                    let subscript = self.subscript(part)?;
                    inner = inner.max(subscript.depth);
                    subscripts.push(subscript.tree);
                }
                ExprKind::Index { base, subscripts }
            }
            Rule::attribute => ExprKind::Attribute { base, name: self.name(&pair.into_inner().next()?) },
            _ => {
                let path = self.path(parts(pair).next()?)?;
                inner = inner.max(path.depth);
                ExprKind::Named { value: base, path: path.tree }
            }
        };
        self.operand(kind, span, inner)
    }

    fn argument(&mut self, pair: Pair<'_, Rule>) -> Option<Deep<Argument>> {
        let mut parts = parts(pair);
        let mut next = parts.next()?;
        let mut name = None;
        if next.as_rule() == Rule::name {
            name = Some(self.name(&next));
            next = parts.next()?;
        }
        let value = self.expression(next)?;
        Some(Deep { tree: Argument { name, value: value.tree }, depth: value.depth })
    }

    /// `i` or `start:end:step`.
    fn subscript(&mut self, pair: Pair<'_, Rule>) -> Option<Deep<Subscript>> {
        let span = self.span(&pair);
        let mut bounds = [None, None, None];
        let mut colons = 0;
        let mut depth = 0;
        for part in pair.into_inner() {
            if part.as_rule() == Rule::colon {
                colons += 1;
                continue;
            }
            let bound = self.expression(part)?;
            depth = depth.max(bound.depth);
            if let Some(place) = bounds.get_mut(colons) {
                *place = Some(bound.tree);
            }
        }
        let [start, end, step] = bounds;
        let tree = if colons == 0 { Subscript::At(start?) } else { Subscript::Slice { start, end, step, span } };
        Some(Deep { tree, depth })
    }

    /// `blocks[s][b].conv`, `[b]`.
    fn path(&mut self, pair: Pair<'_, Rule>) -> Option<Deep<InstancePath>> {
        let span = self.span(&pair);
        let mut segments = Vec::new();
        let mut depth = 0;
        for part in pair.into_inner() {
            segments.push(match part.as_rule() {
                Rule::name => PathSegment::Name(self.name(&part)),
                Rule::attribute => PathSegment::Name(self.name(&part.into_inner().next()?)),
                _ => {
                    let index = self.expression(part.into_inner().next()?)?;
                    depth = depth.max(index.depth);
                    PathSegment::Index(index.tree)
                }
            });
        }
        Some(Deep { tree: InstancePath { segments, span }, depth })
    }
}
