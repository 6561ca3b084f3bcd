//! `pnetc graph`: a network as a picture, or as text for Graphviz.
//!
//! What is shown is decided by the compiler's `export::view`; `layout` and `route` say where it lies, `draw` writes the SVG.

mod draw;
mod layout;
mod route;
#[cfg(test)]
mod tests;

use std::path::Path;

use parameternet_compiler::analysis::analyze;
use parameternet_compiler::export::dot::dot;
use parameternet_compiler::export::view::{Measure, View, view};

use crate::arguments::{Format, Graph, GraphBy};
use crate::failure::Failure;
use crate::files;

/// The most that is laid out here: boxes, and layers that the lines of one module pass. More takes long, and no one could
/// read it.
const MOST: [usize; 2] = [1000, 4000];

/// Writes the picture that was asked for.
pub(crate) fn run(options: &Graph) -> Result<(), Failure> {
    let format = format(options)?;
    let graph = files::graph(&options.file, &options.network)?;
    let view = view(&analyze(&graph), usize::from(options.depth));
    let measure = match options.by {
        GraphBy::Work => Measure::Work(options.convention),
        GraphBy::Parameters => Measure::Parameters,
        GraphBy::Activations => Measure::Activations,
    };
    let text = match format {
        Format::Dot => dot(&view, measure),
        Format::Svg => {
            check_size(&view, options)?;
            draw::draw(&view, measure)
        }
    };
    files::emit(options.output.as_deref(), &text)
}

/// The format that was asked for, or that the name of the file says.
fn format(options: &Graph) -> Result<Format, Failure> {
    let Some(path) = &options.output else { return Ok(options.format.unwrap_or(Format::Dot)) };
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_lowercase);
    match (options.format, extension.as_deref()) {
        (Some(format), _) => Ok(format),
        (None, Some("svg")) => Ok(Format::Svg),
        (None, Some("dot" | "gv")) => Ok(Format::Dot),
        (None, _) => Err(Failure::Usage(unknown_extension(path))),
    }
}

fn unknown_extension(path: &Path) -> String {
    format!(
        "`{}` does not say what to write: end its name in `.svg` for a picture or `.dot` for Graphviz, or say `--format svg` or \
         `--format dot`",
        path.display()
    )
}

/// Refuses what would take very long.
fn check_size(view: &View, options: &Graph) -> Result<(), Failure> {
    let advice = || {
        let less = if options.depth == 0 { "" } else { " show less with a smaller `--depth`, or" };
        format!("{less} write `--format dot` and lay it out with Graphviz")
    };
    let boxes = view.items.len();
    if boxes > MOST[0] {
        let message =
            format!("a picture of {boxes} boxes is more than the {} that are laid out here:{}", MOST[0], advice());
        return Err(Failure::Usage(message));
    }
    if layout::bends(view) > MOST[1] {
        let message = format!("the lines between {boxes} boxes are too long to be laid out here:{}", advice());
        return Err(Failure::Usage(message));
    }
    Ok(())
}
