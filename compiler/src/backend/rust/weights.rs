//! What the weights of a network are and how they are prepared, as calls of the runtime's `Describe`.
//!
//! The contents that a step is the first to need become a function that computes their values from the tensors of the file
//! and lays them out. Contents are numbered anew, in the order in which the steps ask for them.

use std::collections::{BTreeSet, HashMap};

use parameternet_runtime::Dtype;
use parameternet_runtime::prepare::{Arithmetic, Content, Dimension, Layout, Preparation, Value, ValueId};
use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::sharing::{Constant, Kind, Piece};
use crate::code::{Address, Argument, Index, Machine, Operation, Routine, Statement};
use crate::graph::{Graph, Path};

/// The contents in their new order.
#[derive(Debug, Default)]
pub(super) struct Contents {
    numbers: HashMap<usize, usize>,
}

impl Contents {
    /// The number of a content of the plan.
    pub fn number(&self, content: usize) -> usize {
        self.numbers.get(&content).copied().unwrap_or(0)
    }

    /// Numbers the contents that a routine is the first to ask for; gives them in order.
    pub fn claim(&mut self, routine: &Routine) -> Vec<usize> {
        let mut asked = collect(routine);
        asked.retain(|content| !self.numbers.contains_key(content));
        for content in &asked {
            let next = self.numbers.len();
            self.numbers.insert(*content, next);
        }
        asked.into_iter().collect()
    }
}

/// The contents that a routine reads; what it only fetches, another one does.
fn collect(routine: &Routine) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut address = |address: &Address| collect_index(&address.offset, &mut found);
    routine.visit(|statement| match statement {
        Statement::Store { to, .. } => address(to),
        Statement::Set { operation: Operation::Load(from) | Operation::Splat(from), .. } => address(from),
        Statement::Call { arguments, .. } => {
            for argument in arguments {
                if let Argument::Address(argument) = argument {
                    address(argument);
                }
            }
        }
        Statement::Set { .. } | Statement::Let { .. } | Statement::For { .. } | Statement::Panels { .. } => {}
    });
    found
}

fn collect_index(index: &Index, found: &mut BTreeSet<usize>) {
    match index {
        Index::Machine(Machine::Content(content), _) => {
            found.insert(*content);
        }
        Index::Constant(_) | Index::Size(_) | Index::Variable(_) | Index::Machine(..) => {}
        Index::Sum(terms) => terms.iter().for_each(|term| collect_index(term, found)),
        Index::Multiple(left, right)
        | Index::Difference(left, right)
        | Index::Quotient(left, right)
        | Index::QuotientUp(left, right)
        | Index::Remainder(left, right)
        | Index::Minimum(left, right)
        | Index::Maximum(left, right) => {
            collect_index(left, found);
            collect_index(right, found);
        }
    }
}

/// The function of the contents that a step is the first to need, which stands in the instance at `path`.
pub(super) fn write(graph: &Graph, preparation: &Preparation, contents: &[usize], path: &Path) -> Piece {
    let mut piece = Piece::default();
    let mut names: HashMap<ValueId, TokenStream> = HashMap::new();
    for content in contents.iter().filter_map(|content| preparation.contents.get(*content)) {
        let (value, layout) = match &content.content {
            Content::Value { value, layout } => (*value, layout),
            Content::Indices(indices) => {
                let indices = integers(indices, &mut piece);
                piece.tokens.extend(quote!(w.indices(#indices);));
                continue;
            }
        };
        for id in needed(preparation, value) {
            let Some(needed) = preparation.values.get(id.0).filter(|_| !names.contains_key(&id)) else { continue };
            let source = source(graph, needed, &names, path, &mut piece);
            let name = format_ident!("v{}", names.len());
            piece.tokens.extend(quote!(let #name = #source;));
            names.insert(id, quote!(#name));
        }
        let value = names.get(&value);
        let laid_out = match layout {
            Layout::Strided(dims) => {
                let dims = dimensions(dims, &mut piece);
                quote!(w.strided(#value, #dims);)
            }
            Layout::Panels { outer, depth, columns, tile: _, dtype } => {
                let (outer, depth) = (dimensions(outer, &mut piece), dimensions(depth, &mut piece));
                let columns = dimension(*columns, &mut piece);
                let dtype = stored_as(*dtype);
                quote!(w.panels(#value, #outer, #depth, #columns, #dtype);)
            }
            Layout::Strassen { depth, columns, tile: _ } => {
                let (depth, columns) = (dimension(*depth, &mut piece), dimension(*columns, &mut piece));
                quote!(w.strassen(#value, #depth, #columns);)
            }
            Layout::Blocks { outer, depth, columns, width } => {
                let (outer, depth) = (dimensions(outer, &mut piece), dimensions(depth, &mut piece));
                let columns = dimension(*columns, &mut piece);
                let width = piece.number("width", *width);
                quote!(w.blocks(#value, #outer, #depth, #columns, #width);)
            }
        };
        piece.tokens.extend(laid_out);
    }
    piece
}

/// What numbers are stored as.
pub(super) fn stored_as(dtype: Dtype) -> TokenStream {
    match dtype {
        Dtype::F32 => quote!(rt::F32),
        Dtype::Bf16 => quote!(rt::Bf16),
        Dtype::Int8 => quote!(rt::Int8),
    }
}

/// Tensors that a file must hold though no content needs them.
pub(super) fn write_unused(graph: &Graph, preparation: &Preparation) -> Piece {
    let used: BTreeSet<usize> = preparation
        .contents
        .iter()
        .filter_map(|prepared| match &prepared.content {
            Content::Value { value, .. } => Some(needed(preparation, *value)),
            Content::Indices(_) => None,
        })
        .flatten()
        .filter_map(|id| match preparation.values.get(id.0) {
            Some(Value::Stored { index, .. }) => Some(*index),
            _ => None,
        })
        .collect();
    let mut piece = Piece::default();
    let unused = graph.stored_weights().enumerate().filter(|(index, _)| !used.contains(index));
    let statements: Vec<TokenStream> = unused
        .map(|(index, weight)| {
            let length = weight.shape.elements();
            let stored = source(graph, &Value::Stored { index, length }, &HashMap::new(), &Path::default(), &mut piece);
            quote!(#stored;)
        })
        .collect();
    piece.tokens = quote!(#(#statements)*);
    piece
}

/// A value and all that it is computed from, each behind its operands: in the same order wherever the same is computed.
fn needed(preparation: &Preparation, value: ValueId) -> Vec<ValueId> {
    let mut needed = Vec::new();
    let mut known = BTreeSet::new();
    let mut open = vec![(value, false)];
    while let Some((id, has_operands)) = open.pop() {
        if has_operands {
            needed.push(id);
        } else if known.insert(id) {
            open.push((id, true));
            let operands = preparation.values.get(id.0).map(Value::operands).unwrap_or_default();
            open.extend(operands.into_iter().rev().map(|operand| (operand, false)));
        }
    }
    needed
}

/// The call that makes a value, in the description of the instance at `at`.
fn source(
    graph: &Graph,
    value: &Value,
    names: &HashMap<ValueId, TokenStream>,
    at: &Path,
    piece: &mut Piece,
) -> TokenStream {
    let name = |id: &ValueId| names.get(id);
    match value {
        Value::Stored { index, .. } => {
            let Some(weight) = graph.weights().get(*index) else { return TokenStream::new() };
            let dims: Vec<TokenStream> = weight.shape.dims().iter().map(|size| piece.number("size", *size)).collect();
            let (path, name) = weight.name.rsplit_once('.').unwrap_or(("", &weight.name));
            let path = piece.hole(Kind::Name, Constant::Name(relative(path, at)));
            let method = if weight.flat_tail { format_ident!("stored_flat") } else { format_ident!("stored") };
            quote!(w.#method(#path, #name, &[#(#dims),*]))
        }
        Value::Constant(numbers) => {
            let numbers = doubles(numbers, piece);
            quote!(w.constant(#numbers))
        }
        Value::InverseSqrt { of, eps } => {
            let (of, eps) = (name(of), Literal::f64_unsuffixed(*eps));
            quote!(w.inverse_sqrt(#of, #eps))
        }
        Value::Vector { operator, left, right, inner } => {
            let (left, right) = (name(left), name(right));
            let method = match operator {
                Arithmetic::Add => format_ident!("add"),
                Arithmetic::Subtract => format_ident!("subtract"),
                Arithmetic::Multiply => format_ident!("multiply"),
                Arithmetic::Divide => format_ident!("divide"),
            };
            let inner = piece.number("inner", *inner);
            quote!(w.#method(#left, #right, #inner))
        }
        Value::Sum { left, right } => {
            let (left, right) = (name(left), name(right));
            quote!(w.sum(#left, #right))
        }
        Value::Embed { of, size, offset, kernel } => {
            let of = name(of);
            let [size, offset, kernel] = [size, offset, kernel].map(|pair| {
                let pair = pair.map(Literal::usize_unsuffixed);
                quote!([#(#pair),*])
            });
            quote!(w.embed(#of, #size, #offset, #kernel))
        }
        Value::Diagonal { of, inputs } => {
            let of = name(of);
            let inputs = piece.number("inputs", *inputs);
            quote!(w.diagonal(#of, #inputs))
        }
        Value::Winograd { of } => {
            let of = name(of);
            quote!(w.winograd(#of))
        }
        Value::Select { of, indices } => {
            let of = of.iter().map(name);
            let indices = integers(indices, piece);
            quote!(w.select(&[#(#of),*], #indices))
        }
    }
}

fn dimensions(dims: &[Dimension], piece: &mut Piece) -> TokenStream {
    let dims: Vec<TokenStream> = dims.iter().map(|dim| dimension(*dim, piece)).collect();
    quote!(&[#(#dims),*])
}

fn dimension(dim: Dimension, piece: &mut Piece) -> TokenStream {
    let size = piece.number("size", dim.size);
    let stride = piece.number("stride", dim.stride);
    quote!([#size, #stride])
}

/// Tables of up to so many runs are written run by run; others are one string of bytes, which is a single token.
const RUNS: usize = 32;

/// Numbers that follow each other, as the first of each run and how many there are.
fn integers(numbers: &[u32], piece: &mut Piece) -> TokenStream {
    let mut runs: Vec<[usize; 2]> = Vec::new();
    for number in numbers.iter().map(|number| *number as usize) {
        match runs.last_mut() {
            Some([first, count]) if *first + *count == number => *count += 1,
            _ => runs.push([number, 1]),
        }
    }
    if runs.len() > RUNS {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let bytes = Literal::byte_string(&bytes);
        return quote!(&rt::integers(#bytes));
    }
    let runs: Vec<TokenStream> = runs
        .into_iter()
        .map(|[first, count]| {
            let (first, count) = (piece.number("first", first), piece.number("count", count));
            quote!([#first, #count])
        })
        .collect();
    quote!(&rt::ranges(&[#(#runs),*]))
}

/// Numbers, as how many there are of each in a row.
fn doubles(numbers: &[f64], piece: &mut Piece) -> TokenStream {
    let mut runs: Vec<(f64, usize)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((value, count)) if value.to_bits() == number.to_bits() => *count += 1,
            _ => runs.push((*number, 1)),
        }
    }
    if runs.len() > RUNS || !numbers.iter().all(|number| number.is_finite()) {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let bytes: Vec<u8> = runs
            .iter()
            .flat_map(|(value, length)| value.to_le_bytes().into_iter().chain(count(*length).to_le_bytes()))
            .collect();
        let bytes = Literal::byte_string(&bytes);
        return quote!(&rt::packed_runs(#bytes));
    }
    let runs: Vec<TokenStream> = runs
        .into_iter()
        .map(|(value, count)| {
            let minus = value.is_sign_negative().then(|| quote!(-));
            let value = Literal::f64_unsuffixed(value.abs());
            let count = piece.number("count", count);
            quote!((#minus #value, #count))
        })
        .collect();
    quote!(&rt::runs(&[#(#runs),*]))
}

/// A path as it is called below another; behind a slash if it is not below it.
fn relative(name: &str, path: &Path) -> String {
    let prefix = path.dotted();
    if prefix.is_empty() {
        return name.to_owned();
    }
    match name.strip_prefix(&prefix).map(|rest| (rest, rest.strip_prefix('.'))) {
        Some(("", _)) => String::new(),
        Some((_, Some(rest))) => rest.to_owned(),
        _ => format!("/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Segment;

    #[test]
    fn names_are_relative_to_whole_parts_of_a_path() {
        let path = Path(vec![Segment::Name("blocks".to_owned()), Segment::Index(1)]);
        assert_eq!(relative("blocks.1.conv.weight", &path), "conv.weight");
        assert_eq!(relative("blocks.10.conv.weight", &path), "/blocks.10.conv.weight");
        assert_eq!(relative("blocks.1", &path), "");
        assert_eq!(relative("conv.weight", &Path::default()), "conv.weight");
    }
}
