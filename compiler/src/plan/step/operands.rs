//! The operands of each kind of step: what it reads, what it writes, and all of them.

use super::{Finish, Mixed, Operand, Right, Work};
use crate::plan::view::Place;

impl Mixed {
    /// What is read to mix: experts, coefficients, gates.
    pub fn reads(&self) -> impl Iterator<Item = &Operand> {
        [&self.experts, &self.coefficients].into_iter().chain(&self.gates)
    }

    fn reads_mut(&mut self) -> impl Iterator<Item = &mut Operand> {
        [&mut self.experts, &mut self.coefficients].into_iter().chain(&mut self.gates)
    }
}

impl Work {
    /// What it reads, in the order in which it is shown.
    #[must_use]
    pub fn reads(&self) -> Vec<&Operand> {
        fn finish(finish: &Finish) -> impl Iterator<Item = &Operand> {
            [&finish.bias, &finish.gate, &finish.residual].into_iter().flatten()
        }
        match self {
            Work::Matmul(step) => {
                let mut reads = vec![step.left.operand()];
                match &step.right {
                    Right::Packed { panels, .. } | Right::Strassen { panels } => reads.push(panels),
                    Right::Mixed(mixed) => reads.extend(mixed.reads()),
                    Right::Computed { source, .. } => reads.push(source),
                }
                reads.extend(finish(&step.finish));
                reads
            }
            Work::SmallLinear(step) => [&step.source, &step.weights].into_iter().chain(&step.bias).collect(),
            Work::Grouped(step) => [&step.image, &step.weights].into_iter().chain(finish(&step.finish)).collect(),
            Work::Mix(step) => vec![&step.experts, &step.coefficients],
            Work::GatePanels(step) => vec![&step.panels, &step.gates],
            Work::MixPanels(step) => step.mixed.reads().collect(),
            Work::Rows(step) => vec![&step.image],
            Work::WinogradOutput(step) => [&step.products].into_iter().chain(finish(&step.finish)).collect(),
            Work::Mean(step) => vec![&step.source],
            Work::Softmax(step) => vec![&step.source],
            Work::Norm(step) => [&step.source].into_iter().chain(&step.weight).chain(&step.bias).collect(),
            Work::Gather(step) => vec![&step.source, &step.indices],
            Work::Transpose(step) => vec![&step.source],
            Work::Elementwise(step) => step.operands.iter().collect(),
            Work::Cascade(step) => step.reads().collect(),
            Work::Attention(step) => step.reads().collect(),
        }
    }

    /// What it writes: its result, then sums.
    #[must_use]
    pub fn writes(&self) -> Vec<&Operand> {
        match self {
            Work::Matmul(step) => [&step.out].into_iter().chain(&step.finish.sums).collect(),
            Work::SmallLinear(step) => vec![&step.out],
            Work::Grouped(step) => [&step.out].into_iter().chain(&step.finish.sums).collect(),
            Work::Mix(step) => vec![&step.out],
            Work::GatePanels(step) => vec![&step.out],
            Work::MixPanels(step) => vec![&step.out],
            Work::Rows(step) => vec![&step.out],
            Work::WinogradOutput(step) => vec![&step.out],
            Work::Mean(step) => vec![&step.out],
            Work::Softmax(step) => vec![&step.out],
            Work::Norm(step) => vec![&step.out],
            Work::Gather(step) => vec![&step.out],
            Work::Transpose(step) => vec![&step.out],
            Work::Elementwise(step) => vec![&step.out],
            Work::Cascade(step) => step.writes().collect(),
            Work::Attention(step) => vec![&step.result.out],
        }
    }
}

impl Work {
    /// Visits the place of every operand.
    pub fn for_each_place(&mut self, visit: &mut dyn FnMut(&mut Place)) {
        for operand in self.operands_mut() {
            visit(&mut operand.place);
        }
    }

    /// Every operand, to be changed; of attention, all but scores.
    pub fn operands_mut(&mut self) -> Vec<&mut Operand> {
        fn finish(finish: &mut Finish) -> impl Iterator<Item = &mut Operand> {
            [&mut finish.bias, &mut finish.gate, &mut finish.residual, &mut finish.sums].into_iter().flatten()
        }
        match self {
            Work::Matmul(step) => {
                let mut operands = vec![step.left.operand_mut(), &mut step.out];
                match &mut step.right {
                    Right::Packed { panels, .. } | Right::Strassen { panels } => operands.push(panels),
                    Right::Mixed(mixed) => operands.extend(mixed.reads_mut()),
                    Right::Computed { source, .. } => operands.push(source),
                }
                operands.extend(finish(&mut step.finish));
                operands
            }
            Work::SmallLinear(step) => {
                [&mut step.source, &mut step.weights, &mut step.out].into_iter().chain(&mut step.bias).collect()
            }
            Work::Grouped(step) => {
                let fixed = [&mut step.image, &mut step.weights, &mut step.out];
                fixed.into_iter().chain(finish(&mut step.finish)).collect()
            }
            Work::Mix(step) => vec![&mut step.experts, &mut step.coefficients, &mut step.out],
            Work::GatePanels(step) => vec![&mut step.panels, &mut step.gates, &mut step.out],
            Work::MixPanels(step) => step.mixed.reads_mut().chain([&mut step.out]).collect(),
            Work::Rows(step) => vec![&mut step.image, &mut step.out],
            Work::WinogradOutput(step) => {
                [&mut step.products, &mut step.out].into_iter().chain(finish(&mut step.finish)).collect()
            }
            Work::Mean(step) => vec![&mut step.source, &mut step.out],
            Work::Softmax(step) => vec![&mut step.source, &mut step.out],
            Work::Norm(step) => {
                let fixed = [&mut step.source, &mut step.out];
                fixed.into_iter().chain(&mut step.weight).chain(&mut step.bias).collect()
            }
            Work::Gather(step) => vec![&mut step.source, &mut step.indices, &mut step.out],
            Work::Transpose(step) => vec![&mut step.source, &mut step.out],
            Work::Elementwise(step) => step.operands.iter_mut().chain([&mut step.out]).collect(),
            Work::Attention(step) => step.operands_mut().collect(),
            Work::Cascade(step) => step.stages.iter_mut().flat_map(|stage| stage.work.operands_mut()).collect(),
        }
    }
}

impl Work {
    /// The outer dimensions; those of scores are those of attention. Small linear layers and cascades have none.
    #[must_use]
    pub fn outer(&self) -> Option<&[usize]> {
        Some(match self {
            Work::Matmul(step) => &step.outer,
            Work::Grouped(step) => &step.outer,
            Work::Mix(step) => &step.outer,
            Work::GatePanels(step) => &step.outer,
            Work::MixPanels(step) => &step.outer,
            Work::Rows(step) => &step.outer,
            Work::WinogradOutput(step) => &step.outer,
            Work::Mean(step) => &step.outer,
            Work::Softmax(step) => &step.outer,
            Work::Norm(step) => &step.outer,
            Work::Gather(step) => &step.outer,
            Work::Transpose(step) => &step.outer,
            Work::Elementwise(step) => &step.outer,
            Work::Attention(step) => &step.scores.outer,
            Work::SmallLinear(_) | Work::Cascade(_) => return None,
        })
    }

    /// The outer dimensions, to be changed.
    pub(in crate::plan) fn outer_mut(&mut self) -> Option<&mut Vec<usize>> {
        Some(match self {
            Work::Matmul(step) => &mut step.outer,
            Work::Grouped(step) => &mut step.outer,
            Work::Mix(step) => &mut step.outer,
            Work::GatePanels(step) => &mut step.outer,
            Work::MixPanels(step) => &mut step.outer,
            Work::Rows(step) => &mut step.outer,
            Work::WinogradOutput(step) => &mut step.outer,
            Work::Mean(step) => &mut step.outer,
            Work::Softmax(step) => &mut step.outer,
            Work::Norm(step) => &mut step.outer,
            Work::Gather(step) => &mut step.outer,
            Work::Transpose(step) => &mut step.outer,
            Work::Elementwise(step) => &mut step.outer,
            Work::Attention(step) => &mut step.scores.outer,
            Work::SmallLinear(_) | Work::Cascade(_) => return None,
        })
    }
}
