//! Writes values into the block: each element of a layout is one of the value, or a zero behind the last column.
//!
//! The filters of [`Value::Winograd`](super::Value::Winograd) have four times as many elements as the kernels that they are made
//! of, so those of large kernels are made where they are laid out, one by one, and are nowhere else.

use alloc::vec;
use alloc::vec::Vec;

use super::{Dimension, Elements, Layout, PrepareError, narrow, panel_length, panels_length};
use crate::abi::Tile;
use crate::dtype::{Dtype, bf16, int8, int8_scale};
use crate::{strassen, winograd};

/// Writes `elements` into `target` as `layout` says.
pub(super) fn lay_out(elements: &Elements, layout: &Layout, target: &mut [f32]) -> Result<(), PrepareError> {
    let reach = |dims: &[Dimension]| dims.iter().map(|dim| dim.size.saturating_sub(1) * dim.stride).sum::<usize>();
    let last = match layout {
        Layout::Strided(dims) => reach(dims),
        Layout::Panels { outer, depth, columns, .. } => reach(outer) + reach(depth) + reach(&[*columns]),
        Layout::Strassen { depth, columns, .. } => reach(&[*depth, *columns]),
        Layout::Blocks { outer, depth, columns, .. } => reach(outer) + reach(depth) + reach(&[*columns]),
    };
    if target.is_empty() {
        return Ok(());
    }
    if last >= elements.len() {
        return Err(PrepareError::Length { expected: last + 1, found: elements.len() });
    }
    match elements {
        Elements::Single(values) => copy(layout, &|index| values.get(index).copied().unwrap_or(0.0), target),
        Elements::Double(values) => copy(layout, &|index| values.get(index).copied().map_or(0.0, narrow), target),
        Elements::Kernels(kernels) => {
            if !transform(kernels, layout, target) {
                let values = elements.to_f64();
                copy(layout, &|index| values.get(index).copied().map_or(0.0, narrow), target);
            }
        }
    }
    Ok(())
}

/// [`lay_out`] for one type of elements; `read` gives the element of an index.
fn copy(layout: &Layout, read: &impl Fn(usize) -> f32, target: &mut [f32]) {
    match layout {
        Layout::Strided(dims) => {
            let mut target = target.iter_mut();
            for_each_offset(dims, 0, &mut |offset| {
                if let Some(element) = target.next() {
                    *element = read(offset);
                }
            });
        }
        Layout::Panels { outer, depth, columns, tile, dtype } => {
            let depth = offsets(depth);
            let mut rest = target;
            // A panel before its numbers are stored in fewer bytes.
            let mut whole = Vec::new();
            for_each_offset(outer, 0, &mut |offset| {
                for first in (0..columns.size).step_by(tile.columns().max(1)) {
                    let count = (columns.size - first).min(tile.columns());
                    let width = tile.panel_width(count);
                    let length = panel_length(depth.len(), width, *dtype);
                    let (panel, behind) = core::mem::take(&mut rest).split_at_mut(length);
                    rest = behind;
                    let start = offset + first * columns.stride;
                    let columns = Dimension { size: count, ..*columns };
                    if *dtype == Dtype::F32 {
                        columns_of(panel, width, start, columns, &depth, read);
                        continue;
                    }
                    whole.clear();
                    whole.resize(depth.len() * width, 0.0);
                    columns_of(&mut whole, width, start, columns, &depth, read);
                    match dtype {
                        Dtype::F32 => {}
                        Dtype::Bf16 => store_bf16(&whole, panel),
                        Dtype::Int8 => store_int8(&whole, width, panel),
                    }
                }
            });
        }
        Layout::Strassen { depth, columns, tile } => strassen_factors(*depth, *columns, *tile, read, target),
        Layout::Blocks { outer, depth, columns, width } => {
            let (depth, width) = (offsets(depth), (*width).max(1));
            let mut blocks = target.chunks_exact_mut(depth.len() * width);
            for_each_offset(outer, 0, &mut |offset| {
                for first in (0..columns.size).step_by(width) {
                    let columns_here = Dimension { size: (columns.size - first).min(width), ..*columns };
                    if let Some(block) = blocks.next() {
                        columns_of(block, width, offset + first * columns.stride, columns_here, &depth, read);
                    }
                }
            });
        }
    }
}

/// [`Layout::Strassen`]: all factors at once, since they are made of the same elements.
fn strassen_factors(
    depth: Dimension,
    columns: Dimension,
    tile: Tile,
    read: &impl Fn(usize) -> f32,
    target: &mut [f32],
) {
    let (rows, half) = (depth.size / 2, columns.size / 2);
    let (below, beside) = (rows * depth.stride, half * columns.stride);
    let factor = panels_length(rows, half, tile, Dtype::F32).max(1);
    for first in (0..half).step_by(tile.columns().max(1)) {
        let count = (half - first).min(tile.columns());
        let (panel, width) = (first * rows, tile.panel_width(count));
        for some in (0..rows).step_by(ROWS_AT_ONCE) {
            for column in 0..count {
                for row in some..rows.min(some + ROWS_AT_ONCE) {
                    let index = row * depth.stride + (first + column) * columns.stride;
                    let upper = [index, index + beside].map(|index| f64::from(read(index)));
                    let lower = [index, index + beside].map(|index| f64::from(read(below + index)));
                    let elements = target.iter_mut().skip(panel + row * width + column).step_by(factor);
                    for (element, sum) in elements.zip(strassen::right_factors([upper, lower])) {
                        *element = narrow(sum);
                    }
                }
            }
        }
    }
}

/// Stores numbers two to an element.
fn store_bf16(numbers: &[f32], target: &mut [f32]) {
    for (element, pair) in target.iter_mut().zip(numbers.chunks(2)) {
        let mut bytes = [0; 4];
        for (bytes, number) in bytes.chunks_exact_mut(2).zip(pair) {
            bytes.copy_from_slice(&bf16(*number).to_ne_bytes());
        }
        *element = f32::from_bits(u32::from_ne_bytes(bytes));
    }
}

/// Stores a panel that is so wide: a scale per column, then numbers four to an element.
fn store_int8(numbers: &[f32], width: usize, target: &mut [f32]) {
    let mut scales = vec![0.0_f32; width];
    for row in numbers.chunks_exact(width.max(1)) {
        for (largest, number) in scales.iter_mut().zip(row) {
            let size = number.abs();
            // NaN is larger than everything.
            if size > *largest || size.is_nan() {
                *largest = size;
            }
        }
    }
    scales.iter_mut().for_each(|scale| *scale = int8_scale(*scale));
    let (head, body) = target.split_at_mut(width.min(target.len()));
    head.iter_mut().zip(&scales).for_each(|(element, scale)| *element = *scale);
    let mut stored = numbers.iter().zip(scales.iter().cycle()).map(|(number, scale)| int8(*number, *scale));
    for element in body {
        let bytes = [(); 4].map(|()| stored.next().unwrap_or(0).to_ne_bytes());
        *element = f32::from_bits(u32::from_ne_bytes(bytes.map(|[byte]| byte)));
    }
}

/// Transforms kernels into a panel of filters by inputs and outputs for each point of theirs; does nothing and says so if
/// that is not the layout.
fn transform(kernels: &[f32], layout: &Layout, target: &mut [f32]) -> bool {
    let Layout::Panels { outer, depth, columns, tile, dtype: Dtype::F32 } = layout else { return false };
    let [Dimension { size: winograd::FILTER, stride: 1 }] = outer.as_slice() else { return false };
    let [Dimension { size: depth, stride: winograd::FILTER }] = *depth.as_slice() else { return false };
    if columns.stride != depth * winograd::FILTER {
        return false;
    }
    let (kernels, _) = kernels.as_chunks::<{ winograd::KERNEL * winograd::KERNEL }>();
    let point_length = target.len() / winograd::FILTER;
    let mut row_start = 0;
    for first in (0..columns.size).step_by(tile.columns().max(1)) {
        let count = (columns.size - first).min(tile.columns());
        for row in 0..depth {
            for column in 0..count {
                let Some(kernel) = kernels.get((first + column) * depth + row) else { continue };
                let points = winograd::filter(kernel.map(f64::from));
                let elements = target.iter_mut().skip(row_start + column).step_by(point_length.max(1));
                elements.zip(points.as_flattened()).for_each(|(element, point)| *element = narrow(*point));
            }
            row_start += tile.panel_width(count);
        }
    }
    true
}

/// How many rows of a panel are filled at once: few enough that they stay in the nearest cache meanwhile.
const ROWS_AT_ONCE: usize = 32;

/// The offset of each index of `dims` in row-major order.
fn offsets(dims: &[Dimension]) -> Vec<usize> {
    let mut offsets = Vec::with_capacity(dims.iter().map(|dim| dim.size).product());
    for_each_offset(dims, 0, &mut |offset| offsets.push(offset));
    offsets
}

/// Fills rows of `width` elements, one row per offset of `depth`, some rows at a time and these column by column: what lies
/// close in a value is what is summed over.
fn columns_of(
    panel: &mut [f32],
    width: usize,
    start: usize,
    columns: Dimension,
    depth: &[usize],
    read: &impl Fn(usize) -> f32,
) {
    let width = width.max(1);
    for (rows, offsets) in panel.chunks_mut(ROWS_AT_ONCE * width).zip(depth.chunks(ROWS_AT_ONCE)) {
        for column in 0..columns.size {
            let start = start + column * columns.stride;
            for (row, offset) in rows.chunks_exact_mut(width).zip(offsets) {
                if let Some(element) = row.get_mut(column) {
                    *element = read(start + offset);
                }
            }
        }
    }
}

/// Calls `visit` with the offset of each index of `dims` in row-major order.
fn for_each_offset(dims: &[Dimension], offset: usize, visit: &mut impl FnMut(usize)) {
    match dims {
        [] => visit(offset),
        [inner] => {
            for index in 0..inner.size {
                visit(offset + index * inner.stride);
            }
        }
        [outer, inner @ ..] => {
            for index in 0..outer.size {
                for_each_offset(inner, offset + index * outer.stride, visit);
            }
        }
    }
}
