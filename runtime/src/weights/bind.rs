//! Matches the tensors that a network expects with those of a file: in go specs, out come views in the same order.
//!
//! Invariant of [`BoundWeights`]: one view per spec, in order, each of the spec's name and of a shape the spec accepts.

use super::file::WeightFile;
use super::mismatch::{CommonPrefix, MismatchError, MissingTensor, UnexpectedTensor, UnsupportedType, WrongShape};
use super::view::{ElementType, TensorView};
use crate::shape::element_count;
use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The end of the names of the counters that PyTorch's batch norms keep while training; inference has no use for them.
const TRAINING_COUNTER: &str = ".num_batches_tracked";

/// How many missing names get a suggestion; a message shows no more than these.
const SUGGESTIONS: usize = super::mismatch::SHOWN_PER_KIND;
/// How many names of the file are considered for each suggestion.
const CONSIDERED_NAMES: usize = 1000;
/// Longest name, in bytes, that is compared: the comparison takes the product of both lengths in steps.
const COMPARED_BYTES: usize = 96;
/// How alike a suggested name must be: 1 is the same name, 0 shares no character.
const LEAST_SIMILARITY: f64 = 0.6;

/// How many dotted prefixes of the file's names are tried.
const TRIED_PREFIXES: usize = 8;

/// A tensor that a network expects in its weight file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TensorSpec {
    /// The name, such as `blocks.0.0.primary_conv.0.weight`.
    pub name: String,
    /// The dimensions, outermost first.
    pub shape: Vec<usize>,
    /// Whether the file may also have all dimensions after the first merged into one, which leaves the order of the
    /// elements as it is: `[M, C_out*C_in*K*K]` for `[M, C_out, C_in, K, K]`, the layout of the reference CondConv
    /// code and of timm.
    pub flat_tail: bool,
}

impl TensorSpec {
    /// Whether a tensor of this shape is what the network expects.
    fn accepts(&self, shape: &[usize]) -> bool {
        shape == self.shape || self.flat_shape().is_some_and(|flat| shape == flat)
    }

    /// The other shape that the file may have, if there is one.
    fn flat_shape(&self) -> Option<[usize; 2]> {
        match self.shape.as_slice() {
            [first, tail @ ..] if self.flat_tail && tail.len() > 1 => Some([*first, element_count(tail)?]),
            _ => None,
        }
    }
}

/// The tensors of a network, found in a file that they are borrowed from.
#[derive(Debug, Clone)]
pub struct BoundWeights<'file> {
    views: Vec<TensorView<'file>>,
    index_of_name: BTreeMap<&'file str, usize>,
}

impl<'file> BoundWeights<'file> {
    /// One view per spec, in the order of the specs. Its shape is the file's, which for a spec with `flat_tail` may be
    /// the merged one.
    #[must_use]
    pub fn views(&self) -> &[TensorView<'file>] {
        &self.views
    }

    /// The view of the spec at `index`; `None` beyond the last.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<TensorView<'file>> {
        self.views.get(index).copied()
    }

    /// The view of the spec called `name`; `None` if no spec has that name.
    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<TensorView<'file>> {
        self.get(*self.index_of_name.get(name)?)
    }
}

/// See [`WeightFile::bind`].
pub(super) fn bind<'file>(
    file: &'file WeightFile,
    specs: &[TensorSpec],
) -> Result<BoundWeights<'file>, Box<MismatchError>> {
    let mismatch = compare(file, specs);
    if !mismatch.is_empty() {
        return Err(Box::new(mismatch));
    }
    let views: Vec<_> = specs.iter().filter_map(|spec| file.tensor(&spec.name)).collect();
    let index_of_name = views.iter().enumerate().map(|(index, view)| (view.name(), index)).collect();
    Ok(BoundWeights { views, index_of_name })
}

/// Everything that keeps the file from fitting the specs; empty if it fits.
fn compare(file: &WeightFile, specs: &[TensorSpec]) -> MismatchError {
    let mut mismatch = MismatchError { path: file.path().map(Into::into), ..MismatchError::default() };
    let mut compared = BTreeSet::new();
    for spec in specs {
        if !compared.insert(spec) {
            continue;
        }
        let Some(stored) = file.stored(&spec.name) else {
            mismatch.missing.push(MissingTensor {
                name: spec.name.clone(),
                shape: spec.shape.clone(),
                suggestion: None,
            });
            continue;
        };
        if !spec.accepts(stored.shape) {
            mismatch.wrong_shapes.push(WrongShape {
                name: spec.name.clone(),
                expected: spec.shape.clone(),
                or_flat: spec.flat_shape(),
                found: stored.shape.to_vec(),
            });
        }
        if file.tensor(&spec.name).is_none() {
            mismatch.unsupported_types.push(UnsupportedType { name: spec.name.clone(), found: stored.type_name });
        }
    }
    mismatch.unexpected = unexpected(file, specs);
    mismatch.common_prefix = common_prefix(file, &mismatch.missing);
    if mismatch.common_prefix.is_none() {
        suggest_names(&mut mismatch);
    }
    mismatch
}

/// The tensors of the file that no spec names, sorted by name.
fn unexpected(file: &WeightFile, specs: &[TensorSpec]) -> Vec<UnexpectedTensor> {
    let expected: BTreeSet<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    file.names()
        .filter(|name| !expected.contains(name) && !name.ends_with(TRAINING_COUNTER))
        .filter_map(|name| file.stored(name))
        .map(|stored| UnexpectedTensor { name: stored.name.to_owned(), shape: stored.shape.to_vec() })
        .collect()
}

/// The dotted prefix that all names of the file share and without which most missing tensors are found.
fn common_prefix(file: &WeightFile, missing: &[MissingTensor]) -> Option<CommonPrefix> {
    let mut best: Option<CommonPrefix> = None;
    for prefix in shared_prefixes(file) {
        let found = missing.iter().filter(|tensor| file.stored(&format!("{prefix}{}", tensor.name)).is_some()).count();
        if found > best.as_ref().map_or(0, |best| best.found_without) {
            best = Some(CommonPrefix { prefix: prefix.to_owned(), found_without: found });
        }
    }
    best
}

/// The prefixes ending in a dot that all names of the file share, shortest first: `model.`, `model.module.`.
fn shared_prefixes(file: &WeightFile) -> impl Iterator<Item = &str> {
    // The names are sorted, so what the first and the last share is shared by all between them.
    let first = file.names().next().unwrap_or_default();
    let last = file.names().last().unwrap_or_default();
    let shared = first.bytes().zip(last.bytes()).take_while(|(left, right)| left == right).count();
    first
        .match_indices('.')
        .map(|(dot, _)| dot + 1)
        .take_while(move |&end| end <= shared)
        .take(TRIED_PREFIXES)
        .filter_map(move |end| first.get(..end))
}

/// Gives the first missing tensors the unexpected name that is most like theirs.
fn suggest_names(mismatch: &mut MismatchError) {
    let candidates: Vec<&str> = mismatch
        .unexpected
        .iter()
        .map(|tensor| tensor.name.as_str())
        .filter(|name| name.len() <= COMPARED_BYTES)
        .take(CONSIDERED_NAMES)
        .collect();
    for tensor in mismatch.missing.iter_mut().take(SUGGESTIONS) {
        tensor.suggestion = most_similar(&tensor.name, &candidates);
    }
}

/// How alike two names are, from 0 to 1. Nothing is without the feature `std`, which the library that knows needs.
fn similarity(name: &str, candidate: &str) -> f64 {
    #[cfg(feature = "std")]
    return strsim::normalized_levenshtein(name, candidate);
    #[cfg(not(feature = "std"))]
    return if name == candidate { 1.0 } else { 0.0 };
}

/// The candidate most like `name`, the first of several; `None` if none is like it.
fn most_similar(name: &str, candidates: &[&str]) -> Option<String> {
    if name.len() > COMPARED_BYTES {
        return None;
    }
    let mut best = None;
    let mut best_similarity = LEAST_SIMILARITY;
    for candidate in candidates {
        let similarity = similarity(name, candidate);
        if similarity > best_similarity {
            best = Some(candidate);
            best_similarity = similarity;
        }
    }
    best.map(|name| (*name).to_owned())
}

/// The element types that [`TensorView`] reads, as a message lists them.
pub(super) fn readable_types() -> String {
    let types = [ElementType::F16, ElementType::Bf16, ElementType::F32, ElementType::F64];
    types.map(|element_type| element_type.to_string()).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::test_files::{file_of_zeros, file_with};
    use safetensors::Dtype;

    fn spec(name: &str, shape: &[usize]) -> TensorSpec {
        TensorSpec { name: name.to_owned(), shape: shape.to_vec(), flat_tail: false }
    }

    fn open(tensors: &[(&str, &[usize])]) -> WeightFile {
        WeightFile::from_bytes(file_of_zeros(tensors)).unwrap()
    }

    #[test]
    fn gives_views_in_the_order_of_the_specs_and_by_name() {
        let file = open(&[("a", &[1]), ("b", &[2]), ("c", &[3])]);
        let weights = file.bind(&[spec("c", &[3]), spec("a", &[1]), spec("b", &[2])]).unwrap();
        let names: Vec<_> = weights.views().iter().map(TensorView::name).collect();
        assert_eq!(names, ["c", "a", "b"]);
        assert_eq!(weights.get(1).unwrap().shape(), [1]);
        assert!(weights.get(3).is_none());
        assert_eq!(weights.tensor("b").unwrap().shape(), [2]);
        assert!(weights.tensor("d").is_none());
    }

    #[test]
    fn lists_every_kind_of_mismatch_at_once() {
        let file = WeightFile::from_bytes(file_with(&[
            ("conv_stm.weight", Dtype::F32, &[2, 1, 1, 1], &[0; 8]),
            ("bn1.weight", Dtype::F32, &[3], &[0; 12]),
            ("table", Dtype::I64, &[1], &[0; 8]),
            ("extra", Dtype::F32, &[], &[0; 4]),
        ]))
        .unwrap();
        let specs = [
            spec("conv_stem.weight", &[2, 1, 1, 1]),
            spec("bn1.weight", &[2]),
            spec("table", &[1]),
            spec("classifier.bias", &[10]),
        ];
        let error = file.bind(&specs).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the weights do not fit the network\n\
             missing from the file (2):\n  \
               conv_stem.weight [2, 1, 1, 1]; the file has `conv_stm.weight`\n  \
               classifier.bias [10]\n\
             not expected by the network (2):\n  \
               conv_stm.weight [2, 1, 1, 1]\n  \
               extra []\n\
             of another shape (1):\n  \
               bn1.weight: expected [2], found [3]\n\
             of an element type that cannot be read (1):\n  \
               table: found I64, expected one of f16, bf16, f32, f64"
        );
        assert_eq!(error.missing[0].suggestion.as_deref(), Some("conv_stm.weight"));
        assert_eq!(error.missing[1].suggestion, None);
        assert_eq!(error.wrong_shapes[0].found, [3]);
    }

    #[test]
    fn names_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("net.safetensors");
        std::fs::write(&path, file_of_zeros(&[])).unwrap();
        let file = WeightFile::open(&path).unwrap();
        let error = file.bind(&[spec("a", &[1])]).unwrap_err();
        let expected = format!("the weights in `{}` do not fit the network\n", path.display());
        assert!(error.to_string().starts_with(&expected), "{error}");
    }

    #[test]
    fn lists_a_tensor_whose_type_and_shape_are_both_wrong_under_both() {
        let file = WeightFile::from_bytes(file_with(&[("a", Dtype::U8, &[2], &[0; 2])])).unwrap();
        let error = file.bind(&[spec("a", &[3])]).unwrap_err();
        assert_eq!((error.wrong_shapes.len(), error.unsupported_types.len()), (1, 1));
    }

    #[test]
    fn keeps_the_message_short_and_the_facts_complete() {
        let file = open(&[]);
        let specs: Vec<_> = (0..20).map(|index| spec(&format!("layer{index}"), &[1])).collect();
        let error = file.bind(&specs).unwrap_err();
        assert_eq!(error.missing.len(), 20);
        let message = error.to_string();
        assert!(message.contains("missing from the file (20):\n  layer0 [1]\n"), "{message}");
        assert!(message.ends_with("  layer7 [1]\n  ... and 12 more"), "{message}");
    }

    #[test]
    fn ignores_the_counters_of_batch_norms_unless_expected() {
        let file = open(&[("bn.weight", &[2]), ("bn.num_batches_tracked", &[])]);
        assert!(file.bind(&[spec("bn.weight", &[2])]).is_ok());
        assert!(file.bind(&[spec("bn.weight", &[2]), spec("bn.num_batches_tracked", &[])]).is_ok());
        let error = file.bind(&[]).unwrap_err();
        assert_eq!(error.unexpected.len(), 1);
    }

    #[test]
    fn accepts_a_flat_tail_only_where_the_spec_does() {
        let flat = open(&[("w", &[4, 54])]);
        let mut expected = spec("w", &[4, 2, 3, 3, 3]);
        let error = flat.bind(std::slice::from_ref(&expected)).unwrap_err();
        assert!(error.to_string().ends_with("w: expected [4, 2, 3, 3, 3], found [4, 54]"), "{error}");

        expected.flat_tail = true;
        assert_eq!(flat.bind(std::slice::from_ref(&expected)).unwrap().views()[0].shape(), [4, 54]);
        assert!(open(&[("w", &[4, 2, 3, 3, 3])]).bind(std::slice::from_ref(&expected)).is_ok());

        let error = open(&[("w", &[2, 108])]).bind(&[expected]).unwrap_err();
        assert!(error.to_string().ends_with("w: expected [4, 2, 3, 3, 3] or [4, 54], found [2, 108]"), "{error}");
    }

    #[test]
    fn has_no_flat_form_for_short_or_overflowing_shapes() {
        let flat = |shape: &[usize]| TensorSpec { flat_tail: true, ..spec("w", shape) }.flat_shape();
        assert_eq!(flat(&[]), None);
        assert_eq!(flat(&[4]), None);
        assert_eq!(flat(&[4, 2]), None);
        assert_eq!(flat(&[4, usize::MAX, 2]), None);
        assert_eq!(flat(&[4, 2, 3]), Some([4, 6]));
    }

    #[test]
    fn finds_the_prefix_that_all_names_share() {
        let file = open(&[
            ("module.bn.num_batches_tracked", &[]),
            ("module.bn.weight", &[2]),
            ("module.conv.weight", &[2, 1, 1, 1]),
        ]);
        let error = file.bind(&[spec("bn.weight", &[2]), spec("conv.weight", &[2, 1, 1, 1])]).unwrap_err();
        assert_eq!(error.common_prefix, Some(CommonPrefix { prefix: "module.".to_owned(), found_without: 2 }));
        let message = error.to_string();
        assert!(
            message.contains(
                "\nhint: every name in the file starts with `module.`; without it, 2 of the missing tensors are there\n"
            ),
            "{message}"
        );
        assert!(!message.contains("the file has"), "one hint is enough: {message}");
    }

    #[test]
    fn finds_prefixes_of_several_parts() {
        let file = open(&[("state_dict.model.a", &[1]), ("state_dict.model.b.c", &[1])]);
        let error = file.bind(&[spec("a", &[1]), spec("b.c", &[1])]).unwrap_err();
        assert_eq!(error.common_prefix.unwrap().prefix, "state_dict.model.");
        // The parts that belong to the network stay.
        let error = file.bind(&[spec("model.a", &[1]), spec("model.b.c", &[1])]).unwrap_err();
        assert_eq!(error.common_prefix.unwrap().prefix, "state_dict.");
    }

    #[test]
    fn sees_no_prefix_where_it_explains_nothing() {
        let file = open(&[("blocks.0", &[1]), ("blocks.1", &[1])]);
        let error = file.bind(&[spec("blocks.0", &[1]), spec("blocks.2", &[1])]).unwrap_err();
        assert_eq!(error.common_prefix, None);
        assert_eq!(error.missing[0].suggestion.as_deref(), Some("blocks.1"));
    }

    #[test]
    fn binds_a_name_twice_and_reports_it_once() {
        let file = open(&[("shared", &[2])]);
        let weights = file.bind(&[spec("shared", &[2]), spec("shared", &[2])]).unwrap();
        assert_eq!(weights.views().len(), 2);
        let values = |index| weights.get(index).unwrap().to_f32().unwrap();
        assert_eq!(values(0), values(1));

        let error = file.bind(&[spec("absent", &[2]), spec("absent", &[2]), spec("shared", &[2])]).unwrap_err();
        assert_eq!(error.missing.len(), 1);
        // Two shapes for one name: one of them is right.
        let error = file.bind(&[spec("shared", &[2]), spec("shared", &[3])]).unwrap_err();
        assert_eq!(error.wrong_shapes.len(), 1);
        assert!(error.missing.is_empty() && error.unexpected.is_empty());
    }

    #[test]
    fn stays_quick_with_many_and_long_names() {
        let names: Vec<String> = (0..20_000).map(|index| format!("{}{index}", "x".repeat(90))).collect();
        let tensors: Vec<(&str, &[usize])> = names.iter().map(|name| (name.as_str(), &[0_usize][..])).collect();
        let file = open(&tensors);
        let specs: Vec<_> = (0..20_000).map(|index| spec(&format!("{}{index}", "y".repeat(90)), &[1])).collect();
        let error = file.bind(&specs).unwrap_err();
        assert_eq!((error.missing.len(), error.unexpected.len()), (20_000, 20_000));
        assert!(error.to_string().len() < 20_000);
    }
}
