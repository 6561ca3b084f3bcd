//! A view as text for Graphviz: `dot -Tsvg` and other programs that read the DOT language lay it out.
//!
//! In: a [`View`]. Out: one directed graph; items are nodes `i0`, `i1`, …, opened modules are nested clusters. The order is that
//! of the view, so that the text changes only where the network does.

use std::fmt::Write;

use super::caption;
use super::view::{ClusterIndex, Kind, Measure, View};

/// The text.
#[must_use]
pub fn dot(view: &View, measure: Measure) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "digraph {} {{", quoted(&view.network));
    let label = format!("{}\n{}", caption::title(view), caption::legend(view, measure));
    let _ = writeln!(text, "  graph [label={}, labelloc=t, fontname=\"sans-serif\", bgcolor=white]", quoted(&label));
    text.push_str(
        "  node [shape=box, style=\"filled,rounded\", fillcolor=white, fontname=\"sans-serif\", fontsize=11]\n",
    );
    text.push_str("  edge [color=\"#555555\", arrowsize=0.7]\n");
    let mut contents = vec![Contents::default(); view.clusters.len()];
    let mut network = Contents::default();
    for (index, item) in view.items.iter().enumerate() {
        let of = item.cluster.and_then(|cluster| contents.get_mut(cluster));
        of.unwrap_or(&mut network).items.push(index);
    }
    for (index, cluster) in view.clusters.iter().enumerate() {
        let of = cluster.parent.and_then(|parent| contents.get_mut(parent));
        of.unwrap_or(&mut network).clusters.push(index);
    }
    let writer = Writer { view, measure, strengths: view.strengths(measure), contents };
    writer.write(&mut text, &network, 1);
    for link in &view.links {
        let details = quoted(&caption::link_details(&link.shapes));
        let _ = writeln!(text, "  i{} -> i{} [tooltip={details}]", link.from, link.to);
    }
    text.push_str("}\n");
    text
}

/// What stands directly in a module.
#[derive(Debug, Clone, Default)]
struct Contents {
    items: Vec<usize>,
    clusters: Vec<ClusterIndex>,
}

struct Writer<'v> {
    view: &'v View,
    measure: Measure,
    strengths: Vec<f64>,
    contents: Vec<Contents>,
}

impl Writer<'_> {
    /// The items of a module, then the modules in it. As deep as modules are opened.
    fn write(&self, text: &mut String, contents: &Contents, level: usize) {
        let indent = "  ".repeat(level);
        for index in &contents.items {
            let Some(item) = self.view.items.get(*index) else { continue };
            let mut label = caption::heading(self.view, item);
            for line in caption::lines(item, self.measure) {
                label.push('\n');
                label.push_str(&line);
            }
            let (label, details) = (quoted(&label), quoted(&caption::details(self.view, item, self.measure)));
            let _ = write!(text, "{indent}i{index} [label={label}, tooltip={details}");
            let strength = self.strengths.get(*index).copied().unwrap_or(0.0);
            let _ = match item.kind {
                Kind::Input | Kind::Output => write!(text, ", shape=ellipse, style=filled, fillcolor=\"#dceaf7\""),
                Kind::Operation | Kind::Module if strength > 0.0 => {
                    write!(text, ", fillcolor=\"{}\"", caption::colour(strength))
                }
                Kind::Operation | Kind::Module => Ok(()),
            };
            if item.kind == Kind::Module {
                text.push_str(", penwidth=2");
            }
            text.push_str("]\n");
        }
        for index in &contents.clusters {
            let (Some(cluster), Some(inner)) = (self.view.clusters.get(*index), self.contents.get(*index)) else {
                continue;
            };
            let label = quoted(&caption::cluster_label(cluster));
            let details = quoted(&caption::cluster_details(cluster, self.measure));
            let _ = writeln!(text, "{indent}subgraph cluster_{index} {{");
            let _ = writeln!(
                text,
                "{indent}  label={label}; tooltip={details}; labeljust=l; style=\"filled,rounded\"; fillcolor=\"#00000008\"; \
                 color=\"#999999\"; fontsize=11"
            );
            self.write(text, inner, level + 1);
            let _ = writeln!(text, "{indent}}}");
        }
    }
}

/// A quoted string of the DOT language; line breaks are those of centred lines.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}
