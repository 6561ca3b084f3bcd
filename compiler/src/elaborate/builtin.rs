//! Functions of the language that compute with compile-time values alone.

use super::arithmetic::{self, ValueError};
use crate::op::{Default, Parameter, parameter};
use crate::value::Value;

/// A function on compile-time values.
#[derive(Debug)]
pub struct Builtin {
    /// What it is called.
    pub name: &'static str,
    /// One sentence without a full stop.
    pub summary: &'static str,
    /// Its parameters.
    pub parameters: &'static [Parameter],
    /// An expression that uses it, and its value. Checked by a test.
    pub example: (&'static str, &'static str),
    /// Computes the value; arguments without a given value are `None`.
    pub evaluate: fn(&[Option<Value>]) -> Result<Value, ValueError>,
}

const VALUE: Parameter = parameter("value", "a number", Default::Required, "The number.");
const LIST: Parameter = parameter("values", "a list, tuple or range", Default::Required, "The elements.");
const NUMBERS: Parameter = parameter("values", "numbers, or a list of them", Default::Rest, "The numbers.");

/// Every builtin, in the order of the reference.
pub const BUILTINS: &[&Builtin] = &[
    &Builtin {
        name: "ceil",
        summary: "The least whole number that is not less",
        parameters: &[VALUE],
        example: ("ceil(7 / 2)", "4"),
        evaluate: |arguments| whole(arguments, f64::ceil),
    },
    &Builtin {
        name: "floor",
        summary: "The greatest whole number that is not greater",
        parameters: &[VALUE],
        example: ("floor(7 / 2)", "3"),
        evaluate: |arguments| whole(arguments, f64::floor),
    },
    &Builtin {
        name: "round",
        summary: "The nearest whole number, of two equally near ones the even one",
        parameters: &[VALUE],
        example: ("round(2.5)", "2"),
        evaluate: |arguments| whole(arguments, f64::round_ties_even),
    },
    &Builtin {
        name: "abs",
        summary: "The number without its sign",
        parameters: &[VALUE],
        example: ("abs(-3)", "3"),
        evaluate: |arguments| match argument(arguments, 0)? {
            Value::Int(value) => value.checked_abs().map(Value::Int).ok_or(ValueError::Overflow),
            other => Ok(Value::Float(number(&other)?.abs())),
        },
    },
    &Builtin {
        name: "sqrt",
        summary: "The square root",
        parameters: &[VALUE],
        example: ("sqrt(64)", "8.0"),
        evaluate: |arguments| arithmetic::float(number(&argument(arguments, 0)?)?.sqrt()),
    },
    &Builtin {
        name: "min",
        summary: "The least of the numbers",
        parameters: &[NUMBERS],
        example: ("min(3, 1.5, 2)", "1.5"),
        evaluate: |arguments| extreme(arguments, |candidate, best| candidate < best),
    },
    &Builtin {
        name: "max",
        summary: "The greatest of the numbers",
        parameters: &[NUMBERS],
        example: ("max([3, 1.5, 2])", "3"),
        evaluate: |arguments| extreme(arguments, |candidate, best| candidate > best),
    },
    &Builtin {
        name: "sum",
        summary: "The sum of a list of numbers",
        parameters: &[LIST],
        example: ("sum([2, 2, 6, 2])", "12"),
        evaluate: |arguments| {
            let list = argument(arguments, 0)?;
            let mut elements = list.elements().ok_or(ValueError::expected("a list of numbers", &list))?;
            elements.try_fold(Value::Int(0), |sum, value| arithmetic::add(&sum, &value))
        },
    },
    &Builtin {
        name: "len",
        summary: "The number of elements of a list, tuple or range",
        parameters: &[LIST],
        example: ("len([4, 5, 6])", "3"),
        evaluate: |arguments| {
            let list = argument(arguments, 0)?;
            let length = list.length().ok_or(ValueError::expected("a list, tuple or range", &list))?;
            i64::try_from(length).map(Value::Int).map_err(|_| ValueError::Overflow)
        },
    },
    &Builtin {
        name: "reversed",
        summary: "A list with its elements in the other order",
        parameters: &[LIST],
        example: ("reversed([1, 2, 3])", "[3, 2, 1]"),
        evaluate: |arguments| {
            let mut elements = elements(&argument(arguments, 0)?)?;
            elements.reverse();
            Ok(Value::list(elements))
        },
    },
    &Builtin {
        name: "zip",
        summary: "A list of pairs of the elements of two lists of equal length",
        parameters: &[LIST, parameter("others", "a list, tuple or range", Default::Required, "The second elements.")],
        example: ("zip([1, 2], [3, 4])", "[(1, 3), (2, 4)]"),
        evaluate: |arguments| {
            let (left, right) = (elements(&argument(arguments, 0)?)?, elements(&argument(arguments, 1)?)?);
            if left.len() != right.len() {
                return Err(ValueError::Lengths { left: left.len(), right: right.len() });
            }
            Ok(Value::list(left.into_iter().zip(right).map(|(left, right)| Value::tuple([left, right]))))
        },
    },
    &Builtin {
        name: "make_divisible",
        summary: "The multiple of `divisor` nearest to a number of channels, never below `least` nor less than `keep` of the number",
        parameters: &[
            VALUE,
            parameter("divisor", "a whole number", Default::Int(8), "What the result is a multiple of."),
            parameter("least", "a whole number", Default::Computed("divisor"), "The least result."),
            parameter(
                "keep",
                "a number",
                Default::Float(0.9),
                "A result below this share of the number is raised by `divisor`.",
            ),
        ],
        example: ("make_divisible(16 * 1.9, 4)", "32"),
        evaluate: make_divisible,
    },
];

fn argument(arguments: &[Option<Value>], position: usize) -> Result<Value, ValueError> {
    // The binder has seen to it that required arguments are there.
    arguments.get(position).cloned().flatten().ok_or(ValueError::Missing)
}

fn number(value: &Value) -> Result<f64, ValueError> {
    value.as_number().ok_or_else(|| ValueError::expected("a number", value))
}

fn elements(value: &Value) -> Result<Vec<Value>, ValueError> {
    if value.length().is_some_and(|length| length > crate::limits::MAX_LIST) {
        return Err(ValueError::TooLong);
    }
    Ok(value.elements().ok_or_else(|| ValueError::expected("a list, tuple or range", value))?.collect())
}

fn whole(arguments: &[Option<Value>], round: fn(f64) -> f64) -> Result<Value, ValueError> {
    match argument(arguments, 0)? {
        Value::Int(value) => Ok(Value::Int(value)),
        other => arithmetic::integer(round(number(&other)?)),
    }
}

/// The element of the arguments that `better` prefers; the first of equals.
fn extreme(arguments: &[Option<Value>], better: fn(f64, f64) -> bool) -> Result<Value, ValueError> {
    let rest = argument(arguments, 0)?;
    let mut values = elements(&rest)?;
    if let [only] = values.as_slice()
        && only.length().is_some()
    {
        values = elements(only)?;
    }
    let mut best: Option<(f64, Value)> = None;
    for value in values {
        let candidate = number(&value)?;
        if best.as_ref().is_none_or(|(best, _)| better(candidate, *best)) {
            best = Some((candidate, value));
        }
    }
    best.map(|(_, value)| value).ok_or_else(|| ValueError::expected("at least one number", &rest))
}

/// The rule of the MobileNet family (Sandler et al., "MobileNetV2", CVPR 2018, reference code): round half up to a multiple,
/// and do not lose more than a tenth.
fn make_divisible(arguments: &[Option<Value>]) -> Result<Value, ValueError> {
    let value = number(&argument(arguments, 0)?)?;
    let divisor = number(&argument(arguments, 1)?)?;
    let least = arguments.get(2).cloned().flatten().map_or(Ok(divisor), |least| number(&least))?;
    let keep = number(&argument(arguments, 3)?)?;
    if divisor < 1.0 || divisor.fract() != 0.0 {
        return Err(ValueError::expected("a `divisor` that is a whole number of at least 1", &argument(arguments, 1)?));
    }
    let mut rounded = ((value + divisor / 2.0).trunc() / divisor).floor() * divisor;
    rounded = rounded.max(least);
    if rounded < keep * value {
        rounded += divisor;
    }
    arithmetic::integer(rounded)
}
