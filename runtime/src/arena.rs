//! The memory that a network computes in: zeroed `f32`s that start at a cache line, so that vectors of any instruction set
//! can be loaded from them aligned.
//!
//! A length goes in, an [`AlignedBuffer`] or an [`AllocationError`] comes out; a lack of memory never ends the program. The
//! buffer owns its memory alone, and all of it is initialised from the beginning. On Linux, large buffers lie in huge pages
//! (`pages.rs`).

use alloc::alloc::{Layout, alloc_zeroed, dealloc};
use core::fmt;
use core::ptr::NonNull;
use core::slice;

#[cfg(all(feature = "std", target_os = "linux"))]
mod pages;

/// Where buffers start: at a multiple of so many bytes. A cache line, and the widest vector that there is (AVX-512).
pub const ALIGNMENT: usize = 64;

/// What [`AlignedBuffer::poison`] writes, in bits: a signalling NaN with a payload that is recognised in a dump. Arithmetic
/// turns it into a quiet one.
pub const POISON: u32 = 0x7fa5_a5a5;

/// There is no memory for a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot allocate memory for {length} values of type f32")]
pub struct AllocationError {
    /// How many values were asked for.
    pub length: usize,
}

/// Memory for a fixed number of `f32`s, aligned to [`ALIGNMENT`].
pub struct AlignedBuffer {
    /// The first of `length` initialised values; where there are none, a well-aligned address that is never read.
    start: NonNull<f32>,
    length: usize,
    memory: Memory,
}

/// Who gave the memory of a buffer.
enum Memory {
    /// The allocator; nobody if the buffer has no size.
    Allocator,
    /// The system, which gets it back when the map is dropped.
    #[cfg(all(feature = "std", target_os = "linux"))]
    Pages {
        #[expect(dead_code, reason = "owns what `start` points to")]
        map: memmap2::MmapMut,
    },
}

impl AlignedBuffer {
    /// A buffer of `length` zeros.
    ///
    /// # Errors
    ///
    /// If there is no such memory, or if no address space could hold it.
    pub fn new(length: usize) -> Result<AlignedBuffer, AllocationError> {
        let layout = layout(length).ok_or(AllocationError { length })?;
        if layout.size() == 0 {
            // Any address will do that is aligned: the layout's own dangling one, whose type has the alignment.
            let start = NonNull::<CacheLine>::dangling().cast();
            return Ok(AlignedBuffer { start, length, memory: Memory::Allocator });
        }
        #[cfg(all(feature = "std", target_os = "linux"))]
        if layout.size() >= pages::LARGE
            && let Some((map, start)) = pages::map(layout.size())
        {
            return Ok(AlignedBuffer { start: start.cast(), length, memory: Memory::Pages { map } });
        }
        // SAFETY: the size of the layout is not zero, as was just checked.
        let memory = unsafe { alloc_zeroed(layout) };
        let start = NonNull::new(memory.cast::<f32>()).ok_or(AllocationError { length })?;
        Ok(AlignedBuffer { start, length, memory: Memory::Allocator })
    }

    /// How many values it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The address of the first value, for reading.
    #[must_use]
    pub fn as_ptr(&self) -> *const f32 {
        self.start.as_ptr()
    }

    /// The address of the first value, for reading and writing.
    #[must_use]
    pub fn as_mut_ptr(&mut self) -> *mut f32 {
        self.start.as_ptr()
    }

    /// The values.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        // SAFETY: `start` is aligned and points to `length` initialised values that this buffer owns, be it by its map (or
        // `length` is 0), whose bytes `new` found to fit into `isize`; they stay borrowed as long as `self` is.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }

    /// The values, to be changed.
    #[must_use]
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        // SAFETY: as in `as_slice`; `self` is borrowed mutably, so that nobody else has a reference to the values.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }

    /// Fills the buffer with [`POISON`].
    ///
    /// Tests do this before a run: where a network reads what nobody wrote, its output becomes NaN. (An operation that drops
    /// NaN, such as a maximum of two vectors, can hide it.)
    pub fn poison(&mut self) {
        self.as_mut_slice().fill(f32::from_bits(POISON));
    }
}

impl Drop for AlignedBuffer {
    fn drop(&mut self) {
        match self.memory {
            Memory::Allocator => {
                if let Some(layout) = layout(self.length).filter(|layout| layout.size() != 0) {
                    // SAFETY: a buffer with a size and without a map was allocated in `new`, by this allocator with the layout
                    // of this length, which never changes; nobody uses the memory after the buffer.
                    unsafe { dealloc(self.start.as_ptr().cast(), layout) };
                }
            }
            #[cfg(all(feature = "std", target_os = "linux"))]
            Memory::Pages { .. } => {}
        }
    }
}

impl fmt::Debug for AlignedBuffer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AlignedBuffer").field("length", &self.length).finish_non_exhaustive()
    }
}

// SAFETY: the buffer owns its memory as a `Box<[f32]>` does, be it by a map, and `f32` and maps are `Send`.
unsafe impl Send for AlignedBuffer {}
// SAFETY: a shared reference only reads values, `f32` is `Sync`, and nobody reaches the map.
unsafe impl Sync for AlignedBuffer {}

/// Something with the alignment of a buffer.
#[repr(align(64))]
struct CacheLine;

const _: () = assert!(align_of::<CacheLine>() == ALIGNMENT);

/// The layout of so many values; `None` if no address space could hold them.
fn layout(length: usize) -> Option<Layout> {
    Layout::array::<f32>(length).and_then(|layout| layout.align_to(ALIGNMENT)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_zeroed_and_aligned() {
        for length in [0, 1, 15, 16, 17, 1000, 1 << 20] {
            let mut buffer = AlignedBuffer::new(length).unwrap();
            assert_eq!(buffer.len(), length);
            assert_eq!(buffer.is_empty(), length == 0);
            assert_eq!(buffer.as_ptr().addr() % ALIGNMENT, 0);
            assert_eq!(buffer.as_mut_ptr().cast_const(), buffer.as_ptr());
            assert!(buffer.as_slice().len() == length && buffer.as_slice().iter().all(|value| value.to_bits() == 0));
            buffer.as_mut_slice().fill(2.0);
            assert!(buffer.as_slice().iter().all(|&value| value == 2.0));
        }
    }

    #[test]
    #[cfg(all(feature = "std", target_os = "linux"))]
    fn large_buffers_begin_at_a_huge_page() {
        let elements = pages::LARGE / size_of::<f32>();
        for length in [elements, elements + 1, 2 * elements - 1] {
            let mut buffer = AlignedBuffer::new(length).unwrap();
            assert!(matches!(buffer.memory, Memory::Pages { .. }));
            assert_eq!(buffer.as_ptr().addr() % pages::HUGE_PAGE, 0);
            assert!(buffer.as_slice().len() == length && buffer.as_slice().iter().all(|value| value.to_bits() == 0));
            let address = buffer.as_ptr();
            buffer.as_mut_slice().fill(2.0);
            let moved = Box::new(buffer);
            assert!(moved.as_ptr() == address && moved.as_slice().iter().all(|&value| value == 2.0));
        }
        assert!(matches!(AlignedBuffer::new(elements - 1).unwrap().memory, Memory::Allocator));
    }

    #[test]
    fn memory_that_cannot_be_had_is_an_error() {
        for length in [usize::MAX, usize::MAX / 4, isize::MAX as usize / 4] {
            let error = AlignedBuffer::new(length).unwrap_err();
            assert_eq!(error, AllocationError { length });
            assert!(error.to_string().contains(&length.to_string()));
        }
    }

    #[test]
    fn poison_is_a_signalling_nan_that_arithmetic_keeps() {
        let mut buffer = AlignedBuffer::new(33).unwrap();
        buffer.poison();
        assert!(buffer.as_slice().iter().all(|value| value.to_bits() == POISON && (value * 0.0 + 1.0).is_nan()));
        assert_eq!(POISON & (1 << 22), 0, "the bit that makes a NaN quiet");
    }

    #[test]
    fn a_buffer_moves_between_threads() {
        let mut buffer = AlignedBuffer::new(100).unwrap();
        let buffer = std::thread::spawn(move || {
            buffer.as_mut_slice()[99] = 7.0;
            buffer
        })
        .join()
        .unwrap();
        assert_eq!(buffer.as_slice()[99], 7.0);
    }
}
