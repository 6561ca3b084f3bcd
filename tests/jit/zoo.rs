//! The networks of `examples/models`, whole.

use parameternet_compiler::weight::InitialTensors;
use parameternet_runtime::Isa;

use crate::compare::{TOLERANCE, relative_error};
use crate::ladder;
use crate::networks::{Settings, elaborated};
use crate::shared::{numbers, reference};

/// One image of the usual size, and three of an odd one.
fn check(name: &str, file: &str) {
    ladder::check(name, &elaborated(file, &[], 1, None), 2.0);
    ladder::check(&format!("{name}, three of 191x193"), &elaborated(file, &[], 3, Some([191, 193])), 2.0);
}

/// Three small images of an odd size, with plain convolutions and with experts. How the network does on large ones,
/// [`reference_outputs`] says.
fn check_small(name: &str, file: &str, settings: Settings<'_>) {
    for experts in ["1", "3"] {
        let settings = [settings, &[("experts", experts)]].concat();
        let graph = elaborated(file, &settings, 3, Some([63, 81]));
        ladder::check(&format!("{name}, {experts} experts"), &graph, 2.0);
    }
}

#[test]
fn mobilenetv2() {
    check("mobilenetv2", "models/mobilenetv2.pnet");
}

#[test]
fn ghostnet() {
    check("ghostnet", "models/ghostnet.pnet");
}

#[test]
fn parameternet() {
    check("parameternet", "models/parameternet.pnet");
}

#[test]
fn mobilenetv1() {
    check_small("mobilenetv1", "models/mobilenetv1.pnet", &[]);
}

#[test]
fn mobilenetv3() {
    check_small("mobilenetv3_large", "models/mobilenetv3_large.pnet", &[]);
    check_small("mobilenetv3_small", "models/mobilenetv3_small.pnet", &[("width", "0.75")]);
}

#[test]
fn efficientnet() {
    check_small("efficientnet", "models/efficientnet.pnet", &[]);
    check_small("efficientnet_condconv", "models/efficientnet_condconv.pnet", &[]);
}

#[test]
fn resnet() {
    check_small("resnet18", "models/resnet18.pnet", &[("width", "0.5")]);
    check_small("resnet50", "models/resnet50.pnet", &[("width", "0.25")]);
}

#[test]
fn repvgg() {
    check_small("repvgg", "models/repvgg.pnet", &[("width", "0.5"), ("last_width", "0.5")]);
}

/// Two blocks of three images whose patches are no square of a power of 2.
#[test]
fn vit() {
    let settings = [("depth", "2"), ("size", "80"), ("width", "96")];
    ladder::check("vit", &elaborated("models/vit.pnet", &settings, 3, None), 2.0);
}

/// Windows of 3 tokens by 3 on images of 96 pixels: shifted ones where the image is larger than a window.
#[test]
fn swin() {
    let settings = [("window", "3"), ("size", "96"), ("width", "48"), ("depths", "[2, 2, 4, 1]")];
    ladder::check("swin", &elaborated("models/swin.pnet", &settings, 3, None), 2.0);
}

#[test]
fn mlp() {
    for batch in [1, 5] {
        ladder::check("mlp", &elaborated("models/mlp.pnet", &[], batch, None), 2.0);
    }
}

#[test]
fn digits() {
    for batch in [1, 3] {
        ladder::check("digits", &elaborated("digits/digits.pnet", &[], batch, None), 2.0);
    }
}

/// The very inputs of the reference outputs, against these: rung 1 for machine code.
#[test]
fn reference_outputs() {
    for (name, file, settings) in [
        ("mobilenetv2_100", "mobilenetv2.pnet", &[][..]),
        ("ghostnet_100", "ghostnet.pnet", &[]),
        ("mobilenetv1_100", "mobilenetv1.pnet", &[]),
        ("mobilenetv3_large_100", "mobilenetv3_large.pnet", &[]),
        ("mobilenetv3_small_100", "mobilenetv3_small.pnet", &[]),
        ("resnet18", "resnet18.pnet", &[]),
        ("efficientnet_b0", "efficientnet.pnet", &[]),
        ("tf_efficientnet_cc_b0_4e", "efficientnet_condconv.pnet", &[]),
        ("resnet50", "resnet50.pnet", &[]),
        ("repvgg_a0", "repvgg.pnet", &[]),
        ("swin_tiny_patch4_window7_224", "swin.pnet", &[]),
        ("deit_tiny_patch16_224", "vit.pnet", &[]),
        ("parameternet_600m", "parameternet.pnet", &[]),
        ("parameternet_x130", "parameternet.pnet", &[("width", "1.3")]),
    ] {
        let Some(golden) = reference(name) else { return };
        let graph = elaborated(&format!("models/{file}"), settings, 1, None);
        let gain = golden["gain"].as_f64().expect("a gain");
        let input = graph.node(graph.inputs()[0].node).expect("the input").shape.elements();
        let image: Vec<f32> = parameternet_runtime::synth::tensor("input", input).map(|value| value * 2.0).collect();
        let expected = [numbers(&golden["logits"])];
        for isa in Isa::available() {
            let weights = InitialTensors { graph: &graph, gain };
            let found = ladder::run(&graph, &ladder::options(isa, 2, &[]), std::slice::from_ref(&image), &weights);
            let error = relative_error(&found, &expected);
            println!("{name}, {isa}: relative error {error:.1e} to the reference");
            assert!(error < TOLERANCE, "{name}, {isa}: relative error {error:e}");
        }
    }
}
