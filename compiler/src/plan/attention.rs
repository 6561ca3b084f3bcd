//! Attention: two matrix products and the softmax between them, computed some rows at a time, so that scores stay in the cache.
//!
//! A unit computes the scores of some queries into the scratch memory of its thread, makes their softmax there, and multiplies that with the
//! values: memory for all scores, which grows with the square of the tokens, is never needed. All keys are seen at once, so that every row is
//! the softmax of the formula. (With parts of the keys at a time as well, it would be FlashAttention: Dao et al., NeurIPS 2022, algorithm 1.)

use parameternet_runtime::Dtype;
use parameternet_runtime::abi::{SoftmaxShape, Tile};
use parameternet_runtime::blocking::{BLOCK, ROWS_OF_TILES};
use parameternet_runtime::prepare::panels_length;

use super::step::{Finish, Left, Matmul, Operand, Right};
use super::view::Place;

/// Elements of a cache line.
const LINE: usize = 16;

/// Most scores of a unit: a quarter of the second-level cache of servers.
const SCORES: usize = 64 * 1024;

/// Rows of a unit where there are enough for several.
const ROWS: usize = 64;

/// Most elements that are fetched for the next unit: three quarters of the first-level cache.
const FETCHED: usize = 6 * 1024;

/// `softmax(queries * keys / temperature + bias + mask) * values`, once per outer index.
#[derive(Debug, Clone, PartialEq)]
pub struct Attention {
    /// Queries of a unit.
    pub rows_per_unit: usize,
    /// Queries times keys: its output are the rows of the unit, at the beginning of the scratch memory.
    pub scores: Matmul,
    /// What is made of the scores where they lie.
    pub softmax: SoftmaxShape,
    /// Added to the scores.
    pub bias: Option<Operand>,
    /// Likewise.
    pub mask: Option<Operand>,
    /// That times values.
    pub result: Matmul,
}

/// Rows of queries, keys or values that a unit reads.
#[derive(Debug, Clone, Copy)]
pub struct Fetched<'s> {
    /// The first, for the first queries.
    pub first: &'s Operand,
    /// By how much it moves from query to query.
    pub per_query: usize,
    /// How many.
    pub rows: usize,
    /// Their length.
    pub columns: usize,
    /// The distance between them.
    pub stride: usize,
}

/// How many rows a unit has: near equal parts that are few enough for the cache and many enough for some threads. It depends on nothing but the
/// sizes, since generated source is one for all instruction sets.
#[must_use]
pub fn rows_per_unit(rows: usize, columns: usize) -> usize {
    let parts = (rows * columns).div_ceil(SCORES).max(rows / ROWS).max(1);
    rows.div_ceil(parts).max(1)
}

/// Rows that are multiplied with one panel after the other while they stay in the first-level cache.
#[must_use]
pub fn rows_per_block(depth: usize) -> usize {
    (BLOCK / depth.max(1)).next_multiple_of(ROWS_OF_TILES).max(ROWS_OF_TILES)
}

/// The distance between rows of scores: an odd number of cache lines, so that a column of them does not fall into few sets of the cache.
#[must_use]
pub fn stride(columns: usize) -> usize {
    let lines = columns.div_ceil(LINE);
    (lines + usize::from(lines.is_multiple_of(2))) * LINE
}

impl Attention {
    /// What the scores of a unit take of the scratch memory.
    #[must_use]
    pub fn scores_length(&self) -> usize {
        self.rows_per_unit * self.scores.out_stride
    }

    /// The scratch memory that a thread needs: scores, keys in panels, values in panels.
    #[must_use]
    pub fn scratch(&self, tile: Tile) -> usize {
        let panels = [&self.scores, &self.result].map(|product| {
            let [depth, columns] = product.panel_matrix();
            panels_length(depth, columns, tile, Dtype::F32)
        });
        self.scores_length() + panels.iter().sum::<usize>()
    }

    /// What is fetched for the next unit while this one computes, if there is little enough: queries, keys and values, of which neighbouring units read
    /// short pieces far apart, such as those of a head, that hardware does not fetch ahead.
    #[must_use]
    pub fn fetched(&self) -> Option<[Fetched<'_>; 3]> {
        let Left::Rows { rows: first, stride } = &self.scores.left else { return None };
        let (rows, columns) = (self.rows_per_unit, self.scores.depth);
        let queries = Fetched { first, per_query: *stride, rows, columns, stride: *stride };
        let all = [queries, rows_of(&self.scores)?, rows_of(&self.result)?];
        let elements: usize = all.iter().map(|rows| rows.rows * rows.columns).sum();
        let repeats: usize = self.scores.outer.iter().product();
        (elements <= FETCHED && repeats > 1).then_some(all)
    }

    /// Queries, keys, values, what is added to scores, and what is added to the result.
    pub(super) fn reads(&self) -> impl Iterator<Item = &Operand> {
        let Attention { scores, result, bias, mask, .. } = self;
        let addends = [bias, mask, &result.finish.residual].into_iter().flatten();
        [scores.left.operand()].into_iter().chain(computed(scores)).chain(computed(result)).chain(addends)
    }

    /// The operands but for scores, to be changed.
    pub(super) fn operands_mut(&mut self) -> impl Iterator<Item = &mut Operand> {
        let Attention { scores, result, bias, mask, .. } = self;
        let right = |right| match right {
            &mut Right::Computed { ref mut source, .. } => Some(source),
            _ => None,
        };
        let Matmul { left, right: keys, .. } = scores;
        let Matmul { right: values, out, finish, .. } = result;
        let addends = [bias, mask, &mut finish.residual].into_iter().flatten();
        [left.operand_mut(), out].into_iter().chain(right(keys)).chain(right(values)).chain(addends)
    }

    /// The invariants: both products are of computed tensors and repeated alike, the second takes the rows of scores that the first makes, and
    /// these lie in scratch memory as the softmax expects them.
    pub(super) fn check(&self) -> Result<(), String> {
        let Attention { scores, result, softmax, .. } = self;
        let are_computed = computed(scores).is_some() && computed(result).is_some();
        let is_chained = scores.outer == result.outer && scores.rows == result.rows && scores.columns == result.depth;
        if !are_computed || !is_chained {
            return Err("the products of attention do not follow each other".to_owned());
        }
        let stride = scores.out_stride;
        let lies_there = |operand: &Operand| {
            operand.place == Place::Lines(0) && operand.offset == 0 && operand.strides.iter().all(|stride| *stride == 0)
        };
        let is_read = matches!(&result.left, Left::Rows { rows, stride: own } if lies_there(rows) && *own == stride);
        let is_softmax =
            (softmax.columns, softmax.source_stride, softmax.out_stride) == (scores.columns, stride, stride);
        if !lies_there(&scores.out) || !is_read || !is_softmax || stride < scores.columns {
            return Err("scores do not lie where they are expected".to_owned());
        }
        let Finish { bias, gate, sums, .. } = &result.finish;
        let is_finished = [bias, gate, sums].into_iter().all(Option::is_none) && scores.finish == Finish::default();
        let are_rows = matches!(scores.left, Left::Rows { .. });
        if !is_finished || !are_rows || scores.ahead.is_some() || result.ahead.is_some() {
            return Err("a product of attention does more than it may".to_owned());
        }
        let blocks = [scores.blocking.rows_per_block, result.blocking.rows_per_block, self.rows_per_unit];
        if blocks.contains(&0) { Err("attention is cut into nothing".to_owned()) } else { Ok(()) }
    }
}

/// The right factor of a product of computed tensors.
fn computed(product: &Matmul) -> Option<&Operand> {
    match &product.right {
        Right::Computed { source, .. } => Some(source),
        Right::Packed { .. } | Right::Strassen { .. } | Right::Mixed(_) => None,
    }
}

/// The rows of its right factor as they lie in memory, if either dimension is contiguous.
fn rows_of(product: &Matmul) -> Option<Fetched<'_>> {
    let Right::Computed { source: first, row_stride, column_stride } = &product.right else { return None };
    let (rows, columns, stride) = match (row_stride, column_stride) {
        (_, 1) => (product.depth, product.columns, *row_stride),
        (1, _) => (product.columns, product.depth, *column_stride),
        _ => return None,
    };
    Some(Fetched { first, per_query: 0, rows, columns, stride })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_near_equal_and_fit_the_cache() {
        for (rows, columns) in
            [(1, 1), (5, 300), (49, 49), (63, 64), (197, 197), (577, 577), (4096, 4096), (300, 100_000)]
        {
            let unit = rows_per_unit(rows, columns);
            assert!((1..=rows).contains(&unit), "{rows} {columns}: {unit}");
            assert!(unit * columns <= SCORES + columns, "{rows} {columns}: {unit}");
            let units = rows.div_ceil(unit);
            assert!(
                rows - (units - 1) * unit + units > unit,
                "{rows} {columns}: the last of {units} has less than {unit}"
            );
        }
        assert_eq!([rows_per_unit(49, 49), rows_per_unit(197, 197), rows_per_unit(577, 577)], [49, 66, 65]);
    }

    #[test]
    fn rows_of_scores_lie_in_different_sets_of_the_cache() {
        assert_eq!([1, 16, 17, 49, 197, 1024].map(stride), [16, 16, 48, 80, 208, 1040]);
    }
}
