//! ParameterNet: a compiler for vision networks with many parameters and few FLOPs.
//!
//! A network is written as a short `.pnet` text and compiled; see the [language](https://github.com/parameternet/parameternet/blob/main/docs/language.md).
//! This crate gathers what a program that uses networks needs; the command line is the package `pnetc`.
//!
//! ```
//! use parameternet::compiler::elaborate::{Request, elaborate};
//! use parameternet::compiler::interp::{self, InitialWeights};
//! use parameternet::compiler::program::{MemoryLoader, Program};
//!
//! let text = "network Tiny(experts = 4) {
//!     input image: f32[batch, 3, 8, 8]
//!     return image |> dynamic_conv(16, kernel=3, experts=experts) as conv |> relu |> mean([2, 3])
//! }";
//! let program = Program::load(&MemoryLoader::new("tiny.pnet", text), "tiny.pnet")?;
//! let graph = elaborate(&program, &Request::default())?;
//! let outputs = interp::run(&graph, &InitialWeights { gain: 2.0 }, &[vec![0.5; 3 * 8 * 8]])?;
//! assert_eq!(outputs[0].data.len(), 16);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "jit")]
mod network;

#[cfg(feature = "jit")]
pub use network::{Compiled, Compiler, Error, FileLoader, read_text};
pub use parameternet_compiler as compiler;
#[cfg(feature = "jit")]
pub use parameternet_compiler::plan::ImageLayout;
pub use parameternet_dsl as dsl;
pub use parameternet_runtime as runtime;
pub use parameternet_runtime::program::{Port, Program, RunError, Session, SessionError};
pub use parameternet_runtime::{Isa, WeightFile};
