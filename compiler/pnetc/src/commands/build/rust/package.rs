//! `--emit rust --crate`: a whole crate that classifies images, ready to build.
//!
//! The network's own module is written anew each time; whatever a user may have edited stays as it is.

use std::fs;
use std::path::Path;

use parameternet_compiler::backend::rust::module_name;
use parameternet_compiler::graph::{Graph, Port};
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::Diagnostic;
use parameternet_runtime::{TensorSpec, WeightFile};

use super::GENERATED;
use crate::arguments::PackageOptions;
use crate::failure::{self, Failure};
use crate::files;

/// The program: classifies images, with the names in capitals and the blocks in place of `//…` filled in.
const MAIN: &str = include_str!("package/main.rs.txt");

/// Writes the crate into a folder, which need not be there, and says what it wrote.
pub(super) fn write(graph: &Graph, module: &str, folder: &Path, options: &PackageOptions) -> Result<(), Failure> {
    let shape = shape_of_image(graph)?;
    let name = module_name(&graph.network).to_string();
    let name = name.trim_start_matches("r#");
    let source = folder.join(format!("src/{name}.rs"));
    if fs::read_to_string(&source).is_ok_and(|text| !text.starts_with(GENERATED)) {
        let message = format!("`{}` is no file that pnetc wrote, and stays as it is", source.display());
        return Err(Diagnostic::new(Code::E0706, message).help("choose another folder, or move the file away").into());
    }
    let embedded = options.embed.as_deref().map(|weights| embedded(weights, graph)).transpose()?;
    let manifest = manifest(name, options.parameternet.as_deref())?;
    let main = main(graph, name, &shape, embedded.is_some());
    let folders = folder.join("src");
    fs::create_dir_all(&folders).map_err(|error| failure::io("make", &folders.display().to_string(), &error))?;
    let mut told = String::new();
    let mut tell = |path: &Path, what: &str| told.push_str(&format!("{what}  {}\n", path.display()));
    if let Some(bytes) = embedded {
        let path = folder.join(format!("src/{name}.safetensors"));
        files::write(&path, &bytes)?;
        tell(&path, "wrote");
    }
    files::write(&source, module.as_bytes())?;
    tell(&source, "wrote");
    for (path, text) in [("src/main.rs", main.as_str()), ("Cargo.toml", &manifest), (".gitignore", "/target\n")] {
        let path = folder.join(path);
        if path.exists() {
            tell(&path, "kept ");
        } else {
            files::write(&path, text.as_bytes())?;
            tell(&path, "wrote");
        }
    }
    let weights = if options.embed.is_some() { "" } else { "WEIGHTS.safetensors " };
    let manifest = folder.join("Cargo.toml");
    told.push_str(&format!(
        "Run it: cargo run --release --manifest-path {} -- {weights}IMAGE.png\n",
        manifest.display()
    ));
    files::print(&told)
}

/// The shape of the input of a network that classifies one image at a time.
fn shape_of_image(graph: &Graph) -> Result<Vec<usize>, Failure> {
    let shape = |port: &Port| graph.node(port.node).map(|node| node.shape.dims().to_vec()).unwrap_or_default();
    let inputs: Vec<Vec<usize>> = graph.inputs().iter().map(shape).collect();
    let outputs: Vec<Vec<usize>> = graph.outputs().iter().map(shape).collect();
    match (inputs.as_slice(), outputs.as_slice()) {
        ([input], [output]) if matches!(input.as_slice(), [1, _, _, _]) && matches!(output.as_slice(), [1, _]) => {
            Ok(input.clone())
        }
        _ => Err(Failure::Usage(format!(
            "`--crate` writes a program that classifies images: it needs a network with one input [1, channels, height, width] and one output \
             [1, classes], and `{}` has inputs {inputs:?} and outputs {outputs:?}; without `--crate`, the module alone is written",
            graph.network
        ))),
    }
}

/// The bytes of the weights, once they are known to fit.
fn embedded(path: &Path, graph: &Graph) -> Result<Vec<u8>, Failure> {
    let file = WeightFile::open(path).map_err(|error| failure::weights(path, &error))?;
    let specs: Vec<TensorSpec> = graph.stored_weights().map(parameternet_compiler::weight::Weight::spec).collect();
    file.bind(&specs).map_err(|error| failure::mismatch(&error, graph))?;
    fs::read(path).map_err(|error| failure::io("read", &path.display().to_string(), &error))
}

/// The text of Cargo.toml.
fn manifest(name: &str, repository: Option<&Path>) -> Result<String, Failure> {
    let package = name.replace('_', "-");
    let version = env!("CARGO_PKG_VERSION");
    let dependency = |crate_name: &str, folder: &str| match repository {
        None => Ok::<_, Failure>(format!("{crate_name} = \"{version}\"\n")),
        Some(repository) => {
            let shown = repository.display().to_string();
            let path =
                fs::canonicalize(repository.join(folder)).map_err(|error| failure::io("find", &shown, &error))?;
            Ok(format!("{crate_name} = {{ path = {:?} }}\n", path.display().to_string()))
        }
    };
    let data = dependency("parameternet-data", "runtime/data")?;
    let runtime = dependency("parameternet-runtime", "runtime")?;
    Ok(format!(
        "[package]\nname = \"{package}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n{data}{runtime}\n\
         # A small binary: kernels are compiled for speed, all else for size.\n[profile.release]\ncodegen-units = 1\nlto = true\n\
         opt-level = \"s\"\npanic = \"abort\"\nstrip = true\n\n[profile.release.package.parameternet-runtime]\nopt-level = 3\n\n\
         # On its own, wherever it lies.\n[workspace]\n"
    ))
}

/// The text of the program.
fn main(graph: &Graph, module: &str, shape: &[usize], is_embedded: bool) -> String {
    let (name, arguments, open, usage) = if is_embedded {
        (
            "arguments",
            "",
            format!("WeightFile::from_bytes(include_bytes!(\"{module}.safetensors\"))?"),
            "`cargo run --release -- IMAGE...`",
        )
    } else {
        (
            "mut arguments",
            "    let weights = arguments.next().ok_or(USAGE)?;\n",
            "WeightFile::open(weights)?".to_owned(),
            "`cargo run --release -- WEIGHTS.safetensors IMAGE...`",
        )
    };
    MAIN.replace("USAGE_LINE", usage)
        .replace("    //ARGUMENTS\n", arguments)
        .replace("ARGUMENTS_NAME", name)
        .replace("OPEN", &open)
        .replace("NETWORK", &graph.network)
        .replace("MODULE", &module_name(&graph.network).to_string())
        .replace("SHAPE", &format!("{shape:?}"))
}
