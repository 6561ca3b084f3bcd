//! Executing statements.

use std::collections::HashMap;

use parameternet_dsl::ast::{Block, Expr, Name, Network, Pattern, ReturnValue, Statement, StatementKind};
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::{Diagnostic, did_you_mean};
use parameternet_dsl::source::Span;

use super::environment::{Body, Environment};
use super::{Elaborator, Outcome, Stop, report};
use crate::graph::InstanceId;
use crate::graph::build::Site;
use crate::op::source::Input;
use crate::op::{self, Op};
use crate::shape::Shape;
use crate::value::Value;

/// What follows a statement.
#[derive(Debug)]
pub(super) enum Flow {
    /// The next statement.
    Next,
    /// The end of the body, with these values.
    Return(Vec<Returned>),
}

/// One value of a `return`.
#[derive(Debug)]
pub(super) struct Returned {
    pub name: Option<Name>,
    pub value: Value,
    pub span: Span,
}

impl Elaborator<'_> {
    /// Runs the body of the network and names its outputs.
    pub(super) fn network_body(&mut self, network: &Network, environment: &mut Environment) -> Outcome<()> {
        let Flow::Return(returned) = self.block(&network.body, environment)? else {
            if self.report.len() > 0 {
                // A body that was cut short by an error may have lost its `return`.
                return Err(Stop::Poisoned);
            }
            let error = Diagnostic::new(Code::E0307, format!("network `{}` returns nothing", network.name.text))
                .primary(network.name.span, "its body ends without `return`")
                .help("end it with `return x`, or with named outputs: `return logits = x, features = y`");
            return self.fail(error, InstanceId::NETWORK);
        };
        let single = returned.len() == 1;
        let mut taken: HashMap<String, Span> = HashMap::new();
        for Returned { name, value, span } in returned {
            let node = match value {
                Value::Tensor(node) => node,
                Value::Poison => continue,
                Value::Tuple(_) | Value::List(_) => {
                    let error = report::wrong_type("a tensor", &value, span)
                        .help("name the outputs of a network: `return logits = x, features = y`");
                    self.error(error, InstanceId::NETWORK);
                    continue;
                }
                other => {
                    self.error(report::wrong_type("a tensor", &other, span), InstanceId::NETWORK);
                    continue;
                }
            };
            match name {
                Some(name) => {
                    if let Some(first) = taken.get(&name.text) {
                        let error = Diagnostic::new(Code::E0104, format!("two outputs are called `{}`", name.text))
                            .primary(name.span, "used again here")
                            .secondary(*first, "first used here");
                        self.error(error, InstanceId::NETWORK);
                        continue;
                    }
                    self.builder.add_output(&name.text, node);
                    taken.insert(name.text, name.span);
                }
                None if single => self.builder.add_output("output", node),
                None => {
                    let error = Diagnostic::new(Code::E0307, "several outputs need names")
                        .primary(span, "this one has none")
                        .help("`return logits = x, features = y`");
                    self.error(error, InstanceId::NETWORK);
                }
            }
        }
        Ok(())
    }

    /// Runs a block in a scope of its own.
    pub(super) fn block(&mut self, block: &Block, environment: &mut Environment) -> Outcome<Flow> {
        environment.push();
        let mut result = Ok(Flow::Next);
        for statement in &block.statements {
            result = self.statement(statement, environment);
            match &result {
                Ok(Flow::Next) if self.is_exhausted() => {
                    result = Err(Stop::Limit);
                    break;
                }
                Ok(Flow::Next) => {}
                Ok(Flow::Return(_)) | Err(_) => break,
            }
        }
        environment.pop();
        result
    }

    /// Runs one statement. Errors in it poison what it binds and go no further; only limits stop.
    pub(super) fn statement(&mut self, statement: &Statement, environment: &mut Environment) -> Outcome<Flow> {
        self.spend(1, statement.span, environment.instance)?;
        match &statement.kind {
            StatementKind::Input { name, dtype, shape } => {
                let value = self.input(name, dtype, shape, statement.span, environment);
                environment.bind(&name.text, unless_limit(value)?);
            }
            StatementKind::Let { pattern, value } => {
                let result = self.expression_or_poison(value, environment)?;
                self.bind_pattern(pattern, result, value.span, environment)?;
            }
            StatementKind::Assign { name, value } => {
                let result = self.expression_or_poison(value, environment)?;
                // The resolver has reported names that do not exist.
                environment.assign(&name.text, result);
            }
            StatementKind::For { index, pattern, iterable, body } => {
                return self.for_loop(index.as_ref(), pattern, iterable, body, environment);
            }
            StatementKind::If { branches, otherwise } => {
                for (condition, block) in branches {
                    match self.condition(condition, environment) {
                        Ok(true) => return self.block(block, environment),
                        Ok(false) => {}
                        // Which branch would be taken is unknown. The rest goes on as if none were, to find errors that
                        // have nothing to do with it.
                        Err(Stop::Poisoned) => return Ok(Flow::Next),
                        Err(Stop::Limit) => return Err(Stop::Limit),
                    }
                }
                if let Some(block) = otherwise {
                    return self.block(block, environment);
                }
            }
            StatementKind::Return(values) => return self.returned(values, environment).map(Flow::Return),
        }
        Ok(Flow::Next)
    }

    fn returned(&mut self, values: &[ReturnValue], environment: &mut Environment) -> Outcome<Vec<Returned>> {
        let mut returned = Vec::with_capacity(values.len());
        let misplaced =
            values.iter().find_map(|value| value.name.as_ref()).filter(|_| environment.body != Body::Network);
        for ReturnValue { name, value } in values {
            let result = self.expression_or_poison(value, environment)?;
            if name.is_some() && name.as_ref() == misplaced {
                let Some(name) = misplaced else { continue };
                let error = Diagnostic::new(Code::E0307, "only networks have named outputs")
                    .primary(name.span, "not in this body")
                    .help("return a tuple, `return (a, b)`, and take it apart with `let (a, b) = …`");
                self.error(error, environment.instance);
            }
            returned.push(Returned { name: name.clone(), value: result, span: value.span });
        }
        Ok(returned)
    }

    fn for_loop(
        &mut self,
        index: Option<&Pattern>,
        pattern: &Pattern,
        iterable: &Expr,
        body: &Block,
        environment: &mut Environment,
    ) -> Outcome<Flow> {
        let value = self.expression_or_poison(iterable, environment)?;
        if matches!(value, Value::Poison) {
            return Ok(Flow::Next);
        }
        let Some(elements) = value.elements() else {
            self.error(report::not_iterable(&value, iterable.span), environment.instance);
            return Ok(Flow::Next);
        };
        for (position, element) in (0i64..).zip(elements) {
            self.spend(1, iterable.span, environment.instance)?;
            environment.push();
            let bound = match index {
                Some(index) => self.bind_pattern(index, Value::Int(position), iterable.span, environment),
                None => Ok(()),
            };
            let bound = bound.and_then(|()| self.bind_pattern(pattern, element, iterable.span, environment));
            let flow = bound.and_then(|()| self.block(body, environment));
            environment.pop();
            match flow? {
                Flow::Next => {}
                Flow::Return(values) => return Ok(Flow::Return(values)),
            }
        }
        Ok(Flow::Next)
    }

    /// Binds the names of a pattern to the parts of a value. A pattern that does not fit is reported and binds poison.
    pub(super) fn bind_pattern(
        &mut self,
        pattern: &Pattern,
        value: Value,
        value_span: Span,
        environment: &mut Environment,
    ) -> Outcome<()> {
        match pattern {
            Pattern::Ignore(_) => Ok(()),
            Pattern::Name(name) => {
                environment.bind(&name.text, value);
                Ok(())
            }
            Pattern::Tuple(patterns, span) => {
                let parts: Option<Vec<Value>> = match &value {
                    Value::Poison => None,
                    other if other.length() == Some(patterns.len()) => other.elements().map(Iterator::collect),
                    other => {
                        let error = report::pattern(patterns.len(), *span, other, value_span);
                        self.error(error, environment.instance);
                        None
                    }
                };
                let parts = parts.unwrap_or_else(|| vec![Value::Poison; patterns.len()]);
                for (pattern, part) in patterns.iter().zip(parts) {
                    self.bind_pattern(pattern, part, value_span, environment)?;
                }
                Ok(())
            }
        }
    }

    fn input(
        &mut self,
        name: &Name,
        dtype: &Name,
        shape: &[Expr],
        span: Span,
        environment: &mut Environment,
    ) -> Outcome<Value> {
        if environment.body != Body::Network || self.frames.last().is_some() {
            let error = Diagnostic::new(Code::E0310, "`input` belongs in the body of a network")
                .primary(span, "not in this body")
                .help("a module takes its tensors as parameters");
            return self.fail(error, environment.instance);
        }
        if dtype.text != "f32" {
            let error = Diagnostic::new(Code::E0301, format!("`{}` is not an element type", dtype.text));
            let error = match did_you_mean(&dtype.text, ["f32"]) {
                Some(meant) => error.primary(dtype.span, "unknown").suggest("use", dtype.span, meant),
                None => error.primary(dtype.span, "inputs are `f32`"),
            };
            return self.fail(error, environment.instance);
        }
        let mut dims = Vec::with_capacity(shape.len());
        for dim in shape {
            let value = self.expression(dim, environment)?;
            match op::arguments::integer(&value, 1) {
                Ok(size) => dims.push(size),
                Err(kind) => return self.fail(report::op_error_at(&kind, dim.span), environment.instance),
            }
        }
        let site = Site::unnamed(span, environment.instance, "input");
        if let Some(first) = self.builder.input(&name.text) {
            let error = Diagnostic::new(Code::E0104, format!("two inputs are called `{}`", name.text))
                .primary(name.span, "declared again here")
                .secondary(first, "first declared here");
            return self.fail(error, environment.instance);
        }
        match self.builder.add(Op::Input(Input { shape: Shape::new(dims) }), &[], &site) {
            Ok(node) => {
                self.builder.add_input(&name.text, node, name.span);
                Ok(Value::Tensor(node))
            }
            Err(error) => self.op_failure(report::op_error_at(&error.kind, span), environment.instance),
        }
    }
}

/// Poison for errors that do not stop everything.
pub(super) fn unless_limit(outcome: Outcome<Value>) -> Outcome<Value> {
    match outcome {
        Err(Stop::Poisoned) => Ok(Value::Poison),
        other => other,
    }
}
