//! What the numbers of prepared weights are stored as: `f32`, or fewer bytes, of which kernels make `f32` again.
//!
//! In: numbers as weights have them. Out: their bits, rounded to nearest. Whatever is computed is computed in `f32`; fewer
//! bytes are read from memory, which is what mixing experts waits for.

use core::fmt;
use core::str::FromStr;

use alloc::borrow::ToOwned;
use alloc::string::String;

use serde::{Deserialize, Serialize};

/// A type of stored numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Dtype {
    /// Four bytes: as they are computed with.
    #[default]
    F32,
    /// Two bytes, the upper half of an `f32`: a relative error of at most 1/256.
    Bf16,
    /// One byte, -127 to 127, times a scale per expert and output: an error of at most 1/254 of the largest weight of the
    /// output.
    Int8,
}

/// There is no such type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no type of numbers '{name}'; there are f32, bf16 and int8")]
pub struct DtypeError {
    /// What was asked for.
    pub name: String,
}

impl Dtype {
    /// All of them, from the most bytes to the fewest.
    pub const ALL: [Dtype; 3] = [Dtype::F32, Dtype::Bf16, Dtype::Int8];

    /// The name on command lines and in dumps.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Dtype::F32 => "f32",
            Dtype::Bf16 => "bf16",
            Dtype::Int8 => "int8",
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Dtype {
    type Err = DtypeError;

    fn from_str(name: &str) -> Result<Dtype, DtypeError> {
        Dtype::ALL.into_iter().find(|dtype| dtype.name() == name).ok_or_else(|| DtypeError { name: name.to_owned() })
    }
}

/// The nearest `bfloat16`, the even one of two. What is too large becomes infinite, as in every rounding; NaN stays NaN.
pub(crate) fn bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    if value.is_nan() {
        // The fraction may lie in the lower half alone: the quiet bit keeps it from becoming an infinity.
        return upper_half(bits) | 0x40;
    }
    upper_half(bits + 0x7fff + (bits >> 16 & 1))
}

fn upper_half(bits: u32) -> u16 {
    (bits >> 16) as u16
}

/// The scale of numbers of which `largest` is the largest magnitude. If that is no finite number, neither is the scale: what
/// cannot be stored is NaN wherever it is used, not a wrong number.
pub(crate) fn int8_scale(largest: f32) -> f32 {
    if largest.is_finite() { largest / 127.0 } else { f32::NAN }
}

/// The whole number that is nearest to `value / scale`, the even one of two.
#[expect(clippy::cast_possible_truncation, reason = "a whole number of at most 127, or NaN, which becomes 0")]
pub(crate) fn int8(value: f32, scale: f32) -> i8 {
    // Adding it leaves no bits for a fraction.
    const WHOLE: f32 = 1.5 * (1 << 23) as f32;
    let quotient = (value / scale).clamp(-127.0, 127.0);
    ((quotient + WHOLE) - WHOLE) as i8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed() {
        for dtype in Dtype::ALL {
            assert_eq!(dtype.to_string().parse(), Ok(dtype));
        }
        let error = "f16".parse::<Dtype>().unwrap_err();
        assert_eq!(error.to_string(), "there is no type of numbers 'f16'; there are f32, bf16 and int8");
    }

    #[test]
    fn bf16_is_the_nearest() {
        let number = |bits: u16| f32::from_bits(u32::from(bits) << 16);
        for (value, expected) in [
            (0.0, 0.0),
            (-0.0, -0.0),
            (1.0, 1.0),
            // Between 1 and 1 + 1/128, from half way on.
            (1.0 + 1.0 / 256.0, 1.0),
            (1.0 + 1.1 / 256.0, 1.0 + 1.0 / 128.0),
            (1.0 + 3.0 / 256.0, 1.0 + 2.0 / 128.0),
            (-1.0 - 3.0 / 256.0, -1.0 - 2.0 / 128.0),
            (f32::MAX, f32::INFINITY),
            (f32::NEG_INFINITY, f32::NEG_INFINITY),
        ] {
            assert_eq!(number(bf16(value)).to_bits(), f32::to_bits(expected), "{value}");
        }
        for nan in [f32::NAN, f32::from_bits(0x7f80_0001), f32::from_bits(0xffff_ffff)] {
            assert!(number(bf16(nan)).is_nan());
        }
        for value in crate::synth::tensor("bf16", 1000) {
            assert!((number(bf16(value)) - value).abs() <= value.abs() / 256.0, "{value}");
        }
    }

    #[test]
    fn int8_is_the_nearest() {
        assert_eq!(int8_scale(127.0), 1.0);
        let values = [0.0, 0.5, 0.51, 1.5, 2.5, -0.5, -1.5, 126.5, 127.0, -127.0, 200.0, f32::NAN];
        assert_eq!(values.map(|value| int8(value, 1.0)), [0, 0, 1, 2, 2, 0, -2, 126, 127, -127, 127, 0]);
        assert_eq!(int8(0.0, int8_scale(0.0)), 0);
        assert!(int8_scale(f32::INFINITY).is_nan() && int8_scale(f32::NAN).is_nan());
        for value in crate::synth::tensor("int8", 1000) {
            let scale = int8_scale(1.0);
            assert!((f32::from(int8(value, scale)) * scale - value).abs() <= 0.5001 * scale, "{value}");
        }
    }
}
