//! Budgets: those of the file and those of the command line, held against a network.

use parameternet_compiler::analysis::budget;
use parameternet_compiler::elaborate::Request;
use parameternet_compiler::graph::Graph;
use parameternet_compiler::program::Program;

use crate::arguments::BudgetOptions;
use crate::failure::Failure;

/// Fails if the network costs more than it may.
pub(crate) fn check(
    program: &Program,
    request: &Request,
    graph: &Graph,
    options: &BudgetOptions,
) -> Result<(), Failure> {
    Ok(budget::check(program, request, graph, &options.budgets)?)
}
