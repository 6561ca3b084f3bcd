//! Calls in Python: of functions, of layers, and of what is only known to be callable.
//!
//! `layer` writes those that make layers.

use parameternet_dsl::ast::{self, Argument, Expr, ExprKind, InstancePath, ItemKind};
use parameternet_dsl::source::Span;

use super::body::{Body, Kind, Mode};
use super::flow::Holds;
use super::layer::Maker;
use super::meaning::{self, Meaning, makes_layer};
use super::python::Py;
use crate::program::ItemRef;

/// An argument of a call: an expression, or what a pipeline passes.
#[derive(Debug, Clone)]
pub(super) struct Given<'e> {
    pub name: Option<&'e str>,
    pub value: Source<'e>,
    pub holds: Holds,
}

#[derive(Debug, Clone)]
pub(super) enum Source<'e> {
    Expr(&'e Expr),
    Ready(Py, Kind),
}

/// A call as it stands in the source.
pub(super) struct Site<'e> {
    pub callee: &'e Expr,
    pub arguments: &'e [Argument],
    pub path: Option<&'e InstancePath>,
    pub span: Span,
}

/// How many calls may nest on one line.
const MAX_CALLS: usize = 2;

impl Body<'_, '_> {
    /// A call, a pipeline, or a call with a name.
    pub(super) fn calls(&mut self, expr: &Expr, hint: Option<&str>) -> (Py, Kind) {
        match &expr.kind {
            ExprKind::Call { callee, arguments } => {
                self.call(&Site { callee, arguments, path: None, span: expr.span }, None, hint)
            }
            ExprKind::Named { value, path } => match &value.kind {
                ExprKind::Call { callee, arguments } => {
                    self.call(&Site { callee, arguments, path: Some(path), span: value.span }, None, hint)
                }
                _ => self.expr(value),
            },
            ExprKind::Pipeline { first, stages } => self.pipeline(first, stages, hint),
            _ => self.expr(expr),
        }
    }

    fn pipeline(&mut self, first: &Expr, stages: &[Expr], hint: Option<&str>) -> (Py, Kind) {
        let mut holds = self.holds(first);
        let (mut value, mut kind) = self.expr(first);
        let mut running: Option<String> = hint.map(str::to_owned);
        for stage in stages {
            let (inner, path) = match &stage.kind {
                ExprKind::Named { value, path } => (&**value, Some(path)),
                _ => (stage, None),
            };
            let site = match &inner.kind {
                ExprKind::Call { callee, arguments } => Site { callee, arguments, path, span: inner.span },
                _ => Site { callee: inner, arguments: &[], path, span: inner.span },
            };
            if value.calls() > MAX_CALLS || (path.is_some() && value.calls() == MAX_CALLS) {
                value = self.running(value, &mut running);
            }
            if self.mode == Mode::Init && holds.tensor && !value.is_simple() && self.makes(&site) {
                value = self.running(value, &mut running);
            }
            let piped = Given { name: None, value: Source::Ready(value, kind), holds };
            let bits = self.stage_holds(stage, holds);
            (value, kind) = self.call(&site, Some(piped), running.as_deref());
            holds = bits;
        }
        (value, kind)
    }

    /// The value in the variable that runs through a pipeline.
    fn running(&mut self, value: Py, running: &mut Option<String>) -> Py {
        let name = running.get_or_insert_with(|| self.temporaries.fresh("y")).clone();
        self.assign(&name, value);
        Py::Name(name)
    }

    /// What the value after a stage may hold: as after the whole pipeline up to it, since holding only grows.
    fn stage_holds(&mut self, stage: &Expr, before: Holds) -> Holds {
        self.file.flow.stage(stage, before, &mut self.place)
    }

    /// Whether a call makes a layer here.
    fn makes(&mut self, site: &Site<'_>) -> bool {
        match meaning::callee(self.file.program, self.place.file, &self.place.scopes, site.callee) {
            Some(Meaning::Operation(definition)) => makes_layer(definition),
            Some(Meaning::Item(item)) => self.file.flow.is_class(item),
            Some(Meaning::Builtin(_) | Meaning::Word(_)) => false,
            Some(Meaning::Variable(_)) | None => site.path.is_some() || self.holds(site.callee).layers,
        }
    }

    fn call(&mut self, site: &Site<'_>, piped: Option<Given<'_>>, hint: Option<&str>) -> (Py, Kind) {
        let is_piped = piped.is_some();
        let mut given: Vec<Given<'_>> = piped.into_iter().collect();
        for argument in site.arguments {
            let holds = self.holds(&argument.value);
            let name = argument.name.as_ref().map(|name| name.text.as_str());
            given.push(Given { name, value: Source::Expr(&argument.value), holds });
        }
        let known = meaning::callee(self.file.program, self.place.file, &self.place.scopes, site.callee);
        let waits = known.is_some_and(|known| meaning::waits(self.file.program, known, site.arguments, is_piped));
        if waits {
            let (callee, _) = self.expr(site.callee);
            return (self.partial(callee, &given), Kind::Other);
        }
        match known {
            Some(Meaning::Operation(definition)) if makes_layer(definition) => {
                let first = given.iter().position(|given| given.name.is_none() || given.name == Some("x"));
                // Beside the input, only coefficients can be a tensor.
                let last = definition.parameters.len().saturating_sub(1);
                let is_routing = |at: usize, given: &Given<'_>| match given.name {
                    Some(name) => name == "routing",
                    None => definition.name == "dynamic_conv" && at == last,
                };
                let tensors: Vec<bool> = given
                    .iter()
                    .enumerate()
                    .map(|(at, given)| Some(at) == first || (given.holds.tensor && is_routing(at, given)))
                    .collect();
                let keywords: Vec<Option<String>> =
                    given.iter().enumerate().map(|(at, _)| (Some(at) != first).then(|| "routing".to_owned())).collect();
                let maker = Maker::Known(self.operation_name(definition.name));
                let value = self.layer(site, maker, &given, &tensors, &keywords, definition.name, hint);
                (value, Kind::Tensor)
            }
            Some(Meaning::Operation(definition)) if definition.name == "param" => (self.learned(&given), Kind::Tensor),
            Some(Meaning::Operation(definition)) => self.operation(definition, site.span, &given),
            Some(Meaning::Builtin(builtin)) => self.builtin(builtin.name, &given),
            Some(Meaning::Item(item)) if self.parameters(item).is_some() => self.item_call(site, item, &given, hint),
            _ => self.unknown_call(site, &given, hint),
        }
    }

    fn parameters(&self, item: ItemRef) -> Option<&'_ [ast::Parameter]> {
        match self.file.program.item(item).map(|item| &item.kind) {
            Some(ItemKind::Fn(function)) => Some(&function.parameters),
            Some(ItemKind::Module(module)) => Some(&module.parameters),
            _ => None,
        }
    }

    /// The value of an argument.
    pub(super) fn argument(&mut self, given: &Given<'_>) -> (Py, Kind) {
        match &given.value {
            Source::Ready(value, kind) => (value.clone(), *kind),
            Source::Expr(expr) => self.expr(expr),
        }
    }

    fn all_arguments(&mut self, given: &[Given<'_>]) -> Vec<(Option<String>, Py)> {
        given
            .iter()
            .map(|given| (given.name.map(|name| self.file.reserved.identifier(name)), self.argument(given).0))
            .collect()
    }

    /// A callable with settings that waits for its input.
    fn partial(&mut self, callee: Py, given: &[Given<'_>]) -> Py {
        if given.is_empty() {
            return callee;
        }
        self.file.uses_partial = true;
        let mut arguments = vec![(None, callee)];
        arguments.extend(self.all_arguments(given));
        Py::Call(Box::new(Py::atom("partial")), arguments)
    }

    fn item_call(&mut self, site: &Site<'_>, item: ItemRef, given: &[Given<'_>], hint: Option<&str>) -> (Py, Kind) {
        let name = self.file.item_name(item);
        if !self.file.flow.is_class(item) {
            let arguments = self.all_arguments(given);
            return (Py::Call(Box::new(Py::atom(name)), arguments), Kind::Other);
        }
        // Which argument goes to which parameter, and which of these `forward` takes.
        let parameters: Vec<(String, Span)> = self
            .parameters(item)
            .unwrap_or_default()
            .iter()
            .map(|parameter| (parameter.name.text.clone(), parameter.name.span))
            .collect();
        let mut position = 0;
        let mut tensors = Vec::new();
        let mut keywords = Vec::new();
        // Whether the arguments of `forward` so far stand where they belong.
        let mut in_order = true;
        for argument in given {
            let index = match argument.name {
                Some(name) => parameters.iter().position(|(parameter, _)| parameter == name),
                None => Some(position),
            };
            position += usize::from(argument.name.is_none());
            let parameter = index.and_then(|index| parameters.get(index));
            let is_tensor = parameter.is_some_and(|(_, declared)| self.file.flow.variable(*declared).tensor);
            tensors.push(is_tensor);
            in_order &= argument.name.is_none();
            keywords.push(parameter.filter(|_| !in_order).map(|(name, _)| self.file.reserved.identifier(name)));
        }
        let base = self.file.program.item(item).and_then(crate::program::item_name).map(|name| name.text.clone());
        let base = base.unwrap_or_default();
        let value = self.layer(site, Maker::Known(Py::atom(name)), given, &tensors, &keywords, &base, hint);
        (value, Kind::Other)
    }

    fn unknown_call(&mut self, site: &Site<'_>, given: &[Given<'_>], hint: Option<&str>) -> (Py, Kind) {
        let holds = self.holds(site.callee);
        let is_settings = !given.is_empty() && given.iter().all(|given| given.name.is_some()) && site.path.is_none();
        if is_settings {
            let (callee, _) = self.expr(site.callee);
            if self.file.flow.has_functions_as_values() {
                // A function that is called with names alone does not wait.
                self.file.helpers.insert("settled");
                let mut arguments = vec![(None, callee)];
                arguments.extend(self.all_arguments(given));
                return (Py::Call(Box::new(Py::atom("settled")), arguments), Kind::Other);
            }
            return (self.partial(callee, given), Kind::Other);
        }
        if site.path.is_some() || holds.layers {
            let tensors: Vec<bool> = given.iter().map(|given| given.holds.tensor).collect();
            let keywords: Vec<Option<String>> =
                given.iter().map(|given| given.name.map(|name| self.file.reserved.identifier(name))).collect();
            let base = match &site.callee.kind {
                ExprKind::Name(name) => name.clone(),
                _ => "layer".to_owned(),
            };
            let callee = if self.mode == Mode::Init || holds.tensor { self.expr(site.callee).0 } else { Py::atom("") };
            let value = self.layer(site, Maker::Unknown(callee, holds.tensor), given, &tensors, &keywords, &base, hint);
            return (value, Kind::Other);
        }
        let (callee, _) = self.expr(site.callee);
        let arguments = self.all_arguments(given);
        let kind = if given.iter().any(|given| given.holds.tensor) { Kind::Tensor } else { Kind::Other };
        (Py::Call(Box::new(callee), arguments), kind)
    }
}
