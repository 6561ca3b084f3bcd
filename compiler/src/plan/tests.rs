//! What plans look like: what is fused, what costs nothing, and that broken plans are found.

use parameternet_runtime::{Dtype, Isa};

use super::ahead::Ahead;
use super::rewrites::Rewrites;
use super::step::{Finish, Mixed, Operand, Right, Work};
use super::view::Place;
use super::*;
use crate::elaborate::{Request, elaborate};
use crate::passes::{Selection, optimize};
use crate::program::{MemoryLoader, Program};

mod attention;
mod broken;
mod by_sample;

pub(crate) fn options(without: &[&str]) -> Options {
    let mut rewrites = Rewrites::default();
    for name in without {
        assert!(rewrites.leave_out(name), "there is no rewrite `{name}`");
    }
    Options {
        isa: Isa::Avx2,
        threads: 1,
        layout: ImageLayout::Nhwc,
        rewrites,
        experts_dtype: Dtype::F32,
        cascades: Where::Faster,
        strassen: Where::Faster,
        by_sample: Where::Faster,
    }
}

/// The plan of a network with this body over `x: f32[2, 16, 12, 12]`.
#[track_caller]
fn planned(body: &str, without: &[&str]) -> Plan {
    planned_for(2, body, without)
}

/// [`planned`] for that many samples.
#[track_caller]
fn planned_for(batch: usize, body: &str, without: &[&str]) -> Plan {
    planned_with([batch, 12], body, &options(without))
}

/// The plan of a network with this body over `x: f32[batch, 16, size, size]`.
#[track_caller]
pub(crate) fn planned_with([batch, size]: [usize; 2], body: &str, options: &Options) -> Plan {
    let text = format!("network Test {{ input x: f32[{batch}, 16, {size}, {size}] {body} }}");
    let program = Program::load(&MemoryLoader::new("test.pnet", text), "test.pnet");
    let program = program.unwrap_or_else(|error| panic!("{error}"));
    let graph = elaborate(&program, &Request::default()).unwrap_or_else(|error| panic!("{error}"));
    let graph = optimize(&graph, &Selection::default()).unwrap_or_else(|error| panic!("{error}"));
    plan(&graph, options).unwrap_or_else(|error| panic!("{error}"))
}

/// What the steps of a plan are called.
fn names(plan: &Plan) -> Vec<&'static str> {
    plan.steps.iter().map(|step| crate::code::steps::name(&step.work)).collect()
}

fn finish(plan: &Plan, step: usize) -> &Finish {
    match &plan.steps[step].work {
        Work::Matmul(step) => &step.finish,
        Work::Grouped(step) => &step.finish,
        Work::WinogradOutput(step) => &step.finish,
        other => panic!("{other:?} has no epilogue"),
    }
}

#[test]
fn activations_residuals_and_gates_are_epilogues() {
    let block =
        "let y = x |> conv(16, kernel=3) as a |> batch_norm as b |> relu |> conv(16, kernel=3) as c |> batch_norm as d
                 return x + y |> relu";
    let plan = planned(block, &["winograd"]);
    assert_eq!(names(&plan), ["matmul", "matmul"]);
    assert!(!finish(&plan, 0).shape.before.is_identity() && finish(&plan, 0).bias.is_some());
    assert!(finish(&plan, 1).residual.is_some() && !finish(&plan, 1).shape.after.is_identity());
    assert_eq!(
        names(&planned(block, &["winograd", "fuse-epilogues"])),
        ["matmul", "elementwise", "matmul", "elementwise"],
        "the sum and its activation are one loop"
    );
    let gated = planned(
        "let gate = x |> global_avg_pool |> conv(16, bias=true) as g |> sigmoid
         return (x |> conv(16, kernel=3, groups=16) as a |> silu) * gate + x",
        &[],
    );
    assert_eq!(names(&gated), ["mean_rows", "matmul", "depthwise"]);
    assert!(finish(&gated, 2).gate.is_some() && finish(&gated, 2).residual.is_some());
}

#[test]
fn convolutions_are_filtered_where_that_costs_less() {
    let steps = ["winograd_input", "matmul", "winograd_output"];
    let plan = planned("return (x |> conv(16, kernel=3) as a |> silu) + x", &[]);
    assert_eq!(names(&plan), steps);
    assert!(!finish(&plan, 2).shape.before.is_identity() && finish(&plan, 2).residual.is_some());
    let Work::Matmul(step) = &plan.steps[1].work else { panic!("a product") };
    assert_eq!(
        (step.outer.as_slice(), step.rows, step.depth),
        ([2, 36].as_slice(), 9, 16),
        "of tiles, for each point of an image that is more than the filters"
    );
    let plan = planned("return x |> conv(160) as wide |> conv(160, kernel=3) as a", &[]);
    let Work::Matmul(step) = &plan.steps[2].work else { panic!("a product") };
    assert_eq!((step.outer.as_slice(), step.rows), ([1, 36].as_slice(), 2 * 9), "samples side by side");
    assert_eq!(names(&planned("return x |> conv(16, kernel=3) as a", &["winograd"])), ["matmul"]);
    // One tile of four pixels does not pay for filters that are four times as large; strides, other windows and experts never do.
    for other in
        ["max_pool(6) |> conv(512, kernel=3) as a", "conv(16, kernel=3, stride=2) as a", "conv(16, kernel=5) as a"]
    {
        assert!(!names(&planned_for(1, &format!("return x |> {other}"), &[])).contains(&"winograd_input"), "{other}");
    }
    // Samples of a batch are computed as one alone, whether that is filtered or not.
    let is_filtered = |batch: usize, size: usize| {
        let body = "return x |> conv(256) as wide |> conv(256, kernel=3) as a";
        names(&planned_with([batch, size], body, &options(&[]))).contains(&"winograd_input")
    };
    for size in 1..16 {
        assert_eq!(is_filtered(1, size), is_filtered(64, size), "{size}x{size}");
    }
    assert!(is_filtered(1, 15) && !is_filtered(64, 1));
}

#[test]
fn values_that_others_read_are_not_taken_up() {
    let plan = planned("let y = x |> conv(16) as a return first = y |> relu, second = y", &[]);
    assert_eq!(names(&plan), ["matmul", "elementwise"]);
    // Of two convolutions that are added, the later one adds.
    let plan = planned("return (x |> conv(8, kernel=5) as a |> relu) + (x |> conv(8) as b |> silu)", &[]);
    assert_eq!(names(&plan), ["matmul", "matmul"]);
    assert!(finish(&plan, 0).residual.is_none() && finish(&plan, 1).residual.is_some());
}

#[test]
fn chains_of_elementwise_operations_are_one_loop() {
    let body = "return ((x |> tanh) * (x |> sigmoid) + x |> silu) / 2 - 1";
    assert_eq!(names(&planned(body, &[])), ["elementwise"]);
    assert_eq!(names(&planned(body, &["fuse-elementwise"])).len(), 7);
}

#[test]
fn concatenations_slices_and_reshapes_copy_nothing() {
    let ghost = "let y = x |> conv(20) as a |> relu
                 let z = concat(y, y |> conv(20, kernel=3, groups=20) as b |> relu)[:, :35]
                 let (p, q) = z |> split([16, 19])
                 return (p |> conv(8) as c) + (q |> conv(8) as d)";
    assert_eq!(names(&planned(ghost, &[])), ["matmul", "depthwise", "matmul", "matmul"]);
    assert_eq!(
        names(&planned(ghost, &["write-in-place"])),
        ["matmul", "depthwise", "elementwise", "elementwise", "matmul", "matmul", "elementwise"],
        "both parts and the output are copied"
    );
    let attention = "let tokens = x |> flatten(2) |> permute([0, 2, 1])
        let heads = tokens |> linear(48, bias=false) as qkv |> reshape([2, 144, 3, 4, 4]) |> permute([2, 0, 3, 1, 4])
        let (q, k, v) = (heads[0], heads[1], heads[2])
        let y = matmul(matmul(q, k |> permute([0, 1, 3, 2])) |> softmax, v)
        return y |> permute([0, 2, 1, 3]) |> reshape([2, 144, 16])";
    // The last is a copy that no layout saves: heads are gathered for each token.
    assert_eq!(names(&planned(attention, &[])), ["matmul", "attention", "elementwise"]);
}

#[test]
fn global_averages_are_summed_where_their_image_is_written() {
    let body =
        "return x |> conv(24) as a |> relu |> conv(24, kernel=3, groups=24) as b |> mean([2, 3]) |> linear(10) as c";
    let plan = planned(body, &[]);
    assert_eq!(names(&plan), ["matmul", "depthwise", "mean_rows", "small_linear"]);
    assert!(finish(&plan, 1).sums.is_some());
    let Work::Mean(mean) = &plan.steps[2].work else { panic!("a mean") };
    assert_eq!((mean.rows, mean.columns), (2, 24), "one sum per unit of rows");
    let plan = planned(body, &["accumulate-means"]);
    assert!(finish(&plan, 1).sums.is_none());
    let Work::Mean(mean) = &plan.steps[2].work else { panic!("a mean") };
    assert_eq!((mean.rows, mean.columns), (144, 24));
}

#[test]
fn experts_are_mixed_where_they_are_multiplied() {
    let plan = planned("return x |> dynamic_conv(32, kernel=3, experts=4) as a", &[]);
    let Some(Work::Matmul(step)) = plan.steps.last().map(|step| &step.work) else { panic!("a product") };
    assert!(matches!(&step.right, Right::Mixed(mixed) if mixed.count == 4));
    // Pooling, two small layers with their softmax, and the convolution.
    assert_eq!(names(&plan), ["mean_rows", "small_linear", "small_linear", "softmax", "matmul"]);
}

#[test]
fn gates_go_into_filters_where_these_are_fewer_than_pixels() {
    let gated = |between: &str, columns: usize, after: &str| {
        let body = format!(
            "let y = x |> conv(32) as a
             let z = y * (y |> global_avg_pool |> conv(32) as b |> sigmoid)
             return (z |> {between} conv({columns}) as c) {after}"
        );
        names(&planned(&body, &[])).iter().filter(|name| **name == "gate_panels").count()
    };
    // 144 pixels.
    assert_eq!([gated("", 112, ""), gated("", 113, "")], [1, 0]);
    assert_eq!(gated("relu |>", 16, ""), 0, "gates do not commute with an activation");
    assert_eq!(gated("", 16, "* (z |> conv(16) as d)"), 0, "others read the image");
    let body = "let y = x |> conv(32) as a return y * (y |> global_avg_pool) |> conv(16) as c";
    let (plan, apart) = (planned(body, &[]), planned(body, &["gate-filters"]));
    assert_eq!(names(&plan), ["matmul", "mean_rows", "gate_panels", "matmul"]);
    assert_eq!(names(&apart), ["matmul", "mean_rows", "elementwise", "matmul"]);
    // The mean that routing looks at is that of the image, times the gates.
    let plan = planned(
        "let y = x |> conv(32) as a return y * (y |> global_avg_pool) |> dynamic_conv(16, experts=4) as c",
        &[],
    );
    let Some(Work::Matmul(step)) = plan.steps.last().map(|step| &step.work) else { panic!("a product") };
    assert!(matches!(&step.right, Right::Mixed(Mixed { gates: Some(_), .. })));
    assert_eq!(names(&plan).iter().filter(|name| **name == "mean_rows").count(), 1);
}

#[test]
fn results_overwrite_operands_that_nobody_reads_again() {
    let body = "let y = x |> conv(16) as a |> relu
                let z = y |> conv(16) as b |> relu
                return y + (z |> conv(16) as c) |> layer_norm(dim=1) as n";
    for batch in [1, 2] {
        let (plan, apart) = (planned_for(batch, body, &[]), planned_for(batch, body, &["overwrite-operands"]));
        assert_eq!((plan.buffers.len(), apart.buffers.len()), (2, 3), "the sum lies where its operand lay");
    }
    // A convolution reads more than the pixel that it writes.
    let plan = planned("let y = x |> conv(16) as a return y + (y |> conv(16) as b) |> layer_norm(dim=1) as n", &[]);
    assert_eq!(plan.buffers.len(), 2);
}

#[test]
fn the_arena_is_hardly_larger_than_what_lives_at_once() {
    for (file, text) in [
        ("mobilenetv2.pnet", include_str!("../../../examples/models/mobilenetv2.pnet")),
        ("ghostnet.pnet", include_str!("../../../examples/models/ghostnet.pnet")),
        ("parameternet.pnet", include_str!("../../../examples/models/parameternet.pnet")),
    ] {
        let loader = MemoryLoader::new(file, text)
            .with("blocks/squeeze_excite.pnet", include_str!("../../../examples/models/blocks/squeeze_excite.pnet"))
            .with("blocks/ghost.pnet", include_str!("../../../examples/models/blocks/ghost.pnet"))
            .with(
                "blocks/inverted_residual.pnet",
                include_str!("../../../examples/models/blocks/inverted_residual.pnet"),
            );
        let program = Program::load(&loader, file).unwrap_or_else(|error| panic!("{error}"));
        for batch in [1, 3] {
            let graph = elaborate(&program, &Request { batch, ..Request::default() });
            let graph = graph.unwrap_or_else(|error| panic!("{error}"));
            let graph = optimize(&graph, &Selection::default()).unwrap_or_else(|error| panic!("{error}"));
            let plan = plan(&graph, &options(&[])).unwrap_or_else(|error| panic!("{error}"));
            println!("{file}, batch {batch}: {} elements, ratio {}", plan.arena, plan.arena_ratio());
            assert!(plan.arena_ratio() <= 1.15, "{file}: {}", plan.arena_ratio());
        }
    }
}

#[test]
fn a_plan_prints_what_each_step_does() {
    let plan = planned(
        "let y = x |> conv(8, kernel=3, stride=2) as stem |> batch_norm as bn |> hard_swish
         return concat(y, y |> dynamic_conv(8, experts=2, routing=linear) as mix |> relu) |> mean([2, 3]) |> linear(3) as head",
        &[],
    );
    insta::assert_snapshot!(plan);
}

#[track_caller]
fn broken(plan: &Plan, what: &str) {
    let violation = verify::verify(plan).expect_err("the plan is broken").to_string();
    assert!(violation.contains(what), "{violation}");
}

#[test]
fn deeply_nested_concatenations_do_not_nest_calls() {
    let plan = planned("let y = x |> relu for i in 0..6000 { y = concat(y, x |> relu) } return y |> mean([2, 3])", &[]);
    assert!(!names(&plan).is_empty());
}

#[test]
fn threads_have_a_limit() {
    let text = "network Test { input x: f32[1, 2] return x |> relu }";
    let program = Program::load(&MemoryLoader::new("test.pnet", text), "test.pnet");
    let graph = elaborate(&program.unwrap_or_else(|error| panic!("{error}")), &Request::default());
    let graph = graph.unwrap_or_else(|error| panic!("{error}"));
    let error = plan(&graph, &Options { threads: usize::MAX, ..options(&[]) }).map(drop).unwrap_err();
    assert_eq!(error.to_string(), format!("{} threads cannot share a network: at most 1024 can", usize::MAX));
}

/// The plan of a network over `x: f32[batch, 16, size, size]`, some of whose convolutions may be computed together.
#[track_caller]
fn cascaded(size: [usize; 2], body: &str, cascades: Where) -> Plan {
    planned_with(size, body, &Options { cascades, ..options(&[]) })
}

const EXPANDED: &str = "let y = x |> conv(96) as wide |> relu6 |> conv(96, kernel=3, groups=96) as dw |> relu6
                        return x + (y |> conv(16) as narrow)";

#[test]
fn large_images_between_convolutions_are_computed_some_rows_at_a_time() {
    let plan = cascaded([1, 112], EXPANDED, Where::Faster);
    assert_eq!(names(&plan), ["cascade"]);
    assert!(plan.buffers.is_empty(), "what is between the convolutions lies in line buffers");
    assert!(plan.scratch * size_of::<f32>() <= 512 * 1024, "which stay in the cache: {}", plan.scratch);
    // Small ones stay in the cache as they are, unless the batch makes them large.
    let three = ["matmul", "depthwise", "matmul"];
    assert_eq!(names(&cascaded([1, 14], EXPANDED, Where::Faster)), three);
    assert_eq!(names(&cascaded([16, 14], EXPANDED, Where::Faster)), ["cascade"]);
    assert_eq!(names(&cascaded([1, 14], EXPANDED, Where::Possible)), ["cascade"]);
}

#[test]
fn what_others_read_is_computed_whole() {
    let all = |body: &str| cascaded([1, 14], body, Where::Possible);
    let gated = "let y = x |> conv(96) as wide |> conv(96, kernel=3, groups=96) as dw
                 return y * (y |> global_avg_pool |> sigmoid)";
    let plan = all(gated);
    assert_eq!(
        names(&plan),
        ["cascade", "mean_rows", "elementwise", "elementwise"],
        "the last of a cascade may sum its image"
    );
    let excited = "let y = x |> conv(96) as a |> silu |> conv(96, kernel=3, stride=2, groups=96) as b |> silu
                   return y * (y |> global_avg_pool |> conv(96) as gate |> sigmoid)";
    let plan = cascaded([1, 112], excited, Where::Faster);
    assert!(
        names(&plan).contains(&"cascade"),
        "units that are summed are no higher than the cache has room for: {plan}"
    );
    let shared = "let y = x |> conv(96) as wide return concat(y, y |> conv(96, kernel=3, groups=96) as dw)";
    assert_eq!(names(&all(shared)), ["matmul", "depthwise"], "both are results");
    let ghost = "let y = x |> conv(24) as primary let z = y |> conv(24, kernel=3, groups=24) as cheap
                 return concat(y, z) |> conv(16) as next";
    assert_eq!(names(&all(ghost)), ["cascade"], "a concatenation that nobody else reads is a line buffer");
}

#[test]
fn a_cascade_whose_stages_do_not_fit_is_found() {
    type Change = fn(&mut cascade::Cascade);
    let sound = cascaded([1, 14], EXPANDED, Where::Possible);
    let cascade = |plan: &mut Plan, change: Change| match &mut plan.steps[0].work {
        Work::Cascade(cascade) => change(cascade),
        other => panic!("unexpected {other:?}"),
    };
    let changes: [(Change, &str); 7] = [
        (|cascade| cascade.stages[0].reach.above = 0, "reads rows that are not there"),
        (|cascade| cascade.lines[0].reach.below = 0, "writes more rows than its line buffer has"),
        (|cascade| cascade.stages.swap(0, 1), "reads what nothing wrote"),
        (|cascade| cascade.units = 20, "has nothing to do for a unit"),
        (|cascade| cascade.lines[1].offset += 1 << 20, "scratch memory"),
        (|cascade| cascade.lines[1].offset = 0, "two line buffers overlap"),
        (|cascade| cascade.lines[0].pixel -= 1, "channels that its line buffer lacks"),
    ];
    for (change, what) in changes {
        let mut plan = sound.clone();
        cascade(&mut plan, change);
        broken(&plan, what);
    }
}

#[test]
fn outputs_beyond_the_cache_are_fetched_and_others_not() {
    let fetched = |size: [usize; 2], cascades: Where| -> Vec<usize> {
        let of = |work: &Work| match work {
            Work::Matmul(step) => vec![step.finish.shape.fetch],
            Work::Grouped(step) => vec![step.shape.epilogue.fetch],
            other => panic!("unexpected {other:?}"),
        };
        let of_step = |step: &Step| match &step.work {
            Work::Cascade(cascade) => cascade.stages.iter().flat_map(|stage| of(&stage.work)).collect(),
            work => of(work),
        };
        cascaded(size, EXPANDED, cascades).steps.iter().flat_map(of_step).collect()
    };
    assert_eq!(fetched([1, 14], Where::Faster), [0, 0, 0]);
    // 112 x 112 x 16 are 803 KB, a megabyte and a half are 153 x 153.
    assert_eq!(fetched([1, 112], Where::Faster), [0, 0, 0], "line buffers are near, and so is the result");
    assert_eq!(fetched([1, 153], Where::Faster), [0, 0, 1], "the result is not");
}

#[test]
fn weights_that_are_waited_for_are_fetched_by_products_before_them() {
    let fetched = |body: &str| -> Vec<(usize, usize, usize)> {
        let plan = planned_for(1, body, &[]);
        let waits = |step: &Step| match &step.work {
            Work::Matmul(step) if step.rows == 1 => Some(match &step.right {
                Right::Packed { panels, .. } => panels.clone(),
                other => panic!("unexpected {other:?}"),
            }),
            _ => None,
        };
        let wanted: Vec<Operand> = plan.steps.iter().filter_map(waits).collect();
        let place = |ahead: &Ahead| {
            let index = wanted.iter().position(|weights| *weights == ahead.weights).unwrap();
            (index, ahead.first, ahead.length)
        };
        let fetches = |step: &Step| match &step.work {
            Work::Matmul(step) => step.ahead.as_ref().map(place),
            _ => None,
        };
        plan.steps.iter().filter_map(fetches).collect()
    };
    // Both layers, whose weights lie behind one another with a bias between, while there is time for more.
    let head = "return x |> conv(64) as a |> conv(256) as b |> relu |> global_avg_pool |> flatten |> linear(512) as c |> relu |> linear(100) as d";
    assert_eq!(fetched(head), [(0, 0, 512 * 256 + 100 + 512 * 100)]);
    // Small weights between them are fetched with them.
    let between = "let h = x |> conv(64) as a |> conv(256) as b |> relu |> global_avg_pool |> conv(512) as c |> relu
        return h |> conv(512, kernel=3, groups=512) as depthwise |> relu |> conv(100) as d";
    assert_eq!(fetched(between), [(0, 0, 512 * 256 + 9 * 512 + 512 * 100)]);
    // More than there is time for: each product fetches a piece, the last one the beginning.
    let large = "return x |> conv(64) as a |> conv(96) as b |> conv(96) as c |> relu |> global_avg_pool |> flatten |> linear(4000) as d";
    let pieces = fetched(large);
    let [.., (0, second, length), (0, 0, first)] = pieces[..] else { panic!("{pieces:?}") };
    assert_eq!(second, first, "{pieces:?}");
    assert!(length > 0);
    // Weights that several rows share are not waited for.
    assert_eq!(fetched("return x |> conv(256) as a |> conv(256) as b |> conv(256) as c"), []);
}

/// Generated source is one for all of them.
#[test]
fn what_is_fetched_is_the_same_on_all_machines() {
    let body = "let h = x |> conv(64) as a |> conv(512) as b |> global_avg_pool |> flatten |> linear(3000) as c |> relu
        let s = h |> linear(1) as d
        return s + h |> linear(1000) as e";
    let fetched = Isa::ALL.map(|isa| {
        let plan = planned_with([1, 28], body, &Options { isa, ..options(&[]) });
        let ahead = plan.steps.iter().filter_map(|step| match &step.work {
            Work::Matmul(step) => step.ahead.as_ref().map(|ahead| (step.rows, ahead.first, ahead.length)),
            _ => None,
        });
        ahead.collect::<Vec<_>>()
    });
    assert!(!fetched[0].is_empty());
    assert!(fetched.iter().all(|other| *other == fetched[0]), "{fetched:?}");
}

#[test]
fn products_that_cannot_fetch_are_not_asked_to() {
    let depths = |body: &str, dtype: Dtype| -> Vec<usize> {
        let options = Options { experts_dtype: dtype, ..options(&[]) };
        let plan = planned_with([64, 7], body, &options);
        let fetches = |step: &Step| match &step.work {
            Work::Matmul(step) => step.ahead.as_ref().map(|_| step.depth),
            _ => None,
        };
        plan.steps.iter().filter_map(fetches).collect()
    };
    let fetches = |body: &str, dtype: Dtype| !depths(body, dtype).is_empty();
    let head = "|> mean([0], keep=true) |> linear(1000) as z";
    let image = |product: &str| format!("return {product} |> relu |> global_avg_pool |> flatten {head}");
    assert!(fetches(&image("x |> conv(200) as a"), Dtype::F32));
    // Kernels look at what is to be fetched every four places along the depth.
    assert!(depths(&image("x |> conv(4) as a |> relu |> conv(200) as b"), Dtype::F32).contains(&4));
    assert!(!depths(&image("x |> conv(3) as a |> relu |> conv(200) as b"), Dtype::F32).contains(&3));
    let layers = format!("return x |> global_avg_pool |> flatten |> linear(1100) as a |> linear(100) as b {head}");
    assert!(fetches(&layers, Dtype::F32));
    assert!(!fetches(&layers, Dtype::Bf16));
}

/// The only product of a plan: its outer dimensions and rows, and whether it is done in halves.
#[track_caller]
fn only_product(plan: &Plan) -> (Vec<usize>, usize, bool) {
    let products = plan.steps.iter().filter_map(|step| match &step.work {
        Work::Matmul(step) => Some((step.outer.clone(), step.rows, step.is_in_halves())),
        _ => None,
    });
    let products: Vec<_> = products.collect();
    assert_eq!(products.len(), 1, "{plan}");
    products[0].clone()
}

#[test]
fn large_products_with_weights_are_done_in_halves() {
    let layer = "return x |> permute([0, 2, 3, 1]) |> linear(256) as wide";
    let taken = |size: [usize; 2], body: &str, strassen: Where, without: &[&str]| {
        only_product(&planned_with(size, body, &Options { strassen, ..options(without) }))
    };
    // Sixteen channels are not worth it, but can be.
    assert_eq!(taken([1, 12], layer, Where::Faster, &[]), (vec![1], 144, false));
    assert_eq!(taken([1, 12], layer, Where::Possible, &[]), (vec![1], 144, true));
    assert_eq!(taken([1, 12], layer, Where::Possible, &["strassen"]), (vec![1], 144, false));
    let convolution = "return x |> conv(256) as wide";
    assert_eq!(taken([1, 12], convolution, Where::Possible, &[]), (vec![1, 1], 144, true));
    // What cannot be halved is not.
    for odd in [
        "return x |> conv(255) as wide",
        "return x |> conv(32, groups=2) as wide",
        "return x |> conv(32, kernel=3) as wide",
    ] {
        assert!(!taken([1, 12], odd, Where::Possible, &["winograd"]).2, "{odd}");
    }
}

#[test]
fn pairs_of_rows_lie_in_one_sample() {
    for (body, outer) in
        [("return x |> permute([0, 2, 3, 1]) |> linear(32) as wide", 1), ("return x |> conv(32) as wide", 2)]
    {
        for (batch, size, samples) in [(3, 12, 1), (3, 5, 3), (1, 5, 1)] {
            let options = Options { strassen: Where::Possible, ..options(&[]) };
            let (found, rows, in_halves) = only_product(&planned_with([batch, size], body, &options));
            assert!(in_halves);
            assert_eq!((found[0], found.len(), rows), (samples, outer, batch * size * size / samples));
        }
    }
}

#[test]
fn products_in_halves_pay_where_they_are_large() {
    let layer = "let y = x |> conv(256, kernel=3) as a |> conv(512) as b return y |> max_pool(2)";
    let plan = planned_with([1, 14], layer, &options(&["winograd"]));
    let halved: Vec<bool> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.work {
            Work::Matmul(step) => Some(step.is_in_halves()),
            _ => None,
        })
        .collect();
    assert_eq!(halved, [false, true], "{plan}");
}

#[test]
fn a_product_in_halves_that_is_cut_within_a_pair_is_found() {
    let options = Options { strassen: Where::Possible, ..options(&[]) };
    let sound = planned_with([1, 12], "return x |> conv(32) as wide", &options);
    let changes: [fn(&mut step::Matmul); 3] =
        [|step| step.blocking.rows_per_block -= 1, |step| step.blocking.rows_per_unit += 1, |step| step.columns -= 1];
    for change in changes {
        let mut plan = sound.clone();
        let product = plan.steps.iter_mut().find_map(|step| match &mut step.work {
            Work::Matmul(step) => Some(step),
            _ => None,
        });
        change(product.unwrap_or_else(|| panic!("{sound}")));
        broken(&plan, "within a pair");
    }
}
