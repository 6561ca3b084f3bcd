//! Winograd's minimal filtering F(4×4, 3×3): its sizes and the transformation of filters. See the kernels of the same name.

use alloc::vec::Vec;

/// Rows and columns of the outputs of a tile.
pub const TILE: usize = 4;

/// Rows and columns of the window.
pub const KERNEL: usize = 3;

/// Rows and columns of the points of a tile: of its inputs, and of the products.
pub const POINTS: usize = TILE + KERNEL - 1;

/// `G` of Lavin and Gray (see the kernels), for the points 0, ±1, ±2, ∞.
const FILTER: [[f64; KERNEL]; POINTS] = [
    [1.0 / 4.0, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// `G filter Gᵀ` for each filter of 3×3 values: 6×6 values. What is left behind the last whole filter is dropped.
pub(crate) fn filters(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut transformed = Vec::new();
    let mut values = values.fuse();
    loop {
        let mut filter = [[0.0; KERNEL]; KERNEL];
        for value in filter.as_flattened_mut() {
            let Some(next) = values.next() else { return transformed };
            *value = next;
        }
        let dot = |row: [f64; KERNEL], column: [f64; KERNEL]| -> f64 {
            row.iter().zip(column).map(|(left, right)| left * right).sum()
        };
        for row in FILTER {
            // A row of `G filter`, by columns of the filter.
            let half: [f64; KERNEL] = core::array::from_fn(|column| {
                dot(row, filter.map(|values| values.get(column).copied().unwrap_or_default()))
            });
            transformed.extend(FILTER.map(|column| dot(half, column)));
        }
    }
}
