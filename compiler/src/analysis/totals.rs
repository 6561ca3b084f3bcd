//! Totals: everything that is counted, added up over some nodes.

use std::iter::Sum;

use super::convention::Counts;

/// Bytes of an element: tensors and weights are counted as f32.
pub const BYTES: u64 = 4;

/// The counts of some nodes together, for the whole batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Totals {
    /// How many nodes.
    pub nodes: u64,
    /// Trainable parameters.
    pub parameters: u64,
    /// Elements of weights that are not trained, such as running statistics.
    pub buffers: u64,
    /// The work by each convention.
    pub counts: Counts,
    /// Bytes of the tensors that the nodes write.
    pub activation_bytes: u64,
    /// Bytes of the tensors that they read, once for each input port.
    pub read_bytes: u64,
    /// Bytes of weights, buffers included, each read once.
    pub weight_bytes: u64,
}

impl Totals {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Totals) -> Totals {
        Totals {
            nodes: self.nodes.saturating_add(other.nodes),
            parameters: self.parameters.saturating_add(other.parameters),
            buffers: self.buffers.saturating_add(other.buffers),
            counts: self.counts.plus(other.counts),
            activation_bytes: self.activation_bytes.saturating_add(other.activation_bytes),
            read_bytes: self.read_bytes.saturating_add(other.read_bytes),
            weight_bytes: self.weight_bytes.saturating_add(other.weight_bytes),
        }
    }

    /// So many of them.
    #[must_use]
    pub fn times(self, count: u64) -> Totals {
        let Totals { nodes, parameters, buffers, counts, activation_bytes, read_bytes, weight_bytes } = self;
        let times = |number: u64| number.saturating_mul(count);
        Totals {
            nodes: times(nodes),
            parameters: times(parameters),
            buffers: times(buffers),
            counts: Counts {
                core: times(counts.core),
                paper: times(counts.paper),
                fvcore: times(counts.fvcore),
                strict: times(counts.strict),
            },
            activation_bytes: times(activation_bytes),
            read_bytes: times(read_bytes),
            weight_bytes: times(weight_bytes),
        }
    }

    /// Bytes that move if every operation reads its tensors and weights from memory and writes its result there.
    #[must_use]
    pub fn moved_bytes(&self) -> u64 {
        self.activation_bytes.saturating_add(self.read_bytes).saturating_add(self.weight_bytes)
    }

    /// Floating-point operations (strict) per byte that moves.
    #[must_use]
    pub fn intensity(&self) -> f64 {
        ratio(self.counts.strict, self.moved_bytes())
    }
}

impl Sum for Totals {
    fn sum<I: Iterator<Item = Totals>>(totals: I) -> Totals {
        totals.fold(Totals::default(), Totals::plus)
    }
}

/// `part / whole`; 0 of nothing.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "ratios are for people")]
pub fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
