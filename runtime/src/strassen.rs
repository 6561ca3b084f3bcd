//! Strassen's algorithm: its sizes, and the sums of a right factor. See the kernels of the same name, which have the formulas.

/// Products of blocks that a product of matrices of 2×2 blocks takes.
pub const PRODUCTS: usize = 7;

/// Sums of blocks of a left factor that are made before it is multiplied, and the block that is copied beside them, in the order in which
/// the kernels take them: `s2`, `s3`, `a22`, `s1`, `s4`.
pub const SUMS: usize = 5;

/// The elements of the right factors of the products, in the order in which the kernels take them, from those at the same place of the
/// four blocks: `b11`, `b21`, `t2`, `t3`, `t4`, `t1`, `b22`.
pub(crate) fn right_factors([[b11, b12], [b21, b22]]: [[f64; 2]; 2]) -> [f64; PRODUCTS] {
    let t1 = b12 - b11;
    let t2 = b22 - t1;
    [b11, b21, t2, b22 - b12, b21 - t2, t1, b22]
}
