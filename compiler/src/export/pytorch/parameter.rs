//! Parameters of functions, constructors and `forward`, with their defaults.

use parameternet_dsl::ast::{self, Expr, ExprKind, Network, Statement, StatementKind};

use super::body::{Body, Class, Kind, Mode, Variable};
use super::names::string;
use super::python::{Py, Stmt, Target};

type Signature = Vec<(String, Option<Py>)>;

impl Body<'_, '_> {
    /// Declares the parameters of an item, writes what their defaults need, and returns those that this form takes.
    pub(super) fn given_parameters(&mut self, parameters: &[ast::Parameter], is_network: bool) -> Signature {
        let mut signature = Signature::new();
        for (position, parameter) in parameters.iter().enumerate() {
            let name = &parameter.name;
            let holds = self.file.flow.variable(name.span);
            let outside = self.file.flow.setting(&name.text).filter(|_| is_network);
            let default = outside.or(parameter.default.as_ref());
            let python = self.file.reserved.identifier(&name.text);
            let kind = match default.map(|default| &default.kind) {
                Some(ExprKind::Int(_)) if is_network => Kind::Int,
                Some(ExprKind::Float(_)) if is_network => Kind::Float,
                _ => Kind::Other,
            };
            if self.mode != Mode::Forward {
                let earlier = parameters.get(..position).unwrap_or_default();
                let is_after_default = signature.last().is_some_and(|(_, default)| default.is_some());
                let default = match default {
                    Some(default) => Some(self.default(default, &python, earlier)),
                    // Python wants a default behind a default; calls of the language always give this one.
                    None => is_after_default.then(|| Py::atom("None")),
                };
                signature.push((python.clone(), default));
                self.place.scopes.declare(&name.text, name.span);
                self.variables.insert(name.span, Variable { py: Py::name(&python), kind });
                continue;
            }
            if holds.tensor && !is_network {
                let may_miss = (position > 0 && self.file.flow.is_sometimes(name.span)) || default.is_some();
                signature.push((python.clone(), may_miss.then(|| Py::atom("None"))));
                if may_miss {
                    let computes = default.filter(|default| self.holds(default).tensor);
                    let (mut block, value) = match computes {
                        Some(default) => self.within(|body| body.expr(default).0),
                        None => (Vec::new(), Py::atom(self.attribute(name))),
                    };
                    block.push(Stmt::Assign(Target::Name(python.clone()), value));
                    let is_missing = Py::binary("is", Py::name(&python), Py::atom("None"));
                    self.emit(Stmt::If(vec![(is_missing, block)], Vec::new()));
                }
                self.declare(&name.text, name.span, python, kind);
                continue;
            }
            let attribute = self.attribute(name);
            self.place.scopes.declare(&name.text, name.span);
            let py = if self.assigned.contains(&name.text) {
                self.assign(&python, Py::atom(attribute));
                Py::Name(python)
            } else {
                Py::atom(attribute)
            };
            self.variables.insert(name.span, Variable { py, kind });
        }
        if self.mode == Mode::Init {
            self.keep_parameters(parameters);
        }
        signature
    }

    fn attribute(&mut self, name: &ast::Name) -> String {
        format!("self.{}", self.class.of_parameter(name.span, &name.text))
    }

    /// Keeps the parameters that `forward` reads.
    fn keep_parameters(&mut self, parameters: &[ast::Parameter]) {
        for parameter in parameters {
            let holds = self.file.flow.variable(parameter.name.span);
            let attribute = self.class.of_parameter(parameter.name.span, &parameter.name.text);
            if !self.class.read.contains(&attribute) {
                continue;
            }
            let value = Py::name(&self.file.reserved.identifier(&parameter.name.text));
            if holds.tensor {
                // Tensors come with every call of `forward`; what else stands here is remembered.
                let known = self.helper_call("known", vec![value]);
                self.emit(Stmt::Assign(Target::Attribute(format!("self.{attribute}")), known));
            } else if holds.constant {
                self.emit(Stmt::Effect(Py::call("self.keep", vec![Py::atom(string(&attribute)), value])));
            } else {
                self.emit(Stmt::Assign(Target::Attribute(format!("self.{attribute}")), value));
            }
        }
    }

    /// The default as Python takes it, or `None` with statements that compute it, if it needs other parameters.
    fn default(&mut self, default: &Expr, python: &str, earlier: &[ast::Parameter]) -> Py {
        let needs_others = earlier.iter().any(|parameter| self.mentions(default.span, &parameter.name.text));
        let holds = self.holds(default);
        let file_of_settings = self.place.file;
        let (before, (value, _)) = if needs_others || holds.tensor || holds.constant {
            self.within(|body| body.expr(default))
        } else {
            // Evaluated where the class is made, as a function's is.
            let mut class = Class::default();
            let mut outside = Body::new(self.file, &mut class, Mode::Function, file_of_settings);
            outside.within(|body| body.expr(default))
        };
        if before.is_empty() && !needs_others && !holds.tensor && !holds.constant {
            return value;
        }
        let mut block = before;
        block.push(Stmt::Assign(Target::Name(python.to_owned()), value));
        let is_missing = Py::binary("is", Py::name(python), Py::atom("None"));
        self.emit(Stmt::If(vec![(is_missing, block)], Vec::new()));
        Py::atom("None")
    }

    /// Declares `batch`, and in `forward` the inputs as parameters.
    pub(super) fn batch(&mut self, network: &Network, signature: &mut Signature) {
        let mut inputs = Vec::new();
        collect(&network.body.statements, false, &mut inputs);
        let of_batch = inputs.iter().find_map(|input| {
            let position =
                input.shape.iter().position(|size| matches!(&size.kind, ExprKind::Name(name) if name == "batch"))?;
            Some((input, position)).filter(|(input, _)| !input.is_optional)
        });
        let made_for = self.file.batch;
        let py = match (self.mode, of_batch, made_for) {
            (Mode::Forward, Some((input, position)), _) => Py::name(&self.file.reserved.identifier(input.name))
                .attribute("shape")
                .index(Py::atom(position.to_string())),
            (Mode::Forward, None, Some(_)) => Py::atom("self.batch"),
            (Mode::Init, _, Some(_)) => Py::name("batch"),
            _ => Py::atom("1"),
        };
        self.place.scopes.declare("batch", network.name.span);
        self.variables.insert(network.name.span, Variable { py, kind: Kind::Int });
        if let (Mode::Init, Some(batch)) = (self.mode, made_for) {
            signature.push(("batch".to_owned(), Some(Py::atom(batch.to_string()))));
            if self.class.read.contains("batch") {
                self.emit(Stmt::Assign(Target::Attribute("self.batch".to_owned()), Py::name("batch")));
            }
        }
        if self.mode == Mode::Forward {
            let (optional, required): (Vec<&Input<'_>>, Vec<&Input<'_>>) =
                inputs.iter().partition(|input| input.is_optional);
            for input in required.into_iter().chain(optional) {
                let name = self.file.reserved.identifier(input.name);
                if signature.iter().all(|(other, _)| *other != name) {
                    signature.push((name, input.is_optional.then(|| Py::atom("None"))));
                }
            }
        }
    }
}

/// A declaration of an input.
struct Input<'n> {
    name: &'n str,
    shape: &'n [Expr],
    /// Whether it is declared under a condition.
    is_optional: bool,
}

fn collect<'n>(statements: &'n [Statement], is_optional: bool, inputs: &mut Vec<Input<'n>>) {
    for statement in statements {
        match &statement.kind {
            StatementKind::Input { name, shape, .. } => {
                inputs.push(Input { name: &name.text, shape, is_optional });
            }
            StatementKind::If { branches, otherwise } => {
                for block in branches.iter().map(|(_, block)| block).chain(otherwise) {
                    collect(&block.statements, true, inputs);
                }
            }
            StatementKind::For { body, .. } => collect(&body.statements, true, inputs),
            StatementKind::Let { .. } | StatementKind::Assign { .. } | StatementKind::Return(_) => {}
        }
    }
}
