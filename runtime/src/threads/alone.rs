//! A team of the calling thread alone, where there is no system that starts others. The same interface as that of the team
//! of many, as far as sessions use it.

use core::marker::PhantomData;
use core::mem;
use core::num::NonZeroUsize;
use core::ops::Range;

use crate::program::SessionError;

/// The calling thread, which takes part in a run alone.
#[derive(Debug)]
pub struct Member<'t> {
    units: Range<usize>,
    team: PhantomData<&'t Team>,
}

impl Member<'_> {
    /// Its number: 0.
    #[must_use]
    pub fn index(&self) -> usize {
        0
    }

    /// How many members the team has: one.
    #[must_use]
    pub fn members(&self) -> usize {
        1
    }

    /// Begins a step of so many units.
    pub fn step(&mut self, units: usize, _in_runs: bool) {
        self.units = 0..units;
    }

    /// All units of the step, then none.
    pub fn take(&mut self) -> Option<Range<usize>> {
        let units = mem::take(&mut self.units);
        (!units.is_empty()).then_some(units)
    }
}

/// The calling thread.
#[derive(Debug)]
pub struct Team;

impl Team {
    /// A team of one member.
    ///
    /// # Errors
    /// When more are asked for.
    pub fn new(size: NonZeroUsize) -> Result<Team, SessionError> {
        match size.get() {
            1 => Ok(Team),
            found => Err(SessionError::Alone { found }),
        }
    }

    /// Calls `job` with the only member.
    pub fn run(&mut self, job: &dyn Fn(Member<'_>)) {
        job(Member { units: 0..0, team: PhantomData });
    }
}
