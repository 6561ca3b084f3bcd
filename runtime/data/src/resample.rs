//! Resizing one channel of a picture in 8 bits.
//!
//! Published networks were trained and measured on pictures that Pillow resized. `fast_image_resize` computes the same: two
//! passes under a filter that grows with the reduction, in fixed point, rounded to 8 bits after each.

use std::ops::Range;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{FilterType, IntoImageView, PixelType, ResizeAlg, ResizeOptions, Resizer};

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
pub(crate) struct Plane {
    /// Pixels in a row.
    pub(crate) width: usize,
    /// The rows, one after the other.
    pub(crate) values: Vec<u8>,
}

/// How one direction is resized: from `source` pixels to `scaled` pixels, of which the `kept` ones are computed.
pub(crate) struct Axis {
    /// Pixels before; at least one.
    pub(crate) source: usize,
    /// Pixels after.
    pub(crate) scaled: usize,
    /// The part of the scaled pixels that is wanted.
    pub(crate) kept: Range<usize>,
}

impl Axis {
    /// Where the kept part begins in the source, and how long it is there.
    fn source_part(&self) -> (f64, f64) {
        let scale = self.source as f64 / self.scaled as f64;
        (self.kept.start as f64 * scale, self.kept.len() as f64 * scale)
    }

    /// The source pixels that any filter sees for the kept part.
    fn reach(&self) -> Range<usize> {
        const LOBES: f64 = 3.0;
        let (start, length) = self.source_part();
        let margin = LOBES * (self.source as f64 / self.scaled as f64).max(1.0) + 1.0;
        let end = (start + length + margin).ceil() as usize;
        (start - margin).floor().max(0.0) as usize..end.min(self.source)
    }

    /// Whether the kept part has more pixels than it is made from.
    fn enlarges(&self) -> bool {
        self.kept.len() > self.reach().len()
    }
}

/// Resizes a plane to the kept window. Only the window is computed, and neither step needs more pixels than the plane or
/// the window has, so a strip of 1 by 100,000,000 pixels costs no more than it should. `None` where the library refuses:
/// sizes past what a picture may have.
///
/// Each direction has a call of its own. Given both at once, version 6.1 of the library reads past the end of rows: it
/// takes the first pixel's reach for that of all, which a zero weight at its start makes too short.
pub(crate) fn resample(plane: &Plane, columns: &Axis, rows: &Axis, filter: Filter) -> Option<Vec<u8>> {
    if columns.kept.is_empty() || rows.kept.is_empty() {
        return Some(Vec::new());
    }
    let algorithm = match filter {
        Filter::Nearest => ResizeAlg::Nearest,
        Filter::Bilinear => ResizeAlg::Convolution(FilterType::Bilinear),
        Filter::Bicubic => ResizeAlg::Convolution(FilterType::CatmullRom),
        Filter::Lanczos => ResizeAlg::Convolution(FilterType::Lanczos3),
    };
    let size = |length: usize| u32::try_from(length).ok();
    let source = ImageRef::new(size(plane.width)?, size(rows.source)?, &plane.values, PixelType::U8).ok()?;

    let whole = |range: &Range<usize>| (range.start as f64, range.len() as f64);
    let within = |axis: &Axis| {
        let (start, length) = axis.source_part();
        (start - axis.reach().start as f64, length)
    };
    let window = (columns.kept.len(), rows.kept.len());
    // Columns first, as Pillow does, unless that makes a picture larger than either.
    let resized = if columns.enlarges() && !rows.enlarges() {
        let reach = columns.reach();
        let between = step(&source, whole(&reach), rows.source_part(), (reach.len(), window.1), algorithm)?;
        step(&between, within(columns), (0.0, window.1 as f64), window, algorithm)
    } else {
        let reach = rows.reach();
        let between = step(&source, columns.source_part(), whole(&reach), (window.0, reach.len()), algorithm)?;
        step(&between, (0.0, window.0 as f64), within(rows), window, algorithm)
    };
    resized.map(Image::into_vec)
}

/// Resizes a part of a picture, given by the start and the length of its columns and rows, to a width and a height.
fn step(
    source: &impl IntoImageView,
    (left, width): (f64, f64),
    (top, height): (f64, f64),
    size: (usize, usize),
    algorithm: ResizeAlg,
) -> Option<Image<'static>> {
    let mut resized = Image::new(u32::try_from(size.0).ok()?, u32::try_from(size.1).ok()?, PixelType::U8);
    // The library refuses parts that rounding pushed past the edge.
    let (width, height) = (width.min(f64::from(source.width()) - left), height.min(f64::from(source.height()) - top));
    let options = ResizeOptions::new().resize_alg(algorithm).crop(left, top, width, height);
    // The typed call compiles one kind of pixel instead of all that the library knows.
    let (pixels, mut target) = (source.image_view::<U8>()?, resized.typed_image_mut()?);
    Resizer::new().resize_typed(&pixels, &mut target, &options).ok()?;
    Some(resized)
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
    fn any_window_of_any_size_can_be_cut() {
        // Zero weights at the edge of a window make the library read past rows if it resizes both directions at once.
        for filter in FILTERS {
            for source in [1_usize, 2, 5, 16] {
                for scaled in [source, 2 * source, 3 * source, 4 * source, 7] {
                    for first in 0..scaled.div_ceil(2) {
                        let kept = first..scaled - first;
                        let window = || Axis { source, scaled, kept: kept.clone() };
                        let plane = Plane { width: source, values: vec![77; source * source] };
                        let values = resample(&plane, &window(), &window(), filter);
                        assert_eq!(values, Some(vec![77; kept.len() * kept.len()]));
                    }
                }
            }
        }
    }

    #[test]
    fn an_empty_window_is_empty() {
        let plane = Plane { width: 2, values: vec![1, 2] };
        let nothing = resample(&plane, &axis(2, 0), &axis(1, 0), Filter::Bilinear);
        assert_eq!(nothing, Some(Vec::new()));
    }
}
