//! Every operation of the language through the interpreter, against PyTorch: see `data/operations.py`.

#[path = "shared/cases.rs"]
mod cases;

use std::collections::HashSet;

use cases::{cases, inputs, text, weights};
use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::interp;
use parameternet_compiler::op;
use parameternet_compiler::program::{MemoryLoader, Program};
use serde_json::Value;

/// The values are stored with nine digits.
const TOLERANCE: f64 = 1e-7;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|number| number.as_f64().expect("a number")).collect()
}

/// What is wrong with a case.
fn check(case: &Value) -> Result<(), String> {
    let name = text(case, "name");
    let loader = MemoryLoader::new("case.pnet", text(case, "program"));
    let program = Program::load(&loader, "case.pnet").map_err(|failure| failure.to_string())?;
    let graph = elaborate(&program, &Request::default()).map_err(|failure| failure.to_string())?;
    let inputs: Vec<Vec<f64>> =
        inputs(&graph, name).into_iter().map(|input| input.into_iter().map(f64::from).collect()).collect();
    let outputs = interp::run(&graph, &weights(&graph, name), &inputs).map_err(|error| error.to_string())?;
    let expected = case["outputs"].as_array().expect("a list of outputs");
    if outputs.len() != expected.len() {
        return Err(format!("{} outputs instead of {}", outputs.len(), expected.len()));
    }
    for (output, expected) in outputs.iter().zip(expected) {
        let (shape, values) = (&expected["shape"], numbers(&expected["values"]));
        if serde_json::json!(output.shape.dims()) != *shape {
            return Err(format!("shape {} instead of {shape}", output.shape));
        }
        let largest = values.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
        let pairs = output.data.iter().zip(&values).enumerate();
        // Written so that a NaN is wrong.
        let is_near = |found: f64, expected: f64| (found - expected).abs() <= TOLERANCE * largest;
        if let Some((index, (found, value))) = pairs.into_iter().find(|(_, (found, value))| !is_near(**found, **value))
        {
            return Err(format!("element {index} of {shape} is {found} instead of {value}"));
        }
    }
    Ok(())
}

#[test]
fn operations_compute_what_pytorch_computes() {
    let cases = cases();
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            check(case).err().map(|error| format!("{}: {error}\n{}", text(case, "name"), text(case, "program")))
        })
        .collect();
    assert!(failures.is_empty(), "{} of {} cases fail:\n\n{}", failures.len(), cases.len(), failures.join("\n\n"));
}

#[test]
fn every_operation_has_a_case() {
    let cases = cases();
    let words: HashSet<&str> =
        cases.iter().flat_map(|case| text(case, "program").split(|c: char| !c.is_alphanumeric() && c != '_')).collect();
    let without: Vec<&str> = op::definitions()
        .filter(|definition| definition.build.is_some())
        .map(|definition| definition.name)
        .filter(|name| !words.contains(name))
        .collect();
    assert!(without.is_empty(), "operations without a case in operations.py: {without:?}");
}
