//! The costs of networks, to the integer: against what fvcore counts on the reference implementations, and against the three
//! parts of dynamic convolutions (`../shared/golden`, `data/networks`).

mod shared;

use std::collections::BTreeMap;
use std::path::PathBuf;

use parameternet_compiler::analysis::convention::Convention;
use parameternet_compiler::analysis::dynamic::{Parts, dynamic_convolutions};
use parameternet_compiler::analysis::totals::{Totals, ratio};
use parameternet_compiler::analysis::{Analysis, analyze, group, peak, tree, twin};
use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::op::Op;
use parameternet_compiler::program::{MemoryLoader, Program};
use shared::{Disk, golden, reference};

fn network(file: &str, settings: &[(&str, &str)], batch: usize) -> Graph {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/models").join(file);
    let program = Program::load(&Disk, &path.to_string_lossy()).unwrap_or_else(|failure| panic!("{failure}"));
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    elaborate(&program, &Request { settings, batch, network: None }).unwrap_or_else(|failure| panic!("{failure}"))
}

fn of_text(text: &str) -> Graph {
    let program = Program::load(&MemoryLoader::new("net.pnet", text), "net.pnet");
    let program = program.unwrap_or_else(|failure| panic!("{failure}"));
    elaborate(&program, &Request::default()).unwrap_or_else(|failure| panic!("{failure}"))
}

/// A body over `x: f32[1, 8, 16, 16]`.
fn of_body(body: &str) -> Graph {
    of_text(&format!("network Net {{ input x: f32[1, 8, 16, 16]\n{body} }}"))
}

fn check(name: &str, file: &str, settings: &[(&str, &str)]) {
    let Some(golden) = reference(name) else { return };
    let graph = network(file, settings, 1);
    let analysis = analyze(&graph);
    assert_eq!(Some(analysis.totals.parameters), golden["params"].as_u64(), "{name}: parameters");
    assert_eq!(analysis.totals.parameters, graph.parameter_count());
    assert_eq!(Some(analysis.totals.counts.fvcore), golden["macs_fvcore"].as_u64(), "{name}: fvcore");
    let operators = golden["macs_by_operator"].as_object().expect("operators");
    let expected: BTreeMap<&str, u64> =
        operators.iter().map(|(name, count)| (name.as_str(), count.as_u64().expect("a count"))).collect();
    assert_eq!(group::by_fvcore_operator(&analysis), expected, "{name}");
    assert_groups_add_up(&analysis);
    let batch = network(file, settings, 3);
    assert_eq!(analyze(&batch).totals.counts.core, 3 * analysis.totals.counts.core, "{name}: a batch of 3");
}

/// However nodes are grouped, nothing is lost and nothing counted twice.
fn assert_groups_add_up(analysis: &Analysis<'_>) {
    let operations = group::by_operation(analysis);
    assert_eq!(operations.iter().map(|group| group.totals).sum::<Totals>(), analysis.totals);
    let tree = tree::tree(analysis);
    assert_eq!(tree.totals, analysis.totals);
    for convention in Convention::ALL {
        let works: u64 = group::by_work(analysis).iter().map(|(_, counts)| counts.get(convention)).sum();
        assert_eq!(works, analysis.totals.counts.get(convention), "{convention}");
    }
}

#[test]
fn mobilenetv2() {
    check("mobilenetv2_100", "mobilenetv2.pnet", &[]);
}

#[test]
fn ghostnet() {
    check("ghostnet_100", "ghostnet.pnet", &[]);
}

#[test]
fn mobilenetv1() {
    check("mobilenetv1_100", "mobilenetv1.pnet", &[]);
}

#[test]
fn mobilenetv3_small() {
    check("mobilenetv3_small_100", "mobilenetv3_small.pnet", &[]);
}

#[test]
fn resnet18() {
    check("resnet18", "resnet18.pnet", &[]);
}

#[test]
fn mobilenetv3_large() {
    check("mobilenetv3_large_100", "mobilenetv3_large.pnet", &[]);
}

#[test]
fn efficientnet_b0() {
    check("efficientnet_b0", "efficientnet.pnet", &[]);
}

#[test]
fn efficientnet_with_conditional_convolutions() {
    check("tf_efficientnet_cc_b0_4e", "efficientnet_condconv.pnet", &[]);
}

#[test]
fn resnet50() {
    check("resnet50", "resnet50.pnet", &[]);
}

#[test]
fn repvgg_a0() {
    check("repvgg_a0", "repvgg.pnet", &[]);
}

#[test]
fn swin_t() {
    check("swin_tiny_patch4_window7_224", "swin.pnet", &[]);
}

#[test]
fn deit_ti() {
    check("deit_tiny_patch16_224", "vit.pnet", &[]);
}

#[test]
fn parameternet_600m() {
    check("parameternet_600m", "parameternet.pnet", &[]);
    let graph = network("parameternet.pnet", &[], 1);
    let counts = analyze(&graph).totals.counts;
    assert_eq!(counts.core, 589_646_596);
    assert_eq!(counts.paper, 598_375_260);
}

#[test]
fn parameternet_x130() {
    check("parameternet_x130", "parameternet.pnet", &[("width", "1.3")]);
}

#[test]
fn the_three_parts_of_dynamic_convolutions() {
    let Some(cases) = golden("dynamic_conv_cases.json") else { return };
    for case in cases.as_array().expect("cases") {
        let name = case["name"].as_str().expect("a name");
        let graph = of_text(&format!(
            "network Case {{ input x: f32[{}, {}, {}, {}]
                return x |> dynamic_conv({}, kernel={}, stride={}, groups={}, experts={}) as c }}",
            case["n"],
            case["cin"],
            case["h"],
            case["h"],
            case["cout"],
            case["k"],
            case["stride"],
            case["groups"],
            case["m"]
        ));
        let analysis = analyze(&graph);
        let dynamic = dynamic_convolutions(&analysis);
        let [dynamic] = dynamic.as_slice() else { panic!("{name}: one dynamic convolution") };
        let expected = &case["macs_per_image"];
        let part = |part: &str| expected[part].as_u64().expect("a count");
        let parts =
            Parts { coefficients: part("coefficients"), mixing: part("mixing"), convolution: part("convolution") };
        assert_eq!(dynamic.per_image(), parts, "{name}");
        assert_eq!(Some(dynamic.batch), case["n"].as_u64(), "{name}");
        assert_eq!(dynamic.total.total(), dynamic.batch * parts.total(), "{name}");
        assert_eq!(analysis.totals.counts.core, dynamic.total.total(), "{name}");
        assert_eq!(Some(dynamic.parameters), case["params"].as_u64(), "{name}");
    }
}

/// A number with commas, as documents show it.
fn shown(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|g| std::str::from_utf8(g).expect("digits")).collect();
    groups.join(",")
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the crate under test does no I/O, its tests do")]
fn the_numbers_of_the_documentation() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/costs.md");
    let text = std::fs::read_to_string(path).expect("a readable document");
    let row = |name: &str, cells: &[String]| {
        let row = format!("| {name} | {} |", cells.join(" | "));
        assert!(text.contains(&row), "docs/costs.md lacks the row\n{row}");
    };
    let program = text.split("```pnet\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let graph = of_text(program);
    let analysis = analyze(&graph);
    let dynamic = &dynamic_convolutions(&analysis)[0];
    let parts = dynamic.per_image();
    let routing = dynamic.routing.and_then(|routing| analysis.node(routing)).expect("a routing");
    let experts = dynamic.parameters - routing.totals.parameters;
    row("coefficients", &[shown(routing.totals.parameters), shown(parts.coefficients)]);
    row("mixing", &[shown(experts), shown(parts.mixing)]);
    row("convolution", &["(the mixed filters)".to_owned(), shown(parts.convolution)]);
    row("together", &[shown(dynamic.parameters), shown(parts.total())]);
    row("the plain convolution", &[shown(dynamic.plain_parameters), shown(parts.convolution)]);
    let ratios = [dynamic.parameter_ratio(), dynamic.multiply_add_ratio()];
    row("ratio", &ratios.map(|ratio| format!("{ratio:.4}")));
    // The formulas of the page, in their own letters.
    let (c, d, k, m, pixels) = (64.0, 128.0, 3.0, 4.0, 14.0 * 14.0);
    assert!((ratios[0] - (m + (c + m) / (d * k * k))).abs() < 1e-12);
    assert!((ratios[1] - (1.0 + m / pixels + (c + m) / (pixels * d * k * k))).abs() < 1e-12);

    let graph = network("parameternet.pnet", &[], 1);
    let totals = analyze(&graph).totals;
    let plain = analyze(&twin::static_twin(&graph).expect("a twin")).totals;
    for (name, number) in [
        ("parameters", (|totals| totals.parameters) as fn(&Totals) -> u64),
        ("multiply-adds", |totals| totals.counts.core),
        ("weight bytes read for an image", |totals| totals.weight_bytes),
    ] {
        let (own, plain) = (number(&totals), number(&plain));
        row(name, &[shown(own), shown(plain), format!("{:.3}", ratio(own, plain))]);
    }
    for convention in Convention::ALL {
        let cells = [convention.summary().to_owned(), shown(totals.counts.get(convention))];
        row(&format!("`{convention}`"), &cells);
    }
}

#[test]
fn fvcore_counts_as_its_rules_say() {
    let image = 8 * 16 * 16;
    for (body, operator, count) in [
        ("return x |> batch_norm as n", "batch_norm", 2 * image),
        ("return x |> batch_norm(affine=false) as n", "batch_norm", image),
        ("return x |> layer_norm as n", "layer_norm", 5 * image),
        ("return x |> layer_norm(affine=false) as n", "layer_norm", 4 * image),
        ("return x |> group_norm(2) as n", "group_norm", 5 * image),
        ("return x |> group_norm(2, affine=false) as n", "group_norm", 4 * image),
        ("return x |> adaptive_avg_pool(3)", "adaptive_avg_pool2d", image),
        ("return x |> global_avg_pool", "adaptive_avg_pool2d", image),
        ("return x |> upsample(2)", "upsample_nearest2d", 4 * image),
        ("return x |> upsample(2, mode=bilinear)", "upsample_bilinear2d", 16 * image),
        ("return x |> conv(4, kernel=3, groups=2, bias=true) as c", "conv", 16 * 16 * 4 * 4 * 9),
        ("return x |> linear(5) as l", "linear", image * 5),
        ("return matmul(x, x)", "matmul", image * 16),
        // The left factor is broadcast over 8 channels, which fvcore does not see.
        ("return matmul(x[:, :1], x)", "matmul", 16 * 16 * 16),
    ] {
        let graph = of_body(body);
        let operators = group::by_fvcore_operator(&analyze(&graph));
        assert_eq!(operators, BTreeMap::from([(operator, count)]), "{body}");
    }
    for body in [
        "return x |> mean([2, 3])",
        "return x |> avg_pool(2)",
        "return x |> max_pool(2)",
        "return x |> relu",
        "return x + x",
        "return x |> softmax",
        "return x |> prelu as p",
        "return concat(x, x)[:, :8]",
        "return x |> attention(x, x)",
    ] {
        let graph = of_body(body);
        assert_eq!(analyze(&graph).totals.counts.fvcore, 0, "{body}");
    }
}

#[test]
fn strict_counts_every_operation() {
    let image = 8 * 16 * 16;
    for (body, count) in [
        ("return x |> relu", image),
        ("return x |> hard_swish", 5 * image),
        ("return x |> identity", 0),
        ("return x + 1", image),
        ("return x |> avg_pool(2)", image),
        ("return x |> max_pool(3, stride=2, padding=1)", 8 * 8 * 8 * 9),
        ("return x |> mean([2, 3])", image),
        ("return x |> softmax", 5 * image),
        ("return x |> softmax(temperature=2)", 6 * image),
        ("return x |> conv(4, bias=true) as c", 2 * image * 4 + 4 * 16 * 16),
        ("return x |> batch_norm as n", 4 * image + 3 * 8),
        ("return x |> group_norm(2) as n", 7 * image + 5 * 2),
        ("return x |> upsample(2, mode=bilinear)", 4 * 7 * image),
        ("return x[:, :4]", 0),
        ("return x[:, :1] |> expand([-1, 8, -1, -1])", 0),
        // Two products of matrices of 16 by 16 for each channel, and the softmax between them.
        ("return x |> attention(x, x)", 2 * 2 * image * 16 + 6 * image),
        // Pooling, two layers, relu between them, softmax; mixing; convolution.
        (
            "return x |> dynamic_conv(4, experts=2) as d",
            image + 2 * (64 + 16) + 8 + 5 * 2 + 2 * (2 * 4 * 8) + 2 * (image * 4),
        ),
    ] {
        let graph = of_body(body);
        assert_eq!(analyze(&graph).totals.counts.strict, count, "{body}");
    }
}

#[test]
fn counts_past_the_largest_integer_stay_there() {
    // 2^12 filters of about 2^16 inputs on 2^16 pixels: 2^44 multiply-adds a layer.
    let graph = of_text(
        "network Huge { input x: f32[1, 4096, 256, 256]
            let y = 0
            for i in 0..2000 { y = y + (x |> conv(4096, kernel=255, groups=4096) as c[i]) }
            return y }",
    );
    let analysis = analyze(&graph);
    let layer = 4096u64 * 256 * 256 * 255 * 255;
    assert_eq!(analysis.totals.counts.core, layer * 2000);
    let cost = analysis.nodes.iter().map(|node| node.totals).sum::<Totals>();
    let squared = (0..40).fold(cost, |sum, _| sum.plus(sum));
    assert_eq!(squared.counts.strict, u64::MAX);
}

#[test]
fn the_static_twin_has_the_convolutions_alone() {
    let graph = network("parameternet.pnet", &[], 1);
    let static_graph = twin::static_twin(&graph).expect("a twin");
    let (dynamic, plain) = (analyze(&graph), analyze(&static_graph));
    let convolutions = dynamic_convolutions(&dynamic);
    let parts = convolutions.iter().fold((0, 0, 0), |sum, conv| {
        (sum.0 + conv.total.coefficients, sum.1 + conv.total.mixing, sum.2 + conv.parameters - conv.plain_parameters)
    });
    assert_eq!(dynamic.totals.counts.core - plain.totals.counts.core, parts.0 + parts.1);
    assert_eq!(dynamic.totals.parameters - plain.totals.parameters, parts.2);
    assert_eq!(static_graph.outputs().len(), graph.outputs().len());
    assert!(!twin::has_twin(&static_graph));
    assert!(static_graph.nodes().all(|(_, node)| !matches!(node.op, Op::Routing(_))));
}

#[test]
fn coefficients_that_are_computed_go_with_the_experts() {
    let graph = of_body(
        "let a = x |> mean([2, 3]) |> linear(2) as router |> softmax
         let y = x |> dynamic_conv(8, experts=2, routing=a) as one
         return y |> dynamic_conv(8, experts=2, routing=a) as two",
    );
    let static_graph = twin::static_twin(&graph).expect("a twin");
    let analysis = analyze(&static_graph);
    assert_eq!(analysis.totals.parameters, 2 * 64);
    assert_eq!(analysis.totals.counts.core, 2 * 64 * 256);
}

#[test]
fn the_peak_is_what_lives_at_once() {
    let image = 8 * 16 * 16 * 4;
    for (body, peak) in [
        ("return x |> relu", 2 * image),
        ("return x |> relu |> sigmoid |> tanh", 2 * image),
        ("return (x |> relu |> sigmoid) + x", 3 * image),
        ("return x |> flatten", image),
        ("return x |> dropout(0.5) |> relu", 2 * image),
    ] {
        assert_eq!(peak::activation_peak(&of_body(body)), peak, "{body}");
    }
}

#[test]
fn neighbours_that_are_alike_are_folded() {
    let graph = of_text(
        "module Block(x) { return x |> conv(8, kernel=3) as conv |> batch_norm as bn |> relu }
         network Net { input image: f32[1, 3, 16, 16]
            let x = image
            for i in 0..5 { x = x |> Block as blocks[i] }
            return x |> global_avg_pool |> flatten |> linear(10) as head }",
    );
    let tree = tree::tree(&analyze(&graph));
    let labels = |branch: &tree::Branch| branch.folded().iter().map(|child| child.label.clone()).collect::<Vec<_>>();
    assert_eq!(labels(&tree), ["blocks", "head"]);
    // The first has 3 input channels.
    assert_eq!(labels(&tree.children[0]), ["[0]", "[1..4]"]);
    let folded = &tree.children[0].folded()[1];
    assert_eq!((folded.count, folded.totals.parameters), (4, 4 * (8 * 8 * 9 + 16)));
    assert_eq!(folded.kind.as_deref(), Some("Block"));
}
