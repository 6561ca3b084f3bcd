//! Convolutions computed some rows at a time: the bits are those of one after the other, and the values those of the interpreter.

use parameternet_compiler::compile::{Options, plan};
use parameternet_compiler::plan::Where;
use parameternet_compiler::weight::InitialTensors;
use parameternet_generator::random::Random;
use parameternet_generator::window;
use parameternet_runtime::Isa;

use crate::compare::{TOLERANCE, error_in_shares, expected, inputs};
use crate::ladder::{options, run, same_bits};
use crate::seeds::{GAIN, LEAST_SIZE, graph, seeds};

/// A chain of convolutions: pointwise, depthwise, of few channels a group and others, concatenations of both, and residuals.
fn chain(seed: u64) -> String {
    let mut random = Random::new(seed);
    let mut channels = random.between(2, 40);
    let mut size = [random.between(1, 24), random.between(1, 12)];
    let batch = random.between(1, 3);
    let mut text = format!("network Chain {{\n input x: f32[{batch}, {channels}, {}, {}]\n", size[0], size[1]);
    for stage in 0..random.between(2, 8) {
        let act = random.pick(&["", " |> relu6", " |> silu"]);
        let bias = random.pick(&["", ", bias=true"]);
        let out = random.between(2, 40);
        match random.below(8) {
            0..3 => {
                text += &format!(" let y{stage} = x |> conv({out}{bias}) as pointwise{stage}{act}\n");
                channels = out;
            }
            3..6 => {
                let window = window::convolution(&mut random, size);
                let group = random.pick(&[1, 1, 2, 4, 8]);
                let groups = if channels.is_multiple_of(group) { channels / group } else { channels };
                text += &format!(
                    " let y{stage} = x |> conv({channels}, groups={groups}{}{bias}) as grouped{stage}{act}\n",
                    window.text
                );
                size = window.output;
            }
            6 => {
                let half = out.div_ceil(2).max(2);
                text += &format!(
                    " let p{stage} = x |> conv({half}) as primary{stage}{act}
 let c{stage} = p{stage} |> conv({half}, kernel=3, groups={half}) as cheap{stage}{act}
 let y{stage} = concat(p{stage}, c{stage})\n"
                );
                channels = 2 * half;
            }
            _ => {
                text += &format!(
                    " let m{stage} = x |> conv({out}) as wide{stage}{act} |> conv({out}, kernel=3, groups={out}) as dw{stage}
 let y{stage} = x + (m{stage} |> conv({channels}{bias}) as narrow{stage})\n"
                );
            }
        }
        text += &format!(" x = y{stage}\n");
    }
    let end = random.pick(&["x", "x", "x |> global_avg_pool"]);
    text + &format!(" return {end}\n}}\n")
}

/// How many steps of the network of a seed are cascades, or what is wrong with it.
fn check(seed: u64) -> Result<usize, String> {
    let text = chain(seed);
    let fail = |what: String| format!("seed {seed}: {what}\n{text}");
    let graph = graph(&text).map_err(&fail)?;
    let inputs = inputs(&graph);
    let weights = InitialTensors { graph: &graph, gain: GAIN };
    let expected = expected(&graph, &inputs, GAIN);
    let mut cascades = 0;
    for isa in Isa::available() {
        let together = |threads| Options { cascades: Where::Possible, ..options(isa, threads, &[]) };
        let steps = plan(&graph, &together(1)).map_err(|error| fail(error.to_string()))?;
        cascades = steps.steps().iter().filter(|step| step.kernel() == "cascade").count();
        let found = run(&graph, &together(1), &inputs, &weights);
        let error = error_in_shares(&found, &expected, LEAST_SIZE);
        if error >= TOLERANCE {
            return Err(fail(format!("{isa}: relative error {error:e}")));
        }
        if !same_bits(&found, &run(&graph, &options(isa, 1, &["cascade-rows"]), &inputs, &weights)) {
            return Err(fail(format!("{isa}: one after the other gives other bits")));
        }
        for threads in [2, 3] {
            if !same_bits(&found, &run(&graph, &together(threads), &inputs, &weights)) {
                return Err(fail(format!("{isa}: {threads} threads give other bits")));
            }
        }
    }
    Ok(cascades)
}

#[test]
fn rows_of_several_convolutions_at_a_time_give_the_same_bits() {
    let results: Vec<Result<usize, String>> = seeds(0..300).map(check).collect();
    let failures: Vec<&String> = results.iter().filter_map(|result| result.as_ref().err()).take(3).collect();
    assert!(failures.is_empty(), "{}", failures.into_iter().cloned().collect::<Vec<_>>().join("\n\n"));
    let with_cascades = results.iter().flatten().filter(|count| **count > 0).count();
    println!("{with_cascades} of {} networks have cascades", results.len());
    assert!(2 * with_cascades > results.len(), "of {} networks, {with_cascades} have cascades", results.len());
}
