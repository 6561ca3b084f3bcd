//! Convolutions, and the dynamic one: its coefficients and the mixture of its experts.

use super::activation;
use super::draft::{Draft, Step};
use super::writer::Job;
use crate::op::activation::Activation;
use crate::op::conv::Conv;
use crate::op::dynamic_conv::{DynamicConv, Form, Gate, Routing};

pub(super) fn conv(op: &Conv, job: &mut Job<'_, '_>) -> Step {
    let mut inputs = vec![job.input(0), job.weight(0)];
    if op.bias {
        inputs.push(job.weight(1));
    }
    convolution(op, inputs, op.groups).into()
}

fn convolution(op: &Conv, inputs: Vec<String>, groups: usize) -> Draft {
    let window = op.window;
    let conv = Draft::new("Conv", inputs).window(window.kernel, window.stride, window.dilation, window.padding);
    if groups == 1 { conv } else { conv.integer("group", groups) }
}

/// The image averaged, one or two linear layers, and the gate.
pub(super) fn routing(op: &Routing, job: &mut Job<'_, '_>) -> Step {
    let pool = Draft::new("GlobalAveragePool", [job.input(0)]);
    let pooled = job.emit("pool", pool);
    let features = job.emit("features", Draft::new("Flatten", [pooled]).integer("axis", 1));
    let layer = |inputs: Vec<String>| Draft::new("Gemm", inputs).integer("transB", 1);
    let scores = match op.form {
        Form::Mlp { hidden: _, activation: function } => {
            let first = layer(vec![features, job.weight(0)]);
            let middle = job.emit("fc1", first);
            let activated = activation::activation(function, middle, job);
            let middle = job.resolve(function.name(), activated);
            let second = layer(vec![middle, job.weight(1)]);
            job.emit("fc2", second)
        }
        Form::Linear => {
            let linear = layer(vec![features, job.weight(0), job.weight(1)]);
            job.emit("linear", linear)
        }
    };
    match op.gate {
        Gate::Softmax { temperature } => activation::softmax(scores, 1, temperature, job),
        Gate::Sigmoid => activation::activation(Activation::Sigmoid, scores, job),
    }
}

/// The experts, one a row, are mixed by one matrix product with the coefficients of all samples. Then each sample is
/// convolved with its own filters: several samples stand side by side as groups of one convolution.
pub(super) fn dynamic_conv(op: &DynamicConv, job: &mut Job<'_, '_>) -> Step {
    let [batch, channels, height, width] = job.image();
    let coefficients = job.input(1);
    let [out, inputs, kernel_height, kernel_width] = op.conv.kernel_shape(channels);
    let rows = job.weight(0);
    let rows = job.reshaped(rows, &[op.experts, out * inputs * kernel_height * kernel_width]);
    let rows = job.emit("experts", rows);
    let mixed = job.emit("mix", Draft::new("MatMul", [coefficients.clone(), rows]));
    let filters = job.reshaped(mixed, &[batch * out, inputs, kernel_height, kernel_width]);
    let filters = job.emit("filters", filters);
    let bias = op.conv.bias.then(|| {
        let mix = Draft::new("MatMul", [coefficients, job.weight(1)]);
        let mixed = job.emit("mix_bias", mix);
        let flat = job.reshaped(mixed, &[batch * out]);
        job.emit("biases", flat)
    });
    let x = job.input(0);
    let convolved = if batch == 1 {
        let operands = [x, filters].into_iter().chain(bias).collect();
        convolution(&op.conv, operands, op.conv.groups)
    } else {
        let samples = job.reshaped(x, &[1, batch * channels, height, width]);
        let samples = job.emit("samples", samples);
        let operands = [samples, filters].into_iter().chain(bias).collect();
        let convolved = job.emit("convolution", convolution(&op.conv, operands, batch * op.conv.groups));
        job.reshaped(convolved, job.shape())
    };
    if !op.shift {
        return convolved.into();
    }
    let convolved = job.emit("convolved", convolved);
    let shift = job.weight_of_channels(1 + usize::from(op.conv.bias), "shift_of_channels", 4);
    Draft::new("Add", [convolved, shift]).into()
}
