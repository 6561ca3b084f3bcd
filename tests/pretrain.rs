//! `examples/pretrain`, tiny: two processes of which one is killed and which then go on, a new head, and the network compiled
//! and run; and the training of `examples/digits` on the exported network. Both need scikit-learn.

#![allow(clippy::disallowed_methods, reason = "suites read and write files; the rule is for the libraries")]

mod shared;

use std::path::{Path, PathBuf};
use std::process::Command;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

const PNETC: &str = env!("CARGO_BIN_EXE_pnetc");

/// Runs a command and gives what it printed.
fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}:\n{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    printed
}

#[test]
fn a_killed_training_goes_on_as_if_nothing_had_been() {
    let Some(python) = shared::python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let example = repository().join("examples/pretrain");

    let killed = folder.path().join("killed");
    let mut recipe = Command::new(example.join("run.sh"));
    let printed = succeeds(recipe.arg("--tiny").arg(&killed).env("PNETC", PNETC).env("PYTHON", &python));
    let log = std::fs::read_to_string(killed.join("pairs/log.jsonl")).expect("a log");
    let starts: Vec<bool> = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a line of JSON"))
        .filter_map(|line| line["start"].as_str().map(|start| start == "again"))
        .collect();
    assert_eq!(starts, [false, true], "{log}");
    // The fine-tuned network ran, compiled, and knows the names of the digits.
    assert!(printed.contains("seven.png") && printed.contains('%'), "{printed}");
    assert!(["zero", "one", "seven"].iter().any(|name| printed.trim_end().contains(name)), "{printed}");

    let whole = folder.path().join("whole");
    let options = "--standalone --nproc-per-node 2".split(' ');
    let settings = "--task pairs --set width=4,experts=2 --epochs 2 --average 0.8 --save-every 4".split(' ');
    succeeds(
        Command::new(&python)
            .args(["-m", "torch.distributed.run"])
            .args(options)
            .arg(example.join("train.py"))
            .arg(killed.join("reader.py"))
            .args(settings)
            .arg("--out")
            .arg(&whole)
            .env("OMP_NUM_THREADS", "1"),
    );
    let weights = |folder: &Path| std::fs::read(folder.join("weights.safetensors")).expect("weights");
    let tensors = |bytes: Vec<u8>| {
        // The metadata stands in any order; tensors follow the header.
        let header = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
        bytes[8 + usize::try_from(header).expect("a small header")..].to_vec()
    };
    assert!(
        tensors(weights(&whole)) == tensors(weights(&killed.join("pairs"))),
        "a training that was killed ends with other weights"
    );
}

#[test]
fn digits_are_trained_from_the_exported_network() {
    let Some(python) = shared::python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let mut train = Command::new(&python);
    train.arg(repository().join("examples/digits/train.py")).args(["--epochs", "2", "--experts", "2", "--out"]);
    let printed = succeeds(train.arg(folder.path()).env("PNETC", PNETC));
    assert!(printed.starts_with("digits-e2.safetensors"), "{printed}");
    let mut run = Command::new(PNETC);
    run.arg("run").args([
        "examples/digits/digits.pnet",
        "examples/digits/seven.png",
        "--set",
        "experts=2",
        "--weights",
    ]);
    succeeds(run.arg(folder.path().join("digits-e2.safetensors")).current_dir(repository()));
}
