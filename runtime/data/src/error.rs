//! What can be wrong with input and output files: facts in [`Problem`], the file in [`DataError`], words for both.
//!
//! The title is the `Display` of [`DataError`]: one line, lower case, no full stop. [`DataError::notes`] adds what was
//! found, [`DataError::help`] what to do about it.

use std::fmt;
use std::io;

use crate::image::{MAXIMUM_PIXELS, SUPPORTED_FORMATS};
use crate::npy::SUPPORTED_DTYPES;

/// A problem, and the file that has it.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{}{problem}", prefix(.file))]
pub struct DataError {
    /// The path, or `standard input`; nothing where the problem lies in a setting, or the caller knows the file.
    pub file: Option<String>,
    /// What is wrong.
    pub problem: Problem,
}

/// The kinds of problem, with the facts of each.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// The operating system refused.
    #[error("cannot be read: {reason}")]
    CannotRead {
        /// The operating system's reason.
        reason: String,
    },
    /// More bytes than any sensible input has.
    #[error("holds more than {} MB", limit / 1_000_000)]
    TooLong {
        /// How many bytes are allowed.
        limit: u64,
    },
    /// Neither an image nor a tensor.
    #[error("not an image or a .npy file")]
    NotAnImage {
        /// What the bytes look like instead.
        looks: Looks,
    },
    /// A known kind of file, but not one that is read here.
    #[error("{format} files are not supported")]
    UnsupportedFormat {
        /// The kind of file.
        format: &'static str,
    },
    /// The decoder gave up.
    #[error("damaged {format} image")]
    DamagedImage {
        /// The image format.
        format: &'static str,
        /// The decoder's reason.
        reason: String,
    },
    /// The image's header announces too many pixels.
    #[error("image of {width}x{height} pixels is too large")]
    ImageTooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// Not as NumPy would have written it.
    #[error("malformed .npy file")]
    MalformedNpy {
        /// Where it departs from the format.
        reason: String,
    },
    /// The elements are not numbers that fit an f32.
    #[error("elements of type {dtype} are not supported")]
    UnsupportedDtype {
        /// The type as the file writes it.
        dtype: String,
    },
    /// The tensor has another shape.
    #[error("found shape {found:?}, expected {expected:?}")]
    ShapeMismatch {
        /// The shape in the file.
        found: Vec<usize>,
        /// The shape of the network's input.
        expected: Vec<usize>,
    },
    /// The image has another size, and resizing is switched off.
    #[error(
        "found an image of {}x{} pixels, expected {}x{}",
        found.0, found.1, expected.0, expected.1
    )]
    ImageSizeMismatch {
        /// Width and height of the image.
        found: (u32, u32),
        /// Width and height of the network's input.
        expected: (usize, usize),
    },
    /// The resizer gave up.
    #[error("cannot be resized to {width}x{height} pixels")]
    CannotResize {
        /// Height of the network's input.
        height: usize,
        /// Width of the network's input.
        width: usize,
    },
    /// The network's input has no place for one image.
    #[error("an image cannot fill an input of shape {shape:?}")]
    ImageForOtherInput {
        /// The shape of the network's input.
        shape: Vec<usize>,
    },
    /// The network's input has channels that an image has not.
    #[error("an image cannot fill an input of {channels} channels")]
    UnsupportedChannels {
        /// How many channels the input has.
        channels: usize,
    },
    /// Not one value per channel.
    #[error("{name} has {found} values for an input of {channels} channels")]
    StatisticsCount {
        /// `mean` or `std`.
        name: &'static str,
        /// How many values were given.
        found: usize,
        /// How many channels the input has.
        channels: usize,
    },
    /// A number out of its range.
    #[error("{name} of {value} is not {expected}")]
    BadSetting {
        /// The setting.
        name: &'static str,
        /// What was given.
        value: f32,
        /// What is allowed.
        expected: &'static str,
    },
    /// What the weights say of preparing pictures is not understood.
    #[error("the weights carry an unusable `{key}`: {text:?}")]
    Metadata {
        /// Which of their notes.
        key: &'static str,
        /// What it says.
        text: String,
    },
    /// The output could not be put where it should go.
    #[error("cannot be written: {reason}")]
    CannotWrite {
        /// The reason, most often the operating system's.
        reason: String,
    },
}

/// What bytes that are no image look like.
#[derive(Debug, PartialEq)]
pub enum Looks {
    /// There are none.
    Empty,
    /// Readable text; the start of its first line.
    Text(String),
    /// Anything else; the first few bytes.
    Binary(Vec<u8>),
}

impl DataError {
    /// Says which file has the problem, unless that is known or the problem lies in a setting.
    pub fn about(mut self, file: impl fmt::Display) -> DataError {
        if self.file.is_none() && !self.problem.is_about_a_setting() {
            self.file = Some(file.to_string());
        }
        self
    }

    /// What was found, in lines of their own.
    pub fn notes(&self) -> Vec<String> {
        match &self.problem {
            Problem::NotAnImage { looks } => vec![looks.to_string()],
            Problem::DamagedImage { reason, .. } => vec![format!("the decoder says: {reason}")],
            Problem::MalformedNpy { reason } => vec![reason.clone()],
            Problem::ImageTooLarge { .. } => {
                let limit = MAXIMUM_PIXELS / 1_000_000;
                vec![format!("images of up to {limit} megapixels are read")]
            }
            Problem::UnsupportedDtype { .. } => {
                vec![format!("supported are {SUPPORTED_DTYPES}")]
            }
            Problem::ShapeMismatch { .. } => {
                vec!["a leading batch of 1 may be left out".to_owned()]
            }
            Problem::CannotRead { .. }
            | Problem::TooLong { .. }
            | Problem::UnsupportedFormat { .. }
            | Problem::ImageSizeMismatch { .. }
            | Problem::ImageForOtherInput { .. }
            | Problem::UnsupportedChannels { .. }
            | Problem::StatisticsCount { .. }
            | Problem::CannotResize { .. }
            | Problem::BadSetting { .. }
            | Problem::CannotWrite { .. }
            | Problem::Metadata { .. } => Vec::new(),
        }
    }

    /// What the user can do, where that can be told.
    pub fn help(&self) -> Option<String> {
        match &self.problem {
            Problem::NotAnImage { .. } | Problem::UnsupportedFormat { .. } => {
                Some(format!("give an image ({SUPPORTED_FORMATS}) or a tensor saved with `numpy.save`"))
            }
            Problem::TooLong { .. } | Problem::ImageTooLarge { .. } => Some("scale the image down first".to_owned()),
            Problem::UnsupportedDtype { .. } => Some("save it as `array.astype(numpy.float32)`".to_owned()),
            Problem::ImageSizeMismatch { .. } => {
                Some("let it be resized, or give an image of that very size".to_owned())
            }
            Problem::ImageForOtherInput { .. } | Problem::UnsupportedChannels { .. } => Some(
                "an image fills [1, 3, height, width] or [1, 1, height, width]; \
                 give a .npy file for any other input"
                    .to_owned(),
            ),
            Problem::Metadata { .. } => Some("say it otherwise, which comes before the weights".to_owned()),
            Problem::StatisticsCount { name, channels, .. } => {
                Some(format!("give {channels} values of {name}, or 1 for all channels"))
            }
            Problem::CannotRead { .. }
            | Problem::DamagedImage { .. }
            | Problem::MalformedNpy { .. }
            | Problem::ShapeMismatch { .. }
            | Problem::CannotResize { .. }
            | Problem::BadSetting { .. }
            | Problem::CannotWrite { .. } => None,
        }
    }
}

impl Problem {
    /// Whether the user's settings are at fault, whatever the file.
    fn is_about_a_setting(&self) -> bool {
        matches!(self, Problem::StatisticsCount { .. } | Problem::BadSetting { .. })
    }
}

impl From<Problem> for DataError {
    fn from(problem: Problem) -> DataError {
        DataError { file: None, problem }
    }
}

impl fmt::Display for Looks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Looks::Empty => write!(formatter, "it is empty"),
            Looks::Text(line) => write!(formatter, "it is text: `{line}`"),
            Looks::Binary(bytes) => write!(formatter, "it begins with the bytes {bytes:02x?}"),
        }
    }
}

/// The file's name as the title's start.
fn prefix(file: &Option<String>) -> String {
    file.as_ref().map_or_else(String::new, |file| format!("{file}: "))
}

/// The operating system's reason in the voice of a title: lower case, and without the error number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error ").next().unwrap_or(&text);
    let mut characters = words.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_one_lower_case_line() {
        let missing = io::Error::from_raw_os_error(2);
        assert_eq!(reason(&missing), "no such file or directory");
        let error = DataError::from(Problem::CannotRead { reason: reason(&missing) });
        assert_eq!(error.about("cat.jpg").to_string(), "cat.jpg: cannot be read: no such file or directory");
    }

    #[test]
    fn a_setting_is_no_fault_of_the_file() {
        let error = DataError::from(Problem::StatisticsCount { name: "mean", found: 2, channels: 3 });
        let error = error.about("cat.jpg");
        assert_eq!(error.to_string(), "mean has 2 values for an input of 3 channels");
        assert_eq!(error.help().unwrap(), "give 3 values of mean, or 1 for all channels");
    }

    #[test]
    fn the_first_name_stays() {
        let error = DataError::from(Problem::TooLong { limit: 2_000_000 });
        let error = error.about("inner").about("outer");
        assert_eq!(error.to_string(), "inner: holds more than 2 MB");
    }
}
