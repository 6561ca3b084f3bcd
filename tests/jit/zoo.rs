//! The networks of `examples/models`, whole.

use std::path::PathBuf;

use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::program::Program;

use crate::ladder;
use crate::shared::Disk;

fn compile(file: &str, settings: &[(&str, &str)], batch: usize) -> Graph {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/models").join(file);
    let program = Program::load(&Disk, &path.to_string_lossy()).unwrap_or_else(|failure| panic!("{failure}"));
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    elaborate(&program, &Request { settings, batch, ..Request::default() }).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn mobilenetv2() {
    ladder::check("mobilenetv2", &compile("mobilenetv2.pnet", &[], 1), 2.0);
}

#[test]
fn ghostnet() {
    ladder::check("ghostnet", &compile("ghostnet.pnet", &[], 1), 2.0);
}

#[test]
fn parameternet_600m() {
    ladder::check("parameternet_600m", &compile("parameternet.pnet", &[], 1), 2.0);
}
