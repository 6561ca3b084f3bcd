//! Statements and expressions: what their values may hold.

use parameternet_dsl::ast::{Block, Expr, ExprKind, Pattern, Statement, StatementKind, Subscript, ValueBlock};

use super::{Flow, Holds, Place};
use crate::export::pytorch::meaning::{self, Meaning, makes_layer};
use parameternet_dsl::ast::ItemKind;

impl Flow<'_> {
    fn pattern(&mut self, pattern: &Pattern, holds: Holds, place: &mut Place) {
        for (name, span) in meaning::names(pattern) {
            self.set(span, holds);
            place.scopes.declare(&name, span);
        }
    }

    pub(super) fn block(&mut self, block: &Block, place: &mut Place) -> Holds {
        place.scopes.push();
        let mut returned = Holds::default();
        for statement in &block.statements {
            returned = returned.join(self.statement(statement, place));
        }
        place.scopes.pop();
        returned
    }

    /// What the statement may return.
    fn statement(&mut self, statement: &Statement, place: &mut Place) -> Holds {
        match &statement.kind {
            StatementKind::Input { name, shape, .. } => {
                for size in shape {
                    self.expr(size, place);
                }
                self.set(name.span, Holds::TENSOR);
                place.scopes.declare(&name.text, name.span);
                Holds::default()
            }
            StatementKind::Let { pattern, value } => {
                let holds = self.expr(value, place);
                self.pattern(pattern, holds, place);
                Holds::default()
            }
            StatementKind::Assign { name, value } => {
                let holds = self.expr(value, place);
                if let Some(current) = self.current {
                    self.assigned.entry(current).or_default().insert(name.text.clone());
                }
                if let Some(declared) = place.scopes.lookup(&name.text) {
                    self.set(declared, holds);
                }
                Holds::default()
            }
            StatementKind::For { index, pattern, iterable, body } => {
                let holds = self.expr(iterable, place);
                place.scopes.push();
                if let Some(index) = index {
                    self.pattern(index, Holds::default(), place);
                }
                self.pattern(pattern, holds, place);
                let returned = self.block(body, place);
                place.scopes.pop();
                returned
            }
            StatementKind::If { branches, otherwise } => {
                let mut returned = Holds::default();
                for (condition, block) in branches {
                    self.expr(condition, place);
                    returned = returned.join(self.block(block, place));
                }
                if let Some(block) = otherwise {
                    returned = returned.join(self.block(block, place));
                }
                returned
            }
            StatementKind::Return(values) => {
                values.iter().map(|value| self.expr(&value.value, place)).fold(Holds::default(), Holds::join)
            }
        }
    }

    fn value_block(&mut self, block: &ValueBlock, place: &mut Place) -> Holds {
        place.scopes.push();
        for statement in &block.statements {
            self.statement(statement, place);
        }
        let holds = self.expr(&block.value, place);
        place.scopes.pop();
        holds
    }

    fn all<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>, place: &mut Place) -> Holds {
        exprs.into_iter().map(|expr| self.expr(expr, place)).fold(Holds::default(), Holds::join)
    }

    /// What the value of an expression may hold. Once the flow is complete, this changes nothing.
    pub(in crate::export::pytorch) fn expr(&mut self, expr: &Expr, place: &mut Place) -> Holds {
        match &expr.kind {
            ExprKind::Float(_) => Holds::FLOAT,
            ExprKind::Int(_) | ExprKind::Str(_) | ExprKind::Bool(_) => Holds::default(),
            ExprKind::Name(name) => self.name(name, place),
            ExprKind::List(elements) | ExprKind::Tuple(elements) => self.all(elements, place),
            ExprKind::Comprehension { element, clauses } => {
                self.note(|does| does.is_long = true);
                place.scopes.push();
                for clause in clauses {
                    let holds = self.expr(&clause.iterable, place);
                    if let Some(index) = &clause.index {
                        self.pattern(index, Holds::default(), place);
                    }
                    self.pattern(&clause.pattern, holds, place);
                    self.all(&clause.conditions, place);
                }
                let holds = self.expr(element, place);
                place.scopes.pop();
                holds
            }
            ExprKind::Unary { operand, .. } => self.expr(operand, place),
            ExprKind::Binary { left, right, .. } => {
                let left = self.expr(left, place);
                left.join(self.expr(right, place))
            }
            ExprKind::Range { start, end, .. } => self.all([&**start, &**end], place),
            ExprKind::If { branches, otherwise } => {
                let mut holds = Holds::default();
                for (condition, block) in branches {
                    self.expr(condition, place);
                    holds = holds.join(self.value_block(block, place));
                }
                holds.join(self.value_block(otherwise, place))
            }
            ExprKind::Call { callee, arguments } => self.call(callee, arguments, None, None, place),
            ExprKind::Pipeline { first, stages } => {
                let mut holds = self.expr(first, place);
                for stage in stages {
                    holds = self.stage(stage, holds, place);
                }
                holds
            }
            ExprKind::Named { value, path } => match &value.kind {
                ExprKind::Call { callee, arguments } => self.call(callee, arguments, None, Some(path), place),
                _ => Holds::default(),
            },
            ExprKind::Index { base, subscripts } => {
                for subscript in subscripts {
                    match subscript {
                        Subscript::At(expr) => drop(self.expr(expr, place)),
                        Subscript::Slice { start, end, step, .. } => {
                            self.all([start, end, step].into_iter().flatten(), place);
                        }
                    }
                }
                self.expr(base, place)
            }
            ExprKind::Attribute { base, .. } => {
                self.expr(base, place);
                Holds::default()
            }
        }
    }

    /// What the value after a stage of a pipeline may hold.
    pub(in crate::export::pytorch) fn stage(&mut self, stage: &Expr, piped: Holds, place: &mut Place) -> Holds {
        let (inner, path) = match &stage.kind {
            ExprKind::Named { value, path } => (&**value, Some(path)),
            _ => (stage, None),
        };
        match &inner.kind {
            ExprKind::Call { callee, arguments } => self.call(callee, arguments, Some(piped), path, place),
            _ => self.call(inner, &[], Some(piped), path, place),
        }
    }

    fn name(&mut self, name: &str, place: &mut Place) -> Holds {
        match meaning::meaning(self.program, place.file, &place.scopes, name) {
            Some(Meaning::Variable(declared)) => self.variable(declared),
            Some(Meaning::Item(item)) => {
                if let Some(ItemKind::Const(_)) = self.program.item(item).map(|item| &item.kind) {
                    self.reach(item);
                    let does = self.does.get(&item).copied().unwrap_or_default();
                    self.note(|own| own.makes_constants |= does.makes_constants);
                    return self.returns.get(&item).copied().unwrap_or_default();
                }
                self.use_as_value(item);
                Holds { layers: self.is_class(item), ..Holds::default() }
            }
            Some(Meaning::Operation(definition)) => Holds { layers: makes_layer(definition), ..Holds::default() },
            Some(Meaning::Builtin(_) | Meaning::Word(_)) | None => Holds::default(),
        }
    }
}
