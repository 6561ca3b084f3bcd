//! `--twin`: the network beside the one with plain convolutions in place of dynamic ones.

use parameternet_compiler::analysis::totals::{Totals, ratio};
use parameternet_compiler::analysis::{analyze, twin};
use serde_json::{Value, json};

use super::{Subject, rows};
use crate::failure::Failure;
use crate::table::{Align, Table, grouped};

/// The comparison, for people or as JSON.
pub(super) fn show(subject: &Subject<'_>) -> Result<String, Failure> {
    let (graph, options) = (subject.analysis.graph, subject.options);
    if !twin::has_twin(graph) {
        let network = &graph.network;
        return Err(Failure::Usage(format!("`{network}` has no dynamic convolution, so its static twin is itself")));
    }
    let plain = twin::static_twin(graph).map_err(|error| Failure::Fault(error.kind.to_string()))?;
    let (own, plain) = (subject.analysis.totals, analyze(&plain).totals);
    if options.json {
        let report = json!({
            "file": options.file,
            "network": graph.network,
            "batch": graph.batch,
            "dynamic": Value::Object(rows::totals_json(&own)),
            "static": Value::Object(rows::totals_json(&plain)),
        });
        return Ok(format!("{report:#}\n"));
    }
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
