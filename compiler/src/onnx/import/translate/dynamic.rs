//! Dynamic convolutions: filters that are a matrix product of coefficients and experts.
//!
//! Models have them as one convolution with the samples as groups, around which the image is reshaped from
//! `[batch, channels, …]` to `[1, batch * channels, …]` and back. Where the coefficients come from one or two linear
//! layers over the averaged image, and the weights are called so, they become a part of the operation.

use super::convolution::{Padding, Window, arguments};
use super::{Batch, Translator};
use crate::onnx::import::constant::Constant;
use crate::onnx::import::error::Reason;
use crate::onnx::import::flow::{Argument, Literal, Operand, Operation, StepId, Weight};
use crate::onnx::import::node::Node;
use crate::onnx::import::size::Size;
use crate::onnx::import::text::literal;

/// Filters as the language has them.
struct Mixture {
    /// `[batch, experts]`
    coefficients: StepId,
    /// `[experts, …]`
    experts: Constant,
}

/// The convolution whose filters a step computes.
pub(super) fn convolution(
    translator: &mut Translator<'_>,
    node: &Node<'_>,
    x: StepId,
    filters: StepId,
    biases: Option<StepId>,
    groups: i64,
) -> Result<StepId, Reason> {
    let mixture = mixture(translator, filters).ok_or(Reason::Computed("weight, and not by mixing experts,"))?;
    let biases = match biases {
        Some(step) => {
            let biases = self::mixture(translator, step).filter(|biases| biases.coefficients == mixture.coefficients);
            Some(biases.ok_or(Reason::Computed("bias, and not by mixing experts,"))?.experts)
        }
        None => None,
    };
    let samples = *translator.shape(mixture.coefficients).first().ok_or(Reason::Missing("batch"))?;
    let fails = || Reason::Shape("filters, image and groups that do not fit together".to_owned());
    let shape = translator.shape(filters);
    let &[rows, channels_per_group, height, width] = shape.as_slice() else { return Err(fails()) };
    let [Some(channels_per_group), Some(height), Some(width)] = [channels_per_group, height, width].map(Size::fixed)
    else {
        return Err(fails());
    };
    let out = rows.divided(samples).and_then(Size::fixed).ok_or_else(fails)?;
    // The file's number of groups is for its number of samples.
    let count = match (translator.batch, samples.per_sample) {
        (Batch::Factor(batch), true) => batch,
        _ => samples.value,
    };
    if count < 1 || groups % count != 0 {
        return Err(fails());
    }
    let groups = groups / count;
    let image = channels_per_group
        .checked_mul(groups)
        .and_then(|channels| whole_image(translator, x, samples, channels))
        .ok_or_else(fails)?;
    let [_, channels, tall, wide] = translator.image(image)?;
    let window = Window::of(node, [height, width])?;
    let [tall, wide] = window.outputs(tall, wide, false)?;
    let experts = translator.shape(mixture.coefficients).get(1).and_then(|size| size.fixed()).ok_or_else(fails)?;
    let sizes = [experts, out, channels_per_group, height, width].map(|size| usize::try_from(size).unwrap_or(0));
    let weight = mixture.experts.reshaped(sizes.to_vec()).ok_or_else(fails)?;
    let mut arguments = arguments(out, &window, groups, biases.is_some());
    arguments.push(Argument::optional("experts", Literal::Whole(experts), Literal::Whole(4)));
    let mut weights = vec![Weight::new("weight", &weight)];
    if let Some(biases) = biases {
        let [experts, out, ..] = sizes;
        weights.push(Weight::new("bias", &biases.reshaped(vec![experts, out]).ok_or_else(fails)?));
    }
    let mut operands = vec![Operand::Step(image)];
    match routing(translator, mixture.coefficients, image, &weights, channels.value) {
        Some(routing) => {
            arguments.push(routing.argument);
            if routing.is_linear {
                weights.iter_mut().for_each(|weight| weight.own = routed(weight.own));
            }
            weights.extend(routing.weights);
        }
        None => {
            operands.push(Operand::Step(mixture.coefficients));
            arguments.push(Argument::optional("routing", Literal::Operand, Literal::Flag(false)));
        }
    }
    let step = translator.push(
        Operation::Call("dynamic_conv"),
        operands,
        arguments,
        vec![samples, Size::known(out), tall, wide],
        weights,
    );
    if image == x {
        // With one sample, the model need not say that the result is one image of all samples' channels.
        translator.experts_of_samples.push(step);
        return Ok(step);
    }
    let stacked = [Size::known(1), samples.times(Size::known(out)).ok_or_else(fails)?, tall, wide];
    translator.reshaped(step, stacked.to_vec())
}

/// What experts are called where one linear layer routes them.
fn routed(own: &'static str) -> &'static str {
    if own == "bias" { "cond_conv.bias" } else { "cond_conv.weight" }
}

/// Filters or biases: a matrix product, perhaps in another shape.
fn mixture(translator: &Translator<'_>, filters: StepId) -> Option<Mixture> {
    let mut step = translator.step(filters)?;
    while step.is("reshape") || step.is("flatten") {
        step = translator.step(step.first()?)?;
    }
    let weight = step.weight("weight").filter(|_| step.is("linear") && step.weight("bias").is_none())?;
    let experts = if weight.transposed { weight.constant.clone() } else { weight.constant.permuted(&[1, 0])? };
    Some(Mixture { coefficients: step.first()?, experts })
}

/// The images of all samples, whose channels the model may have put into one dimension.
fn whole_image(translator: &mut Translator<'_>, x: StepId, samples: Size, channels: i64) -> Option<StepId> {
    let shape = translator.shape(x);
    let &[first, second, height, width] = shape.as_slice() else { return None };
    let channels = Size::known(channels);
    if first == samples && second == channels {
        return Some(x);
    }
    let is_stack = first == Size::ONE && Some(second) == samples.times(channels);
    is_stack.then(|| translator.reshaped(x, vec![samples, channels, height, width]).ok())?
}

/// Coefficients that the operation computes for itself.
struct Routing {
    argument: Argument,
    weights: Vec<Weight>,
    is_linear: bool,
}

fn routing(
    translator: &Translator<'_>,
    coefficients: StepId,
    image: StepId,
    experts: &[Weight],
    channels: i64,
) -> Option<Routing> {
    let gate_step = translator.step(coefficients)?;
    let (gate, scores) = gate(translator, coefficients)?;
    let last = translator.is_call(scores, "linear")?;
    let name = experts.first()?.constant.name.as_deref()?.strip_suffix(".weight")?;
    let named = |weight: &Weight, own: &str, instance: &str| {
        weight.constant.name.as_deref() == Some(&format!("{instance}.{own}"))
    };
    let weight = last.weight("weight")?;
    if let Some(bias) = last.weight("bias") {
        let instance = name.strip_suffix(".cond_conv").unwrap_or(name);
        let fits = named(weight, "routing.weight", instance) && named(bias, "routing.bias", instance);
        if !fits || !is_average(translator, last.first()?, image) {
            return None;
        }
        let weights =
            vec![Weight { own: "routing.weight", ..weight.clone() }, Weight { own: "routing.bias", ..bias.clone() }];
        let value =
            if gate_step.is("sigmoid") { "linear(gate=sigmoid)".to_owned() } else { format!("linear(gate={gate})") };
        let argument = Argument::optional("routing", Literal::Word(value), Literal::Flag(false));
        return Some(Routing { argument, weights, is_linear: true });
    }
    let activation = translator.step(last.first()?)?;
    let (Operation::Call(function), [_]) = (activation.operation, activation.operands.as_slice()) else { return None };
    if !activation.weights.is_empty() {
        return None;
    }
    let first = translator.is_call(activation.first()?, "linear").filter(|first| first.weight("bias").is_none())?;
    let weight_of_first = first.weight("weight")?;
    let fits = named(weight, "routing.fc2.weight", name) && named(weight_of_first, "routing.fc1.weight", name);
    if !fits || !is_average(translator, first.first()?, image) {
        return None;
    }
    let mut said = Vec::new();
    let hidden = weight_of_first.shape.first().copied()?;
    if super::whole(hidden) != channels {
        said.push(format!("hidden={hidden}"));
    }
    let settings: Vec<String> = activation
        .arguments
        .iter()
        .filter(|argument| !argument.is_default())
        .map(|argument| format!("{}={}", argument.name, literal(&argument.value)))
        .collect();
    if !settings.is_empty() {
        said.push(format!("activation={function}({})", settings.join(", ")));
    } else if function != "relu" {
        said.push(format!("activation={function}"));
    }
    if gate != "softmax" {
        said.push(format!("gate={gate}"));
    }
    let value = if said.is_empty() { "mlp".to_owned() } else { format!("mlp({})", said.join(", ")) };
    let weights = vec![
        Weight { own: "routing.fc1.weight", ..weight_of_first.clone() },
        Weight { own: "routing.fc2.weight", ..weight.clone() },
    ];
    let argument = Argument::optional("routing", Literal::Word(value), Literal::Word("mlp".to_owned()));
    Some(Routing { argument, weights, is_linear: false })
}

/// What makes coefficients of scores, and the scores.
fn gate(translator: &Translator<'_>, coefficients: StepId) -> Option<(String, StepId)> {
    let step = translator.step(coefficients)?;
    let x = step.first()?;
    if step.is("sigmoid") {
        return Some(("sigmoid".to_owned(), x));
    }
    if !step.is("softmax") {
        return None;
    }
    match translator.scaled(x) {
        Some((scores, factor)) => Some((format!("softmax(temperature={:?})", 1.0 / factor), scores)),
        None => Some(("softmax".to_owned(), x)),
    }
}

/// Whether a step is the averages of an image, one per channel.
fn is_average(translator: &Translator<'_>, x: StepId, image: StepId) -> bool {
    let mut id = x;
    while let Some(step) = translator.step(id) {
        let Some(first) = step.first() else { return false };
        if step.is("flatten") || step.is("reshape") {
            id = first;
            continue;
        }
        return first == image && (step.is("global_avg_pool") || step.is("mean"));
    }
    false
}

impl Padding {
    /// Whether there is none.
    pub(super) fn is_none(self) -> bool {
        self == Padding::Sides([0; 4])
    }
}
