//! Windows: convolutions of few channels a group, and strips.

use super::images::{Image, random_window};
use super::*;
use crate::abi::StripShape;

struct Case {
    image: Image,
    weights: Rows,
    shape: GroupedShape,
    channels: usize,
    /// Output rows: the first, and how many.
    rows: [usize; 2],
    finish: Finish,
}

impl Case {
    fn random(random: &mut Random) -> Case {
        let group = [1, 1, 2, 4, 8][random.between(0, 4)];
        let channels = group * random.between(1, (40 / group).max(2));
        let (image, window, row) = random_window(random, channels, true);
        let count = random.between(1, image.out_height(&window) - row);
        let out_stride = channels + random.between(0, 3);
        let taps = window.kernel_height * window.kernel_width * group;
        let weights = Rows::random(
            random,
            channels.div_ceil(GroupedShape::LANES) * taps,
            GroupedShape::LANES,
            GroupedShape::LANES,
        );
        let finish = Finish::random(random, count * window.out_width, channels);
        let shape = GroupedShape {
            window,
            group,
            out_stride,
            out_row_stride: window.out_width * out_stride,
            residual_row_stride: window.out_width * finish.epilogue.residual_stride,
            epilogue: finish.epilogue,
        };
        Case { image, weights, shape, channels, rows: [row, count], finish }
    }

    /// Runs it as so many calls.
    fn run(&self, kernels: &Kernels, splits: &[usize]) -> (Rows, Option<Vec<f32>>) {
        let [row, count] = self.rows;
        let mut out = Rows::poison(count * self.shape.window.out_width, self.channels, self.shape.out_stride);
        let mut sums = self.finish.sums.clone();
        // Rows that no window meets may be missing.
        let window = &self.shape.window;
        let above = (row * window.stride_height).saturating_sub(window.top).min(window.height);
        let image = self.image.pointer().wrapping_add(above * window.row_stride);
        let shift = |pointer: *const f32, by: usize| if pointer.is_null() { pointer } else { pointer.wrapping_add(by) };
        let taps = window.kernel_height * window.kernel_width * self.shape.group;
        for pair in splits.windows(2) {
            let (first, end) = (pair[0], pair[1]);
            let kernel = if self.shape.group == 1 { kernels.depthwise } else { kernels.grouped };
            // SAFETY: all operands have as many pixels, channels and taps as the shape says, but for rows of the image that no window meets.
            unsafe {
                kernel(
                    image.wrapping_add(first),
                    self.weights.pointer().wrapping_add(first * taps),
                    out.pointer_mut().wrapping_add(first),
                    row,
                    count,
                    end - first,
                    above,
                    &raw const self.shape,
                    shift(self.finish.bias(), first),
                    shift(self.finish.gate(), first),
                    shift(self.finish.residual(), first),
                    shift(pointer_mut(sums.as_mut()), first).cast_mut(),
                );
            }
        }
        (out, sums)
    }
}

#[test]
fn convolutions_of_few_channels_are_right() {
    for (name, kernels) in tables() {
        for_each_case(|random| {
            let case = Case::random(random);
            let (out, sums) = case.run(kernels, &[0, case.channels]);
            let what = format!("{name} rows {:?} {:?}", case.rows, case.shape);
            let window = &case.shape.window;
            out.check(&what, 4e-6, |pixel, channel| {
                let mut sum = 0.0;
                let [row, column] = [case.rows[0] + pixel / window.out_width, pixel % window.out_width];
                let group = case.shape.group;
                let taps = window.kernel_height * window.kernel_width;
                for (tap, pixel) in case.image.taps(window, row, column).into_iter().enumerate() {
                    let Some((row, column)) = pixel else { continue };
                    let (of_row, of_column) = (tap / window.kernel_width, tap % window.kernel_width);
                    for member in 0..group {
                        let (block, lane) = (channel / GroupedShape::LANES, channel % GroupedShape::LANES);
                        let tap = (of_row * group + member) * window.kernel_width + of_column;
                        let weight = block * taps * group + tap;
                        let input = channel - channel % group + member;
                        sum += case.image.at(row, column, input) * case.weights.at(weight, lane);
                    }
                }
                case.finish.apply(pixel, channel, sum)
            });
            case.finish.check_sums(&what, sums.as_ref(), &out);
        });
    }
}

#[test]
fn they_have_the_same_bits_however_channels_are_split() {
    for (name, kernels) in tables() {
        for_each_case(|random| {
            let case = Case::random(random);
            let channels = case.channels;
            let split = GroupedShape::LANES * random.between(0, channels / GroupedShape::LANES);
            let (out, sums) = case.run(kernels, &[0, channels]);
            let (other, other_sums) = case.run(kernels, &[0, split, channels]);
            assert_eq!(out.bits(), other.bits(), "{name} {:?}", case.shape);
            assert_eq!(sums.as_deref().map(bits), other_sums.as_deref().map(bits), "{name} {:?}", case.shape);
        });
    }
}

#[test]
fn they_have_the_same_bits_on_every_path() {
    for (name, kernels) in tables() {
        for_each_case(|random| {
            let case = Case::random(random);
            let window = &case.shape.window;
            let (out, _) = case.run(kernels, &[0, case.channels]);
            // Each pixel alone, as the first of a row: a larger padding at the left is a window further to the left.
            let column = random.between(0, window.out_width - 1);
            if column * window.stride_width > window.left {
                return;
            }
            let left = window.left - column * window.stride_width;
            let mut alone = Case {
                image: case.image.clone(),
                weights: case.weights.clone(),
                shape: case.shape,
                channels: case.channels,
                rows: [case.rows[0], 1],
                finish: Finish {
                    epilogue: case.finish.epilogue,
                    bias: case.finish.bias.clone(),
                    gate: case.finish.gate.clone(),
                    residual: case.finish.residual.as_ref().map(|rows| Rows {
                        data: rows.data[column * rows.stride..].to_vec(),
                        rows: rows.rows - column,
                        ..*rows
                    }),
                    sums: None,
                },
            };
            alone.shape.window.left = left;
            alone.shape.window.out_width = 1;
            let (single, _) = alone.run(kernels, &[0, case.channels]);
            for channel in 0..case.channels {
                assert_eq!(single.at(0, channel), out.at(column, channel), "{name} {:?}", case.shape);
            }
        });
    }
}

#[test]
fn strips_are_right() {
    for (name, kernels) in tables() {
        for_each_case(|random| {
            // Either channels side by side or planes one behind the other, of which each is an image here.
            let planes = if random.flag() { 1 } else { random.between(1, 4) };
            let channels = if planes == 1 { random.between(1, 20) } else { 1 };
            let (mut image, window, row) = random_window(random, channels, true);
            let plane_stride = image.append_planes(random, planes);
            let count = random.between(1, 4);
            let extent = (window.kernel_height - 1) * window.dilation_height + 1;
            let pixels = random.between(1, window.width + window.left + 3);
            let rows = (count - 1) * window.stride_height + extent;
            let (row_length, gap) = (pixels * channels, random.between(0, 3) * pixels * channels);
            let shape = StripShape {
                height: window.height,
                width: window.width,
                top: window.top,
                left: window.left,
                stride: window.stride_height,
                extent,
                channels,
                pixel_stride: window.pixel_stride,
                row_stride: window.row_stride,
                planes,
                plane_stride,
                row_length,
                plane_length: rows * row_length + gap,
            };
            let mut out = Rows::poison(planes, rows * row_length, shape.plane_length);
            // SAFETY: the image and the output have that geometry.
            unsafe { (kernels.strip)(image.pointer(), out.pointer_mut(), row, count, &raw const shape) };
            out.check(&format!("{name} {row} {count} {shape:?}"), 0.0, |plane, value| {
                let (y, x) = (value / row_length, value % row_length / channels);
                let place = (row * shape.stride + y).checked_sub(shape.top).zip(x.checked_sub(shape.left));
                match place.filter(|(y, x)| *y < shape.height && *x < shape.width) {
                    Some((y, x)) => image.at_plane(plane * plane_stride, y, x, value % channels),
                    None => 0.0,
                }
            });
        });
    }
}
