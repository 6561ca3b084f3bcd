//! Arithmetic and comparison of compile-time values. Whole numbers stay whole as long as the result is exact; nothing
//! overflows or becomes infinite in silence.

use parameternet_dsl::ast::BinaryOperator;

use crate::limits::{MAX_LIST, MAX_STRING, MAX_VALUE_DEPTH};
use crate::op::call::describe;
use crate::value::{Callable, Value};

/// Why a computation with values has no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ValueError {
    #[error("expected {expected}, found {found}")]
    Type { expected: &'static str, found: String },
    #[error("`{operator}` does not take {left} and {right}")]
    Operands { operator: &'static str, left: String, right: String },
    #[error("`{operator}` does not take {operand}")]
    Operand { operator: &'static str, operand: String },
    #[error("the result is too large for a 64-bit whole number")]
    Overflow,
    #[error("division by zero")]
    DivisionByZero,
    #[error("the result is not a finite number")]
    NotFinite,
    #[error("the lists have {left} and {right} elements")]
    Lengths { left: usize, right: usize },
    #[error("the list would have more than {MAX_LIST} elements")]
    TooLong,
    #[error("the string would have more than {MAX_STRING} bytes")]
    StringTooLong,
    #[error("lists, tuples and settings nest deeper than {MAX_VALUE_DEPTH} levels")]
    TooDeep,
    #[error("an argument is missing")]
    Missing,
}

impl ValueError {
    pub(crate) fn expected(expected: &'static str, found: &Value) -> Self {
        ValueError::Type { expected, found: describe(found) }
    }
}

/// A float as a value.
pub(super) fn float(value: f64) -> Result<Value, ValueError> {
    if value.is_finite() { Ok(Value::Float(value)) } else { Err(ValueError::NotFinite) }
}

/// A float without a fraction as a whole number.
pub(super) fn integer(value: f64) -> Result<Value, ValueError> {
    const LIMIT: f64 = 9_007_199_254_740_992.0; // 2^53: whole numbers up to here are exact in f64
    if !value.is_finite() {
        return Err(ValueError::NotFinite);
    }
    if value.abs() > LIMIT {
        return Err(ValueError::Overflow);
    }
    #[expect(clippy::cast_possible_truncation, reason = "the value is whole and within 2^53")]
    Ok(Value::Int(value as i64))
}

/// `left + right` for numbers, lists and strings.
pub(super) fn add(left: &Value, right: &Value) -> Result<Value, ValueError> {
    match (left, right) {
        (Value::List(a), Value::List(b)) => {
            if a.len() + b.len() > MAX_LIST {
                return Err(ValueError::TooLong);
            }
            Ok(Value::list(a.iter().chain(b.iter()).cloned()))
        }
        (Value::Str(a), Value::Str(b)) => {
            if a.len() + b.len() > MAX_STRING {
                return Err(ValueError::StringTooLong);
            }
            Ok(Value::Str(format!("{a}{b}").into()))
        }
        _ => numeric(BinaryOperator::Add, left, right),
    }
}

/// The value of `left operator right` for everything but tensors, `&&` and `||`.
pub(super) fn binary(
    operator: BinaryOperator,
    left: &Value,
    right: &Value,
    steps: &mut u64,
) -> Result<Value, ValueError> {
    match operator {
        BinaryOperator::Add => add(left, right),
        BinaryOperator::Multiply => match (left, right) {
            (Value::List(list), Value::Int(times)) | (Value::Int(times), Value::List(list)) => repeat(list, *times),
            _ => numeric(operator, left, right),
        },
        BinaryOperator::Subtract | BinaryOperator::Divide | BinaryOperator::Remainder => numeric(operator, left, right),
        BinaryOperator::Equal => equal(left, right, steps).map(Value::Bool),
        BinaryOperator::NotEqual => equal(left, right, steps).map(|equal| Value::Bool(!equal)),
        BinaryOperator::Less
        | BinaryOperator::LessOrEqual
        | BinaryOperator::Greater
        | BinaryOperator::GreaterOrEqual => compare(operator, left, right),
        BinaryOperator::And | BinaryOperator::Or => Err(operands(operator, left, right)),
    }
}

pub(super) fn operands(operator: BinaryOperator, left: &Value, right: &Value) -> ValueError {
    ValueError::Operands { operator: operator.symbol(), left: describe(left), right: describe(right) }
}

/// How much work it is to compute `left operator right`, in steps.
pub(super) fn cost(operator: BinaryOperator, left: &Value, right: &Value) -> u64 {
    let length = |value: &Value| value.length().unwrap_or(0) as u64;
    match (operator, left, right) {
        (BinaryOperator::Multiply, list @ Value::List(_), Value::Int(times))
        | (BinaryOperator::Multiply, Value::Int(times), list @ Value::List(_)) => {
            // Longer lists are refused, which costs nothing.
            length(list).saturating_mul(u64::try_from(*times).unwrap_or(0)).min(MAX_LIST as u64)
        }
        (BinaryOperator::Add, Value::List(_), Value::List(_)) => length(left).saturating_add(length(right)),
        (BinaryOperator::Add, Value::Str(left), Value::Str(right)) => (left.len() + right.len()) as u64,
        _ => 0,
    }
}

fn repeat(list: &[Value], times: i64) -> Result<Value, ValueError> {
    let times = if list.is_empty() { 0 } else { usize::try_from(times).unwrap_or(0) };
    if list.len().checked_mul(times).is_none_or(|length| length > MAX_LIST) {
        return Err(ValueError::TooLong);
    }
    Ok(Value::list(std::iter::repeat_n(list, times).flatten().cloned()))
}

fn numeric(operator: BinaryOperator, left: &Value, right: &Value) -> Result<Value, ValueError> {
    if let (Value::Int(a), Value::Int(b)) = (left, right) {
        return integers(operator, *a, *b);
    }
    let (Some(a), Some(b)) = (left.as_number(), right.as_number()) else {
        return Err(operands(operator, left, right));
    };
    match operator {
        BinaryOperator::Add => float(a + b),
        BinaryOperator::Subtract => float(a - b),
        BinaryOperator::Multiply => float(a * b),
        BinaryOperator::Divide if b == 0.0 => Err(ValueError::DivisionByZero),
        BinaryOperator::Divide => float(a / b),
        _ => Err(operands(operator, left, right)),
    }
}

fn integers(operator: BinaryOperator, a: i64, b: i64) -> Result<Value, ValueError> {
    let exact = |result: Option<i64>| result.map(Value::Int).ok_or(ValueError::Overflow);
    match operator {
        BinaryOperator::Add => exact(a.checked_add(b)),
        BinaryOperator::Subtract => exact(a.checked_sub(b)),
        BinaryOperator::Multiply => exact(a.checked_mul(b)),
        BinaryOperator::Divide | BinaryOperator::Remainder if b == 0 => Err(ValueError::DivisionByZero),
        BinaryOperator::Divide if a.checked_rem(b) == Some(0) => exact(a.checked_div(b)),
        #[expect(clippy::cast_precision_loss, reason = "a quotient that is not whole is rounded anyway")]
        BinaryOperator::Divide => float(a as f64 / b as f64),
        BinaryOperator::Remainder => exact(a.checked_rem_euclid(b)),
        _ => Err(operands(operator, &Value::Int(a), &Value::Int(b))),
    }
}

fn compare(operator: BinaryOperator, left: &Value, right: &Value) -> Result<Value, ValueError> {
    let order = match (left, right) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Str(a), Value::Str(b)) => Some(a.cmp(b)),
        _ => left.as_number().zip(right.as_number()).and_then(|(a, b)| a.partial_cmp(&b)),
    };
    let order = order.ok_or_else(|| operands(operator, left, right))?;
    Ok(Value::Bool(match operator {
        BinaryOperator::Less => order.is_lt(),
        BinaryOperator::LessOrEqual => order.is_le(),
        BinaryOperator::Greater => order.is_gt(),
        _ => order.is_ge(),
    }))
}

/// Whether two values are the same; values of different kinds never are, but for whole and other numbers. `steps` counts
/// down the work that is left.
fn equal(left: &Value, right: &Value, steps: &mut u64) -> Result<bool, ValueError> {
    *steps = steps.checked_sub(1).ok_or(ValueError::TooLong)?;
    Ok(match (left, right) {
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::Symbol(a), Value::Symbol(b)) => a == b,
        (Value::Range(a, b), Value::Range(c, d)) => (a, b) == (c, d),
        (Value::Tensor(a), Value::Tensor(b)) => a == b,
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.iter().zip(b.iter()) {
                if !equal(a, b, steps)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Callable(a), Value::Callable(b)) => match (&**a, &**b) {
            (Callable::Item(a), Callable::Item(b)) => a == b,
            (Callable::Partial(_), _) | (_, Callable::Partial(_)) => false,
            (a, b) => a.builtin_name().is_some() && a.builtin_name() == b.builtin_name(),
        },
        #[expect(clippy::float_cmp, reason = "`==` of the language is exact")]
        _ => left.as_number().zip(right.as_number()).is_some_and(|(a, b)| a == b),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluate(operator: BinaryOperator, left: Value, right: Value) -> Result<String, ValueError> {
        binary(operator, &left, &right, &mut 1000).map(|value| value.to_string())
    }

    #[test]
    fn division_stays_whole_where_it_is_exact() {
        assert_eq!(evaluate(BinaryOperator::Divide, Value::Int(8), Value::Int(2)).as_deref(), Ok("4"));
        assert_eq!(evaluate(BinaryOperator::Divide, Value::Int(7), Value::Int(2)).as_deref(), Ok("3.5"));
        assert_eq!(evaluate(BinaryOperator::Divide, Value::Int(7), Value::Int(0)), Err(ValueError::DivisionByZero));
        assert_eq!(
            evaluate(BinaryOperator::Divide, Value::Float(1.0), Value::Float(0.0)),
            Err(ValueError::DivisionByZero)
        );
        assert_eq!(evaluate(BinaryOperator::Remainder, Value::Int(-1), Value::Int(7)).as_deref(), Ok("6"));
    }

    #[test]
    fn whole_numbers_do_not_wrap() {
        assert_eq!(evaluate(BinaryOperator::Add, Value::Int(i64::MAX), Value::Int(1)), Err(ValueError::Overflow));
        assert_eq!(
            evaluate(BinaryOperator::Multiply, Value::Float(1e300), Value::Float(1e300)),
            Err(ValueError::NotFinite)
        );
    }

    #[test]
    fn lists_repeat_and_join_within_limits() {
        let list = || Value::list([Value::Int(1)]);
        assert_eq!(evaluate(BinaryOperator::Multiply, list(), Value::Int(3)).as_deref(), Ok("[1, 1, 1]"));
        assert_eq!(evaluate(BinaryOperator::Add, list(), list()).as_deref(), Ok("[1, 1]"));
        assert_eq!(evaluate(BinaryOperator::Multiply, list(), Value::Int(i64::MAX)), Err(ValueError::TooLong));
    }

    #[test]
    fn equality_of_shared_lists_is_bounded() {
        let mut deep = Value::list([Value::Int(1)]);
        for _ in 0..60 {
            deep = Value::list([deep.clone(), deep]);
        }
        assert_eq!(evaluate(BinaryOperator::Equal, deep.clone(), deep), Err(ValueError::TooLong));
    }
}
