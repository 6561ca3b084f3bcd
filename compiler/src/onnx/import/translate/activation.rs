//! Activations, as operators of their own and as arithmetic.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI};

use super::arithmetic::near;
use super::{Translator, Value, constant, optional};
use crate::onnx::import::error::Reason;
use crate::onnx::import::flow::{Argument, Literal, Operand, Operation, StepId, Weight};
use crate::onnx::import::node::Node;

impl Translator<'_> {
    /// What is a function of each element, softmax, and all that is known as a part of these alone.
    pub(super) fn activation(&mut self, node: &Node<'_>, inputs: &[Value]) -> Result<Vec<Value>, Reason> {
        let operator = node.operator();
        let x = match inputs.first() {
            Some(Value::Step(step)) => *step,
            _ if super::is_known(operator) => self.operand(inputs, 0, "input")?,
            _ => return Err(Reason::Operator),
        };
        let step = match operator {
            "Relu" => self.function("relu", x),
            "Sigmoid" => self.function("sigmoid", x),
            "Tanh" => self.function("tanh", x),
            "HardSwish" => self.function("hard_swish", x),
            "HardSigmoid" => {
                let (alpha, beta) = (node.number_or("alpha", 0.2), node.number_or("beta", 0.5));
                if !near(alpha, 1.0 / 6.0) || !near(beta, 0.5) {
                    return Err(Reason::Attribute { name: "alpha", value: alpha.to_string() });
                }
                self.function("hard_sigmoid", x)
            }
            "Swish" => {
                let alpha = node.number_or("alpha", 1.0);
                if alpha != 1.0 {
                    return Err(Reason::Attribute { name: "alpha", value: alpha.to_string() });
                }
                self.function("silu", x)
            }
            "Gelu" => {
                let form = node.word("approximate").unwrap_or_else(|| "none".to_owned());
                self.gelu(x, form == "tanh")
            }
            "LeakyRelu" => {
                let slope = Literal::Number(node.number_or("alpha", 0.01));
                let shape = self.shape(x);
                self.call("leaky_relu", x, vec![Argument::optional("slope", slope, Literal::Number(0.01))], shape)
            }
            "PRelu" => self.prelu(x, inputs)?,
            "Softmax" => self.softmax(node, x)?,
            "Clip" | "Min" | "Max" => self.clip(node, x, inputs)?,
            "Erf" => self.part("Erf", "gelu", x),
            "Sqrt" => self.part("Sqrt", "a normalisation", x),
            _ => return Err(Reason::Operator),
        };
        Ok(vec![Value::Step(step)])
    }

    fn function(&mut self, name: &'static str, x: StepId) -> StepId {
        let shape = self.shape(x);
        self.call(name, x, Vec::new(), shape)
    }

    fn part(&mut self, name: &'static str, whole: &'static str, x: StepId) -> StepId {
        let shape = self.shape(x);
        self.push(Operation::Part(name, whole), vec![Operand::Step(x)], Vec::new(), shape, Vec::new())
    }

    fn gelu(&mut self, x: StepId, tanh: bool) -> StepId {
        let form = |tanh: bool| Literal::Word(if tanh { "tanh" } else { "erf" }.to_owned());
        let shape = self.shape(x);
        self.call("gelu", x, vec![Argument::optional("form", form(tanh), form(false))], shape)
    }

    fn prelu(&mut self, x: StepId, inputs: &[Value]) -> Result<StepId, Reason> {
        let slopes = constant(inputs, 1, "slope")?;
        let shape = self.shape(x);
        let channels = shape.get(1).and_then(|size| usize::try_from(size.value).ok()).unwrap_or(0);
        let slopes = if slopes.len() == 1 {
            slopes.reshaped(vec![1]).and_then(|slope| slope.expanded(&[channels]))
        } else {
            slopes.reshaped(vec![channels])
        };
        let slopes = slopes.ok_or_else(|| Reason::Shape("slopes that are not one a channel".to_owned()))?;
        let weights = vec![Weight::new("weight", &slopes)];
        Ok(self.push(Operation::Call("prelu"), vec![Operand::Step(x)], Vec::new(), shape, weights))
    }

    fn softmax(&mut self, node: &Node<'_>, x: StepId) -> Result<StepId, Reason> {
        let shape = self.shape(x);
        // Before version 13, all dimensions from the axis on are one.
        let default = if node.opset < 13 { 1 } else { -1 };
        let dim = super::dimension(node.integer_or("axis", default), shape.len())?;
        if node.opset < 13 && dim + 1 != shape.len() {
            return Err(Reason::Attribute { name: "axis", value: dim.to_string() });
        }
        let last = Literal::Whole(-1);
        let dim = if dim + 1 == shape.len() { last.clone() } else { Literal::whole(dim) };
        Ok(self.call("softmax", x, vec![Argument::optional("dim", dim, last)], shape))
    }

    /// Elements held between two numbers: `relu`, `relu6`, or a part of something.
    fn clip(&mut self, node: &Node<'_>, x: StepId, inputs: &[Value]) -> Result<StepId, Reason> {
        let number = |place: usize| match optional(inputs, place, "bound")? {
            Some(bound) => bound.number().map(Some).ok_or(Reason::Computed("bound")),
            None => Ok(None),
        };
        let (low, high) = match node.operator() {
            "Max" => (number(1)?, None),
            "Min" => (None, number(1)?),
            _ if node.opset < 11 => (Some(node.number_or("min", f32::MIN)), Some(node.number_or("max", f32::MAX))),
            _ => (number(1)?, number(2)?),
        };
        let is_open = |bound: Option<f64>| bound.is_none_or(|bound| bound.abs() >= 3.0e38);
        // `min(max(x, 0), 6)`
        if is_open(low)
            && high == Some(6.0)
            && let Some(inner) = self.is_call(x, "relu").and_then(|step| step.first())
        {
            return Ok(self.function("relu6", inner));
        }
        Ok(match (low, high) {
            (Some(0.0), high) if is_open(high) => self.function("relu", x),
            (Some(0.0), Some(6.0)) => self.function("relu6", x),
            (Some(0.0), Some(1.0)) => {
                let inner = self.shifted(x).filter(|(_, shift)| near(*shift, 0.5));
                match inner.and_then(|(inner, _)| self.scaled(inner)).filter(|(_, scale)| near(*scale, 1.0 / 6.0)) {
                    Some((inner, _)) => self.function("hard_sigmoid", inner),
                    None => self.part("Clip", "an activation", x),
                }
            }
            (low, high) if is_open(low) && is_open(high) => x,
            _ => self.part("Clip", "an activation", x),
        })
    }

    /// The activation that a product is.
    pub(super) fn activation_of(&mut self, product: StepId) -> Option<StepId> {
        // `relu6(x + 3) / 6`
        if let Some((inner, scale)) = self.scaled(product)
            && near(scale, 1.0 / 6.0)
            && let Some(x) = self.hinge(inner)
        {
            return Some(self.function("hard_sigmoid", x));
        }
        let (_, factors) = self.factors(product, &[]);
        let (name, x) = factors.into_iter().find_map(|gate| {
            let (name, x, coefficient) = self.gate(gate)?;
            // The tensor that is gated may itself be a product.
            let (found, mut factors) = self.factors(product, &[x, gate]);
            factors.sort_unstable();
            let (first, second) = (x.min(gate), x.max(gate));
            (factors == [first, second] && near(found, coefficient)).then_some((name, x))
        })?;
        Some(match name {
            "gelu" => self.gelu(x, false),
            "gelu_tanh" => self.gelu(x, true),
            name => self.function(name, x),
        })
    }

    /// What a tensor is the gate of: the activation, what it gates, and the number that their product is multiplied by.
    fn gate(&self, gate: StepId) -> Option<(&'static str, StepId, f64)> {
        for (of, name) in [("sigmoid", "silu"), ("hard_sigmoid", "hard_swish")] {
            if let Some(step) = self.is_call(gate, of) {
                return Some((name, step.first()?, 1.0));
            }
        }
        if let Some(x) = self.hinge(gate) {
            return Some(("hard_swish", x, 1.0 / 6.0));
        }
        let (inner, one) = self.shifted(gate)?;
        let step = self.step(inner).filter(|_| near(one, 1.0))?;
        if step.operation == Operation::Part("Erf", "gelu") {
            let (x, scale) = self.scaled(step.first()?)?;
            return near(scale, FRAC_1_SQRT_2).then_some(("gelu", x, 0.5));
        }
        if step.is("tanh") {
            return Some(("gelu_tanh", self.within_tanh(step.first()?)?, 0.5));
        }
        None
    }

    /// A product as a number and tensors, of which these are not taken apart.
    fn factors(&self, product: StepId, whole: &[StepId]) -> (f64, Vec<StepId>) {
        /// More factors than any activation has.
        const MANY: usize = 8;
        let (mut coefficient, mut factors, mut open) = (1.0, Vec::new(), vec![product]);
        while let Some(id) = open.pop() {
            if whole.contains(&id) {
                factors.push(id);
            } else if let Some((x, factor)) = self.scaled(id) {
                coefficient *= factor;
                open.push(x);
            } else if let Some((x, y)) = self.both(id, '*').filter(|_| factors.len() + open.len() < MANY) {
                open.extend([x, y]);
            } else {
                factors.push(id);
            }
        }
        (coefficient, factors)
    }

    /// The `x` of `relu6(x + 3)`.
    fn hinge(&self, id: StepId) -> Option<StepId> {
        let inner = self.is_call(id, "relu6")?.first()?;
        self.shifted(inner).filter(|(_, shift)| *shift == 3.0).map(|(x, _)| x)
    }

    /// The `x` of `sqrt(2 / pi) * (x + 0.044715 * x³)`.
    fn within_tanh(&self, argument: StepId) -> Option<StepId> {
        let (sum, _) = self.scaled(argument).filter(|(_, scale)| near(*scale, FRAC_2_PI.sqrt()))?;
        let (left, right) = self.both(sum, '+')?;
        [(left, right), (right, left)].into_iter().find_map(|(x, cube)| {
            let (cube, small) = self.scaled(cube)?;
            (near(small, 0.044_715) && self.is_cube(cube, x)).then_some(x)
        })
    }

    fn is_cube(&self, cube: StepId, x: StepId) -> bool {
        let power = [Operand::Step(x), Operand::Number(3.0)];
        if self.step(cube).is_some_and(|step| step.operands == power) {
            return true;
        }
        let (coefficient, factors) = self.factors(cube, &[x]);
        near(coefficient, 1.0) && factors.len() == 3 && factors.iter().all(|factor| *factor == x)
    }
}
