//! What a picture of a network shows at a depth: boxes, the modules that they stand in, and what flows between them.
//!
//! In: the costs of a graph, and how many levels of modules are opened. Out: a [`View`]. A module above that depth is a
//! [`Cluster`] around its operations and modules; one at that depth is a single [`Item`]. At depth 0 the network itself is one.
//! Inputs and outputs always stand by themselves.
//!
//! Every node of the graph is in exactly one item. Since a module is called at one point of the program, its nodes follow each
//! other and no flow leads out of it and back: the items with their links have no cycle.

use std::collections::{HashMap, HashSet};

use crate::analysis::Analysis;
use crate::analysis::convention::Convention;
use crate::analysis::totals::{Totals, ratio};
use crate::graph::{Instance, InstanceId, Node, NodeId, Path};
use crate::op::Op;
use crate::shape::Shape;

/// The position of a cluster in [`View::clusters`].
pub type ClusterIndex = usize;

/// The position of an item in [`View::items`].
pub type ItemIndex = usize;

/// What is shown of a network; see the module's documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The name of the network.
    pub network: String,
    /// The batch size.
    pub batch: usize,
    /// What the network costs.
    pub totals: Totals,
    /// The modules that are opened, parents before children.
    pub clusters: Vec<Cluster>,
    /// The boxes, in the order of their first operations; outputs last.
    pub items: Vec<Item>,
    /// What flows between them, by consumer; at most one link between two items.
    pub links: Vec<Link>,
}

/// A module that is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The module around it; `None` directly in the network.
    pub parent: Option<ClusterIndex>,
    /// Its name below the module around it; empty if it has none.
    pub name: Path,
    /// Its full path.
    pub path: Path,
    /// The name of the module.
    pub module: String,
    /// What it costs with all below it.
    pub totals: Totals,
}

/// What a box stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An input of the network.
    Input,
    /// An output of the network; it has no node.
    Output,
    /// One operation.
    Operation,
    /// A module that is not opened, or the whole network.
    Module,
}

/// A box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The module that it stands in; `None` directly in the network.
    pub cluster: Option<ClusterIndex>,
    /// What it stands for.
    pub kind: Kind,
    /// Its name below the module that it stands in; empty if it has none.
    pub name: Path,
    /// Its full path; that of the instance where it has no name of its own.
    pub path: Path,
    /// The operation, as the author would call it, or the module.
    pub what: String,
    /// The attributes of an operation.
    pub attributes: Vec<(&'static str, String)>,
    /// The shapes of the tensors that leave it.
    pub shapes: Vec<Shape>,
    /// What it costs.
    pub totals: Totals,
    /// The nodes of the graph that it stands for.
    pub nodes: Vec<NodeId>,
}

/// What flows from one box to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The box that makes it.
    pub from: ItemIndex,
    /// The box that reads it.
    pub to: ItemIndex,
    /// The shapes of the tensors, each tensor once.
    pub shapes: Vec<Shape>,
}

/// A cost that boxes are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// The work by a convention.
    Work(Convention),
    /// Trainable parameters.
    Parameters,
    /// Bytes of the tensors that operations write.
    Activations,
}

impl Measure {
    /// What it is of some nodes.
    #[must_use]
    pub fn of(self, totals: &Totals) -> u64 {
        match self {
            Measure::Work(convention) => totals.counts.get(convention),
            Measure::Parameters => totals.parameters,
            Measure::Activations => totals.activation_bytes,
        }
    }

    /// What is counted.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Measure::Work(convention) => convention.unit(),
            Measure::Parameters => "parameters",
            Measure::Activations => "bytes of activations",
        }
    }
}

impl View {
    /// The share of the network's cost that a box has, from 0 to 1.
    #[must_use]
    pub fn share(&self, item: &Item, measure: Measure) -> f64 {
        ratio(measure.of(&item.totals), measure.of(&self.totals))
    }

    /// By item: how strongly it is coloured, from 0 to 1: the root of its share beside the largest, so that small shares show.
    #[must_use]
    pub fn strengths(&self, measure: Measure) -> Vec<f64> {
        let costs: Vec<u64> = self.items.iter().map(|item| measure.of(&item.totals)).collect();
        let largest = costs.iter().copied().max().unwrap_or(0);
        costs.into_iter().map(|cost| ratio(cost, largest).sqrt()).collect()
    }
}

/// What is shown of a network with so many levels of modules opened.
#[must_use]
pub fn view(analysis: &Analysis<'_>, depth: usize) -> View {
    let mut fold = Fold::new(analysis, depth);
    for (node, cost) in analysis.iter() {
        fold.add(node, cost.node, cost.totals);
    }
    fold.finish()
}

/// A view while it grows.
struct Fold<'a> {
    analysis: &'a Analysis<'a>,
    depth: usize,
    /// By instance: how many instances are around it.
    levels: Vec<usize>,
    clusters: HashMap<InstanceId, ClusterIndex>,
    folded: HashMap<InstanceId, ItemIndex>,
    /// By node: its item.
    places: Vec<ItemIndex>,
    view: View,
}

impl<'a> Fold<'a> {
    fn new(analysis: &'a Analysis<'a>, depth: usize) -> Self {
        let graph = analysis.graph;
        let mut levels: Vec<usize> = Vec::with_capacity(graph.instances().len());
        for instance in graph.instances() {
            let above = instance.parent.and_then(|parent| levels.get(parent.0)).map_or(0, |level| level + 1);
            levels.push(above);
        }
        let view = View {
            network: graph.network.clone(),
            batch: graph.batch,
            totals: analysis.totals,
            clusters: Vec::new(),
            items: Vec::new(),
            links: Vec::new(),
        };
        let (clusters, folded) = (HashMap::new(), HashMap::new());
        Fold { analysis, depth, levels, clusters, folded, places: Vec::with_capacity(graph.node_count()), view }
    }

    fn instance(&self, id: InstanceId) -> Option<&'a Instance> {
        self.analysis.graph.instance(id)
    }

    fn level(&self, id: InstanceId) -> usize {
        self.levels.get(id.0).copied().unwrap_or(0)
    }

    /// The instances from one outwards, the network last.
    fn outwards(&self, id: InstanceId) -> impl Iterator<Item = InstanceId> + use<'a> {
        let graph = self.analysis.graph;
        std::iter::successors(Some(id), move |id| graph.instance(*id)?.parent)
    }

    fn add(&mut self, node: &Node, id: NodeId, totals: Totals) {
        let item = match &node.op {
            Op::Input(_) => self.operation(node, id),
            _ if self.level(node.instance) < self.depth => self.operation(node, id),
            _ => {
                let shown = self.outwards(node.instance).find(|id| self.level(*id) == self.depth);
                self.module(shown.unwrap_or(InstanceId::NETWORK))
            }
        };
        self.places.push(item);
        if let Some(item) = self.view.items.get_mut(item) {
            item.nodes.push(id);
            item.totals = item.totals.plus(totals);
        }
        let around: Vec<ClusterIndex> =
            self.outwards(node.instance).filter_map(|id| self.clusters.get(&id).copied()).collect();
        for cluster in around {
            if let Some(cluster) = self.view.clusters.get_mut(cluster) {
                cluster.totals = cluster.totals.plus(totals);
            }
        }
    }

    /// A new box for one operation.
    fn operation(&mut self, node: &Node, id: NodeId) -> ItemIndex {
        let graph = self.analysis.graph;
        let cluster = if self.level(node.instance) < self.depth { self.cluster(node.instance) } else { None };
        let around = self.path(node.instance);
        let input = graph.inputs().iter().find(|input| input.node == id);
        let own = input.map(|input| Path::default().child(&input.name)).or_else(|| node.path.clone());
        let path = own.clone().unwrap_or_else(|| around.clone());
        self.view.items.push(Item {
            cluster,
            kind: if matches!(node.op, Op::Input(_)) { Kind::Input } else { Kind::Operation },
            name: own.map(|own| below(&own, &around)).unwrap_or_default(),
            path,
            what: node.op.called(),
            attributes: match &node.op {
                Op::Activation(_) | Op::Binary(_) => Vec::new(),
                op => op.operation().attributes(),
            },
            shapes: vec![node.shape.clone()],
            totals: Totals::default(),
            nodes: Vec::new(),
        });
        self.view.items.len() - 1
    }

    /// The box of a module that is not opened.
    fn module(&mut self, id: InstanceId) -> ItemIndex {
        if let Some(item) = self.folded.get(&id) {
            return *item;
        }
        let parent = self.instance(id).and_then(|instance| instance.parent);
        let cluster = parent.and_then(|parent| self.cluster(parent));
        let path = self.path(id);
        self.view.items.push(Item {
            cluster,
            kind: Kind::Module,
            name: parent.map(|parent| below(&path, &self.path(parent))).unwrap_or_default(),
            path,
            what: self.instance(id).map(|instance| instance.module.clone()).unwrap_or_default(),
            attributes: Vec::new(),
            shapes: Vec::new(),
            totals: Totals::default(),
            nodes: Vec::new(),
        });
        let item = self.view.items.len() - 1;
        self.folded.insert(id, item);
        item
    }

    /// The cluster of an opened module; `None` for the network.
    fn cluster(&mut self, id: InstanceId) -> Option<ClusterIndex> {
        let mut inwards: Vec<InstanceId> = self.outwards(id).filter(|id| *id != InstanceId::NETWORK).collect();
        inwards.reverse();
        let (mut parent, mut around) = (None, Path::default());
        for id in inwards {
            let Some(instance) = self.instance(id) else { continue };
            let next = self.view.clusters.len();
            let index = *self.clusters.entry(id).or_insert(next);
            if index == next {
                self.view.clusters.push(Cluster {
                    parent,
                    name: below(&instance.path, &around),
                    path: instance.path.clone(),
                    module: instance.module.clone(),
                    totals: Totals::default(),
                });
            }
            (parent, around) = (Some(index), instance.path.clone());
        }
        parent
    }

    fn path(&self, id: InstanceId) -> Path {
        self.instance(id).map(|instance| instance.path.clone()).unwrap_or_default()
    }

    /// The links, and the boxes of the outputs.
    fn finish(mut self) -> View {
        let graph = self.analysis.graph;
        let mut links: HashMap<(ItemIndex, ItemIndex), usize> = HashMap::new();
        let mut leaves = vec![false; graph.node_count()];
        let mut carried: HashSet<(usize, NodeId)> = HashSet::new();
        let mut uses: Vec<(NodeId, ItemIndex)> = Vec::new();
        for (id, _) in graph.nodes() {
            let Some(to) = self.places.get(id.index()).copied() else { continue };
            uses.extend(graph.operands(id).into_iter().map(|operand| (operand, to)));
        }
        for output in graph.outputs() {
            let shapes = graph.node(output.node).map(|node| node.shape.clone()).into_iter().collect();
            let name = Path::default().child(&output.name);
            uses.push((output.node, self.view.items.len()));
            self.view.items.push(Item {
                cluster: None,
                kind: Kind::Output,
                name: name.clone(),
                path: name,
                what: "output".to_owned(),
                attributes: Vec::new(),
                shapes,
                totals: Totals::default(),
                nodes: Vec::new(),
            });
        }
        for (operand, to) in uses {
            let Some(from) = self.places.get(operand.index()).copied().filter(|from| *from != to) else { continue };
            let Some(shape) = graph.node(operand).map(|node| node.shape.clone()) else { continue };
            leaves.iter_mut().skip(operand.index()).take(1).for_each(|leaves| *leaves = true);
            let next = self.view.links.len();
            let link = *links.entry((from, to)).or_insert(next);
            if link == next {
                self.view.links.push(Link { from, to, shapes: Vec::new() });
            }
            if carried.insert((link, operand))
                && let Some(link) = self.view.links.get_mut(link)
            {
                link.shapes.push(shape);
            }
        }
        for item in self.view.items.iter_mut().filter(|item| item.kind == Kind::Module) {
            let left = item.nodes.iter().filter(|id| leaves.get(id.index()) == Some(&true));
            item.shapes = left.filter_map(|id| graph.node(*id)).map(|node| node.shape.clone()).collect();
        }
        self.view
    }
}

/// The rest of a path below another.
fn below(path: &Path, around: &Path) -> Path {
    Path(path.0.iter().skip(around.0.len()).cloned().collect())
}
