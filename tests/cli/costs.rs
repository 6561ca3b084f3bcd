//! `pnetc analyze` and budgets as a user meets them.

use super::machine_code::{json, number};
use super::{fails, pnetc, stderr, stdout, succeeds, text};

const NET: &str = "examples/models/parameternet.pnet";
/// Small enough to be measured in a test.
const DIGITS: &str = super::DIGITS;

#[test]
fn a_table_of_modules() {
    let shown = succeeds(&["analyze", NET, "--depth", "3"]);
    for fact in [
        "589,646,596 (core: ",
        "598,375,260 (paper: ",
        "613,222,652 (fvcore: ",
        "blocks[8][0..4]  5 x GhostBottleneck",
        "100.0%  ████████████████████",
        "19,412,456 for mixing",
    ] {
        assert!(shown.contains(fact), "{fact:?} in {shown}");
    }
    assert!(shown.lines().all(|line| line == line.trim_end()), "{shown}");
    let report = json(&["analyze", NET, "--json", "--depth", "1", "--batch", "2"]);
    assert_eq!(number(&report, "costs.core"), 2.0 * 589_646_596.0);
    assert_eq!(number(&report, "fvcore_operators.conv"), 2.0 * 568_831_528.0);
    assert_eq!(report["dynamic_convolutions"].as_array().map(Vec::len), Some(88));
    assert_eq!(report["rows"][0]["name"], "ParameterNet");
}

#[test]
fn tables_by_anything_else() {
    let by = |what: &str| succeeds(&["analyze", NET, "--by", what, "--convention", "fvcore"]);
    assert!(by("op").contains("dynamic_conv       88 nodes"), "{}", by("op"));
    assert!(by("line").contains("examples/models/blocks/ghost.pnet:11"), "{}", by("line"));
    assert!(by("node").contains("routing conv_stem.routing"), "{}", by("node"));
    let csv = succeeds(&["analyze", NET, "--by", "op", "--csv"]);
    let mut lines = csv.lines();
    assert!(
        lines.next().is_some_and(|header| header.starts_with("name,depth,kind,nodes,parameters,buffers,core,paper"))
    );
    assert_eq!(
        lines.next(),
        Some(
            "dynamic_conv,0,88 nodes,88,19412456,0,567035476,567035476,567035476,1134070952,27506640,34558560,77649824"
        )
    );
}

#[test]
fn differences_between_conventions_are_explained() {
    let shown = succeeds(&["analyze", NET, "--explain", "core..fvcore"]);
    for fact in ["92 batch_norm", "+14,847,392", "88 routing", "+8,639,288", "+23,576,056"] {
        assert!(shown.contains(fact), "{fact:?} in {shown}");
    }
    assert_eq!(shown, succeeds(&["analyze", NET, "--explain", "core,fvcore"]));
    let report = json(&["analyze", NET, "--explain", "fvcore..paper", "--json"]);
    assert_eq!(number(&report, "from.total") - number(&report, "to.total"), 14_847_392.0);
    assert!(fails(2, &["analyze", NET, "--explain", "core..fvcor"]).contains("did you mean `fvcore`?"));
    assert!(fails(2, &["analyze", NET, "--explain", "core"]).contains("core..fvcore"));
}

#[test]
fn the_static_twin_and_sweeps() {
    let shown = succeeds(&["analyze", NET, "--twin"]);
    assert!(shown.contains("19,822,198") && shown.contains("1.741"), "{shown}");
    assert!(fails(2, &["analyze", "examples/models/mobilenetv2.pnet", "--twin"]).contains("no dynamic convolution"));

    let folder = tempfile::tempdir().expect("a folder");
    let picture = text(&folder.path().join("sweep.svg"));
    let shown = succeeds(&[
        "analyze",
        NET,
        "--sweep",
        "experts=1,4",
        "--sweep",
        "routing=mlp,linear(gate=sigmoid)",
        "--svg",
        &picture,
    ]);
    assert!(shown.contains("34,504,504") && shown.lines().count() == 6, "{shown}");
    let svg = std::fs::read_to_string(&picture).expect("a picture");
    assert!(svg.contains("experts=4 routing=linear(gate=sigmoid)"), "{svg}");
    let report = json(&["analyze", DIGITS, "--sweep", "experts=1,2", "--time", "--json"]);
    for setting in report["sweep"].as_array().expect("settings") {
        assert!(number(setting, "median_seconds") > 0.0);
    }
    for (arguments, fact) in
        [(&["--sweep", "expert=1"][..], "experts"), (&["--sweep", "experts=1", "--set", "experts=2"], "given twice")]
    {
        let output = pnetc(&[&["analyze", NET], arguments].concat());
        assert_ne!(output.status.code(), Some(0));
        assert!(stderr(&output).contains(fact), "{}", stderr(&output));
    }
    assert!(fails(2, &["analyze", NET, "--time"]).contains("--sweep"));
    assert!(fails(2, &["analyze", NET, "--sweep", "experts=1,,2"]).contains("missing"));
}

#[test]
fn budgets_are_held() {
    for command in [&["check", NET][..], &["analyze", NET, "--by", "op"], &["build", NET, "--emit", "ir"]] {
        succeeds(
            &[command, &["--budget", "macs(paper)<=600M", "--budget", "params < 35M, activation_peak <= 16M"]].concat(),
        );
        let said = fails(1, &[command, &["--budget", "macs<=500M"]].concat());
        assert!(
            said.contains("E0601") && said.contains("89,646,596 too many") && said.contains("570,111,528"),
            "{said}"
        );
        // The budget of the file.
        let said = fails(1, &[command, &["--set", "width=2.5"]].concat());
        assert!(said.contains("params <= 35M"), "{said}");
    }
    // The report is shown all the same.
    let output = pnetc(&["analyze", NET, "--budget", "params<=1"]);
    assert!(stdout(&output).contains("34,504,504"));
    assert!(fails(1, &["check", NET, "--budget", "parms<=1"]).contains("params"));
    assert!(fails(1, &["check", NET, "--budget", ""]).contains("macs<=600M"));
    assert!(fails(2, &["build", NET, "--emit", "ast", "--budget", "macs<=1"]).contains("--emit ast"));
    // Costs are those of one image.
    succeeds(&["check", NET, "--batch", "16", "--budget", "macs<=600M"]);
}
