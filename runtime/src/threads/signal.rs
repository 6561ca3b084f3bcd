//! A number that threads wait on: they spin for a moment, then sleep.
//!
//! The other synchronisation of a team is built of it. Three promises:
//!
//! - *Order.* What a thread did before it changed the number is visible to whoever saw the change.
//! - *No lost wake-up.* The waiter counts itself among the sleepers and then looks at the number once more; the other side
//!   changes the number and then looks at the count. All four are sequentially consistent, so that at least one of both sees
//!   what the other did: either the waiter finds the number changed and does not sleep, or the other side finds a sleeper.
//!   It then takes the lock, which the waiter holds from counting itself until it sleeps, and so notifies nobody too early.
//! - *No cost while idle.* After some tens of microseconds a waiter uses no processor.

use std::num::NonZeroUsize;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a waiter keeps its core: a step of a network takes some microseconds, so that nearly all waits end before.
const SPIN: Duration = Duration::from_micros(20);

/// After so long, a waiter sleeps. In between it offers its core to other threads.
const YIELD: Duration = Duration::from_micros(50);

/// Looks at the number between two looks at the clock: about a microsecond.
const LOOKS: u32 = 32;

/// A number that threads wait on. It has its cache line to itself: the waiters' polling disturbs nothing else.
#[repr(align(128))]
pub(super) struct Signal {
    number: AtomicUsize,
    sleepers: AtomicUsize,
    /// How long to spin without yielding.
    spin: Duration,
    lock: Mutex<()>,
    changed: Condvar,
}

impl Signal {
    /// A signal at 0 for so many threads. If there are more of them than cores, nobody spins without yielding: whoever is
    /// waited for may need that core.
    pub fn new(threads: NonZeroUsize) -> Signal {
        let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Signal {
            number: AtomicUsize::new(0),
            sleepers: AtomicUsize::new(0),
            spin: if threads > cores { Duration::ZERO } else { SPIN },
            lock: Mutex::new(()),
            changed: Condvar::new(),
        }
    }

    /// The number.
    pub fn get(&self) -> usize {
        self.number.load(Acquire)
    }

    /// Changes the number and wakes everybody.
    pub fn set(&self, to: usize) {
        self.number.store(to, SeqCst);
        self.wake();
    }

    /// Changes the number and wakes everybody, if the number is `from`; else says what it is.
    pub fn replace(&self, from: usize, to: usize) -> Result<(), usize> {
        self.number.compare_exchange(from, to, SeqCst, Acquire)?;
        self.wake();
        Ok(())
    }

    /// Waits until the number is another than `seen`, and returns it.
    pub fn wait_while(&self, seen: usize) -> usize {
        // Without a look at the clock: its cost would show in short waits.
        if let Some(number) = self.poll(seen) {
            return number;
        }
        let start = Instant::now();
        loop {
            if let Some(number) = self.poll(seen) {
                return number;
            }
            let waited = start.elapsed();
            if waited >= YIELD {
                return self.sleep_while(seen);
            }
            if waited >= self.spin {
                thread::yield_now();
            }
        }
    }

    fn poll(&self, seen: usize) -> Option<usize> {
        for _ in 0..LOOKS {
            let number = self.get();
            if number != seen {
                return Some(number);
            }
            std::hint::spin_loop();
        }
        None
    }

    #[cold]
    fn sleep_while(&self, seen: usize) -> usize {
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.sleepers.fetch_add(1, SeqCst);
        let number = loop {
            let number = self.number.load(SeqCst);
            if number != seen {
                break number;
            }
            guard = self.changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
        };
        self.sleepers.fetch_sub(1, Relaxed);
        number
    }

    /// To be called after the number has changed.
    fn wake(&self) {
        if self.sleepers.load(SeqCst) != 0 {
            self.wake_sleepers();
        }
    }

    #[cold]
    fn wake_sleepers(&self) {
        // With the lock free, every sleeper that was counted either waits for the notification or saw the new number.
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}
