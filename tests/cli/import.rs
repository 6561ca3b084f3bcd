//! `pnetc import` as a user meets it: a text and weights that run, and errors that leave nothing behind.

use super::{DIGITS, fails, names, succeeds, text};

const WEIGHTS: &str = "examples/digits/digits-e4.safetensors";

#[test]
fn a_model_becomes_a_network_that_reads_digits() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| text(&folder.path().join(name));
    let [model, net, weights] = [file("digits.onnx"), file("net.pnet"), file("w.safetensors")];
    succeeds(&["build", DIGITS, "--emit", "onnx", "--weights", WEIGHTS, "-o", &model, "--external-data"]);
    let printed = succeeds(&["import", &model, "-o", &net, "--weights", &weights]);
    assert!(printed.contains("net.pnet: Digits, ") && printed.contains("w.safetensors: 63 tensors, "), "{printed}");
    insta::assert_snapshot!(std::fs::read_to_string(&net).expect("text"));
    succeeds(&["fmt", "--check", &net]);
    succeeds(&["weights", "compare", WEIGHTS, &weights]);
    // What is known of images and classes came along.
    let shown = succeeds(&["run", &net, "examples/digits/seven.png", "--weights", &weights, "--top", "1"]);
    assert!(shown.ends_with("seven\n"), "{shown}");
    // The same again, over what is there, under another name.
    succeeds(&["import", &model, "-o", &net, "--weights", &weights, "--network", "my_net"]);
    assert!(std::fs::read_to_string(&net).expect("text").contains("network MyNet {"));
    assert_eq!(names(folder.path()), ["digits.onnx", "digits.onnx.data", "net.pnet", "w.safetensors"]);
}

#[test]
fn errors_leave_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| text(&folder.path().join(name));
    let [model, net, weights] = [file("digits.onnx"), file("net.pnet"), file("w.safetensors")];
    succeeds(&["build", DIGITS, "--emit", "onnx", "--weights", WEIGHTS, "-o", &model, "--external-data"]);
    let import = |model: &str| ["import", model, "-o", &net, "--weights", &weights].map(str::to_owned);
    let said = |code: i32, arguments: &[String]| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        fails(code, &arguments).replace(&text(folder.path()), "FOLDER")
    };
    let mut report = String::new();
    let mut case = |what: &str, said: String| report.push_str(&format!("--- {what}\n{said}\n"));
    case("no file", said(1, &import(&file("missing.onnx"))));
    case("weights as a model", said(1, &import(WEIGHTS)));
    let sizes = ["--set-dim".to_owned(), "height=8".to_owned()];
    case("a size that nothing has", said(1, &[&import(&model)[..], &sizes].concat()));
    std::fs::write(file("digits.onnx.data"), [0; 5000]).expect("written");
    case("a file beside it that is too short", said(1, &import(&model)));
    std::fs::remove_file(file("digits.onnx.data")).expect("removed");
    case("no file beside it", said(1, &import(&model)));
    let one = ["import", &model, "-o", &net, "--weights", &net].map(str::to_owned);
    case("one name for both", said(2, &one));
    insta::assert_snapshot!(report);
    assert_eq!(names(folder.path()), ["digits.onnx"]);
    // Where one of the files cannot be written, the other is not written either.
    let inside = text(&folder.path().join("no/such/w.safetensors"));
    succeeds(&["build", DIGITS, "--emit", "onnx", "--weights", WEIGHTS, "-o", &model]);
    assert!(fails(1, &["import", &model, "-o", &net, "--weights", &inside]).contains("E0706"));
    assert_eq!(names(folder.path()), ["digits.onnx"]);
}
