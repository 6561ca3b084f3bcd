//! What comes out: classes for people, arrays for programs.

use std::fmt::Write;
use std::path::Path;

use parameternet_data::classes::likeliest;
use parameternet_data::{npy, settings};
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::Diagnostic;
use parameternet_runtime::WeightFile;

use super::inputs::Job;
use super::{Output, with_word};
use crate::failure::{self, Failure};

/// The names of the classes: from the file that was given, else those that the weights carry.
pub(super) fn labels(path: Option<&Path>, weights: &WeightFile) -> Result<Vec<String>, Failure> {
    let Some(path) = path else { return Ok(settings::labels(weights).unwrap_or_default()) };
    let text =
        std::fs::read_to_string(path).map_err(|error| failure::io("read", &path.display().to_string(), &error))?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Writes every output as .npy; the names of the input and of the output are worked into the file's name where there
/// are several.
pub(super) fn write(path: &Path, outputs: &[Output], job: Option<&str>) -> Result<(), Failure> {
    for output in outputs {
        let mut path = path.to_owned();
        if let Some(job) = job {
            let word = Path::new(job).file_stem().unwrap_or_default().to_string_lossy().replace(['<', '>'], "");
            path = with_word(&path, &word);
        }
        if outputs.len() > 1 {
            path = with_word(&path, &output.name);
        }
        npy::write(&path, &output.shape, &output.data).map_err(|error| failure::data(&error))?;
    }
    Ok(())
}

/// The outputs of a run for people: scores `[batch, classes]` as the likeliest classes, all else as figures.
pub(super) fn show(outputs: &[Output], job: &Job, labels: &[String], top: usize) -> Result<String, Failure> {
    let mut text = format!("{}\n", job.name);
    for output in outputs {
        match output.shape.as_slice() {
            [_, classes] if *classes > 1 => {
                if !labels.is_empty() && labels.len() != *classes {
                    let message =
                        format!("there are {} labels, but `{}` has {classes} classes", labels.len(), output.name);
                    return Err(Diagnostic::new(Code::E0705, message).into());
                }
                if outputs.len() > 1 {
                    // Writing to a String cannot fail.
                    let _ = writeln!(text, "  {}:", output.name);
                }
                for (sample, scores) in output.data.chunks(*classes).enumerate() {
                    if output.shape.first() != Some(&1) {
                        let _ = writeln!(text, "  sample {sample}:");
                    }
                    text.push_str(&classes_of(scores, labels, top));
                }
            }
            shape => {
                let _ = writeln!(text, "  {}: f32{shape:?} {}", output.name, figures(&output.data));
            }
        }
    }
    Ok(text)
}

/// The likeliest classes by the softmax of their scores.
fn classes_of(scores: &[f32], labels: &[String], top: usize) -> String {
    let mut text = String::new();
    for (class, share) in likeliest(scores, top) {
        let share = share * 100.0;
        let label = labels.get(class).map_or_else(|| format!("class {class}"), |label| label.clone());
        let _ = writeln!(text, "  {share:6.2}%  {label}");
    }
    text
}

/// Range, mean and the first few values.
fn figures(data: &[f32]) -> String {
    let first: Vec<String> = data.iter().take(4).map(|value| format!("{value:.6}")).collect();
    let more = if data.len() > 4 { ", …" } else { "" };
    let least = data.iter().copied().fold(f32::INFINITY, f32::min);
    let greatest = data.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    #[expect(clippy::cast_precision_loss, reason = "a mean for people")]
    let mean = data.iter().map(|value| f64::from(*value)).sum::<f64>() / data.len().max(1) as f64;
    format!("in {least:.6}..{greatest:.6}, mean {mean:.6}: [{}{more}]", first.join(", "))
}
