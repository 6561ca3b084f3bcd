//! The module that a network becomes.
//!
//! In: a graph, or errors. Out: the items of its module; for a network with errors, items that bring no further errors where they
//! are used.

use parameternet_compiler::backend::rust::{self, Options};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::plan::ImageLayout;
use parameternet_compiler::program::Program;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::Error;

/// The names that the module uses itself.
const TAKEN: [&str; 12] =
    ["Weights", "Self", "Result", "Option", "Ok", "Box", "AsRef", "rt", "weights", "steps", "f32", "u64"];

/// The words of Rust that cannot be names, not even as raw identifiers.
const NEVER_NAMES: [&str; 4] = ["self", "Self", "super", "crate"];

/// The items of a network.
///
/// # Errors
/// When it computes nothing, or has a name that a Rust type cannot have there.
pub(crate) fn items(
    graph: &Graph,
    layout: ImageLayout,
    embedded: Option<TokenStream>,
    documentation: Vec<String>,
) -> Result<TokenStream, String> {
    let network = graph.network.as_str();
    if TAKEN.contains(&network) || identifier(network) != network {
        return Err(format!("a Rust type in this module cannot be called `{network}`: rename the network"));
    }
    if let Some(input) = graph.inputs().iter().find(|input| NEVER_NAMES.contains(&input.name.as_str())) {
        return Err(format!("a parameter of `run` cannot be called `{}`: rename the input", input.name));
    }
    let options = Options { runtime: quote!(::parameternet::runtime), layout, embedded, documentation };
    rust::generate(graph, &options).map_err(|error| error.to_string())
}

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

/// What the author says of a network in its text, a line each.
pub(crate) fn documentation(program: &Program, network: &str) -> Vec<String> {
    let items = &program.root().items;
    let is_network = |item: &&parameternet_dsl::ast::Item| matches!(&item.kind, parameternet_dsl::ast::ItemKind::Network(found) if found.name.text == network);
    items.iter().find(is_network).map(|item| item.docs.lines().map(str::to_owned).collect()).unwrap_or_default()
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

/// The name of the module of a network: `mobile_net_v2` for `MobileNetV2`.
pub(crate) fn module_name(network: &str) -> Ident {
    let characters: Vec<char> = network.chars().collect();
    let mut name = String::new();
    for (index, character) in characters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| characters.get(index));
        let after = characters.get(index + 1);
        // A word begins behind a small letter, and with the last of several capitals: `HTTPServer`.
        let begins = before.is_some_and(|before| {
            before.is_ascii_lowercase()
                || before.is_ascii_digit()
                || before.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase)
        });
        if character.is_ascii_uppercase() && begins {
            name.push('_');
        }
        name.push(character.to_ascii_lowercase());
    }
    identifier(&name)
}

/// A name as an identifier: raw where it is a word of Rust, with an underscore where that is not allowed either.
fn identifier(name: &str) -> Ident {
    if NEVER_NAMES.contains(&name) {
        return format_ident!("{name}_");
    }
    // `syn` knows the words of all editions but these.
    match syn::parse_str(name) {
        Ok(identifier) if !["box", "gen"].contains(&name) => identifier,
        _ => Ident::new_raw(name, Span::call_site()),
    }
}
