//! `pnetc weights`: what safetensors files hold, how two of them differ, and one made of another.

mod compare;
mod convert;
mod fit;
mod list;

use std::path::Path;

use parameternet_runtime::WeightFile;

use crate::arguments::weights::{Weights, WeightsCommand};
use crate::failure::{self, Failure};

pub(crate) fn run(options: &Weights) -> Result<(), Failure> {
    match &options.command {
        WeightsCommand::List(options) => list::run(options),
        WeightsCommand::Compare(options) => compare::run(options),
        WeightsCommand::Convert(options) => convert::run(options),
    }
}

fn open(path: &Path) -> Result<WeightFile, Failure> {
    WeightFile::open(path).map_err(|error| failure::weights(path, &error))
}

/// `[64, 3, 7, 7]`.
fn shape(dimensions: &[usize]) -> String {
    format!("{dimensions:?}")
}
