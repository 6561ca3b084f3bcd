//! The header of a safetensors file, checked against the bytes of the file.
//!
//! A safetensors file is a length (8 bytes, little-endian), a JSON header of that length, and the data of all tensors.
//! The safetensors library parses the header and proves that the tensors follow each other without gap or overlap and
//! that each has the size its shape says. What it does not do, and this module does: tell a file of another
//! kind from a damaged one, say how many bytes are missing, and add up lengths without overflow
//! (`SafeTensors::deserialize` 0.8 overflows when a header claims data up to the end of the address space).
//!
//! Out comes a [`Header`] whose every range lies inside the data.

use super::error::WeightFileProblem;
use super::kind::FileKind;
use super::show::ShowText;
use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;
use safetensors::Dtype;
use safetensors::tensor::Metadata;

/// Longest header that is read. A tensor takes about 100 bytes of it, so this is room for 80,000 tensors; the format
/// would allow 100 MB, which a hostile file could blow up to gigabytes of parsed JSON.
pub(crate) const MAXIMUM_HEADER_BYTES: u64 = 8 << 20;

/// Bytes of the length that a file begins with.
const LENGTH_BYTES: u64 = 8;

/// So many first bytes, or all if there are fewer, tell how long a header is and what kind of file another one is.
#[cfg(feature = "std")]
pub(super) const INSPECTED_BYTES: u64 = 4096;

/// Where the header ends in the file that begins with these [`INSPECTED_BYTES`]; 0 if it begins with none that is read.
#[cfg(feature = "std")]
pub(super) fn end(beginning: &[u8]) -> u64 {
    let length = beginning.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
    if length <= MAXIMUM_HEADER_BYTES { LENGTH_BYTES + length } else { 0 }
}

/// What the header of a file says.
#[derive(Debug)]
pub(crate) struct Header {
    /// Where the data begins, counted from the start of the file.
    pub(crate) data_start: usize,
    /// The tensors by name.
    pub(crate) tensors: BTreeMap<String, TensorEntry>,
    /// The file's own notes (`__metadata__`).
    pub(crate) metadata: BTreeMap<String, String>,
}

/// One tensor of the header.
#[derive(Debug)]
pub(crate) struct TensorEntry {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    /// Where its bytes lie, counted from the start of the data.
    pub(crate) range: Range<usize>,
}

/// Reads and checks the header of a file of `length` bytes that begins with `bytes`, which are all of the header at least.
pub(crate) fn read(bytes: &[u8], length: u64) -> Result<Header, WeightFileProblem> {
    let json = header_text(bytes)?;
    let metadata: Metadata = serde_json::from_slice(json)
        .map_err(|error| WeightFileProblem::InvalidHeader { reason: ShowText(&error.to_string()).to_string() })?;
    check_file_length(length, json.len() as u64, metadata.data_len() as u64)?;

    let tensors = metadata.tensors().into_iter().map(|(name, info)| {
        let (start, end) = info.data_offsets;
        let entry = TensorEntry { dtype: info.dtype, shape: info.shape.clone(), range: start..end };
        (name, entry)
    });
    Ok(Header {
        data_start: LENGTH_BYTES as usize + json.len(),
        tensors: tensors.collect(),
        metadata: metadata.metadata().iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect(),
    })
}

/// The JSON of the header, if the file begins as a safetensors file does.
fn header_text(bytes: &[u8]) -> Result<&[u8], WeightFileProblem> {
    if bytes.is_empty() {
        return Err(WeightFileProblem::Empty);
    }
    let Some((length, rest)) = bytes.split_first_chunk() else {
        return Err(other_format_or(bytes, cut_off(LENGTH_BYTES, bytes)));
    };
    let length = u64::from_le_bytes(*length);
    if !matches!(rest.first(), Some(b'{') | None) {
        return Err(other_format_or(bytes, WeightFileProblem::NoHeader));
    }
    if length > MAXIMUM_HEADER_BYTES {
        let limit = MAXIMUM_HEADER_BYTES;
        return Err(other_format_or(bytes, WeightFileProblem::HeaderTooLong { length, limit }));
    }
    rest.get(..length as usize).ok_or_else(|| cut_off(LENGTH_BYTES + length, bytes))
}

/// Compares the length of the file with what its header accounts for.
fn check_file_length(file_length: u64, header_length: u64, data_length: u64) -> Result<(), WeightFileProblem> {
    let Some(expected) = data_length.checked_add(LENGTH_BYTES + header_length) else {
        return Err(WeightFileProblem::InvalidHeader {
            reason: "the sizes of the tensors add up to more than any file can hold".to_owned(),
        });
    };
    if file_length < expected {
        return Err(WeightFileProblem::CutOff { expected_at_least: expected, found: file_length });
    }
    if file_length > expected {
        return Err(WeightFileProblem::TrailingBytes { expected, found: file_length });
    }
    Ok(())
}

/// The format that the file seems to be in, or `problem` if none is recognised.
fn other_format_or(bytes: &[u8], problem: WeightFileProblem) -> WeightFileProblem {
    match FileKind::guess(bytes) {
        Some(kind) => WeightFileProblem::OtherFormat { kind },
        None => problem,
    }
}

fn cut_off(expected_at_least: u64, bytes: &[u8]) -> WeightFileProblem {
    WeightFileProblem::CutOff { expected_at_least, found: bytes.len() as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with this header and these many bytes of data.
    fn file(json: &str, data: usize) -> Vec<u8> {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    }

    /// The message for a file that must not be accepted.
    fn message(bytes: &[u8]) -> String {
        read(bytes, bytes.len() as u64).unwrap_err().to_string()
    }

    #[test]
    fn reads_tensors_and_metadata() {
        let json = r#"{"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"I64","shape":[],"data_offsets":[8,16]}}"#;
        let header = read(&file(json, 16), 8 + json.len() as u64 + 16).unwrap();
        assert_eq!(header.data_start, 8 + json.len());
        assert_eq!(header.metadata["format"], "pt");
        assert_eq!(header.tensors["b"].range, 0..8);
        assert_eq!(header.tensors["a"].range, 8..16);
        assert!(header.tensors["a"].shape.is_empty());
        assert_eq!(header.tensors["a"].dtype, Dtype::I64);
    }

    #[test]
    fn accepts_a_file_without_tensors() {
        assert!(read(&file("{}", 0), 10).unwrap().tensors.is_empty());
    }

    #[test]
    fn names_other_formats_and_says_how_to_convert() {
        assert_eq!(
            message(b"PK\x03\x04\x00\x00\x08\x08\x00\x00"),
            "not a safetensors file; it looks like a zip archive, which is what PyTorch's torch.save writes (.pth, .pt)\n\
             hint: convert it in Python, as examples/pth_to_safetensors.py does: safetensors.torch.save_file(torch.load(\"x.pth\", weights_only=True), \"x.safetensors\")"
        );
        assert_eq!(
            message(b"These are not the weights you are looking for."),
            "not a safetensors file; it looks like plain text"
        );
        assert!(message(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 ").contains("a Python pickle"));
        // Text with a brace where a header would begin, and text too short for a length.
        assert!(message(b"let net {").contains("plain text"));
        assert!(message(b"hi\n").contains("plain text"));
        assert!(message(b"{}").contains("JSON"));
    }

    #[test]
    fn tells_empty_cut_off_and_overlong_files() {
        let json = r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
        let whole = 8 + json.len() + 8;
        assert_eq!(message(b""), "the file is empty");
        assert_eq!(
            message(&file(json, 7)),
            format!("the file is cut off: by its header it has at least {whole} bytes, but {} are there", whole - 1)
        );
        assert_eq!(
            message(&file(json, 9)),
            format!("damaged safetensors file: by its header it has {whole} bytes, but {} are there", whole + 1)
        );
        assert_eq!(
            message(&file(json, 8)[..20]),
            format!("the file is cut off: by its header it has at least {} bytes, but 20 are there", 8 + json.len())
        );
        assert_eq!(message(&[0, 1, 2]), "the file is cut off: by its header it has at least 8 bytes, but 3 are there");
    }

    #[test]
    fn refuses_hostile_lengths() {
        let mut bytes = u64::MAX.to_le_bytes().to_vec();
        bytes.extend(b"{}");
        assert_eq!(
            message(&bytes),
            "not a usable safetensors file: its header claims 18446744073709551615 bytes, and 8388608 are allowed"
        );
    }

    #[test]
    fn refuses_damaged_headers() {
        let cases = [
            ("{", "EOF"),
            ("{\"w\":1}", "invalid type"),
            (r#"{"w":{"dtype":"F99","shape":[],"data_offsets":[0,8]}}"#, "unknown variant `F99`"),
            (r#"{"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}}"#, "invalid value"),
            (r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, "invalid offset for tensor `w`"),
            (r#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, "invalid offset for tensor `w`"),
            (r#"{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, "invalid shape"),
            (r#"{"w":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,8]}}"#, "overflow"),
            (
                r#"{"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#,
                "invalid offset for tensor `w`",
            ),
        ];
        for (json, expected) in cases {
            let message = message(&file(json, 8));
            assert!(message.starts_with("damaged safetensors header: "), "{json}: {message}");
            assert!(message.contains(expected), "{json}: {message}");
        }
    }

    /// Tensors that end where the address space does: the sum of the lengths wraps around to the length of the file.
    #[test]
    fn refuses_data_up_to_the_end_of_the_address_space() {
        let size = (1_u64 << 61) - 1;
        let tensors: Vec<String> = (0..8)
            .map(|index| {
                format!(
                    r#""t{index}":{{"dtype":"U8","shape":[{size}],"data_offsets":[{},{}]}}"#,
                    index * size,
                    (index + 1) * size
                )
            })
            .collect();
        let json = format!("{{{}}}", tensors.join(","));
        assert_eq!(
            message(&file(&json, 0)),
            "damaged safetensors header: the sizes of the tensors add up to more than any file can hold"
        );
    }

    #[test]
    fn quotes_hostile_names_in_bounded_length() {
        let type_name = "\\u001b[31m".repeat(10_000);
        let json = format!(r#"{{"w":{{"dtype":"{type_name}","shape":[],"data_offsets":[0,4]}}}}"#);
        let message = message(&file(&json, 4));
        assert!(message.len() < 1000, "{message}");
        assert!(!message.contains('\u{1b}'), "{message}");
    }
}
