//! Operations that move elements.

use super::{Batch, Translator, Value, constant, dimension, optional, whole, wholes};
use crate::onnx::import::error::Reason;
use crate::onnx::import::flow::{Argument, Literal, Operand, Operation, StepId};
use crate::onnx::import::node::Node;
use crate::onnx::import::size::{Size, product, show};

impl Translator<'_> {
    pub(super) fn layout(&mut self, node: &Node<'_>, inputs: &[Value]) -> Result<Vec<Value>, Reason> {
        if node.operator() == "Concat" {
            return Ok(vec![Value::Step(self.concat(node, inputs)?)]);
        }
        let x = self.operand(inputs, 0, "input")?;
        let shape = self.shape(x);
        let rank = shape.len();
        let step = match node.operator() {
            "Reshape" => {
                let target = constant(inputs, 1, "shape")?;
                let target = target.sizes().ok_or(Reason::Computed("shape"))?.to_vec();
                let target = self.target(&shape, &target, node.flag("allowzero"))?;
                self.reshaped(x, target)?
            }
            "Flatten" => {
                let axis = node.integer_or("axis", 1);
                let axis = if axis == whole(rank) { rank } else { dimension(axis, rank)? };
                let (before, after) = shape.split_at_checked(axis).ok_or(Reason::Missing("axis"))?;
                match (product(before), product(after)) {
                    (Some(before), Some(after)) => self.reshaped(x, vec![before, after])?,
                    _ => return Err(Reason::Shape(format!("{} flattened", show(&shape)))),
                }
            }
            "Squeeze" | "Unsqueeze" => {
                let target = squeezed(node, inputs, &shape)?;
                match self.picked(x, &target) {
                    Some(part) => part,
                    None => self.reshaped(x, target)?,
                }
            }
            "Transpose" => {
                let order = match node.integers("perm") {
                    Some(order) => order.iter().map(|dim| dimension(*dim, rank)).collect::<Result<Vec<_>, _>>()?,
                    None => (0..rank).rev().collect(),
                };
                self.permuted(x, &order)?
            }
            "Expand" => {
                let target = constant(inputs, 1, "shape")?.sizes().ok_or(Reason::Computed("shape"))?.to_vec();
                self.expanded(x, &target)?
            }
            "Slice" => self.slice(node, x, inputs)?,
            "Split" => return self.split(node, x, inputs),
            "Gather" => self.gather(node, x, inputs)?,
            "Pad" => self.pad(node, x, inputs)?,
            _ => self.resize(node, x, inputs)?,
        };
        Ok(vec![Value::Step(step)])
    }

    /// The shape that a reshape makes, with the batch as a factor where the file has a number for it.
    fn target(&self, shape: &[Size], target: &[Size], allow_zero: bool) -> Result<Vec<Size>, Reason> {
        let fails =
            || Reason::Shape(format!("a tensor of shape {} cannot be reshaped to {}", show(shape), show(target)));
        let mut sizes: Vec<Size> = Vec::with_capacity(target.len());
        let mut open = None;
        for (dim, size) in target.iter().enumerate() {
            sizes.push(match size.fixed() {
                Some(0) if !allow_zero => *shape.get(dim).ok_or_else(fails)?,
                Some(-1) if open.is_none() => {
                    open = Some(dim);
                    Size::ONE
                }
                Some(negative) if negative < 0 => return Err(fails()),
                _ => *size,
            });
        }
        let count = product(shape).ok_or_else(fails)?;
        // `[1, -1]` in a model for one image is what each sample becomes.
        if let (Batch::Factor(batch), Some(place), Some(first)) = (self.batch, open, sizes.first_mut())
            && count.per_sample
            && place > 0
            && *first == Size::known(batch)
        {
            *first = Size::BATCH;
        }
        if let Some(dim) = open {
            let rest = product(&sizes).ok_or_else(fails)?;
            *sizes.get_mut(dim).ok_or_else(fails)? = count.divided(rest).ok_or_else(fails)?;
        }
        let found = product(&sizes).ok_or_else(fails)?;
        if count.per_sample && !found.per_sample {
            // The file has a number for the batch, or a product with it.
            let Batch::Factor(batch) = self.batch else { return Err(fails()) };
            let place = sizes.iter_mut().find(|size| size.value % batch == 0).ok_or_else(fails)?;
            *place = Size { value: place.value / batch, per_sample: true };
        }
        Ok(sizes)
    }

    /// The tensor in another shape: as few reshapes as possible.
    pub(super) fn reshaped(&mut self, x: StepId, shape: Vec<Size>) -> Result<StepId, Reason> {
        self.check_count(x, &shape)?;
        let mut source = x;
        while let Some(step) = self.step(source)
            && (step.is("reshape") || step.is("flatten"))
            && let Some(first) = step.first()
        {
            source = first;
        }
        if let Some(permuted) = self.exchanged(source, &shape) {
            return Ok(permuted);
        }
        // What was averaged is more plainly said to be flattened.
        if self.shape(source) == shape {
            return Ok(source);
        }
        let own = self.shape(source);
        if let [batch, features] = shape.as_slice()
            && own.first() == Some(batch)
            && own.len() > 2
            && product(own.get(1..).unwrap_or_default()) == Some(*features)
        {
            return Ok(self.call("flatten", source, vec![from_1()], shape));
        }
        let arguments = vec![Argument::required("shape", sizes(&shape))];
        Ok(self.call("reshape", source, arguments, shape))
    }

    /// Matrices that are transposed while the dimensions before them are one: `[a, b, rows, columns]` to `[a, b, columns, rows]`.
    fn exchanged(&mut self, permuted: StepId, shape: &[Size]) -> Option<StepId> {
        let step = self.is_call(permuted, "permute")?;
        let exchange = Literal::wholes(&[0, 2, 1]);
        let x =
            self.is_call(step.first()?, "reshape").filter(|_| step.argument("order") == Some(&exchange))?.first()?;
        let &[outer, inner, columns, rows] = shape else { return None };
        (self.shape(x) == [outer, inner, rows, columns]).then(|| self.permuted(x, &[0, 1, 3, 2]).ok())?
    }

    pub(super) fn permuted(&mut self, x: StepId, order: &[usize]) -> Result<StepId, Reason> {
        let own = self.shape(x);
        let shape: Vec<Size> = order
            .iter()
            .map(|dim| own.get(*dim).copied())
            .collect::<Option<_>>()
            .ok_or(Reason::Missing("dimension"))?;
        if order.len() != own.len() {
            return Err(Reason::Shape(format!("{} permuted by {order:?}", show(&own))));
        }
        // Samples and channels of the result are one dimension in the model: see `dynamic`.
        if self.experts_of_samples.contains(&x)
            && order == [1, 0, 2, 3]
            && let &[batch, channels, height, width] = own.as_slice()
        {
            let together = batch.times(channels).ok_or(Reason::Missing("batch"))?;
            return self.reshaped(x, vec![together, Size::ONE, height, width]);
        }
        let moved = order.iter().filter(|dim| own.get(**dim) != Some(&Size::ONE));
        if moved.is_sorted() {
            return self.reshaped(x, shape);
        }
        let list = Literal::List(order.iter().map(|dim| Literal::whole(*dim)).collect());
        Ok(self.call("permute", x, vec![Argument::required("order", list)], shape))
    }

    fn expanded(&mut self, x: StepId, target: &[Size]) -> Result<StepId, Reason> {
        let own = self.shape(x);
        let fails = || Reason::Shape(format!("{} expanded to {}", show(&own), show(target)));
        let mut shape = super::arithmetic::broadcast(&own, target).ok_or_else(fails)?;
        if let (Batch::Factor(batch), Some(first)) = (self.batch, shape.first_mut())
            && batch > 1
            && own.first() == Some(&Size::ONE)
            && *first == Size::known(batch)
        {
            // The file's number of samples.
            *first = Size::BATCH;
        }
        if shape == own {
            return Ok(x);
        }
        let added = shape.len() - own.len();
        let size = |(dim, size): (usize, &Size)| match own.get(dim.wrapping_sub(added)) {
            Some(found) if found == size => Literal::Whole(-1),
            _ if *size == Size::BATCH => Literal::Batch,
            _ => Literal::Whole(size.value),
        };
        let list = Literal::List(shape.iter().enumerate().map(size).collect());
        if shape.iter().any(|size| size.per_sample && size.value != 1) {
            return Err(fails());
        }
        Ok(self.call("expand", x, vec![Argument::required("shape", list)], shape))
    }

    /// The parts of a concatenation, those repeated for every sample that a model for one image has once: a class token.
    fn of_every_sample(&mut self, parts: Vec<StepId>) -> Vec<StepId> {
        let is_batch = |translator: &Self, part: &StepId| translator.shape(*part).first() == Some(&Size::BATCH);
        if self.batch != Batch::Factor(1) || !parts.iter().any(|part| is_batch(self, part)) {
            return parts;
        }
        let repeated = |part: StepId| {
            let own = self.shape(part);
            let [Size::ONE, rest @ ..] = own.as_slice() else { return part };
            let target = [&[Size::BATCH], rest].concat();
            self.expanded(part, &target).unwrap_or(part)
        };
        parts.into_iter().map(repeated).collect()
    }

    fn concat(&mut self, node: &Node<'_>, inputs: &[Value]) -> Result<StepId, Reason> {
        let parts: Vec<StepId> =
            (0..inputs.len()).map(|place| self.operand(inputs, place, "part")).collect::<Result<_, _>>()?;
        let parts = self.of_every_sample(parts);
        let shapes: Vec<Vec<Size>> = parts.iter().map(|part| self.shape(*part)).collect();
        let [first, rest @ ..] = shapes.as_slice() else { return Err(Reason::Missing("part")) };
        let dim = dimension(node.integer_or("axis", 1), first.len())?;
        let fails = || {
            Reason::Shape(format!(
                "parts of shapes {}",
                shapes.iter().map(|shape| show(shape)).collect::<Vec<_>>().join(", ")
            ))
        };
        let mut shape = first.clone();
        for other in rest {
            let agree = first.len() == other.len()
                && first.iter().zip(other).enumerate().all(|(place, (left, right))| place == dim || left == right);
            let (Some(size), Some(more), true) = (shape.get_mut(dim), other.get(dim), agree) else {
                return Err(fails());
            };
            *size = size.plus(*more).ok_or_else(fails)?;
        }
        if let [only] = parts.as_slice() {
            return Ok(*only);
        }
        if let &[end, start] = parts.as_slice()
            && let Some(rolled) = self.rolled(end, start, dim)
        {
            return Ok(rolled);
        }
        let arguments = vec![Argument::optional("dim", Literal::whole(dim), Literal::Whole(1))];
        let operands = parts.into_iter().map(Operand::Step).collect();
        Ok(self.push(Operation::Call("concat"), operands, arguments, shape, Vec::new()))
    }

    fn pad(&mut self, node: &Node<'_>, x: StepId, inputs: &[Value]) -> Result<StepId, Reason> {
        match node.word("mode").as_deref() {
            None | Some("constant") => {}
            Some(mode) => return Err(Reason::Attribute { name: "mode", value: mode.to_owned() }),
        }
        let shape = self.shape(x);
        let pads = match node.integers("pads") {
            Some(pads) => pads.to_vec(),
            None => wholes(inputs, 1, "pads")?,
        };
        let value = match optional(inputs, 2, "value")? {
            Some(value) => value.number().ok_or(Reason::Computed("value"))?,
            None => node.number_or("value", 0.0),
        };
        let axes: Vec<usize> = match optional(inputs, 3, "axes")? {
            Some(axes) => axes
                .fixed()
                .ok_or(Reason::Computed("axes"))?
                .iter()
                .map(|axis| dimension(*axis, shape.len()))
                .collect::<Result<_, _>>()?,
            None => (0..shape.len()).collect(),
        };
        let (before, after) = pads
            .split_at_checked(axes.len())
            .filter(|(_, after)| after.len() == axes.len())
            .ok_or(Reason::Missing("pads"))?;
        let mut sides = vec![[0; 2]; shape.len()];
        let mut padded = shape.clone();
        for ((dim, before), after) in axes.iter().zip(before).zip(after) {
            if !(0..=1 << 28).contains(before) || !(0..=1 << 28).contains(after) {
                return Err(Reason::Attribute { name: "pads", value: format!("{pads:?}") });
            }
            if let (Some(side), Some(size)) = (sides.get_mut(*dim), padded.get_mut(*dim)) {
                *side = [*before, *after];
                *size =
                    size.plus(Size::known(before + after)).ok_or_else(|| Reason::Shape("a padded batch".to_owned()))?;
            }
        }
        if padded == shape {
            return Ok(x);
        }
        let padding = match sides.as_slice() {
            [[0, 0], [0, 0], [top, bottom], [left, right]] => Literal::wholes(&[*top, *bottom, *left, *right]),
            sides => Literal::List(sides.iter().map(|side| Literal::wholes(side)).collect()),
        };
        let arguments = vec![
            Argument::required("padding", padding),
            Argument::optional("value", Literal::Number(value), Literal::Number(0.0)),
        ];
        if value == f64::NEG_INFINITY {
            let operation = Operation::Part("Pad", "max_pool");
            return Ok(self.push(operation, vec![Operand::Step(x)], arguments, padded, Vec::new()));
        }
        if !value.is_finite() {
            return Err(Reason::Attribute { name: "value", value: value.to_string() });
        }
        Ok(self.call("pad", x, arguments, padded))
    }

    fn resize(&mut self, node: &Node<'_>, x: StepId, inputs: &[Value]) -> Result<StepId, Reason> {
        let [batch, channels, height, width] = self.image(x)?;
        let sizes = match optional(inputs, 3, "sizes")? {
            Some(sizes) => sizes.sizes().ok_or(Reason::Computed("sizes"))?.to_vec(),
            None => {
                let scales = constant(inputs, 2, "scales")?.numbers().ok_or(Reason::Computed("scales"))?;
                let scaled = [batch, channels, height, width].into_iter().zip(scales.iter()).map(|(size, scale)| {
                    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "sizes are small")]
                    let value = (size.value as f64 * f64::from(*scale)).floor() as i64;
                    Size { value, ..size }
                });
                scaled.collect()
            }
        };
        let &[_, same, rows, columns] = sizes.as_slice() else { return Err(Reason::Missing("sizes")) };
        if same != channels {
            return Err(Reason::Shape("channels cannot be resized".to_owned()));
        }
        let place = node.word("coordinate_transformation_mode").unwrap_or_else(|| "half_pixel".to_owned());
        let corners = place == "align_corners";
        let mode = match node.word("mode").as_deref().unwrap_or("nearest") {
            "nearest" => {
                let rounding = node.word("nearest_mode").unwrap_or_else(|| "round_prefer_floor".to_owned());
                // With whole factors, pixel centres fall between the places where the ways of rounding differ.
                let whole_factor = rows.divided(height).is_some() && columns.divided(width).is_some();
                let is_plain = place == "asymmetric" && rounding == "floor"
                    || whole_factor && place == "half_pixel" && rounding.starts_with("round");
                if !is_plain {
                    return Err(Reason::Attribute { name: "nearest_mode", value: format!("{rounding} with {place}") });
                }
                "nearest"
            }
            "linear" if corners || place == "half_pixel" || place == "pytorch_half_pixel" => "bilinear",
            mode => return Err(Reason::Attribute { name: "mode", value: format!("{mode} with {place}") }),
        };
        let word = |word: &str| Literal::Word(word.to_owned());
        let arguments = vec![
            Argument::optional("size", Literal::pair([rows.value, columns.value]), Literal::Flag(false)),
            Argument::optional("mode", word(mode), word("nearest")),
            Argument::optional("align_corners", Literal::Flag(corners), Literal::Flag(false)),
        ];
        Ok(self.call("upsample", x, arguments, vec![batch, channels, rows, columns]))
    }
}

fn from_1() -> Argument {
    Argument::optional("from", Literal::Whole(1), Literal::Whole(1))
}

/// The sizes of a shape, the one with the batch as what is left over.
fn sizes(shape: &[Size]) -> Literal {
    let size = |size: &Size| Literal::Whole(if size.per_sample { -1 } else { size.value });
    Literal::List(shape.iter().map(size).collect())
}

/// The shape after dimensions of one element were taken out or put in.
pub(super) fn squeezed(node: &Node<'_>, inputs: &[Value], shape: &[Size]) -> Result<Vec<Size>, Reason> {
    let axes = match (node.integers("axes"), inputs.get(1)) {
        (Some(axes), _) => Some(axes.to_vec()),
        (None, Some(Value::Constant(_))) => Some(wholes(inputs, 1, "axes")?),
        _ => None,
    };
    if node.operator() == "Squeeze" {
        let dims: Option<Vec<usize>> = axes
            .map(|axes| axes.iter().map(|axis| dimension(*axis, shape.len())).collect::<Result<_, _>>())
            .transpose()?;
        let goes = |dim: usize, size: Size| match &dims {
            Some(dims) => dims.contains(&dim),
            None => size == Size::ONE,
        };
        return Ok(shape.iter().enumerate().filter(|(dim, size)| !goes(*dim, **size)).map(|(_, size)| *size).collect());
    }
    let axes = axes.ok_or(Reason::Missing("axes"))?;
    let rank = shape.len() + axes.len();
    let dims: Vec<usize> = axes.iter().map(|axis| dimension(*axis, rank)).collect::<Result<_, _>>()?;
    let mut rest = shape.iter();
    let size = |dim: usize| if dims.contains(&dim) { Some(Size::ONE) } else { rest.next().copied() };
    (0..rank).map(size).collect::<Option<_>>().ok_or(Reason::Missing("axes"))
}
