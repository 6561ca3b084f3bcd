//! The units of a step, divided between the members of a team.
//!
//! Each member has a share, which it takes from the front, half of what is left at a time. Who has nothing left goes on with
//! what is left at the end of another's share. So one that is slow, or interrupted by the system, holds the others up by what
//! it is just doing and not by its whole share; where nobody is, everybody works on the same part of an image in step after
//! step, which lies in the cache of its core.
//!
//! Invariant: each unit is taken once. A share is one atomic number that says what is left of it, which only shrinks within
//! a step, so that whoever exchanges it for less has what is missing to itself. Shares order no other memory: that is done
//! by the barrier between two steps.
//!
//! The shares of steps lie in two places by turns. A member makes its share whole again before it waits for the others at
//! the beginning of a step; by then it has seen that all have begun the step before it, so that nobody takes units of the one
//! before that, which lay in the same place.

use std::ops::Range;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// A share that nobody has taken anything of, of however many units.
const WHOLE: usize = usize::MAX;

/// The bits of each end of a range, of which a share is two.
const HALF: u32 = usize::BITS / 2;

/// The units of steps that can be shared at most: so that the ends of a range fit, and none is [`WHOLE`].
const MOST: usize = (1 << HALF) - 2;

/// The units of one member of a team of so many, before others take over some of them: near equal parts in order, a single
/// one for member 0.
#[must_use]
pub fn share(units: usize, member: usize, members: usize) -> Range<usize> {
    (member * units).div_ceil(members)..((member + 1) * units).div_ceil(members)
}

/// What is left of the units of two steps, by member.
pub(super) struct Shares(Box<[Share]>);

/// A member's share of two steps. Aligned away from those of others, which they write all the time.
#[repr(align(128))]
struct Share([AtomicUsize; 2]);

/// A step whose units are shared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// How many steps were shared before it.
    pub turn: usize,
    /// How many units it has.
    pub units: usize,
    /// How many neighbours are taken at once at least.
    pub least: usize,
}

impl Shares {
    /// Those of so many members.
    pub fn new(members: usize) -> Shares {
        Shares((0..members).map(|_| Share([WHOLE, WHOLE].map(AtomicUsize::new))).collect())
    }

    /// How many members have one.
    pub fn members(&self) -> usize {
        self.0.len()
    }

    /// Whether they can be shares of so many units.
    pub fn hold(units: usize) -> bool {
        units <= MOST
    }

    /// Makes all shares of the first turn whole. Nobody may be taking units.
    pub fn begin(&self) {
        for member in 0..self.0.len() {
            self.renew(member, 0);
        }
    }

    /// Makes the share of a member whole for a turn, of which nobody takes units yet.
    pub fn renew(&self, member: usize, turn: usize) {
        if let Some(share) = self.0.get(member) {
            share.of(turn).store(WHOLE, Relaxed);
        }
    }

    /// Units that are now the member's to work on; none if all are taken.
    pub fn take(&self, member: usize, step: Step) -> Option<Range<usize>> {
        let (before, from) = self.0.split_at_checked(member)?;
        from.iter().chain(before).enumerate().find_map(|(distance, share)| {
            let owner = (member + distance) % self.0.len();
            let whole = self::share(step.units, owner, self.0.len());
            share.take(step, &whole, distance == 0)
        })
    }
}

impl Share {
    fn of(&self, turn: usize) -> &AtomicUsize {
        let [even, odd] = &self.0;
        if turn.is_multiple_of(2) { even } else { odd }
    }

    /// The first of what is left, or the last.
    fn take(&self, step: Step, whole: &Range<usize>, first: bool) -> Option<Range<usize>> {
        let place = self.of(step.turn);
        let mut found = place.load(Relaxed);
        loop {
            let left = unpacked(found).unwrap_or(whole.clone());
            if left.is_empty() {
                return None;
            }
            let count = left.len().div_ceil(2).max(step.least).min(left.len());
            let (taken, rest) = if first {
                let middle = left.start + count;
                (left.start..middle, middle..left.end)
            } else {
                let middle = left.end - count;
                (middle..left.end, left.start..middle)
            };
            match place.compare_exchange_weak(found, packed(&rest), Relaxed, Relaxed) {
                Ok(_) => return Some(taken),
                Err(now) => found = now,
            }
        }
    }
}

/// A range as one number. (Its ends are at most [`MOST`].)
fn packed(range: &Range<usize>) -> usize {
    range.start << HALF | range.end
}

/// The range, unless the share is still whole.
fn unpacked(packed: usize) -> Option<Range<usize>> {
    (packed != WHOLE).then_some(packed >> HALF..packed & ((1 << HALF) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn shares_are_parts_in_order_and_near_equal() {
        for members in 1..6 {
            for units in 0..20 {
                let shares: Vec<_> = (0..members).map(|member| share(units, member, members)).collect();
                assert!(shares.iter().flat_map(Clone::clone).eq(0..units), "{units} units of {members}");
                let sizes = shares.iter().map(ExactSizeIterator::len);
                assert!(sizes.clone().max().unwrap_or(0) - sizes.min().unwrap_or(0) <= 1, "{units} of {members}");
            }
            assert_eq!(share(1, 0, members), 0..1, "a single unit is the caller's");
        }
    }

    /// What members take that come one after the other, as the order says.
    fn taken(shares: &Shares, step: Step, order: &[usize]) -> Vec<Option<Range<usize>>> {
        order.iter().map(|member| shares.take(*member, step)).collect()
    }

    #[test]
    fn members_take_their_own_from_the_front_and_others_from_the_end() {
        let shares = Shares::new(2);
        let step = Step { turn: 0, units: 12, least: 1 };
        let found = taken(&shares, step, &[0, 0, 1, 0, 0, 1, 1, 0]);
        let expected = [Some(0..3), Some(3..5), Some(6..9), Some(5..6), Some(10..12), Some(9..10), None, None];
        assert_eq!(found, expected);
    }

    #[test]
    fn so_many_neighbours_are_taken_at_least() {
        let shares = Shares::new(2);
        let step = Step { turn: 0, units: 14, least: 4 };
        assert_eq!(taken(&shares, step, &[0, 0, 0, 0, 0]), [Some(0..4), Some(4..7), Some(10..14), Some(7..10), None]);
    }

    #[test]
    fn turns_do_not_disturb_each_other() {
        let shares = Shares::new(1);
        for turn in 0..6 {
            let step = |turn| Step { turn, units: turn + 4, least: 2 };
            shares.renew(0, turn);
            let first = shares.take(0, step(turn));
            shares.renew(0, turn + 1);
            assert_eq!(shares.take(0, step(turn + 1)).map(|range| range.start), Some(0));
            let rest = taken(&shares, step(turn), &[0, 0, 0, 0]);
            let all: Vec<usize> = [first].into_iter().chain(rest).flatten().flatten().collect();
            assert!(all.iter().copied().eq(0..turn + 4), "{all:?}");
        }
    }

    #[test]
    fn as_many_units_as_there_can_be() {
        let shares = Shares::new(2);
        let step = Step { turn: 0, units: MOST, least: MOST };
        assert!(Shares::hold(MOST) && !Shares::hold(MOST + 1));
        assert_eq!(taken(&shares, step, &[1, 1, 1]), [Some(MOST.div_ceil(2)..MOST), Some(0..MOST.div_ceil(2)), None]);
    }

    #[test]
    fn each_unit_is_taken_once_by_members_that_race() {
        for members in [2, 3, 5] {
            let shares = Shares::new(members);
            for units in (2..200).step_by(7) {
                let step = Step { turn: 1, units, least: 1 + units % 3 };
                (0..members).for_each(|member| shares.renew(member, step.turn));
                let counts: Vec<AtomicUsize> = (0..units).map(|_| AtomicUsize::new(0)).collect();
                thread::scope(|scope| {
                    for member in 0..members {
                        let (shares, counts) = (&shares, &counts);
                        scope.spawn(move || {
                            while let Some(range) = shares.take(member, step) {
                                for count in &counts[range] {
                                    count.fetch_add(1, Relaxed);
                                }
                            }
                        });
                    }
                });
                assert!(counts.iter().all(|count| count.load(Relaxed) == 1), "{units} of {members}");
            }
        }
    }
}
