//! A member's way through the steps of a run.

use std::fmt;
use std::mem;
use std::num::NonZeroUsize;
use std::ops::Range;

use super::barrier::Barrier;
use super::shares::{Shares, Step};

/// Into how many pieces a member's share is divided at most, where units are better done in a row.
const RUNS: usize = 4;

/// How many of such units are a piece at least.
const FEWEST: usize = 2;

/// What the members of a team have in common during a run.
pub(super) struct Meeting {
    pub barrier: Barrier,
    pub shares: Shares,
}

impl Meeting {
    /// That of so many members.
    pub fn new(members: NonZeroUsize) -> Meeting {
        Meeting { barrier: Barrier::new(members), shares: Shares::new(members.get()) }
    }
}

/// A member of a team, which takes part in a run: it goes through the same steps as all others.
///
/// What any member did in a step is visible to all in the next one, which nobody begins before all are done with that step;
/// but steps of one unit are member 0's, which waits for nobody between two of them.
pub struct Member<'t> {
    pub(super) meeting: &'t Meeting,
    index: usize,
    /// The units of the step, if one has begun.
    units: Option<usize>,
    /// Those that are not shared.
    own: Range<usize>,
    /// The step, if it is shared.
    shared: Option<Step>,
    /// How many steps were shared so far.
    turns: usize,
    /// Another member panicked: there is nothing to do any more.
    is_over: bool,
}

impl<'t> Member<'t> {
    pub(super) fn new(meeting: &'t Meeting, index: usize) -> Member<'t> {
        Member { meeting, index, units: None, own: 0..0, shared: None, turns: 0, is_over: false }
    }

    /// Its number. Member 0 is the thread that called [`Team::run`](super::Team::run).
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// How many members the team has.
    #[must_use]
    pub fn members(&self) -> usize {
        self.meeting.shares.members()
    }

    /// Begins a step of so many units. They can be worked on in any order; if they are better done `in_runs`, more of them are
    /// taken at a time.
    ///
    /// If another member panics, there are no units from the next step on.
    pub fn step(&mut self, units: usize, in_runs: bool) {
        if self.is_over {
            // Shares must not become whole while others may still take what they were.
            return;
        }
        let before = self.units.replace(units);
        self.shared = None;
        let members = self.members();
        if members == 1 {
            self.own = 0..units;
            return;
        }
        if units > 1 && Shares::hold(units) {
            let least = if in_runs { units.div_ceil(RUNS * members).max(FEWEST) } else { 1 };
            let step = Step { turn: self.turns, units, least };
            // The shares of the first were whole before the run.
            if step.turn > 0 {
                self.meeting.shares.renew(self.index, step.turn);
            }
            self.turns += 1;
            self.shared = Some(step);
            self.own = 0..0;
        } else {
            self.own = super::share(units, self.index, members);
        }
        let must_wait = before.is_some_and(|before| before > 1 || units > 1);
        if must_wait && self.meeting.barrier.wait().is_err() {
            self.is_over = true;
        }
    }

    /// Neighbours among the units of the step that are now this member's to work on, until there are none.
    pub fn take(&mut self) -> Option<Range<usize>> {
        if self.is_over {
            return None;
        }
        if !self.own.is_empty() {
            return Some(mem::take(&mut self.own));
        }
        self.meeting.shares.take(self.index, self.shared?)
    }
}

impl fmt::Debug for Member<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Member").field("index", &self.index).finish_non_exhaustive()
    }
}
