//! A crate with many generated networks: written, compiled by cargo, and run.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use parameternet_compiler::backend::rust::{Documentation, Options, generate};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::plan::ImageLayout;
use parameternet_runtime::{Dtype, Isa};
use quote::quote;

/// A network and its name for people.
pub(crate) struct Network {
    pub name: String,
    pub graph: Graph,
    pub experts_dtype: Dtype,
}

/// What the crate prints for a network.
pub(crate) fn line(network: usize, isa: Isa, threads: usize, outputs: &[u64]) -> String {
    format!("{network} {isa} {threads} {outputs:x?}")
}

fn source(graph: &Graph, experts_dtype: Dtype) -> String {
    let options = Options {
        runtime: quote!(::parameternet_runtime),
        layout: ImageLayout::Nchw,
        experts_dtype,
        embedded: None,
        documentation: Documentation::default(),
    };
    generate(graph, &options).unwrap_or_else(|error| panic!("{error}")).to_string()
}

/// The statements that run a network and print a line.
fn call(index: usize, graph: &Graph) -> String {
    let elements = |node| graph.node(node).map_or(0, |node| node.shape.elements());
    let name = &graph.network;
    let inputs: Vec<String> = graph
        .inputs()
        .iter()
        .map(|port| format!("rt::Shaped::view(&input({:?}, {})).unwrap()", port.name, elements(port.node)))
        .collect();
    let outputs = match graph.outputs().len() {
        1 => "fingerprint(rt::Shaped::elements(outputs))".to_owned(),
        count => {
            let one = |index| format!("fingerprint(rt::Shaped::elements(outputs.{index}))");
            (0..count).map(one).collect::<Vec<_>>().join(", ")
        }
    };
    format!(
        "for isa in Isa::available() {{
            let tensors = <n{index}::{name} as rt::Net>::NETWORK.tensors().into_iter().map(|t| (t.name, t.shape));
            let weights = n{index}::Weights::with_source(isa, &Made::new(tensors)).unwrap();
            for threads in threads.iter().copied() {{
                let mut network = n{index}::{name}::with_threads(&weights, threads).unwrap();
                let outputs = network.run({}).unwrap();
                println!(\"{index} {{isa}} {{threads}} {{:x?}}\", [{outputs}]);
            }}
        }}\n",
        inputs.join(", ")
    )
}

/// Writes a file unless it is there with that text already: cargo then sees nothing new.
pub(crate) fn write(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|found| found == text) {
        return;
    }
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Builds a crate, into its own folder `target`.
pub(crate) fn build(folder: &Path, arguments: &[&str]) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--offline", "--quiet"])
        .args(arguments)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

/// Compiles networks and runs each; gives what they print, a line for each instruction set and number of threads.
pub(crate) fn run(networks: &[Network], threads: &[usize]) -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("generated-networks");
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::create_dir_all(folder.join("src")).expect("the folder can be made");
    let runtime = root.join("runtime").canonicalize().expect("the runtime is there");
    let manifest = format!(
        "[package]\nname = \"generated-networks\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [dependencies]\nparameternet-runtime = {{ path = {runtime:?} }}\n\
         [profile.release]\nopt-level = 1\n\
         [profile.release.package.parameternet-runtime]\nopt-level = 3\n[workspace]\n"
    );
    write(&folder.join("Cargo.toml"), &manifest);
    // The same versions as here, so that nothing has to be fetched.
    write(&folder.join("Cargo.lock"), &fs::read_to_string(root.join("Cargo.lock")).expect("the lock file is there"));
    let made = include_str!("made.rs");
    write(&folder.join("src/made.rs"), made);
    let mut main = String::from(
        "mod made;\nuse made::{Made, fingerprint, input};\nuse parameternet_runtime::Isa;\n\
         use parameternet_runtime::generated as rt;\n",
    );
    let mut body = String::new();
    for (index, Network { graph, experts_dtype, .. }) in networks.iter().enumerate() {
        write(&folder.join(format!("src/n{index}.rs")), &source(graph, *experts_dtype));
        let _ = writeln!(main, "mod n{index};");
        body.push_str(&call(index, graph));
    }
    let _ = writeln!(main, "fn main() {{\nlet threads: &[usize] = &{threads:?};\n{body}}}");
    write(&folder.join("src/main.rs"), &main);
    build(&folder, &["--release"]);
    let binary = folder.join("target/release").join(format!("generated-networks{}", std::env::consts::EXE_SUFFIX));
    let ran = Command::new(&binary).output().unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("the output is text").lines().map(str::to_owned).collect()
}
