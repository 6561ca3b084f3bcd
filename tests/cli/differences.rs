//! `pnetc diff` as a user meets it: reports, and exit codes like those of `diff`.

use super::{DIGITS, fails, pnetc, stderr, stdout, succeeds, text};

const MLP: &str = "examples/models/mlp.pnet";
const MOBILE: &str = "examples/models/mobilenetv2.pnet";

/// What is shown of networks that differ.
fn differs(arguments: &[&str]) -> String {
    let mut all = vec!["diff"];
    all.extend(arguments);
    let output = pnetc(&all);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(1), ""), "{arguments:?}");
    stdout(&output)
}

#[test]
fn one_setting() {
    insta::assert_snapshot!(differs(&[DIGITS, "--set-b", "experts=2"]));
}

#[test]
fn a_block_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy =
        |path: &str| std::fs::read_to_string(super::repository().join("examples/models").join(path)).expect("a file");
    let deeper = copy("mobilenetv2.pnet").replace("(6, 64, 4, 2)", "(6, 64, 5, 2)");
    std::fs::create_dir(folder.path().join("blocks")).expect("a folder");
    let blocks = copy("blocks/inverted_residual.pnet");
    std::fs::write(folder.path().join("blocks/inverted_residual.pnet"), blocks).expect("a file");
    let other = folder.path().join("deeper.pnet");
    std::fs::write(&other, deeper).expect("a file");
    let shown = differs(&[MOBILE, &text(&other)]);
    insta::assert_snapshot!(shown.replace(&text(&other), "deeper.pnet"));
}

#[test]
fn nothing_differs() {
    let shown = succeeds(&["diff", MOBILE, MOBILE, "--set", "width=0.5"]);
    assert!(shown.ends_with("There is no difference.\n"), "{shown}");
    // What is set for one replaces what is set for both.
    succeeds(&["diff", MLP, "--set", "hidden=3", "--set-a", "hidden=5", "--set-b", "hidden=5"]);
    let report: serde_json::Value = serde_json::from_str(&succeeds(&["diff", MLP, MLP, "--json"])).expect("valid JSON");
    assert_eq!((&report["same"], &report["weights_load"]), (&true.into(), &true.into()));
}

#[test]
fn json_has_everything() {
    let shown = differs(&[DIGITS, "--set-b", "experts=2", "--set", "width=8", "--batch", "2", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&shown).expect("valid JSON");
    assert_eq!(report["same"], false);
    assert_eq!(
        (&report["from"]["settings"]["experts"], &report["to"]["settings"]["experts"]),
        (&"4".into(), &"2".into())
    );
    assert_eq!((&report["from"]["settings"]["width"], &report["to"]["batch"]), (&"8".into(), &2.into()));
    let sum = |side: &str| report[side]["totals"]["parameters"].as_u64().expect("a number");
    assert!(sum("from") > sum("to"));
    assert_eq!(report["costs"]["from"]["parameters"].as_u64(), Some(sum("from")));
    let changes = report["changes"].as_array().expect("changes");
    assert!(changes.iter().all(|change| change["change"] == "changed" && !change["facts"].is_null()));
    assert!(report["weights"].as_array().is_some_and(|weights| !weights.is_empty()));
    let all = differs(&[MOBILE, "--set-b", "width=0.5", "--all"]);
    assert!(!all.contains("more (`--all`"), "{all}");
}

#[test]
fn any_trouble_is_2() {
    assert!(fails(2, &["diff", MLP]).contains("--set-b"));
    assert!(fails(2, &["diff", MLP, "no such file.pnet"]).contains("there is no such file"));
    assert!(fails(2, &["diff", MLP, "--set-b", "hiden=3"]).contains("did you mean `hidden`"));
    assert!(fails(2, &["diff", MLP, DIGITS, "--network-b", "Net"]).contains("its networks are `Digits`"));
    assert!(fails(2, &["diff", MLP, "--set-b", "hidden"]).contains("NAME=VALUE"));
}
