//! Random networks through ONNX Runtime.

use parameternet_compiler::weight::InitialTensors;
use parameternet_generator::{Settings, program};

use crate::compare::{TOLERANCE, error_in_shares, expected, inputs};
use crate::oracle;
use crate::seeds::{GAIN, LEAST_SIZE, graph, is_ill_conditioned, seeds};

/// Those of every test run.
const SEEDS: std::ops::Range<u64> = 0..500;

#[test]
fn they_compute_what_the_interpreter_computes() {
    if !oracle::is_there() {
        return;
    }
    let seeds = seeds(SEEDS);
    // The largest error where rounding is all that there is.
    let (mut failures, mut ill_conditioned, mut worst) = (Vec::new(), Vec::new(), 0.0f64);
    for seed in seeds.clone() {
        let text = program(seed, &Settings::default());
        let graph = graph(&text).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{text}"));
        let inputs = inputs(&graph);
        let weights = InitialTensors { graph: &graph, gain: GAIN };
        match oracle::outputs(&graph, &weights, &inputs) {
            Err(error) => failures.push(format!("seed {seed}: {error}\n{text}")),
            Ok(found) => {
                let error = error_in_shares(&found, &expected(&graph, &inputs, GAIN), LEAST_SIZE);
                if error <= worst {
                    continue;
                }
                match (error < TOLERANCE, is_ill_conditioned(&graph, &inputs)) {
                    (true, true) => {}
                    (true, false) => worst = error,
                    (false, true) => ill_conditioned.push(seed),
                    (false, false) => failures.push(format!("seed {seed}: relative error {error:e}\n{text}")),
                }
            }
        }
        // After a few failures there is nothing to be learnt.
        if failures.len() >= 5 {
            break;
        }
    }
    let count = seeds.end - seeds.start;
    println!(
        "{count} seeds, largest relative error of those that are well-conditioned {worst:.1e}; ill-conditioned and therefore not \
         compared: {ill_conditioned:?}"
    );
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(ill_conditioned.len() as u64 * 100 <= count.max(100), "more than one in a hundred is not compared");
}
