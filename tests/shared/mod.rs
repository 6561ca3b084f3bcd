//! What the suites share: finding `../shared`, reading its files, loading networks from the disk.

#![allow(dead_code, reason = "every suite uses a part of it")]
#![allow(clippy::disallowed_methods, reason = "suites read files; the rule is for the libraries")]

use std::path::{Path, PathBuf};

use parameternet_dsl::source::{LoadError, Loader};
use serde_json::Value;

/// The folder of reference outputs beside the repository. Without it a test says so and skips; in CI that is a failure.
pub(crate) fn root() -> Option<PathBuf> {
    // The suites belong to `compiler` or `compiler/pnetc`.
    let found = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("shared"))
        .find(|folder| folder.join("golden").is_dir());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "../shared is missing");
        println!("skipped: there is no ../shared beside the repository");
    }
    found
}

/// A JSON file of the reference outputs.
pub(crate) fn golden(name: &str) -> Option<Value> {
    let text = std::fs::read_to_string(root()?.join("golden").join(name)).expect("a readable reference file");
    Some(serde_json::from_str(&text).expect("valid JSON"))
}

/// A Python with what `tests/python/requirements.txt` lists: the one that `PNET_PYTHON` names, or that of `target/python`.
/// Without it a test says so and skips; in CI that is a failure.
pub(crate) fn python() -> Option<PathBuf> {
    let own =
        || Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("target/python/bin/python"));
    let found = match std::env::var_os("PNET_PYTHON") {
        Some(named) => Some(PathBuf::from(named)),
        None => own().find(|path| path.is_file()),
    };
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "there is no Python with tests/python/requirements.txt");
        println!(
            "skipped: there is no Python with tests/python/requirements.txt in target/python, and PNET_PYTHON is not set"
        );
    }
    found
}

/// What is known of a network: a file of `data/networks`, or of the reference outputs.
pub(crate) fn reference(name: &str) -> Option<Value> {
    let file = format!("{name}.json");
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    match folders.map(|folder| folder.join("tests/data/networks").join(&file)).find(|path| path.is_file()) {
        Some(own) => {
            let text = std::fs::read_to_string(own).expect("a readable reference file");
            Some(serde_json::from_str(&text).expect("valid JSON"))
        }
        None => golden(&file),
    }
}

/// A JSON list of numbers.
pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|number| number.as_f64().expect("a number")).collect()
}

/// The elements of an array of `../shared`.
pub(crate) fn npy(path: &str) -> Vec<f64> {
    npy_at(&root().expect("../shared").join(path))
}

/// The elements of a little-endian f32 array in NumPy's format, version 1.
pub(crate) fn npy_at(path: &Path) -> Vec<f64> {
    let bytes = std::fs::read(path).expect("a readable array");
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    bytes[10 + header..]
        .chunks_exact(4)
        .map(|chunk| f64::from(f32::from_le_bytes(chunk.try_into().expect("four bytes"))))
        .collect()
}

/// An array in NumPy's format, version 1.
pub(crate) fn npy_bytes(shape: &[usize], data: &[f32]) -> Vec<u8> {
    let dims: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({},), }}", dims.join(", "));
    // The data begins at a multiple of 64 bytes, after a line break.
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let length = u16::try_from(header.len()).expect("a short header").to_le_bytes();
    let data = data.iter().flat_map(|value| value.to_le_bytes());
    b"\x93NUMPY\x01\x00".iter().copied().chain(length).chain(header.into_bytes()).chain(data).collect()
}

/// Loads source texts from the file system.
pub(crate) struct Disk;

impl Loader for Disk {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        std::fs::read_to_string(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => LoadError::NotFound,
            _ => LoadError::Other(error.to_string()),
        })
    }
}
