//! Budgets: what the author allows a network or a module to cost, held against what it does.
//!
//! In: a program, a network of it as a graph, and limits from outside. Out: an error for every limit that does not hold, with
//! the numbers, the three costliest places, and what the static twin would cost. Costs are those of one image; a budget of
//! a module binds each of its instances.

mod breach;
mod metric;

use parameternet_dsl::ast::{Budget, ItemKind, Limit};
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::Diagnostic;
use parameternet_dsl::source::{SourceMap, Span};

use crate::elaborate::{Request, bounds, elaborate};
use crate::graph::Graph;
use crate::limits::MAX_ERRORS;
use crate::program::{Failure, FileId, Program, parse_setting};
use breach::Measured;
pub use metric::Metric;
pub(crate) use metric::check_limits;

/// What a limit binds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Target {
    Network,
    /// Every instance of the module of that name.
    Module(String),
}

/// A limit with all that is needed to hold it.
#[derive(Debug, Clone, PartialEq)]
struct Bound {
    target: Target,
    metric: Metric,
    /// The most that is allowed; `None` where not even 0 is.
    most: Option<u64>,
    span: Span,
}

/// Holds a graph, which is `request` of `program`, against the budgets of the program and against limits from outside, such
/// as `macs<=600M`.
///
/// # Errors
/// For every limit that does not hold, and for limits from outside that cannot be read.
pub fn check(program: &Program, request: &Request, graph: &Graph, limits: &[String]) -> Result<(), Failure> {
    let (sources, bounds) = read(program, request, graph, limits)?;
    if bounds.is_empty() {
        return Ok(());
    }
    let of_one = match graph.batch {
        1 => None,
        _ => Some(elaborate(program, &Request { batch: 1, ..request.clone() })?),
    };
    let mut measured = Measured::of(of_one.as_ref().unwrap_or(graph));
    let breaches = bounds.iter().filter_map(|bound| measured.breach(bound));
    let diagnostics: Vec<Diagnostic> = breaches.take(MAX_ERRORS).collect();
    if diagnostics.is_empty() { Ok(()) } else { Err(Failure { sources, diagnostics }) }
}

/// All limits that bind this network, and the texts that they and the nodes of the graph point into.
fn read(
    program: &Program,
    request: &Request,
    graph: &Graph,
    limits: &[String],
) -> Result<(SourceMap, Vec<Bound>), Failure> {
    let mut sources = program.sources().clone();
    // As elaboration does, so that spans of both are places in the same texts.
    for (name, text) in &request.settings {
        // What does not parse was told when the graph was made.
        let _ = parse_setting(&mut sources, name, text);
    }
    let mut found: Vec<(FileId, Target, Limit)> = Vec::new();
    for (file, loaded) in program.files() {
        for item in &loaded.ast.items {
            let ItemKind::Budget(budget) = &item.kind else { continue };
            let Some(target) = target(program, file, budget, graph) else { continue };
            found.extend(budget.limits.iter().map(|limit| (file, target.clone(), limit.clone())));
        }
    }
    let mut errors = Vec::new();
    for text in limits {
        match parse_limit(&mut sources, &graph.network, text) {
            Ok(read) => found.extend(read.into_iter().map(|limit| (program.root_id(), Target::Network, limit))),
            Err(found) => errors.extend(found),
        }
    }
    if !errors.is_empty() {
        return Err(Failure { sources, diagnostics: errors });
    }
    let pairs: Vec<(FileId, Limit)> = found.iter().map(|(file, _, limit)| (*file, limit.clone())).collect();
    let most = bounds::most(program, &sources, &pairs)?;
    let bound = |((_, target, limit), most): ((FileId, Target, Limit), Option<u64>)| {
        // Metrics were checked when the file was loaded, or just now.
        let metric = Metric::of(&limit).ok()?;
        Some(Bound { target, metric, most, span: limit.span })
    };
    let bounds = found.into_iter().zip(most).filter_map(bound).collect();
    Ok((sources, bounds))
}

/// What a budget binds, if that is part of the network.
fn target(program: &Program, file: FileId, budget: &Budget, graph: &Graph) -> Option<Target> {
    let item = program.lookup(file, &budget.target.text).and_then(|item| program.item(item))?;
    match &item.kind {
        ItemKind::Network(network) => (network.name.text == graph.network).then_some(Target::Network),
        ItemKind::Module(module) => Some(Target::Module(module.name.text.clone())),
        ItemKind::Use(_) | ItemKind::Const(_) | ItemKind::Fn(_) | ItemKind::Budget(_) => None,
    }
}

/// Reads limits from outside the file, in a source of their own.
fn parse_limit(sources: &mut SourceMap, network: &str, text: &str) -> Result<Vec<Limit>, Vec<Diagnostic>> {
    let source = sources.add("--budget", format!("budget {network} {{ {text} }}"));
    let (file, mut errors) = parameternet_dsl::parse(sources, source);
    let mut items = file.items.into_iter().map(|item| item.kind);
    let limits = match (items.next(), items.next()) {
        (Some(ItemKind::Budget(budget)), None) => budget.limits,
        _ => Vec::new(),
    };
    errors.extend(check_limits(&limits));
    if limits.is_empty() && errors.is_empty() {
        let end = sources.get(source).map_or(0, |file| file.text.len());
        let error = Diagnostic::new(Code::E0001, "expected a limit, such as `macs<=600M`");
        errors.push(error.primary(Span::new(source, 0, end), "no limit"));
    }
    if errors.is_empty() { Ok(limits) } else { Err(errors) }
}
