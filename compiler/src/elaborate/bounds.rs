//! The bounds of budgets: expressions over constants, evaluated to numbers.

use parameternet_dsl::ast::{Comparison, Limit};
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::Diagnostic;
use parameternet_dsl::source::SourceMap;

use super::environment::{Body, Environment};
use super::{Elaborator, Report, Request, on_large_stack};
use crate::graph::InstanceId;
use crate::graph::build::GraphBuilder;
use crate::limits::MAX_STEPS;
use crate::program::{Failure, FileId, Program};
use crate::value::Value;

/// The most that each limit allows; `None` where not even 0 is allowed. Each limit comes with the file whose names it sees;
/// `sources` are the texts that all of them point into.
pub(crate) fn most(
    program: &Program,
    sources: &SourceMap,
    limits: &[(FileId, Limit)],
) -> Result<Vec<Option<u64>>, Failure> {
    let Some((_, first)) = limits.first() else { return Ok(Vec::new()) };
    on_large_stack(program, || {
        let mut elaborator = Elaborator {
            program,
            builder: GraphBuilder::new("", first.span, Request::default().batch),
            report: Report::default(),
            steps: MAX_STEPS,
            frames: Vec::new(),
            depth: 0,
            constants: std::collections::HashMap::new(),
        };
        let mut most = Vec::new();
        for (file, limit) in limits {
            let mut environment = Environment::new(*file, InstanceId::NETWORK, Body::Constant);
            let Ok(value) = elaborator.expression_or_poison(&limit.bound, &mut environment) else { break };
            most.push(allowed(&value, limit.comparison));
            let is_number = matches!(value, Value::Poison) || value.as_number().is_some_and(|number| number >= 0.0);
            if !is_number {
                let error = Diagnostic::new(Code::E0602, "the bound of a budget is a number of at least 0");
                elaborator.error(error.primary(limit.bound.span, format!("this is {value}")), InstanceId::NETWORK);
            }
        }
        let diagnostics = elaborator.report.finish();
        if diagnostics.is_empty() { Ok(most) } else { Err(Failure { sources: sources.clone(), diagnostics }) }
    })
}

/// The largest whole number that a bound allows.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast of a number saturates")]
fn allowed(bound: &Value, comparison: Comparison) -> Option<u64> {
    let (floor, is_whole) = match bound {
        Value::Int(number) => (u64::try_from(*number).unwrap_or(0), true),
        other => {
            let number = other.as_number().unwrap_or(0.0);
            (number as u64, number.fract() == 0.0)
        }
    };
    match comparison {
        Comparison::Below if is_whole => floor.checked_sub(1),
        Comparison::Below | Comparison::AtMost => Some(floor),
    }
}
