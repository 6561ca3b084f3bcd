//! What goes into a network and comes out of it: photos and `.npy` tensors in, `.npy` tensors and classes out.
//!
//! Everything here takes untrusted bytes: sizes are bounded before they are allocated, and every failure is a
//! [`DataError`] that carries the facts and says what would help.
//!
//! - [`files`]: bytes from a path or standard input, bounded; bytes to a path, whole or not at all.
//! - [`image`]: bytes to an upright picture (PNG, JPEG, BMP, WebP).
//! - [`preprocess`]: a picture to the numbers that a network was trained on, by way of `colour` and `resample`.
//! - [`settings`]: how pictures are prepared and what classes are called, by what the weights carry.
//! - [`npy`]: tensors in NumPy's file format.
//! - [`classes`]: scores as classes and their shares.
//! - [`error`]: what can be wrong with any of them.
//!
//! [`load_input`] is the way in, or [`decode_input`] for bytes: the first of them, not the name of a file, say what they hold.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

pub mod classes;
mod colour;
pub mod error;
pub mod files;
pub mod image;
pub mod npy;
pub mod preprocess;
mod resample;
pub mod settings;

pub use error::{DataError, Problem};
pub use files::Source;
pub use preprocess::{Preprocess, Resize};
pub use resample::Filter;
pub use settings::Settings;

/// Reads one network input of `shape` from `source`, in row-major order.
///
/// A `.npy` file is taken as it is and must have that shape (a leading batch of 1 may be left out). Anything else must
/// be an image and goes through `preprocess`; that needs an input of shape `[1, channels, height, width]` or
/// `[channels, height, width]`.
///
/// # Errors
/// If the source cannot be read, is neither, is damaged, or does not fit the shape.
pub fn load_input(source: &Source, shape: &[usize], preprocess: &Preprocess) -> Result<Vec<f32>, DataError> {
    let bytes = source.read()?;
    decode_input(&bytes, shape, preprocess).map_err(|error| error.about(source))
}

/// [`load_input`] of bytes that are there already.
///
/// # Errors
/// If they are neither, are damaged, or do not fit the shape.
pub fn decode_input(bytes: &[u8], shape: &[usize], preprocess: &Preprocess) -> Result<Vec<f32>, DataError> {
    if npy::is_npy(bytes) {
        return npy::read(bytes, Some(shape)).map(|(_, values)| values);
    }
    let picture = image::decode(bytes)?;
    match *shape {
        [1, channels, height, width] | [channels, height, width] => preprocess.apply(&picture, channels, height, width),
        _ => Err(Problem::ImageForOtherInput { shape: shape.to_vec() }.into()),
    }
}

#[cfg(test)]
mod tests {
    use ::image::{ImageFormat, RgbImage};

    use super::*;

    #[test]
    fn the_first_bytes_decide_and_not_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tensor.png");
        npy::write(&path, &[1, 3, 1, 2], &[1., 2., 3., 4., 5., 6.]).unwrap();
        let source = Source::File(path);
        let values = load_input(&source, &[1, 3, 1, 2], &Preprocess::default()).unwrap();
        assert_eq!(values, [1., 2., 3., 4., 5., 6.]);

        let path = folder.path().join("picture.npy");
        RgbImage::new(5, 4).save_with_format(&path, ImageFormat::Png).unwrap();
        let source = Source::File(path);
        let values = load_input(&source, &[3, 2, 2], &Preprocess::default()).unwrap();
        assert_eq!(values.len(), 12);
    }

    #[test]
    fn an_error_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cat.jpg");
        std::fs::write(&path, "version https://git-lfs.github.com/spec/v1\n").unwrap();
        let source = Source::File(path.clone());
        let error = load_input(&source, &[1, 3, 2, 2], &Preprocess::default()).unwrap_err();
        assert_eq!(error.to_string(), format!("{}: not an image or a .npy file", path.display()));
        assert_eq!(error.notes(), ["it is text: `version https://git-lfs.github.com/spec/…`"]);
    }

    #[test]
    fn an_image_needs_an_input_of_its_kind() {
        let mut png = Vec::new();
        RgbImage::new(2, 2).write_to(&mut std::io::Cursor::new(&mut png), ImageFormat::Png).unwrap();
        for shape in [&[1, 12][..], &[4, 3, 2, 2], &[]] {
            let error = decode_input(&png, shape, &Preprocess::default()).unwrap_err();
            assert!(matches!(error.problem, Problem::ImageForOtherInput { .. }));
        }
    }
}
