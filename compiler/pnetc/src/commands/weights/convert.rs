//! `pnetc weights convert`: tensors of one file in another, chosen, renamed, rounded.
//!
//! Nothing is written unless every rule matched something and all new names differ; all that speaks against it is told at once.

use std::collections::BTreeMap;

use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::Diagnostic;
use parameternet_runtime::{ConvertedTensor, ElementType, WeightFile, save_converted};

use super::open;
use crate::arguments::weights::Convert;
use crate::failure::{self, Failure};
use crate::files;
use crate::table::counted;

/// How many reasons are told: a rename that is too broad makes hundreds.
const SHOWN: usize = 20;

/// Writes the new file, or says everything that is wrong.
pub(crate) fn run(options: &Convert) -> Result<(), Failure> {
    let file = open(&options.input)?;
    let Plan { names, mut problems } = plan(&file, options);
    let to: Option<ElementType> = options.dtype.map(ElementType::from);
    let tensors: Vec<ConvertedTensor<'_>> = names
        .iter()
        .filter_map(|(old, new)| {
            let conversion = to.and_then(|to| Some((file.tensor(old)?, to)));
            Some(ConvertedTensor { name: new, stored: file.stored(old)?, conversion })
        })
        .collect();
    for tensor in &tensors {
        if let Some((view, to)) = tensor.conversion {
            let lost = view.overflows(to)?;
            if lost > 0 {
                problems.push(format!(
                    "{} of `{}` would be infinite in {to}",
                    counted(lost, "number"),
                    view.name().escape_debug()
                ));
            }
        }
    }
    if !problems.is_empty() {
        let message = format!("`{}` cannot be converted as asked", options.input.display());
        let mut diagnostic = Diagnostic::new(Code::E0707, message);
        let rest = problems.len().saturating_sub(SHOWN);
        problems.truncate(SHOWN);
        if rest > 0 {
            problems.push(format!("… and {} more", counted(rest, "reason")));
        }
        diagnostic.notes = problems;
        return Err(diagnostic.into());
    }
    let metadata: BTreeMap<String, String> =
        file.notes().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    save_converted(&options.output, &tensors, &metadata).map_err(|error| failure::save(&error))?;
    let renamed = names.iter().filter(|(old, new)| old != new).count();
    files::print(&format!(
        "{}: {}, {} renamed, {} left out\n",
        options.output.display(),
        counted(tensors.len(), "tensor"),
        renamed,
        file.len() - tensors.len()
    ))
}

/// What becomes of the names.
struct Plan<'a> {
    /// The old and the new name of every tensor that stays.
    names: Vec<(&'a str, String)>,
    problems: Vec<String>,
}

fn plan<'a>(file: &'a WeightFile, options: &Convert) -> Plan<'a> {
    let mut problems = Vec::new();
    for (option, patterns) in [("keep", &options.keep), ("drop", &options.drop)] {
        for pattern in patterns.iter().filter(|pattern| !file.names().any(|name| pattern.is_match(name))) {
            problems.push(format!("`--{option} {pattern}` matches no tensor"));
        }
    }
    let stays = |name: &&str| {
        (options.keep.is_empty() || options.keep.iter().any(|pattern| pattern.is_match(name)))
            && !options.drop.iter().any(|pattern| pattern.is_match(name))
    };
    let mut names: Vec<(&str, String)> = file.names().filter(stays).map(|name| (name, name.to_owned())).collect();
    if names.is_empty() {
        problems.push("no tensor is left".to_owned());
        return Plan { names, problems };
    }
    for prefix in &options.strip_prefix {
        let mut stripped = false;
        for (_, name) in &mut names {
            if let Some(rest) = name.strip_prefix(prefix.as_str()) {
                *name = rest.to_owned();
                stripped = true;
            }
        }
        if !stripped {
            problems.push(format!("`--strip-prefix {prefix}`: no name begins with it"));
        }
    }
    for rule in &options.rename {
        let mut matched = false;
        for (_, name) in &mut names {
            if rule.from.is_match(name) {
                *name = rule.from.replace_all(name, rule.to.as_str()).into_owned();
                matched = true;
            }
        }
        if !matched {
            problems.push(format!("`--rename {}={}` matches no tensor", rule.from, rule.to));
        }
    }
    problems.extend(collisions(&names));
    Plan { names, problems }
}

/// New names that are no names, or those of several tensors.
fn collisions(names: &[(&str, String)]) -> Vec<String> {
    let mut olds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (old, new) in names {
        olds.entry(new).or_default().push(old);
    }
    let quoted = |olds: &[&str]| {
        let quoted: Vec<String> = olds.iter().map(|old| format!("`{}`", old.escape_debug())).collect();
        quoted.join(" and ")
    };
    let problem = |(new, olds): (&str, Vec<&str>)| match (new, olds.as_slice()) {
        ("", olds) => Some(format!("nothing is left of the name of {}", quoted(olds))),
        (_, [] | [_]) => None,
        (new, olds) => Some(format!("{} would have one name, `{}`", quoted(olds), new.escape_debug())),
    };
    olds.into_iter().filter_map(problem).collect()
}
