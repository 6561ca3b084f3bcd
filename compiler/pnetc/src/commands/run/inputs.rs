//! What goes in: which file feeds which input, and how images become tensors.

use std::ffi::OsString;

use parameternet_compiler::graph::Graph;
use parameternet_data::{Filter, Preprocess, Resize, Settings, Source, load_input};
use parameternet_dsl::diagnostic::did_you_mean;
use parameternet_runtime::WeightFile;

use crate::arguments::{FilterOption, PreprocessOptions, ResizeOption};
use crate::failure::{self, Failure};

/// One run of the network: a file for each of its inputs.
#[derive(Debug)]
pub(super) struct Job {
    /// What the results are shown under.
    pub name: String,
    /// In the order of the network's inputs.
    pub sources: Vec<Source>,
}

/// The runs that the command line asks for: one for each file, or one in all for a network with several inputs.
pub(super) fn jobs(graph: &Graph, inputs: &[String]) -> Result<Vec<Job>, Failure> {
    let names: Vec<&str> = graph.inputs().iter().map(|port| port.name.as_str()).collect();
    if inputs.iter().filter(|input| *input == "-").count() > 1 {
        return Err(Failure::Usage("standard input (`-`) can be read once only".to_owned()));
    }
    if names.len() == 1 {
        let job = |input: &String| Job { name: shown(input), sources: vec![Source::from(OsString::from(input))] };
        return Ok(inputs.iter().map(job).collect());
    }
    let list = names.iter().map(|name| format!("{name}=FILE")).collect::<Vec<_>>().join(" ");
    let mut sources: Vec<Option<Source>> = names.iter().map(|_| None).collect();
    for input in inputs {
        let Some((name, file)) = input.split_once('=') else {
            return Err(Failure::Usage(format!("the network has {} inputs: give {list}", names.len())));
        };
        let Some(position) = names.iter().position(|known| *known == name) else {
            let meant = did_you_mean(name, names.iter().copied());
            let hint = meant.map_or_else(|| format!("give {list}"), |meant| format!("did you mean `{meant}`?"));
            return Err(Failure::Usage(format!("the network has no input `{name}`: {hint}")));
        };
        match sources.get_mut(position) {
            Some(place @ None) => *place = Some(Source::from(OsString::from(file))),
            _ => return Err(Failure::Usage(format!("the input `{name}` is given twice"))),
        }
    }
    let missing: Vec<&str> =
        names.iter().zip(&sources).filter(|(_, source)| source.is_none()).map(|(name, _)| *name).collect();
    if let Some(first) = missing.first() {
        return Err(Failure::Usage(format!("the input `{first}` is missing: give {list}")));
    }
    Ok(vec![Job { name: inputs.join(" "), sources: sources.into_iter().flatten().collect() }])
}

fn shown(input: &str) -> String {
    if input == "-" { "<stdin>".to_owned() } else { input.to_owned() }
}

/// Reads the files of a job as the network's inputs want them.
pub(super) fn load(graph: &Graph, job: &Job, preprocess: &Preprocess) -> Result<Vec<Vec<f32>>, Failure> {
    let mut inputs = Vec::with_capacity(job.sources.len());
    for (port, source) in graph.inputs().iter().zip(&job.sources) {
        let shape = graph.node(port.node).map(|node| node.shape.dims().to_vec()).unwrap_or_default();
        inputs.push(load_input(source, &shape, preprocess).map_err(|error| failure::data(&error))?);
    }
    Ok(inputs)
}

/// How images become tensors: what the options say, else what the weights carry, else ImageNet's habits.
pub(super) fn preprocess(options: &PreprocessOptions, weights: &WeightFile) -> Result<Preprocess, Failure> {
    let settings = Settings {
        resize: options.resize.map(|resize| match resize {
            ResizeOption::Crop => Resize::Crop,
            ResizeOption::Stretch => Resize::Stretch,
            ResizeOption::None => Resize::None,
        }),
        crop_ratio: options.crop_ratio,
        filter: options.filter.map(|filter| match filter {
            FilterOption::Nearest => Filter::Nearest,
            FilterOption::Bilinear => Filter::Bilinear,
            FilterOption::Bicubic => Filter::Bicubic,
            FilterOption::Lanczos => Filter::Lanczos,
        }),
        mean: options.mean.clone(),
        std: options.std.clone(),
    };
    settings.with_weights(weights).map_err(|error| failure::data(&error))
}
