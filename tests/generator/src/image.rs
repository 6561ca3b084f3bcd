//! Stages over images: convolutions, pools, other sizes.

use crate::elements::activation;
use crate::random::Random;
use crate::window::{self, Window};
use crate::writer::{Value, Writer};

/// The output channels of a convolution and its groups, whose number divides both sides.
fn channels(random: &mut Random, inputs: usize) -> (usize, usize) {
    match random.below(6) {
        0 | 1 => (inputs * random.between(1, 2), inputs),
        2 => {
            let groups = random.divisor(inputs);
            (groups * random.between(1, 3), groups)
        }
        _ => (random.between(1, 12), 1),
    }
}

/// `out, kernel=…, groups=…, bias=…` of a convolution, with the shape and the multiply-adds.
fn convolution(random: &mut Random, x: &Value) -> Option<(String, Vec<usize>, usize)> {
    let [batch, inputs, height, width] = x.image()?;
    let (out, groups) = channels(random, inputs);
    let Window { text, kernel: [rows, columns], output: [out_height, out_width] } =
        window::convolution(random, [height, width]);
    let shape = vec![batch, out, out_height, out_width];
    if !Writer::fits(&shape) {
        return None;
    }
    let mut arguments = format!("{out}{text}");
    if groups > 1 {
        arguments += &format!(", groups={groups}");
    }
    if random.one_in(3) {
        arguments += ", bias=true";
    }
    let work = shape.iter().product::<usize>() * inputs / groups * rows * columns;
    Some((arguments, shape, work))
}

/// `conv`.
pub fn conv(writer: &mut Writer, x: &Value) -> Option<Value> {
    let (arguments, shape, work) = convolution(&mut writer.random, x)?;
    if !writer.spend(work) {
        return None;
    }
    let name = writer.name("conv");
    Some(x.then(&format!("conv({arguments}) as {name}"), shape, x.size * 1.5))
}

/// `dynamic_conv` with every form of routing.
pub fn dynamic_conv(writer: &mut Writer, x: &Value) -> Option<Value> {
    let (mut arguments, shape, work) = convolution(&mut writer.random, x)?;
    let experts = writer.random.between(1, 5);
    if !writer.spend(work * 2) {
        return None;
    }
    if experts != 4 || writer.random.one_in(2) {
        arguments += &format!(", experts={experts}");
    }
    if let Some(routing) = routing(writer, x, experts) {
        arguments += &format!(", routing={routing}");
    }
    let name = writer.name("dynamic");
    Some(x.then(&format!("dynamic_conv({arguments}) as {name}"), shape, x.size * 3.0))
}

fn routing(writer: &mut Writer, x: &Value, experts: usize) -> Option<String> {
    let gate = match writer.random.below(5) {
        0 => Some("gate=softmax"),
        1 => Some("gate=softmax(temperature=2.5)"),
        2 => Some("gate=sigmoid"),
        _ => None,
    };
    match writer.random.below(8) {
        0 | 1 => None,
        2..5 => {
            let mut settings: Vec<String> = gate.map(str::to_owned).into_iter().collect();
            if writer.random.one_in(2) {
                settings.push(format!("hidden={}", writer.random.between(1, 6)));
            }
            if writer.random.one_in(2) {
                settings.push(format!("activation={}", activation(&mut writer.random)));
            }
            Some(if settings.is_empty() { "mlp".to_owned() } else { format!("mlp({})", settings.join(", ")) })
        }
        // A tensor of coefficients, as several convolutions may share it; it must stand in a statement of its own, which
        // the text of a pipeline cannot reach.
        5 if !x.text.contains(' ') => {
            let linear = writer.name("coefficients");
            let stages = x.then(
                &format!("global_avg_pool |> flatten |> linear({experts}) as {linear} |> softmax"),
                vec![x.shape[0], experts],
                1.0,
            );
            Some(writer.bind(stages).text)
        }
        _ => Some(gate.map_or_else(|| "linear".to_owned(), |gate| format!("linear({gate})"))),
    }
}

/// `max_pool`.
pub fn max_pool(writer: &mut Writer, x: &Value) -> Option<Value> {
    let [batch, channels, height, width] = x.image()?;
    let Window { text, output: [rows, columns], .. } = window::pool(&mut writer.random, [height, width], true);
    let shape = vec![batch, channels, rows, columns];
    Writer::fits(&shape).then(|| x.then(&format!("max_pool({text})"), shape, x.size))
}

/// `avg_pool`.
pub fn avg_pool(writer: &mut Writer, x: &Value) -> Option<Value> {
    let [batch, channels, height, width] = x.image()?;
    if writer.random.one_in(6) {
        // The whole image, or half of it with as much padding.
        let mut text = format!("[{height}, {width}]");
        if writer.random.one_in(2) {
            text += &format!(", padding=[{}, {}]", height / 2, width / 2);
            text += &format!(", stride={}", height.max(width) + 1);
        }
        return Some(x.then(&format!("avg_pool({text})"), vec![batch, channels, 1, 1], x.size));
    }
    let Window { mut text, output: [rows, columns], .. } = window::pool(&mut writer.random, [height, width], false);
    if writer.random.one_in(3) {
        text += ", count_padding=false";
    }
    let shape = vec![batch, channels, rows, columns];
    Writer::fits(&shape).then(|| x.then(&format!("avg_pool({text})"), shape, x.size))
}

/// `adaptive_avg_pool` and `global_avg_pool`.
pub fn adaptive_pool(writer: &mut Writer, x: &Value) -> Option<Value> {
    let [batch, channels, height, width] = x.image()?;
    if writer.random.one_in(2) {
        return Some(x.then("global_avg_pool", vec![batch, channels, 1, 1], x.size));
    }
    let [rows, columns] = [height, width].map(|size| writer.random.between(1, size + 2));
    let shape = vec![batch, channels, rows, columns];
    Writer::fits(&shape).then(|| x.then(&format!("adaptive_avg_pool([{rows}, {columns}])"), shape, x.size))
}

/// `upsample`.
pub fn upsample(writer: &mut Writer, x: &Value) -> Option<Value> {
    let [batch, channels, height, width] = x.image()?;
    let random = &mut writer.random;
    let (mut text, [rows, columns]) = match random.below(4) {
        0 => (String::new(), [height * 2, width * 2]),
        1 => {
            let [rows, columns] = [random.between(1, 3), random.between(1, 3)];
            (format!("[{rows}, {columns}]"), [height * rows, width * columns])
        }
        _ => {
            let [rows, columns] = [random.between(1, height * 2), random.between(1, width * 2)];
            (format!("size=[{rows}, {columns}]"), [rows, columns])
        }
    };
    if random.one_in(2) {
        text += if text.is_empty() { "mode=bilinear" } else { ", mode=bilinear" };
        text += if random.one_in(2) { ", align_corners=true" } else { "" };
    }
    let shape = vec![batch, channels, rows, columns];
    Writer::fits(&shape).then(|| x.then(&format!("upsample({text})"), shape, x.size))
}
