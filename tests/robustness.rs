//! Whatever a user writes, the compiler ends soon, in bounded memory, with a graph or with errors: never with a panic.
//!
//! Three sources of programs: bombs made by hand against each limit, random programs of the whole language (every
//! operation and function with arguments from all over the range), and the examples of the explanations with random
//! damage. `PROPTEST_CASES` makes the random ones more.

use std::fmt::Write;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use parameternet_compiler::elaborate::builtin::BUILTINS;
use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::print;
use parameternet_compiler::op::{self, WORDS};
use parameternet_compiler::program::{Failure, MemoryLoader, Program};
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::Style;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// No program may take longer, in unoptimised builds on a busy machine.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// A random test ends early after so long.
const TIME_OF_A_TEST: Duration = Duration::from_secs(12);

/// The number of nodes, or the errors.
type Outcome = Result<usize, Failure>;

/// Compiles, renders and checks what comes out; panics if that takes too long.
fn compile(loader: MemoryLoader, about: &str) -> Outcome {
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        let result = Program::load(&loader, "main.pnet").and_then(|program| elaborate(&program, &Request::default()));
        let outcome = result.map(|graph| {
            if graph.node_count() < 1000 {
                assert!(!print::print(&graph).is_empty());
            }
            graph.node_count()
        });
        if let Err(failure) = &outcome {
            check(failure);
        }
        // The receiver is gone if the time was over.
        let _ = sender.send(outcome);
    });
    match receiver.recv_timeout(TIME_LIMIT) {
        Ok(outcome) => outcome,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{about}: it takes more than {TIME_LIMIT:?}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match thread.expect("a thread").join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => panic!("{about}: the thread ended without a result"),
        },
    }
}

/// Errors must be complete and bounded, and point into the texts.
fn check(failure: &Failure) {
    assert!(!failure.diagnostics.is_empty(), "a failure without errors");
    for diagnostic in &failure.diagnostics {
        assert!(!diagnostic.message.is_empty());
        for label in &diagnostic.labels {
            let file = failure.sources.get(label.span.source).expect("a file for every label");
            assert!(file.text.get(label.span.range()).is_some(), "a label outside of the text: {diagnostic:?}");
        }
        let primary = diagnostic.labels.first().is_none_or(|label| label.primary);
        assert!(primary, "the first label must be the primary one: {diagnostic:?}");
    }
    let plain = failure.render(Style::Plain);
    assert!(plain.contains("error["), "{plain}");
    assert!(!failure.render(Style::Colored).is_empty());
    let source: usize = failure.sources.iter().map(|(_, file)| file.text.len()).sum();
    assert!(plain.len() < 100_000 + 3 * source, "{} bytes of errors", plain.len());
}

/// A network around statements, with a tensor `x`.
fn network(statements: &str) -> String {
    format!("network Net {{\n    input x: f32[batch, 3, 8, 8]\n    {statements}\n    return x\n}}\n")
}

/// Many pieces of text, one per number.
fn many(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect()
}

/// A bomb: what it is, the program, and the code of the first error; `None` where the program is right.
type Bomb = (&'static str, String, Option<Code>);

fn explode(bombs: Vec<Bomb>) {
    let mut wrong = String::new();
    for (about, text, expected) in bombs {
        let start = Instant::now();
        let outcome = compile(MemoryLoader::new("main.pnet", text), about);
        let found = outcome.as_ref().err().map(|failure| failure.diagnostics[0].code);
        if found != expected {
            let shown = outcome.err().map_or_else(String::new, |failure| failure.render(Style::Plain));
            let shown: String = shown.chars().take(2000).collect();
            let _ = writeln!(wrong, "{about}: expected {expected:?}, found {found:?}\n{shown}");
        }
        println!("{:?} {about}", start.elapsed());
    }
    assert!(wrong.is_empty(), "{wrong}");
}

const MAX: &str = "9223372036854775807";
const MIN: &str = "(-9223372036854775807 - 1)";

#[test]
fn recursion_ends() {
    explode(vec![
        (
            "a module that calls itself",
            format!("module M(x) {{ return x |> M as m }}\n{}", network("let y = x |> M as m")),
            Some(Code::E0501),
        ),
        (
            "a function that calls itself twice",
            format!("fn f(n) = f(n + 1) + f(n + 2)\n{}", network("let y = f(1)")),
            Some(Code::E0501),
        ),
        (
            "a function whose calls double at every level",
            format!("fn f(n) = if n < 50 {{ f(n + 1) + f(n + 1) }} else {{ 1 }}\n{}", network("let y = f(0)")),
            Some(Code::E0502),
        ),
        (
            "a default that calls its function",
            format!("fn f(a = f()) = a\n{}", network("let y = f()")),
            Some(Code::E0501),
        ),
        ("two constants in a circle", format!("const A = B\nconst B = A\n{}", network("let y = A")), Some(Code::E0501)),
        ("a constant of itself", format!("const A = [A]\n{}", network("let y = A")), Some(Code::E0501)),
    ]);
}

#[test]
fn loops_end() {
    explode(vec![
        ("a long loop", network("for i in 0..1000000000 { }"), Some(Code::E0502)),
        ("a loop over all numbers", network(&format!("for i in {MIN}..{MAX} {{ }}")), Some(Code::E0502)),
        ("a long comprehension", network("let a = [i * j for i in 0..100000 for j in 0..100000]"), Some(Code::E0502)),
        ("a comprehension without elements", network("let a = [i for i in 0..1G if false]"), Some(Code::E0502)),
        ("a loop of operations", network("for i in 0..1G { x = x |> relu }"), Some(Code::E0503)),
    ]);
}

#[test]
fn values_stay_small() {
    explode(vec![
        ("lists that double", network("let a = [1] for i in 0..64 { a = a + a }"), Some(Code::E0502)),
        ("lists of themselves, twice", network("let a = [1] for i in 0..1M { a = [a, a] }"), Some(Code::E0502)),
        (
            "comparing them",
            network("let a = 1 let b = 1 for i in 0..60 { a = [a, a] b = [b, b] } let c = a == b"),
            Some(Code::E0502),
        ),
        ("strings that double", network("let a = \"a\" for i in 0..64 { a = a + a }"), Some(Code::E0502)),
        ("a long list", network("let a = [0] * 1000000000"), Some(Code::E0502)),
        ("a list repeated most often", network(&format!("let a = [0] * {MAX}")), Some(Code::E0502)),
        ("tuples of tuples", network("let a = 1 for i in 0..1000000 { a = (a,) }"), Some(Code::E0502)),
        (
            "settings of settings",
            network("let f = conv(out=1) for i in 0..1000000 { f = conv(out=f) }"),
            Some(Code::E0502),
        ),
        ("too long to print", network("let a = [[[[[7] * 99] * 99] * 99] * 99] let b = x + a"), Some(Code::E0302)),
    ]);
}

#[test]
fn ranges_of_all_numbers() {
    explode(vec![
        ("the number of elements", network(&format!("let a = len(0..{MAX})")), Some(Code::E0502)),
        ("an element", network(&format!("let r = {MIN}..{MAX} let a = r[5] let b = r[-1]")), None),
        ("an element past the end", network(&format!("let r = 0..{MAX} let a = r[{MAX}]")), Some(Code::E0304)),
        ("a part", network(&format!("let r = {MIN}..{MAX} let a = r[::{MAX}]")), None),
        ("a large part", network(&format!("let r = {MIN}..{MAX} let a = r[::2]")), Some(Code::E0502)),
        ("the last number", network(&format!("for i in {MAX}..={MAX} {{ let y = i }}")), None),
        ("reversed", network(&format!("let a = reversed({MIN}..{MAX})")), Some(Code::E0502)),
        ("summed", network(&format!("let a = sum({MIN}..{MAX})")), Some(Code::E0502)),
        ("zipped", network(&format!("let a = zip({MIN}..{MAX}, 0..{MAX})")), Some(Code::E0502)),
        ("the least", network(&format!("let a = min({MIN}..{MAX})")), Some(Code::E0502)),
        ("compared", network(&format!("let a = (0..{MAX}) == (0..{MAX})")), None),
        ("negative extremes", network(&format!("let a = abs({MIN})")), Some(Code::E0303)),
        ("negated", network(&format!("let a = -{MIN}")), Some(Code::E0303)),
        ("the remainder", network(&format!("let a = {MIN} % -1")), Some(Code::E0303)),
        ("the quotient", network(&format!("let a = {MIN} / -1")), None),
    ]);
}

#[test]
fn tensors_stay_small() {
    explode(vec![
        (
            "an input",
            "network N { input x: f32[100000, 100000, 100000, 100000] return x }".to_owned(),
            Some(Code::E0504),
        ),
        (
            "an input past all numbers",
            format!("network N {{ input x: f32[{MAX}, {MAX}, {MAX}] return x }}"),
            Some(Code::E0504),
        ),
        ("a convolution", network("let y = x |> conv(1000000000000) as c"), Some(Code::E0504)),
        (
            "padding",
            network(&format!("let y = x |> pad([[{MAX}, {MAX}], [{MAX}, {MAX}], [0, 0], [0, 0]])")),
            Some(Code::E0504),
        ),
        ("a larger image", network(&format!("let y = x |> upsample({MAX})")), Some(Code::E0504)),
        ("a grid", network(&format!("let y = x |> adaptive_avg_pool({MAX})")), Some(Code::E0504)),
        ("a learned tensor", network(&format!("let y = param(\"p\", [{MAX}, {MAX}, {MAX}])")), Some(Code::E0504)),
        ("experts", network(&format!("let y = x |> dynamic_conv(1, experts={MAX}) as c")), Some(Code::E0504)),
        ("a reshape", network(&format!("let y = x |> reshape([{MAX}, {MAX}, {MAX}])")), Some(Code::E0405)),
        (
            "a reshape whose size wraps",
            network("let y = x |> reshape([4294967296, 4294967296, -1])"),
            Some(Code::E0405),
        ),
        ("a reshape to nothing", network("let y = x |> reshape([0, -1])"), Some(Code::E0405)),
        ("a shift", network(&format!("let y = x |> roll([{MIN}, {MAX}], dims=[2, 3])")), None),
        ("parts", network(&format!("let y = x |> split([{MAX}, {MAX}, 5])")), Some(Code::E0306)),
        ("negative parts", network(&format!("let y = x |> split([{MIN}, 3])")), Some(Code::E0306)),
        ("a slice from the least number", network(&format!("let y = x[:, {MIN}:]")), Some(Code::E0304)),
        ("a slice by the greatest number", network(&format!("let y = x[:, :, ::{MAX}]")), None),
        ("a slice backwards", network(&format!("let y = x[:, :, ::{MIN}]")), Some(Code::E0306)),
        ("an empty slice", network("let y = x[0:0, 3:3]"), None),
        ("dimensions", network(&format!("let y = x |> softmax(dim={MIN})")), Some(Code::E0406)),
        ("a table", network(&format!("let y = constant(0..{MAX})")), Some(Code::E0504)),
    ]);
}

#[test]
fn texts_of_every_kind() {
    let nested =
        |open: &str, close: &str, depth: usize| format!("const A = {}1{}", open.repeat(depth), close.repeat(depth));
    explode(vec![
        ("nothing", String::new(), Some(Code::E0105)),
        ("comments", "// nothing\n/// docs\n// more".to_owned(), Some(Code::E0105)),
        ("a byte order mark", format!("\u{FEFF}{}", network("")), None),
        ("line ends of Windows", network("let y = x |> relu").replace('\n', "\r\n"), None),
        ("line ends of Windows in errors", network("let y = x |> rely").replace('\n', "\r\n"), Some(Code::E0103)),
        ("letters that are not ASCII", "const größe = 1\n".to_owned(), Some(Code::E0001)),
        ("a zero byte", "network N { \0 }".to_owned(), Some(Code::E0001)),
        ("deep parentheses", nested("(", ")", 300), Some(Code::E0003)),
        ("deep lists", nested("[", "]", 300), Some(Code::E0003)),
        ("deep calls", nested("f(", ")", 300), Some(Code::E0003)),
        ("parentheses that are not closed", nested("(", "", 300), Some(Code::E0003)),
        ("the deepest expression", format!("{}\n{}", nested("-(", ")", 60), network("let y = A")), None),
        ("many signs", format!("const A = {}1", "-".repeat(10_000)), Some(Code::E0003)),
        ("many operators", format!("const A = 1{}", " + 1".repeat(10_000)), Some(Code::E0003)),
        ("many stages", network(&format!("let y = x{}", " |> relu".repeat(10_000))), None),
        ("many branches", network(&format!("let y = {}{{ 2 }}", "if false { 1 } else ".repeat(10_000))), None),
        ("many errors", many(20_000, |i| format!("const a{i} = ;\n")), Some(Code::E0001)),
        ("many values that fail", network(&many(20_000, |i| format!("let a{i} = 1 / 0\n"))), Some(Code::E0303)),
        ("many elements that fail", network(&format!("let a = [{}]", "1 / 0, ".repeat(50_000))), Some(Code::E0303)),
        ("many unknown names", many(20_000, |i| format!("const a{i} = b{i}\n")), Some(Code::E0103)),
        ("many definitions of a name", many(20_000, |i| format!("const a = {i}\n")), Some(Code::E0104)),
        (
            "a large file with an error",
            format!("{}{}", "// x\n".repeat(190_000), network("let y = 1 / 0")),
            Some(Code::E0303),
        ),
    ]);
}

/// Bytes that decide what a generated program looks like; zeros when they run out, which stand for the simplest choice.
struct Choices<'a> {
    bytes: std::slice::Iter<'a, u8>,
}

impl Choices<'_> {
    fn below(&mut self, count: usize) -> usize {
        usize::from(self.bytes.next().copied().unwrap_or(0)) % count.max(1)
    }

    fn pick<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.below(texts.len())]
    }

    fn is_over(&self) -> bool {
        self.bytes.len() == 0
    }
}

const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "4",
    "8",
    "16",
    "0.5",
    "1.5",
    "1e-9",
    "1e300",
    "1000",
    "70000",
    "1G",
    "4294967296",
    "9223372036854775807",
    "(-9223372036854775807 - 1)",
    "-1",
    "-2",
    "-7",
];

const LOCALS: &[&str] = &["x", "a", "b", "batch"];

const ATTRIBUTES: &[&str] = &["shape", "rank", "batch", "channels", "height", "width", "features", "nothing"];

/// Writes programs that parse and mean something more often than not.
struct Generator<'a> {
    choices: Choices<'a>,
    text: String,
    /// The names of all operations and functions.
    callables: Vec<&'static str>,
    /// The names of all their parameters.
    parameters: Vec<&'static str>,
}

impl<'a> Generator<'a> {
    fn program(bytes: &'a [u8]) -> String {
        let operations = op::definitions().map(|definition| (definition.name, definition.parameters));
        let functions = BUILTINS.iter().map(|builtin| (builtin.name, builtin.parameters));
        let (callables, parameters): (Vec<_>, Vec<_>) = operations.chain(functions).unzip();
        let mut parameters: Vec<&'static str> =
            parameters.into_iter().flatten().map(|parameter| parameter.name).collect();
        parameters.sort_unstable();
        parameters.dedup();
        let choices = Choices { bytes: bytes.iter() };
        let mut generator = Generator { choices, text: String::new(), callables, parameters };
        generator.items();
        generator.text
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn items(&mut self) {
        for name in ["A", "B"] {
            self.push(&format!("const {name} = "));
            self.expression(2);
            self.push("\n");
        }
        self.push("fn f(x, a = 1, b = A) = ");
        self.expression(3);
        self.push("\nmodule M(x, a = 4, b = relu) {\n");
        self.statements(3);
        self.push("return ");
        self.expression(2);
        self.push("\n}\nnetwork N(a = 2, b = B) {\ninput x: f32[batch");
        for _ in 0..self.choices.below(5) {
            self.push(", ");
            let size = self.choices.pick(&["8", "3", "1", "16", "32", "a", "70000"]);
            self.push(size);
        }
        self.push("]\n");
        self.statements(6);
        self.push("return ");
        let result = self.choices.pick(&["x", "a", "x, a", "p = x, q = a", "(x, a)"]);
        self.push(if result == "x, a" { "p = x, p = a" } else { result });
        self.push("\n}\n");
    }

    fn statements(&mut self, most: usize) {
        for _ in 0..self.choices.below(most + 1) {
            if self.choices.is_over() {
                break;
            }
            match self.choices.below(10) {
                0..4 => self.named("x = "),
                4 => self.named("let a = "),
                5 => self.named("let b = "),
                6 => self.named("let (a, b) = "),
                7 => {
                    let pattern = self.choices.pick(&["a", "_", "a, b", "_, (a, b)"]);
                    self.push(&format!("for {pattern} in "));
                    self.iterable();
                    self.push(" {\n");
                    self.statements(2);
                    self.push("}\n");
                }
                8 => {
                    self.push("if ");
                    self.expression(2);
                    self.push(" {\n");
                    self.statements(2);
                    self.push("} else {\n");
                    self.statements(1);
                    self.push("}\n");
                }
                _ => self.named("a = "),
            }
        }
    }

    fn named(&mut self, target: &str) {
        self.push(target);
        self.expression(4);
        self.push("\n");
    }

    /// Something to go through; seldom long.
    fn iterable(&mut self) {
        match self.choices.below(12) {
            0..6 => self.push("0..3"),
            6 => self.push("A"),
            7 => self.push("x.shape"),
            8 => self.push("[(1, 2), (3, 4)]"),
            9 => self.push("x |> split(2)"),
            10 => self.push("0..200"),
            _ => self.expression(2),
        }
    }

    fn list(&mut self, depth: usize, separator: &str) {
        for index in 0..self.choices.below(5) {
            if index > 0 {
                self.push(separator);
            }
            self.expression(depth);
        }
    }

    fn callable(&mut self) {
        let own = ["f", "M", "b", "A", "N"];
        let index = self.choices.below(self.callables.len() + own.len());
        let name = own.get(index).copied().unwrap_or_else(|| self.callables[index - own.len()]);
        self.push(name);
    }

    fn arguments(&mut self, depth: usize) {
        self.push("(");
        for index in 0..self.choices.below(5) {
            if index > 0 {
                self.push(", ");
            }
            if index > 0 && self.choices.below(2) == 1 {
                let parameter = self.choices.below(self.parameters.len());
                let parameter = self.parameters[parameter];
                self.push(&format!("{parameter}="));
            }
            self.expression(depth);
        }
        self.push(")");
    }

    fn expression(&mut self, depth: usize) {
        if depth == 0 || self.choices.is_over() {
            let word = self.choices.below(4);
            let leaf = match word {
                0 => self.choices.pick(LOCALS),
                1 | 2 => self.choices.pick(NUMBERS),
                _ => self.choices.pick(&["true", "\"pos\"", "[]", "()", "A", "relu", "f", "M", "[1, 2]", "(3, 3)"]),
            };
            return self.push(leaf);
        }
        let depth = depth - 1;
        match self.choices.below(20) {
            0..6 => {
                self.push("x |> ");
                self.callable();
                self.arguments(depth);
                if self.choices.below(3) > 0 {
                    let path = self.choices.pick(&["c", "c[a]", "c[0].d", "e", "g[b][a]"]);
                    self.push(&format!(" as {path}"));
                }
            }
            6 | 7 => {
                self.callable();
                self.arguments(depth);
            }
            8 => self.callable(),
            9 => {
                let word = self.choices.pick(WORDS);
                self.push(word);
            }
            10 | 11 => {
                self.push("(");
                self.expression(depth);
                let operator = self.choices.pick(&["+", "-", "*", "/", "%", "==", "<", "&&", "||", "..", "..=", "!="]);
                self.push(&format!(" {operator} "));
                self.expression(depth);
                self.push(")");
            }
            12 => {
                self.push("[");
                self.list(depth, ", ");
                self.push("]");
            }
            13 => {
                self.push("(");
                self.list(depth, ", ");
                self.push(",)");
                // `(,)` is no tuple.
                if self.text.ends_with("(,)") {
                    self.text.truncate(self.text.len() - 2);
                    self.push(")");
                }
            }
            14 => {
                self.push("[");
                self.expression(depth);
                self.push(" for a in ");
                self.iterable();
                if self.choices.below(2) == 1 {
                    self.push(" if ");
                    self.expression(depth);
                }
                self.push("]");
            }
            15 => {
                self.push("if ");
                self.expression(depth);
                self.push(" { ");
                self.expression(depth);
                self.push(" } else { ");
                self.expression(depth);
                self.push(" }");
            }
            16 => {
                let sign = self.choices.pick(&["-", "!", "- -"]);
                self.push(sign);
                self.push("(");
                self.expression(depth);
                self.push(")");
            }
            17 => {
                let base = self.choices.pick(LOCALS);
                self.push(&format!("{base}["));
                for _ in 0..self.choices.below(3) {
                    let part = self.choices.pick(&[":", "0", "-1", "1:", ":a", "::2", "::A"]);
                    self.push(&format!("{part}, "));
                }
                self.expression(depth);
                self.push("]");
            }
            18 => {
                let attribute = self.choices.pick(ATTRIBUTES);
                self.push(&format!("x.{attribute}"));
            }
            _ => {
                self.push("(");
                self.expression(depth);
                self.push(" |> ");
                self.callable();
                self.push(")");
            }
        }
    }
}

/// Pieces of text to make damage with.
const PIECES: &[&str] = &[
    "",
    " ",
    "\n",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    ".",
    "..",
    "=",
    "|>",
    "+",
    "-",
    "*",
    "/",
    "%",
    "<=",
    "==",
    "&&",
    "!",
    "0",
    "1",
    "-1",
    "9223372036854775807",
    "1e308",
    "0.5",
    "3x",
    "\"",
    "\"a\"",
    "x",
    "image",
    "conv",
    "relu",
    "as",
    "let",
    "for",
    "in",
    "if",
    "else",
    "return",
    "input",
    "f32",
    "batch",
    "const",
    "fn",
    "module",
    "network",
    "use",
    "budget",
    "true",
    "//",
    "é",
    "\u{0}",
    "\u{FEFF}",
    "_",
    "a[i]",
    "kernel=",
    "out=",
    "groups=0",
    "stride=-1",
    "[1, 2, 3]",
    "0..1000000000",
];

/// The programs in the explanations of the error codes, right and wrong ones.
fn examples() -> Vec<String> {
    let mut examples = Vec::new();
    for code in Code::ALL {
        let mut parts = code.explanation().split("```pnet");
        parts.next();
        let blocks = parts.filter_map(|part| part.split_once('\n')?.1.split("```").next());
        examples.extend(blocks.map(str::to_owned));
    }
    examples
}

/// An example, with pieces of it replaced.
fn damaged(examples: &[String], which: usize, damage: &[(usize, usize, usize)]) -> String {
    let mut characters: Vec<char> = examples[which % examples.len()].chars().collect();
    for (place, length, piece) in damage {
        let start = place % (characters.len() + 1);
        let end = (start + length).min(characters.len());
        characters.splice(start..end, PIECES[piece % PIECES.len()].chars());
    }
    characters.into_iter().collect()
}

/// Compiles a random program twice: the second time, everything must come out the same.
fn try_out(text: &str) {
    let start = Instant::now();
    let about = format!("this program:\n{text}\n");
    let result = std::panic::catch_unwind(|| compile(MemoryLoader::new("main.pnet", text), &about));
    let Ok(first) = result else { panic!("the compiler panics at {about}") };
    if start.elapsed() < Duration::from_millis(200) {
        let again = compile(MemoryLoader::new("main.pnet", text), &about);
        let shown = |outcome: Outcome| outcome.map_err(|failure| failure.render(Style::Plain));
        assert_eq!(shown(first), shown(again), "two runs differ at {about}");
    }
}

fn configuration(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(cases),
        failure_persistence: None::<Box<FileFailurePersistence>>.map(|persistence| persistence as _),
        max_shrink_time: 60_000,
        ..ProptestConfig::default()
    }
}

#[test]
fn random_programs_do_no_harm() {
    let start = Instant::now();
    let most = if std::env::var("PROPTEST_CASES").is_ok() { Duration::MAX } else { TIME_OF_A_TEST };
    let bytes = prop::collection::vec(any::<u8>(), 0..400);
    proptest!(configuration(1500), |(bytes in bytes)| {
        if start.elapsed() < most {
            try_out(&Generator::program(&bytes));
        }
    });
}

#[test]
fn damaged_programs_do_no_harm() {
    let start = Instant::now();
    let most = if std::env::var("PROPTEST_CASES").is_ok() { Duration::MAX } else { TIME_OF_A_TEST };
    let examples = examples();
    let damage = prop::collection::vec((any::<usize>(), 0..12usize, any::<usize>()), 1..6);
    proptest!(configuration(1500), |(which in any::<usize>(), damage in damage)| {
        if start.elapsed() < most {
            try_out(&damaged(&examples, which, &damage));
        }
    });
}
