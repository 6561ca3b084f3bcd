//! A safetensors file as a set of named tensors: opened, its header checked once, and each tensor read when it is asked for.

use super::bind::{self, BoundWeights, TensorSpec};
use super::error::WeightFileError;
use super::header::{self, Header, TensorEntry};
use super::mismatch::MismatchError;
use super::storage::{Storage, StoredBytes};
use super::view::{ElementType, TensorView};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
#[cfg(feature = "std")]
use std::path::Path;

/// A safetensors file whose header has been checked. Its tensors are read on request.
#[derive(Debug)]
pub struct WeightFile {
    path: Option<String>,
    storage: Storage,
    header: Header,
}

/// A tensor as the file describes it, whether or not its element type can be read.
#[derive(Debug, Clone)]
pub struct StoredTensor<'file> {
    /// The name in the file.
    pub name: &'file str,
    /// The element type as safetensors spells it: `F32`, `I64`, ...
    pub type_name: String,
    /// The dimensions, outermost first.
    pub shape: &'file [usize],
    /// The elements as stored: row-major, little-endian.
    pub bytes: StoredBytes<'file>,
}

impl WeightFile {
    /// Opens a safetensors file and checks its header. Tensors are read from it as they are asked for, and nothing of them is
    /// kept: the file stays open as long as this value is there.
    ///
    /// A file that is written into meanwhile gives tensors of the old and the new content, one that is cut off a
    /// [`ReadError`](super::ReadError). Replacing it by another file of the same name, as [`save`](super::save()) does, changes
    /// nothing.
    ///
    /// # Errors
    /// [`WeightFileError`] if the file cannot be opened, is not a safetensors file, or is damaged.
    #[cfg(feature = "std")]
    pub fn open(path: impl AsRef<Path>) -> Result<Self, WeightFileError> {
        let path = path.as_ref();
        let opened = Storage::open(path).and_then(|(storage, beginning, length)| {
            let header = header::read(&beginning, length)?;
            Ok((storage, header))
        });
        let path = Some(path.display().to_string());
        match opened {
            Ok((storage, header)) => Ok(WeightFile { path, storage, header }),
            Err(problem) => Err(WeightFileError { path, problem }),
        }
    }

    /// Takes the content of a safetensors file: a `Vec<u8>`, or the bytes of `include_bytes!`, which are not copied.
    ///
    /// # Errors
    /// [`WeightFileError`] if the bytes are not a safetensors file, or are damaged.
    pub fn from_bytes(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Self, WeightFileError> {
        let bytes = bytes.into();
        match header::read(&bytes, bytes.len() as u64) {
            Ok(header) => Ok(WeightFile { path: None, storage: Storage::Memory(bytes), header }),
            Err(problem) => Err(WeightFileError { path: None, problem }),
        }
    }

    /// Where the file was opened, for people; `None` for bytes.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The number of tensors in the file, of any element type.
    #[must_use]
    pub fn len(&self) -> usize {
        self.header.tensors.len()
    }

    /// Whether the file holds no tensor.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.header.tensors.is_empty()
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.header.tensors.keys().map(String::as_str)
    }

    /// What the file says about tensor `name`; `None` if it has no such tensor.
    #[must_use]
    pub fn stored(&self, name: &str) -> Option<StoredTensor<'_>> {
        let (name, entry) = self.header.tensors.get_key_value(name)?;
        let bytes = self.bytes(name, entry);
        Some(StoredTensor { name, type_name: entry.dtype.to_string(), shape: &entry.shape, bytes })
    }

    /// The tensor `name`; `None` if the file has no such tensor, or one whose elements are not of an [`ElementType`]
    /// ([`WeightFile::stored`] tells which).
    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<TensorView<'_>> {
        let (name, entry) = self.header.tensors.get_key_value(name)?;
        let element_type = ElementType::from_safetensors(entry.dtype)?;
        let bytes = self.bytes(name, entry);
        Some(TensorView { name, element_type, shape: &entry.shape, bytes })
    }

    /// The elements of a tensor.
    fn bytes<'file>(&'file self, name: &'file str, entry: &TensorEntry) -> StoredBytes<'file> {
        // The header check made sure that the file has them, so that nothing overflows.
        StoredBytes { file: self, name, start: self.header.data_start + entry.range.start, length: entry.range.len() }
    }

    /// Where its bytes are.
    pub(super) fn storage(&self) -> &Storage {
        &self.storage
    }

    /// All notes that the file carries in its `__metadata__`, sorted by key.
    pub fn notes(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.header.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The note that the file carries under `key` in its `__metadata__`.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.header.metadata.get(key).map(String::as_str)
    }

    /// Finds the tensor of every spec, by name. A name may occur in several specs, which then share the tensor.
    /// Tensors that no spec names are an error, except PyTorch's counters `*.num_batches_tracked`.
    ///
    /// # Errors
    /// [`MismatchError`], which lists every tensor that is missing, unexpected, of another shape or of an element
    /// type that cannot be read.
    pub fn bind(&self, specs: &[TensorSpec]) -> Result<BoundWeights<'_>, Box<MismatchError>> {
        bind::bind(self, specs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::test_files::{f32_bytes, file_with};
    use safetensors::Dtype;

    #[test]
    fn gives_tensors_by_name() {
        let bytes = file_with(&[
            ("b", Dtype::F32, &[1, 2], &f32_bytes(&[1.0, 2.0])),
            ("a", Dtype::I64, &[], &7_i64.to_le_bytes()),
        ]);
        let file = WeightFile::from_bytes(bytes).unwrap();
        assert_eq!(file.len(), 2);
        assert!(!file.is_empty());
        assert_eq!(file.path(), None);
        assert_eq!(file.names().collect::<Vec<_>>(), ["a", "b"]);

        let view = file.tensor("b").unwrap();
        assert_eq!(view.name(), "b");
        assert_eq!(view.element_type(), ElementType::F32);
        assert_eq!(view.shape(), [1, 2]);
        assert_eq!(view.to_f32().unwrap(), [1.0, 2.0]);

        assert!(file.tensor("a").is_none(), "integers are no weights");
        assert_eq!(file.stored("a").unwrap().type_name, "I64");
        assert!(file.stored("c").is_none());
        assert_eq!(file.metadata("format"), None);
    }

    #[test]
    fn takes_static_bytes() {
        static EMPTY: &[u8; 10] = b"\x02\0\0\0\0\0\0\0{}";
        assert!(WeightFile::from_bytes(EMPTY).unwrap().is_empty());
    }

    #[test]
    fn opens_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("net.safetensors");
        let values = [1.0, -2.5, 3.0];
        std::fs::write(&path, file_with(&[("w", Dtype::F32, &[3], &f32_bytes(&values))])).unwrap();
        let file = WeightFile::open(&path).unwrap();
        assert_eq!(file.path().map(str::to_owned), Some(path.display().to_string()));
        assert_eq!(file.tensor("w").unwrap().to_f32().unwrap(), values);
    }

    #[test]
    fn says_which_file_cannot_be_opened_and_why() {
        let directory = tempfile::tempdir().unwrap();
        let message = |path: &Path| WeightFile::open(path).unwrap_err().to_string();

        let absent = directory.path().join("absent.safetensors");
        let expected = format!("cannot read the weights in `{}`: cannot open the file: ", absent.display());
        assert!(message(&absent).starts_with(&expected), "{}", message(&absent));

        assert!(message(directory.path()).ends_with(": not a regular file"));

        let empty = directory.path().join("empty.safetensors");
        std::fs::write(&empty, "").unwrap();
        assert!(message(&empty).ends_with(": the file is empty"));

        let text = directory.path().join("text.safetensors");
        std::fs::write(&text, "hello, these are weights").unwrap();
        assert!(message(&text).ends_with(": not a safetensors file; it looks like plain text"));
    }

    #[test]
    fn names_no_path_for_bytes() {
        assert_eq!(
            WeightFile::from_bytes(Vec::new()).unwrap_err().to_string(),
            "cannot read the weights: the file is empty"
        );
    }
}
