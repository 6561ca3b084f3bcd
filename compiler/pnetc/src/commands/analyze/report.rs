//! The report of `pnetc analyze`: facts about the whole network and its memory, and the table of costs.

use parameternet_compiler::analysis::convention::Convention;
use parameternet_compiler::analysis::dynamic::{DynamicConvolution, Parts, dynamic_convolutions};
use parameternet_compiler::analysis::totals::ratio;
use parameternet_compiler::analysis::{Analysis, group};
use parameternet_compiler::compile::Options;
use parameternet_compiler::plan::Plan;
use serde_json::{Map, Value, json};

use super::{Subject, rows};
use crate::stages::Stages;
use crate::table::{Table, counted, grouped};

/// The report, for people or as JSON.
pub(super) fn show(subject: &Subject<'_>, stages: &Stages, compiler: &Options, peak: u64) -> String {
    if subject.options.json {
        let mut report = facts(subject, stages, compiler, peak);
        report.insert("rows".to_owned(), rows::json(subject));
        return format!("{:#}\n", Value::Object(report));
    }
    let mut table = Table::facts();
    for fact in
        sections(subject, stages, peak).iter().flat_map(|section| &section.facts).filter(|fact| !fact.shown.is_empty())
    {
        table.fact(fact.name, fact.shown.clone());
    }
    let dynamic = dynamic_convolutions(subject.analysis);
    if !dynamic.is_empty() {
        table.fact("dynamic convolutions", dynamic_fact(&dynamic));
    }
    let graph = &stages.graph;
    format!(
        "{}: {}, batch {}, planned for {} and {}\n{}\n{}",
        subject.options.file,
        graph.network,
        graph.batch,
        compiler.isa,
        counted(compiler.threads, "thread"),
        table.render(),
        rows::table(subject)
    )
}

fn sections(subject: &Subject<'_>, stages: &Stages, peak: u64) -> [Section; 3] {
    [costs(subject.analysis, peak), size(stages), memory(&stages.plan)]
}

/// The report for programs without its rows.
pub(super) fn facts(subject: &Subject<'_>, stages: &Stages, compiler: &Options, peak: u64) -> Map<String, Value> {
    let mut report = Map::new();
    report.insert("file".to_owned(), json!(subject.options.file));
    report.insert("network".to_owned(), json!(stages.graph.network));
    report.insert("settings".to_owned(), stages.settings());
    report.insert("batch".to_owned(), json!(stages.graph.batch));
    report.insert("threads".to_owned(), json!(compiler.threads));
    report.insert("isa".to_owned(), json!(compiler.isa.name()));
    let sections = sections(subject, stages, peak);
    report.extend(sections.into_iter().map(|section| (section.key.to_owned(), section.json())));
    report.insert("convention".to_owned(), json!(subject.options.convention.name()));
    let works = group::by_work(subject.analysis).into_iter().map(|(work, counts)| {
        let counts: Map<String, Value> =
            Convention::ALL.iter().map(|by| (by.name().to_owned(), json!(counts.get(*by)))).collect();
        (work.name().to_owned(), Value::Object(counts))
    });
    report.insert("work".to_owned(), Value::Object(works.collect()));
    report.insert("fvcore_operators".to_owned(), json!(group::by_fvcore_operator(subject.analysis)));
    let dynamic = dynamic_convolutions(subject.analysis);
    let dynamic = dynamic.iter().map(|convolution| dynamic_json(subject.analysis, convolution));
    report.insert("dynamic_convolutions".to_owned(), dynamic.collect());
    report
}

/// One concern: an object of the JSON form.
struct Section {
    key: &'static str,
    facts: Vec<Fact>,
}

/// Something that is known about the network.
struct Fact {
    /// For people; nothing is shown where there is no text.
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

/// A number of things.
fn count(key: &'static str, name: &'static str, number: u64) -> Fact {
    Fact { name, shown: grouped(number), key, value: json!(number) }
}

fn bytes(key: &'static str, name: &'static str, number: u64) -> Fact {
    Fact { name, shown: format!("{} bytes", grouped(number)), key, value: json!(number) }
}

/// A number of `f32`s in memory.
fn floats(key: &'static str, name: &'static str, elements: usize) -> Fact {
    bytes(key, name, (elements * size_of::<f32>()) as u64)
}

/// What the network costs as it is written.
fn costs(analysis: &Analysis<'_>, peak: u64) -> Section {
    let totals = &analysis.totals;
    let convention = |key, name, convention: Convention| {
        let number = totals.counts.get(convention);
        Fact {
            name,
            shown: format!("{} ({convention}: {})", grouped(number), convention.summary()),
            key,
            value: json!(number),
        }
    };
    let intensity = totals.intensity();
    Section {
        key: "costs",
        facts: vec![
            count("parameters", "parameters", totals.parameters),
            count("buffers", "buffers", totals.buffers),
            convention("core", "multiply-adds", Convention::Core),
            convention("paper", "", Convention::Paper),
            convention("fvcore", "", Convention::Fvcore),
            convention("strict", "operations", Convention::Strict),
            bytes("weight_bytes", "weights", totals.weight_bytes),
            bytes("activation_bytes", "activations", totals.activation_bytes),
            bytes("activation_peak", "largest live activations", peak),
            Fact {
                name: "arithmetic intensity",
                shown: format!("{intensity:.2} operations per byte, nothing fused"),
                key: "operations_per_byte",
                value: json!(intensity),
            },
        ],
    }
}

/// What is planned; the parameters are those of the costs.
fn size(stages: &Stages) -> Section {
    let stored = stages.graph.stored_weights().map(|weight| weight.shape.elements()).sum();
    let hidden = |fact: Fact| Fact { shown: String::new(), ..fact };
    Section {
        key: "size",
        facts: vec![
            hidden(count("parameters", "", stages.graph.parameter_count())),
            count("multiply_adds", "multiply-adds of the plan", stages.plan.multiply_adds()),
            count("steps", "steps", stages.plan.steps().len() as u64),
            hidden(floats("weight_bytes", "", stored)),
            floats("prepared_weight_bytes", "prepared weights", stages.plan.weights().preparation.length),
        ],
    }
}

/// The memory of a session.
fn memory(plan: &Plan) -> Section {
    let ratio = plan.arena_ratio();
    Section {
        key: "memory",
        facts: vec![
            floats("arena_bytes", "arena", plan.arena()),
            floats("live_bytes", "largest live set", plan.live_peak()),
            Fact { name: "arena / live set", shown: format!("{ratio:.3}"), key: "arena_ratio", value: json!(ratio) },
            floats("scratch_bytes_per_thread", "scratch per thread", plan.scratch()),
        ],
    }
}

/// All dynamic convolutions together.
fn dynamic_fact(dynamic: &[DynamicConvolution]) -> String {
    let sum = |number: fn(&DynamicConvolution) -> u64| dynamic.iter().map(number).fold(0, u64::saturating_add);
    let [coefficients, mixing, convolution] =
        [sum(|d| d.total.coefficients), sum(|d| d.total.mixing), sum(|d| d.total.convolution)];
    let all = Parts { coefficients, mixing, convolution }.total();
    format!(
        "{}: {} multiply-adds for coefficients, {} for mixing, {} for the convolutions; {:.2} times the parameters and {:.3} \
         times the multiply-adds of plain ones",
        grouped(dynamic.len() as u64),
        grouped(coefficients),
        grouped(mixing),
        grouped(convolution),
        ratio(sum(|d| d.parameters), sum(|d| d.plain_parameters)),
        ratio(all, convolution),
    )
}

fn dynamic_json(analysis: &Analysis<'_>, dynamic: &DynamicConvolution) -> Value {
    let parts = |parts: Parts| json!({ "coefficients": parts.coefficients, "mixing": parts.mixing, "convolution": parts.convolution });
    let path = analysis.graph.node(dynamic.node).and_then(|node| node.path.as_ref());
    json!({
        "node": dynamic.node.to_string(),
        "path": path.map(ToString::to_string),
        "experts": dynamic.experts,
        "multiply_adds": parts(dynamic.total),
        "multiply_adds_per_image": parts(dynamic.per_image()),
        "parameters": dynamic.parameters,
        "plain_parameters": dynamic.plain_parameters,
        "parameter_ratio": dynamic.parameter_ratio(),
        "multiply_add_ratio": dynamic.multiply_add_ratio(),
    })
}
