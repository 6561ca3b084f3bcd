//! From steps to the text of a file.

use std::collections::HashSet;

use super::flow::{Argument, Literal, Operand, Operation, Step, StepId};
use super::input::{self, Inputs};
use super::size::Size;
use super::text::{self, Atom, Body, Head, Line, literal};
use super::translate::Flow;

/// The text of a file with the network of a flow.
pub(super) fn written(flow: &Flow, inputs: &Inputs, network: &str) -> String {
    let mut taken = reserved();
    let names = input::names(&inputs.inputs, &mut taken);
    let mut head = String::new();
    for (name, input) in names.iter().zip(&inputs.inputs) {
        head.push_str(&format!("input {name}: f32{}\n", shape(&input.shape)));
    }
    let lines: Vec<Line> = flow
        .steps
        .iter()
        .enumerate()
        .filter(|(_, step)| !matches!(step.operation, Operation::Input(_)))
        .map(|(place, step)| line(StepId(place), step))
        .collect();
    let inputs = flow.steps.iter().enumerate().filter_map(|(place, step)| match step.operation {
        Operation::Input(number) => Some((StepId(place), names.get(number)?.clone())),
        _ => None,
    });
    let several = flow.outputs.len() > 1;
    let results = flow.outputs.iter().map(|(name, id)| (several.then(|| super::path::word(name)), *id));
    let body = Body { inputs: inputs.collect(), lines: &lines, results: results.collect(), taken };
    format!("network {network} {{\n{head}\n{}}}\n", text::statements(&body))
}

fn line(id: StepId, step: &Step) -> Line {
    let operands = step.operands.iter().map(|operand| match operand {
        Operand::Step(id) => Atom::Value(*id),
        Operand::Number(number) => Atom::Number(*number),
    });
    let mut arguments: Vec<String> = step.arguments.iter().filter(|argument| !argument.is_default()).map(argument).collect();
    let mut path = (!step.weights.is_empty()).then(|| step.path.to_string());
    if step.operation == Operation::Param {
        arguments = vec![format!("{:?}", step.path.dotted()), literal(&shape_literal(&step.shape))];
        path = None;
    }
    let wish = match step.operation {
        Operation::Infix('+') => "sum",
        Operation::Infix(_) => "product",
        Operation::Slice => "part",
        _ => step.path.last_name().unwrap_or("y"),
    };
    Line {
        head: Head::Operation(step.operation),
        operands: operands.collect(),
        arguments,
        path,
        wish: wish.to_owned(),
        output: id,
        condition: None,
    }
}

fn argument(argument: &Argument) -> String {
    match argument.default {
        Some(_) => format!("{}={}", argument.name, literal(&argument.value)),
        None => literal(&argument.value),
    }
}

fn shape_literal(shape: &[Size]) -> Literal {
    Literal::List(shape.iter().map(|size| Literal::Whole(size.value)).collect())
}

fn shape(shape: &[Size]) -> String {
    super::size::show(shape)
}

/// Names that mean something already.
fn reserved() -> HashSet<String> {
    let operations = crate::op::definitions().map(|definition| definition.name.to_owned());
    operations.chain(["batch", "param", "len", "max", "min", "range"].map(str::to_owned)).collect()
}
