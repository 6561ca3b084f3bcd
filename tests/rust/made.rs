//! Weights and inputs made from names, and fingerprints of outputs. The crate that the tests compile contains this file too.

use parameternet_runtime::prepare::TensorSource;
use parameternet_runtime::{ReadError, synth};

/// Weights of a network by number.
pub struct Made {
    tensors: Vec<(String, Vec<usize>)>,
}

impl Made {
    /// Those with these names and shapes.
    pub fn new(tensors: impl Iterator<Item = (String, Vec<usize>)>) -> Made {
        Made { tensors: tensors.collect() }
    }
}

impl TensorSource for Made {
    fn append(&self, index: usize, elements: &mut Vec<f32>) -> Result<bool, ReadError> {
        let Some((name, shape)) = self.tensors.get(index) else { return Ok(false) };
        let fan_in: usize = shape.iter().skip(1).product();
        let scale = (2.0 / fan_in as f32).sqrt();
        let value = |u: f32| if name.ends_with("running_var") { 1.0 + 0.5 * u } else { scale * u };
        elements.extend(synth::tensor(name, shape.iter().product()).map(value));
        Ok(true)
    }
}

/// An input.
pub fn input(name: &str, elements: usize) -> Vec<f32> {
    synth::tensor(name, elements).collect()
}

/// A number that is another for any other bits (FNV-1a, 64 bits).
pub fn fingerprint(values: &[f32]) -> u64 {
    let bytes = values.iter().flat_map(|value| value.to_bits().to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
