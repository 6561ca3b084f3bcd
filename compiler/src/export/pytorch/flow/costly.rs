//! Which values are worth being computed once.

use parameternet_dsl::ast::{Argument, Expr, ExprKind, ItemKind};

use super::{Flow, Place};
use crate::export::pytorch::meaning::{self, Meaning};
use crate::program::ItemRef;

/// Finds out whether an expression makes constants or goes through lists.
pub(super) struct Costly<'f, 'p> {
    pub flow: &'f Flow<'p>,
    pub found: bool,
}

impl Costly<'_, '_> {
    fn item(&mut self, item: ItemRef) {
        let does = self.flow.does.get(&item).copied().unwrap_or_default();
        self.found |= does.makes_constants || does.is_long;
    }

    pub(super) fn expr(&mut self, expr: &Expr, place: &Place) {
        let program = self.flow.program;
        match &expr.kind {
            ExprKind::Comprehension { .. } => self.found = true,
            ExprKind::Name(name) => {
                if let Some(Meaning::Item(item)) = meaning::meaning(program, place.file, &place.scopes, name) {
                    let is_const = matches!(program.item(item).map(|item| &item.kind), Some(ItemKind::Const(_)));
                    let makes = self.flow.does.get(&item).is_some_and(|does| does.makes_constants);
                    self.found |= is_const && makes;
                }
            }
            ExprKind::List(parts) | ExprKind::Tuple(parts) => parts.iter().for_each(|part| self.expr(part, place)),
            ExprKind::Unary { operand, .. } => self.expr(operand, place),
            ExprKind::Binary { left, right, .. } => {
                self.expr(left, place);
                self.expr(right, place);
            }
            ExprKind::If { branches, otherwise } => {
                for (condition, block) in branches {
                    self.expr(condition, place);
                    self.expr(&block.value, place);
                }
                self.expr(&otherwise.value, place);
            }
            ExprKind::Call { callee, arguments } => self.call(callee, arguments, place),
            ExprKind::Pipeline { first, stages } => {
                self.expr(first, place);
                for stage in stages {
                    match &stage.kind {
                        ExprKind::Call { callee, arguments } => self.call(callee, arguments, place),
                        _ => self.call(stage, &[], place),
                    }
                }
            }
            ExprKind::Index { base, .. } => self.expr(base, place),
            ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Str(_)
            | ExprKind::Bool(_)
            | ExprKind::Range { .. }
            | ExprKind::Named { .. }
            | ExprKind::Attribute { .. } => {}
        }
    }

    fn call(&mut self, callee: &Expr, arguments: &[Argument], place: &Place) {
        match meaning::callee(self.flow.program, place.file, &place.scopes, callee) {
            Some(Meaning::Item(item)) => self.item(item),
            Some(Meaning::Operation(definition)) => self.found |= definition.name == "constant",
            _ => {}
        }
        for argument in arguments {
            self.expr(&argument.value, place);
        }
    }
}
