//! What a ParameterNet program needs while it runs: tensors, and the weights they are multiplied with.
//!
//! This crate knows nothing of the language or the compiler. A tour:
//!
//! - [`Tensor`] is a dense array of `f32` whose shape fits its data: what goes into a network and what comes out. Arrays of arrays
//!   of `f32` are [`Shaped`]: they have the shape in the type.
//! - [`WeightFile`] is a safetensors file, opened or embedded in the program. [`WeightFile::bind`] matches it
//!   with the [`TensorSpec`]s of a network and gives [`BoundWeights`], or a [`MismatchError`] that lists everything
//!   that does not fit. [`save`] writes such a file.
//! - [`threads::Team`] runs one job on several threads at once, which share the units of the steps of a network;
//!   [`arena::AlignedBuffer`] is the memory in which they compute.
//! - [`synth`] makes the values of a tensor from its name alone, for tests and measurements without a weight file.
//! - [`Kernels`] are the functions that compute, for the instruction sets ([`Isa`]) that this machine has; [`abi`] is their
//!   contract with generated code, [`math`] the constants that both use.
//! - [`blocking`] says how matrix products are cut, for threads and caches; [`Dtype`] what prepared weights are stored as.
//! - [`object`] is how a network stands in an object file, for C and whatever calls it.
//! - [`machine`] measures what the machine can do at best, as a yardstick.
//!
//! No input, however damaged, makes this crate panic.
//!
//! Without the feature `std`, which is on by default, the crate needs an allocator and nothing else: weights come from bytes, and
//! the portable kernels run on the calling thread. Files, threads, other instruction sets, [`object`] and [`machine`] are left out.

#![cfg_attr(not(any(feature = "std", test)), no_std)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

extern crate alloc;

pub mod abi;
pub mod arena;
mod arithmetic;
pub mod blocking;
mod dtype;
pub mod generated;
mod isa;
pub mod kernels;
#[cfg(feature = "std")]
pub mod machine;
pub mod math;
#[cfg(feature = "std")]
pub mod object;
pub mod prepare;
pub mod program;
mod shape;
mod shaped;
mod simd;
pub mod strassen;
pub mod synth;
mod tensor;
#[cfg(feature = "std")]
pub mod threads;
#[cfg(not(feature = "std"))]
#[path = "threads/alone.rs"]
pub mod threads;
pub mod weights;
pub mod winograd;

pub use dtype::{Dtype, DtypeError};
pub use isa::{Isa, IsaError};
pub use kernels::Kernels;
pub use shaped::Shaped;
pub use tensor::{ShapeError, Tensor};
pub use weights::{
    BoundWeights, ElementType, MismatchError, ReadError, StoredBytes, StoredTensor, TensorSpec, TensorView, WeightFile,
    WeightFileError,
};
#[cfg(feature = "std")]
pub use weights::{ConvertedTensor, NamedTensor, SaveError, save, save_converted};
