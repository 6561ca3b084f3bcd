//! ParameterNet: a compiler for vision networks with many parameters and few FLOPs.
//!
//! A network is written as a short `.pnet` text; see the [language](https://github.com/parameternet/parameternet/blob/main/docs/language.md).
//! The macro [`parameternet!`] makes a Rust type of it while a program is compiled:
//!
//! ```
//! use parameternet::parameternet;
//!
//! parameternet! {
//!     /// Sorts six measurements into four classes.
//!     network Mlp(hidden = 64) {
//!         input x: f32[batch, 6]
//!         return x |> linear(hidden) as l1 |> relu |> linear(4) as l2
//!     }
//! }
//!
//! const _: () = assert!(mlp::Mlp::MACS < 1_000);
//!
//! fn classify(weights: &mlp::Weights, x: &[[f32; 6]; 1]) -> Result<[f32; 4], Box<dyn std::error::Error>> {
//!     let mut network = mlp::Mlp::new(weights)?;
//!     Ok(network.run(x)?[0])
//! }
//! ```
//!
//! With the feature `jit`, `Compiler` compiles networks while a program runs, and `compiler` and `dsl` are the compiler
//! itself. Without it, a program contains the runtime alone. Without the feature `std`, which is on by default, that needs an allocator and
//! nothing else. The command line is the package `pnetc`.

#![cfg_attr(not(feature = "std"), no_std)]

#[cfg(feature = "jit")]
mod network;

#[cfg(feature = "jit")]
pub use network::{Compiled, Compiler, Error};
#[cfg(feature = "jit")]
pub use parameternet_compiler as compiler;
#[cfg(feature = "jit")]
pub use parameternet_compiler::plan::ImageLayout;
#[cfg(feature = "jit")]
pub use parameternet_dsl as dsl;
#[cfg(feature = "jit")]
pub use parameternet_dsl::files::{FileLoader, read_text};
pub use parameternet_macros::parameternet;
pub use parameternet_runtime as runtime;
pub use parameternet_runtime::program::{Port, Program, RunError, Session, SessionError};
pub use parameternet_runtime::{Dtype, Isa, Shaped, WeightFile};
