//! Large pieces of memory in huge pages, which spare the processor most of the translation of addresses: a network that
//! streams its weights once a run otherwise waits for it.
//!
//! The size goes in, a map that owns the memory and its aligned beginning come out, or nothing where the system gives none.

use core::ptr::NonNull;

use memmap2::{Advice, MmapMut};

/// Smaller buffers are left to the allocator: the processor keeps the addresses of so few pages at hand.
pub(super) const LARGE: usize = 4 << 20;

/// The size of a huge page of this system's processors, and the alignment it needs. Where they are larger, pages stay small.
pub(super) const HUGE_PAGE: usize = 2 << 20;

/// At least `size` zeroed bytes. Moving the map does not move them.
pub(super) fn map(size: usize) -> Option<(MmapMut, NonNull<u8>)> {
    // Room to begin at a huge page and to end with one. What lies before the first is never touched, so it takes no memory.
    let mut map = MmapMut::map_anon(size.checked_add(2 * HUGE_PAGE)?).ok()?;
    let before = map.as_ptr().align_offset(HUGE_PAGE);
    let start = NonNull::from(map.get_mut(before..)?.get_mut(..size)?).cast();
    // The last one only if half of it is used: the rest of it is memory for nothing. The system may have none, or none for
    // us: then small pages have to do.
    let used = (size + HUGE_PAGE / 2) / HUGE_PAGE * HUGE_PAGE;
    let _ = map.advise_range(Advice::HugePage, before, used);
    Some((map, start))
}
