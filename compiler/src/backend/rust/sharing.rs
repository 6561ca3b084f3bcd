//! Functions that several places share: written once, with what differs between the places as parameters.
//!
//! In: [`Piece`]s of source, in which numbers and names are *holes*. Two pieces whose source is the same but for what stands
//! in the holes are uses of one function. Out: the functions, and for each use the arguments of its call.
//!
//! A hole that holds the same at every use is written as a literal; holes that always hold the same as each other are one
//! parameter, and so are places whose distance from each other is the same at every use. A function that is used once thus
//! has no parameters at all.

use std::collections::HashMap;

use proc_macro2::{Delimiter, Group, Ident, Literal, Spacing, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};

use super::documentation::{Place, of_function};

/// What stands in a hole.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Constant {
    /// A number.
    Number(usize),
    /// A name, as a string.
    Name(String),
    /// An expression, as it is written.
    Source(String),
}

impl ToTokens for Constant {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Constant::Number(value) => Literal::usize_unsuffixed(*value).to_tokens(tokens),
            Constant::Name(name) => Literal::string(name).to_tokens(tokens),
            Constant::Source(source) => tokens.extend(source.parse::<TokenStream>().unwrap_or_default()),
        }
    }
}

/// What a hole is called where it becomes a parameter, and how it may be joined with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// A size, a stride, or any other number.
    Number(&'static str),
    /// A place in memory, or in a list: also joined with others at a fixed distance.
    Place(&'static str),
    /// A name.
    Name,
    /// An activation.
    Activation,
}

impl Kind {
    fn is_number(self) -> bool {
        match self {
            Kind::Number(_) | Kind::Place(_) => true,
            Kind::Name | Kind::Activation => false,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Number(name) | Kind::Place(name) => name,
            Kind::Name => "name",
            Kind::Activation => "activation",
        }
    }
}

/// A hole in a piece of source.
#[derive(Debug, Clone)]
pub(super) struct Hole {
    pub kind: Kind,
    pub constant: Constant,
}

/// Source with holes.
#[derive(Debug, Clone, Default)]
pub(super) struct Piece {
    pub tokens: TokenStream,
    pub holes: Vec<Hole>,
}

impl Piece {
    /// Source that stands for a new hole.
    pub fn hole(&mut self, kind: Kind, constant: Constant) -> TokenStream {
        let name = format_ident!("{HOLE}{}", self.holes.len());
        self.holes.push(Hole { kind, constant });
        quote!(#name)
    }

    /// The source with every hole filled.
    pub fn filled(self) -> TokenStream {
        let holes: Vec<TokenStream> = self.holes.iter().map(|hole| hole.constant.to_token_stream()).collect();
        let signature = Signature { parameters: quote!(), arguments: quote!(), unpacking: quote!() };
        Filling { holes: &holes, signature: &signature }.fill(self.tokens)
    }

    /// A hole for a number.
    pub fn number(&mut self, name: &'static str, value: usize) -> TokenStream {
        self.hole(Kind::Number(name), Constant::Number(value))
    }
}

/// How holes are called; no other name begins like that.
const HOLE: &str = "__hole_";

/// A use of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Use {
    function: usize,
    index: usize,
}

/// Functions in the making.
#[derive(Debug, Default)]
pub(super) struct Functions {
    by_source: HashMap<(String, String), usize>,
    functions: Vec<Function>,
    names: HashMap<String, usize>,
}

#[derive(Debug)]
struct Function {
    name: Ident,
    tokens: TokenStream,
    kinds: Vec<Kind>,
    uses: Vec<Vec<Constant>>,
    /// What its module is for, in the author's words.
    summary: Option<String>,
    /// Where it is used, for people.
    places: Vec<Place>,
}

/// A parameter: the hole that stands for it, and which holes are computed from it.
#[derive(Debug)]
struct Parameter {
    name: Ident,
    hole: usize,
}

/// What becomes of each hole of a function.
#[derive(Debug)]
struct Resolved {
    parameters: Vec<Parameter>,
    holes: Vec<TokenStream>,
}

/// A finished function.
pub(super) struct Finished {
    pub name: Ident,
    /// Parameters as they stand in a signature, each behind a comma.
    pub parameters: TokenStream,
    pub body: TokenStream,
    /// What it does and where, for people.
    pub documentation: Option<String>,
}

impl Functions {
    /// Adds a use of the function with that source, whose name begins with `stem`.
    pub fn add(&mut self, stem: &str, piece: Piece) -> Use {
        let key = (stem.to_owned(), piece.tokens.to_string());
        let kinds = piece.holes.iter().map(|hole| hole.kind).collect();
        let next = self.functions.len();
        let function = *self.by_source.entry(key).or_insert(next);
        if function == next {
            let number = self.names.entry(stem.to_owned()).or_insert(0);
            *number += 1;
            let name = if *number == 1 { format_ident!("{stem}") } else { format_ident!("{stem}_{number}") };
            let (uses, places) = (Vec::new(), Vec::new());
            self.functions.push(Function { name, tokens: piece.tokens, kinds, uses, summary: None, places });
        }
        let mut index = 0;
        if let Some(function) = self.functions.get_mut(function) {
            index = function.uses.len();
            function.uses.push(piece.holes.into_iter().map(|hole| hole.constant).collect());
        }
        Use { function, index }
    }

    /// Says to people where a use is, and what its module is for.
    pub fn explain(&mut self, used: Use, place: Place, summary: Option<&str>) {
        if let Some(function) = self.functions.get_mut(used.function) {
            function.places.push(place);
            function.summary = summary.map(str::to_owned);
        }
    }

    /// Writes all functions; no use may be added any more.
    pub fn finish(&self) -> Vec<Finished> {
        self.functions
            .iter()
            .map(|function| {
                let resolved = function.resolve();
                let signature = signature(&resolved.parameters, function);
                let filling = Filling { holes: &resolved.holes, signature: &signature };
                let documentation = of_function(function.summary.as_deref(), &function.places);
                let mut body = signature.unpacking.clone();
                body.extend(filling.fill(function.tokens.clone()));
                Finished { name: function.name.clone(), parameters: signature.parameters, body, documentation }
            })
            .collect()
    }

    /// Writes the call of a use, on `first`, behind a piece; its other arguments are holes of that piece.
    pub fn call(&self, used: Use, first: &TokenStream, piece: &mut Piece) {
        let Some(function) = self.functions.get(used.function) else { return };
        let resolved = function.resolve();
        let constants = function.uses.get(used.index).map(Vec::as_slice).unwrap_or_default();
        let (mut others, mut numbers, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for parameter in &resolved.parameters {
            let (Some(kind), Some(constant)) = (function.kinds.get(parameter.hole), constants.get(parameter.hole))
            else {
                continue;
            };
            let argument = piece.hole(*kind, constant.clone());
            if kind.is_number() {
                numbers.push(argument);
                names.push(&parameter.name);
            } else {
                others.push(argument);
            }
        }
        let rows = rows(&numbers, &names);
        let name = &function.name;
        piece.tokens.extend(quote!(#name(#first #(, #others)* #(, #rows)*);));
    }
}

/// Numbers are passed in rows whose names fit into a line of so many characters.
const ROW: usize = 69;

/// Numbers as arguments: one by itself, several in rows, as the names of the parameters fit into lines.
fn rows<T: ToTokens>(numbers: &[T], names: &[&Ident]) -> Vec<TokenStream> {
    let mut rows: Vec<Vec<&T>> = Vec::new();
    let mut width = ROW;
    for (number, name) in numbers.iter().zip(names) {
        width += name.to_string().len() + ", ".len();
        match rows.last_mut() {
            Some(row) if width <= ROW => row.push(number),
            _ => {
                width = name.to_string().len() + ", ".len();
                rows.push(vec![number]);
            }
        }
    }
    match numbers {
        [one] => vec![one.to_token_stream()],
        _ => rows.iter().map(|row| quote!([#(#row),*])).collect(),
    }
}

/// The parameters, the arguments that pass them on, and statements that take rows apart.
struct Signature {
    parameters: TokenStream,
    arguments: TokenStream,
    unpacking: TokenStream,
}

/// Names and activations first, then numbers: one by itself, several in rows.
fn signature(parameters: &[Parameter], function: &Function) -> Signature {
    let mut signature = Signature { parameters: quote!(), arguments: quote!(), unpacking: quote!() };
    let mut numbers: Vec<&Ident> = Vec::new();
    for Parameter { name, hole } in parameters {
        let of = match function.kinds.get(*hole) {
            Some(Kind::Name) => quote!(&str),
            Some(Kind::Activation) => quote!(Activation),
            Some(Kind::Number(_) | Kind::Place(_)) | None => {
                numbers.push(name);
                continue;
            }
        };
        signature.parameters.extend(quote!(, #name: #of));
        signature.arguments.extend(quote!(, #name));
    }
    if let [one] = numbers.as_slice() {
        signature.parameters.extend(quote!(, #one: usize));
        signature.arguments.extend(quote!(, #one));
        return signature;
    }
    for (index, row) in rows(&numbers, &numbers).into_iter().enumerate() {
        let name = format_ident!("p{index}");
        let length = row.clone().into_iter().map(|token| match token {
            TokenTree::Group(group) => group.stream().into_iter().filter(|t| matches!(t, TokenTree::Ident(_))).count(),
            _ => 1,
        });
        let length = Literal::usize_unsuffixed(length.sum());
        signature.parameters.extend(quote!(, #name: N<#length>));
        signature.arguments.extend(quote!(, #name));
        signature.unpacking.extend(quote!(let #row = #name;));
    }
    signature
}

impl Function {
    fn resolve(&self) -> Resolved {
        let mut resolved = Resolved { parameters: Vec::new(), holes: Vec::new() };
        let mut known: HashMap<(Option<Kind>, Vec<Constant>), usize> = HashMap::new();
        // By group of places at fixed distances: the place that comes first.
        let mut least: HashMap<(Kind, Vec<i128>), usize> = HashMap::new();
        let columns: Vec<Vec<&Constant>> = (0..self.kinds.len())
            .map(|hole| self.uses.iter().filter_map(|constants| constants.get(hole)).collect())
            .collect();
        let distances = |column: &[&Constant]| -> Vec<i128> {
            let number = |constant: &Constant| match constant {
                Constant::Number(value) => i128::try_from(*value).unwrap_or(0),
                Constant::Name(_) | Constant::Source(_) => 0,
            };
            let first = column.first().map_or(0, |constant| number(constant));
            column.iter().map(|constant| number(constant) - first).collect()
        };
        let first_of = |column: &[&Constant]| match column.first() {
            Some(Constant::Number(value)) => *value,
            _ => 0,
        };
        for (hole, (kind, column)) in self.kinds.iter().zip(&columns).enumerate() {
            if matches!(kind, Kind::Place(_)) {
                let entry = least.entry((*kind, distances(column))).or_insert(hole);
                if columns.get(*entry).is_some_and(|other| first_of(column) < first_of(other)) {
                    *entry = hole;
                }
            }
        }
        let mut names: HashMap<&'static str, usize> = HashMap::new();
        for (kind, column) in self.kinds.iter().zip(&columns) {
            let Some(first) = column.first() else { continue };
            if column.iter().all(|constant| constant == first) {
                resolved.holes.push(first.to_token_stream());
                continue;
            }
            let hole = resolved.holes.len();
            let (representative, distance) = match kind {
                Kind::Place(_) => {
                    let representative = least.get(&(*kind, distances(column))).copied().unwrap_or(hole);
                    let start = columns.get(representative).map_or(0, |column| first_of(column));
                    (representative, first_of(column).saturating_sub(start))
                }
                Kind::Number(_) | Kind::Name | Kind::Activation => (hole, 0),
            };
            let own_kind = matches!(kind, Kind::Place(_)).then_some(*kind);
            let values = columns.get(representative).map(|column| column.iter().map(|c| (*c).clone()).collect());
            let next = resolved.parameters.len();
            let parameter = *known.entry((own_kind, values.unwrap_or_default())).or_insert(next);
            if parameter == next {
                let count = names.entry(kind.name()).or_insert(0);
                *count += 1;
                let name = if *count == 1 {
                    format_ident!("{}", kind.name())
                } else {
                    format_ident!("{}{count}", kind.name())
                };
                resolved.parameters.push(Parameter { name, hole: representative });
            }
            let name = resolved.parameters.get(parameter).map(|parameter| &parameter.name);
            resolved.holes.push(if distance == 0 {
                quote!(#name)
            } else {
                let distance = Literal::usize_unsuffixed(distance);
                quote!((#name + #distance))
            });
        }
        resolved
    }
}

/// What stands for names in the source of a function.
struct Filling<'f> {
    holes: &'f [TokenStream],
    signature: &'f Signature,
}

/// Stands for the parameters of a function, each behind a comma, where a function in it needs the same.
pub(super) const PARAMETERS: &str = "__parameters";

/// Stands for the arguments that pass these parameters on.
pub(super) const ARGUMENTS: &str = "__arguments";

/// Stands for the statements that make names of rows.
pub(super) const UNPACKING: &str = "__unpacking";

/// Whether a dot by itself comes next, and no range.
fn is_method_call(next: Option<&TokenTree>) -> bool {
    matches!(next, Some(TokenTree::Punct(punct)) if punct.as_char() == '.' && punct.spacing() == Spacing::Alone)
}

/// What stands in a hole before the name of a method: a number needs a type there.
fn typed(tokens: TokenStream) -> TokenStream {
    match tokens.to_string().parse::<usize>() {
        Ok(number) => Literal::usize_suffixed(number).into_token_stream(),
        Err(_) => tokens,
    }
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')
}

/// Without parentheses around all of it, which an element of a list does not need.
fn unwrapped(tokens: TokenStream) -> TokenStream {
    let mut all = tokens.clone().into_iter();
    match (all.next(), all.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::Parenthesis => group.stream(),
        _ => tokens,
    }
}

impl Filling<'_> {
    fn fill(&self, tokens: TokenStream) -> TokenStream {
        let mut tokens = tokens.into_iter().peekable();
        let mut filled = TokenStream::new();
        // Whether an element of a list begins.
        let mut begins = true;
        while let Some(token) = tokens.next() {
            let is_hole = matches!(&token, TokenTree::Ident(ident) if ident.to_string().starts_with(HOLE));
            let has_method = is_method_call(tokens.peek());
            let stands_alone = begins && tokens.peek().is_none_or(is_comma);
            begins = is_comma(&token);
            let one = self.fill_one(token);
            filled.extend(match is_hole {
                true if has_method => typed(one),
                true if stands_alone => unwrapped(one),
                _ => one,
            });
        }
        filled
    }

    fn fill_one(&self, token: TokenTree) -> TokenStream {
        match token {
            TokenTree::Ident(ident) if ident == PARAMETERS => self.signature.parameters.clone(),
            TokenTree::Ident(ident) if ident == ARGUMENTS => self.signature.arguments.clone(),
            TokenTree::Ident(ident) if ident == UNPACKING => self.signature.unpacking.clone(),
            TokenTree::Ident(ident) => {
                let name = ident.to_string();
                let hole = name.strip_prefix(HOLE).and_then(|number| self.holes.get(number.parse::<usize>().ok()?));
                hole.cloned().unwrap_or_else(|| ident.into_token_stream())
            }
            TokenTree::Group(group) => {
                let mut filled = Group::new(group.delimiter(), self.fill(group.stream()));
                filled.set_span(group.span());
                filled.into_token_stream()
            }
            other => other.into_token_stream(),
        }
    }
}
