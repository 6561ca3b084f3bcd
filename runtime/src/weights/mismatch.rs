//! Everything that keeps a weight file from fitting a network: the facts, and the message made of them.
//!
//! The facts are complete. The message names the first few of each kind and counts the rest, so that it stays
//! readable where nothing fits.

use super::show::ShowText;
use crate::shape::ShowShape;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// How many tensors of each kind the message names.
pub(super) const SHOWN_PER_KIND: usize = 8;

/// A weight file that does not fit a network. At least one of the lists has an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MismatchError {
    /// The weight file; `None` for bytes that did not come from a file.
    pub path: Option<String>,
    /// Tensors that the network expects and the file does not have, in the order of the specs.
    pub missing: Vec<MissingTensor>,
    /// Tensors of the file that the network does not expect, sorted by name.
    pub unexpected: Vec<UnexpectedTensor>,
    /// Tensors that have another shape than the network expects, in the order of the specs.
    pub wrong_shapes: Vec<WrongShape>,
    /// Tensors whose elements are not of an [`ElementType`](super::ElementType), in the order of the specs.
    pub unsupported_types: Vec<UnsupportedType>,
    /// A prefix that explains why tensors are missing.
    pub common_prefix: Option<CommonPrefix>,
}

/// A tensor that the network expects and the file does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingTensor {
    /// The expected name.
    pub name: String,
    /// The expected dimensions.
    pub shape: Vec<usize>,
    /// The unexpected name most like this one; only looked for among the first missing tensors.
    pub suggestion: Option<String>,
}

/// A tensor of the file that the network does not expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnexpectedTensor {
    /// The name in the file.
    pub name: String,
    /// The dimensions in the file.
    pub shape: Vec<usize>,
}

/// A tensor whose shape is not the expected one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongShape {
    /// The name, in the network and in the file.
    pub name: String,
    /// The expected dimensions.
    pub expected: Vec<usize>,
    /// The other shape that would do, for a tensor with a `flat_tail`.
    pub or_flat: Option<[usize; 2]>,
    /// The dimensions in the file.
    pub found: Vec<usize>,
}

/// A tensor whose elements cannot be read as weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsupportedType {
    /// The name, in the network and in the file.
    pub name: String,
    /// The element type as safetensors spells it, such as `I64`.
    pub found: String,
}

/// A prefix that every name in the file has and the network's names have not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommonPrefix {
    /// The prefix with its dot, such as `module.`.
    pub prefix: String,
    /// How many of the missing tensors are in the file under their name with this prefix.
    pub found_without: usize,
}

impl MismatchError {
    /// Whether there is no mismatch at all.
    pub(super) fn is_empty(&self) -> bool {
        self.missing.is_empty()
            && self.unexpected.is_empty()
            && self.wrong_shapes.is_empty()
            && self.unsupported_types.is_empty()
    }
}

impl core::error::Error for MismatchError {}

impl fmt::Display for MismatchError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the weights")?;
        if let Some(path) = &self.path {
            write!(formatter, " in `{path}`")?;
        }
        formatter.write_str(" do not fit the network")?;
        if let Some(hint) = &self.common_prefix {
            write!(formatter, "\nhint: {hint}")?;
        }
        list(formatter, "missing from the file", &self.missing)?;
        list(formatter, "not expected by the network", &self.unexpected)?;
        list(formatter, "of another shape", &self.wrong_shapes)?;
        list(formatter, "of an element type that cannot be read", &self.unsupported_types)
    }
}

/// One kind of mismatch: how many there are, and the first of them, each on its line.
fn list<Entry: fmt::Display>(formatter: &mut fmt::Formatter<'_>, title: &str, entries: &[Entry]) -> fmt::Result {
    if entries.is_empty() {
        return Ok(());
    }
    write!(formatter, "\n{title} ({}):", entries.len())?;
    for entry in entries.iter().take(SHOWN_PER_KIND) {
        write!(formatter, "\n  {entry}")?;
    }
    let hidden = entries.len().saturating_sub(SHOWN_PER_KIND);
    if hidden > 0 {
        write!(formatter, "\n  ... and {hidden} more")?;
    }
    Ok(())
}

impl fmt::Display for MissingTensor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", ShowText(&self.name), ShowShape(&self.shape))?;
        match &self.suggestion {
            Some(suggestion) => write!(formatter, "; the file has `{}`", ShowText(suggestion)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for UnexpectedTensor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", ShowText(&self.name), ShowShape(&self.shape))
    }
}

impl fmt::Display for WrongShape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: expected {}", ShowText(&self.name), ShowShape(&self.expected))?;
        if let Some(flat) = &self.or_flat {
            write!(formatter, " or {}", ShowShape(flat))?;
        }
        write!(formatter, ", found {}", ShowShape(&self.found))
    }
}

impl fmt::Display for UnsupportedType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let readable = super::bind::readable_types();
        write!(formatter, "{}: found {}, expected one of {readable}", ShowText(&self.name), ShowText(&self.found))
    }
}

impl fmt::Display for CommonPrefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "every name in the file starts with `{}`; without it, {} of the missing tensors are there",
            ShowText(&self.prefix),
            self.found_without
        )
    }
}
