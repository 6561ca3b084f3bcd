//! What comes into the cache before it is read. Rows, all at once; and what products fetch while they compute: the panels that are read next, and
//! weights of later steps, some lines at a time. These are spread over as many tiles as there are, since memory answers only so many requests at a
//! time, and everything else waits behind them.

use super::tile::Aside;
use crate::blocking::PLACES;
use crate::simd::{Simd, opaque};

/// `f32`s in a cache line.
const LINE: usize = 16;

/// How many elements of a panel are fetched ahead of the only tile that reads it: more than what hardware does at the end of a page.
const AHEAD: usize = 1024;

/// The last tiles of a panel that the next panel is spread over.
const SPREAD: usize = 4;

/// See [`Kernel::FetchRows`](crate::abi::Kernel::FetchRows).
///
/// # Safety
///
/// None is needed: nothing is read. (Kernels are called alike.)
#[inline(always)]
pub(super) unsafe fn fetch_rows<S: Simd>(s: S, source: *const f32, rows: usize, columns: usize, stride: usize) {
    for row in 0..rows {
        let row = source.wrapping_add(row * stride);
        let into_line = row.addr() % (LINE * size_of::<f32>()) / size_of::<f32>();
        for line in 0..(into_line + columns).div_ceil(LINE) {
            s.prefetch_near(row.wrapping_sub(into_line).wrapping_add(line * LINE));
        }
    }
}

/// The panels that will be mixed to the next one, where the next one does not lie behind this one.
#[derive(Clone, Copy)]
pub(super) struct Next {
    pub(super) first: *const f32,
    pub(super) count: usize,
    pub(super) stride: usize,
    pub(super) length: usize,
}

impl Next {
    /// None.
    pub(super) const NOTHING: Next = Next { first: core::ptr::null(), count: 0, stride: 0, length: 0 };
}

/// What is read later still: for each row of the product, that many elements.
#[derive(Clone, Copy)]
pub(super) struct Later {
    pub(super) first: *const f32,
    pub(super) per_row: usize,
}

impl Later {
    /// What some rows fetch of it, the first and how many: from where to where.
    #[inline(always)]
    pub(super) fn of(self, [first, count]: [usize; 2]) -> [*const f32; 2] {
        [first, first + count].map(|row| self.first.wrapping_add(row * self.per_row))
    }
}

/// What a tile fetches: some lines for each few places along the depth.
#[derive(Clone, Copy)]
pub(super) struct Fetch {
    at: *const f32,
    end: *const f32,
    lines: usize,
    spacing: usize,
    /// From where to where it goes on.
    then: [*const f32; 2],
}

/// From nowhere to nowhere.
const NOTHING: [*const f32; 2] = [core::ptr::null(); 2];

impl Fetch {
    /// Nothing.
    pub(super) const NOTHING: Fetch =
        Fetch { at: core::ptr::null(), end: core::ptr::null(), lines: 0, spacing: LINE, then: NOTHING };

    /// For a tile of a panel.
    ///
    /// `tile` is its number, `rows` how many rows it has, `tiles` how many read this panel, one after the other. A place along the depth
    /// of the panel at `panel` is `width` elements, all of it `elements`.
    #[inline(always)]
    pub(super) fn new<S: Simd>(
        next: Next,
        panel: *const f32,
        width: usize,
        elements: usize,
        [tile, tiles]: [usize; 2],
        rows: usize,
    ) -> Fetch {
        let dense = (PLACES * width / LINE).max(1);
        if rows == 1 && tiles == 1 {
            // A row takes no longer than its panel takes to come; for each line that is asked for, hardware fetches its neighbours.
            let from = panel.wrapping_add(AHEAD);
            let elements = if S::FETCHES_FAR { elements } else { 0 };
            return Fetch {
                at: from,
                end: from.wrapping_add(elements),
                lines: 2,
                spacing: PLACES / 2 * width,
                then: NOTHING,
            };
        }
        if let Some(tiles_each) = tiles.checked_div(next.count) {
            let parts = parts(tiles_each, dense);
            let piece = next.length.div_ceil(parts);
            let (index, part) = (tile / parts, tile % parts);
            let length = if index < next.count { piece.min(next.length.saturating_sub(part * piece)) } else { 0 };
            let from = next.first.wrapping_add(index * next.stride + part * piece);
            return Fetch {
                at: from,
                end: from.wrapping_add(length),
                lines: dense / parts,
                spacing: LINE,
                then: NOTHING,
            };
        }
        if tiles == 1 {
            let from = panel.wrapping_add(if S::FETCHES_FAR { elements } else { AHEAD });
            return Fetch { at: from, end: from.wrapping_add(elements), lines: dense, spacing: LINE, then: NOTHING };
        }
        let parts = parts(tiles.min(SPREAD), dense);
        let piece = elements / parts;
        match (tile + parts).checked_sub(tiles) {
            Some(part) => {
                let from = panel.wrapping_add(elements + part * piece);
                Fetch { at: from, end: from.wrapping_add(piece), lines: dense / parts, spacing: LINE, then: NOTHING }
            }
            None => Fetch { at: panel, end: panel, lines: 0, spacing: LINE, then: NOTHING },
        }
    }

    /// The same, and then what lies from one place to another: as fast as it takes for both to come while the tile looks at them so many times.
    #[inline(always)]
    pub(super) fn then(self, [at, end]: [*const f32; 2], looks: usize) -> Fetch {
        let lines =
            |from: *const f32, to: *const f32| to.addr().saturating_sub(from.addr()).div_ceil(LINE * size_of::<f32>());
        let (own, more) = (lines(self.at, self.end), lines(at, end));
        // (A single row asks for every few lines of its own panel.)
        if more == 0 || self.spacing != LINE {
            return self;
        }
        if own == 0 {
            return Fetch { at, end, lines: more.div_ceil(looks.max(1)), spacing: LINE, then: NOTHING };
        }
        // One look may end what is read next, and no more.
        let wanted = (own + more).div_ceil(looks.saturating_sub(1).max(1));
        Fetch { lines: self.lines.max(wanted), then: [at, end], ..self }
    }

    /// The same, so many elements further on.
    #[inline(always)]
    pub(super) fn moved(self, by: usize) -> Fetch {
        Fetch { at: self.at.wrapping_add(by), end: self.end.wrapping_add(by), ..self }
    }

    /// Asks for the lines of the next few places.
    #[inline(always)]
    pub(super) fn step<S: Simd>(&mut self, s: S) {
        if self.at.addr() >= self.end.addr() {
            [self.at, self.end] = self.then;
            self.then = NOTHING;
        }
        if self.at.addr() < self.end.addr() {
            for _ in 0..self.lines {
                s.prefetch(self.at);
                // One line after the other: not many at once, in code that is seldom reached.
                self.at = opaque(self.at.wrapping_add(self.spacing));
            }
        }
    }
}

impl Aside for Fetch {
    #[inline(always)]
    unsafe fn step<S: Simd>(&mut self, s: S) {
        Fetch::step(self, s);
    }
}

/// Into how many parts what is fetched is cut, one for each tile of `tiles`: a power of two, so that each few places fetch the same whole
/// number of `dense` lines.
#[inline(always)]
fn parts(tiles: usize, dense: usize) -> usize {
    let parts = tiles.clamp(1, dense);
    1 << parts.ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::portable::Portable;

    /// Where the memory begins that these tests name; none of it is read.
    const BASE: usize = 1 << 20;

    fn pointer(element: usize) -> *const f32 {
        std::ptr::without_provenance(BASE + element * size_of::<f32>())
    }

    /// What the tiles of a panel fetch, as ranges of elements, and whether the places of each suffice to fetch all of its range.
    fn fetched<S: Simd>(next: Next, depth: usize, width: usize, tiles: usize, rows: usize) -> Vec<(usize, usize)> {
        let mut ranges = Vec::new();
        for tile in 0..tiles {
            let mut fetch = Fetch::new::<S>(next, pointer(0), width, depth * width, [tile, tiles], rows);
            let [at, end] = [fetch.at, fetch.end].map(|pointer| (pointer.addr() - BASE) / size_of::<f32>());
            if at < end {
                for _ in 0..depth / PLACES {
                    fetch.step(Portable::<4, 4>);
                }
                assert!(fetch.at.addr() >= fetch.end.addr(), "{depth} {width} {tiles}: {at} to {end} is not reached");
                ranges.push((at, end));
            }
        }
        ranges
    }

    #[test]
    fn the_next_panel_is_fetched_once_by_the_last_tiles() {
        for width in [8, 16, 32] {
            for depth in [16, 64, 304] {
                for tiles in 2..40 {
                    let ranges = fetched::<Portable<4, 4>>(Next::NOTHING, depth, width, tiles, 6);
                    assert!(ranges.len() <= SPREAD);
                    assert_eq!(ranges.first().map(|range| range.0), Some(depth * width));
                    assert_eq!(ranges.last().map(|range| range.1), Some(2 * depth * width));
                    assert!(ranges.windows(2).all(|pair| pair[0].1 == pair[1].0), "{ranges:?}");
                }
            }
        }
    }

    #[test]
    fn each_expert_of_the_next_panel_is_fetched_once_if_there_are_tiles() {
        let (depth, width) = (64, 16);
        for count in 1..=8 {
            for length in [depth * width, depth * width / 2, 100] {
                let next = Next { first: pointer(50_000), count, stride: 10_000, length };
                for tiles in 1..40 {
                    let ranges = fetched::<Portable<4, 4>>(next, depth, width, tiles, 6);
                    let mut experts = Vec::new();
                    for (at, end) in ranges {
                        match experts.last_mut() {
                            Some((_, last)) if *last == at => *last = end,
                            _ => experts.push((at, end)),
                        }
                    }
                    let wanted: Vec<_> = (0..count.min(tiles))
                        .map(|expert| (50_000 + expert * 10_000, 50_000 + expert * 10_000 + length))
                        .collect();
                    assert_eq!(experts, wanted, "{count} {length} {tiles}");
                }
            }
        }
    }

    #[test]
    fn what_is_read_later_is_fetched_once_behind_what_is_read_next() {
        let (depth, width, rows) = (64, 16, 6);
        for count in [0, 1, 3] {
            let next = Next { first: pointer(50_000), count, stride: 10_000, length: depth * width };
            for per_row in [0, 5, 100, 700] {
                let later = Later { first: pointer(200_000), per_row };
                for tiles in 2..20 {
                    let mut at = 200_000;
                    for tile in 0..tiles {
                        let alone =
                            Fetch::new::<Portable<4, 4>>(next, pointer(0), width, depth * width, [tile, tiles], rows);
                        let mut fetch = alone.then(later.of([tile * rows, rows]), depth / PLACES);
                        let mut passed = Vec::new();
                        for _ in 0..depth / PLACES {
                            passed.push(fetch.at);
                            fetch.step(Portable::<4, 4>);
                        }
                        let what = format!("{count} {per_row} {tiles} {tile}");
                        assert!(alone.at.addr() >= alone.end.addr() || passed.first() == Some(&alone.at), "{what}");
                        let of_tile = later.of([tile * rows, rows]);
                        assert_eq!(of_tile, [at, at + rows * per_row].map(pointer), "{what}");
                        at += rows * per_row;
                        if per_row > 0 {
                            // (It lies behind all else.)
                            passed.push(fetch.at);
                            let begun = of_tile[0].wrapping_add(fetch.lines * LINE);
                            assert!(
                                passed.contains(&of_tile[0]) || passed.contains(&begun),
                                "{what}: it has no beginning"
                            );
                            let reached = passed.iter().map(|at| at.addr()).max();
                            assert!(reached >= Some(of_tile[1].addr()), "{what}: it does not end");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_only_tile_of_a_panel_fetches_what_it_will_read_and_a_single_row_nothing() {
        assert_eq!(fetched::<Portable<4, 4>>(Next::NOTHING, 64, 16, 1, 4), [(AHEAD, AHEAD + 64 * 16)]);
        assert_eq!(fetched::<Portable<4, 4>>(Next::NOTHING, 64, 16, 1, 1), []);
    }

    #[test]
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    fn where_it_pays_the_only_tile_fetches_the_next_panel_and_a_single_row_its_own() {
        use crate::simd::avx512::Avx512;
        assert_eq!(fetched::<Avx512>(Next::NOTHING, 64, 32, 1, 4), [(64 * 32, 2 * 64 * 32)]);
        assert_eq!(fetched::<Avx512>(Next::NOTHING, 64, 32, 1, 1), [(AHEAD, AHEAD + 64 * 32)]);
    }
}
