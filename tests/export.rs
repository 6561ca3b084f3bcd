//! What a picture shows of a network: the folded view, and its text for Graphviz.

mod shared;

use std::collections::HashSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use parameternet_compiler::analysis::analyze;
use parameternet_compiler::analysis::convention::Convention;
use parameternet_compiler::analysis::totals::Totals;
use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::export::dot::dot;
use parameternet_compiler::export::view::{Kind, Measure, View, view};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::program::{MemoryLoader, Program};
use parameternet_generator::{Settings, program};
use shared::Disk;

const WORK: Measure = Measure::Work(Convention::Core);

fn network(file: &str) -> Graph {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples").join(file);
    let program = Program::load(&Disk, &path.to_string_lossy()).unwrap_or_else(|failure| panic!("{failure}"));
    elaborate(&program, &Request::default()).unwrap_or_else(|failure| panic!("{failure}"))
}

fn of_text(text: &str) -> Graph {
    let program = Program::load(&MemoryLoader::new("net.pnet", text), "net.pnet");
    let program = program.unwrap_or_else(|failure| panic!("{failure}\n{text}"));
    elaborate(&program, &Request::default()).unwrap_or_else(|failure| panic!("{failure}\n{text}"))
}

/// A view as lines: clusters, boxes with what they hold, links.
fn listed(view: &View) -> String {
    let mut text = String::new();
    for (index, cluster) in view.clusters.iter().enumerate() {
        let around = cluster.parent.map_or("the network".to_owned(), |parent| format!("cluster {parent}"));
        text += &format!("cluster {index} in {around}: {} ({}) as {}\n", cluster.path, cluster.module, cluster.name);
    }
    for (index, item) in view.items.iter().enumerate() {
        let around = item.cluster.map_or("the network".to_owned(), |cluster| format!("cluster {cluster}"));
        let (kind, name, what, nodes) = (item.kind, &item.name, &item.what, item.nodes.len());
        text += &format!("{index} in {around}: {kind:?} {what} as `{name}`, {nodes} nodes\n");
    }
    for link in &view.links {
        let shapes: Vec<String> = link.shapes.iter().map(ToString::to_string).collect();
        text += &format!("{} -> {} {}\n", link.from, link.to, shapes.join(" "));
    }
    text
}

#[test]
fn views_of_digits() {
    let graph = network("digits/digits.pnet");
    let analysis = analyze(&graph);
    for depth in 0..=2 {
        insta::assert_snapshot!(format!("view_of_digits_at_depth_{depth}"), listed(&view(&analysis, depth)));
    }
}

#[test]
fn dot_of_digits() {
    let graph = network("digits/digits.pnet");
    insta::assert_snapshot!(dot(&view(&analyze(&graph), 2), WORK));
}

/// What holds of every view.
fn check(graph: &Graph, depth: usize) -> View {
    let analysis = analyze(graph);
    let view = view(&analysis, depth);
    let nodes: Vec<usize> = view.items.iter().flat_map(|item| &item.nodes).map(|node| node.index()).collect();
    assert_eq!(nodes.len(), graph.node_count(), "every node is shown");
    assert_eq!(nodes.iter().collect::<HashSet<_>>().len(), nodes.len(), "no node is shown twice");
    assert_eq!(view.items.iter().map(|item| item.totals).sum::<Totals>(), analysis.totals);
    let count = |kind| view.items.iter().filter(|item| item.kind == kind).count();
    assert_eq!((count(Kind::Input), count(Kind::Output)), (graph.inputs().len(), graph.outputs().len()));
    for (index, cluster) in view.clusters.iter().enumerate() {
        assert!(cluster.parent.is_none_or(|parent| parent < index), "parents come first");
        let is_inside = |mut at: Option<usize>| {
            while let Some(cluster) = at.filter(|at| *at != index) {
                at = view.clusters[cluster].parent;
            }
            at.is_some()
        };
        let inside = view.items.iter().filter(|item| is_inside(item.cluster));
        assert_eq!(inside.map(|item| item.totals).sum::<Totals>(), cluster.totals);
    }
    let mut seen = HashSet::new();
    for link in &view.links {
        assert!(link.from < view.items.len() && link.to < view.items.len() && link.from != link.to);
        assert!(seen.insert((link.from, link.to)), "one link between two boxes");
        assert!(!link.shapes.is_empty());
    }
    // Without cycles, boxes can be taken away one by one.
    let mut open: Vec<usize> = (0..view.items.len()).collect();
    while !open.is_empty() {
        let reads = |item: &usize| view.links.iter().any(|link| link.to == *item && open.contains(&link.from));
        let rest: Vec<usize> = open.iter().copied().filter(reads).collect();
        assert!(rest.len() < open.len(), "a cycle between {rest:?}:\n{}", listed(&view));
        open = rest;
    }
    view
}

#[test]
fn every_node_of_random_networks_is_shown_once() {
    let mut clusters = 0;
    for seed in 0..200 {
        let graph = of_text(&program(seed, &Settings::default()));
        for depth in [0, 1, 2, 64] {
            clusters += check(&graph, depth).clusters.len();
        }
    }
    assert!(clusters > 100, "only {clusters} modules were opened");
}

#[test]
fn every_node_of_the_zoo_is_shown_once() {
    for file in ["mlp", "mobilenetv2", "ghostnet", "parameternet"] {
        let graph = network(&format!("models/{file}.pnet"));
        for depth in [0, 1, 2] {
            check(&graph, depth);
        }
        let whole = check(&graph, 64);
        assert_eq!(whole.items.len(), graph.node_count() + graph.outputs().len());
        let closed = check(&graph, 0);
        assert_eq!(closed.items.len(), graph.inputs().len() + 1 + graph.outputs().len());
    }
}

#[test]
fn a_tensor_is_carried_once_and_all_that_leave_a_module_are_named() {
    let graph = of_text(
        "module Pair(x) { return (x |> relu, x |> linear(3) as l) }
         network Net { input x: f32[1, 4]
             let (a, b) = x |> Pair as pair
             return (a + a) |> linear(3) as last |> Add(b) }
         module Add(x, y) { return x + y }",
    );
    let view = check(&graph, 1);
    let pair = view.items.iter().find(|item| item.what == "Pair").expect("the module");
    let shapes: Vec<String> = pair.shapes.iter().map(ToString::to_string).collect();
    assert_eq!(shapes, ["[1, 4]", "[1, 3]"]);
    assert!(view.links.iter().all(|link| link.shapes.len() == 1), "{}", listed(&view));
}

/// Whether Graphviz accepts a text; `None` where it is not installed, which in CI is a failure.
#[expect(clippy::disallowed_methods, reason = "the rule against I/O is for the libraries")]
fn graphviz_accepts(text: &str) -> Option<bool> {
    let child = Command::new("dot").args(["-Tcanon"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let Ok(mut child) = child else {
        assert!(std::env::var_os("CI").is_none(), "Graphviz is missing");
        println!("skipped: there is no `dot` of Graphviz");
        return None;
    };
    let written = child.stdin.take().expect("a pipe").write_all(text.as_bytes());
    Some(child.wait().expect("dot ends").success() && written.is_ok())
}

#[test]
fn graphviz_accepts_the_text() {
    if graphviz_accepts("digraph \"a {") == Some(true) {
        panic!("this `dot` accepts anything");
    }
    for file in ["digits/digits", "models/parameternet"] {
        let graph = network(&format!("{file}.pnet"));
        for depth in [0, 1, 64] {
            let text = dot(&view(&analyze(&graph), depth), WORK);
            assert_ne!(graphviz_accepts(&text), Some(false), "{file} at depth {depth}");
        }
    }
    for seed in 0..20 {
        let graph = of_text(&program(seed, &Settings::default()));
        let text = dot(&view(&analyze(&graph), 64), Measure::Parameters);
        assert_ne!(graphviz_accepts(&text), Some(false), "seed {seed}:\n{text}");
    }
}
