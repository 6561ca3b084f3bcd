//! Experts that are mixed while a product is computed: to mix waits for memory and to multiply does not, so that whoever multiplies mixes a
//! little of what will be multiplied next, again and again. (Numbers of fewer bytes are not mixed like that: what it takes to make `f32`s of them
//! costs as much beside products as between them.)

use super::mix::{Experts, mix};
use crate::simd::Simd;

/// Vectors that are mixed side by side.
const BLOCK: usize = 2;

/// How many elements ahead experts are asked for: so far that they come from memory in time, and once more just before they are read, since
/// processors drop some of what is asked for.
const AHEAD: [usize; 2] = [4096, 768];

/// `f32`s in a cache line.
const LINE: usize = 16;

/// What a block is in the units of paces.
const ONE: usize = 256;

/// A piece of experts that is mixed bit by bit.
pub(super) struct Mixing {
    experts: Experts,
    out: *mut f32,
    /// How many elements are left.
    left: usize,
    /// How many blocks are mixed a step, in parts of [`ONE`].
    pace: usize,
    /// How many are due, in the same parts.
    due: usize,
}

impl Mixing {
    /// Nothing.
    pub(super) const NOTHING: Mixing = Mixing {
        experts: Experts { first: core::ptr::null(), count: 0, stride: 0, coefficients: core::ptr::null() },
        out: core::ptr::null_mut(),
        left: 0,
        pace: 0,
        due: 0,
    };

    /// So many elements.
    #[inline(always)]
    pub(super) fn new(experts: Experts, out: *mut f32, length: usize) -> Mixing {
        Mixing { experts, out, left: length, ..Mixing::NOTHING }
    }

    /// Whether steps mix nothing.
    #[inline(always)]
    pub(super) fn is_nothing(&self) -> bool {
        self.pace == 0
    }

    /// Spreads the work evenly over so many steps.
    #[inline(always)]
    pub(super) fn spread<S: Simd>(&mut self, steps: usize) {
        self.pace = (self.left / (BLOCK * S::LANES) * ONE).div_ceil(steps.max(1));
    }

    /// Mixes the blocks that are due.
    ///
    /// # Safety
    ///
    /// The experts have as many elements, and `out` is valid for writes of as many, and of nothing that is read meanwhile.
    #[inline(always)]
    pub(super) unsafe fn step<S: Simd>(&mut self, s: S) {
        self.due += self.pace;
        while self.due >= ONE {
            self.due -= ONE;
            if self.left < BLOCK * S::LANES {
                break;
            }
            // SAFETY: a block is left; the rest is as the caller vouches.
            unsafe { self.block(s) };
        }
    }

    /// Mixes what is left.
    ///
    /// # Safety
    ///
    /// As for [`Mixing::step`].
    #[inline(always)]
    pub(super) unsafe fn finish<S: Simd>(self, s: S) {
        if self.left == 0 {
            return;
        }
        let Experts { first, count, stride, coefficients } = self.experts;
        // SAFETY: as the caller vouches.
        unsafe { mix(s, first, coefficients, self.out, self.left, count, stride) };
    }

    /// # Safety
    ///
    /// As for [`Mixing::step`]; a block is left.
    #[inline(always)]
    unsafe fn block<S: Simd>(&mut self, s: S) {
        let elements = const { BLOCK * S::LANES };
        let mut sums = [s.zero(); BLOCK];
        let mut values = self.experts.first;
        // SAFETY: a block is left of each expert. What is asked for may lie anywhere.
        unsafe {
            for index in 0..self.experts.count {
                let factor = s.splat(self.experts.coefficients.add(index).read());
                for (vector, sum) in sums.iter_mut().enumerate() {
                    *sum = s.mul_add(factor, s.load(values.add(vector * S::LANES)), *sum);
                }
                for ahead in AHEAD {
                    for line in 0..const { (BLOCK * S::LANES).div_ceil(LINE) } {
                        s.prefetch(values.wrapping_add(ahead + line * LINE));
                    }
                }
                values = values.wrapping_add(self.experts.stride);
            }
            for (vector, sum) in sums.into_iter().enumerate() {
                s.store(self.out.add(vector * S::LANES), sum);
            }
            self.experts.first = self.experts.first.add(elements);
            self.out = self.out.add(elements);
        }
        self.left -= elements;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::portable::Portable;

    #[test]
    fn steps_mix_evenly_and_everything() {
        let s = Portable::<4, 4>;
        let block = BLOCK * 4;
        for (blocks, steps) in [(0, 3), (1, 1), (1, 7), (5, 3), (40, 40), (304, 684), (304, 190)] {
            let experts: Vec<f32> = (0..2 * blocks * block).map(|index| index as f32).collect();
            let coefficients = [0.5, 2.0];
            let mut out = vec![0.0; blocks * block];
            let experts =
                Experts { first: experts.as_ptr(), count: 2, stride: out.len(), coefficients: coefficients.as_ptr() };
            let mut mixing = Mixing::new(experts, out.as_mut_ptr(), out.len());
            mixing.spread::<Portable<4, 4>>(steps);
            for step in 1..=steps {
                // SAFETY: two experts of as many elements as there are outputs.
                unsafe { mixing.step(s) };
                let (done, due) = (blocks - mixing.left / block, step as f64 * blocks as f64 / steps as f64);
                // (Paces are rounded up, to parts of a block.)
                let most = due + step as f64 / ONE as f64;
                assert!(
                    done as f64 <= most && done as f64 > due - 1.0,
                    "{blocks} blocks, {steps} steps: {done} of {due} after {step}"
                );
            }
            assert_eq!(mixing.left, 0, "{blocks} blocks in {steps} steps");
            for (index, value) in out.iter().enumerate() {
                assert_eq!(*value, 0.5 * index as f32 + 2.0 * (index + out.len()) as f32);
            }
        }
    }
}
