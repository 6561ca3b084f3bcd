//! Random networks: machine code computes what the interpreter computes, with every pass on and with one left out.
//!
//! `PNET_SEEDS=FIRST..END` runs other seeds than those of every test run, for longer searches.

use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::passes::{PASSES, Selection, optimize};
use parameternet_compiler::program::{MemoryLoader, Program};
use parameternet_generator::{Settings, program};
use parameternet_runtime::Isa;

use crate::ladder::{TOLERANCE, expected, inputs, relative_error, run, same_bits};

const SEEDS: std::ops::Range<u64> = 0..2000;

/// The gain of the weights.
const GAIN: f64 = 1.5;

fn seeds() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("PNET_SEEDS") else { return SEEDS };
    let (first, end) = text.split_once("..").expect("PNET_SEEDS is FIRST..END");
    first.parse().expect("a number")..end.parse().expect("a number")
}

fn graph(text: &str) -> Result<Graph, String> {
    let program = Program::load(&MemoryLoader::new("random.pnet", text), "random.pnet");
    let program = program.map_err(|failure| failure.to_string())?;
    elaborate(&program, &Request::default()).map_err(|failure| failure.to_string())
}

/// What is wrong with the network of a seed.
fn check(seed: u64) -> Result<(), String> {
    let text = program(seed, &Settings::default());
    let fail = |what: String| format!("seed {seed}: {what}\n{text}");
    let graph = graph(&text).map_err(&fail)?;
    let inputs = inputs(&graph);
    let expected = expected(&graph, &inputs, GAIN);
    // Each seed leaves out another pass, or none, or all.
    let names: Vec<&str> = PASSES.iter().map(|pass| pass.name).collect();
    let choices = names.len() + 2;
    let left_out = match usize::try_from(seed).unwrap_or(0) % choices {
        choice if choice < names.len() => vec![names[choice]],
        choice if choice == names.len() => Vec::new(),
        _ => names.clone(),
    };
    for without in [Vec::new(), left_out] {
        let selection =
            Selection { without: without.iter().map(|name| (*name).to_owned()).collect(), after: None };
        let optimized = optimize(&graph, &selection).map_err(|error| fail(error.to_string()))?;
        for isa in Isa::available() {
            let found = run(&optimized, isa, 1, &inputs, GAIN);
            let error = relative_error(&found, &expected);
            if error >= TOLERANCE {
                return Err(fail(format!("{isa} without {without:?}: relative error {error:e}")));
            }
            if seed % 8 == 0 && !same_bits(&found, &run(&optimized, isa, 3, &inputs, GAIN)) {
                return Err(fail(format!("{isa} without {without:?}: three threads give other bits")));
            }
        }
    }
    Ok(())
}

#[test]
fn machine_code_computes_what_the_interpreter_computes() {
    let check = |seed: u64| match std::panic::catch_unwind(|| check(seed)) {
        Ok(result) => result,
        Err(_) => Err(format!("seed {seed} panics\n{}", program(seed, &Settings::default()))),
    };
    let mut failures = Vec::new();
    let seeds: Vec<u64> = seeds().collect();
    let halves = seeds.split_at(seeds.len() / 2);
    std::thread::scope(|scope| {
        let run = |seeds: &[u64]| seeds.iter().filter_map(|seed| check(*seed).err()).take(5).collect::<Vec<_>>();
        let other = scope.spawn(move || run(halves.1));
        failures = run(halves.0);
        failures.extend(other.join().unwrap_or_default());
    });
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
