//! Which networks are exported.

use std::path::PathBuf;

use parameternet_compiler::elaborate::Request;
use parameternet_compiler::graph::Graph;
use parameternet_compiler::program::{MemoryLoader, Program};
use parameternet_compiler::weight::Weight;
use parameternet_generator::Settings;
use parameternet_runtime::synth;

use crate::cases::{cases, inputs, text, values};
use crate::jobs::{Job, Jobs, Precision};
use crate::seeds::seeds;
use crate::shared::{Disk, numbers, reference};

/// The random networks of every test run.
const SEEDS: std::ops::Range<u64> = 0..60;

fn load(file: &str) -> Program {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples").join(file);
    Program::load(&Disk, &path.to_string_lossy()).unwrap_or_else(|failure| panic!("{failure}"))
}

fn parsed(text: &str) -> Program {
    Program::load(&MemoryLoader::new("case.pnet", text), "case.pnet").unwrap_or_else(|failure| panic!("{failure}"))
}

fn request(settings: &[(&str, &str)], batch: usize) -> Request {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Request { settings, batch, network: None }
}

/// Inputs drawn from their names.
fn drawn(graph: &Graph, factor: f32) -> Vec<Vec<f32>> {
    let draw = |port: &parameternet_compiler::graph::Port| {
        let elements = graph.node(port.node).expect("the input").shape.elements();
        synth::tensor(&port.name, elements).map(|value| value * factor).collect()
    };
    graph.inputs().iter().map(draw).collect()
}

/// The networks of `examples/models`: small ones against the interpreter, three at full size against other people's outputs.
pub(crate) fn zoo(jobs: &mut Jobs) {
    const SMALL: &[(&str, &[(&str, &str)])] = &[
        ("mlp", &[]),
        ("mobilenetv1", &[("width", "0.25"), ("size", "32"), ("classes", "10"), ("experts", "2")]),
        ("mobilenetv2", &[("width", "0.25"), ("size", "32"), ("classes", "10")]),
        ("mobilenetv3_small", &[("width", "0.25"), ("size", "32"), ("classes", "10"), ("experts", "3")]),
        ("mobilenetv3_large", &[("width", "0.25"), ("size", "32"), ("classes", "10")]),
        ("ghostnet", &[("width", "0.25"), ("size", "32"), ("classes", "10"), ("experts", "2")]),
        ("parameternet", &[("width", "0.25"), ("size", "32"), ("classes", "10"), ("routing", "mlp")]),
        ("efficientnet", &[("width", "0.25"), ("size", "32"), ("classes", "10")]),
        ("efficientnet_condconv", &[("width", "0.25"), ("size", "32"), ("classes", "10")]),
        ("resnet18", &[("width", "0.25"), ("size", "32"), ("classes", "10")]),
        ("resnet50", &[("width", "0.125"), ("size", "32"), ("classes", "10"), ("experts", "2")]),
        ("repvgg", &[("width", "0.25"), ("last_width", "0.25"), ("size", "32"), ("classes", "10")]),
        ("vit", &[("width", "24"), ("depth", "2"), ("size", "32"), ("classes", "10")]),
        ("swin", &[("width", "12"), ("window", "2"), ("size", "32"), ("depths", "[2, 2]"), ("heads", "[2, 3]")]),
    ];
    for (name, settings) in SMALL {
        let program = load(&format!("models/{name}.pnet"));
        for (batch, is_argument) in [(1, false), (3, true)] {
            // Once the file has the settings as its defaults, once they are arguments.
            let python: Vec<String> = settings
                .iter()
                .map(|(name, value)| format!("{name}={}", if *value == "mlp" { "n.mlp" } else { value }))
                .collect();
            let python = python.join(", ");
            let plain = request(&[], 1);
            let needs_helper = settings.iter().any(|(_, value)| *value == "mlp");
            jobs.add(&Job {
                name: format!("{name}, {batch}"),
                program: &program,
                request: request(settings, batch),
                precision: Precision::Single,
                weights: &|weight| weight.initial(2.0),
                inputs: &|graph| drawn(graph, 1.0),
                expected: None,
                trains: is_argument,
                arguments: (is_argument && !needs_helper).then_some((plain, python.as_str())),
            });
        }
    }
    let is_all = std::env::var("PNET_ZOO").is_ok_and(|zoo| zoo == "all");
    for (reference_name, name) in [
        ("parameternet_600m", "parameternet"),
        ("mobilenetv2_100", "mobilenetv2"),
        ("swin_tiny_patch4_window7_224", "swin"),
        ("mobilenetv1_100", "mobilenetv1"),
        ("mobilenetv3_small_100", "mobilenetv3_small"),
        ("mobilenetv3_large_100", "mobilenetv3_large"),
        ("ghostnet_100", "ghostnet"),
        ("efficientnet_b0", "efficientnet"),
        ("tf_efficientnet_cc_b0_4e", "efficientnet_condconv"),
        ("resnet18", "resnet18"),
        ("resnet50", "resnet50"),
        ("repvgg_a0", "repvgg"),
        ("deit_tiny_patch16_224", "vit"),
    ]
    .into_iter()
    .take(if is_all { 13 } else { 3 })
    {
        let Some(reference) = reference(reference_name) else { return };
        let gain = reference["gain"].as_f64().expect("a gain");
        let draw = |graph: &Graph| {
            let elements = graph.node(graph.inputs()[0].node).expect("the input").shape.elements();
            vec![synth::tensor("input", elements).map(|value| value * 2.0).collect()]
        };
        jobs.add(&Job {
            name: name.to_owned(),
            program: &load(&format!("models/{name}.pnet")),
            request: request(&[], 1),
            precision: Precision::Single,
            weights: &|weight| weight.initial(gain),
            inputs: &draw,
            expected: Some(vec![numbers(&reference["logits"])]),
            trains: false,
            arguments: None,
        });
    }
}

/// A job in double precision, with the weights of `operations.json`.
fn case(jobs: &mut Jobs, name: &str, program: &str, batch: usize) {
    jobs.add(&Job {
        name: name.to_owned(),
        program: &parsed(program),
        request: request(&[], batch),
        precision: Precision::Double,
        weights: &|weight: &Weight| values(weight, name),
        inputs: &|graph| inputs(graph, name),
        expected: None,
        trains: false,
        arguments: None,
    });
}

/// Every operation with every setting.
pub(crate) fn operations(jobs: &mut Jobs) {
    for one in cases() {
        case(jobs, text(&one, "name"), text(&one, "program"), 1);
    }
}

/// Dynamic convolutions, for one image and for three.
pub(crate) fn dynamic_convolutions(jobs: &mut Jobs) {
    const SETTINGS: &[&str] = &[
        "6, kernel=3, experts=3",
        "6, kernel=3, stride=2, padding=same, experts=3, bias=true",
        "8, kernel=[1, 3], groups=2, experts=2, routing=mlp(hidden=5, activation=gelu, gate=softmax(temperature=3))",
        "6, kernel=3, dilation=2, experts=4, routing=linear(gate=sigmoid), bias=true",
        "6, experts=1, routing=linear(gate=softmax)",
        "4, kernel=3, groups=4, experts=2, routing=mlp(gate=sigmoid), padding=[1, 0, 2, 1]",
    ];
    for batch in [1, 3] {
        for (index, settings) in SETTINGS.iter().enumerate() {
            let program =
                format!("network Case {{ input x: f32[batch, 4, 7, 6]\n return x |> dynamic_conv({settings}) as c }}");
            case(jobs, &format!("dynamic_conv_{index}_{batch}"), &program, batch);
        }
        let shared = "network Case {
            input x: f32[batch, 4, 6, 6]
            let shares = x |> global_avg_pool |> flatten |> linear(3) as routing |> softmax
            let convolution = dynamic_conv(experts=3, routing=shares)
            return x |> convolution(6, kernel=3) as a |> relu |> convolution(5) as b
        }";
        case(jobs, &format!("dynamic_conv_shared_{batch}"), shared, batch);
    }
}

/// Generated networks.
pub(crate) fn random(jobs: &mut Jobs) {
    for seed in seeds(SEEDS) {
        let text = parameternet_generator::program(seed, &Settings::default());
        jobs.add(&Job {
            name: format!("seed {seed}"),
            program: &parsed(&text),
            request: request(&[], 1),
            precision: Precision::Double,
            weights: &|weight| weight.initial(1.5),
            inputs: &|graph| drawn(graph, 1.0),
            expected: None,
            trains: false,
            arguments: None,
        });
    }
}

/// What the language allows and Python does not, or not in the same way.
pub(crate) fn language(jobs: &mut Jobs) {
    for (name, batch, program) in super::programs::PROGRAMS {
        case(jobs, name, program, *batch);
    }
}
