//! What differs between two networks: in cost, in structure, in weights, inputs and outputs.
//!
//! In: the costs of two graphs as they are written. Out: a [`Diff`], plain data; empty for a network and itself. [`costs`]
//! holds the trees of modules side by side, [`structure`] the instances and operations.
//!
//! Names of networks, hyper-parameters and source texts are no differences; nor is the order of operations that do not depend on
//! each other, unless it changes how much lives at once.

pub mod costs;
pub mod structure;

use std::collections::HashMap;

use super::convention::Convention;
use super::totals::Totals;
use super::{Analysis, peak};
use crate::graph::{Graph, Port};
use crate::shape::Shape;
use crate::weight::Weight;
use costs::CostChange;
use structure::{Change, Structure};

/// What a network costs as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole {
    /// The sum over its nodes.
    pub totals: Totals,
    /// The most bytes of activations that live at once.
    pub activation_peak: u64,
}

/// The differences between two networks, *from* the first *to* the second; see the module's documentation.
#[derive(Debug, Clone, PartialEq)]
pub struct Diff {
    /// The first as a whole.
    pub from: Whole,
    /// The second as a whole.
    pub to: Whole,
    /// The tree of modules that cost something else; `None` if none does.
    pub costs: Option<CostChange>,
    /// What was added, removed or changed, in order.
    pub changes: Vec<Change>,
    /// Inputs and outputs that differ.
    pub ports: Vec<PortChange>,
    /// Weights that differ.
    pub weights: Vec<WeightChange>,
}

impl Diff {
    /// Whether there is no difference.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.from == self.to
            && self.costs.is_none()
            && self.changes.is_empty()
            && self.ports.is_empty()
            && self.weights.is_empty()
    }

    /// Whether a file with the weights of one network loads into the other: the names are the same, and the shapes.
    #[must_use]
    pub fn loads(&self) -> bool {
        self.weights.is_empty()
    }
}

/// Whether data go in or out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortKind {
    /// Into the network.
    Input,
    /// Out of it.
    Output,
}

/// An input or output that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortChange {
    /// Which of both it is.
    pub kind: PortKind,
    /// Its name.
    pub name: String,
    /// Its shape in the first network; `None` if it has none of that name.
    pub from: Option<Shape>,
    /// Its shape in the second network.
    pub to: Option<Shape>,
    /// Whether it is at another place in the list, or another operation makes it.
    pub is_moved: bool,
}

/// A weight that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightChange {
    /// Its name.
    pub name: String,
    /// Its shape in the first network; `None` if it has none of that name.
    pub from: Option<Shape>,
    /// Its shape in the second network.
    pub to: Option<Shape>,
}

/// Compares two networks; parts whose cost differs come by the difference that the convention counts, the largest first.
#[must_use]
pub fn diff(from: &Analysis<'_>, to: &Analysis<'_>, convention: Convention) -> Diff {
    let structure = Structure::of(from, to);
    Diff {
        from: whole(from),
        to: whole(to),
        costs: costs::changes(from, to, convention),
        ports: ports(from.graph, to.graph, &structure),
        weights: weights(from.graph, to.graph),
        changes: structure.changes,
    }
}

fn whole(analysis: &Analysis<'_>) -> Whole {
    Whole { totals: analysis.totals, activation_peak: peak::activation_peak(analysis.graph) }
}

/// The inputs that differ, then the outputs.
fn ports(from: &Graph, to: &Graph, structure: &Structure) -> Vec<PortChange> {
    let mut changes = port_changes(PortKind::Input, (from, from.inputs()), (to, to.inputs()), structure);
    changes.extend(port_changes(PortKind::Output, (from, from.outputs()), (to, to.outputs()), structure));
    changes
}

fn port_changes(
    kind: PortKind,
    from: (&Graph, &[Port]),
    to: (&Graph, &[Port]),
    structure: &Structure,
) -> Vec<PortChange> {
    fn by_name(ports: &[Port]) -> HashMap<&str, (usize, &Port)> {
        ports.iter().enumerate().map(|(index, port)| (port.name.as_str(), (index, port))).collect()
    }
    let (in_from, in_to) = (by_name(from.1), by_name(to.1));
    let shape = |graph: &Graph, port: &Port| graph.node(port.node).map(|node| node.shape.clone());
    let mut changes = Vec::new();
    for (index, port) in from.1.iter().enumerate() {
        let other = in_to.get(port.name.as_str()).copied();
        let (shape_from, shape_to) = (shape(from.0, port), other.and_then(|(_, other)| shape(to.0, other)));
        let is_moved =
            other.is_some_and(|(place, other)| place != index || !structure.may_be_same(port.node, other.node));
        if shape_from != shape_to || is_moved {
            changes.push(PortChange { kind, name: port.name.clone(), from: shape_from, to: shape_to, is_moved });
        }
    }
    for port in to.1.iter().filter(|port| !in_from.contains_key(port.name.as_str())) {
        changes.push(PortChange { kind, name: port.name.clone(), from: None, to: shape(to.0, port), is_moved: false });
    }
    changes
}

/// The weights that a file would hold and that differ, those of the first network in its order, then new ones.
fn weights(from: &Graph, to: &Graph) -> Vec<WeightChange> {
    let in_from: HashMap<&str, &Weight> = from.stored_weights().map(|weight| (weight.name.as_str(), weight)).collect();
    let in_to: HashMap<&str, &Weight> = to.stored_weights().map(|weight| (weight.name.as_str(), weight)).collect();
    let mut changes = Vec::new();
    for weight in from.stored_weights() {
        let other = in_to.get(weight.name.as_str()).map(|other| other.shape.clone());
        if other.as_ref() != Some(&weight.shape) {
            changes.push(WeightChange { name: weight.name.clone(), from: Some(weight.shape.clone()), to: other });
        }
    }
    for weight in to.stored_weights().filter(|weight| !in_from.contains_key(weight.name.as_str())) {
        changes.push(WeightChange { name: weight.name.clone(), from: None, to: Some(weight.shape.clone()) });
    }
    changes
}
