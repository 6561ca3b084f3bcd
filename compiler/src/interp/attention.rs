//! Matrix products of two tensors, and attention.

#![expect(clippy::indexing_slicing, reason = "a verified graph: shapes and ranges fit by construction")]

use super::activation::softmax_lane;
use super::strided::{broadcast_strides, for_each_offset};
use super::{Job, Operand};
use crate::op::attention::Attention;
use crate::shape::Shape;

/// One product per index of the dimensions before the last two, which broadcast.
pub(super) fn matmul(left: Operand<'_>, right: Operand<'_>, shape: &Shape) -> Vec<f64> {
    let (batch, matrix) = shape.dims().split_at(shape.rank() - 2);
    let (rows, columns) = (matrix[0], matrix[1]);
    let inner = left.dims()[left.shape.rank() - 1];
    let mut out = vec![0.0; shape.elements()];
    let starts = matrix_starts(left.shape, batch).into_iter().zip(matrix_starts(right.shape, batch));
    for (product, (left_start, right_start)) in out.chunks_exact_mut(rows * columns).zip(starts) {
        for (row, sums) in product.chunks_exact_mut(columns).enumerate() {
            for index in 0..inner {
                let factor = left.data[left_start + row * inner + index];
                let right_row = &right.data[right_start + index * columns..][..columns];
                for (sum, value) in sums.iter_mut().zip(right_row) {
                    *sum += factor * value;
                }
            }
        }
    }
    out
}

/// Row by row: the scores of one query, their shares, and the sum of the values by these.
pub(super) fn attention(op: &Attention, job: &Job<'_>, shape: &Shape) -> Vec<f64> {
    let [query, key, value] = [0, 1, 2].map(|port| job.input(port));
    let (batch, matrix) = shape.dims().split_at(shape.rank() - 2);
    let (queries, columns) = (matrix[0], matrix[1]);
    let [keys, features] = [2, 1].map(|from_end| key.dims()[key.shape.rank() - from_end]);
    let mut out = vec![0.0; shape.elements()];
    let [queries_at, keys_at, values_at] = [query, key, value].map(|operand| matrix_starts(operand.shape, batch));
    for (matrix, averages) in out.chunks_exact_mut(queries * columns).enumerate() {
        for (row, average) in averages.chunks_exact_mut(columns).enumerate() {
            let query = &query.data[queries_at[matrix] + row * features..][..features];
            let score = |index: usize| {
                let key = &key.data[keys_at[matrix] + index * features..][..features];
                query.iter().zip(key).map(|(query, key)| query * key).sum()
            };
            let mut shares: Vec<f64> = (0..keys).map(score).collect();
            softmax_lane(&mut shares, op.temperature);
            for (index, share) in shares.iter().enumerate() {
                let values = &value.data[values_at[matrix] + index * columns..][..columns];
                for (sum, value) in average.iter_mut().zip(values) {
                    *sum += share * value;
                }
            }
        }
    }
    out
}

/// Where each matrix of a tensor begins that broadcasts to the batch dimensions `batch`.
fn matrix_starts(shape: &Shape, batch: &[usize]) -> Vec<usize> {
    let (own, matrix) = shape.dims().split_at(shape.rank() - 2);
    let size: usize = matrix.iter().product();
    let strides: Vec<usize> =
        broadcast_strides(&Shape::new(own), batch).into_iter().map(|stride| stride * size).collect();
    let mut starts = Vec::new();
    for_each_offset(batch, &strides, 0, &mut |start| starts.push(start));
    starts
}
