//! What stands in the boxes of a picture, and what is said about them on demand.

use std::fmt::Write;

use super::view::{Cluster, Item, Kind, Measure, View};
use crate::analysis::convention::Convention;
use crate::analysis::totals::Totals;
use crate::figures::{grouped, short_count};
use crate::shape::Shape;

/// The attributes of an operation that a box has room for.
const SHOWN: [&str; 4] = ["kernel", "stride", "groups", "experts"];

/// The convention that a measure counts work by.
#[must_use]
pub fn convention(measure: Measure) -> Convention {
    match measure {
        Measure::Work(convention) => convention,
        Measure::Parameters | Measure::Activations => Convention::Core,
    }
}

/// The heading of a box: its name, or what it is where it has none.
#[must_use]
pub fn heading(view: &View, item: &Item) -> String {
    match (item.name.is_empty(), item.what.is_empty()) {
        (false, _) => item.name.to_string(),
        (true, false) => item.what.clone(),
        (true, true) => view.network.clone(),
    }
}

/// The lines below the heading: what it is, the shapes that leave it, what it costs.
#[must_use]
pub fn lines(item: &Item, measure: Measure) -> Vec<String> {
    let mut lines = Vec::new();
    let attributes = item.attributes.iter().filter(|(name, _)| SHOWN.contains(name));
    let mut words: Vec<String> = attributes.map(|(name, value)| format!("{name}={value}")).collect();
    if !item.name.is_empty() && item.name.to_string() != item.what {
        words.insert(0, item.what.clone());
    }
    if !words.is_empty() {
        lines.push(words.join(" "));
    }
    lines.extend(shapes(&item.shapes));
    let convention = convention(measure);
    let (parameters, work) = (item.totals.parameters, item.totals.counts.get(convention));
    let mut costs = Vec::new();
    if parameters > 0 {
        costs.push(format!("{} parameters", short_count(parameters)));
    }
    if work > 0 {
        costs.push(format!("{} {}", short_count(work), convention.unit()));
    }
    if !costs.is_empty() {
        lines.push(costs.join(", "));
    }
    lines
}

/// The first shapes; how many more there are.
fn shapes(shapes: &[Shape]) -> Option<String> {
    const MOST: usize = 2;
    let shown: Vec<String> = shapes.iter().take(MOST).map(ToString::to_string).collect();
    let rest = shapes.len().saturating_sub(MOST);
    match (shown.is_empty(), rest) {
        (true, _) => None,
        (false, 0) => Some(shown.join(", ")),
        (false, rest) => Some(format!("{} and {rest} more", shown.join(", "))),
    }
}

/// Everything about a box, one fact a line.
#[must_use]
pub fn details(view: &View, item: &Item, measure: Measure) -> String {
    let mut text = match item.kind {
        Kind::Input => format!("input {}", item.path),
        Kind::Output => format!("output {}", item.path),
        Kind::Operation | Kind::Module if item.path.is_empty() => item.what.clone(),
        Kind::Operation | Kind::Module if item.name.is_empty() => format!("{} in {}", item.what, item.path),
        Kind::Operation | Kind::Module => format!("{}: {}", item.path, item.what),
    };
    // Writing to a String cannot fail.
    if !item.attributes.is_empty() {
        let attributes: Vec<String> = item.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let _ = write!(text, "\n{}", attributes.join(", "));
    }
    for shape in &item.shapes {
        let _ = write!(text, "\nf32{shape}");
    }
    if item.kind == Kind::Module {
        let _ = write!(text, "\n{} operations", grouped(item.totals.nodes));
    }
    if matches!(item.kind, Kind::Operation | Kind::Module) {
        costs(&mut text, &item.totals, measure);
        let _ = write!(text, "\n{:.2}% of all {}", 100.0 * view.share(item, measure), measure.unit());
    }
    text
}

fn costs(text: &mut String, totals: &Totals, measure: Measure) {
    let convention = convention(measure);
    let work = totals.counts.get(convention);
    let _ = write!(text, "\n{} parameters\n{} {}", grouped(totals.parameters), grouped(work), convention.unit());
    let _ = write!(text, "\n{} bytes of activations", grouped(totals.activation_bytes));
}

/// The label of an opened module.
#[must_use]
pub fn cluster_label(cluster: &Cluster) -> String {
    if cluster.name.is_empty() { cluster.module.clone() } else { format!("{}: {}", cluster.name, cluster.module) }
}

/// Everything about an opened module, one fact a line.
#[must_use]
pub fn cluster_details(cluster: &Cluster, measure: Measure) -> String {
    let mut text = match cluster.path.is_empty() {
        true => cluster.module.clone(),
        false => format!("{}: {}", cluster.path, cluster.module),
    };
    costs(&mut text, &cluster.totals, measure);
    text
}

/// What is carried from one box to another.
#[must_use]
pub fn link_details(shapes: &[Shape]) -> String {
    let shapes: Vec<String> = shapes.iter().map(|shape| format!("f32{shape}")).collect();
    shapes.join("\n")
}

/// The heading of the picture.
#[must_use]
pub fn title(view: &View) -> String {
    format!("{}, batch {}", view.network, view.batch)
}

/// What the network costs, and what the colours mean.
#[must_use]
pub fn legend(view: &View, measure: Measure) -> String {
    let convention = convention(measure);
    let work = view.totals.counts.get(convention);
    format!(
        "{} parameters, {} {} ({convention}); the deeper the colour, the larger the share of {}",
        grouped(view.totals.parameters),
        grouped(work),
        convention.unit(),
        measure.unit(),
    )
}

/// The colour of a box as `#rrggbb`: white for nothing, light enough for dark text at its deepest.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 255")]
pub fn colour(strength: f64) -> String {
    const DEEPEST: [f64; 3] = [245.0, 158.0, 84.0];
    let mix = |deepest: f64| (255.0 + (deepest - 255.0) * strength.clamp(0.0, 1.0)).round() as u8;
    let [red, green, blue] = DEEPEST.map(mix);
    format!("#{red:02x}{green:02x}{blue:02x}")
}
