//! Activations as kernels know them, and what they are called in dumps.

use parameternet_runtime::abi::{ActivationCode, ActivationShape};

use crate::op::activation::Activation;

/// The activation as kernels know it.
#[must_use]
pub(super) fn activation_shape(activation: Activation) -> ActivationShape {
    let code = match activation {
        Activation::Identity => ActivationCode::Identity,
        Activation::Relu => ActivationCode::Relu,
        Activation::Relu6 => ActivationCode::Relu6,
        Activation::LeakyRelu { .. } => ActivationCode::LeakyRelu,
        Activation::Sigmoid => ActivationCode::Sigmoid,
        Activation::HardSigmoid => ActivationCode::HardSigmoid,
        Activation::HardSwish => ActivationCode::HardSwish,
        Activation::Silu => ActivationCode::Silu,
        Activation::GeluErf => ActivationCode::GeluErf,
        Activation::GeluTanh => ActivationCode::GeluTanh,
        Activation::Tanh => ActivationCode::Tanh,
    };
    #[expect(clippy::cast_possible_truncation, reason = "kernels compute in f32")]
    let slope = if let Activation::LeakyRelu { slope } = activation { slope as f32 } else { 0.0 };
    ActivationShape { code, slope }
}

/// What an activation of a kernel is called in dumps.
#[must_use]
pub(super) fn activation_name(shape: ActivationShape) -> String {
    match shape.code {
        ActivationCode::Identity => "identity".to_owned(),
        ActivationCode::Relu => "relu".to_owned(),
        ActivationCode::Relu6 => "relu6".to_owned(),
        ActivationCode::LeakyRelu => format!("leaky_relu(slope={:?})", shape.slope),
        ActivationCode::Sigmoid => "sigmoid".to_owned(),
        ActivationCode::HardSigmoid => "hard_sigmoid".to_owned(),
        ActivationCode::HardSwish => "hard_swish".to_owned(),
        ActivationCode::Silu => "silu".to_owned(),
        ActivationCode::GeluErf => "gelu".to_owned(),
        ActivationCode::GeluTanh => "gelu(form=tanh)".to_owned(),
        ActivationCode::Tanh => "tanh".to_owned(),
    }
}
