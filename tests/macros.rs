//! What users of the macro see when something is wrong: each case of `macros/fail` is a program that does not compile, with what the
//! Rust compiler says beside it; those of `macros/pass` compile and run.
//!
//! `TRYBUILD=overwrite cargo test -p parameternet-macros --test macros` writes what it says anew; read every difference.

use std::path::Path;

#[test]
fn errors_are_on_their_tokens() {
    // The cases are compiled as a crate in a folder of their own, in which the macro looks for files.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
    let crate_folder = target.join("tests/trybuild/parameternet-macros");
    copy(Path::new("../../tests/macros/models"), &crate_folder.join("models"));
    let cases = trybuild::TestCases::new();
    cases.pass("../../tests/macros/pass/*.rs");
    cases.compile_fail("../../tests/macros/fail/*.rs");
}

/// Copies the files of a folder.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for file in std::fs::read_dir(from).expect("the folder of the cases").flatten() {
        std::fs::copy(file.path(), to.join(file.file_name())).expect("a copy");
    }
}
