//! Why a weight file cannot be used: the facts, and the sentence made of them.

use super::kind::FileKind;
use super::show::ShowText;
use alloc::string::String;
use core::fmt;

/// A weight file that cannot be used.
#[derive(Debug)]
pub struct WeightFileError {
    /// The file; `None` for bytes that did not come from a file.
    pub path: Option<String>,
    /// What is wrong with it.
    pub problem: WeightFileProblem,
}

impl fmt::Display for WeightFileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("cannot read the weights")?;
        if let Some(path) = &self.path {
            write!(formatter, " in `{path}`")?;
        }
        write!(formatter, ": {}", self.problem)
    }
}

// The problem is part of the message, so it is not repeated as the source.
impl core::error::Error for WeightFileError {}

/// A tensor that cannot be read from a file that was in order when it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    /// The file; `None` for bytes that did not come from a file.
    pub path: Option<String>,
    /// The tensor.
    pub tensor: String,
    /// What the operating system says, or what became of the file.
    pub reason: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "cannot read the tensor `{}`", ShowText(&self.tensor))?;
        if let Some(path) = &self.path {
            write!(formatter, " in `{path}`")?;
        }
        write!(formatter, ": {}", self.reason)
    }
}

impl core::error::Error for ReadError {}

/// What is wrong with a weight file.
#[derive(Debug, thiserror::Error)]
pub enum WeightFileProblem {
    /// The operating system does not let us open the file.
    #[cfg(feature = "std")]
    #[error("cannot open the file: {error}")]
    Open {
        /// The operating system's answer.
        error: std::io::Error,
    },
    /// The operating system does not let us read what the file begins with.
    #[cfg(feature = "std")]
    #[error("cannot read the file: {error}")]
    Read {
        /// The operating system's answer.
        error: std::io::Error,
    },
    /// The path leads to a directory, a pipe or a device.
    #[error("not a regular file")]
    NotAFile,
    /// The file has no byte.
    #[error("the file is empty")]
    Empty,
    /// The file seems to be in another format.
    #[error("not a safetensors file; it looks like {kind}{}", Advice(.kind.advice()))]
    OtherFormat {
        /// The format it seems to be in.
        kind: FileKind,
    },
    /// The file does not begin as a safetensors file does, nor as any format we recognise.
    #[error("not a safetensors file: it does not begin with a header")]
    NoHeader,
    /// The header is longer than any network needs.
    #[error("not a usable safetensors file: its header claims {length} bytes, and {limit} are allowed")]
    HeaderTooLong {
        /// Bytes the header claims to have.
        length: u64,
        /// Bytes it may have.
        limit: u64,
    },
    /// The header is not the JSON it should be, or its tensors do not follow each other without gap or overlap, or a
    /// size does not agree with a shape or overflows.
    #[error("damaged safetensors header: {reason}")]
    InvalidHeader {
        /// What the safetensors library says about it, on one line and in bounded length.
        reason: String,
    },
    /// The file ends too early.
    #[error("the file is cut off: by its header it has at least {expected_at_least} bytes, but {found} are there")]
    CutOff {
        /// Bytes the file should have; more, if the header itself is cut off.
        expected_at_least: u64,
        /// Bytes the file has.
        found: u64,
    },
    /// There are bytes after the last tensor.
    #[error("damaged safetensors file: by its header it has {expected} bytes, but {found} are there")]
    TrailingBytes {
        /// Bytes the file should have.
        expected: u64,
        /// Bytes the file has.
        found: u64,
    },
}

/// A second line for the message, where there is advice to give.
struct Advice(Option<&'static str>);

impl fmt::Display for Advice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(advice) => write!(formatter, "\nhint: {advice}"),
            None => Ok(()),
        }
    }
}
