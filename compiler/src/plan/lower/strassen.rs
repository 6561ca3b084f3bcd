//! Products with weights by Strassen's algorithm, where that costs less: seven products of halves instead of eight. See the kernel
//! of that name and [`parameternet_runtime::strassen`].
//!
//! Rows are taken in pairs, of which each lies in one sample where samples come one after the other: the bits of a sample do not
//! depend on those beside it.

use parameternet_runtime::prepare::{Dimension, Layout};
use parameternet_runtime::strassen::{PRODUCTS, SUMS};

use super::super::Where;
use super::super::step::Right;
use super::{Lowering, weight_operand};
use crate::graph::WeightId;

/// Whether seven products of halves cost less than the product itself by enough to be worth it, counted in multiply-adds that a core
/// could do in the same time: for the products; for what is done with each of their outputs; for each sum of the left factor; for
/// weights that are read from memory. One sample counts, whatever the batch: results would depend on it. The numbers are rounded from
/// measurements on a server with AVX-512; for other machines they need not be exact.
fn costs_less(rows: usize, depth: usize, columns: usize) -> bool {
    /// Columns are computed in vectors.
    const VECTOR: usize = 16;
    const OUTPUT: usize = 12;
    const SUM: usize = 8;
    const WEIGHT: usize = 7;
    let pairs = rows.div_ceil(2);
    let (half_depth, half_columns) = (depth / 2, columns / 2);
    let halves = PRODUCTS * half_depth * half_columns.next_multiple_of(VECTOR);
    let outputs = OUTPUT * half_columns.next_multiple_of(VECTOR);
    let in_halves =
        pairs * (halves + outputs + SUM * SUMS * half_depth) + WEIGHT * PRODUCTS * half_depth * half_columns;
    let whole = rows * depth * columns.next_multiple_of(VECTOR) + WEIGHT * depth * columns;
    // A fiftieth is worth the memory: the factors have seven quarters of the weights.
    50 * in_halves < 49 * whole
}

impl Lowering<'_> {
    /// The samples of the network's inputs.
    fn batch(&self) -> usize {
        let first = self.graph.inputs().first().map(|port| self.dims(port.node));
        first.and_then(|dims| dims.first().copied()).unwrap_or(1).max(1)
    }

    /// Whether a product with weights should be computed that way, and then how many separate products it becomes: one, or one per
    /// sample if their rows are odd.
    pub(super) fn halves(&self, rows: usize, depth: usize, columns: usize) -> Option<usize> {
        let samples = if rows.is_multiple_of(self.batch()) { self.batch() } else { 1 };
        let of_sample = rows / samples;
        let is_possible = of_sample > 1 && depth.is_multiple_of(2) && columns.is_multiple_of(2);
        let is_wanted = match self.options.strassen {
            Where::Possible => true,
            Where::Faster => costs_less(of_sample, depth, columns),
        };
        let takes = self.options.rewrites.multiplies_in_halves() && is_possible && is_wanted;
        takes.then_some(if of_sample.is_multiple_of(2) { 1 } else { samples })
    }

    /// The right factors of such a product.
    pub(super) fn right_factors(
        &mut self,
        weight: WeightId,
        depth: Dimension,
        columns: Dimension,
        outer: usize,
    ) -> Right {
        let layout = Layout::Strassen { depth, columns, tile: self.options.isa.tile() };
        let length = layout.length();
        let offset = self.weights.weight(self.graph, weight, layout);
        Right::Strassen { panels: weight_operand(offset, length, vec![0; outer]) }
    }
}

#[cfg(test)]
mod tests {
    use super::costs_less;

    #[test]
    fn it_is_for_products_that_are_large_in_all_directions() {
        for (rows, depth, columns) in [(197, 192, 768), (197, 768, 192), (3136, 96, 384), (196, 384, 1536)] {
            assert!(costs_less(rows, depth, columns), "{rows} {depth} {columns}");
        }
        for (rows, depth, columns) in [
            (1, 1280, 1000),
            (12544, 16, 96),
            (3136, 144, 24),
            (784, 40, 240),
            (12544, 32, 16),
            (49, 768, 3072),
            (3136, 384, 96),
        ] {
            assert!(!costs_less(rows, depth, columns), "{rows} {depth} {columns}");
        }
    }

    #[test]
    fn columns_that_halves_fill_badly_are_not_worth_it() {
        assert!(costs_less(196, 672, 256));
        assert!(!costs_less(196, 672, 240), "120 columns take eight vectors, 240 fifteen");
    }
}
