//! `pnetc graph` as a user meets it.

use super::{DIGITS, fails, stdout, succeeds, text};

#[test]
fn the_name_of_the_file_says_the_format() {
    let folder = tempfile::tempdir().expect("a folder");
    let written = |name: &str, options: &[&str]| {
        let path = text(&folder.path().join(name));
        let mut arguments = vec!["graph", DIGITS, "-o", &path];
        arguments.extend(options);
        assert_eq!(succeeds(&arguments), "");
        std::fs::read_to_string(path).expect("a file")
    };
    let dot = succeeds(&["graph", DIGITS]);
    assert!(dot.starts_with("digraph \"Digits\" {") && dot.contains("Stage"), "{dot}");
    assert_eq!(written("net.dot", &[]), dot);
    assert_eq!(written("net.gv", &[]), dot);
    let svg = written("net.svg", &[]);
    assert!(svg.starts_with("<svg ") && svg.contains(">stages[0]</text>"), "{svg}");
    assert_eq!(written("picture", &["--format", "svg"]), svg);
    assert_eq!(succeeds(&["graph", DIGITS, "--format", "svg"]), svg);
    assert!(written("deep.SVG", &["--depth", "2"]).contains(">stages[0]: Stage</text>"));
}

#[test]
fn mistakes_leave_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = text(&folder.path().join("net.png"));
    let said = fails(2, &["graph", DIGITS, "-o", &path]);
    assert!(said.contains("`.svg`") && said.contains("`.dot`"), "{said}");
    let path = text(&folder.path().join("no such folder/net.svg"));
    assert!(fails(1, &["graph", DIGITS, "-o", &path]).contains("cannot be written"));
    let path = text(&folder.path().join("net.svg"));
    assert!(fails(1, &["graph", "no such file.pnet", "-o", &path]).contains("there is no such file"));
    assert!(fails(1, &["graph", DIGITS, "-o", &path, "--network", "Numbers"]).contains("its networks are `Digits`"));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn what_is_too_large_to_be_drawn_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let (net, svg) = (folder.path().join("long.pnet"), text(&folder.path().join("long.svg")));
    let long = "module Step(x) { return x |> relu |> tanh }
        network Long(n = 5000) { input x: f32[1, 4]
        let y = x
        for i in 0..n { y = y |> Step as steps[i] }
        return y }";
    std::fs::write(&net, long).expect("a file");
    let net = text(&net);
    let said = fails(2, &["graph", &net, "-o", &svg]);
    assert!(said.contains("5002 boxes") && said.contains("`--depth`") && said.contains("`--format dot`"), "{said}");
    assert!(succeeds(&["graph", &net, "--depth", "2"]).lines().count() > 20_000);
    assert_eq!(succeeds(&["graph", &net, "-o", &svg, "--depth", "0"]), "");
}

#[test]
fn colours_follow_the_measure() {
    let colours = |options: &[&str]| {
        let mut arguments = vec!["graph", DIGITS];
        arguments.extend(options);
        let dot = succeeds(&arguments);
        let node = dot.lines().find(|line| line.contains("\"classifier\\n")).expect("the last layer").to_owned();
        let legend = dot.lines().nth(1).expect("the heading").to_owned();
        (node.split("fillcolor=").nth(1).map(str::to_owned), legend)
    };
    let (work, legend) = colours(&[]);
    assert!(legend.contains("244,960 multiply-adds (core)"), "{legend}");
    let (parameters, legend) = colours(&["--by", "parameters"]);
    assert!(legend.contains("share of parameters"), "{legend}");
    let (strict, legend) = colours(&["--convention", "strict"]);
    assert!(legend.contains("operations (strict)"), "{legend}");
    assert!(work != parameters && work.is_some() && strict.is_some());
    let (_, legend) = colours(&["--by", "activations", "--batch", "2"]);
    assert!(legend.contains("Digits, batch 2") && legend.contains("bytes of activations"), "{legend}");
    assert!(stdout(&super::pnetc(&["graph", "--help"])).contains("Graphviz"));
}
