//! `--emit rust`: the network as a Rust module, formatted.

use parameternet_compiler::backend::rust::{self, Options};
use parameternet_compiler::graph::Graph;
use quote::quote;

use crate::failure::Failure;

/// The text of a file that is a module with the network.
pub(super) fn file(graph: &Graph, documentation: Vec<String>) -> Result<String, Failure> {
    let options = Options {
        runtime: quote!(::parameternet_runtime),
        layout: parameternet_compiler::plan::ImageLayout::Nchw,
        embedded: None,
        documentation,
    };
    let tokens = rust::generate(graph, &options).map_err(|error| Failure::Fault(error.to_string()))?;
    let file = syn::parse2(tokens).map_err(|error| Failure::Fault(format!("the source cannot be parsed: {error}")))?;
    Ok(prettyplease::unparse(&file))
}
