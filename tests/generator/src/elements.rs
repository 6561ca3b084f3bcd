//! Stages over elements, features and channels: activations, normalisations, means, linear layers.

use crate::random::Random;
use crate::writer::{Value, Writer};

/// An activation as an argument or a stage.
pub fn activation(random: &mut Random) -> &'static str {
    random.pick(&[
        "relu",
        "relu6",
        "leaky_relu",
        "leaky_relu(slope=0.2)",
        "sigmoid",
        "hard_sigmoid",
        "hard_swish",
        "silu",
        "gelu",
        "gelu(form=tanh)",
        "tanh",
        "identity",
    ])
}

/// An activation, or what does nothing at inference.
pub fn activate(writer: &mut Writer, x: &Value) -> Option<Value> {
    let stage = match writer.random.below(12) {
        0 => "dropout(0.25)",
        1 => "drop_path(0.1)",
        _ => activation(&mut writer.random),
    };
    let size = match stage {
        "sigmoid" | "hard_sigmoid" | "tanh" => 1.0,
        "relu6" => x.size.min(6.0),
        _ => x.size,
    };
    Some(x.then(stage, x.shape.clone(), size))
}

/// `prelu`.
pub fn prelu(writer: &mut Writer, x: &Value) -> Option<Value> {
    if x.shape.len() < 2 {
        return None;
    }
    let name = writer.name("prelu");
    Some(x.then_same(&format!("prelu as {name}")))
}

/// A dimension of a tensor, counted from either end: its text and its index.
pub fn dimension(random: &mut Random, rank: usize) -> (String, usize) {
    let dim = random.below(rank);
    if random.one_in(3) { (format!("-{}", rank - dim), dim) } else { (dim.to_string(), dim) }
}

/// `softmax`.
pub fn softmax(writer: &mut Writer, x: &Value) -> Option<Value> {
    if x.shape.is_empty() {
        return None;
    }
    let (dim, _) = dimension(&mut writer.random, x.shape.len());
    let stage = match writer.random.below(3) {
        0 => "softmax".to_owned(),
        1 => format!("softmax(dim={dim})"),
        _ => format!("softmax(dim={dim}, temperature=1.5)"),
    };
    Some(x.then(&stage, x.shape.clone(), 1.0))
}

fn settings(random: &mut Random) -> String {
    let eps = if random.one_in(3) { ", eps=0.001" } else { "" };
    let affine = if random.one_in(4) { ", affine=false" } else { "" };
    format!("{eps}{affine}")
}

/// `batch_norm`.
pub fn batch_norm(writer: &mut Writer, x: &Value) -> Option<Value> {
    if x.shape.len() < 2 {
        return None;
    }
    let name = writer.name("bn");
    let settings = settings(&mut writer.random);
    let stage = match settings.strip_prefix(", ") {
        Some(settings) => format!("batch_norm({settings}) as {name}"),
        None => format!("batch_norm as {name}"),
    };
    Some(x.then(&stage, x.shape.clone(), x.size * 1.8 + 0.2))
}

/// `layer_norm` and `group_norm`.
pub fn normalize(writer: &mut Writer, x: &Value) -> Option<Value> {
    if x.shape.len() < 2 {
        return None;
    }
    let name = writer.name("norm");
    let random = &mut writer.random;
    let settings = settings(random);
    let stage = match random.below(3) {
        0 => format!("group_norm({}{settings}) as {name}", random.divisor(x.shape[1])),
        _ => {
            let dim = if random.one_in(2) { "-1".to_owned() } else { dimension(random, x.shape.len()).0 };
            format!("layer_norm(dim={dim}{settings}) as {name}")
        }
    };
    Some(x.then(&stage, x.shape.clone(), 5.0))
}

/// `mean` over one to all dimensions.
pub fn mean(writer: &mut Writer, x: &Value) -> Option<Value> {
    let rank = x.shape.len();
    let random = &mut writer.random;
    let is_image = rank == 4 && random.one_in(2);
    let dims: Vec<usize> = if is_image { vec![2, 3] } else { (0..rank).filter(|_| random.one_in(2)).collect() };
    let keep = random.one_in(2) || dims.len() + 2 > rank;
    let kept = x.shape.iter().enumerate().filter_map(|(dim, size)| match dims.contains(&dim) {
        true => keep.then_some(1),
        false => Some(*size),
    });
    let shape: Vec<usize> = kept.collect();
    let list = match dims.as_slice() {
        [dim] if random.one_in(2) => dim.to_string(),
        dims => format!("{dims:?}"),
    };
    Some(x.then(&format!("mean({list}{})", if keep { ", keep=true" } else { "" }), shape, x.size))
}

/// `linear`.
pub fn linear(writer: &mut Writer, x: &Value) -> Option<Value> {
    let (features, rest) = x.shape.split_last()?;
    let out = writer.random.between(1, 24);
    let shape = [rest, &[out]].concat();
    if rest.is_empty() || !Writer::fits(&shape) || !writer.spend(shape.iter().product::<usize>() * features) {
        return None;
    }
    let bias = if writer.random.one_in(2) { ", bias=false" } else { "" };
    let name = writer.name("linear");
    Some(x.then(&format!("linear({out}{bias}) as {name}"), shape, x.size * 1.5))
}
