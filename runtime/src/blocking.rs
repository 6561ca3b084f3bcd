//! How matrix products are cut: into units that threads share, and blocks that stay in caches while panels pass by.
//!
//! In: a [`Product`], the register tile and the number of threads. Out: its [`Blocking`]. This stands here since generated
//! Rust source is made for every instruction set: it asks once it knows the one of the machine.
//!
//! The sizes suit the cores of servers and desktops of the last decade (32 KiB of L1 data cache, at least 256 KiB of L2 per
//! core); results do not depend on them.

use crate::abi::Tile;
use crate::dtype::Dtype;
use crate::prepare::panels_length;
use crate::strassen;

/// `f32`s of the left factor that a block holds: half of the first-level cache.
pub const BLOCK: usize = 4 * 1024;

/// `f32`s of panels that a unit holds: half of the second-level cache.
const PANELS: usize = 64 * 1024;

/// `f32`s of the sums of a left factor that a block holds, in a product by Strassen's algorithm.
const SUMS: usize = 64 * 1024;

/// `f32`s of experts that are mixed at a time, each time while rows are multiplied with what was mixed before.
const EXPERTS: usize = 64 * 1024;

/// Rows that all stay in the second-level cache while one panel after the other is mixed and multiplied; more are worth blocks that stay in
/// the first.
const FEW_ROWS: usize = 512;

/// The columns of the widest panels: parts of the depth are the same for all instruction sets.
const WIDEST: usize = 32;

/// How many places along the depth products take between two looks at what is to be done meanwhile. Parts of the depth are multiples of that,
/// but for the last.
pub const PLACES: usize = 4;

/// Parts that rows are cut into where all panels stay in the cache.
const PARTS: usize = 16;

/// The rows of the register tiles of all instruction sets divide it.
pub const ROWS_OF_TILES: usize = 12;

/// What follows the panels in scratch memory begins at multiples of that many elements: a cache line.
const ALIGNMENT: usize = 16;

/// A product of matrices `[rows, depth] × [depth, columns]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Product {
    /// How often it is done, with other matrices.
    pub repeats: usize,
    /// Rows of the left factor.
    pub rows: usize,
    /// Products per output.
    pub depth: usize,
    /// Columns of the right factor.
    pub columns: usize,
    /// Of a convolution: how the rows of the left factor, its output pixels, come in lines.
    pub lines: Option<Lines>,
    /// Whether each unit makes the panels of the right factor, by mixing or packing.
    pub makes_panels: bool,
    /// If a unit is a panel that is mixed part by part, each while all rows are multiplied with the one before it: the depth of these parts.
    pub part: Option<usize>,
    /// Whether outputs are summed, per unit of rows.
    pub has_sums: bool,
    /// Whether it is done by Strassen's algorithm (see [`strassen`]): in pairs of rows, and halves of depth and columns. Its
    /// panels are those of half the columns.
    pub in_halves: bool,
}

/// Rows of a left factor that lie under the window of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lines {
    /// Output pixels of a line.
    pub pixels: usize,
    /// Lines of a block.
    pub per_block: usize,
    /// What the strip of a block takes of the scratch memory; nothing where the image is read as it lies.
    pub strip: usize,
}

/// How the work of a [`Product`] is cut into units, which threads share, and blocks, which stay in caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocking {
    /// Rows of a unit.
    pub rows_per_unit: usize,
    /// Panels of a unit.
    pub panels_per_unit: usize,
    /// Rows of a block: multiplied with every panel of the unit before the next block.
    pub rows_per_block: usize,
}

impl Product {
    /// See the module's documentation.
    #[must_use]
    pub fn blocking(&self, tile: Tile, threads: usize) -> Blocking {
        if self.in_halves {
            return self.blocking_in_halves(tile, threads);
        }
        let Product { repeats, rows, depth, columns, .. } = *self;
        if self.part.is_some() {
            return Blocking { rows_per_unit: rows.max(1), panels_per_unit: 1, rows_per_block: rows.max(1) };
        }
        let panels = columns.div_ceil(tile.columns()).max(1);
        let together = self.lines.map_or(tile.rows, |lines| lines.pixels).max(1);
        let in_tiles = |rows: usize| rows.next_multiple_of(together).max(together);
        let block = self.lines.map_or(BLOCK / depth.max(1), |lines| lines.pixels * lines.per_block);
        let rows_per_block = in_tiles(block).min(in_tiles(rows));
        let mut panels_per_unit = (PANELS / (depth * tile.columns()).max(1)).clamp(1, panels);
        let mut rows_per_unit = rows;
        if self.has_sums {
            rows_per_unit = self.rows_per_sum();
            if rows_per_unit < rows {
                panels_per_unit = panels;
            }
        } else if !self.makes_panels && panels_per_unit == panels {
            // All panels stay in the cache: the rows are shared out.
            rows_per_unit = rows_per_block.max(in_tiles(rows.div_ceil(PARTS)));
        }
        let wanted = units_for(threads);
        while repeats * rows.div_ceil(rows_per_unit.max(1)) * panels.div_ceil(panels_per_unit) < wanted {
            if panels_per_unit > 1 {
                panels_per_unit = panels_per_unit.div_ceil(2);
            } else if !self.makes_panels && rows_per_unit > rows_per_block && !self.has_sums {
                rows_per_unit = in_tiles(rows_per_unit.div_ceil(2));
            } else {
                break;
            }
        }
        Blocking { rows_per_unit: rows_per_unit.max(1), panels_per_unit, rows_per_block }
    }

    /// The same by Strassen's algorithm: units are cut along rows first, since each unit makes the sums of its rows for itself.
    fn blocking_in_halves(&self, tile: Tile, threads: usize) -> Blocking {
        let panels = (self.columns / 2).div_ceil(tile.columns()).max(1);
        let pairs = self.rows.div_ceil(2).max(1);
        let wanted = units_for(threads);
        let wanted_of_each = wanted.div_ceil(self.repeats.max(1));
        let in_tiles = |pairs: usize| pairs.next_multiple_of(tile.rows).max(tile.rows);
        let most = in_tiles(SUMS / (strassen::SUMS * self.depth / 2).max(1));
        // Near equal blocks: a last one of a few rows would read all panels for these.
        let blocks = pairs.div_ceil(most.min(in_tiles(pairs.div_ceil(wanted_of_each))));
        let rows_per_block = 2 * pairs.div_ceil(blocks);
        let blocks_per_unit = blocks.div_ceil(wanted_of_each);
        let units = self.repeats * blocks.div_ceil(blocks_per_unit);
        let mut panels_per_unit = panels;
        while panels_per_unit > 1 && units * panels.div_ceil(panels_per_unit) < wanted {
            panels_per_unit = panels_per_unit.div_ceil(2);
        }
        Blocking { rows_per_unit: blocks_per_unit * rows_per_block, panels_per_unit, rows_per_block }
    }

    /// The rows of a unit whose outputs are summed: the same for all instruction sets and any number of threads, since each
    /// unit has sums of its own. What a unit makes serves all rows.
    #[must_use]
    pub fn rows_per_sum(&self) -> usize {
        if self.makes_panels || self.depth.saturating_mul(self.columns) > PANELS {
            return self.rows.max(1);
        }
        self.rows.div_ceil(PARTS).next_multiple_of(self.lines.map_or(ROWS_OF_TILES, |lines| lines.pixels.max(1)))
    }
}

/// The depth of the [parts](Product::part) of panels that are mixed of experts and multiplied with so many rows; nothing where there are
/// so many that these come in blocks.
#[must_use]
pub fn part_of_experts(rows: usize, depth: usize, experts: usize, dtype: Dtype) -> Option<usize> {
    let parts = match dtype {
        Dtype::F32 => (experts * depth * WIDEST).div_ceil(EXPERTS).max(1),
        // A quarter or half of the bytes, whose panels cannot be cut.
        Dtype::Bf16 | Dtype::Int8 => 1,
    };
    (rows <= FEW_ROWS).then(|| depth.div_ceil(parts).next_multiple_of(PLACES).min(depth).max(1))
}

/// Whether panels are mixed of experts before the product, by a step of their own: where those of a sample are few enough to stay in the
/// cache, and serve many rows, which threads then share.
#[must_use]
pub fn mixes_first(rows: usize, depth: usize, columns: usize) -> bool {
    rows > FEW_ROWS && depth * columns <= PANELS
}

/// Into how many units work should be cut at least.
fn units_for(threads: usize) -> usize {
    if threads <= 1 { 1 } else { 3 * threads }
}

impl Blocking {
    /// What the panels of a unit take of the scratch memory, if it makes them: all of them, or two parts, and sums that wait for the next.
    #[must_use]
    pub fn panel_scratch(&self, product: &Product, tile: Tile) -> usize {
        if !product.makes_panels {
            return 0;
        }
        if let Some(part) = product.part {
            let sums = if part < product.depth { product.rows } else { 0 };
            return (2 * part + sums) * tile.columns();
        }
        let columns = product.columns.min(self.panels_per_unit * tile.columns());
        panels_length(product.depth, columns, tile, Dtype::F32).next_multiple_of(ALIGNMENT)
    }

    /// What a thread needs of scratch memory: panels first, then a strip; or the sums of a left factor.
    #[must_use]
    pub fn scratch(&self, product: &Product, tile: Tile) -> usize {
        if product.in_halves {
            return strassen::SUMS * self.rows_per_block.min(product.rows).div_ceil(2) * (product.depth / 2);
        }
        self.panel_scratch(product, tile) + product.lines.map_or(0, |lines| lines.strip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    fn products() -> impl Iterator<Item = Product> {
        [(1, 1, 1, 1), (1, 12544, 27, 32), (3, 49, 960, 1000), (1, 196, 4608, 512), (12, 197, 64, 197)]
            .into_iter()
            .flat_map(|(repeats, rows, depth, columns)| {
                (0..9).map(move |bits| Product {
                    repeats,
                    rows,
                    depth,
                    columns,
                    lines: (bits & 1 > 0).then_some(Lines { pixels: 14, per_block: 2, strip: 1000 }),
                    makes_panels: bits & 2 > 0,
                    part: part_of_experts(rows, depth, 4, Dtype::F32).filter(|_| bits & 3 == 2),
                    has_sums: bits & 4 > 0,
                    in_halves: bits & 8 > 0,
                })
            })
    }

    #[test]
    fn sums_are_taken_of_the_same_rows_everywhere() {
        for product in products().filter(|product| product.has_sums) {
            for isa in Isa::ALL {
                for threads in [1, 2, 3, 16] {
                    let blocking = product.blocking(isa.tile(), threads);
                    assert_eq!(blocking.rows_per_unit, product.rows_per_sum(), "{product:?} {isa} {threads}");
                }
            }
        }
    }

    #[test]
    fn one_thread_needs_the_most_scratch_memory() {
        for product in products() {
            for isa in Isa::ALL {
                let scratch = |threads| product.blocking(isa.tile(), threads).scratch(&product, isa.tile());
                assert!((2..20).all(|threads| scratch(threads) <= scratch(1)), "{product:?} {isa}");
            }
        }
    }

    #[test]
    fn halves_are_cut_into_pairs_of_rows_and_near_equal_blocks() {
        for product in products().filter(|product| product.in_halves) {
            for isa in Isa::ALL {
                for threads in [1, 2, 3, 16] {
                    let Blocking { rows_per_unit, panels_per_unit, rows_per_block } =
                        product.blocking(isa.tile(), threads);
                    let what = format!("{product:?} {isa} {threads}");
                    assert!(rows_per_block.is_multiple_of(2) && panels_per_unit > 0, "{what}");
                    assert!(rows_per_unit.is_multiple_of(rows_per_block), "{what}");
                    let last = product.rows - (product.rows - 1) / rows_per_block * rows_per_block;
                    let blocks = product.rows.div_ceil(rows_per_block);
                    assert!(
                        blocks == 1 || last + 2 * blocks >= rows_per_block,
                        "{what}: the last block has {last} rows"
                    );
                }
            }
        }
    }
}
