//! Calls in Python: of functions, of layers, and of what is only known to be callable.
//!
//! A call that makes a layer becomes two things: in the constructor, `self.conv1 = conv(x, 16)` and `self.conv1(x)`; in
//! `forward`, only the latter, with the arguments that are tensors.

use parameternet_dsl::ast::{self, Argument, Expr, ExprKind, InstancePath, ItemKind, PathSegment};
use parameternet_dsl::source::Span;

use super::body::{Body, Kind, Mode};
use super::flow::Holds;
use super::meaning::{self, Meaning, makes_layer};
use super::names::{can_be_attribute, string};
use super::python::{Piece, Py, Stmt, Target};
use crate::backend::names::snake_case;
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
struct Site<'e> {
    callee: &'e Expr,
    arguments: &'e [Argument],
    path: Option<&'e InstancePath>,
    span: Span,
}

/// What is called to make a layer.
enum Maker {
    /// A class or function that is known to make layers.
    Known(Py),
    /// A value: it may be a plain function as well. With whether its settings may hold tensors.
    Unknown(Py, bool),
}

/// What layers of PyTorch call their tensors.
const TENSORS: &[&str] = &["weight", "bias", "running_mean", "running_var", "num_batches_tracked"];

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

    /// A call that makes a layer. `tensors` says which arguments `forward` gets, `keywords` how they are called there.
    #[expect(clippy::too_many_arguments, reason = "what is known of a call comes from three places")]
    fn layer(
        &mut self,
        site: &Site<'_>,
        maker: Maker,
        given: &[Given<'_>],
        tensors: &[bool],
        keywords: &[Option<String>],
        base: &str,
        hint: Option<&str>,
    ) -> Py {
        let mut arguments = Vec::new();
        let mut passed = Vec::new();
        for ((argument, is_tensor), keyword) in given.iter().zip(tensors).zip(keywords) {
            if self.mode != Mode::Init && !is_tensor {
                continue;
            }
            let (mut value, _) = self.argument(argument);
            if *is_tensor {
                if self.mode == Mode::Init {
                    value = self.simple(value, if passed.is_empty() { hint } else { None });
                }
                passed.push((keyword.clone(), value.clone()));
            }
            arguments.push((argument.name.map(|name| self.file.reserved.identifier(name)), value));
        }
        let has_more = passed.len() > 1;
        let (callee, is_known, given_tensors) = match maker {
            Maker::Known(callee) => (callee, true, None),
            Maker::Unknown(callee, has_tensors) => (callee.clone(), false, has_tensors.then_some(callee)),
        };
        if let Some(callee) = given_tensors {
            let settings = self.helper_call("given", vec![callee]);
            passed.push((Some("**".to_owned()), settings));
        }
        let make = |body: &mut Self| {
            if is_known {
                return Py::Call(Box::new(callee), arguments);
            }
            body.file.helpers.insert("layer");
            let mut all = vec![(None, callee)];
            all.extend(arguments);
            Py::Call(Box::new(Py::atom("layer")), all)
        };
        let access = match site.path {
            Some(path) => {
                let (registered, access) = self.path(path);
                if self.mode == Mode::Init {
                    let layer = make(self);
                    self.emit(registered.statement(layer));
                }
                access
            }
            None => {
                // Layers without learned tensors may be attributes; others give theirs to this module.
                let is_plain = is_known && matches!(base, "dropout" | "drop_path" | "layer_norm" | "group_norm");
                let slot = self.class.slot(site.span, &snake_case(base), self.loops > 0, is_plain);
                let attribute = format!("self.{}", slot.attribute);
                if self.mode == Mode::Init {
                    let layer = make(self);
                    let layer = if is_plain { layer } else { Py::call("self.adopt", vec![layer]) };
                    self.emit(match slot.is_list {
                        true => Stmt::Effect(Py::atom(attribute.clone()).method("append", vec![layer])),
                        false => Stmt::Assign(Target::Attribute(attribute.clone()), layer),
                    });
                }
                match (slot.is_list, self.mode) {
                    (false, _) => Py::atom(attribute),
                    (true, Mode::Init) => Py::atom(format!("{attribute}[-1]")),
                    (true, _) => self.next_of(&slot.attribute),
                }
            }
        };
        if !is_known && has_more {
            // The layer may be one of PyTorch, which takes its input alone.
            passed.insert(0, (None, access));
            self.file.helpers.insert("run");
            return Py::Call(Box::new(Py::atom("run")), passed);
        }
        Py::Call(Box::new(access), passed)
    }

    /// How a layer is registered under a path, and how it is found there.
    fn path(&mut self, path: &InstancePath) -> (Registered, Py) {
        let mut pieces = Vec::new();
        let mut access = Py::atom("self");
        let mut is_plain = true;
        for (position, segment) in path.segments.iter().enumerate() {
            if position > 0 {
                pieces.push(Piece::Text(".".to_owned()));
            }
            match segment {
                PathSegment::Name(name) => {
                    // Below a layer, its own tensors come first.
                    let is_tensor = position > 0 && TENSORS.contains(&name.text.as_str());
                    is_plain &= can_be_attribute(&name.text) && !is_tensor;
                    pieces.push(Piece::Text(name.text.clone()));
                    access = match access {
                        Py::Atom(text) => Py::Atom(format!("{text}.{}", name.text)),
                        other => other.attribute(&name.text),
                    };
                }
                PathSegment::Index(expr) => {
                    let index = self.whole(expr);
                    pieces.push(match &index {
                        Py::Atom(text) => Piece::Text(text.clone()),
                        _ => Piece::Value(index.clone()),
                    });
                    access = access.index(index);
                }
            }
        }
        let single = match path.segments.as_slice() {
            [PathSegment::Name(name)] if is_plain && !self.file.groups.contains(&name.text) => {
                Some(format!("self.{}", name.text))
            }
            _ => None,
        };
        let dotted = dotted(pieces);
        if !is_plain {
            access = Py::call("self.find", vec![dotted.clone()]);
        }
        let registered = single.map_or(Registered::Path(dotted), Registered::Attribute);
        (registered, access)
    }

    /// A learned tensor of the module itself.
    fn learned(&mut self, given: &[Given<'_>]) -> Py {
        let mut position = 0;
        let mut parts: [Option<&Given<'_>>; 2] = [None, None];
        for argument in given {
            let index = match argument.name {
                Some("name") => 0,
                Some(_) => 1,
                None => position,
            };
            position += usize::from(argument.name.is_none());
            if let Some(part) = parts.get_mut(index) {
                *part = Some(argument);
            }
        }
        let [Some(name), Some(shape)] = parts else { return Py::atom("None") };
        let (name, _) = self.argument(name);
        let literal = match &name {
            Py::Atom(text) => text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).map(str::to_owned),
            _ => None,
        };
        let attribute =
            literal.filter(|name| can_be_attribute(name) && !name.contains('.')).map(|name| format!("self.{name}"));
        if self.mode == Mode::Init {
            let (shape, _) = self.argument(shape);
            let tensor = self.helper_call("parameter", vec![shape]);
            self.emit(match &attribute {
                Some(attribute) => Stmt::Assign(Target::Attribute(attribute.clone()), tensor),
                None => Stmt::Effect(Py::call("self.add", vec![name.clone(), tensor])),
            });
        }
        attribute.map_or_else(|| Py::call("self.find", vec![name]), Py::atom)
    }
}

/// Where a layer is registered.
enum Registered {
    /// `self.conv1`
    Attribute(String),
    /// A dotted path as a string.
    Path(Py),
}

impl Registered {
    fn statement(self, layer: Py) -> Stmt {
        match self {
            Registered::Attribute(attribute) => Stmt::Assign(Target::Attribute(attribute), layer),
            Registered::Path(path) => Stmt::Effect(Py::call("self.add", vec![path, layer])),
        }
    }
}

/// A path as a string, formatted if a part of it is computed.
fn dotted(pieces: Vec<Piece>) -> Py {
    if pieces.iter().any(|piece| matches!(piece, Piece::Value(_))) {
        return Py::Format(pieces);
    }
    let texts: String = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Value(_) => "",
        })
        .collect();
    Py::atom(string(&texts))
}
