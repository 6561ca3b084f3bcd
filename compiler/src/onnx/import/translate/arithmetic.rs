//! Sums, products, and what they are parts of.

use super::{Translator, Value};
use crate::onnx::import::constant::Constant;
use crate::onnx::import::error::Reason;
use crate::onnx::import::flow::{Argument, Literal, Operand, Operation, StepId};
use crate::onnx::import::size::{Size, show};

/// The shape of an operation on two tensors, by NumPy's rule.
pub(super) fn broadcast(left: &[Size], right: &[Size]) -> Option<Vec<Size>> {
    let rank = left.len().max(right.len());
    let size = |shape: &[Size], dim: usize| match (dim + shape.len()).checked_sub(rank) {
        Some(place) => shape.get(place).copied().unwrap_or(Size::ONE),
        None => Size::ONE,
    };
    let both = (0..rank).map(|dim| match (size(left, dim), size(right, dim)) {
        (left, right) if left == right || right == Size::ONE => Some(left),
        (Size::ONE, right) => Some(right),
        _ => None,
    });
    both.collect()
}

/// Whether two numbers are the same but for how models round them.
pub(super) fn near(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-5 * right.abs()
}

impl Translator<'_> {
    pub(super) fn arithmetic(&mut self, operator: &str, inputs: &[Value]) -> Result<Vec<Value>, Reason> {
        let step = match operator {
            "Neg" => {
                let x = self.operand(inputs, 0, "input")?;
                self.by_number('*', x, -1.0)
            }
            "Pow" => return self.power(inputs),
            "Sum" => {
                let mut sum = self.operand(inputs, 0, "input")?;
                for place in 1..inputs.len() {
                    let next = self.operand(inputs, place, "input")?;
                    sum = self.infix('+', sum, next)?;
                }
                sum
            }
            _ => {
                let symbol = match operator {
                    "Add" => '+',
                    "Sub" => '-',
                    "Mul" => '*',
                    _ => '/',
                };
                self.binary(symbol, inputs)?
            }
        };
        Ok(vec![Value::Step(step)])
    }

    fn power(&mut self, inputs: &[Value]) -> Result<Vec<Value>, Reason> {
        let x = self.operand(inputs, 0, "base")?;
        let exponent = super::constant(inputs, 1, "exponent")?.number().ok_or(Reason::Computed("exponent"))?;
        if exponent == 2.0 {
            return Ok(vec![Value::Step(self.infix('*', x, x)?)]);
        }
        let shape = self.shape(x);
        let operands = vec![Operand::Step(x), Operand::Number(exponent)];
        let step = self.push(Operation::Part("Pow", "an activation"), operands, Vec::new(), shape, Vec::new());
        Ok(vec![Value::Step(step)])
    }

    fn binary(&mut self, symbol: char, inputs: &[Value]) -> Result<StepId, Reason> {
        match inputs {
            [Value::Step(x), Value::Constant(constant)] => self.with_constant(symbol, *x, &constant.clone(), false),
            [Value::Constant(constant), Value::Step(x)] => self.with_constant(symbol, *x, &constant.clone(), true),
            _ => {
                let (x, y) = (self.operand(inputs, 0, "left operand")?, self.operand(inputs, 1, "right operand")?);
                match symbol {
                    '*' => self.product(x, y),
                    _ => self.infix(symbol, x, y),
                }
            }
        }
    }

    /// A tensor and a constant, which stands on the left if it is `first`.
    fn with_constant(&mut self, symbol: char, x: StepId, constant: &Constant, first: bool) -> Result<StepId, Reason> {
        let is_commutative = matches!(symbol, '+' | '*');
        if let Some(number) = constant.number().filter(|_| constant.shape.len() <= self.shape(x).len()) {
            if first && !is_commutative {
                let shape = self.shape(x);
                let operands = vec![Operand::Number(number), Operand::Step(x)];
                return Ok(self.push(Operation::Infix(symbol), operands, Vec::new(), shape, Vec::new()));
            }
            return Ok(self.by_number(symbol, x, number));
        }
        if symbol == '+'
            && let Some(step) = self.with_bias(x, constant).or_else(|| self.affine(x, constant))
        {
            return Ok(step);
        }
        let y = self.param(constant)?;
        match (first && !is_commutative, symbol) {
            (true, _) => self.infix(symbol, y, x),
            (false, _) => self.infix(symbol, x, y),
        }
    }

    /// A tensor and a number, or an activation that ends with that.
    fn by_number(&mut self, symbol: char, x: StepId, number: f64) -> StepId {
        let is_nothing = match symbol {
            '+' | '-' => number == 0.0,
            _ => number == 1.0,
        };
        if is_nothing {
            return x;
        }
        let (symbol, number) = match symbol {
            '+' if number < 0.0 => ('-', -number),
            '-' if number < 0.0 => ('+', -number),
            _ => (symbol, number),
        };
        let shape = self.shape(x);
        let operands = vec![Operand::Step(x), Operand::Number(number)];
        let step = self.push(Operation::Infix(symbol), operands, Vec::new(), shape, Vec::new());
        if matches!(symbol, '*' | '/') { self.activation_of(step).unwrap_or(step) } else { step }
    }

    fn product(&mut self, x: StepId, y: StepId) -> Result<StepId, Reason> {
        let step = self.infix('*', x, y)?;
        Ok(self.activation_of(step).unwrap_or(step))
    }

    pub(super) fn infix(&mut self, symbol: char, x: StepId, y: StepId) -> Result<StepId, Reason> {
        let (left, right) = (self.shape(x), self.shape(y));
        let shape = broadcast(&left, &right)
            .ok_or_else(|| Reason::Shape(format!("operands of shapes {} and {}", show(&left), show(&right))))?;
        let operands = vec![Operand::Step(x), Operand::Step(y)];
        Ok(self.push(Operation::Infix(symbol), operands, Vec::new(), shape, Vec::new()))
    }

    /// The tensor that a step multiplies by a number, and the number.
    pub(super) fn scaled(&self, id: StepId) -> Option<(StepId, f64)> {
        let step = self.step(id)?;
        match (step.operation, step.operands.as_slice()) {
            (Operation::Infix('*'), &[Operand::Step(x), Operand::Number(number)]) => Some((x, number)),
            (Operation::Infix('/'), &[Operand::Step(x), Operand::Number(number)]) if number != 0.0 => {
                Some((x, 1.0 / number))
            }
            _ => None,
        }
    }

    /// The tensor that a step adds a number to, and the number.
    pub(super) fn shifted(&self, id: StepId) -> Option<(StepId, f64)> {
        let step = self.step(id)?;
        match (step.operation, step.operands.as_slice()) {
            (Operation::Infix('+'), &[Operand::Step(x), Operand::Number(number)]) => Some((x, number)),
            (Operation::Infix('-'), &[Operand::Step(x), Operand::Number(number)]) => Some((x, -number)),
            _ => None,
        }
    }

    /// The two tensors of a sum or product.
    pub(super) fn both(&self, id: StepId, symbol: char) -> Option<(StepId, StepId)> {
        let step = self.step(id)?;
        match (step.operation, step.operands.as_slice()) {
            (Operation::Infix(found), &[Operand::Step(x), Operand::Step(y)]) if found == symbol => Some((x, y)),
            _ => None,
        }
    }

    /// Attention, if this product of two matrices is the last one of it: `softmax(q · kᵀ · scale) · v`.
    pub(super) fn attention(&mut self, weights: StepId, v: StepId, shape: &[Size]) -> Option<StepId> {
        let softmax = self.is_call(weights, "softmax")?;
        if softmax.arguments.iter().any(|argument| !argument.is_default()) {
            return None;
        }
        let mut scale = 1.0;
        let mut unscaled = |translator: &Self, id: StepId| match translator.scaled(id) {
            Some((x, factor)) => {
                scale *= factor;
                x
            }
            None => id,
        };
        let scores = unscaled(self, softmax.first()?);
        let product = self.is_call(scores, "matmul")?;
        let &[Operand::Step(q), Operand::Step(k)] = product.operands.as_slice() else { return None };
        let (q, k) = (unscaled(self, q), unscaled(self, k));
        let k = self.with_last_two_exchanged(k)?;
        let k = unscaled(self, k);
        let features = self.shape(q).last()?.fixed()?;
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let default = (features as f64).sqrt();
        let temperature = 1.0 / scale;
        if !temperature.is_finite() || temperature <= 0.0 {
            return None;
        }
        let temperature = if near(temperature, default) { default } else { temperature };
        let arguments = vec![Argument::optional("temperature", Literal::Number(temperature), Literal::Number(default))];
        let operands = [q, k, v].map(Operand::Step).to_vec();
        Some(self.push(Operation::Call("attention"), operands, arguments, shape.to_vec(), Vec::new()))
    }

    /// The tensor whose last two dimensions a step exchanges; made, where one permutation does more than that.
    fn with_last_two_exchanged(&mut self, id: StepId) -> Option<StepId> {
        let step = self.is_call(id, "permute")?;
        let x = step.first()?;
        let Literal::List(order) = step.argument("order")? else { return None };
        let mut order: Vec<usize> = order
            .iter()
            .map(|dim| match dim {
                Literal::Whole(dim) => usize::try_from(*dim).ok(),
                _ => None,
            })
            .collect::<Option<_>>()?;
        let last = order.len().checked_sub(1)?;
        order.swap(last, last.checked_sub(1)?);
        self.permuted(x, &order).ok()
    }
}
