//! `pnetc fmt`: format files in place.

use parameternet::{FileLoader, read_text};
use parameternet_compiler::program::Failure as ProgramFailure;
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::Diagnostic;
use parameternet_dsl::source::{LoadError, Loader, SourceMap};

use crate::arguments::Fmt;
use crate::failure::Failure;
use crate::files;

/// Formats every file; with `--check`, only says which are not formatted.
pub(crate) fn run(options: &Fmt) -> Result<(), Failure> {
    let mut failed = false;
    for path in &options.files {
        match file(path, options.check) {
            Ok(()) => {}
            Err(failure) => {
                failure.report();
                failed = true;
            }
        }
    }
    if failed { Err(Failure::Told) } else { Ok(()) }
}

fn file(path: &str, check: bool) -> Result<(), Failure> {
    let (name, text) = match path {
        "-" => ("<stdin>", read_text(std::io::stdin().lock())),
        path => (path, FileLoader.load(path)),
    };
    let text =
        text.map_err(|error: LoadError| Diagnostic::new(Code::E0101, format!("cannot read `{name}`: {error}")))?;
    let mut sources = SourceMap::new();
    let source = sources.add(name, text.clone());
    let formatted = match parameternet_dsl::format(&sources, source) {
        Ok(formatted) => formatted,
        Err(diagnostics) => return Err(ProgramFailure { sources, diagnostics }.into()),
    };
    if check {
        if formatted == text {
            return Ok(());
        }
        files::print(&format!("{name}: not formatted\n"))?;
        return Err(Failure::Told);
    }
    if path == "-" {
        return files::print(&formatted);
    }
    if formatted == text { Ok(()) } else { files::write(path.as_ref(), formatted.as_bytes()) }
}
