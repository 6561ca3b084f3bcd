//! Messages about texts that are wrong, as snapshots that show the text and what is said about it.

use super::{errors, parse_text};

/// One test and one snapshot of several texts that are wrong, each with a name.
macro_rules! wrong {
    ($group:ident { $($name:ident: $text:expr;)* }) => {
        #[test]
        fn $group() {
            let cases: &[(&str, &str)] = &[$((stringify!($name), $text)),*];
            let shown: Vec<String> = cases.iter().map(|(name, text)| show(name, text)).collect();
            insta::assert_snapshot!(shown.join("\n"));
        }
    };
}

/// A text and what is said about it, without the line that counts the errors.
fn show(name: &str, text: &str) -> String {
    let errors = errors(text);
    assert!(!errors.is_empty(), "{name} is not wrong:\n{text}");
    let errors = errors.trim_end().rsplit_once('\n').map_or("", |(errors, _)| errors);
    format!("######## {}\n{text}\n--------\n{errors}", name.replace('_', " "))
}

// What ends too early or goes on too long.
wrong! {
    endings {
        missing_value: "const A =\nconst B = 3";
        missing_operand: "module M(x) { let y = x |> }";
        two_operands: "module M(x) { let y = conv(x) relu(x) }";
        two_commas: "const A = f(a,, b)";
        empty_index: "const A = x[]";
        missing_comma_before_list: "const A = [\n    [3, 16]\n    [5, 24]\n]";
        missing_comma_in_call: "const A = conv(x, kernel=3 stride=2)";
        missing_comma_in_list: "const A = [\n    (3, 16)\n    (5, 24)\n]";
        missing_comma_in_parameters: "fn f(x y) = x";
        missing_comma_in_shape: "network N { input x: f32[3 224] }";
        missing_body: "module M(x)\n\nconst A = 3";
        missing_brace: "module M(x) { if x return x }";
        missing_parameters: "fn f = 3";
        missing_name: "module (x) { return x }";
        missing_shape: "network N { input x: f32 }";
        missing_colon_of_input: "network N { input x f32[3] }";
        missing_let_value: "module M(x) { let y\n    return x }";
        missing_return_value: "module M(x) { return }";
        missing_in: "module M(x) { for i x { } }";
        missing_element_of_comprehension: "const A = [for x in y]";
    }
}

// Brackets.
wrong! {
    brackets {
        unclosed_call: "module M(x) {\n    let y = f(x, [1, 2]\n    return y\n}\n\nmodule N(x) { return x }";
        unclosed_list: "const A = [1, (2, 3)\nconst B = ]";
        unclosed_block: "module M(x) {\n    if x {\n        let y = 3\n    return x\n}\n\nconst A = 1 +";
        unclosed_at_the_end: "const A = f(1,";
        mismatched: "const A = (1, 2]";
        too_many: "module M(x) {\n    return x\n    }\n}";
        too_deep_brackets: &format!("const A = {}1{}", "(".repeat(129), ")".repeat(129));
        too_deep_tree: &format!("const A = 1{}", " + 1".repeat(128));
    }
}

// Literals.
wrong! {
    literals {
        unterminated_string: "use \"blocks/ghost.pnet\nconst A = 1 +";
        bad_literals: r#"const A = [3X, 2k, 99999999999999999999, 0xFF, 1.0005K, 1e, 2f32, 1e999, "a\qb"]"#;
        point_without_digit: "const A = [2., 1]";
        point_first: "const A = .5";
    }
}

// Words and signs of other languages.
wrong! {
    other_languages {
        semicolon: "module M(x) { return x; }";
        semicolon_in_list: "const A = [1; 2]";
        single_quotes: "const A = f('same')";
        hash_comment: "module M(x) {\n    # the stem\n    return x\n}";
        block_comment: "/* the stem */\nconst A = 1";
        word_and: "module M(x) { if x > 1 and x < 3 { } }";
        word_not: "module M(x) { let y = not x }";
        elif: "const A = if a { 1 } elif b { 2 } else { 3 }";
        elif_in_block: "module M(x) { if a { } elif b { } }";
        python_choice: "const A = 1 if a else 2";
        python_choice_in_block: "module M(x) { let y = 1 if a else 2 }";
        python_block: "module M(x) { if a: return x }";
        lambda: "const A = map(lambda x: x, list)";
        while_loop: "module M(x) { while x { } }";
        power: "const A = x ** 2";
        plus_equals: "module M(x) {\n    x += 3\n}";
        increment: "module M(x) { x++ }";
        question_mark: "const A = a ? 1 : 2";
        arrow: "fn f(x) -> int { return x }";
        fat_arrow: "fn f(x) => x";
        types: "fn f(x: int) = x";
        let_mut: "module M(x) { let mut y = x }";
        var: "module M(x) { var y = x }";
        unpacking: "const A = f(*list)";
        ellipsis: "const A = [1, 2, ...]";
        minus_sign: "const A = −3";
        letters: "const größe = 3";
    }
}

// Names, keywords, items.
wrong! {
    names_and_items {
        keyword_as_name: "module M(input) { return x }";
        keyword_as_value: "module M(x) { let y = conv(input, 3) }";
        keyword_assigned: "module M(x) { input = x }";
        misspelt_item: "modul M(x) { return x }\nnetwrk N { }";
        foreign_item: "import \"a.pnet\"\nclass M(x) { }\ndef f(x) = x\npub fn g(x) = x";
        let_outside: "let a = 3";
        assignment_outside: "a = 3";
        loop_outside: "for i in 0..3 { }";
        item_inside: "module M(x) {\n    fn f(y) = y\n    return f(x)\n}";
        use_without_quotes: "use blocks/ghost.pnet";
        use_with_alias: "use \"a.pnet\" as a";
        module_with_equals: "module M(x) = x";
        tuple_by_point: "const A = x.0";
        instance_in_quotes: "module M(x) { let y = x |> conv as \"conv\" }";
        instance_without_name: "module M(x) { let y = x |> conv as |> relu }";
        instance_with_empty_index: "module M(x) { let y = x |> conv as [] }";
        ignored_value: "module M(x) { let y = _ }";
    }
}

// Statements and expressions.
wrong! {
    statements_and_expressions {
        no_effect: "module M(x) {\n    x |> conv(3)\n    f(x)\n    conv(x, 3)\n}";
        comparison_in_condition: "module M(x) { if x = 3 { } }";
        argument_with_colon: "const A = conv(x, kernel: 3)";
        assignment_to_index: "module M(x) { x[0] = 3 }";
        assignment_to_tuple: "module M(x) { (a, b) = x }";
        assignment_twice: "module M(x) { a = b = x }";
        return_list: "module M(x) { return x, y }";
        return_half_named: "module M(x) { return a = x, y }";
        three_patterns: "module M(x) { for i, a, b in x { } }";
        else_alone: "module M(x) { else { } }";
        pipe_first: "module M(x) {\n    |> f\n}";
        operator_after_stage: "module M(x) { let y = x |> f + x }";
        prefix_before_stage: "module M(x) { let y = x |> -f }";
        chained_comparison: "const A = 0 < n < 10";
        chained_range: "const A = 0..1..2";
        if_without_else: "const A = if a { 1 }";
        arm_without_value: "const A = if a { let b = 1 } else { 2 }";
        arm_with_return: "const A = if a { return 1 } else { 2 }";
        arm_that_goes_on: "const A = if a {\n    let b = c\n    (b, 1)\n} else { 2 }";
        empty_arm: "const A = if a { } else { 2 }";
        block_as_value: "module M(x) { let y = { x } }";
    }
}

// Budgets.
wrong! {
    budgets {
        budget_with_equals: "budget N { macs = 600M }";
        budget_from_below: "budget N { macs >= 600M }";
        budget_without_operator: "budget N { macs 600M }";
        budget_without_metric: "budget N { 600M }";
    }
}

#[test]
fn each_item_has_its_error() {
    let text = "\
use 'a'
const A = [1, 2
/// Docs of a module that is right.
module Right(x) { return x }
module M(x) { let y = f(x }

fn f(x) = x +
const B = 3
x = 3
modul N(x) {
    let y = 3
}
    network Indented { return }
budget N { macs <= 1 }";
    let (file, diagnostics, _) = parse_text(text);
    insta::assert_snapshot!(errors(text));
    assert_eq!(diagnostics.len(), 6);
    insta::assert_snapshot!(crate::print(&file), @r"
    /// Docs of a module that is right.
    module Right
      parameter x
      body
        return
          name x
    const B = int 3
    budget N
      macs <= int 1
    ");
}

#[test]
fn an_indented_text_recovers_as_well() {
    let text = "\n        const A = \n        const B = 2\n        module M(x) {\n            fn g(x) = x\n        }\n        const C = 3\n";
    let (file, diagnostics, _) = parse_text(text);
    assert_eq!((file.items.len(), diagnostics.len()), (2, 2));
}

#[test]
fn malformed_literals_do_not_end_an_item() {
    let (file, diagnostics, _) = parse_text("const A = [3X, 1, 2k]");
    assert_eq!((file.items.len(), diagnostics.len()), (1, 2));
}
