//! `pnetc build --emit rust`: modules that say what they are, and crates that can be built and run as they are.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{DIGITS, fails, repository, succeeds, text};

const WEIGHTS: &str = "examples/digits/digits-e4.safetensors";

/// Builds and runs the program of a crate; gives what it prints.
fn cargo_run(folder: &Path, arguments: &[&str]) -> String {
    // The same versions as here, so that nothing has to be fetched.
    fs::copy(repository().join("Cargo.lock"), folder.join("Cargo.lock")).expect("the lock file is there");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("package");
    let output = Command::new(env!("CARGO"))
        .args(["run", "--offline", "--quiet", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .arg("--")
        .args(arguments)
        .current_dir(repository())
        .env("CARGO_TARGET_DIR", target)
        .env("RUSTFLAGS", "-D warnings")
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn a_crate_classifies_as_pnetc_does() {
    let scratch = tempfile::tempdir().expect("a folder");
    let folder = scratch.path().join("reader");
    let crate_folder = text(&folder);
    let build =
        ["build", DIGITS, "--emit", "rust", "--crate", &crate_folder, "--embed", WEIGHTS, "--parameternet", "."];
    let told = succeeds(&build);
    assert_eq!(told.matches("wrote  ").count(), 5, "{told}");
    assert!(told.contains("Run it: cargo run --release --manifest-path"), "{told}");
    let images = ["examples/digits/three.png", "examples/digits/eight.png"];
    let expected = succeeds(&["run", DIGITS, images[0], images[1], "--weights", WEIGHTS, "--threads", "1"]);
    assert_eq!(cargo_run(&folder, &images), expected);

    // What was edited is kept, the network is written anew.
    let main = folder.join("src/main.rs");
    fs::write(&main, "fn main() {}").expect("it is edited");
    let module = folder.join("src/digits.rs");
    let before = fs::read_to_string(&module).expect("the module is there");
    let told = succeeds(&[&build[..], &["--set", "experts=4"]].concat());
    assert!(told.contains("kept   ") && told.contains("main.rs"), "{told}");
    assert_eq!(fs::read_to_string(&main).expect("it is there"), "fn main() {}");
    assert_eq!(fs::read_to_string(&module).expect("it is there"), before, "the text is the same every time");

    // A file of somebody else is not touched.
    fs::write(&module, "mine").expect("it is written");
    let said = fails(1, &build);
    assert!(said.contains("digits.rs` is no file that pnetc wrote"), "{said}");
    assert_eq!(fs::read_to_string(&module).expect("it is there"), "mine");
}

#[test]
fn a_crate_reads_weights_where_none_are_embedded() {
    let scratch = tempfile::tempdir().expect("a folder");
    let folder = scratch.path().join("reader");
    succeeds(&["build", DIGITS, "--emit", "rust", "--crate", &text(&folder)]);
    let main = fs::read_to_string(folder.join("src/main.rs")).expect("the program is there");
    assert!(main.contains("WeightFile::open(weights)?"), "{main}");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("the manifest is there");
    assert!(manifest.contains(&format!("parameternet-runtime = \"{}\"", env!("CARGO_PKG_VERSION"))), "{manifest}");
}

#[test]
fn what_cannot_be_a_crate_is_told_and_nothing_is_written() {
    let scratch = tempfile::tempdir().expect("a folder");
    let folder = scratch.path().join("reader");
    let crate_folder = text(&folder);
    let crates = |file: &str, more: &[&str]| {
        let said = fails(2, &[&["build", file, "--emit", "rust", "--crate", &crate_folder], more].concat());
        assert!(!folder.exists());
        said
    };
    let said = crates("examples/models/mlp.pnet", &[]);
    assert!(said.contains("inputs [[1, 6]] and outputs [[1, 4]]"), "{said}");
    let said = crates(DIGITS, &["--batch", "2"]);
    assert!(said.contains("inputs [[2, 1, 8, 8]]"), "{said}");
    let said =
        fails(1, &["build", DIGITS, "--emit", "rust", "--crate", &crate_folder, "--embed", "missing.safetensors"]);
    assert!(said.contains("missing.safetensors") && !folder.exists(), "{said}");
    let said = fails(2, &["build", DIGITS, "--emit", "ir", "--crate", &crate_folder]);
    assert!(said.contains("`--crate` is for `--emit rust`"), "{said}");
}

#[test]
fn names_that_rust_cannot_have_are_told() {
    let scratch = tempfile::tempdir().expect("a folder");
    for (network, input, word) in [("Weights", "x", "Weights"), ("Self", "x", "Self"), ("A", "self", "self")] {
        let file = scratch.path().join("net.pnet");
        let source = format!("network {network} {{ input {input}: f32[1, 6] return {input} |> relu }}");
        fs::write(&file, source).expect("a network");
        let said = fails(2, &["build", &text(&file), "--emit", "rust"]);
        assert!(said.contains(&format!("cannot be called `{word}`")), "{said}");
    }
}

#[test]
fn modules_carry_the_words_of_the_author_and_costs() {
    let source = succeeds(&["build", "examples/models/ghostnet.pnet", "--emit", "rust"]);
    assert!(
        source.starts_with("// @generated by `pnetc build --emit rust`: the network `GhostNet` of `ghostnet.pnet`.\n")
    );
    let ghost =
        source.lines().find(|line| line.contains("Of `blocks[4][0].ghost1`")).expect("a function says where it is");
    assert!(ghost.contains("Half of the channels") && ghost.ends_with(" multiply-adds."), "{ghost}");
    assert!(source.contains("5,182,508 parameters, 141,150,512 multiply-adds for batch 1."));
}
