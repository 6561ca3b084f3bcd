//! The programs in the documentation compile.

#![allow(clippy::disallowed_methods, reason = "the rule against I/O is for the libraries")]

use std::path::Path;

use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::program::{MemoryLoader, Program};

/// The code blocks of a Markdown text that are whole programs; fragments have no `network`.
fn programs(markdown: &str) -> Vec<&str> {
    let blocks = markdown.split("```pnet\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| block.contains("network ")).collect()
}

#[test]
fn programs_in_the_documentation_compile() {
    for (file, least) in [("README.md", 1), ("docs/language.md", 1), ("docs/costs.md", 1), ("docs/import.md", 1)] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        let text = std::fs::read_to_string(path).expect("a readable document");
        let programs = programs(&text);
        assert!(programs.len() >= least, "{file} has lost its examples");
        for program in programs {
            let program =
                Program::load(&MemoryLoader::new(file, program), file).unwrap_or_else(|error| panic!("{error}"));
            elaborate(&program, &Request::default()).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}
