//! The ParameterNet language: text in, syntax tree out, with good errors on the way.
//!
//! ```
//! use parameternet_dsl::{SourceMap, Style, parse, print, render};
//!
//! let mut sources = SourceMap::new();
//! let id = sources.add("net.pnet", "fn scaled(channels, width) = channels * width +");
//! let (file, errors) = parse(&sources, id);
//! assert!(print(&file).is_empty());
//! assert!(render(&errors, &sources, Style::Plain).starts_with("error[E0001]: expected an expression, found the end of the file"));
//! ```
//!
//! A tour, in the order in which a text passes through:
//!
//! 1. [`source`]: texts and positions in them; a [`Loader`] brings them in: the one of [`files`], from the disk, or the program's own.
//! 2. `tokens`: any text as a flat list of tokens. `grammar` and `pnet.pest`: the language as a pest grammar, of which the tokens are
//!    one entry rule and a run of items is the other.
//! 3. [`parse()`]: cuts the text into items, checks brackets, lets the grammar accept each item, builds the [`ast`]; or explains,
//!    in the words of the language, what is wrong with it (`parse/explain`).
//! 4. [`format()`]: the one layout. [`print()`]: the tree as text.
//! 5. [`diagnostic`]: errors as data and their only renderer, for this crate and the compiler; [`codes`]: their stable numbers, with
//!    the long texts for `pnetc explain`. [`limits`]: what no text may exceed.
//!
//! Invariant: no text makes this crate panic, overflow a stack of 2 MiB, or take more than linear time. `tests/robust` tries.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

pub mod ast;
pub mod codes;
pub mod diagnostic;
pub mod files;
mod format;
mod grammar;
pub mod limits;
mod parse;
mod print;
pub mod source;
mod tokens;

pub use codes::Code;
pub use diagnostic::{Diagnostic, Style, render};
pub use format::format;
pub use parse::parse;
pub use print::print;
pub use source::{Loader, SourceId, SourceMap, Span};
