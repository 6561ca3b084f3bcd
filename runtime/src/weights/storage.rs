//! Where the bytes of a weight file are, and how they are read: an opened file from which each read copies what it needs, or
//! memory.
//!
//! A file is not mapped: what was read of a mapped file counts as the program's memory as long as the map is there, beside
//! the weights that were made of it, and a file that is cut off ends the program. A read that fails is a [`ReadError`].
//!
//! Invariant of [`StoredBytes`]: when the file was opened, it had all of them.

use super::error::ReadError;
#[cfg(feature = "std")]
use super::error::WeightFileProblem;
use super::file::WeightFile;
#[cfg(feature = "std")]
use super::header;
use alloc::borrow::{Cow, ToOwned};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
#[cfg(feature = "std")]
use std::fs::File;
#[cfg(feature = "std")]
use std::io::{self, Read, Seek, SeekFrom};
#[cfg(feature = "std")]
use std::path::Path;
#[cfg(feature = "std")]
use std::sync::{Mutex, PoisonError};

/// Where the bytes of a file are.
#[derive(Debug)]
pub(super) enum Storage {
    /// In a file, of which one thread reads at a time: a read moves the position of the file.
    #[cfg(feature = "std")]
    File(Mutex<File>),
    /// In memory.
    Memory(Cow<'static, [u8]>),
}

impl Storage {
    /// Opens a regular file that is not empty. Gives its length, too, and as many of its first bytes as its header has.
    #[cfg(feature = "std")]
    pub(super) fn open(path: &Path) -> Result<(Storage, Vec<u8>, u64), WeightFileProblem> {
        let open_problem = |error| WeightFileProblem::Open { error };
        let read_problem = |error| WeightFileProblem::Read { error };
        // Asked before opening, since opening a pipe waits for its writer.
        if !std::fs::metadata(path).map_err(open_problem)?.is_file() {
            return Err(WeightFileProblem::NotAFile);
        }
        let file = File::open(path).map_err(open_problem)?;
        let length = file.metadata().map_err(open_problem)?.len();
        if length == 0 {
            return Err(WeightFileProblem::Empty);
        }
        let mut beginning = Vec::new();
        (&file).take(header::INSPECTED_BYTES).read_to_end(&mut beginning).map_err(read_problem)?;
        let missing = header::end(&beginning).saturating_sub(beginning.len() as u64);
        (&file).take(missing).read_to_end(&mut beginning).map_err(read_problem)?;
        Ok((Storage::File(Mutex::new(file)), beginning, length))
    }

    /// The `length` bytes from `start` on, where they lie in memory, and else in `buffer`; or why not.
    fn read<'b>(&'b self, start: usize, length: usize, buffer: &'b mut Vec<u8>) -> Result<&'b [u8], String> {
        match self {
            #[cfg(feature = "std")]
            Storage::File(file) => {
                buffer.resize(length, 0);
                read_at(file, start as u64, buffer).map_err(|error| match error.kind() {
                    io::ErrorKind::UnexpectedEof => "the file is shorter than it was when it was opened".to_owned(),
                    _ => error.to_string(),
                })?;
                Ok(buffer)
            }
            Storage::Memory(bytes) => {
                // Without files, nobody needs it.
                let _ = buffer;
                let end = start.saturating_add(length);
                bytes.get(start..end).ok_or_else(|| "the bytes end before it does".to_owned())
            }
        }
    }
}

/// See [`Storage::read`].
#[cfg(feature = "std")]
fn read_at(file: &Mutex<File>, start: u64, buffer: &mut [u8]) -> io::Result<()> {
    // Whoever panicked while it held the file left at most another position, and that is set anew.
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(buffer)
}

/// The bytes of a tensor, in the file that they are borrowed from. They are read when they are asked for.
#[derive(Clone, Copy)]
pub struct StoredBytes<'file> {
    pub(super) file: &'file WeightFile,
    /// The tensor that they belong to.
    pub(super) name: &'file str,
    /// Where they begin in the file.
    pub(super) start: usize,
    pub(super) length: usize,
}

impl<'file> StoredBytes<'file> {
    /// How many there are.
    #[must_use]
    pub fn len(self) -> usize {
        self.length
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.length == 0
    }

    /// All of them.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn to_vec(self) -> Result<Vec<u8>, ReadError> {
        self.read(&mut Vec::new()).map(<[u8]>::to_vec)
    }

    /// The same bytes in pieces of so many, and of fewer at the end.
    #[must_use = "nothing is read yet"]
    pub fn pieces(self, length: usize) -> impl Iterator<Item = StoredBytes<'file>> {
        let piece =
            move |start| StoredBytes { start: self.start + start, length: length.min(self.length - start), ..self };
        (0..self.length).step_by(length.max(1)).map(piece)
    }

    /// All of them, where they lie in memory, and else in `buffer`.
    pub(super) fn read<'b>(self, buffer: &'b mut Vec<u8>) -> Result<&'b [u8], ReadError>
    where
        'file: 'b,
    {
        self.file.storage().read(self.start, self.length, buffer).map_err(|reason| ReadError {
            path: self.file.path().map(ToOwned::to_owned),
            tensor: self.name.to_owned(),
            reason,
        })
    }
}

impl fmt::Debug for StoredBytes<'_> {
    /// How many, since they may be millions.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes", self.length)
    }
}

#[cfg(test)]
mod tests {
    use crate::weights::test_files::{f32_bytes, file_of_zeros, file_with};
    use crate::weights::view::PIECE;
    use crate::weights::{WeightFile, WeightFileError};
    use safetensors::Dtype;
    use std::fs;
    use std::path::{Path, PathBuf};
    use tempfile::TempDir;

    /// A file of these bytes, in a folder that goes with the first value.
    fn stored(bytes: &[u8]) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.safetensors");
        fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    /// Tensors of more than one piece, the second of which does not end with one.
    fn two_tensors() -> ([Vec<f32>; 2], Vec<u8>) {
        let numbers =
            |from: usize, count: usize| (from..from + count).map(|number| number as f32).collect::<Vec<f32>>();
        let [a, b] = [numbers(0, 2 * PIECE), numbers(7, 3 * PIECE + 5)];
        let bytes =
            file_with(&[("a", Dtype::F32, &[a.len()], &f32_bytes(&a)), ("b", Dtype::F32, &[b.len()], &f32_bytes(&b))]);
        ([a, b], bytes)
    }

    #[test]
    fn tensors_of_a_file_are_those_of_its_bytes() {
        let ([a, b], bytes) = two_tensors();
        let (_folder, path) = stored(&bytes);
        for file in [WeightFile::open(&path).unwrap(), WeightFile::from_bytes(bytes).unwrap()] {
            for (name, values) in [("b", &b), ("a", &a), ("b", &b)] {
                assert!(file.tensor(name).unwrap().to_f32().unwrap() == *values);
                assert!(file.stored(name).unwrap().bytes.to_vec().unwrap() == f32_bytes(values));
            }
        }
    }

    #[test]
    fn threads_read_one_file() {
        let ([a, b], bytes) = two_tensors();
        let (_folder, path) = stored(&bytes);
        let file = WeightFile::open(&path).unwrap();
        std::thread::scope(|scope| {
            for (name, values) in [("a", &a), ("b", &b), ("a", &a), ("b", &b)] {
                let file = &file;
                scope.spawn(move || {
                    (0..20).for_each(|_| assert!(file.tensor(name).unwrap().to_f32().unwrap() == *values));
                });
            }
        });
    }

    #[test]
    fn a_file_that_is_cut_off_while_it_is_open_is_an_error() {
        let ([a, _], bytes) = two_tensors();
        let (_folder, path) = stored(&bytes);
        let file = WeightFile::open(&path).unwrap();
        let length = bytes.len() as u64 - 1;
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length).unwrap();
        assert!(file.tensor("a").unwrap().to_f32().unwrap() == a);
        let error = file.tensor("b").unwrap().to_f64().unwrap_err();
        let expected = "the file is shorter than it was when it was opened";
        assert_eq!(error.to_string(), format!("cannot read the tensor `b` in `{}`: {expected}", path.display()));
        assert_eq!(file.stored("b").unwrap().bytes.to_vec().unwrap_err(), error);
    }

    #[test]
    fn a_file_that_is_replaced_stays_as_it_was() {
        let ([a, _], bytes) = two_tensors();
        let (folder, path) = stored(&bytes);
        let file = WeightFile::open(&path).unwrap();
        let other = folder.path().join("other");
        fs::write(&other, file_of_zeros(&[("a", &[1])])).unwrap();
        fs::rename(other, path).unwrap();
        assert!(file.tensor("a").unwrap().to_f32().unwrap() == a);
    }

    /// What is wrong with a file, without its name.
    fn problem(opened: Result<WeightFile, WeightFileError>) -> Option<String> {
        opened.err().map(|error| error.problem.to_string())
    }

    #[test]
    fn problems_of_a_file_are_those_of_its_bytes() {
        let names: Vec<String> = (0..100).map(|index| format!("a.rather.long.name.of.a.tensor.{index}")).collect();
        let tensors: Vec<(&str, &[usize])> = names.iter().map(|name| (name.as_str(), [2].as_slice())).collect();
        let whole = file_of_zeros(&tensors);
        assert!(whole.len() > 8000, "a header that is read in two steps");
        let (_folder, path) = stored(&whole);
        assert_eq!(WeightFile::open(&path).unwrap().len(), 100);

        let check = |path: &Path, bytes: &[u8]| {
            fs::write(path, bytes).unwrap();
            assert_eq!(problem(WeightFile::open(path)), problem(WeightFile::from_bytes(bytes.to_vec())));
        };
        for length in (0..whole.len()).step_by(97).chain([1, 7, 8, 9, 4095, 4096, 4097, whole.len() - 1]) {
            check(&path, &whole[..length]);
        }
        check(&path, &[&whole[..], b"more"].concat());
        check(&path, &[&u64::MAX.to_le_bytes()[..], &whole[8..]].concat());
        check(&path, &[&(8_u64 << 20).to_le_bytes()[..], &whole[8..]].concat());
        check(&path, &b"PK\x03\x04, and so on".repeat(1000));
    }
}
