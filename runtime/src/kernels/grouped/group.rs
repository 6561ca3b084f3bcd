//! What the outputs of a vector of channels see of the image, and how it is read.

use crate::simd::Simd;

/// What the outputs of a vector of channels see.
pub(super) trait Group<S: Simd>: Copy {
    /// Whether it is their own channel alone.
    const IS_DEPTHWISE: bool;
    /// Whether a vector may have fewer channels than lanes.
    const MAY_BE_PARTIAL: bool;
    /// For a channel of the group, where the inputs of a vector come from.
    type Member: Copy;

    /// How many channels.
    fn size(self) -> usize;

    /// Channel `member` of the groups that the vector of channels from `channel` on belongs to: how far from its inputs they lie, and how
    /// they are read.
    fn member(self, s: S, channel: usize, member: usize) -> (usize, Self::Member);

    /// Reads the inputs.
    ///
    /// # Safety
    ///
    /// `source` is valid for reads as the implementor says.
    unsafe fn read<const FULL: bool>(s: S, source: *const f32, lanes: S::Lanes, member: Self::Member) -> S::Vector;
}

/// A channel by itself: the vector at `source`.
#[derive(Clone, Copy)]
pub(super) struct Alone;

/// Groups within a vector: the vector at `source`, of which lanes are taken.
#[derive(Clone, Copy)]
pub(super) struct Within(pub(super) usize);

/// Vectors within a group: the number at `source`.
#[derive(Clone, Copy)]
pub(super) struct Across(pub(super) usize);

impl<S: Simd> Group<S> for Alone {
    const IS_DEPTHWISE: bool = true;
    const MAY_BE_PARTIAL: bool = true;
    type Member = ();

    #[inline(always)]
    fn size(self) -> usize {
        1
    }

    #[inline(always)]
    fn member(self, _: S, _: usize, _: usize) -> (usize, ()) {
        (0, ())
    }

    #[inline(always)]
    unsafe fn read<const FULL: bool>(s: S, source: *const f32, lanes: S::Lanes, (): ()) -> S::Vector {
        // SAFETY: the same conditions hold.
        unsafe { s.read::<FULL>(source, lanes) }
    }
}

impl<S: Simd> Group<S> for Within {
    const IS_DEPTHWISE: bool = false;
    const MAY_BE_PARTIAL: bool = true;
    type Member = S::Places;

    #[inline(always)]
    fn size(self) -> usize {
        self.0
    }

    #[inline(always)]
    fn member(self, s: S, _: usize, member: usize) -> (usize, S::Places) {
        (0, s.places(self.0, member))
    }

    #[inline(always)]
    unsafe fn read<const FULL: bool>(s: S, source: *const f32, lanes: S::Lanes, places: S::Places) -> S::Vector {
        // SAFETY: the same conditions hold.
        s.spread(unsafe { s.read::<FULL>(source, lanes) }, places)
    }
}

impl<S: Simd> Group<S> for Across {
    const IS_DEPTHWISE: bool = false;
    // (Channels are whole groups, and groups whole vectors.)
    const MAY_BE_PARTIAL: bool = false;
    type Member = ();

    #[inline(always)]
    fn size(self) -> usize {
        self.0
    }

    #[inline(always)]
    fn member(self, _: S, channel: usize, member: usize) -> (usize, ()) {
        (member.wrapping_sub(channel % self.0), ())
    }

    #[inline(always)]
    unsafe fn read<const FULL: bool>(s: S, source: *const f32, _: S::Lanes, (): ()) -> S::Vector {
        // SAFETY: the same conditions hold.
        s.splat(unsafe { source.read() })
    }
}
