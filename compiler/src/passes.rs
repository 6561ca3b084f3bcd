//! Passes: graphs that compute the same with less work.
//!
//! In: a graph. Out: a graph with the same inputs and outputs, whose values differ by rounding at most. Each pass is one
//! file with the invariant it keeps; [`PASSES`] is the one list, in order, with the reason for each place. A pass can be
//! switched off by name, and a run can stop after one, which bisects a wrong pass.

pub mod common_subexpressions;
pub mod expand_attention;
pub mod expand_batch_norm;
pub mod expand_routing;
pub mod fold;
pub mod fold_batch_norm;
pub mod fold_constants;
pub mod fold_scale;
pub mod merge_branches;
pub mod remove_dead_code;
pub mod remove_identities;
pub mod split_means;
pub mod unify_means;

use crate::graph::{Graph, verify};
use crate::op::error::OpError;

/// A pass.
#[derive(Debug)]
pub struct Pass {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it does, one sentence without a full stop.
    pub summary: &'static str,
    /// Makes the new graph. An error is a defect of the pass.
    pub run: fn(&Graph) -> Result<Graph, OpError>,
}

/// All passes in order.
pub const PASSES: &[Pass] = &[
    // First: what nothing needs would count as a use of its operands. Later passes drop what they replace by themselves.
    remove_dead_code::PASS,
    // Before equal expressions are looked for: means that routings, squeeze-excite blocks and classifiers have in common are
    // found only when they stand there and are written alike. Before identities: a reshape behind such a mean often is one.
    expand_routing::PASS,
    unify_means::PASS,
    // Before equal expressions, which its transposed keys may be.
    expand_attention::PASS,
    // Early: what is not there cannot stand between two operations that belong together.
    remove_identities::PASS,
    // Before equal expressions: a part may have been averaged already.
    split_means::PASS,
    // Before folding: a convolution that two normalisations share is not folded, two equal ones that became one are.
    common_subexpressions::PASS,
    // After equal expressions, each of which is folded once; before scales, which may be such constants.
    fold_constants::PASS,
    // Before scales: the result of a normalisation is what a scale mostly stands behind.
    fold_batch_norm::PASS,
    fold_scale::PASS,
    // After folding: branches are bare convolutions only then.
    merge_branches::PASS,
    // After all that would rather have the normalisation itself.
    expand_batch_norm::PASS,
];

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Passes that are left out.
    pub without: Vec<String>,
    /// The last pass that is run; all if `None`.
    pub after: Option<String>,
}

/// Why the passes could not be run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PassError {
    /// The selection names a pass that does not exist.
    #[error("there is no pass `{0}`")]
    Unknown(String),
    /// A pass made something that is no graph: a defect of the compiler.
    #[error("the pass `{pass}` failed: {reason}; leave it out with `--without {pass}` and report this")]
    Broken {
        /// The pass.
        pass: &'static str,
        /// What was wrong.
        reason: String,
    },
}

/// Runs the selected passes in order.
///
/// # Errors
/// When the selection names a pass that does not exist, or a pass is broken.
pub fn optimize(graph: &Graph, selection: &Selection) -> Result<Graph, PassError> {
    let known = |name: &String| PASSES.iter().any(|pass| pass.name == name);
    if let Some(unknown) = selection.without.iter().chain(&selection.after).find(|name| !known(name)) {
        return Err(PassError::Unknown(unknown.clone()));
    }
    let mut graph = graph.clone();
    for pass in PASSES {
        if !selection.without.iter().any(|name| name == pass.name) {
            let broken = |reason: String| PassError::Broken { pass: pass.name, reason };
            graph = (pass.run)(&graph).map_err(|error| broken(error.kind.to_string()))?;
            verify::verify(&graph).map_err(|violation| broken(violation.to_string()))?;
        }
        if selection.after.as_deref() == Some(pass.name) {
            break;
        }
    }
    Ok(graph)
}

#[cfg(test)]
mod tests;
