//! The meeting point of a team between two steps of a network.
//!
//! Invariant: nobody leaves a round before all have entered it, and what any member wrote before it entered is visible to
//! every member that has left. Why: each entry is a read-modify-write of `arrived` that releases what the member wrote, and
//! the last of them acquires all of it (they form one release sequence). The last member then changes the generation, which
//! releases, and the others leave once they have seen that change, which acquires ([`Signal`]).
//!
//! The counter is zeroed before the generation changes, hence before anybody can enter the next round. The generation
//! that a member finds on entry is that of its round: it cannot change again before that member has entered.

use std::num::NonZeroUsize;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};

use super::signal::Signal;

/// The generation of a barrier that a member will never come to.
const BROKEN: usize = usize::MAX;

/// A member panicked before it came to the barrier: the others do not wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a member of the team panicked before it came to the barrier")]
pub struct BrokenBarrierError;

/// A point that all members of a team pass together, as often as they like.
pub struct Barrier {
    /// Changes when all members have arrived; [`BROKEN`] if that will not happen.
    generation: Signal,
    /// How many members have entered this round. Aligned away from the generation, which the waiting members poll.
    arrived: Arrived,
    members: NonZeroUsize,
}

#[repr(align(128))]
struct Arrived(AtomicUsize);

impl Barrier {
    /// A barrier for so many threads.
    #[must_use]
    pub fn new(members: NonZeroUsize) -> Barrier {
        Barrier { generation: Signal::new(), arrived: Arrived(AtomicUsize::new(0)), members }
    }

    /// Waits until all members have called this function as often as the caller.
    ///
    /// What any member wrote before is then visible to all.
    ///
    /// # Errors
    ///
    /// If a member of the team panicked. The others may then be anywhere; what is shared with them must not be touched.
    pub fn wait(&self) -> Result<(), BrokenBarrierError> {
        let generation = self.generation.get();
        if generation == BROKEN {
            return Err(BrokenBarrierError);
        }
        let now = if self.arrived.0.fetch_add(1, AcqRel) + 1 == self.members.get() {
            self.arrived.0.store(0, Relaxed);
            // Wraps long before `BROKEN`.
            let next = (generation + 1) & (BROKEN >> 1);
            // Fails only if the barrier was broken in between, which must last.
            self.generation.replace(generation, next).err().unwrap_or(next)
        } else {
            self.generation.wait_while(generation)
        };
        if now == BROKEN { Err(BrokenBarrierError) } else { Ok(()) }
    }

    /// Lets all waits return, now and until [`Barrier::mend`].
    pub(super) fn break_open(&self) {
        self.generation.set(BROKEN);
    }

    /// Makes the barrier as new. Nobody may be waiting.
    pub(super) fn mend(&self) {
        self.arrived.0.store(0, Relaxed);
        self.generation.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;
    use std::thread;

    /// Each member writes, all meet, each reads what all others wrote. The values are relaxed: only the barrier orders them.
    fn everybody_sees_everything(size: usize, rounds: u64, wait: impl Fn(&Barrier) + Sync) {
        let barrier = Barrier::new(NonZeroUsize::new(size).unwrap());
        let values: Vec<AtomicU64> = (0..size).map(|_| AtomicU64::new(0)).collect();
        thread::scope(|scope| {
            for member in 0..size {
                let (barrier, values, wait) = (&barrier, &values, &wait);
                scope.spawn(move || {
                    for round in 1..=rounds {
                        values[member].store(round, Relaxed);
                        wait(barrier);
                        for value in values {
                            assert_eq!(value.load(Relaxed), round);
                        }
                        wait(barrier);
                    }
                });
            }
        });
    }

    #[test]
    fn what_was_written_before_is_seen_after() {
        for size in [1, 2, 3, 5, 8] {
            everybody_sees_everything(size, 2000, |barrier| barrier.wait().unwrap());
        }
    }

    #[test]
    fn members_that_come_late_find_the_others_asleep() {
        let late = AtomicU64::new(0);
        everybody_sees_everything(3, 20, |barrier| {
            if late.fetch_add(1, Relaxed).is_multiple_of(3) {
                thread::sleep(std::time::Duration::from_millis(2));
            }
            barrier.wait().unwrap();
        });
    }

    #[test]
    fn a_broken_barrier_holds_nobody_until_it_is_mended() {
        let barrier = Barrier::new(NonZeroUsize::new(3).unwrap());
        thread::scope(|scope| {
            let waiting = [(); 2].map(|()| scope.spawn(|| barrier.wait()));
            barrier.break_open();
            for waiting in waiting {
                assert_eq!(waiting.join().unwrap(), Err(BrokenBarrierError));
            }
        });
        assert_eq!(barrier.wait(), Err(BrokenBarrierError));
        barrier.mend();
        thread::scope(|scope| {
            let waiting = [(); 3].map(|()| scope.spawn(|| barrier.wait()));
            for waiting in waiting {
                assert_eq!(waiting.join().unwrap(), Ok(()));
            }
        });
    }
}
