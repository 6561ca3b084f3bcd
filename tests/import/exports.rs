//! What PyTorch's exporters write of timm's networks, with random weights and statistics: the imported text as machine code computes
//! what ONNX Runtime computes of the model.

use std::path::{Path, PathBuf};
use std::process::Command;

use parameternet_compiler::compile::{Options as Machine, compile};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::onnx::ExternalData;
use parameternet_compiler::onnx::import::{self, Imported, Options};
use parameternet_compiler::weight::Weight;
use parameternet_runtime::{Isa, NamedTensor, WeightFile, weights};

use crate::compare::{TOLERANCE, relative_error};

/// A folder with the models, their inputs and what ONNX Runtime makes of these.
fn made() -> Option<tempfile::TempDir> {
    let python = crate::shared::python()?;
    let folder = tempfile::tempdir().expect("a folder");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/python/timm_exports.py");
    let output = Command::new(python).arg(script).arg(folder.path()).output().expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(folder)
}

/// Files beside a model.
struct Beside(PathBuf);

impl ExternalData for Beside {
    fn read(&self, location: &str, offset: u64, length: Option<u64>) -> Result<Vec<u8>, String> {
        let bytes = std::fs::read(self.0.join(location)).map_err(|error| error.to_string())?;
        let start = usize::try_from(offset).expect("a small file");
        let end = length.map_or(bytes.len(), |length| start + usize::try_from(length).expect("a small file"));
        bytes.get(start..end).map(<[u8]>::to_vec).ok_or_else(|| "too short".to_owned())
    }
}

fn floats(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).expect("a file of the script");
    let (values, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty() && !values.is_empty(), "{}", path.display());
    values.iter().copied().map(f32::from_le_bytes).collect()
}

/// What machine code computes of an import.
fn run(graph: &Graph, imported: &Imported, input: &[f32]) -> Vec<f32> {
    let tensors: Vec<NamedTensor<'_>> = imported
        .weights
        .iter()
        .map(|weight| NamedTensor { name: &weight.name, shape: &weight.shape, data: &weight.data })
        .collect();
    let mut bytes = Vec::new();
    weights::write(&mut bytes, &tensors, &Default::default()).expect("a file of weights");
    let file = WeightFile::from_bytes(bytes).expect("a file of weights");
    let specs: Vec<_> = graph.stored_weights().map(Weight::spec).collect();
    let bound = file.bind(&specs).unwrap_or_else(|error| panic!("{error}"));
    let machine = Machine::new(Isa::chosen().expect("an instruction set"));
    let code = compile(graph, &machine).unwrap_or_else(|error| panic!("{error}"));
    let program = code.load(&bound).expect("weights that fit");
    let mut outputs: Vec<Vec<f32>> = program.outputs().iter().map(|port| vec![0.0; port.elements()]).collect();
    let mut places: Vec<&mut [f32]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    program.session().expect("a session").run(&[input], &mut places).expect("a run");
    outputs.remove(0)
}

/// The text of a model, imported; it computes what ONNX Runtime does, for as many images.
fn check(folder: &Path, name: &str, samples: usize) -> String {
    let bytes = std::fs::read(folder.join(format!("{name}.onnx"))).expect("a model");
    let options = Options { fallback: Some(name.to_owned()), ..Options::default() };
    let imported = import::import(&bytes, &Beside(folder.to_owned()), &options);
    let imported = imported.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    let input = floats(&folder.join(format!("{name}.input")));
    let expected: Vec<f64> = floats(&folder.join(format!("{name}.output"))).into_iter().map(f64::from).collect();
    let found = run(&crate::graph(&imported.text, samples), &imported, &input);
    let error = relative_error(&[found], &[expected]);
    println!("{name}: relative error {error:.1e}");
    assert!(error < TOLERANCE, "{name}: relative error {error:e}\n{}", imported.text);
    imported.text
}

/// One Python makes all: importing PyTorch takes seconds.
#[test]
fn networks_of_timm() {
    let Some(folder) = made() else { return };
    for (name, samples) in [
        ("mobilenetv2", 2),
        ("resnet50", 2),
        // The form of the authors' code: a linear layer routes, and timm's `CondConv2d` mixes, for one image.
        ("parameternet", 1),
        // By the exporter that PyTorch uses by default, with the weights in a file of their own.
        ("vit", 2),
    ] {
        insta::assert_snapshot!(name, check(folder.path(), name, samples));
    }
}
