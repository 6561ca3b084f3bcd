//! Images: pooling and resampling.

use super::*;
use crate::abi::WindowShape;

#[derive(Clone)]
pub(super) struct Image {
    pixels: Vec<f32>,
    height: usize,
    width: usize,
    pixel_stride: usize,
    row_stride: usize,
}

impl Image {
    pub(super) fn random(random: &mut Random, height: usize, width: usize, channels: usize) -> Image {
        let pixel_stride = channels + if random.flag() { 0 } else { random.between(1, 3) };
        let row_stride = width * pixel_stride + random.between(0, 5);
        let length = (height - 1) * row_stride + (width - 1) * pixel_stride + channels;
        let mut pixels = vec![f32::NAN; length];
        for row in 0..height {
            for column in 0..width {
                for channel in 0..channels {
                    pixels[row * row_stride + column * pixel_stride + channel] = random.value();
                }
            }
        }
        Image { pixels, height, width, pixel_stride, row_stride }
    }

    /// Puts further images of the same kind behind this one, until there are `planes`; the distance between them.
    pub(super) fn append_planes(&mut self, random: &mut Random, planes: usize) -> usize {
        let (one, stride) = (self.pixels.len(), self.pixels.len() + random.between(0, 5));
        for plane in 1..planes {
            self.pixels.resize(plane * stride, f32::NAN);
            for index in 0..one {
                let value = if self.pixels[index].is_nan() { f32::NAN } else { random.value() };
                self.pixels.push(value);
            }
        }
        stride
    }

    pub(super) fn at_plane(&self, start: usize, row: usize, column: usize, channel: usize) -> f64 {
        f64::from(self.pixels[start + row * self.row_stride + column * self.pixel_stride + channel])
    }

    pub(super) fn pointer(&self) -> *const f32 {
        self.pixels.as_ptr()
    }

    pub(super) fn pixel_stride(&self) -> usize {
        self.pixel_stride
    }

    pub(super) fn row_stride(&self) -> usize {
        self.row_stride
    }

    pub(super) fn at(&self, row: usize, column: usize, channel: usize) -> f64 {
        f64::from(self.pixels[row * self.row_stride + column * self.pixel_stride + channel])
    }

    pub(super) fn out_height(&self, window: &WindowShape) -> usize {
        // Any number will do: windows may lie outside.
        self.height.div_ceil(window.stride_height)
    }

    /// The pixels under a window, in row-major order; none for taps outside.
    pub(super) fn taps(&self, window: &WindowShape, row: usize, column: usize) -> Vec<Option<(usize, usize)>> {
        let mut taps = Vec::new();
        for tap_row in 0..window.kernel_height {
            for tap_column in 0..window.kernel_width {
                let row = (row * window.stride_height + tap_row * window.dilation_height).checked_sub(window.top);
                let column =
                    (column * window.stride_width + tap_column * window.dilation_width).checked_sub(window.left);
                taps.push(row.zip(column).filter(|(row, column)| *row < self.height && *column < self.width));
            }
        }
        taps
    }
}

/// An image, a window on it and a row of its output.
pub(super) fn random_window(random: &mut Random, channels: usize, dilated: bool) -> (Image, WindowShape, usize) {
    let (height, width) = (random.between(1, 12), random.between(1, 40));
    let image = Image::random(random, height, width, channels);
    let plain = random.flag();
    let dilation = |random: &mut Random| if dilated && !plain { random.between(1, 3) } else { 1 };
    let kernel_width = if random.flag() { [3, 5, 7][random.between(0, 2)] } else { random.between(1, 6) };
    let mut window = WindowShape {
        height,
        width,
        out_width: 0,
        kernel_height: random.between(1, 5),
        kernel_width,
        stride_height: random.between(1, 3),
        stride_width: random.between(1, 3),
        dilation_height: dilation(random),
        dilation_width: dilation(random),
        top: random.between(0, 5),
        left: random.between(0, 8),
        pixel_stride: image.pixel_stride,
        row_stride: image.row_stride,
    };
    let most = (width + window.left) / window.stride_width + 3;
    window.out_width = random.between(1, most);
    let row = random.between(0, image.out_height(&window) - 1);
    (image, window, row)
}

#[test]
fn pooling_is_right() {
    for (name, kernels) in tables() {
        for_each_case(|random| {
            let channels = random.between(1, 40);
            let (mut image, window, row) = random_window(random, channels, false);
            let shape = PoolShape {
                window,
                channels,
                out_stride: channels + random.between(0, 3),
                bottom: random.between(0, 4),
                right: random.between(0, 4),
                count_padding: random.between(0, 1),
            };
            let what = format!("{name} row {row} {shape:?}");
            let mut out = Rows::poison(window.out_width, channels, shape.out_stride);
            // SAFETY: the image and the output have that geometry.
            unsafe { (kernels.average_pool)(image.pointer(), out.pointer_mut(), row, &raw const shape) };
            out.check(&what, 2e-6, |column, channel| {
                let values: Vec<f64> = image
                    .taps(&window, row, column)
                    .into_iter()
                    .flatten()
                    .map(|(row, column)| image.at(row, column, channel))
                    .collect();
                let padded =
                    |start: usize, kernel: usize, end: usize| (start..start + kernel).filter(|at| *at < end).count();
                let count = if shape.count_padding == 0 {
                    values.len()
                } else {
                    padded(row * window.stride_height, window.kernel_height, window.top + window.height + shape.bottom)
                        * padded(
                            column * window.stride_width,
                            window.kernel_width,
                            window.left + window.width + shape.right,
                        )
                };
                values.iter().sum::<f64>() / count as f64
            });
            for value in &mut image.pixels {
                if random.between(0, 30) == 0 {
                    *value = f32::NAN;
                }
            }
            let mut out = Rows::poison(window.out_width, channels, shape.out_stride);
            // SAFETY: the image and the output have that geometry.
            unsafe { (kernels.max_pool)(image.pointer(), out.pointer_mut(), row, &raw const shape) };
            out.check(&what, 0.0, |column, channel| {
                let mut largest = f64::NEG_INFINITY;
                for (row, column) in image.taps(&window, row, column).into_iter().flatten() {
                    let value = image.at(row, column, channel);
                    if value > largest || value.is_nan() {
                        largest = value;
                    }
                }
                largest
            });
        });
    }
}

#[test]
fn resampling_is_right() {
    for (name, kernels) in tables() {
        for_each_case(|random| {
            let channels = random.between(1, 40);
            let (height, width) = (random.between(1, 12), random.between(1, 12));
            let image = Image::random(random, height, width, channels);
            let shape = ResampleShape {
                height,
                width,
                out_height: random.between(1, 20),
                out_width: random.between(1, 20),
                channels,
                pixel_stride: image.pixel_stride,
                row_stride: image.row_stride,
                out_stride: channels + random.between(0, 3),
                align_corners: random.between(0, 1),
            };
            let row = random.between(0, shape.out_height - 1);
            let what = format!("{name} row {row} {shape:?}");
            let run = |kernel: MaxPoolLike| {
                let mut out = Rows::poison(shape.out_width, channels, shape.out_stride);
                // SAFETY: the image and the output have that geometry.
                unsafe { kernel(image.pointer(), out.pointer_mut(), row, &raw const shape) };
                out
            };
            run(kernels.adaptive_average_pool).check(&what, 2e-6, |column, channel| {
                let cell = |index: usize, count: usize, size: usize| {
                    index * size / count..((index + 1) * size).div_ceil(count)
                };
                let rows = cell(row, shape.out_height, height);
                let columns = cell(column, shape.out_width, width);
                let mut sum = 0.0;
                for row in rows.clone() {
                    for column in columns.clone() {
                        sum += image.at(row, column, channel);
                    }
                }
                sum / (rows.len() * columns.len()) as f64
            });
            run(kernels.resample_nearest).check(&what, 0.0, |column, channel| {
                image.at(row * height / shape.out_height, column * width / shape.out_width, channel)
            });
            run(kernels.resample_bilinear).check(&what, 2e-6, |column, channel| {
                let (top, bottom, down) = neighbours(row, height, shape.out_height, shape.align_corners == 1);
                let (left, right, along) = neighbours(column, width, shape.out_width, shape.align_corners == 1);
                let upper = (1.0 - along) * image.at(top, left, channel) + along * image.at(top, right, channel);
                let lower = (1.0 - along) * image.at(bottom, left, channel) + along * image.at(bottom, right, channel);
                (1.0 - down) * upper + down * lower
            });
        });
    }
}

type MaxPoolLike = unsafe extern "C" fn(*const f32, *mut f32, usize, *const ResampleShape);

fn neighbours(index: usize, input: usize, output: usize, align_corners: bool) -> (usize, usize, f64) {
    let position = match align_corners {
        false => ((index as f64 + 0.5) * input as f64 / output as f64 - 0.5).max(0.0),
        true if output == 1 => 0.0,
        true => index as f64 * (input - 1) as f64 / (output - 1) as f64,
    };
    let first = (position.floor() as usize).min(input - 1);
    (first, (first + 1).min(input - 1), (position - first as f64).min(1.0))
}
