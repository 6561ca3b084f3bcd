//! Trees and spans of texts that are right.

use super::{parse_text, tree};
use crate::ast::{Expr, ExprKind, File, ItemKind, PathSegment, StatementKind};
use crate::source::Span;

/// The sketch of the language that its design began with.
const DESIGN: &str = r#"
/// Half of the channels from a pointwise convolution, half from a cheap depthwise one over them.
module GhostModule(x, out, act = relu, experts = 4) {
    let half    = ceil(out / 2)
    let primary = x       |> dynamic_conv(half, experts=experts)                              as primary_conv[0]
                          |> batch_norm                                                       as primary_conv[1] |> act
    let cheap   = primary |> dynamic_conv(half, kernel=3, groups=half, experts=experts)       as cheap_operation[0]
                          |> batch_norm                                                       as cheap_operation[1] |> act
    return concat(primary, cheap)[:, :out]
}

use "blocks/ghost.pnet"

/// kernel, expansion, channels, squeeze-excite ratio, stride
const STAGES = [
    [(3, 16, 16, 0, 1)],
    [(3, 48, 24, 0, 2)],
]

fn scaled(channels, width) = make_divisible(channels * width, 4)

network ParameterNet(width = 1.9, experts = 4, classes = 1000, act = hard_swish) {
    input image: f32[batch, 3, 224, 224]

    let x = image |> dynamic_conv(scaled(16, width), kernel=3, stride=2, experts=experts) as conv_stem
                  |> batch_norm as bn1 |> act
    for s, stage in STAGES {
        for b, (kernel, expand, out, se, stride) in stage {
            x = x |> GhostBottleneck(scaled(expand, width), scaled(out, width), kernel=kernel, stride=stride,
                                     se=se, experts=experts, act=act) as blocks[s][b]
        }
    }
    return x |> linear(classes) as classifier
}

budget ParameterNet { macs <= 600M, params <= 35M }
"#;

/// The value of the first item, a constant.
fn value(file: &File) -> &Expr {
    match &file.items.first().map(|item| &item.kind) {
        Some(ItemKind::Const(item)) => &item.value,
        other => panic!("{other:?}"),
    }
}

/// The text of a constant's value, with parentheses around every operation.
fn grouped(text: &str) -> String {
    fn show(expr: &Expr) -> String {
        match &expr.kind {
            ExprKind::Int(value) => value.to_string(),
            ExprKind::Name(name) => name.clone(),
            ExprKind::Unary { operand, .. } => format!("(-{})", show(operand)),
            ExprKind::Binary { operator, left, right, .. } => {
                format!("({} {} {})", show(left), operator.symbol(), show(right))
            }
            ExprKind::Range { start, end, .. } => format!("({}..{})", show(start), show(end)),
            ExprKind::Pipeline { first, stages } => {
                stages.iter().fold(show(first), |before, stage| format!("({before} |> {})", show(stage)))
            }
            ExprKind::Named { value, .. } => format!("({} as)", show(value)),
            ExprKind::Call { callee, arguments } => {
                let arguments: Vec<_> = arguments.iter().map(|argument| show(&argument.value)).collect();
                format!("{}({})", show(callee), arguments.join(", "))
            }
            other => panic!("{other:?}"),
        }
    }
    show(value(&tree(&format!("const A = {text}"))))
}

#[test]
fn the_design_sketch_parses() {
    insta::assert_snapshot!(crate::print(&tree(DESIGN)));
}

#[test]
fn every_construct_has_its_tree() {
    let text = r#"
fn choose(a, b = 2,) {
    if a > 1 { return a } else if b { return (a, b,) } else { }
    let (x, (_, y), (z,)) = [[i, j] for k, i in 0..=10 if i != 3 for j in (1,) if j if !a]
    let w = if a { let t = () t } else if b { if a { 1 } else { -1.5 } } else { "two\n\"2\"" }
    x = w[1, :, ::2, 1:, :a:b, a + 1:b].shape[0]
    return first = true || false && x.rank == 2 % 3, second = f()(a, k=[],)
}
module Empty { }
network N() { input tokens: i64[] for _ in x { } return - - x as path[0].conv[i + 1] }
budget N {
    macs(paper) < 1.5G
    params <= LIMIT,
}
"#;
    insta::assert_snapshot!(crate::print(&tree(text)));
}

#[test]
fn operators_bind_as_documented() {
    for (text, expected) in [
        ("a + b * c - d", "((a + (b * c)) - d)"),
        ("a || b && c == d", "(a || (b && (c == d)))"),
        ("-a * b", "((-a) * b)"),
        ("0..n - 1", "(0..(n - 1))"),
        ("a..b |> f", "((a..b) |> f)"),
        ("a + b |> f |> g(1)", "(((a + b) |> f) |> g(1))"),
        ("y + conv(x, 3) as c", "(y + (conv(x, 3) as))"),
        ("-f(x) as c", "(-(f(x) as))"),
        ("x |> f as c |> g", "((x |> (f as)) |> g)"),
        ("(a + b) * c", "((a + b) * c)"),
        ("a - b - c", "((a - b) - c)"),
        ("a / b % c", "((a / b) % c)"),
        ("a % (b / c)", "(a % (b / c))"),
        ("a < b == (c < d)", ""),
    ] {
        if expected.is_empty() {
            assert_eq!(parse_text(&format!("const A = {text}")).1.len(), 1, "{text}");
        } else {
            assert_eq!(grouped(text), expected);
        }
    }
}

#[test]
fn spans_are_exact() {
    let text = "const A = 1\n/// d\nconst B = (a + (b)) * f(x)[0]  // c\n\nmodule M(x) { let y = a |> f as p[1] .q\n // c\n return y }";
    let (file, diagnostics, sources) = parse_text(text);
    assert!(diagnostics.is_empty());
    let show = |span: Span| sources.snippet(span);
    let items: Vec<_> = file.items.iter().map(|item| show(item.span)).collect();
    assert_eq!(items[..2], ["const A = 1", "const B = (a + (b)) * f(x)[0]"]);
    let ItemKind::Const(item) = &file.items[1].kind else { panic!() };
    assert_eq!(show(item.value.span), "(a + (b)) * f(x)[0]");
    let ExprKind::Binary { left, right, operator_span, .. } = &item.value.kind else { panic!() };
    assert_eq!([show(left.span), show(*operator_span), show(right.span)], ["a + (b)", "*", "f(x)[0]"]);
    let ExprKind::Binary { right, .. } = &left.kind else { panic!() };
    assert_eq!(show(right.span), "b");
    let ItemKind::Module(item) = &file.items[2].kind else { panic!() };
    assert_eq!(show(item.body.statements[0].span), "let y = a |> f as p[1] .q");
    let StatementKind::Let { value, .. } = &item.body.statements[0].kind else { panic!() };
    let ExprKind::Pipeline { stages, .. } = &value.kind else { panic!() };
    let ExprKind::Named { value, path } = &stages[0].kind else { panic!() };
    assert_eq!([show(stages[0].span), show(value.span), show(path.span)], ["f as p[1] .q", "f", "p[1] .q"]);
    assert_eq!(show(item.body.statements[1].span), "return y");
}

#[test]
fn a_path_may_be_an_index() {
    let file = tree("module M(x) { return x |> f as [i + 1].conv }");
    let ItemKind::Module(item) = &file.items[0].kind else { panic!() };
    let StatementKind::Return(values) = &item.body.statements[0].kind else { panic!() };
    let ExprKind::Pipeline { stages, .. } = &values[0].value.kind else { panic!() };
    let ExprKind::Named { path, .. } = &stages[0].kind else { panic!() };
    assert!(matches!(path.segments.as_slice(), [PathSegment::Index(_), PathSegment::Name(_)]), "{path:?}");
}

#[test]
fn docs_belong_to_the_item_below() {
    let file = tree(
        "//// no docs\n/// One,\n///two.\n// aside\n///   three\nconst A = 1 /// of B\n\nconst B = 2 // not\nconst C = 3",
    );
    let docs: Vec<_> = file.items.iter().map(|item| item.docs.as_str()).collect();
    assert_eq!(docs, ["One,\ntwo.\n  three", "of B", ""]);
}

#[test]
fn words_that_begin_like_keywords_are_names() {
    for name in ["inputs", "iff", "_in", "as_", "returns", "true1", "modules", "f", "x_1"] {
        tree(&format!("module M({name}) {{ {name} = {name} return {name} }}"));
    }
}

#[test]
fn line_breaks_mean_nothing() {
    let one = tree("module M(x) { let y = x |> f(1, 2) as c return y }");
    let many = tree("module\nM(\nx\n)\n{\r\nlet\ty\n=\nx\n|>\nf\n(1,\n2)\nas\nc\nreturn\ny\n}");
    assert_eq!(crate::print(&one), crate::print(&many));
}
