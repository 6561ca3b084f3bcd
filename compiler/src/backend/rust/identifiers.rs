//! Names of the language as identifiers of Rust.
//!
//! Invariant: whatever [`check`] lets pass compiles.

use proc_macro2::{Ident, Span};
use quote::format_ident;

use super::RustError;
use crate::backend::names::snake_case;
use crate::graph::Graph;

/// Words of Rust that are no identifiers, those that are kept for later among them.
pub(super) const KEYWORDS: [&str; 53] = [
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super",
    "trait", "true", "try", "type", "typeof", "union", "unsafe", "unsized", "use", "virtual", "where", "while",
    "yield",
];

/// The words that cannot be names, not even as raw identifiers.
const NEVER_NAMES: [&str; 4] = ["self", "Self", "super", "crate"];

/// The names that the module of a network uses itself.
const TAKEN: [&str; 9] = ["Ok", "Result", "Weights", "f32", "rt", "steps", "u64", "u8", "weights"];

/// Refuses a network whose names the source cannot have.
///
/// # Errors
/// When its type, or a parameter of its function `run`, would be called what Rust does not allow there.
pub(super) fn check(graph: &Graph) -> Result<(), RustError> {
    let network = graph.network.as_str();
    if TAKEN.contains(&network) || KEYWORDS.contains(&network) {
        return Err(RustError::Network { name: network.to_owned() });
    }
    match graph.inputs().iter().find(|input| NEVER_NAMES.contains(&input.name.as_str())) {
        Some(input) => Err(RustError::Input { name: input.name.clone() }),
        None => Ok(()),
    }
}

/// The name of the module of a network: `mobile_net_v2` for `MobileNetV2`.
#[must_use]
pub fn module_name(network: &str) -> Ident {
    identifier(&snake_case(network))
}

/// A name as an identifier: raw where it is a word of Rust, with an underscore where that is not allowed either. What is no name of the
/// language, such as `0` in a text with errors, becomes one that begins with an underscore.
#[must_use]
pub fn identifier(name: &str) -> Ident {
    if NEVER_NAMES.contains(&name) {
        return format_ident!("{name}_");
    }
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    if name.trim_matches('_').is_empty()
        || name.starts_with(|first: char| first.is_ascii_digit())
        || !name.chars().all(is_part)
    {
        let parts: String = name.chars().map(|character| if is_part(character) { character } else { '_' }).collect();
        return format_ident!("__{parts}");
    }
    if KEYWORDS.contains(&name) {
        return Ident::new_raw(name, Span::call_site());
    }
    Ident::new(name, Span::call_site())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_stands_for_a_name_is_an_identifier() {
        let names = ["0", "", "_", "a-b", "type", "self", "fine_1"].map(|name| identifier(name).to_string());
        assert_eq!(names, ["__0", "__", "___", "__a_b", "r#type", "self_", "fine_1"]);
    }

    #[test]
    fn modules_are_called_like_networks() {
        let names =
            ["Mlp", "MLP", "ParameterNet", "MobileNetV2", "HTTPServer", "Net2Net", "tiny", "Type", "Self", "Box", "A"];
        let modules = names.map(|name| module_name(name).to_string());
        let expected = [
            "mlp",
            "mlp",
            "parameter_net",
            "mobile_net_v2",
            "http_server",
            "net2_net",
            "tiny",
            "r#type",
            "self_",
            "r#box",
            "a",
        ];
        assert_eq!(modules, expected);
    }
}
