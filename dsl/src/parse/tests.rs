//! Tests of the parser as a whole.

use super::*;

fn parsed(text: &str) -> (ast::File, Vec<Diagnostic>, SourceMap) {
    let mut sources = SourceMap::new();
    let id = sources.add("test.pnet", text);
    let (file, diagnostics) = parse(&sources, id);
    (file, diagnostics, sources)
}

#[test]
fn scratch() {
    let text = std::fs::read_to_string("/tmp/scratch.pnet").unwrap();
    let (file, diagnostics, sources) = parsed(&text);
    println!("{}", crate::diagnostic::render(&diagnostics, &sources, crate::diagnostic::Style::Plain));
    println!("{file:#?}");
}

#[test]
fn measure() {
    let shapes: [(&str, &str, &str, &str); 6] = [
        ("parens", "const A = ", "(", ")"),
        ("lists", "const A = ", "[", "]"),
        ("calls", "const A = ", "f(a, k=", ")"),
        ("index", "const A = ", "x[", "]"),
        ("ifs", "const A = ", "if c { let y = 1 + ", "} else { 2 }"),
        ("comp", "const A = ", "[1 for x in ", "]"),
    ];
    for (name, prefix, open, close) in shapes {
        for depth in [32, 64, 128, 192, 256, 384, 512, 1024] {
            let text = format!("{prefix}{}1{}{}", open.repeat(depth), if name == "ifs" { " 3" } else { "" }, close.repeat(depth));
            let ok = std::thread::Builder::new()
                .stack_size(2 << 20)
                .spawn(move || match Grammar::parse(Rule::items, &text) {
                    Ok(_) => "ok".to_owned(),
                    Err(error) => format!("{:?}", error.variant),
                })
                .unwrap()
                .join()
                .unwrap();
            println!("{name} {depth}: {ok}");
        }
    }
}

#[test]
fn cases() {
    let text = std::fs::read_to_string("/tmp/cases2.txt").unwrap();
    let mut cases: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with(' ') { let last = cases.last_mut().unwrap(); last.push('\n'); last.push_str(line); } else { cases.push(line.to_owned()); }
    }
    for case in cases {
        let raw = match Grammar::parse(Rule::items, &case) { Ok(_) => "accepted".to_owned(), Err(error) => format!("{:?} {:?}", error.location, error.variant) };
        println!("#### {case}\n  {raw}");
        if std::env::var("SHOW").is_ok() {
            let (_, diagnostics, sources) = parsed(&case);
            println!("{}", crate::diagnostic::render(&diagnostics, &sources, crate::diagnostic::Style::Plain));
        }
    }
}

#[test]
fn formats() {
    let text = std::fs::read_to_string("/tmp/scratch.pnet").unwrap();
    let mut sources = SourceMap::new();
    let id = sources.add("test.pnet", text);
    let once = crate::format(&sources, id).unwrap();
    println!("{once}");
    let (file, _) = parse(&sources, id);
    println!("{}", crate::print(&file));
}
