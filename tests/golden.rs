//! Rungs 1 and 2 of the ladder of oracles: the networks of `examples/models` through the interpreter, against the outputs
//! of other people's implementations (`../shared/golden`, `data/networks`).

mod shared;

use std::collections::BTreeMap;
use std::path::PathBuf;

use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::interp::{self, InitialWeights};
use parameternet_compiler::passes::{Selection, optimize};
use parameternet_compiler::program::Program;
use serde_json::Value;
use shared::{Disk, golden, numbers, reference};

/// Compiles a network of the repository.
fn compile(file: &str, settings: &[(&str, &str)]) -> Graph {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/models").join(file);
    let program = Program::load(&Disk, &path.to_string_lossy()).unwrap_or_else(|failure| panic!("{failure}"));
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    elaborate(&program, &Request { settings, ..Request::default() }).unwrap_or_else(|failure| panic!("{failure}"))
}

/// The names and shapes of a published state_dict are the network's: nothing missing, nothing unexpected.
fn assert_accepts_state_dict(graph: &Graph, golden: &Value) {
    let published: BTreeMap<String, Vec<usize>> = golden["state_dict"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, shape)| {
            let dims = numbers(shape);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "dimensions are small whole numbers"
            )]
            (name.clone(), dims.into_iter().map(|dim| dim as usize).collect())
        })
        .collect();
    assert!(!published.is_empty());
    let ours: BTreeMap<&str, _> = graph.weights().iter().map(|weight| (weight.name.as_str(), weight)).collect();
    let names: Vec<&str> = published.keys().map(String::as_str).collect();
    assert_eq!(ours.keys().copied().collect::<Vec<_>>(), names);
    for (name, shape) in &published {
        let weight = ours[name.as_str()];
        let flat = [weight.shape.dims()[0], weight.shape.dims()[1..].iter().product()];
        let fits = weight.shape.dims() == shape || (weight.flat_tail && *shape == flat);
        assert!(fits, "{name}: ours {}, published {shape:?}", weight.shape);
    }
}

/// The largest difference between two outputs, as a share of the largest of the expected ones.
fn relative_error(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    found.iter().zip(expected).fold(0.0f64, |error, (found, expected)| error.max((found - expected).abs())) / largest
}

fn check(name: &str, file: &str, settings: &[(&str, &str)]) {
    let Some(golden) = reference(name) else { return };
    let graph = compile(file, settings);
    assert_eq!(graph.parameter_count(), golden["params"].as_u64().expect("a count"), "{name}: parameters");
    assert_accepts_state_dict(&graph, &golden);
    let gain = golden["gain"].as_f64().expect("a gain");
    let input = graph.node(graph.inputs()[0].node).expect("the input").shape.clone();
    assert_eq!(serde_json::json!(input.dims()), golden["input"]);
    let image: Vec<f64> =
        parameternet_runtime::synth::tensor("input", input.elements()).map(|value| f64::from(value) * 2.0).collect();
    let outputs =
        interp::run(&graph, &InitialWeights { gain }, std::slice::from_ref(&image)).expect("the network runs");
    let error = relative_error(&outputs[0].data, &numbers(&golden["logits"]));
    println!("{name}: relative error {error:.1e}");
    assert!(error < 1e-5, "{name}: relative error {error:e}");

    let optimized = optimize(&graph, &Selection::default()).unwrap_or_else(|error| panic!("{error}"));
    assert!(optimized.nodes().all(|(_, node)| node.op.name() != "batch_norm"), "{name}: every batch norm folds");
    let folded = interp::run(&optimized, &InitialWeights { gain }, &[image]).expect("the network runs");
    let error = relative_error(&folded[0].data, &outputs[0].data);
    println!(
        "{name}: {} operations, {} when optimised, relative error {error:.1e}",
        graph.node_count(),
        optimized.node_count()
    );
    assert!(error < 1e-12, "{name}: relative error of the optimised graph {error:e}");
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
}

#[test]
fn parameternet_x130() {
    check("parameternet_x130", "parameternet.pnet", &[("width", "1.3")]);
}

/// With other hyper-parameters a network takes the checkpoints of its relatives: as many parameters, and tensors of the same
/// names and shapes.
#[test]
fn other_sizes_of_networks() {
    let variants = reference("variants").expect("a file of the repository");
    let mut known: Vec<&str> = variants.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    for (name, file, settings) in [
        ("mobilenetv1_125", "mobilenetv1.pnet", &[("width", "1.25")][..]),
        ("mobilenetv2_140", "mobilenetv2.pnet", &[("width", "1.4")]),
        ("mobilenetv3_large_075", "mobilenetv3_large.pnet", &[("width", "0.75")]),
        ("mobilenetv3_small_075", "mobilenetv3_small.pnet", &[("width", "0.75")]),
        ("ghostnet_130", "ghostnet.pnet", &[("width", "1.3")]),
        ("efficientnet_b1", "efficientnet.pnet", &[("depth", "1.1")]),
        ("efficientnet_b2", "efficientnet.pnet", &[("width", "1.1"), ("depth", "1.2")]),
        ("tf_efficientnet_cc_b0_8e", "efficientnet_condconv.pnet", &[("experts", "8")]),
        ("resnet34", "resnet18.pnet", &[("repeats", "[3, 4, 6, 3]")]),
        ("resnet101", "resnet50.pnet", &[("repeats", "[3, 4, 23, 3]")]),
        ("repvgg_b0", "repvgg.pnet", &[("width", "1"), ("depths", "[4, 6, 16, 1]")]),
        ("vit_tiny_patch16_224", "vit.pnet", &[]),
        ("deit_small_patch16_224", "vit.pnet", &[("width", "384"), ("heads", "6")]),
        ("deit_base_patch16_224", "vit.pnet", &[("width", "768"), ("heads", "12")]),
        ("swin_small_patch4_window7_224", "swin.pnet", &[("depths", "[2, 2, 18, 2]")]),
    ] {
        let graph = compile(file, settings);
        assert_eq!(Some(graph.parameter_count()), variants[name]["params"].as_u64(), "{name}: parameters");
        let mut lines: Vec<String> = Vec::new();
        for weight in graph.weights() {
            let flat = [weight.shape.dims()[0], weight.shape.dims()[1..].iter().product()];
            let shape = if weight.flat_tail { flat.to_vec() } else { weight.shape.dims().to_vec() };
            lines.push(format!("{} {shape:?}\n", weight.name));
        }
        lines.sort_by_key(|line| line.split(' ').next().map(str::to_owned));
        let digest = format!("{:016x}", parameternet_runtime::synth::name_hash(&lines.concat()));
        assert_eq!(Some(digest.as_str()), variants[name]["tensors"].as_str(), "{name}: names and shapes");
        known.retain(|known| *known != name);
    }
    assert!(known.is_empty(), "nobody checks {known:?}");
}

/// The form of the paper has its own tensors and no others.
#[test]
fn parameternet_with_the_routing_of_the_paper() {
    let graph = compile("parameternet.pnet", &[("routing", "mlp"), ("width", "0.5"), ("size", "64")]);
    let names: Vec<&str> = graph.weights().iter().map(|weight| weight.name.as_str()).collect();
    assert!(names.contains(&"conv_stem.routing.fc2.weight"));
    assert!(!names.iter().any(|name| name.contains("cond_conv")));
    let image = vec![0.5; 3 * 64 * 64];
    let outputs = interp::run(&graph, &InitialWeights { gain: 2.0 }, &[image]).expect("the network runs");
    assert_eq!(outputs[0].data.len(), 1000);
    assert!(outputs[0].data.iter().all(|value| value.is_finite()));
}

/// A network with trained weights gives the logits that its authors' framework gives, from the very same tensor.
#[test]
fn trained_mobilenetv2_on_a_photo() {
    let Some(golden) = golden("mobilenetv2_100_photos.json") else { return };
    let graph = compile("mobilenetv2.pnet", &[]);
    let weights = shared::root().expect("golden was found").join("models/mobilenetv2_100.safetensors");
    let file = parameternet_runtime::WeightFile::open(&weights).unwrap_or_else(|error| panic!("{error}"));
    let specs: Vec<_> = graph.weights().iter().map(parameternet_compiler::weight::Weight::spec).collect();
    let bound = file.bind(&specs).unwrap_or_else(|error| panic!("{error}"));
    let image = shared::npy("golden/chelsea_input_1x3x224x224.npy");
    let outputs = interp::run(&graph, &bound, &[image]).expect("the network runs");
    let expected = numbers(&golden["images"]["chelsea.png"]["logits"]);
    let error = relative_error(&outputs[0].data, &expected);
    println!("relative error {error:.1e}");
    assert!(error < 1e-4, "relative error {error:e}");
}
