//! `pnetc analyze`: what a network costs, known without running it.
//!
//! A [`Section`] is one concern with its facts, each of which has a form for people and one for programs. Another concern is
//! another function that makes a section, listed in [`sections`].

use parameternet_compiler::plan::Plan;
use serde_json::{Map, Value, json};

use crate::arguments::Analyze;
use crate::failure::Failure;
use crate::files;
use crate::stages::{self, Stages};
use crate::table::{Table, counted, grouped};

/// Shows every section.
pub(crate) fn run(options: &Analyze) -> Result<(), Failure> {
    let compiler = stages::options(&options.machine)?;
    let stages = Stages::plan(&options.file, &options.network, &compiler)?;
    let sections = sections(&stages);
    if options.json {
        let mut report = Map::new();
        report.insert("file".to_owned(), json!(options.file));
        report.insert("network".to_owned(), json!(stages.graph.network));
        report.insert("settings".to_owned(), stages.settings());
        report.insert("batch".to_owned(), json!(stages.graph.batch));
        report.insert("threads".to_owned(), json!(compiler.threads));
        report.insert("isa".to_owned(), json!(compiler.isa.name()));
        report.extend(sections.into_iter().map(|section| (section.key.to_owned(), section.json())));
        return files::print(&format!("{:#}\n", Value::Object(report)));
    }
    let mut table = Table::facts();
    for fact in sections.iter().flat_map(|section| &section.facts) {
        table.fact(fact.name, fact.shown.clone());
    }
    let (graph, isa) = (&stages.graph, compiler.isa);
    let batch = graph.batch;
    files::print(&format!(
        "{}: {}, batch {batch}, planned for {isa} and {}\n{}",
        options.file,
        graph.network,
        counted(compiler.threads, "thread"),
        table.render()
    ))
}

/// One concern: an object of the JSON form.
struct Section {
    key: &'static str,
    facts: Vec<Fact>,
}

/// Something that is known about the network.
struct Fact {
    /// For people.
    name: &'static str,
    shown: String,
    /// For programs.
    key: &'static str,
    value: Value,
}

impl Section {
    fn json(self) -> Value {
        Value::Object(self.facts.into_iter().map(|fact| (fact.key.to_owned(), fact.value)).collect())
    }
}

fn sections(stages: &Stages) -> Vec<Section> {
    vec![size(stages), memory(&stages.plan)]
}

/// A number of things.
fn count(key: &'static str, name: &'static str, number: u64) -> Fact {
    Fact { name, shown: grouped(number), key, value: json!(number) }
}

/// A number of `f32`s in memory.
fn bytes(key: &'static str, name: &'static str, elements: usize) -> Fact {
    let number = (elements * size_of::<f32>()) as u64;
    Fact { name, shown: format!("{} bytes", grouped(number)), key, value: json!(number) }
}

/// What is learned, and what is computed with it.
fn size(stages: &Stages) -> Section {
    let stored = stages.graph.stored_weights().map(|weight| weight.shape.elements()).sum();
    Section {
        key: "size",
        facts: vec![
            count("parameters", "parameters", stages.graph.parameter_count()),
            count("multiply_adds", "multiply-adds", stages.plan.multiply_adds()),
            count("steps", "steps", stages.plan.steps().len() as u64),
            bytes("weight_bytes", "weights", stored),
            bytes("prepared_weight_bytes", "prepared weights", stages.plan.weights().preparation.length),
        ],
    }
}

/// The memory of a session.
fn memory(plan: &Plan) -> Section {
    let ratio = plan.arena_ratio();
    Section {
        key: "memory",
        facts: vec![
            bytes("arena_bytes", "arena", plan.arena()),
            bytes("live_bytes", "largest live set", plan.live_peak()),
            Fact { name: "arena / live set", shown: format!("{ratio:.3}"), key: "arena_ratio", value: json!(ratio) },
            bytes("scratch_bytes_per_thread", "scratch per thread", plan.scratch()),
        ],
    }
}
