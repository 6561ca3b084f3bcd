//! Generated networks: they compile, contain the whole language, and every pass leaves their outputs as they are.

use std::collections::HashSet;

use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::{Graph, print, verify};
use parameternet_compiler::interp::{self, InitialWeights, NamedOutput};
use parameternet_compiler::op::{self, Op};
use parameternet_compiler::passes::{PASSES, Selection, optimize};
use parameternet_compiler::program::{MemoryLoader, Program};
use parameternet_generator::{Settings, program};

/// The graph of a generated program.
fn compile(seed: u64) -> (String, Graph) {
    let text = program(seed, &Settings::default());
    let failed = |error: &dyn std::fmt::Display| -> Graph { panic!("seed {seed}:\n{text}\n{error}") };
    let graph = match Program::load(&MemoryLoader::new("main.pnet", text.clone()), "main.pnet") {
        Ok(program) => elaborate(&program, &Request::default()).unwrap_or_else(|error| failed(&error)),
        Err(error) => failed(&error),
    };
    (text, graph)
}

fn run(graph: &Graph) -> Vec<NamedOutput> {
    let inputs: Vec<Vec<f64>> = graph
        .inputs()
        .iter()
        .map(|input| {
            let elements = graph.node(input.node).expect("the input").shape.elements();
            parameternet_runtime::synth::tensor(&input.name, elements).map(f64::from).collect()
        })
        .collect();
    interp::run(graph, &InitialWeights { gain: 2.0 }, &inputs).unwrap_or_else(|error| panic!("{error}"))
}

/// The first difference that is more than rounding, if there is one.
fn difference(found: &[NamedOutput], expected: &[NamedOutput]) -> Option<String> {
    if found.len() != expected.len() {
        return Some("another number of outputs".to_owned());
    }
    for (found, expected) in found.iter().zip(expected) {
        if (&found.name, &found.shape) != (&expected.name, &expected.shape) {
            return Some(format!("{}{} instead of {}{}", found.name, found.shape, expected.name, expected.shape));
        }
        // A difference of equal values may be anything near zero: what counts is how large the values were.
        let largest = expected.data.iter().fold(0.01, |largest: f64, value| largest.max(value.abs()));
        for (index, (one, other)) in found.data.iter().zip(&expected.data).enumerate() {
            // What is no number is wrong, too.
            if (one - other).abs().partial_cmp(&(1e-9 * largest)) != Some(std::cmp::Ordering::Less) {
                return Some(format!("{}: element {index} is {one} instead of {other}", found.name));
            }
        }
    }
    None
}

/// How many cases were asked for from outside.
#[expect(clippy::disallowed_methods, reason = "as proptest reads its settings")]
fn cases(usual: u64) -> u64 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}

#[test]
fn they_compile_and_contain_the_whole_language() {
    let (mut operations, mut words) = (HashSet::new(), HashSet::new());
    for seed in 0..cases(400) {
        let (text, graph) = compile(seed);
        verify::verify(&graph).unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
        operations.extend(graph.nodes().map(|(_, node)| node.op.name()));
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        words.extend(text.split(|c| !is_word(c)).map(str::to_owned));
    }
    let missing: Vec<&&str> = Op::NAMES.iter().filter(|name| !operations.contains(**name)).collect();
    assert!(missing.is_empty(), "no program contains {missing:?}");
    let callable = op::definitions().map(|definition| definition.name);
    let settings = op::definitions().flat_map(|definition| definition.parameters).map(|parameter| parameter.name);
    let positional =
        ["x", "y", "k", "v", "xs", "out", "parts", "groups", "indices", "order", "shape", "values", "name", "p"];
    let unneeded = ["from", "scale", "shifts", "form", "size"];
    let named = settings.filter(|name| !positional.contains(name) && !unneeded.contains(name));
    let missing: HashSet<&str> = callable.chain(named).filter(|word| !words.contains(*word)).collect();
    assert!(missing.is_empty(), "no program says {missing:?}");
}

#[test]
fn they_stay_tame() {
    for seed in 0..cases(400) {
        let (text, graph) = compile(seed);
        for output in run(&graph) {
            let largest = output.data.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
            let are_numbers = output.data.iter().all(|value| value.is_finite());
            assert!(are_numbers && largest < 1e3, "seed {seed}: {} reaches {largest}:\n{text}", output.name);
        }
    }
}

#[test]
fn passes_change_no_output() {
    let mut idle: HashSet<&str> = PASSES.iter().map(|pass| pass.name).collect();
    for seed in 0..cases(150) {
        let (text, graph) = compile(seed);
        let expected = run(&graph);
        let without = |name: &str| Selection { without: vec![name.to_owned()], after: None };
        let optimized = |selection: &Selection| {
            optimize(&graph, selection).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{text}"))
        };
        let full = print::print(&optimized(&Selection::default()));
        idle.retain(|pass| print::print(&optimized(&without(pass))) == full);
        let selections = PASSES.iter().map(|pass| without(pass.name)).chain([Selection::default()]);
        for selection in selections {
            let optimized = optimized(&selection);
            if let Some(difference) = difference(&run(&optimized), &expected) {
                let (before, after) = (print::print(&graph), print::print(&optimized));
                panic!("seed {seed}, {selection:?}: {difference}\n{text}\n{before}\n{after}");
            }
        }
    }
    assert!(idle.is_empty(), "no program needs {idle:?}");
}
