//! The command line of `pnetc weights`. Only declarations.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use parameternet_runtime::ElementType;
use regex::Regex;

use super::NetworkOptions;

#[derive(Debug, Args)]
pub(crate) struct Weights {
    #[command(subcommand)]
    pub command: WeightsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WeightsCommand {
    /// List the tensors of files, or say whether they fit a network
    #[command(after_help = "\
Examples:
  pnetc weights list w.safetensors
  pnetc weights list w.safetensors --filter 'routing|fc[12]'
  pnetc weights list w.safetensors --for net.pnet --set experts=8
                                                  which tensors fit, which are missing, which are left over?

With --for, exits with 1 if a file does not fit.")]
    List(List),
    /// Say what differs between two files
    #[command(after_help = "\
Exits with 0 if nothing differs, with 1 if something does, and with 2 if there is any trouble.

Examples:
  pnetc weights compare old.safetensors new.safetensors
  pnetc weights compare full.safetensors half.safetensors --tolerance 1e-3 --ignore-dtype")]
    Compare(Compare),
    /// Write tensors of a file into a new one: renamed, chosen, in another element type
    #[command(after_help = "\
Patterns are regular expressions, found anywhere in a name unless they say otherwise with `^` and `$`. What is kept and dropped \
goes by the names in IN; then prefixes are stripped; then the renames follow, in the order in which they are given. \
PyTorch's .pth files are read by examples/pth_to_safetensors.py.

Examples:
  pnetc weights convert w.safetensors -o half.safetensors --dtype f16
  pnetc weights convert w.safetensors -o net.safetensors --strip-prefix module. --drop '^head[.]'
  pnetc weights convert w.safetensors -o net.safetensors --rename '^layer([1-4])[.]=stages.$1.' --rename 'gamma$=weight'")]
    Convert(Convert),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// The safetensors files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// List tensors whose name this regular expression is found in; may be repeated
    #[arg(long, value_name = "PATTERN", conflicts_with = "program")]
    pub filter: Vec<Regex>,
    /// Compare with the weights that this network needs
    #[arg(long = "for", value_name = "NET.pnet")]
    pub program: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub network: NetworkOptions,
}

#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// The first file
    #[arg(value_name = "A")]
    pub from: PathBuf,
    /// The second file
    #[arg(value_name = "B")]
    pub to: PathBuf,
    /// The largest difference in a tensor that is none, as a part of its largest magnitude in A
    #[arg(long, value_name = "T", default_value_t = 0.0, value_parser = tolerance)]
    pub tolerance: f64,
    /// Say nothing where element types alone differ
    #[arg(long)]
    pub ignore_dtype: bool,
    /// Show every difference, however many there are
    #[arg(long)]
    pub all: bool,
    /// Print JSON, with every difference
    #[arg(long)]
    pub json: bool,
}

fn tolerance(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number >= 0.0 && number.is_finite() => Ok(number),
        _ => Err("expected a number that is not negative".to_owned()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct Convert {
    /// The safetensors file
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// Where to write the new one
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// The element type of the new file; integers stay as they are
    #[arg(long, value_name = "TYPE")]
    pub dtype: Option<Dtype>,
    /// Leave out every tensor but those whose name this is found in; may be repeated
    #[arg(long, value_name = "PATTERN")]
    pub keep: Vec<Regex>,
    /// Leave out tensors whose name this is found in; may be repeated
    #[arg(long, value_name = "PATTERN")]
    pub drop: Vec<Regex>,
    /// Take a prefix off the names that begin with it; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub strip_prefix: Vec<String>,
    /// Replace what a pattern finds in names; `$1` or `${name}` in TO is what a group of it found; may be repeated
    #[arg(long, value_name = "FROM=TO", value_parser = rename)]
    pub rename: Vec<Rename>,
}

/// A rule that renames tensors.
#[derive(Debug, Clone)]
pub(crate) struct Rename {
    pub from: Regex,
    pub to: String,
}

fn rename(text: &str) -> Result<Rename, String> {
    let (from, to) = text.split_once('=').filter(|(from, _)| !from.is_empty()).ok_or("expected FROM=TO")?;
    let from = Regex::new(from).map_err(|error| error.to_string())?;
    // What the pattern has no group for would become nothing without a word.
    for name in references(to) {
        let is_group = match name.parse::<usize>() {
            Ok(number) => number < from.captures_len(),
            Err(_) => from.capture_names().flatten().any(|group| group == name),
        };
        if !is_group {
            return Err(format!("the pattern has no group `{name}`; `${{1}}x` is group 1 before an x, `$$` a dollar"));
        }
    }
    Ok(Rename { from, to: to.to_owned() })
}

/// The groups that a replacement refers to, as `$name` and `${name}`.
fn references(to: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = to;
    while let Some((_, after)) = rest.split_once('$') {
        if let Some(escaped) = after.strip_prefix('$') {
            rest = escaped;
            continue;
        }
        let name = match after.strip_prefix('{').and_then(|braced| braced.split_once('}')) {
            Some((name, _)) => name,
            None => {
                let end = after.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
                after.get(..end.unwrap_or(after.len())).unwrap_or_default()
            }
        };
        if !name.is_empty() {
            found.push(name);
        }
        rest = after;
    }
    found
}

/// The element types that weights are converted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dtype {
    /// IEEE 754 single precision, 4 bytes
    F32,
    /// IEEE 754 half precision, 2 bytes
    F16,
    /// The upper half of single precision, 2 bytes
    Bf16,
}

impl From<Dtype> for ElementType {
    fn from(dtype: Dtype) -> Self {
        match dtype {
            Dtype::F32 => ElementType::F32,
            Dtype::F16 => ElementType::F16,
            Dtype::Bf16 => ElementType::Bf16,
        }
    }
}
