//! Calls that make layers, and learned tensors.
//!
//! Such a call becomes two things: in the constructor, `self.conv1 = conv(x, 16)` and `self.conv1(x)`; in `forward`, only the
//! latter, with the arguments that are tensors.

use parameternet_dsl::ast::{InstancePath, PathSegment};

use super::body::{Body, Mode};
use super::call::{Given, Site};
use super::names::{can_be_attribute, string};
use super::python::{Piece, Py, Stmt, Target};
use crate::backend::names::snake_case;

/// What is called to make a layer.
pub(super) enum Maker {
    /// A class or function that is known to make layers.
    Known(Py),
    /// A value: it may be a plain function as well. With whether its settings may hold tensors.
    Unknown(Py, bool),
}

/// What layers of PyTorch call their tensors.
const TENSORS: &[&str] = &["weight", "bias", "running_mean", "running_var", "num_batches_tracked"];

impl Body<'_, '_> {
    /// A call that makes a layer. `tensors` says which arguments `forward` gets, `keywords` how they are called there.
    #[expect(clippy::too_many_arguments, reason = "what is known of a call comes from three places")]
    pub(super) fn layer(
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
    pub(super) fn learned(&mut self, given: &[Given<'_>]) -> Py {
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
