//! Fully connected layers.

#![expect(clippy::indexing_slicing, reason = "a verified graph: shapes and ranges fit by construction")]

/// For each of `rows` rows of features, `out` sums: one per row of `weight`.
pub(super) fn linear(x: &[f64], weight: &[f64], bias: Option<&[f64]>, [rows, out]: [usize; 2]) -> Vec<f64> {
    let features = weight.len() / out;
    let mut sums = Vec::with_capacity(rows * out);
    for row in 0..rows {
        let x_row = &x[row * features..][..features];
        for feature in 0..out {
            let weight_row = &weight[feature * features..][..features];
            let sum: f64 = x_row.iter().zip(weight_row).map(|(x, weight)| x * weight).sum();
            sums.push(sum + bias.map_or(0.0, |bias| bias[feature]));
        }
    }
    sums
}
