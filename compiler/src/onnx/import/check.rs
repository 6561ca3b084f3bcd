//! Whether a text is right: the formatter and the compiler take it, and it needs the weights that there are.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use parameternet_dsl::format;
use parameternet_dsl::source::SourceMap;

use super::error::ImportError;
use super::{ImportedWeight, defect};
use crate::elaborate::{Request, elaborate};
use crate::graph::Graph;
use crate::op::Op;
use crate::op::activation::Activation;
use crate::program::{Failure, MemoryLoader, Program};

/// What a text computes: equal for texts that mean the same graph with the same weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meaning(Vec<u64>);

/// The text as the formatter lays it out, and what it means.
pub(super) fn checked(
    text: String,
    weights: &[ImportedWeight],
    batch: usize,
) -> Result<(String, Meaning), ImportError> {
    const PATH: &str = "imported.pnet";
    let mut sources = SourceMap::new();
    let id = sources.add(PATH, text);
    let text = match format(&sources, id) {
        Ok(text) => text,
        Err(diagnostics) => return Err(defect(Failure { sources, diagnostics }.to_string())),
    };
    let program =
        Program::load(&MemoryLoader::new(PATH, text.clone()), PATH).map_err(|failure| defect(failure.to_string()))?;
    let request = Request { batch, ..Request::default() };
    let graph = elaborate(&program, &request).map_err(|failure| defect(failure.to_string()))?;
    let known: HashMap<&str, &ImportedWeight> = weights.iter().map(|weight| (weight.name.as_str(), weight)).collect();
    let mut needed = 0_usize;
    for weight in graph.stored_weights() {
        needed += 1;
        match known.get(weight.name.as_str()) {
            Some(found) if found.shape == weight.shape.dims() => {}
            Some(found) => {
                return Err(defect(format!("`{}` has shape {:?}, not {}", weight.name, found.shape, weight.shape)));
            }
            None => return Err(defect(format!("there is no weight `{}`", weight.name))),
        }
    }
    if needed != weights.len() {
        return Err(defect("there are weights that nothing reads".to_owned()));
    }
    Ok((text, meaning(&graph)))
}

/// The outputs of a graph, each by its operation, weights and operands, down to the inputs.
fn meaning(graph: &Graph) -> Meaning {
    let mut of_node = HashMap::new();
    for (id, node) in graph.nodes() {
        // Where an activation is a parameter, none is this one.
        if let (Op::Activation(Activation::Identity), [operand]) = (&node.op, graph.operands(id).as_slice()) {
            of_node.insert(id, of_node.get(operand).copied().unwrap_or(0));
            continue;
        }
        let mut hasher = DefaultHasher::new();
        format!("{:?}", node.op).hash(&mut hasher);
        for weight in &node.weights {
            graph.weight(*weight).map(|weight| weight.name.as_str()).hash(&mut hasher);
        }
        for operand in graph.operands(id) {
            of_node.get(&operand).copied().unwrap_or(0_u64).hash(&mut hasher);
        }
        of_node.insert(id, hasher.finish());
    }
    Meaning(graph.outputs().iter().map(|port| of_node.get(&port.node).copied().unwrap_or(0)).collect())
}
