//! Winograd's filtering as a whole, against the convolution that it stands for.

use super::images::Image;
use super::*;
use crate::abi::{WindowShape, WinogradInputShape, WinogradOutputShape};
use crate::winograd::{KERNEL, POINTS, TILE, filters};

const GRID: usize = POINTS * POINTS;

#[test]
fn filtering_is_the_convolution() {
    for (name, kernels) in tables() {
        for_each_case(|random| {
            let (height, width) = (random.between(1, 13), random.between(1, 13));
            let (inputs, outputs) = (random.between(1, 40), random.between(1, 40));
            let image = Image::random(random, height, width, inputs);
            let window = WindowShape {
                kernel_height: KERNEL,
                kernel_width: KERNEL,
                stride_height: 1,
                stride_width: 1,
                dilation_height: 1,
                dilation_width: 1,
                top: random.between(0, 2),
                left: random.between(0, 2),
                ..WindowShape::default()
            };
            let (out_height, out_width) = (random.between(1, height + 3), random.between(1, width + 3));
            let (down, across) = (out_height.div_ceil(TILE), out_width.div_ceil(TILE));
            let tiles = down * across;
            let filter = random.values(outputs * inputs * KERNEL * KERNEL);

            let gap = random.between(0, 3);
            let mut transformed = Rows::poison(GRID, tiles * inputs, tiles * inputs + gap);
            let shape = WinogradInputShape {
                height,
                width,
                tiles: across,
                channels: inputs,
                top: window.top,
                left: window.left,
                pixel_stride: image.pixel_stride(),
                row_stride: image.row_stride(),
                point_stride: transformed.stride,
            };
            for row in 0..down {
                // SAFETY: the image has that geometry, and the output room for all tiles of all points.
                unsafe {
                    let out = transformed.pointer_mut().add(row * across * inputs);
                    (kernels.winograd_input)(image.pointer(), out, row, &raw const shape);
                }
            }

            let kernel = filters(filter.iter().copied().map(f64::from));
            let mut products = Rows::poison(GRID, tiles * outputs, tiles * outputs + gap);
            for point in 0..GRID {
                for (tile, output) in (0..tiles).flat_map(|tile| (0..outputs).map(move |output| (tile, output))) {
                    let products_of = |input: usize| {
                        transformed.at(point, tile * inputs + input) * kernel[(output * inputs + input) * GRID + point]
                    };
                    let sum: f64 = (0..inputs).map(products_of).sum();
                    products.data[point * products.stride + tile * outputs + output] = sum as f32;
                }
            }

            let finish = Finish { sums: None, ..Finish::random(random, out_height * out_width, outputs) };
            let out_stride = outputs + random.between(0, 3);
            let mut out = Rows::poison(out_height * out_width, outputs, out_stride);
            let shape = WinogradOutputShape {
                height: out_height,
                width: out_width,
                tiles: across,
                channels: outputs,
                point_stride: products.stride,
                out_stride,
                out_row_stride: out_width * out_stride,
                residual_row_stride: out_width * finish.epilogue.residual_stride,
                epilogue: finish.epilogue,
            };
            for row in 0..down {
                // SAFETY: there are products of all tiles for all points, and the operands have that many pixels and channels.
                unsafe {
                    (kernels.winograd_output)(
                        products.pointer().add(row * across * outputs),
                        out.pointer_mut(),
                        row,
                        &raw const shape,
                        finish.bias(),
                        finish.gate(),
                        finish.residual(),
                    );
                }
            }

            out.check(&format!("{name} {shape:?}"), 2e-5, |pixel, output| {
                let mut sum = 0.0;
                let taps = image.taps(&window, pixel / out_width, pixel % out_width);
                for (tap, place) in taps.into_iter().enumerate() {
                    let Some((row, column)) = place else { continue };
                    for input in 0..inputs {
                        let weight = filter[(output * inputs + input) * KERNEL * KERNEL + tap];
                        sum += image.at(row, column, input) * f64::from(weight);
                    }
                }
                finish.apply(pixel, output, sum)
            });
        });
    }
}

#[test]
fn filters_are_transformed_by_their_definition() {
    // A filter that passes on the pixel in its middle: `G e₁ (G e₁)ᵀ`.
    let mut filter = [0.0; KERNEL * KERNEL];
    filter[4] = 1.0;
    let middle = [0.0, -1.0 / 6.0, 1.0 / 6.0, 1.0 / 12.0, -1.0 / 12.0, 0.0];
    let expected: Vec<f64> = middle.iter().flat_map(|row| middle.map(|column| row * column)).collect();
    let transformed = filters(filter.into_iter().chain(filter));
    assert_eq!(transformed.len(), 2 * GRID);
    for (got, wanted) in transformed.iter().zip(expected.iter().chain(&expected)) {
        assert!((got - wanted).abs() < 1e-15, "{got} instead of {wanted}");
    }
}
