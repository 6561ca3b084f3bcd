//! Evaluating expressions.

use std::rc::Rc;

use parameternet_dsl::ast::{BinaryOperator, Clause, Expr, ExprKind, ItemKind, UnaryOperator, ValueBlock};
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::Diagnostic;
use parameternet_dsl::source::Span;

use super::arithmetic::{self, ValueError};
use super::environment::{Body, Environment};
use super::statement::Flow;
use super::{Elaborator, Outcome, Stop, builtin, item_kind, report};
use crate::graph::InstanceId;
use crate::graph::build::Site;
use crate::limits::{MAX_CALL_DEPTH, MAX_LIST, MAX_VALUE_DEPTH};
use crate::op::elementwise::Binary;
use crate::op::source::Constant;
use crate::op::{self, Op};
use crate::program::{ItemRef, item_name};
use crate::resolve;
use crate::value::{Callable, Value};

impl Elaborator<'_> {
    /// The value of an expression, or [`Value::Poison`] after an error that does not stop everything.
    pub(super) fn expression_or_poison(&mut self, expr: &Expr, environment: &mut Environment) -> Outcome<Value> {
        match self.expression(expr, environment) {
            Err(Stop::Poisoned) => Ok(Value::Poison),
            other => other,
        }
    }

    /// The value of an expression. Poisoned values are errors here, so that whatever needs the value stops in silence.
    pub(super) fn expression(&mut self, expr: &Expr, environment: &mut Environment) -> Outcome<Value> {
        self.spend(1, expr.span, environment.instance)?;
        let value = match &expr.kind {
            ExprKind::Int(value) => Value::Int(*value),
            ExprKind::Float(value) => Value::Float(*value),
            ExprKind::Str(text) => Value::Str(text.as_str().into()),
            ExprKind::Bool(value) => Value::Bool(*value),
            ExprKind::Name(name) => self.name(name, expr.span, environment)?,
            ExprKind::List(elements) => {
                let values = self.elements(elements, environment)?;
                self.nested(Value::list(values), expr.span, environment)?
            }
            ExprKind::Tuple(elements) => {
                let values = self.elements(elements, environment)?;
                self.nested(Value::tuple(values), expr.span, environment)?
            }
            ExprKind::Comprehension { element, clauses } => {
                let mut values = Vec::new();
                environment.push();
                let result = self.comprehension(element, clauses, environment, &mut values);
                environment.pop();
                result?;
                self.nested(Value::list(values), expr.span, environment)?
            }
            ExprKind::Unary { operator, operand } => self.unary(*operator, operand, expr.span, environment)?,
            ExprKind::Binary { operator, left, right, .. } => {
                self.binary(*operator, left, right, expr.span, environment)?
            }
            ExprKind::Range { start, end, inclusive } => {
                let start = self.whole_number(start, environment)?;
                let end = self.whole_number(end, environment)?;
                Value::Range(start, if *inclusive { end.saturating_add(1) } else { end })
            }
            ExprKind::If { branches, otherwise } => {
                let mut chosen: &ValueBlock = otherwise;
                for (condition, block) in branches {
                    if self.condition(condition, environment)? {
                        chosen = block;
                        break;
                    }
                }
                self.value_block(chosen, environment)?
            }
            ExprKind::Call { callee, arguments } => self.call(callee, arguments, None, None, expr.span, environment)?,
            ExprKind::Pipeline { first, stages } => {
                let mut value = self.expression(first, environment)?;
                let mut span = first.span;
                for stage in stages {
                    value = self.stage(stage, (value, span), environment)?;
                    span = stage.span;
                }
                value
            }
            ExprKind::Named { value, path } => match &value.kind {
                ExprKind::Call { callee, arguments } => {
                    self.call(callee, arguments, None, Some(path), value.span, environment)?
                }
                _ => {
                    let error = Diagnostic::new(Code::E0208, "only a call can be named with `as`")
                        .primary(path.span, "names an instance")
                        .secondary(value.span, "this makes none");
                    return self.fail(error, environment.instance);
                }
            },
            ExprKind::Index { base, subscripts } => {
                let value = self.expression(base, environment)?;
                self.index(&value, base.span, subscripts, expr.span, environment)?
            }
            ExprKind::Attribute { base, name } => {
                let value = self.expression(base, environment)?;
                self.attribute(&value, base.span, name, environment)?
            }
        };
        if matches!(value, Value::Poison) { Err(Stop::Poisoned) } else { Ok(value) }
    }

    /// Reports an error and has no value.
    pub(super) fn fail<T>(&mut self, error: Diagnostic, instance: InstanceId) -> Outcome<T> {
        self.error(error, instance);
        Err(Stop::Poisoned)
    }

    /// Reports why a computation with values failed.
    pub(super) fn value_error<T>(&mut self, error: &ValueError, span: Span, instance: InstanceId) -> Outcome<T> {
        self.fail(report::value_error(error, span), instance)
    }

    /// Passes a new list, tuple or setting on if it does not nest too deep.
    pub(super) fn nested(&mut self, value: Value, span: Span, environment: &Environment) -> Outcome<Value> {
        if value.depth() <= MAX_VALUE_DEPTH {
            return Ok(value);
        }
        self.value_error(&ValueError::TooDeep, span, environment.instance)
    }

    /// The values of several expressions; all are evaluated even if one fails, so that independent errors show together.
    fn elements(&mut self, elements: &[Expr], environment: &mut Environment) -> Outcome<Vec<Value>> {
        let mut values = Vec::with_capacity(elements.len());
        for element in elements {
            values.push(self.expression_or_poison(element, environment)?);
        }
        if values.iter().any(|value| matches!(value, Value::Poison)) { Err(Stop::Poisoned) } else { Ok(values) }
    }

    fn name(&mut self, name: &str, span: Span, environment: &Environment) -> Outcome<Value> {
        if let Some(value) = environment.lookup(name) {
            return Ok(value.clone());
        }
        if let Some(item) = self.program.lookup(environment.file, name) {
            return match item_kind(self.program, item) {
                Some(ItemKind::Const(_)) => self.constant(item, span, environment.instance),
                _ => Ok(Value::Callable(Rc::new(Callable::Item(item)))),
            };
        }
        if let Some(definition) = op::definition(name) {
            return Ok(Value::Callable(Rc::new(Callable::Operation(definition))));
        }
        if let Some(builtin) = builtin::BUILTINS.iter().copied().find(|builtin| builtin.name == name) {
            return Ok(Value::Callable(Rc::new(Callable::Builtin(builtin))));
        }
        if let Some(word) = op::WORDS.iter().copied().find(|word| *word == name) {
            return Ok(Value::Symbol(word));
        }
        let candidates = environment.names().chain(self.program.names(environment.file)).chain(resolve::predefined());
        let mut candidates: Vec<&str> = candidates.collect();
        candidates.sort_unstable();
        let error = resolve::unknown_name(name, span, candidates);
        self.fail(error, environment.instance)
    }

    /// The value of a constant, computed when it is first needed.
    fn constant(&mut self, item: ItemRef, span: Span, instance: InstanceId) -> Outcome<Value> {
        match self.constants.get(&item) {
            Some(Some(value)) => return Ok(value.clone()),
            Some(None) => {
                let name = self.program.item(item).and_then(item_name).map_or("", |name| name.text.as_str());
                let error = Diagnostic::new(Code::E0501, format!("constant `{name}` is defined by itself"))
                    .primary(span, "needed here for its own value");
                return self.fail(error, instance);
            }
            None => {}
        }
        let program = self.program;
        let Some(ItemKind::Const(definition)) = item_kind(program, item) else { return Ok(Value::Poison) };
        if self.depth >= MAX_CALL_DEPTH {
            let message = format!("constants need each other more than {MAX_CALL_DEPTH} levels deep");
            self.error(Diagnostic::new(Code::E0501, message).primary(span, "one constant too many"), instance);
            return Err(Stop::Limit);
        }
        self.constants.insert(item, None);
        let mut environment = Environment::new(item.file, InstanceId::NETWORK, Body::Constant);
        self.depth += 1;
        let value = self.expression_or_poison(&definition.value, &mut environment);
        self.depth -= 1;
        let value = value?;
        self.constants.insert(item, Some(value.clone()));
        Ok(value)
    }

    fn comprehension(
        &mut self,
        element: &Expr,
        clauses: &[Clause],
        environment: &mut Environment,
        values: &mut Vec<Value>,
    ) -> Outcome<()> {
        let [clause, rest @ ..] = clauses else {
            values.push(self.expression(element, environment)?);
            if values.len() > MAX_LIST {
                return self.value_error(&ValueError::TooLong, element.span, environment.instance);
            }
            return Ok(());
        };
        let iterable = self.expression(&clause.iterable, environment)?;
        let Some(elements) = iterable.elements() else {
            return self.fail(report::not_iterable(&iterable, clause.iterable.span), environment.instance);
        };
        for (position, value) in (0i64..).zip(elements) {
            self.spend(1, clause.iterable.span, environment.instance)?;
            environment.push();
            let result = self.turn(clause, position, value, environment, |elaborator, environment| {
                elaborator.comprehension(element, rest, environment, values)
            });
            environment.pop();
            result?;
        }
        Ok(())
    }

    /// One turn of a clause: binds its patterns, and goes on if its conditions hold.
    fn turn(
        &mut self,
        clause: &Clause,
        position: i64,
        value: Value,
        environment: &mut Environment,
        body: impl FnOnce(&mut Self, &mut Environment) -> Outcome<()>,
    ) -> Outcome<()> {
        if let Some(index) = &clause.index {
            self.bind_pattern(index, Value::Int(position), clause.iterable.span, environment)?;
        }
        self.bind_pattern(&clause.pattern, value, clause.iterable.span, environment)?;
        for condition in &clause.conditions {
            if !self.condition(condition, environment)? {
                return Ok(());
            }
        }
        body(self, environment)
    }

    /// A condition: it must be a boolean.
    pub(super) fn condition(&mut self, expr: &Expr, environment: &mut Environment) -> Outcome<bool> {
        match self.expression(expr, environment)? {
            Value::Bool(value) => Ok(value),
            other => {
                let error = report::wrong_type("`true` or `false`", &other, expr.span);
                let error = match other {
                    Value::Int(_) | Value::Float(_) => error.suggest("compare it", report::end(expr.span), " != 0"),
                    _ => error,
                };
                self.fail(error, environment.instance)
            }
        }
    }

    /// A whole number of either sign.
    pub(super) fn whole_number(&mut self, expr: &Expr, environment: &mut Environment) -> Outcome<i64> {
        let value = self.expression(expr, environment)?;
        match op::arguments::signed(&value) {
            Ok(number) => Ok(number),
            Err(kind) => self.fail(report::op_error_at(&kind, expr.span), environment.instance),
        }
    }

    fn value_block(&mut self, block: &ValueBlock, environment: &mut Environment) -> Outcome<Value> {
        environment.push();
        let mut result = Ok(Value::Poison);
        let mut returned = false;
        for statement in &block.statements {
            match self.statement(statement, environment) {
                Ok(Flow::Next) => {}
                Ok(Flow::Return(_)) => {
                    let error = Diagnostic::new(Code::E0307, "`return` inside of a value")
                        .primary(statement.span, "the value of this block is its last expression");
                    result = self.fail(error, environment.instance);
                    returned = true;
                    break;
                }
                Err(stop) => {
                    environment.pop();
                    return Err(stop);
                }
            }
        }
        if !returned {
            result = self.expression(&block.value, environment);
        }
        environment.pop();
        result
    }

    fn unary(
        &mut self,
        operator: UnaryOperator,
        operand: &Expr,
        span: Span,
        environment: &mut Environment,
    ) -> Outcome<Value> {
        let value = self.expression(operand, environment)?;
        let result = match (operator, &value) {
            (UnaryOperator::Not, Value::Bool(value)) => Ok(Value::Bool(!value)),
            (UnaryOperator::Negate, Value::Int(value)) => {
                value.checked_neg().map(Value::Int).ok_or(ValueError::Overflow)
            }
            (UnaryOperator::Negate, Value::Float(value)) => Ok(Value::Float(-value)),
            (UnaryOperator::Negate, Value::Tensor(_)) => {
                let sides = [(value, operand.span), (Value::Int(-1), operand.span)];
                return self.tensor_arithmetic(Binary::Multiply, sides, span, environment);
            }
            (operator, value) => Err(ValueError::Operand {
                operator: if operator == UnaryOperator::Not { "!" } else { "-" },
                operand: op::call::describe(value),
            }),
        };
        result.or_else(|error| self.value_error(&error, span, environment.instance))
    }

    fn binary(
        &mut self,
        operator: BinaryOperator,
        left: &Expr,
        right: &Expr,
        span: Span,
        environment: &mut Environment,
    ) -> Outcome<Value> {
        if let BinaryOperator::And | BinaryOperator::Or = operator {
            let left = self.condition(left, environment)?;
            let decided = left == (operator == BinaryOperator::Or);
            return Ok(Value::Bool(if decided { left } else { self.condition(right, environment)? }));
        }
        let left_value = self.expression_or_poison(left, environment)?;
        let right_value = self.expression(right, environment)?;
        if matches!(left_value, Value::Poison) {
            return Err(Stop::Poisoned);
        }
        if matches!(left_value, Value::Tensor(_)) || matches!(right_value, Value::Tensor(_)) {
            let arithmetic = match operator {
                BinaryOperator::Add => Some(Binary::Add),
                BinaryOperator::Subtract => Some(Binary::Subtract),
                BinaryOperator::Multiply => Some(Binary::Multiply),
                BinaryOperator::Divide => Some(Binary::Divide),
                _ => None,
            };
            let numeric = |value: &Value| matches!(value, Value::Tensor(_)) || value.as_number().is_some();
            return match arithmetic {
                Some(operator) if numeric(&left_value) && numeric(&right_value) => self.tensor_arithmetic(
                    operator,
                    [(left_value, left.span), (right_value, right.span)],
                    span,
                    environment,
                ),
                _ => {
                    let error = report::operands(operator, (&left_value, left.span), (&right_value, right.span), span);
                    self.fail(error, environment.instance)
                }
            };
        }
        self.spend(arithmetic::cost(operator, &left_value, &right_value), span, environment.instance)?;
        let result = arithmetic::binary(operator, &left_value, &right_value, &mut self.steps);
        result.or_else(|error| match error {
            ValueError::Operands { .. } => {
                let error = report::operands(operator, (&left_value, left.span), (&right_value, right.span), span);
                self.fail(error, environment.instance)
            }
            error => self.value_error(&error, span, environment.instance),
        })
    }

    /// Arithmetic in which at least one side is a tensor; numbers become constants of rank 0.
    fn tensor_arithmetic(
        &mut self,
        operator: Binary,
        sides: [(Value, Span); 2],
        span: Span,
        environment: &Environment,
    ) -> Outcome<Value> {
        let site = Site::unnamed(span, environment.instance, "arithmetic");
        let mut operands = Vec::with_capacity(2);
        for (value, value_span) in &sides {
            operands.push(match value {
                Value::Tensor(node) => *node,
                number => {
                    let constant = Op::Constant(Constant::scalar(number.as_number().unwrap_or(0.0)));
                    match self.builder.add(constant, &[], &Site { span: *value_span, ..site.clone() }) {
                        Ok(node) => node,
                        Err(error) => return self.fail(report::op_error_at(&error.kind, span), environment.instance),
                    }
                }
            });
        }
        match self.builder.add(Op::Binary(operator), &operands, &site) {
            Ok(node) => Ok(Value::Tensor(node)),
            Err(error) => {
                let tensors = operands.iter().zip(&sides).map(|(node, (_, span))| (*node, *span)).collect::<Vec<_>>();
                let error = report::tensor_operands(&error.kind, span, &tensors, environment.instance, &self.builder);
                self.op_failure(error, environment.instance)
            }
        }
    }
}
