//! Every operation against PyTorch, and dynamic convolutions in every form against the interpreter.

use parameternet_compiler::weight::InitialTensors;
use serde_json::Value;

use crate::cases::{CaseWeights, DYNAMIC_CONV_GAIN, cases, dynamic_conv, elaborated, inputs, text};
use crate::compare::{self, TOLERANCE, expected, relative_error};
use crate::oracle;
use crate::shared::{golden, numbers};

#[test]
fn operations_compute_what_pytorch_computes() {
    if !oracle::is_there() {
        return;
    }
    let cases = cases();
    let failure = |case: &Value| {
        let name = text(case, "name");
        let graph = elaborated(text(case, "program"));
        let outputs = case["outputs"].as_array().expect("a list of outputs");
        let expected: Vec<Vec<f64>> = outputs.iter().map(|output| numbers(&output["values"])).collect();
        let weights = CaseWeights { graph: &graph, case: name };
        let found = oracle::outputs(&graph, &weights, &inputs(&graph, name));
        let error = found.map(|found| relative_error(&found, &expected));
        let error = error.and_then(|error| if error < TOLERANCE { Ok(error) } else { Err(format!("error {error:e}")) });
        match error {
            Ok(_) => None,
            Err(error) => Some(format!("{name}: {error}\n{}", text(case, "program"))),
        }
    };
    let failures: Vec<String> = cases.iter().filter_map(failure).collect();
    assert!(failures.is_empty(), "{} of {} cases fail:\n\n{}", failures.len(), cases.len(), failures.join("\n\n"));
}

/// One sample is a plain convolution; three stand side by side as groups.
#[test]
fn dynamic_convolutions_compute_what_the_interpreter_computes() {
    if !oracle::is_there() {
        return;
    }
    let Some(cases) = golden("dynamic_conv_cases.json") else { return };
    let routings =
        ["mlp", "mlp(hidden=3, activation=silu, gate=softmax(temperature=4))", "linear", "linear(gate=softmax)"];
    let mut worst = 0.0f64;
    for case in cases.as_array().expect("a list of cases") {
        for routing in routings {
            for batch in [1, 3] {
                let graph = elaborated(&dynamic_conv(case, Some(batch), routing));
                let inputs = compare::inputs(&graph);
                let weights = InitialTensors { graph: &graph, gain: DYNAMIC_CONV_GAIN };
                let what = format!("{}, {routing}, batch {batch}", text(case, "name"));
                let found =
                    oracle::outputs(&graph, &weights, &inputs).unwrap_or_else(|error| panic!("{what}: {error}"));
                let error = relative_error(&found, &expected(&graph, &inputs, DYNAMIC_CONV_GAIN));
                assert!(error < TOLERANCE, "{what}: relative error {error:e}");
                worst = worst.max(error);
            }
        }
    }
    println!("largest relative error {worst:.1e}");
}
