//! Rung 3 of the ladder of oracles: machine code against the interpreter, on every instruction set of the machine and on
//! several threads.

#![allow(clippy::disallowed_methods, reason = "suites read files; the rule is for the libraries")]

#[path = "../shared/cases.rs"]
mod cases;
#[path = "../shared/compare.rs"]
mod compare;
#[path = "../shared/networks.rs"]
mod networks;
#[path = "../shared/seeds.rs"]
mod seeds;
#[path = "../shared/mod.rs"]
mod shared;

mod attention;
mod by_sample;
mod cascades;
mod dtype;
mod gates;
mod groups;
mod halves;
mod ladder;
mod operations;
mod parts;
mod random;
mod samples;
mod zoo;
