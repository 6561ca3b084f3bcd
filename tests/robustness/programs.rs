//! Random programs.

use std::time::{Duration, Instant};

use parameternet_compiler::elaborate::builtin::BUILTINS;
use parameternet_compiler::op::{self, Default, Parameter, WORDS};
use parameternet_compiler::program::MemoryLoader;
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::Style;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::{Outcome, compile};

/// Bytes that decide what a generated program looks like; zeros when they run out, which stand for the simplest choice.
struct Choices<'a> {
    bytes: std::slice::Iter<'a, u8>,
}

impl Choices<'_> {
    fn below(&mut self, count: usize) -> usize {
        usize::from(self.bytes.next().copied().unwrap_or(0)) % count.max(1)
    }

    fn pick(&mut self, texts: &[&'static str]) -> &'static str {
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

const ATTRIBUTES: &[&str] = &["shape", "rank", "batch", "channels", "height", "width", "features", "nothing"];

/// Something that a program can call, with its parameters.
struct Callee {
    name: &'static str,
    parameters: &'static [Parameter],
    /// Whether the first parameter is the tensor that `|>` passes.
    takes_tensor: bool,
}

/// Writes programs that parse, whose names are known, and whose calls often make sense.
struct Generator<'a> {
    choices: Choices<'a>,
    text: String,
    /// All operations and functions of the language.
    callees: Vec<Callee>,
    /// The variables in scope.
    locals: &'static [&'static str],
}

impl<'a> Generator<'a> {
    fn program(bytes: &'a [u8]) -> String {
        let operations = op::definitions().map(|definition| Callee {
            name: definition.name,
            parameters: definition.parameters,
            takes_tensor: definition.takes_tensor(),
        });
        let functions = BUILTINS.iter().map(|builtin| Callee {
            name: builtin.name,
            parameters: builtin.parameters,
            takes_tensor: false,
        });
        let callees = operations.chain(functions).collect();
        let choices = Choices { bytes: bytes.iter() };
        let mut generator = Generator { choices, text: String::new(), callees, locals: &["[4, 5]"] };
        generator.items();
        generator.text
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn items(&mut self) {
        self.push("const A = ");
        self.expression(2);
        self.locals = &["A"];
        self.push("\nconst B = ");
        self.expression(2);
        self.locals = &["x", "a", "b"];
        self.push("\nfn f(x, a = 1, b = A) = ");
        self.expression(3);
        self.push("\nmodule M(x, a = 4, b = relu) {\n");
        self.statements(3);
        self.push("return ");
        self.expression(2);
        self.locals = &["x", "a", "b", "x", "batch"];
        self.push("\n}\nnetwork N(a = 2, b = B) {\ninput x: f32[batch");
        let dims = self.choices.pick(&[", 8, 16, 16", ", 8", ", 4, 8", "", ", a", ", 3, 8, 8, 8", ", 70000, 70000"]);
        self.push(dims);
        self.push("]\n");
        self.statements(8);
        self.push("return ");
        let result = self.choices.pick(&["x", "a", "p = x, q = a", "p = x, p = a", "(x, a)"]);
        self.push(result);
        self.push("\n}\n");
    }

    fn statements(&mut self, most: usize) {
        for _ in 0..self.choices.below(most + 1) {
            if self.choices.is_over() {
                break;
            }
            match self.choices.below(10) {
                0..2 => self.named("x = "),
                2..4 => self.named("let a = "),
                4..6 => self.named("let b = "),
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
            7 => self.local(".shape"),
            8 => self.push("[(1, 2), (3, 4)]"),
            9 => self.push("zip([1, 2], (3, 4))"),
            10 => self.push("0..200"),
            _ => self.expression(2),
        }
    }

    fn local(&mut self, suffix: &str) {
        let local = self.choices.pick(self.locals);
        self.push(&format!("{local}{suffix}"));
    }

    fn list(&mut self, depth: usize) {
        for index in 0..self.choices.below(5) {
            self.push(if index > 0 { ", " } else { "" });
            self.expression(depth);
        }
    }

    /// A call; `piped` if the first argument stands before it.
    fn call(&mut self, piped: bool, depth: usize) {
        const OWN: usize = 4;
        let index = self.choices.below(self.callees.len() + OWN);
        let Some(callee) = self.callees.get(index) else {
            match index - self.callees.len() {
                0 => self.push("f"),
                1 => self.push("M"),
                2 => self.push("N"),
                _ => self.local(""),
            }
            self.push("(");
            self.list(depth);
            return self.push(")");
        };
        let (name, parameters, takes_tensor) = (callee.name, callee.parameters, callee.takes_tensor);
        self.push(&format!("{name}("));
        if !piped && takes_tensor {
            self.local(", ");
        }
        for parameter in parameters.iter().skip(usize::from(piped || takes_tensor)) {
            let is_required = matches!(parameter.default, Default::Required | Default::Rest);
            match self.choices.below(if is_required { 12 } else { 4 }) {
                0 if is_required => {}
                1 if !is_required => {
                    self.push(&format!("{}=", parameter.name));
                    self.argument(parameter.takes, depth);
                    self.push(", ");
                }
                _ if !is_required => {}
                _ => {
                    self.argument(parameter.takes, depth);
                    self.push(", ");
                }
            }
        }
        self.push(")");
    }

    /// An argument that often is what the words `takes` describe.
    fn argument(&mut self, takes: &'static str, depth: usize) {
        let takes_list = takes.contains("list") || takes.contains('[');
        match self.choices.below(10) {
            0..5 if takes_list => {
                let list = self.choices.pick(&[
                    "[2, 3]",
                    "x.shape",
                    "[batch, -1]",
                    "[0, 2, 3, 1]",
                    "[1, 2, 1, 2]",
                    "[[0, 1], [1, 0]]",
                    "[4, 4]",
                    "[0]",
                    "[[1, 1], [0, 2]]",
                    "[-1, 4]",
                ]);
                // `batch` is known in networks only.
                let has_batch = self.locals.contains(&"batch") || !list.contains("batch");
                self.push(if has_batch && (self.locals.contains(&"x") || !list.contains('x')) {
                    list
                } else {
                    "[4, 4]"
                });
            }
            0..6 if takes.contains("boolean") => {
                let value = self.choices.pick(&["true", "false"]);
                self.push(value);
            }
            0..6 if takes.contains("number") || takes.contains("dimension") => {
                let value = self.choices.pick(&["8", "1", "2", "3", "4", "16", "0.5", "0", "-1"]);
                self.push(value);
            }
            0..6 if takes.contains("string") => self.push("\"p\""),
            6 => {
                let value = self.choices.pick(NUMBERS);
                self.push(value);
            }
            7 => {
                let word = self.choices.pick(WORDS);
                self.push(word);
            }
            8 => {
                let setting =
                    self.choices.pick(&["relu", "softmax", "mlp(hidden=2)", "linear(gate=softmax)", "tanh", "conv"]);
                self.push(setting);
            }
            _ => self.expression(depth),
        }
    }

    fn expression(&mut self, depth: usize) {
        if depth == 0 || self.choices.is_over() {
            return match self.choices.below(4) {
                0 | 1 => self.local(""),
                2 => {
                    let number = self.choices.pick(NUMBERS);
                    self.push(number);
                }
                _ => {
                    let leaf =
                        self.choices.pick(&["true", "\"pos\"", "[]", "()", "relu", "f", "M", "[1, 2]", "(3, 3)"]);
                    self.push(leaf);
                }
            };
        }
        let depth = depth - 1;
        match self.choices.below(20) {
            0..7 => {
                self.push("(");
                self.local(" |> ");
                for stage in 0..=self.choices.below(3) {
                    self.push(if stage > 0 { " |> " } else { "" });
                    self.call(true, depth);
                    if self.choices.below(4) > 0 {
                        let path = self.choices.pick(&["c", "d", "c[0]", "c[1].d", "e", "g[2][1]", "h", "i", "j", "k"]);
                        self.push(&format!(" as {path}"));
                    }
                }
                self.push(")");
            }
            7 | 8 => self.call(false, depth),
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
                self.list(depth);
                self.push("]");
            }
            13 => {
                self.push("(");
                self.expression(depth);
                self.push(", ");
                self.list(depth);
                self.push(")");
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
                self.local("[");
                for _ in 0..self.choices.below(3) {
                    let part = self.choices.pick(&[":", "0", "-1", "1:", ":4", "::2", "::A"]);
                    let is_known = self.locals.contains(&"x") || part != "::A";
                    self.push(if is_known { part } else { "1" });
                    self.push(", ");
                }
                self.expression(depth);
                self.push("]");
            }
            18 => {
                let attribute = self.choices.pick(ATTRIBUTES);
                self.local(&format!(".{attribute}"));
            }
            _ => {
                self.push("(");
                self.expression(depth);
                self.push(" |> ");
                self.call(true, depth);
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

/// How many cases were asked for from outside.
#[expect(clippy::disallowed_methods, reason = "proptest reads its own settings the same way")]
fn cases_asked_for() -> Option<u32> {
    std::env::var("PROPTEST_CASES").ok()?.parse().ok()
}

/// Tries out programs made from random values.
fn try_out_many<S: Strategy>(strategy: S, program: impl Fn(S::Value) -> String) {
    const CASES: u32 = 500;
    let configuration = ProptestConfig {
        cases: cases_asked_for().unwrap_or(CASES),
        failure_persistence: None,
        max_shrink_time: 60_000,
        ..ProptestConfig::default()
    };
    let mut runner = TestRunner::new(configuration);
    let result = runner.run(&strategy, |value| {
        try_out(&program(value));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn random_programs_do_no_harm() {
    let bytes = prop::collection::vec(any::<u8>(), 0..400);
    try_out_many(bytes, |bytes| Generator::program(&bytes));
}

#[test]
fn damaged_programs_do_no_harm() {
    let examples = examples();
    let damage = prop::collection::vec((any::<usize>(), 0..12usize, any::<usize>()), 1..6);
    try_out_many((any::<usize>(), damage), |(which, damage)| damaged(&examples, which, &damage));
}
