//! `pnetc`, the compiler on the command line: arguments, files and exit codes. All I/O of the compiler is here; what is
//! computed is computed by the libraries.
//!
//! Exit codes: 0 for success, 1 when the program or the data is at fault, 2 for misuse of the command line. As with other
//! programs of that name, 1 from `diff` says that there are differences, and 2 that there is any trouble; `weights compare` does the same.

mod arguments;
mod budgets;
mod commands;
mod failure;
mod files;
mod progress;
mod stages;
mod svg;
mod table;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Check(options) => commands::check::run(&options),
        Command::Run(options) => commands::run::run(&options),
        Command::Analyze(options) => commands::analyze::run(&options),
        Command::Bench(options) => commands::bench::run(&options),
        Command::Init(options) => commands::init::run(&options),
        Command::Build(options) => commands::build::run(&options),
        Command::Graph(options) => commands::graph::run(&options),
        Command::Diff(options) => commands::diff::run(&options),
        Command::Import(options) => commands::import::run(&options),
        Command::Weights(options) => commands::weights::run(&options),
        Command::Fmt(options) => commands::fmt::run(&options),
        Command::Ops(options) => commands::ops::run(&options),
        Command::Explain(options) => commands::explain::run(&options),
        Command::Completions(options) => commands::completions::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
