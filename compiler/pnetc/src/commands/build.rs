//! `pnetc build`: print a stage of the compilation.

use parameternet_compiler::graph::print;

use crate::arguments::{Build, Stage};
use crate::failure::Failure;
use crate::files;

/// Prints the stage that was asked for.
pub(crate) fn run(options: &Build) -> Result<(), Failure> {
    let text = match options.emit {
        Stage::Ast => parameternet_dsl::print(files::load(&options.file)?.root()),
        Stage::Ir => print::print(&files::graph(&options.file, &options.network)?),
    };
    files::emit(options.output.as_deref(), &text)
}
