//! One network through the interpreter and through machine code.

use parameternet_compiler::compile::{Options, compile};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::passes::{PASSES, Selection};
use parameternet_compiler::plan::ImageLayout;
use parameternet_compiler::plan::rewrites::REWRITES;
use parameternet_compiler::weight::InitialTensors;
use parameternet_runtime::Isa;
use parameternet_runtime::prepare::TensorSource;
use parameternet_runtime::program::Port;

use crate::compare::{TOLERANCE, expected, inputs, relative_error};

/// The names of everything that can be left out.
pub(crate) fn names() -> Vec<&'static str> {
    PASSES.iter().map(|pass| pass.name).chain(REWRITES.iter().map(|rewrite| rewrite.name)).collect()
}

/// What machine code is made for, and what is left out.
pub(crate) fn options(isa: Isa, threads: usize, without: &[&str]) -> Options {
    let without = without.iter().map(|name| (*name).to_owned()).collect();
    Options { threads, passes: Selection { without, after: None }, ..Options::new(isa) }
}

/// What machine code computes; the arena is poisoned first. A second run must give the same bits, and so must one that
/// works on the units of each step alone and from the last to the first: then no unit needs what another leaves behind.
pub(crate) fn run(graph: &Graph, options: &Options, inputs: &[Vec<f32>], weights: &dyn TensorSource) -> Vec<Vec<f32>> {
    let code = compile(graph, options).unwrap_or_else(|error| panic!("{error}"));
    let program = code.load(weights).unwrap_or_else(|error| panic!("{error}"));
    let mut session = program.session().unwrap_or_else(|error| panic!("{error}"));
    let is_nhwc = options.layout == ImageLayout::Nhwc;
    let arranged: Vec<Vec<f32>> = program
        .inputs()
        .iter()
        .zip(inputs)
        .map(|(port, input)| if is_nhwc { channels_last(&port.shape, input) } else { input.clone() })
        .collect();
    let inputs: Vec<&[f32]> = arranged.iter().map(Vec::as_slice).collect();
    let mut once = |backwards: bool| {
        session.poison();
        let mut outputs: Vec<Vec<f32>> = program.outputs().iter().map(|port| vec![f32::NAN; port.elements()]).collect();
        let mut borrowed: Vec<&mut [f32]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
        let result =
            if backwards { session.run_backwards(&inputs, &mut borrowed) } else { session.run(&inputs, &mut borrowed) };
        result.unwrap_or_else(|error| panic!("{error}"));
        outputs
    };
    let (first, second, backwards) = (once(false), once(false), once(true));
    assert!(same_bits(&first, &second), "two runs differ");
    assert!(same_bits(&first, &backwards), "units depend on each other");
    let arrange =
        |(port, output): (&Port, Vec<f32>)| if is_nhwc { channels_first(&port.shape, &output) } else { output };
    program.outputs().iter().zip(first).map(arrange).collect()
}

/// An image with its channels last, of one whose logical shape is given; anything else as it is.
fn channels_last(shape: &[usize], data: &[f32]) -> Vec<f32> {
    let [batch, channels, height, width] = *shape else { return data.to_vec() };
    let pixels = height * width;
    let value = |index: usize| {
        let (sample, pixel, channel) = (index / (pixels * channels), index / channels % pixels, index % channels);
        data[(sample * channels + channel) * pixels + pixel]
    };
    (0..batch * pixels * channels).map(value).collect()
}

/// What [`channels_last`] undoes.
fn channels_first(shape: &[usize], data: &[f32]) -> Vec<f32> {
    let [batch, channels, height, width] = *shape else { return data.to_vec() };
    channels_last(&[batch, height * width, channels, 1], data)
}

pub(crate) fn same_bits(left: &[Vec<f32>], right: &[Vec<f32>]) -> bool {
    let bits = |outputs: &[Vec<f32>]| -> Vec<u32> { outputs.iter().flatten().map(|value| value.to_bits()).collect() };
    bits(left) == bits(right)
}

/// Checks machine code for a graph against the interpreter.
pub(crate) fn check(name: &str, graph: &Graph, gain: f64) {
    let inputs = inputs(graph);
    check_with(name, graph, &inputs, gain);
}

/// [`check`] for these inputs.
pub(crate) fn check_with(name: &str, graph: &Graph, inputs: &[Vec<f32>], gain: f64) {
    let expected = expected(graph, inputs, gain);
    let weights = InitialTensors { graph, gain };
    for isa in Isa::available() {
        let mut first: Option<Vec<Vec<f32>>> = None;
        for threads in [1, 2, 3] {
            let found = run(graph, &options(isa, threads, &[]), inputs, &weights);
            let error = relative_error(&found, &expected);
            println!("{name}, {isa}, {threads} threads: relative error {error:.1e}");
            assert!(error < TOLERANCE, "{name}, {isa}, {threads} threads: relative error {error:e}");
            match &first {
                Some(first) => assert!(same_bits(first, &found), "{name}, {isa}: {threads} threads give other bits"),
                None => first = Some(found),
            }
        }
    }
}
