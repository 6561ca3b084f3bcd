//! Experts, and layers that are one row a sample, stored in fewer bytes: how far results are from exact ones, and that they are
//! the same bits in any number of threads.
//!
//! The bounds are what was measured, with a little room: `docs/dtype.md` has the numbers. How exact an output is depends
//! on the weights; those that are drawn from names have no structure that would make up for rounding.

use std::collections::HashSet;

use parameternet_compiler::compile::{Options, compile, plan};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::interp;
use parameternet_compiler::weight::{InitialTensors, Weight};
use parameternet_runtime::prepare::TensorSource;
use parameternet_runtime::{Dtype, Isa, WeightFile};

use crate::compare::{expected, inputs, relative_error};
use crate::ladder::{options, run, same_bits};
use crate::networks::elaborated;
use crate::seeds::graph as graph_of;
use crate::shared::{self, golden, numbers, reference};

/// The types of fewer bytes.
const FEWER: [Dtype; 2] = [Dtype::Bf16, Dtype::Int8];

/// The largest error on any instruction set; on each, any number of threads gives the same bits.
fn error(
    name: &str,
    graph: &Graph,
    dtype: Dtype,
    weights: &dyn TensorSource,
    inputs: &[Vec<f32>],
    expected: &[Vec<f64>],
) -> f64 {
    let mut largest = 0.0f64;
    for isa in Isa::available() {
        let [found, others @ ..] = [1, 2, 3].map(|threads| {
            let options = Options { experts_dtype: dtype, ..options(isa, threads, &[]) };
            run(graph, &options, inputs, weights)
        });
        assert!(others.iter().all(|other| same_bits(&found, other)), "{name}, {isa}, {dtype}: threads give other bits");
        let error = relative_error(&found, expected);
        println!("{name}, {isa}, {dtype}: relative error {error:.2e}");
        largest = largest.max(error);
    }
    largest
}

/// [`error`] of both types for made-up weights and inputs, against the interpreter.
fn check(name: &str, graph: &Graph, bounds: [f64; 2]) {
    let inputs = inputs(graph);
    let expected = expected(graph, &inputs, 2.0);
    let weights = InitialTensors { graph, gain: 2.0 };
    for (dtype, bound) in FEWER.into_iter().zip(bounds) {
        let error = error(name, graph, dtype, &weights, &inputs, &expected);
        assert!(error < bound, "{name}, {dtype}: relative error {error:e}");
        assert!(error > 1e-5, "{name}, {dtype}: nothing was rounded");
    }
}

/// How many bytes the prepared weights of a network take.
fn bytes(graph: &Graph, dtype: Dtype) -> usize {
    let options = Options { experts_dtype: dtype, ..Options::new(Isa::Avx512) };
    plan(graph, &options).unwrap_or_else(|error| panic!("{error}")).weights().preparation.length * size_of::<f32>()
}

#[test]
fn parameternet() {
    for batch in [1, 3] {
        let graph = elaborated("models/parameternet.pnet", &[("width", "1.3")], batch, Some([63, 81]));
        check(&format!("parameternet, batch {batch}"), &graph, [2.5e-3, 6e-3]);
    }
}

/// The reference outputs at full size.
#[test]
fn reference_outputs() {
    for (name, settings) in [("parameternet_600m", &[][..]), ("parameternet_x130", &[("width", "1.3")])] {
        let Some(golden) = reference(name) else { return };
        let graph = elaborated("models/parameternet.pnet", settings, 1, None);
        let input = graph.node(graph.inputs()[0].node).expect("the input").shape.elements();
        let image: Vec<f32> = parameternet_runtime::synth::tensor("input", input).map(|value| value * 2.0).collect();
        let weights = InitialTensors { graph: &graph, gain: golden["gain"].as_f64().expect("a gain") };
        let expected = [numbers(&golden["logits"])];
        for (dtype, bound) in FEWER.into_iter().zip([6e-3, 2e-2]) {
            let error = error(name, &graph, dtype, &weights, std::slice::from_ref(&image), &expected);
            assert!(error < bound, "{name}, {dtype}: relative error {error:e}");
        }
    }
}

/// Every form of what is stored in fewer bytes, and of what stays as it is: groups, windows, strides, experts for several
/// samples, gates and residuals behind single rows, a layer of several rows, few columns in the last panel.
#[test]
fn forms() {
    for batch in [1, 3] {
        let text = format!(
            "network Forms {{
                input x: f32[{batch}, 24, 9, 7]
                let a = x |> dynamic_conv(40, kernel=3, stride=2, groups=4, experts=3) as a |> silu
                let b = a |> dynamic_conv(101, experts=5, bias=true) as b |> batch_norm as b_norm |> hard_swish
                let c = b |> dynamic_conv(101, kernel=3, groups=101, experts=2) as c |> relu
                let gate = c |> mean([2, 3], keep=true) |> conv(350) as narrow |> relu |> conv(101) as wide |> sigmoid
                let d = (c * gate) |> mean([2, 3], keep=true) |> conv(333, bias=true) as head |> silu |> flatten
                let e = d |> linear(333) as same
                return (d + e) |> relu |> linear(77) as scores
            }}"
        );
        let graph = graph_of(&text).unwrap_or_else(|failure| panic!("{failure}"));
        check(&format!("forms, batch {batch}"), &graph, [2e-3, 4e-3]);
        let text = plan(&graph, &Options { experts_dtype: Dtype::Int8, ..Options::new(Isa::Avx2) });
        let text = text.unwrap_or_else(|error| panic!("{error}")).to_string();
        // Three experts' layers of which one is depthwise; `narrow`, `wide`, `head`, `same`, `scores`.
        assert_eq!(
            (text.matches("from int8 weights").count(), text.matches("* int8 weights").count()),
            (2, 5),
            "{text}"
        );
    }
}

#[test]
fn networks_without_anything_to_store_in_fewer_bytes_stay_as_they_are() {
    for file in ["models/mlp.pnet", "models/vit.pnet"] {
        let graph = elaborated(file, &[], 1, None);
        let inputs = inputs(&graph);
        let weights = InitialTensors { graph: &graph, gain: 2.0 };
        if file.ends_with("mlp.pnet") {
            let [whole, fewer] = [Dtype::F32, Dtype::Int8].map(|experts_dtype| {
                run(&graph, &Options { experts_dtype, ..options(Isa::detect(), 1, &[]) }, &inputs, &weights)
            });
            assert!(same_bits(&whole, &fewer));
        }
        // Of a transformer, only the classifier is one row.
        assert!(bytes(&graph, Dtype::Int8) * 100 > 95 * bytes(&graph, Dtype::F32), "{file}");
    }
}

#[test]
fn weights_take_fewer_bytes() {
    let graph = elaborated("models/parameternet.pnet", &[], 1, None);
    let [whole, halves, quarters] = Dtype::ALL.map(|dtype| bytes(&graph, dtype));
    println!("{whole} bytes, {halves} as bf16, {quarters} as int8");
    assert!(halves * 100 < 52 * whole && quarters * 100 < 28 * whole, "{whole} {halves} {quarters}");
}

/// The held-out digits of `examples/digits`: which each is, and its 64 pixels.
fn digits() -> Vec<(usize, Vec<f32>)> {
    let rows = include_bytes!("../data/digits.bin").as_chunks::<65>().0;
    let pixel = |grey: &u8| f32::from(*grey) / 255.0;
    rows.iter().map(|[digit, pixels @ ..]| (usize::from(*digit), pixels.iter().map(pixel).collect())).collect()
}

fn best<T: PartialOrd>(scores: &[T]) -> usize {
    (0..scores.len()).fold(0, |best, index| if scores[index] > scores[best] { index } else { best })
}

/// Trained weights read no fewer held-out digits right than they do when nothing is rounded.
#[test]
fn digits_are_read_as_well_as_before() {
    let digits = digits();
    assert_eq!(digits.len(), 450);
    let held_out: HashSet<_> = digits.iter().map(|(digit, _)| *digit).collect();
    assert_eq!(held_out.len(), 10);
    // `examples/digits/results.json` says how many are read wrong.
    for (experts, errors) in [("1", 2), ("4", 1)] {
        let graph = elaborated("digits/digits.pnet", &[("experts", experts)], 1, None);
        let path = format!("{}/../examples/digits/digits-e{experts}.safetensors", env!("CARGO_MANIFEST_DIR"));
        let file = WeightFile::open(&path).unwrap_or_else(|error| panic!("{error}"));
        let specs: Vec<_> = graph.stored_weights().map(Weight::spec).collect();
        let bound = file.bind(&specs).unwrap_or_else(|error| panic!("{error}"));
        let exact: Vec<Vec<f64>> = digits
            .iter()
            .map(|(_, pixels)| {
                let pixels = pixels.iter().copied().map(f64::from).collect();
                interp::run(&graph, &bound, &[pixels]).expect("the network runs").swap_remove(0).data
            })
            .collect();
        let wrong = digits.iter().zip(&exact).filter(|((digit, _), scores)| best(scores) != *digit).count();
        assert_eq!(wrong, errors);
        for isa in Isa::available() {
            for (dtype, tolerance) in FEWER.into_iter().zip([2e-2, 7e-2]) {
                let code = compile(&graph, &Options { experts_dtype: dtype, ..Options::new(isa) });
                let program = code.unwrap_or_else(|error| panic!("{error}")).load(&bound).expect("the weights fit");
                let mut session = program.session().expect("there is memory");
                let (mut wrong, mut changed, mut largest) = (0, 0, 0.0f64);
                for ((digit, pixels), exact) in digits.iter().zip(&exact) {
                    let mut scores = vec![0.0; 10];
                    session.run(&[pixels], &mut [&mut scores]).expect("the lengths are right");
                    wrong += usize::from(best(&scores) != *digit);
                    changed += usize::from(best(&scores) != best(exact));
                    largest = largest.max(relative_error(&[scores], std::slice::from_ref(exact)));
                }
                println!(
                    "{experts} experts, {isa}, {dtype}: {wrong} of 450 wrong, {changed} read otherwise, relative error {largest:.2e}"
                );
                // With one expert, one of the two that are read wrong is read right in bf16.
                assert!(
                    wrong <= errors && changed <= 1,
                    "{experts} experts, {isa}, {dtype}: {wrong} wrong, {changed} otherwise"
                );
                assert!(largest < tolerance, "{experts} experts, {isa}, {dtype}: relative error {largest:e}");
            }
        }
    }
}

/// Trained weights of a network whose classifier is all there is to store in fewer bytes, on a photo.
#[test]
fn trained_mobilenetv2() {
    let Some(golden) = golden("mobilenetv2_100_photos.json") else { return };
    let graph = elaborated("models/mobilenetv2.pnet", &[], 1, None);
    let path = shared::root().expect("golden was found").join("models/mobilenetv2_100.safetensors");
    let file = WeightFile::open(&path).unwrap_or_else(|error| panic!("{error}"));
    let specs: Vec<_> = graph.stored_weights().map(Weight::spec).collect();
    let bound = file.bind(&specs).unwrap_or_else(|error| panic!("{error}"));
    let image: Vec<f32> =
        shared::npy("golden/chelsea_input_1x3x224x224.npy").into_iter().map(|value| value as f32).collect();
    let expected = [numbers(&golden["images"]["chelsea.png"]["logits"])];
    for (dtype, tolerance) in FEWER.into_iter().zip([7e-4, 4e-3]) {
        let error = error("mobilenetv2", &graph, dtype, &bound, std::slice::from_ref(&image), &expected);
        assert!(error < tolerance, "{dtype}: relative error {error:e}");
    }
}
