//! Resizing one channel of a picture, to the byte as Pillow does it.
//!
//! Published networks were trained and measured on pictures that Pillow resized, so this follows its `Resample.c`: each
//! pass (columns, then rows) weighs the source pixels under a filter that grows with the reduction, in fixed point,
//! and rounds to 8 bits.
//!
//! Only the window that will be kept is computed. The result is what resizing everything and cropping would give,
//! but a strip of 1 by 100,000 pixels costs no more than it should.

use std::f64::consts::PI;
use std::ops::Range;

/// How pixels between pixels are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// The pixel that is nearest.
    Nearest,
    /// Linear in both directions, over all source pixels that a reduced pixel covers.
    #[default]
    Bilinear,
    /// Cubic convolution with a = -1/2.
    Bicubic,
    /// A windowed sinc over three lobes.
    Lanczos,
}

/// One channel of a picture, in rows.
pub(super) struct Plane {
    /// Pixels in a row.
    pub(super) width: usize,
    /// The rows, one after the other.
    pub(super) values: Vec<u8>,
}

/// How one direction is resized: from `source` pixels to `scaled` pixels, of which the `kept` ones are computed.
pub(super) struct Axis {
    /// Pixels before; at least one.
    pub(super) source: usize,
    /// Pixels after.
    pub(super) scaled: usize,
    /// The part of the scaled pixels that is wanted.
    pub(super) kept: Range<usize>,
}

/// The source pixels that make one new pixel.
struct Taps {
    /// The first of them.
    first: usize,
    /// The weight of each, in units of 2^-[`FRACTION_BITS`].
    weights: Vec<i32>,
}

/// Binary places of a weight: what Pillow leaves of 32 bits after 8 for the pixel and 2 for overshoot.
const FRACTION_BITS: u32 = 32 - 8 - 2;

/// Resizes a plane to the kept window.
pub(super) fn resample(plane: &Plane, columns: &Axis, rows: &Axis, filter: Filter) -> Vec<u8> {
    let row_taps = rows.taps(filter);
    let first_row = row_taps.iter().map(|taps| taps.first).min().unwrap_or(0);
    let end_row = row_taps.iter().map(Taps::end).max().unwrap_or(0);

    let column_taps = columns.taps(filter);
    let mut narrowed = Vec::with_capacity((end_row - first_row) * column_taps.len());
    let source_rows = plane.values.chunks_exact(plane.width);
    for row in source_rows.take(end_row).skip(first_row) {
        narrowed.extend(column_taps.iter().map(|taps| taps.weigh(row)));
    }

    let width = column_taps.len();
    let mut result = Vec::with_capacity(row_taps.len() * width);
    let mut sums = vec![0; width];
    for taps in &row_taps {
        sums.fill(0);
        let source_rows = narrowed.chunks_exact(width.max(1));
        for (row, weight) in source_rows.skip(taps.first - first_row).zip(&taps.weights) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += i32::from(*value) * weight;
            }
        }
        result.extend(sums.iter().map(|sum| to_pixel(*sum)));
    }
    result
}

impl Axis {
    /// The taps of every kept pixel.
    fn taps(&self, filter: Filter) -> Vec<Taps> {
        let scale = self.source as f64 / self.scaled as f64;
        self.kept
            .clone()
            .map(|position| {
                let centre = (position as f64 + 0.5) * scale;
                filter.taps(centre, scale, self.source)
            })
            .collect()
    }
}

impl Filter {
    /// The taps of a new pixel whose centre lies at `centre` among `source` pixels, `scale` of which it replaces.
    fn taps(self, centre: f64, scale: f64, source: usize) -> Taps {
        let Some(support) = self.support() else {
            return Taps {
                first: (centre as usize).min(source.saturating_sub(1)),
                weights: vec![1 << FRACTION_BITS],
            };
        };
        let stretch = scale.max(1.0);
        let support = support * stretch;
        // The conversion truncates, and stops at 0.
        let first = (centre - support + 0.5) as usize;
        let end = ((centre + support + 0.5) as usize).min(source);

        let inverse = 1.0 / stretch;
        let mut weights: Vec<f64> = (first..end)
            .map(|position| self.weight((position as f64 - centre + 0.5) * inverse))
            .collect();
        let total: f64 = weights.iter().sum();
        if total != 0.0 {
            for weight in &mut weights {
                *weight /= total;
            }
        }
        let one = f64::from(1 << FRACTION_BITS);
        Taps {
            first,
            weights: weights
                .into_iter()
                .map(|weight| (weight * one).round() as i32)
                .collect(),
        }
    }

    /// How far the filter reaches to either side, in new pixels; nothing where it takes a single pixel.
    fn support(self) -> Option<f64> {
        match self {
            Filter::Nearest => None,
            Filter::Bilinear => Some(1.0),
            Filter::Bicubic => Some(2.0),
            Filter::Lanczos => Some(3.0),
        }
    }

    /// The weight at a distance from the centre.
    fn weight(self, distance: f64) -> f64 {
        let x = distance.abs();
        match self {
            Filter::Nearest => 1.0,
            Filter::Bilinear => (1.0 - x).max(0.0),
            Filter::Bicubic => {
                const A: f64 = -0.5;
                if x < 1.0 {
                    ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
                } else if x < 2.0 {
                    (((x - 5.0) * x + 8.0) * x - 4.0) * A
                } else {
                    0.0
                }
            }
            Filter::Lanczos if x < 3.0 => sinc(x) * sinc(x / 3.0),
            Filter::Lanczos => 0.0,
        }
    }
}

impl Taps {
    /// One past the last source pixel.
    fn end(&self) -> usize {
        self.first + self.weights.len()
    }

    /// The new pixel from a row of source pixels.
    fn weigh(&self, row: &[u8]) -> u8 {
        let pixels = row.get(self.first..).unwrap_or_default();
        let terms = pixels.iter().zip(&self.weights);
        to_pixel(
            terms
                .map(|(value, weight)| i32::from(*value) * weight)
                .sum(),
        )
    }
}

/// A weighted sum rounded and clipped to 8 bits.
fn to_pixel(sum: i32) -> u8 {
    let rounded = (sum + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS;
    rounded.clamp(0, 255) as u8
}

/// sin(πx) / πx.
fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        1.0
    } else {
        (x * PI).sin() / (x * PI)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILTERS: [Filter; 4] = [
        Filter::Nearest,
        Filter::Bilinear,
        Filter::Bicubic,
        Filter::Lanczos,
    ];

    fn axis(source: usize, scaled: usize) -> Axis {
        let kept = 0..scaled;
        Axis {
            source,
            scaled,
            kept,
        }
    }

    /// One row resized in its own direction.
    fn row(values: &[u8], scaled: usize, filter: Filter) -> Vec<u8> {
        let plane = Plane {
            width: values.len(),
            values: values.to_vec(),
        };
        resample(&plane, &axis(values.len(), scaled), &axis(1, 1), filter)
    }

    #[test]
    fn the_same_size_changes_nothing() {
        let values = [0, 255, 3, 99, 128, 7];
        for filter in FILTERS {
            assert_eq!(row(&values, 6, filter), values, "{filter:?}");
        }
    }

    #[test]
    fn one_colour_stays_one_colour() {
        for filter in FILTERS {
            for scaled in [1, 2, 5, 13, 40] {
                assert_eq!(row(&[77; 13], scaled, filter), vec![77; scaled]);
            }
        }
    }

    #[test]
    fn known_rows() {
        // Halving: a triangle over four pixels, weights 1 3 3 1, of which the edge cuts off one.
        assert_eq!(row(&[0, 80, 160, 240], 2, Filter::Bilinear), [57, 183]);
        // Doubling: a quarter of the way from pixel to pixel.
        assert_eq!(row(&[0, 100], 4, Filter::Bilinear), [0, 25, 75, 100]);
        assert_eq!(row(&[1, 2, 3, 4], 2, Filter::Nearest), [2, 4]);
        assert_eq!(row(&[1, 2], 4, Filter::Nearest), [1, 1, 2, 2]);
        // Negative lobes overshoot, and are clipped.
        assert_eq!(
            row(&[0, 0, 255, 255], 8, Filter::Bicubic)[2..6],
            [0, 52, 203, 255]
        );
    }

    #[test]
    fn a_window_is_cut_from_the_whole() {
        let (width, height) = (17, 11);
        let values = (0..width * height).map(|i| (i * 37 % 251) as u8).collect();
        let plane = Plane { width, values };
        for filter in FILTERS {
            let whole = resample(&plane, &axis(width, 9), &axis(height, 23), filter);
            let columns = Axis {
                kept: 2..6,
                ..axis(width, 9)
            };
            let rows = Axis {
                kept: 5..20,
                ..axis(height, 23)
            };
            let window = resample(&plane, &columns, &rows, filter);
            let cut: Vec<u8> = (5..20)
                .flat_map(|row| whole[row * 9 + 2..row * 9 + 6].to_vec())
                .collect();
            assert_eq!(window, cut, "{filter:?}");
        }
    }

    #[test]
    fn an_empty_window_is_empty() {
        let plane = Plane {
            width: 2,
            values: vec![1, 2],
        };
        let nothing = resample(&plane, &axis(2, 0), &axis(1, 0), Filter::Bilinear);
        assert!(nothing.is_empty());
    }
}
