//! The colours of a picture of any kind, as planes of 8 bits.
//!
//! 16 bits are rounded to 8. Transparent pixels show white, as on a page: what colour is stored behind full
//! transparency is anyone's guess. Grey is the luma of ITU-R 601 (0.299 R + 0.587 G + 0.114 B), to the byte as in Pillow.

use std::borrow::Cow;

use image::{DynamicImage, RgbImage};

use crate::resample::Plane;

/// The picture's red, green and blue.
pub(crate) fn colours(picture: &DynamicImage) -> [Plane; 3] {
    let picture = opaque(picture);
    [0, 1, 2].map(|channel| Plane {
        width: picture.width() as usize,
        values: picture.iter().skip(channel).step_by(3).copied().collect(),
    })
}

/// The picture's luma.
pub(crate) fn grey(picture: &DynamicImage) -> Plane {
    let picture = opaque(picture);
    Plane { width: picture.width() as usize, values: picture.pixels().map(|pixel| luma(pixel.0)).collect() }
}

/// The picture in 8 bits, its transparent pixels in front of white.
fn opaque(picture: &DynamicImage) -> Cow<'_, RgbImage> {
    if let Some(pixels) = picture.as_rgb8() {
        return Cow::Borrowed(pixels);
    }
    if !picture.color().has_alpha() {
        return Cow::Owned(picture.to_rgb8());
    }
    let mut pixels = RgbImage::new(picture.width(), picture.height());
    for (pixel, transparent) in pixels.pixels_mut().zip(picture.to_rgba8().pixels()) {
        pixel.0 = over_white(transparent.0);
    }
    Cow::Owned(pixels)
}

/// A pixel in front of white.
fn over_white([red, green, blue, alpha]: [u8; 4]) -> [u8; 3] {
    let white = 255 * u32::from(255 - alpha);
    let blend = |value: u8| ((u32::from(value) * u32::from(alpha) + white + 127) / 255) as u8;
    [blend(red), blend(green), blend(blue)]
}

/// How bright a pixel is, in Pillow's fixed-point weights, which sum to 2^16.
fn luma([red, green, blue]: [u8; 3]) -> u8 {
    let weighted = 19595 * u32::from(red) + 38470 * u32::from(green) + 7471 * u32::from(blue);
    ((weighted + 0x8000) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, ImageBuffer, Luma, Rgb, Rgba, RgbaImage};

    use super::*;

    #[test]
    fn every_kind_of_picture_has_colours_and_grey() {
        let pictures: [(DynamicImage, [u8; 4]); 6] = [
            (GrayImage::from_pixel(1, 1, Luma([9])).into(), [9, 9, 9, 9]),
            (RgbImage::from_pixel(1, 1, Rgb([255, 0, 10])).into(), [255, 0, 10, 77]),
            (RgbaImage::from_pixel(1, 1, Rgba([1, 2, 3, 0])).into(), [255; 4]),
            (RgbaImage::from_pixel(1, 1, Rgba([0, 255, 100, 128])).into(), [127, 255, 177, 208]),
            (ImageBuffer::from_pixel(1, 1, Luma([0x8080_u16])).into(), [128; 4]),
            (ImageBuffer::from_pixel(1, 1, Rgb([0xffff_u16, 0, 0x0a0a])).into(), [255, 0, 10, 77]),
        ];
        for (picture, [red, green, blue, grey]) in pictures {
            let kind = picture.color();
            let found = colours(&picture).map(|plane| plane.values);
            assert_eq!(found, [[red], [green], [blue]], "{kind:?}");
            assert_eq!(super::grey(&picture).values, [grey], "{kind:?}");
        }
    }

    #[test]
    fn a_plane_has_the_pictures_rows() {
        let picture = RgbImage::from_raw(1, 2, vec![1, 2, 3, 4, 5, 6]).unwrap();
        let planes = colours(&picture.into());
        let found = planes.map(|plane| (plane.width, plane.values));
        assert_eq!(found, [(1, vec![1, 4]), (1, vec![2, 5]), (1, vec![3, 6])]);
    }
}
