//! Small networks with outputs computed by hand, and what `run` promises.

use super::*;
use crate::elaborate::{Request, elaborate};
use crate::program::{MemoryLoader, Program};

/// Compiles a network with these statements in its body.
fn graph(body: &str) -> Graph {
    let text = format!("network Test {{ {body} }}");
    let program =
        Program::load(&MemoryLoader::new("test.pnet", text), "test.pnet").unwrap_or_else(|failure| panic!("{failure}"));
    elaborate(&program, &Request::default()).unwrap_or_else(|failure| panic!("{failure}"))
}

fn named(weights: &[(&str, &[f64])]) -> NamedWeights {
    weights.iter().map(|(name, values)| ((*name).to_owned(), values.to_vec())).collect()
}

/// The only output of a network with these statements.
#[track_caller]
fn output(body: &str, weights: &[(&str, &[f64])], inputs: &[&[f64]]) -> Vec<f64> {
    let inputs: Vec<Vec<f64>> = inputs.iter().map(|input| input.to_vec()).collect();
    let outputs = run(&graph(body), &named(weights), &inputs).unwrap_or_else(|error| panic!("{error}"));
    outputs[0].data.clone()
}

const COUNT_TO_9: &[f64] = &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];

#[test]
fn convolution_correlates_and_pads_with_zeros() {
    // The filter is not flipped: its last tap sees the pixel below and to the right.
    let filter = [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 10.0];
    let body = "input x: f32[1, 1, 3, 3] return x |> conv(1, kernel=3, bias=true) as c";
    let expected = [51.5, 62.5, 3.5, 84.5, 95.5, 6.5, 7.5, 8.5, 9.5];
    assert_eq!(output(body, &[("c.weight", &filter), ("c.bias", &[0.5])], &[COUNT_TO_9]), expected);
}

#[test]
fn groups_do_not_see_each_other() {
    let body = "input x: f32[1, 4, 1, 1] return x |> conv(2, groups=2) as c";
    let weight = [1.0, 10.0, 100.0, 1000.0];
    assert_eq!(output(body, &[("c.weight", &weight)], &[&[1.0, 2.0, 3.0, 4.0]]), [21.0, 4300.0]);
}

#[test]
fn each_sample_mixes_its_own_filters_and_bias() {
    let body = "input x: f32[2, 1, 1, 2] input alpha: f32[2, 2] \
        return x |> dynamic_conv(1, experts=2, bias=true, routing=alpha) as c";
    let weights: &[(&str, &[f64])] = &[("c.weight", &[1.0, 10.0]), ("c.bias", &[0.5, 0.25])];
    let found = output(body, weights, &[&[1.0, 2.0, 3.0, 4.0], &[1.0, 0.0, 2.0, 1.0]]);
    // Sample 0: 1·1 + 0·10 and 0.5; sample 1: 2·1 + 1·10 and 2·0.5 + 0.25.
    assert_eq!(found, [1.5, 2.5, 37.25, 49.25]);
}

#[test]
fn routing_pools_then_scores_then_gates() {
    let body = "input x: f32[1, 2, 1, 2] return x |> dynamic_conv(1, experts=2) as c";
    // Pooled: 2, -3. After the first layer: 2, -3, without what is negative: 2, 0. Scores: 0 and 2·ln 3.
    let weights: &[(&str, &[f64])] = &[
        ("c.routing.fc1.weight", &[1.0, 0.0, 0.0, 1.0]),
        ("c.routing.fc2.weight", &[0.0, 7.0, 3.0f64.ln(), 5.0]),
        ("c.weight", &[1.0, 0.0, 11.0, 0.0]),
    ];
    let graph = graph(body);
    let mut coefficients = Vec::new();
    let mut observe = |id, _: &Shape, values: &[f64]| {
        if graph.node(id).is_some_and(|node| matches!(node.op, Op::Routing(_))) {
            coefficients = values.to_vec();
        }
    };
    let outputs = run_observed(&graph, &named(weights), &[vec![1.0, 3.0, -2.0, -4.0]], &mut observe).unwrap();
    let near = |found: &[f64], expected: &[f64]| found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(near(&coefficients, &[0.1, 0.9]), "{coefficients:?}");
    assert!(near(&outputs[0].data, &[10.0, 30.0]), "{:?}", outputs[0].data);
}

#[test]
fn padding_never_wins_and_nan_always_does() {
    let body = "input x: f32[1, 1, 2, 2] return x |> max_pool(2, stride=1, padding=1)";
    let found = output(body, &[], &[&[-1.0, -2.0, f64::NAN, -4.0]]);
    assert_eq!(found[..3], [-1.0, -1.0, -2.0]);
    assert!(found[3].is_nan() && found[4].is_nan() && found[6].is_nan() && found[7].is_nan());
    assert_eq!([found[5], found[8]], [-2.0, -4.0]);
}

#[test]
fn a_clipped_window_averages_what_it_covers() {
    let pool = |settings: &str, image: &str| {
        format!("input x: f32[1, 1, {image}] return x |> avg_pool({settings}, ceil_mode=true)")
    };
    // The last windows end outside the image: the sum is divided by the part inside.
    assert_eq!(output(&pool("2", "3, 3"), &[], &[COUNT_TO_9]), [3.0, 4.5, 7.5, 9.0]);
    // One row of 0 0 | 1 2 3 4 | 0 0 in windows of 5 by 3: the last, 4 0 0, covers 3 columns of the padded image.
    let row: &[f64] = &[1.0, 2.0, 3.0, 4.0];
    let counted = output(&pool("[1, 5], stride=3, padding=[0, 2]", "1, 4"), &[], &[row]);
    assert_eq!(counted, [6.0 / 5.0, 9.0 / 5.0]);
    let clipped = output(&pool("[1, 5], stride=5, padding=[0, 2]", "1, 4"), &[], &[row]);
    assert_eq!(clipped, [6.0 / 5.0, 4.0 / 3.0]);
    let uncounted = output(&pool("[1, 5], stride=5, padding=[0, 2], count_padding=false", "1, 4"), &[], &[row]);
    assert_eq!(uncounted, [6.0 / 3.0, 4.0]);
}

#[test]
fn cells_of_adaptive_pooling_overlap_where_they_must() {
    let body = "input x: f32[1, 1, 1, 5] return x |> adaptive_avg_pool([1, 3])";
    // Columns 0..2, 1..4, 3..5.
    assert_eq!(output(body, &[], &[&[0.0, 2.0, 4.0, 9.0, 1.0]]), [1.0, 5.0, 5.0]);
}

#[test]
fn bilinear_lies_between_pixel_centres_or_between_corners() {
    let body = |size: usize, corners: bool| {
        format!(
            "input x: f32[1, 1, 1, 3] return x |> upsample(size=[1, {size}], mode=bilinear, align_corners={corners})"
        )
    };
    let row: &[f64] = &[0.0, 4.0, 8.0];
    assert_eq!(output(&body(6, false), &[], &[row]), [0.0, 1.0, 3.0, 5.0, 7.0, 8.0]);
    assert_eq!(output(&body(5, true), &[], &[row]), [0.0, 2.0, 4.0, 6.0, 8.0]);
    assert_eq!(output(&body(1, true), &[], &[row]), [0.0]);
    assert_eq!(output(&body(1, false), &[], &[row]), [4.0]);
}

#[test]
fn nearest_copies_infinities() {
    let body = "input x: f32[1, 1, 1, 2] return x |> upsample(size=[1, 3])";
    assert_eq!(output(body, &[], &[&[f64::INFINITY, 1.0]]), [f64::INFINITY, f64::INFINITY, 1.0]);
}

#[test]
fn rolling_brings_back_what_leaves() {
    let body = |shift: i64| format!("input x: f32[1, 4] return x |> roll({shift}, dims=1)");
    let row: &[f64] = &[1.0, 2.0, 3.0, 4.0];
    assert_eq!(output(&body(1), &[], &[row]), [4.0, 1.0, 2.0, 3.0]);
    assert_eq!(output(&body(-6), &[], &[row]), [3.0, 4.0, 1.0, 2.0]);
    assert_eq!(output(&body(i64::MIN + 1), &[], &[row]), [4.0, 1.0, 2.0, 3.0]);
}

#[test]
fn softmax_survives_large_scores() {
    let body = "input x: f32[1, 2] return x |> softmax(temperature=2)";
    let found = output(body, &[], &[&[2000.0, 2000.0 + 2.0 * 3.0f64.ln()]]);
    assert!((found[0] - 0.25).abs() < 1e-12 && (found[1] - 0.75).abs() < 1e-12, "{found:?}");
}

#[test]
fn activations_keep_nan() {
    for activation in [
        "relu",
        "relu6",
        "leaky_relu",
        "sigmoid",
        "hard_sigmoid",
        "hard_swish",
        "silu",
        "gelu",
        "gelu(form=tanh)",
        "tanh",
    ] {
        let found = output(&format!("input x: f32[1, 1] return x |> {activation}"), &[], &[&[f64::NAN]]);
        assert!(found[0].is_nan(), "{activation}");
    }
}

#[test]
fn empty_tensors_are_no_trouble() {
    let features = |rest: &str| format!("input x: f32[2, 1] let empty = x[:, :0] {rest}");
    let (x, none): (&[f64], [f64; 0]) = (&[5.0, 6.0], []);
    let weights: &[(&str, &[f64])] = &[("c.weight", &[]), ("c.bias", &[1.0, 2.0])];
    assert_eq!(output(&features("return empty |> linear(2) as c"), weights, &[x]), [1.0, 2.0, 1.0, 2.0]);
    assert_eq!(output(&features("return matmul(empty, x[:0])"), &[], &[x]), [0.0, 0.0]);
    assert_eq!(output(&features("return empty |> pad([[0, 0], [1, 0]], value=3)"), &[], &[x]), [3.0, 3.0]);
    assert_eq!(output(&features("return concat(empty, x)"), &[], &[x]), x);
    for call in [
        "softmax",
        "layer_norm(affine=false)",
        "roll(1, dims=1)",
        "permute([1, 0])",
        "relu",
        "gather([0, 1])",
        "flatten(0)",
    ] {
        assert_eq!(output(&features(&format!("return empty |> {call}")), &[], &[x]), none, "{call}");
    }
    // No samples at all.
    let samples = |rest: &str| format!("input x: f32[1, 2, 1, 1] return x[:0] {rest}");
    let weight: &[(&str, &[f64])] = &[("c.weight", &[0.0; 4])];
    for call in [
        "|> conv(2) as c",
        "|> max_pool(1)",
        "|> global_avg_pool",
        "|> mean(1)",
        "|> group_norm(2, affine=false)",
        "|> upsample",
        "+ 1",
    ] {
        assert_eq!(output(&samples(call), weight, &[x]), none, "{call}");
    }
    let experts: &[(&str, &[f64])] =
        &[("c.weight", &[0.0; 4]), ("c.routing.fc1.weight", &[0.0; 4]), ("c.routing.fc2.weight", &[0.0; 4])];
    assert_eq!(output(&samples("|> dynamic_conv(1, experts=2) as c"), experts, &[x]), none);
}

#[test]
fn an_operand_may_serve_twice_and_an_output_may_be_an_input() {
    let graph = graph("input x: f32[1, 2] let y = x * x let unused = y - x return square = y, same = x, again = y");
    let outputs = run(&graph, &named(&[]), &[vec![2.0, 3.0]]).unwrap();
    let found: Vec<(&str, &[f64])> =
        outputs.iter().map(|output| (output.name.as_str(), output.data.as_slice())).collect();
    assert_eq!(found, [("square", &[4.0, 9.0][..]), ("same", &[2.0, 3.0]), ("again", &[4.0, 9.0])]);
}

#[test]
fn every_node_is_observed_in_order() {
    let graph = graph("input x: f32[1, 2] let unused = x * 2 return x + 1 |> relu");
    let mut seen = Vec::new();
    run_observed(&graph, &named(&[]), &[vec![1.0, -5.0]], &mut |id, shape, values| {
        assert_eq!(values.len(), shape.elements());
        seen.push(id);
    })
    .unwrap();
    assert_eq!(seen, graph.nodes().map(|(id, _)| id).collect::<Vec<_>>());
}

#[test]
fn what_does_not_fit_is_said() {
    let graph = graph("input image: f32[1, 2, 1, 1] return image |> conv(3) as stem");
    let error =
        |weights: &[(&str, &[f64])], inputs: &[Vec<f64>]| run(&graph, &named(weights), inputs).unwrap_err().to_string();
    assert_eq!(error(&[], &[]), "the network has 1 input(s), but 0 were given");
    assert_eq!(error(&[], &[vec![0.0; 3]]), "the input `image` of shape [1, 2, 1, 1] has 2 elements, not 3");
    assert_eq!(error(&[], &[vec![0.0; 2]]), "there are no values for the weight `stem.weight` of shape [3, 2, 1, 1]");
    assert_eq!(
        error(&[("stem.weight", &[1.0])], &[vec![0.0; 2]]),
        "the weight `stem.weight` of shape [3, 2, 1, 1] has 6 elements, not 1"
    );
}

#[test]
fn initial_weights_are_those_of_init() {
    let graph = graph("input x: f32[1, 2] return x |> linear(1) as c");
    let (weight, bias) = (graph.weights()[0].initial(2.0), graph.weights()[1].initial(2.0));
    let expected = f64::from(weight[0]) + 3.0 * f64::from(weight[1]) + f64::from(bias[0]);
    let outputs = run(&graph, &InitialWeights { gain: 2.0 }, &[vec![1.0, 3.0]]).unwrap();
    assert_eq!(outputs[0].data, [expected]);
}
