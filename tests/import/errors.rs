//! What cannot be imported is told, all of it, and no bytes make the importer panic.

use parameternet_compiler::onnx::NoExternalData;
use parameternet_compiler::onnx::import::{self, ImportError, Imported, Options};
use parameternet_compiler::onnx::proto::{
    AttributeProto, DataLocation, DataType, Dimension, DimensionProto, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto,
};
use prost::Message;

/// A dimension of a size, or with a name.
fn dimension(text: &str) -> DimensionProto {
    let value = match text.parse() {
        Ok(size) => Dimension::DimValue(size),
        Err(_) => Dimension::DimParam(text.to_owned()),
    };
    DimensionProto { value: Some(value), ..Default::default() }
}

fn value(name: &str, data_type: DataType, dims: &[&str]) -> ValueInfoProto {
    let shape = TensorShapeProto { dim: dims.iter().map(|dim| dimension(dim)).collect() };
    let tensor = TensorTypeProto { elem_type: data_type.into(), shape: Some(shape) };
    let r#type = TypeProto { tensor_type: Some(tensor), ..Default::default() };
    ValueInfoProto { name: name.to_owned(), r#type: Some(r#type), ..Default::default() }
}

fn node(operator: &str, inputs: &[&str], output: &str, attributes: Vec<AttributeProto>) -> NodeProto {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    NodeProto {
        op_type: operator.to_owned(),
        name: format!("the_{output}"),
        input: names(inputs),
        output: names(&[output]),
        attribute: attributes,
        ..Default::default()
    }
}

fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), i: Some(value), ..Default::default() }
}

fn floats(name: &str, dims: &[i64], data: &[f32]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        data_type: DataType::Float.into(),
        dims: dims.to_vec(),
        float_data: data.to_vec(),
        ..Default::default()
    }
}

fn model(input: ValueInfoProto, nodes: Vec<NodeProto>, initializer: Vec<TensorProto>) -> ModelProto {
    let output = nodes.last().map_or_else(|| input.name.clone(), |node| node.output[0].clone());
    ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        graph: Some(GraphProto {
            input: vec![input],
            node: nodes,
            initializer,
            output: vec![value(&output, DataType::Float, &[])],
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn import(model: &ModelProto, sizes: &[(&str, usize)]) -> Result<Imported, ImportError> {
    let sizes = sizes.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect();
    import::import(&model.encode_to_vec(), &NoExternalData, &Options { sizes, ..Options::default() })
}

/// The places that stand in the way, as text.
fn obstacles(model: &ModelProto) -> Vec<String> {
    match import(model, &[]) {
        Err(ImportError::Obstacles(obstacles)) => obstacles
            .into_iter()
            .map(|obstacle| format!("{} ({}): {}", obstacle.node, obstacle.operator, obstacle.reason))
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn everything_that_the_language_lacks_is_listed() {
    let nodes = vec![
        node("Softplus", &["x"], "a", Vec::new()),
        node("Relu", &["a"], "b", Vec::new()),
        node("NonZero", &["b"], "c", Vec::new()),
        node("Softmax", &["x"], "d", vec![integer("axis", 7)]),
        NodeProto { domain: "com.microsoft".to_owned(), ..node("FusedConv", &["x"], "e", Vec::new()) },
        node("Exp", &["x"], "f", Vec::new()),
        node("Erf", &["x"], "g", Vec::new()),
        node("MatMul", &["x", "w"], "h", Vec::new()),
        node("Add", &["h", "g"], "i", Vec::new()),
    ];
    let model = model(value("x", DataType::Float, &["batch", "4"]), nodes, vec![floats("w", &[3, 2], &[0.0; 6])]);
    insta::assert_debug_snapshot!(obstacles(&model));
    // What nothing reads stands in no way, but for operators that are not known at all.
    let unused = vec![node("Erf", &["x"], "a", Vec::new()), node("Relu", &["x"], "b", Vec::new())];
    let fine = self::model(value("x", DataType::Float, &["batch", "4"]), unused, Vec::new());
    assert!(import(&fine, &[]).expect("an import").text.contains("return x |> relu"));
    let alone = vec![node("Erf", &["x"], "a", Vec::new())];
    let alone = self::model(value("x", DataType::Float, &["batch", "4"]), alone, Vec::new());
    assert_eq!(obstacles(&alone), ["the_a (Erf): the language has it only as a part of gelu"]);
}

#[test]
fn sizes_must_be_known_but_for_the_batch() {
    let open = |dims: &[&str]| {
        model(value("x", DataType::Float, dims), vec![node("Relu", &["x"], "y", Vec::new())], Vec::new())
    };
    let text = import(&open(&["N", "3"]), &[]).expect("an import").text;
    assert!(text.contains("input x: f32[batch, 3]"), "{text}");
    let Err(ImportError::UnknownSizes(sizes)) = import(&open(&["N", "3", "height", ""]), &[]) else {
        panic!("sizes are open")
    };
    assert_eq!(sizes.iter().map(|size| size.name.as_str()).collect::<Vec<_>>(), ["height", "x.3"]);
    let text = import(&open(&["N", "3", "height", ""]), &[("height", 8), ("x.3", 9)]).expect("an import").text;
    assert!(text.contains("input x: f32[batch, 3, 8, 9]"), "{text}");
    let wrong = import(&open(&["N", "3", "height"]), &[("heigth", 8)]).expect_err("no such dimension");
    let known = vec!["N".to_owned(), "height".to_owned()];
    assert_eq!(wrong, ImportError::NoSuchSize { names: vec!["heigth".to_owned()], known });
}

/// A number for the batch is kept where another would not do.
#[test]
fn a_fixed_batch_stays_where_it_must() {
    let shape = TensorProto {
        data_type: DataType::Int64.into(),
        dims: vec![2],
        int64_data: vec![4, 2],
        ..floats("s", &[], &[])
    };
    let shape = TensorProto { float_data: Vec::new(), ..shape };
    let nodes = vec![node("Reshape", &["x", "s"], "y", Vec::new())];
    let text =
        import(&model(value("x", DataType::Float, &["2", "4"]), nodes, vec![shape]), &[]).expect("an import").text;
    assert!(text.contains("f32[batch, 4]") && text.contains("reshape([-1, 2])"), "{text}");
    let shape = TensorProto {
        data_type: DataType::Int64.into(),
        dims: vec![2],
        int64_data: vec![1, -1],
        ..floats("s", &[], &[])
    };
    let nodes = vec![node("Reshape", &["x", "s"], "y", Vec::new())];
    let image = value("x", DataType::Float, &["1", "4", "2", "2"]);
    let text = import(&model(image, nodes, vec![shape]), &[]).expect("an import").text;
    assert!(text.contains("f32[batch, 4, 2, 2]") && text.contains("x |> flatten"), "{text}");
    let nodes = vec![
        node("Transpose", &["x"], "y", Vec::new()),
        node("MatMul", &["y", "x"], "z", Vec::new()),
        node("Add", &["z", "w"], "a", Vec::new()),
    ];
    let fixed = model(value("x", DataType::Float, &["3", "3"]), nodes, vec![floats("w", &[3, 3], &[1.0; 9])]);
    let text = import(&fixed, &[]).expect("an import").text;
    assert!(text.contains("param(\"w\", [3, 3])"), "{text}");
}

#[test]
fn weights_of_other_types_are_converted() {
    let relu = |bias: TensorProto| {
        model(
            value("x", DataType::Float, &["batch", "2"]),
            vec![node("Add", &["x", "net.bias"], "y", Vec::new())],
            vec![bias],
        )
    };
    let bias = |data_type: DataType, raw: &[u8]| TensorProto {
        data_type: data_type.into(),
        raw_data: Some(raw.to_vec()),
        ..floats("net.bias", &[2], &[])
    };
    let doubles: Vec<u8> = [0.5_f64, -2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    for stored in [
        bias(DataType::Double, &doubles),
        bias(DataType::Float16, &[0x00, 0x38, 0x00, 0xc0]),
        bias(DataType::Bfloat16, &[0x00, 0x3f, 0x00, 0xc0]),
        TensorProto {
            data_type: DataType::Float16.into(),
            int32_data: vec![0x3800, 0xc000],
            ..floats("net.bias", &[2], &[])
        },
    ] {
        let imported = import(&relu(stored), &[]).expect("an import");
        assert_eq!(
            (imported.weights[0].name.as_str(), imported.weights[0].data.as_slice()),
            ("net.bias", &[0.5, -2.0][..])
        );
    }
    let short = obstacles(&relu(bias(DataType::Float, &[0; 7])));
    assert_eq!(short, ["net.bias (initializer): its data does not have the size that its shape says"]);
    let complex = obstacles(&relu(bias(DataType::Complex64, &[0; 16])));
    assert_eq!(complex, ["net.bias (initializer): elements of type complex64"]);
    let huge = TensorProto { dims: vec![i64::MAX, 4], ..bias(DataType::Float, &[]) };
    assert_eq!(obstacles(&relu(huge)), ["net.bias (initializer): too many elements"]);
    let location = StringStringEntryProto { key: "location".to_owned(), value: "weights.bin".to_owned() };
    let outside = TensorProto {
        data_location: Some(DataLocation::External.into()),
        external_data: vec![location],
        ..floats("net.bias", &[2], &[])
    };
    let said = obstacles(&relu(outside));
    assert_eq!(
        said,
        ["net.bias (initializer): its elements are in another file, `weights.bin`: there is no such file"]
    );
}

/// The same numbers each time, without a crate for them.
fn noise(seed: u64) -> impl Iterator<Item = usize> {
    parameternet_runtime::synth::tensor(&format!("noise {seed}"), 64)
        .map(|value| ((f64::from(value) + 1.0) * 1e6) as usize)
}

/// Files that are cut off, and files with some bits turned.
#[test]
fn damaged_files_are_told() {
    let graph = crate::networks::elaborated("digits/digits.pnet", &[("width", "4")], 1, None);
    let bytes = crate::round::model(&graph);
    let read = |bytes: &[u8]| import::import(bytes, &NoExternalData, &Options::default());
    assert!(read(&bytes).is_ok());
    for length in (0..bytes.len()).step_by(bytes.len() / 100) {
        assert!(read(&bytes[..length]).is_err(), "{length} of {} bytes", bytes.len());
    }
    assert!(matches!(read(b"<html>no model</html>"), Err(ImportError::Malformed { .. })));
    // The structure is in the first part; what follows is weights.
    let mut failed = 0;
    for seed in 0..400 {
        let mut damaged = bytes.clone();
        for place in noise(seed).take(1 + usize::try_from(seed % 5).expect("small")) {
            let place = place % (bytes.len() / 3);
            damaged[place] ^= 1 << (place % 8);
        }
        failed += usize::from(read(&damaged).is_err());
    }
    assert!(failed > 50, "{failed}");
}
