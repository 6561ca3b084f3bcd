//! The networks of `examples/models` as a set: what `docs/zoo.md` and the README say of them, and what `experts` means.

mod shared;

use std::path::{Path, PathBuf};

use parameternet_compiler::analysis::{analyze, twin};
use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::program::Program;
use shared::Disk;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[expect(clippy::disallowed_methods, reason = "the crate under test does no I/O, its tests do")]
fn text(file: &str) -> String {
    std::fs::read_to_string(repository().join(file)).expect("a readable file")
}

/// The names of the networks' files.
fn files() -> Vec<String> {
    let entries = std::fs::read_dir(repository().join("examples/models")).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text"));
    let mut files: Vec<String> = names.filter(|name| name.ends_with(".pnet")).collect();
    files.sort();
    files
}

fn load(file: &str) -> Program {
    let path = repository().join("examples/models").join(file);
    Program::load(&Disk, &path.to_string_lossy()).unwrap_or_else(|failure| panic!("{failure}"))
}

fn graph(program: &Program, settings: &[(&str, &str)], batch: usize) -> Graph {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    elaborate(program, &Request { settings, batch, network: None }).unwrap_or_else(|failure| panic!("{failure}"))
}

/// A number with commas, as documents show it.
fn shown(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).expect("digits")).collect();
    groups.join(",")
}

#[test]
fn the_tables_of_the_documentation() {
    let (zoo, readme) = (text("docs/zoo.md"), text("README.md"));
    for file in files() {
        let program = load(&file);
        let totals = analyze(&graph(&program, &[], 1)).totals;
        let lines: usize = program.sources().iter().map(|(_, source)| source.text.lines().count()).sum();
        let own = text(&format!("examples/models/{file}")).lines().count();
        let cells = [own.to_string(), lines.to_string(), shown(totals.parameters), shown(totals.counts.core)];
        let row = format!("| [{file}](../examples/models/{file}) | {} |", cells.join(" | "));
        assert!(zoo.contains(&row), "docs/zoo.md lacks the row\n{row}");
        let start = format!("| [{file}](examples/models/{file}) |");
        let row = readme.lines().find(|line| line.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("README.md lacks the row\n{start}"));
        let parameters = format!("| {} |", shown(totals.parameters));
        assert!(row.contains(&parameters), "README.md should say {parameters} in\n{row}");
    }
    let rows =
        |text: &str, folder: &str| text.lines().filter(|line| line.contains(folder) && line.starts_with('|')).count();
    assert_eq!(
        rows(&zoo, "](../examples/models/"),
        files().len(),
        "docs/zoo.md has rows of networks that are not there"
    );
    assert_eq!(rows(&readme, "](examples/models/"), files().len(), "README.md has rows of networks that are not there");
}

/// Experts make convolutions dynamic and change nothing else: the network without them is the one with one expert.
#[test]
fn experts_are_all_that_experts_change() {
    let mut count = 0;
    for file in files() {
        let program = load(&file);
        let network = program.networks().next().expect("a network");
        if !network.parameters.iter().any(|parameter| parameter.name.text == "experts") {
            continue;
        }
        count += 1;
        let [one, four] = ["1", "4"].map(|experts| graph(&program, &[("experts", experts)], 2));
        assert!(twin::has_twin(&four), "{file} has no dynamic convolution");
        let without = analyze(&twin::static_twin(&four).expect("a twin")).totals;
        let plain = if twin::has_twin(&one) { twin::static_twin(&one).expect("a twin") } else { one };
        let plain = analyze(&plain).totals;
        assert_eq!((without.parameters, without.counts), (plain.parameters, plain.counts), "{file}");
        let totals = analyze(&four).totals;
        assert!(totals.parameters > plain.parameters * 3 / 2, "{file}: {} parameters", totals.parameters);
        assert!(totals.counts.core < plain.counts.core * 5 / 4, "{file}: {} multiply-adds", totals.counts.core);
    }
    assert!(count >= 11, "{count} networks have experts");
}

/// With one expert a convolution is a plain one, so that checkpoints of plain networks load; only ParameterNet's has a routing
/// all the same, as in the published code.
#[test]
fn names_with_experts_are_those_without_and_the_routings() {
    for file in files().into_iter().filter(|file| file != "parameternet.pnet") {
        let program = load(&file);
        if !text(&format!("examples/models/{file}")).contains("experts = ") {
            continue;
        }
        let names = |experts: &str| -> Vec<String> {
            let graph = graph(&program, &[("experts", experts)], 1);
            graph.weights().iter().map(|weight| weight.name.clone()).collect()
        };
        let (one, four) = (names("1"), names("4"));
        let missing: Vec<&String> = one.iter().filter(|name| !four.contains(name)).collect();
        assert!(missing.is_empty(), "{file}: {missing:?}");
        let new: Vec<&String> = four.iter().filter(|name| !one.contains(name)).collect();
        assert!(!new.is_empty() && new.iter().all(|name| name.contains(".routing")), "{file}: {new:?}");
    }
}
