//! Options of `pnetc build`, with those of what it writes.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use parameternet_compiler::passes::PASSES;
use parameternet_compiler::plan::rewrites::REWRITES;

use super::onnx::OnnxOptions;
use super::{BudgetOptions, MachineOptions, NetworkOptions};

#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The network
    #[arg(value_name = "FILE")]
    pub file: String,
    /// The stage to print, or the kind of file to write
    #[arg(long, value_name = "STAGE")]
    pub emit: Stage,
    /// Where to write it; standard output by default, but for object files, libraries and ONNX
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// With `--emit ir`: print the graph after this pass, or after all; without it, as the network is written
    #[arg(long, value_name = "PASS", value_parser = PossibleValuesParser::new(passes().chain([ALL])))]
    pub after: Option<String>,
    /// With `--emit plan` and what comes after, or `ir` and `--after`: leave a pass out, or a rewrite of the plan; may be repeated
    #[arg(long, value_name = "PASS", value_parser = PossibleValuesParser::new(passes().chain(rewrites())))]
    pub without: Vec<String>,
    #[command(flatten)]
    pub budget: BudgetOptions,
    #[command(flatten)]
    pub network: NetworkOptions,
    #[command(flatten)]
    pub machine: MachineOptions,
    #[command(flatten)]
    pub package: PackageOptions,
    #[command(flatten)]
    pub object: ObjectOptions,
    #[command(flatten)]
    pub onnx: OnnxOptions,
}

/// What a crate around the network is made with.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Crates")]
pub(crate) struct PackageOptions {
    /// With `--emit rust`: write a whole crate that classifies images into this folder; files that may have been edited are kept
    #[arg(long = "crate", value_name = "FOLDER", conflicts_with = "output")]
    pub folder: Option<PathBuf>,
    /// Make these weights part of the program [default: it reads a file]
    #[arg(long, value_name = "WEIGHTS", requires = "folder")]
    pub embed: Option<PathBuf>,
    /// The repository of ParameterNet, if the crate is to depend on it by path [default: on its releases]
    #[arg(long, value_name = "FOLDER", requires = "folder")]
    pub parameternet: Option<PathBuf>,
}

/// What object files and libraries are made with.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Object files and libraries")]
pub(crate) struct ObjectOptions {
    /// Write the header for C programs to this file
    #[arg(long, value_name = "FILE")]
    pub header: Option<PathBuf>,
    /// What the network's names in C begin with [default: its name, as in `my_net` for MyNet]
    #[arg(long, value_name = "NAME")]
    pub prefix: Option<String>,
    /// The runtime library, libparameternet_c.a [default: the one beside pnetc]
    #[arg(long, value_name = "FILE")]
    pub runtime_lib: Option<PathBuf>,
}

/// Names all passes together.
pub(crate) const ALL: &str = "all";

pub(super) fn passes() -> impl Iterator<Item = &'static str> {
    PASSES.iter().map(|pass| pass.name)
}

pub(super) fn rewrites() -> impl Iterator<Item = &'static str> {
    REWRITES.iter().map(|rewrite| rewrite.name)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stage {
    /// The syntax tree of the file
    Ast,
    /// The graph of the network, every shape known
    Ir,
    /// What will run: steps with kernels and geometry, buffers in the arena
    Plan,
    /// A Rust module with the network as a type
    Rust,
    /// A Python file for PyTorch, to train the network with
    Pytorch,
    /// The code of each step and thread as Cranelift's intermediate form
    Clif,
    /// The code of each step and thread as instructions of this machine
    Asm,
    /// An ONNX file with the network and its weights
    Onnx,
    /// An object file with the network, for C
    Object,
    /// A static library with the network and the runtime
    Staticlib,
    /// A shared library with the network and the runtime
    Cdylib,
}
