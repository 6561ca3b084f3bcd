//! Runs, timed one by one after a warm-up.

use std::time::{Duration, Instant};

use parameternet_runtime::program::{RunError, Session};
use parameternet_runtime::synth;

/// How much to run.
#[derive(Debug, Clone, Copy)]
pub(super) enum Amount {
    Runs(usize),
    Time(Duration),
}

/// The most runs that are kept.
const MOST_RUNS: usize = 1_000_000;

impl Amount {
    /// What goes before, uncounted: a tenth.
    fn warm_up(self) -> Amount {
        match self {
            Amount::Runs(runs) => Amount::Runs(runs.div_ceil(10)),
            Amount::Time(time) => Amount::Time(time / 10),
        }
    }

    fn is_reached(self, runs: usize, begin: Instant) -> bool {
        match self {
            Amount::Runs(wanted) => runs >= wanted,
            // One run at least.
            Amount::Time(wanted) => runs > 0 && (begin.elapsed() >= wanted || runs >= MOST_RUNS),
        }
    }
}

/// How long runs took.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Statistics {
    pub runs: usize,
    pub min: Duration,
    pub median: Duration,
    pub p95: Duration,
}

impl Statistics {
    /// Sorts the times.
    fn of(times: &mut [Duration]) -> Statistics {
        times.sort_unstable();
        // The smallest time that so many percent of all do not exceed.
        let percentile = |percent: usize| {
            let rank = (times.len() * percent).div_ceil(100).max(1);
            times.get(rank - 1).copied().unwrap_or_default()
        };
        Statistics { runs: times.len(), min: percentile(0), median: percentile(50), p95: percentile(95) }
    }
}

/// A session with inputs made from their names, and room for outputs.
#[derive(Debug)]
pub(super) struct Runner {
    session: Session,
    inputs: Vec<Vec<f32>>,
    outputs: Vec<Vec<f32>>,
}

impl Runner {
    pub(super) fn new(session: Session) -> Self {
        let program = session.program();
        let inputs = program.inputs().iter().map(|port| synth::tensor(&port.name, port.elements()).collect()).collect();
        let outputs = program.outputs().iter().map(|port| vec![0.0; port.elements()]).collect();
        Runner { session, inputs, outputs }
    }

    /// How long whole runs take.
    pub(super) fn run(&mut self, amount: Amount) -> Result<Statistics, RunError> {
        let mut times = Vec::new();
        for amount in [amount.warm_up(), amount] {
            times.clear();
            self.repeat(amount, |session, inputs, outputs| {
                let start = Instant::now();
                session.run(inputs, outputs)?;
                times.push(start.elapsed());
                Ok(())
            })?;
        }
        Ok(Statistics::of(&mut times))
    }

    /// The median time of each step, where all threads finish a step before the next begins.
    pub(super) fn run_steps(&mut self, amount: Amount) -> Result<Vec<Duration>, RunError> {
        let mut times: Vec<Vec<Duration>> = vec![Vec::new(); self.session.program().steps().len()];
        let mut once = vec![Duration::ZERO; times.len()];
        for amount in [amount.warm_up(), amount] {
            times.iter_mut().for_each(Vec::clear);
            self.repeat(amount, |session, inputs, outputs| {
                once.fill(Duration::ZERO);
                session.run_timed(inputs, outputs, &mut once)?;
                times.iter_mut().zip(&once).for_each(|(times, time)| times.push(*time));
                Ok(())
            })?;
        }
        Ok(times.iter_mut().map(|times| Statistics::of(times).median).collect())
    }

    fn repeat(
        &mut self,
        amount: Amount,
        mut once: impl FnMut(&mut Session, &[&[f32]], &mut [&mut [f32]]) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let inputs: Vec<&[f32]> = self.inputs.iter().map(Vec::as_slice).collect();
        let mut outputs: Vec<&mut [f32]> = self.outputs.iter_mut().map(Vec::as_mut_slice).collect();
        let begin = Instant::now();
        let mut runs = 0;
        while !amount.is_reached(runs, begin) {
            once(&mut self.session, &inputs, &mut outputs)?;
            runs += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let mut times: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        let statistics = Statistics::of(&mut times);
        assert_eq!((statistics.runs, statistics.min), (100, Duration::from_millis(1)));
        assert_eq!((statistics.median, statistics.p95), (Duration::from_millis(50), Duration::from_millis(95)));
        let single = Statistics::of(&mut [Duration::from_millis(7)]);
        assert_eq!((single.min, single.median, single.p95), (single.median, single.median, Duration::from_millis(7)));
        assert_eq!(Statistics::of(&mut []).median, Duration::ZERO);
    }

    #[test]
    fn an_amount_is_at_least_one_run() {
        let begin = Instant::now();
        assert!(!Amount::Time(Duration::ZERO).is_reached(0, begin));
        assert!(Amount::Time(Duration::ZERO).is_reached(1, begin));
        assert!(!Amount::Runs(3).is_reached(2, begin));
        assert!(Amount::Runs(3).is_reached(3, begin));
    }
}
