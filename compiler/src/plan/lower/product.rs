//! Matrix products of two tensors, and attention, which is made of two of them.

use parameternet_runtime::abi::SoftmaxShape;
use parameternet_runtime::blocking::Product;

use super::super::attention::{self, Attention};
use super::super::fuse::{Attended, Chain};
use super::super::step::{Finish, Left, Matmul, Operand, Right, Work};
use super::super::view::{Axis, Place, View};
use super::{Lowering, operand};
use crate::graph::NodeId;
use crate::op::Op;

fn row_major(rank: usize) -> Vec<usize> {
    (0..rank).collect()
}

fn is_row_contiguous(view: &View) -> bool {
    view.is_contiguous_along(view.axes.len() - 1)
}

/// All dimensions of a view of matrices but those of a matrix.
fn batch(view: &View) -> &[Axis] {
    &view.axes[..view.axes.len() - 2]
}

/// A matrix whose rows are contiguous, and the distance between them.
type Rows = (Operand, usize);

fn rows(view: &View) -> Rows {
    (operand(view, batch(view)), view.axes[view.axes.len() - 2].stride)
}

impl Lowering<'_> {
    /// The order of dimensions in memory that spares the reader of a product a copy: that of a permutation which leaves the
    /// columns last, such as that of attention from heads back to tokens.
    fn order_for_reader(&self, id: NodeId, rank: usize) -> Vec<usize> {
        let reader = self.fusion.reader(id).and_then(|reader| self.graph.node(reader));
        match reader.map(|node| &node.op) {
            Some(Op::Permute(permute)) if permute.order.last() == Some(&(rank - 1)) => permute.order.clone(),
            _ => row_major(rank),
        }
    }

    /// The left factor of products of these dimensions.
    fn left_factor(&mut self, id: NodeId, dims: &[usize]) -> View {
        let rank = self.dims(id).len();
        let view = self.arranged(id, &row_major(rank), is_row_contiguous);
        let [rows, depth] = [dims[dims.len() - 2], view.axes[rank - 1].size];
        view.broadcast(&[&dims[..dims.len() - 2], &[rows, depth]].concat())
    }

    /// The right factor, likewise.
    fn right_factor(&mut self, id: NodeId, depth: usize, dims: &[usize]) -> View {
        let columns = dims[dims.len() - 1];
        self.view(id).broadcast(&[&dims[..dims.len() - 2], &[depth, columns]].concat())
    }

    /// What else happens to a product of these dimensions.
    fn finish_of_product(&mut self, chain: &Chain, rank: usize) -> Finish {
        let mut finish = Self::activations(chain);
        if let Some(residual) = chain.residual {
            let view = self.arranged(residual, &row_major(rank), is_row_contiguous);
            let (residual, stride) = rows(&view);
            finish.shape.residual_stride = stride;
            finish.residual = Some(residual);
        }
        finish
    }

    /// So many rows times a matrix, for all that the right factor has before its last two dimensions.
    fn product(
        &self,
        count: usize,
        (left, stride): Rows,
        right: &View,
        (out, out_stride): Rows,
        finish: Finish,
    ) -> Matmul {
        let outer: Vec<usize> = batch(right).iter().map(|axis| axis.size).collect();
        let [along_depth, along_columns] = [2, 1].map(|behind| right.axes[right.axes.len() - behind]);
        let product = Product {
            repeats: outer.iter().product(),
            rows: count,
            depth: along_depth.size,
            columns: along_columns.size,
            lines: None,
            makes_panels: true,
            part: None,
            has_sums: false,
            in_halves: false,
        };
        Matmul {
            outer,
            rows: count,
            depth: product.depth,
            columns: product.columns,
            left: Left::Rows { rows: left, stride },
            right: Right::Computed {
                source: operand(right, batch(right)),
                row_stride: along_depth.stride,
                column_stride: along_columns.stride,
            },
            out,
            out_stride,
            finish,
            blocking: self.blocking(&product),
            ahead: None,
        }
    }

    /// A product of two computed tensors over their last two dimensions.
    pub(super) fn matmul(&mut self, id: NodeId, chain: &Chain) -> View {
        let anchor = chain.anchor().unwrap_or(id);
        let operands = self.graph.operands(anchor);
        if let Some(attended) = self.fusion.attended(anchor).cloned() {
            return self.attention(id, chain, &attended, operands[1]);
        }
        let dims = self.dims(id);
        let rank = dims.len();
        let left = self.left_factor(operands[0], &dims);
        let depth = left.axes[rank - 1].size;
        let right = self.right_factor(operands[1], depth, &dims);
        let out = self.target(id, &self.order_for_reader(id, rank), is_row_contiguous);
        let finish = self.finish_of_product(chain, rank);
        let step = self.product(dims[rank - 2], rows(&left), &right, rows(&out), finish);
        self.push(chain.nodes.clone(), Work::Matmul(step), dims.iter().product::<usize>() * depth);
        out
    }

    /// A product whose left factor is the softmax of another one.
    fn attention(&mut self, id: NodeId, chain: &Chain, attended: &Attended, values: NodeId) -> View {
        let (dims, of_scores) = (self.dims(id), self.dims(attended.scores));
        let rank = dims.len();
        let [count, columns] = [of_scores[rank - 2], of_scores[rank - 1]];
        let queries = self.left_factor(attended.queries, &of_scores);
        let depth = queries.axes[rank - 1].size;
        let keys = self.right_factor(attended.keys, depth, &of_scores);
        let values = self.right_factor(values, columns, &dims);
        let addends = attended.addends.iter().map(|addend| {
            let view = self.arranged(*addend, &row_major(self.dims(*addend).len()), is_row_contiguous);
            rows(&view.broadcast(&of_scores))
        });
        let mut addends: Vec<Rows> = addends.collect();
        let (mask, mask_stride) = if addends.len() > 1 { addends.pop() } else { None }.unzip();
        let (bias, bias_stride) = addends.pop().unzip();
        let out = self.target(id, &self.order_for_reader(id, rank), is_row_contiguous);
        let finish = self.finish_of_product(chain, rank);

        let stride = attention::stride(columns);
        let rows_per_unit = attention::rows_per_unit(count, columns);
        let strides = vec![0; rank - 2];
        let in_scratch = (Operand { place: Place::Lines(0), offset: 0, strides, end: rows_per_unit * stride }, stride);
        let mut scores = self.product(count, rows(&queries), &keys, in_scratch.clone(), Finish::default());
        let mut result = self.product(count, in_scratch, &values, rows(&out), finish);
        for product in [&mut scores, &mut result] {
            product.blocking.rows_per_block = attention::rows_per_block(product.depth);
        }
        #[expect(clippy::cast_possible_truncation, reason = "kernels compute in f32")]
        let softmax = SoftmaxShape {
            columns,
            source_stride: stride,
            out_stride: stride,
            bias_stride: bias_stride.unwrap_or(0),
            mask_stride: mask_stride.unwrap_or(0),
            temperature: attended.temperature as f32,
        };
        let products = of_scores.iter().product::<usize>() * depth + dims.iter().product::<usize>() * columns;
        let nodes = [attended.nodes.as_slice(), &chain.nodes].concat();
        let step = Attention { rows_per_unit, scores, softmax, bias, mask, result };
        self.push(nodes, Work::Attention(Box::new(step)), products);
        out
    }
}
