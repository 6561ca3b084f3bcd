//! From a picture to the numbers that a network was trained on.
//!
//! The steps are those of torchvision and timm, in their order and with their rounding: to RGB or grey in 8 bits, scale,
//! crop, divide by 255, subtract the mean, divide by the standard deviation. The result is in CHW order.

use std::ops::Range;

use image::DynamicImage;

use crate::colour::{colours, grey};
use crate::error::{DataError, Problem};
use crate::resample::{Axis, Filter, resample};

/// The mean of ImageNet's photos: red, green, blue.
const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];

/// The standard deviation of ImageNet's photos: red, green, blue.
const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// How a picture becomes a network's input.
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocess {
    /// How the picture is brought to the size of the input.
    pub resize: Resize,
    /// For [`Resize::Crop`]: the part of the scaled picture's shorter side that is kept, above 0 and up to 1.
    pub crop_ratio: f32,
    /// How pixels between pixels are found.
    pub filter: Filter,
    /// What is subtracted from each channel, on the scale of 0 to 1; one value is for all channels, and three are
    /// averaged for a grey input.
    pub mean: Vec<f32>,
    /// What each channel is then divided by; as many values as for the mean.
    pub std: Vec<f32>,
}

/// How a picture is brought to the size of a network's input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resize {
    /// Scale it, in proportion, to cover the input divided by the crop ratio, then keep the centre. Nothing is
    /// distorted; edges are lost.
    #[default]
    Crop,
    /// Scale each side by itself. Nothing is lost; shapes are distorted.
    Stretch,
    /// Take it as it is; it must have the right size.
    None,
}

impl Default for Preprocess {
    /// What most networks trained on ImageNet expect: scale so that 224 pixels are 7/8 of the shorter side, crop.
    fn default() -> Preprocess {
        Preprocess {
            resize: Resize::Crop,
            crop_ratio: 0.875,
            filter: Filter::Bilinear,
            mean: IMAGENET_MEAN.to_vec(),
            std: IMAGENET_STD.to_vec(),
        }
    }
}

impl Preprocess {
    /// The picture as `channels` planes (1: grey, 3: RGB) of `height` rows of `width` numbers.
    ///
    /// Transparent pixels show white; grey is the luma of ITU-R 601.
    ///
    /// # Errors
    /// If the settings make no sense or do not fit the channels, if there are neither 1 nor 3 channels, or if the
    /// picture has the wrong size with [`Resize::None`].
    pub fn apply(
        &self,
        picture: &DynamicImage,
        channels: usize,
        height: usize,
        width: usize,
    ) -> Result<Vec<f32>, DataError> {
        let planes = match channels {
            1 => vec![grey(picture)],
            3 => colours(picture).into(),
            _ => return Err(Problem::UnsupportedChannels { channels }.into()),
        };
        let means = per_channel("mean", &self.mean, channels)?;
        let deviations = per_channel("std", &self.std, channels)?;
        if let Some(&value) = deviations.iter().find(|value| **value == 0.0) {
            return Err(bad_setting("std", value, "a number other than 0"));
        }

        let (columns, rows) = self.axes(picture, height, width)?;
        let mut result = Vec::with_capacity(channels * height * width);
        for ((plane, mean), deviation) in planes.iter().zip(means).zip(deviations) {
            let resized =
                resample(plane, &columns, &rows, self.filter).ok_or(Problem::CannotResize { height, width })?;
            let normalised = resized.into_iter().map(|value| (f32::from(value) / 255.0 - mean) / deviation);
            result.extend(normalised);
        }
        Ok(result)
    }

    /// How columns and rows are resized.
    fn axes(&self, picture: &DynamicImage, height: usize, width: usize) -> Result<(Axis, Axis), DataError> {
        let found = (picture.width(), picture.height());
        let (source_width, source_height) = (found.0 as usize, found.1 as usize);
        let (scaled_width, scaled_height) = match self.resize {
            Resize::Crop if !(self.crop_ratio > 0.0 && self.crop_ratio <= 1.0) => {
                let expected = "above 0 and up to 1";
                return Err(bad_setting("crop ratio", self.crop_ratio, expected));
            }
            Resize::Crop => {
                let covered = |length: usize| (length as f64 / f64::from(self.crop_ratio)).round();
                covering((source_width as f64, source_height as f64), (covered(width), covered(height)))
            }
            Resize::Stretch => (width, height),
            Resize::None if (source_width, source_height) == (width, height) => (width, height),
            Resize::None => {
                let expected = (width, height);
                return Err(Problem::ImageSizeMismatch { found, expected }.into());
            }
        };
        let columns = Axis { source: source_width, scaled: scaled_width, kept: centre(scaled_width, width) };
        let rows = Axis { source: source_height, scaled: scaled_height, kept: centre(scaled_height, height) };
        Ok((columns, rows))
    }
}

/// The smallest size, in proportion to `source`, that covers `target`; each is width and height.
///
/// One side meets the target, and the other is rounded down.
fn covering(source: (f64, f64), target: (f64, f64)) -> (usize, usize) {
    let (width, height) = if target.0 * source.1 >= target.1 * source.0 {
        (target.0, target.0 * source.1 / source.0)
    } else {
        (target.1 * source.0 / source.1, target.1)
    };
    (width as usize, height as usize)
}

/// The middle `kept` of `length` pixels; a half is rounded to even, as Python does.
fn centre(length: usize, kept: usize) -> Range<usize> {
    let first = (length.saturating_sub(kept) as f64 / 2.0).round_ties_even() as usize;
    first..first.saturating_add(kept)
}

/// One value for each channel.
fn per_channel(name: &'static str, values: &[f32], channels: usize) -> Result<Vec<f32>, DataError> {
    if let Some(&value) = values.iter().find(|value| !value.is_finite()) {
        return Err(bad_setting(name, value, "a finite number"));
    }
    match *values {
        [value] => Ok(vec![value; channels]),
        [red, green, blue] if channels == 1 => Ok(vec![(red + green + blue) / 3.0]),
        _ if values.len() == channels => Ok(values.to_vec()),
        _ => {
            let found = values.len();
            Err(Problem::StatisticsCount { name, found, channels }.into())
        }
    }
}

/// A number out of its range.
fn bad_setting(name: &'static str, value: f32, expected: &'static str) -> DataError {
    Problem::BadSetting { name, value, expected }.into()
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, Luma, Rgb, RgbImage};

    use super::*;

    /// Neither mean nor deviation nor resizing: the pixels on the scale of 0 to 1.
    fn plain() -> Preprocess {
        Preprocess { resize: Resize::None, mean: vec![0.0], std: vec![1.0], ..Preprocess::default() }
    }

    /// The numbers as pixels again.
    fn pixels(values: &[f32]) -> Vec<u8> {
        values.iter().map(|value| (value * 255.0).round() as u8).collect()
    }

    #[test]
    fn planes_come_in_the_order_red_green_blue() {
        let picture = RgbImage::from_raw(2, 1, vec![1, 2, 3, 4, 5, 6]).unwrap();
        let values = plain().apply(&picture.into(), 3, 1, 2).unwrap();
        assert_eq!(pixels(&values), [1, 4, 2, 5, 3, 6]);
    }

    #[test]
    fn numbers_are_normalised_by_channel() {
        let picture: DynamicImage = RgbImage::from_pixel(1, 1, Rgb([255, 0, 51])).into();
        let values = Preprocess::default().apply(&picture, 3, 1, 1).unwrap();
        let expected = [(1.0 - 0.485) / 0.229, (0.0 - 0.456) / 0.224, (51.0 / 255.0 - 0.406) / 0.225];
        assert_eq!(values, expected);
        let white: DynamicImage = GrayImage::from_pixel(1, 1, Luma([255])).into();
        let values = Preprocess::default().apply(&white, 1, 1, 1).unwrap();
        assert!((values[0] - (1.0 - 0.449) / 0.226).abs() < 1e-5);
    }

    #[test]
    fn any_proportion_fills_any_input() {
        for (width, height) in [(1, 1), (1, 900), (900, 1), (7, 5), (300, 200)] {
            let picture: DynamicImage = RgbImage::from_pixel(width, height, Rgb([9; 3])).into();
            for resize in [Resize::Crop, Resize::Stretch] {
                for (height, width) in [(1, 1), (8, 8), (3, 20), (20, 3)] {
                    let preprocess = Preprocess { resize, ..plain() };
                    let values = preprocess.apply(&picture, 3, height, width).unwrap();
                    assert_eq!(pixels(&values), vec![9; 3 * height * width]);
                }
            }
        }
    }

    #[test]
    fn a_long_strip_costs_no_more_than_its_window() {
        for (width, height) in [(1, 1_000_000), (1_000_000, 1)] {
            let strip: DynamicImage = GrayImage::new(width, height).into();
            for resize in [Resize::Crop, Resize::Stretch] {
                let values = Preprocess { resize, ..plain() }.apply(&strip, 1, 224, 224).unwrap();
                assert_eq!(values.len(), 224 * 224);
            }
        }
    }

    #[test]
    fn sizes_and_offsets_follow_torchvision() {
        let size = |source, target| covering(source, target);
        assert_eq!(size((451.0, 300.0), (256.0, 256.0)), (384, 256));
        assert_eq!(size((300.0, 451.0), (256.0, 256.0)), (256, 384));
        assert_eq!(size((640.0, 427.0), (256.0, 256.0)), (383, 256));
        assert_eq!(size((100.0, 100.0), (40.0, 20.0)), (40, 40));
        assert_eq!(size((400.0, 100.0), (40.0, 20.0)), (80, 20));
        assert_eq!(centre(384, 224), 80..304);
        assert_eq!(centre(383, 224), 80..304);
        assert_eq!(centre(381, 224), 78..302);
        assert_eq!(centre(224, 224), 0..224);
    }

    #[test]
    fn the_centre_is_kept() {
        // A white square of 4 in a black picture of 8 by 16.
        let picture: DynamicImage = GrayImage::from_fn(16, 8, |x, y| {
            let inside = (6..10).contains(&x) && (2..6).contains(&y);
            Luma([if inside { 255 } else { 0 }])
        })
        .into();
        let preprocess = Preprocess { resize: Resize::Crop, crop_ratio: 0.5, ..plain() };
        let values = preprocess.apply(&picture, 1, 4, 4).unwrap();
        assert_eq!(pixels(&values), vec![255; 16]);
    }

    #[test]
    fn settings_that_make_no_sense_are_errors() {
        let picture: DynamicImage = RgbImage::new(4, 4).into();
        let error = |preprocess: Preprocess, channels| {
            let result = preprocess.apply(&picture, channels, 2, 2);
            result.unwrap_err().to_string()
        };
        let default = Preprocess::default;
        assert_eq!(
            error(Preprocess { mean: vec![0.5; 2], ..default() }, 3),
            "mean has 2 values for an input of 3 channels"
        );
        assert_eq!(error(Preprocess { std: vec![], ..default() }, 3), "std has 0 values for an input of 3 channels");
        assert_eq!(error(Preprocess { std: vec![0.0], ..default() }, 3), "std of 0 is not a number other than 0");
        assert_eq!(error(Preprocess { mean: vec![f32::NAN], ..default() }, 1), "mean of NaN is not a finite number");
        assert_eq!(
            error(Preprocess { crop_ratio: 1.5, ..default() }, 3),
            "crop ratio of 1.5 is not above 0 and up to 1"
        );
        assert_eq!(
            error(Preprocess { resize: Resize::None, ..default() }, 3),
            "found an image of 4x4 pixels, expected 2x2"
        );
        assert_eq!(error(default(), 4), "an image cannot fill an input of 4 channels");
    }
}
