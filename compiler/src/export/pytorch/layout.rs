//! Prints Python as the formatter `black` would, with lines of at most 120 characters.
//!
//! What fits stays on one line. What does not is opened at its last bracket, or at its operators within brackets.

mod flat;

pub(super) use flat::flat;
use flat::{Tightness, above, argument, at_least, bare, binary, target, tightness};

use super::python::{Py, Stmt, Target};

const WIDTH: usize = 120;
const STEP: usize = 4;

fn spaces(count: usize) -> String {
    " ".repeat(count)
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// An expression of a statement: `before` columns stand before it on its line (with the indent), `after` behind it.
fn outside(expression: &Py, indent: usize, before: usize, after: usize) -> String {
    let text = flat(expression);
    if before + width(&text) + after <= WIDTH {
        return text;
    }
    match expression {
        Py::Binary(..) | Py::Ternary(_) | Py::Unary(..) => {
            let inner = indent + STEP;
            let text = inside(expression, inner, inner, 0);
            format!("(\n{}{text}\n{})", spaces(inner), spaces(indent))
        }
        _ => match methods(expression, indent + STEP) {
            Some(chain) => format!("(\n{}{chain}\n{})", spaces(indent + STEP), spaces(indent)),
            None => opened(expression, indent).unwrap_or(text),
        },
    }
}

/// An expression within brackets.
fn inside(expression: &Py, indent: usize, before: usize, after: usize) -> String {
    let text = flat(expression);
    if before + width(&text) + after <= WIDTH {
        return text;
    }
    match expression {
        Py::Binary(operator, ..) => {
            let own = binary(operator);
            let mut operands = Vec::new();
            chain(expression, own, "", &mut operands);
            let least = if own == Tightness::Comparison { above(own) } else { own };
            let lines = operands.iter().enumerate().map(|(position, (operator, operand))| {
                let lead = if operator.is_empty() { String::new() } else { format!("{operator} ") };
                let least = if position == 0 { least } else { above(own) };
                let text = grouped(operand, indent, indent + lead.len(), 0, least);
                format!("{lead}{text}")
            });
            lines.collect::<Vec<_>>().join(&format!("\n{}", spaces(indent)))
        }
        Py::Ternary(parts) => {
            let [value, condition, otherwise] = &**parts;
            let margin = spaces(indent);
            format!(
                "{}\n{margin}if {}\n{margin}else {}",
                grouped(value, indent, indent, 0, Tightness::Or),
                grouped(condition, indent, indent + 3, 0, Tightness::Or),
                grouped(otherwise, indent, indent + 5, 0, Tightness::Ternary)
            )
        }
        _ => methods(expression, indent).or_else(|| opened(expression, indent)).unwrap_or(text),
    }
}

/// Like [`inside`], in parentheses if it binds less tightly.
fn grouped(expression: &Py, indent: usize, before: usize, after: usize, least: Tightness) -> String {
    if tightness(expression) >= least {
        return inside(expression, indent, before, after);
    }
    let text = format!("({})", bare(expression));
    if before + width(&text) + after <= WIDTH {
        return text;
    }
    let inner = indent + STEP;
    format!("(\n{}{}\n{})", spaces(inner), inside(expression, inner, inner, 0), spaces(indent))
}

/// The operands of a chain of operators of one tightness, each with the operator before it.
fn chain<'e>(expression: &'e Py, own: Tightness, before: &'static str, operands: &mut Vec<(&'static str, &'e Py)>) {
    match expression {
        Py::Binary(operator, left, right) if binary(operator) == own => {
            if own == Tightness::Comparison {
                operands.push((before, left));
            } else {
                chain(left, own, before, operands);
            }
            operands.push((operator, right));
        }
        other => operands.push((before, other)),
    }
}

/// A chain of calls of methods, a line for each, within brackets; `None` if there are too few to be a chain.
fn methods(expression: &Py, indent: usize) -> Option<String> {
    let mut links = Vec::new();
    let mut base = expression;
    while let Py::Call(callee, arguments) = base
        && let Py::Attribute(inner, name) = &**callee
    {
        links.push((name, arguments));
        base = inner;
    }
    links.reverse();
    let mut lines = vec![at_least(base, Tightness::Postfix)];
    for (name, arguments) in links {
        let call = Py::Call(Box::new(Py::atom(format!(".{name}"))), arguments.clone());
        let text = inside(&call, indent, indent, 0);
        match lines.as_mut_slice() {
            // The first call stays with the variable that it is of.
            [first] if matches!(base, Py::Name(_)) && !first.contains('(') => first.push_str(&text),
            _ => lines.push(text),
        }
    }
    (lines.len() > 2).then(|| lines.join(&format!("\n{}", spaces(indent))))
}

/// The expression with its last bracket opened.
fn opened(expression: &Py, indent: usize) -> Option<String> {
    let (head, items, [open, close], comma) = match expression {
        Py::Call(callee, arguments) if !arguments.is_empty() => {
            let items: Vec<(Option<&str>, &Py)> =
                arguments.iter().map(|(name, value)| (name.as_deref(), value)).collect();
            (at_least(callee, Tightness::Postfix), items, ["(", ")"], true)
        }
        Py::List(elements) if !elements.is_empty() => {
            (String::new(), elements.iter().map(|element| (None, element)).collect(), ["[", "]"], true)
        }
        Py::Tuple(elements) if !elements.is_empty() => {
            (String::new(), elements.iter().map(|element| (None, element)).collect(), ["(", ")"], true)
        }
        Py::Dict(entries) if !entries.is_empty() => {
            let inner = indent + STEP;
            let lines = entries.iter().map(|(key, value)| {
                let value = outside(value, inner, inner + width(key) + 2, 1);
                format!("{}{key}: {value},", spaces(inner))
            });
            return Some(format!("{{\n{}\n{}}}", lines.collect::<Vec<_>>().join("\n"), spaces(indent)));
        }
        Py::Index(base, subscripts) => {
            let items = subscripts.iter().map(|subscript| (None, subscript)).collect();
            (at_least(base, Tightness::Postfix), items, ["[", "]"], subscripts.len() > 1)
        }
        Py::Comprehension(element, clauses) => {
            let inner = indent + STEP;
            let mut lines = vec![inside(element, inner, inner, 0)];
            for part in clauses {
                lines.push(format!("for {} in {}", target(&part.target), at_least(&part.iterable, Tightness::Or)));
                lines.extend(
                    part.conditions.iter().map(|condition| format!("if {}", at_least(condition, Tightness::Or))),
                );
            }
            let margin = spaces(inner);
            let one_line = flat(expression);
            let one_line = one_line.get(1..one_line.len().saturating_sub(1)).unwrap_or_default();
            let body =
                if inner + width(one_line) <= WIDTH { one_line.to_owned() } else { lines.join(&format!("\n{margin}")) };
            return Some(format!("[\n{margin}{body}\n{}]", spaces(indent)));
        }
        _ => return None,
    };
    let inner = indent + STEP;
    let margin = spaces(inner);
    let flat_items: Vec<String> =
        items.iter().map(|(name, value)| argument(&(name.map(str::to_owned), (*value).clone()))).collect();
    let one_line = flat_items.join(", ");
    let is_lone_tuple = matches!(expression, Py::Tuple(elements) if elements.len() == 1);
    if inner + width(&one_line) <= WIDTH && !is_lone_tuple && !matches!(expression, Py::List(_) | Py::Tuple(_)) {
        return Some(format!("{head}{open}\n{margin}{one_line}\n{}{close}", spaces(indent)));
    }
    let lines: Vec<String> = items
        .iter()
        .map(|(name, value)| {
            let lead = match name {
                Some("**") => "**".to_owned(),
                Some(name) => format!("{name}="),
                None => String::new(),
            };
            let after = usize::from(comma);
            let text = if name.is_some() {
                outside(value, inner, inner + lead.len(), after)
            } else {
                inside(value, inner, inner + lead.len(), after)
            };
            format!("{margin}{lead}{text}{}", if comma { "," } else { "" })
        })
        .collect();
    Some(format!("{head}{open}\n{}\n{}{close}", lines.join("\n"), spaces(indent)))
}

/// The statements at an indent, each line ended.
pub(super) fn block(statements: &[Stmt], indent: usize, out: &mut String) {
    for statement in statements {
        print(statement, indent, out);
    }
}

fn line(out: &mut String, indent: usize, text: &str) {
    out.push_str(&spaces(indent));
    out.push_str(text);
    out.push('\n');
}

fn headed(out: &mut String, indent: usize, head: &str, expression: &Py, tail: &str) {
    let text = outside(expression, indent, indent + head.len(), tail.len());
    line(out, indent, &format!("{head}{text}{tail}"));
}

fn body(statements: &[Stmt], indent: usize, out: &mut String) {
    if statements.is_empty() {
        line(out, indent, "pass");
    }
    block(statements, indent, out);
}

fn print(statement: &Stmt, indent: usize, out: &mut String) {
    match statement {
        Stmt::Assign(to, value) => {
            let head = format!("{} = ", target(to));
            match value {
                // A tuple stands without parentheses.
                Py::Tuple(elements) if elements.len() > 1 && matches!(to, Target::Tuple(_)) => {
                    let text = elements.iter().map(flat).collect::<Vec<_>>().join(", ");
                    if indent + width(&head) + width(&text) <= WIDTH {
                        return line(out, indent, &format!("{head}{text}"));
                    }
                    headed(out, indent, &head, value, "");
                }
                _ => headed(out, indent, &head, value, ""),
            }
        }
        Stmt::Effect(value) => headed(out, indent, "", value, ""),
        Stmt::Append(list, value) => {
            headed(out, indent, "", &Py::name(list).method("append", vec![value.clone()]), "");
        }
        Stmt::Return(None) => line(out, indent, "return"),
        Stmt::Return(Some(Py::Tuple(elements))) if elements.len() > 1 => {
            let text = elements.iter().map(flat).collect::<Vec<_>>().join(", ");
            if indent + "return ".len() + width(&text) <= WIDTH {
                return line(out, indent, &format!("return {text}"));
            }
            headed(out, indent, "return ", &Py::Tuple(elements.clone()), "");
        }
        Stmt::Return(Some(value)) => headed(out, indent, "return ", value, ""),
        Stmt::For(to, iterable, inner) => {
            headed(out, indent, &format!("for {} in ", target(to)), iterable, ":");
            body(inner, indent + STEP, out);
        }
        Stmt::If(branches, otherwise) if branches.is_empty() => block(otherwise, indent, out),
        Stmt::If(branches, otherwise) => {
            for (position, (condition, inner)) in branches.iter().enumerate() {
                headed(out, indent, if position == 0 { "if " } else { "elif " }, condition, ":");
                body(inner, indent + STEP, out);
            }
            if !otherwise.is_empty() {
                line(out, indent, "else:");
                body(otherwise, indent + STEP, out);
            }
        }
    }
}

/// `def name(parameters):`, the parameters with their defaults.
pub(super) fn signature(name: &str, parameters: &[(String, Option<Py>)], indent: usize, out: &mut String) {
    let items: Vec<String> = parameters
        .iter()
        .map(|(name, default)| match default {
            Some(default) => format!("{name}={}", flat(default)),
            None => name.clone(),
        })
        .collect();
    let one_line = format!("def {name}({}):", items.join(", "));
    if indent + width(&one_line) <= WIDTH {
        return line(out, indent, &one_line);
    }
    line(out, indent, &format!("def {name}("));
    let inside = items.join(", ");
    if indent + STEP + width(&inside) <= WIDTH {
        line(out, indent + STEP, &inside);
    } else {
        for item in items {
            line(out, indent + STEP, &format!("{item},"));
        }
    }
    line(out, indent, "):");
}

/// A documentation string, or nothing.
pub(super) fn docs(text: &str, indent: usize, out: &mut String) {
    let text = text.replace('\\', "\\\\").replace("\"\"\"", "\\\"\\\"\\\"");
    let text = text.trim();
    if text.is_empty() {
        return;
    }
    let lines: Vec<String> = text.lines().flat_map(|line| wrapped(line.trim_end(), WIDTH - indent - QUOTES)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let last_ends_badly = text.ends_with('"');
    match lines.as_slice() {
        [only] => line(out, indent, &format!("\"\"\"{only}{}\"\"\"", if last_ends_badly { " " } else { "" })),
        [first, rest @ ..] => {
            line(out, indent, &format!("\"\"\"{first}"));
            for text in rest {
                if text.is_empty() { out.push('\n') } else { line(out, indent, text) }
            }
            line(out, indent, "\"\"\"");
        }
        [] => {}
    }
}

/// The quotes on either side of a documentation string of one line.
const QUOTES: usize = 6;

/// A line in parts of at most `limit` characters, as far as its words allow.
fn wrapped(text: &str, limit: usize) -> Vec<String> {
    if width(text) <= limit {
        return vec![text.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(last) if last.is_empty() => last.push_str(word),
            Some(last) if width(last) + 1 + width(word) <= limit => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
