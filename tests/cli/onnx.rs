//! `pnetc build --emit onnx`: files that ONNX Runtime runs, and none where something is wrong.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{DIGITS, fails, names, repository, shared, succeeds, text};

const WEIGHTS: &str = "examples/digits/digits-e4.safetensors";

/// What ONNX Runtime computes with each model for an image of digits.
fn run(python: &Path, models: &[String], image: &[f32]) -> Vec<Vec<f64>> {
    let mut child = Command::new(python)
        .arg(repository().join("tests/python/onnx_models.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the Python that was found starts");
    let mut requests = child.stdin.take().expect("a pipe");
    let mut replies = BufReader::new(child.stdout.take().expect("a pipe"));
    let image: Vec<u8> = image.iter().flat_map(|value| value.to_le_bytes()).collect();
    let mut once = |model: &String| {
        let request = json!({ "model": model, "inputs": [{ "name": "image", "shape": [1, 1, 8, 8] }] });
        requests.write_all(format!("{request}\n").as_bytes()).expect("Python reads");
        requests.write_all(&image).expect("Python reads");
        requests.flush().expect("Python reads");
        let mut line = String::new();
        replies.read_line(&mut line).expect("Python answers");
        let reply: Value = serde_json::from_str(&line).expect("valid JSON");
        assert_eq!(reply, json!({ "outputs": [{ "name": "output", "shape": [1, 10] }] }), "{model}");
        let mut bytes = [0; 40];
        replies.read_exact(&mut bytes).expect("Python answers");
        let (values, _) = bytes.as_chunks::<4>();
        values.iter().map(|value| f64::from(f32::from_le_bytes(*value))).collect()
    };
    let outputs = models.iter().map(&mut once).collect();
    drop(requests);
    assert!(child.wait().expect("Python ends").success());
    outputs
}

#[test]
fn files_hold_what_pnetc_runs() {
    let Some(python) = shared::python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| text(&folder.path().join(name));
    let [inside, outside, named] = [file("inside.onnx"), file("outside.onnx"), file("named.onnx")];
    let build = |output: &str, more: &[&str]| {
        let fixed = ["build", DIGITS, "--emit", "onnx", "--weights", WEIGHTS, "-o", output];
        let arguments: Vec<&str> = fixed.iter().chain(more).copied().collect();
        assert_eq!(succeeds(&arguments), "");
    };
    build(&inside, &[]);
    build(&outside, &["--external-data"]);
    build(&named, &["--external-data=weights.bin"]);
    // Once more, over what is there.
    build(&named, &["--external-data=weights.bin"]);
    let written = ["inside.onnx", "named.onnx", "outside.onnx", "outside.onnx.data", "weights.bin"];
    assert_eq!(names(folder.path()), written);

    let image: Vec<f32> = parameternet_runtime::synth::tensor("image", 64).collect();
    std::fs::write(file("image.npy"), shared::npy_bytes(&[1, 1, 8, 8], &image)).expect("written");
    succeeds(&[
        "run",
        DIGITS,
        &file("image.npy"),
        "--weights",
        WEIGHTS,
        "--backend",
        "interp",
        "-o",
        &file("exact.npy"),
    ]);
    let exact = shared::npy_at(&folder.path().join("exact.npy"));
    let largest = exact.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    for found in run(&python, &[inside, outside, named], &image) {
        assert_eq!(found.len(), exact.len());
        for (found, exact) in found.iter().zip(&exact) {
            assert!((found - exact).abs() < 1e-5 * largest, "{found} instead of {exact}");
        }
    }
}

#[test]
fn half_precision_is_exported_in_single_and_metadata_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let [net, weights, model] = ["net.pnet", "net.safetensors", "net.onnx"].map(|name| folder.path().join(name));
    std::fs::write(&net, "network Tiny { input x: f32[1, 2] return x |> linear(2, bias=false) as l }")
        .expect("written");
    let values = [1.5f32, -0.25, 3.0, 1024.0];
    let tensor = json!({ "dtype": "F16", "shape": [2, 2], "data_offsets": [0, 8] });
    let header = json!({ "__metadata__": { "pnet.labels": "cat\ndog" }, "l.weight": tensor }).to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.extend(values.iter().flat_map(|value| half::f16::from_f32(*value).to_le_bytes()));
    std::fs::write(&weights, bytes).expect("written");
    succeeds(&["build", &text(&net), "--emit", "onnx", "--weights", &text(&weights), "-o", &text(&model)]);
    let model = std::fs::read(&model).expect("a file");
    let single: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    for part in [&single[..], b"l.weight", b"pnet.labels", b"cat\ndog"] {
        assert!(model.windows(part.len()).any(|window| window == part), "{part:?} is missing");
    }
}

#[test]
fn misuse_is_told_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = text(&folder.path().join("net.onnx"));
    let build = |more: &[&str]| {
        let fixed = ["build", DIGITS, "--emit", "onnx"];
        fixed.iter().chain(more).map(|argument| (*argument).to_owned()).collect::<Vec<String>>()
    };
    let nowhere = text(&folder.path().join("no/such/net.onnx"));
    let copy = folder.path().join("w.safetensors");
    std::fs::copy(repository().join(WEIGHTS), &copy).expect("a copy");
    let copy = text(&copy);
    for (code, arguments, facts) in [
        (2, build(&["-o", &output]), &["--weights", "pnetc init"][..]),
        (2, build(&["--weights", WEIGHTS]), &["--output"]),
        (2, build(&["--weights", WEIGHTS, "-o", &output, "--external-data=a/b"]), &["a/b", "folder of the model"]),
        (2, build(&["--weights", WEIGHTS, "-o", &output, "--external-data=.."]), &["`--external-data=..`"]),
        (2, build(&["--weights", WEIGHTS, "-o", &output, "--external-data=net.onnx"]), &["another name"]),
        (2, build(&["--weights", &copy, "-o", &copy]), &["holds the weights"]),
        (2, build(&["--weights", &copy, "-o", &output, "--external-data=w.safetensors"]), &["holds the weights"]),
        (2, build(&["--weights", WEIGHTS, "-o", &output, "--threads", "2"]), &["--threads"]),
        (2, ["build", DIGITS, "--emit", "ir", "--weights", WEIGHTS].map(str::to_owned).to_vec(), &["--emit onnx"]),
        (1, build(&["--weights", WEIGHTS, "-o", &nowhere]), &["E0706", "no/such"]),
        (1, build(&["--weights", WEIGHTS, "-o", &nowhere, "--external-data"]), &["E0706", "no/such"]),
        (1, build(&["--weights", "no.safetensors", "-o", &output]), &["E0706", "no.safetensors"]),
        (1, build(&["--weights", WEIGHTS, "-o", &output, "--set", "experts=1"]), &["E0702"]),
        (1, build(&["--weights", WEIGHTS, "-o", &output, "--budget", "params<1K"]), &["E0601"]),
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let said = fails(code, &arguments);
        assert!(facts.iter().all(|fact| said.contains(fact)), "{arguments:?}: {said}");
    }
    // A model that cannot take its place takes its weights along.
    let taken = folder.path().join("taken");
    std::fs::create_dir(&taken).expect("a folder");
    fails(1, &["build", DIGITS, "--emit", "onnx", "--weights", WEIGHTS, "-o", &text(&taken), "--external-data"]);
    assert_eq!(names(folder.path()), ["taken", "w.safetensors"]);
}
