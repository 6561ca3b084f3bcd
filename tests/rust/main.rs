//! Rust source computes what machine code computes, to the last bit: the networks of `examples` and random ones, written
//! into one crate that is compiled and run, on every instruction set of the machine and with several threads.

#![expect(clippy::disallowed_methods, reason = "tests read and write files, and run cargo")]

mod bare;
mod growth;
mod made;
mod package;
#[path = "../shared/mod.rs"]
mod shared;

use std::path::PathBuf;

use parameternet_compiler::compile::{Options, compile, plan};
use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::program::{MemoryLoader, Program};
use parameternet_generator::Settings;
use parameternet_runtime::{Dtype, Isa};

use made::{Made, fingerprint, input};
use package::Network;

/// Numbers of threads that are tried.
const THREADS: [usize; 2] = [1, 3];

/// Random networks.
const SEEDS: std::ops::Range<u64> = 0..24;

fn from_file(name: &str, batch: usize) -> Graph {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
    let program = Program::load(&shared::Disk, &path.to_string_lossy()).unwrap_or_else(|failure| panic!("{failure}"));
    elaborate(&program, &Request { batch, ..Request::default() }).unwrap_or_else(|failure| panic!("{failure}"))
}

fn random(seed: u64) -> Graph {
    from_text(&parameternet_generator::program(seed, &Settings::default()))
}

/// Modules whose names in Rust are those of keywords, or of what generated source has already.
const NAMES: &str = "module Box(x) { return x |> linear(4) as a |> relu }
    module Run(x) { return x |> Box as inner |> linear(40) as b }
    module M(x) { return x |> Run as inner |> softmax }
    module Match(x) { return x |> M as inner |> linear(100) as c }
    network Names { input x: f32[batch, 70] return x |> Match as first |> linear(50) as last }";

/// Convolutions of few channels a group, of experts too, and layers of few weights.
const GROUPS: &str = "network Groups {
        input x: f32[batch, 24, 13, 11]
        let a = x |> conv(24, kernel=3, groups=6, bias=true) as fours |> relu |> conv(24, groups=12) as twos
        let b = a |> dynamic_conv(24, kernel=3, stride=2, groups=3, experts=2) as eights |> global_avg_pool |> flatten
        return b |> linear(6) as narrow |> relu |> linear(10) as head
    }";

fn from_text(text: &str) -> Graph {
    let program = Program::load(&MemoryLoader::new("test.pnet", text), "test.pnet");
    let program = program.unwrap_or_else(|failure| panic!("{failure}"));
    elaborate(&program, &Request::default()).unwrap_or_else(|failure| panic!("{failure}"))
}

fn networks() -> Vec<Network> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/models");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".pnet"))
        .collect();
    files.sort_unstable();
    assert!(files.len() >= 4, "{files:?}");
    let zoo = files.iter().map(|file| (file.clone(), from_file(&format!("models/{file}"), 1)));
    let batches = [("mobilenetv2", 2), ("parameternet", 3)]
        .map(|(name, batch)| (format!("{name}, batch {batch}"), from_file(&format!("models/{name}.pnet"), batch)));
    let names = [("names".to_owned(), from_text(NAMES)), ("groups".to_owned(), from_text(GROUPS))];
    let random = SEEDS.map(|seed| (format!("seed {seed}"), random(seed)));
    let whole = zoo.chain(batches).chain(names).chain(random);
    let whole = whole.map(|(name, graph)| Network { name, graph, experts_dtype: Dtype::F32 });
    let fewer = [("ghostnet", 1), ("parameternet", 1), ("parameternet", 2)].into_iter().flat_map(|(name, batch)| {
        [Dtype::Bf16, Dtype::Int8].map(|experts_dtype| Network {
            name: format!("{name}, batch {batch}, {experts_dtype}"),
            graph: from_file(&format!("models/{name}.pnet"), batch),
            experts_dtype,
        })
    });
    whole.chain(fewer).collect()
}

/// What machine code computes for made-up inputs and weights.
fn machine_code(Network { graph, experts_dtype, .. }: &Network, isa: Isa) -> Vec<u64> {
    let options = Options { experts_dtype: *experts_dtype, ..Options::new(isa) };
    let executable = compile(graph, &options).unwrap_or_else(|error| panic!("{error}"));
    let weights = Made::new(graph.stored_weights().map(|weight| (weight.name.clone(), weight.shape.dims().to_vec())));
    let program = executable.load(&weights).unwrap_or_else(|error| panic!("{error}"));
    let inputs: Vec<Vec<f32>> = program.inputs().iter().map(|port| input(&port.name, port.elements())).collect();
    let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
    let mut outputs: Vec<Vec<f32>> = program.outputs().iter().map(|port| vec![0.0; port.elements()]).collect();
    let mut slices: Vec<&mut [f32]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    program.session().expect("there is memory").run(&inputs, &mut slices).expect("the lengths are right");
    outputs.iter().map(|output| fingerprint(output)).collect()
}

#[test]
fn source_computes_the_bits_of_machine_code() {
    let networks = networks();
    let goes_by_sample = |network: &Network| {
        let plan = plan(&network.graph, &Options::new(Isa::Portable)).unwrap_or_else(|error| panic!("{error}"));
        plan.rounds().iter().any(|round| round.parts > 1)
    };
    assert!(networks.iter().any(goes_by_sample), "no network is done sample by sample");
    let found = package::run(&networks, &THREADS);
    let mut expected = Vec::new();
    for (index, network) in networks.iter().enumerate() {
        for isa in Isa::available() {
            let outputs = machine_code(network, isa);
            expected.extend(THREADS.map(|threads| package::line(index, isa, threads, &outputs)));
        }
    }
    assert_eq!(found.len(), expected.len());
    for (line, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let network = &networks[line / (Isa::available().len() * THREADS.len())].name;
        assert_eq!(found, expected, "{network}");
    }
}
