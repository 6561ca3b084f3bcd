//! The rows of a table of costs, for people, as JSON and as CSV.

use parameternet_compiler::analysis::group;
use parameternet_compiler::analysis::totals::{Totals, ratio};
use parameternet_compiler::analysis::tree::{self, Branch};
use serde_json::{Map, Value, json};

use super::Subject;
use crate::arguments::By;
use crate::table::{Align, Table, beginning, counted, ending, grouped};

/// Something that costs.
pub(super) struct Row {
    /// How deep it stands in the tree.
    depth: usize,
    name: String,
    /// What it is: a module, an operation, the text of a line.
    kind: String,
    totals: Totals,
}

/// The rows that were asked for.
pub(super) fn rows(subject: &Subject<'_>) -> Vec<Row> {
    let analysis = subject.analysis;
    let convention = subject.options.convention;
    let costliest = |mut rows: Vec<Row>| {
        rows.sort_by_key(|row| {
            std::cmp::Reverse((row.totals.counts.get(convention), row.totals.parameters, row.totals.nodes))
        });
        rows
    };
    match subject.options.by {
        By::Module => {
            let tree = tree::tree(analysis);
            let mut rows = Vec::new();
            branch(&mut rows, &tree, &analysis.graph.network, 0, 1, usize::from(subject.options.depth));
            rows
        }
        By::Op => costliest(
            group::by_operation(analysis)
                .into_iter()
                .map(|group| Row {
                    depth: 0,
                    name: group.key.to_owned(),
                    kind: counted(usize::try_from(group.totals.nodes).unwrap_or(usize::MAX), "node"),
                    totals: group.totals,
                })
                .collect(),
        ),
        By::Line => costliest(
            group::by_line(analysis, subject.program.sources())
                .into_iter()
                .map(|group| Row {
                    depth: 0,
                    name: format!("{}:{}", group.key.file, group.key.line),
                    kind: group.key.text,
                    totals: group.totals,
                })
                .collect(),
        ),
        By::Node => analysis
            .iter()
            .map(|(node, cost)| {
                let path = node.path.as_ref().or_else(|| analysis.graph.instance(node.instance).map(|i| &i.path));
                let path = path.map(ToString::to_string).unwrap_or_default();
                let name = format!("{} {} {path}", cost.node, node.op.name()).trim_end().to_owned();
                Row { depth: 0, name, kind: node.shape.to_string(), totals: cost.totals }
            })
            .collect(),
    }
}

/// A branch and what is below it, down to a depth. `times` says how often it is there.
fn branch(rows: &mut Vec<Row>, branch_: &Branch, name: &str, depth: usize, times: u64, most: usize) {
    let kind = branch_.kind.clone().unwrap_or_default();
    let kind = match (branch_.count, kind.is_empty()) {
        (1, _) => kind,
        (count, true) => format!("{count} x"),
        (count, false) => format!("{count} x {kind}"),
    };
    rows.push(Row { depth, name: name.to_owned(), kind, totals: branch_.totals.times(times) });
    if depth < most {
        let times = times.saturating_mul(branch_.count as u64);
        for child in branch_.folded() {
            let name =
                if child.label.starts_with('[') { format!("{name}{}", child.label) } else { child.label.clone() };
            branch(rows, &child, &name, depth + 1, times, most);
        }
    }
}

/// How many characters a full bar has.
const BAR: u64 = 20;

/// A share of the whole as a bar; whatever is not nothing shows.
fn bar(part: u64, whole: u64) -> String {
    let eighths = (u128::from(part) * u128::from(BAR) * 8).checked_div(u128::from(whole)).unwrap_or(0);
    let full = usize::try_from(eighths / 8).unwrap_or(0);
    let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"].get(usize::try_from(eighths % 8).unwrap_or(0)).unwrap_or(&"");
    let bar = format!("{}{rest}", "█".repeat(full));
    if bar.is_empty() && part > 0 { "▏".to_owned() } else { bar }
}

/// The widest name or text of a line that is shown.
const WIDTH: usize = 48;

/// The table for people.
pub(super) fn table(subject: &Subject<'_>) -> String {
    let convention = subject.options.convention;
    let (heading, kind) = match subject.options.by {
        By::Module => ("module", "what"),
        By::Op => ("operation", ""),
        By::Line => ("line", "text"),
        By::Node => ("node", "shape"),
    };
    let mut table = Table::new(&[
        (heading, Align::Left),
        (kind, Align::Left),
        ("parameters", Align::Right),
        (convention.unit(), Align::Right),
        ("share", Align::Right),
        ("", Align::Left),
        ("operations/byte", Align::Right),
    ]);
    let whole = subject.analysis.totals.counts.get(convention);
    for row in rows(subject) {
        let count = row.totals.counts.get(convention);
        let name = if subject.options.by == By::Line { ending(&row.name, WIDTH) } else { row.name };
        table.row([
            format!("{}{name}", "  ".repeat(row.depth)),
            beginning(&row.kind, WIDTH),
            grouped(row.totals.parameters),
            grouped(count),
            format!("{:.1}%", 100.0 * ratio(count, whole)),
            format!("{:<1$}", bar(count, whole), BAR as usize),
            format!("{:.2}", row.totals.intensity()),
        ]);
    }
    table.render()
}

/// Everything that is counted, by name.
pub(super) fn fields(totals: &Totals) -> Vec<(&'static str, u64)> {
    vec![
        ("nodes", totals.nodes),
        ("parameters", totals.parameters),
        ("buffers", totals.buffers),
        ("core", totals.counts.core),
        ("paper", totals.counts.paper),
        ("fvcore", totals.counts.fvcore),
        ("strict", totals.counts.strict),
        ("activation_bytes", totals.activation_bytes),
        ("read_bytes", totals.read_bytes),
        ("weight_bytes", totals.weight_bytes),
    ]
}

/// The rows as CSV.
pub(super) fn csv(subject: &Subject<'_>) -> String {
    let mut text = String::from("name,depth,kind");
    for (field, _) in fields(&Totals::default()) {
        text.push(',');
        text.push_str(field);
    }
    text.push('\n');
    for row in rows(subject) {
        text.push_str(&format!("{},{},{}", quoted(&row.name), row.depth, quoted(&row.kind)));
        for (_, number) in fields(&row.totals) {
            text.push_str(&format!(",{number}"));
        }
        text.push('\n');
    }
    text
}

/// A field of CSV, in quotes where it needs them.
pub(super) fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// Totals as an object.
pub(super) fn totals_json(totals: &Totals) -> Map<String, Value> {
    let mut object: Map<String, Value> =
        fields(totals).into_iter().map(|(name, number)| (name.to_owned(), json!(number))).collect();
    object.insert("operations_per_byte".to_owned(), json!(totals.intensity()));
    object
}

/// The rows as JSON; those of the tree carry their depth.
pub(super) fn json(subject: &Subject<'_>) -> Value {
    let row = |row: Row| {
        let mut object = totals_json(&row.totals);
        object.insert("name".to_owned(), json!(row.name));
        object.insert("depth".to_owned(), json!(row.depth));
        object.insert("kind".to_owned(), json!(row.kind));
        Value::Object(object)
    };
    rows(subject).into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_show_shares() {
        assert_eq!(bar(0, 10), "");
        assert_eq!(bar(10, 10), "█".repeat(20));
        assert_eq!(bar(1, 1_000_000), "▏");
        assert_eq!(bar(5, 0), "▏");
        assert_eq!(bar(u64::MAX, u64::MAX).chars().count(), 20);
    }

    #[test]
    fn fields_of_csv_are_quoted_where_they_must() {
        assert_eq!(quoted("conv"), "conv");
        assert_eq!(quoted("say \"x\", y"), "\"say \"\"x\"\", y\"");
    }
}
