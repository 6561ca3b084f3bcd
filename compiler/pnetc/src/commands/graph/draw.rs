//! A view as a picture: an SVG file that stands alone, light in any viewer, with a tooltip for everything.

use std::fmt::Write;

use parameternet_compiler::export::caption;
use parameternet_compiler::export::view::{Item, Kind, Measure, View};

use super::layout::{Layout, Rectangle, layout};
use super::route::Curve;
use crate::svg::escaped;

/// Around the picture, and above it for its heading.
const MARGIN: f64 = 24.0;
const HEADING: f64 = 58.0;
/// Heights of the lines of a box: the first, and the others.
const LINES: [f64; 2] = [17.0, 14.0];
/// Left and right, above and below the text of a box.
const INSIDE: [f64; 2] = [10.0, 7.0];
/// Sizes of letters: the picture's heading, those of boxes, all else.
const LETTERS: [f64; 3] = [16.0, 12.0, 10.5];

/// The text of a box.
struct Text {
    heading: String,
    lines: Vec<String>,
}

impl Text {
    fn size(&self) -> (f64, f64) {
        let widest = self.lines.iter().map(|line| width(line, LETTERS[2])).fold(0.0, f64::max);
        let lines: f64 = self.lines.iter().map(|_| LINES[1]).sum();
        let width = widest.max(1.1 * width(&self.heading, LETTERS[1]));
        (width + 2.0 * INSIDE[0], LINES[0] + lines + 2.0 * INSIDE[1])
    }
}

/// How wide a text is at most in the fonts that `sans-serif` mostly is.
pub(super) fn width(text: &str, letters: f64) -> f64 {
    let of = |character: char| match character {
        'i' | 'j' | 'l' | '.' | ',' | ':' | '\'' | '|' | ' ' | '[' | ']' | '(' | ')' | 'f' | 't' | 'r' => 0.42,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 1.0,
        'A'..='Z' | '=' | '+' | '<' | '>' | '&' => 0.84,
        character if character.is_ascii() => 0.65,
        // Wide scripts take the whole square.
        _ => 1.0,
    };
    text.chars().map(of).sum::<f64>() * letters
}

/// The picture.
pub(super) fn draw(view: &View, measure: Measure) -> String {
    let text = |item: &Item| Text { heading: caption::heading(view, item), lines: caption::lines(item, measure) };
    let texts: Vec<Text> = view.items.iter().map(text).collect();
    let sizes: Vec<(f64, f64)> = texts.iter().map(Text::size).collect();
    let labels: Vec<String> = view.clusters.iter().map(caption::cluster_label).collect();
    let widths: Vec<f64> = labels.iter().map(|label| width(label, LETTERS[2]) + 8.0).collect();
    let layout = layout(view, &sizes, &widths);
    let (title, legend) = (caption::title(view), caption::legend(view, measure));
    let headings = width(&title, LETTERS[0] * 1.1).max(width(&legend, LETTERS[2]));
    let (wide, high) = (layout.width.max(headings) + 2.0 * MARGIN, layout.height + HEADING + 2.0 * MARGIN);
    let title = escaped(&title);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide:.1} {high:.1}\" width=\"{wide:.1}\" \
         height=\"{high:.1}\" role=\"img\" aria-label=\"{title}\">\n\
         <style>text{{font:{}px sans-serif;fill:#222}}.title{{font:bold {}px sans-serif}}\
         .name{{font-weight:bold;font-size:{}px}}.middle{{text-anchor:middle}}.frame{{fill:#000;fill-opacity:.035;stroke:#999}}\
         .label{{fill:#555;stroke:#f6f6f6;stroke-width:3;paint-order:stroke}}.line{{fill:none;stroke:#666;stroke-width:1.2}}.box{{stroke:#444}}.module{{stroke-width:2}}\
         .port{{stroke:#3973ac}}</style>\n\
         <defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path d=\"M0 0L8 4L0 8Z\" fill=\"#666\"/></marker></defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text class=\"title\" x=\"{MARGIN}\" y=\"{:.1}\">{title}</text>\n\
         <text x=\"{MARGIN}\" y=\"{:.1}\">{}</text>\n",
        LETTERS[2],
        LETTERS[0],
        LETTERS[1],
        MARGIN + LETTERS[0],
        MARGIN + 38.0,
        escaped(&legend),
    );
    let left = (wide - layout.width) / 2.0;
    let _ = writeln!(svg, "<g transform=\"translate({left:.1} {:.1})\">", MARGIN + HEADING);
    frames(&mut svg, view, measure, &layout);
    lines(&mut svg, view, &layout);
    for (frame, label) in layout.frames.iter().zip(&labels) {
        let (x, y, label) = (frame.x + 7.0, frame.y + 14.0, escaped(label));
        let _ = writeln!(svg, "<text class=\"label\" x=\"{x:.1}\" y=\"{y:.1}\">{label}</text>");
    }
    boxes(&mut svg, view, measure, &layout, &texts);
    svg.push_str("</g>\n</svg>\n");
    svg
}

fn frames(svg: &mut String, view: &View, measure: Measure, layout: &Layout) {
    for (cluster, frame) in view.clusters.iter().zip(&layout.frames) {
        let title = escaped(&caption::cluster_details(cluster, measure));
        let _ = writeln!(svg, "<g><title>{title}</title>{}</g>", rectangle(frame, "frame", 6.0, None));
    }
}

fn lines(svg: &mut String, view: &View, layout: &Layout) {
    for line in &layout.lines {
        let mut path = String::new();
        let mut end = None;
        for Curve { from, to } in &line.curves {
            if end != Some(*from) {
                let _ = write!(path, "M{:.1} {:.1}", from.0, from.1);
            }
            let middle = f64::midpoint(from.1, to.1);
            let _ = match (from.0 - to.0).abs() < 0.05 {
                true => write!(path, "V{:.1}", to.1),
                false => {
                    write!(path, "C{:.1} {middle:.1} {:.1} {middle:.1} {:.1} {:.1}", from.0, to.0, to.0, to.1)
                }
            };
            end = Some(*to);
        }
        let shapes = view.items.get(line.source).map(|item| caption::link_details(&item.shapes)).unwrap_or_default();
        let arrow = if line.target.is_some() { " marker-end=\"url(#arrow)\"" } else { "" };
        let _ = writeln!(svg, "<path class=\"line\" d=\"{path}\"{arrow}><title>{}</title></path>", escaped(&shapes));
    }
}

fn boxes(svg: &mut String, view: &View, measure: Measure, layout: &Layout, texts: &[Text]) {
    let strengths = view.strengths(measure);
    for (((item, place), text), strength) in view.items.iter().zip(&layout.boxes).zip(texts).zip(strengths) {
        let (class, round, fill) = match item.kind {
            Kind::Input | Kind::Output => ("box port", place.height / 2.0, "#dceaf7".to_owned()),
            Kind::Operation => ("box", 4.0, caption::colour(strength)),
            Kind::Module => ("box module", 4.0, caption::colour(strength)),
        };
        let title = escaped(&caption::details(view, item, measure));
        let _ = writeln!(svg, "<g><title>{title}</title>{}", rectangle(place, class, round, Some(&fill)));
        let x = place.centre();
        let mut y = place.y + INSIDE[1] + LINES[0] - 5.0;
        let _ = write!(svg, "<text class=\"name middle\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(&text.heading));
        for line in &text.lines {
            y += LINES[1];
            let _ = write!(svg, "<text class=\"middle\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(line));
        }
        svg.push_str("</g>\n");
    }
}

fn rectangle(place: &Rectangle, class: &str, round: f64, fill: Option<&str>) -> String {
    let Rectangle { x, y, width, height } = place;
    let fill = fill.map(|fill| format!(" fill=\"{fill}\"")).unwrap_or_default();
    format!(
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{round:.1}\"{fill}/>"
    )
}
