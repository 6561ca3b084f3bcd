//! A picture of a sweep: parameters against multiply-adds, one labelled point a setting, in an SVG file of its own.

use parameternet_compiler::analysis::convention::Convention;
use parameternet_compiler::figures::short;

use crate::svg::escaped;

/// A setting.
pub(super) struct Point {
    pub label: String,
    pub x: u64,
    pub y: u64,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 480.0;
/// Room for the axes: left, right, top, bottom.
const MARGINS: [f64; 4] = [84.0, 120.0, 48.0, 60.0];

/// An axis from 0, with marks at round numbers.
struct Axis {
    step: f64,
    marks: u32,
}

impl Axis {
    /// The smallest axis with at most 7 marks that holds all numbers.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "for a picture"
    )]
    fn of(largest: u64) -> Axis {
        let largest = (largest as f64).max(1.0);
        let power = 10f64.powf((largest / 6.0).log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|step| step * power).find(|step| step * 6.0 >= largest);
        let step = step.unwrap_or(largest).max(1.0);
        Axis { step, marks: (largest / step).ceil() as u32 }
    }

    /// Where a number lies, from 0 to 1.
    fn place(&self, number: f64) -> f64 {
        number / (self.step * f64::from(self.marks))
    }
}

/// The picture.
#[expect(clippy::cast_precision_loss, reason = "for a picture")]
pub(super) fn draw(network: &str, convention: Convention, points: &[Point]) -> String {
    let [left, right, top, bottom] = MARGINS;
    let x_axis = Axis::of(points.iter().map(|point| point.x).max().unwrap_or(0));
    let y_axis = Axis::of(points.iter().map(|point| point.y).max().unwrap_or(0));
    let x = |number: f64| left + x_axis.place(number) * (WIDTH - left - right);
    let y = |number: f64| HEIGHT - bottom - y_axis.place(number) * (HEIGHT - top - bottom);
    let mut body = String::new();
    let title = format!("{network}: parameters against {}", convention.unit());
    let (x_end, y_end, y_zero) = (WIDTH - right, top, HEIGHT - bottom);
    for mark in 0..=x_axis.marks {
        let number = f64::from(mark) * x_axis.step;
        let (at, text) = (x(number), short(number));
        body += &format!("<path class=\"grid\" d=\"M{at:.1} {y_zero:.1}V{y_end:.1}\"/>\n");
        body += &format!("<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>\n", y_zero + 20.0);
    }
    for mark in 0..=y_axis.marks {
        let number = f64::from(mark) * y_axis.step;
        let (at, text) = (y(number), short(number));
        body += &format!("<path class=\"grid\" d=\"M{left:.1} {at:.1}H{x_end:.1}\"/>\n");
        body += &format!("<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>\n", left - 8.0, at + 4.0);
    }
    for point in points {
        let (cx, cy, label) = (x(point.x as f64), y(point.y as f64), escaped(&point.label));
        let exact = format!("{}: {} parameters, {} {}", label, point.y, point.x, convention.unit());
        body += &format!("<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"5\"><title>{exact}</title></circle>\n");
        body += &format!("<text x=\"{:.1}\" y=\"{:.1}\">{label}</text>\n", cx + 9.0, cy + 4.0);
    }
    let (title, unit) = (escaped(&title), convention.unit());
    let (middle_x, middle_y) = (f64::midpoint(left, x_end), f64::midpoint(y_end, y_zero));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         role=\"img\" aria-label=\"{title}\">\n\
         <style>text{{font:13px sans-serif;fill:#222}}.grid{{stroke:#ddd}}circle{{fill:#1f77b4}}.title{{font-size:16px}}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text class=\"title\" x=\"{left}\" y=\"28\">{title}</text>\n{body}\
         <text x=\"{middle_x}\" y=\"{}\" text-anchor=\"middle\">{unit} per image ({convention})</text>\n\
         <text transform=\"translate(20 {middle_y}) rotate(-90)\" text-anchor=\"middle\">parameters</text>\n</svg>\n",
        HEIGHT - 16.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_hold_all_numbers_with_few_marks() {
        for largest in [0, 1, 7, 999, 35_000_000, 589_646_596, u64::MAX] {
            let axis = Axis::of(largest);
            assert!((1..=7).contains(&axis.marks), "{largest}: {} marks", axis.marks);
            #[expect(clippy::cast_precision_loss, reason = "a test")]
            let place = axis.place(largest as f64);
            assert!((0.0..=1.0 + 1e-9).contains(&place), "{largest} at {place}");
        }
    }

    #[test]
    fn a_picture_stands_alone() {
        let points = [Point { label: "act=a<b".to_owned(), x: 600_000_000, y: 35_000_000 }];
        let picture = draw("Net", Convention::Core, &points);
        assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
        assert!(picture.contains("act=a&lt;b") && picture.contains(">600M<"), "{picture}");
        assert!(!picture.contains("href"));
    }
}
