//! How the pictures of a network are prepared and what its classes are called, by what its weights carry.
//!
//! A safetensors file may say it in its metadata: `pnet.mean` and `pnet.std` (numbers separated by commas), `pnet.resize` (`crop`,
//! `stretch` or `none`) and `pnet.labels` (one class a line).

use parameternet_runtime::WeightFile;

use crate::error::{DataError, Problem};
use crate::preprocess::{Preprocess, Resize};
use crate::resample::Filter;

const MEAN: &str = "pnet.mean";
const STD: &str = "pnet.std";
const RESIZE: &str = "pnet.resize";
const LABELS: &str = "pnet.labels";

/// Everything in the metadata of weights that this module reads.
pub const KEYS: [&str; 4] = [MEAN, STD, RESIZE, LABELS];

/// What is known of [`Preprocess`] from elsewhere than the weights, and comes before what they carry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// How the picture is brought to the size of the input.
    pub resize: Option<Resize>,
    /// The part of the scaled picture's shorter side that is kept.
    pub crop_ratio: Option<f32>,
    /// How pixels between pixels are found.
    pub filter: Option<Filter>,
    /// What is subtracted from each channel.
    pub mean: Option<Vec<f32>>,
    /// What each channel is then divided by.
    pub std: Option<Vec<f32>>,
}

impl Settings {
    /// What these settings say, else what the weights carry, else what most networks trained on ImageNet expect.
    ///
    /// # Errors
    /// When what is taken from the weights makes no sense.
    pub fn with_weights(&self, weights: &WeightFile) -> Result<Preprocess, DataError> {
        let default = Preprocess::default();
        let mean = self.mean.clone().map_or_else(|| numbers(weights, MEAN), |mean| Ok(Some(mean)))?;
        let std = self.std.clone().map_or_else(|| numbers(weights, STD), |std| Ok(Some(std)))?;
        let resize = self.resize.map_or_else(|| carried_resize(weights), |resize| Ok(Some(resize)))?;
        Ok(Preprocess {
            resize: resize.unwrap_or(default.resize),
            crop_ratio: self.crop_ratio.unwrap_or(default.crop_ratio),
            filter: self.filter.unwrap_or(default.filter),
            mean: mean.unwrap_or(default.mean),
            std: std.unwrap_or(default.std),
        })
    }
}

/// The names of the classes, if the weights carry them.
#[must_use]
pub fn labels(weights: &WeightFile) -> Option<Vec<String>> {
    Some(weights.metadata(LABELS)?.lines().map(str::to_owned).collect())
}

/// Numbers separated by commas.
fn numbers(weights: &WeightFile, key: &'static str) -> Result<Option<Vec<f32>>, DataError> {
    let Some(text) = weights.metadata(key) else { return Ok(None) };
    let parsed: Result<Vec<f32>, _> = text.split(',').map(|number| number.trim().parse()).collect();
    parsed.map(Some).map_err(|_| unusable(key, text))
}

fn carried_resize(weights: &WeightFile) -> Result<Option<Resize>, DataError> {
    match weights.metadata(RESIZE) {
        Some("crop") => Ok(Some(Resize::Crop)),
        Some("stretch") => Ok(Some(Resize::Stretch)),
        Some("none") => Ok(Some(Resize::None)),
        Some(other) => Err(unusable(RESIZE, other)),
        None => Ok(None),
    }
}

fn unusable(key: &'static str, text: &str) -> DataError {
    Problem::Metadata { key, text: text.to_owned() }.into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use parameternet_runtime::save;

    use super::*;

    /// A file of no weights that carries this.
    fn weights(metadata: &[(&str, &str)]) -> WeightFile {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        let metadata: BTreeMap<String, String> =
            metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        save(&path, &[], &metadata).unwrap();
        WeightFile::open(&path).unwrap()
    }

    #[test]
    fn settings_come_before_what_the_weights_carry_and_that_before_habits() {
        let carried = weights(&[("pnet.mean", "0.5, 0.25,0"), ("pnet.resize", "stretch"), ("pnet.labels", "a\nb")]);
        let found = Settings::default().with_weights(&carried).unwrap();
        assert_eq!(found, Preprocess { mean: vec![0.5, 0.25, 0.0], resize: Resize::Stretch, ..Preprocess::default() });
        let settings = Settings { mean: Some(vec![1.0]), resize: Some(Resize::None), ..Settings::default() };
        let found = settings.with_weights(&carried).unwrap();
        assert_eq!(found, Preprocess { mean: vec![1.0], resize: Resize::None, ..Preprocess::default() });
        assert_eq!(labels(&carried), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(labels(&weights(&[])), None);
    }

    #[test]
    fn what_makes_no_sense_is_an_error_unless_it_is_not_needed() {
        let carried = weights(&[("pnet.std", "0.5;0.5"), ("pnet.resize", "squash")]);
        let stretch = Settings { resize: Some(Resize::Stretch), ..Settings::default() };
        let error = stretch.with_weights(&carried).unwrap_err();
        assert_eq!(error.to_string(), "the weights carry an unusable `pnet.std`: \"0.5;0.5\"");
        let both = Settings { std: Some(vec![1.0]), ..stretch };
        assert_eq!(both.with_weights(&carried).unwrap().std, [1.0]);
        let error = Settings { std: Some(vec![1.0]), ..Settings::default() }.with_weights(&carried).unwrap_err();
        assert_eq!(error.to_string(), "the weights carry an unusable `pnet.resize`: \"squash\"");
    }
}
