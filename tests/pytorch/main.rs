//! Networks exported to PyTorch, run by PyTorch: the same outputs as the interpreter's, weights under the same names, and what
//! training needs.
//!
//! All jobs go to one Python process, since importing torch takes seconds. `PNET_ZOO=all` runs every network at full size;
//! `PNET_SEEDS=FIRST..END` other random networks.

#![allow(clippy::disallowed_methods, reason = "suites read and write files; the rule is for the libraries")]

#[path = "../shared/cases.rs"]
mod cases;
#[path = "../shared/seeds.rs"]
mod seeds;
#[path = "../shared/mod.rs"]
mod shared;

mod jobs;
mod networks;
mod programs;

use jobs::Jobs;

/// The largest error of an output, as a share of its largest element.
const TOLERANCE: f64 = 1e-4;

#[test]
fn pytorch_computes_what_the_interpreter_computes() {
    let Some(python) = shared::python() else { return };
    let mut jobs = Jobs::new("outputs");
    networks::zoo(&mut jobs);
    networks::operations(&mut jobs);
    networks::dynamic_convolutions(&mut jobs);
    networks::random(&mut jobs);
    networks::language(&mut jobs);
    let failures = jobs.run(&python);
    assert!(failures.is_empty(), "{} of {} jobs failed:\n{}", failures.len(), jobs.len(), failures.join("\n"));
}
