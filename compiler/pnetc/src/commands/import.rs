//! `pnetc import`: a model of ONNX as a network with its weights.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use parameternet_compiler::onnx::ExternalData;
use parameternet_compiler::onnx::import::{self, ImportError, Obstacle, Options, Reason};
use parameternet_data::files::prepare;
use parameternet_data::settings::KEYS;
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::Diagnostic;
use parameternet_runtime::NamedTensor;
use parameternet_runtime::weights::write;

use crate::arguments::import::Import;
use crate::failure::{self, Failure};
use crate::files;
use crate::table::{counted, grouped};

/// How many obstacles are told: where a model is of another kind, there may be thousands.
const SHOWN: usize = 40;

/// Writes the network and the weights: both files or none.
pub(crate) fn run(options: &Import) -> Result<(), Failure> {
    if options.output == options.weights {
        return Err(Failure::Usage(
            "`--output` and `--weights` name one file: the network needs one, the weights another".to_owned(),
        ));
    }
    let shown = options.model.display().to_string();
    let bytes = std::fs::read(&options.model).map_err(|error| failure::io("read", &shown, &error))?;
    let folder = Beside(options.model.parent().map(Path::to_owned).unwrap_or_default());
    let asked =
        Options { network: options.network.clone(), fallback: stem(&options.output), sizes: options.sizes.clone() };
    let imported =
        import::import(&bytes, &folder, &asked).map_err(|error| Failure::from(diagnostic(&shown, &error)))?;
    drop(bytes);
    let tensors: Vec<NamedTensor<'_>> = imported
        .weights
        .iter()
        .map(|weight| NamedTensor { name: &weight.name, shape: &weight.shape, data: &weight.data })
        .collect();
    // What is known of images and classes goes with the weights.
    let known = imported.metadata.iter().filter(|(key, _)| KEYS.contains(&key.as_str()));
    let metadata: BTreeMap<String, String> = known.map(|(key, value)| (key.clone(), value.clone())).collect();
    let pending = [
        prepare(&options.weights, |sink| write(sink, &tensors, &metadata)),
        prepare(&options.output, |sink| sink.write_all(imported.text.as_bytes())),
    ];
    for file in pending.into_iter().collect::<Result<Vec<_>, _>>().map_err(|error| failure::data(&error))? {
        file.place().map_err(|error| failure::data(&error))?;
    }
    let elements: usize = tensors.iter().map(|tensor| tensor.data.len()).sum();
    files::print(&format!(
        "{}: {}, {}\n{}: {}, {} elements\n",
        options.output.display(),
        imported.network,
        counted(imported.text.lines().count(), "line"),
        options.weights.display(),
        counted(tensors.len(), "tensor"),
        grouped(elements as u64)
    ))
}

/// The name of a file without its extension.
fn stem(path: &Path) -> Option<String> {
    Some(path.file_stem()?.to_string_lossy().into_owned())
}

/// The folder of the model.
struct Beside(PathBuf);

impl ExternalData for Beside {
    fn read(&self, location: &str, offset: u64, length: Option<u64>) -> Result<Vec<u8>, String> {
        let path = Path::new(location);
        // A model from elsewhere must not name any file of this machine.
        if location.is_empty()
            || !path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        {
            return Err("it is not in the folder of the model".to_owned());
        }
        let plain = |error: std::io::Error| failure::plain(&error);
        let mut file = File::open(self.0.join(path)).map_err(plain)?;
        let size = file.metadata().map_err(plain)?.len();
        let length = length.unwrap_or(size.saturating_sub(offset));
        if offset.checked_add(length).is_none_or(|end| end > size) {
            return Err(format!("it has {size} bytes, too few for {length} from {offset} on"));
        }
        file.seek(SeekFrom::Start(offset)).map_err(plain)?;
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes).map_err(plain)?;
        Ok(bytes)
    }
}

fn diagnostic(model: &str, error: &ImportError) -> Diagnostic {
    match error {
        ImportError::Malformed { reason } => {
            Diagnostic::new(Code::E0801, format!("`{model}` is no ONNX model")).note(reason.clone())
        }
        ImportError::Obstacles(obstacles) => {
            let is_damage = |obstacle: &Obstacle| matches!(obstacle.reason, Reason::External { .. } | Reason::Length);
            let mut diagnostic = if obstacles.iter().all(is_damage) {
                Diagnostic::new(Code::E0801, format!("weights of `{model}` cannot be read"))
            } else {
                let places = counted(obstacles.len(), "place");
                Diagnostic::new(Code::E0802, format!("`{model}` has what the language cannot say: {places}"))
            };
            let line = |obstacle: &Obstacle| {
                format!("{} ({}): {}", obstacle.node.escape_debug(), obstacle.operator.escape_debug(), obstacle.reason)
            };
            diagnostic.notes = obstacles.iter().take(SHOWN).map(line).collect();
            let rest = obstacles.len().saturating_sub(SHOWN);
            if rest > 0 {
                diagnostic.notes.push(format!("… and {} more", grouped(rest as u64)));
            }
            diagnostic
        }
        ImportError::UnknownSizes(sizes) => {
            let mut diagnostic = Diagnostic::new(Code::E0803, format!("`{model}` leaves the size of dimensions open"));
            diagnostic.notes = sizes
                .iter()
                .map(|size| format!("dimension {} of the input `{}` is called `{}`", size.dim, size.input, size.name))
                .collect();
            let settings: Vec<String> = sizes.iter().map(|size| format!("--set-dim {}=224", size.name)).collect();
            diagnostic.help(format!("give it a size, as in `{}`", settings.join(" ")))
        }
        ImportError::NoSuchSize { known, .. } => {
            let diagnostic = Diagnostic::new(Code::E0803, format!("{error} in `{model}`"));
            match known.as_slice() {
                [] => diagnostic.help("all dimensions of its inputs have sizes"),
                known => diagnostic.help(format!("dimensions without sizes: {}", known.join(", "))),
            }
        }
        ImportError::Defect { reason } => {
            let diagnostic =
                Diagnostic::new(Code::E0802, format!("`{model}` cannot be imported; this is a defect of pnetc"));
            diagnostic.note(reason.clone())
        }
    }
}
