//! The networks of `examples` through ONNX Runtime.

use parameternet_compiler::weight::InitialTensors;

use crate::compare::{TOLERANCE, expected, inputs, relative_error};
use crate::networks::{Settings, elaborated};
use crate::oracle;

/// The gain of the weights.
const GAIN: f64 = 2.0;

fn check(file: &str, settings: Settings<'_>, batch: usize, size: Option<[usize; 2]>) {
    if !oracle::is_there() {
        return;
    }
    let graph = elaborated(file, settings, batch, size);
    let inputs = inputs(&graph);
    let weights = InitialTensors { graph: &graph, gain: GAIN };
    let what = format!("{file} {settings:?}, batch {batch}");
    let found = oracle::outputs(&graph, &weights, &inputs).unwrap_or_else(|error| panic!("{what}: {error}"));
    let error = relative_error(&found, &expected(&graph, &inputs, GAIN));
    println!("{what}: relative error {error:.1e}");
    assert!(error < TOLERANCE, "{what}: relative error {error:e}");
}

/// One image and three, small ones of an odd size.
fn check_small(file: &str, settings: Settings<'_>) {
    check(file, settings, 1, Some([63, 81]));
    check(file, settings, 3, Some([49, 63]));
}

#[test]
fn parameternet() {
    check_small("models/parameternet.pnet", &[]);
    check_small("models/parameternet.pnet", &[("routing", "mlp"), ("width", "0.5")]);
}

#[test]
fn mobilenets() {
    check_small("models/mobilenetv2.pnet", &[]);
    check_small("models/mobilenetv2.pnet", &[("experts", "3"), ("width", "0.5")]);
    for file in ["mobilenetv1", "mobilenetv3_large", "mobilenetv3_small"] {
        check_small(&format!("models/{file}.pnet"), &[("width", "0.5")]);
    }
}

#[test]
fn ghostnet_and_efficientnets() {
    for file in ["ghostnet", "efficientnet", "efficientnet_condconv"] {
        check_small(&format!("models/{file}.pnet"), &[("width", "0.5")]);
    }
}

#[test]
fn residual_networks() {
    check_small("models/resnet18.pnet", &[("width", "0.5")]);
    check_small("models/resnet50.pnet", &[("width", "0.25")]);
    check_small("models/repvgg.pnet", &[("width", "0.5"), ("last_width", "0.5")]);
}

/// Swin-T as it is, and three images on smaller windows, of which some are shifted.
#[test]
fn transformers() {
    check("models/swin.pnet", &[], 1, None);
    check("models/swin.pnet", &[("window", "4"), ("size", "128")], 3, None);
    for batch in [1, 3] {
        check("models/vit.pnet", &[("depth", "2"), ("size", "80"), ("width", "96")], batch, None);
    }
}

#[test]
fn small_networks() {
    for batch in [1, 3] {
        check("models/mlp.pnet", &[], batch, None);
        check("digits/digits.pnet", &[], batch, None);
        check("digits/digits.pnet", &[("experts", "1")], batch, None);
    }
}

/// Every network as it is, one image and three.
#[test]
fn all_at_full_size() {
    if std::env::var("PNET_ZOO").as_deref() != Ok("all") {
        println!("skipped: takes minutes; PNET_ZOO=all runs it");
        return;
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/models");
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut files: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
    files.retain(|name| name.ends_with(".pnet"));
    files.sort();
    assert!(files.len() >= 14, "{files:?}");
    for file in files {
        for batch in [1, 3] {
            check(&format!("models/{file}"), &[], batch, None);
        }
    }
}
