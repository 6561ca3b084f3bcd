//! Activations as arithmetic: the sequences of [`parameternet_runtime::math`], which the kernels follow too.

use parameternet_runtime::math;

use super::build::Builder;
use super::{Lanes, Local, Operation, Statement};
use crate::op::activation::Activation;

/// Writes arithmetic on locals of one width behind each other.
struct Arithmetic<'b, 'p> {
    builder: &'b mut Builder<'p>,
    body: &'b mut Vec<Statement>,
    lanes: Lanes,
}

impl Builder<'_> {
    /// An activation of a local.
    pub fn activate(&mut self, activation: Activation, x: Local, lanes: Lanes, body: &mut Vec<Statement>) -> Local {
        let mut arithmetic = Arithmetic { builder: self, body, lanes };
        let a = &mut arithmetic;
        match activation {
            Activation::Identity => x,
            Activation::Relu => a.relu(x),
            Activation::Relu6 => a.relu6(x),
            Activation::LeakyRelu { slope } => {
                #[expect(clippy::cast_possible_truncation, reason = "kernels compute in f32")]
                let slope = a.constant(slope as f32);
                a.sloped(x, slope)
            }
            Activation::Sigmoid => a.sigmoid(x),
            Activation::HardSigmoid => a.hard_sigmoid(x),
            Activation::HardSwish => {
                let gate = a.hard_sigmoid(x);
                a.set(Operation::Multiply(x, gate))
            }
            Activation::Silu => {
                let divisor = a.one_plus_exp_of_negative(x);
                a.set(Operation::Divide(x, divisor))
            }
            Activation::GeluErf => a.gelu_erf(x),
            Activation::GeluTanh => a.gelu_tanh(x),
            Activation::Tanh => a.tanh(x),
        }
    }

    /// `x` where positive, else `slope * x`.
    pub fn prelu(&mut self, x: Local, slope: Local, lanes: Lanes, body: &mut Vec<Statement>) -> Local {
        Arithmetic { builder: self, body, lanes }.sloped(x, slope)
    }
}

impl Arithmetic<'_, '_> {
    fn set(&mut self, operation: Operation) -> Local {
        self.builder.set(self.body, self.lanes, operation)
    }

    fn constant(&mut self, value: f32) -> Local {
        self.set(Operation::Constant(value))
    }

    fn relu(&mut self, x: Local) -> Local {
        let zero = self.constant(0.0);
        self.set(Operation::Maximum(zero, x))
    }

    fn relu6(&mut self, x: Local) -> Local {
        let (positive, six) = (self.relu(x), self.constant(6.0));
        self.set(Operation::Minimum(six, positive))
    }

    fn sloped(&mut self, x: Local, slope: Local) -> Local {
        let zero = self.constant(0.0);
        let below = self.set(Operation::Multiply(slope, x));
        self.set(Operation::SelectGreater(x, zero, x, below))
    }

    fn hard_sigmoid(&mut self, x: Local) -> Local {
        let three = self.constant(3.0);
        let moved = self.set(Operation::Add(x, three));
        let (clamped, sixth) = (self.relu6(moved), self.constant(math::ONE_SIXTH));
        self.set(Operation::Multiply(clamped, sixth))
    }

    fn clamp(&mut self, low: f32, high: f32, x: Local) -> Local {
        let (low, high) = (self.constant(low), self.constant(high));
        let raised = self.set(Operation::Maximum(low, x));
        self.set(Operation::Minimum(high, raised))
    }

    /// By Horner's rule; coefficients from the highest power to the lowest.
    fn polynomial(&mut self, coefficients: &[f32], x: Local) -> Local {
        let mut value = None;
        for coefficient in coefficients {
            let coefficient = self.constant(*coefficient);
            value = Some(match value {
                None => coefficient,
                Some(value) => self.set(Operation::MultiplyAdd(value, x, coefficient)),
            });
        }
        value.unwrap_or(x)
    }

    fn one_plus_exp_of_negative(&mut self, x: Local) -> Local {
        let x = self.clamp(-math::EXP_HIGH, -math::EXP_LOW, x);
        let (magic, log2_e) = (self.constant(math::EXP_MAGIC), self.constant(-math::LOG2_E));
        let shifted = self.set(Operation::MultiplyAdd(x, log2_e, magic));
        let whole = self.set(Operation::Subtract(shifted, magic));
        let (high, low) = (self.constant(math::LN_2_HIGH), self.constant(math::LN_2_LOW));
        let rest = self.set(Operation::MultiplyAdd(whole, high, x));
        let rest = self.set(Operation::MultiplyAdd(whole, low, rest));
        let power = self.polynomial(&math::exp_coefficients(2.0, -1.0), rest);
        let scale = self.set(Operation::ShiftLeft(shifted, 23));
        let one = self.constant(1.0);
        self.set(Operation::MultiplyAdd(power, scale, one))
    }

    fn sigmoid(&mut self, x: Local) -> Local {
        let divisor = self.one_plus_exp_of_negative(x);
        let one = self.constant(1.0);
        self.set(Operation::Divide(one, divisor))
    }

    fn gelu_tanh(&mut self, x: Local) -> Local {
        let square = self.set(Operation::Multiply(x, x));
        let (cubic, linear) = (self.constant(math::GELU_TANH_CUBIC), self.constant(math::GELU_TANH_LINEAR));
        let slope = self.set(Operation::MultiplyAdd(square, cubic, linear));
        let product = self.set(Operation::Multiply(x, slope));
        let divisor = self.one_plus_exp_of_negative(product);
        self.set(Operation::Divide(x, divisor))
    }

    fn tanh(&mut self, x: Local) -> Local {
        let x = self.clamp(-math::TANH_HIGH, math::TANH_HIGH, x);
        self.odd_rational(&math::TANH_NUMERATOR, &math::TANH_DENOMINATOR, x)
    }

    fn gelu_erf(&mut self, x: Local) -> Local {
        let limited = self.clamp(-math::GELU_HIGH, math::GELU_HIGH, x);
        let half_erf = self.odd_rational(&math::GELU_NUMERATOR, &math::GELU_DENOMINATOR, limited);
        let (low, half) = (self.constant(-math::GELU_HIGH), self.constant(0.5));
        let (raised, share) = (self.set(Operation::Maximum(low, x)), self.set(Operation::Add(half_erf, half)));
        self.set(Operation::Multiply(raised, share))
    }

    /// `x * numerator(x²) / denominator(x²)`
    fn odd_rational(&mut self, numerator: &[f32], denominator: &[f32], x: Local) -> Local {
        let square = self.set(Operation::Multiply(x, x));
        let over = self.polynomial(numerator, square);
        let over = self.set(Operation::Multiply(over, x));
        let under = self.polynomial(denominator, square);
        self.set(Operation::Divide(over, under))
    }
}
