//! Winograd's minimal filtering F(4×4, 3×3): its sizes and the transformation of filters. See the kernels of the same name.

use alloc::vec::Vec;

/// Rows and columns of the outputs of a tile.
pub const TILE: usize = 4;

/// Rows and columns of the window.
pub const KERNEL: usize = 3;

/// Rows and columns of the points of a tile: of its inputs, and of the products.
pub const POINTS: usize = TILE + KERNEL - 1;

/// `G` of Lavin and Gray (see the kernels), for the points 0, ±1, ±2, ∞.
const TRANSFORMATION: [[f64; KERNEL]; POINTS] = [
    [1.0 / 4.0, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// Elements of a filter that is transformed.
pub(crate) const FILTER: usize = POINTS * POINTS;

/// [`filter`] of each kernel of 3×3 values. What is left behind the last whole kernel is dropped.
pub(crate) fn filters(kernels: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut transformed = Vec::new();
    let mut kernels = kernels.fuse();
    loop {
        let mut kernel = [0.0; KERNEL * KERNEL];
        for value in &mut kernel {
            let Some(next) = kernels.next() else { return transformed };
            *value = next;
        }
        transformed.extend(filter(kernel).as_flattened());
    }
}

/// `G kernel Gᵀ` for a kernel of 3×3 values: 6×6 values.
pub(crate) fn filter(kernel: [f64; KERNEL * KERNEL]) -> [[f64; POINTS]; POINTS] {
    let [a, b, c, d, e, f, g, h, i] = kernel;
    let columns = [[a, d, g], [b, e, h], [c, f, i]];
    let dot = |row: [f64; KERNEL], column: [f64; KERNEL]| -> f64 {
        row.iter().zip(column).map(|(left, right)| left * right).sum()
    };
    TRANSFORMATION.map(|row| {
        // A row of `G kernel`.
        let half = columns.map(|column| dot(row, column));
        TRANSFORMATION.map(|column| dot(half, column))
    })
}
