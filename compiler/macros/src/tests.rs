//! Tokens as text and back, what errors there are and where, and that nothing makes the macro panic.

use std::path::Path;
use std::str::FromStr;

use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use proptest::prelude::*;
use quote::{ToTokens, quote};

use crate::expand::expand;
use crate::module::network_names;
use crate::source_map::SourceText;

fn tokens(text: &str) -> TokenStream {
    TokenStream::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The leaves of tokens: their texts with their spans, brackets included, in order.
fn leaves(stream: TokenStream, leaves: &mut Vec<(String, Span)>) {
    for token in stream {
        match token {
            TokenTree::Group(group) => {
                let brackets = match group.delimiter() {
                    Delimiter::Parenthesis => Some(["(", ")"]),
                    Delimiter::Bracket => Some(["[", "]"]),
                    Delimiter::Brace => Some(["{", "}"]),
                    Delimiter::None => None,
                };
                leaves_of(brackets.map(|[open, _]| (open, group.span_open())), leaves);
                self::leaves(group.stream(), leaves);
                leaves_of(brackets.map(|[_, close]| (close, group.span_close())), leaves);
            }
            other => leaves.push((other.to_string(), other.span())),
        }
    }
}

fn leaves_of(bracket: Option<(&str, Span)>, leaves: &mut Vec<(String, Span)>) {
    leaves.extend(bracket.map(|(text, span)| (text.to_owned(), span)));
}

/// Checks the invariant: each token's text at its range, each leaf once, in order.
fn check_ranges(stream: TokenStream) -> Result<(), TestCaseError> {
    let text = SourceText::of(stream.clone());
    let mut expected = Vec::new();
    leaves(stream, &mut expected);
    prop_assert_eq!(text.tokens().len(), expected.len());
    let mut end = 0;
    for ((range, _), (token, _)) in text.tokens().iter().zip(&expected) {
        prop_assert_eq!(text.text().get(range.clone()), Some(token.as_str()));
        prop_assert!(range.start >= end, "tokens are in order");
        end = range.end;
    }
    Ok(())
}

/// Programs of the repository: the text that the macro sees has the same tokens at the same lines and columns.
#[test]
fn a_text_comes_back_as_it_was_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    for name in ["digits/digits.pnet", "models/parameternet.pnet", "models/mlp.pnet", "models/blocks/ghost.pnet"] {
        let Ok(written) = std::fs::read_to_string(folder.join(name)) else { continue };
        let text = SourceText::of(tokens(&written));
        let (mut lines, mut found) = (written.lines(), text.text().lines());
        for (line, (written, found)) in (&mut lines).zip(&mut found).enumerate() {
            // Plain comments are no tokens.
            let without = match written.find("//") {
                Some(start) if !written[start..].starts_with("///") => &written[..start],
                _ => written,
            };
            assert_eq!(found.trim_end(), without.trim_end(), "{name}:{}", line + 1);
        }
        assert_eq!(found.next(), None);
        assert!(lines.all(|line| line.trim().is_empty()));
    }
}

#[test]
fn places_lead_back_to_tokens() {
    let text = SourceText::of(tokens("network N {\n    input x: f32[1, 6]\n    return x |> linaer(4)\n}"));
    let start = text.text().find("linaer").expect("the name");
    let (first, last) = text.spans(&(start..start + 6)).expect("a token");
    assert_eq!((first.start().line, first.start().column), (3, 16));
    assert_eq!((last.end().line, last.end().column), (3, 22));
    let (first, last) = text.spans(&(start..start + 9)).expect("tokens");
    assert_eq!((first.start().column, last.end().column), (16, 25));
    // What lies behind the end belongs to the last token.
    let end = text.text().len();
    assert_eq!(text.spans(&(end..end)).map(|(first, _)| first.start().line), Some(4));
    assert!(SourceText::of(TokenStream::new()).spans(&(0..0)).is_none());
}

/// What other macros make has no places of its own.
#[test]
fn tokens_without_places_keep_apart() {
    let out = Ident::new("out", Span::call_site());
    let stream = quote!(let y = x |> conv(#out, kernel = 3) as blocks[0].first return -1..=2 || a != b);
    let text = SourceText::of(stream.clone());
    let expected = "let y = x |> conv ( out , kernel = 3 ) as blocks [ 0 ] . first return - 1 ..= 2 || a != b";
    assert_eq!(text.text(), expected);
    check_ranges(stream).expect("the invariant");
}

/// What stands for `$x` is one value, whatever it is made of.
#[test]
fn what_a_variable_stands_for_keeps_together() {
    let sum = TokenTree::Group(Group::new(Delimiter::None, quote!(1 + 1)));
    let one = TokenTree::Group(Group::new(Delimiter::None, quote!(conv(3))));
    let text = SourceText::of(quote!(2 * #sum |> #one));
    let text: String = text.text().split_whitespace().collect();
    assert_eq!(text, "2*(1+1)|>conv(3)");
}

#[test]
fn documentation_comes_back_as_comments() {
    let text =
        SourceText::of(tokens("/// One.\n///\n/// Two.\nnetwork N {}\n//! Inner.\n#[doc = \"a\\nb\"]\nmodule M(x) {}"));
    let lines: Vec<&str> = text.text().lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(
        lines,
        ["/// One.", "///", "/// Two.", "network N {}", "//! Inner.", "///a", "///b", "module M ( x ) { }"],
        "after two lines for one, places are no longer known"
    );
}

#[test]
fn networks_of_broken_texts_have_names() {
    assert_eq!(network_names("// network\nnetwork A(x = ( {\n  network  B{}\nnetworks C"), ["A", "B"]);
}

/// The folder of the files that the tests of this module read.
fn examples() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

#[test]
fn what_is_read_is_watched() {
    let folder = examples();
    let expansion =
        expand(quote!(mod digits = "digits/digits.pnet" { weights: embed "digits/digits-e4.safetensors" }), &folder);
    let text = expansion.to_string();
    assert!(!text.contains("compile_error"), "{}", &text[..2000]);
    for file in ["digits/digits.pnet", "digits/digits-e4.safetensors"] {
        let path = folder.join(file);
        assert!(text.contains(&format!("include_bytes ! (\"{}\")", path.display())), "{file}");
    }
    // Files are watched through `use`, and when there are errors.
    let wrong = expand(quote!(mod net = "models/parameternet.pnet" { width: x }), &folder).to_string();
    assert!(wrong.contains("compile_error"));
    let used = std::fs::read_dir(folder.join("models/blocks")).expect("the folder").flatten();
    let used = used.filter(|file| wrong.contains(&file.path().display().to_string()));
    assert!(used.count() > 0, "the blocks of the network are watched");
}

#[test]
fn errors_leave_types_that_bring_no_others() {
    let text = expand(quote!(network Wrong { input x: f32[1, 6] return x |> linaer(4) }), Path::new("")).to_string();
    assert_eq!(text.matches("compile_error").count(), 1, "{text}");
    assert!(text.contains("pub mod wrong {"), "{text}");
    assert!(text.contains("pub type Wrong = Weights"), "{text}");
    syn::parse_str::<syn::File>(&text).expect("items");
}

#[test]
fn text_of_two_networks_is_two_modules() {
    let text = expand(
        quote! {
            module Head(x, classes) { return x |> linear(classes) as head }
            network First { input x: f32[batch, 6] return x |> Head(2) as a }
            network Second(classes = 3) { input x: f32[batch, 6] return x |> Head(classes) as a }
        },
        Path::new(""),
    );
    assert!(!text.to_string().contains("compile_error"), "{text}");
    let file: syn::File = syn::parse2(text).expect("items");
    let modules = file.items.iter().filter_map(|item| match item {
        syn::Item::Mod(module) => Some(module.ident.to_string()),
        _ => None,
    });
    assert_eq!(modules.collect::<Vec<_>>(), ["first", "second"]);
}

fn leaf() -> impl Strategy<Value = TokenTree> {
    const WORDS: [&str; 26] = [
        "network", "module", "fn", "const", "use", "budget", "input", "let", "for", "in", "if", "else", "return", "as",
        "x", "Net", "conv", "linear", "relu", "f32", "batch", "mod", "pub", "embed", "weights", "layout",
    ];
    prop_oneof![
        6 => prop::sample::select(&WORDS[..]).prop_map(|word| Ident::new(word, Span::call_site()).into()),
        4 => (prop::sample::select(vec!['|', '>', '=', ':', ',', '+', '-', '*', '/', '<', '.', '#', '!', '\'', '$', ';', '&']), any::<bool>())
            .prop_map(|(character, joint)| {
                Punct::new(character, if joint && character != '\'' { Spacing::Joint } else { Spacing::Alone }).into()
            }),
        2 => any::<u16>().prop_map(|number| Literal::u16_unsuffixed(number).into()),
        1 => any::<f32>().prop_filter("finite", |number| number.is_finite() && *number >= 0.0)
            .prop_map(|number| Literal::f32_unsuffixed(number).into()),
        1 => "[a-z./\"\\\\é]{0,8}".prop_map(|text| Literal::string(&text).into()),
    ]
}

fn tree() -> impl Strategy<Value = TokenTree> {
    leaf().prop_recursive(5, 60, 8, |inner| {
        let delimiter =
            prop::sample::select(vec![Delimiter::Parenthesis, Delimiter::Bracket, Delimiter::Brace, Delimiter::None]);
        (delimiter, prop::collection::vec(inner, 0..8))
            .prop_map(|(delimiter, trees)| Group::new(delimiter, trees.into_iter().collect()).into())
    })
}

fn stream() -> impl Strategy<Value = TokenStream> {
    prop::collection::vec(tree(), 0..12).prop_map(|trees| trees.into_iter().collect())
}

proptest! {
    /// Tokens of any kind, as other macros make them.
    #[test]
    fn each_token_has_its_range(stream in stream()) {
        // A `#` before brackets may be documentation, which is one token of the text.
        prop_assume!(!stream.to_string().contains("doc"));
        check_ranges(stream)?;
    }

    /// The same, read from a text, so that they have places.
    #[test]
    fn each_token_with_a_place_has_its_range(stream in stream()) {
        let Ok(placed) = TokenStream::from_str(&stream.to_string()) else { return Ok(()) };
        check_ranges(placed)?;
    }

    /// Nothing makes the macro panic, and what it gives are items.
    #[test]
    fn any_tokens_are_answered(stream in stream()) {
        let expansion = expand(stream, Path::new("no/such/folder"));
        prop_assert!(syn::parse2::<syn::File>(expansion).is_ok());
    }

    /// The same for what begins like a module, or like a network.
    #[test]
    fn any_settings_are_answered(settings in stream(), rest in stream()) {
        let settings = Group::new(Delimiter::Brace, settings).into_token_stream();
        for tokens in [
            quote!(mod net = "models/mlp.pnet" #settings),
            quote!(pub mod net = "models/mlp.pnet" #rest),
            quote!(mod net #rest),
            quote!(network Net #settings),
            quote!(network Net { input x: f32[1, 6] return x |> linear #rest }),
        ] {
            let expansion = expand(tokens, &examples());
            prop_assert!(syn::parse2::<syn::File>(expansion).is_ok());
        }
    }
}
