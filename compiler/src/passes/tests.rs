//! Every pass keeps what a graph computes, and does what it says.

use super::*;
use crate::elaborate::{Request, elaborate};
use crate::interp::{self, InitialWeights};
use crate::op::Op;
use crate::program::{MemoryLoader, Program};

/// A network with this body over `x: f32[2, 4, 6, 6]`.
fn graph(body: &str) -> Graph {
    let text = format!("network Test {{ input x: f32[2, 4, 6, 6] {body} }}");
    let program =
        Program::load(&MemoryLoader::new("test.pnet", text), "test.pnet").unwrap_or_else(|error| panic!("{error}"));
    elaborate(&program, &Request::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn outputs(graph: &Graph) -> Vec<f64> {
    let elements = graph.node(graph.inputs()[0].node).unwrap().shape.elements();
    let input = parameternet_runtime::synth::tensor("input", elements).map(f64::from).collect();
    let outputs = interp::run(graph, &InitialWeights { gain: 2.0 }, &[input]).unwrap_or_else(|error| panic!("{error}"));
    outputs.into_iter().flat_map(|output| output.data).collect()
}

/// Optimises with all passes, and each with one left out; checks that the outputs stay, and gives the fully optimised one.
#[track_caller]
fn optimized(body: &str) -> Graph {
    let plain = graph(body);
    let expected = outputs(&plain);
    let largest = expected.iter().fold(1e-300, |largest: f64, value| largest.max(value.abs()));
    let check = |selection: &Selection| {
        let graph = optimize(&plain, selection).unwrap_or_else(|error| panic!("{error}"));
        let found = outputs(&graph);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() <= 1e-12 * largest, "{selection:?}: {found} instead of {expected}");
        }
        graph
    };
    for pass in PASSES {
        check(&Selection { without: vec![pass.name.to_owned()], after: None });
        check(&Selection { without: Vec::new(), after: Some(pass.name.to_owned()) });
    }
    check(&Selection::default())
}

fn count(graph: &Graph, name: &str) -> usize {
    graph.nodes().filter(|(_, node)| node.op.name() == name).count()
}

#[test]
fn batch_norms_fold_into_convolutions_experts_and_linear_layers() {
    let graph = optimized(
        "let y = x |> conv(6, kernel=3) as a |> batch_norm as b |> relu
         y = y |> conv(6, groups=2, bias=true) as c |> batch_norm(affine=false) as d |> silu
         y = y |> dynamic_conv(6, kernel=3, experts=3, bias=true, routing=linear) as e |> batch_norm as f
         y = y |> dynamic_conv(4, experts=2) as g |> batch_norm as h
         return y |> flatten |> linear(5) as i |> batch_norm as j",
    );
    assert_eq!(count(&graph, "batch_norm"), 0);
    assert_eq!(count(&graph, "dynamic_conv"), 2);
}

#[test]
fn a_batch_norm_that_cannot_be_folded_becomes_arithmetic() {
    for body in [
        "let y = x |> conv(4) as a return first = y |> batch_norm as b, second = y |> relu",
        "let y = x |> conv(4) as a return first = y |> batch_norm(affine=false) as b, second = y",
        "return x |> relu |> batch_norm(eps=0.5) as b",
        // Dimension 1 of this linear layer's output is no feature.
        "return x |> flatten(2) |> linear(4) as l |> batch_norm as b",
        "return x |> flatten |> batch_norm as b",
        "return x |> reshape([2, 4, 6, 3, 2]) |> batch_norm as b",
    ] {
        let graph = optimized(body);
        let counts = ["batch_norm", "param", "binary"].map(|name| count(&graph, name));
        assert_eq!(counts, [0, 2, 2], "{body}");
    }
}

#[test]
fn chains_of_maps_fold_into_one_operation() {
    let graph =
        optimized("return ((x |> conv(4) as a |> batch_norm as b |> batch_norm as c) * 3 + 1 |> identity) / 2 - 0.5");
    assert_eq!(graph.node_count(), 2, "an input and a convolution");
}

#[test]
fn scales_fold_per_channel() {
    let graph = optimized("return 2 * (x |> conv(4) as a) * param(\"gamma\", [4, 1, 1])");
    assert_eq!(count(&graph, "binary"), 0);
    let graph = optimized("return (x |> dynamic_conv(3, experts=2) as a) * constant([[[1]], [[2]], [[3]]]) + 1");
    assert_eq!(count(&graph, "binary"), 0);
    let graph = optimized("return (x |> flatten |> linear(3, bias=false) as a) - constant([1, 2, 3])");
    assert_eq!(count(&graph, "binary"), 0);
}

#[test]
fn what_is_no_map_per_channel_stays() {
    for body in [
        "return 1 - (x |> conv(4) as a)",
        "return 1 / (x |> conv(4) as a)",
        "return (x |> conv(4) as a) / param(\"p\", [4, 1, 1])",
        // One number per column, per sample, and a tensor that stretches the result.
        "return (x |> conv(6) as a) * constant([1, 2, 3, 4, 5, 6])",
        "return (x |> conv(6) as a) * constant([[[[1]]], [[[2]]]])",
        "return (x |> conv(4) as a) * param(\"p\", [3, 1, 1, 1, 1])",
        "let y = x |> conv(4) as a return y * y",
    ] {
        assert_eq!(count(&optimized(body), "binary"), 1, "{body}");
    }
}

#[test]
fn the_branches_of_a_repvgg_block_become_one_convolution() {
    let block = "(x |> conv(4, kernel=3) as a |> batch_norm as b) + (x |> conv(4) as c |> batch_norm as d) + (x |> batch_norm as e)";
    let graph = optimized(&format!("return {block} |> relu"));
    assert_eq!(graph.node_count(), 3, "an input, a convolution and an activation");
    // The identity of a value that others need is merged all the same: it is not changed.
    let graph = optimized("let y = x |> conv(4) as a return sum = y + (y |> conv(4, kernel=3) as b), y = y");
    assert_eq!(graph.node_count(), 3);
    // With groups, and where the image shrinks there is no identity.
    let graph =
        optimized("return x + (x |> conv(4, kernel=[3, 1], groups=2, bias=true) as a) + (x |> conv(4, groups=2) as b)");
    assert_eq!(graph.node_count(), 2);
    let graph = optimized(
        "return (x |> conv(6, kernel=5, stride=2) as a) + (x |> conv(6, kernel=3, stride=2, bias=true) as b)",
    );
    assert_eq!(graph.node_count(), 2);
}

#[test]
fn branches_that_differ_are_not_merged() {
    for body in [
        // Another input, a shared branch, dilation, groups, a window that does not lie inside the other.
        "return (x |> conv(4) as a) + (x |> relu |> conv(4) as b)",
        "let y = x |> conv(4) as a return sum = y + (x |> conv(4) as b), y = y",
        "return (x |> conv(4, kernel=3) as a) + (x |> conv(4, kernel=3, dilation=2) as b)",
        "return (x |> conv(4, groups=2) as a) + (x |> conv(4) as b)",
        "return (x |> conv(4, kernel=[3, 1]) as a) + (x |> conv(4, kernel=[1, 3]) as b)",
        "return (x |> conv(4, kernel=3, padding=[0, 2, 0, 2]) as a) + (x |> conv(4, kernel=3, padding=[2, 0, 2, 0]) as b)",
        "return (x |> conv(4, kernel=3) as a) + (x |> conv(1) as b)",
    ] {
        let graph = optimized(body);
        assert_eq!(count(&graph, "binary"), 1, "{body}");
    }
}

#[test]
fn equal_expressions_are_computed_once() {
    let graph = optimized("return (x |> relu) * 2 + (x |> relu) * 2");
    assert_eq!((count(&graph, "activation"), count(&graph, "constant")), (1, 1));
    let graph = optimized("return (x |> conv(4) as a) * (x |> conv(4) as b)");
    assert_eq!(count(&graph, "conv"), 2, "weights differ");
    let graph = optimized("return (x |> leaky_relu(slope=0.1)) + (x |> leaky_relu(slope=0.2))");
    assert_eq!(count(&graph, "activation"), 2, "attributes differ");
}

#[test]
fn dead_code_goes() {
    let body = "let unused = x |> conv(9) as unused |> relu return x |> conv(4) as a |> batch_norm as b |> relu";
    let optimized = optimized(body);
    assert_eq!(optimized.node_count(), 3);
    assert_eq!(optimized.stored_weights().count(), 6, "weights of a file stay what the file holds");
    // It is that pass that removes it: others only clean up after themselves.
    let selection = Selection { without: vec!["remove-dead-code".to_owned()], after: None };
    let kept = optimize(&graph(body), &selection).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((kept.node_count(), count(&kept, "conv"), count(&kept, "activation")), (5, 2, 2));
}

#[test]
fn identities_go() {
    let graph = optimized(
        "let y = x |> dropout(0.5) |> identity |> drop_path(0.1) |> permute([0, 1, 2, 3]) |> reshape([2, 4, 6, 6])
         return y[:, :] |> pad(0) |> roll(0, dims=1) |> relu",
    );
    assert_eq!(graph.node_count(), 2);
    assert!(graph.nodes().all(|(_, node)| matches!(node.op, Op::Input(_) | Op::Activation(_))));
}

#[test]
fn reshapes_in_a_row_become_one() {
    let graph = optimized("return x |> reshape([2, 2, 2, 36]) |> flatten |> reshape([2, 8, -1]) |> relu");
    assert_eq!(count(&graph, "reshape"), 1);
    let graph = optimized("return x |> flatten |> reshape([2, 4, 6, 6]) |> relu");
    assert_eq!(count(&graph, "reshape"), 0);
    let graph = optimized("let y = x |> flatten return first = y, second = y |> reshape([2, 12, 12])");
    assert_eq!(count(&graph, "reshape"), 2);
}

#[test]
fn pools_and_resizings_to_the_same_size_go() {
    let graph = optimized(
        "let y = x |> max_pool(1) |> avg_pool(1, stride=1) |> adaptive_avg_pool(6) |> upsample(1) |> mean([])
         return y |> upsample(size=6, mode=bilinear) |> upsample(size=[6, 6], mode=bilinear, align_corners=true) |> relu",
    );
    assert_eq!(graph.node_count(), 2);
    let graph = optimized("return x |> max_pool(1, stride=2) |> avg_pool(2, stride=1) |> adaptive_avg_pool([1, 2])");
    assert_eq!(graph.node_count(), 4);
}

#[test]
fn routings_become_the_operations_that_define_them() {
    let routing = |routing: &str| {
        let graph = optimized(&format!("return x |> dynamic_conv(6, experts=3, routing={routing}) as a"));
        assert_eq!(count(&graph, "routing"), 0, "{routing}");
        let names = ["mean", "linear", "activation", "softmax", "dynamic_conv"];
        names.map(|name| count(&graph, name))
    };
    assert_eq!(routing("mlp(hidden=5, activation=silu)"), [1, 2, 1, 1, 1]);
    assert_eq!(routing("mlp(gate=sigmoid)"), [1, 2, 2, 0, 1]);
    assert_eq!(routing("linear"), [1, 1, 1, 0, 1]);
    assert_eq!(routing("linear(gate=softmax(temperature=3))"), [1, 1, 0, 1, 1]);
    // Every part is called as its weights are.
    let graph = optimized("return x |> dynamic_conv(6, experts=3) as a");
    let paths: Vec<String> =
        graph.nodes().filter_map(|(_, node)| node.path.as_ref()).map(ToString::to_string).collect();
    assert_eq!(paths, ["a.routing.fc1", "a.routing.fc2", "a"]);
}

#[test]
fn attention_becomes_the_operations_that_define_it() {
    let graph = optimized("let t = x |> flatten(2) |> permute([0, 2, 1]) return t |> attention(t, t, temperature=3)");
    let counts = ["attention", "matmul", "softmax", "binary"].map(|name| count(&graph, name));
    assert_eq!(counts, [0, 2, 1, 0]);
    // Keys of fewer dimensions than queries.
    let graph = optimized("return x |> attention(param(\"k\", [5, 6]), param(\"v\", [5, 2]))");
    assert_eq!(count(&graph, "matmul"), 2);
}

#[test]
fn expansions_stay_views() {
    let graph = optimized("return concat(param(\"token\", [1, 1, 6, 6]) |> expand([2, -1, -1, -1]), x)");
    assert_eq!((count(&graph, "expand"), count(&graph, "param")), (1, 1), "the token is kept once");
    let graph = optimized("return x |> expand([2, 4, 6, 6]) |> relu");
    assert_eq!(count(&graph, "expand"), 0);
}

#[test]
fn means_of_one_tensor_are_computed_once() {
    let graph = optimized(
        "let y = x * (x |> global_avg_pool |> conv(4) as squeeze |> sigmoid)
         let z = (x |> dynamic_conv(4, experts=2) as a) + (x |> dynamic_conv(4, kernel=3, experts=2, routing=linear) as b)
         return y = y, z = z, features = x |> mean([2, 3]), kept = x |> mean([2, 3], keep=true), pooled = x |> avg_pool(6)",
    );
    assert_eq!((count(&graph, "mean"), count(&graph, "adaptive_avg_pool"), count(&graph, "avg_pool")), (1, 0, 0));
    let graph = optimized("return x |> global_avg_pool |> flatten |> linear(3) as classifier");
    assert_eq!(graph.node_count(), 3, "an input, a mean and a linear layer");
    let graph = optimized("return x |> avg_pool(6, padding=3) |> avg_pool(2, stride=1) |> mean([1], keep=true)");
    assert_eq!((count(&graph, "avg_pool"), count(&graph, "mean"), count(&graph, "reshape")), (1, 2, 2));
}

#[test]
fn the_mean_of_a_concatenation_is_gathered_from_its_parts() {
    let graph = optimized(
        "let a = x |> conv(3) as a |> relu
         let b = a |> dynamic_conv(3, kernel=3, groups=3, experts=2, routing=linear) as b
         let y = concat(a, b)
         return y * (y |> global_avg_pool |> conv(6) as squeeze |> sigmoid)",
    );
    // The routing of `b` averages `a` already.
    let sources: Vec<&str> = graph
        .nodes()
        .filter(|(_, node)| node.op.name() == "mean")
        .filter_map(|(id, _)| graph.node(graph.operands(id)[0]))
        .map(|node| node.op.name())
        .collect();
    assert_eq!(sources, ["activation", "dynamic_conv"]);
    assert_eq!(count(&graph, "concat"), 2);
    // Concatenations of concatenations, of one tensor twice, and ones that nothing else needs.
    let graph = optimized("let y = concat(x, concat(x |> relu, x)) return y |> mean([2, 3]) |> linear(3) as l");
    assert_eq!((count(&graph, "mean"), count(&graph, "concat")), (2, 2));
    assert!(graph.nodes().all(|(_, node)| node.op.name() != "concat" || node.shape.rank() == 2));
    // Other dimensions.
    let graph = optimized("return a = concat(x, x, dim=2) |> mean([2, 3]), b = concat(x, x) |> mean([1, 2])");
    assert_eq!((count(&graph, "mean"), count(&graph, "concat")), (2, 2));
}

#[test]
fn operations_on_constants_are_constants() {
    let graph = optimized(
        "let table = constant([[i + j for j in 0..6] for i in 0..6]) |> permute([1, 0]) |> softmax
         let border = concat(table |> tanh, table, dim=0)[::2] |> pad([[0, 0], [1, 1]], value=0.5) |> mean([1], keep=true)
         return x * table + border",
    );
    assert_eq!(graph.node_count(), 5, "an input, two constants and two operations");
    // What is not finite, and what takes more steps than there are elements.
    let product = optimized("return x + matmul(constant([[1, 2]]), constant([[3], [4]]))");
    assert_eq!(count(&product, "matmul"), 1);
    let divided = tests::graph("return x = x |> relu, y = constant([1, 2]) / constant([0, 1])");
    let divided = optimize(&divided, &Selection::default()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(count(&divided, "binary"), 1);
}

#[test]
fn movements_and_arithmetic_of_learned_tensors_cost_nothing() {
    for table in [
        // Relative positions, as in a window attention.
        "param(\"table\", [9, 4]) |> gather([[i * j % 9 for j in 0..6] for i in 0..6]) |> permute([2, 0, 1])",
        "param(\"table\", [36]) |> reshape([6, 6]) |> roll([1, -2], dims=[0, 1])",
        "concat(param(\"a\", [3, 6]), param(\"b\", [1, 6]), constant([[1, 2, 3, 4, 5, 6]]), param(\"c\", [1, 6]), dim=0)",
        "param(\"table\", [4, 4]) |> pad([[1, 1], [2, 0]], value=-2.5) |> dropout(0.1)",
        "param(\"table\", [2, 4, 3, 3]) |> upsample(2)",
        "param(\"table\", [2, 4, 12, 12])[:, :, ::2, 1::2]",
        // Of the selected halves only one table is needed.
        "concat(param(\"a\", [6, 6]), param(\"b\", [6, 6]), dim=0)[6:]",
        "param(\"a\", [4, 1, 1]) * param(\"b\", [6]) - 3 / (param(\"c\", [1, 6, 1]) + 2)",
        "param(\"a\", [6]) + param(\"b\", [6])",
        "constant([1, 2, 3, 4, 5, 6]) - param(\"a\", [6, 1])",
    ] {
        let graph = optimized(&format!("return x + ({table})"));
        assert_eq!(graph.node_count(), 3, "{table}: an input, a learned tensor and a sum");
        assert_eq!(count(&graph, "param"), 1, "{table}");
    }
    let graph = optimized("let table = concat(param(\"a\", [6]), param(\"b\", [6]), dim=0) return x + table[6:]");
    let (_, param) = graph.nodes().find(|(_, node)| node.op.name() == "param").unwrap();
    assert_eq!(graph.weight(param.weights[0]).unwrap().recipe.to_string(), "6 elements of w1");
    // What no recipe says, and what is too large for a table.
    let graph = optimized("return x + (param(\"a\", [6]) |> sigmoid)");
    assert_eq!(count(&graph, "activation"), 1);
    let graph = optimized("return x + (param(\"a\", [6, 200000]) |> permute([1, 0]))[0]");
    assert_eq!(count(&graph, "permute"), 1);
}

#[test]
fn a_tensor_doubled_again_and_again_is_computed_soon() {
    let graph = optimized("let p = param(\"p\", [6]) for i in 0..60 { p = (p + p) / 2 } return x + p");
    assert_eq!(graph.node_count(), 3);
    let graph = optimized("let p = param(\"p\", [6]) for i in 0..60 { p = concat(p, p, dim=0)[3:9] } return x + p");
    assert_eq!(graph.node_count(), 3);
}

#[test]
fn an_input_that_is_an_output_stays() {
    let graph = optimized("return same = x |> identity, other = x |> relu");
    assert_eq!(graph.node_count(), 2);
}

#[test]
fn unknown_passes_are_told() {
    let selection = Selection { without: vec!["fold-everything".to_owned()], after: None };
    let error = optimize(&graph("return x"), &selection).unwrap_err();
    assert_eq!(error.to_string(), "there is no pass `fold-everything`");
}
