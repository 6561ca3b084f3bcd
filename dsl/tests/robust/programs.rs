//! Random programs that the grammar accepts, with random white space and comments between their tokens.

/// Tokens to make wrong programs of.
pub(crate) const ALPHABET: [&str; 75] = [
    "use", "const", "fn", "module", "network", "budget", "input", "let", "for", "in", "if", "else", "return", "as",
    "true", "false", "x", "y", "f", "_", "and", "not", "elif", "1", "2.5", "1e-5", "600M", "3X", "1e", "\"s\"", "\"",
    "\"\\q\"", "(", ")", "[", "]", "{", "}", "()", "[]", "{}", ",", ":", "::", ".", "..", "..=", "...", "=", "==",
    "=>", "->", "|>", "||", "|", "&&", "&", "<", "<=", "!=", "!", "+", "-", "*", "/", "%", "**", "+=", ";", "'", "#",
    "//", "\n", "é", "−",
];

/// A program that the bytes of `tape` decide; an exhausted tape decides for the shortest.
pub(crate) fn program(tape: &[u8]) -> String {
    let mut generator = Generator { tape: tape.iter(), text: String::new(), depth: 0, comments: 0 };
    for _ in 0..=generator.choose(4) {
        generator.item();
    }
    generator.text
}

struct Generator<'a> {
    tape: std::slice::Iter<'a, u8>,
    text: String,
    depth: usize,
    comments: usize,
}

impl Generator<'_> {
    /// A number below `bound`; 0 once the tape is exhausted.
    fn choose(&mut self, bound: usize) -> usize {
        self.tape.next().map_or(0, |byte| usize::from(*byte) % bound)
    }

    fn is(&mut self, one_in: usize) -> bool {
        self.choose(one_in) == one_in - 1
    }

    /// Writes tokens, each with something behind it that keeps it apart from the next.
    fn put(&mut self, tokens: &str) {
        for token in tokens.split(' ') {
            self.text.push_str(token);
            match self.choose(24) {
                18 | 19 => self.text.push('\n'),
                20 => self.text.push_str("\n\n\n"),
                21 => self.text.push_str("   "),
                22 => {
                    self.text.push_str(&format!(" // comment {}  \n", self.comments));
                    self.comments += 1;
                }
                23 => {
                    self.text.push_str(&format!("\r\n\t/// docs {}\n", self.comments));
                    self.comments += 1;
                }
                _ => self.text.push(' '),
            }
        }
    }

    /// Writes one of `choices`.
    fn pick(&mut self, choices: &[&str]) {
        let choice = self.choose(choices.len());
        self.put(choices.get(choice).unwrap_or(&""));
    }

    fn name(&mut self) {
        self.pick(&["x", "y", "conv", "_a1", "input_", "iff", "K"]);
    }

    /// `count` to `count + 2` times what `element` writes, with commas between and perhaps one behind.
    fn sequence(&mut self, count: usize, element: fn(&mut Self)) {
        let count = count + self.choose(3);
        for index in 0..count {
            if index > 0 {
                self.put(",");
            }
            element(self);
        }
        if count > 0 && self.is(4) {
            self.put(",");
        }
    }

    fn item(&mut self) {
        match self.choose(6) {
            0 => self.put("use \"blocks/ghost.pnet\""),
            1 => {
                self.put("const");
                self.name();
                self.put("=");
                self.expression();
            }
            2 => {
                self.put("fn");
                self.name();
                self.parameters();
                if self.is(2) {
                    self.block();
                } else {
                    self.put("=");
                    self.expression();
                }
            }
            kind @ (3 | 4) => {
                self.put(if kind == 3 { "module" } else { "network" });
                self.name();
                if self.is(2) {
                    self.parameters();
                }
                self.block();
            }
            _ => {
                self.put("budget");
                self.name();
                self.put("{");
                for _ in 0..self.choose(3) {
                    self.pick(&["macs <=", "params <", "macs ( paper ) <="]);
                    self.expression();
                    if self.is(2) {
                        self.put(",");
                    }
                }
                self.put("}");
            }
        }
    }

    fn parameters(&mut self) {
        self.put("(");
        self.sequence(0, |generator| {
            generator.name();
            if generator.is(2) {
                generator.put("=");
                generator.expression();
            }
        });
        self.put(")");
    }

    fn block(&mut self) {
        self.put("{");
        self.statements();
        self.put("}");
    }

    fn value_block(&mut self) {
        self.put("{");
        if self.is(3) {
            // A statement that ends with a brace, lest the value go on with its expression.
            self.put("for x in y { }");
        }
        // An `if` at the beginning of the value would be all of it.
        match self.choose(3) {
            0 => self.name(),
            1 => {
                self.put("(");
                self.expression();
                self.put(")");
            }
            _ => {
                self.put("if x");
                self.value_block();
                self.put("else");
                self.value_block();
            }
        }
        self.put("}");
    }

    fn statements(&mut self) {
        self.depth += 1;
        let most = if self.depth > 4 { 1 } else { 4 };
        for _ in 0..self.choose(most) {
            match self.choose(6) {
                0 => {
                    self.name();
                    self.put("=");
                    self.expression();
                }
                1 => {
                    self.put("let");
                    self.pattern();
                    self.put("=");
                    self.expression();
                }
                2 => {
                    self.put("input");
                    self.name();
                    self.put(": f32 [");
                    self.sequence(0, Self::expression);
                    self.put("]");
                }
                3 => {
                    self.for_head();
                    self.block();
                }
                4 => {
                    self.put("if");
                    self.expression();
                    self.block();
                    for _ in 0..self.choose(2) {
                        self.put("else if");
                        self.expression();
                        self.block();
                    }
                    if self.is(2) {
                        self.put("else");
                        self.block();
                    }
                }
                _ => {
                    self.put("return");
                    if self.is(2) {
                        self.sequence(1, |generator| {
                            generator.name();
                            generator.put("=");
                            generator.expression();
                        });
                    } else {
                        self.expression();
                    }
                }
            }
        }
        self.depth -= 1;
    }

    fn pattern(&mut self) {
        match self.choose(if self.depth > 6 { 2 } else { 4 }) {
            0 | 1 => self.name(),
            2 => self.put("_"),
            _ => {
                self.depth += 1;
                self.put("(");
                self.sequence(0, Self::pattern);
                self.put(")");
                self.depth -= 1;
            }
        }
    }

    fn for_head(&mut self) {
        self.put("for");
        self.pattern();
        if self.is(2) {
            self.put(",");
            self.pattern();
        }
        self.put("in");
        self.expression();
    }

    /// Any expression: a chain of one kind of operators with a pipeline around it.
    fn expression(&mut self) {
        self.depth += 1;
        let shallow = self.depth < 6;
        self.term();
        if shallow {
            match self.choose(8) {
                5 => {
                    self.pick(&["==", "<", "..", "..=", ">="]);
                    self.term();
                }
                6 | 7 => {
                    for _ in 0..self.choose(3) {
                        self.pick(&["+", "-", "*", "/", "%", "&&", "||"]);
                        self.term();
                    }
                }
                _ => {}
            }
            for _ in 0..self.choose(6).saturating_sub(3) {
                self.put("|>");
                self.postfix();
                if self.is(2) {
                    self.instance();
                }
            }
        }
        self.depth -= 1;
    }

    fn term(&mut self) {
        if self.is(8) {
            self.pick(&["-", "!", "- -", "! !"]);
        }
        self.postfix();
    }

    fn instance(&mut self) {
        self.put("as");
        self.name();
        for _ in 0..self.choose(3) {
            if self.is(2) {
                self.put("[");
                self.expression();
                self.put("]");
            } else {
                self.put(".");
                self.name();
            }
        }
    }

    fn postfix(&mut self) {
        match self.choose(3) {
            0 => self.name(),
            1 => return self.primary(),
            _ => {
                self.primary();
                // What is called must not be a literal, be it in parentheses.
                self.put(". x");
            }
        }
        let most = if self.depth > 6 { 1 } else { 3 };
        for _ in 0..self.choose(most) {
            match self.choose(3) {
                0 => {
                    self.put(".");
                    self.name();
                }
                1 => {
                    self.put("(");
                    self.sequence(0, |generator| {
                        if generator.is(2) {
                            generator.name();
                            generator.put("=");
                        }
                        generator.expression();
                    });
                    self.put(")");
                }
                _ => {
                    self.put("[");
                    self.sequence(1, Self::subscript);
                    self.put("]");
                }
            }
        }
    }

    fn subscript(&mut self) {
        match self.choose(4) {
            0 => self.expression(),
            1 => self.put(":"),
            2 => {
                self.put(":");
                self.expression();
            }
            _ => {
                self.expression();
                self.put(":");
                self.expression();
                self.put(":");
                self.expression();
            }
        }
    }

    fn primary(&mut self) {
        self.depth += 1;
        match self.choose(if self.depth > 8 { 6 } else { 12 }) {
            0 | 1 => self.name(),
            2 => self.put("1_000"),
            3 => self.put("2.5e-3"),
            4 => self.put("\"a\\n\\\"b\""),
            5 => self.put("true"),
            6 => self.put("600M"),
            7 => {
                self.put("if");
                self.expression();
                self.value_block();
                for _ in 0..self.choose(2) {
                    self.put("else if");
                    self.expression();
                    self.value_block();
                }
                self.put("else");
                self.value_block();
            }
            8 => {
                self.put("[");
                self.sequence(0, Self::expression);
                self.put("]");
            }
            9 => {
                self.put("[");
                self.expression();
                for _ in 0..=self.choose(2) {
                    self.for_head();
                    for _ in 0..self.choose(2) {
                        self.put("if");
                        self.expression();
                    }
                }
                self.put("]");
            }
            10 => {
                self.put("(");
                self.sequence(0, Self::expression);
                self.put(")");
            }
            _ => {
                self.put("(");
                self.expression();
                self.put(")");
            }
        }
        self.depth -= 1;
    }
}
