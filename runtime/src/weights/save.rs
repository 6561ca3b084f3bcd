//! Writes a safetensors file: the same tensors always give the same bytes, and a reader never sees half a file.
//!
//! The header is written here and not by the safetensors library, whose order of the metadata changes from run to run.

use super::header::MAXIMUM_HEADER_BYTES;
use super::show::ShowText;
use super::view::PIECE;
use crate::shape::{ShowShape, element_count};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The header's entry for the notes, which no tensor can be called.
const METADATA: &str = "__metadata__";

/// The data begins at a multiple of this, in bytes, as the format's own library writes it.
const ALIGNMENT: usize = 8;

/// A tensor to be saved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NamedTensor<'a> {
    /// The name, unlike that of every other tensor in the file.
    pub name: &'a str,
    /// The dimensions, outermost first.
    pub shape: &'a [usize],
    /// The elements in row-major order.
    pub data: &'a [f32],
}

/// Weights that cannot be saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// A tensor has another number of elements than its shape says.
    #[error("cannot save tensor `{}`: its shape {} does not have {found} elements", ShowText(.name), ShowShape(.shape))]
    WrongLength {
        /// The tensor.
        name: String,
        /// Its dimensions.
        shape: Vec<usize>,
        /// Elements of its data.
        found: usize,
    },
    /// Two tensors have the same name.
    #[error("cannot save two tensors called `{}`", ShowText(.name))]
    DuplicateName {
        /// Their name.
        name: String,
    },
    /// A tensor is called `__metadata__`, which the format keeps for itself.
    #[error("cannot save a tensor called `{METADATA}`: the format keeps that name for itself")]
    ReservedName,
    /// Names, shapes and metadata are longer than a reader accepts.
    #[error("cannot save the weights: the header would have {length} bytes, and {MAXIMUM_HEADER_BYTES} are allowed")]
    HeaderTooLong {
        /// Bytes of the header.
        length: u64,
    },
    /// The operating system does not let us write the file.
    #[error("cannot save the weights in `{}`: {error}", .path.display())]
    Write {
        /// The file that was to be written.
        path: PathBuf,
        /// The operating system's answer.
        error: io::Error,
    },
}

/// Writes `tensors` and the notes `metadata` as a safetensors file, in place of the file at `path` if there is one.
///
/// The tensors are sorted by name. The new file is written beside its place and then renamed, so that the
/// old one stays as it was until the new one is complete, and stays for good upon an error.
///
/// # Errors
/// [`SaveError`] if a tensor does not fit its shape, a name is used twice or reserved, there are too many
/// tensors, or the file cannot be written.
pub fn save(
    path: impl AsRef<Path>,
    tensors: &[NamedTensor<'_>],
    metadata: &BTreeMap<String, String>,
) -> Result<(), SaveError> {
    save_entries(path.as_ref(), entries(tensors)?, metadata)
}

/// Writes what [`save()`] writes to a file, for those who place it themselves.
///
/// # Errors
/// Those of `sink`, and those of the tensors as [`SaveError`]s within.
pub fn write(sink: &mut dyn Write, tensors: &[NamedTensor<'_>], metadata: &BTreeMap<String, String>) -> io::Result<()> {
    let tensors = entries(tensors).and_then(sorted_by_name).map_err(io::Error::other)?;
    write_content(sink, &tensors, &header(&tensors, metadata).map_err(io::Error::other)?)
}

/// The tensors, each of the size its shape says.
fn entries<'a>(tensors: &[NamedTensor<'a>]) -> Result<Vec<Entry<'a>>, SaveError> {
    let mut entries = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        if element_count(tensor.shape) != Some(tensor.data.len()) {
            return Err(SaveError::WrongLength {
                name: tensor.name.to_owned(),
                shape: tensor.shape.to_vec(),
                found: tensor.data.len(),
            });
        }
        let data = tensor.data;
        entries.push(Entry {
            name: tensor.name,
            type_name: "F32",
            shape: tensor.shape,
            length: size_of_val(data),
            write: Box::new(|sink| {
                data.chunks(PIECE).try_for_each(|piece| {
                    let bytes: Vec<u8> = piece.iter().flat_map(|value| value.to_le_bytes()).collect();
                    sink.write_all(&bytes)
                })
            }),
        });
    }
    Ok(entries)
}

/// A tensor as the file has it.
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    /// The element type as safetensors spells it.
    pub(super) type_name: &'a str,
    pub(super) shape: &'a [usize],
    /// Bytes of the elements.
    pub(super) length: usize,
    /// Writes that many bytes.
    pub(super) write: Box<WriteElements<'a>>,
}

/// Writes the elements of a tensor.
pub(super) type WriteElements<'a> = dyn Fn(&mut dyn Write) -> io::Result<()> + 'a;

/// Writes tensors that have the sizes their shapes say; see [`save()`].
pub(super) fn save_entries(
    path: &Path,
    entries: Vec<Entry<'_>>,
    metadata: &BTreeMap<String, String>,
) -> Result<(), SaveError> {
    let tensors = sorted_by_name(entries)?;
    let header = header(&tensors, metadata)?;
    replace_file(path, |writer| write_content(writer, &tensors, &header))
        .map_err(|error| SaveError::Write { path: path.to_owned(), error })
}

fn write_content(sink: &mut dyn Write, tensors: &BTreeMap<&str, Entry<'_>>, header: &str) -> io::Result<()> {
    sink.write_all(&(header.len() as u64).to_le_bytes())?;
    sink.write_all(header.as_bytes())?;
    tensors.values().try_for_each(|tensor| (tensor.write)(sink))
}

/// The tensors in the order of the file, each name checked.
fn sorted_by_name(entries: Vec<Entry<'_>>) -> Result<BTreeMap<&str, Entry<'_>>, SaveError> {
    let mut sorted = BTreeMap::new();
    for entry in entries {
        if entry.name == METADATA {
            return Err(SaveError::ReservedName);
        }
        let name = entry.name;
        if sorted.insert(name, entry).is_some() {
            return Err(SaveError::DuplicateName { name: name.to_owned() });
        }
    }
    Ok(sorted)
}

/// The JSON header, padded with spaces to the alignment.
fn header(tensors: &BTreeMap<&str, Entry<'_>>, metadata: &BTreeMap<String, String>) -> Result<String, SaveError> {
    let mut entries = BTreeMap::new();
    if !metadata.is_empty() {
        entries.insert(METADATA, json!(metadata));
    }
    let mut start = 0;
    for (name, tensor) in tensors {
        let end = start + tensor.length;
        // Keys in alphabetical order, so that serde_json's feature `preserve_order`, which any crate of a program may
        // switch on, changes nothing.
        entries.insert(name, json!({ "data_offsets": [start, end], "dtype": tensor.type_name, "shape": tensor.shape }));
        start = end;
    }
    let mut header = json!(entries).to_string();
    let padded_length = header.len().next_multiple_of(ALIGNMENT);
    header.extend(std::iter::repeat_n(' ', padded_length - header.len()));
    if header.len() as u64 > MAXIMUM_HEADER_BYTES {
        return Err(SaveError::HeaderTooLong { length: header.len() as u64 });
    }
    Ok(header)
}

/// Puts a new file at `path`, all or nothing: it is written under another name in the same directory, brought to the
/// disk and renamed. The file under the other name is removed upon an error.
fn replace_file(path: &Path, write_content: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>) -> io::Result<()> {
    // A bare file name has the empty path as its parent.
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".weights-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What any new file gets, less the user's mask; a temporary file would else be its owner's alone.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(directory)?;
    let mut writer = BufWriter::with_capacity(1 << 20, file.as_file());
    write_content(&mut writer)?;
    writer.flush()?;
    drop(writer);
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::WeightFile;
    use std::fs;

    const BIAS: NamedTensor<'_> = NamedTensor { name: "fc.bias", shape: &[2], data: &[0.5, -0.5] };
    const WEIGHT: NamedTensor<'_> =
        NamedTensor { name: "fc.weight", shape: &[2, 3], data: &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0] };

    fn names_in(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn reads_back_what_it_wrote() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("net.safetensors");
        let metadata = BTreeMap::from([("made by".to_owned(), "a \"test\"".to_owned())]);
        save(&path, &[WEIGHT, BIAS], &metadata).unwrap();

        let file = WeightFile::open(&path).unwrap();
        assert_eq!(file.metadata("made by"), Some("a \"test\""));
        for tensor in [WEIGHT, BIAS] {
            let view = file.tensor(tensor.name).unwrap();
            assert_eq!(view.shape(), tensor.shape);
            assert_eq!(view.to_f32().unwrap(), tensor.data);
        }
        assert_eq!(names_in(directory.path()), ["net.safetensors"]);
        // The format's own library agrees.
        let bytes = fs::read(&path).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(tensors.tensor("fc.weight").unwrap().shape(), [2, 3]);
    }

    #[test]
    fn writes_the_same_bytes_in_whatever_order_the_tensors_come() {
        let directory = tempfile::tempdir().unwrap();
        let (first, second) = (directory.path().join("1"), directory.path().join("2"));
        let metadata: BTreeMap<_, _> = (0..20).map(|index| (format!("key {index}"), index.to_string())).collect();
        save(&first, &[WEIGHT, BIAS], &metadata).unwrap();
        save(&second, &[BIAS, WEIGHT], &metadata).unwrap();
        assert_eq!(fs::read(first).unwrap(), fs::read(second).unwrap());
    }

    #[test]
    fn writes_an_aligned_header() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("net");
        save(&path, &[BIAS], &BTreeMap::new()).unwrap();
        let bytes = fs::read(&path).unwrap();
        let json = "{\"fc.bias\":{\"data_offsets\":[0,8],\"dtype\":\"F32\",\"shape\":[2]}}    ";
        assert_eq!(json.len() % ALIGNMENT, 0);
        assert_eq!(bytes[..8], (json.len() as u64).to_le_bytes());
        assert_eq!(std::str::from_utf8(&bytes[8..8 + json.len()]).unwrap(), json);
    }

    #[test]
    fn saves_no_tensors_and_empty_tensors() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("net");
        save(&path, &[], &BTreeMap::new()).unwrap();
        assert!(WeightFile::open(&path).unwrap().is_empty());
        let empty = NamedTensor { name: "empty", shape: &[0, 4], data: &[] };
        save(&path, &[empty, BIAS], &BTreeMap::new()).unwrap();
        let file = WeightFile::open(&path).unwrap();
        assert!(file.tensor("empty").unwrap().is_empty());
        assert_eq!(file.tensor("fc.bias").unwrap().to_f32().unwrap(), BIAS.data);
    }

    #[test]
    fn refuses_tensors_that_make_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("net");
        fs::write(&path, "old").unwrap();
        let message = |tensors: &[NamedTensor<'_>]| save(&path, tensors, &BTreeMap::new()).unwrap_err().to_string();
        assert_eq!(message(&[BIAS, WEIGHT, BIAS]), "cannot save two tensors called `fc.bias`");
        assert_eq!(
            message(&[NamedTensor { shape: &[3], ..BIAS }]),
            "cannot save tensor `fc.bias`: its shape [3] does not have 2 elements"
        );
        assert_eq!(
            message(&[NamedTensor { name: METADATA, ..BIAS }]),
            "cannot save a tensor called `__metadata__`: the format keeps that name for itself"
        );
        let long_name = "x".repeat(9 << 20);
        assert!(message(&[NamedTensor { name: &long_name, ..BIAS }]).contains("8388608 are allowed"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names_in(directory.path()), ["net"]);
    }

    #[test]
    fn keeps_the_old_file_when_writing_fails() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("net");
        fs::write(&path, "old").unwrap();
        let disk_full = |writer: &mut BufWriter<&File>| {
            writer.write_all(b"half of the new")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        };
        assert!(replace_file(&path, disk_full).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names_in(directory.path()), ["net"]);
    }

    #[test]
    fn leaves_nothing_behind_when_the_place_is_taken_or_absent() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("net");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), "old").unwrap();
        let error = save(&path, &[BIAS], &BTreeMap::new()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot save the weights in `{}`: ", path.display())), "{error}");
        assert_eq!(names_in(directory.path()), ["net"]);

        assert!(save(directory.path().join("absent/net"), &[BIAS], &BTreeMap::new()).is_err());
        assert_eq!(names_in(directory.path()), ["net"]);
    }

    #[test]
    fn replaces_a_file_that_is_open() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("net");
        save(&path, &[BIAS], &BTreeMap::new()).unwrap();
        let old = WeightFile::open(&path).unwrap();
        save(&path, &[WEIGHT], &BTreeMap::new()).unwrap();
        assert_eq!(old.tensor("fc.bias").unwrap().to_f32().unwrap(), BIAS.data);
        assert_eq!(WeightFile::open(&path).unwrap().names().collect::<Vec<_>>(), ["fc.weight"]);
    }

    #[cfg(unix)]
    #[test]
    fn gives_the_file_the_permissions_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let (saved, plain) = (directory.path().join("saved"), directory.path().join("plain"));
        save(&saved, &[BIAS], &BTreeMap::new()).unwrap();
        fs::write(&plain, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&saved), mode(&plain));
    }
}
