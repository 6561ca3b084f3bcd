//! `pnetc build`: print a stage of the compilation.

use parameternet_compiler::graph::print;
use parameternet_compiler::passes::{Selection, optimize};

use crate::arguments::{ALL, Build, Stage};
use crate::failure::Failure;
use crate::files;

/// Prints the stage that was asked for.
pub(crate) fn run(options: &Build) -> Result<(), Failure> {
    let text = match options.emit {
        Stage::Ast if options.after.is_some() => {
            return Err(Failure::Usage("`--after` is for `--emit ir`: passes work on the graph".to_owned()));
        }
        Stage::Ast => parameternet_dsl::print(files::load(&options.file)?.root()),
        Stage::Ir => {
            let mut graph = files::graph(&options.file, &options.network)?;
            if let Some(after) = &options.after {
                let after = (after != ALL).then(|| after.clone());
                let selection = Selection { without: options.without.clone(), after };
                graph = optimize(&graph, &selection).map_err(|error| Failure::Usage(error.to_string()))?;
            }
            print::print(&graph)
        }
    };
    files::emit(options.output.as_deref(), &text)
}
