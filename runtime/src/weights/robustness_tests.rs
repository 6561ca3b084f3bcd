//! No bytes make the weight file panic: random ones, every beginning of a valid file, and valid files with damage.

use super::test_files::{f32_bytes, file_with};
use super::{TensorSpec, WeightFile};
use proptest::prelude::*;
use safetensors::Dtype;

/// A small file with every readable type and one that is not.
fn valid_file() -> Vec<u8> {
    file_with(&[
        ("conv.weight", Dtype::F32, &[2, 1, 1, 1], &f32_bytes(&[1.0, 2.0])),
        ("bn.weight", Dtype::F16, &[2], &[0, 60, 0, 60]),
        ("bn.bias", Dtype::BF16, &[2], &[128, 63, 128, 63]),
        ("bn.num_batches_tracked", Dtype::I64, &[], &[1, 0, 0, 0, 0, 0, 0, 0]),
        ("scale", Dtype::F64, &[1], &1.0_f64.to_le_bytes()),
    ])
}

fn specs() -> Vec<TensorSpec> {
    let spec =
        |name: &str, shape: &[usize]| TensorSpec { name: name.to_owned(), shape: shape.to_vec(), flat_tail: true };
    vec![spec("conv.weight", &[2, 1, 1, 1]), spec("bn.weight", &[2]), spec("bn.bias", &[2]), spec("scale", &[1])]
}

/// Uses everything that can be done with a file; only a panic is a failure.
fn exercise(bytes: Vec<u8>) {
    let file = match WeightFile::from_bytes(bytes) {
        Ok(file) => file,
        Err(error) => {
            let message = error.to_string();
            assert!(!message.is_empty() && message.len() < 2000, "{message}");
            return;
        }
    };
    for name in file.names() {
        assert!(file.stored(name).is_some());
        if let Some(view) = file.tensor(name) {
            assert_eq!(view.to_f32().unwrap().len(), view.len());
            assert_eq!(view.to_f64().unwrap().len(), view.len());
        }
    }
    match file.bind(&specs()) {
        Ok(weights) => assert_eq!(weights.views().len(), specs().len()),
        Err(error) => assert!(error.to_string().len() < 20_000),
    }
}

#[test]
fn the_valid_file_fits() {
    let file = WeightFile::from_bytes(valid_file()).unwrap();
    assert!(file.bind(&specs()).is_ok());
}

#[test]
fn every_cut_of_a_file_is_an_error() {
    let whole = valid_file();
    for length in 0..whole.len() {
        let cut = whole[..length].to_vec();
        let error = WeightFile::from_bytes(cut).unwrap_err().to_string();
        // Less than the length that a file begins with may look like anything.
        let expected = if length < 8 { "" } else { "the file is cut off" };
        assert!(error.contains(expected), "{length} bytes: {error}");
    }
}

#[test]
fn every_single_changed_byte_is_survived() {
    let whole = valid_file();
    for position in 0..whole.len() {
        for value in [0, b'0', b'9', b'"', b'}', 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[position] = value;
            exercise(damaged);
        }
    }
}

/// One way to damage a file.
#[derive(Debug, Clone)]
enum Damage {
    Replace(usize, u8),
    Insert(usize, u8),
    Remove(usize),
    CutOff(usize),
    Append(Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => (any::<usize>(), any::<u8>()).prop_map(|(position, byte)| Damage::Replace(position, byte)),
        4 => (any::<usize>(), b' '..b'~').prop_map(|(position, byte)| Damage::Replace(position, byte)),
        2 => (any::<usize>(), any::<u8>()).prop_map(|(position, byte)| Damage::Insert(position, byte)),
        2 => any::<usize>().prop_map(Damage::Remove),
        1 => any::<usize>().prop_map(Damage::CutOff),
        1 => proptest::collection::vec(any::<u8>(), 1..20).prop_map(Damage::Append),
    ]
}

fn apply(bytes: &mut Vec<u8>, damage: Damage) {
    let length = bytes.len().max(1);
    match damage {
        Damage::Replace(position, byte) => {
            if let Some(target) = bytes.get_mut(position % length) {
                *target = byte;
            }
        }
        Damage::Insert(position, byte) => bytes.insert(position % (bytes.len() + 1), byte),
        Damage::Remove(position) => {
            if !bytes.is_empty() {
                bytes.remove(position % length);
            }
        }
        Damage::CutOff(position) => bytes.truncate(position % length),
        Damage::Append(more) => bytes.extend(more),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        exercise(bytes);
    }

    /// Bytes that get as far as the JSON parser.
    #[test]
    fn random_headers_are_survived(json in r#"\{("[a-z_]{0,3}":|"dtype":"F32"|"shape":\[|"data_offsets":\[|[0-9]{1,20}|[\[\]{}:,]){0,30}\}"#) {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.as_bytes());
        exercise(bytes);
    }

    /// Well-formed headers with any numbers in them.
    #[test]
    fn random_shapes_and_offsets_are_survived(
        tensors in proptest::collection::vec((proptest::collection::vec(number(), 0..4), number(), number()), 1..5),
        data in 0_usize..64,
    ) {
        let entries: Vec<String> = tensors
            .iter()
            .enumerate()
            .map(|(index, (shape, start, end))| {
                format!(r#""t{index}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{start},{end}]}}"#)
            })
            .collect();
        let json = format!("{{{}}}", entries.join(","));
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        exercise(bytes);
    }

    #[test]
    fn damaged_files_are_survived(damages in proptest::collection::vec(damage(), 1..6)) {
        let mut bytes = valid_file();
        for damage in damages {
            apply(&mut bytes, damage);
        }
        exercise(bytes);
    }
}

/// Small numbers, and those near the ends of what a header can say.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => (0_u64..5).prop_map(|number| number * 4),
        1 => any::<u64>(),
        1 => (0_u64..16).prop_map(|distance| u64::MAX - distance),
    ]
}
