//! `pnetc check`: is a file right, and how large are its networks?

use parameternet_compiler::analysis::budget;
use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::program::{Failure as ProgramFailure, Program};

use crate::arguments::Check;
use crate::failure::Failure;
use crate::files;
use crate::table::grouped;

/// Checks every file, shows the errors of all, and fails if there are any.
pub(crate) fn run(options: &Check) -> Result<(), Failure> {
    let mut failed = false;
    for path in &options.files {
        match check(path, options) {
            Ok(report) => files::print(&report)?,
            Err(usage @ Failure::Usage(_)) => return Err(usage),
            Err(failure) => {
                failure.report();
                failed = true;
            }
        }
    }
    if failed { Err(Failure::Told) } else { Ok(()) }
}

/// One line for every network that was asked for.
fn check(path: &str, options: &Check) -> Result<String, Failure> {
    let program = files::load(path)?;
    let request = files::request(&options.network);
    let names: Vec<String> = program.networks().map(|network| network.name.text.clone()).collect();
    if names.is_empty() && request.network.is_none() {
        if let Some((name, _)) = request.settings.first() {
            return Err(Failure::Usage(format!("`{path}` defines no network, so there is no `{name}` to set")));
        }
        return Ok(format!("{path}: ok, no networks\n"));
    }
    let names = request.network.clone().map_or(names, |name| vec![name]);
    let mut report = String::new();
    let mut diagnostics = Vec::new();
    let mut sources = program.sources().clone();
    for name in names {
        match check_network(&program, &name, &request, &options.budget.budgets) {
            Ok(graph) => report.push_str(&summary(path, &graph)),
            Err(failure) => {
                diagnostics.extend(failure.diagnostics);
                sources = failure.sources;
            }
        }
    }
    if diagnostics.is_empty() { Ok(report) } else { Err(ProgramFailure { sources, diagnostics }.into()) }
}

fn check_network(program: &Program, name: &str, request: &Request, limits: &[String]) -> Result<Graph, ProgramFailure> {
    let request = Request { network: Some(name.to_owned()), ..request.clone() };
    let graph = elaborate(program, &request)?;
    budget::check(program, &request, &graph, limits)?;
    Ok(graph)
}

fn summary(path: &str, graph: &Graph) -> String {
    let tensor = |port: &parameternet_compiler::graph::Port| {
        let shape = graph.node(port.node).map(|node| node.shape.to_string()).unwrap_or_default();
        format!("{}: f32{shape}", port.name)
    };
    let inputs: Vec<String> = graph.inputs().iter().map(tensor).collect();
    let outputs: Vec<String> = graph.outputs().iter().map(tensor).collect();
    format!(
        "{path}: {} is ok: {} parameters in {} tensors, {} operations\n  {} -> {}\n",
        graph.network,
        grouped(graph.parameter_count()),
        graph.stored_weights().count(),
        graph.node_count(),
        inputs.join(", "),
        outputs.join(", "),
    )
}
