//! ONNX Runtime, asked through one Python for the whole suite, and what a model must say besides its outputs.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use parameternet_compiler::graph::{Graph, Port};
use parameternet_compiler::onnx::proto::{DataType, Dimension, GraphProto, ModelProto, ValueInfoProto};
use parameternet_compiler::onnx::{export, file};
use parameternet_runtime::prepare::TensorSource;
use prost::Message;
use serde_json::{Value, json};

use crate::shared::python;

/// A Python that waits for models.
struct Oracle {
    _child: Child,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
}

/// The one of this process; `None` without a Python.
fn oracle() -> Option<&'static Mutex<Oracle>> {
    static ORACLE: OnceLock<Option<Mutex<Oracle>>> = OnceLock::new();
    let start = || {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/python/onnx_models.py");
        let mut child = Command::new(python()?)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the Python that was found starts");
        let requests = child.stdin.take().expect("a pipe");
        let replies = BufReader::new(child.stdout.take().expect("a pipe"));
        Some(Mutex::new(Oracle { _child: child, requests, replies }))
    };
    ORACLE.get_or_init(start).as_ref()
}

/// Whether there is a Python; without one a test says so and skips.
pub(crate) fn is_there() -> bool {
    oracle().is_some() || python().is_some()
}

fn shape(graph: &Graph, port: &Port) -> Vec<usize> {
    graph.node(port.node).expect("a node of the graph").shape.dims().to_vec()
}

/// The whole file of a graph's model.
pub(crate) fn model(graph: &Graph, weights: &dyn TensorSource) -> Vec<u8> {
    let model = export::export(graph).expect("a graph before passes");
    let content = file::embedded(&model).expect("a model below the limit");
    let mut bytes = Vec::new();
    let sink = &mut |part: &[u8]| -> Result<(), Infallible> {
        bytes.extend_from_slice(part);
        Ok(())
    };
    content.stream(weights, sink).expect("every weight has values");
    assert_eq!(bytes.len() as u64, content.size());
    bytes
}

/// What ONNX Runtime computes, or what it or the checker says against the model.
pub(crate) fn run(graph: &Graph, model: &[u8], inputs: &[Vec<f32>]) -> Result<Vec<Vec<f32>>, String> {
    let mut oracle = oracle().expect("a Python").lock().expect("no other test has broken it");
    let ports = graph.inputs().iter().map(|port| json!({ "name": port.name, "shape": shape(graph, port) }));
    let request = json!({ "model": model.len(), "inputs": ports.collect::<Vec<_>>() });
    let inputs: Vec<u8> = inputs.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
    for part in [format!("{request}\n").as_bytes(), model, &inputs] {
        oracle.requests.write_all(part).expect("Python reads");
    }
    oracle.requests.flush().expect("Python reads");
    let mut line = String::new();
    oracle.replies.read_line(&mut line).expect("Python answers");
    let reply: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    if let Some(error) = reply["error"].as_str() {
        return Err(error.to_owned());
    }
    let said = reply["outputs"].as_array().expect("a list of outputs");
    let expected: Vec<Value> =
        graph.outputs().iter().map(|port| json!({ "name": port.name, "shape": shape(graph, port) })).collect();
    let outputs = said.iter().map(|output| {
        let shape = output["shape"].as_array().expect("a shape");
        let elements: u64 = shape.iter().map(|size| size.as_u64().expect("a size")).product();
        let mut bytes = vec![0; usize::try_from(elements).expect("a small output") * 4];
        oracle.replies.read_exact(&mut bytes).expect("Python answers");
        let (values, _) = bytes.as_chunks::<4>();
        values.iter().copied().map(f32::from_le_bytes).collect()
    });
    let outputs: Vec<Vec<f32>> = outputs.collect();
    if said != &expected {
        return Err(format!("outputs {said:?} instead of {expected:?}"));
    }
    Ok(outputs)
}

/// What is wrong with the names, types and values that a model says.
pub(crate) fn check_names(graph: &Graph, model: &[u8], weights: &dyn TensorSource) -> Result<(), String> {
    let model = ModelProto::decode(model).map_err(|error| error.to_string())?;
    let proto = model.graph.as_ref().ok_or("no graph")?;
    let same = |what: &str, found: Vec<(String, Vec<i64>)>, ports: &[Port]| {
        let expected: Vec<(String, Vec<i64>)> =
            ports.iter().map(|port| (port.name.clone(), signed(&shape(graph, port)))).collect();
        if found == expected { Ok(()) } else { Err(format!("{what} {found:?} instead of {expected:?}")) }
    };
    same("inputs", proto.input.iter().map(typed).collect(), graph.inputs())?;
    same("outputs", proto.output.iter().map(typed).collect(), graph.outputs())?;
    let tensors: BTreeMap<&str, _> = proto.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    if tensors.len() != proto.initializer.len() {
        return Err("two initializers have one name".to_owned());
    }
    for (index, weight) in graph.weights().iter().enumerate() {
        let tensor = tensors.get(weight.name.as_str()).ok_or(format!("no initializer `{}`", weight.name))?;
        let mut values = Vec::new();
        assert_eq!(weights.append(index, &mut values), Ok(true));
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        if tensor.dims != signed(weight.shape.dims()) || tensor.data_type() != DataType::Float {
            return Err(format!("`{}` has shape {:?}", weight.name, tensor.dims));
        }
        if tensor.raw_data.as_ref() != Some(&bytes) {
            return Err(format!("`{}` has other values", weight.name));
        }
    }
    check_tidiness(proto)
}

/// Constants are there once, and node names and values, too; nothing is computed from shapes.
fn check_tidiness(proto: &GraphProto) -> Result<(), String> {
    let constants = proto.initializer.iter().filter(|tensor| tensor.name.starts_with("constant"));
    let mut contents: Vec<_> =
        constants.map(|tensor| (tensor.data_type, tensor.dims.clone(), tensor.raw_data.clone())).collect();
    let count = contents.len();
    contents.sort();
    contents.dedup();
    if contents.len() != count {
        return Err("a constant is there twice".to_owned());
    }
    let mut names: Vec<&str> = proto.node.iter().map(|node| node.name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("two nodes are called `{}`", twice[0]));
    }
    match proto.node.iter().find(|node| node.op_type == "Shape") {
        Some(node) => Err(format!("`{}` computes a shape", node.name)),
        None => Ok(()),
    }
}

fn signed(dims: &[usize]) -> Vec<i64> {
    dims.iter().map(|size| i64::try_from(*size).expect("a size")).collect()
}

/// The name and shape of an f32 tensor.
fn typed(value: &ValueInfoProto) -> (String, Vec<i64>) {
    let tensor = value.r#type.as_ref().and_then(|r#type| r#type.tensor_type.as_ref()).expect("a tensor");
    assert_eq!(tensor.elem_type(), DataType::Float, "{}", value.name);
    let dims = &tensor.shape.as_ref().expect("a shape").dim;
    let size = |value: &Option<Dimension>| match value {
        Some(Dimension::DimValue(size)) => *size,
        other => panic!("{other:?} is no size"),
    };
    (value.name.clone(), dims.iter().map(|dim| size(&dim.value)).collect())
}

/// The model is right in all but its outputs, which are returned.
pub(crate) fn outputs(graph: &Graph, weights: &dyn TensorSource, inputs: &[Vec<f32>]) -> Result<Vec<Vec<f32>>, String> {
    let model = model(graph, weights);
    check_names(graph, &model, weights)?;
    run(graph, &model, inputs)
}
