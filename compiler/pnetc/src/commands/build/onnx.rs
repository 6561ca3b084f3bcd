//! `--emit onnx`: the network with its weights, for other runtimes and frameworks.

use std::io;
use std::path::{Path, PathBuf};

use parameternet_compiler::graph::Graph;
use parameternet_compiler::onnx::export::{self, Model};
use parameternet_compiler::onnx::file::{self, Content, StreamError, TooLarge};
use parameternet_compiler::onnx::proto::StringStringEntryProto;
use parameternet_compiler::weight::Weight;
use parameternet_data::files::prepare;
use parameternet_data::settings::KEYS;
use parameternet_runtime::WeightFile;
use parameternet_runtime::prepare::TensorSource;

use crate::arguments::Build;
use crate::failure::{self, Failure};

/// Writes the model, and its weights beside it if that is asked for: both files or none.
pub(super) fn write(graph: &Graph, options: &Build) -> Result<(), Failure> {
    let usage = |message: String| Err(Failure::Usage(message));
    let Some(output) = &options.output else {
        return usage("`--emit onnx` needs `--output`: an ONNX file is no text".to_owned());
    };
    let Some(weights) = &options.onnx.weights else {
        let file = &options.file;
        return usage(format!(
            "`--emit onnx` needs `--weights FILE`: an ONNX file holds the weights of its network; `pnetc init {file} -o \
             net.safetensors` makes some for tests"
        ));
    };
    let location = match &options.onnx.external_data {
        Some(name) => Some(location(name, output)?),
        None => None,
    };
    let beside = location.as_ref().map(|name| output.with_file_name(name));
    for path in [Some(output), beside.as_ref()].into_iter().flatten() {
        if is_same(path, weights) {
            return usage(format!("`{}` holds the weights: choose another name for what is written", path.display()));
        }
    }
    let file = WeightFile::open(weights).map_err(|error| failure::weights(weights, &error))?;
    let specs: Vec<_> = graph.stored_weights().map(Weight::spec).collect();
    let bound = file.bind(&specs).map_err(|error| failure::mismatch(&error, graph))?;
    let mut model = export::export(graph).map_err(|error| Failure::Fault(error.to_string()))?;
    model.proto.metadata_props.extend(metadata(&file));
    let contents = match (location, beside) {
        (Some(location), Some(beside)) => {
            let [inside, outside] = file::external(&model, &location).map_err(|error| too_large(&error, ""))?;
            vec![(beside, outside), (output.clone(), inside)]
        }
        _ => vec![(output.clone(), embedded(&model)?)],
    };
    let pending: Vec<_> = contents
        .iter()
        .map(|(path, content)| prepare(path, |sink| stream(content, &bound, sink)))
        .collect::<Result<_, _>>()
        .map_err(|error| failure::data(&error))?;
    pending.into_iter().try_for_each(|file| file.place().map_err(|error| failure::data(&error)))
}

/// The file of the model with its weights in it.
fn embedded(model: &Model) -> Result<Content, Failure> {
    let help = "; with `--external-data`, weights go into a file of their own";
    file::embedded(model).map_err(|error| too_large(&error, help))
}

fn too_large(error: &TooLarge, help: &str) -> Failure {
    Failure::Usage(format!("{error}{help}"))
}

/// The name of the file of weights, which must lie beside the model: that is where ONNX looks for it.
fn location(name: &str, output: &Path) -> Result<String, Failure> {
    let model = output.file_name().unwrap_or_default();
    let name = if name.is_empty() { format!("{}.data", model.to_string_lossy()) } else { name.to_owned() };
    let is_file_name = Path::new(&name).file_name().is_some_and(|part| part == name.as_str()) && !name.contains('\\');
    if !is_file_name {
        let message = format!("`--external-data={name}` is no name of a file: it lies in the folder of the model");
        return Err(Failure::Usage(message));
    }
    if model == name.as_str() {
        let message =
            format!("the model is called `{name}`, so its weights need another name than `--external-data={name}`");
        return Err(Failure::Usage(message));
    }
    Ok(name)
}

/// Whether two paths are of one file that is there.
fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| -> Option<PathBuf> { path.canonicalize().ok() };
    real(one).is_some_and(|path| real(other) == Some(path))
}

/// What the weights say about images and classes is said by the model, too.
fn metadata(file: &WeightFile) -> impl Iterator<Item = StringStringEntryProto> {
    let entry = |key: &str| {
        file.metadata(key).map(|value| StringStringEntryProto { key: key.to_owned(), value: value.to_owned() })
    };
    KEYS.into_iter().filter_map(entry)
}

/// Writes the content of a file, a weight after the other.
fn stream(content: &Content, weights: &dyn TensorSource, sink: &mut dyn io::Write) -> io::Result<()> {
    content.stream(weights, &mut |bytes| sink.write_all(bytes)).map_err(|error| match error {
        StreamError::Sink(error) => error,
        error @ (StreamError::Tensor(..) | StreamError::Read(_)) => io::Error::other(error.to_string()),
    })
}
