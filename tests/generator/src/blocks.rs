//! Statements: pipelines, calls of modules, loops, and the blocks that networks are made of.

use crate::branches::branches;
use crate::elements::activation;
use crate::writer::{Value, Writer};
use crate::{arithmetic, elements, image, layout};

/// The modules that are written by hand, with what a call of each must say.
const SQUEEZE_EXCITE: &str = "\
module SqueezeExcite(x, reduced, act = relu, gate = sigmoid) {
    let scale = x |> global_avg_pool |> conv(reduced, bias=true) as reduce |> act |> conv(x.channels, bias=true) as expand |> gate
    return x * scale
}";

const GHOST: &str = "\
module Ghost(x, out, act = relu, convolution = conv) {
    let half = ceil(out / 2)
    let primary = x |> convolution(half) as primary[0] |> batch_norm as primary[1] |> act
    let cheap = primary |> convolution(half, kernel=3, groups=half) as cheap[0] |> batch_norm as cheap[1] |> act
    return concat(primary, cheap)[:, :out]
}";

const INVERTED_RESIDUAL: &str = "\
module InvertedResidual(x, out, expansion = 2, stride = 1, act = relu6, convolution = conv) {
    let expanded = x.channels * expansion
    let y = x
        |> convolution(expanded) as pw |> batch_norm as bn1 |> act
        |> convolution(expanded, kernel=3, stride=stride, groups=expanded) as dw |> batch_norm as bn2 |> act
        |> convolution(out) as pwl |> batch_norm as bn3
    return if stride == 1 && x.channels == out { x + y } else { y }
}";

const REP_VGG: &str = "\
module RepVgg(x, groups = 1, act = relu) {
    let y = x |> conv(x.channels, kernel=3, groups=groups) as large |> batch_norm as large_bn
    let z = x |> conv(x.channels, groups=groups) as small |> batch_norm as small_bn
    return y + z + (x |> batch_norm as same_bn) |> act
}";

const MLP: &str = "\
module Mlp(x, hidden, act = gelu) {
    return x + (x |> layer_norm as norm |> linear(hidden) as fc1 |> act |> linear(x.features) as fc2) * param(\"scale\", [x.features])
}";

const HALVED: &str = "fn halved(x, by = 2) = x / by";

/// A stage: an operation, with one more of some others before or after.
type Stage = fn(&mut Writer, &Value) -> Option<Value>;

/// All stages; the ones that matter most stand there several times.
const STAGES: &[Stage] = &[
    image::conv,
    image::conv,
    image::conv,
    image::dynamic_conv,
    image::dynamic_conv,
    image::max_pool,
    image::avg_pool,
    image::adaptive_pool,
    image::upsample,
    elements::activate,
    elements::activate,
    elements::batch_norm,
    elements::batch_norm,
    elements::normalize,
    elements::prelu,
    elements::softmax,
    elements::mean,
    elements::linear,
    elements::linear,
    layout::reshape,
    layout::permute,
    layout::expand,
    layout::roll,
    layout::pad,
    layout::gather,
    squeeze_excite,
    ghost,
    inverted_residual,
    rep_vgg,
    mlp,
    halved,
];

/// Any stage that can stand behind a tensor.
pub fn stage(writer: &mut Writer, x: &Value) -> Option<Value> {
    let stage = writer.random.pick(STAGES);
    stage(writer, x)
}

/// Adds one statement (or a few), if the one that was drawn is possible.
pub fn statement(writer: &mut Writer) {
    match writer.random.below(24) {
        0..3 => arithmetic::combine(writer, &stage),
        3 => arithmetic::with_number(writer),
        4 => arithmetic::matmul(writer),
        5 | 6 => layout::concat(writer, &stage),
        7 => layout::split(writer),
        8 => layout::slice(writer),
        9 => attention(writer),
        10 => repeated(writer),
        11 => module(writer),
        12 => residual(writer),
        13 => branches(writer),
        _ => pipeline(writer),
    }
}

/// `let v = x |> a |> b |> c`.
fn pipeline(writer: &mut Writer) {
    let Some(mut value) = writer.pick(|_| true) else { return };
    let wanted = writer.random.between(1, 4);
    let mut stages = 0;
    for _ in 0..12 {
        if stages == wanted || value.size > 30.0 {
            break;
        }
        if let Some(next) = stage(writer, &value) {
            value = next;
            stages += 1;
        }
    }
    if stages > 0 {
        writer.bind(value);
    }
}

/// A convolution as the blocks take it, with what it costs as a multiple of a plain one.
fn convolution(writer: &mut Writer) -> &'static str {
    match writer.random.below(4) {
        0 => ", convolution=dynamic_conv(experts=2)",
        1 => ", convolution=dynamic_conv(experts=3, routing=linear)",
        _ => "",
    }
}

fn squeeze_excite(writer: &mut Writer, x: &Value) -> Option<Value> {
    x.image()?;
    writer.item("SqueezeExcite", SQUEEZE_EXCITE);
    let name = writer.name("se");
    let gate = if writer.random.one_in(2) { ", gate=hard_sigmoid" } else { "" };
    let reduced = writer.random.between(1, 4);
    Some(x.then_same(&format!("SqueezeExcite({reduced}{gate}) as {name}")))
}

fn ghost(writer: &mut Writer, x: &Value) -> Option<Value> {
    let [batch, channels, height, width] = x.image()?;
    let out = writer.random.between(1, 12);
    let shape = vec![batch, out, height, width];
    if !Writer::fits(&shape) || !writer.spend(batch * out * (channels + 9) * height * width) {
        return None;
    }
    writer.item("Ghost", GHOST);
    let (name, convolution) = (writer.name("ghost"), convolution(writer));
    let act = activation(&mut writer.random);
    Some(x.then(&format!("Ghost({out}, act={act}{convolution}) as {name}"), shape, x.size * 4.0))
}

fn inverted_residual(writer: &mut Writer, x: &Value) -> Option<Value> {
    let [batch, channels, height, width] = x.image()?;
    let out = if writer.random.one_in(2) { channels } else { writer.random.between(1, 10) };
    let stride = writer.random.between(1, 2);
    let shape = vec![batch, out, (height - 1) / stride + 1, (width - 1) / stride + 1];
    let work = batch * 2 * channels * (channels + out + 9) * height * width;
    if !Writer::fits(&shape) || x.elements() > 2000 || !writer.spend(work) {
        return None;
    }
    writer.item("InvertedResidual", INVERTED_RESIDUAL);
    let (name, convolution) = (writer.name("block"), convolution(writer));
    Some(x.then(&format!("InvertedResidual({out}, stride={stride}{convolution}) as {name}"), shape, x.size * 4.0))
}

fn rep_vgg(writer: &mut Writer, x: &Value) -> Option<Value> {
    let [batch, channels, height, width] = x.image()?;
    let groups = writer.random.divisor(channels);
    if !writer.spend(batch * channels * channels / groups * 10 * height * width) {
        return None;
    }
    writer.item("RepVgg", REP_VGG);
    let name = writer.name("rep");
    let act = activation(&mut writer.random);
    Some(x.then(&format!("RepVgg(groups={groups}, act={act}) as {name}"), x.shape.clone(), x.size * 4.0))
}

fn mlp(writer: &mut Writer, x: &Value) -> Option<Value> {
    let hidden = writer.random.between(2, 12);
    if x.shape.len() < 2 || !writer.spend(x.elements() * hidden * 2) {
        return None;
    }
    writer.item("Mlp", MLP);
    let name = writer.name("mlp");
    Some(x.then(&format!("Mlp({hidden}) as {name}"), x.shape.clone(), x.size + 1.0))
}

fn halved(writer: &mut Writer, x: &Value) -> Option<Value> {
    writer.item("halved", HALVED);
    let stage = writer.random.pick(&["halved", "halved(by=3)"]);
    Some(x.then(stage, x.shape.clone(), x.size / 2.0))
}

/// `x + f(x)`, and the same with a learned factor.
fn residual(writer: &mut Writer) {
    let Some(x) = writer.pick(|x| x.shape.len() >= 2) else { return };
    for _ in 0..12 {
        let Some(branch) = stage(writer, &x).filter(|branch| branch.shape == x.shape) else { continue };
        let text = match writer.random.below(3) {
            0 => {
                let name = writer.name("scale");
                format!("{} + ({}) * param(\"{name}\", [{}])", x.text, branch.text, x.shape[x.shape.len() - 1])
            }
            1 => format!("({} |> drop_path(0.1)) + {}", branch.text, x.text),
            _ => format!("{} + ({})", x.text, branch.text),
        };
        writer.bind(Value { text, size: x.size + branch.size, ..x });
        return;
    }
}

/// A loop over a block that keeps the shape.
fn repeated(writer: &mut Writer) {
    let Some(x) = writer.pick(|x| x.image().is_some() && x.size < 2.0) else { return };
    let [batch, channels, height, width] = x.image().unwrap_or_default();
    let turns = writer.random.between(2, 3);
    let work = turns * batch * channels * (4 * channels + 18) * height * width;
    if !writer.spend(work * 2) {
        return;
    }
    let (call, size) = match writer.random.below(4) {
        0 => {
            writer.item("SqueezeExcite", SQUEEZE_EXCITE);
            ("SqueezeExcite(2)".to_owned(), x.size)
        }
        1 => {
            writer.item("Ghost", GHOST);
            (format!("Ghost({channels}{})", convolution(writer)), x.size * 20.0)
        }
        2 => {
            writer.item("InvertedResidual", INVERTED_RESIDUAL);
            (format!("InvertedResidual({channels}, act=silu{})", convolution(writer)), x.size * 20.0)
        }
        _ => {
            writer.item("RepVgg", REP_VGG);
            ("RepVgg".to_owned(), x.size * 20.0)
        }
    };
    let (value, name) = (writer.name("v"), writer.name("blocks"));
    writer.line(&format!("let {value} = {}", x.text));
    writer.line(&format!("for i in 0..{turns} {{"));
    writer.line(&format!("    {value} = {value} |> {call} as {name}[i]"));
    writer.line("}");
    writer.introduce(Value { text: value, size, ..x });
}

/// A module with a body of its own, called once or more often.
fn module(writer: &mut Writer) {
    let Some(x) = writer.pick(|_| true) else { return };
    let mut number = 1;
    while writer.has_item(&format!("Part{number}")) {
        number += 1;
    }
    let module = format!("Part{number}");
    // The name is taken before the body is written, in which other modules may be.
    writer.item(&module, "");
    let outer = writer.open(&x);
    for _ in 0..writer.random.between(1, 4) {
        statement(writer);
    }
    let Some(result) = writer.close(&module, outer) else { return };
    for _ in 0..writer.random.between(1, 2) {
        let name = writer.name("part");
        writer.bind(x.then(&format!("{module} as {name}"), result.shape.clone(), result.size));
    }
}

/// Multi-head attention over a sequence or the pixels of an image, with relative positions as in a Swin block.
fn attention(writer: &mut Writer) {
    let Some(mut x) = writer.pick(|x| matches!(x.shape.len(), 3 | 4)) else { return };
    if let Some([batch, channels, height, width]) = x.image() {
        x = writer.bind(x.then("flatten(2) |> permute([0, 2, 1])", vec![batch, height * width, channels], x.size));
    }
    let (batch, length, features) = (x.shape[0], x.shape[1], x.shape[2]);
    let (heads, depth) = (writer.random.between(1, 3), writer.random.between(1, 4));
    let scores = vec![batch, heads, length, length];
    let width = heads * depth;
    let work = batch * length * (4 * width * features + 2 * width * length);
    if !Writer::fits(&scores) || !Writer::fits(&[3, batch, heads, length, depth]) || !writer.spend(work) {
        return;
    }
    let name = writer.name("attention");
    let (text, all) = (&x.text, writer.name("qkv"));
    writer.line(&format!("let {all} = {text} |> layer_norm as {name}.norm |> linear({}) as {name}.qkv", 3 * width));
    let heads_first = format!("reshape([{batch}, {length}, 3, {heads}, {depth}]) |> permute([2, 0, 3, 1, 4])");
    writer.line(&format!("let {all}h = {all} |> {heads_first}"));
    if writer.random.one_in(3) {
        let temperature = writer.random.pick(&["", ", temperature=1.5"]);
        let mixed =
            format!("{all}h[0] |> attention({all}h[1], {all}h[2]{temperature}) |> permute([0, 2, 1, 3]) |> flatten(2)");
        let text = format!("{text} + ({mixed} |> linear({features}) as {name}.proj)");
        writer.bind(Value { text, shape: x.shape.clone(), size: x.size + 5.0 });
        return;
    }
    let factor = format!(" * {}", writer.random.decimal());
    let (of_queries, of_scores) = if writer.random.one_in(2) { (factor.as_str(), "") } else { ("", factor.as_str()) };
    let mut score = format!("matmul({all}h[0]{of_queries}, {all}h[1] |> permute([0, 1, 3, 2])){of_scores}");
    if writer.random.one_in(2) {
        score += &format!(
            " + (param(\"{name}.positions\", [5, {heads}]) |> gather([[(i + 2 * j) % 5 for j in 0..{length}] for i in 0..{length}]) |> permute([2, 0, 1]))"
        );
    }
    if writer.random.one_in(3) {
        score += &format!(" + constant([if i % 3 == 1 {{ -2 }} else {{ 0 }} for i in 0..{length}])");
    }
    let mixed = format!("matmul(({score}) |> softmax, {all}h[2]) |> permute([0, 2, 1, 3]) |> flatten(2)");
    let result = format!("{mixed} |> linear({features}) as {name}.proj");
    writer.bind(Value { text: format!("{text} + ({result})"), shape: x.shape.clone(), size: x.size + 5.0 });
}
