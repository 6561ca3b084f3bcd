//! How matrix products are cut: into units that threads share, and blocks that stay in caches while panels pass by.
//!
//! The sizes suit the cores of servers and desktops of the last decade (32 KiB of L1 data cache, at least 256 KiB of L2 per
//! core); results do not depend on them.

use super::super::step::{Blocking, Left, Right};
use super::super::{Options, view::Axis};

/// `f32`s of the left factor that a block holds: half of the first-level cache.
const BLOCK: usize = 4 * 1024;

/// `f32`s of panels that a unit holds: half of the second-level cache.
const PANELS: usize = 64 * 1024;

/// The size of a product, and how often it is done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub repeats: usize,
    pub rows: usize,
    pub depth: usize,
    pub columns: usize,
}

/// See the module's documentation. Sums of outputs are taken per unit of rows: then the number of threads has no influence
/// on rows.
pub(super) fn blocking(extent: Extent, left: &Left, right: &Right, has_sums: bool, options: &Options) -> Blocking {
    let Extent { repeats, rows, depth, columns } = extent;
    let tile = options.isa.tile();
    let panels = columns.div_ceil(tile.columns()).max(1);
    let in_tiles = |rows: usize| rows.next_multiple_of(tile.rows).max(tile.rows);
    let rows_per_block = in_tiles(BLOCK / depth.max(1)).min(in_tiles(rows));
    let mut panels_per_unit = (PANELS / (depth * tile.columns()).max(1)).clamp(1, panels);
    let mut rows_per_unit = rows;
    match right {
        Right::Packed { .. } => {
            if panels_per_unit == panels {
                // All panels stay in the cache: the rows are shared out.
                rows_per_unit = rows_per_block.max(in_tiles(rows.div_ceil(16)));
            }
        }
        // What a unit mixes or packs serves all rows.
        Right::Mixed { .. } | Right::Computed { .. } => {}
    }
    let wanted = if options.threads == 1 { 1 } else { 3 * options.threads };
    while repeats * rows.div_ceil(rows_per_unit.max(1)) * panels.div_ceil(panels_per_unit) < wanted {
        // Patches are gathered anew for every unit of panels.
        let least = if matches!(left, Left::Patches { .. }) { 4 } else { 1 };
        if panels_per_unit > least {
            panels_per_unit = panels_per_unit.div_ceil(2);
        } else if matches!(right, Right::Packed { .. }) && rows_per_unit > rows_per_block && !has_sums {
            rows_per_unit = in_tiles(rows_per_unit.div_ceil(2));
        } else {
            break;
        }
    }
    Blocking { rows_per_unit: rows_per_unit.max(1), panels_per_unit, rows_per_block }
}

/// The number of times that outer dimensions repeat a step.
pub(super) fn repeats(outer: &[Axis]) -> usize {
    outer.iter().map(|axis| axis.size).product()
}
