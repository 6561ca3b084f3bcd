//! Sums of parallel branches over one image, as in a RepVGG block but of every kind: what may be merged into one
//! convolution, and what only looks like it.

use crate::writer::{Value, Writer};

/// A sum of two or three branches.
pub fn branches(writer: &mut Writer) {
    let Some(x) = writer.pick(|x| x.image().is_some() && x.size < 8.0) else { return };
    let Some([batch, channels, height, width]) = x.image() else { return };
    let random = &mut writer.random;
    let out = if random.one_in(3) { random.between(1, 8) } else { channels };
    let divisors: Vec<usize> =
        (1..=channels).filter(|groups| channels.is_multiple_of(*groups) && out.is_multiple_of(*groups)).collect();
    let groups = random.pick(&divisors);
    let stride = random.pick(&[1, 1, 1, 2]);
    let shape = vec![batch, out, (height - 1) / stride + 1, (width - 1) / stride + 1];
    let count = random.between(2, 3);
    if !Writer::fits(&shape) || !writer.spend(count * 25 * shape.iter().product::<usize>() * channels) {
        return;
    }
    let mut terms = Vec::new();
    for _ in 0..count {
        let is_same = shape == x.shape;
        terms.push(match writer.random.below(8) {
            0 if is_same => x.text.clone(),
            1 if is_same => format!("({} |> batch_norm as {})", x.text, writer.name("bn")),
            // As large as the image: what it gives is stretched.
            2 | 3 if stride == 1 && height * width <= 49 && terms.is_empty() => {
                let name = writer.name("whole");
                let kernel = format!("[{height}, {width}]");
                format!("({} |> conv({out}, kernel={kernel}, padding=valid, groups={groups}) as {name})", x.text)
            }
            _ => {
                let groups = if writer.random.one_in(8) { writer.random.pick(&divisors) } else { groups };
                branch(writer, &x, out, groups, stride)
            }
        });
    }
    // A window as large as the image gives one pixel, which must not be all that there is.
    if !terms.iter().any(|term| !term.contains("whole")) {
        return;
    }
    let act = if writer.random.one_in(2) { " |> relu" } else { "" };
    writer.bind(Value { text: format!("{}{act}", terms.join(" + ")), shape, size: x.size * 6.0 });
}

/// A convolution that gives `ceil(size / stride)` rows and columns, whatever its kernel and wherever its padding is.
fn branch(writer: &mut Writer, x: &Value, out: usize, groups: usize, stride: usize) -> String {
    let name = writer.name("branch");
    let random = &mut writer.random;
    let kernel = [0; 2].map(|_: usize| random.pick(&[1, 1, 2, 3, 3, 5]));
    let dilation = if random.one_in(6) { 2 } else { 1 };
    let sides = kernel.map(|kernel| {
        let sum = (kernel - 1) * dilation;
        let before = if random.one_in(2) { sum / 2 } else { random.between(0, sum) };
        [before, sum - before]
    });
    let [[top, bottom], [left, right]] = sides;
    let mut arguments = format!("{out}, kernel={kernel:?}, padding=[{top}, {bottom}, {left}, {right}]");
    for (name, value) in [("groups", groups), ("stride", stride), ("dilation", dilation)] {
        if value != 1 {
            arguments += &format!(", {name}={value}");
        }
    }
    if random.one_in(3) {
        arguments += ", bias=true";
    }
    let norm = if random.one_in(2) { format!(" |> batch_norm as {name}_bn") } else { String::new() };
    format!("({} |> conv({arguments}) as {name}{norm})", x.text)
}
