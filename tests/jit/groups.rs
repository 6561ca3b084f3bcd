//! Convolutions of few channels a group: what the interpreter computes, and the same bits for a sample alone, on any number of threads.

use parameternet_compiler::compile::Options;
use parameternet_compiler::graph::Graph;
use parameternet_compiler::plan::{Plan, Where};
use parameternet_runtime::{Dtype, Isa};

use crate::ladder::options;
use crate::samples::check;
use crate::seeds::graph;

/// Groups of two, four and eight channels, which fill vectors and do not; windows that are tiled and are not; biases, activations, gates,
/// shortcuts and means behind them; experts. Groups of three and of sixteen channels, of eight under windows that are not tiled, and those of other sizes on both sides,
/// are products.
fn network(batch: usize) -> Graph {
    let text = format!(
        "network Groups {{
            input x: f32[{batch}, 3, 37, 30]
            let a = x |> conv(44, kernel=3, stride=2, bias=true) as stem |> relu6
            let b = a |> conv(44, kernel=3, groups=11, bias=true) as fours |> silu
            let c = a + (b |> conv(44, kernel=3, groups=22) as twos |> batch_norm as norm) |> relu
            let d = c |> conv(56) as wide |> conv(56, kernel=[5, 3], groups=7, bias=true) as eights |> hard_swish
            let e = d |> conv(56, groups=14) as points |> conv(56, kernel=3, stride=2, groups=14) as strided
            let mean = e |> global_avg_pool |> conv(56, bias=true) as scale |> sigmoid
            let f = (e |> conv(56, kernel=3, dilation=2, groups=14) as dilated |> relu) * mean
            let g = f |> global_avg_pool |> conv(8, bias=true) as reduce |> relu |> conv(56, bias=true) as expand |> sigmoid
            let h = f * g |> dynamic_conv(56, kernel=3, groups=7, experts=3, bias=true) as experts |> relu
            let i = h |> conv(48) as narrow |> conv(48, kernel=3, groups=3) as sixteens |> conv(48, kernel=3, groups=16) as threes
            let j = i |> conv(48, kernel=5, groups=6) as large |> conv(32, kernel=3, groups=16) as fewer |> conv(32, kernel=[7, 3], stride=[3, 1], groups=16) as tall
            return j |> global_avg_pool |> flatten |> linear(10) as head
        }}"
    );
    graph(&text).unwrap_or_else(|error| panic!("{error}"))
}

fn grouped(plan: &Plan) -> usize {
    plan.to_string().matches(", groups of ").count()
}

/// Grouped steps that three samples go through one after the other.
fn grouped_by_sample(plan: &Plan) -> usize {
    let by_sample = plan.steps().iter().enumerate().filter(|(step, _)| plan.parts(*step) == 3);
    by_sample.filter(|(_, step)| step.kernel() == "grouped").count()
}

#[test]
fn results_are_right_and_do_not_depend_on_the_batch() {
    check(network, |isa, threads| options(isa, threads, &[]), |plan| assert_eq!(grouped(plan), 8, "{plan}"));
}

#[test]
fn some_rows_at_a_time() {
    let cascaded = |isa: Isa, threads: usize| Options { cascades: Where::Possible, ..options(isa, threads, &[]) };
    check(network, cascaded, |plan| {
        let in_cascades: usize = plan
            .to_string()
            .lines()
            .filter(|line| line.contains(" cascade "))
            .map(|line| line.matches(", groups of ").count())
            .sum();
        assert!(grouped(plan) == 8 && in_cascades >= 5, "{in_cascades} stages of {plan}");
    });
}

#[test]
fn sample_by_sample() {
    let by_sample = |isa: Isa, threads: usize| Options { by_sample: Where::Possible, ..options(isa, threads, &[]) };
    check(network, by_sample, |plan| assert!(grouped_by_sample(plan) >= 6, "{plan}"));
}

#[test]
fn experts_in_fewer_bytes_are_products() {
    // As elsewhere: those of depthwise convolutions alone stay in `f32`.
    let graph = network(1);
    for (experts_dtype, count) in [(Dtype::F32, 8), (Dtype::Bf16, 7), (Dtype::Int8, 7)] {
        let options = Options { experts_dtype, ..options(Isa::Portable, 1, &[]) };
        let plan = parameternet_compiler::compile::plan(&graph, &options).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(grouped(&plan), count, "{plan}");
    }
}
