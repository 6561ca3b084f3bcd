//! Linear layers.

use parameternet_runtime::Dtype;
use parameternet_runtime::blocking::Product;
use parameternet_runtime::prepare::{Dimension, Layout};

use super::super::PlanError;
use super::super::fuse::Chain;
use super::super::step::{Left, Matmul, Right, SmallLinear, Work};
use super::super::view::{Axis, View};
use super::{Lowering, has_even_rows, operand, weight_operand};
use crate::graph::{Node, NodeId};
use crate::op::Op;
use crate::op::activation::Activation;
use crate::op::linear::Linear;

/// Multiply-adds of a sample up to which a linear layer is generated whole: the call of a kernel would take as long. The batch must not matter:
/// the results would depend on it.
const SMALL: usize = 2048;

/// Outputs up to which it is, since each is code of its own.
const FEW: usize = 128;

impl Lowering<'_> {
    pub(super) fn linear(&mut self, id: NodeId, chain: &Chain, node: &Node, linear: Linear) -> Result<View, PlanError> {
        let x = chain.anchor().and_then(|anchor| self.graph.operands(anchor).first().copied()).unwrap_or(id);
        let rank = self.dims(x).len();
        let order: Vec<usize> = (0..rank).collect();
        let source = self.arranged(x, &order, has_even_rows);
        let out = self.target(id, &order, has_even_rows);
        let depth = source.axes[rank - 1].size;
        let rows: usize = out.elements() / linear.out;
        let weight = node.weights.first().copied().ok_or_else(|| self.defect(id, "it lacks a weight"))?;
        let bias = node.weights.get(1).copied().filter(|_| linear.bias).map(|bias| {
            let (offset, length) = self.vector(bias);
            weight_operand(offset, length, vec![0])
        });
        let even = |view: &View| view.merged(0..rank - 1).unwrap_or(Axis { size: 1, stride: 0 });
        let dimension = |size, stride| Dimension { size, stride };
        let (along_depth, along_columns) = (dimension(depth, 1), dimension(linear.out, depth));
        let products = rows * depth * linear.out;
        let rows_of_sample: usize = source.axes[..rank - 1].iter().skip(1).map(|axis| axis.size).product();
        let is_small = rows_of_sample * depth * linear.out <= SMALL && linear.out <= FEW;

        if let Some(activation) = self.only_activation(chain).filter(|_| is_small) {
            let layout = Layout::Blocks {
                outer: Vec::new(),
                depth: vec![along_depth],
                columns: along_columns,
                width: linear.out.next_multiple_of(4),
            };
            let length = layout.length();
            let offset = self.weights.weight(self.graph, weight, layout);
            let step = SmallLinear {
                rows,
                depth,
                columns: linear.out,
                source: operand(&source, &[even(&source)]),
                weights: weight_operand(offset, length, vec![0]),
                bias,
                activation,
                out: operand(&out, &[even(&out)]),
            };
            self.push(chain.nodes.clone(), Work::SmallLinear(step), products);
            return Ok(out);
        }
        let tile = self.options.isa.tile();
        let dtype = self.dtype_without_experts(rows_of_sample, depth * linear.out);
        // What is stored in fewer bytes is read as it is.
        let halves = if dtype == Dtype::F32 { self.halves(rows, depth, linear.out) } else { None };
        let samples = halves.unwrap_or(1);
        let right = if halves.is_some() {
            self.right_factors(weight, along_depth, along_columns, 1)
        } else {
            let layout =
                Layout::Panels { outer: Vec::new(), depth: vec![along_depth], columns: along_columns, tile, dtype };
            let length = layout.length();
            let offset = self.weights.weight(self.graph, weight, layout);
            Right::Packed { panels: weight_operand(offset, length, vec![0]), dtype }
        };
        let along_samples = |view: &View| [Axis { size: samples, stride: rows / samples * even(view).stride }];
        let mut finish = Self::activations(chain);
        finish.bias = bias;
        if let Some(residual) = chain.residual {
            let view = self.arranged(residual, &order, has_even_rows);
            finish.shape.residual_stride = even(&view).stride;
            finish.residual = Some(operand(&view, &along_samples(&view)));
        }
        let left = Left::Rows { rows: operand(&source, &along_samples(&source)), stride: even(&source).stride };
        let product = Product {
            repeats: samples,
            rows: rows / samples,
            depth,
            columns: linear.out,
            lines: None,
            makes_panels: false,
            part: None,
            has_sums: false,
            in_halves: halves.is_some(),
        };
        let step = Matmul {
            outer: vec![samples],
            rows: product.rows,
            depth,
            columns: linear.out,
            blocking: self.blocking(&product),
            ahead: None,
            left,
            right,
            out: operand(&out, &along_samples(&out)),
            out_stride: even(&out).stride,
            finish,
        };
        self.push(chain.nodes.clone(), Work::Matmul(step), products);
        Ok(out)
    }

    /// The activation of a chain that has nothing else behind its first node.
    fn only_activation(&self, chain: &Chain) -> Option<Activation> {
        match chain.nodes.as_slice() {
            [_] => Some(Activation::Identity),
            [_, second] => match self.graph.node(*second).map(|node| &node.op) {
                Some(Op::Activation(activation)) => Some(*activation),
                _ => None,
            },
            _ => None,
        }
    }
}
