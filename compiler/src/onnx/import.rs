//! From ONNX models to text of the language, and the weights beside it.
//!
//! In: the bytes of a model, and a way to read the file that its weights may lie in. Out: an [`Imported`]: a text that the
//! compiler has checked, and the values of every weight of it. A model that has anything without an equal in the language gives
//! an error that lists all of it.
//!
//! | file | job |
//! |---|---|
//! | `constant.rs`, `size.rs` | tensors whose values are known; whole numbers that may have the batch as a factor |
//! | `node.rs` | nodes with their attributes, and where in the original program they stood |
//! | `translate.rs` | nodes to steps (`flow.rs`), operations in several nodes found; what depends on shapes alone is computed |
//! | `name.rs`, `path.rs` | steps with weights get the instance paths that the names of these say |
//! | `structure.rs` | what is repeated becomes modules and loops |
//! | `text.rs` | steps to text |
//! | `check.rs` | the text, as the compiler reads it |

mod check;
mod constant;
mod error;
mod flow;
mod input;
mod name;
mod node;
mod path;
mod size;
mod structure;
mod text;
mod translate;

use std::collections::{BTreeMap, HashMap, HashSet};

use prost::Message;

pub use error::{ImportError, Obstacle, Reason, UnknownSize};

use super::ExternalData;
use super::proto::{GraphProto, ModelProto};
use constant::Constant;
use flow::Operation;
use translate::Flow;

/// What the model does not say.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What the network is called; by default what the model calls its graph.
    pub network: Option<String>,
    /// What it is called if the model does not say, either.
    pub fallback: Option<String>,
    /// Sizes of dimensions that the model leaves open, by name.
    pub sizes: Vec<(String, usize)>,
}

/// A model in the language.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The text of a `.pnet` file, formatted and checked.
    pub text: String,
    /// The network in it.
    pub network: String,
    /// The weights that the network reads.
    pub weights: Vec<ImportedWeight>,
    /// What else the model says about itself, by name.
    pub metadata: BTreeMap<String, String>,
}

/// A tensor for the file of weights.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedWeight {
    /// Its name, which begins with an instance path.
    pub name: String,
    /// The dimensions, outermost first.
    pub shape: Vec<usize>,
    /// The elements in row-major order.
    pub data: Vec<f32>,
}

/// Imports a model.
///
/// # Errors
/// [`ImportError`] if the bytes are no model, leave sizes open, or compute what the language cannot say.
pub fn import(bytes: &[u8], external: &dyn ExternalData, options: &Options) -> Result<Imported, ImportError> {
    let malformed = |reason: String| ImportError::Malformed { reason };
    let model = ModelProto::decode(bytes).map_err(|error| malformed(error.to_string()))?;
    let graph = model.graph.as_ref().filter(|graph| !graph.output.is_empty());
    let graph = graph.ok_or_else(|| malformed("there is no graph in it".to_owned()))?;
    let own = model.opset_import.iter().find(|set| matches!(set.domain.as_str(), "" | "ai.onnx"));
    let opset =
        own.map(|set| set.version).ok_or_else(|| malformed("it does not say which operators it uses".to_owned()))?;
    let initializers = initializers(graph, external)?;
    let candidates = input::candidates(graph, &initializers, options)?;
    let mut result = Err(ImportError::Malformed { reason: "there is nothing to try".to_owned() });
    for inputs in candidates {
        let translated = translate::translate(graph, opset, &inputs.inputs, &initializers, inputs.batch, external);
        result = translated.map_err(ImportError::Obstacles).and_then(|flow| written(flow, &inputs, graph, options));
        if result.is_ok() {
            break;
        }
    }
    let properties = model.metadata_props.iter().map(|entry| (entry.key.clone(), entry.value.clone()));
    result.map(|imported| Imported { metadata: properties.collect(), ..imported })
}

/// The tensors of the file.
fn initializers<'m>(
    graph: &'m GraphProto,
    external: &dyn ExternalData,
) -> Result<HashMap<&'m str, Constant>, ImportError> {
    let (mut constants, mut obstacles) = (HashMap::new(), Vec::new());
    let mut unreadable = HashSet::new();
    for tensor in &graph.initializer {
        match constant::read(tensor, external) {
            Ok(constant) => drop(constants.insert(tensor.name.as_str(), constant)),
            // One tensor says what is wrong with a file.
            Err(Reason::External { location, .. }) if unreadable.contains(&location) => {}
            Err(reason) => {
                if let Reason::External { location, .. } = &reason {
                    unreadable.insert(location.clone());
                }
                obstacles.push(Obstacle { node: tensor.name.clone(), operator: "initializer".to_owned(), reason });
            }
        }
    }
    if obstacles.is_empty() { Ok(constants) } else { Err(ImportError::Obstacles(obstacles)) }
}

/// The text and the weights of what was translated.
fn written(flow: Flow, inputs: &input::Inputs, graph: &GraphProto, options: &Options) -> Result<Imported, ImportError> {
    let flow = name::named(pruned(flow));
    let network = name::network(options, &graph.name);
    let mut weights = Vec::new();
    for step in &flow.steps {
        for weight in &step.weights {
            let name = [step.path.dotted().as_str(), weight.own].join(".");
            let name = name.strip_suffix('.').unwrap_or(&name).to_owned();
            let data = weight.values().ok_or_else(|| defect(format!("the weight `{name}` has no values")))?;
            weights.push(ImportedWeight { name, shape: weight.shape.clone(), data });
        }
    }
    let (flat, meant) = check::checked(structure::written(&flow, inputs, &network, false), &weights, inputs.samples())?;
    // Modules and loops are for readers: the graph must be the same to the last setting.
    let text = match check::checked(structure::written(&flow, inputs, &network, true), &weights, inputs.samples()) {
        Ok((text, same)) if same == meant => text,
        _ => flat,
    };
    Ok(Imported { text, network, weights, metadata: BTreeMap::new() })
}

/// The flow without what no output needs. Inputs stay.
fn pruned(flow: Flow) -> Flow {
    let needed = translate::needed(&flow.steps, flow.outputs.iter().map(|(_, step)| *step));
    let mut places = vec![None; flow.steps.len()];
    let mut steps = Vec::new();
    for (old, (mut step, needed)) in flow.steps.into_iter().zip(needed).enumerate() {
        if !needed && !matches!(step.operation, Operation::Input(_)) {
            continue;
        }
        for operand in &mut step.operands {
            if let flow::Operand::Step(id) = operand
                && let Some(Some(new)) = places.get(id.0)
            {
                *id = *new;
            }
        }
        if let Some(place) = places.get_mut(old) {
            *place = Some(flow::StepId(steps.len()));
        }
        steps.push(step);
    }
    let outputs = flow.outputs.into_iter().filter_map(|(name, id)| Some((name, (*places.get(id.0)?)?)));
    Flow { outputs: outputs.collect(), steps }
}

fn defect(reason: String) -> ImportError {
    ImportError::Defect { reason }
}
