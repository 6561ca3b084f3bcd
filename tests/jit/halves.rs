//! Products by Strassen's algorithm: what the interpreter computes, and the same bits for a sample whatever stands beside it.

use parameternet_compiler::compile::{Options, plan};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::plan::Where;
use parameternet_compiler::weight::InitialTensors;
use parameternet_runtime::Isa;

use crate::compare::{TOLERANCE, expected, inputs, relative_error};
use crate::ladder::{options, run, same_bits};
use crate::seeds::{GAIN, graph};

/// Pointwise convolutions with residuals, and layers over tokens; none is so small that it is generated whole.
fn network(batch: usize, [height, width]: [usize; 2]) -> Graph {
    let text = format!(
        "network Halves {{
            input x: f32[{batch}, 6, {height}, {width}]
            let y = x |> conv(70, bias=true) as wide |> hard_swish |> conv(6) as narrow
            let t = x + y |> relu |> permute([0, 2, 3, 1])
            let u = t |> linear(46) as up |> gelu |> linear(6) as down
            return (t + u) |> linear(40) as head
        }}"
    );
    graph(&text).unwrap_or_else(|error| panic!("{error}"))
}

fn everywhere(isa: Isa, threads: usize) -> Options {
    Options { strassen: Where::Possible, ..options(isa, threads, &[]) }
}

#[test]
fn results_are_right_and_do_not_depend_on_the_batch() {
    // An even number of pixels a sample, whose pairs follow each other through the batch, and odd ones.
    for size in [[5, 6], [5, 7], [3, 5], [9, 11]] {
        let [one, three] = [1, 3].map(|batch| network(batch, size));
        let inputs = inputs(&three);
        let expected = expected(&three, &inputs, GAIN);
        for isa in Isa::available() {
            let shown = plan(&three, &everywhere(isa, 1)).unwrap_or_else(|error| panic!("{error}")).to_string();
            assert_eq!(shown.matches("in halves").count(), 5, "{shown}");
            let weights = InitialTensors { graph: &three, gain: GAIN };
            let found = run(&three, &everywhere(isa, 1), &inputs, &weights);
            let error = relative_error(&found, &expected);
            assert!(error < TOLERANCE, "{isa} {size:?}: relative error {error:e}");
            assert!(same_bits(&found, &run(&three, &everywhere(isa, 3), &inputs, &weights)), "{isa} {size:?}: threads");
            let alone: Vec<f32> = inputs[0]
                .chunks(inputs[0].len() / 3)
                .flat_map(|sample| {
                    let weights = InitialTensors { graph: &one, gain: GAIN };
                    run(&one, &everywhere(isa, 1), &[sample.to_vec()], &weights).concat()
                })
                .collect();
            assert!(same_bits(&found, &[alone]), "{isa} {size:?}: a sample alone gives other bits");
        }
    }
}
