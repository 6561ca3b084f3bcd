//! Back ends: what writes the code of a plan down in a language that machines or compilers understand.

#[cfg(feature = "jit")]
pub mod jit;
#[cfg(feature = "rust")]
pub mod rust;
