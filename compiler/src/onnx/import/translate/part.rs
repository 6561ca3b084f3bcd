//! Parts of tensors: slices, entries chosen by a table, and parts that change places.

use super::{Translator, Value, constant, dimension, optional, whole, wholes};
use crate::onnx::import::error::Reason;
use crate::onnx::import::flow::{Argument, Literal, Operand, Operation, StepId};
use crate::onnx::import::node::Node;
use crate::onnx::import::size::Size;

/// What a node `Slice` cuts: by axis, where it starts and ends, and in which steps.
pub(super) struct Bounds {
    pub starts: Vec<i64>,
    pub ends: Vec<i64>,
    pub axes: Vec<i64>,
    pub steps: Vec<i64>,
}

impl Bounds {
    /// Those of a node: attributes in older opsets, inputs in newer ones.
    pub(super) fn of(node: &Node<'_>, inputs: &[Value]) -> Result<Bounds, Reason> {
        let bounds = |name: &'static str, place: usize| match node.integers(name) {
            Some(bounds) => Ok(Some(bounds.to_vec())),
            None => optional(inputs, place, name)?.map(|found| found.fixed().ok_or(Reason::Computed(name))).transpose(),
        };
        let starts = bounds("starts", 1)?.ok_or(Reason::Missing("starts"))?;
        let ends = bounds("ends", 2)?.ok_or(Reason::Missing("ends"))?;
        let axes = bounds("axes", 3)?.unwrap_or_else(|| (0..whole(starts.len())).collect());
        let steps = bounds("steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
        Ok(Bounds { starts, ends, axes, steps })
    }
}

impl Translator<'_> {
    pub(super) fn slice(&mut self, node: &Node<'_>, x: StepId, inputs: &[Value]) -> Result<StepId, Reason> {
        let shape = self.shape(x);
        let Bounds { starts, ends, axes, steps } = Bounds::of(node, inputs)?;
        let mut ranges = vec![None; shape.len()];
        for (((start, end), axis), step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
            let dim = dimension(*axis, shape.len())?;
            if *step < 1 {
                return Err(Reason::Attribute { name: "steps", value: step.to_string() });
            }
            let size = shape.get(dim).copied().unwrap_or(Size::ONE);
            if let Some(range) = ranges.get_mut(dim) {
                *range = Some((*start, *end, *step, size));
            }
        }
        self.ranges(x, &ranges)
    }

    /// A part of a tensor: per dimension start, end, step and size, or all of it.
    fn ranges(&mut self, x: StepId, ranges: &[Option<(i64, i64, i64, Size)>]) -> Result<StepId, Reason> {
        let own = self.shape(x);
        let (mut arguments, mut shape) = (Vec::new(), Vec::new());
        for (range, size) in ranges.iter().zip(&own) {
            let whole = (Literal::Range(None, None, None), *size);
            let (literal, size) = match range {
                None => whole,
                Some((0, end, 1, size)) if size.per_sample && *end >= i64::from(i32::MAX) => (whole.0, *size),
                Some((_, _, _, size)) if size.per_sample => {
                    return Err(Reason::Shape("a part of the batch".to_owned()));
                }
                Some((start, end, step, size)) => {
                    let size = size.value;
                    let within =
                        |bound: i64| if bound < 0 { bound.saturating_add(size).max(0) } else { bound.min(size) };
                    let (start, end) = (within(*start), within(*end).max(within(*start)));
                    let count = if end > start { (end - start - 1) / step + 1 } else { 0 };
                    let said = |bound: i64, default: i64| (bound != default).then_some(bound);
                    let literal = Literal::Range(said(start, 0), said(end, size), said(*step, 1));
                    (literal, Size::known(count))
                }
            };
            arguments.push(Argument::required("range", literal));
            shape.push(size);
        }
        if arguments.iter().all(|argument| argument.value == Literal::Range(None, None, None)) {
            return Ok(x);
        }
        if shape.iter().any(|size| size.value == 0) {
            return Err(Reason::Shape("no element is left".to_owned()));
        }
        Ok(self.push(Operation::Slice, vec![Operand::Step(x)], arguments, shape, Vec::new()))
    }

    /// `x[:, 2:3]` without its dimension of one element as `x[:, 2]`, if that is the shape wished for.
    pub(super) fn picked(&mut self, part: StepId, target: &[Size]) -> Option<StepId> {
        let step = self.step(part).filter(|step| step.operation == Operation::Slice)?;
        let x = step.first()?;
        let mut arguments = step.arguments.clone();
        let is_one = |argument: &Argument| {
            matches!(argument.value, Literal::Range(start, end, None) if {
                let start = start.unwrap_or(0);
                end.map_or(start > 0, |end| end == start + 1)
            })
        };
        let place = arguments.iter().position(is_one)?;
        let mut shape = step.shape.clone();
        if shape.get(place) != Some(&Size::ONE) {
            return None;
        }
        shape.remove(place);
        let argument = arguments.get_mut(place)?;
        let Literal::Range(start, _, _) = argument.value else { return None };
        argument.value = Literal::Whole(start.unwrap_or(0));
        if shape != target {
            return None;
        }
        Some(self.push(Operation::Slice, vec![Operand::Step(x)], arguments, shape, Vec::new()))
    }

    pub(super) fn split(&mut self, node: &Node<'_>, x: StepId, inputs: &[Value]) -> Result<Vec<Value>, Reason> {
        let shape = self.shape(x);
        let dim = dimension(node.integer_or("axis", 0), shape.len())?;
        let size = shape.get(dim).copied().unwrap_or(Size::ONE);
        let parts = match (node.integers("split"), inputs.get(1)) {
            (Some(parts), _) => parts.to_vec(),
            (None, Some(Value::Constant(_))) => wholes(inputs, 1, "split")?,
            _ => {
                // Equal parts, of which the last may be smaller.
                let count = whole(node.proto.output.len()).max(1);
                let part = (size.value + count - 1) / count;
                (0..count).map(|index| part.min((size.value - index * part).max(0))).collect()
            }
        };
        let mut start = 0_i64;
        let mut values = Vec::new();
        for part in parts {
            let end = start.saturating_add(part);
            let mut ranges = vec![None; shape.len()];
            if let Some(range) = ranges.get_mut(dim) {
                *range = Some((start, end, 1, size));
            }
            values.push(Value::Step(self.ranges(x, &ranges)?));
            start = end;
        }
        Ok(values)
    }

    pub(super) fn gather(&mut self, node: &Node<'_>, x: StepId, inputs: &[Value]) -> Result<StepId, Reason> {
        let own = self.shape(x);
        let dim = dimension(node.integer_or("axis", 0), own.len())?;
        let table = constant(inputs, 1, "table of indices")?;
        let size =
            own.get(dim).and_then(|size| size.fixed()).ok_or_else(|| Reason::Shape("one of the samples".to_owned()))?;
        let counted = |index: i64| if index < 0 { index + size } else { index };
        let indices: Vec<i64> = wholes(inputs, 1, "table of indices")?.into_iter().map(counted).collect();
        let (before, after) = (own.get(..dim).unwrap_or_default(), own.get(dim + 1..).unwrap_or_default());
        let sizes: Vec<Size> = table.shape.iter().map(|size| Size::known(whole(*size))).collect();
        let shape = [before, &sizes, after].concat();
        if let (&[index], true) = (indices.as_slice(), table.shape.is_empty()) {
            let subscript =
                |place: usize| if place == dim { Literal::Whole(index) } else { Literal::Range(None, None, None) };
            let arguments = (0..own.len()).map(|place| Argument::required("range", subscript(place))).collect();
            return Ok(self.push(Operation::Slice, vec![Operand::Step(x)], arguments, shape, Vec::new()));
        }
        let list = nested(&table.shape, &indices);
        let arguments = vec![
            Argument::required("indices", list),
            Argument::optional("dim", Literal::whole(dim), Literal::Whole(0)),
        ];
        Ok(self.call("gather", x, arguments, shape))
    }

    /// What leaves at one end and comes back at the other: the end of a tensor before its start.
    pub(super) fn rolled(&mut self, end: StepId, start: StepId, dim: usize) -> Option<StepId> {
        let range = |id: StepId| {
            let step = self.step(id).filter(|step| step.operation == Operation::Slice)?;
            let only = step
                .arguments
                .iter()
                .enumerate()
                .all(|(place, argument)| place == dim || argument.value == Literal::Range(None, None, None));
            match step.arguments.get(dim)?.value {
                Literal::Range(start, end, None) if only => Some((step.first()?, start, end)),
                _ => None,
            }
        };
        let (x, from, None) = range(end)? else { return None };
        let (same, None, to) = range(start)? else { return None };
        let shape = self.shape(x);
        let size = shape.get(dim)?.fixed()?;
        if x != same || from != to {
            return None;
        }
        // Whichever direction is shorter.
        let shift = size - from?;
        let shift = if shift * 2 > size { shift - size } else { shift };
        let (source, mut shifts, mut dims) = match self.is_call(x, "roll") {
            Some(step) => match (step.first(), step.argument("shifts"), step.argument("dims")) {
                (Some(source), Some(Literal::List(shifts)), Some(Literal::List(dims)))
                    if !dims.contains(&Literal::whole(dim)) =>
                {
                    (source, shifts.clone(), dims.clone())
                }
                _ => (x, Vec::new(), Vec::new()),
            },
            None => (x, Vec::new(), Vec::new()),
        };
        shifts.push(Literal::Whole(shift));
        dims.push(Literal::whole(dim));
        let arguments = vec![
            Argument::required("shifts", Literal::List(shifts)),
            Argument::optional("dims", Literal::List(dims), Literal::Flag(false)),
        ];
        Some(self.call("roll", source, arguments, shape))
    }
}

/// Numbers as lists of lists.
fn nested(shape: &[usize], values: &[i64]) -> Literal {
    match shape {
        [] | [_] => Literal::wholes(values),
        [_, rest @ ..] => {
            let part = rest.iter().product::<usize>().max(1);
            Literal::List(values.chunks(part).map(|values| nested(rest, values)).collect())
        }
    }
}
