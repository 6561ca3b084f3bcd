//! `--twin`: the network beside the one with plain convolutions in place of dynamic ones.

use parameternet_compiler::analysis::totals::{Totals, ratio};
use parameternet_compiler::analysis::{Analysis, analyze, twin};
use serde_json::{Map, Value, json};

use super::{Subject, rows};
use crate::failure::Failure;
use crate::table::{Align, Table, grouped};

/// A network and its static twin.
pub(super) struct Comparison {
    own: Totals,
    plain: Totals,
}

/// Counts both; nothing where there is no dynamic convolution.
pub(super) fn compare(analysis: &Analysis<'_>) -> Result<Option<Comparison>, Failure> {
    if !twin::has_twin(analysis.graph) {
        return Ok(None);
    }
    let plain = twin::static_twin(analysis.graph).map_err(|error| Failure::Fault(error.kind.to_string()))?;
    Ok(Some(Comparison { own: analysis.totals, plain: analyze(&plain).totals }))
}

impl Comparison {
    pub(super) fn json(&self) -> Map<String, Value> {
        let totals = |totals| Value::Object(rows::totals_json(totals));
        Map::from_iter([("dynamic".to_owned(), totals(&self.own)), ("static".to_owned(), totals(&self.plain))])
    }
}

/// The comparison, for people or as JSON.
pub(super) fn show(subject: &Subject<'_>) -> Result<String, Failure> {
    let (graph, options) = (subject.analysis.graph, subject.options);
    let Some(comparison) = compare(subject.analysis)? else {
        let network = &graph.network;
        return Err(Failure::Usage(format!("`{network}` has no dynamic convolution, so its static twin is itself")));
    };
    if options.json {
        let mut report = Map::from_iter([
            ("file".to_owned(), json!(options.file)),
            ("network".to_owned(), json!(graph.network)),
            ("batch".to_owned(), json!(graph.batch)),
        ]);
        report.extend(comparison.json());
        return Ok(format!("{:#}\n", Value::Object(report)));
    }
    let Comparison { own, plain } = comparison;
    let mut table = Table::new(&[
        ("", Align::Left),
        ("with experts", Align::Right),
        ("static twin", Align::Right),
        ("ratio", Align::Right),
    ]);
    let mut row = |name: &str, number: &dyn Fn(&Totals) -> u64| {
        let (own, plain) = (number(&own), number(&plain));
        table.row([name.to_owned(), grouped(own), grouped(plain), format!("{:.3}", ratio(own, plain))]);
    };
    row("parameters", &|totals| totals.parameters);
    row(options.convention.unit(), &|totals| totals.counts.get(options.convention));
    row("weight bytes read per image", &|totals| totals.weight_bytes);
    row("activation bytes", &|totals| totals.activation_bytes);
    row("operations of the graph", &|totals| totals.nodes);
    Ok(format!("{}: {}, batch {}\n{}", options.file, graph.network, graph.batch, table.render()))
}
