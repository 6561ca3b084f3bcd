//! `pnetc build`: print a stage of the compilation, or write a network for other languages.

mod object;
mod onnx;
mod rust;

use parameternet_compiler::backend::jit::{self, Listing};
use parameternet_compiler::compile::{self, CompileError};
use parameternet_compiler::elaborate::elaborate;
use parameternet_compiler::export::pytorch::pytorch;
use parameternet_compiler::graph::{Graph, print};
use parameternet_compiler::passes::{Selection, optimize};
use parameternet_compiler::plan::rewrites::REWRITES;
use parameternet_compiler::program::Program;

use crate::arguments::{ALL, Build, Stage};
use crate::failure::Failure;
use crate::{budgets, files, stages};

/// Prints the stage that was asked for, or writes the file.
pub(crate) fn run(options: &Build) -> Result<(), Failure> {
    check(options)?;
    let text = match options.emit {
        Stage::Ast => parameternet_dsl::print(files::load(&options.file)?.root()),
        Stage::Ir => {
            let mut graph = graph(&files::load(&options.file)?, options)?;
            if let Some(after) = &options.after {
                let after = (after != ALL).then(|| after.clone());
                let selection = Selection { without: options.without.clone(), after };
                graph = optimize(&graph, &selection).map_err(CompileError::from)?;
            }
            print::print(&graph)
        }
        Stage::Rust => {
            let program = files::load(&options.file)?;
            return rust::write(&program, &graph(&program, options)?, options);
        }
        Stage::Pytorch => {
            let program = files::load(&options.file)?;
            pytorch(&program, &files::request(&options.network), &graph(&program, options)?)?
        }
        Stage::Plan => code(options, None)?,
        Stage::Clif => code(options, Some(Listing::Clif))?,
        Stage::Asm => code(options, Some(Listing::Assembly))?,
        Stage::Onnx => return onnx::write(&graph(&files::load(&options.file)?, options)?, options),
        Stage::Object | Stage::Staticlib | Stage::Cdylib => {
            let Some(output) = &options.output else {
                let message = "`--emit object`, `staticlib` and `cdylib` need `--output`: they are no texts";
                return Err(Failure::Usage(message.to_owned()));
            };
            return object::write(&graph(&files::load(&options.file)?, options)?, options, output);
        }
    };
    files::emit(options.output.as_deref(), &text)
}

/// The graph of the network, if its budgets hold.
fn graph(program: &Program, options: &Build) -> Result<Graph, Failure> {
    let request = files::request(&options.network);
    let graph = elaborate(program, &request)?;
    budgets::check(program, &request, &graph, &options.budget)?;
    Ok(graph)
}

/// The plan, or a listing of its code.
fn code(options: &Build, listing: Option<Listing>) -> Result<String, Failure> {
    let mut compiler = stages::options(&options.machine)?;
    compiler.passes.without.clone_from(&options.without);
    let graph = graph(&files::load(&options.file)?, options)?;
    let plan = compile::plan(&graph, &compiler)?;
    match listing {
        None => Ok(plan.to_string()),
        Some(listing) => Ok(jit::list(&plan, listing).map_err(CompileError::from)?),
    }
}

/// Refuses options that the stage would ignore.
fn check(options: &Build) -> Result<(), Failure> {
    let is_rewrite = |name: &&String| REWRITES.iter().any(|rewrite| rewrite.name == **name);
    if let (Stage::Ir, Some(rewrite)) = (options.emit, options.without.iter().find(is_rewrite)) {
        let message =
            format!("`{rewrite}` is no pass over the graph: leave it out of `--emit plan` or what comes after");
        return Err(Failure::Usage(message));
    }
    let (passes, machine) = match options.emit {
        Stage::Ast => (false, false),
        Stage::Ir => (options.after.is_some(), false),
        Stage::Rust | Stage::Onnx | Stage::Pytorch => (false, false),
        Stage::Plan | Stage::Clif | Stage::Asm | Stage::Object | Stage::Staticlib | Stage::Cdylib => (true, true),
    };
    let is_object = matches!(options.emit, Stage::Object | Stage::Staticlib | Stage::Cdylib);
    let has_runtime = matches!(options.emit, Stage::Staticlib | Stage::Cdylib);
    let message = if options.after.is_some() && options.emit != Stage::Ir {
        "`--after` is for `--emit ir`: it prints the graph after a pass"
    } else if !options.without.is_empty() && !passes && options.emit == Stage::Ir {
        "`--without` needs `--after` here: without it, `--emit ir` prints the graph before all passes; try `--after all`"
    } else if !options.without.is_empty() && !passes {
        "`--without` is for `--emit ir`, `plan` and what comes after: passes work on the graph"
    } else if (options.machine.threads.is_some() || options.machine.isa.is_some()) && !machine {
        "`--threads` and `--isa` are for `--emit plan` and what comes after: earlier stages do not depend on the machine"
    } else if options.machine.experts.experts_dtype.is_some() && !machine && options.emit != Stage::Rust {
        "`--experts-dtype` is for `--emit rust`, `plan` and what comes after: it says how programs keep weights in memory"
    } else if !options.budget.budgets.is_empty() && options.emit == Stage::Ast {
        "`--budget` is for stages after `--emit ast`: costs are known when the graph is"
    } else if (options.object.header.is_some() || options.object.prefix.is_some()) && !is_object {
        "`--header` and `--prefix` are for `--emit object`, `staticlib` and `cdylib`: C programs use these"
    } else if options.package.folder.is_some() && options.emit != Stage::Rust {
        "`--crate` is for `--emit rust`"
    } else if options.object.runtime_lib.is_some() && !has_runtime {
        "`--runtime-lib` is for `--emit staticlib` and `cdylib`, which hold the runtime library"
    } else if (options.onnx.weights.is_some() || options.onnx.external_data.is_some()) && options.emit != Stage::Onnx {
        "`--weights` and `--external-data` are for `--emit onnx`: other stages hold no weights"
    } else {
        return Ok(());
    };
    Err(Failure::Usage(message.to_owned()))
}
