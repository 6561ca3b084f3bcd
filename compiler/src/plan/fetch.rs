//! Outputs that are fetched before they are written.
//!
//! In: the steps of a lowered network. Out: the same, those marked whose outputs exceed the caches of a core: to write a cache line that is
//! not there takes as long as to read it, and hardware fetches ahead what is read in order, but not what is written. Where outputs stay
//! near, to ask for them costs a few per cent.

use super::lower::Lowered;
use super::step::{Operand, Work};
use super::view::Place;

/// Bytes that stay near a core: the second-level cache of servers.
const NEAR: usize = 1024 * 1024;

/// See the module's documentation.
pub(super) fn mark(lowered: &mut Lowered) {
    for step in &mut lowered.steps {
        mark_work(&mut step.work);
    }
}

fn mark_work(work: &mut Work) {
    match work {
        Work::Matmul(step) => step.finish.shape.fetch = usize::from(is_far(&step.out)),
        Work::Attention(step) => step.result.finish.shape.fetch = usize::from(is_far(&step.result.out)),
        Work::Grouped(step) => step.shape.epilogue.fetch = usize::from(is_far(&step.out)),
        Work::Cascade(cascade) => cascade.stages.iter_mut().for_each(|stage| mark_work(&mut stage.work)),
        _ => {}
    }
}

/// Whether what is written through an operand exceeds the cache, together with what others write between it.
fn is_far(out: &Operand) -> bool {
    !matches!(out.place, Place::Lines(_)) && out.end.saturating_sub(out.offset) * size_of::<f32>() > NEAR
}
