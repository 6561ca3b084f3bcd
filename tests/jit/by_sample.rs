//! Steps that are done for one sample of a batch after the other: what the interpreter computes, and the same bits for a sample alone, on any number
//! of threads.

use parameternet_compiler::compile::Options;
use parameternet_compiler::graph::Graph;
use parameternet_compiler::plan::{Plan, Where};
use parameternet_runtime::Isa;

use crate::ladder::options;
use crate::samples::check;
use crate::seeds::graph;

fn wherever(isa: Isa, threads: usize) -> Options {
    Options { by_sample: Where::Possible, ..options(isa, threads, &[]) }
}

fn network(text: &str, batch: usize) -> Graph {
    graph(&text.replace("BATCH", &batch.to_string())).unwrap_or_else(|error| panic!("{error}"))
}

/// How many steps are done by sample, and which others there are.
fn by_sample(plan: &Plan) -> (usize, Vec<&'static str>) {
    let parts = (0..plan.steps().len()).map(|step| plan.parts(step));
    assert!(parts.clone().all(|parts| [1, 3].contains(&parts)), "{plan}");
    let others = plan.steps().iter().zip(parts.clone()).filter(|(_, parts)| *parts == 1);
    (parts.filter(|parts| *parts == 3).count(), others.map(|(step, _)| step.kernel()).collect())
}

/// Checks a network, of which so many steps at least are done by sample for three of them, and these are not.
fn check_network(text: &str, least: usize, others: &[&str]) {
    let look = |plan: &Plan| {
        let (count, found) = by_sample(plan);
        assert!(count >= least, "{count} steps of {plan}");
        assert_eq!(found, others, "{plan}");
    };
    check(|batch| network(text, batch), wherever, look);
}

#[test]
fn images() {
    // Windows, strips, squeeze-and-excite with small layers, pooling, a residual from far above, concatenations.
    check_network(
        "network Images {
            input x: f32[BATCH, 3, 34, 30]
            let a = x |> conv(24, kernel=3, stride=2, bias=true) as stem |> hard_swish
            let b = a |> conv(24, kernel=5, groups=24) as depthwise |> batch_norm as norm |> relu
            let g = b |> global_avg_pool |> conv(6, bias=true) as reduce |> relu |> conv(24, bias=true) as expand |> sigmoid
            let c = b * g |> conv(20, bias=true) as narrow
            let d = concat(c, a |> max_pool(3, stride=1, padding=1) |> conv(12, groups=2) as grouped)
            let e = d |> conv(40) as mixed |> upsample(scale=2, mode=bilinear) |> avg_pool(2, stride=2) |> conv(24) as back
            return a + e |> relu |> global_avg_pool |> flatten |> linear(70, bias=true) as hidden |> silu |> linear(10) as head
        }",
        14,
        &[],
    );
}

#[test]
fn dynamic_convolutions() {
    // Experts mixed first, part by part, for depthwise filters, with gates; small and large routing.
    check_network(
        "network Experts {
            input x: f32[BATCH, 6, 26, 24]
            let a = x |> dynamic_conv(24, kernel=3, stride=2, experts=3, bias=true) as stem |> hard_swish
            let b = a |> dynamic_conv(24, kernel=3, groups=24, experts=2) as depthwise |> relu
            let g = b |> global_avg_pool |> conv(8, bias=true) as reduce |> relu |> conv(24, bias=true) as expand |> sigmoid
            let c = b * g |> dynamic_conv(520, experts=4, bias=true) as wide |> relu
            let d = c |> dynamic_conv(70, experts=4, routing=mlp(hidden=8)) as deep
            let e = d |> dynamic_conv(40, kernel=3, groups=2, experts=2, bias=true) as groups
            return e |> mean([2, 3])
        }",
        16,
        &[],
    );
}

#[test]
fn filtering_by_winograd_and_products_in_halves() {
    // The first convolution is done image by image; the samples of the second stand side by side.
    let text = "network Filtered {
        input x: f32[BATCH, 32, 40, 40]
        let a = x |> conv(32, kernel=3, bias=true) as large |> relu
        let b = a |> conv(48, stride=4, kernel=4, padding=0) as down |> conv(160) as wide |> conv(160, kernel=3) as small
        return b |> relu |> conv(64) as narrow
    }";
    check(
        |batch| network(text, batch),
        |isa, threads| Options { strassen: Where::Possible, ..wherever(isa, threads) },
        |plan| {
            let text = plan.to_string();
            assert_eq!(text.matches("winograd_output 3 times").count(), 2, "{plan}");
            assert!(text.contains("3x36 times 100x32x32") && text.contains("1x36 times 27x160x160"), "{plan}");
            assert_eq!(by_sample(plan).1, ["winograd_input", "matmul", "winograd_output"], "{plan}");
        },
    );
}

#[test]
fn tokens() {
    check_network(
        "network Tokens {
            input x: f32[BATCH, 16, 8, 12]
            let t = x |> flatten(2) |> permute([0, 2, 1])
            let n = t |> layer_norm as first
            let heads = n |> linear(48, bias=true) as qkv |> reshape([BATCH, 96, 3, 2, 8]) |> permute([2, 0, 3, 1, 4])
            let mixed = heads[0] |> attention(heads[1], heads[2]) |> permute([0, 2, 1, 3]) |> reshape([BATCH, 96, 16])
            let a = t + (mixed |> linear(16, bias=true) as out)
            let b = a + (a |> layer_norm as second |> linear(64, bias=true) as up |> gelu |> linear(16) as down)
            let c = b |> softmax(dim=-1) |> permute([0, 2, 1]) |> reshape([BATCH, 16, 8, 12]) |> roll([2, 3], dims=[2, 3])
            return c |> group_norm(4) as groups |> conv(8, kernel=3, groups=4) as last
        }",
        12,
        &[],
    );
}

#[test]
fn what_mixes_samples_is_done_at_once() {
    // The mean goes over the batch, and what it returns is the same for all samples behind it.
    let text = "network Mixes {
        input x: f32[BATCH, 20, 9, 7]
        let a = x |> conv(30) as first |> relu |> conv(30, kernel=3, groups=30) as second
        let b = a - (a |> mean([0], keep=true))
        return b |> conv(24) as third |> silu |> conv(24, kernel=3, groups=24) as fourth
    }";
    for threads in [1, 2] {
        let graph = network(text, 3);
        let inputs = crate::compare::inputs(&graph);
        let expected = crate::compare::expected(&graph, &inputs, crate::seeds::GAIN);
        let weights = parameternet_compiler::weight::InitialTensors { graph: &graph, gain: crate::seeds::GAIN };
        for isa in Isa::available() {
            let options = wherever(isa, threads);
            let plan = parameternet_compiler::compile::plan(&graph, &options).unwrap_or_else(|error| panic!("{error}"));
            let (count, others) = by_sample(&plan);
            assert!(count >= 4 && others.contains(&"mean_rows"), "{plan}");
            let found = crate::ladder::run(&graph, &options, &inputs, &weights);
            let error = crate::compare::relative_error(&found, &expected);
            assert!(error < crate::compare::TOLERANCE, "{isa}: relative error {error:e}");
        }
    }
}
