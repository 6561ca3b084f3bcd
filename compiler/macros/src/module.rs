//! The module that a network becomes.
//!
//! In: a graph, or errors. Out: the items of its module; for a network with errors, items that bring no further errors where they
//! are used.

use parameternet_compiler::backend::rust::identifier;
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::Error;

/// The whole module.
pub(crate) fn module(head: &impl ToTokens, documentation: &str, items: &TokenStream) -> TokenStream {
    quote! {
        #[doc = #documentation]
        #[allow(
            clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction,
            dead_code, rustdoc::broken_intra_doc_links, rustdoc::invalid_html_tags, rustdoc::bare_urls,
            reason = "the compiler wrote it; a program need not use all of it; its documentation is not for Rust alone"
        )]
        #head {
            #items
        }
    }
}

/// What stands in for a network with errors. The first error is part of its type: the Rust compiler is silent about whatever
/// such a type is used for. (An alias of the macro `compile_error!` alone would be `()`.)
pub(crate) fn stub(names: &[String], errors: &[Error]) -> TokenStream {
    let Some((first, others)) = errors.split_first() else { return TokenStream::new() };
    let names = names.iter().filter(|name| *name != "Weights").map(|name| identifier(name));
    let first = first.to_compile_error();
    let others = others.iter().map(Error::to_compile_error);
    quote! {
        #[doc(hidden)]
        pub trait __Wrong {
            type Network;
        }
        impl __Wrong for [(); 0] {
            type Network = ();
        }
        #[doc(hidden)]
        pub type Weights = <[(); #first] as __Wrong>::Network;
        #(#[doc(hidden)] pub type #names = Weights;)*
        #(#others)*
    }
}

/// What stands in for a further network with errors, beside the module of one that has them all.
pub(crate) fn further_stub(name: &str, first: &Ident) -> TokenStream {
    let alias =
        (name != "Weights").then(|| identifier(name)).map(|name| quote!(#[doc(hidden)] pub type #name = Weights;));
    quote!(#[doc(hidden)] pub use super::#first::Weights; #alias)
}

/// The networks that a text seems to define, even if it cannot be parsed.
pub(crate) fn network_names(text: &str) -> Vec<String> {
    let name = |line: &str| {
        let rest = line.trim_start().strip_prefix("network ")?.trim_start();
        let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        (!name.is_empty()).then_some(name)
    };
    text.lines().filter_map(name).collect()
}
