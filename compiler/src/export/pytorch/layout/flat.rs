//! Expressions on one line, with the parentheses that they need.

use crate::export::pytorch::python::{Clause, Piece, Py, Target};

/// How tightly an expression binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tightness {
    Any,
    Ternary,
    Or,
    And,
    Not,
    Comparison,
    Sum,
    Product,
    Unary,
    Postfix,
}

pub(super) fn tightness(expression: &Py) -> Tightness {
    match expression {
        Py::Ternary(_) => Tightness::Ternary,
        Py::Binary(operator, ..) => binary(operator),
        Py::Unary("not ", _) => Tightness::Not,
        Py::Unary(..) => Tightness::Unary,
        Py::Atom(text) if text.starts_with('-') => Tightness::Unary,
        _ => Tightness::Postfix,
    }
}

pub(super) fn binary(operator: &str) -> Tightness {
    match operator {
        "or" => Tightness::Or,
        "and" => Tightness::And,
        "+" | "-" => Tightness::Sum,
        "*" | "/" | "%" | "//" | "@" => Tightness::Product,
        _ => Tightness::Comparison,
    }
}

/// The tightness above another.
pub(super) fn above(tightness: Tightness) -> Tightness {
    match tightness {
        Tightness::Any => Tightness::Ternary,
        Tightness::Ternary => Tightness::Or,
        Tightness::Or => Tightness::And,
        Tightness::And => Tightness::Not,
        Tightness::Not => Tightness::Comparison,
        Tightness::Comparison => Tightness::Sum,
        Tightness::Sum => Tightness::Product,
        Tightness::Product => Tightness::Unary,
        Tightness::Unary | Tightness::Postfix => Tightness::Postfix,
    }
}

/// The expression on one line.
pub(in crate::export::pytorch) fn flat(expression: &Py) -> String {
    at_least(expression, Tightness::Any)
}

/// On one line, in parentheses if it binds less tightly.
pub(super) fn at_least(expression: &Py, least: Tightness) -> String {
    let text = bare(expression);
    if tightness(expression) < least { format!("({text})") } else { text }
}

pub(super) fn bare(expression: &Py) -> String {
    match expression {
        Py::Name(text) | Py::Atom(text) => text.clone(),
        Py::Call(callee, arguments) => format!("{}({})", at_least(callee, Tightness::Postfix), join(arguments)),
        Py::Attribute(base, name) => format!("{}.{name}", at_least(base, Tightness::Postfix)),
        Py::Index(base, subscripts) => {
            let subscripts: Vec<String> = subscripts.iter().map(flat).collect();
            format!("{}[{}]", at_least(base, Tightness::Postfix), subscripts.join(", "))
        }
        Py::Slice([start, end, step]) => {
            let part = |part: &Option<Box<Py>>| part.as_ref().map_or_else(String::new, |part| slice_part(part));
            let step = step.as_ref().map_or_else(String::new, |step| format!(":{}", slice_part(step)));
            // black puts spaces around the colon where a side is more than a name or number.
            let is_complex = [start, end].iter().any(|part| part.as_ref().is_some_and(|part| !is_small(part)));
            match is_complex && step.is_empty() {
                false => format!("{}:{}{step}", part(start), part(end)),
                true => format!("{} : {}", part(start), part(end)).trim().to_owned(),
            }
        }
        Py::List(elements) => format!("[{}]", elements.iter().map(flat).collect::<Vec<_>>().join(", ")),
        Py::Tuple(elements) => {
            let inside = elements.iter().map(flat).collect::<Vec<_>>().join(", ");
            if elements.len() == 1 { format!("({inside},)") } else { format!("({inside})") }
        }
        Py::Dict(entries) => {
            let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{key}: {}", flat(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Py::Unary("not ", operand) => format!("not {}", at_least(operand, Tightness::Not)),
        Py::Unary(operator, operand) => format!("{operator}{}", at_least(operand, Tightness::Unary)),
        Py::Binary(operator, left, right) => {
            let own = binary(operator);
            // Comparisons would chain.
            let left_least = if own == Tightness::Comparison { above(own) } else { own };
            format!("{} {operator} {}", at_least(left, left_least), at_least(right, above(own)))
        }
        Py::Ternary(parts) => {
            let [value, condition, otherwise] = &**parts;
            format!(
                "{} if {} else {}",
                at_least(value, Tightness::Or),
                at_least(condition, Tightness::Or),
                at_least(otherwise, Tightness::Ternary)
            )
        }
        Py::Comprehension(element, clauses) => {
            let clauses: Vec<String> = clauses.iter().map(clause).collect();
            format!("[{} {}]", flat(element), clauses.join(" "))
        }
        Py::Format(pieces) => format!("f\"{}\"", pieces.iter().map(piece).collect::<String>()),
    }
}

fn is_small(part: &Py) -> bool {
    matches!(part, Py::Name(_))
        || matches!(part, Py::Atom(text) if !text.contains('.'))
        || matches!(part, Py::Unary("-", inner) if is_small(inner))
}

fn slice_part(part: &Py) -> String {
    flat(part)
}

fn piece(piece: &Piece) -> String {
    match piece {
        Piece::Text(text) => text.clone(),
        Piece::Value(value) => format!("{{{}}}", flat(value).replace('"', "'")),
    }
}

fn clause(clause: &Clause) -> String {
    let mut text = format!("for {} in {}", target(&clause.target), at_least(&clause.iterable, Tightness::Or));
    for condition in &clause.conditions {
        text.push_str(&format!(" if {}", at_least(condition, Tightness::Or)));
    }
    text
}

pub(super) fn argument((name, value): &(Option<String>, Py)) -> String {
    match name.as_deref() {
        Some("**") => format!("**{}", flat(value)),
        Some(name) => format!("{name}={}", flat(value)),
        None => flat(value),
    }
}

fn join(arguments: &[(Option<String>, Py)]) -> String {
    arguments.iter().map(argument).collect::<Vec<_>>().join(", ")
}

/// A target of a loop or an assignment.
pub(super) fn target(of: &Target) -> String {
    match of {
        Target::Tuple(parts) => inner_targets(parts),
        other => inner_target(other),
    }
}

fn inner_targets(parts: &[Target]) -> String {
    let text = parts.iter().map(inner_target).collect::<Vec<_>>().join(", ");
    if parts.len() == 1 { format!("({text},)") } else { text }
}

fn inner_target(of: &Target) -> String {
    match of {
        Target::Name(name) => name.clone(),
        Target::Ignore => "_".to_owned(),
        Target::Attribute(text) => text.clone(),
        Target::Tuple(parts) => {
            let text = inner_targets(parts);
            if parts.len() == 1 { text } else { format!("({text})") }
        }
    }
}
