//! Files: the only I/O of this crate, for the programs that hand texts on the disk to the compiler.
//!
//! In: a path. Out: a text of bounded size, or why there is none ([`LoadError`]). Nothing else in this crate or in the compiler
//! calls it: they know the trait [`Loader`] alone.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::limits::MAX_SOURCE_BYTES;
use crate::source::{LoadError, Loader};

/// Brings the texts of programs in from the disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileLoader;

impl Loader for FileLoader {
    #[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
    fn load(&self, path: &str) -> Result<String, LoadError> {
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => LoadError::NotFound,
            _ => unreadable(&error),
        })?;
        read_text(file)
    }

    /// The `.pnet` files in the same folder.
    fn similar(&self, path: &str) -> Vec<String> {
        neighbours(path, "pnet")
    }
}

/// The files with an extension in the folder of `path`, sorted.
#[must_use]
pub fn neighbours(path: &str, extension: &str) -> Vec<String> {
    let folder = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(entries) = std::fs::read_dir(folder.unwrap_or(Path::new("."))) else { return Vec::new() };
    let names = entries.flatten().map(|entry| match folder {
        Some(folder) => folder.join(entry.file_name()),
        None => entry.file_name().into(),
    });
    let mut names: Vec<String> = names
        .filter(|name| name.extension().is_some_and(|found| found == extension))
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    names
}

/// Reads a whole text of bounded size.
///
/// # Errors
/// When it cannot be read, is larger than a program may be, or is no UTF-8.
pub fn read_text(reader: impl Read) -> Result<String, LoadError> {
    let mut bytes = Vec::new();
    // One byte more than allowed tells that there is more.
    let limit = MAX_SOURCE_BYTES as u64 + 1;
    reader.take(limit).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() > MAX_SOURCE_BYTES {
        return Err(LoadError::TooLarge { limit: MAX_SOURCE_BYTES });
    }
    String::from_utf8(bytes).map_err(|_| LoadError::NotText)
}

/// The system's message without its number.
fn unreadable(error: &io::Error) -> LoadError {
    let text = error.to_string();
    LoadError::Other(match text.find(" (os error") {
        Some(end) => text.get(..end).unwrap_or(&text).to_lowercase(),
        None => text,
    })
}
