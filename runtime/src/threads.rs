//! The threads that run a network together.
//!
//! A [`Team`] runs one job on all its members at a time and returns when all are done; within a job, each [`Member`] goes
//! through steps whose units they share. Neither allocates memory, and between steps of some microseconds neither sleeps; a
//! team without work sleeps and uses no processor.
//!
//! Invariants:
//!
//! - *Nobody outlives the job.* [`Team::run`] neither returns nor unwinds before each worker has finished with the job, which
//!   makes lending it to other threads sound. Panics are caught in each member and go on in the caller, at the end.
//! - *Order.* What the caller wrote before the run is visible to all members: the change of `start` releases it and each
//!   worker acquires it. What they wrote is visible to the caller afterwards: each worker's decrement of `working` releases
//!   it, the last one acquires all of it and changes `finish`, which the caller acquires.

mod barrier;
mod member;
mod shares;
mod signal;

use std::any::Any;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::sync::atomic::{AtomicPtr, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::{fmt, io, mem, ptr, thread};

use member::Meeting;
pub use member::Member;
pub use shares::share;
use signal::Signal;

/// What a team does: called with each member.
type Job<'a> = dyn Fn(Member<'_>) + Sync + 'a;

/// A fixed number of threads that run jobs together. The calling thread is one of them.
///
/// ```
/// # use parameternet_runtime::threads::Team;
/// # use std::sync::atomic::{AtomicUsize, Ordering};
/// let mut team = Team::new(2.try_into()?)?;
/// let squares: [AtomicUsize; 10] = Default::default();
/// let sum = AtomicUsize::new(0);
/// team.run(&|mut member| {
///     member.step(squares.len(), false);
///     while let Some(units) = member.take() {
///         units.for_each(|unit| squares[unit].store(unit * unit, Ordering::Relaxed));
///     }
///     member.step(1, false);
///     while let Some(_) = member.take() {
///         sum.store(squares.iter().map(|square| square.load(Ordering::Relaxed)).sum(), Ordering::Relaxed);
///     }
/// });
/// assert_eq!(sum.into_inner(), 285);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Team {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

/// What the caller and the workers have in common.
struct Shared {
    /// Counts runs. A change means that `job` is there.
    start: Signal,
    /// Counts finished runs.
    finish: Signal,
    meeting: Meeting,
    /// Points to the caller's reference to the job, from a change of `start` until `working` is 0; null ends the workers.
    /// It is a thin pointer to a fat one, so that it can be atomic.
    job: AtomicPtr<()>,
    /// How many workers are not yet done with this run.
    working: AtomicUsize,
    /// The first panic of this run.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Team {
    /// A team of `size` members: the thread that will call [`Team::run`], and `size - 1` threads that are started now and
    /// named `parameternet-1` and so on.
    ///
    /// # Errors
    ///
    /// If the system refuses to start a thread.
    pub fn new(size: NonZeroUsize) -> io::Result<Team> {
        let shared = Arc::new(Shared {
            start: Signal::new(),
            finish: Signal::new(),
            meeting: Meeting::new(size),
            job: AtomicPtr::new(ptr::null_mut()),
            working: AtomicUsize::new(0),
            panic: Mutex::new(None),
        });
        // If a thread does not start, dropping the team ends those that did.
        let mut team = Team { shared, workers: Vec::new() };
        for member in 1..size.get() {
            let shared = Arc::clone(&team.shared);
            let name = format!("parameternet-{member}");
            team.workers.push(thread::Builder::new().name(name).spawn(move || work(&shared, member))?);
        }
        Ok(team)
    }

    /// How many members it has.
    #[must_use]
    pub fn size(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `job` once with each member, on its thread, and returns when all calls have returned. Member 0 is the calling
    /// thread.
    ///
    /// All members have to go through the same steps, or they wait forever.
    ///
    /// # Panics
    ///
    /// If the job panics on a member: the others have no more units in this run, and when all members are done, the first
    /// panic goes on in the caller. The team can be used again.
    pub fn run(&mut self, job: &Job<'_>) {
        let shared = &*self.shared;
        if self.workers.is_empty() {
            return job(Member::new(&shared.meeting, 0));
        }
        shared.meeting.shares.begin();
        let finished = shared.finish.get();
        shared.working.store(self.workers.len(), Relaxed);
        shared.job.store((&raw const job).cast_mut().cast(), Relaxed);
        shared.start.set(shared.start.get().wrapping_add(1));
        shared.call(job, 0);
        shared.finish.wait_while(finished);

        let panic = shared.panic.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(panic) = panic {
            shared.meeting.barrier.mend();
            resume_unwind(panic);
        }
    }
}

impl Shared {
    /// Does a member's part of a job. Never unwinds: others still use what the caller's stack holds.
    fn call(&self, job: &Job<'_>, member: usize) {
        // No invariant of ours spans the call, and what the job broke of its own is the business of who catches the panic
        // in the end.
        let Err(panic) = catch_unwind(AssertUnwindSafe(|| job(Member::new(&self.meeting, member)))) else { return };
        let mut first = self.panic.lock().unwrap_or_else(PoisonError::into_inner);
        if first.is_none() {
            *first = Some(panic);
        } else {
            // Dropping it could panic again.
            mem::forget(panic);
        }
        drop(first);
        self.meeting.barrier.break_open();
    }
}

/// The life of a worker.
fn work(shared: &Shared, member: usize) {
    // Not read from `start`: the first run may have begun before this thread did.
    let mut run = 0;
    loop {
        run = shared.start.wait_while(run);
        let job = shared.job.load(Relaxed).cast_const().cast::<&Job<'_>>();
        if job.is_null() {
            return;
        }
        // SAFETY: where it is not null, the pointer is to the argument of a call of `Team::run`, which set it before the
        // change of `start` that was just seen; that call goes on until `working` is 0, and so not before the decrement below,
        // which is after the last use.
        let job = unsafe { *job };
        shared.call(job, member);
        if shared.working.fetch_sub(1, AcqRel) == 1 {
            shared.finish.set(shared.finish.get().wrapping_add(1));
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.job.store(ptr::null_mut(), Relaxed);
        self.shared.start.set(self.shared.start.get().wrapping_add(1));
        for worker in self.workers.drain(..) {
            // A worker catches all panics.
            let _ = worker.join();
        }
    }
}

impl fmt::Debug for Team {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Team").field("size", &self.size()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
