//! A team of the calling thread alone, where there is no system that starts others. The same interface as that of the team
//! of many, as far as sessions use it.

use core::num::NonZeroUsize;

use crate::program::SessionError;

/// Never reached: nobody waits for a thread that is alone.
#[derive(Debug)]
pub struct BrokenBarrierError;

/// Where members of a team meet.
#[derive(Debug)]
pub struct Barrier;

impl Barrier {
    /// Goes on at once.
    ///
    /// # Errors
    /// Never.
    pub fn wait(&self) -> Result<(), BrokenBarrierError> {
        Ok(())
    }
}

/// Goes on at once.
///
/// # Safety
/// None is needed; the one of many threads has a contract.
pub unsafe extern "C" fn barrier_wait(_barrier: *const Barrier) {}

/// The calling thread.
#[derive(Debug)]
pub struct Team {
    barrier: Barrier,
}

impl Team {
    /// A team of one member.
    ///
    /// # Errors
    /// When more are asked for.
    pub fn new(size: NonZeroUsize) -> Result<Team, SessionError> {
        match size.get() {
            1 => Ok(Team { barrier: Barrier }),
            found => Err(SessionError::Alone { found }),
        }
    }

    /// The barrier of the team.
    #[must_use]
    pub fn barrier(&self) -> &Barrier {
        &self.barrier
    }

    /// Calls `job` with member 0.
    pub fn run(&mut self, job: &dyn Fn(usize, &Barrier)) {
        job(0, &self.barrier);
    }
}
