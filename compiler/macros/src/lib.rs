//! The macro `parameternet!`: a network as a Rust type. Programs use it through the crate `parameternet`.
//!
//! In: the path of a `.pnet` file, or the text of one. Out: the items that the compiler writes (`parameternet_compiler::backend::rust`), or
//! errors where they belong. All is done by the compiler; here is what lies between it and Rust's tokens:
//!
//! - `invocation`: what a use of the macro asks for;
//! - `source_map`: tokens as text, and which token stands at a byte of it;
//! - `files`: what is read, so that a change compiles the crate anew;
//! - `expand`: the way through the compiler;
//! - `report`: its errors, on tokens;
//! - `module`: the module around what it writes.
//!
//! Invariant: the macro does not panic. A defect of the compiler becomes an error that asks to report it.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

mod expand;
mod files;
mod invocation;
mod module;
mod report;
mod source_map;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use proc_macro2::{Span, TokenStream};
use syn::Error;

/// Makes a module of a network, in which the network is a type.
///
/// Of a file, found from the folder of the crate:
///
/// ```
/// use parameternet::parameternet;
///
/// parameternet! {
///     /// Ten-class ParameterNet, half width.
///     pub mod pets = "../../examples/models/parameternet.pnet" { network: ParameterNet, width: 0.5, classes: 37 }
/// }
///
/// const _: () = assert!(pets::ParameterNet::MACS < 100_000_000);
///
/// fn classify(image: &[[[[f32; 224]; 224]; 3]; 1]) -> Result<[f32; 37], Box<dyn std::error::Error>> {
///     let weights = pets::Weights::load("pets.safetensors")?;
///     let mut network = pets::ParameterNet::new(&weights)?;
///     Ok(network.run(image)?[0])
/// }
/// ```
///
/// Of the language itself, a module for each network, called like it in lower case:
///
/// ```
/// use parameternet::parameternet;
///
/// parameternet! {
///     network Mlp(hidden = 64) {
///         input x: f32[batch, 6]
///         return x |> linear(hidden) as l1 |> relu |> linear(4) as l2
///     }
/// }
///
/// assert_eq!(mlp::Mlp::PARAMETERS, 6 * 64 + 64 + 64 * 4 + 4);
/// ```
///
/// Between the braces behind a file stand, all optional:
///
/// | key | value |
/// |---|---|
/// | `network` | the name of the network, where the file defines several |
/// | `batch` | how many samples a run takes, 1 by default |
/// | `layout` | `nchw` (the default) or `nhwc`: how images lie in memory |
/// | `experts_dtype` | `f32` (the default), `bf16` or `int8`: what experts are stored as in memory |
/// | `weights` | `embed "net.safetensors"`: makes the weights part of the program, `Weights::embedded()` |
/// | any hyper-parameter | an expression of the language |
///
/// The module has the network's type (`new`, `with_threads`, `run`; `PARAMETERS`, `MACS`, `FLOPS`) and `Weights` (`load`, `from_bytes`).
/// A network that breaks a budget of its file does not compile.
#[proc_macro]
pub fn parameternet(tokens: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let expansion = catch_unwind(AssertUnwindSafe(|| expand::expand(tokens.into(), &folder())));
    expansion.unwrap_or_else(|panic| defect(&*panic)).into()
}

/// The folder of the crate that uses the macro. Without cargo, the working directory.
fn folder() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default()
}

/// The error for a panic.
fn defect(panic: &(dyn Any + Send)) -> TokenStream {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let message = format!(
        "the compiler of ParameterNet failed: {}\nthis is a defect of ParameterNet; please report it, with the network",
        text.unwrap_or("it panicked")
    );
    Error::new(Span::call_site(), message).to_compile_error()
}
