//! A measurement as text for people and as JSON for programs.

use std::time::Duration;

use parameternet_runtime::Dtype;
use serde_json::{Value, json};

use super::steps::{self, Cost, StepTime};
use super::{GAIN, Measurement};
use crate::table::{Align, Table, beginning, counted, ending, grouped};

/// The figures that both forms show.
struct Figures {
    run: Cost,
    images_per_second: f64,
    share_of_peak: f64,
    share_of_bandwidth: f64,
}

impl Measurement<'_> {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    fn figures(&self) -> Figures {
        let plan = &self.stages.plan;
        let run = Cost { time: self.run.median, multiply_adds: plan.multiply_adds(), bytes: plan.bytes() };
        Figures {
            run,
            images_per_second: self.stages.graph.batch as f64 / run.time.as_secs_f64().max(1e-9),
            share_of_peak: run.gigaflops() * 1e9 / self.machine.flops,
            share_of_bandwidth: run.gigabytes() * 1e9 / self.machine.bytes,
        }
    }

    fn weights(&self) -> String {
        match &self.options.weights {
            Some(path) => path.display().to_string(),
            None => format!("those of `pnetc init --gain {GAIN}`"),
        }
    }

    /// The steps, the longest first, and the time of all.
    fn longest_first(&self) -> (Vec<&StepTime>, Cost) {
        let mut steps: Vec<&StepTime> = self.steps.iter().collect();
        steps.sort_by_key(|step| std::cmp::Reverse(step.cost.time));
        (steps, Cost::sum(self.steps.iter().map(|step| step.cost)))
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn share(part: Cost, whole: Cost) -> f64 {
    part.time.as_secs_f64() / whole.time.as_secs_f64().max(1e-9)
}

fn bytes(elements: usize) -> u64 {
    (elements * size_of::<f32>()) as u64
}

/// For people.
pub(super) fn text(measurement: &Measurement<'_>) -> String {
    let Measurement { options, compiler, stages, run, machine, .. } = measurement;
    let figures = measurement.figures();
    let (times, plan) = (stages.times, &stages.plan);
    let mut table = Table::facts();
    table.fact(
        "time",
        format!(
            "median {:.3} ms, min {:.3}, p95 {:.3}, of {}",
            milliseconds(run.median),
            milliseconds(run.min),
            milliseconds(run.p95),
            counted(run.runs, "run")
        ),
    );
    table.fact("throughput", format!("{:.1} images/s", figures.images_per_second));
    table.fact(
        "arithmetic",
        format!(
            "{} multiply-adds, {:.1} GFLOP/s: {:.0}% of the {:.1} of this machine",
            grouped(plan.multiply_adds()),
            figures.run.gigaflops(),
            100.0 * figures.share_of_peak,
            machine.flops / 1e9
        ),
    );
    table.fact(
        "data",
        format!(
            "{} bytes, {:.1} GB/s: {:.0}% of the {:.1} that this machine reads from memory",
            grouped(plan.bytes()),
            figures.run.gigabytes(),
            100.0 * figures.share_of_bandwidth,
            machine.bytes / 1e9
        ),
    );
    table.fact(
        "compilation",
        format!(
            "{:.1} ms: text to graph {:.1}, passes {:.1}, plan {:.1}, code {:.1}",
            milliseconds(times.total()),
            milliseconds(times.graph),
            milliseconds(times.passes),
            milliseconds(times.plan),
            milliseconds(times.code)
        ),
    );
    table.fact(
        "weights",
        format!(
            "{} bytes, prepared in {:.1} ms; {}",
            grouped(measurement.weight_bytes as u64),
            milliseconds(measurement.preparation),
            measurement.weights()
        ),
    );
    table.fact(
        "memory",
        format!(
            "arena {} bytes, scratch {} bytes per thread",
            grouped(bytes(plan.arena())),
            grouped(bytes(plan.scratch()))
        ),
    );
    let mut text = format!(
        "{}: {}, batch {}, {}, {}{}\n{}",
        options.file,
        stages.graph.network,
        stages.graph.batch,
        compiler.isa,
        counted(compiler.threads, "thread"),
        match compiler.experts_dtype {
            Dtype::F32 => String::new(),
            dtype => format!(", experts in {dtype}"),
        },
        table.render()
    );
    if !measurement.steps.is_empty() {
        text.push_str(&steps_text(measurement));
    }
    text
}

fn steps_text(measurement: &Measurement<'_>) -> String {
    let (steps, all) = measurement.longest_first();
    let figures = |cost: Cost| {
        [
            format!("{:.1}%", 100.0 * share(cost, all)),
            format!("{:.4}", milliseconds(cost.time)),
            grouped(cost.multiply_adds),
            format!("{:.1}", cost.gigaflops()),
            format!("{:.1}", cost.gigabytes()),
        ]
    };
    let headings = ["share", "ms", "multiply-adds", "GFLOP/s", "GB/s"].map(|heading| (heading, Align::Right));
    let columns =
        |names: &[(&'static str, Align)]| -> Vec<(&str, Align)> { headings.iter().chain(names).copied().collect() };

    let mut table = Table::new(&columns(&[("step", Align::Right), ("of", Align::Left), ("work", Align::Left)]));
    for step in &steps {
        let work = format!("{} {}", step.facts.kernel, brief(step));
        let whose = [step.facts.index.to_string(), ending(&step.facts.node, 44), beginning(&work, 56)];
        table.row(figures(step.cost).into_iter().chain(whose));
    }
    let mut totals = Table::new(&columns(&[("steps", Align::Right), ("kernel", Align::Left)]));
    for (kernel, count, cost) in steps::by_kernel(&measurement.steps) {
        totals.row(figures(cost).into_iter().chain([count.to_string(), kernel.to_owned()]));
    }
    totals.row(figures(all).into_iter().chain([steps.len().to_string(), "all".to_owned()]));
    format!(
        "\nSteps, one by one (the medians add up to {:.3} ms)\n{}\nKernels\n{}",
        milliseconds(all.time),
        table.render(),
        totals.render()
    )
}

/// The geometry of a step, which stands before its operands. An elementwise one is little but its operands.
fn brief(step: &StepTime) -> &str {
    match step.facts.work.split_once(": ") {
        Some((geometry, _)) if step.facts.kernel != "elementwise" => geometry,
        _ => &step.facts.work,
    }
}

/// For programs: times in milliseconds, rates in 10^9 per second.
pub(super) fn json(measurement: &Measurement<'_>) -> String {
    let Measurement { options, compiler, stages, run, machine, .. } = measurement;
    let figures = measurement.figures();
    let (times, plan) = (stages.times, &stages.plan);
    let (steps, all) = measurement.longest_first();
    let cost = |cost: Cost| {
        json!({
            "ms": milliseconds(cost.time),
            "share": share(cost, all),
            "multiply_adds": cost.multiply_adds,
            "bytes": cost.bytes,
            "gflops": cost.gigaflops(),
            "gigabytes_per_second": cost.gigabytes(),
        })
    };
    let with = |mut object: Value, more: Value| {
        if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
            object.extend(more);
        }
        object
    };
    let mut report = json!({
        "file": options.file,
        "network": stages.graph.network,
        "settings": stages.settings(),
        "batch": stages.graph.batch,
        "threads": compiler.threads,
        "isa": compiler.isa.name(),
        "experts_dtype": compiler.experts_dtype.name(),
        "weights": options.weights.as_ref().map(|path| path.display().to_string()),
        "runs": run.runs,
        "median_ms": milliseconds(run.median),
        "min_ms": milliseconds(run.min),
        "p95_ms": milliseconds(run.p95),
        "images_per_second": figures.images_per_second,
        "multiply_adds": plan.multiply_adds(),
        "bytes": plan.bytes(),
        "gflops": figures.run.gigaflops(),
        "gigabytes_per_second": figures.run.gigabytes(),
        "share_of_peak": figures.share_of_peak,
        "share_of_bandwidth": figures.share_of_bandwidth,
        "machine": {
            "gflops": machine.flops / 1e9,
            "gigabytes_per_second": machine.bytes / 1e9,
        },
        "compilation": {
            "graph_ms": milliseconds(times.graph),
            "passes_ms": milliseconds(times.passes),
            "plan_ms": milliseconds(times.plan),
            "code_ms": milliseconds(times.code),
            "total_ms": milliseconds(times.total()),
        },
        "preparation_ms": milliseconds(measurement.preparation),
        "memory": {
            "arena_bytes": bytes(plan.arena()),
            "scratch_bytes_per_thread": bytes(plan.scratch()),
            "weight_bytes": measurement.weight_bytes,
        },
    });
    if options.per_step {
        let steps: Vec<Value> = steps
            .iter()
            .map(|step| {
                let whose = json!({
                    "index": step.facts.index,
                    "kernel": step.facts.kernel,
                    "work": step.facts.work,
                    "node": step.facts.node,
                    "nodes": step.facts.nodes.iter().map(ToString::to_string).collect::<Vec<_>>(),
                });
                with(whose, cost(step.cost))
            })
            .collect();
        let kernels: Vec<Value> = steps::by_kernel(&measurement.steps)
            .into_iter()
            .map(|(kernel, count, sum)| with(json!({ "kernel": kernel, "steps": count }), cost(sum)))
            .collect();
        report = with(report, json!({ "steps": steps, "kernels": kernels }));
    }
    format!("{report:#}\n")
}
