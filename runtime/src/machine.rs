//! What this machine can do at best, measured: the yardstick of benchmarks.
//!
//! In: an instruction set, or nothing, and a number of threads. Out: floating-point operations per second of a loop that
//! touches registers only, and bytes per second of a loop that reads memory beyond every cache. Both are upper limits of
//! what a network can reach with those instructions on so many threads; both take a fraction of a second, and share the
//! machine with whatever else runs on it, so the best of several tries counts.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::arena::AlignedBuffer;
use crate::isa::{Isa, IsaError};
use crate::program::SessionError;
use crate::simd::portable::Portable;
use crate::simd::{MAX_LANES, Simd};
#[cfg(target_arch = "x86_64")]
use crate::simd::{avx2::Avx2, avx512::Avx512};
use crate::threads::{Team, share};

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// This machine lacks the instruction set.
    #[error(transparent)]
    Isa(#[from] IsaError),
    /// There are no threads or no memory.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// How often each measurement is repeated.
const TRIES: usize = 10;

/// Sums that are computed side by side: enough to hide the latency of a fused multiply-add on two units, and few enough for
/// sixteen registers.
const CHAINS: usize = 12;

/// Floating-point operations per second, two for each multiply-add, of `threads` threads that multiply and add in registers.
///
/// # Errors
/// When the machine lacks the instruction set or starts no threads.
pub fn peak_flops(isa: Isa, threads: NonZeroUsize) -> Result<f64, MeasureError> {
    if !isa.is_available() {
        return Err(IsaError::Unavailable { isa }.into());
    }
    let mut team = team(threads)?;
    let mut rounds = 1 << 12;
    loop {
        let time = best_time(&mut team, &|_| multiply_add(isa, rounds));
        // Long against starting the team, short against being interrupted.
        if time > Duration::from_millis(10) || rounds > 1 << 40 {
            return Ok(count(2 * CHAINS * isa.tile().lanes) * count(rounds) * count(threads.get()) / time.as_secs_f64());
        }
        rounds *= 4;
    }
}

/// Bytes per second that `threads` threads read from memory, each from a part of its own.
///
/// # Errors
/// When there is no memory for a buffer several times as large as the last cache, or the machine starts no threads.
pub fn read_bandwidth(threads: NonZeroUsize) -> Result<f64, MeasureError> {
    let bytes = (4 * last_level_cache()).clamp(64 << 20, 1 << 30);
    let mut buffer = AlignedBuffer::new(bytes / size_of::<f32>()).map_err(SessionError::from)?;
    // Pages that nobody wrote may all be the same one, in a cache.
    buffer.as_mut_slice().fill(1.0);
    let values = buffer.as_slice();
    let mut team = team(threads)?;
    let time = best_time(&mut team, &|member| {
        let part: Range<usize> = share(values.len(), member, threads.get());
        sum(values.get(part).unwrap_or_default())
    });
    Ok(count(bytes) / time.as_secs_f64())
}

/// The bytes of the largest cache, as far as the system says.
fn last_level_cache() -> usize {
    const SUPPOSED: usize = 32 << 20;
    let size = |index: usize| {
        let text = std::fs::read_to_string(format!("/sys/devices/system/cpu/cpu0/cache/index{index}/size")).ok()?;
        let text = text.trim();
        let (number, unit) = match (text.strip_suffix('K'), text.strip_suffix('M')) {
            (Some(number), _) => (number, 1 << 10),
            (_, Some(number)) => (number, 1 << 20),
            _ => (text, 1),
        };
        number.parse::<usize>().ok()?.checked_mul(unit)
    };
    (0..8).filter_map(size).max().unwrap_or(SUPPOSED)
}

fn team(threads: NonZeroUsize) -> Result<Team, SessionError> {
    Ok(Team::new(threads)?)
}

/// How long a team takes for a job, at best.
fn best_time(team: &mut Team, job: &(dyn Fn(usize) -> f32 + Sync)) -> Duration {
    let once = |team: &mut Team| {
        let start = Instant::now();
        team.run(&|member| {
            black_box(job(member.index()));
        });
        start.elapsed()
    };
    (0..TRIES).map(|_| once(team)).min().unwrap_or_default().max(Duration::from_nanos(1))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn count(number: usize) -> f64 {
    number as f64
}

/// Multiplies and adds `rounds` times in every lane of every chain; the machine has the instruction set.
fn multiply_add(isa: Isa, rounds: usize) -> f32 {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2(rounds: usize) -> f32 {
        // SAFETY: the caller vouches for the instruction set.
        chains(unsafe { Avx2::assume() }, rounds)
    }
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
    unsafe fn avx512(rounds: usize) -> f32 {
        // SAFETY: the caller vouches for the instruction set.
        chains(unsafe { Avx512::assume() }, rounds)
    }
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the guard says that the machine has the instruction set.
        Isa::Avx2 if isa.is_available() => unsafe { avx2(rounds) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Isa::Avx512 if isa.is_available() => unsafe { avx512(rounds) },
        // SAFETY: nothing is to be vouched for.
        Isa::Portable | Isa::Avx2 | Isa::Avx512 => chains(unsafe { Portable::<4, 4>::assume() }, rounds),
    }
}

/// Sums that depend on nothing but themselves, in registers.
#[inline(always)]
fn chains<S: Simd>(s: S, rounds: usize) -> f32 {
    // The numbers are hidden, so that nothing is computed when this is compiled, and differ, so that no chain is another.
    let (factor, summand) = (s.splat(black_box(0.5)), s.splat(black_box(1.0)));
    let mut sums = [s.zero(); CHAINS];
    let mut start = 0.0;
    for sum in &mut sums {
        *sum = s.splat(black_box(start));
        start += 1.0;
    }
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = s.mul_add(*sum, factor, summand);
        }
    }
    // Stored one after the other and looked at, so that portable code is made for vectors too.
    let mut numbers = [0.0_f32; CHAINS * MAX_LANES];
    for (sum, place) in sums.into_iter().zip(numbers.chunks_exact_mut(S::LANES)) {
        // SAFETY: the chunk has as many elements as a vector.
        unsafe { s.store(place.as_mut_ptr(), sum) };
    }
    black_box(&numbers).iter().sum()
}

/// The sum of values, read from several places in turn: more is on its way from memory than when reading from front to back.
/// The few that are left over in each place are not worth a slower loop.
fn sum(values: &[f32]) -> f32 {
    const PLACES: usize = 8;
    const PIECE: usize = 128;
    const WIDTH: usize = 32;
    let part = values.len().div_ceil(PLACES).max(1);
    let mut places: Vec<_> = values.chunks(part).map(|part| part.chunks_exact(PIECE)).collect();
    let mut sums = [0.0; WIDTH];
    let mut is_done = false;
    while !is_done {
        is_done = true;
        for piece in places.iter_mut().filter_map(Iterator::next) {
            is_done = false;
            for values in piece.chunks_exact(WIDTH) {
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += value;
                }
            }
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_converges_to_the_same() {
        // 0.5 x + 1 comes to rest at 2.
        for isa in Isa::available() {
            assert_eq!(multiply_add(isa, 1000), count(2 * CHAINS * isa.tile().lanes) as f32, "{isa}");
        }
    }

    #[test]
    fn measurements_are_numbers() {
        let threads = NonZeroUsize::new(2).unwrap();
        for isa in Isa::available() {
            let flops = peak_flops(isa, threads).unwrap();
            assert!(flops.is_finite() && flops > 0.0, "{isa}: {flops}");
        }
        let bandwidth = read_bandwidth(threads).unwrap();
        assert!(bandwidth.is_finite() && bandwidth > 0.0, "{bandwidth}");
    }

    #[test]
    fn a_sum_counts_every_piece() {
        for length in [0, 1024, 5 * 1024] {
            assert_eq!(sum(&vec![1.0; length]), count(length) as f32);
        }
        assert_eq!(sum(&[1.0; 7]), 0.0);
    }
}
