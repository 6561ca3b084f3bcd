//! `--explain A..B`: which operations make the difference between two conventions.

use parameternet_compiler::analysis::convention::Convention;
use parameternet_compiler::analysis::group;
use serde_json::json;

use super::Subject;
use crate::table::{Align, Table, grouped, signed};

/// The differences, for people or as JSON.
pub(super) fn show(subject: &Subject<'_>, from: Convention, to: Convention) -> String {
    let differences = group::differences(subject.analysis, from, to);
    let counts = subject.analysis.totals.counts;
    if subject.options.json {
        let rows: Vec<_> = differences
            .iter()
            .map(|row| {
                json!({ "work": row.work.name(), "operation": row.operation, "nodes": row.nodes, "from": row.from, "to": row.to })
            })
            .collect();
        let report = json!({
            "file": subject.options.file,
            "network": subject.analysis.graph.network,
            "from": { "convention": from.name(), "counts": from.summary(), "total": counts.get(from) },
            "to": { "convention": to.name(), "counts": to.summary(), "total": counts.get(to) },
            "differences": rows,
        });
        return format!("{report:#}\n");
    }
    let mut table = Table::new(&[
        ("work", Align::Left),
        ("in", Align::Left),
        (from.name(), Align::Right),
        (to.name(), Align::Right),
        ("difference", Align::Right),
    ]);
    let mut row = |work: &str, within: String, from: u64, to: u64| {
        table.row([work.to_owned(), within, grouped(from), grouped(to), signed(from, to)]);
    };
    let (mut alike_from, mut alike_to) = (counts.get(from), counts.get(to));
    for difference in &differences {
        let within = format!("{} {}", grouped(difference.nodes as u64), difference.operation);
        row(difference.work.name(), within, difference.from, difference.to);
        alike_from = alike_from.saturating_sub(difference.from);
        alike_to = alike_to.saturating_sub(difference.to);
    }
    row("all else", String::new(), alike_from, alike_to);
    row("total", String::new(), counts.get(from), counts.get(to));
    format!(
        "{}: {}, batch {}; {} that {from} and {to} count differently\n  {from} counts {}\n  {to} counts {}\n\n{}",
        subject.options.file,
        subject.analysis.graph.network,
        subject.analysis.graph.batch,
        match differences.len() {
            1 => "1 kind of work".to_owned(),
            several => format!("{several} kinds of work"),
        },
        from.summary(),
        to.summary(),
        table.render()
    )
}
