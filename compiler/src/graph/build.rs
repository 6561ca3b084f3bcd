//! Making a graph: one node at a time, each checked as it comes.

use std::collections::HashMap;

use parameternet_dsl::source::Span;
use petgraph::graph::DiGraph;

use super::{Graph, Instance, InstanceId, Node, NodeId, Path, Port, WeightId};
use crate::limits::{MAX_NAME, MAX_NODES};
use crate::op::Op;
use crate::op::error::{OpError, OpErrorKind};
use crate::shape::Shape;
use crate::weight::{Recipe, Weight};

/// Where a node comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// The call in the source.
    pub span: Span,
    /// The instance whose body makes the call.
    pub instance: InstanceId,
    /// The full path of the operation, if it is named.
    pub path: Option<Path>,
    /// Where it is named; the call if it is not.
    pub name: Span,
    /// What the author called; names the operation in errors.
    pub operation: &'static str,
}

impl Site {
    /// The place of an operation without a name.
    #[must_use]
    pub fn unnamed(span: Span, instance: InstanceId, operation: &'static str) -> Self {
        Site { span, instance, path: None, name: span, operation }
    }
}

/// A graph under construction. Every node it holds is valid.
#[derive(Debug)]
pub struct GraphBuilder {
    graph: Graph,
    /// The dotted names in use, of instances and weights, with the place that took each.
    names: HashMap<String, Span>,
    /// The names of the inputs, with their declarations.
    input_names: HashMap<String, Span>,
}

impl GraphBuilder {
    /// An empty graph of a network defined at `span`.
    #[must_use]
    pub fn new(network: &str, span: Span, batch: usize) -> Self {
        let root = Instance { parent: None, module: network.to_owned(), path: Path::default(), span };
        let graph = Graph {
            network: network.to_owned(),
            settings: Vec::new(),
            batch,
            dag: DiGraph::new(),
            instances: vec![root],
            weights: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
        };
        GraphBuilder { graph, names: HashMap::new(), input_names: HashMap::new() }
    }

    /// Records a hyper-parameter, as it would be written.
    pub fn setting(&mut self, name: &str, value: String) {
        self.graph.settings.push((name.to_owned(), value));
    }

    /// Opens an instance of a module below `parent`; `name` is what `as` says, and where.
    ///
    /// # Errors
    /// When the path is taken.
    pub fn open_instance(
        &mut self,
        parent: InstanceId,
        module: &str,
        name: Option<(&Path, Span)>,
        span: Span,
    ) -> Result<InstanceId, OpErrorKind> {
        let mut path = self.instance_path(parent);
        if let Some((name, name_span)) = name {
            path = path.join(name);
            self.take_name(&path.dotted(), name_span)?;
        }
        self.graph.instances.push(Instance { parent: Some(parent), module: module.to_owned(), path, span });
        Ok(InstanceId(self.graph.instances.len() - 1))
    }

    /// The path of an instance.
    #[must_use]
    pub fn instance_path(&self, instance: InstanceId) -> Path {
        self.graph.instance(instance).map(|instance| instance.path.clone()).unwrap_or_default()
    }

    /// An instance that was opened.
    #[must_use]
    pub fn instance(&self, instance: InstanceId) -> Option<&Instance> {
        self.graph.instance(instance)
    }

    /// The shape of a node's tensor.
    #[must_use]
    pub fn shape(&self, node: NodeId) -> Shape {
        self.graph.node(node).map(|node| node.shape.clone()).unwrap_or_default()
    }

    /// Where the call stands that made a node.
    #[must_use]
    pub fn span(&self, node: NodeId) -> Option<Span> {
        self.graph.node(node).map(|node| node.span)
    }

    /// The instance whose body made a node.
    #[must_use]
    pub fn origin(&self, node: NodeId) -> Option<&Instance> {
        self.graph.instance(self.graph.node(node)?.instance)
    }

    /// Adds an operation on the outputs of `inputs`, in that order of ports.
    ///
    /// # Errors
    /// When the operation does not take these inputs, needs a name that it does not have, or a limit is reached.
    pub fn add(&mut self, op: Op, inputs: &[NodeId], site: &Site) -> Result<NodeId, OpError> {
        let shapes: Vec<Shape> = inputs.iter().map(|input| self.shape(*input)).collect();
        let shapes: Vec<&Shape> = shapes.iter().collect();
        let shape = op.operation().shape(&shapes)?;
        let declarations = op.operation().weights(&shapes);
        if shape.is_too_large() {
            return Err(OpErrorKind::TooLarge { shape }.into());
        }
        if let Some(declaration) = declarations.iter().find(|declaration| declaration.shape.is_too_large()) {
            return Err(OpErrorKind::TooLarge { shape: declaration.shape.clone() }.into());
        }
        if self.graph.node_count() >= MAX_NODES {
            return Err(OpErrorKind::TooManyNodes { limit: MAX_NODES }.into());
        }
        let prefix = match &site.path {
            Some(path) => path.dotted(),
            None if declarations.is_empty() => String::new(),
            None => return Err(OpErrorKind::Unnamed { operation: site.operation }.into()),
        };
        if site.path.is_some() {
            self.take_name(&prefix, site.name)?;
        }
        let mut weights = Vec::with_capacity(declarations.len());
        for declaration in declarations {
            let name = match declaration.name {
                "" => prefix.clone(),
                own => format!("{prefix}.{own}"),
            };
            if name != prefix {
                self.take_name(&name, site.name)?;
            }
            weights.push(WeightId(self.graph.weights.len()));
            self.graph.weights.push(Weight {
                name,
                shape: declaration.shape,
                role: declaration.role,
                flat_tail: declaration.flat_tail,
                span: site.span,
                recipe: Recipe::Stored,
            });
        }
        let node = Node { op, shape, span: site.span, instance: site.instance, path: site.path.clone(), weights };
        let index = self.graph.dag.add_node(node);
        for (port, input) in inputs.iter().enumerate() {
            self.graph.dag.add_edge(input.0, index, port);
        }
        Ok(NodeId(index))
    }

    fn take_name(&mut self, name: &str, span: Span) -> Result<(), OpErrorKind> {
        if name.len() > MAX_NAME {
            return Err(OpErrorKind::NameTooLong { limit: MAX_NAME });
        }
        match self.names.get(name) {
            Some(other) => Err(OpErrorKind::NameTaken { path: name.to_owned(), here: span, other: *other }),
            None => {
                self.names.insert(name.to_owned(), span);
                Ok(())
            }
        }
    }

    /// Where the input of that name is declared, if there is one.
    #[must_use]
    pub fn input(&self, name: &str) -> Option<Span> {
        self.input_names.get(name).copied()
    }

    /// Names a node as an input of the network.
    pub fn add_input(&mut self, name: &str, node: NodeId, declared: Span) {
        self.input_names.insert(name.to_owned(), declared);
        self.graph.inputs.push(Port { name: name.to_owned(), node });
    }

    /// Names a node as an output of the network.
    pub fn add_output(&mut self, name: &str, node: NodeId) {
        self.graph.outputs.push(Port { name: name.to_owned(), node });
    }

    /// The finished graph.
    #[must_use]
    pub fn finish(self) -> Graph {
        self.graph
    }
}
