//! From the bytes of an image file to an upright picture.
//!
//! The format is told by the first bytes. The size is checked from the header before any pixel is decoded, and the EXIF
//! orientation is applied: cameras store turned photos and a note to turn them back.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, guess_format};

use crate::error::{DataError, Looks, Problem};

/// The formats that are read, for messages.
pub(crate) const SUPPORTED_FORMATS: &str = "PNG, JPEG, BMP or WebP";

/// How many pixels an image may have.
pub(crate) const MAXIMUM_PIXELS: u64 = 100_000_000;

/// How many bytes a decoder may allocate: the largest image with four channels of 16 bits, and room to work.
const MAXIMUM_DECODER_BYTES: u64 = MAXIMUM_PIXELS * 8 + 64_000_000;

/// How much of a text that is no image a message shows.
const SHOWN_CHARACTERS: usize = 40;

/// Decodes the bytes of an image file and turns the picture upright.
///
/// # Errors
/// If they are no image of a supported format, or the image is damaged or too large.
pub fn decode(bytes: &[u8]) -> Result<DynamicImage, DataError> {
    let (format, name) = sniff(bytes)?;
    if format == ImageFormat::Jpeg && !is_whole_jpeg(bytes) {
        return Err(Problem::DamagedImage { format: name, reason: "unexpected end of file".to_owned() }.into());
    }
    let damaged = |error: ImageError| {
        let reason = reason(&error);
        Problem::DamagedImage { format: name, reason }
    };

    let mut limits = Limits::default();
    limits.max_alloc = Some(MAXIMUM_DECODER_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(damaged)?;

    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAXIMUM_PIXELS {
        return Err(Problem::ImageTooLarge { width, height }.into());
    }
    let orientation = decoder.orientation().map_err(damaged)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// The format that the first bytes announce, and its name.
fn sniff(bytes: &[u8]) -> Result<(ImageFormat, &'static str), Problem> {
    let format = match guess_format(bytes) {
        Ok(ImageFormat::Png) => return Ok((ImageFormat::Png, "PNG")),
        Ok(ImageFormat::Jpeg) => return Ok((ImageFormat::Jpeg, "JPEG")),
        Ok(ImageFormat::WebP) => return Ok((ImageFormat::WebP, "WebP")),
        Ok(ImageFormat::Bmp) => return Ok((ImageFormat::Bmp, "BMP")),
        Ok(ImageFormat::Gif) => "GIF",
        Ok(ImageFormat::Tiff) => "TIFF",
        Ok(ImageFormat::Avif) => "AVIF",
        Ok(ImageFormat::Pnm) => "PNM",
        Ok(ImageFormat::Ico) => "ICO",
        Ok(_) => "such image",
        Err(_) if bytes.get(4..8) == Some(b"ftyp") => "HEIF and other MPEG",
        Err(_) if bytes.starts_with(b"PK\x03\x04") => ".npz and other zip",
        Err(_) if bytes.starts_with(b"%PDF") => "PDF",
        Err(_) => {
            let looks = looks(bytes);
            return Err(Problem::NotAnImage { looks });
        }
    };
    Err(Problem::UnsupportedFormat { format })
}

/// What bytes look like that begin as no known format does.
fn looks(bytes: &[u8]) -> Looks {
    if bytes.is_empty() {
        return Looks::Empty;
    }
    let start: Vec<u8> = bytes.iter().copied().take(512).collect();
    let is_text = match std::str::from_utf8(&start) {
        Ok(_) => true,
        // Nothing wrong but a character cut in two at the end.
        Err(error) => error.error_len().is_none(),
    };
    let is_control = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    if !is_text || start.iter().any(is_control) {
        return Looks::Binary(start.into_iter().take(8).collect());
    }
    let text = String::from_utf8_lossy(&start);
    let line = text.trim_start().lines().next().unwrap_or_default();
    let mut shown: String = line.chars().take(SHOWN_CHARACTERS).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    Looks::Text(shown)
}

/// Whether a JPEG file has its end-of-image marker. The decoder does not miss it: it paints what is lost grey.
fn is_whole_jpeg(bytes: &[u8]) -> bool {
    let is_marker = |pair: &[u8]| matches!(pair, [0xff, code] if !matches!(code, 0 | 0xff));
    let mut rest = bytes;
    while let Some(start) = rest.windows(2).position(is_marker) {
        let (code, length) = match rest.get(start..) {
            // Start of the image, restarts: markers without a segment.
            Some([_, code @ (0x01 | 0xd0..=0xd9), ..]) => (*code, 0),
            Some([_, code, high, low, ..]) => (*code, usize::from(u16::from_be_bytes([*high, *low]))),
            _ => return false,
        };
        if code == 0xd9 {
            return true;
        }
        rest = rest.get(start + 2 + length..).unwrap_or_default();
    }
    false
}

/// The decoder's own words in one line, without what the image library puts around them.
fn reason(error: &ImageError) -> String {
    let inner = match error {
        ImageError::Decoding(inner) => std::error::Error::source(inner),
        ImageError::Encoding(_)
        | ImageError::Parameter(_)
        | ImageError::Limits(_)
        | ImageError::Unsupported(_)
        | ImageError::IoError(_) => None,
    };
    let words = inner.map_or_else(|| error.to_string(), ToString::to_string);
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use image::codecs::jpeg::JpegEncoder;
    use image::codecs::png::PngEncoder;
    use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage};

    use super::*;

    /// A picture in which no two pixels are alike.
    fn picture(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| Rgb([(x * 7) as u8, (y * 5) as u8, (x * y) as u8]))
    }

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        picture(40, 30).write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    fn problem(bytes: &[u8]) -> Problem {
        decode(bytes).unwrap_err().problem
    }

    #[test]
    fn lossless_formats_come_back_as_they_went() {
        for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP] {
            let decoded = decode(&encoded(format)).unwrap();
            assert_eq!(decoded.to_rgb8(), picture(40, 30), "{format:?}");
        }
    }

    #[test]
    fn what_is_no_image_is_described() {
        let looks = |bytes: &[u8]| match problem(bytes) {
            Problem::NotAnImage { looks } => looks.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(looks(b""), "it is empty");
        assert_eq!(looks(b"\n  <html>\n<body>"), "it is text: `<html>`");
        assert_eq!(looks("héllo".as_bytes()), "it is text: `héllo`");
        assert_eq!(looks(b"\x00\x01\xffthe rest"), "it begins with the bytes [00, 01, ff, 74, 68, 65, 20, 72]");
        assert_eq!(looks(b"\x1b[31mred"), looks(b"\x1b[31mred\n"));
        assert!(looks(b"\x1b[31mred").starts_with("it begins"));
    }

    #[test]
    fn other_formats_are_named() {
        let unsupported: [(&[u8], &str); 4] = [
            (b"GIF89a......", "GIF"),
            (b"II*\0........", "TIFF"),
            (b"\0\0\0\x18ftypheic....", "HEIF and other MPEG"),
            (b"PK\x03\x04....", ".npz and other zip"),
        ];
        for (bytes, format) in unsupported {
            assert_eq!(problem(bytes), Problem::UnsupportedFormat { format });
        }
    }

    #[test]
    fn a_cut_file_is_damaged() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::WebP] {
            let whole = encoded(format);
            for length in [whole.len() - 20, whole.len() / 2, 30, 16] {
                match decode(&whole[..length]) {
                    Err(error) => {
                        assert!(matches!(error.problem, Problem::DamagedImage { .. }), "{format:?} {length}: {error:?}")
                    }
                    Ok(_) => panic!("{format:?} cut at {length} was read"),
                }
            }
        }
    }

    #[test]
    fn a_header_that_lies_about_its_size_allocates_nothing() {
        let mut bytes = encoded(ImageFormat::Bmp);
        bytes[18..22].copy_from_slice(&60_000_u32.to_le_bytes());
        bytes[22..26].copy_from_slice(&50_000_u32.to_le_bytes());
        let (width, height) = (60_000, 50_000);
        assert_eq!(problem(&bytes), Problem::ImageTooLarge { width, height });
    }

    /// An EXIF block that says nothing but the orientation.
    fn exif(orientation: u8) -> Vec<u8> {
        let mut block = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        block.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
        block
    }

    #[test]
    fn turned_photos_are_turned_back() {
        let stored = picture(40, 30);
        let mut bytes = Vec::new();
        let mut encoder = PngEncoder::new(&mut bytes);
        encoder.set_exif_metadata(exif(6)).unwrap();
        encoder.write_image(&stored, 40, 30, ExtendedColorType::Rgb8).unwrap();
        let upright = decode(&bytes).unwrap().to_rgb8();
        assert_eq!(upright, image::imageops::rotate90(&stored));

        let mut bytes = Vec::new();
        let mut encoder = JpegEncoder::new(&mut bytes);
        encoder.set_exif_metadata(exif(8)).unwrap();
        encoder.write_image(&stored, 40, 30, ExtendedColorType::Rgb8).unwrap();
        let upright = decode(&bytes).unwrap();
        assert_eq!((upright.width(), upright.height()), (30, 40));
    }
}
