use parameternet_dsl::{parse, source::SourceMap};
fn peak() -> u64 { std::fs::read_to_string("/proc/self/status").unwrap().lines().find(|l| l.starts_with("VmHWM")).unwrap().split_whitespace().nth(1).unwrap().parse().unwrap() }
fn main() {
    let kind = std::env::args().nth(1).unwrap();
    let size: usize = std::env::args().nth(2).unwrap().parse().unwrap();
    let text = match kind.as_str() {
        "spaces" => " ".repeat(size),
        "sum" => format!("const a = 1{}", "+1".repeat(size / 2)),
        "parens" => "(".repeat(size),
        "list" => format!("const a = [{}]", "1,".repeat(size / 2)),
        "items" => "const a=1 ".repeat(size / 10),
        "itemlines" => "const a=1\n".repeat(size / 10),
        "attrs" => format!("const a = {}", "-".repeat(size)),
        "indices" => format!("const a = [{}]", "x[:],".repeat(size / 5)),
        "comments" => "//\n".repeat(size / 3),
        "table" => format!("const a = [{}]", "[(3, 16, 16, 0, 1)],\n    ".repeat(size / 25)),
        _ => panic!(),
    };
    let mut sources = SourceMap::new();
    let id = sources.add("x", text);
    let begin = std::time::Instant::now();
    let (file, diagnostics) = parse(&sources, id);
    println!("{kind} {size}: {:?} items {} errors {} peak {} MB", begin.elapsed(), file.items.len(), diagnostics.len(), peak() / 1024);
}
