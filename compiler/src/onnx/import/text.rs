//! The text of a body: pipelines where a value goes from one operation to the next, names where it goes to several.
//!
//! In: [`Line`]s in an order of execution. Out: statements of the language, in lines of bearable length.

use std::collections::{HashMap, HashSet};

use super::flow::{Literal, Operation, StepId};
use super::path::word;

/// The longest line, in characters.
const WIDTH: usize = 110;

/// An operation in a body, with its settings as text.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) head: Head,
    pub(super) operands: Vec<Atom>,
    /// What stands between the parentheses behind the operands: `16`, `kernel=3`.
    pub(super) arguments: Vec<String>,
    /// What stands behind `as`.
    pub(super) path: Option<String>,
    /// What the value could be called.
    pub(super) wish: String,
    /// The value it computes.
    pub(super) output: StepId,
    /// The line is only there if this holds; else its value is that of another.
    pub(super) condition: Option<(String, StepId)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Atom {
    Value(StepId),
    Number(f64),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Head {
    /// A call of an operation, or of a module.
    Call(String),
    Operation(Operation),
    /// `for …` and, per level, what is left of the loop: the calls of one module in a row.
    Loop {
        heads: Vec<String>,
        call: String,
    },
}

/// The surroundings of a body.
pub(super) struct Body<'a> {
    /// What its inputs are called.
    pub(super) inputs: Vec<(StepId, String)>,
    pub(super) lines: &'a [Line],
    /// The results; with names, where a network has several.
    pub(super) results: Vec<(Option<String>, StepId)>,
    /// Names that values must not have.
    pub(super) taken: HashSet<String>,
}

/// How tightly the parts of an expression hold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Pipe,
    Sum,
    Product,
    Atom,
}

/// The text of a value that has no name.
#[derive(Debug, Clone)]
struct Expression {
    kind: Kind,
    /// The parts of a pipeline, one for all else.
    parts: Vec<String>,
}

impl Expression {
    fn atom(text: impl Into<String>) -> Self {
        Expression { kind: Kind::Atom, parts: vec![text.into()] }
    }

    fn text(&self) -> String {
        self.parts.join(" |> ")
    }

    /// As an operand of something that holds together at least as tightly as that.
    fn within(&self, kind: Kind) -> String {
        if self.kind < kind { format!("({})", self.text()) } else { self.text() }
    }
}

/// The statements of a body.
pub(super) fn statements(body: &Body<'_>) -> String {
    let mut writer = Writer::new(body);
    writer.lines(body.lines);
    let results: Vec<String> = body
        .results
        .iter()
        .map(|(name, value)| {
            let expression = writer.expression(*value);
            match name {
                Some(name) => format!("{name} = {}", expression.text()),
                None => laid_out("return ", &expression),
            }
        })
        .collect();
    match results.as_slice() {
        [one] if body.results.iter().all(|(name, _)| name.is_none()) => writer.text.push_str(one),
        several => writer.text.push_str(&format!("return {}\n", several.join(",\n"))),
    }
    writer.text
}

struct Writer {
    text: String,
    names: HashMap<StepId, String>,
    open: HashMap<StepId, Expression>,
    taken: HashSet<String>,
    /// How often each value is read, and the lines that read it first.
    uses: HashMap<StepId, usize>,
    /// The line that reads a value as its first operand.
    readers: HashMap<StepId, usize>,
    last_reads: HashMap<StepId, usize>,
    lines: Vec<Line>,
    /// The name that loops give their value on by.
    carried: Option<String>,
}

impl Writer {
    fn new(body: &Body<'_>) -> Self {
        let (mut uses, mut readers, mut last_reads) = (HashMap::new(), HashMap::new(), HashMap::new());
        for (place, line) in body.lines.iter().enumerate() {
            let reads = line
                .operands
                .iter()
                .filter_map(|operand| if let Atom::Value(value) = operand { Some(*value) } else { None });
            for (position, value) in reads.enumerate() {
                *uses.entry(value).or_insert(0) += 1;
                last_reads.insert(value, place);
                if position == 0 {
                    readers.insert(value, place);
                }
            }
            if let Some((_, bypass)) = &line.condition {
                // It is read outside of the line's own pipeline, and needs a name.
                *uses.entry(*bypass).or_insert(0) += 2;
                last_reads.insert(*bypass, place);
            }
        }
        for (_, value) in &body.results {
            *uses.entry(*value).or_insert(0) += 1;
            last_reads.insert(*value, usize::MAX);
        }
        let mut taken = body.taken.clone();
        taken.extend(body.inputs.iter().map(|(_, name)| name.clone()));
        Writer {
            text: String::new(),
            names: body.inputs.iter().cloned().collect(),
            open: HashMap::new(),
            taken,
            uses,
            readers,
            last_reads,
            lines: body.lines.to_vec(),
            carried: None,
        }
    }

    fn lines(&mut self, lines: &[Line]) {
        let mut place = 0;
        while let Some(line) = lines.get(place) {
            match &line.condition {
                None => {
                    self.line(place, line);
                    place += 1;
                }
                Some((condition, _)) => {
                    let same = |line: &&Line| line.condition.as_ref().is_some_and(|(other, _)| other == condition);
                    let count = lines.iter().skip(place).take_while(same).count().max(1);
                    self.conditional(place, lines.get(place..place + count).unwrap_or_default());
                    place += count;
                }
            }
        }
    }

    fn line(&mut self, place: usize, line: &Line) {
        if let Head::Loop { heads, call } = &line.head {
            self.repeated(place, line, heads, call);
            return;
        }
        let expression = self.computed(line);
        self.keep(place, line, expression);
    }

    /// Names a value, or leaves it to the line that reads it.
    fn keep(&mut self, place: usize, line: &Line, expression: Expression) {
        if self.is_read_in_place(place, line, &expression) {
            self.open.insert(line.output, expression);
            return;
        }
        let name = self.unique(&line.wish);
        self.text.push_str(&laid_out(&format!("let {name} = "), &expression));
        self.names.insert(line.output, name);
    }

    /// Whether the only line that reads a value can have its expression in it.
    fn is_read_in_place(&self, place: usize, line: &Line, expression: &Expression) -> bool {
        if self.uses.get(&line.output) != Some(&1) {
            return false;
        }
        let Some(last) = self.last_reads.get(&line.output) else { return false };
        if *last == usize::MAX {
            return true;
        }
        let Some(reader) = self.lines.get(*last) else { return false };
        if reader.condition != line.condition || *last <= place {
            return false;
        }
        let is_first = self.readers.get(&line.output) == Some(last);
        match &reader.head {
            Head::Loop { .. } => true,
            Head::Call(_) | Head::Operation(Operation::Call(_)) if !stands_in_parentheses(&reader.head) => {
                is_first || expression.kind == Kind::Atom && expression.text().len() < 60
            }
            Head::Operation(Operation::Infix(_)) => expression.kind > Kind::Pipe && expression.text().len() < 60,
            _ => expression.kind == Kind::Atom && expression.text().len() < 60,
        }
    }

    /// The value of a line as an expression.
    fn computed(&mut self, line: &Line) -> Expression {
        let operands: Vec<Expression> = line.operands.iter().map(|operand| self.atom(operand)).collect();
        match (&line.head, operands.as_slice()) {
            (Head::Operation(Operation::Infix(symbol)), [left, right]) => {
                let kind = if matches!(symbol, '+' | '-') { Kind::Sum } else { Kind::Product };
                // What stands on the right of `-` and `/` holds together more tightly.
                let tighter = match (symbol, kind) {
                    ('+', _) => Kind::Sum,
                    ('-', _) | ('*', _) => Kind::Product,
                    _ => Kind::Atom,
                };
                Expression { kind, parts: vec![format!("{} {symbol} {}", left.within(kind), right.within(tighter))] }
            }
            (Head::Operation(Operation::Slice), [x]) => {
                Expression::atom(format!("{}[{}]", x.within(Kind::Atom), line.arguments.join(", ")))
            }
            (Head::Operation(Operation::Param), _) => Expression::atom(format!("param({})", line.arguments.join(", "))),
            (head, [first, rest @ ..]) => {
                let name = match head {
                    Head::Call(name) => name.as_str(),
                    Head::Operation(Operation::Call(name)) => name,
                    _ => "identity",
                };
                let path = line.path.as_ref().map_or_else(String::new, |path| format!(" as {path}"));
                let mut arguments: Vec<String> = rest.iter().map(|operand| operand.within(Kind::Sum)).collect();
                // An operand that is given by name.
                let mut settings = Vec::new();
                for argument in &line.arguments {
                    match argument.strip_suffix("=…") {
                        Some(keyword) => settings.extend(arguments.pop().map(|operand| format!("{keyword}={operand}"))),
                        None => settings.push(argument.clone()),
                    }
                }
                arguments.extend(settings);
                if stands_in_parentheses(head) {
                    arguments.insert(0, first.within(Kind::Sum));
                    return Expression::atom(format!("{name}({}){path}", arguments.join(", ")));
                }
                let call = call(name, &arguments, 20);
                let mut parts = first.parts.clone();
                parts.push(format!("{call}{path}"));
                Expression { kind: Kind::Pipe, parts }
            }
            (_, []) => Expression::atom("0"),
        }
    }

    fn atom(&mut self, operand: &Atom) -> Expression {
        match operand {
            Atom::Number(number) => {
                let kind = if *number < 0.0 { Kind::Product } else { Kind::Atom };
                Expression { kind, parts: vec![literal(&Literal::Number(*number))] }
            }
            Atom::Value(value) => self.expression(*value),
        }
    }

    fn expression(&mut self, value: StepId) -> Expression {
        match (self.open.remove(&value), self.names.get(&value)) {
            (Some(expression), _) => expression,
            (None, Some(name)) => Expression::atom(name.clone()),
            (None, None) => Expression::atom("missing"),
        }
    }

    /// `let y = if condition { … } else { x }`.
    fn conditional(&mut self, place: usize, lines: &[Line]) {
        let Some(last) = lines.last() else { return };
        let read_outside = |value: StepId| {
            let inside = |at: &usize| (place..place + lines.len()).contains(at);
            self.last_reads.get(&value).is_some_and(|last| !inside(last))
        };
        let outputs = lines.iter().filter(|line| read_outside(line.output)).count();
        if outputs != 1 || !read_outside(last.output) {
            // Each line by itself.
            for line in lines {
                let expression = self.computed(line);
                self.choice(line, String::new(), &expression);
            }
            return;
        }
        let outside = std::mem::take(&mut self.text);
        let mut value = Expression::atom("");
        for (offset, line) in lines.iter().enumerate() {
            let expression = self.computed(line);
            if offset + 1 == lines.len() {
                value = expression;
            } else {
                self.keep(place + offset, line, expression);
            }
        }
        let inside = std::mem::replace(&mut self.text, outside);
        self.choice(last, inside, &value);
    }

    fn choice(&mut self, line: &Line, statements: String, value: &Expression) {
        let Some((condition, bypass)) = &line.condition else { return };
        let otherwise = self.expression(*bypass).text();
        let short = format!("if {condition} {{ {} }} else {{ {otherwise} }}", value.text());
        let text = if statements.is_empty() && short.len() < 80 {
            short
        } else {
            format!("if {condition} {{\n{statements}{}}} else {{\n{otherwise}\n}}", laid_out("", value))
        };
        if self.uses.get(&line.output) == Some(&1) && self.last_reads.get(&line.output) == Some(&usize::MAX) {
            self.open.insert(line.output, Expression::atom(text));
            return;
        }
        let name = self.unique(&line.wish);
        self.text.push_str(&format!("let {name} = {text}\n"));
        self.names.insert(line.output, name);
    }

    /// A loop that replaces a value in each round.
    fn repeated(&mut self, place: usize, line: &Line, heads: &[String], call: &str) {
        let Some(Atom::Value(from)) = line.operands.first() else { return };
        let from = *from;
        let is_dead = self.last_reads.get(&from).is_none_or(|last| *last <= place);
        let carried = match (&self.carried, self.names.get(&from)) {
            (Some(carried), Some(name)) if carried == name && is_dead => carried.clone(),
            (Some(carried), _) => {
                let carried = carried.clone();
                let expression = self.expression(from);
                self.text.push_str(&laid_out(&format!("{carried} = "), &expression));
                carried
            }
            (None, _) => {
                let carried = self.unique("x");
                let expression = self.expression(from);
                self.text.push_str(&laid_out(&format!("let {carried} = "), &expression));
                carried
            }
        };
        let body = format!("{carried} = {carried} |> {call}\n");
        self.text.push_str(&format!("{}{body}{}", heads.concat(), "}\n".repeat(heads.len())));
        // What had the name before has gone.
        self.names.retain(|_, name| *name != carried);
        self.names.insert(line.output, carried.clone());
        self.carried = Some(carried);
    }

    fn unique(&mut self, wish: &str) -> String {
        unique(wish, &mut self.taken)
    }
}

/// A name that nothing else has.
pub(super) fn unique(wish: &str, taken: &mut HashSet<String>) -> String {
    let wish = word(wish);
    let numbered = (2..).map(|number| format!("{wish}{number}"));
    let name = std::iter::once(wish.clone()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or(wish);
    taken.insert(name.clone());
    name
}

/// A call, one argument a line where they are long; so much of a line is taken already.
pub(super) fn call(name: &str, arguments: &[String], taken: usize) -> String {
    let line = arguments.join(", ");
    if arguments.is_empty() {
        name.to_owned()
    } else if name.len() + line.len() + taken <= WIDTH {
        format!("{name}({line})")
    } else {
        format!("{name}(\n{},\n)", arguments.join(",\n"))
    }
}

/// Operations whose operands are equals.
fn stands_in_parentheses(head: &Head) -> bool {
    matches!(head, Head::Operation(Operation::Call("concat" | "matmul" | "attention")))
}

/// A statement with a pipeline, one stage a line where it is long.
fn laid_out(before: &str, expression: &Expression) -> String {
    let text = expression.text();
    if expression.kind != Kind::Pipe || before.len() + text.len() <= WIDTH {
        return format!("{before}{text}\n");
    }
    // Short stages without names share a line with the one before.
    let mut lines: Vec<String> = Vec::new();
    for (place, part) in expression.parts.iter().enumerate() {
        match lines.last_mut() {
            Some(line) if place > 1 && !part.contains('(') && line.len() + part.len() + 4 <= WIDTH => {
                line.push_str(" |> ");
                line.push_str(part);
            }
            Some(_) => lines.push(format!("|> {part}")),
            None => lines.push(part.clone()),
        }
    }
    format!("{before}{}\n", lines.join("\n"))
}

/// A value as text.
pub(super) fn literal(value: &Literal) -> String {
    match value {
        Literal::Whole(value) => value.to_string(),
        // Rust writes numbers as the language reads them, but for the point of `1e-5`, which neither needs.
        Literal::Number(value) => format!("{value:?}"),
        Literal::Flag(value) => value.to_string(),
        Literal::Word(word) => word.clone(),
        Literal::List(values) => format!("[{}]", values.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Literal::Batch => "batch".to_owned(),
        Literal::Range(start, end, step) => {
            let part = |part: &Option<i64>| part.map_or_else(String::new, |part| part.to_string());
            let step = step.map_or_else(String::new, |step| format!(":{step}"));
            format!("{}:{}{step}", part(start), part(end))
        }
        Literal::Operand => "…".to_owned(),
    }
}
