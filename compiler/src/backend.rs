//! Back ends: what writes the code of a plan down in a language that machines or compilers understand.

#[cfg(any(feature = "jit", feature = "object"))]
mod clif;
#[cfg(feature = "jit")]
pub mod jit;
pub(crate) mod names;
#[cfg(feature = "object")]
pub mod object;
#[cfg(feature = "rust")]
pub mod rust;

#[cfg(any(feature = "jit", feature = "object"))]
pub use clif::CodeError;
