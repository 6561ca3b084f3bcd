//! Reading compile-time values as what an operation needs: sizes, pairs, dimensions, words.

use parameternet_dsl::source::Span;

use super::call::describe;
use super::error::OpErrorKind;
use crate::limits::{MAX_EXTENT, MAX_LIST};
use crate::value::{Callable, Value};

/// An argument bound to a parameter.
#[derive(Debug, Clone)]
pub struct Bound {
    /// The value.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
}

/// The value of a word such as `same`, or of an operation that is used as a word, such as `tanh`.
#[must_use]
pub fn word(name: &'static str) -> Value {
    match super::definition(name) {
        Some(definition) => Value::Callable(std::rc::Rc::new(Callable::Operation(definition))),
        None => Value::Symbol(name),
    }
}

/// A whole number of either sign.
pub fn signed(value: &Value) -> Result<i64, OpErrorKind> {
    match value {
        Value::Int(value) => Ok(*value),
        // `16 * 1.0` is whole, too. Past 2^53 not every whole number is a float.
        #[expect(clippy::cast_possible_truncation, reason = "the value is whole and within 2^53")]
        Value::Float(value) if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 => Ok(*value as i64),
        Value::Float(found) => Err(OpErrorKind::NotWhole { found: *found }),
        other => Err(OpErrorKind::Type { expected: "a whole number", found: describe(other) }),
    }
}

/// A whole number of at least `least`.
pub fn integer(value: &Value, least: usize) -> Result<usize, OpErrorKind> {
    let number = signed(value)?;
    usize::try_from(number).ok().filter(|number| *number >= least).ok_or_else(|| OpErrorKind::Range {
        expected: format!("a whole number of at least {least}"),
        found: number.to_string(),
    })
}

/// A finite number.
pub fn number(value: &Value) -> Result<f64, OpErrorKind> {
    value.as_number().ok_or_else(|| OpErrorKind::Type { expected: "a number", found: describe(value) }).and_then(
        |number| {
            if number.is_finite() {
                return Ok(number);
            }
            Err(OpErrorKind::Range { expected: "a finite number".to_owned(), found: number.to_string() })
        },
    )
}

/// A finite number greater than zero.
pub fn positive_number(value: &Value) -> Result<f64, OpErrorKind> {
    let number = number(value)?;
    if number > 0.0 {
        return Ok(number);
    }
    Err(OpErrorKind::Range { expected: "a number greater than 0".to_owned(), found: value.to_string() })
}

/// A number of rows or columns.
pub fn extent(value: &Value, least: usize) -> Result<usize, OpErrorKind> {
    let number = integer(value, least)?;
    if number <= MAX_EXTENT {
        return Ok(number);
    }
    let expected = format!("a whole number of at most {MAX_EXTENT}");
    Err(OpErrorKind::Range { expected, found: number.to_string() })
}

/// One size for rows and columns, or `[height, width]`.
pub fn pair(value: &Value, least: usize) -> Result<[usize; 2], OpErrorKind> {
    match value {
        Value::List(values) | Value::Tuple(values) => match &***values {
            [height, width] => Ok([extent(height, least)?, extent(width, least)?]),
            _ => Err(OpErrorKind::Type { expected: "one number or [height, width]", found: describe(value) }),
        },
        single => extent(single, least).map(|size| [size, size]),
    }
}

/// A list of whole numbers of either sign.
pub fn integers(value: &Value) -> Result<Vec<i64>, OpErrorKind> {
    match value.elements() {
        Some(_) if value.length().is_some_and(|length| length > MAX_LIST) => {
            let expected = format!("at most {MAX_LIST} numbers");
            Err(OpErrorKind::Range { expected, found: value.to_string() })
        }
        Some(elements) => elements.map(|element| signed(&element)).collect(),
        None => Err(OpErrorKind::Type { expected: "a list of whole numbers", found: describe(value) }),
    }
}

/// A dimension of a tensor of that rank; negative numbers count from the end.
pub fn dimension(value: &Value, rank: usize) -> Result<usize, OpErrorKind> {
    let dim = signed(value)?;
    let signed_rank = i64::try_from(rank).unwrap_or(i64::MAX);
    let wrapped = if dim < 0 { dim.checked_add(signed_rank) } else { Some(dim) };
    wrapped
        .and_then(|dim| usize::try_from(dim).ok())
        .filter(|dim| *dim < rank)
        .ok_or(OpErrorKind::Dimension { dim, rank })
}

/// Distinct dimensions of a tensor of that rank: one number or a list, in the order given.
pub fn dimensions(value: &Value, rank: usize) -> Result<Vec<usize>, OpErrorKind> {
    let Some(elements) = value.elements() else { return Ok(vec![dimension(value, rank)?]) };
    let mut dims = Vec::new();
    for element in elements {
        let dim = dimension(&element, rank)?;
        if dims.contains(&dim) {
            let expected = "each dimension once".to_owned();
            return Err(OpErrorKind::Range { expected, found: value.to_string() });
        }
        dims.push(dim);
    }
    Ok(dims)
}

/// One of a few words.
pub fn choice<T: Copy>(value: &Value, choices: &'static [(&'static str, T)]) -> Result<T, OpErrorKind> {
    let found = match value {
        Value::Symbol(word) => Some(*word),
        Value::Callable(callable) => callable.builtin_name(),
        _ => None,
    };
    choices.iter().find(|(word, _)| found == Some(*word)).map(|(_, choice)| *choice).ok_or_else(|| {
        let words: Vec<String> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
        OpErrorKind::Range { expected: words.join(" or "), found: describe(value) }
    })
}
