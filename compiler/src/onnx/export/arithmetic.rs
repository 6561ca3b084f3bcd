//! Arithmetic of tensors, matrix products, fully connected layers and attention.

use super::activation;
use super::draft::{Draft, Step};
use super::writer::Job;
use crate::op::attention::Attention;
use crate::op::elementwise::Binary;
use crate::op::linear::Linear;

/// Both broadcast by NumPy's rule.
pub(super) fn binary(op: Binary, job: &mut Job<'_, '_>) -> Step {
    let operator = match op {
        Binary::Add => "Add",
        Binary::Subtract => "Sub",
        Binary::Multiply => "Mul",
        Binary::Divide => "Div",
    };
    Draft::new(operator, job.inputs()).into()
}

pub(super) fn matmul(job: &mut Job<'_, '_>) -> Step {
    Draft::new("MatMul", job.inputs()).into()
}

/// `Gemm` takes matrices alone; for more dimensions the weight is transposed, which runtimes do once, when they load.
pub(super) fn linear(op: &Linear, job: &mut Job<'_, '_>) -> Step {
    let (x, weight) = (job.input(0), job.weight(0));
    if job.dims(0).len() == 2 {
        let mut inputs = vec![x, weight];
        if op.bias {
            inputs.push(job.weight(1));
        }
        return Draft::new("Gemm", inputs).integer("transB", 1).into();
    }
    let transposed = job.emit("transposed", Draft::new("Transpose", [weight]).integers("perm", &[1, 0]));
    let product = Draft::new("MatMul", [x, transposed]);
    if !op.bias {
        return product.into();
    }
    let product = job.emit("product", product);
    Draft::new("Add", [product, job.weight(1)]).into()
}

/// `softmax(q · kᵀ / temperature) · v`
pub(super) fn attention(op: &Attention, job: &mut Job<'_, '_>) -> Step {
    let [query, key, value] = [0, 1, 2].map(|port| job.input(port));
    let rank = job.dims(1).len();
    let mut order: Vec<usize> = (0..rank).collect();
    // The operation takes tensors of at least two dimensions.
    order.swap(rank.saturating_sub(2), rank.saturating_sub(1));
    let keys = job.emit("keys", Draft::new("Transpose", [key]).integers("perm", &order));
    let scores = job.emit("scores", Draft::new("MatMul", [query, keys]));
    let rank = rank.max(job.dims(0).len());
    let shares = activation::softmax(scores, rank.saturating_sub(1), op.temperature, job);
    let shares = job.resolve("shares", shares);
    Draft::new("MatMul", [shares, value]).into()
}
