//! What stands in the files, down to sizes that no test can write.

use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::onnx::export::{ExportError, OPSET, export};
use parameternet_compiler::onnx::file::{MAX_MESSAGE, PAGE, Piece, embedded, external};
use parameternet_compiler::onnx::proto::{DataLocation, ModelProto};
use parameternet_compiler::passes::{Selection, optimize};
use parameternet_compiler::weight::InitialTensors;
use prost::Message;

use crate::cases::elaborated;
use crate::networks;
use crate::oracle;

/// The message of a model without the values of the weights.
fn proto(graph: &Graph) -> ModelProto {
    export(graph).expect("a graph before passes").proto
}

/// `name: Operator(inputs)` of every node.
fn nodes(graph: &Graph) -> Vec<String> {
    let proto = proto(graph).graph.expect("a graph");
    let node = |node: &parameternet_compiler::onnx::proto::NodeProto| {
        format!("{}: {}({}) -> {}", node.name, node.op_type, node.input.join(", "), node.output.join(", "))
    };
    proto.node.iter().map(node).collect()
}

#[test]
fn one_sample_takes_no_detour() {
    let graph = elaborated(
        "module Block(x) { return x |> dynamic_conv(4, kernel=3, routing=linear) as conv |> batch_norm as bn |> relu }
        network Case { input image: f32[1, 3, 8, 8] return scores = image |> Block as blocks[0] |> relu |> flatten }",
    );
    insta::assert_snapshot!(nodes(&graph).join("\n"));
}

#[test]
fn samples_are_groups() {
    let graph = elaborated(
        "network Case { input image: f32[3, 4, 8, 8] return image |> dynamic_conv(6, groups=2, bias=true) as conv }",
    );
    insta::assert_snapshot!(nodes(&graph).join("\n"));
}

#[test]
fn a_model_says_where_it_comes_from() {
    let graph = networks::elaborated("digits/digits.pnet", &[("experts", "2")], 3, None);
    let proto = proto(&graph);
    assert_eq!(
        (proto.producer_name.as_str(), proto.producer_version.as_str()),
        ("parameternet", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(
        proto.opset_import.iter().map(|set| (set.domain.as_str(), set.version)).collect::<Vec<_>>(),
        [("", OPSET)]
    );
    let said = |key: &str| proto.metadata_props.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str());
    assert_eq!(said("pnet.network"), Some("Digits"));
    assert_eq!(said("pnet.batch"), Some("3"));
    assert_eq!(said("pnet.set.experts"), Some("2"));
}

/// An input, a weight and an output may have one name in the language, tensors of a model may not.
#[test]
fn names_that_are_taken_get_a_number() {
    let graph = elaborated("network Case { input x: f32[2, 3] return x = x + param(\"x\", [3]) }");
    assert_eq!(nodes(&graph), ["add: Add(x, x_3) -> x_2"]);
    let graph = elaborated("network Case { input x: f32[2, 3] return output = x, again = x, w = param(\"w\", [3]) }");
    assert_eq!(
        nodes(&graph),
        ["identity: Identity(x) -> output", "identity_2: Identity(x) -> again", "identity_3: Identity(w_2) -> w"]
    );
    let graph = elaborated(
        "network Case { input x: f32[2, 3] let y = x |> relu return a = y, b = y |> drop_path(0.5), c = y |> relu }",
    );
    assert_eq!(nodes(&graph), ["relu: Relu(x) -> a", "relu_2: Relu(a) -> c", "identity: Identity(a) -> b"]);
}

/// Constants have names of their own, too.
#[test]
fn names_of_constants_are_not_taken_from_others() {
    let graph = elaborated(
        "network Case {
            input constant: f32[2, 3]
            return constant_2 = constant + 1 |> linear(3) as constant_4 |> relu6
        }",
    );
    let proto = proto(&graph).graph.expect("a graph");
    let constants: Vec<&str> = proto.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(constants, ["constant_3", "constant_5", "constant_6"], "1, 0 and 6");
}

#[test]
fn optimised_graphs_are_refused() {
    let graph = networks::elaborated("models/mobilenetv2.pnet", &[], 1, None);
    let optimised = optimize(&graph, &Selection::default()).expect("passes succeed");
    assert!(matches!(export(&optimised), Err(ExportError::DerivedWeight { .. })));
}

#[test]
fn tensors_without_elements_are_constants() {
    if !oracle::is_there() {
        return;
    }
    let graph = elaborated(
        "network Case { input x: f32[2, 3, 4, 4] let none = x[:, 0:0] return some = concat(none |> relu, x), none = none }",
    );
    let inputs = crate::compare::inputs(&graph);
    let weights = InitialTensors { graph: &graph, gain: 1.0 };
    assert_eq!(oracle::outputs(&graph, &weights, &inputs), Ok(vec![inputs[0].clone(), Vec::new()]));
}

/// Three matrices of a gigabyte: no file of ONNX holds them, a file beside it does.
#[test]
fn what_is_too_large_goes_into_a_file_of_its_own() {
    let side = 1 << 14;
    let text = format!(
        "network Large {{
            input x: f32[batch, {side}]
            return x |> linear({side}) as a |> linear({side}) as b |> linear({side}, bias=false) as c
        }}"
    );
    let loader = parameternet_compiler::program::MemoryLoader::new("large.pnet", text);
    let program = parameternet_compiler::program::Program::load(&loader, "large.pnet").expect("a program");
    let graph = elaborate(&program, &Request::default()).expect("a network");
    let model = export(&graph).expect("a graph before passes");
    let error = embedded(&model).expect_err("three gigabytes");
    assert!(error.size > 3 << 30, "{error}");
    let [inside, outside] = external(&model, "large.data").expect("a small model");
    assert!(inside.size() < PAGE, "{} bytes", inside.size());
    assert!(outside.size() > MAX_MESSAGE);
    let [Piece::Bytes(bytes)] = inside.pieces() else { panic!("{:?}", inside.pieces()) };
    let decoded = ModelProto::decode(&**bytes).expect("a message");
    let mut end = 0;
    for tensor in decoded.graph.expect("a graph").initializer {
        assert_eq!(tensor.data_location(), DataLocation::External, "{}", tensor.name);
        let said: Vec<(&str, &str)> =
            tensor.external_data.iter().map(|entry| (entry.key.as_str(), entry.value.as_str())).collect();
        let [("location", "large.data"), ("offset", offset), ("length", length)] = *said else { panic!("{said:?}") };
        let (offset, length): (u64, u64) = (offset.parse().expect("a number"), length.parse().expect("a number"));
        assert!(offset.is_multiple_of(PAGE) && offset >= end && offset < end + PAGE, "{said:?}");
        assert_eq!(length, tensor.dims.iter().product::<i64>().unsigned_abs() * 4);
        end = offset + length;
    }
    assert_eq!(end, outside.size());
}
