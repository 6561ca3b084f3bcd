//! Random numbers that depend on the seed alone: SplitMix64 (Steele et al., "Fast Splittable Pseudorandom Number
//! Generators", OOPSLA 2014).

/// A stream of numbers.
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The stream of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Random { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `count`; 0 if that is 0.
    pub fn below(&mut self, count: usize) -> usize {
        let remainder = self.next() % (count.max(1) as u64);
        usize::try_from(remainder).unwrap_or(0)
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// True once in `count` times.
    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// One of several things.
    ///
    /// # Panics
    /// If there are none.
    pub fn pick<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.below(things.len())]
    }

    /// A number that divides `number`.
    pub fn divisor(&mut self, number: usize) -> usize {
        let divisors: Vec<usize> = (1..=number.max(1)).filter(|divisor| number.is_multiple_of(*divisor)).collect();
        self.pick(&divisors)
    }

    /// A short decimal number between -1 and 1.
    pub fn decimal(&mut self) -> String {
        let sign = if self.one_in(3) { "-" } else { "" };
        format!("{sign}0.{}", self.pick(&["1", "25", "3", "5", "75", "875"]))
    }
}
