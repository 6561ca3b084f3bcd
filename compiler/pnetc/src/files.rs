//! Files: the loader that brings `.pnet` texts in, and writing without ever leaving half a file.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::program::Program;
use parameternet_dsl::limits::MAX_SOURCE_BYTES;
use parameternet_dsl::source::{LoadError, Loader};

use crate::arguments::NetworkOptions;
use crate::data::files::write_whole;
use crate::failure::{self, Failure};

/// Loads source texts from the file system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Disk;

impl Loader for Disk {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        let file = fs::File::open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => LoadError::NotFound,
            _ => LoadError::Other(failure::plain(&error)),
        })?;
        text(file)
    }

    /// The `.pnet` files in the same folder.
    fn similar(&self, path: &str) -> Vec<String> {
        let folder = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty());
        let Ok(entries) = fs::read_dir(folder.unwrap_or(Path::new("."))) else { return Vec::new() };
        let names = entries.flatten().map(|entry| match folder {
            Some(folder) => folder.join(entry.file_name()),
            None => entry.file_name().into(),
        });
        let mut names: Vec<String> = names
            .filter(|name| name.extension().is_some_and(|extension| extension == "pnet"))
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort_unstable();
        names
    }
}

/// Reads a whole text of bounded size.
pub(crate) fn text(reader: impl Read) -> Result<String, LoadError> {
    let mut bytes = Vec::new();
    // One byte more than allowed tells that there is more.
    let limit = MAX_SOURCE_BYTES as u64 + 1;
    reader.take(limit).read_to_end(&mut bytes).map_err(|error| LoadError::Other(failure::plain(&error)))?;
    if bytes.len() > MAX_SOURCE_BYTES {
        return Err(LoadError::TooLarge { limit: MAX_SOURCE_BYTES });
    }
    String::from_utf8(bytes).map_err(|_| LoadError::NotText)
}

/// Loads the program of a file.
pub(crate) fn load(path: &str) -> Result<Program, Failure> {
    // Paths inside programs use `/` everywhere.
    let path = if cfg!(windows) { path.replace('\\', "/") } else { path.to_owned() };
    Ok(Program::load(&Disk, &path)?)
}

/// Loads a file and elaborates the network that the options mean.
pub(crate) fn graph(path: &str, options: &NetworkOptions) -> Result<Graph, Failure> {
    Ok(elaborate(&load(path)?, &request(options))?)
}

/// The options as the compiler wants them.
pub(crate) fn request(options: &NetworkOptions) -> Request {
    Request { network: options.network.clone(), batch: options.batch as usize, settings: options.settings.clone() }
}

/// Writes a file beside its place and moves it there, so that a failure leaves what was there before.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    write_whole(path, content).map_err(|error| failure::data(&error))
}

/// Writes to a file, or to standard output where no file is given.
pub(crate) fn emit(path: Option<&Path>, content: &str) -> Result<(), Failure> {
    match path {
        Some(path) => write(path, content.as_bytes()),
        None => print(content),
    }
}

/// Writes to standard output. A reader that has gone away (`pnetc … | head`) is no error.
pub(crate) fn print(content: &str) -> Result<(), Failure> {
    let mut output = anstream::stdout().lock();
    match output.write_all(content.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(failure::io("write to", "standard output", &error))
        }
        _ => Ok(()),
    }
}
