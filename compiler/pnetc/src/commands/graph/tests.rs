//! Pictures of many networks: nothing overlaps, nothing lies outside, everything is there.

use parameternet_compiler::analysis::analyze;
use parameternet_compiler::analysis::convention::Convention;
use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::export::view::{Measure, View, view};
use parameternet_compiler::program::{MemoryLoader, Program};
use parameternet_generator::{Settings, program};

use super::layout::{Layout, Rectangle, layout};
use super::{MOST, draw, layout as layouts};

const WORK: Measure = Measure::Work(Convention::Core);

fn of_text(text: &str, depth: usize) -> View {
    let program = Program::load(&MemoryLoader::new("net.pnet", text), "net.pnet");
    let program = program.unwrap_or_else(|failure| panic!("{failure}\n{text}"));
    let graph = elaborate(&program, &Request::default()).unwrap_or_else(|failure| panic!("{failure}\n{text}"));
    view(&analyze(&graph), depth)
}

fn views() -> impl Iterator<Item = View> {
    let random =
        (0..25).flat_map(|seed| [0, 1, 2, 64].map(|depth| of_text(&program(seed, &Settings::default()), depth)));
    random.chain([of_text(NESTED, 0), of_text(NESTED, 2), of_text(NESTED, 64)])
}

/// Modules in modules, shortcuts over several levels, a tensor that two modules read.
const NESTED: &str = r#"
    module Inner(x, y) { return (x |> linear(8) as a |> relu) + y }
    module Middle(x, y) { return Inner(x, y) as one |> Inner(x) as two }
    module Outer(x) {
        let w = param("w", [8])
        return x |> Middle(x + w) as middle |> Inner(x) as last
    }
    network Nested(n = 3) {
        input x: f32[1, 8]
        input other: f32[1, 8]
        let y = x
        for i in 0..n { y = y |> Outer as blocks[i] |> Inner(other) as after[i] }
        return y = y, sum = y + x
    }"#;

fn laid_out(view: &View) -> Layout {
    let sizes = vec![(90.0, 40.0); view.items.len()];
    layout(view, &sizes, &vec![60.0; view.clusters.len()])
}

fn overlap(one: &Rectangle, other: &Rectangle) -> bool {
    let apart = |low: f64, length: f64, other: f64, other_length: f64| {
        low + length <= other + 0.01 || other + other_length <= low + 0.01
    };
    !apart(one.x, one.width, other.x, other.width) && !apart(one.y, one.height, other.y, other.height)
}

fn holds(outer: &Rectangle, inner: &Rectangle) -> bool {
    inner.x >= outer.x - 0.01
        && inner.y >= outer.y - 0.01
        && inner.x + inner.width <= outer.x + outer.width + 0.01
        && inner.bottom() <= outer.bottom() + 0.01
}

#[test]
fn boxes_lie_apart_in_their_frames() {
    for view in views() {
        let layout = laid_out(&view);
        let whole = Rectangle { x: 0.0, y: 0.0, width: layout.width, height: layout.height };
        for (index, (item, place)) in view.items.iter().zip(&layout.boxes).enumerate() {
            let frame = item.cluster.map_or(&whole, |cluster| &layout.frames[cluster]);
            assert!(holds(frame, place), "{} of {}", item.path, view.network);
            for other in &layout.boxes[index + 1..] {
                assert!(!overlap(place, other), "{}: {place:?} and {other:?}", view.network);
            }
        }
        for (index, (cluster, frame)) in view.clusters.iter().zip(&layout.frames).enumerate() {
            let around = cluster.parent.map_or(&whole, |parent| &layout.frames[parent]);
            assert!(holds(around, frame), "{}", cluster.path);
            let siblings = view.clusters.iter().zip(&layout.frames).skip(index + 1);
            for (_, other) in siblings.filter(|(other, _)| other.parent == cluster.parent) {
                assert!(!overlap(frame, other), "{}", cluster.path);
            }
        }
    }
}

#[test]
fn lines_join_into_the_links() {
    for view in views() {
        let layout = laid_out(&view);
        for link in &view.links {
            let target = &layout.boxes[link.to];
            let mut at: Vec<(f64, f64)> = layout
                .lines
                .iter()
                .filter(|line| line.source == link.from && line.target == Some(link.to))
                .filter_map(|line| line.curves.last().map(|curve| curve.to))
                .collect();
            assert_eq!(at.len(), 1, "one line ends in {}", view.items[link.to].path);
            let (x, y) = at.remove(0);
            assert!((x - target.centre()).abs() < 0.01 && (y - target.y).abs() < 0.01, "it ends at the box");
        }
        for line in &layout.lines {
            // Whatever does not begin at its box begins where another piece of the same tensor ends.
            let first = line.curves.first().map(|curve| curve.from).unwrap_or_default();
            let source = &layout.boxes[line.source];
            let is_at =
                |one: (f64, f64), other: (f64, f64)| (one.0 - other.0).abs() < 0.01 && (one.1 - other.1).abs() < 0.01;
            let begins = is_at(first, (source.centre(), source.bottom()));
            let ends = |other: &super::layout::Line| {
                other.source == line.source && other.curves.last().is_some_and(|curve| is_at(curve.to, first))
            };
            assert!(begins || layout.lines.iter().any(ends), "{}: a line begins nowhere", view.network);
            let falls = line.curves.iter().all(|curve| curve.to.1 >= curve.from.1);
            assert!(falls && line.curves.windows(2).all(|pair| pair[0].to == pair[1].from), "lines go down");
        }
    }
}

#[test]
fn pictures_are_whole() {
    for view in views() {
        let svg = draw::draw(&view, WORK);
        let document = roxmltree::Document::parse(&svg).unwrap_or_else(|error| panic!("{error}\n{svg}"));
        let root = document.root_element();
        let number = |node: &roxmltree::Node<'_, '_>, name: &str| -> f64 {
            node.attribute(name).and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{name} of {node:?}"))
        };
        let (wide, high) = (number(&root, "width"), number(&root, "height"));
        assert_eq!(root.attribute("viewBox"), Some(format!("0 0 {wide:.1} {high:.1}").as_str()));
        let mut texts = 0;
        for text in document.descendants().filter(|node| node.has_tag_name("text")) {
            let (mut x, mut y) = (number(&text, "x"), number(&text, "y"));
            let transform = text.ancestors().find_map(|node| node.attribute("transform")).unwrap_or("translate(0 0)");
            let moved = transform.trim_start_matches("translate(").trim_end_matches(')').split_once(' ').expect("two");
            x += moved.0.parse::<f64>().expect("a number");
            y += moved.1.parse::<f64>().expect("a number");
            let half = draw::width(text.text().unwrap_or_default(), 10.5) / 2.0;
            let is_middle = text.attribute("class").is_some_and(|class| class.contains("middle"));
            let (left, right) = if is_middle { (x - half, x + half) } else { (x, x + 2.0 * half) };
            assert!(left >= 0.0 && right <= wide && y >= 0.0 && y <= high, "{:?} lies outside", text.text());
            texts += 1;
        }
        assert!(texts >= view.items.len() + view.clusters.len() + 2);
        let boxes =
            document.descendants().filter(|node| node.attribute("class").is_some_and(|class| class.starts_with("box")));
        assert_eq!(boxes.count(), view.items.len());
        for node in document.descendants() {
            assert!(node.attributes().all(|attribute| !attribute.name().contains("href")), "it stands alone");
        }
    }
}

#[test]
fn long_lines_are_counted() {
    let chain = of_text(&NESTED.replace("n = 3", "n = 20"), 1);
    assert!(layouts::bends(&chain) < MOST[1]);
    let dense = "network Dense { input x: f32[1, 4]\nlet xs = [x]
        for i in 0..60 { xs = xs + [concat(xs, dim=1) |> linear(4) as l[i]] }\nreturn xs[60] }";
    assert!(layouts::bends(&of_text(dense, 1)) > MOST[1]);
}
