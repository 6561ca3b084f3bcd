//! The inputs of a model: their names and shapes, and which dimension is the batch.

use std::collections::{BTreeSet, HashMap};

use super::Options;
use super::constant::Constant;
use super::error::{ImportError, Obstacle, Reason, UnknownSize};
use super::path::word;
use super::size::Size;
use super::translate::{Batch, Input};
use crate::onnx::proto::{DataType, Dimension, GraphProto};

/// The inputs, read in one of the ways that are possible.
#[derive(Debug)]
pub(super) struct Inputs {
    pub(super) inputs: Vec<Input>,
    pub(super) batch: Batch,
}

impl Inputs {
    /// For how many samples the network can be checked.
    pub(super) fn samples(&self) -> usize {
        match self.batch {
            Batch::Factor(batch) => usize::try_from(batch).unwrap_or(1),
            Batch::Fixed => 1,
        }
    }
}

/// The largest size of a dimension; the compiler refuses tensors of more elements.
const MAX_SIZE: i64 = 1 << 28;

/// A dimension as the file says it.
#[derive(Debug, Clone, PartialEq)]
enum Dim {
    Known(i64),
    Open(String),
}

/// The ways to read the inputs, the best first: where the file has a number for the batch, it is tried first whether all follows
/// with any other batch, too.
pub(super) fn candidates(
    graph: &GraphProto,
    initializers: &HashMap<&str, Constant>,
    options: &Options,
) -> Result<Vec<Inputs>, ImportError> {
    let inputs = read(graph, initializers)?;
    let batch = inputs.first().and_then(|(_, dims)| dims.first()).cloned();
    let given = |name: &str| {
        options.sizes.iter().find(|(given, _)| given == name).map(|(_, size)| super::translate::whole(*size))
    };
    let names: BTreeSet<&str> = inputs
        .iter()
        .flat_map(|(_, dims)| dims)
        .filter_map(|dim| if let Dim::Open(name) = dim { Some(name.as_str()) } else { None })
        .collect();
    let unknown: Vec<String> =
        options.sizes.iter().filter(|(name, _)| !names.contains(name.as_str())).map(|(name, _)| name.clone()).collect();
    if !unknown.is_empty() {
        let known = names.into_iter().map(str::to_owned).collect();
        return Err(ImportError::NoSuchSize { names: unknown, known });
    }
    let is_open = matches!(&batch, Some(Dim::Open(name)) if given(name).is_none());
    let samples = match &batch {
        Some(Dim::Known(size)) => Some(*size),
        Some(Dim::Open(name)) => Some(given(name).unwrap_or(1)),
        None => None,
    };
    let mut open = Vec::new();
    let shapes = |factor: bool, open: &mut Vec<UnknownSize>| -> Vec<Input> {
        let shape = |(name, dims): &(String, Vec<Dim>)| {
            let size = |(place, dim): (usize, &Dim)| {
                if factor && place == 0 && Some(dim) == batch.as_ref() {
                    return Size::BATCH;
                }
                match dim {
                    Dim::Known(size) => Size::known(*size),
                    Dim::Open(called) => Size::known(given(called).unwrap_or_else(|| {
                        open.push(UnknownSize { input: name.clone(), dim: place, name: called.clone() });
                        1
                    })),
                }
            };
            Input { name: name.clone(), shape: dims.iter().enumerate().map(size).collect() }
        };
        inputs.iter().map(shape).collect()
    };
    let mut candidates = Vec::new();
    if let Some(samples) = samples.filter(|samples| *samples > 0) {
        candidates.push(Inputs { inputs: shapes(true, &mut open), batch: Batch::Factor(samples) });
    }
    if !is_open {
        open.clear();
        candidates.push(Inputs { inputs: shapes(false, &mut open), batch: Batch::Fixed });
    }
    if open.is_empty() { Ok(candidates) } else { Err(ImportError::UnknownSizes(open)) }
}

fn read(graph: &GraphProto, initializers: &HashMap<&str, Constant>) -> Result<Vec<(String, Vec<Dim>)>, ImportError> {
    let (mut inputs, mut obstacles) = (Vec::new(), Vec::new());
    for input in graph.input.iter().filter(|input| !initializers.contains_key(input.name.as_str())) {
        let mut obstacle = |reason: Reason| {
            obstacles.push(Obstacle { node: input.name.clone(), operator: "input".to_owned(), reason });
        };
        let Some(tensor) = input.r#type.as_ref().and_then(|found| found.tensor_type.as_ref()) else {
            obstacle(Reason::Type("that is no tensor".to_owned()));
            continue;
        };
        let data_type = DataType::try_from(tensor.elem_type).unwrap_or(DataType::Undefined);
        if !matches!(data_type, DataType::Float | DataType::Float16 | DataType::Double | DataType::Bfloat16) {
            obstacle(Reason::Type(format!("{data_type:?}").to_lowercase()));
            continue;
        }
        let Some(shape) = &tensor.shape else {
            obstacle(Reason::Shape("the number of its dimensions is not known".to_owned()));
            continue;
        };
        let dim = |(place, dim): (usize, &crate::onnx::proto::DimensionProto)| match &dim.value {
            Some(Dimension::DimValue(size)) if (1..=MAX_SIZE).contains(size) => Dim::Known(*size),
            Some(Dimension::DimParam(name)) if !name.is_empty() => Dim::Open(name.clone()),
            _ => Dim::Open(format!("{}.{place}", input.name)),
        };
        inputs.push((input.name.clone(), shape.dim.iter().enumerate().map(dim).collect()));
    }
    if obstacles.is_empty() { Ok(inputs) } else { Err(ImportError::Obstacles(obstacles)) }
}

/// What the inputs are called in the text.
pub(super) fn names(inputs: &[Input], taken: &mut std::collections::HashSet<String>) -> Vec<String> {
    inputs.iter().map(|input| super::text::unique(&word(&input.name), taken)).collect()
}
