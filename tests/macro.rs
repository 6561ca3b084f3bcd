//! Networks of `parameternet!` as a program uses them: the same bits as machine code, on any number of threads.

use std::collections::BTreeMap;
use std::path::PathBuf;

use parameternet::runtime::{NamedTensor, save, synth};
use parameternet::{Compiled, Compiler, ImageLayout, Program, parameternet};
use tempfile::TempDir;

parameternet! {
    /// Reads a handwritten digit.
    pub mod digits = "examples/digits/digits.pnet" { weights: embed "examples/digits/digits-e4.safetensors" }
}

parameternet! {
    mod wide = "examples/digits/digits.pnet" { network: Digits, batch: 3, layout: nhwc, width: 4 * 5, experts: 2, classes: 7 }
}

parameternet! {
    network Mlp(hidden = 64) {
        input x: f32[1, 6]
        return x |> linear(hidden) as l1 |> relu |> linear(4) as l2
    }
}

/// The text of the network above.
const MLP: &str = "network Mlp(hidden = 64) {
    input x: f32[1, 6]
    return x |> linear(hidden) as l1 |> relu |> linear(4) as l2
}";

const DIGITS: &str = "examples/digits/digits.pnet";
const WEIGHTS: &str = "examples/digits/digits-e4.safetensors";

fn values<const N: usize>(name: &str) -> Box<[f32; N]> {
    let values: Vec<f32> = synth::tensor(name, N).collect();
    values.into_boxed_slice().try_into().unwrap_or_else(|_| panic!("{N} values"))
}

/// The bits of what machine code computes.
fn machine_code(program: &Program, input: &[f32], outputs: usize) -> Vec<u32> {
    let mut scores = vec![0.0; outputs];
    program.session().expect("a session").run(&[input], &mut [&mut scores]).expect("the right lengths");
    bits(&scores)
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// A file with deterministic weights, in a folder that goes when it is dropped.
fn initial_weights(compiled: &Compiled) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("initial.safetensors");
    let initial: Vec<_> = compiled.graph().stored_weights().map(|weight| (weight, weight.initial(2.0))).collect();
    let tensors: Vec<_> = initial
        .iter()
        .map(|(weight, data)| NamedTensor { name: &weight.name, shape: weight.shape.dims(), data })
        .collect();
    save(&path, &tensors, &BTreeMap::new()).expect("a file");
    (folder, path)
}

#[test]
fn embedded_weights_give_the_scores_of_machine_code() {
    let compiled = Compiler::new().compile_file(DIGITS).unwrap_or_else(|error| panic!("{error}"));
    let program = compiled.load_weights(WEIGHTS).expect("the weights");
    let weights = digits::Weights::embedded().expect("the weights");
    let loaded = digits::Weights::load(WEIGHTS).expect("the weights");
    for threads in [1, 2, 3] {
        let mut network = digits::Digits::with_threads(&weights, threads).expect("a session");
        let mut other = digits::Digits::with_threads(&loaded, threads).expect("a session");
        for image in ["a", "b", "c"] {
            let image = values::<64>(image);
            let (rows, []) = image.as_chunks::<8>() else { panic!("rows of 8") };
            let rows: [[f32; 8]; 8] = rows.try_into().expect("8 rows");
            let scores: &[[f32; 10]; 1] = network.run(&[[rows]]).expect("the scores");
            assert_eq!(bits(&scores[0]), machine_code(&program, &image[..], 10), "{threads} threads");
            assert_eq!(other.run(&[[rows]]).expect("the scores"), scores);
        }
    }
}

#[test]
fn settings_are_those_of_the_compiler() {
    let compiler =
        Compiler::new().batch(3).layout(ImageLayout::Nhwc).set("width", 20).set("experts", 2).set("classes", 7);
    let compiled = compiler.compile_file(DIGITS).unwrap_or_else(|error| panic!("{error}"));
    let (_folder, path) = initial_weights(&compiled);
    let weights = wide::Weights::load(&path).expect("the weights");
    let image = values::<{ 3 * 64 }>("image");
    let mut images = [[[[0.0; 1]; 8]; 8]; 3];
    images.as_flattened_mut().as_flattened_mut().as_flattened_mut().copy_from_slice(&image[..]);
    let mut network = wide::Digits::new(&weights).expect("a session");
    let scores: &[[f32; 7]; 3] = network.run(&images).expect("the scores");
    let program = compiled.load_weights(&path).expect("the weights");
    assert_eq!(bits(scores.as_flattened()), machine_code(&program, &image[..], 21));
    assert!(wide::Weights::load(WEIGHTS).unwrap_err().to_string().contains("of another shape"));
}

#[test]
fn text_in_the_program_is_the_network_of_that_text() {
    let compiled = Compiler::new().compile_text(MLP).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(mlp::Mlp::PARAMETERS, 7 * 64 + 65 * 4);
    let (_folder, path) = initial_weights(&compiled);
    let mut network = mlp::Mlp::new(&mlp::Weights::load(&path).expect("the weights")).expect("a session");
    let x = values::<6>("x");
    let program = compiled.load_weights(&path).expect("the weights");
    let scores: &[[f32; 4]; 1] = network.run(&[*x]).expect("the scores");
    assert_eq!(bits(&scores[0]), machine_code(&program, &x[..], 4));
}

#[test]
fn costs_are_constants() {
    const MACS: u64 = digits::Digits::MACS;
    const _: () = assert!(MACS > 0 && digits::Digits::PARAMETERS == 37_594 && digits::Digits::FLOPS > 2 * MACS);
    const _: () = assert!(wide::Digits::MACS > MACS);
}

/// Sessions go to other threads, and share weights.
#[test]
fn networks_run_on_any_thread() {
    let weights = digits::Weights::embedded().expect("the weights");
    let image = [[[[0.5; 8]; 8]]];
    let expected = *digits::Digits::new(&weights).expect("a session").run(&image).expect("the scores");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let mut network = digits::Digits::new(&weights).expect("a session");
            scope.spawn(move || assert_eq!(*network.run(&image).expect("the scores"), expected));
        }
    });
}
