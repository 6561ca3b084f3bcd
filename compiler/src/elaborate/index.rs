//! Parts of lists and tensors: `x[…]` and `x.name`.

use parameternet_dsl::ast::{Expr, Name, Subscript};
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::{Diagnostic, did_you_mean};
use parameternet_dsl::source::Span;

use super::environment::Environment;
use super::{Elaborator, Outcome, report};
use crate::graph::NodeId;
use crate::graph::build::Site;
use crate::op::Op;
use crate::op::error::OpErrorKind;
use crate::op::layout::Reshape;
use crate::op::slice::{Slice, SliceRange};
use crate::shape::Shape;
use crate::value::Value;

const ATTRIBUTES: [&str; 7] = ["shape", "rank", "batch", "channels", "height", "width", "features"];

impl Elaborator<'_> {
    /// `value[subscripts]`.
    pub(super) fn index(
        &mut self,
        value: &Value,
        base: Span,
        subscripts: &[Subscript],
        span: Span,
        environment: &mut Environment,
    ) -> Outcome<Value> {
        match value {
            Value::Tensor(node) => self.index_tensor(*node, subscripts, span, environment),
            Value::List(_) | Value::Tuple(_) | Value::Range(..) => {
                self.index_list(value, subscripts, span, environment)
            }
            other => {
                let error = Diagnostic::new(Code::E0301, format!("{} cannot be indexed", other.kind()))
                    .primary(base, format!("this is {}", crate::op::call::describe(other)));
                self.fail(error, environment.instance)
            }
        }
    }

    fn index_list(
        &mut self,
        value: &Value,
        subscripts: &[Subscript],
        span: Span,
        environment: &mut Environment,
    ) -> Outcome<Value> {
        let [subscript] = subscripts else {
            let error = Diagnostic::new(Code::E0301, "a list takes one index")
                .primary(span, format!("{} given", subscripts.len()))
                .help("for lists of lists, write `x[i][j]`");
            return self.fail(error, environment.instance);
        };
        let size = value.length().unwrap_or(0);
        let range = self.range(subscript, None, size, environment)?;
        self.spend(range.0.count as u64, span, environment.instance)?;
        let pick = |position: usize| match value {
            Value::Range(start, _) => Some(Value::Int(start + i64::try_from(position).unwrap_or(0))),
            Value::List(values) | Value::Tuple(values) => values.get(position).cloned(),
            _ => None,
        };
        if range.1 {
            return Ok(pick(range.0.start).unwrap_or(Value::Poison));
        }
        let parts = (0..range.0.count).filter_map(|step| pick(range.0.start + step * range.0.step));
        Ok(if matches!(value, Value::Tuple(_)) { Value::tuple(parts) } else { Value::list(parts) })
    }

    fn index_tensor(
        &mut self,
        node: NodeId,
        subscripts: &[Subscript],
        span: Span,
        environment: &mut Environment,
    ) -> Outcome<Value> {
        let shape = self.builder.shape(node);
        if subscripts.len() > shape.rank() {
            let error =
                Diagnostic::new(Code::E0402, format!("{} subscripts for a tensor of shape {shape}", subscripts.len()))
                    .primary(span, format!("it has {} dimensions", shape.rank()));
            return self.fail(error, environment.instance);
        }
        let mut ranges: Vec<SliceRange> = shape.dims().iter().map(|size| SliceRange::whole(*size)).collect();
        let mut kept = vec![true; shape.rank()];
        for (dim, subscript) in subscripts.iter().enumerate() {
            let size = shape.dims().get(dim).copied().unwrap_or(0);
            let (range, single) = self.range(subscript, Some(dim), size, environment)?;
            if let (Some(place), Some(keep)) = (ranges.get_mut(dim), kept.get_mut(dim)) {
                *place = range;
                *keep = !single;
            }
        }
        let site = Site::unnamed(span, environment.instance, "slice");
        let mut result = node;
        if ranges.iter().zip(shape.dims()).any(|(range, size)| *range != SliceRange::whole(*size)) {
            result = self.add(Op::Slice(Slice { ranges }), &[result], &site)?;
        }
        if kept.contains(&false) {
            let sliced = self.builder.shape(result);
            let dims = sliced.dims().iter().zip(&kept).filter(|(_, kept)| **kept).map(|(size, _)| *size);
            let shape = Shape::new(dims.collect::<Vec<_>>());
            result = self.add(Op::Reshape(Reshape { shape }), &[result], &site)?;
        }
        Ok(Value::Tensor(result))
    }

    /// Adds a node that the elaborator itself asks for.
    fn add(&mut self, op: Op, inputs: &[NodeId], site: &Site) -> Outcome<NodeId> {
        self.builder.add(op, inputs, site).or_else(|error| {
            let error = report::op_error_at(&error.kind, site.span);
            self.op_failure(error, site.instance)
        })
    }

    /// The elements that a subscript chooses out of `size`, and whether it is a single index. `dim` is `None` for lists.
    fn range(
        &mut self,
        subscript: &Subscript,
        dim: Option<usize>,
        size: usize,
        environment: &mut Environment,
    ) -> Outcome<(SliceRange, bool)> {
        match subscript {
            Subscript::At(expr) => {
                let start = self.position(expr, dim, size, size, environment)?;
                Ok((SliceRange { start, count: 1, step: 1 }, true))
            }
            Subscript::Slice { start, end, step, span } => {
                let limit = size + 1;
                let mut bound = |elaborator: &mut Self, part: &Option<Expr>, default: usize| match part {
                    Some(expr) => elaborator.position(expr, dim, limit, size, environment),
                    None => Ok(default),
                };
                let first = bound(self, start, 0)?;
                let last = bound(self, end, size)?;
                let step = match step {
                    Some(expr) => {
                        let step = self.whole_number(expr, environment)?;
                        match usize::try_from(step) {
                            Ok(step) if step > 0 => step,
                            _ => {
                                let (expected, found) = ("a step of at least 1".to_owned(), step.to_string());
                                let kind = OpErrorKind::Range { expected, found };
                                return self.fail(report::op_error_at(&kind, expr.span), environment.instance);
                            }
                        }
                    }
                    None => 1,
                };
                if last < first {
                    let error =
                        Diagnostic::new(Code::E0304, format!("the slice ends at {last}, before it begins at {first}"))
                            .primary(*span, "chooses nothing");
                    return self.fail(error, environment.instance);
                }
                Ok((SliceRange { start: first, count: (last - first).div_ceil(step), step }, false))
            }
        }
    }

    /// An index below `limit`; negative ones count from the end of `size`.
    fn position(
        &mut self,
        expr: &Expr,
        dim: Option<usize>,
        limit: usize,
        size: usize,
        environment: &mut Environment,
    ) -> Outcome<usize> {
        let index = self.whole_number(expr, environment)?;
        let signed_size = i64::try_from(size).unwrap_or(i64::MAX);
        let wrapped = if index < 0 { index.checked_add(signed_size) } else { Some(index) };
        let position = wrapped.and_then(|index| usize::try_from(index).ok()).filter(|position| *position < limit);
        match position {
            Some(position) => Ok(position),
            None => {
                let error = report::op_error_at(&OpErrorKind::Index { index, dim, size }, expr.span);
                self.fail(error, environment.instance)
            }
        }
    }

    /// `value.name`.
    pub(super) fn attribute(
        &mut self,
        value: &Value,
        base: Span,
        name: &Name,
        environment: &mut Environment,
    ) -> Outcome<Value> {
        let Value::Tensor(node) = value else {
            let error = Diagnostic::new(Code::E0308, format!("{} has no attributes", value.kind()))
                .primary(name.span, "only tensors have attributes")
                .secondary(base, format!("this is {}", crate::op::call::describe(value)));
            let error = if value.length().is_some() { error.help("the length of a list is `len(…)`") } else { error };
            return self.fail(error, environment.instance);
        };
        let shape = self.builder.shape(*node);
        let dim = |position: Option<usize>| position.and_then(|position| shape.dims().get(position).copied());
        let is_image = shape.rank() == 4;
        let size = match name.text.as_str() {
            "shape" => return Ok(Value::ints(shape.dims().iter().copied())),
            "rank" => Some(shape.rank()),
            "batch" => dim(Some(0)),
            "channels" => dim(is_image.then_some(1)),
            "height" => dim(is_image.then_some(2)),
            "width" => dim(is_image.then_some(3)),
            "features" => dim(shape.rank().checked_sub(1)),
            _ => {
                let error = Diagnostic::new(Code::E0308, format!("tensors have no attribute `{}`", name.text));
                let error = match did_you_mean(&name.text, ATTRIBUTES) {
                    Some(meant) => {
                        error.primary(name.span, "unknown").suggest("a similar one exists", name.span, meant)
                    }
                    None => error.primary(name.span, "unknown").note(format!("they have {}", ATTRIBUTES.join(", "))),
                };
                return self.fail(error, environment.instance);
            }
        };
        match size.and_then(|size| i64::try_from(size).ok()) {
            Some(size) => Ok(Value::Int(size)),
            None => {
                let error = Diagnostic::new(Code::E0402, format!("a tensor of shape {shape} has no `{}`", name.text))
                    .primary(name.span, "only images [batch, channels, height, width] do")
                    .help("`x.features` is the size of the last dimension, `x.shape[i]` that of any");
                self.fail(error, environment.instance)
            }
        }
    }
}
