//! Panels of a right factor whose rows are multiplied by gates.

use crate::simd::Simd;

/// See [`Kernel::GatePanels`](crate::abi::Kernel::GatePanels).
///
/// # Safety
///
/// The pointers are valid for what the contract names.
#[inline(always)]
pub(super) unsafe fn gate_panels<S: Simd>(
    s: S,
    panels: *const f32,
    gates: *const f32,
    out: *mut f32,
    depth: usize,
    columns: usize,
) {
    let mut first = 0;
    while first < columns {
        let place = first * depth;
        // SAFETY: a panel is one vector wide if the columns that are left fit into one, else two; those before it are full.
        unsafe {
            let (panel, out) = (panels.add(place), out.add(place));
            if columns - first <= S::LANES {
                gate_panel::<S, 1>(s, panel, gates, out, depth);
            } else {
                gate_panel::<S, 2>(s, panel, gates, out, depth);
            }
        }
        first += 2 * S::LANES;
    }
}

/// One panel of so many vectors.
///
/// # Safety
///
/// `panel` is valid for reads of `depth` rows of the vectors, `out` for writes of the same, `gates` for reads of `depth` values.
#[inline(always)]
unsafe fn gate_panel<S: Simd, const VECTORS: usize>(
    s: S,
    panel: *const f32,
    gates: *const f32,
    out: *mut f32,
    depth: usize,
) {
    for row in 0..depth {
        // SAFETY: the row is one of the `depth` that the caller vouches for.
        unsafe {
            let gate = s.splat(gates.add(row).read());
            for vector in 0..VECTORS {
                let place = (row * VECTORS + vector) * S::LANES;
                s.store(out.add(place), s.mul(gate, s.load(panel.add(place))));
            }
        }
    }
}
