//! Elaboration: running a program at compile time, which leaves a graph.
//!
//! In: a [`Program`] and a [`Request`]. Out: the [`Graph`] of one network, with loops unrolled, calls of modules opened up
//! and every shape checked, or all errors that are independent of each other.
//!
//! `expression` evaluates, `statement` executes, `call` binds arguments and makes instances, `index` takes parts of lists
//! and tensors, `arithmetic` computes, `report` turns what went wrong into diagnostics. A value that could not be computed
//! is [`Value::Poison`]: it was reported once and is silent from then on.

pub(crate) mod arithmetic;
pub(crate) mod bounds;
pub mod builtin;
mod call;
mod environment;
mod expression;
mod index;
mod report;
mod statement;

use std::collections::HashMap;

use parameternet_dsl::ast::{Expr, ItemKind, Network};
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::{Diagnostic, did_you_mean};
use parameternet_dsl::source::{SourceMap, Span};

use crate::graph::build::GraphBuilder;
use crate::graph::{Graph, InstanceId, verify};
use crate::limits::{MAX_ERRORS, MAX_STEPS, STACK_BYTES, STEPS_OF_AN_ERROR};
use crate::program::{Failure, ItemRef, Program, parse_setting};
use crate::value::Value;
use environment::Environment;
use report::Report;

/// What to elaborate, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The network; `None` for the only one of the root file.
    pub network: Option<String>,
    /// The value of `batch`, at least 1.
    pub batch: usize,
    /// Hyper-parameters that are set from outside, with their values as expressions of the language.
    pub settings: Vec<(String, String)>,
}

impl Default for Request {
    fn default() -> Self {
        Request { network: None, batch: 1, settings: Vec::new() }
    }
}

/// Elaborates a network of the program.
///
/// # Errors
/// Everything that is wrong with the request or the program's meaning. Errors in one value hide those that depend on it.
pub fn elaborate(program: &Program, request: &Request) -> Result<Graph, Failure> {
    let result = on_large_stack(program, || Elaborator::run(program, request));
    if let Ok(graph) = &result {
        verify::debug(graph);
    }
    result
}

/// Programs may nest calls and expressions deeper than a thread's usual stack allows.
pub(crate) fn on_large_stack<T: Send>(
    program: &Program,
    run: impl FnOnce() -> Result<T, Failure> + Send,
) -> Result<T, Failure> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, run);
        match thread.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(error) => {
                let diagnostic =
                    Diagnostic::new(Code::E0502, format!("cannot start the thread of the compiler: {error}"));
                Err(Failure { sources: program.sources().clone(), diagnostics: vec![diagnostic] })
            }
        }
    })
}

/// Why evaluation did not yield a value. Either way it was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// This value is unknown; the rest can go on.
    Poisoned,
    /// A limit was reached; all stops.
    Limit,
}

/// A value, or nothing because of an error that was reported.
type Outcome<T> = Result<T, Stop>;

/// A call that is being evaluated.
#[derive(Debug, Clone)]
struct Frame {
    /// What the function or module is called.
    name: String,
    span: Span,
}

/// The state of one elaboration.
struct Elaborator<'p> {
    program: &'p Program,
    builder: GraphBuilder,
    report: Report,
    steps: u64,
    frames: Vec<Frame>,
    /// How deep calls and constants nest.
    depth: usize,
    /// The constants evaluated so far; `None` while one is being evaluated.
    constants: HashMap<ItemRef, Option<Value>>,
}

impl<'p> Elaborator<'p> {
    fn run(program: &'p Program, request: &Request) -> Result<Graph, Failure> {
        let Chosen { network, settings, sources } = chosen(program, request)?;
        let fail = |sources, diagnostics| Err(Failure { sources, diagnostics });
        let mut elaborator = Elaborator {
            program,
            builder: GraphBuilder::new(&network.name.text, network.name.span, request.batch.max(1)),
            report: Report::default(),
            steps: MAX_STEPS,
            frames: Vec::new(),
            depth: 0,
            constants: HashMap::new(),
        };
        // Errors are in the report; a network without any is complete.
        let _ = elaborator.network(network, request.batch.max(1), &settings);
        let errors = elaborator.report.finish();
        if errors.is_empty() { Ok(elaborator.builder.finish()) } else { fail(sources, errors) }
    }

    fn network(&mut self, network: &'p Network, batch: usize, settings: &HashMap<String, Expr>) -> Outcome<()> {
        let mut environment = Environment::new(self.program.root_id(), InstanceId::NETWORK, environment::Body::Network);
        for parameter in &network.parameters {
            let value = match (settings.get(&parameter.name.text), &parameter.default) {
                (Some(expr), _) => self.expression_or_poison(expr, &mut environment)?,
                (None, Some(default)) => self.expression_or_poison(default, &mut environment)?,
                (None, None) => {
                    let name = &parameter.name.text;
                    self.error(
                        Diagnostic::new(Code::E0207, format!("the hyper-parameter `{name}` has no value"))
                            .primary(parameter.name.span, "it has no default")
                            .help(format!(
                                "give it a default (`{name} = …`) or set it from outside (`--set {name}=…`, or `{name}: …` in `parameternet!`)"
                            )),
                        InstanceId::NETWORK,
                    );
                    Value::Poison
                }
            };
            self.builder.setting(&parameter.name.text, value.to_string());
            environment.bind(&parameter.name.text, value);
        }
        environment.bind("batch", Value::Int(i64::try_from(batch).unwrap_or(i64::MAX)));
        self.network_body(network, &mut environment)
    }

    /// Takes `count` steps of the budget that bounds the whole compilation.
    fn spend(&mut self, count: u64, span: Span, instance: InstanceId) -> Outcome<()> {
        match self.steps.checked_sub(count) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => {
                self.error(
                    Diagnostic::new(Code::E0502, "the program takes too long to evaluate")
                        .primary(span, "the limit was reached here")
                        .note(format!(
                            "one compilation may take {MAX_STEPS} steps: expressions, loop turns, list elements"
                        )),
                    instance,
                );
                Err(Stop::Limit)
            }
        }
    }

    /// Reports an error that happened in the body of `instance`.
    fn error(&mut self, diagnostic: Diagnostic, instance: InstanceId) {
        self.steps = self.steps.saturating_sub(STEPS_OF_AN_ERROR);
        let diagnostic = report::in_context(diagnostic, self.builder.instance(instance), self.frames.last());
        self.report.add(diagnostic);
    }

    /// Whether so many errors were found that more would not help.
    fn is_exhausted(&self) -> bool {
        self.report.len() >= MAX_ERRORS
    }
}

/// What a request asks for.
pub(crate) struct Chosen<'p> {
    pub network: &'p Network,
    /// The hyper-parameters that are set from outside.
    pub settings: HashMap<String, Expr>,
    /// The texts of the program and of the settings.
    pub sources: SourceMap,
}

/// Finds the network of a request and reads its settings.
///
/// # Errors
/// When there is no such network, or a setting is wrong.
pub(crate) fn chosen<'p>(program: &'p Program, request: &Request) -> Result<Chosen<'p>, Failure> {
    let mut sources = program.sources().clone();
    let network = match choose(program, request) {
        Ok(network) => network,
        Err(error) => return Err(Failure { sources, diagnostics: vec![*error] }),
    };
    let mut settings = HashMap::new();
    let mut errors = Vec::new();
    for (name, text) in &request.settings {
        match setting(&mut sources, network, name, text) {
            Ok(expr) if settings.contains_key(name) => {
                errors.push(
                    Diagnostic::new(Code::E0207, format!("`{name}` is set twice")).primary(expr.span, "again here"),
                );
            }
            Ok(expr) => drop(settings.insert(name.clone(), expr)),
            Err(found) => errors.extend(found),
        }
    }
    if errors.is_empty() {
        Ok(Chosen { network, settings, sources })
    } else {
        Err(Failure { sources, diagnostics: errors })
    }
}

/// How many networks of a file are listed.
const SHOWN_NETWORKS: usize = 8;

/// The network that a request means.
fn choose<'p>(program: &'p Program, request: &Request) -> Result<&'p Network, Box<Diagnostic>> {
    let networks: Vec<&Network> = program.networks().collect();
    let names: Vec<&str> = networks.iter().map(|network| network.name.text.as_str()).collect();
    let list = names.iter().take(SHOWN_NETWORKS).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match &request.network {
        Some(wanted) => networks.iter().find(|network| network.name.text == *wanted).copied().ok_or_else(|| {
            let error = Diagnostic::new(Code::E0105, format!("there is no network `{wanted}` in this file"));
            Box::new(match did_you_mean(wanted, names.iter().copied()) {
                Some(meant) => error.help(format!("did you mean `{meant}`?")),
                None if names.is_empty() => error.note("it defines no network at all"),
                None => error.help(format!("its networks are {list}")),
            })
        }),
        None => match networks.as_slice() {
            [only] => Ok(only),
            [] => Err(Box::new(
                Diagnostic::new(Code::E0105, "this file defines no network")
                    .help("a network is an entry point: `network Net { input x: f32[batch, 3, 32, 32] … return x }`"),
            )),
            several @ [first, ..] => {
                let error = Diagnostic::new(Code::E0105, format!("this file defines {} networks", several.len()));
                let error = several
                    .iter()
                    .take(SHOWN_NETWORKS)
                    .fold(error, |error, network| error.primary(network.name.span, ""));
                let name = &first.name.text;
                let help =
                    format!("say which one is meant: `--network {name}`, or `network: {name}` in `parameternet!`");
                Err(Box::new(error.help(help)))
            }
        },
    }
}

/// Parses the value of a hyper-parameter that is set from outside.
fn setting(sources: &mut SourceMap, network: &Network, name: &str, text: &str) -> Result<Expr, Vec<Diagnostic>> {
    let known = || network.parameters.iter().map(|parameter| parameter.name.text.as_str());
    if known().any(|parameter| parameter == name) {
        return parse_setting(sources, name, text);
    }
    let error = Diagnostic::new(Code::E0207, format!("`{}` has no hyper-parameter `{name}`", network.name.text));
    let names: Vec<String> = known().map(|name| format!("`{name}`")).collect();
    Err(vec![match did_you_mean(name, known()) {
        Some(meant) => error.help(format!("did you mean `{meant}`?")),
        None if names.is_empty() => error.note("it has none at all"),
        None => error.help(format!("its hyper-parameters are {}", names.join(", "))),
    }])
}

/// What an item of the program defines.
fn item_kind(program: &Program, item: ItemRef) -> Option<&ItemKind> {
    program.item(item).map(|item| &item.kind)
}
