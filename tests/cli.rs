//! `pnetc` as a user meets it: real files, real output, exit codes.

#[path = "cli/costs.rs"]
mod costs;
#[path = "cli/differences.rs"]
mod differences;
#[path = "cli/exports.rs"]
mod exports;
#[path = "cli/html.rs"]
mod html;
#[path = "cli/import.rs"]
mod import;
#[path = "cli/machine_code.rs"]
mod machine_code;
#[path = "cli/onnx.rs"]
mod onnx;
#[path = "cli/packages.rs"]
mod packages;
#[path = "cli/pictures.rs"]
mod pictures;
mod shared;
#[path = "cli/weights.rs"]
mod weights;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use shared::{golden, numbers};

/// Runs `pnetc` in the root of the repository.
fn pnetc(arguments: &[&str]) -> Output {
    pnetc_with_input(arguments, &[])
}

/// `pnetc`, to be run in the root of the repository.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pnetc"));
    command.args(arguments).current_dir(repository()).env_remove("CLICOLOR_FORCE");
    command
}

fn pnetc_with_input(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("pnetc starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    // A program that does not read its input may close it first.
    let writer = std::thread::spawn(move || drop(std::io::Write::write_all(&mut stdin, &input)));
    let output = child.wait_with_output().expect("pnetc ends");
    writer.join().expect("the writer ends");
    output
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// Runs `pnetc`, expects success and nothing on standard error, and gives what it printed.
fn succeeds(arguments: &[&str]) -> String {
    let output = pnetc(arguments);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{arguments:?}");
    stdout(&output)
}

/// Runs `pnetc`, expects that exit code and no panic, and gives what it said on standard error.
fn fails(code: i32, arguments: &[&str]) -> String {
    let output = pnetc(arguments);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(!said.contains('\x1b'), "colours are for terminals: {said}");
    said
}

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

fn text(path: &Path) -> String {
    path.to_str().expect("a path of text").to_owned()
}

const DIGITS: &str = "examples/digits/digits.pnet";
const NAMES: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

#[test]
fn every_digit_is_read_right() {
    for experts in ["1", "4"] {
        for name in NAMES {
            let image = format!("examples/digits/{name}.png");
            let weights = format!("examples/digits/digits-e{experts}.safetensors");
            let set = format!("experts={experts}");
            let shown = succeeds(&["run", DIGITS, &image, "--weights", &weights, "--set", &set]);
            let best = shown.lines().nth(1).expect("the likeliest class");
            assert!(best.ends_with(&format!("  {name}")), "{experts} experts, {image}: {best}");
        }
    }
}

#[test]
fn photos_are_classified_as_by_the_reference() {
    let Some(golden) = golden("mobilenetv2_100_photos.json") else { return };
    let root = shared::root().expect("golden was found");
    let weights = text(&root.join("models/mobilenetv2_100.safetensors"));
    let labels = text(&root.join("models/imagenet_classes.txt"));
    let images = golden["images"].as_object().expect("photos");
    let names: Vec<String> = images.keys().cloned().collect();
    let paths: Vec<String> = names.iter().map(|name| text(&root.join("images").join(name))).collect();
    // In fewer bytes, the classifier is rounded.
    for dtype in ["f32", "bf16", "int8"] {
        let mut arguments = vec!["run", "examples/models/mobilenetv2.pnet", "--experts-dtype", dtype];
        arguments.extend(paths.iter().map(String::as_str));
        arguments.extend(["--weights", &weights, "--labels", &labels, "--top", "1"]);
        let shown = succeeds(&arguments);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 2 * names.len());
        for (name, result) in names.iter().zip(lines.chunks(2)) {
            let expected = &images[name]["top5"][0];
            let (share, label) = result[1].trim().split_once("%  ").expect("a share and a label");
            assert_eq!(label, expected[1], "{name}, {dtype}");
            let difference = share.parse::<f64>().expect("a number") / 100.0 - expected[2].as_f64().expect("a number");
            println!("{name}, {dtype}: {label} {difference:+.4}");
            assert!(difference.abs() < 0.03, "{name}, {dtype}: {share}%, expected {}", expected[2]);
        }
    }
}

#[test]
fn an_array_gives_the_logits_of_the_reference() {
    let Some(golden) = golden("mobilenetv2_100_photos.json") else { return };
    let root = shared::root().expect("golden was found");
    let folder = tempfile::tempdir().expect("a folder");
    let input = text(&root.join("golden/chelsea_input_1x3x224x224.npy"));
    let weights = text(&root.join("models/mobilenetv2_100.safetensors"));
    let expected = numbers(&golden["images"]["chelsea.png"]["logits"]);
    let largest = expected.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    // Machine code computes in single precision.
    for (backend, tolerance) in [("interp", 1e-5), ("jit", 1e-4)] {
        let logits = folder.path().join(format!("{backend}.npy"));
        let printed = succeeds(&[
            "run",
            "examples/models/mobilenetv2.pnet",
            &input,
            "--weights",
            &weights,
            "--backend",
            backend,
            "--output",
            &text(&logits),
        ]);
        assert_eq!(printed, "");
        let found = shared::npy_at(&logits);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < tolerance * largest, "{backend}: {found} instead of {expected}");
        }
    }
}

#[test]
fn a_photo_may_come_from_standard_input() {
    let image = std::fs::read(repository().join("examples/digits/seven.png")).expect("an image");
    let arguments = ["run", DIGITS, "-", "--weights", "examples/digits/digits-e4.safetensors", "--top", "1"];
    let output = pnetc_with_input(&arguments, &image);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).ends_with("seven\n"), "{}", stdout(&output));
    let twice = ["run", DIGITS, "-", "-", "--weights", "examples/digits/digits-e4.safetensors"];
    assert!(fails(2, &twice).contains("once"));
}

#[test]
fn check_says_how_large_a_network_is() {
    insta::assert_snapshot!(succeeds(&[
        "check",
        "examples/models/parameternet.pnet",
        "examples/models/blocks/ghost.pnet"
    ]));
    assert!(
        succeeds(&["check", "examples/models/parameternet.pnet", "--set", "width=1.3"])
            .contains("17,466,196 parameters")
    );
}

#[test]
fn misuse_is_told_with_exit_code_2() {
    for arguments in [
        &["frobnicate"][..],
        &["check"],
        &["run", DIGITS],
        &["check", DIGITS, "--set", "experts"],
        &["check", DIGITS, "--batch", "0"],
        &["init", DIGITS, "-o", "x", "--gain", "-1"],
        &["ops", "conf"],
        &["explain", "E9999"],
        &["run", DIGITS, "a=b", "--weights", "w", "--resize", "sideways"],
    ] {
        assert!(fails(2, arguments).contains("error"), "{arguments:?}");
    }
    assert!(fails(2, &["ops", "conf"]).contains("`conv`"));
}

/// Messages about files, with the folder's name taken out.
fn told(folder: &Path, arguments: &[&str]) -> String {
    fails(1, arguments).replace(&text(folder), "FOLDER")
}

#[test]
fn bad_files_are_told_plainly() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("written");
        text(&path)
    };
    let weights = "examples/digits/digits-e4.safetensors";
    let image = "examples/digits/one.png";
    let whole = std::fs::read(repository().join(weights)).expect("weights");
    let not_weights = file("weights.txt", b"these are no weights\n");
    let truncated = file("truncated.safetensors", &whole[..whole.len() / 2]);
    let not_image = file("photo.png", b"this is no image\n");
    let half_image = file("half.png", &std::fs::read(repository().join(image)).expect("an image")[..60]);
    let empty = file("empty", b"");
    let missing = text(&folder.path().join("missing"));
    let labels = file("labels.txt", b"one\ntwo\n");
    let lost = file("lost.pnet", b"use \"blocks/gost.pnet\"\nnetwork N { input x: f32[1] return x }\n");
    let cases: [(&str, &[&str]); 12] = [
        ("a text file as weights", &["run", DIGITS, image, "--weights", &not_weights]),
        ("truncated weights", &["run", DIGITS, image, "--weights", &truncated]),
        ("empty weights", &["run", DIGITS, image, "--weights", &empty]),
        ("no weights", &["run", DIGITS, image, "--weights", &missing]),
        ("weights of another network", &["run", "examples/models/mobilenetv2.pnet", image, "--weights", weights]),
        ("weights for other experts", &["run", DIGITS, image, "--weights", weights, "--set", "experts=1"]),
        ("an image that is none", &["run", DIGITS, &not_image, "--weights", weights]),
        ("half an image", &["run", DIGITS, &half_image, "--weights", weights]),
        ("an empty image", &["run", DIGITS, &empty, "--weights", weights]),
        ("no image", &["run", DIGITS, &missing, "--weights", weights]),
        ("labels of another network", &["run", DIGITS, image, "--weights", weights, "--labels", &labels]),
        ("a missing import", &["check", &lost]),
    ];
    let report: String =
        cases.iter().map(|(what, arguments)| format!("--- {what}\n{}\n", told(folder.path(), arguments))).collect();
    insta::assert_snapshot!(report);
}

#[test]
fn bad_programs_are_told_and_nothing_hangs() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("main.pnet");
    let mut report = String::new();
    for (what, program) in [
        ("an empty file", String::new()),
        ("100,000 parentheses", format!("const A = {}1{}\n", "(".repeat(100_000), ")".repeat(100_000))),
        ("a long loop", "network N { input x: f32[1] for i in 0..1000000000 { } return x }".to_owned()),
        ("not UTF-8", String::new()),
    ] {
        let bytes = if what == "not UTF-8" { vec![0xff, 0xfe, 0x00] } else { program.into_bytes() };
        std::fs::write(&path, bytes).expect("written");
        // An empty file has nothing wrong in it until a network is asked for.
        let said = if what == "an empty file" {
            told(folder.path(), &["check", &text(&path), "--network", "N"])
        } else {
            told(folder.path(), &["check", &text(&path)])
        };
        // The source line of the parentheses is long; its message is not.
        let lines: Vec<String> = said.lines().map(|line| line.chars().take(160).collect()).collect();
        report.push_str(&format!("--- {what}\n{}\n\n", lines.join("\n")));
    }
    insta::assert_snapshot!(report);
}

#[test]
fn init_writes_weights_that_run_accepts() {
    let folder = tempfile::tempdir().expect("a folder");
    let weights = text(&folder.path().join("w.safetensors"));
    let printed = succeeds(&["init", DIGITS, "-o", &weights, "--gain", "2"]);
    assert!(printed.contains("parameters"), "{printed}");
    assert!(succeeds(&["run", DIGITS, "examples/digits/one.png", "--weights", &weights]).contains('%'));
    let entries = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(entries, 1, "nothing but the weights is left");
    assert!(fails(1, &["init", DIGITS, "-o", "/nowhere/at/all.safetensors"]).contains("E0706"));
}

#[test]
fn fmt_formats_in_place_and_checks() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.pnet");
    std::fs::write(&path, "network   N {  // why\ninput x:f32[ 1 ]\nreturn x|>relu}\n").expect("written");
    let file = text(&path);
    let output = pnetc(&["fmt", "--check", &file]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("not formatted"));
    succeeds(&["fmt", &file]);
    let formatted = std::fs::read_to_string(&path).expect("text");
    assert!(formatted.contains("// why"), "{formatted}");
    assert!(formatted.contains("return x |> relu"), "{formatted}");
    succeeds(&["fmt", "--check", &file]);
    let piped = pnetc_with_input(&["fmt", "-"], b"const  A=1\n");
    assert_eq!(stdout(&piped), "const A = 1\n");
    std::fs::write(&path, "network {").expect("written");
    assert!(fails(1, &["fmt", &file]).contains("E0"));
    assert_eq!(std::fs::read_to_string(&path).expect("text"), "network {", "a broken file stays as it is");
}

#[test]
fn the_repository_is_formatted() {
    let mut files = vec![DIGITS.to_owned()];
    for folder in ["examples/models", "examples/models/blocks"] {
        let entries = std::fs::read_dir(repository().join(folder)).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text"));
        files.extend(names.filter(|name| name.ends_with(".pnet")).map(|name| format!("{folder}/{name}")));
    }
    assert!(files.len() > 5);
    let arguments: Vec<&str> = ["fmt", "--check"].into_iter().chain(files.iter().map(String::as_str)).collect();
    succeeds(&arguments);
}

#[test]
fn stages_can_be_printed() {
    let ir = succeeds(&["build", DIGITS, "--emit", "ir", "--set", "experts=2"]);
    insta::assert_snapshot!(ir);
    let ast = succeeds(&["build", DIGITS, "--emit", "ast"]);
    assert!(ast.contains("Digits") && ast.contains("dynamic_conv"), "{ast}");
    let folder = tempfile::tempdir().expect("a folder");
    let path = text(&folder.path().join("net.ir"));
    assert_eq!(succeeds(&["build", DIGITS, "--emit", "ir", "--set", "experts=2", "-o", &path]), "");
    assert_eq!(std::fs::read_to_string(&path).expect("text"), ir);
}

#[test]
fn the_graph_can_be_printed_after_a_pass() {
    let lines = |arguments: &[&str]| {
        let fixed = ["build", DIGITS, "--emit", "ir"];
        let arguments: Vec<&str> = fixed.iter().chain(arguments).copied().collect();
        let ir = succeeds(&arguments);
        ir.lines().filter(|line| line.contains(" = batch_norm(")).count()
    };
    assert_eq!(lines(&[]), 9);
    assert_eq!(lines(&["--after", "common-subexpressions"]), 9);
    assert_eq!(lines(&["--after", "fold-batch-norm"]), 0);
    assert_eq!(lines(&["--after", "all"]), 0);
    assert_eq!(lines(&["--after", "merge-branches", "--without", "fold-batch-norm"]), 9);
    assert_eq!(lines(&["--after", "all", "--without", "fold-batch-norm"]), 0);
    assert_eq!(lines(&["--after", "all", "--without", "fold-batch-norm", "--without", "expand-batch-norm"]), 9);
    assert!(fails(2, &["build", DIGITS, "--emit", "ir", "--after", "fold-everything"]).contains("fold-batch-norm"));
    assert!(fails(2, &["build", DIGITS, "--emit", "ast", "--after", "all"]).contains("--emit ir"));
    assert!(fails(2, &["build", DIGITS, "--emit", "ir", "--without", "fold-scale"]).contains("--after all"));
}

#[test]
fn operations_and_errors_are_documented() {
    assert!(succeeds(&["ops"]).contains("dynamic_conv"));
    insta::assert_snapshot!(succeeds(&["ops", "linear"]));
    assert!(succeeds(&["explain", "e0401"]).starts_with("E0401: "));
    assert!(succeeds(&["explain"]).contains("E0503"));
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = succeeds(&["completions", shell]);
        assert!(["bench", "analyze", "per-step"].iter().all(|word| script.contains(word)), "{shell}: {script}");
    }
}

#[test]
fn several_inputs_and_outputs_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("two.pnet");
    let program = "network Two {\n    input left: f32[batch, 2]\n    input right: f32[batch, 2]\n    \
                   return sum = left + right, product = left * right\n}\n";
    std::fs::write(&path, program).expect("written");
    let (net, weights) = (text(&path), text(&folder.path().join("w.safetensors")));
    succeeds(&["init", &net, "-o", &weights]);
    let left = text(&folder.path().join("left.npy"));
    std::fs::write(&left, shared::npy_bytes(&[1, 2], &[1.0, 2.0])).expect("written");
    let output = text(&folder.path().join("out.npy"));
    let (first, second) = (format!("left={left}"), format!("right={left}"));
    succeeds(&["run", &net, &first, &second, "--weights", &weights, "--output", &output]);
    assert_eq!(shared::npy_at(&folder.path().join("out-sum.npy")), [2.0, 4.0]);
    assert_eq!(shared::npy_at(&folder.path().join("out-product.npy")), [1.0, 4.0]);
    assert!(fails(2, &["run", &net, &first, "--weights", &weights]).contains("`right` is missing"));
    assert!(fails(2, &["run", &net, &first, "rihgt=x", "--weights", &weights]).contains("did you mean `right`"));
    let wrong = text(&folder.path().join("wrong.npy"));
    std::fs::write(&wrong, shared::npy_bytes(&[1, 3], &[1.0, 2.0, 3.0])).expect("written");
    let wrong = format!("right={wrong}");
    assert!(fails(1, &["run", &net, &first, &wrong, "--weights", &weights]).contains("[1, 2]"));
}
