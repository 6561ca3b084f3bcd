//! Networks for other tools.

use super::{fails, succeeds, text};

const TINY: &str = "/// Two layers.
module Head(x, classes = 10) {
    return x |> dropout(0.1) |> linear(classes) as fc
}

/// Sorts.
network Tiny(hidden = 8) {
    input x: f32[batch, 6]
    return x |> linear(hidden) as first |> relu |> Head as head
}
";

#[test]
fn pytorch_is_written_to_a_file_or_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (network, output) = (text(&folder.path().join("tiny.pnet")), text(&folder.path().join("tiny.py")));
    std::fs::write(&network, TINY).expect("a file to write");
    let printed = succeeds(&["build", &network, "--emit", "pytorch", "--set", "hidden=16"]);
    assert_eq!(succeeds(&["build", &network, "--emit", "pytorch", "--set", "hidden=16", "-o", &output]), "");
    assert_eq!(std::fs::read_to_string(&output).expect("the file"), printed);
    let items = printed.find("class Head").expect("the module");
    let head = printed.split("\n\n\n").next().expect("the head");
    insta::assert_snapshot!(format!("{TINY}---\n{head}\n---\n{}", &printed[items..]));
}

#[test]
fn pytorch_is_of_the_network_alone() {
    for (option, value) in [("--after", "all"), ("--threads", "2"), ("--without", "fold-scale"), ("--header", "net.h")]
    {
        let said = fails(2, &["build", super::DIGITS, "--emit", "pytorch", option, value]);
        assert!(said.contains(option), "{said}");
    }
}

#[test]
fn a_budget_that_does_not_hold_stops_the_export() {
    let said = fails(1, &["build", super::DIGITS, "--emit", "pytorch", "--budget", "params<=10"]);
    assert!(said.contains("params"), "{said}");
}
