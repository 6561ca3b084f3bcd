//! The binary classifies photos as PyTorch does, with the weights of `../shared`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_classifier")).args(arguments).output().expect("the binary runs")
}

/// The folder of reference outputs. Without it a test says so and skips; in CI that is a failure.
fn shared() -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("shared"));
    let found = found.into_iter().find(|folder| folder.join("golden").is_dir());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "../shared is missing");
        println!("skipped: there is no ../shared beside the repository");
    }
    found
}

#[test]
fn photos_are_classified() {
    let Some(shared) = shared() else { return };
    let file = |name: &str| shared.join(name).display().to_string();
    let weights = file("models/mobilenetv2_100.safetensors");
    let labels = file("models/imagenet_classes.txt");
    let photo = file("images/chelsea.png");
    let output = run(&["--weights", &weights, "--labels", &labels, "--top", "1", &photo]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8_lossy(&output.stdout);
    let best = printed.lines().nth(1).unwrap_or_default();
    assert!(best.contains("Egyptian cat"), "{printed}");
}

#[test]
fn weights_that_are_missing_or_do_not_fit_are_told() {
    let output = run(&["--weights", "missing.safetensors", "photo.png"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("missing.safetensors"));
    let digits = Path::new(env!("CARGO_MANIFEST_DIR")).join("../digits/digits-e4.safetensors");
    let output = run(&["--weights", &digits.display().to_string(), "photo.png"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("conv_stem.weight"), "{told}");
}
