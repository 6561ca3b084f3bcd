//! Values for a tensor from its name alone: the same on every machine, in every language, without a file.
//!
//! Element `i` of tensor `name` is a hash of both (FNV-1a of the name starts a SplitMix64 sequence, whose `i`-th output
//! is scaled to [-1, 1)), so tensors can be made in any order. The values are raw: what a tensor's role makes of them
//! (the scale of a convolution, the offset of a variance) is for the caller to say.

/// The elements of tensor `name` in row-major order, `length` of them, each in [-1, 1).
pub fn tensor(name: &str, length: usize) -> impl ExactSizeIterator<Item = f32> + use<> {
    let seed = name_hash(name);
    (0..length).map(move |index| element(seed, index as u64))
}

/// The 64-bit FNV-1a hash of the UTF-8 bytes of `name`.
#[must_use]
pub fn name_hash(name: &str) -> u64 {
    const OFFSET_BASIS: u64 = 0xCBF2_9CE4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01B3;
    name.bytes().fold(OFFSET_BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

/// Element `index` of the tensor whose name hashes to `seed`.
fn element(seed: u64, index: u64) -> f32 {
    const GOLDEN_GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;
    let step = index.wrapping_add(1).wrapping_mul(GOLDEN_GAMMA);
    let mut bits = seed.wrapping_add(step);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^= bits >> 31;
    // 24 bits fit the significand of an f32, and the scale is a power of two: both steps are exact.
    (bits >> 40) as f32 / (1 << 23) as f32 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_published_check() {
        assert_eq!(name_hash("conv_stem.weight"), 0x4f27_14ee_7941_f359);
        let values: Vec<f32> = tensor("conv_stem.weight", 4).collect();
        let published = [
            -0.060_981_273_651_123_05_f64,
            -0.137_596_487_998_962_4,
            -0.490_614_175_796_508_8,
            -0.907_003_402_709_960_9,
        ];
        assert_eq!(values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>(), published);
    }

    #[test]
    fn fills_the_range_evenly() {
        let values: Vec<f32> = tensor("any.name", 10_000).collect();
        assert!(values.iter().all(|value| (-1.0..1.0).contains(value)));
        let mean = values.iter().sum::<f32>() / 10_000.0;
        assert!(mean.abs() < 0.02, "mean {mean}");
    }

    #[test]
    fn depends_on_the_name_and_not_on_the_length() {
        assert_eq!(tensor("a", 0).len(), 0);
        let long: Vec<f32> = tensor("a", 100).collect();
        let short: Vec<f32> = tensor("a", 10).collect();
        assert_eq!(long[..10], short);
        assert_ne!(tensor("b", 10).collect::<Vec<_>>(), short);
    }
}
