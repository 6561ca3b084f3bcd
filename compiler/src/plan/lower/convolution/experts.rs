//! Filters and biases that are made anew for each sample: mixed of experts, or with gates in them.

use parameternet_runtime::abi::GroupedShape;
use parameternet_runtime::prepare::{Dimension, Layout, panels_length};
use parameternet_runtime::{Dtype, Isa};

use super::super::super::step::{GatePanels, Mix, MixPanels, Mixed, Operand, Right, Work};
use super::super::super::view::{Place, View};
use super::super::{Lowering, operand, weight_operand};
use super::{Experts, Filters, per_channel};
use crate::graph::{NodeId, WeightId};
use crate::op::conv::Conv;

impl Lowering<'_> {
    /// Panels of which each row is multiplied by a gate, for each sample: a step of its own, for the image with gates, which is not made.
    pub(super) fn gated_panels(
        &mut self,
        node: NodeId,
        panels: Operand,
        gates: &View,
        [batch, depth, columns]: [usize; 3],
    ) -> Right {
        let (own, longest) = self.panels_for_any_machine(depth, columns);
        let buffer = self.buffer(&[batch, longest], &[0, 1]);
        let stride = if batch == 1 { 0 } else { own };
        let out = Operand { strides: vec![stride], ..operand(&buffer, &[]) };
        let step = GatePanels {
            outer: vec![batch],
            depth,
            columns,
            panels: Operand { strides: vec![0], ..panels },
            gates: operand(gates, &gates.axes[..1]),
            out: out.clone(),
        };
        self.push(vec![node], Work::GatePanels(step), 0);
        Right::Packed { panels: Operand { strides: vec![stride, 0], ..out }, dtype: Dtype::F32 }
    }

    /// Panels that are mixed of experts before they are used, for each of some samples and groups: a step of its own.
    pub(super) fn mixed_panels(
        &mut self,
        mixed: Mixed,
        [batch, groups]: [usize; 2],
        [depth, columns]: [usize; 2],
    ) -> Right {
        let (own, longest) = self.panels_for_any_machine(depth, columns);
        let buffer = self.buffer(&[batch, groups * longest], &[0, 1]);
        let strides = vec![if batch == 1 { 0 } else { groups * own }, if groups == 1 { 0 } else { own }];
        let out = Operand { strides, ..operand(&buffer, &[]) };
        let mixing = batch * mixed.count * groups * depth * columns;
        let step = MixPanels { outer: vec![batch, groups], depth, columns, mixed, out: out.clone() };
        self.push(Vec::new(), Work::MixPanels(step), mixing);
        Right::Packed { panels: out, dtype: Dtype::F32 }
    }

    /// The length of panels of `f32`s, and what they take at most: generated source is made for all instruction sets.
    fn panels_for_any_machine(&self, depth: usize, columns: usize) -> (usize, usize) {
        let length = |isa: Isa| panels_length(depth, columns, isa.tile(), Dtype::F32);
        (length(self.options.isa), Isa::ALL.map(length).into_iter().fold(0, usize::max))
    }

    /// The bias of a dynamic convolution: mixed from the experts' per sample, and what is not mixed.
    pub(super) fn mixed_bias(&mut self, conv: &Conv, filters: &Filters, experts: &Experts) -> Option<Operand> {
        let Some(bias) = filters.bias else { return filters.shift.map(|shift| self.bias(shift)) };
        let batch = experts.coefficients.axes[0];
        let (offset, length) = self.vector(bias);
        let mixed = self.buffer(&[batch.size, conv.out], &[0, 1]);
        let mix = Mix {
            outer: vec![batch.size],
            experts: weight_operand(offset, length, vec![0]),
            stride: conv.out,
            count: experts.count,
            coefficients: operand(&experts.coefficients, &[batch]),
            out: operand(&mixed, &[mixed.axes[0]]),
            length: conv.out,
        };
        self.push(Vec::new(), Work::Mix(mix), batch.size * experts.count * conv.out);
        let sum = match filters.shift {
            None => mixed,
            Some(shift) => {
                let (offset, _) = self.vector(shift);
                let shift = View::dense(Place::Weights, offset, &[conv.out], &[0]).broadcast(&mixed.dims());
                self.add(&mixed, &shift)
            }
        };
        Some(per_channel(&sum))
    }

    /// Filters of so many inputs as blocks of channels, each `[kernel height][inputs][kernel width][channels]`, mixed per sample if there are
    /// experts.
    pub(super) fn taps(&mut self, conv: &Conv, kernel: WeightId, inputs: usize, experts: Option<&Experts>) -> Operand {
        let count = experts.map_or(1, |experts| experts.count);
        let [height, width] = conv.window.kernel;
        let of_an_output = inputs * height * width;
        let layout = Layout::Blocks {
            outer: vec![Dimension { size: count, stride: conv.out * of_an_output }],
            depth: vec![
                Dimension { size: height, stride: width },
                Dimension { size: inputs, stride: height * width },
                Dimension { size: width, stride: 1 },
            ],
            columns: Dimension { size: conv.out, stride: of_an_output },
            width: GroupedShape::LANES,
        };
        let length = layout.length() / count.max(1);
        let offset = self.weights.weight(self.graph, kernel, layout);
        let stored = weight_operand(offset, count * length, vec![0]);
        let Some(experts) = experts else { return stored };
        let batch = experts.coefficients.axes[0];
        let mixed = self.buffer(&[batch.size, length], &[0, 1]);
        let mix = Mix {
            outer: vec![batch.size],
            experts: stored,
            stride: length,
            count,
            coefficients: operand(&experts.coefficients, &[batch]),
            out: operand(&mixed, &[mixed.axes[0]]),
            length,
        };
        self.push(Vec::new(), Work::Mix(mix), batch.size * count * conv.out * of_an_output);
        operand(&mixed, &[mixed.axes[0]])
    }
}
