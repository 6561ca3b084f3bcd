//! Operations and functions of the language as calls of PyTorch or of helpers.
//!
//! The usual forms become what a person would write; the others call helpers that take what the language takes.

use parameternet_dsl::ast::{Expr, ExprKind};
use parameternet_dsl::source::Span;

use super::body::{Body, Kind, Mode};
use super::call::{Given, Source};
use super::python::Py;
use super::runtime;
use crate::op::{Default, Definition};

/// Operations that PyTorch has as functions of one tensor.
const FUNCTIONS: &[(&str, &str)] = &[
    ("relu", "F.relu"),
    ("relu6", "F.relu6"),
    ("sigmoid", "torch.sigmoid"),
    ("hard_sigmoid", "F.hardsigmoid"),
    ("hard_swish", "F.hardswish"),
    ("silu", "F.silu"),
    ("tanh", "torch.tanh"),
];

/// The arguments of an operation by parameter.
struct Arguments<'g, 'e> {
    definition: &'static Definition,
    given: Vec<Option<&'g Given<'e>>>,
    rest: Vec<&'g Given<'e>>,
}

impl<'g, 'e> Arguments<'g, 'e> {
    fn new(definition: &'static Definition, given: &'g [Given<'e>]) -> Self {
        let takes_rest = definition.parameters.first().is_some_and(|first| first.default == Default::Rest);
        let mut bound = vec![None; definition.parameters.len()];
        let mut rest = Vec::new();
        let mut position = 0;
        for argument in given {
            let index = match argument.name {
                None if takes_rest => {
                    rest.push(argument);
                    continue;
                }
                None => {
                    position += 1;
                    Some(position - 1)
                }
                Some(name) => definition.parameters.iter().position(|parameter| parameter.name == name),
            };
            if let Some(place) = index.and_then(|index| bound.get_mut(index)) {
                *place = Some(argument);
            }
        }
        Arguments { definition, given: bound, rest }
    }

    fn get(&self, name: &str) -> Option<&'g Given<'e>> {
        let position = self.definition.parameters.iter().position(|parameter| parameter.name == name)?;
        self.given.get(position).copied().flatten()
    }

    /// Whether only these parameters are given.
    fn only(&self, names: &[&str]) -> bool {
        self.definition
            .parameters
            .iter()
            .zip(&self.given)
            .all(|(parameter, given)| given.is_none() || names.contains(&parameter.name))
    }

    fn expr(&self, name: &str) -> Option<&'e Expr> {
        match self.get(name)?.value {
            Source::Expr(expr) => Some(expr),
            Source::Ready(..) => None,
        }
    }
}

/// Whether an expression is a whole number as it stands.
fn is_literal_int(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Int(_) => true,
        ExprKind::Unary { operand, .. } => matches!(operand.kind, ExprKind::Int(_)),
        _ => false,
    }
}

impl Body<'_, '_> {
    /// What an operation is called as a value.
    pub(super) fn operation_name(&mut self, name: &'static str) -> Py {
        if let Some((_, function)) = FUNCTIONS.iter().find(|(own, _)| *own == name) {
            return Py::atom(*function);
        }
        self.helper(runtime::section(name))
    }

    /// What a function on numbers is called as a value.
    pub(super) fn builtin_name(&mut self, name: &'static str) -> Py {
        match name {
            "ceil" | "floor" | "sqrt" => Py::atom(format!("math.{name}")),
            "min" => self.helper("min_"),
            "max" => self.helper("max_"),
            "zip" => self.helper("zip_"),
            "reversed" => self.helper("reversed_"),
            "make_divisible" => self.helper("make_divisible"),
            _ => Py::atom(name),
        }
    }

    /// A call of a function on numbers.
    pub(super) fn builtin(&mut self, name: &'static str, given: &[Given<'_>]) -> (Py, Kind) {
        let reads_real = matches!(name, "ceil" | "floor" | "round" | "sqrt" | "make_divisible" | "abs");
        let arguments: Vec<(Option<String>, Py)> = given
            .iter()
            .map(|given| {
                let value = match &given.value {
                    Source::Expr(expr) if reads_real => self.real(expr),
                    _ => self.argument(given).0,
                };
                (given.name.map(|name| self.file.reserved.identifier(name)), value)
            })
            .collect();
        let is_named = given.iter().any(|given| given.name.is_some());
        let callee = match name {
            // Of one argument, Python takes the elements; it may be a number.
            "min" | "max" if given.len() > 1 && !is_named => Py::atom(name),
            _ => self.builtin_name(name),
        };
        // The parameters of Python's own functions have no names.
        let has_own_names = matches!(&callee, Py::Atom(text) if runtime::is_section(text));
        let arguments = arguments.into_iter().map(|(name, value)| (name.filter(|_| has_own_names), value)).collect();
        let kind = match name {
            "ceil" | "floor" | "round" | "len" | "make_divisible" => Kind::Int,
            "sqrt" => Kind::Float,
            _ => Kind::Other,
        };
        (Py::Call(Box::new(callee), arguments), kind)
    }

    /// A call of an operation that makes no layer.
    pub(super) fn operation(&mut self, definition: &'static Definition, span: Span, given: &[Given<'_>]) -> (Py, Kind) {
        let arguments = Arguments::new(definition, given);
        if definition.name == "gather" {
            return (self.gather(&arguments, span), Kind::Tensor);
        }
        let kind = if definition.name == "split" { Kind::Other } else { Kind::Tensor };
        if let Some(usual) = self.usual(definition.name, &arguments) {
            return (usual, kind);
        }
        let callee = self.operation_name(definition.name);
        let values: Vec<(Option<String>, Py)> = given
            .iter()
            .map(|given| (given.name.map(|name| self.file.reserved.identifier(name)), self.argument(given).0))
            .collect();
        (Py::Call(Box::new(callee), values), kind)
    }

    /// The form that a person would write, where there is one.
    fn usual(&mut self, name: &str, arguments: &Arguments<'_, '_>) -> Option<Py> {
        if name == "concat" {
            let is_open = arguments.get("xs").is_none() && arguments.rest.len() > 1;
            // Each argument might be a list of tensors; those of a pipeline or a call of known kind are none.
            let mut tensors = Vec::new();
            for given in arguments.rest.iter().filter(|_| is_open) {
                let (value, kind) = self.argument(given);
                if kind != Kind::Tensor {
                    return None;
                }
                tensors.push(value);
            }
            if tensors.is_empty() {
                return None;
            }
            let dim = match arguments.get("dim") {
                Some(dim) => self.argument(dim).0,
                None => Py::atom("1"),
            };
            let call = vec![(None, Py::List(tensors)), (Some("dim".to_owned()), dim)];
            return Some(Py::Call(Box::new(Py::atom("torch.cat")), call));
        }
        let x = arguments.get("x")?;
        match name {
            "identity" => Some(self.argument(x).0),
            "global_avg_pool" => {
                let (x, _) = self.argument(x);
                Some(Py::call("F.adaptive_avg_pool2d", vec![x, Py::atom("1")]))
            }
            "gelu" if arguments.only(&["x"]) => {
                let (x, _) = self.argument(x);
                Some(Py::call("F.gelu", vec![x]))
            }
            "flatten" => {
                let from = match arguments.expr("from") {
                    Some(expr) => self.whole(expr),
                    None if arguments.only(&["x"]) => Py::atom("1"),
                    None => return None,
                };
                // At the end there may be nothing to flatten.
                let (x, _) = self.argument(x);
                Some(x.method("flatten", vec![from]))
            }
            "softmax" if arguments.only(&["x", "dim"]) => {
                let dim = match arguments.get("dim") {
                    Some(dim) => self.argument(dim).0,
                    None => Py::atom("-1"),
                };
                let (x, _) = self.argument(x);
                Some(x.method("softmax", vec![dim]))
            }
            "permute" | "reshape" => {
                let list = arguments.expr(if name == "permute" { "order" } else { "shape" })?;
                let ExprKind::List(elements) = &list.kind else { return None };
                if elements.is_empty() {
                    return None;
                }
                let elements = elements.iter().map(|element| self.whole(element)).collect();
                let (x, _) = self.argument(x);
                Some(x.method(name, elements))
            }
            "mean" => {
                let ExprKind::List(elements) = &arguments.expr("dims")?.kind else { return None };
                if elements.is_empty() || !elements.iter().all(is_literal_int) {
                    return None;
                }
                let dims = elements.iter().map(|element| self.whole(element)).collect();
                let mut call = vec![(None, Py::List(dims))];
                if let Some(keep) = arguments.get("keep") {
                    call.push((Some("keepdim".to_owned()), self.argument(keep).0));
                }
                let (x, _) = self.argument(x);
                Some(Py::Call(Box::new(x.attribute("mean")), call))
            }
            "matmul" => {
                let y = arguments.get("y")?;
                let (x, _) = self.argument(x);
                let (y, _) = self.argument(y);
                Some(Py::call("torch.matmul", vec![x, y]))
            }
            "attention" if arguments.only(&["x", "k", "v"]) => {
                let parts = [Some(x), arguments.get("k"), arguments.get("v")];
                let parts = parts.into_iter().flatten().map(|part| self.argument(part).0).collect();
                Some(Py::call("F.scaled_dot_product_attention", parts))
            }
            "max_pool" if arguments.only(&["x", "kernel", "stride", "padding"]) => {
                let literal = |name: &str| arguments.expr(name).is_none_or(is_literal_int);
                if !(literal("kernel") && literal("stride") && literal("padding")) || arguments.get("kernel").is_none()
                {
                    return None;
                }
                let mut call = vec![(None, self.argument(x).0)];
                for name in ["kernel", "stride", "padding"] {
                    if let Some(given) = arguments.get(name) {
                        let keyword = (name != "kernel").then(|| name.to_owned());
                        call.push((keyword, self.argument(given).0));
                    }
                }
                Some(Py::Call(Box::new(Py::atom("F.max_pool2d")), call))
            }
            _ => None,
        }
    }

    /// Entries by a table, which is made into a tensor once.
    fn gather(&mut self, arguments: &Arguments<'_, '_>, span: Span) -> Py {
        let values = ["x", "indices", "dim"].map(|name| arguments.get(name));
        let [Some(x), Some(table), dim] = values else { return Py::atom("None") };
        let (x, _) = self.argument(x);
        let dim = dim.map(|dim| self.argument(dim).0);
        let mut call = vec![x];
        if self.mode == Mode::Function || table.holds.tensor || self.loops > 0 {
            call.push(self.argument(table).0);
        } else {
            let slot = self.class.slot(span, "index", false, true);
            let attribute = format!("self.{}", slot.attribute);
            if self.mode == Mode::Init {
                let table = match &table.value {
                    Source::Expr(expr) => self.unkept(expr),
                    Source::Ready(value, _) => value.clone(),
                };
                let tensor = self.helper_call("indices", vec![table]);
                let name = Py::atom(super::names::string(&slot.attribute));
                self.emit(super::python::Stmt::Effect(Py::call("self.keep", vec![name, tensor])));
            }
            call.push(Py::atom(attribute));
        }
        call.extend(dim);
        self.helper_call("gather", call)
    }
}
