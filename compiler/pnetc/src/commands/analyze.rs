//! `pnetc analyze`: what a network costs, known without running it.
//!
//! The table by module, operation, line or node is made in `rows` and shown by `report`; `explain`, `twin` and `sweep` are
//! reports of their own, `svg` draws the last, and `html` makes a page of everything.

mod explain;
mod html;
mod report;
mod rows;
mod svg;
mod sweep;
mod twin;

use parameternet_compiler::analysis::{Analysis, analyze, peak};
use parameternet_compiler::elaborate::elaborate;
use parameternet_compiler::program::Program;

use crate::arguments::Analyze;
use crate::failure::Failure;
use crate::stages::{self, Stages};
use crate::{budgets, files};

/// What a report is made of.
struct Subject<'a> {
    options: &'a Analyze,
    program: &'a Program,
    analysis: &'a Analysis<'a>,
}

/// Shows the report that was asked for; fails after it if a budget does not hold.
pub(crate) fn run(options: &Analyze) -> Result<(), Failure> {
    if !options.sweep.is_empty() {
        return sweep::run(options);
    }
    let program = files::load(&options.file)?;
    let request = files::request(&options.network);
    let graph = elaborate(&program, &request)?;
    let analysis = analyze(&graph);
    let subject = Subject { options, program: &program, analysis: &analysis };
    let text = if let Some((from, to)) = options.explain {
        explain::show(&subject, from, to)
    } else if options.twin {
        twin::show(&subject)?
    } else if options.csv {
        rows::csv(&subject)
    } else {
        let compiler = stages::options(&options.machine)?;
        let mut stages = Stages::of(graph.clone(), &compiler)?;
        let peak = peak::activation_peak(&graph);
        if let Some(path) = &options.html {
            files::write(path, html::page(&subject, &mut stages, &compiler, peak)?.as_bytes())?;
        }
        report::show(&subject, &stages, &compiler, peak)
    };
    files::print(&text)?;
    budgets::check(&program, &request, &graph, &options.budget)
}
