//! Normalisations: operators of ONNX, and group norm as it is written without one.

use super::{Translator, Value, constant, optional};
use crate::onnx::import::constant::Constant;
use crate::onnx::import::error::Reason;
use crate::onnx::import::flow::{Argument, Literal, Operand, Operation, StepId, Weight};
use crate::onnx::import::node::Node;
use crate::onnx::import::size::{Size, show};

impl Translator<'_> {
    pub(super) fn normalisation(&mut self, node: &Node<'_>, inputs: &[Value]) -> Result<Vec<Value>, Reason> {
        let x = self.operand(inputs, 0, "input")?;
        let epsilon = node.number_or("epsilon", 1e-5);
        let step = match node.operator() {
            "BatchNormalization" => {
                node.only("training_mode", 0)?;
                let names = ["weight", "bias", "running_mean", "running_var"];
                let weights = names
                    .into_iter()
                    .enumerate()
                    .map(|(place, own)| Ok(Weight::new(own, constant(inputs, place + 1, own)?)));
                let weights = weights.collect::<Result<Vec<_>, Reason>>()?;
                self.normalised("batch_norm", x, Vec::new(), epsilon, weights)
            }
            "LayerNormalization" => {
                let rank = self.shape(x).len();
                if super::dimension(node.integer_or("axis", -1), rank)? + 1 != rank {
                    return Err(Reason::Attribute { name: "axis", value: node.integer_or("axis", -1).to_string() });
                }
                let scale = constant(inputs, 1, "scale")?;
                let bias = optional(inputs, 2, "bias")?;
                let weights = affine_weights(scale, bias);
                let dim = Argument::optional("dim", Literal::Whole(-1), Literal::Whole(-1));
                self.normalised("layer_norm", x, vec![dim], epsilon, weights)
            }
            "GroupNormalization" => {
                let groups = node.integer_or("num_groups", 0);
                let weights = affine_weights(constant(inputs, 1, "scale")?, optional(inputs, 2, "bias")?);
                let channels = self.shape(x).get(1).copied();
                if weights.iter().any(|weight| Some(Size::known(super::whole(weight.constant.len()))) != channels) {
                    return Err(Reason::Shape("a scale per group; the language has one per channel".to_owned()));
                }
                self.group_norm(x, groups, epsilon, weights)
            }
            _ => {
                let weights = affine_weights(constant(inputs, 1, "scale")?, optional(inputs, 2, "bias")?);
                let channels = self.shape(x).get(1).copied().unwrap_or(Size::ONE);
                self.group_norm(x, channels.value, epsilon, weights)
            }
        };
        Ok(vec![Value::Step(step)])
    }

    fn normalised(
        &mut self,
        name: &'static str,
        x: StepId,
        mut arguments: Vec<Argument>,
        epsilon: f64,
        weights: Vec<Weight>,
    ) -> StepId {
        let affine = weights.iter().any(|weight| weight.own == "weight");
        arguments.push(Argument::optional("eps", Literal::Number(epsilon), Literal::Number(1e-5)));
        arguments.push(Argument::optional("affine", Literal::Flag(affine), Literal::Flag(true)));
        let shape = self.shape(x);
        self.push(Operation::Call(name), vec![Operand::Step(x)], arguments, shape, weights)
    }

    fn group_norm(&mut self, x: StepId, groups: i64, epsilon: f64, weights: Vec<Weight>) -> StepId {
        self.normalised("group_norm", x, vec![Argument::required("groups", Literal::Whole(groups))], epsilon, weights)
    }

    /// `normalised * scale + bias` as a normalisation with these weights. Without an operator for it, models reshape each group
    /// to a channel of its own, normalise that, and reshape back.
    pub(super) fn affine(&mut self, scaled: StepId, bias: &Constant) -> Option<StepId> {
        let (x, y) = self.both(scaled, '*')?;
        let scale = self.step(y).filter(|step| step.operation == Operation::Param)?.weights.first()?.constant.clone();
        let back = self.is_call(x, "reshape")?;
        let norm = self.is_call(back.first()?, "group_norm")?.clone();
        if norm.argument("affine") != Some(&Literal::Flag(false)) {
            return None;
        }
        let original = self.is_call(norm.first()?, "reshape")?.first()?;
        let shape = self.shape(original);
        let channels = usize::try_from(shape.get(1)?.fixed()?).ok()?;
        let &Literal::Whole(groups) = norm.argument("groups")? else { return None };
        let per_channel = |constant: &Constant| {
            let place = (constant.shape.len() + 1).checked_sub(shape.len())?;
            (constant.shape.get(place) == Some(&channels)).then(|| constant.reshaped(vec![channels]))?
        };
        let weights = affine_weights(&per_channel(&scale)?, Some(&per_channel(bias)?));
        if self.shape(x) != shape || shape.len() < 3 {
            return None;
        }
        let &Literal::Number(epsilon) = norm.argument("eps")? else { return None };
        Some(self.group_norm(original, groups, epsilon, weights))
    }
}

/// Scale and bias, or none where they change nothing. A missing bias is one of zeros.
fn affine_weights(scale: &Constant, bias: Option<&Constant>) -> Vec<Weight> {
    let is_nothing = scale.is_all(1.0) && bias.is_none_or(|bias| bias.is_all(0.0));
    // One that has a name was learned, whatever its values are at first.
    let is_named = |constant: &Constant| constant.name.as_ref().is_some_and(|name| name.ends_with(".weight"));
    if is_nothing && !is_named(scale) {
        return Vec::new();
    }
    let zeros = Constant::floats(scale.shape.clone(), vec![0.0; scale.len()]);
    vec![Weight::new("weight", scale), Weight::new("bias", bias.unwrap_or(&zeros))]
}

impl Translator<'_> {
    /// Whether two tensors have the same number of elements; the message says their shapes.
    pub(super) fn check_count(&self, x: StepId, shape: &[Size]) -> Result<(), Reason> {
        let own = self.shape(x);
        let count = crate::onnx::import::size::product;
        if count(&own).is_some() && count(&own) == count(shape) {
            return Ok(());
        }
        Err(Reason::Shape(format!("a tensor of shape {} cannot be reshaped to {}", show(&own), show(shape))))
    }
}
