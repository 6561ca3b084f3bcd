//! Guesses what a file is that turned out not to be a safetensors file, so that the error can say what to do.
//!
//! Looks at the first bytes only. Called after the header was found wrong, never before: a valid safetensors file
//! begins with a number, which may happen to look like another format's signature.

use core::fmt;

/// Bytes that decide between text and anything else.
const INSPECTED_BYTES: usize = 64;

/// What a file seems to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A zip archive: what `torch.save` writes (`.pth`, `.pt`), and NumPy's `.npz`.
    Zip,
    /// A bare Python pickle: what `torch.save` wrote before PyTorch 1.6.
    Pickle,
    /// HDF5: Keras' `.h5`.
    Hdf5,
    /// ONNX: a protobuf message.
    Onnx,
    /// One NumPy array, `.npy`.
    Numpy,
    /// GGUF, the format of llama.cpp.
    Gguf,
    /// The small text file that stands for a large one in a git repository.
    GitLfsPointer,
    /// A web page, often an error message saved by a download.
    WebPage,
    /// JSON.
    Json,
    /// Some other text.
    Text,
}

impl FileKind {
    /// What a file that begins with these bytes seems to be; `None` if nothing is recognised.
    pub(crate) fn guess(bytes: &[u8]) -> Option<Self> {
        guess_binary(bytes).or_else(|| guess_text(bytes))
    }

    /// What to do about such a file, in one sentence; `None` if there is nothing to say.
    #[must_use]
    pub fn advice(self) -> Option<&'static str> {
        match self {
            FileKind::Zip | FileKind::Pickle => Some(
                "convert it in Python, as examples/pth_to_safetensors.py does: safetensors.torch.save_file(torch.load(\"x.pth\", weights_only=True), \"x.safetensors\")",
            ),
            FileKind::Hdf5 | FileKind::Numpy => Some(
                "convert it in Python, with its arrays in a dictionary by name: safetensors.numpy.save_file(arrays, \"x.safetensors\")",
            ),
            FileKind::Onnx => Some(
                "convert it in Python: safetensors.numpy.save_file({tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(\"x.onnx\").graph.initializer}, \"x.safetensors\")",
            ),
            FileKind::GitLfsPointer => Some("fetch the file it stands for: git lfs pull"),
            FileKind::WebPage => Some("download the file again and look at what the server answers"),
            FileKind::Json => {
                Some("if it is the index of a model in several files, name one of the .safetensors files it lists")
            }
            FileKind::Gguf | FileKind::Text => None,
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            FileKind::Zip => "a zip archive, which is what PyTorch's torch.save writes (.pth, .pt)",
            FileKind::Pickle => {
                "a Python pickle, which is what early versions of PyTorch's torch.save wrote (.pth, .pt)"
            }
            FileKind::Hdf5 => "an HDF5 file, such as Keras writes (.h5)",
            FileKind::Onnx => "an ONNX model",
            FileKind::Numpy => "a NumPy array (.npy)",
            FileKind::Gguf => "a GGUF file",
            FileKind::GitLfsPointer => "a git LFS pointer, which stands for the file itself",
            FileKind::WebPage => "a web page",
            FileKind::Json => "JSON",
            FileKind::Text => "plain text",
        })
    }
}

fn guess_binary(bytes: &[u8]) -> Option<FileKind> {
    match bytes {
        [b'P', b'K', 3, 4, ..] => Some(FileKind::Zip),
        [b'\x89', b'H', b'D', b'F', b'\r', b'\n', 0x1a, b'\n', ..] => Some(FileKind::Hdf5),
        [b'\x93', b'N', b'U', b'M', b'P', b'Y', ..] => Some(FileKind::Numpy),
        [b'G', b'G', b'U', b'F', ..] => Some(FileKind::Gguf),
        // The opcode PROTO and a protocol number.
        [0x80, 2..=5, ..] => Some(FileKind::Pickle),
        // Protobuf: field 1 (the version of the format, a number), then field 2 or 7 (the producer's name, the graph).
        [0x08, 1..=63, 0x12 | 0x3a, ..] => Some(FileKind::Onnx),
        _ => None,
    }
}

fn guess_text(bytes: &[u8]) -> Option<FileKind> {
    let start = bytes.get(..INSPECTED_BYTES).unwrap_or(bytes);
    let start = match core::str::from_utf8(start) {
        Ok(text) => text,
        // A character that is cut off at the end is no reason to doubt the text before it.
        Err(error) if error.error_len().is_none() => {
            let (valid, _) = start.split_at(error.valid_up_to());
            core::str::from_utf8(valid).ok()?
        }
        Err(_) => return None,
    };
    if start.is_empty() || start.chars().any(|character| character.is_control() && !character.is_whitespace()) {
        return None;
    }
    let beginning = start.trim_start().to_ascii_lowercase();
    Some(if beginning.starts_with("version https://git-lfs") {
        FileKind::GitLfsPointer
    } else if beginning.starts_with("<!doctype html") || beginning.starts_with("<html") {
        FileKind::WebPage
    } else if beginning.starts_with(['{', '[']) {
        FileKind::Json
    } else {
        FileKind::Text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognises_each_kind() {
        let cases: [(&[u8], Option<FileKind>); 14] = [
            (b"PK\x03\x04\x00\x00\x08\x08", Some(FileKind::Zip)),
            (b"\x80\x02}q\x00(X\x0b\x00", Some(FileKind::Pickle)),
            (b"\x89HDF\r\n\x1a\n\x00", Some(FileKind::Hdf5)),
            (b"\x08\x08\x12\x07pytorch\x1a", Some(FileKind::Onnx)),
            (b"\x93NUMPY\x01\x00v\x00", Some(FileKind::Numpy)),
            (b"GGUF\x03\x00\x00\x00", Some(FileKind::Gguf)),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0123456789abcdef", Some(FileKind::GitLfsPointer)),
            (b"\n<!DOCTYPE html><html lang=\"en\">", Some(FileKind::WebPage)),
            (b"{\"metadata\": {\"total_size\": 1}}", Some(FileKind::Json)),
            (b"[1, 2, 3, 4]", Some(FileKind::Json)),
            (b"name,top1\nparameternet,81.6\n", Some(FileKind::Text)),
            (b"\x00\x01\x02\x03\x04\x05\x06\x07\x08", None),
            (b"\xff\xfe\xfd\xfc", None),
            (b"", None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(FileKind::guess(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn accepts_text_cut_inside_a_character() {
        let text = "x".repeat(INSPECTED_BYTES - 1) + "ö";
        assert_eq!(FileKind::guess(text.as_bytes()), Some(FileKind::Text));
    }
}
