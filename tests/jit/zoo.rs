//! The networks of `examples/models`, whole.

use std::path::PathBuf;

use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::program::Program;
use parameternet_compiler::weight::InitialTensors;
use parameternet_dsl::source::{LoadError, Loader};
use parameternet_runtime::Isa;

use crate::ladder;
use crate::shared::{Disk, golden, numbers};

/// A network of the repository; `size` replaces the size of its images, height and width.
fn elaborated(file: &str, batch: usize, size: Option<[usize; 2]>) -> Graph {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let path = folder.join(file);
    let path = path.to_string_lossy();
    let loader = Resized { path: path.to_string(), size };
    let program = Program::load(&loader, &path).unwrap_or_else(|failure| panic!("{failure}"));
    elaborate(&program, &Request { batch, ..Request::default() }).unwrap_or_else(|failure| panic!("{failure}"))
}

/// Files of the disk, but images of another size in one of them.
struct Resized {
    path: String,
    size: Option<[usize; 2]>,
}

impl Loader for Resized {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        let text = Disk.load(path)?;
        match self.size {
            Some([height, width]) if path == self.path => {
                assert!(text.contains("size, size]"), "the input of {path} has another shape now");
                Ok(text.replace("size, size]", &format!("{height}, {width}]")))
            }
            _ => Ok(text),
        }
    }
}

/// One image of the usual size, and three of an odd one.
fn check(name: &str, file: &str) {
    ladder::check(name, &elaborated(file, 1, None), 2.0);
    ladder::check(&format!("{name}, three of 191x193"), &elaborated(file, 3, Some([191, 193])), 2.0);
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
fn digits() {
    for batch in [1, 3] {
        ladder::check("digits", &elaborated("digits/digits.pnet", batch, None), 2.0);
    }
}

/// The very inputs of the reference outputs, against these: rung 1 for machine code.
#[test]
fn reference_outputs() {
    for (name, file, settings) in [
        ("mobilenetv2_100", "mobilenetv2.pnet", &[][..]),
        ("ghostnet_100", "ghostnet.pnet", &[]),
        ("parameternet_600m", "parameternet.pnet", &[]),
        ("parameternet_x130", "parameternet.pnet", &[("width", "1.3")]),
    ] {
        let Some(golden) = golden(&format!("{name}.json")) else { return };
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/models").join(file);
        let program = Program::load(&Disk, &path.to_string_lossy()).unwrap_or_else(|failure| panic!("{failure}"));
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let request = Request { settings, ..Request::default() };
        let graph = elaborate(&program, &request).unwrap_or_else(|failure| panic!("{failure}"));
        let gain = golden["gain"].as_f64().expect("a gain");
        let input = graph.node(graph.inputs()[0].node).expect("the input").shape.elements();
        let image: Vec<f32> = parameternet_runtime::synth::tensor("input", input).map(|value| value * 2.0).collect();
        let expected = [numbers(&golden["logits"])];
        for isa in Isa::available() {
            let weights = InitialTensors { graph: &graph, gain };
            let found = ladder::run(&graph, &ladder::options(isa, 2, &[]), std::slice::from_ref(&image), &weights);
            let error = ladder::relative_error(&found, &expected);
            println!("{name}, {isa}: relative error {error:.1e} to the reference");
            assert!(error < ladder::TOLERANCE, "{name}, {isa}: relative error {error:e}");
        }
    }
}
