//! What a limit of a budget bounds.

use parameternet_dsl::ast::Limit;
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::{Diagnostic, did_you_mean};

use crate::analysis::convention::Convention;

/// A cost that can be bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Trainable parameters.
    Params,
    /// The work by a convention: `macs` is core and `flops` strict, unless another stands in parentheses.
    Work(Convention),
    /// Bytes of weights in f32, buffers included.
    WeightBytes,
    /// The most bytes of activations that live at once.
    ActivationPeak,
}

/// The metrics by name, and whether a convention may stand in parentheses.
const NAMES: [(&str, Metric, bool); 5] = [
    ("params", Metric::Params, false),
    ("macs", Metric::Work(Convention::Core), true),
    ("flops", Metric::Work(Convention::Strict), true),
    ("weight_bytes", Metric::WeightBytes, false),
    ("activation_peak", Metric::ActivationPeak, false),
];

impl Metric {
    /// The metric of a limit.
    ///
    /// # Errors
    /// When there is no such metric or convention.
    pub fn of(limit: &Limit) -> Result<Metric, Box<Diagnostic>> {
        let name = limit.metric.text.as_str();
        let Some((_, metric, takes_convention)) = NAMES.iter().find(|(known, ..)| *known == name) else {
            return Err(Box::new(unknown_metric(limit)));
        };
        let Some(preset) = &limit.preset else { return Ok(*metric) };
        if !takes_convention {
            let error = Diagnostic::new(Code::E0602, format!("`{name}` is the same by every convention"));
            let error = error.primary(preset.span, "no convention is wanted here");
            return Err(Box::new(error.note("conventions are for `macs` and `flops`")));
        }
        preset.text.parse::<Convention>().map(Metric::Work).map_err(|error| {
            let diagnostic =
                Diagnostic::new(Code::E0602, format!("there is no convention `{}` of counting", preset.text));
            Box::new(match error.meant {
                Some(meant) => diagnostic.primary(preset.span, "not known").suggest(
                    "a similar name exists",
                    preset.span,
                    meant.name(),
                ),
                None => diagnostic
                    .primary(preset.span, "not known")
                    .help(list("the conventions are", Convention::ALL.map(Convention::name))),
            })
        })
    }

    /// What is counted.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Metric::Params => "parameters",
            Metric::Work(convention) => convention.unit(),
            Metric::WeightBytes => "bytes of weights",
            Metric::ActivationPeak => "bytes of activations at once",
        }
    }
}

fn list<const N: usize>(what: &str, names: [&str; N]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("{what} {}", names.join(", "))
}

fn unknown_metric(limit: &Limit) -> Diagnostic {
    /// What others call them.
    const ALIASES: [(&str, &str); 6] = [
        ("parameters", "params"),
        ("multiply_adds", "macs"),
        ("mults", "macs"),
        ("madds", "macs"),
        ("memory", "activation_peak"),
        ("size", "weight_bytes"),
    ];
    let name = &limit.metric;
    let error =
        Diagnostic::new(Code::E0602, format!("there is no metric `{}`", name.text)).primary(name.span, "not known");
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name.text).map(|(_, metric)| *metric);
    match alias.or_else(|| did_you_mean(&name.text, NAMES.map(|(name, ..)| name))) {
        Some(meant) => error.suggest("a similar name exists", name.span, meant),
        None => error.help(list("budgets bound", NAMES.map(|(name, ..)| name))),
    }
}

/// Every error in the limits of one budget that can be seen without their values.
pub(crate) fn check_limits(limits: &[Limit]) -> Vec<Diagnostic> {
    let mut errors = Vec::new();
    let mut known: Vec<(Metric, &Limit)> = Vec::new();
    for limit in limits {
        match Metric::of(limit) {
            Err(error) => errors.push(*error),
            Ok(metric) => match known.iter().find(|(other, _)| *other == metric) {
                Some((_, first)) => errors.push(
                    Diagnostic::new(Code::E0602, format!("`{}` is bounded twice", limit.metric.text))
                        .primary(limit.span, "again here")
                        .secondary(first.span, "first here"),
                ),
                None => known.push((metric, limit)),
            },
        }
    }
    errors
}
