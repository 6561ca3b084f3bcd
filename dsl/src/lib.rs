//! The ParameterNet language: text in, syntax tree out, with good errors on the way.
pub mod ast;
pub mod codes;
pub mod diagnostic;
mod format;
mod grammar;
pub mod limits;
mod parse;
mod print;
pub mod source;
mod tokens;

pub use format::format;
pub use parse::parse;
pub use print::print;
