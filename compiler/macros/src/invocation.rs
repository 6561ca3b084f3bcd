//! What a use of the macro asks for.
//!
//! In: its tokens. Out: an [`Invocation`]: a module made of a file, or the text of a program. Errors are on the token that is
//! wrong, and those of one setting hide none of the others.

use std::ops::Range;

use parameternet_compiler::plan::ImageLayout;
use parameternet_dsl::diagnostic::did_you_mean;
use parameternet_runtime::Dtype;
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, LitInt, LitStr, Meta, Token, Visibility};

use crate::source_map::{SourceText, is_punct};

/// The keys that are not hyper-parameters.
pub(crate) const KEYS: [&str; 5] = ["network", "batch", "layout", "experts_dtype", "weights"];

/// What a use of the macro asks for.
pub(crate) enum Invocation {
    /// `pub mod name = "file.pnet" { … }`.
    File(Box<FileForm>),
    /// The text of a program.
    Inline(TokenStream),
}

/// A module made of a file.
pub(crate) struct FileForm {
    /// What the author says of the network, a line each.
    pub(crate) documentation: Vec<String>,
    /// All other attributes.
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) name: Ident,
    pub(crate) path: LitStr,
    pub(crate) settings: Settings,
    /// What is wrong with the settings; they hold the rest.
    pub(crate) errors: Vec<Error>,
}

/// The settings between braces.
#[derive(Default)]
pub(crate) struct Settings {
    /// Which network of the file.
    pub(crate) network: Option<Ident>,
    pub(crate) batch: Option<usize>,
    pub(crate) layout: ImageLayout,
    /// What experts are stored as.
    pub(crate) experts_dtype: Dtype,
    /// The file of the weights that are part of the program.
    pub(crate) weights: Option<LitStr>,
    pub(crate) hyper_parameters: Vec<HyperParameter>,
}

/// A hyper-parameter with its value.
pub(crate) struct HyperParameter {
    pub(crate) name: Ident,
    pub(crate) value: SourceText,
}

impl HyperParameter {
    /// The name as the language knows it.
    pub(crate) fn key(&self) -> String {
        self.name.unraw().to_string()
    }

    /// The tokens at a range of the value.
    pub(crate) fn spans(&self, range: &Range<usize>) -> (Span, Span) {
        self.value.spans(range).unwrap_or((self.name.span(), self.name.span()))
    }
}

impl Invocation {
    /// Reads the tokens of the macro.
    ///
    /// # Errors
    /// When they begin like a module and do not go on like one.
    pub(crate) fn of(tokens: TokenStream) -> Result<Invocation, Error> {
        let begins_module = |input: ParseStream<'_>| -> syn::Result<bool> {
            let begins = input.call(Attribute::parse_outer).is_ok()
                && input.parse::<Visibility>().is_ok()
                && input.peek(Token![mod]);
            input.parse::<TokenStream>()?;
            Ok(begins)
        };
        if !syn::parse::Parser::parse2(begins_module, tokens.clone()).unwrap_or(false) {
            return Ok(Invocation::Inline(tokens));
        }
        Ok(Invocation::File(Box::new(syn::parse2(tokens)?)))
    }
}

impl Parse for FileForm {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let (documents, attributes) = input.call(Attribute::parse_outer)?.into_iter().partition(is_documentation);
        let visibility = input.parse()?;
        input.parse::<Token![mod]>()?;
        let name: Ident = input.parse()?;
        let example = format!("`mod {name} = \"models/net.pnet\" {{ … }}`");
        let expected = |error: Error, what: &str| Error::new(error.span(), format!("expected {what}: {example}"));
        input.parse::<Token![=]>().map_err(|error| expected(error, "`=` and the path of a file"))?;
        let path: LitStr = input.parse().map_err(|error| expected(error, "the path of a file as a string"))?;
        let mut form = FileForm {
            documentation: lines(documents)?,
            attributes,
            visibility,
            name,
            path,
            settings: Settings::default(),
            errors: Vec::new(),
        };
        let braces = match input.parse::<Option<TokenTree>>()? {
            None => return Ok(form),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => Some(group),
            Some(token) if is_punct(&token, ';') => None,
            Some(token) => return Err(Error::new(token.span(), "expected settings: `{ width: 0.5, classes: 37 }`")),
        };
        if let Some(braces) = braces {
            form.errors = form.settings.read(&braces);
        }
        match input.parse::<Option<TokenTree>>()? {
            None => Ok(form),
            Some(token) => Err(Error::new(token.span(), "one `parameternet!` makes one module: write another one")),
        }
    }
}

/// Whether an attribute is a doc comment, rather than `#[doc(hidden)]`.
fn is_documentation(attribute: &Attribute) -> bool {
    attribute.path().is_ident("doc") && matches!(attribute.meta, Meta::NameValue(_))
}

/// The documentation in attributes, a line each.
fn lines(attributes: Vec<Attribute>) -> syn::Result<Vec<String>> {
    let mut lines = Vec::new();
    for attribute in attributes {
        let value = &attribute.meta.require_name_value()?.value;
        let text: LitStr = syn::parse2(value.to_token_stream())
            .map_err(|error| Error::new(error.span(), "documentation has to be written out here"))?;
        // Doc comments begin with a space, which is no part of what they say.
        let line = |line: &str| line.strip_prefix(' ').unwrap_or(line).to_owned();
        lines.extend(text.value().split('\n').map(line));
    }
    Ok(lines)
}

impl Settings {
    /// Reads `key: value, …`; gives what is wrong.
    fn read(&mut self, braces: &Group) -> Vec<Error> {
        let tokens: Vec<TokenTree> = braces.stream().into_iter().collect();
        let mut errors = Vec::new();
        let mut known: Vec<String> = Vec::new();
        let mut entries: Vec<&[TokenTree]> = tokens.split(|token| is_punct(token, ',')).collect();
        // A comma after the last one is fine.
        entries.pop_if(|last| last.is_empty());
        let mut place = braces.span_open();
        for entry in entries {
            match self.entry(entry, place, &mut known) {
                Ok(()) => {}
                Err(error) => errors.push(error),
            }
            place = entry.last().map_or(place, TokenTree::span);
        }
        errors
    }

    /// Reads one entry. `place` is where it would stand if it is empty.
    fn entry(&mut self, entry: &[TokenTree], place: Span, known: &mut Vec<String>) -> Result<(), Error> {
        let expected = |span| Error::new(span, "expected `name: value`, such as `width: 0.5`");
        let (name, rest) = match entry {
            [] => return Err(Error::new(place, "a comma too many: expected `name: value` after this")),
            [TokenTree::Ident(name), rest @ ..] => (name, rest),
            [other, ..] => return Err(expected(other.span())),
        };
        let value = match rest {
            [colon, value @ ..] if is_punct(colon, ':') => value,
            [equals, ..] if is_punct(equals, '=') => {
                return Err(Error::new(equals.span(), format!("settings are written with a colon: `{name}: …`")));
            }
            [other, ..] => return Err(Error::new(other.span(), format!("expected `:` after `{name}`"))),
            [] => return Err(Error::new(name.span(), format!("expected a value: `{name}: …`"))),
        };
        if value.is_empty() {
            return Err(Error::new(name.span(), format!("expected a value: `{name}: …`")));
        }
        // No value has a colon outside of brackets.
        let next = value.windows(2).find_map(|pair| match pair {
            [TokenTree::Ident(name), colon] if is_punct(colon, ':') => Some(name),
            _ => None,
        });
        if let Some(next) = next {
            return Err(Error::new(next.span(), format!("expected a comma before `{next}`")));
        }
        let key = name.unraw().to_string();
        if known.contains(&key) {
            return Err(Error::new(name.span(), format!("`{key}` is set twice")));
        }
        known.push(key.clone());
        let value: TokenStream = value.iter().cloned().collect();
        match key.as_str() {
            "network" => self.network = Some(network(value)?),
            "batch" => self.batch = Some(batch(value)?),
            "layout" => self.layout = layout(value)?,
            "experts_dtype" => self.experts_dtype = experts_dtype(value)?,
            "weights" => self.weights = Some(weights(value)?),
            _ => {
                let value: Vec<TokenTree> = value.into_iter().collect();
                let value = SourceText::of_value(&value);
                self.hyper_parameters.push(HyperParameter { name: name.clone(), value });
            }
        }
        Ok(())
    }
}

/// An error over all tokens of a value.
fn wrong(value: &TokenStream, message: &str) -> Error {
    Error::new_spanned(value, message)
}

fn network(value: TokenStream) -> Result<Ident, Error> {
    let name: Result<Ident, Error> = syn::parse2(value.clone());
    name.map_err(|_| wrong(&value, "expected the name of a network of the file, without quotes"))
}

fn batch(value: TokenStream) -> Result<usize, Error> {
    let error = || wrong(&value, "expected how many samples a run takes: a whole number from 1");
    let number: LitInt = syn::parse2(value.clone()).map_err(|_| error())?;
    match number.base10_parse() {
        Ok(batch @ 1..) if number.suffix().is_empty() => Ok(batch),
        _ => Err(error()),
    }
}

fn layout(value: TokenStream) -> Result<ImageLayout, Error> {
    match value.to_string().as_str() {
        "nchw" => Ok(ImageLayout::Nchw),
        "nhwc" => Ok(ImageLayout::Nhwc),
        _ => Err(wrong(&value, "expected `nchw` (channels before rows) or `nhwc` (channels last)")),
    }
}

fn experts_dtype(value: TokenStream) -> Result<Dtype, Error> {
    let name = value.to_string();
    name.parse().map_err(|_| wrong(&value, "expected `f32`, `bf16` or `int8`: what experts are stored as in memory"))
}

fn weights(value: TokenStream) -> Result<LitStr, Error> {
    let embedded = |input: ParseStream<'_>| -> syn::Result<LitStr> {
        let word = Ident::parse_any(input)?;
        if word != "embed" {
            return Err(Error::new(word.span(), ""));
        }
        input.parse()
    };
    syn::parse::Parser::parse2(embedded, value.clone())
        .map_err(|_| wrong(&value, "expected `embed \"weights.safetensors\"`: the weights become part of the program"))
}

/// The key that may have been meant by the name of a hyper-parameter.
pub(crate) fn similar_key(name: &str) -> Option<&'static str> {
    did_you_mean(name, KEYS)
}

impl ToTokens for FileForm {
    /// The head of the module.
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let FileForm { attributes, visibility, name, .. } = self;
        tokens.extend(quote!(#(#attributes)* #visibility mod #name));
    }
}
