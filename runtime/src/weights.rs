//! Weights: from a safetensors file to the tensors a network expects, and back into a file.
//!
//! | file          | job                                                                          |
//! |---------------|------------------------------------------------------------------------------|
//! | `file.rs`     | [`WeightFile`]: opens a file or takes bytes, and gives its tensors by name   |
//! | `storage.rs`  | [`StoredBytes`]: the bytes of a tensor, in a file or in memory, read when asked for |
//! | `header.rs`   | checks the header of such a file against the bytes that follow               |
//! | `kind.rs`     | [`FileKind`]: guesses what a file is that is not a safetensors file          |
//! | `error.rs`    | [`WeightFileError`]: why a file cannot be used; [`ReadError`]: or one of its tensors |
//! | `view.rs`     | [`TensorView`]: one tensor of a file, converted to `f32` or `f64` on request |
//! | `bind.rs`     | [`TensorSpec`] and [`BoundWeights`]: the tensors of a network, found in a file |
//! | `mismatch.rs` | [`MismatchError`]: everything that keeps a file from fitting a network       |
//! | `save.rs`     | [`save`]: writes a safetensors file                                          |
//! | `convert.rs`  | [`save_converted`]: writes tensors of other files, in other element types     |
//! | `show.rs`     | names and texts out of a file, made safe to print                            |

mod bind;
#[cfg(feature = "std")]
mod convert;
mod error;
mod file;
mod header;
mod kind;
mod mismatch;
#[cfg(feature = "std")]
mod save;
mod show;
mod storage;
mod view;

#[cfg(test)]
mod robustness_tests;
#[cfg(test)]
mod test_files;

pub use bind::{BoundWeights, TensorSpec};
#[cfg(feature = "std")]
pub use convert::{ConvertedTensor, save_converted};
pub use error::{ReadError, WeightFileError, WeightFileProblem};
pub use file::{StoredTensor, WeightFile};
pub use kind::FileKind;
pub use mismatch::{CommonPrefix, MismatchError, MissingTensor, UnexpectedTensor, UnsupportedType, WrongShape};
#[cfg(feature = "std")]
pub use save::{NamedTensor, SaveError, save, write};
pub use storage::StoredBytes;
pub use view::{ElementType, TensorView};
