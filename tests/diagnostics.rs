//! What users see when something is wrong: every error code by the example of its explanation, and harder cases, each
//! with the rendered error as a snapshot.
//!
//! The examples are the ```` ```pnet,error ```` blocks of `dsl/src/codes/*.md`, their snapshots `snapshots/E*.snap`. The
//! harder cases lie in `diagnostics/`: a file `name.pnet`, or a folder `name/` with a `main.pnet`, and beside it
//! `name.snap`. After a change of wording, `INSTA_UPDATE=always cargo test --test diagnostics` writes all snapshots
//! anew; read every one that changed.

use std::path::{Path, PathBuf};

use parameternet_compiler::analysis::budget;
use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::program::{Failure, MemoryLoader, Program};
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::Style;

/// Codes whose explanation has no example that a test could compile, and why.
const WITHOUT_EXAMPLE: &[(Code, &str)] = &[
    (Code::E0005, "the text would have to be longer than 4 MiB; see `a_text_that_is_too_large`"),
    (Code::E0701, "about the content of weight files"),
    (Code::E0702, "about the content of weight files"),
    (Code::E0703, "about the content of image files"),
    (Code::E0704, "about the content of array files"),
    (Code::E0705, "about the inputs of a run"),
    (Code::E0706, "about the file system"),
    (Code::E0707, "about the content of weight files"),
    (Code::E0801, "about the content of ONNX files"),
    (Code::E0802, "about the content of ONNX files"),
    (Code::E0803, "about the content of ONNX files"),
];

/// A fenced block of an explanation.
struct Block<'a> {
    /// What follows the opening fence.
    kind: &'a str,
    text: String,
}

impl Block<'_> {
    /// The path in a first line such as `// blocks/ghost.pnet`, for a block that is not the file `main.pnet`.
    fn path(&self) -> Option<&str> {
        let path = self.text.lines().next()?.strip_prefix("// ")?;
        (path.ends_with(".pnet") && path != "main.pnet").then_some(path)
    }
}

fn blocks(markdown: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut is_open = false;
    for line in markdown.lines() {
        match line.strip_prefix("```") {
            Some(kind) if !is_open => {
                blocks.push(Block { kind, text: String::new() });
                is_open = true;
            }
            Some(_) => is_open = false,
            None if is_open => {
                let block = blocks.last_mut().expect("an open block");
                block.text.push_str(line);
                block.text.push('\n');
            }
            None => {}
        }
    }
    assert!(!is_open, "a block is not closed");
    blocks
}

fn compile(loader: &MemoryLoader, request: &Request) -> Result<Graph, Failure> {
    let program = Program::load(loader, "main.pnet")?;
    let graph = elaborate(&program, request)?;
    budget::check(&program, request, &graph, &[])?;
    Ok(graph)
}

/// The files of an explanation that its examples may use, and one of the examples.
fn loader(blocks: &[Block<'_>], main: &Block<'_>) -> MemoryLoader {
    let files = blocks.iter().filter_map(|block| Some((block.path()?, &block.text)));
    files.fold(MemoryLoader::new("main.pnet", &main.text), |loader, (path, text)| loader.with(path, text))
}

/// Runs `compile`, which must fail.
fn failure(loader: &MemoryLoader, request: &Request) -> Failure {
    match compile(loader, request) {
        Ok(graph) => panic!("expected an error, and got a graph with {} nodes", graph.node_count()),
        Err(failure) => failure,
    }
}

/// Compares with the snapshot `folder/name.snap`.
fn assert_snapshot(folder: &str, name: &str, content: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path(folder);
    settings.bind(|| insta::assert_snapshot!(name, content));
}

#[test]
fn every_code_has_an_example_with_exactly_that_error() {
    let mut unexpected = String::new();
    for &code in Code::ALL {
        let blocks = blocks(code.explanation());
        let wrong: Vec<&Block<'_>> = blocks.iter().filter(|block| block.kind == "pnet,error").collect();
        if let Some((_, reason)) = WITHOUT_EXAMPLE.iter().find(|(without, _)| *without == code) {
            assert!(wrong.is_empty(), "{code} has an example; the list says it has none: {reason}");
            continue;
        }
        let [wrong] = wrong.as_slice() else { panic!("{code}: {} blocks `pnet,error`, expected one", wrong.len()) };
        let failure = failure(&loader(&blocks, wrong), &Request::default());
        let rendered = failure.render(Style::Plain);
        let codes: Vec<Code> = failure.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
        if codes != [code] {
            unexpected.push_str(&format!("\nthe example of {code} gives:\n{rendered}"));
            continue;
        }
        assert_snapshot("snapshots", code.name(), &format!("{}\n---\n{rendered}", wrong.text));
    }
    assert!(unexpected.is_empty(), "{unexpected}");
}

#[test]
fn every_explanation_shows_how_it_is_right() {
    let mut failures = String::new();
    for &code in Code::ALL {
        let blocks = blocks(code.explanation());
        for block in blocks.iter().filter(|block| block.kind == "pnet" && block.path().is_none()) {
            if let Err(failure) = compile(&loader(&blocks, block), &Request::default()) {
                failures.push_str(&format!("\nthe corrected program of {code} fails:\n{failure}\n"));
            }
        }
        let other = blocks.iter().find(|block| !matches!(block.kind, "pnet" | "pnet,error"));
        assert!(other.is_none(), "{code} has a block of an unknown kind `{}`", other.map_or("", |block| block.kind));
        let has_wrong = blocks.iter().any(|block| block.kind == "pnet,error");
        let has_right = blocks.iter().any(|block| block.kind == "pnet" && block.path().is_none());
        assert!(has_right || !has_wrong, "{code} does not show how its example is mended");
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn explanations_are_short_and_fit_a_terminal() {
    for &code in Code::ALL {
        let text = code.explanation();
        let lines = text.lines().count();
        assert!((6..=30).contains(&lines), "{code} has {lines} lines");
        let long = text.lines().find(|line| line.chars().count() > 120);
        assert_eq!(long, None, "{code} has a long line");
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with(char::is_alphabetic) || first.starts_with('`'), "{code} begins with `{first}`");
    }
}

/// A harder case: its name, its files, and what is asked of the compiler.
struct Case {
    name: String,
    /// Paths and texts; `main.pnet` comes first.
    files: Vec<(String, String)>,
    request: Request,
}

impl Case {
    /// Reads `diagnostics/name.pnet` or the folder `diagnostics/name`.
    fn read(path: &Path) -> Case {
        let name = path.file_stem().expect("a file name").to_string_lossy().into_owned();
        let mut files = Vec::new();
        if path.is_dir() {
            collect(path, path, &mut files);
            files.sort_by_key(|(path, _)| (path != "main.pnet", path.clone()));
        } else {
            files.push(("main.pnet".to_owned(), read_text(path)));
        }
        let request = request(&files[0].1);
        Case { name, files, request }
    }

    fn loader(&self) -> MemoryLoader {
        self.files.iter().fold(MemoryLoader::default(), |loader, (path, text)| loader.with(path, text))
    }
}

#[expect(clippy::disallowed_methods, reason = "the crate under test does no I/O, its tests do")]
fn read_text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    entries
}

/// Every file below `folder`, by its path relative to `root`.
fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in entries(folder) {
        if entry.is_dir() {
            collect(root, &entry, files);
        } else {
            let path = entry.strip_prefix(root).expect("a path below the root");
            let parts: Vec<String> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            files.push((parts.join("/"), read_text(&entry)));
        }
    }
}

/// What a first line such as `// pnetc check main.pnet --set width=2 --network Small` asks for.
fn request(text: &str) -> Request {
    let mut request = Request::default();
    let first = text.lines().next().unwrap_or_default();
    let Some(command) = first.strip_prefix("// pnetc check main.pnet") else { return request };
    let mut words = command.split_whitespace();
    while let Some(option) = words.next() {
        let value = words.next().unwrap_or_else(|| panic!("{option} lacks a value"));
        match (option, value.split_once('=')) {
            ("--set", Some((name, value))) => request.settings.push((name.to_owned(), value.to_owned())),
            ("--network", None) => request.network = Some(value.to_owned()),
            _ => panic!("unknown option {option} {value}"),
        }
    }
    request
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/diagnostics");
    let is_case = |path: &PathBuf| path.is_dir() || path.extension().is_some_and(|extension| extension == "pnet");
    entries(&folder).iter().filter(|path| is_case(path)).map(|path| Case::read(path)).collect()
}

#[test]
fn harder_cases_are_explained_well() {
    let cases = cases();
    assert!(cases.len() > 20, "only {} cases found", cases.len());
    for case in cases {
        let failure = failure(&case.loader(), &case.request);
        let mut content = String::new();
        for (path, text) in &case.files {
            if case.files.len() > 1 {
                content.push_str(&format!("--- {path}\n"));
            }
            content.push_str(text);
            content.push('\n');
        }
        content.push_str("---\n");
        content.push_str(&failure.render(Style::Plain));
        assert_snapshot("diagnostics", &case.name, &content);
    }
}

#[test]
fn a_text_that_is_too_large() {
    let text = format!("const A = 1\n{}", "// a comment\n".repeat(400_000));
    let failure = failure(&MemoryLoader::new("main.pnet", text), &Request::default());
    assert_eq!(failure.diagnostics.len(), 1);
    assert_eq!(failure.diagnostics[0].code, Code::E0005);
    assert!(failure.render(Style::Plain).len() < 1000);
}
