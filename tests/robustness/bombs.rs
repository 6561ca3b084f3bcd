//! Programs made by hand against each limit.

use std::fmt::Write;
use std::time::Instant;

use parameternet_compiler::program::MemoryLoader;
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::Style;

use crate::compile;

/// A network around statements, with a tensor `x`.
fn network(statements: &str) -> String {
    format!("network Net {{\n    input x: f32[batch, 3, 8, 8]\n    {statements}\n    return x\n}}\n")
}

/// Many pieces of text, one per number.
fn many(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect()
}

/// A bomb: what it is, the program, and the code of the first error; `None` where the program is right.
type Bomb = (&'static str, String, Option<Code>);

fn explode(bombs: Vec<Bomb>) {
    let mut wrong = String::new();
    for (about, text, expected) in bombs {
        let start = Instant::now();
        let outcome = compile(MemoryLoader::new("main.pnet", text), about);
        let found = outcome.as_ref().err().map(|failure| failure.diagnostics[0].code);
        if found != expected {
            let shown = outcome.err().map_or_else(String::new, |failure| failure.render(Style::Plain));
            let shown: String = shown.chars().take(2000).collect();
            let _ = writeln!(wrong, "{about}: expected {expected:?}, found {found:?}\n{shown}");
        }
        println!("{:?} {about}", start.elapsed());
    }
    assert!(wrong.is_empty(), "{wrong}");
}

const MAX: &str = "9223372036854775807";
const MIN: &str = "(-9223372036854775807 - 1)";

#[test]
fn recursion_ends() {
    explode(vec![
        (
            "a module that calls itself",
            format!("module M(x) {{ return x |> M as m }}\n{}", network("let y = x |> M as m")),
            Some(Code::E0501),
        ),
        (
            "a function that calls itself twice",
            format!("fn f(n) = f(n + 1) + f(n + 2)\n{}", network("let y = f(1)")),
            Some(Code::E0501),
        ),
        (
            "a function whose calls double at every level",
            format!("fn f(n) = if n < 50 {{ f(n + 1) + f(n + 1) }} else {{ 1 }}\n{}", network("let y = f(0)")),
            Some(Code::E0502),
        ),
        (
            "a default that calls its function",
            format!("fn f(a = f()) = a\n{}", network("let y = f()")),
            Some(Code::E0501),
        ),
        ("two constants in a circle", format!("const A = B\nconst B = A\n{}", network("let y = A")), Some(Code::E0501)),
        ("a constant of itself", format!("const A = [A]\n{}", network("let y = A")), Some(Code::E0501)),
    ]);
}

#[test]
fn loops_end() {
    explode(vec![
        ("a long loop", network("for i in 0..1000000000 { }"), Some(Code::E0502)),
        ("a loop over all numbers", network(&format!("for i in {MIN}..{MAX} {{ }}")), Some(Code::E0502)),
        ("a long comprehension", network("let a = [i * j for i in 0..100000 for j in 0..100000]"), Some(Code::E0502)),
        ("a comprehension without elements", network("let a = [i for i in 0..1G if false]"), Some(Code::E0502)),
        ("a loop of operations", network("for i in 0..1G { x = x |> relu }"), Some(Code::E0503)),
    ]);
}

#[test]
fn values_stay_small() {
    explode(vec![
        ("lists that double", network("let a = [1] for i in 0..64 { a = a + a }"), Some(Code::E0502)),
        ("lists of themselves, twice", network("let a = [1] for i in 0..1M { a = [a, a] }"), Some(Code::E0502)),
        (
            "comparing them",
            network("let a = 1 let b = 1 for i in 0..60 { a = [a, a] b = [b, b] } let c = a == b"),
            Some(Code::E0502),
        ),
        ("strings that double", network("let a = \"a\" for i in 0..64 { a = a + a }"), Some(Code::E0502)),
        ("a long list", network("let a = [0] * 1000000000"), Some(Code::E0502)),
        ("a list repeated most often", network(&format!("let a = [0] * {MAX}")), Some(Code::E0502)),
        ("tuples of tuples", network("let a = 1 for i in 0..1000000 { a = (a,) }"), Some(Code::E0502)),
        (
            "settings of settings",
            network("let f = conv(out=1) for i in 0..1000000 { f = conv(out=f) }"),
            Some(Code::E0502),
        ),
        ("too long to print", network("let a = [[[[[7] * 99] * 99] * 99] * 99] let b = x + a"), Some(Code::E0302)),
    ]);
}

#[test]
fn ranges_of_all_numbers() {
    explode(vec![
        ("the number of elements", network(&format!("let a = len(0..{MAX})")), Some(Code::E0502)),
        ("an element", network(&format!("let r = {MIN}..{MAX} let a = r[5] let b = r[-1]")), None),
        ("an element past the end", network(&format!("let r = 0..{MAX} let a = r[{MAX}]")), Some(Code::E0304)),
        ("a part", network(&format!("let r = {MIN}..{MAX} let a = r[::{MAX}]")), None),
        ("a large part", network(&format!("let r = {MIN}..{MAX} let a = r[::2]")), Some(Code::E0502)),
        ("the last number", network(&format!("for i in {MAX}..={MAX} {{ let y = i }}")), None),
        ("reversed", network(&format!("let a = reversed({MIN}..{MAX})")), Some(Code::E0502)),
        ("summed", network(&format!("let a = sum({MIN}..{MAX})")), Some(Code::E0502)),
        ("zipped", network(&format!("let a = zip({MIN}..{MAX}, 0..{MAX})")), Some(Code::E0502)),
        ("the least", network(&format!("let a = min({MIN}..{MAX})")), Some(Code::E0502)),
        ("compared", network(&format!("let a = (0..{MAX}) == (0..{MAX})")), None),
        ("negative extremes", network(&format!("let a = abs({MIN})")), Some(Code::E0303)),
        ("negated", network(&format!("let a = -{MIN}")), Some(Code::E0303)),
        ("the remainder", network(&format!("let a = {MIN} % -1")), Some(Code::E0303)),
        ("the quotient", network(&format!("let a = {MIN} / -1")), None),
    ]);
}

#[test]
fn tensors_stay_small() {
    explode(vec![
        (
            "an input",
            "network N { input x: f32[100000, 100000, 100000, 100000] return x }".to_owned(),
            Some(Code::E0504),
        ),
        (
            "an input past all numbers",
            format!("network N {{ input x: f32[{MAX}, {MAX}, {MAX}] return x }}"),
            Some(Code::E0504),
        ),
        ("a convolution", network("let y = x |> conv(1000000000000) as c"), Some(Code::E0504)),
        (
            "padding",
            network(&format!("let y = x |> pad([[{MAX}, {MAX}], [{MAX}, {MAX}], [0, 0], [0, 0]])")),
            Some(Code::E0306),
        ),
        ("a larger image", network(&format!("let y = x |> upsample({MAX})")), Some(Code::E0306)),
        ("a grid", network(&format!("let y = x |> adaptive_avg_pool({MAX})")), Some(Code::E0306)),
        ("a learned tensor", network(&format!("let y = param(\"p\", [{MAX}, {MAX}, {MAX}])")), Some(Code::E0504)),
        ("experts", network(&format!("let y = x |> dynamic_conv(1, experts={MAX}) as c")), Some(Code::E0504)),
        ("a reshape", network(&format!("let y = x |> reshape([{MAX}, {MAX}, {MAX}])")), Some(Code::E0405)),
        (
            "a reshape whose size wraps",
            network("let y = x |> reshape([4294967296, 4294967296, -1])"),
            Some(Code::E0405),
        ),
        ("a reshape to nothing", network("let y = x |> reshape([0, -1])"), Some(Code::E0405)),
        ("a shift", network(&format!("let y = x |> roll([{MIN}, {MAX}], dims=[2, 3])")), None),
        ("parts", network(&format!("let y = x |> split([{MAX}, {MAX}, 5])")), Some(Code::E0306)),
        ("negative parts", network(&format!("let y = x |> split([{MIN}, 3])")), Some(Code::E0306)),
        ("a slice from the least number", network(&format!("let y = x[:, {MIN}:]")), Some(Code::E0304)),
        ("a slice by the greatest number", network(&format!("let y = x[:, :, ::{MAX}]")), None),
        ("a slice backwards", network(&format!("let y = x[:, :, ::{MIN}]")), Some(Code::E0306)),
        ("an empty slice", network("let y = x[0:0, 3:3]"), None),
        ("dimensions", network(&format!("let y = x |> softmax(dim={MIN})")), Some(Code::E0406)),
    ]);
}

#[test]
fn texts_of_every_kind() {
    let nested =
        |open: &str, close: &str, depth: usize| format!("const A = {}1{}", open.repeat(depth), close.repeat(depth));
    explode(vec![
        ("nothing", String::new(), Some(Code::E0105)),
        ("comments", "// nothing\n/// docs\n// more".to_owned(), Some(Code::E0105)),
        ("a byte order mark", format!("\u{FEFF}{}", network("")), None),
        ("line ends of Windows", network("let y = x |> relu").replace('\n', "\r\n"), None),
        ("line ends of Windows in errors", network("let y = x |> rely").replace('\n', "\r\n"), Some(Code::E0103)),
        ("letters that are not ASCII", "const größe = 1\n".to_owned(), Some(Code::E0001)),
        ("a zero byte", "network N { \0 }".to_owned(), Some(Code::E0001)),
        ("deep parentheses", nested("(", ")", 300), Some(Code::E0003)),
        ("deep lists", nested("[", "]", 300), Some(Code::E0003)),
        ("deep calls", nested("f(", ")", 300), Some(Code::E0003)),
        ("parentheses that are not closed", nested("(", "", 300), Some(Code::E0003)),
        ("the deepest expression", format!("{}\n{}", nested("-(", ")", 60), network("let y = A")), None),
        ("many signs", format!("const A = {}1", "-".repeat(10_000)), Some(Code::E0003)),
        ("many operators", format!("const A = 1{}", " + 1".repeat(10_000)), Some(Code::E0003)),
        ("many stages", network(&format!("let y = x{}", " |> relu".repeat(10_000))), None),
        ("many branches", network(&format!("let y = {}{{ 2 }}", "if false { 1 } else ".repeat(10_000))), None),
        ("many errors", many(20_000, |i| format!("const a{i} = ;\n")), Some(Code::E0001)),
        ("many values that fail", network(&many(20_000, |i| format!("let a{i} = 1 / 0\n"))), Some(Code::E0303)),
        ("many elements that fail", network(&format!("let a = [{}]", "1 / 0, ".repeat(50_000))), Some(Code::E0303)),
        ("many unknown names", many(20_000, |i| format!("const a{i} = b{i}\n")), Some(Code::E0103)),
        ("many definitions of a name", many(20_000, |i| format!("const a = {i}\n")), Some(Code::E0104)),
        (
            "a large file with an error",
            format!("{}{}", "// x\n".repeat(190_000), network("let y = 1 / 0")),
            Some(Code::E0303),
        ),
    ]);
}

#[test]
fn work_on_large_values_counts() {
    let long = "let a = [0] * 4000000";
    let name = "let s = \"s\" for i in 0..15 { s = s + s }";
    explode(vec![
        ("an empty list, often", network(&format!("let a = [] * {MAX}")), None),
        ("joining lists", network(&format!("{long} for i in 0..1M {{ let b = a + [1] }}")), Some(Code::E0502)),
        ("repeating lists", network(&format!("{long} for i in 0..1M {{ let b = a * 1 }}")), Some(Code::E0502)),
        ("keeping lists", network(&format!("{long} let b = [a + [i] for i in 0..1M]")), Some(Code::E0502)),
        ("keeping strings", network(&format!("{name} let b = [s + \"b\" for i in 0..4M]")), Some(Code::E0502)),
        ("the least of many", network(&format!("{long} for i in 0..1M {{ let b = min(a) }}")), Some(Code::E0502)),
        ("large constants", network(&format!("{long} for i in 0..100K {{ let b = constant(a) }}")), Some(Code::E0502)),
        ("a very large constant", network(&format!("{long} let b = constant([a] * 60)")), Some(Code::E0502)),
        ("a very large table", network(&format!("{long} let b = x |> gather([a] * 60)")), Some(Code::E0502)),
        ("a table of all numbers", network(&format!("let b = constant(0..{MAX})")), Some(Code::E0502)),
        ("a shape of all numbers", network(&format!("let b = x |> reshape(1..{MAX})")), Some(Code::E0502)),
        ("padding by all numbers", network(&format!("let b = x |> pad(0..{MAX})")), Some(Code::E0502)),
        ("parts of all sizes", network(&format!("let b = x |> split(0..{MAX})")), Some(Code::E0502)),
        ("a tensor of all sizes", network(&format!("let b = param(\"b\", 0..{MAX})")), Some(Code::E0502)),
        ("long shapes", network(&format!("{long} for i in 0..1M {{ let b = x |> reshape(a) }}")), Some(Code::E0502)),
        ("many inputs", network("let a = [x] * 80000 for i in 0..100K { let b = concat(a) }"), Some(Code::E0502)),
        (
            "settings that grow",
            format!("module M(x, k = 1) {{ return x }}\n{}", network("let f = M(k=1) for i in 0..1M { f = f(k=2) }")),
            Some(Code::E0204),
        ),
    ]);
}

#[test]
fn errors_stay_few_and_short() {
    let long = "let s = \"s\" for i in 0..15 { s = s + s }";
    explode(vec![
        ("an error in each turn", network("for i in 0..5M { let y = x |> conv(i, kernal=1) as c }"), Some(Code::E0201)),
        ("a pattern in each turn", network("for i, (a, b) in 0..5M { }"), Some(Code::E0305)),
        ("a long list in an error", network("let y = x |> split([1] * 4000000)"), Some(Code::E0502)),
        ("a long list of sizes", network("let y = param(\"p\", [-1] * 4000000)"), Some(Code::E0502)),
        ("too many dimensions", network("let y = param(\"p\", [1] * 4000000)"), Some(Code::E0502)),
        ("a long string", network(&format!("{long} let y = x |> conv(s)")), Some(Code::E0301)),
        (
            "many networks",
            many(10_000, |i| format!("network N{i} {{ input x: f32[1] return x }}\n")),
            Some(Code::E0105),
        ),
    ]);
}

#[test]
fn geometry_does_not_overflow() {
    explode(vec![
        ("a kernel", network("let y = x |> conv(1, kernel=1000000000000) as c"), Some(Code::E0306)),
        ("the largest kernel", network(&format!("let y = x |> conv(1, kernel={MAX}) as c")), Some(Code::E0306)),
        ("dilation", network(&format!("let y = x |> conv(1, kernel=3, dilation={MAX}) as c")), Some(Code::E0306)),
        ("padding", network(&format!("let y = x |> conv(1, kernel=3, padding={MAX}) as c")), Some(Code::E0306)),
        ("a stride", network(&format!("let y = x |> conv(1, kernel=3, stride={MAX}) as c")), Some(Code::E0306)),
        (
            "experts",
            network(&format!("let y = x |> dynamic_conv(1, kernel={MAX}, experts={MAX}) as c")),
            Some(Code::E0306),
        ),
        ("a pool", network(&format!("let y = x |> max_pool(3, dilation={MAX}, padding=same)")), Some(Code::E0306)),
        (
            "everything",
            network(&format!(
                "let y = x |> conv({MAX}, kernel={MAX}, stride={MAX}, padding={MAX}, dilation={MAX}, groups=1) as c"
            )),
            Some(Code::E0306),
        ),
    ]);
}

#[test]
fn many_names_and_long_ones() {
    let long = "n".repeat(500_000);
    explode(vec![
        (
            "a long chain of constants",
            {
                let chain = many(20_000, |i| format!("const a{i} = -(-(-(a{} + 1)))\n", i + 1));
                format!("{chain}const a20000 = 1\n{}", network("let y = a0"))
            },
            Some(Code::E0501),
        ),
        ("long names", format!("const {long} = 1\nconst b = m{long}"), Some(Code::E0103)),
        (
            "a long instance name",
            network(&format!("for i in 0..60K {{ let y = x |> relu as {long}[i] }}")),
            Some(Code::E0502),
        ),
        ("a long path", network(&format!("let y = x |> relu as a{}", "[0]".repeat(100_000))), Some(Code::E0502)),
        (
            "a long name of a tensor",
            network("let s = \"s\" for i in 0..15 { s = s + s } let y = param(s, [1])"),
            Some(Code::E0502),
        ),
        (
            "many variables",
            network(&many(40_000, |i| {
                format!("let a{i} = {}\n", if i == 0 { "0".to_owned() } else { format!("a{}", i - 1) })
            })),
            None,
        ),
        (
            "many inputs",
            format!("network N {{\n{} return x0 }}", many(40_000, |i| format!("input x{i}: f32[1]\n"))),
            None,
        ),
        ("many outputs", network(&format!("return {}", many(60_000, |i| format!("y{i}=x, ")))), None),
        (
            "many parameters",
            format!(
                "module M(x, {}) {{ return x }}\n{}",
                many(60_000, |i| format!("k{i}=1, ")),
                network("let y = x |> M")
            ),
            None,
        ),
        (
            "many settings",
            format!(
                "module M(x, {}) {{ return x }}\n{}",
                many(40_000, |i| format!("k{i}=1, ")),
                network(&format!("let y = M({})", many(40_000, |i| format!("k{i}=1, "))))
            ),
            None,
        ),
        (
            "many unknown arguments",
            network(&format!("let y = x |> conv({})", many(80_000, |i| format!("k{i}=1, ")))),
            Some(Code::E0201),
        ),
    ]);
}

#[test]
fn a_long_chain_of_files() {
    let loader = (0..20_000).fold(MemoryLoader::default(), |loader, i| {
        let name = if i == 0 { "main.pnet".to_owned() } else { format!("f{i}.pnet") };
        loader.with(name, format!("use \"f{}.pnet\"\n", i + 1))
    });
    let failure = compile(loader, "a long chain of files").expect_err("an error");
    assert_eq!(failure.diagnostics[0].code, Code::E0101);
}
