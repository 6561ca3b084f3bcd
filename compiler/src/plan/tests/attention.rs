//! Which products become attention, and what of it is checked.

use super::super::attention::Attention;
use super::*;

/// A network of 144 tokens with queries, keys (transposed) and values of two heads.
fn with_heads(body: &str) -> String {
    format!(
        "let tokens = x |> flatten(2) |> permute([0, 2, 1])
        let heads = tokens |> linear(48, bias=false) as qkv |> reshape([2, 144, 3, 2, 8]) |> permute([2, 0, 3, 1, 4])
        let (q, k, v) = (heads[0], heads[1] |> permute([0, 1, 3, 2]), heads[2])
        {body}"
    )
}

fn planned_heads(body: &str) -> Plan {
    planned(&with_heads(body), &[])
}

fn only_attention(plan: &Plan) -> &Attention {
    let found = plan.steps.iter().filter_map(|step| match &step.work {
        Work::Attention(step) => Some(&**step),
        _ => None,
    });
    let found: Vec<&Attention> = found.collect();
    assert_eq!(found.len(), 1, "{plan}");
    found[0]
}

#[test]
fn factors_biases_and_masks_are_part_of_attention() {
    let bias = "param(\"bias\", [2, 144, 144])";
    let mask = "param(\"mask\", [144])";
    for (scores, temperature, addends) in [
        ("matmul(q, k) |> softmax", 1.0, 0),
        ("matmul(q / 4, k) |> softmax", 4.0, 0),
        ("matmul(0.5 * q, k * 0.25) |> softmax(temperature=2)", 16.0, 0),
        ("2 * (matmul(q, k) / 8) |> softmax", 4.0, 0),
        ("matmul(q / 4, k) + BIAS |> softmax", 4.0, 1),
        ("BIAS + matmul(q, k) / 4 + MASK |> softmax", 4.0, 2),
        ("MASK + (matmul(q, k) + 3 + BIAS) + 0 |> softmax", 1.0, 2),
        ("matmul(q, k) + param(\"wide\", [1, 2, 144, 144]) |> softmax", 1.0, 1),
    ] {
        let scores = scores.replace("BIAS", bias).replace("MASK", mask);
        let plan = planned_heads(&format!("return matmul({scores}, v) |> flatten(1)"));
        assert_eq!(names(&plan), ["matmul", "attention", "elementwise"], "{scores}");
        let step = only_attention(&plan);
        assert_eq!(f64::from(step.softmax.temperature), temperature, "{scores}");
        assert_eq!([&step.bias, &step.mask].into_iter().flatten().count(), addends, "{scores}");
        assert_eq!(step.rows_per_unit, 72, "{scores}");
    }
    let wide =
        planned_heads("return matmul(matmul(q, k) + param(\"wide\", [1, 2, 144, 144]) |> softmax, v) |> flatten(1)");
    let stored = wide.weights.preparation.length;
    assert!((2 * 144 * 144..4 * 144 * 144).contains(&stored), "the bias is stored {stored} elements long");
    let plan = planned_heads("return q |> attention(heads[1], v) |> flatten(1)");
    assert_eq!(names(&plan), ["matmul", "attention", "elementwise"]);
    assert!(plan.buffers.iter().all(|buffer| buffer.elements < 144 * 144), "scores lie in the arena: {plan}");
}

#[test]
fn what_is_no_attention_is_computed_whole() {
    for body in [
        // Scores or shares that others read.
        "let s = matmul(q, k) |> softmax\nreturn y = matmul(s, v), s = s",
        "let s = matmul(q, k)\nreturn y = matmul(s |> softmax, v), s = s",
        // Along the queries; and as the right factor.
        "return matmul(matmul(q, k) |> softmax(dim=2), v)",
        "return matmul(k, matmul(q, k) |> softmax)",
        // Factors of what was added too, and factors that are none.
        "return matmul((matmul(q, k) + param(\"bias\", [144])) / 2 |> softmax, v)",
        "return matmul(matmul(q, k) + param(\"bias\", [144]) |> softmax(temperature=2), v)",
        "return matmul(matmul(q, k) * 1e-60 |> softmax, v)",
        "return matmul(2 / matmul(q, k) |> softmax, v)",
        // Sums with one number a row, with a third summand, and of more than the scores.
        "return matmul(matmul(q, k) + param(\"bias\", [144, 1]) |> softmax, v)",
        "return matmul(matmul(q, k) + param(\"a\", [144]) + param(\"b\", [144]) + param(\"c\", [144]) |> softmax, v)",
        "return matmul(matmul(q[:, :1], k[:, :1]) + param(\"bias\", [2, 144, 144]) |> softmax, v)",
        // What attention gives, as scores of another product.
        "return matmul(matmul(matmul(q, k) |> softmax, v) * 0.5 |> softmax, k)",
        // Shares that are used for several values.
        "return matmul(matmul(q[:, :1], k[:, :1]) |> softmax, v)",
    ] {
        let plan = planned_heads(body);
        assert!(names(&plan).contains(&"softmax"), "{body}: {plan}");
    }
    let plan = planned(&with_heads("return q |> attention(heads[1], v) |> flatten(1)"), &["fuse-attention"]);
    assert_eq!(names(&plan), ["matmul", "matmul", "softmax", "matmul", "elementwise"]);
}

#[test]
fn short_rows_are_fetched_for_the_next_unit() {
    let fetched = |plan: &Plan| {
        let fetched = only_attention(plan).fetched()?;
        Some(fetched.map(|rows| [rows.per_query, rows.rows, rows.columns, rows.stride]))
    };
    let windows = "let heads = x |> reshape([2, 9, 256]) |> linear(48) as qkv |> reshape([2, 9, 3, 2, 8]) |> permute([2, 0, 3, 1, 4])
        let (q, k, v) = (heads[0], heads[1], heads[2])";
    let planned_windows = |body: &str| planned(&format!("{windows}\n{body} |> flatten(1)"), &[]);
    // A row of keys is one of memory, whichever way they are multiplied.
    let expected = Some([[48, 9, 8, 48], [0, 9, 8, 48], [0, 9, 8, 48]]);
    assert_eq!(fetched(&planned_windows("return q |> attention(k, v)")), expected);
    // Keys that lie transposed: eight rows of nine.
    let transposed = "let t = param(\"keys\", [2, 8, 9])\nreturn matmul(matmul(q, t) |> softmax, v)";
    let expected = Some([[48, 9, 8, 48], [0, 8, 9, 9], [0, 9, 8, 48]]);
    assert_eq!(fetched(&planned_windows(transposed)), expected);
    // Keys of which no dimension is contiguous, too many, and one head of one sample.
    let scattered = "return matmul(matmul(q[:, :, :, ::2], k[:, :, :, ::2] |> permute([0, 1, 3, 2])) |> softmax, v)";
    assert_eq!(fetched(&planned_windows(scattered)), None);
    let many = "let y = x |> flatten(2) |> permute([0, 2, 1]) |> linear(20) as y\nreturn y |> attention(y, y)";
    assert_eq!(fetched(&planned(many, &[])), None);
    let alone = "let y = x |> reshape([1, 9, 512])\nreturn y |> attention(y, y)";
    assert_eq!(fetched(&planned(alone, &[])), None);
}

#[test]
fn broken_attention_is_found() {
    fn change(plan: &mut Plan) -> &mut Attention {
        match &mut plan.steps[1].work {
            Work::Attention(step) => step,
            work => panic!("{work:?}"),
        }
    }
    let sound = planned_heads("return q |> attention(heads[1], v) |> flatten(1)");
    assert_eq!(verify::verify(&sound), Ok(()));
    type Change = fn(&mut Attention);
    let more = "a product of attention does more than it may";
    let scores = "scores do not lie where they are expected";
    let changes: [(Change, &str); 10] = [
        (|step| step.result.rows += 1, "the products of attention do not follow each other"),
        (|step| step.result.right = Right::Strassen { panels: step.scores.out.clone() }, "do not follow each other"),
        (|step| step.scores.out_stride -= 1, scores),
        (|step| step.scores.out.place = Place::Output(0), scores),
        (|step| step.scores.out.strides[0] = 1, scores),
        (|step| step.softmax.columns -= 1, scores),
        (|step| step.scores.finish.shape.residual_stride = 1, more),
        (|step| step.result.finish.bias = Some(step.scores.out.clone()), more),
        (|step| step.rows_per_unit = 0, "attention is cut into nothing"),
        (|step| step.scores.out.strides.push(0), "lines0 moves along 3 of 2 dimensions"),
    ];
    for (apply, what) in changes {
        let mut plan = sound.clone();
        apply(change(&mut plan));
        broken(&plan, what);
    }
}
