//! Resizing one channel of a picture in 8 bits.
//!
//! Published networks were trained and measured on pictures that Pillow resized. `fast_image_resize` computes the same: two
//! passes under a filter that grows with the reduction, in fixed point, rounded to 8 bits after each.

use std::ops::Range;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

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

impl Axis {
    /// The kept part with a margin around it, so that its edge sees the pixels beyond, where there are any.
    fn widened(&self) -> Range<usize> {
        const MARGIN: usize = 4;
        self.kept.start.saturating_sub(MARGIN)..self.kept.end.saturating_add(MARGIN).min(self.scaled)
    }

    /// Where the widened part begins in the source, and how long it is there.
    fn source_box(&self) -> (f64, f64) {
        let scale = self.source as f64 / self.scaled as f64;
        let part = self.widened();
        (part.start as f64 * scale, part.len() as f64 * scale)
    }
}

/// Resizes a plane to the kept window. Only the window is computed, so a strip of 1 by 100,000 pixels costs no more than it
/// should. `None` where the library refuses: sizes past what a picture may have.
pub(super) fn resample(plane: &Plane, columns: &Axis, rows: &Axis, filter: Filter) -> Option<Vec<u8>> {
    if columns.kept.is_empty() || rows.kept.is_empty() {
        return Some(Vec::new());
    }
    let size = |length: usize| u32::try_from(length).ok();
    let source = ImageRef::new(size(plane.width)?, size(rows.source)?, &plane.values, PixelType::U8).ok()?;
    let (wide, high) = (columns.widened(), rows.widened());
    let mut resized = Image::new(size(wide.len())?, size(high.len())?, PixelType::U8);
    let algorithm = match filter {
        Filter::Nearest => ResizeAlg::Nearest,
        Filter::Bilinear => ResizeAlg::Convolution(FilterType::Bilinear),
        Filter::Bicubic => ResizeAlg::Convolution(FilterType::CatmullRom),
        Filter::Lanczos => ResizeAlg::Convolution(FilterType::Lanczos3),
    };
    let ((left, width), (top, height)) = (columns.source_box(), rows.source_box());
    // The library refuses boxes that rounding pushed past the edge.
    let (width, height) = (width.min(columns.source as f64 - left), height.min(rows.source as f64 - top));
    let options = ResizeOptions::new().resize_alg(algorithm).crop(left, top, width, height);
    // The typed call compiles one kind of pixel instead of all that the library knows.
    Resizer::new().resize_typed::<U8>(&source.typed_image()?, &mut resized.typed_image_mut()?, &options).ok()?;
    let first = columns.kept.start - wide.start;
    let kept_rows = resized.buffer().chunks_exact(wide.len()).skip(rows.kept.start - high.start).take(rows.kept.len());
    Some(kept_rows.flat_map(|row| row.iter().skip(first).take(columns.kept.len()).copied()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILTERS: [Filter; 4] = [Filter::Nearest, Filter::Bilinear, Filter::Bicubic, Filter::Lanczos];

    fn axis(source: usize, scaled: usize) -> Axis {
        let kept = 0..scaled;
        Axis { source, scaled, kept }
    }

    /// One row resized in its own direction.
    fn row(values: &[u8], scaled: usize, filter: Filter) -> Vec<u8> {
        let plane = Plane { width: values.len(), values: values.to_vec() };
        resample(&plane, &axis(values.len(), scaled), &axis(1, 1), filter).unwrap()
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
        assert_eq!(row(&[1, 2], 4, Filter::Nearest), [1, 1, 2, 2]);
        // Negative lobes overshoot, and are clipped.
        assert_eq!(row(&[0, 0, 255, 255], 8, Filter::Bicubic)[2..6], [0, 52, 203, 255]);
    }

    #[test]
    fn a_window_is_cut_from_the_whole() {
        let (width, height) = (17, 11);
        let values = (0..width * height).map(|i| (i * 37 % 251) as u8).collect();
        let plane = Plane { width, values };
        for filter in FILTERS {
            let whole = resample(&plane, &axis(width, 9), &axis(height, 23), filter).unwrap();
            let columns = Axis { kept: 2..6, ..axis(width, 9) };
            let rows = Axis { kept: 5..20, ..axis(height, 23) };
            let window = resample(&plane, &columns, &rows, filter).unwrap();
            let cut: Vec<u8> = (5..20).flat_map(|row| whole[row * 9 + 2..row * 9 + 6].to_vec()).collect();
            assert_eq!(window, cut, "{filter:?}");
        }
    }

    #[test]
    fn an_empty_window_is_empty() {
        let plane = Plane { width: 2, values: vec![1, 2] };
        let nothing = resample(&plane, &axis(2, 0), &axis(1, 0), Filter::Bilinear);
        assert_eq!(nothing, Some(Vec::new()));
    }
}
