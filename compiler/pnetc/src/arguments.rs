//! The command line: what can be asked of `pnetc`. Only declarations.

mod build;
pub(crate) mod import;
mod onnx;
pub(crate) mod weights;

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use parameternet_compiler::analysis::convention::Convention;
use parameternet_runtime::{Dtype, Isa};

pub(crate) use build::{ALL, Build, PackageOptions, Stage};
use build::{passes, rewrites};

/// The ParameterNet compiler: networks with many parameters and few FLOPs, from `.pnet` files.
#[derive(Debug, Parser)]
#[command(name = "pnetc", version, about, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  pnetc check net.pnet                            is the network right, and how large is it?
  pnetc run net.pnet cat.png --weights net.safetensors --labels labels.txt
  pnetc analyze net.pnet                          what does it cost?
  pnetc bench net.pnet                            how fast is it here, and where does the time go?
  pnetc ops conv                                  what does an operation take and compute?
  pnetc explain E0401                             what does an error mean?";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check files and say how large their networks are
    #[command(after_help = "\
Examples:
  pnetc check net.pnet
  pnetc check net.pnet --set width=0.5 --set act=silu
  pnetc check net.pnet --budget \"macs<=600M\"
  pnetc check examples/models/*.pnet")]
    Check(Check),
    /// Run a network on images or arrays
    #[command(after_help = "\
Examples:
  pnetc run digits.pnet seven.png --weights digits.safetensors
  pnetc run mobilenetv2.pnet *.jpg --weights mobilenetv2.safetensors --labels imagenet.txt --top 3
  pnetc run net.pnet input.npy --weights net.safetensors --output logits.npy
  cat photo.png | pnetc run net.pnet - --weights net.safetensors
  pnetc run two_inputs.pnet left=a.npy right=b.npy --weights net.safetensors

The environment variable PNET_ISA (avx512, avx2 or portable) chooses an instruction set other than the best one.")]
    Run(Run),
    /// Say what a network costs: parameters, multiply-adds, memory, and where they go
    #[command(after_help = "\
Examples:
  pnetc analyze net.pnet                          a tree of its modules
  pnetc analyze net.pnet --by line                which lines of the source cost the most?
  pnetc analyze net.pnet --explain core..fvcore   why do two tools give different numbers?
  pnetc analyze net.pnet --twin                   what do the experts cost?
  pnetc analyze net.pnet --sweep experts=1,2,4,8 --sweep width=0.5,1 --svg sweep.svg
  pnetc analyze net.pnet --html report.html       all of it as a page, to explore
  pnetc analyze net.pnet --budget \"macs<=600M\"
  pnetc analyze net.pnet --set width=0.5 --batch 8 --json")]
    Analyze(Analyze),
    /// Measure how fast machine code runs a network
    #[command(after_help = "\
What this machine can do is measured on as many threads: multiply-adds in registers, and reading memory that no cache \
holds. A network whose tensors stay in caches can be faster than memory. Other work on the machine disturbs all figures; \
the least time suffers least.

Examples:
  pnetc bench net.pnet
  pnetc bench net.pnet --threads 4 --batch 8 --weights net.safetensors
  pnetc bench net.pnet --per-step                 where does the time go?
  pnetc bench net.pnet --runs 100 --json")]
    Bench(Bench),
    /// Write weights that are made from the tensors' names alone, for tests and measurements
    #[command(after_help = "\
Example:
  pnetc init net.pnet -o net.safetensors --gain 2")]
    Init(Init),
    /// Print a stage of the compilation, or write a network for C or as ONNX
    #[command(after_help = "\
Examples:
  pnetc build net.pnet --emit ir
  pnetc build net.pnet --emit ir --after all --without fold-scale
  pnetc build net.pnet --emit plan --threads 4    steps, buffers and weights of what will run
  pnetc build net.pnet --emit plan --isa avx512   a plan, unlike code, can be made for any machine
  pnetc build net.pnet --emit plan --without merge-branches
  pnetc build net.pnet --emit asm --isa avx2      the instructions of each step
  pnetc build net.pnet --emit ast -o net.ast
  pnetc build net.pnet --emit pytorch -o net.py   a Python file to train the network with
  pnetc build net.pnet --emit object -o net.o --header net.h
  pnetc build net.pnet --emit staticlib -o libnet.a --header net.h --threads 4
  pnetc build net.pnet --emit cdylib -o libnet.so --header net.h --prefix my_net
  pnetc build net.pnet --emit onnx -o net.onnx --weights net.safetensors
  pnetc build net.pnet --emit onnx -o net.onnx --weights net.safetensors --external-data

An object holds code for every instruction set, of which the program chooses the best that its machine has, or that of \
PNET_ISA; with --isa, it holds that one alone. Sessions may have any number of threads; --threads says how many the work \
is cut for.")]
    Build(Build),
    /// Draw a network: its modules and operations, and what flows between them
    #[command(after_help = "\
A module that is not opened is one box; `--depth` says how many levels are opened. The deeper the colour of a box, the larger \
its share of the cost.

Examples:
  pnetc graph net.pnet -o net.svg                 a picture of its modules
  pnetc graph net.pnet -o net.svg --depth 2       what is in them, too
  pnetc graph net.pnet -o net.svg --by parameters
  pnetc graph net.pnet --depth 9 | dot -Tpdf -o net.pdf
                                                  every operation, laid out by Graphviz")]
    Graph(Graph),
    /// Say what differs between two networks: costs, operations, weights, inputs and outputs
    #[command(after_help = "\
Named modules and operations are compared by their paths, others by their order in the module around them. `--set`, \
`--network` and `--batch` are for both networks, unless an option for one of them says otherwise.

Exits with 0 if nothing differs, with 1 if something does, and with 2 if there is any trouble.

Examples:
  pnetc diff old.pnet new.pnet
  pnetc diff net.pnet --set-b width=0.5           one network with two settings
  pnetc diff net.pnet --network-a Small --network-b Large
  pnetc diff old.pnet new.pnet --json")]
    Diff(Diff),
    /// Write a network of another format, ONNX, in the language
    #[command(after_help = import::EXAMPLES)]
    Import(import::Import),
    /// List, compare and convert weights, which are safetensors files
    Weights(weights::Weights),
    /// Format files in place
    #[command(after_help = "\
Examples:
  pnetc fmt net.pnet blocks/*.pnet
  pnetc fmt --check net.pnet                      exit with 1 if it is not formatted
  pnetc fmt - < net.pnet                          from standard input to standard output")]
    Fmt(Fmt),
    /// List the operations of the language, or document some of them
    #[command(after_help = "\
Examples:
  pnetc ops
  pnetc ops conv dynamic_conv")]
    Ops(Ops),
    /// Explain an error code
    #[command(after_help = "\
Example:
  pnetc explain E0401")]
    Explain(Explain),
    /// Print a completion script for a shell
    #[command(after_help = "\
Example:
  pnetc completions bash > ~/.local/share/bash-completion/completions/pnetc")]
    Completions(Completions),
}

/// Which network of a file, and with what hyper-parameters.
#[derive(Debug, Clone, Args)]
pub(crate) struct NetworkOptions {
    /// The network, where the file defines several
    #[arg(long, value_name = "NAME")]
    pub network: Option<String>,
    /// Set a hyper-parameter of the network; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub settings: Vec<(String, String)>,
    /// The batch size
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub batch: u32,
}

/// What machine code is made for.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Machine code")]
pub(crate) struct MachineOptions {
    /// Threads that share the work; the results are the same for any number [default: 1; of objects, 4]
    #[arg(long, value_name = "N", value_parser = threads())]
    pub threads: Option<u16>,
    /// The instruction set [default: that of PNET_ISA, else the best of this machine]
    #[arg(long, value_name = "ISA", value_parser = isas())]
    pub isa: Option<Isa>,
    #[command(flatten)]
    pub experts: ExpertsOptions,
}

/// What the weights of machine code are stored as.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExpertsOptions {
    /// What experts are stored as in memory, and the weights of linear layers and pointwise convolutions of one row: bf16 and
    /// int8 are read faster and are less exact; everything is computed in f32 [default: f32]
    #[arg(long, value_name = "DTYPE", value_parser = dtypes())]
    pub experts_dtype: Option<Dtype>,
}

fn dtypes() -> impl TypedValueParser<Value = Dtype> {
    PossibleValuesParser::new(Dtype::ALL.map(Dtype::name)).try_map(|name| name.parse::<Dtype>())
}

fn threads() -> impl TypedValueParser<Value = u16> {
    clap::value_parser!(u16).range(1..=1024)
}

fn isas() -> impl TypedValueParser<Value = Isa> {
    PossibleValuesParser::new(Isa::ALL.map(Isa::name)).try_map(|name| name.parse::<Isa>())
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() && !value.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
    #[command(flatten)]
    pub budget: BudgetOptions,
    #[command(flatten)]
    pub network: NetworkOptions,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The network
    #[arg(value_name = "FILE")]
    pub file: String,
    /// Images (PNG, JPEG, BMP, WebP) or arrays (.npy); `-` reads one from standard input. A network with several inputs
    /// takes one `NAME=FILE` for each
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<String>,
    /// The weights, a safetensors file
    #[arg(long, short, value_name = "FILE")]
    pub weights: PathBuf,
    #[command(flatten)]
    pub network: NetworkOptions,
    /// What executes the network
    #[arg(long, value_name = "WHAT", default_value = "jit")]
    pub backend: Backend,
    /// Threads that share the work of machine code; the results are the same for any number [default: all cores]
    #[arg(long, value_name = "N", value_parser = threads())]
    pub threads: Option<u16>,
    /// Leave a pass or a rewrite of the plan out of making machine code, such as `winograd`, which rounds more; may be repeated
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(passes().chain(rewrites())))]
    pub without: Vec<String>,
    #[command(flatten)]
    pub experts: ExpertsOptions,
    /// How many classes to show
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub top: usize,
    /// The names of the classes, one a line; by default those that the weights carry
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Write the raw output as .npy instead; with several inputs or outputs their names are worked into the file's name
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub preprocess: PreprocessOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// Machine code, made for the network while you wait: single precision
    Jit,
    /// The interpreter: slow, in double precision, to check against
    Interp,
}

/// How an image becomes a tensor. What is not given is taken from the weights' metadata, else from ImageNet's habits.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Preprocessing")]
pub(crate) struct PreprocessOptions {
    /// The mean of each channel of an image in 0..1, or one for all [default: 0.485,0.456,0.406]
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', allow_hyphen_values = true)]
    pub mean: Option<Vec<f32>>,
    /// The standard deviation of each channel, or one for all [default: 0.229,0.224,0.225]
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    pub std: Option<Vec<f32>>,
    /// How the image is brought to the size of the input [default: crop]
    #[arg(long, value_name = "HOW")]
    pub resize: Option<ResizeOption>,
    /// With `--resize crop`: the share of the shorter side that is kept [default: 0.875]
    #[arg(long, value_name = "SHARE")]
    pub crop_ratio: Option<f32>,
    /// The filter that resizes, with antialiasing [default: bilinear]
    #[arg(long, value_name = "FILTER")]
    pub filter: Option<FilterOption>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ResizeOption {
    /// Scale the shorter side, cut out the centre
    Crop,
    /// Scale both sides to fit, changing the aspect ratio
    Stretch,
    /// The image must have the right size already
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FilterOption {
    Nearest,
    Bilinear,
    Bicubic,
    Lanczos,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("measurable").args(["sweep", "html"]).multiple(true))]
pub(crate) struct Analyze {
    /// The network
    #[arg(value_name = "FILE")]
    pub file: String,
    /// What the rows of the table are
    #[arg(long, value_name = "WHAT", default_value = "module")]
    pub by: By,
    /// With `--by module`: how many levels of the tree are shown
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(0..=64))]
    pub depth: u16,
    /// What is counted
    #[arg(long, value_name = "NAME", default_value = "core", value_parser = conventions())]
    pub convention: Convention,
    /// Say which operations make the difference between two conventions
    #[arg(long, value_name = "A..B", value_parser = two_conventions)]
    pub explain: Option<(Convention, Convention)>,
    /// Compare with the network that has plain convolutions in place of dynamic ones
    #[arg(long)]
    pub twin: bool,
    /// Tabulate the network for several values of a hyper-parameter; several of these form a grid
    #[arg(long, value_name = "NAME=A,B,…", value_parser = sweep, conflicts_with_all = ["twin", "explain", "budgets"])]
    pub sweep: Vec<Sweep>,
    /// Write one page with everything: the graph, the source, tables, the memory and a roofline, for any browser
    #[arg(long, value_name = "FILE", conflicts_with_all = ["sweep", "twin", "explain", "csv"])]
    pub html: Option<PathBuf>,
    /// With `--sweep` or `--html`: run machine code and measure it, too
    #[arg(long, requires = "measurable")]
    pub time: bool,
    /// With `--sweep`: draw parameters against multiply-adds, one point a setting
    #[arg(long, value_name = "FILE", requires = "sweep")]
    pub svg: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Print the rows of the table as CSV, with all that is counted
    #[arg(long, conflicts_with_all = ["json", "explain", "twin"])]
    pub csv: bool,
    #[command(flatten)]
    pub budget: BudgetOptions,
    #[command(flatten)]
    pub network: NetworkOptions,
    #[command(flatten)]
    pub machine: MachineOptions,
}

/// What a network may cost, beside the budgets of its file.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct BudgetOptions {
    /// Fail if the network costs more, such as `macs<=600M`, `macs(paper)<=600M` or `params<35M`; may be repeated
    #[arg(long = "budget", value_name = "LIMIT")]
    pub budgets: Vec<String>,
}

/// The rows of a table of costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// A tree of the parts of the network as they are named
    Module,
    /// Operations, the costliest first
    Op,
    /// Lines of the source, the costliest first
    Line,
    /// Every node of the graph, in order
    Node,
}

/// The values of a hyper-parameter to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sweep {
    pub name: String,
    pub values: Vec<String>,
}

fn conventions() -> impl TypedValueParser<Value = Convention> {
    PossibleValuesParser::new(
        Convention::ALL.map(|convention| PossibleValue::new(convention.name()).help(convention.summary())),
    )
    .try_map(|name| name.parse::<Convention>())
}

fn two_conventions(text: &str) -> Result<(Convention, Convention), String> {
    let parts = text.split_once("..").or_else(|| text.split_once(','));
    let (from, to) = parts.ok_or("expected two conventions, such as core..fvcore")?;
    let convention = |name: &str| name.trim().parse::<Convention>().map_err(|error| error.to_string());
    Ok((convention(from)?, convention(to)?))
}

/// Commas inside parentheses and brackets belong to a value.
fn sweep(text: &str) -> Result<Sweep, String> {
    let (name, list) = setting(text).map_err(|_| "expected NAME=A,B,…".to_owned())?;
    let (mut values, mut depth) = (vec![String::new()], 0usize);
    for character in list.chars() {
        match character {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match (character, values.last_mut()) {
            (',', _) if depth == 0 => values.push(String::new()),
            (_, Some(value)) => value.push(character),
            (_, None) => {}
        }
    }
    let values: Vec<String> = values.iter().map(|value| value.trim().to_owned()).collect();
    if values.iter().any(String::is_empty) {
        return Err(format!("a value of `{name}` is missing between commas"));
    }
    Ok(Sweep { name, values })
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// The network
    #[arg(value_name = "FILE")]
    pub file: String,
    /// The weights, a safetensors file; by default those of `pnetc init`
    #[arg(long, short, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// Show how long each step takes, the longest first
    #[arg(long)]
    pub per_step: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// How often to run, after a warm-up
    #[arg(long, value_name = "N", conflicts_with = "seconds", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub runs: Option<u32>,
    /// How long to run, after a warm-up
    #[arg(long, value_name = "S", default_value_t = 3.0, value_parser = seconds)]
    pub seconds: f64,
    /// Leave a pass or a rewrite of the plan out, to see what it gains; may be repeated
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(passes().chain(rewrites())))]
    pub without: Vec<String>,
    #[command(flatten)]
    pub network: NetworkOptions,
    #[command(flatten)]
    pub machine: MachineOptions,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number <= 3600.0 => Ok(number),
        _ => Err("expected a number of seconds greater than 0 and at most 3600".to_owned()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The network
    #[arg(value_name = "FILE")]
    pub file: String,
    /// Where to write the weights
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// The variance of a kernel times its inputs per output
    #[arg(long, value_name = "G", default_value_t = 2.0, value_parser = positive)]
    pub gain: f64,
    #[command(flatten)]
    pub network: NetworkOptions,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("expected a number greater than 0".to_owned()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct Graph {
    /// The network
    #[arg(value_name = "FILE")]
    pub file: String,
    /// Where to write it, a name that ends in `.svg` or `.dot`; standard output by default
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// What to write [default: what the output's name says, else dot]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// How many levels of modules are opened: 0 shows the network as one box
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(0..=64))]
    pub depth: u16,
    /// What the boxes are coloured by
    #[arg(long, value_name = "WHAT", default_value = "work")]
    pub by: GraphBy,
    /// How work is counted
    #[arg(long, value_name = "NAME", default_value = "core", value_parser = conventions())]
    pub convention: Convention,
    #[command(flatten)]
    pub network: NetworkOptions,
}

/// The form of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text that Graphviz lays out
    Dot,
    /// A picture for browsers and documents
    Svg,
}

/// What the boxes of a picture are coloured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphBy {
    /// What is computed, by the convention
    Work,
    /// Trainable parameters
    Parameters,
    /// Bytes of the tensors that are written
    Activations,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The first network
    #[arg(value_name = "A")]
    pub from: String,
    /// The second network; the file of the first if it is left out
    #[arg(value_name = "B")]
    pub to: Option<String>,
    /// Set a hyper-parameter of the first network alone; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    pub set_a: Vec<(String, String)>,
    /// Set a hyper-parameter of the second network alone; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    pub set_b: Vec<(String, String)>,
    /// The first network, where its file defines several
    #[arg(long, value_name = "NAME")]
    pub network_a: Option<String>,
    /// The second network, where its file defines several
    #[arg(long, value_name = "NAME")]
    pub network_b: Option<String>,
    /// How work is counted where parts are compared by their cost
    #[arg(long, value_name = "NAME", default_value = "core", value_parser = conventions())]
    pub convention: Convention,
    /// How many levels of the tree of costs are shown
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(0..=64))]
    pub depth: u16,
    /// Show every change, however many there are
    #[arg(long)]
    pub all: bool,
    /// Print JSON, with every change
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub network: NetworkOptions,
}

#[derive(Debug, Args)]
pub(crate) struct Fmt {
    /// The files; `-` formats standard input to standard output
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
    /// Change nothing; exit with 1 if a file is not formatted
    #[arg(long)]
    pub check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Ops {
    /// The operations to document; all are listed if none is given
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Print the whole reference as Markdown
    #[arg(long, conflicts_with = "names")]
    pub markdown: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The code, such as E0401; all are listed if none is given
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}
