//! A number that threads wait on: they spin for a moment, then sleep.
//!
//! The other synchronisation of a team is built of it. Three promises:
//!
//! - *Order.* What a thread did before it changed the number is visible to whoever saw the change.
//! - *No lost wake-up.* The waiter counts itself among the sleepers and then looks at the number once more; the other side
//!   changes the number and then looks at the count. All four are sequentially consistent, so that at least one of both sees
//!   what the other did: either the waiter finds the number changed and does not sleep, or the other side finds a sleeper.
//!   It then takes the lock, which the waiter holds from counting itself until it sleeps, and so notifies nobody too early.
//! - *No cost while idle.* After some tenths of a millisecond a waiter uses no processor.

use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicUsize};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a waiter keeps its core at most: as long as a unit of a large step takes, so that nearly all waits end before. To sleep and
/// be woken takes as long.
const SPIN: Duration = Duration::from_micros(200);

/// So often can waiting in vain halve the time that the next waiter spins.
const HALVINGS: u32 = 7;

/// After so many waits in vain, one spins for the whole time again, to find out whether that has become worthwhile.
const PROBE: u32 = 64;

/// Looks at the number between two looks at the clock: about a microsecond.
const LOOKS: u32 = 32;

/// A number that threads wait on. It has its cache line to itself: the waiters' polling disturbs nothing else.
#[repr(align(128))]
pub(super) struct Signal {
    number: AtomicUsize,
    sleepers: AtomicUsize,
    /// How often threads have spun in vain of late, see [`Signal::wait_while`].
    vain: AtomicU32,
    lock: Mutex<()>,
    changed: Condvar,
}

impl Signal {
    /// A signal at 0.
    pub fn new() -> Signal {
        Signal {
            number: AtomicUsize::new(0),
            sleepers: AtomicUsize::new(0),
            vain: AtomicU32::new(0),
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
    ///
    /// Spinning is in vain if whoever is waited for needs this very core, as happens with more threads than cores and
    /// wherever the system lets two threads share one. So waiters spin for a shorter time the more often it was in vain.
    /// They never yield: where other programs compete for the cores, each call costs a time slice of milliseconds, while
    /// who sleeps is woken at once.
    pub fn wait_while(&self, seen: usize) -> usize {
        // Without a look at the clock, whose cost would show in short waits.
        if let Some(number) = self.poll(seen) {
            return number;
        }
        let vain = self.vain.load(Relaxed);
        let spin = SPIN / (1 << vain.min(HALVINGS));
        let start = Instant::now();
        while start.elapsed() < spin {
            if let Some(number) = self.poll(seen) {
                self.vain.store(vain / 2, Relaxed);
                return number;
            }
        }
        self.vain.store((vain + 1) % PROBE, Relaxed);
        self.sleep_while(seen)
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
