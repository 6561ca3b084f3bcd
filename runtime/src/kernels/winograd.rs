//! Convolutions of 3×3 windows with a quarter of the multiplications: Winograd's minimal filtering F(4×4, 3×3).
//!
//! An image is cut into tiles of 4×4 outputs, which depend on 6×6 inputs. Inputs and filters are transformed so that the
//! convolution becomes a product per point of a 6×6 grid, summed over the input channels: 36 matrix products. What these give is
//! transformed back (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016, section 4; points 0, ±1, ±2, ∞):
//!
//! ```text
//! output = Aᵀ [ (G filter Gᵀ) ⊙ (Bᵀ input B) ] A
//! ```
//!
//! [`input`] applies `Bᵀ…B` and [`output`] `Aᵀ…A`; the filters are transformed when weights are
//! prepared ([`Value::Winograd`](crate::prepare::Value::Winograd)).

use super::epilogue::{Direct, Operands, advance};
use crate::abi::{WinogradInputShape, WinogradOutputShape};
use crate::simd::{Simd, for_each_vector};
use crate::winograd::{POINTS, TILE};

/// See [`Kernel::WinogradInput`](crate::abi::Kernel::WinogradInput).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
pub(super) unsafe fn input<S: Simd>(
    s: S,
    image: *const f32,
    out: *mut f32,
    row: usize,
    shape: *const WinogradInputShape,
) {
    // SAFETY: the shape is valid for reads; vectors run over the channels of each tile.
    unsafe {
        let shape = &*shape;
        // Left of the image and above, positions wrap around.
        let top = (row * TILE).wrapping_sub(shape.top);
        for tile in 0..shape.tiles {
            let left = (tile * TILE).wrapping_sub(shape.left);
            let out = out.add(tile * shape.channels);
            let inside = |first: usize, size: usize| first < size && size - first >= POINTS;
            if inside(top, shape.height) && inside(left, shape.width) {
                for_each_vector!(s: S, shape.channels, input_tile[true], (shape, image, out, [top, left]));
            } else {
                for_each_vector!(s: S, shape.channels, input_tile[false], (shape, image, out, [top, left]));
            }
        }
    }
}

/// The transformed inputs of a tile, one vector of channels.
///
/// # Safety
///
/// As for [`input`]; if the tile is `INSIDE`, all of its inputs are in the image. The lanes are channels from `channel` on.
#[inline(always)]
#[expect(
    clippy::indexing_slicing,
    clippy::needless_range_loop,
    reason = "points are counted below their constant number"
)]
unsafe fn input_tile<S: Simd, const FULL: bool, const INSIDE: bool>(
    s: S,
    shape: &WinogradInputShape,
    image: *const f32,
    out: *mut f32,
    [top, left]: [usize; 2],
    channel: usize,
    lanes: S::Lanes,
) {
    let mut half = [[s.zero(); POINTS]; POINTS];
    // SAFETY: only inputs in the image are read; there are as many points of outputs as of inputs.
    unsafe {
        for column in 0..POINTS {
            let x = left.wrapping_add(column);
            let mut values = [s.zero(); POINTS];
            for (row, value) in values.iter_mut().enumerate() {
                let y = top.wrapping_add(row);
                if INSIDE || (y < shape.height && x < shape.width) {
                    *value = s.read::<FULL>(image.add(y * shape.row_stride + x * shape.pixel_stride + channel), lanes);
                }
            }
            for (row, value) in transform_input(s, values).into_iter().enumerate() {
                half[row][column] = value;
            }
        }
        for (row, values) in half.into_iter().enumerate() {
            for (column, value) in transform_input(s, values).into_iter().enumerate() {
                s.write::<FULL>(out.add((row * POINTS + column) * shape.point_stride + channel), value, lanes);
            }
        }
    }
}

/// `Bᵀ d`, whose rows are `4 0 -5 0 1 0`, `0 -4 -4 1 1 0`, `0 4 -4 -1 1 0`, `0 -2 -1 2 1 0`, `0 2 -1 -2 1 0`, `0 4 0 -5 0 1`.
#[inline(always)]
fn transform_input<S: Simd>(s: S, d: [S::Vector; POINTS]) -> [S::Vector; POINTS] {
    let (two, minus_two, four, minus_four) = (s.splat(2.0), s.splat(-2.0), s.splat(4.0), s.splat(-4.0));
    let minus_five = s.splat(-5.0);
    let even = s.mul_add(minus_four, d[2], d[4]);
    let odd = s.mul_add(minus_four, d[1], d[3]);
    let outer = s.sub(d[4], d[2]);
    let inner = s.sub(d[3], d[1]);
    [
        s.mul_add(four, d[0], s.mul_add(minus_five, d[2], d[4])),
        s.add(even, odd),
        s.sub(even, odd),
        s.mul_add(two, inner, outer),
        s.mul_add(minus_two, inner, outer),
        s.mul_add(four, d[1], s.mul_add(minus_five, d[3], d[5])),
    ]
}

/// See [`Kernel::WinogradOutput`](crate::abi::Kernel::WinogradOutput).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the arguments of a kernel")]
pub(super) unsafe fn output<S: Simd>(
    s: S,
    products: *const f32,
    out: *mut f32,
    row: usize,
    shape: *const WinogradOutputShape,
    bias: *const f32,
    gate: *const f32,
    residual: *const f32,
) {
    // SAFETY: the shape is valid for reads; vectors run over the channels of each tile.
    unsafe {
        let shape = &*shape;
        let operands = Operands { bias, gate, residual, sums: core::ptr::null_mut() };
        let direct = Direct::new(s, &shape.epilogue, operands);
        for tile in 0..shape.tiles {
            let products = products.add(tile * shape.channels);
            let corner = [row * TILE, tile * TILE];
            for_each_vector!(s: S, shape.channels, output_tile, (shape, &direct, operands, products, out, corner));
        }
    }
}

/// The outputs of a tile, one vector of channels.
///
/// # Safety
///
/// As for [`output`]; `top` and `left` are the tile's first pixel. The lanes are channels from `channel` on.
#[inline(always)]
#[expect(
    clippy::indexing_slicing,
    clippy::needless_range_loop,
    reason = "points are counted below their constant number"
)]
#[expect(clippy::too_many_arguments, reason = "those of the kernel and the place")]
unsafe fn output_tile<S: Simd, const FULL: bool>(
    s: S,
    shape: &WinogradOutputShape,
    direct: &Option<Direct<S>>,
    operands: Operands,
    products: *const f32,
    out: *mut f32,
    [top, left]: [usize; 2],
    channel: usize,
    lanes: S::Lanes,
) {
    let mut half = [[s.zero(); POINTS]; TILE];
    // SAFETY: all points are read; of the pixels, those in the image are written.
    unsafe {
        for column in 0..POINTS {
            let mut values = [s.zero(); POINTS];
            for (row, value) in values.iter_mut().enumerate() {
                *value = s.read::<FULL>(products.add((row * POINTS + column) * shape.point_stride + channel), lanes);
            }
            for (row, value) in transform_output(s, values).into_iter().enumerate() {
                half[row][column] = value;
            }
        }
        let pixels = (shape.width - left).min(TILE);
        let strides = [shape.out_stride, shape.epilogue.residual_stride];
        for (row, values) in half.into_iter().enumerate().take((shape.height - top).min(TILE)) {
            let mut tile = [[s.zero()]; TILE];
            for (row, value) in tile.iter_mut().zip(transform_output(s, values)) {
                *row = [value];
            }
            let [mut out, mut residual] = [out.cast_const(), operands.residual];
            out = out.add((top + row) * shape.out_row_stride + left * strides[0] + channel);
            residual = advance(residual, (top + row) * shape.residual_row_stride + left * strides[1] + channel);
            match direct {
                Some(direct) if FULL || S::MASKS_ARE_FREE => {
                    if pixels == TILE {
                        direct.finish(s, tile, channel, residual, out.cast_mut(), strides[0], lanes);
                    } else {
                        for (pixel, value) in tile.into_iter().enumerate().take(pixels) {
                            let out = out.add(pixel * strides[0]).cast_mut();
                            let residual = advance(residual, pixel * strides[1]);
                            direct.finish(s, [value], channel, residual, out, strides[0], lanes);
                        }
                    }
                }
                _ => {
                    let operands = Operands { residual, ..operands.at(channel, 0) };
                    let tile = &mut tile[..pixels];
                    s.finish(&shape.epilogue, operands, tile, out.cast_mut(), strides[0], lanes);
                }
            }
        }
    }
}

/// `Aᵀ m`, whose rows are `1 1 1 1 1 0`, `0 1 -1 2 -2 0`, `0 1 1 4 4 0`, `0 1 -1 8 -8 1`.
#[inline(always)]
fn transform_output<S: Simd>(s: S, m: [S::Vector; POINTS]) -> [S::Vector; TILE] {
    let (two, four, eight) = (s.splat(2.0), s.splat(4.0), s.splat(8.0));
    let (near, far) = (s.add(m[1], m[2]), s.add(m[3], m[4]));
    let (near_difference, far_difference) = (s.sub(m[1], m[2]), s.sub(m[3], m[4]));
    [
        s.add(s.add(m[0], near), far),
        s.mul_add(two, far_difference, near_difference),
        s.mul_add(four, far, near),
        s.add(s.mul_add(eight, far_difference, near_difference), m[5]),
    ]
}
