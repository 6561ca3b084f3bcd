//! The files that a use of the macro reads: found from the folder of the crate, and remembered, so that changing one compiles the
//! crate anew.
//!
//! In: paths as they are written. Out: texts, through [`Loader`]; and tokens that make the compiler watch what was read.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use parameternet_dsl::files::{FileLoader, neighbours};
use parameternet_dsl::source::{LoadError, Loader};
use proc_macro2::TokenStream;
use quote::quote;

/// The path of a program that is written in the macro itself. It has no folder, so that `use` is relative to that of the crate.
pub(crate) const INLINE: &str = "parameternet!";

/// The files of a crate.
pub(crate) struct Files<'a> {
    /// The folder of the crate.
    folder: &'a Path,
    /// The text of the program in the macro.
    inline: Option<&'a str>,
    read: RefCell<Vec<PathBuf>>,
}

impl<'a> Files<'a> {
    pub(crate) fn new(folder: &'a Path, inline: Option<&'a str>) -> Self {
        Files { folder, inline, read: RefCell::default() }
    }

    /// Where a file lies.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Remembers that a file was read.
    pub(crate) fn remember(&self, path: PathBuf) {
        let mut read = self.read.borrow_mut();
        if !read.contains(&path) {
            read.push(path);
        }
    }

    /// The files in the folder of `path` with an extension, with paths like it.
    pub(crate) fn neighbours(&self, path: &str, extension: &str) -> Vec<String> {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let found = neighbours(&self.path(path).to_string_lossy(), extension);
        let names = found.iter().filter_map(|found| Path::new(found).file_name());
        names.map(|name| Path::new(folder).join(name).to_string_lossy().into_owned()).collect()
    }

    /// Items that make the compiler watch every file that was read.
    pub(crate) fn watched(&self) -> TokenStream {
        let read = self.read.borrow();
        let files = read.iter().filter_map(|path| path.to_str());
        quote!(#(const _: &[u8] = ::core::include_bytes!(#files);)*)
    }
}

impl Loader for Files<'_> {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        if let Some(text) = self.inline
            && path == INLINE
        {
            return Ok(text.to_owned());
        }
        let file = self.path(path);
        let text = FileLoader.load(&file.to_string_lossy())?;
        self.remember(file);
        Ok(text)
    }

    fn similar(&self, path: &str) -> Vec<String> {
        self.neighbours(path, "pnet")
    }
}
