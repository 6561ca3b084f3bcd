//! Jobs for PyTorch: an exported file, weights, inputs, and the outputs that are expected.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::export::pytorch::pytorch;
use parameternet_compiler::graph::Graph;
use parameternet_compiler::interp::{self, NamedWeights};
use parameternet_compiler::program::Program;
use parameternet_runtime::NamedTensor;
use serde_json::{Value, json};

/// In which numbers PyTorch computes. Random networks may be ill-conditioned: what they say of a translation, they say in
/// double precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precision {
    Single,
    Double,
}

/// The jobs of one Python process.
pub(crate) struct Jobs {
    folder: PathBuf,
    jobs: Vec<Value>,
}

/// A network with its weights and inputs.
pub(crate) struct Job<'j> {
    pub name: String,
    pub program: &'j Program,
    pub request: Request,
    pub precision: Precision,
    /// Each weight by name.
    pub weights: &'j dyn Fn(&parameternet_compiler::weight::Weight) -> Vec<f32>,
    pub inputs: &'j dyn Fn(&Graph) -> Vec<Vec<f32>>,
    /// What is expected; `None` for what the interpreter computes.
    pub expected: Option<Vec<Vec<f64>>>,
    /// Whether a step of training is tried as well.
    pub trains: bool,
    /// Arguments of the constructor in Python, if the exported file has the hyper-parameters of another request.
    pub arguments: Option<(Request, &'j str)>,
}

impl Jobs {
    pub(crate) fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("pytorch-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for jobs");
        Jobs { folder, jobs: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.jobs.len()
    }

    pub(crate) fn add(&mut self, job: &Job<'_>) {
        let Job { name, program, request, .. } = job;
        let graph = elaborate(program, request).unwrap_or_else(|failure| panic!("{name}: {failure}"));
        let (written, arguments) = match &job.arguments {
            Some((other, arguments)) => (other, *arguments),
            None => (request, ""),
        };
        let of_written = elaborate(program, written).unwrap_or_else(|failure| panic!("{name}: {failure}"));
        let text = pytorch(program, written, &of_written).unwrap_or_else(|failure| panic!("{name}: {failure}"));
        let number = self.jobs.len();
        let source = self.folder.join(format!("network_{number}.py"));
        std::fs::write(&source, &text).expect("a file to write");

        let values: Vec<Vec<f32>> = graph.stored_weights().map(job.weights).collect();
        let inputs = (job.inputs)(&graph);
        let outputs = job.expected.clone().unwrap_or_else(|| {
            let weights: NamedWeights = graph
                .stored_weights()
                .zip(&values)
                .map(|(weight, values)| (weight.name.clone(), values.iter().copied().map(f64::from).collect()))
                .collect();
            let inputs: Vec<Vec<f64>> =
                inputs.iter().map(|input| input.iter().copied().map(f64::from).collect()).collect();
            let outputs = interp::run(&graph, &weights, &inputs).unwrap_or_else(|error| panic!("{name}: {error}"));
            outputs.into_iter().map(|output| output.data).collect()
        });
        let shape = |node| graph.node(node).expect("a node of the graph").shape.dims().to_vec();
        let mut tensors: Vec<(String, Vec<usize>, Cow<'_, [f32]>)> = Vec::new();
        for (weight, values) in graph.stored_weights().zip(&values) {
            tensors.push((format!("weight:{}", weight.name), weight.shape.dims().to_vec(), values.into()));
        }
        for (port, input) in graph.inputs().iter().zip(&inputs) {
            tensors.push((format!("input:{}", port.name), shape(port.node), input.into()));
        }
        #[expect(clippy::cast_possible_truncation, reason = "compared with far less precision")]
        for (port, output) in graph.outputs().iter().zip(&outputs) {
            let output: Vec<f32> = output.iter().map(|value| *value as f32).collect();
            tensors.push((format!("output:{}", port.name), shape(port.node), output.into()));
        }
        let data = self.folder.join(format!("network_{number}.safetensors"));
        let named: Vec<NamedTensor<'_>> =
            tensors.iter().map(|(name, shape, data)| NamedTensor { name, shape, data }).collect();
        parameternet_runtime::save(&data, &named, &BTreeMap::new()).expect("a file to write");
        let trainable: Vec<&str> = graph
            .stored_weights()
            .filter(|weight| weight.role.is_trainable())
            .map(|weight| weight.name.as_str())
            .collect();
        self.jobs.push(json!({
            "name": name,
            "source": source,
            "network": graph.network,
            "arguments": arguments,
            "data": data,
            "double": job.precision == Precision::Double,
            "inputs": graph.inputs().iter().map(|port| &port.name).collect::<Vec<_>>(),
            "trainable": trainable,
            "trains": job.trains,
            "tolerance": super::TOLERANCE,
        }));
    }

    /// Runs all jobs and returns what failed.
    pub(crate) fn run(&self, python: &Path) -> Vec<String> {
        let list = self.folder.join("jobs.json");
        std::fs::write(&list, Value::from(self.jobs.clone()).to_string()).expect("a file to write");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/python/pytorch_run.py");
        let output = Command::new(python).arg(script).arg(&list).output().expect("Python starts");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
        let results: Vec<&str> =
            text.lines().filter(|line| line.starts_with("ok ") || line.starts_with("failed ")).collect();
        assert_eq!(results.len(), self.jobs.len(), "one result for each job:\n{text}");
        let failures: Vec<String> =
            text.split("\n@@\n").filter(|part| part.starts_with("failed ")).map(str::to_owned).collect();
        if failures.is_empty() {
            std::fs::remove_dir_all(&self.folder).expect("a folder of ours");
        }
        failures
    }
}
