//! `pnetc diff`: what differs between two networks.
//!
//! The comparison is made by the compiler's `analysis::diff`; `report` shows it to people, `json` to programs.

mod json;
mod report;

use parameternet_compiler::analysis::analyze;
use parameternet_compiler::analysis::diff::{Diff, diff};
use parameternet_compiler::elaborate::Request;
use parameternet_compiler::elaborate::elaborate;
use parameternet_compiler::graph::Graph;

use crate::arguments;
use crate::failure::Failure;
use crate::files;

/// One of the networks.
struct Side {
    file: String,
    graph: Graph,
}

/// What a report is made of.
struct Subject<'a> {
    options: &'a arguments::Diff,
    from: &'a Side,
    to: &'a Side,
    diff: &'a Diff,
}

/// Shows the differences. With some it fails, having told them; any other failure is trouble.
pub(crate) fn run(options: &arguments::Diff) -> Result<(), Failure> {
    let (text, is_same) = compare(options).map_err(trouble)?;
    files::print(&text).map_err(trouble)?;
    if is_same { Ok(()) } else { Err(Failure::Told) }
}

fn trouble(failure: Failure) -> Failure {
    Failure::Trouble(Box::new(failure))
}

fn compare(options: &arguments::Diff) -> Result<(String, bool), Failure> {
    let only_one = options.set_a.is_empty() && options.set_b.is_empty();
    if options.to.is_none() && only_one && options.network_a.is_none() && options.network_b.is_none() {
        let message = "one file is compared with itself: name a second one, or say what differs with `--set-a`, `--set-b`, \
                       `--network-a` or `--network-b`";
        return Err(Failure::Usage(message.to_owned()));
    }
    let from = side(options, &options.from, &options.set_a, options.network_a.as_ref())?;
    let to = side(options, options.to.as_ref().unwrap_or(&options.from), &options.set_b, options.network_b.as_ref())?;
    let diff = diff(&analyze(&from.graph), &analyze(&to.graph), options.convention);
    let subject = Subject { options, from: &from, to: &to, diff: &diff };
    let text = if options.json { json::show(&subject) } else { report::show(&subject) };
    Ok((text, diff.is_empty()))
}

/// A network with what is set for both, but for what is set for it alone.
fn side(
    options: &arguments::Diff,
    file: &str,
    own: &[(String, String)],
    network: Option<&String>,
) -> Result<Side, Failure> {
    let mut request: Request = files::request(&options.network);
    request.settings.retain(|(name, _)| own.iter().all(|(other, _)| other != name));
    request.settings.extend(own.iter().cloned());
    request.network = network.cloned().or(request.network);
    let graph = elaborate(&files::load(file)?, &request)?;
    Ok(Side { file: file.to_owned(), graph })
}
