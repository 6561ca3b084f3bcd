//! What is known before the network runs: shapes, and what is computed from constants alone.

use std::rc::Rc;

use super::part::Bounds;
use super::{Translator, Value, dimension, layout, optional, whole};
use crate::onnx::import::constant::{self, Constant, Data, strides};
use crate::onnx::import::error::Reason;
use crate::onnx::import::node::Node;
use crate::onnx::import::size::{Size, known, product};

/// The most elements of a constant that is made here: shapes of files are not to be trusted.
const MAX_ELEMENTS: usize = 1 << 26;

impl Translator<'_> {
    /// The value of a node whose operands are constants, or that asks for a shape; nothing for all others.
    pub(super) fn fold(&mut self, node: &Node<'_>, inputs: &[Value]) -> Result<Option<Constant>, Option<Reason>> {
        let shape = match inputs.first() {
            Some(Value::Step(step)) => Some(self.shape(*step)),
            Some(Value::Constant(constant)) => {
                Some(known(&constant.shape.iter().map(|size| whole(*size)).collect::<Vec<_>>()))
            }
            _ => None,
        };
        match (node.operator(), shape) {
            ("Constant", _) => return self.literal(node).map(Some).map_err(Some),
            ("Shape", Some(shape)) => {
                let bound = |name: &str, default: usize| match node.integer(name) {
                    Some(bound) if bound < 0 => usize::try_from(bound + whole(shape.len())).unwrap_or(0),
                    Some(bound) => usize::try_from(bound).unwrap_or(0).min(shape.len()),
                    None => default,
                };
                let (start, end) = (bound("start", 0), bound("end", shape.len()));
                return Ok(Some(Constant::list(shape.get(start..end).unwrap_or_default().to_vec())));
            }
            ("Size", Some(shape)) => {
                let count =
                    product(&shape).ok_or_else(|| Some(Reason::Shape("a size with the batch squared".to_owned())))?;
                return Ok(Some(Constant::wholes(Vec::new(), vec![count])));
            }
            _ => {}
        }
        let constants: Option<Vec<Option<&Constant>>> = inputs
            .iter()
            .map(|input| match input {
                Value::Constant(constant) => Some(Some(constant)),
                Value::Absent => Some(None),
                Value::Step(_) | Value::Unknown => None,
            })
            .collect();
        let Some(constants) = constants.filter(|constants| !constants.is_empty()) else { return Ok(None) };
        let [Some(first), ..] = constants.as_slice() else { return Ok(None) };
        let folded = moved(node, inputs, first).map_err(Some)?;
        let folded = folded.or_else(|| computed(node, &constants));
        // What a constant is called follows it through movements.
        Ok(folded.map(|mut constant| {
            let own = node.proto.output.first().filter(|name| node.operator() == "Identity" && is_path(name));
            constant.name = own.map(|name| name.as_str().into()).or(constant.name).or_else(|| first.name.clone());
            constant
        }))
    }

    fn literal(&self, node: &Node<'_>) -> Result<Constant, Reason> {
        if let Some(tensor) = node.tensor("value") {
            let constant = constant::read(tensor, self.external)?;
            // The name of a literal says nothing.
            return Ok(Constant { name: None, ..constant });
        }
        if let Some(integer) = node.integer("value_int") {
            return Ok(Constant::wholes(Vec::new(), known(&[integer])));
        }
        if let Some(integers) = node.integers("value_ints") {
            return Ok(Constant::list(known(integers)));
        }
        if let Some(numbers) = node.numbers("value_floats") {
            return Ok(Constant::floats(vec![numbers.len()], numbers.to_vec()));
        }
        #[expect(clippy::cast_possible_truncation, reason = "it was read from an f32")]
        Ok(Constant::floats(Vec::new(), vec![node.number_or("value_float", 0.0) as f32]))
    }
}

/// Whether a name is one of a weight: `blocks.0.conv.weight`.
fn is_path(name: &str) -> bool {
    name.contains('.') && !name.contains([':', '/'])
}

/// The elements of a constant in other places.
fn moved(node: &Node<'_>, inputs: &[Value], x: &Constant) -> Result<Option<Constant>, Reason> {
    let rank = x.shape.len();
    let own = known(&x.shape.iter().map(|size| whole(*size)).collect::<Vec<_>>());
    // A shape that depends on the batch makes no constant.
    let target = match node.operator() {
        "Reshape" | "Expand" => optional(inputs, 1, "shape")?.ok_or(Reason::Missing("shape"))?.fixed(),
        _ => Some(Vec::new()),
    };
    let Some(mut target) = target else { return Ok(None) };
    let in_shape = |shape: &[Size]| {
        let shape = shape.iter().map(|size| usize::try_from(size.fixed()?).ok()).collect::<Option<Vec<_>>>()?;
        x.reshaped(shape)
    };
    let fails = || Reason::Shape(format!("a constant of shape {:?}", x.shape));
    let moved = match node.operator() {
        "Identity" => Some(x.clone()),
        "Reshape" => {
            for (dim, size) in target.iter_mut().enumerate() {
                if *size == 0 && !node.flag("allowzero") {
                    *size = x.shape.get(dim).map_or(0, |size| whole(*size));
                }
            }
            let rest: i64 =
                target.iter().filter(|size| **size != -1).fold(1, |product, size| product.saturating_mul(*size));
            for size in target.iter_mut().filter(|size| **size == -1) {
                *size = whole(x.len()) / rest.max(1);
            }
            Some(in_shape(&known(&target)).ok_or_else(fails)?)
        }
        "Flatten" => {
            let axis = dimension(node.integer_or("axis", 1), rank)?;
            let before: usize = x.shape.iter().take(axis).product();
            let after: usize = x.shape.iter().skip(axis).product();
            x.reshaped(vec![before, after])
        }
        "Squeeze" | "Unsqueeze" => in_shape(&layout::squeezed(node, inputs, &own)?),
        "Transpose" => {
            let order = match node.integers("perm") {
                Some(order) => order.iter().map(|dim| dimension(*dim, rank)).collect::<Result<Vec<_>, _>>()?,
                None => (0..rank).rev().collect(),
            };
            Some(x.permuted(&order).filter(|_| order.len() == rank).ok_or_else(fails)?)
        }
        "Expand" => {
            let shape = super::arithmetic::broadcast(&own, &known(&target)).ok_or_else(fails)?;
            let shape: Vec<usize> = shape.iter().map(|size| usize::try_from(size.value).unwrap_or(0)).collect();
            x.expanded(&limited(shape)?)
        }
        "Gather" => {
            let dim = dimension(node.integer_or("axis", 0), rank)?;
            let Some(Value::Constant(table)) = inputs.get(1) else { return Err(Reason::Missing("indices")) };
            let size = x.shape.get(dim).copied().unwrap_or(0);
            let index = |index: i64| {
                usize::try_from(if index < 0 { index + whole(size) } else { index }).ok().filter(|index| *index < size)
            };
            let indices = table
                .fixed()
                .ok_or_else(fails)?
                .into_iter()
                .map(index)
                .collect::<Option<Vec<_>>>()
                .ok_or_else(fails)?;
            let (before, after) = (x.shape.get(..dim).unwrap_or_default(), x.shape.get(dim + 1..).unwrap_or_default());
            let shape = limited([before, &table.shape, after].concat())?;
            let inner: usize = after.iter().product();
            let outer: usize = before.iter().product();
            let places = (0..outer)
                .flat_map(|outer| indices.iter().map(move |index| outer * size + index))
                .flat_map(|row| (0..inner).map(move |place| row * inner + place));
            x.taken(shape, places)
        }
        "Slice" => Some(sliced(node, inputs, x)?),
        "Concat" => {
            let parts: Option<Vec<&Constant>> =
                inputs.iter().map(|input| if let Value::Constant(part) = input { Some(part) } else { None }).collect();
            let dim = dimension(node.integer_or("axis", 0), rank)?;
            Some(joined(&parts.ok_or_else(fails)?, dim).ok_or_else(fails)?)
        }
        _ => None,
    };
    Ok(moved)
}

/// A shape that is not too large to be made.
fn limited(shape: Vec<usize>) -> Result<Vec<usize>, Reason> {
    let count = shape.iter().try_fold(1_usize, |count, size| count.checked_mul(*size));
    if count.is_some_and(|count| count <= MAX_ELEMENTS) {
        Ok(shape)
    } else {
        Err(Reason::Shape(format!("a constant of shape {shape:?}")))
    }
}

fn sliced(node: &Node<'_>, inputs: &[Value], x: &Constant) -> Result<Constant, Reason> {
    let Bounds { starts, ends, axes, steps } = Bounds::of(node, inputs)?;
    let mut cut = x.clone();
    for (((start, end), axis), step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
        let dim = dimension(*axis, x.shape.len())?;
        let size = whole(cut.shape.get(dim).copied().unwrap_or(0));
        let from_end = |bound: i64| if bound < 0 { bound.saturating_add(size) } else { bound };
        let indices: Vec<i64> = if *step > 0 {
            let (start, end) = (from_end(*start).clamp(0, size), from_end(*end).clamp(0, size));
            (start..end).step_by(usize::try_from(*step).unwrap_or(1)).collect()
        } else if *step < 0 {
            let (start, end) = (from_end(*start).clamp(-1, size - 1), from_end(*end).clamp(-1, size - 1));
            let count = usize::try_from(step.unsigned_abs()).unwrap_or(1);
            (end + 1..=start).rev().step_by(count).collect()
        } else {
            return Err(Reason::Attribute { name: "steps", value: "0".to_owned() });
        };
        let strides = strides(&cut.shape);
        let stride = strides.get(dim).copied().unwrap_or(1);
        let mut shape = cut.shape.clone();
        if let Some(size) = shape.get_mut(dim) {
            *size = indices.len();
        }
        // The places of the first of each row along the dimension, and then along it.
        let inner = stride.max(1);
        let size = usize::try_from(size).unwrap_or(0);
        let outer: usize = cut.shape.iter().take(dim).product();
        let indices: Vec<usize> = indices.into_iter().filter_map(|index| usize::try_from(index).ok()).collect();
        let all: Vec<usize> = (0..outer)
            .flat_map(|outer| indices.iter().map(move |index| outer * size + index))
            .flat_map(|row| (0..inner).map(move |place| row * inner + place))
            .collect();
        cut = cut.taken(shape, all.into_iter()).ok_or(Reason::Length)?;
    }
    Ok(cut)
}

fn joined(parts: &[&Constant], dim: usize) -> Option<Constant> {
    let [first, ..] = parts else { return None };
    let mut shape = first.shape.clone();
    let agree = parts.iter().all(|part| {
        part.shape.len() == first.shape.len()
            && part
                .shape
                .iter()
                .zip(&first.shape)
                .enumerate()
                .all(|(place, (left, right))| place == dim || left == right)
    });
    *shape.get_mut(dim)? = parts.iter().filter_map(|part| part.shape.get(dim)).sum();
    let outer: usize = shape.iter().take(dim).product();
    let row = |part: &Constant| part.shape.iter().skip(dim).product::<usize>();
    if !agree {
        return None;
    }
    let all_whole: Option<Vec<&[Size]>> = parts.iter().map(|part| part.sizes()).collect();
    if let Some(parts_of_sizes) = all_whole {
        let mut values = Vec::new();
        for index in 0..outer {
            for (part, sizes) in parts.iter().zip(&parts_of_sizes) {
                values.extend_from_slice(sizes.get(index * row(part)..(index + 1) * row(part))?);
            }
        }
        return Some(Constant::wholes(shape, values));
    }
    let numbers: Vec<Rc<Vec<f32>>> = parts.iter().map(|part| part.numbers()).collect::<Option<_>>()?;
    let mut values = Vec::new();
    for index in 0..outer {
        for (part, numbers) in parts.iter().zip(&numbers) {
            values.extend_from_slice(numbers.get(index * row(part)..(index + 1) * row(part))?);
        }
    }
    Some(Constant::floats(shape, values))
}

/// Arithmetic on constants; nothing where there is no result.
fn computed(node: &Node<'_>, operands: &[Option<&Constant>]) -> Option<Constant> {
    let first = operands.first().copied().flatten()?;
    let second = operands.get(1).copied().flatten();
    match (node.operator(), second) {
        ("Cast", _) => cast(node, first),
        ("ConstantOfShape", _) => {
            let shape = first.fixed()?.iter().map(|size| usize::try_from(*size).ok()).collect::<Option<Vec<_>>>()?;
            let shape = limited(shape).ok()?;
            let count: usize = shape.iter().product();
            let value =
                node.tensor("value").and_then(|tensor| constant::read(tensor, &crate::onnx::NoExternalData).ok());
            match value.as_ref().map(|value| &value.data) {
                Some(Data::Wholes(values)) => Some(Constant::wholes(shape, vec![*values.first()?; count])),
                Some(Data::Floats(values)) => Some(Constant::floats(shape, vec![*values.first()?; count])),
                None => Some(Constant::floats(shape, vec![0.0; count])),
            }
        }
        ("Range", Some(limit)) => {
            let step = operands.get(2).copied().flatten()?.fixed()?;
            let (&[start], &[limit], &[step]) = (first.fixed()?.as_slice(), limit.fixed()?.as_slice(), step.as_slice())
            else {
                return None;
            };
            if step == 0 || limit.checked_sub(start)?.checked_div(step)? > 1 << 20 {
                return None;
            }
            let values = std::iter::successors(Some(start), |value| value.checked_add(step));
            let values: Vec<i64> = values
                .take_while(|value| if step > 0 { *value < limit } else { *value > limit })
                .take(1 << 20)
                .collect();
            Some(Constant::list(known(&values)))
        }
        ("Where", Some(yes)) => {
            let no = operands.get(2).copied().flatten()?;
            let shape = limited(common_shape(&common_shape(&first.shape, &yes.shape)?, &no.shape)?).ok()?;
            let chosen: Vec<bool> = first.expanded(&shape)?.sizes()?.iter().map(|size| size.value != 0).collect();
            let (yes, no) = (yes.expanded(&shape)?, no.expanded(&shape)?);
            match (yes.sizes(), no.sizes()) {
                (Some(yes), Some(no)) => {
                    let values = chosen
                        .iter()
                        .zip(yes.iter().zip(no))
                        .map(|(chosen, (yes, no))| if *chosen { *yes } else { *no });
                    Some(Constant::wholes(shape, values.collect()))
                }
                _ => {
                    let (yes, no) = (yes.numbers()?, no.numbers()?);
                    let values = chosen
                        .iter()
                        .zip(yes.iter().zip(no.iter()))
                        .map(|(chosen, (yes, no))| if *chosen { *yes } else { *no });
                    Some(Constant::floats(shape, values.collect()))
                }
            }
        }
        ("Neg", _) => match &first.data {
            Data::Wholes(values) => {
                Some(Constant::wholes(first.shape.clone(), values.iter().map(|value| value.negated()).collect()))
            }
            Data::Floats(values) => {
                Some(Constant::floats(first.shape.clone(), values.iter().map(|value| -value).collect()))
            }
        },
        ("Not", _) => {
            let values = first.sizes()?.iter().map(|value| Size::known(i64::from(value.value == 0)));
            Some(Constant::wholes(first.shape.clone(), values.collect()))
        }
        ("Erf" | "Exp" | "Tanh" | "Sigmoid" | "Relu", None) => {
            let function: fn(f32) -> f32 = match node.operator() {
                "Erf" => libm::erff,
                "Exp" => libm::expf,
                "Tanh" => libm::tanhf,
                "Sigmoid" => |value| 1.0 / (1.0 + libm::expf(-value)),
                _ => |value| value.max(0.0),
            };
            Some(Constant::floats(first.shape.clone(), first.numbers()?.iter().map(|value| function(*value)).collect()))
        }
        ("Sqrt", _) => {
            Some(Constant::floats(first.shape.clone(), first.numbers()?.iter().map(|value| value.sqrt()).collect()))
        }
        (operator, Some(second)) => {
            let shape = limited(common_shape(&first.shape, &second.shape)?).ok()?;
            let (left, right) = (first.expanded(&shape)?, second.expanded(&shape)?);
            if let (Some(left), Some(right)) = (left.sizes(), right.sizes()) {
                let values = left.iter().zip(right).map(|(left, right)| whole_result(operator, *left, *right));
                return Some(Constant::wholes(shape, values.collect::<Option<_>>()?));
            }
            let (left, right) = (left.numbers()?, right.numbers()?);
            let number = number_result(operator)?;
            Some(Constant::floats(
                shape,
                left.iter().zip(right.iter()).map(|(left, right)| number(*left, *right)).collect(),
            ))
        }
        _ => None,
    }
}

fn common_shape(left: &[usize], right: &[usize]) -> Option<Vec<usize>> {
    let sizes = |shape: &[usize]| known(&shape.iter().map(|size| whole(*size)).collect::<Vec<_>>());
    let shape = super::arithmetic::broadcast(&sizes(left), &sizes(right))?;
    shape.iter().map(|size| usize::try_from(size.value).ok()).collect()
}

fn cast(node: &Node<'_>, x: &Constant) -> Option<Constant> {
    let to_number = matches!(node.integer("to"), Some(1 | 10 | 11 | 16));
    match &x.data {
        Data::Floats(_) if to_number => Some(x.clone()),
        Data::Wholes(_) if !to_number => Some(x.clone()),
        // Whole numbers that depend on the batch stay what they are: such a size is cast back before it is used.
        Data::Wholes(values) if values.iter().any(|value| value.fixed().is_none()) => Some(x.clone()),
        Data::Wholes(_) => Some(Constant { data: Data::Floats(x.numbers()?), ..x.clone() }),
        #[expect(clippy::cast_possible_truncation, reason = "ONNX cuts the fraction off")]
        Data::Floats(values) => {
            let values = values.iter().map(|value| Size::known(value.trunc() as i64)).collect();
            Some(Constant { data: Data::Wholes(Rc::new(values)), ..x.clone() })
        }
    }
}

fn whole_result(operator: &str, left: Size, right: Size) -> Option<Size> {
    let truth = |truth: bool| Some(Size::known(i64::from(truth)));
    match operator {
        "Add" => left.plus(right),
        "Sub" => left.plus(right.negated()),
        "Mul" => left.times(right),
        "Div" => match (left.fixed(), right.fixed()) {
            (Some(left), Some(right)) => left.checked_div(right).map(Size::known),
            _ => left.divided(right),
        },
        "Mod" => Some(Size::known(left.fixed()?.checked_rem_euclid(right.fixed()?)?)),
        // The batch is no number that a model could compare it with, such as -1.
        "Equal" => truth(left == right),
        "Less" => truth(left.fixed()? < right.fixed()?),
        "Greater" => truth(left.fixed()? > right.fixed()?),
        "Min" => Some(Size::known(left.fixed()?.min(right.fixed()?))),
        "Max" => Some(Size::known(left.fixed()?.max(right.fixed()?))),
        _ => None,
    }
}

fn number_result(operator: &str) -> Option<fn(f32, f32) -> f32> {
    Some(match operator {
        "Add" => |left, right| left + right,
        "Sub" => |left, right| left - right,
        "Mul" => |left, right| left * right,
        "Div" => |left, right| left / right,
        "Pow" => f32::powf,
        "Min" => f32::min,
        "Max" => f32::max,
        _ => return None,
    })
}
