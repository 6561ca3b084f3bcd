//! Calls: binding arguments to parameters, partial application, functions, and instances of modules.

use std::collections::HashMap;
use std::rc::Rc;

use parameternet_dsl::ast::{
    self, Argument, Expr, ExprKind, FnBody, InstancePath, ItemKind, Module, Name, PathSegment,
};
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::Diagnostic;
use parameternet_dsl::source::Span;

use super::builtin::Builtin;
use super::environment::{Body, Environment};
use super::statement::{Flow, Returned};
use super::{Elaborator, Frame, Outcome, Stop, item_kind, report};
use crate::graph::build::Site;
use crate::graph::{InstanceId, Path, Segment};
use crate::limits::{MAX_CALL_DEPTH, STEPS_OF_AN_OPERAND};
use crate::op::arguments::{self, Bound};
use crate::op::call::Call;
use crate::op::{Default, Definition, Parameter, dynamic_conv};
use crate::program::{ItemRef, item_name};
use crate::value::{Callable, Given, Partial, Value};

/// A parameter of whatever is called, as binding sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Formal<'a> {
    pub name: &'a str,
    pub required: bool,
    /// Takes all positional arguments.
    pub rest: bool,
}

impl<'a> Formal<'a> {
    fn of_parameter(parameter: &'a Parameter) -> Self {
        let required = matches!(parameter.default, Default::Required | Default::Rest);
        Formal { name: parameter.name, required, rest: parameter.default == Default::Rest }
    }

    fn of_ast(parameter: &'a ast::Parameter) -> Self {
        Formal { name: &parameter.name.text, required: parameter.default.is_none(), rest: false }
    }
}

/// A call as it stands in the source, with its callee evaluated.
struct Application {
    callee: Rc<Callable>,
    given: Vec<Given>,
    path: Option<Path>,
    /// The name given with `as`.
    path_span: Option<Span>,
    /// The expression that is called.
    callee_span: Span,
    span: Span,
}

impl Elaborator<'_> {
    /// One stage of a pipeline: a call gets the value as its first argument, anything else is called with it alone.
    pub(super) fn stage(
        &mut self,
        stage: &Expr,
        piped: (Value, Span),
        environment: &mut Environment,
    ) -> Outcome<Value> {
        let (inner, path) = match &stage.kind {
            ExprKind::Named { value, path } => (&**value, Some(path)),
            _ => (stage, None),
        };
        match &inner.kind {
            ExprKind::Call { callee, arguments } => {
                self.call(callee, arguments, Some(piped), path, inner.span, environment)
            }
            _ => self.call(inner, &[], Some(piped), path, inner.span, environment),
        }
    }

    /// A call. All arguments are evaluated even if one fails, so that independent errors show together.
    pub(super) fn call(
        &mut self,
        callee: &Expr,
        arguments: &[Argument],
        piped: Option<(Value, Span)>,
        path: Option<&InstancePath>,
        span: Span,
        environment: &mut Environment,
    ) -> Outcome<Value> {
        let target = self.expression_or_poison(callee, environment)?;
        let mut given = Vec::with_capacity(arguments.len() + 1);
        if let Some((value, span)) = piped {
            given.push(Given { name: None, value, span });
        }
        for argument in arguments {
            let value = self.expression_or_poison(&argument.value, environment)?;
            let name = argument.name.as_ref().map(|name| (Rc::from(name.text.as_str()), name.span));
            given.push(Given { name, value, span: argument.value.span });
        }
        let name = path.map(|path| self.path(path, environment)).transpose()?;
        let callable = match target {
            Value::Callable(callable) => callable,
            Value::Poison => return Err(Stop::Poisoned),
            other => {
                let error = Diagnostic::new(Code::E0205, format!("{} cannot be called", other.kind()))
                    .primary(callee.span, format!("this is {}", crate::op::call::describe(&other)));
                return self.fail(error, environment.instance);
            }
        };
        let (callee_span, path_span) = (callee.span, path.map(|path| path.span));
        self.apply(Application { callee: callable, given, path: name, path_span, callee_span, span }, environment)
    }

    /// The instance path after `as`.
    fn path(&mut self, path: &InstancePath, environment: &mut Environment) -> Outcome<Path> {
        let mut segments = Vec::with_capacity(path.segments.len());
        for segment in &path.segments {
            segments.push(match segment {
                PathSegment::Name(name) => Segment::Name(name.text.clone()),
                PathSegment::Index(expr) => {
                    let value = self.expression(expr, environment)?;
                    match arguments::integer(&value, 0) {
                        Ok(index) => Segment::Index(index),
                        Err(kind) => return self.fail(report::op_error_at(&kind, expr.span), environment.instance),
                    }
                }
            });
        }
        Ok(Path(segments))
    }

    fn apply(&mut self, mut application: Application, environment: &mut Environment) -> Outcome<Value> {
        if let Callable::Partial(partial) = &*application.callee {
            // What was given first comes first, so that an error about the second blames the second.
            let Partial { callee, mut given, .. } = partial.clone();
            given.append(&mut application.given);
            application.given = given;
            application.callee = callee;
        }
        match &*Rc::clone(&application.callee) {
            Callable::Operation(definition) => self.operation(definition, application, environment),
            Callable::Builtin(builtin) => self.builtin(builtin, &application, environment),
            Callable::Item(item) => self.item(*item, application, environment),
            // Partials are never made of partials.
            Callable::Partial(_) => Ok(Value::Poison),
        }
    }

    /// Binds arguments to parameters by position and name. Reports everything that does not fit.
    fn bind(
        &mut self,
        callee: &str,
        formals: &[Formal<'_>],
        application: &Application,
        environment: &Environment,
    ) -> Outcome<Vec<Option<Bound>>> {
        let mut bound: Vec<Option<Bound>> = vec![None; formals.len()];
        let mut errors = Vec::new();
        let mut rest: Vec<(Value, Span)> = Vec::new();
        let takes_rest = formals.first().is_some_and(|formal| formal.rest);
        let named = formals.iter().enumerate().filter(|(_, formal)| !formal.rest);
        let positions: HashMap<&str, usize> = named.map(|(position, formal)| (formal.name, position)).collect();
        let mut position = 0;
        for given in &application.given {
            let argument = Bound { value: given.value.clone(), span: given.span };
            match &given.name {
                None if takes_rest => rest.push((argument.value, argument.span)),
                None => {
                    match bound.get_mut(position) {
                        Some(Some(first)) => {
                            let name = formals.get(position).map_or("", |formal| formal.name);
                            errors.push(report::given_twice(callee, name, given.span, first.span));
                        }
                        Some(place) => *place = Some(argument),
                        None => errors.push(report::too_many(callee, formals, given.span)),
                    }
                    position += 1;
                }
                Some((name, name_span)) => match positions.get(&**name).copied() {
                    None => errors.push(report::unknown_argument(callee, formals, name, *name_span)),
                    Some(index) => match bound.get_mut(index) {
                        Some(Some(first)) => errors.push(report::given_twice(callee, name, *name_span, first.span)),
                        Some(place) => *place = Some(argument),
                        None => {}
                    },
                },
            }
        }
        if let (Some((_, first)), Some((_, last)), Some(place)) = (rest.first(), rest.last(), bound.first_mut()) {
            let span = first.to(*last);
            let is_poisoned = rest.iter().any(|(value, _)| matches!(value, Value::Poison));
            let list = || Value::list(rest.iter().map(|(value, _)| value.clone()));
            *place = Some(Bound { value: if is_poisoned { Value::Poison } else { list() }, span });
        }
        let missing: Vec<Formal<'_>> = formals
            .iter()
            .zip(&bound)
            .filter(|(formal, bound)| formal.required && bound.is_none())
            .map(|(formal, _)| *formal)
            .collect();
        if !missing.is_empty() && errors.is_empty() {
            errors.push(report::missing(callee, formals, &missing, application.callee_span));
        }
        if errors.is_empty() {
            return Ok(bound);
        }
        for error in errors {
            self.error(error, environment.instance);
        }
        Err(Stop::Poisoned)
    }

    /// Whether a call leaves out the first parameter, so that it is a value that waits for it.
    fn waits(first: Option<&Formal<'_>>, given: &[Given]) -> bool {
        let Some(first) = first.filter(|formal| formal.required) else { return false };
        given.iter().all(|given| given.name.as_ref().is_some_and(|(name, _)| &**name != first.name))
    }

    fn partial(&mut self, callee: &str, application: Application, environment: &Environment) -> Outcome<Value> {
        if let Some(span) = application.path_span {
            let error = Diagnostic::new(Code::E0208, "a call that waits for its input makes no instance")
                .primary(span, "names nothing yet")
                .secondary(application.span, "the first argument is missing");
            return self.fail(error, environment.instance);
        }
        for (position, given) in application.given.iter().enumerate() {
            let Some((name, span)) = &given.name else { continue };
            let same = |other: &&Given| other.name.as_ref().is_some_and(|(other, _)| other == name);
            if let Some(first) = application.given.iter().take(position).find(same) {
                return self.fail(report::given_twice(callee, name, *span, first.span), environment.instance);
            }
        }
        if application.given.is_empty() {
            return Ok(Value::Callable(application.callee));
        }
        let value = Value::Callable(Rc::new(Callable::Partial(Partial::new(application.callee, application.given))));
        self.nested(value, application.span, environment)
    }

    /// A call of an operation: makes nodes, or a value that waits for its input.
    fn operation(
        &mut self,
        definition: &'static Definition,
        application: Application,
        environment: &mut Environment,
    ) -> Outcome<Value> {
        let formals: Vec<Formal<'_>> = definition.parameters.iter().map(Formal::of_parameter).collect();
        let is_settings = definition.build.is_none();
        if is_settings || (definition.takes_tensor() && Self::waits(formals.first(), &application.given)) {
            // `linear(gate=sigmoid)` may be a layer that waits for its input or the settings of a routing.
            let routing = dynamic_conv::routing_definition(definition.name);
            let mut known = formals;
            known.extend(routing.into_iter().flat_map(|routing| routing.parameters.iter().map(Formal::of_parameter)));
            if is_settings && application.given.iter().any(|given| given.name.is_none()) {
                let span = application.span;
                let error = Diagnostic::new(Code::E0205, format!("`{}` takes settings by name only", definition.name))
                    .primary(span, "called with an argument that has no name")
                    .help("it is a value for the argument `routing` of `dynamic_conv`");
                return self.fail(error, environment.instance);
            }
            for given in &application.given {
                let Some((name, span)) = &given.name else { continue };
                if !known.iter().any(|formal| formal.name == &**name) {
                    let error = report::unknown_argument(definition.name, &known, name, *span);
                    return self.fail(error, environment.instance);
                }
            }
            return self.partial(definition.name, application, environment);
        }
        if let Some(given) = Self::misplaced_input(definition, &application.given) {
            return self.fail(report::no_input(definition, given), environment.instance);
        }
        let arguments = self.bind(definition.name, &formals, &application, environment)?;
        if arguments.iter().flatten().any(|bound| matches!(bound.value, Value::Poison)) {
            return Err(Stop::Poisoned);
        }
        let Some(build) = definition.build else { return Ok(Value::Poison) };
        let instance = environment.instance;
        for bound in arguments.iter().flatten() {
            self.spend(bound.value.work().saturating_mul(STEPS_OF_AN_OPERAND), bound.span, instance)?;
        }
        let path = application.path.map(|path| self.builder.instance_path(instance).join(&path));
        let name = application.path_span.unwrap_or(application.span);
        let site = Site { span: application.span, instance, path, name, operation: definition.name };
        let mut call = Call { definition, arguments, builder: &mut self.builder, site };
        match build(&mut call) {
            Ok(value) => Ok(value),
            Err(error) => {
                let arguments = std::mem::take(&mut call.arguments);
                let diagnostic = report::op_error(&error, definition, &arguments, &call.site, call.builder);
                self.op_failure(diagnostic, instance)
            }
        }
    }

    /// Reports an error of an operation; a limit of the whole compilation stops everything.
    pub(super) fn op_failure<T>(&mut self, error: Diagnostic, instance: InstanceId) -> Outcome<T> {
        let stop = if matches!(error.code, Code::E0502 | Code::E0503) { Stop::Limit } else { Stop::Poisoned };
        self.error(error, instance);
        Err(stop)
    }

    /// The first argument without a name that stands where a tensor should and is none.
    fn misplaced_input<'g>(definition: &Definition, given: &'g [Given]) -> Option<&'g Given> {
        let mut positional = given.iter().filter(|given| given.name.is_none());
        match definition.parameters.first()?.default {
            _ if !definition.takes_tensor() => None,
            Default::Rest => positional.find(|given| {
                !matches!(given.value, Value::Tensor(_) | Value::Poison | Value::List(_) | Value::Tuple(_))
            }),
            _ => positional.next().filter(|given| !matches!(given.value, Value::Tensor(_) | Value::Poison)),
        }
    }

    fn no_instance<T>(&mut self, span: Span, name: &str, kind: &str, environment: &Environment) -> Outcome<T> {
        let error = Diagnostic::new(Code::E0208, format!("`{name}` is {kind}: its calls make no instance to name"))
            .primary(span, "nothing to name")
            .help(format!("remove the name, or make `{name}` a module"));
        self.fail(error, environment.instance)
    }

    fn builtin(&mut self, builtin: &Builtin, application: &Application, environment: &Environment) -> Outcome<Value> {
        if let Some(span) = application.path_span {
            return self.no_instance(span, builtin.name, "a function", environment);
        }
        let formals: Vec<Formal<'_>> = builtin.parameters.iter().map(Formal::of_parameter).collect();
        let arguments = self.bind(builtin.name, &formals, application, environment)?;
        if arguments.iter().flatten().any(|bound| matches!(bound.value, Value::Poison)) {
            return Err(Stop::Poisoned);
        }
        let mut values: Vec<Option<Value>> = Vec::with_capacity(arguments.len());
        for (bound, parameter) in arguments.into_iter().zip(builtin.parameters) {
            let work = bound.as_ref().map_or(0, |bound| bound.value.work());
            self.spend(work, application.span, environment.instance)?;
            values.push(bound.map(|bound| bound.value).or(match parameter.default {
                Default::Int(value) => Some(Value::Int(value)),
                Default::Float(value) => Some(Value::Float(value)),
                Default::Bool(value) => Some(Value::Bool(value)),
                Default::Word(_) | Default::Required | Default::Computed(_) | Default::Rest => None,
            }));
        }
        match (builtin.evaluate)(&values) {
            Ok(value) => self.nested(value, application.span, environment),
            Err(error) => self.value_error(&error, application.span, environment.instance),
        }
    }

    /// A call of a function or module of the program.
    fn item(&mut self, item: ItemRef, application: Application, environment: &mut Environment) -> Outcome<Value> {
        let program = self.program;
        let name = program.item(item).and_then(item_name).map_or("", |name| name.text.as_str());
        let parameters = match item_kind(program, item) {
            Some(ItemKind::Fn(function)) => &function.parameters,
            Some(ItemKind::Module(module)) => &module.parameters,
            _ => {
                let error = Diagnostic::new(Code::E0205, format!("`{name}` is a network, which cannot be called"))
                    .primary(application.callee_span, "called here")
                    .help("move what both need into a module");
                return self.fail(error, environment.instance);
            }
        };
        let formals: Vec<Formal<'_>> = parameters.iter().map(Formal::of_ast).collect();
        let is_module = matches!(item_kind(program, item), Some(ItemKind::Module(_)));
        if is_module && Self::waits(formals.first(), &application.given) && !application.given.is_empty() {
            for given in &application.given {
                let Some((argument, span)) = &given.name else { continue };
                if !formals.iter().any(|formal| formal.name == &**argument) {
                    let error = report::unknown_argument(name, &formals, argument, *span);
                    return self.fail(error, environment.instance);
                }
            }
            return self.partial(name, application, environment);
        }
        if let (Some(span), false) = (application.path_span, is_module) {
            return self.no_instance(span, name, "a function", environment);
        }
        let arguments = self.bind(name, &formals, &application, environment)?;
        if self.depth >= MAX_CALL_DEPTH {
            let names: Vec<&str> = self.frames.iter().rev().take(3).rev().map(|frame| frame.name.as_str()).collect();
            let error = Diagnostic::new(Code::E0501, format!("calls nest deeper than {MAX_CALL_DEPTH} levels"))
                .primary(application.span, "one call too many")
                .note(format!("the last calls: {} → {name}", names.join(" → ")));
            self.error(error, environment.instance);
            return Err(Stop::Limit);
        }
        let mut instance = environment.instance;
        if is_module {
            let path = application.path.as_ref().zip(application.path_span);
            let opened = self.builder.open_instance(instance, name, path, application.span);
            match opened {
                Ok(opened) => instance = opened,
                Err(kind) => {
                    let error = report::op_error_at(&kind, application.path_span.unwrap_or(application.span));
                    return self.op_failure(error, environment.instance);
                }
            }
        }
        self.frames.push(Frame { name: name.to_owned(), span: application.span });
        let body = if is_module { Body::Module } else { Body::Function };
        let mut inner = Environment::new(item.file, instance, body);
        self.depth += 1;
        let result = self.enter(item, parameters, arguments, &mut inner);
        self.depth -= 1;
        self.frames.pop();
        result
    }

    /// Binds parameters, in order, and runs the body.
    fn enter(
        &mut self,
        item: ItemRef,
        parameters: &[ast::Parameter],
        arguments: Vec<Option<Bound>>,
        environment: &mut Environment,
    ) -> Outcome<Value> {
        for (parameter, argument) in parameters.iter().zip(arguments) {
            let value = match (argument, &parameter.default) {
                (Some(bound), _) => bound.value,
                (None, Some(default)) => self.expression_or_poison(default, environment)?,
                (None, None) => Value::Poison,
            };
            environment.bind(&parameter.name.text, value);
        }
        match item_kind(self.program, item) {
            Some(ItemKind::Fn(function)) => match &function.body {
                FnBody::Expr(expr) => self.expression(expr, environment),
                FnBody::Block(block) => {
                    let flow = self.block(block, environment)?;
                    self.result(flow, "function", &function.name, environment)
                }
            },
            Some(ItemKind::Module(Module { name, body, .. })) => {
                let flow = self.block(body, environment)?;
                self.result(flow, "module", name, environment)
            }
            _ => Ok(Value::Poison),
        }
    }

    fn result(&mut self, flow: Flow, kind: &str, name: &Name, environment: &Environment) -> Outcome<Value> {
        match flow {
            Flow::Return(mut values) if values.len() == 1 => match values.pop() {
                Some(Returned { value: Value::Poison, .. }) | None => Err(Stop::Poisoned),
                Some(Returned { value, .. }) => Ok(value),
            },
            Flow::Return(values) => Ok(Value::tuple(values.into_iter().map(|returned| returned.value))),
            // A body that was cut short by an error may have lost its `return`.
            Flow::Next if self.report.len() > 0 => Err(Stop::Poisoned),
            Flow::Next => {
                let error = Diagnostic::new(Code::E0307, format!("{kind} `{}` returns nothing", name.text))
                    .primary(name.span, "its body ends without `return`");
                self.fail(error, environment.instance)
            }
        }
    }
}
