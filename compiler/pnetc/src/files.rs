//! Files: from the path of a `.pnet` text to the graph, and writing without ever leaving half a file.

use std::io::Write;
use std::path::Path;

use parameternet::FileLoader;
use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::program::Program;
use parameternet_data::files::write_whole;

use crate::arguments::NetworkOptions;
use crate::failure::{self, Failure};

/// Loads the program of a file.
pub(crate) fn load(path: &str) -> Result<Program, Failure> {
    // Paths inside programs use `/` everywhere.
    let path = if cfg!(windows) { path.replace('\\', "/") } else { path.to_owned() };
    Ok(Program::load(&FileLoader, &path)?)
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
