//! Where everything of a picture lies: the boxes of a view, the frames of its opened modules, the lines of its links.
//!
//! In: a [`View`] and the size of each box. Out: a [`Layout`] in one system of coordinates. Every module is laid out by
//! itself, in layers from top to bottom by the method of Sugiyama (the library `dagre`), then stands as one box in the module
//! around it. A tensor enters a module through a *port* at its upper edge and leaves it at its lower one, so that a line that
//! crosses frames is made of pieces that meet there. No two boxes overlap, and no line leaves the frames that it belongs to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use dagre::graph::{Graph, GraphOptions};
use dagre::layout::types::LabelPos;
use dagre::{EdgeLabel, LayoutOptions, NodeLabel, RankAlign};
use parameternet_compiler::export::view::{ClusterIndex, ItemIndex, View};

use super::route;

/// Between boxes of one layer, and between layers.
const SEPARATION: [f64; 2] = [24.0, 34.0];
/// Beside, above and below what stands in a frame; its label stands above.
const PADDING: [f64; 3] = [14.0, 26.0, 14.0];
/// Above and below ports, where there is room between them and the boxes.
const AT_PORTS: [f64; 2] = [16.0, 4.0];

/// A rectangle by its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Rectangle {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Rectangle {
    pub(super) fn centre(&self) -> f64 {
        self.x + self.width / 2.0
    }

    pub(super) fn bottom(&self) -> f64 {
        self.y + self.height
    }

    fn moved(self, x: f64, y: f64) -> Rectangle {
        Rectangle { x: self.x + x, y: self.y + y, ..self }
    }
}

/// A piece of the way of a tensor.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// The box that the tensor comes from.
    pub source: ItemIndex,
    /// The box where this piece ends; `None` at a frame.
    pub target: Option<ItemIndex>,
    /// From the upper end down.
    pub curves: Vec<route::Curve>,
}

/// Where everything lies.
#[derive(Debug, Clone, Default)]
pub(super) struct Layout {
    pub width: f64,
    pub height: f64,
    /// By item.
    pub boxes: Vec<Rectangle>,
    /// By cluster.
    pub frames: Vec<Rectangle>,
    pub lines: Vec<Line>,
}

/// Lays a view out; `sizes` by item, `labels` the widths of the clusters' labels.
pub(super) fn layout(view: &View, sizes: &[(f64, f64)], labels: &[f64]) -> Layout {
    let levels = levels(view);
    let mut placed: HashMap<ClusterIndex, Placed> = HashMap::new();
    // Parents come before children, so that what is in a module is known before the module is placed.
    for (index, label) in labels.iter().enumerate().rev() {
        if let Some(level) = levels.get(&Some(index)) {
            placed.insert(index, place(level, sizes, &placed, Some(*label)));
        }
    }
    let network = levels.get(&None).map(|level| place(level, sizes, &placed, None)).unwrap_or_default();
    let mut layout = Layout {
        width: network.width,
        height: network.height,
        boxes: vec![Rectangle::default(); view.items.len()],
        frames: vec![Rectangle::default(); view.clusters.len()],
        lines: Vec::new(),
    };
    let mut open = vec![(network, 0.0, 0.0)];
    while let Some((level, x, y)) = open.pop() {
        for (end, rectangle) in &level.places {
            let rectangle = rectangle.moved(x, y);
            match end {
                End::Item(item) => layout.boxes[*item] = rectangle,
                End::Cluster(cluster) => {
                    layout.frames[*cluster] = rectangle;
                    open.extend(placed.remove(cluster).map(|inner| (inner, rectangle.x, rectangle.y)));
                }
                End::In(_) | End::Out(_) => {}
            }
        }
        layout.lines.extend(
            level
                .lines
                .into_iter()
                .map(|line| Line { curves: line.curves.iter().map(|curve| curve.moved(x, y)).collect(), ..line }),
        );
    }
    layout
}

/// How much work the layout is: the layers that lines pass, in the module where they pass most.
pub(super) fn bends(view: &View) -> usize {
    let mut most = 0usize;
    for level in levels(view).values() {
        let mut ranks: BTreeMap<(ItemIndex, End), usize> = BTreeMap::new();
        let mut edges: Vec<((ItemIndex, End), (ItemIndex, End))> =
            level.edges.iter().map(|(from, to, _)| ((level.first(*from), *from), (level.first(*to), *to))).collect();
        edges.sort_unstable();
        for (from, to) in &edges {
            let above = ranks.get(from).copied().unwrap_or(0);
            let rank = ranks.entry(*to).or_default();
            *rank = (*rank).max(above + 1);
        }
        let rank = |end| ranks.get(end).copied().unwrap_or(0);
        most = most.max(edges.iter().map(|(from, to)| rank(to).saturating_sub(rank(from))).sum());
    }
    most
}

/// What a line of one module joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum End {
    Item(ItemIndex),
    Cluster(ClusterIndex),
    /// The upper edge of the frame, for the tensors of an item outside.
    In(ItemIndex),
    /// The lower edge, for those of an item inside.
    Out(ItemIndex),
}

impl End {
    /// The name for the library.
    fn key(self) -> String {
        match self {
            End::Item(item) => format!("item {item}"),
            End::Cluster(cluster) => format!("cluster {cluster}"),
            End::In(item) => format!("in {item}"),
            End::Out(item) => format!("out {item}"),
        }
    }
}

/// One module by itself: what stands in it, and the lines with the items whose tensors they carry.
#[derive(Debug, Default)]
struct Level {
    ends: Vec<End>,
    edges: BTreeSet<(End, End, ItemIndex)>,
    /// By cluster: its first item.
    first: HashMap<ClusterIndex, ItemIndex>,
}

impl Level {
    /// What comes first in the program lies first.
    fn first(&self, end: End) -> ItemIndex {
        match end {
            End::Item(item) => item,
            End::Cluster(cluster) => self.first.get(&cluster).copied().unwrap_or(0),
            End::In(_) => 0,
            End::Out(_) => usize::MAX,
        }
    }
}

fn levels(view: &View) -> BTreeMap<Option<ClusterIndex>, Level> {
    let mut levels: BTreeMap<Option<ClusterIndex>, Level> = BTreeMap::new();
    let parent = |cluster: ClusterIndex| view.clusters.get(cluster).and_then(|cluster| cluster.parent);
    for (index, item) in view.items.iter().enumerate() {
        let mut inner = End::Item(index);
        let mut cluster = item.cluster;
        loop {
            let level = levels.entry(cluster).or_default();
            if let End::Cluster(inner) = inner {
                if level.first.contains_key(&inner) {
                    break;
                }
                level.first.insert(inner, index);
            }
            level.ends.push(inner);
            let Some(next) = cluster else { break };
            inner = End::Cluster(next);
            cluster = parent(next);
        }
    }
    // From a cluster outwards, the network last.
    let outwards = |item: ItemIndex| {
        let mut around = vec![view.items.get(item).and_then(|item| item.cluster)];
        while let Some(Some(cluster)) = around.last().copied() {
            around.push(parent(cluster));
        }
        around
    };
    for link in &view.links {
        let (from, to) = (outwards(link.from), outwards(link.to));
        let common = from.iter().rev().zip(to.iter().rev()).take_while(|(one, other)| one == other).count();
        let mut walk = |chain: &[Option<ClusterIndex>], item: ItemIndex, port: &dyn Fn(End) -> (End, End)| {
            let mut end = End::Item(item);
            for cluster in &chain[..chain.len() - common] {
                let (one, other) = port(end);
                levels.entry(*cluster).or_default().edges.insert((one, other, link.from));
                end = cluster.map_or(end, End::Cluster);
            }
            end
        };
        let source = walk(&from, link.from, &|end| (end, End::Out(link.from)));
        let target = walk(&to, link.to, &|end| (End::In(link.from), end));
        let shared = from.get(from.len() - common).copied().flatten();
        levels.entry(shared).or_default().edges.insert((source, target, link.from));
    }
    levels
}

/// A module with everything in it where it lies, from the upper left corner of its frame.
#[derive(Debug, Default)]
struct Placed {
    width: f64,
    height: f64,
    places: Vec<(End, Rectangle)>,
    lines: Vec<Line>,
    /// Where the tensors of an item enter, and where they leave.
    ins: HashMap<ItemIndex, f64>,
    outs: HashMap<ItemIndex, f64>,
}

/// The ends of a layer that nothing is drawn of: they keep ports at the edges.
const ANCHORS: [&str; 2] = ["top", "bottom"];

fn place(level: &Level, sizes: &[(f64, f64)], inner: &HashMap<ClusterIndex, Placed>, label: Option<f64>) -> Placed {
    let size = |end: End| match end {
        End::Item(item) => sizes[item],
        End::Cluster(cluster) => inner.get(&cluster).map_or((0.0, 0.0), |inner| (inner.width, inner.height)),
        End::In(_) | End::Out(_) => (1.0, 0.0),
    };
    let ports = level.edges.iter().flat_map(|(from, to, _)| [*from, *to]);
    let ports: BTreeSet<End> = ports.filter(|end| matches!(end, End::In(_) | End::Out(_))).collect();
    let ends: Vec<End> = level.ends.iter().copied().chain(ports.iter().copied()).collect();
    let mut graph = library_graph(level, &ends, &ports, size);
    let options = LayoutOptions {
        nodesep: SEPARATION[0],
        edgesep: SEPARATION[0] / 2.0,
        ranksep: SEPARATION[1],
        rank_align: RankAlign::Center,
        ..LayoutOptions::default()
    };
    dagre::layout(&mut graph, Some(options));
    let mut places: Vec<(End, Rectangle)> = Vec::with_capacity(ends.len());
    for end in ends {
        let (width, height) = size(end);
        let found = graph.node(&end.key()).and_then(|node| Some((node.x?, node.y?))).unwrap_or((0.0, 0.0));
        places.push((end, Rectangle { x: found.0 - width / 2.0, y: found.1 - height / 2.0, width, height }));
    }
    let least = |coordinate: fn(&Rectangle) -> f64| {
        places.iter().map(|(_, place)| coordinate(place)).fold(f64::INFINITY, f64::min)
    };
    let [side, mut above, mut below] = if label.is_some() { PADDING } else { [0.0; 3] };
    // Lines may lie beyond the boxes.
    let points = level
        .edges
        .iter()
        .filter_map(|(from, to, source)| graph.edge(&from.key(), &to.key(), Some(&source.to_string())));
    let xs: Vec<f64> = points.flat_map(|edge| edge.points.iter().map(|point| point.x)).collect();
    let left = xs.iter().copied().fold(least(|place| place.x), f64::min);
    let right = xs.iter().copied().fold(-least(|place| -(place.x + place.width)), f64::max);
    let (top, bottom) = (least(|place| place.y), -least(|place| -place.bottom()));
    let least_port = |is_port: fn(&End) -> bool, coordinate: fn(&Rectangle) -> f64| {
        let ports = places.iter().filter(|(end, _)| is_port(end)).map(|(_, place)| coordinate(place));
        ports.fold(f64::INFINITY, f64::min)
    };
    if least_port(|end| matches!(end, End::In(_)), |place| place.y) <= top {
        above = AT_PORTS[0];
    }
    if -least_port(|end| matches!(end, End::Out(_)), |place| -place.y) >= bottom {
        below = AT_PORTS[1];
    }
    let content = right - left;
    let width = content.max(label.unwrap_or(0.0)) + 2.0 * side;
    let (dx, dy) = ((width - content) / 2.0 - left, above - top);
    for (_, place) in &mut places {
        *place = place.moved(dx, dy);
    }
    let mut placed = Placed { width, height: bottom - top + above + below, ..Placed::default() };
    for (end, place) in &places {
        match end {
            End::In(item) => drop(placed.ins.insert(*item, place.centre())),
            End::Out(item) => drop(placed.outs.insert(*item, place.centre())),
            End::Item(_) | End::Cluster(_) => {}
        }
    }
    let by_end: HashMap<End, Rectangle> = places.iter().copied().collect();
    let bands = route::Bands::of(places.iter().map(|(_, place)| (place.y, place.bottom())));
    for (from, to, source) in &level.edges {
        let place = |end: &End| by_end.get(end).copied().unwrap_or_default();
        let port = |cluster: &ClusterIndex, ports: fn(&Placed) -> &HashMap<ItemIndex, f64>| {
            inner.get(cluster).and_then(|inner| ports(inner).get(source).copied()).unwrap_or(0.0)
        };
        let (upper, lower) = (place(from), place(to));
        let mut points = vec![match from {
            End::Cluster(cluster) => (upper.x + port(cluster, |placed| &placed.outs), upper.bottom()),
            End::In(_) => (upper.centre(), 0.0),
            End::Item(_) | End::Out(_) => (upper.centre(), upper.bottom()),
        }];
        points.extend(matches!(from, End::In(_)).then(|| (upper.centre(), upper.y)));
        if let Some(edge) = graph.edge(&from.key(), &to.key(), Some(&source.to_string())) {
            let between = edge.points.iter().skip(1).take(edge.points.len().saturating_sub(2));
            points.extend(between.map(|point| (point.x + dx, point.y + dy)).filter(|point| bands.contain(point.1)));
        }
        points.extend(matches!(to, End::Out(_)).then(|| (lower.centre(), lower.y)));
        points.push(match to {
            End::Cluster(cluster) => (lower.x + port(cluster, |placed| &placed.ins), lower.y),
            End::Out(_) => (lower.centre(), placed.height),
            End::Item(_) | End::In(_) => (lower.centre(), lower.y),
        });
        let target = if let End::Item(item) = to { Some(*item) } else { None };
        placed.lines.push(Line { source: *source, target, curves: route::route(&points, &bands) });
    }
    placed.places = places;
    placed
}

/// The module as the library wants it.
fn library_graph(
    level: &Level,
    ends: &[End],
    ports: &BTreeSet<End>,
    size: impl Fn(End) -> (f64, f64),
) -> Graph<NodeLabel, EdgeLabel> {
    let options = GraphOptions { directed: true, multigraph: true, compound: false };
    let mut graph: Graph<NodeLabel, EdgeLabel> = Graph::with_options(options);
    for end in ends {
        let (width, height) = size(*end);
        graph.set_node(end.key(), Some(NodeLabel { width, height, ..NodeLabel::default() }));
    }
    let line = |weight: i32| Some(EdgeLabel { weight, labelpos: LabelPos::Center, ..EdgeLabel::default() });
    for (from, to, source) in &level.edges {
        graph.set_edge(from.key(), to.key(), line(1), Some(&source.to_string()));
    }
    // Heavy lines are short: the ports stay in the first and the last layer.
    const HEAVY: i32 = 1000;
    for port in ports {
        let anchor = ANCHORS[usize::from(matches!(port, End::Out(_)))];
        graph.set_node(anchor, Some(NodeLabel::default()));
        let ends =
            if matches!(port, End::In(_)) { (anchor.to_owned(), port.key()) } else { (port.key(), anchor.to_owned()) };
        graph.set_edge(ends.0, ends.1, line(HEAVY), None);
    }
    graph
}
