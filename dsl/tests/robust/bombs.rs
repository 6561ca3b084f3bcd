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
        assert_eq!(render(&diagnostics, &sources, Style::Plain).is_empty(), diagnostics.is_empty());
        diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap();
    let codes = thread.join().unwrap();
    assert!(begin.elapsed() < Duration::from_secs(20), "took {:?}", begin.elapsed());
    codes
}

/// A way to nest expressions or statements.
#[derive(Debug, Clone, Copy)]
struct Nest {
    /// What stands before all.
    before: &'static str,
    /// What one level opens with.
    open: &'static str,
    /// What stands in the middle.
    middle: &'static str,
    /// What one level closes with.
    close: &'static str,
    /// How many brackets a level has.
    brackets: usize,
    /// How many nodes of the syntax tree a level has.
    nodes: usize,
}

impl Nest {
    fn text(self, depth: usize) -> String {
        let Nest { before, open, middle, close, .. } = self;
        let value = if before.ends_with("let ") { " = x" } else { "" };
        let end = if before.starts_with("module") { "}" } else { "" };
        format!("{before}{}{middle}{}{value}{end}", open.repeat(depth), close.repeat(depth))
    }

    /// The most levels that are allowed.
    fn deepest(self) -> usize {
        let by_brackets = (MAX_NESTING - 1).checked_div(self.brackets).unwrap_or(MAX_NESTING);
        by_brackets.min((MAX_NESTING - 2).checked_div(self.nodes).unwrap_or(MAX_NESTING))
    }
}

const fn nest(
    before: &'static str,
    open: &'static str,
    middle: &'static str,
    close: &'static str,
    brackets: usize,
    nodes: usize,
) -> Nest {
    Nest { before, open, middle, close, brackets, nodes }
}

const NESTS: [Nest; 15] = [
    nest("const a = ", "(", "1", ")", 1, 0),
    nest("const a = ", "(", "1", ",)", 1, 1),
    nest("const a = ", "[", "1", "]", 1, 1),
    nest("const a = ", "f(a, k=", "1", ")", 1, 1),
    nest("const a = ", "x[", "1", "]", 1, 1),
    nest("const a = ", "x[:", "1", ":]", 1, 1),
    nest("const a = ", "[x for x in ", "y", " if c]", 1, 1),
    nest("const a = ", "if c { let y = ", "1", " y } else { 2 }", 1, 2),
    nest("const a = ", "if ", "c", " { 1 } else { 2 }", 0, 1),
    nest("const a = ", "if c { 1 } else { ", "2", " }", 1, 2),
    nest("const a = ", "-f as c[(", "1", ")]", 2, 2),
    nest("module m(x) { ", "if c {", "", "}", 1, 1),
    nest("module m(x) { let ", "(", "a", ",)", 1, 1),
    nest("const a = ", "[a for (a, b) in [x[", "1", "]]]", 3, 3),
    nest("const a = ", "if c { x = f([(", "1", ")]) x } else { 1 }", 4, 4),
];

#[test]
fn nesting_as_deep_as_is_allowed_is_fine() {
    for shape in NESTS {
        for depth in [1, shape.deepest() / 2, shape.deepest()] {
            assert_eq!(survive(shape.text(depth)), [], "{shape:?} × {depth}");
        }
    }
}

#[test]
fn deeper_nesting_is_an_error() {
    for shape in NESTS {
        for depth in [MAX_NESTING + 1, 10_000] {
            assert_eq!(survive(shape.text(depth)), [Code::E0003], "{shape:?} × {depth}");
        }
    }
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
        ("x", "() as y + x"),
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
            let depth = shape.deepest() / 3;
            let text = Nest { middle: wrong, ..shape }.text(depth);
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

#[test]
fn long_runs_of_comments_format_in_linear_time() {
    let text = "//\n".repeat(100_000);
    assert_eq!(format(&text), Some(text));
}
