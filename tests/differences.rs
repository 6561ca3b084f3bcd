//! What differs between two networks.

mod shared;

use std::collections::BTreeSet;
use std::path::PathBuf;

use parameternet_compiler::analysis::analyze;
use parameternet_compiler::analysis::convention::Convention;
use parameternet_compiler::analysis::diff::costs::CostChange;
use parameternet_compiler::analysis::diff::structure::{Change, Fact, Part};
use parameternet_compiler::analysis::diff::{Diff, diff};
use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::program::{MemoryLoader, Program};
use parameternet_compiler::shape::Shape;
use parameternet_generator::{Settings, program};
use shared::Disk;

fn network(file: &str, settings: &[(&str, &str)]) -> Graph {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/models").join(file);
    let program = Program::load(&Disk, &path.to_string_lossy()).unwrap_or_else(|failure| panic!("{failure}"));
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    elaborate(&program, &Request { settings, ..Request::default() }).unwrap_or_else(|failure| panic!("{failure}"))
}

fn of_text(text: &str) -> Graph {
    let program = Program::load(&MemoryLoader::new("net.pnet", text), "net.pnet");
    let program = program.unwrap_or_else(|failure| panic!("{failure}\n{text}"));
    elaborate(&program, &Request::default()).unwrap_or_else(|failure| panic!("{failure}\n{text}"))
}

/// A body over `x: f32[1, 8]`, below a module that it may use.
fn of_body(body: &str) -> Graph {
    of_text(&format!(
        "module Block(x) {{ return x |> linear(8) as fc |> relu }}
         network Net {{ input x: f32[1, 8]\n{body} }}"
    ))
}

fn compare(from: &Graph, to: &Graph) -> Diff {
    diff(&analyze(from), &analyze(to), Convention::Core)
}

/// The changes as lines.
fn changes(diff: &Diff) -> Vec<String> {
    let part = |part: &Part| format!("{} {}", part.what, part.path).trim_end().to_owned();
    let line = |change: &Change| match (&change.from, &change.to) {
        (Some(from), None) => format!("- {}", part(from)),
        (None, Some(to)) => format!("+ {}", part(to)),
        (Some(from), Some(to)) if from.path != to.path => {
            format!("~ {} = {}: {:?}", part(from), part(to), change.facts)
        }
        (Some(from), _) => format!("~ {}: {:?}", part(from), change.facts),
        (None, None) => String::new(),
    };
    diff.changes.iter().map(line).collect()
}

#[test]
fn nothing_differs_from_itself() {
    for file in ["mlp.pnet", "mobilenetv2.pnet", "ghostnet.pnet", "parameternet.pnet"] {
        let (one, other) = (network(file, &[]), network(file, &[]));
        let diff = compare(&one, &other);
        assert!(diff.is_empty() && diff.loads(), "{file}: {:?}", changes(&diff));
    }
    for seed in 0..150 {
        let text = program(seed, &Settings::default());
        let diff = compare(&of_text(&text), &of_text(&text));
        assert!(diff.is_empty(), "seed {seed}: {:?}\n{text}", changes(&diff));
    }
}

/// Only what differs is listed, the largest difference first.
fn assert_is_ordered(change: &CostChange) {
    assert!(change.from != change.to || !change.children.is_empty(), "{} differs in nothing", change.path);
    let size = |change: &CostChange| change.from.counts.core.abs_diff(change.to.counts.core);
    assert!(change.children.windows(2).all(|pair| size(&pair[0]) >= size(&pair[1])), "{}", change.path);
    change.children.iter().for_each(assert_is_ordered);
}

#[test]
fn differences_of_random_networks_are_those_of_their_totals() {
    let mut compared = 0;
    for seed in 0..100 {
        let (one, other) = (program(seed, &Settings::default()), program(seed + 1, &Settings::default()));
        let (one, other) = (of_text(&one), of_text(&other));
        let (from, to) = (analyze(&one), analyze(&other));
        let diff = diff(&from, &to, Convention::Core);
        assert_eq!((diff.from.totals, diff.to.totals), (from.totals, to.totals), "seed {seed}");
        assert!(!diff.is_empty(), "seed {seed}");
        let Some(costs) = &diff.costs else { continue };
        assert_eq!((costs.from, costs.to), (from.totals, to.totals), "seed {seed}");
        assert_is_ordered(costs);
        compared += 1;
        // The other way round, what was added is removed.
        let back = compare(&other, &one);
        let count = |diff: &Diff, is_added: bool| {
            let parts =
                diff.changes.iter().filter(|change| if is_added { change.from.is_none() } else { change.to.is_none() });
            parts.count()
        };
        assert_eq!(
            (count(&diff, true) == 0, count(&diff, false) == 0),
            (count(&back, false) == 0, count(&back, true) == 0)
        );
        let names = |diff: &Diff| diff.weights.iter().map(|weight| weight.name.clone()).collect::<BTreeSet<_>>();
        assert_eq!(names(&diff), names(&back), "seed {seed}");
        // Nodes are added, removed, or matched: their numbers add up.
        let added: u64 = diff
            .changes
            .iter()
            .filter(|change| change.from.is_none())
            .filter_map(|change| change.to.as_ref())
            .map(|part| part.totals.nodes)
            .sum();
        let removed: u64 = diff
            .changes
            .iter()
            .filter(|change| change.to.is_none())
            .filter_map(|change| change.from.as_ref())
            .map(|part| part.totals.nodes)
            .sum();
        assert!(to.totals.nodes + removed == from.totals.nodes + added, "seed {seed}");
    }
    assert!(compared > 50);
}

#[test]
fn one_hyper_parameter() {
    let diff = compare(&network("mlp.pnet", &[]), &network("mlp.pnet", &[("hidden", "32")]));
    assert_eq!(
        changes(&diff),
        [
            "~ linear l1: [Attribute { name: \"out\", from: Some(\"64\"), to: Some(\"32\") }, \
             Shape { from: Shape([1, 64]), to: Shape([1, 32]) }]",
            "~ relu: [Shape { from: Shape([1, 64]), to: Shape([1, 32]) }]",
        ]
    );
    let weights: Vec<&str> = diff.weights.iter().map(|weight| weight.name.as_str()).collect();
    assert_eq!(weights, ["l1.weight", "l1.bias", "l2.weight"]);
    assert!(diff.ports.is_empty() && !diff.loads());
}

#[test]
fn experts_change_dynamic_convolutions_alone() {
    let diff = compare(&network("parameternet.pnet", &[]), &network("parameternet.pnet", &[("experts", "8")]));
    let only = |change: &Change| {
        change.from.as_ref().is_some_and(|part| ["routing", "dynamic_conv"].contains(&part.what.as_str()))
            && change.facts.contains(&Fact::Attribute { name: "experts", from: Some("4".into()), to: Some("8".into()) })
    };
    assert_eq!(diff.changes.len(), 176);
    assert!(diff.changes.iter().all(only));
}

#[test]
fn a_block_in_the_middle_of_a_stage_is_one_change() {
    let stage = |count: usize| {
        of_body(
            &format!("for i in 0..{count} {{ x = x |> Block as blocks[i] |> sigmoid }}\nreturn x |> tanh")
                .replace("x = x", "y = y")
                .replace("for i", "let y = x\nfor i")
                .replace("return x", "return y"),
        )
    };
    let diff = compare(&stage(3), &stage(4));
    assert_eq!(changes(&diff), ["+ Block blocks[3]", "+ sigmoid"]);
    assert!(diff.ports.is_empty());
}

#[test]
fn what_has_no_name_is_aligned() {
    let from = of_body("return x |> relu |> sigmoid |> tanh |> relu");
    let insert = of_body("return x |> relu |> gelu |> sigmoid |> tanh |> relu");
    assert_eq!(changes(&compare(&from, &insert)), ["+ gelu"]);
    assert_eq!(changes(&compare(&insert, &from)), ["- gelu"]);
    let replace = of_body("return x |> relu |> gelu |> tanh |> relu");
    assert_eq!(changes(&compare(&from, &replace)), ["~ sigmoid: [What { from: \"sigmoid\", to: \"gelu\" }]"]);
}

#[test]
fn another_name_is_no_other_structure() {
    let from = of_body("return x |> Block as first |> linear(4) as head");
    let to = of_body("return x |> Block as renamed |> linear(4) as head");
    let diff = compare(&from, &to);
    assert_eq!(changes(&diff), ["~ Block first = Block renamed: []"]);
    assert_eq!(diff.weights.len(), 4, "weights are found by name");
}

#[test]
fn other_wiring_is_a_difference() {
    let from = of_body("let a = x |> relu\nlet b = x |> sigmoid\nreturn a - b");
    let to = of_body("let a = x |> relu\nlet b = x |> sigmoid\nreturn b - a");
    assert_eq!(changes(&compare(&from, &to)), ["~ -: [Operands]"]);
}

#[test]
fn other_constants_are_a_difference() {
    let from = of_body("return x |> gather([0, 1], dim=1)");
    let to = of_body("return x |> gather([1, 0], dim=1)");
    assert!(!compare(&from, &to).is_empty());
    assert_eq!(compare(&from, &to).changes.len(), 1);
}

#[test]
fn inputs_and_outputs() {
    let from = of_text("network Net { input x: f32[1, 8]\ninput y: f32[1, 8]\nreturn x + y }");
    let to = of_text("network Net { input x: f32[1, 4]\ninput z: f32[1, 4]\nreturn x + z }");
    let ports: Vec<String> = compare(&from, &to)
        .ports
        .iter()
        .map(|port| {
            let shape = |shape: &Option<Shape>| shape.as_ref().map_or("none".to_owned(), ToString::to_string);
            format!("{:?} {}: {} -> {}", port.kind, port.name, shape(&port.from), shape(&port.to))
        })
        .collect();
    assert_eq!(
        ports,
        [
            "Input x: [1, 8] -> [1, 4]",
            "Input y: [1, 8] -> none",
            "Input z: none -> [1, 4]",
            "Output output: [1, 8] -> [1, 4]",
        ]
    );
}
