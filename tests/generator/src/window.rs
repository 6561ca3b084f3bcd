//! Sliding windows: arguments of convolutions and pools, and the sizes that they give.

use crate::random::Random;

/// The arguments of a call, and what they make of an image.
#[derive(Debug, Clone)]
pub struct Window {
    /// `, kernel=3, stride=2`: everything but the kernel only where it is not usual.
    pub text: String,
    /// Rows and columns of the window.
    pub kernel: [usize; 2],
    /// Rows and columns of the output.
    pub output: [usize; 2],
}

/// One axis of a window.
#[derive(Debug, Clone, Copy)]
struct Axis {
    kernel: usize,
    stride: usize,
    dilation: usize,
    padding: [usize; 2],
    ceil_mode: bool,
}

impl Axis {
    fn reach(self) -> usize {
        (self.kernel - 1) * self.dilation + 1
    }

    /// The output for an input of that size, if the window fits.
    fn output(self, size: usize) -> Option<usize> {
        let [before, after] = self.padding;
        let room = (size + before + after).checked_sub(self.reach())?;
        let count = room / self.stride + 1;
        let begins_inside = count * self.stride < size + before;
        Some(count + usize::from(self.ceil_mode && !room.is_multiple_of(self.stride) && begins_inside))
    }
}

/// A number for both axes, or one each; `most` is seldom reached.
fn pair(random: &mut Random, least: usize, most: usize) -> [usize; 2] {
    let first = random.between(least, most);
    if random.one_in(3) { [first, random.between(least, most)] } else { [first, first] }
}

fn text_of([rows, columns]: [usize; 2]) -> String {
    if rows == columns { rows.to_string() } else { format!("[{rows}, {columns}]") }
}

/// The arguments of a convolution over an image of that height and width.
pub fn convolution(random: &mut Random, size: [usize; 2]) -> Window {
    for _ in 0..8 {
        let kernel = match random.below(6) {
            0 | 1 => [1, 1],
            2 | 3 => [3, 3],
            _ => pair(random, 1, 7),
        };
        let stride = if random.one_in(3) { pair(random, 1, 3) } else { [1, 1] };
        let dilation = if random.one_in(4) { pair(random, 1, 3) } else { [1, 1] };
        let (padding, text) = padding(random, kernel, stride, dilation, size);
        let axis = |axis: usize| Axis {
            kernel: kernel[axis],
            stride: stride[axis],
            dilation: dilation[axis],
            padding: padding[axis],
            ceil_mode: false,
        };
        let (Some(height), Some(width)) = (axis(0).output(size[0]), axis(1).output(size[1])) else { continue };
        let mut arguments = String::new();
        for (name, value) in [("kernel", kernel), ("stride", stride), ("dilation", dilation)] {
            if value != [1, 1] {
                arguments += &format!(", {name}={}", text_of(value));
            }
        }
        return Window { text: arguments + &text, kernel, output: [height, width] };
    }
    Window { text: String::new(), kernel: [1, 1], output: size }
}

/// Rows and columns added on each side, and the argument that says so.
fn padding(
    random: &mut Random,
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    size: [usize; 2],
) -> ([[usize; 2]; 2], String) {
    let reach = |axis: usize| (kernel[axis] - 1) * dilation[axis] + 1;
    match random.below(8) {
        0 => {
            let around = |axis: usize| {
                let last = (size[axis].div_ceil(stride[axis]) - 1) * stride[axis];
                let total = (last + reach(axis)).saturating_sub(size[axis]);
                [total / 2, total - total / 2]
            };
            ([around(0), around(1)], ", padding=same".to_owned())
        }
        1 => ([[0; 2]; 2], ", padding=valid".to_owned()),
        2 => {
            let [rows, columns] = pair(random, 0, 3);
            ([[rows; 2], [columns; 2]], format!(", padding={}", text_of([rows, columns])))
        }
        3 => {
            let [top, bottom, left, right] = [0; 4].map(|_: usize| random.between(0, 3));
            ([[top, bottom], [left, right]], format!(", padding=[{top}, {bottom}, {left}, {right}]"))
        }
        _ => ([0, 1].map(|axis| [(reach(axis) - 1) / 2; 2]), String::new()),
    }
}

/// The arguments of a pool. `dilates` says whether it can have a dilation.
pub fn pool(random: &mut Random, size: [usize; 2], dilates: bool) -> Window {
    for _ in 0..8 {
        let kernel = pair(random, 1, 4);
        let stride = if random.one_in(3) { kernel } else { pair(random, 1, 3) };
        let dilation = if dilates && random.one_in(4) { pair(random, 1, 2) } else { [1, 1] };
        let ceil_mode = random.one_in(3);
        let most = |axis: usize| kernel[axis] / 2;
        // All taps of a dilated window may lie in the padding: the maximum of nothing is no finite number.
        let pads = dilation == [1, 1] && random.one_in(2);
        let padding = if pads { [random.between(0, most(0)), random.between(0, most(1))] } else { [0, 0] };
        let axis = |axis: usize| Axis {
            kernel: kernel[axis],
            stride: stride[axis],
            dilation: dilation[axis],
            padding: [padding[axis]; 2],
            ceil_mode,
        };
        let (Some(height), Some(width)) = (axis(0).output(size[0]), axis(1).output(size[1])) else { continue };
        let mut text = text_of(kernel);
        if stride != kernel {
            text += &format!(", stride={}", text_of(stride));
        }
        if dilation != [1, 1] {
            text += &format!(", dilation={}", text_of(dilation));
        }
        if padding != [0, 0] {
            text += &format!(", padding={}", text_of(padding));
        }
        if ceil_mode {
            text += ", ceil_mode=true";
        }
        return Window { text, kernel, output: [height, width] };
    }
    Window { text: "1".to_owned(), kernel: [1, 1], output: size }
}
