//! The networks of `examples`, with hyper-parameters, and on images of other sizes than those of their files.

#![allow(dead_code, reason = "every suite uses a part of it")]

use std::path::PathBuf;

use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::program::Program;
use parameternet_dsl::source::{LoadError, Loader};

use crate::shared::Disk;

/// Hyper-parameters, as on the command line.
pub(crate) type Settings<'a> = &'a [(&'a str, &'a str)];

/// A network of the repository; `size` replaces the size of its images, height and width.
pub(crate) fn elaborated(file: &str, settings: Settings<'_>, batch: usize, size: Option<[usize; 2]>) -> Graph {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let path = folder.join(file);
    let path = path.to_string_lossy();
    let loader = Resized { path: path.to_string(), size };
    let program = Program::load(&loader, &path).unwrap_or_else(|failure| panic!("{failure}"));
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    elaborate(&program, &Request { settings, batch, network: None }).unwrap_or_else(|failure| panic!("{failure}"))
}

/// Files of the disk, but images of another size in one of them.
struct Resized {
    path: String,
    size: Option<[usize; 2]>,
}

impl Loader for Resized {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        let text = Disk.load(path)?;
        match self.size {
            Some([height, width]) if path == self.path => {
                assert!(text.contains("size, size]"), "the input of {path} has another shape now");
                Ok(text.replace("size, size]", &format!("{height}, {width}]")))
            }
            _ => Ok(text),
        }
    }
}
