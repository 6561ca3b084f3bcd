//! What our own exporter writes: imported, it computes what it did, for any batch, with the same names and operations.

use std::convert::Infallible;

use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::interp;
use parameternet_compiler::onnx::import::{self, Imported, Options};
use parameternet_compiler::onnx::{NoExternalData, export, file};
use parameternet_compiler::program::{MemoryLoader, Program};
use parameternet_compiler::weight::InitialTensors;
use parameternet_generator::Settings;

use crate::compare::{TOLERANCE, error_in_shares, expected, inputs};
use crate::networks::elaborated;
use crate::seeds::{GAIN, LEAST_SIZE, is_ill_conditioned, seeds};

/// The model of a graph.
pub(crate) fn model(graph: &Graph) -> Vec<u8> {
    let model = export::export(graph).expect("a graph before passes");
    let content = file::embedded(&model).expect("a model below the limit");
    let mut bytes = Vec::new();
    let sink = &mut |part: &[u8]| -> Result<(), Infallible> {
        bytes.extend_from_slice(part);
        Ok(())
    };
    content.stream(&InitialTensors { graph, gain: GAIN }, sink).expect("every weight has values");
    bytes
}

/// A model of a graph as text.
fn imported(graph: &Graph) -> Result<Imported, import::ImportError> {
    import::import(&model(graph), &NoExternalData, &Options::default())
}

/// How far the import is from what it was made of, in the interpreter.
fn error(imported: &Imported, original: &Graph, batch: usize) -> f64 {
    let inputs = inputs(original);
    let doubles: Vec<Vec<f64>> = inputs.iter().map(|input| input.iter().copied().map(f64::from).collect()).collect();
    let graph = crate::graph(&imported.text, batch);
    let found = interp::run(&graph, &crate::weights(imported), &doubles).unwrap_or_else(|error| panic!("{error}"));
    #[expect(clippy::cast_possible_truncation, reason = "outputs are compared in single precision")]
    let found: Vec<Vec<f32>> =
        found.into_iter().map(|output| output.data.iter().map(|value| *value as f32).collect()).collect();
    error_in_shares(&found, &expected(original, &inputs, GAIN), LEAST_SIZE)
}

/// Exports a network for one image, imports it, and compares for one batch or another; gives the text.
fn check(file: &str, settings: &[(&str, &str)], size: Option<[usize; 2]>, exported: usize, batch: usize) -> String {
    let imported =
        imported(&elaborated(file, settings, exported, size)).unwrap_or_else(|error| panic!("{file}: {error:?}"));
    let error = error(&imported, &elaborated(file, settings, batch, size), batch);
    println!("{file}: relative error {error:.1e}, {} lines", imported.text.lines().count());
    assert!(error < TOLERANCE, "{file}: relative error {error:e}\n{}", imported.text);
    imported.text
}

const SMALL: Option<[usize; 2]> = Some([33, 33]);

#[test]
fn parameternet_comes_back() {
    let text = check("models/parameternet.pnet", &[("width", "0.3")], SMALL, 1, 2);
    insta::assert_snapshot!(text);
    assert!(text.contains("routing=linear(gate=sigmoid)") && text.contains("batch_norm as"), "{text}");
    // Samples as groups of one convolution.
    let text =
        check("models/parameternet.pnet", &[("width", "0.2"), ("routing", "mlp"), ("experts", "2")], SMALL, 3, 2);
    assert!(text.contains("experts=2) as conv_stem") && !text.contains("routing"), "{text}");
}

#[test]
fn convolutional_networks_come_back() {
    let narrow = [("width", "0.25")];
    for file in
        ["mobilenetv1", "mobilenetv2", "mobilenetv3_large", "mobilenetv3_small", "ghostnet", "resnet18", "resnet50"]
    {
        check(&format!("models/{file}.pnet"), &narrow, SMALL, 1, 2);
    }
    for file in ["efficientnet", "efficientnet_condconv"] {
        check(&format!("models/{file}.pnet"), &narrow, SMALL, 1, 1);
    }
    check("models/repvgg.pnet", &[("width", "0.25"), ("last_width", "0.25")], SMALL, 1, 2);
    check("models/efficientnet_condconv.pnet", &narrow, SMALL, 3, 1);
}

#[test]
fn transformers_and_small_networks_come_back() {
    check("models/swin.pnet", &[("window", "4"), ("size", "128"), ("width", "24")], None, 1, 1);
    let text = check("models/vit.pnet", &[("depth", "3"), ("size", "80"), ("width", "96")], None, 1, 2);
    assert!(text.contains("attention(") && text.contains("for i in 0..3"), "{text}");
    check("models/mlp.pnet", &[], None, 1, 3);
    check("digits/digits.pnet", &[], None, 3, 2);
}

/// The names of the weights, and with them every checkpoint of the network, stay what they are.
#[test]
fn weights_keep_their_names() {
    let original = elaborated("models/ghostnet.pnet", &[("width", "0.25")], 1, SMALL);
    let imported = imported(&original).expect("the model is imported");
    let mut before: Vec<&str> = original.stored_weights().map(|weight| weight.name.as_str()).collect();
    let mut after: Vec<&str> = imported.weights.iter().map(|weight| weight.name.as_str()).collect();
    before.sort_unstable();
    after.sort_unstable();
    assert_eq!(before, after);
}

/// Random networks: whatever the exporter writes can be read.
#[test]
fn random_networks_come_back() {
    let (mut failures, mut compared) = (Vec::new(), 0);
    for seed in seeds(0..300) {
        let text = parameternet_generator::program(seed, &Settings::default());
        let program = Program::load(&MemoryLoader::new("random.pnet", &text), "random.pnet").expect("a valid program");
        let original = elaborate(&program, &Request::default()).expect("a valid program");
        match imported(&original) {
            Err(error) => failures.push(format!("seed {seed}: {error:?}\n{text}")),
            Ok(imported) => {
                compared += 1;
                let first =
                    original.inputs().first().and_then(|port| original.node(port.node)?.shape.dims().first().copied());
                let error = error(&imported, &original, first.unwrap_or(1));
                if error >= TOLERANCE && !is_ill_conditioned(&original, &inputs(&original)) {
                    failures.push(format!("seed {seed}: relative error {error:e}\n{text}\n{}", imported.text));
                }
            }
        }
        if failures.len() >= 5 {
            break;
        }
    }
    assert!(failures.is_empty(), "of {compared}:\n{}", failures.join("\n\n"));
}
