//! Texts made to overflow the stack, to take exponential time, or to eat the memory: each on a thread with 2 MiB of stack,
//! in whatever profile the tests are built.

use std::time::{Duration, Instant};

use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::{Style, render};
use parameternet_dsl::limits::{MAX_NESTING, MAX_SOURCE_BYTES};

use crate::{format, parse, source};

/// Parses, copies, compares, prints, formats and drops on a small stack; the codes of the errors.
fn survive(text: String) -> Vec<Code> {
    let begin = Instant::now();
    let run = move || {
        let (file, diagnostics) = parse(&text);
        assert_eq!(file.clone(), file);
        assert!(parameternet_dsl::print(&file).lines().count() >= file.items.len());
        if text.len() < 50_000 {
            assert_eq!(format(&text).is_some(), diagnostics.is_empty());
        }
        let (sources, _) = source(&text);
        render(&diagnostics, &sources, Style::Plain);
        diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap();
    let codes = thread.join().unwrap();
    assert!(begin.elapsed() < Duration::from_secs(20), "took {:?}", begin.elapsed());
    codes
}

/// The ways to nest brackets: what stands before, each opening, the middle, each closing, and how many brackets an opening has.
const NESTS: [(&str, &str, &str, &str, usize); 14] = [
    ("const a = ", "(", "1", ")", 1),
    ("const a = ", "(", "1", ",)", 1),
    ("const a = ", "[", "1", "]", 1),
    ("const a = ", "f(a, k=", "1", ")", 1),
    ("const a = ", "x[", "1", "]", 1),
    ("const a = ", "x[:", "1", ":]", 1),
    ("const a = ", "[x for x in ", "y", " if c]", 1),
    ("const a = ", "if c { let y = ", "1 3", "} else { 2 }", 1),
    ("const a = ", "if ", "c", " { 1 } else { 2 }", 0),
    ("const a = ", "-f as c[(", "1", ")]", 2),
    ("module m(x) { ", "if c {", "", "}", 1),
    ("module m(x) { ", "for (a, b) in [x[", "1", "]] { }", 2),
    ("module m(x) { let ", "(", "a", ",)", 1),
    ("module m(x) { ", "if c { x = f([(", "1", ")]) }", 4),
];

fn nest((before, open, middle, close, _): (&str, &str, &str, &str, usize), depth: usize) -> String {
    let value = if before.ends_with("let ") { " = x" } else { "" };
    let end = if before.starts_with("module") { "}" } else { "" };
    format!("{before}{}{middle}{}{value}{end}", open.repeat(depth), close.repeat(depth))
}

#[test]
fn brackets_nest_as_deep_as_is_allowed() {
    for shape in NESTS {
        // The tree may become too deep before the brackets do, where each bracket holds more than one expression.
        let depth = if shape.4 == 0 { MAX_NESTING } else { (MAX_NESTING - 1) / shape.4 };
        let codes = survive(nest(shape, depth));
        assert!(codes.is_empty() || codes == [Code::E0003], "{shape:?}: {codes:?}");
        let codes = survive(nest(shape, depth / 5));
        assert!(codes.is_empty(), "{shape:?}: {codes:?}");
    }
}

#[test]
fn deeper_brackets_are_an_error() {
    for shape in NESTS.into_iter().filter(|shape| shape.4 > 0) {
        for depth in [MAX_NESTING + 1, 10_000] {
            assert_eq!(survive(nest(shape, depth)), [Code::E0003], "{shape:?} × {depth}");
        }
    }
    // No bracket is inside of another here, but `if` conditions nest without brackets.
    let codes = survive(format!("const a = {}c{}", "if ".repeat(10_000), " { 1 } else { 2 }".repeat(10_000)));
    assert_eq!(codes, [Code::E0003]);
}

#[test]
fn unclosed_brackets_do_not_recurse() {
    for bracket in ["(", "[", "{", "f(", "if c {", "[[(({{"] {
        let codes = survive(format!("const a = {}", bracket.repeat(20_000)));
        assert_eq!(codes, [Code::E0003], "{bracket}");
    }
    assert_eq!(survive(")".repeat(100_000)), [Code::E0002]);
}

#[test]
fn chains_that_nest_are_an_error() {
    for (first, repeated) in [
        ("1", "+1"),
        ("1", "*x"),
        ("a", "&&b"),
        ("a", ".b"),
        ("f", "()"),
        ("x", "[0]"),
        ("x", "(1)[2].c"),
        ("x", "() as y + 1"),
    ] {
        let count = if repeated == "+1" { 100_000 } else { 10_000 };
        let text = format!("const a = {first}{}", repeated.repeat(count));
        assert_eq!(survive(text), [Code::E0003], "{repeated}");
    }
    for prefix in ["-", "!", "- ", "!-"] {
        let text = format!("const a = {}x", prefix.repeat(20_000));
        assert_eq!(survive(text), [Code::E0003], "{prefix}");
    }
}

#[test]
fn chains_that_nest_only_for_a_reader_of_grammars_are_fine() {
    assert_eq!(survive(format!("const a = x{}", " |> f".repeat(100_000))), []);
    assert_eq!(survive(format!("const a = [{}]", "1, ".repeat(20_000))), []);
    assert_eq!(survive(format!("const a = [x{}]", " for x in y if z".repeat(10_000))), []);
    assert_eq!(survive(format!("module m(x) {{ if a {{ }} {} }}", "else if b { } ".repeat(50_000))), []);
    assert_eq!(survive(format!("const a = if a {{ 1 }} {} else {{ 1 }}", "else if b { 2 } ".repeat(10_000))), []);
    assert_eq!(survive(format!("module m(x) {{ {} }}", "x = 1 ".repeat(20_000))), []);
    assert_eq!(survive("const a = 1 ".repeat(10_000)), []);
    assert_eq!(survive("const a = 1\n".repeat(10_000)), []);
    assert_eq!(survive(format!("{}const a = 1", "/// docs\n".repeat(50_000))), []);
}

#[test]
fn errors_deep_inside_are_found_in_linear_time() {
    for shape in NESTS {
        for wrong in ["1 +", "a b", "let", "x |>", "f(1 2)", "(1 2)", "if", "[x for]", "- -", "a = = b"] {
            let depth = if shape.4 == 0 { 24 } else { 24 / shape.4 };
            let text = nest((shape.0, shape.1, wrong, shape.3, shape.4), depth);
            assert!(survive(text).len() <= 2 * depth + 2, "{shape:?} with {wrong}");
        }
    }
}

#[test]
fn many_errors_are_kept_in_bounds() {
    for item in ["const = 1\n", "modul m(x) { }\n", "const a = (\n", "x ", "module m(x) { 1 }\n", "\"\n", "; "] {
        let count = survive(item.repeat(3_000)).len();
        assert!((1..=1000).contains(&count), "{item}: {count}");
    }
    let count = survive(format!("module m(x) {{ {} }}", "1\n".repeat(5_000))).len();
    assert!((1..=1000).contains(&count), "{count}");
    let count = survive(format!("const a = [{}]", "3X, ".repeat(5_000))).len();
    assert!((1..=1000).contains(&count), "{count}");
}

#[test]
fn texts_that_are_too_large_are_not_looked_at() {
    assert_eq!(survive("(".repeat(MAX_SOURCE_BYTES + 1)), [Code::E0005]);
    assert_eq!(survive(" ".repeat(MAX_SOURCE_BYTES)), []);
    assert_eq!(survive("//\n".repeat(MAX_SOURCE_BYTES / 3)), []);
}
