//! `pnetc weights list --for`: which tensors of a file fit a network, which are missing and which are left over.

use std::collections::HashSet;
use std::path::Path;

use parameternet_compiler::graph::Graph;
use parameternet_compiler::weight::Weight;
use parameternet_runtime::{MismatchError, TensorSpec, WeightFile};
use serde_json::{Value, json};

use super::shape;
use crate::arguments::weights::List;
use crate::failure::Failure;
use crate::files;
use crate::table::{counted, grouped};

/// Compares every file with the network, and fails, having told so, if one does not fit.
pub(super) fn run(options: &List, program: &str, opened: &[(&Path, WeightFile)]) -> Result<(), Failure> {
    let graph = files::graph(program, &options.network)?;
    let specs: Vec<TensorSpec> = graph.stored_weights().map(Weight::spec).collect();
    let fits: Vec<Fit<'_>> = opened.iter().map(|(path, file)| Fit::new(path, file, &specs)).collect();
    let shown = match options.json {
        true => format!("{:#}\n", fits.iter().map(|fit| fit.json(&graph)).collect::<Value>()),
        false => fits.iter().map(|fit| fit.text(&graph)).collect::<Vec<_>>().join("\n"),
    };
    files::print(&shown)?;
    if fits.iter().all(|fit| fit.mismatch.is_none()) { Ok(()) } else { Err(Failure::Told) }
}

/// A file beside what a network needs.
struct Fit<'a> {
    path: &'a Path,
    /// The tensors that can be used as they are, in the network's order.
    fitting: Vec<&'a TensorSpec>,
    mismatch: Option<Box<MismatchError>>,
}

impl<'a> Fit<'a> {
    fn new(path: &'a Path, file: &WeightFile, specs: &'a [TensorSpec]) -> Self {
        let mismatch = file.bind(specs).err();
        let unfit: HashSet<&str> = mismatch.iter().flat_map(|mismatch| unfit(mismatch)).collect();
        let fitting = specs.iter().filter(|spec| !unfit.contains(spec.name.as_str())).collect();
        Fit { path, fitting, mismatch }
    }

    fn text(&self, graph: &Graph) -> String {
        let needed = graph.stored_weights().count() as u64;
        let mut text = format!(
            "{}: {} of the {} tensors of {} fit\n",
            self.path.display(),
            grouped(self.fitting.len() as u64),
            grouped(needed),
            graph.network
        );
        let Some(mismatch) = &self.mismatch else { return text };
        let mut section = |what: &str, lines: Vec<String>| {
            if !lines.is_empty() {
                let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
                text.push_str(&format!("{} {what}\n{lines}", counted(lines.lines().count(), "tensor")));
            }
        };
        let missing = mismatch.missing.iter().map(|tensor| {
            let like = tensor.suggestion.as_ref().map_or_else(String::new, |name| format!("; the file has `{name}`"));
            format!("{} {}{like}", tensor.name, shape(&tensor.shape))
        });
        section("missing from the file", missing.collect());
        let unexpected = &mismatch.unexpected;
        section(
            "left over, which the network does not have",
            unexpected
                .iter()
                .map(|tensor| format!("{} {}", tensor.name.escape_debug(), shape(&tensor.shape)))
                .collect(),
        );
        let wrong = mismatch.wrong_shapes.iter().map(|tensor| {
            let (expected, found) = (shape(&tensor.expected), shape(&tensor.found));
            format!("{}: the network has {expected}, the file {found}", tensor.name)
        });
        section("of another shape", wrong.collect());
        let unreadable = mismatch.unsupported_types.iter().map(|tensor| format!("{}: {}", tensor.name, tensor.found));
        section("of an element type that holds no weights", unreadable.collect());
        if let Some(common) = &mismatch.common_prefix {
            text.push_str(&format!(
                "without the prefix `{prefix}` of the names in the file, {} of those missing would be found: \
                 see `pnetc weights convert --strip-prefix {prefix}`\n",
                grouped(common.found_without as u64),
                prefix = common.prefix
            ));
        }
        text
    }

    fn json(&self, graph: &Graph) -> Value {
        let empty = MismatchError::default();
        let mismatch = self.mismatch.as_deref().unwrap_or(&empty);
        json!({
            "file": self.path.display().to_string(),
            "network": graph.network,
            "fits": self.mismatch.is_none(),
            "fitting": self.fitting.iter().map(|spec| &spec.name).collect::<Vec<_>>(),
            "missing": mismatch.missing.iter().map(|tensor| json!({
                "name": tensor.name, "shape": tensor.shape, "suggestion": tensor.suggestion,
            })).collect::<Value>(),
            "left_over": mismatch.unexpected.iter().map(|tensor| json!({
                "name": tensor.name, "shape": tensor.shape,
            })).collect::<Value>(),
            "wrong_shapes": mismatch.wrong_shapes.iter().map(|tensor| json!({
                "name": tensor.name, "network": tensor.expected, "file": tensor.found,
            })).collect::<Value>(),
            "unreadable": mismatch.unsupported_types.iter().map(|tensor| json!({
                "name": tensor.name, "dtype": tensor.found,
            })).collect::<Value>(),
            "common_prefix": mismatch.common_prefix.as_ref().map(|common| &common.prefix),
        })
    }
}

/// The tensors of the network that the file does not provide.
fn unfit(mismatch: &MismatchError) -> impl Iterator<Item = &str> {
    let missing = mismatch.missing.iter().map(|tensor| tensor.name.as_str());
    let wrong = mismatch.wrong_shapes.iter().map(|tensor| tensor.name.as_str());
    missing.chain(wrong).chain(mismatch.unsupported_types.iter().map(|tensor| tensor.name.as_str()))
}
