//! Convolutions and linear layers.

use super::{Translator, Value, constant, dynamic, optional};
use crate::onnx::import::constant::Constant;
use crate::onnx::import::error::Reason;
use crate::onnx::import::flow::{Argument, Literal, Operand, Operation, StepId, Weight};
use crate::onnx::import::node::Node;
use crate::onnx::import::size::Size;

/// The attributes of a sliding window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) kernel: [i64; 2],
    pub(super) stride: [i64; 2],
    pub(super) dilation: [i64; 2],
    pub(super) padding: Padding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    /// Top, bottom, left, right.
    Sides([i64; 4]),
    Same,
}

impl Window {
    pub(super) fn of(node: &Node<'_>, kernel: [i64; 2]) -> Result<Window, Reason> {
        let stride = node.pair("strides", 1)?;
        let dilation = node.pair("dilations", 1)?;
        let padding = match node.word("auto_pad").as_deref() {
            None | Some("NOTSET" | "") => match node.integers("pads") {
                None | Some([]) => Padding::Sides([0; 4]),
                // ONNX has all beginnings before all ends.
                Some(&[top, left, bottom, right]) => Padding::Sides([top, bottom, left, right]),
                Some(other) => return Err(Reason::Attribute { name: "pads", value: format!("{other:?}") }),
            },
            Some("VALID") => Padding::Sides([0; 4]),
            Some("SAME_UPPER") => Padding::Same,
            Some(other) => return Err(Reason::Attribute { name: "auto_pad", value: other.to_owned() }),
        };
        let sides = if let Padding::Sides(sides) = padding { sides } else { [0; 4] };
        let numbers = kernel.iter().chain(&stride).chain(&dilation);
        if numbers.copied().any(|number| !(1..=1 << 16).contains(&number))
            || sides.iter().any(|side| !(0..=1 << 16).contains(side))
        {
            return Err(Reason::Shape("a window with impossible sizes".to_owned()));
        }
        Ok(Window { kernel, stride, dilation, padding })
    }

    /// Rows and columns of the result.
    pub(super) fn outputs(&self, height: Size, width: Size, ceil: bool) -> Result<[Size; 2], Reason> {
        let Window { kernel: [kernel_height, kernel_width], stride, dilation, padding } = *self;
        let [top_bottom, left_right] = match padding {
            Padding::Sides([top, bottom, left, right]) => [[top, bottom], [left, right]],
            Padding::Same => [[0; 2]; 2],
        };
        let one = |size: Size, kernel: i64, stride: i64, dilation: i64, sides: [i64; 2]| {
            if padding == Padding::Same {
                return Some(Size::known((size.value + stride - 1) / stride));
            }
            let [before, after] = sides;
            let room = size.value + before + after - dilation * (kernel - 1) - 1;
            let steps = if ceil { (room + stride - 1).div_euclid(stride) } else { room / stride };
            // The last window must begin inside the image or the padding before it.
            let steps = if ceil && steps * stride >= size.value + before { steps - 1 } else { steps };
            (room >= 0).then(|| Size::known(steps + 1))
        };
        let [stride_height, stride_width] = stride;
        let [dilation_height, dilation_width] = dilation;
        match (
            one(height, kernel_height, stride_height, dilation_height, top_bottom),
            one(width, kernel_width, stride_width, dilation_width, left_right),
        ) {
            (Some(height), Some(width)) => Ok([height, width]),
            _ => Err(Reason::Shape("a window larger than its input".to_owned())),
        }
    }

    /// The window with no more padding at the end than the language has, where there is more.
    pub(super) fn narrowed(&self) -> Option<Window> {
        let Padding::Sides([top, bottom, left, right]) = self.padding else { return None };
        let [height, width] = self.kernel;
        let [tall, wide] = self.dilation;
        let half = |kernel: i64, dilation: i64| ((kernel - 1) * dilation + 1) / 2;
        let sides = [top, bottom.min(half(height, tall)), left, right.min(half(width, wide))];
        (Padding::Sides(sides) != self.padding).then_some(Window { padding: Padding::Sides(sides), ..*self })
    }

    /// The arguments that say so; `padding` is what there is by default.
    pub(super) fn arguments(&self, stride: Literal, padding: Option<Literal>) -> [Argument; 4] {
        let one = || Literal::Whole(1);
        let own = match self.padding {
            Padding::Same => Literal::Word("same".to_owned()),
            Padding::Sides([top, bottom, left, right]) if top == bottom && left == right => Literal::pair([top, left]),
            Padding::Sides(sides) => Literal::wholes(&sides),
        };
        // Something that no padding is, where no whole number is the default.
        let default = padding.unwrap_or(Literal::Flag(false));
        [
            Argument::optional("kernel", Literal::pair(self.kernel), one()),
            Argument::optional("stride", Literal::pair(self.stride), stride),
            Argument::optional("padding", own, default),
            Argument::optional("dilation", Literal::pair(self.dilation), one()),
        ]
    }

    /// The default of a convolution's padding: as many zeros as keep the size at a stride of 1.
    fn keeping(&self) -> Option<Literal> {
        let [height, width] = self.kernel;
        let [tall, wide] = self.dilation;
        let [height, width] = [(height - 1) * tall, (width - 1) * wide];
        (height % 2 == 0 && width % 2 == 0).then(|| Literal::pair([height / 2, width / 2]))
    }
}

/// The arguments of a convolution, whether its filters are mixed or not.
pub(super) fn arguments(out: i64, window: &Window, groups: i64, bias: bool) -> Vec<Argument> {
    let mut arguments = vec![Argument::required("out", Literal::Whole(out))];
    arguments.extend(window.arguments(Literal::Whole(1), window.keeping()));
    arguments.push(Argument::optional("groups", Literal::Whole(groups), Literal::Whole(1)));
    arguments.push(Argument::optional("bias", Literal::Flag(bias), Literal::Flag(false)));
    arguments
}

impl Translator<'_> {
    pub(super) fn conv(&mut self, node: &Node<'_>, inputs: &[Value]) -> Result<Vec<Value>, Reason> {
        let groups = node.integer_or("group", 1);
        if let Some(Value::Step(filters)) = inputs.get(1) {
            return self.dynamic_conv(node, inputs, *filters, groups);
        }
        let weight = constant(inputs, 1, "weight")?;
        let &[out, channels_per_group, height, width] = weight.shape.as_slice() else {
            let shape = &weight.shape;
            return Err(Reason::Shape(format!("a weight of shape {shape:?}; only images are convolved")));
        };
        let x = self.operand(inputs, 0, "input")?;
        let [batch, channels, rows, columns] = self.image(x)?;
        let [out, channels_per_group, height, width] = [out, channels_per_group, height, width].map(super::whole);
        if channels_per_group.checked_mul(groups) != Some(channels.value) {
            return Err(Reason::Shape(format!(
                "{} channels for {groups} groups of {channels_per_group}",
                channels.value
            )));
        }
        let window = Window::of(node, [height, width])?;
        let bias = optional(inputs, 2, "bias")?;
        let [rows, columns] = window.outputs(rows, columns, false)?;
        let mut weights = vec![Weight::new("weight", weight)];
        weights.extend(bias.map(|bias| Weight::new("bias", bias)));
        let arguments = arguments(out, &window, groups, bias.is_some());
        let shape = vec![batch, Size::known(out), rows, columns];
        let step = self.push(Operation::Call("conv"), vec![Operand::Step(x)], arguments, shape, weights);
        Ok(vec![Value::Step(step)])
    }

    fn dynamic_conv(
        &mut self,
        node: &Node<'_>,
        inputs: &[Value],
        filters: StepId,
        groups: i64,
    ) -> Result<Vec<Value>, Reason> {
        let biases = match inputs.get(2) {
            Some(Value::Step(step)) => Some(*step),
            Some(Value::Constant(_)) => return Err(Reason::Shape("one bias for mixed filters".to_owned())),
            _ => None,
        };
        let x = self.operand(inputs, 0, "input")?;
        dynamic::convolution(self, node, x, filters, biases, groups).map(|step| vec![Value::Step(step)])
    }

    pub(super) fn gemm(&mut self, node: &Node<'_>, inputs: &[Value]) -> Result<Vec<Value>, Reason> {
        node.only("transA", 0)?;
        for name in ["alpha", "beta"] {
            let factor = node.number_or(name, 1.0);
            if factor != 1.0 {
                return Err(Reason::Attribute { name, value: factor.to_string() });
            }
        }
        let x = self.operand(inputs, 0, "input")?;
        let weight = constant(inputs, 1, "weight")?;
        let weight = if node.flag("transB") {
            Some(Weight::new("weight", weight))
        } else {
            Weight::transposed("weight", weight)
        };
        let bias = optional(inputs, 2, "bias")?.cloned();
        let step = self.linear(x, weight.ok_or(Reason::Missing("weight"))?, bias.as_ref())?;
        Ok(vec![Value::Step(step)])
    }

    pub(super) fn matmul(&mut self, inputs: &[Value]) -> Result<Vec<Value>, Reason> {
        if let Some(Value::Constant(weight)) = inputs.get(1)
            && let Some(weight) = Weight::transposed("weight", weight)
        {
            let x = self.operand(inputs, 0, "input")?;
            return Ok(vec![Value::Step(self.linear(x, weight, None)?)]);
        }
        let (x, y) = (self.operand(inputs, 0, "left factor")?, self.operand(inputs, 1, "right factor")?);
        let (left, right) = (self.shape(x), self.shape(y));
        let fails = || {
            let (left, right) = (super::show(&left), super::show(&right));
            Reason::Shape(format!("matrices of shapes {left} and {right}"))
        };
        let ([stack @ .., rows, inner], [other @ .., same, columns]) = (left.as_slice(), right.as_slice()) else {
            return Err(fails());
        };
        let mut shape = super::arithmetic::broadcast(stack, other).filter(|_| inner == same).ok_or_else(fails)?;
        shape.extend([*rows, *columns]);
        if let Some(step) = self.attention(x, y, &shape) {
            return Ok(vec![Value::Step(step)]);
        }
        let operands = vec![Operand::Step(x), Operand::Step(y)];
        Ok(vec![Value::Step(self.push(Operation::Call("matmul"), operands, Vec::new(), shape, Vec::new()))])
    }

    /// A linear layer over the last dimension. The weight is [out, features].
    pub(super) fn linear(&mut self, x: StepId, weight: Weight, bias: Option<&Constant>) -> Result<StepId, Reason> {
        let shape = self.shape(x);
        let (Some((last, rest)), &[out, features]) = (shape.split_last(), weight.shape.as_slice()) else {
            return Err(Reason::Shape(format!("a weight of shape {:?}", weight.shape)));
        };
        if *last != Size::known(super::whole(features)) {
            return Err(Reason::Shape(format!("{} for {features} features", super::show(&shape))));
        }
        let mut weights = vec![weight];
        if let Some(bias) = bias {
            let bias = if bias.len() == 1 { bias.expanded(&[out]) } else { bias.reshaped(vec![out]) };
            weights.push(Weight::new("bias", &bias.ok_or_else(|| Reason::Shape("a bias of another size".to_owned()))?));
        }
        let arguments = vec![
            Argument::required("out", Literal::whole(out)),
            Argument::optional("bias", Literal::Flag(bias.is_some()), Literal::Flag(true)),
        ];
        let shape = [rest, &[Size::known(super::whole(out))]].concat();
        Ok(self.push(Operation::Call("linear"), vec![Operand::Step(x)], arguments, shape, weights))
    }

    /// `x + bias` as a part of the layer that computes `x`, if it is one without a bias.
    pub(super) fn with_bias(&mut self, x: StepId, bias: &Constant) -> Option<StepId> {
        let step = self.step(x)?;
        let channels = match step.operation {
            Operation::Call("linear") => step.shape.len().checked_sub(1)?,
            Operation::Call("conv") => 1,
            _ => return None,
        };
        if step.weight("bias").is_some() {
            return None;
        }
        let out = usize::try_from(step.shape.get(channels)?.fixed()?).ok()?;
        // One number per channel, and along the channels.
        let place = (bias.shape.len() + channels).checked_sub(step.shape.len())?;
        if bias.len() != out || bias.shape.get(place) != Some(&out) {
            return None;
        }
        let bias = bias.reshaped(vec![out])?;
        let mut step = step.clone();
        step.arguments
            .iter_mut()
            .filter(|argument| argument.name == "bias")
            .for_each(|argument| argument.value = Literal::Flag(true));
        step.weights.push(Weight::new("bias", &bias));
        self.steps.push(step);
        Some(StepId(self.steps.len() - 1))
    }
}
