//! Right factors whose rows are multiplied by gates.

use super::*;
use crate::dtype::Dtype;
use crate::prepare::panels_length;

#[test]
fn rows_of_panels_are_multiplied_by_their_gates() {
    for (name, kernels) in tables() {
        for_each_case(|random| {
            let tile = kernels.tile();
            let (depth, columns) = (random.between(0, 30), random.between(1, 3 * tile.columns()));
            let length = panels_length(depth, columns, tile, Dtype::F32);
            let (panels, gates) = (random.values(length), random.values(depth));
            let mut out = Rows::poison(1, length, length);
            // SAFETY: panels of that depth and so many columns, room for the same, and a gate for each row.
            unsafe { (kernels.gate_panels)(panels.as_ptr(), gates.as_ptr(), out.pointer_mut(), depth, columns) };
            let mut wanted = Vec::new();
            for first in (0..columns).step_by(tile.columns()) {
                let width = tile.panel_width(columns - first);
                for gate in &gates {
                    let row = panels.iter().skip(wanted.len()).take(width).map(|number| gate * number);
                    wanted.extend(row.collect::<Vec<_>>());
                }
            }
            let wanted: Vec<u32> = wanted.into_iter().map(f32::to_bits).collect();
            assert_eq!(out.bits(), wanted, "{name} {depth}x{columns}");
        });
    }
}
