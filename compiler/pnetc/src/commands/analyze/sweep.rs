//! `--sweep`: the network for several values of its hyper-parameters.

use std::time::Duration;

use parameternet_compiler::analysis::analyze;
use parameternet_compiler::analysis::totals::Totals;
use parameternet_compiler::elaborate::elaborate;
use serde_json::{Map, Value, json};

use super::rows::{fields, quoted};
use super::svg::{self, Point};
use crate::arguments::{Analyze, Sweep};
use crate::commands::bench;
use crate::failure::Failure;
use crate::files;
use crate::stages::{self, Stages};
use crate::table::{Align, Table, grouped};

/// The most settings of one grid.
const MOST: usize = 1000;

/// How long each setting is measured.
const MEASURED: Duration = Duration::from_secs(1);

/// One setting of the grid.
struct Setting {
    values: Vec<(String, String)>,
    /// Of the whole batch.
    totals: Totals,
    batch: u64,
    median: Option<Duration>,
}

impl Setting {
    fn label(&self) -> String {
        let values: Vec<String> = self.values.iter().map(|(name, value)| format!("{name}={value}")).collect();
        values.join(" ")
    }

    /// A count of one image.
    fn per_image(&self, count: u64) -> u64 {
        count / self.batch.max(1)
    }
}

/// Tabulates the grid.
pub(super) fn run(options: &Analyze) -> Result<(), Failure> {
    check(options)?;
    let program = files::load(&options.file)?;
    let request = files::request(&options.network);
    let mut network = String::new();
    let mut settings = Vec::new();
    for values in grid(&options.sweep) {
        let mut request = request.clone();
        request.settings.extend(values.clone());
        let graph = elaborate(&program, &request)?;
        network.clone_from(&graph.network);
        let totals = analyze(&graph).totals;
        let batch = graph.batch as u64;
        let median = if options.time {
            let compiler = stages::options(&options.machine)?;
            Some(bench::median(Stages::of(graph, &compiler)?, MEASURED)?)
        } else {
            None
        };
        settings.push(Setting { values, totals, batch, median });
    }
    if let Some(path) = &options.svg {
        let points = settings.iter().map(|setting| Point {
            label: setting.label(),
            x: setting.per_image(setting.totals.counts.get(options.convention)),
            y: setting.totals.parameters,
        });
        let picture = svg::draw(&network, options.convention, &points.collect::<Vec<_>>());
        files::write(path, picture.as_bytes())?;
    }
    files::print(&if options.json {
        json_text(options, &network, &settings)
    } else if options.csv {
        csv(&settings)
    } else {
        format!("{}: {network}, per image\n{}", options.file, table(options, &settings))
    })
}

fn check(options: &Analyze) -> Result<(), Failure> {
    let size = options.sweep.iter().fold(1usize, |size, sweep| size.saturating_mul(sweep.values.len()));
    if size > MOST {
        return Err(Failure::Usage(format!(
            "the grid has {} settings, and at most {MOST} are allowed",
            grouped(size as u64)
        )));
    }
    let set = options.network.settings.iter().map(|(name, _)| name.as_str());
    let mut names: Vec<&str> = options.sweep.iter().map(|sweep| sweep.name.as_str()).chain(set).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair.first() == pair.last()).and_then(|pair| pair.first()) {
        Some(twice) => Err(Failure::Usage(format!("`{twice}` is given twice, by `--sweep` or `--set`"))),
        None => Ok(()),
    }
}

/// Every combination, the last name changing fastest.
fn grid(sweeps: &[Sweep]) -> Vec<Vec<(String, String)>> {
    sweeps.iter().fold(vec![Vec::new()], |grid, sweep| {
        let with = |setting: &Vec<(String, String)>, value: &String| {
            let mut setting = setting.clone();
            setting.push((sweep.name.clone(), value.clone()));
            setting
        };
        grid.iter()
            .flat_map(|setting| sweep.values.iter().map(|value| with(setting, value)).collect::<Vec<_>>())
            .collect()
    })
}

fn table(options: &Analyze, settings: &[Setting]) -> String {
    let mut columns: Vec<(&str, Align)> =
        options.sweep.iter().map(|sweep| (sweep.name.as_str(), Align::Right)).collect();
    columns.push(("parameters", Align::Right));
    columns.push((options.convention.unit(), Align::Right));
    columns.push(("weight bytes read", Align::Right));
    if options.time {
        columns.push(("median ms", Align::Right));
    }
    let mut table = Table::new(&columns);
    for setting in settings {
        let mut cells: Vec<String> = setting.values.iter().map(|(_, value)| value.clone()).collect();
        cells.push(grouped(setting.totals.parameters));
        cells.push(grouped(setting.per_image(setting.totals.counts.get(options.convention))));
        cells.push(grouped(setting.per_image(setting.totals.weight_bytes)));
        if let Some(median) = setting.median {
            cells.push(format!("{:.3}", median.as_secs_f64() * 1e3));
        }
        table.row(cells);
    }
    table.render()
}

fn csv(settings: &[Setting]) -> String {
    let mut text = String::new();
    if let Some(first) = settings.first() {
        let names = first.values.iter().map(|(name, _)| quoted(name));
        let names = names.chain(fields(&first.totals).into_iter().map(|(name, _)| (*name).to_owned()));
        let names = names.chain(first.median.map(|_| "median_seconds".to_owned()));
        text.push_str(&names.collect::<Vec<_>>().join(","));
        text.push('\n');
    }
    for setting in settings {
        let cells = setting.values.iter().map(|(_, value)| quoted(value));
        let cells = cells.chain(fields(&setting.totals).into_iter().map(|(_, number)| number.to_string()));
        let cells = cells.chain(setting.median.map(|median| median.as_secs_f64().to_string()));
        text.push_str(&cells.collect::<Vec<_>>().join(","));
        text.push('\n');
    }
    text
}

fn json_text(options: &Analyze, network: &str, settings: &[Setting]) -> String {
    let setting = |setting: &Setting| {
        let mut object = super::rows::totals_json(&setting.totals);
        let values: Map<String, Value> =
            setting.values.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        object.insert("settings".to_owned(), Value::Object(values));
        if let Some(median) = setting.median {
            object.insert("median_seconds".to_owned(), json!(median.as_secs_f64()));
        }
        Value::Object(object)
    };
    let report = json!({
        "file": options.file,
        "network": network,
        "batch": options.network.batch,
        "sweep": settings.iter().map(setting).collect::<Vec<_>>(),
    });
    format!("{report:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_has_every_combination() {
        let sweep = |name: &str, values: &[&str]| Sweep {
            name: name.to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        let grid = grid(&[sweep("a", &["1", "2"]), sweep("b", &["x", "y", "z"])]);
        let labels: Vec<String> =
            grid.iter().map(|setting| setting.iter().map(|(_, value)| value.as_str()).collect()).collect();
        assert_eq!(labels, ["1x", "1y", "1z", "2x", "2y", "2z"]);
    }
}
