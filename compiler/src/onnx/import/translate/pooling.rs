//! Pooling and means.

use super::convolution::{Padding, Window};
use super::{Translator, Value, dimension};
use crate::onnx::import::error::Reason;
use crate::onnx::import::flow::{Argument, Literal, Operation, StepId};
use crate::onnx::import::node::Node;
use crate::onnx::import::size::Size;

impl Translator<'_> {
    pub(super) fn pooling(&mut self, node: &Node<'_>, inputs: &[Value]) -> Result<Vec<Value>, Reason> {
        let x = self.operand(inputs, 0, "input")?;
        let step = match node.operator() {
            "GlobalAveragePool" => self.global_average(x)?,
            "ReduceMean" => self.mean(node, x, inputs)?,
            operator => self.windows(node, x, operator == "MaxPool")?,
        };
        Ok(vec![Value::Step(step)])
    }

    fn global_average(&mut self, x: StepId) -> Result<StepId, Reason> {
        let [batch, channels, _, _] = self.image(x)?;
        Ok(self.call("global_avg_pool", x, Vec::new(), vec![batch, channels, Size::ONE, Size::ONE]))
    }

    fn mean(&mut self, node: &Node<'_>, x: StepId, inputs: &[Value]) -> Result<StepId, Reason> {
        let shape = self.shape(x);
        let axes = match (node.integers("axes"), inputs.get(1)) {
            (Some(axes), _) => axes.to_vec(),
            (None, Some(Value::Constant(_))) => super::wholes(inputs, 1, "axes")?,
            _ => return Err(Reason::Missing("axes")),
        };
        let mut dims: Vec<usize> = axes.iter().map(|axis| dimension(*axis, shape.len())).collect::<Result<_, _>>()?;
        dims.sort_unstable();
        let keep = node.integer_or("keepdims", 1) != 0;
        if keep && dims == [2, 3] && shape.len() == 4 {
            return self.global_average(x);
        }
        let kept = shape.iter().enumerate().filter_map(|(dim, size)| match (dims.contains(&dim), keep) {
            (false, _) => Some(*size),
            (true, true) => Some(Size::ONE),
            (true, false) => None,
        });
        let kept = kept.collect();
        let list = match dims.as_slice() {
            [dim] => Literal::whole(*dim),
            dims => Literal::List(dims.iter().map(|dim| Literal::whole(*dim)).collect()),
        };
        let arguments = vec![
            Argument::required("dims", list),
            Argument::optional("keep", Literal::Flag(keep), Literal::Flag(false)),
        ];
        Ok(self.call("mean", x, arguments, kept))
    }

    /// The tensor around which a step puts a border that no maximum takes, and how wide it is.
    fn border(&self, x: StepId) -> Option<(StepId, [i64; 4])> {
        let step = self.step(x).filter(|step| step.operation == Operation::Part("Pad", "max_pool"))?;
        let Literal::List(sides) = step.argument("padding")? else { return None };
        let side = |place: usize| if let Some(Literal::Whole(side)) = sides.get(place) { Some(*side) } else { None };
        Some((step.first()?, [side(0)?, side(1)?, side(2)?, side(3)?]))
    }

    fn windows(&mut self, node: &Node<'_>, x: StepId, is_max: bool) -> Result<StepId, Reason> {
        let kernel = match node.integers("kernel_shape") {
            Some(&[height, width]) => [height, width],
            other => return Err(Reason::Attribute { name: "kernel_shape", value: format!("{other:?}") }),
        };
        let mut window = Window::of(node, kernel)?;
        let mut x = x;
        // Padding that is too wide for the operator is a border of its own.
        if let (true, Padding::Sides(sides), Some((inner, border))) = (is_max, window.padding, self.border(x)) {
            let [top, bottom, left, right] = sides;
            let [more_top, more_bottom, more_left, more_right] = border;
            window.padding =
                Padding::Sides([top + more_top, bottom + more_bottom, left + more_left, right + more_right]);
            x = inner;
        }
        if !is_max && window.dilation != [1, 1] {
            return Err(Reason::Attribute { name: "dilations", value: format!("{:?}", window.dilation) });
        }
        node.only("storage_order", 0)?;
        let [batch, channels, height, width] = self.image(x)?;
        let counts = !is_max && (node.flag("count_include_pad") || window.padding.is_none());
        let mut ceil = node.flag("ceil_mode");
        let sizes = window.outputs(height, width, ceil)?;
        // Where no element of the padding counts, what goes beyond it at the end need not be padding.
        if let Some(narrow) =
            window.narrowed().filter(|narrow| !counts && narrow.outputs(height, width, true) == Ok(sizes))
        {
            window = narrow;
            ceil = true;
        }
        let [height, width] = sizes;
        let mut arguments: Vec<Argument> =
            window.arguments(Literal::pair(kernel), Some(Literal::Whole(0))).into_iter().collect();
        // The kernel must be given, and an average knows no dilation.
        if let Some(kernel) = arguments.first_mut() {
            kernel.default = None;
        }
        if !is_max {
            arguments.pop();
            arguments.push(Argument::optional("count_padding", Literal::Flag(counts), Literal::Flag(true)));
        }
        if window.padding != Padding::Same {
            arguments.push(Argument::optional("ceil_mode", Literal::Flag(ceil), Literal::Flag(false)));
        }
        let name = if is_max { "max_pool" } else { "avg_pool" };
        Ok(self.call(name, x, arguments, vec![batch, channels, height, width]))
    }
}
