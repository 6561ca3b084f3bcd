//! The ONNX graph while it is written: nodes, constants, and what each value of the network is called.

use std::collections::HashMap;

use super::WeightTensor;
use super::constants::{Constants, header};
use super::draft::{Draft, Step, whole};
use super::names::Names;
use crate::graph::{Graph, Node, NodeId, Port, WeightId};
use crate::onnx::proto::{
    DataType, Dimension, DimensionProto, GraphProto, NodeProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto,
};
use crate::op::Op;
use crate::op::elementwise::Binary;
use crate::shape::Shape;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Writer<'g> {
    graph: &'g Graph,
    names: Names,
    constants: Constants,
    nodes: Vec<NodeProto>,
    /// The shapes of the values between inputs and outputs.
    shapes: Vec<ValueInfoProto>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    /// The names of the nodes that are inputs, and of those that are outputs.
    named_inputs: HashMap<NodeId, String>,
    named_outputs: HashMap<NodeId, String>,
    /// By weight.
    weights: Vec<String>,
    /// By node of the network.
    values: Vec<String>,
}

impl<'g> Writer<'g> {
    /// Nothing but the names of inputs, outputs and weights: ahead of all others, these keep theirs.
    pub(super) fn new(graph: &'g Graph) -> Self {
        let mut names = Names::default();
        let inputs: Vec<String> = graph.inputs().iter().map(|port| names.unique(&port.name)).collect();
        let outputs: Vec<String> = graph.outputs().iter().map(|port| names.unique(&port.name)).collect();
        let weights = graph.weights().iter().map(|weight| names.unique(&weight.name)).collect();
        Writer {
            graph,
            names,
            constants: Constants::default(),
            nodes: Vec::new(),
            shapes: Vec::new(),
            named_inputs: names_of_ports(graph.inputs(), &inputs),
            named_outputs: names_of_ports(graph.outputs(), &outputs),
            inputs,
            outputs,
            weights,
            values: vec![String::new(); graph.node_count()],
        }
    }

    /// The tensor that is the value of an input node.
    pub(super) fn input(&self, id: NodeId) -> String {
        self.named_inputs.get(&id).cloned().unwrap_or_default()
    }

    /// The tensor that is a weight of a node.
    pub(super) fn weight(&self, node: &Node, index: usize) -> String {
        let name = node.weights.get(index).and_then(|id| self.weights.get(id.index()));
        name.cloned().unwrap_or_default()
    }

    /// The constant with these elements, rounded to single precision.
    pub(super) fn floats(&mut self, shape: &Shape, data: impl IntoIterator<Item = f64>) -> String {
        self.constants.floats(&mut self.names, shape, data)
    }

    /// Says which tensor is the value of a node of the network.
    pub(super) fn set(&mut self, id: NodeId, value: String) {
        if let Some(slot) = self.values.get_mut(id.index()) {
            *slot = value;
        }
    }

    fn value(&self, id: NodeId) -> String {
        self.values.get(id.index()).cloned().unwrap_or_default()
    }

    /// What is needed to write one operation.
    pub(super) fn job(&mut self, id: NodeId, node: &'g Node) -> Job<'_, 'g> {
        let wished = match &node.path {
            Some(path) => path.dotted(),
            None => {
                let instance = self.graph.instance(node.instance).map(|instance| &instance.path);
                instance.cloned().unwrap_or_default().child(called(&node.op)).dotted()
            }
        };
        let name = self.names.unique(&wished);
        let operands = self.graph.operands(id);
        Job { id, node, operands, name, writer: self }
    }

    fn push(&mut self, name: String, output: String, draft: Draft) {
        let Draft { operator, inputs, attributes } = draft;
        self.nodes.push(NodeProto {
            input: inputs,
            output: vec![output],
            name,
            op_type: operator.to_owned(),
            attribute: attributes,
            ..Default::default()
        });
    }

    /// The whole graph, in which outputs have their names, and the weights.
    pub(super) fn finish(mut self) -> (GraphProto, Vec<WeightTensor>) {
        for (index, port) in self.graph.outputs().iter().enumerate() {
            let (name, value) = (self.outputs.get(index).cloned().unwrap_or_default(), self.value(port.node));
            // Its node has written something else under this name: an input, a weight, or another output.
            if name != value {
                let node = self.names.unique("identity");
                self.push(node, name, Draft::new("Identity", [value]));
            }
        }
        let weight = |(index, (weight, name)): (usize, (&crate::weight::Weight, &String))| WeightTensor {
            id: WeightId(index),
            header: header(name, DataType::Float, &weight.shape),
            elements: weight.shape.elements(),
        };
        let weights = self.graph.weights().iter().zip(&self.weights).enumerate().map(weight).collect();
        let ports = |ports: &[Port], names: &[String]| -> Vec<ValueInfoProto> {
            let info = |(port, name): (&Port, &String)| {
                let shape = self.graph.node(port.node).map(|node| node.shape.clone());
                value_info(name, &shape.unwrap_or_default())
            };
            ports.iter().zip(names).map(info).collect()
        };
        let proto = GraphProto {
            name: self.graph.network.clone(),
            input: ports(self.graph.inputs(), &self.inputs),
            output: ports(self.graph.outputs(), &self.outputs),
            node: self.nodes,
            initializer: self.constants.into_tensors(),
            value_info: self.shapes,
            ..Default::default()
        };
        (proto, weights)
    }
}

/// An operation without a name of its own, in one word.
fn called(op: &Op) -> &'static str {
    match op {
        Op::Activation(function) => function.name(),
        Op::Binary(Binary::Add) => "add",
        Op::Binary(Binary::Subtract) => "subtract",
        Op::Binary(Binary::Multiply) => "multiply",
        Op::Binary(Binary::Divide) => "divide",
        op => op.name(),
    }
}

/// By node, the name of the first port that it is.
fn names_of_ports(ports: &[Port], names: &[String]) -> HashMap<NodeId, String> {
    ports.iter().zip(names).rev().map(|(port, name)| (port.node, name.clone())).collect()
}

/// A value that is an f32 tensor of that shape.
fn value_info(name: &str, shape: &Shape) -> ValueInfoProto {
    let size = |size: &usize| DimensionProto { value: Some(Dimension::DimValue(whole(*size))), ..Default::default() };
    let shape = TensorShapeProto { dim: shape.dims().iter().map(size).collect() };
    let tensor = TensorTypeProto { elem_type: DataType::Float.into(), shape: Some(shape) };
    let r#type = TypeProto { tensor_type: Some(tensor), ..Default::default() };
    ValueInfoProto { name: name.to_owned(), r#type: Some(r#type), ..Default::default() }
}

/// One operation of the network that is being written.
#[derive(Debug)]
pub(super) struct Job<'w, 'g> {
    id: NodeId,
    node: &'g Node,
    operands: Vec<NodeId>,
    name: String,
    writer: &'w mut Writer<'g>,
}

impl<'g> Job<'_, 'g> {
    /// The tensor that an input port reads.
    pub(super) fn input(&self, port: usize) -> String {
        self.operands.get(port).map(|id| self.writer.value(*id)).unwrap_or_default()
    }

    /// The tensors that all input ports read.
    pub(super) fn inputs(&self) -> Vec<String> {
        (0..self.operands.len()).map(|port| self.input(port)).collect()
    }

    /// The dimensions of what an input port reads.
    pub(super) fn dims(&self, port: usize) -> &'g [usize] {
        let node = self.operands.get(port).and_then(|id| self.writer.graph.node(*id));
        node.map_or(&[], |node| node.shape.dims())
    }

    /// Batch, channels, height and width of the image that the first port reads.
    pub(super) fn image(&self) -> [usize; 4] {
        <[usize; 4]>::try_from(self.dims(0)).unwrap_or_default()
    }

    /// The dimensions of the output.
    pub(super) fn shape(&self) -> &'g [usize] {
        self.node.shape.dims()
    }

    /// A weight of the operation.
    pub(super) fn weight(&self, index: usize) -> String {
        self.writer.weight(self.node, index)
    }

    /// A weight with one element per channel, so that it broadcasts over a tensor of that rank whose channels are dimension 1.
    pub(super) fn weight_of_channels(&mut self, index: usize, part: &str, rank: usize) -> String {
        let weight = self.weight(index);
        if rank <= 2 {
            return weight;
        }
        let mut dims = vec![1; rank - 1];
        if let (Some(first), Some(channels)) = (dims.first_mut(), self.dims(0).get(1)) {
            *first = *channels;
        }
        let reshaped = self.reshaped(weight, &dims);
        self.emit(part, reshaped)
    }

    /// A number.
    pub(super) fn number(&mut self, value: f64) -> String {
        self.writer.floats(&Shape::default(), [value])
    }

    /// A constant of these dimensions.
    pub(super) fn floats<const N: usize>(&mut self, dims: [usize; N], data: impl IntoIterator<Item = f64>) -> String {
        self.writer.floats(&Shape::from(dims), data)
    }

    /// Whole numbers in one dimension.
    pub(super) fn integers(&mut self, values: &[usize]) -> String {
        self.table(&Shape::from([values.len()]), values)
    }

    /// Whole numbers in that shape.
    pub(super) fn table(&mut self, shape: &Shape, values: &[usize]) -> String {
        self.writer.constants.integers(&mut self.writer.names, shape, values)
    }

    /// The node that gives a tensor other dimensions.
    pub(super) fn reshaped(&mut self, value: String, dims: &[usize]) -> Draft {
        let reshape = Draft::new("Reshape", [value, self.integers(dims)]);
        // By default, 0 stands for the size that there is.
        if dims.contains(&0) { reshape.integer("allowzero", 1) } else { reshape }
    }

    /// Writes a node that is not the operation's last, and gives the tensor that it writes.
    pub(super) fn emit(&mut self, part: &str, draft: Draft) -> String {
        let name = self.writer.names.unique(&format!("{}.{part}", self.name));
        self.writer.push(name.clone(), name.clone(), draft);
        name
    }

    /// The same for what may be there already.
    pub(super) fn resolve(&mut self, part: &str, step: Step) -> String {
        match step {
            Step::Node(draft) => self.emit(part, draft),
            Step::Value(value) => value,
        }
    }

    /// What the tensor is called that the operation's last node writes: as the output, if it is one.
    pub(super) fn result(&self) -> String {
        self.writer.named_outputs.get(&self.id).unwrap_or(&self.name).clone()
    }

    /// Writes the operation's last node, and gives its value.
    pub(super) fn finish(self, step: Step) -> String {
        match step {
            Step::Value(value) => value,
            Step::Node(draft) => {
                let result = self.result();
                if result == self.name {
                    self.writer.shapes.push(value_info(&result, &self.node.shape));
                }
                self.writer.push(self.name, result.clone(), draft);
                result
            }
        }
    }
}
