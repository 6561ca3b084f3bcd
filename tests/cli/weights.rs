//! `pnetc weights` as a user meets it: listings, comparisons with exit codes like those of `diff`, conversions.

use std::collections::BTreeMap;
use std::path::Path;

use parameternet_runtime::{NamedTensor, WeightFile, save};
use serde_json::Value;

use super::{DIGITS, fails, pnetc, stderr, stdout, succeeds, text};

const TRAINED: &str = "examples/digits/digits-e4.safetensors";

/// A file of these tensors that says who made it.
fn write(path: &Path, tensors: &[(&str, &[usize], &[f32])]) -> String {
    let tensors: Vec<NamedTensor<'_>> =
        tensors.iter().map(|&(name, shape, data)| NamedTensor { name, shape, data }).collect();
    save(path, &tensors, &BTreeMap::from([("made by".to_owned(), "a\ntest".to_owned())])).expect("written");
    text(path)
}

/// A small file in a new folder.
fn small(folder: &Path) -> String {
    let tensors: [(&str, &[usize], &[f32]); 4] = [
        ("module.head.bias", &[2], &[0.5, -3.0]),
        ("module.head.weight", &[2, 1], &[1.0, 70_000.0]),
        ("module.layer1.gamma", &[1], &[2.0]),
        ("module.layer2.gamma", &[1], &[0.1]),
    ];
    write(&folder.join("small.safetensors"), &tensors)
}

/// What is printed with exit code 1.
fn differs(arguments: &[&str]) -> String {
    let output = pnetc(arguments);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(1), ""), "{arguments:?}");
    stdout(&output)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("valid JSON")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn files_are_listed() {
    let folder = folder();
    let file = small(folder.path());
    let shown = succeeds(&["weights", "list", &file, TRAINED, "--filter", "gamma$", "--filter", "^classifier"]);
    insta::assert_snapshot!(shown.replace(&text(folder.path()), "FOLDER"));
    let listed = json(&succeeds(&["weights", "list", &file, "--json"]));
    assert_eq!(listed[0]["bytes"], 24);
    assert_eq!(listed[0]["metadata"]["made by"], "a\ntest");
    assert_eq!(
        listed[0]["tensors"][1],
        serde_json::json!({ "name": "module.head.weight", "dtype": "F32", "shape": [2, 1], "elements": 2, "bytes": 8 })
    );
}

#[test]
fn what_fits_a_network_is_said() {
    let shown = succeeds(&["weights", "list", TRAINED, "--for", DIGITS]);
    assert!(shown.ends_with(" tensors of Digits fit\n"), "{shown}");
    insta::assert_snapshot!(differs(&["weights", "list", TRAINED, "--for", DIGITS, "--set", "experts=2"]));
    let folder = folder();
    // As training with DataParallel saves it, and with something else.
    let other = text(&folder.path().join("other.safetensors"));
    succeeds(&["weights", "convert", TRAINED, "-o", &other, "--rename", "^=module."]);
    let shown = differs(&["weights", "list", &other, "--for", DIGITS]);
    assert!(shown.contains(": 0 of the ") && shown.contains("--strip-prefix module."), "{shown}");
    let report = json(&differs(&["weights", "list", &other, "--for", DIGITS, "--json"]));
    assert_eq!((&report[0]["fits"], &report[0]["common_prefix"]), (&false.into(), &"module.".into()));
    assert_eq!(
        report[0]["missing"].as_array().expect("missing").len(),
        report[0]["left_over"].as_array().expect("left over").len()
    );
    let back = text(&folder.path().join("back.safetensors"));
    succeeds(&["weights", "convert", &other, "-o", &back, "--strip-prefix", "module."]);
    assert!(succeeds(&["weights", "compare", TRAINED, &back]).starts_with("There is no difference"));
}

#[test]
fn files_are_compared() {
    let folder = folder();
    let file = small(folder.path());
    assert_eq!(succeeds(&["weights", "compare", &file, &file]), "There is no difference: 4 tensors are the same.\n");
    let tensors: [(&str, &[usize], &[f32]); 4] = [
        ("module.head.bias", &[2], &[0.5, -3.03]),
        ("module.head.weight", &[1, 2], &[1.0, 70_000.0]),
        ("module.layer1.gamma", &[1], &[f32::NAN]),
        ("new", &[], &[0.1]),
    ];
    let other = write(&folder.path().join("other.safetensors"), &tensors);
    insta::assert_snapshot!(differs(&["weights", "compare", &file, &other]));
    let report = json(&differs(&["weights", "compare", &file, &other, "--json", "--tolerance", "0.011"]));
    assert_eq!((&report["same"], &report["compared"]), (&false.into(), &2.into()));
    // The bias differs by a hundredth; what is no number differs by more than any tolerance.
    assert_eq!(report["values"].as_array().expect("values").len(), 1);
    assert_eq!(
        report["values"][0],
        serde_json::json!({ "name": "module.layer1.gamma", "absolute": null, "relative": null })
    );
    assert!(fails(2, &["weights", "compare", &file, "no such file"]).contains("E0706"));
    assert!(fails(2, &["weights", "compare", &file, DIGITS]).contains("E0701"));
}

#[test]
fn tensors_are_chosen_renamed_and_rounded() {
    let folder = folder();
    let file = small(folder.path());
    let output = text(&folder.path().join("new.safetensors"));
    let arguments = [
        "weights",
        "convert",
        &file,
        "-o",
        &output,
        "--drop",
        "head[.]weight",
        "--strip-prefix",
        "module.",
        "--rename",
        r"^layer(\d)=blocks.${1}0.norm",
        "--rename",
        "gamma$=weight",
        "--dtype",
        "bf16",
    ];
    let printed = succeeds(&arguments);
    assert!(printed.ends_with("new.safetensors: 3 tensors, 3 renamed, 1 left out\n"), "{printed}");
    let new = WeightFile::open(&output).expect("weights");
    assert_eq!(new.names().collect::<Vec<_>>(), ["blocks.10.norm.weight", "blocks.20.norm.weight", "head.bias"]);
    assert_eq!(new.metadata("made by"), Some("a\ntest"));
    // 0.1 has no exact form of either kind.
    assert_eq!(new.tensor("blocks.20.norm.weight").expect("a tensor").to_f32().expect("readable"), [0.100_097_656]);
    let bytes = std::fs::read(&output).expect("weights");
    succeeds(&arguments);
    assert!(std::fs::read(&output).expect("weights") == bytes, "the same command gives the same bytes");
    let difference = differs(&["weights", "compare", TRAINED, &output]);
    assert!(difference.contains("tensors only in A\n") && difference.contains("3 tensors only in B\n"), "{difference}");
}

#[test]
fn half_precision_is_close() {
    let folder = folder();
    let half = text(&folder.path().join("half.safetensors"));
    succeeds(&["weights", "convert", TRAINED, "-o", &half, "--dtype", "f16"]);
    let compare = ["weights", "compare", TRAINED, &half, "--tolerance", "5e-4"];
    assert!(differs(&compare).contains("of another element type"));
    succeeds(&[&compare[..], &["--ignore-dtype"]].concat());
    assert!(
        succeeds(&["run", DIGITS, "examples/digits/seven.png", "--weights", &half, "--top", "1"]).ends_with("seven\n")
    );
}

#[test]
fn everything_wrong_with_a_conversion_is_told_at_once() {
    let folder = folder();
    let file = small(folder.path());
    let output = folder.path().join("new.safetensors");
    std::fs::write(&output, "what was there").expect("written");
    let said = fails(
        1,
        &[
            "weights",
            "convert",
            &file,
            "-o",
            &text(&output),
            "--dtype",
            "f16",
            "--drop",
            "tail",
            "--strip-prefix",
            "modul.",
            "--rename",
            "layer[12]=layer",
            "--rename",
            "gama=weight",
        ],
    );
    insta::assert_snapshot!(said.replace(&text(folder.path()), "FOLDER"));
    assert_eq!(std::fs::read(&output).expect("a file"), b"what was there");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 2, "nothing else is left");
    let nothing = fails(1, &["weights", "convert", &file, "-o", &text(&output), "--keep", "head", "--drop", "."]);
    assert!(nothing.contains("no tensor is left"), "{nothing}");
    for (rule, reason) in
        [("a", "FROM=TO"), ("a(=b", "unclosed group"), ("(a)=$1b", "no group `1b`"), ("a=${x}", "no group `x`")]
    {
        let said = fails(2, &["weights", "convert", &file, "-o", &text(&output), "--rename", rule]);
        assert!(said.contains(reason), "{rule}: {said}");
    }
}

/// `.pth` files as they are found: a checkpoint of training with tensors that share memory, and things that are no tensors.
const CHECKPOINTS: &str = r#"
import sys, torch
shared = torch.arange(6.0)
state = {"module.a.weight": shared.view(2, 3), "module.b.weight": shared.view(2, 3).t(), "module.steps": torch.tensor(7)}
torch.save({"epoch": 3, "state_dict": state, "optimizer": {"lr": 0.1}}, sys.argv[1] + "/training.pth")
torch.save({**state, "note": "text"}, sys.argv[1] + "/plain.pth")
torch.save({"model": {"a": torch.zeros(1)}, "model_ema": {"a": torch.ones(1)}}, sys.argv[1] + "/both.pth")
sys.path.insert(0, "examples")
import pth_to_safetensors
for name in ("training", "plain", "both"):
    pth_to_safetensors.main([sys.argv[1] + f"/{name}.pth", sys.argv[1] + f"/{name}.safetensors"])
"#;

#[test]
fn checkpoints_of_pytorch_are_converted() {
    let Some(python) = super::shared::python() else { return };
    let folder = folder();
    let mut command = std::process::Command::new(python);
    command.args(["-c", CHECKPOINTS, &text(folder.path())]).current_dir(super::repository());
    let output = command.output().expect("Python starts");
    assert!(output.status.success(), "{}", stderr(&output));
    for name in ["training", "plain"] {
        let file = WeightFile::open(folder.path().join(format!("{name}.safetensors"))).expect("weights");
        let a = file.tensor("module.a.weight").expect("a tensor");
        let b = file.tensor("module.b.weight").expect("a tensor");
        assert_eq!(
            (a.to_f32().expect("readable"), b.to_f32().expect("readable")),
            (vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0], vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0])
        );
        assert_eq!((a.shape(), b.shape(), file.len()), (&[2, 3][..], &[3, 2][..], 3));
    }
    let both = WeightFile::open(folder.path().join("both.safetensors")).expect("weights");
    assert_eq!(both.tensor("a").expect("a tensor").to_f32().expect("readable"), [1.0]);
    // The first error of a user who has a .pth names the way out.
    let said = fails(1, &["weights", "list", &text(&folder.path().join("plain.pth"))]);
    assert!(said.contains("examples/pth_to_safetensors.py"), "{said}");
}
