//! Three samples at once: what the interpreter computes, and the same bits on several threads and for a sample alone.

use parameternet_compiler::compile::{Options, plan};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::plan::Plan;
use parameternet_compiler::weight::InitialTensors;
use parameternet_runtime::Isa;

use crate::compare::{TOLERANCE, expected, inputs, relative_error};
use crate::ladder::{options, run, same_bits};
use crate::seeds::GAIN;

/// Checks a network of a batch size, on every instruction set; `options` are those for some threads, `look` sees the plans for three samples.
pub(crate) fn check(network: impl Fn(usize) -> Graph, options: impl Fn(Isa, usize) -> Options, look: impl Fn(&Plan)) {
    let [one, three] = [1, 3].map(network);
    let inputs = inputs(&three);
    let expected = expected(&three, &inputs, GAIN);
    for isa in Isa::available() {
        look(&plan(&three, &options(isa, 1)).unwrap_or_else(|error| panic!("{error}")));
        let weights = InitialTensors { graph: &three, gain: GAIN };
        let found = run(&three, &options(isa, 1), &inputs, &weights);
        let error = relative_error(&found, &expected);
        assert!(error < TOLERANCE, "{isa}: relative error {error:e}");
        assert!(same_bits(&found, &run(&three, &options(isa, 3), &inputs, &weights)), "{isa}: threads");
        let alone: Vec<f32> = inputs[0]
            .chunks(inputs[0].len() / 3)
            .flat_map(|sample| {
                let weights = InitialTensors { graph: &one, gain: GAIN };
                run(&one, &options(isa, 1), &[sample.to_vec()], &weights).concat()
            })
            .collect();
        assert!(same_bits(&found, &[alone]), "{isa}: a sample alone gives other bits");
    }
}

/// [`check`] with a rewrite and without it; `look` sees the plans for three samples as text, and whether it was done.
pub(crate) fn check_rewrite(network: impl Fn(usize) -> Graph, rewrite: &str, look: impl Fn(&str, bool)) {
    for is_done in [true, false] {
        let without = if is_done { vec![] } else { vec![rewrite] };
        check(&network, |isa, threads| options(isa, threads, &without), |plan| look(&plan.to_string(), is_done));
    }
}
