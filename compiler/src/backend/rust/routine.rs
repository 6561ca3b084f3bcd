//! A step's routine as Rust source: each statement is a line or two; `shapes` writes the constant structures of kernels.

mod shapes;

use std::collections::BTreeSet;

use parameternet_runtime::abi::Kernel;
use parameternet_runtime::blocking::{Lines, Product};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens, format_ident, quote};

use super::sharing::{ARGUMENTS, Constant, Kind, PARAMETERS, Piece, UNPACKING};
use super::weights::{Contents, stored_as};
use crate::code::{Address, Argument, Base, Index, Lanes, Local, Machine, Operation, Routine, Statement, Variable};

/// Writes one routine.
struct Writer<'r> {
    piece: Piece,
    routine: &'r Routine,
    contents: &'r Contents,
    /// Whether the network is so small that it needs no kernels: then loops have constant bounds, which suits the compiler
    /// of the source, and only places are holes.
    is_whole: bool,
    uses_width: bool,
    /// Those that are called.
    kernels: BTreeSet<Kernel>,
    /// By local: whether it was declared.
    declared: Vec<bool>,
    /// By local: how often it is set.
    sets: Vec<usize>,
    /// By local that is always the same number: that number. It stands where it is used.
    constants: Vec<Option<f32>>,
}

/// How tightly an expression holds together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tightness {
    Sum,
    Product,
    Atom,
}

/// An expression of type `usize`.
struct Expression {
    tokens: TokenStream,
    tightness: Tightness,
}

impl Expression {
    fn atom(tokens: TokenStream) -> Expression {
        Expression { tokens, tightness: Tightness::Atom }
    }

    /// The source, in parentheses if it holds together less tightly than that.
    fn within(self, tightness: Tightness) -> TokenStream {
        let tokens = self.tokens;
        if self.tightness < tightness { quote!((#tokens)) } else { tokens }
    }
}

/// The body of the function of a routine, which is a product of matrices if one is given. Of a network that needs no
/// kernels, `is_whole`.
pub(super) fn write(routine: &Routine, product: Option<Product>, contents: &Contents, is_whole: bool) -> Piece {
    let (sets, constants) = settings(routine);
    let mut writer = Writer {
        piece: Piece::default(),
        routine,
        contents,
        is_whole,
        uses_width: false,
        kernels: BTreeSet::new(),
        declared: vec![false; routine.locals.len()],
        sets,
        constants,
    };
    // Written first, so that parameters are called as its numbers are.
    let product = product.map(|product| writer.product(&product));
    let units = writer.index(&routine.units, "count").tokens;
    let body = writer.statements(&routine.body);
    let mut head = TokenStream::new();
    if writer.uses_width {
        head.extend(quote!(let width = m.width();));
    }
    if let Some(product) = product {
        head.extend(quote! {
            let product = #product;
            let [rows_per_unit, panels_per_unit, rows_per_block] = m.blocking(&product);
        });
    }
    let kernels: Vec<Ident> = writer.kernels.iter().map(|kernel| format_ident!("{}", kernel.name())).collect();
    if !kernels.is_empty() {
        head.extend(quote!(let Kernels { #(#kernels,)* .. } = *m.kernels;));
    }
    let step = if routine.in_runs { quote!(step_in_runs) } else { quote!(step) };
    // An expression of several parts stands better on a line of its own.
    let step = match units.clone().into_iter().count() {
        1 => quote!(m.#step(#units);),
        _ => quote!(let units = #units; m.#step(units);),
    };
    let mut piece = writer.piece;
    let (parameters, arguments) = (format_ident!("{PARAMETERS}"), format_ident!("{ARGUMENTS}"));
    piece.tokens = if is_arithmetic(routine) {
        let unpacking = format_ident!("{UNPACKING}");
        quote! {
            #[inline(always)]
            unsafe fn work<R: rt::Rounding>(m: &Member, begin: usize, end: usize #parameters) {
                #unpacking
                #body
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn once(m: &Member, begin: usize, end: usize #parameters) {
                work::<rt::Once>(m, begin, end #arguments)
            }
            #head
            #step
            while let Some((begin, end)) = m.take() {
                #[cfg(target_arch = "x86_64")]
                if m.rounds_once() {
                    once(m, begin, end #arguments);
                    continue;
                }
                work::<rt::Twice>(m, begin, end #arguments);
            }
        }
    } else {
        quote! {
            #head
            #step
            while let Some((begin, end)) = m.take() {
                #body
            }
        }
    };
    piece
}

/// Whether a routine calls kernels.
pub(super) fn calls_kernels(routine: &Routine) -> bool {
    has(routine, |statement| matches!(statement, Statement::Call { .. }))
}

/// Whether a routine rounds by itself, and so must be compiled for each way of rounding.
fn is_arithmetic(routine: &Routine) -> bool {
    has(routine, |statement| matches!(statement, Statement::Set { operation: Operation::MultiplyAdd(..), .. }))
}

fn has(routine: &Routine, wanted: impl Fn(&Statement) -> bool) -> bool {
    let mut found = false;
    routine.visit(|statement| found |= wanted(statement));
    found
}

fn variable(variable: Variable) -> Ident {
    format_ident!("{}", variable.to_string())
}

fn local(local: Local) -> Ident {
    format_ident!("{}", local.to_string())
}

impl Writer<'_> {
    fn number(&mut self, name: &'static str, value: usize) -> TokenStream {
        if self.is_whole {
            let value = Literal::usize_unsuffixed(value);
            return quote!(#value);
        }
        self.piece.number(name, value)
    }

    fn product(&mut self, product: &Product) -> TokenStream {
        let Product { makes_panels, has_sums, in_halves, .. } = *product;
        let numbers = [
            ("repeats", product.repeats),
            ("rows", product.rows),
            ("depth", product.depth),
            ("columns", product.columns),
        ];
        let numbers = numbers.map(|(name, value)| self.number(name, value));
        let all = quote!(rt::product([#(#numbers),*], #makes_panels, #has_sums));
        if in_halves {
            return quote!(rt::in_halves(#all));
        }
        if let Some(part) = product.part {
            let part = self.number("depth", part);
            return quote!(rt::in_parts(#all, #part));
        }
        let Some(Lines { pixels, per_block, strip }) = product.lines else { return all };
        let lines = [("pixels", pixels), ("lines", per_block), ("length", strip)];
        let lines = lines.map(|(name, value)| self.number(name, value));
        quote!(rt::in_lines(#all, [#(#lines),*]))
    }

    fn statements(&mut self, statements: &[Statement]) -> TokenStream {
        statements.iter().map(|statement| self.statement(statement)).collect()
    }

    fn statement(&mut self, statement: &Statement) -> TokenStream {
        match statement {
            Statement::For { variable: counter, from, to, by, body } => {
                let counter = variable(*counter);
                let from = self.index(from, "from").within(Tightness::Sum);
                let to = self.index(to, "to").within(Tightness::Product);
                let range = match by {
                    Index::Constant(1) => quote!(#from..#to),
                    by => {
                        let by = self.index(by, "by").tokens;
                        quote!((#from..#to).step_by(#by))
                    }
                };
                let body = self.statements(body);
                quote!(for #counter in #range { #body })
            }
            Statement::Panels { variable: counter, from, to, columns, full, rest } => {
                let counter = variable(*counter);
                let from = self.index(from, "from").within(Tightness::Sum);
                let to = self.index(to, "to").within(Tightness::Product);
                if rest.is_empty() {
                    let body = self.statements(full);
                    return quote!(for #counter in #from..#to { #body });
                }
                // The body for the last panel serves all: how many columns there are is a number here.
                let columns = self.number("columns", *columns);
                self.uses_width = true;
                let body = self.statements(rest);
                quote! {
                    for #counter in #from..#to {
                        let rest = (#columns - #counter * width).min(width);
                        #body
                    }
                }
            }
            Statement::Let { variable: name, value } => {
                let name = variable(*name);
                let value = self.index(value, "value").tokens;
                quote!(let #name = #value;)
            }
            Statement::Call { kernel, arguments } => {
                let name = format_ident!("{}", kernel.name());
                let mut arguments: Vec<TokenStream> =
                    arguments.iter().map(|argument| self.argument(argument)).collect();
                if let (Kernel::Gather, Some(indices)) = (kernel, arguments.get_mut(2)) {
                    // The table stands among the weights.
                    *indices = quote!(#indices.cast());
                }
                self.kernels.insert(*kernel);
                quote!(#name(#(#arguments),*);)
            }
            Statement::Set { local: name, .. } if self.constant(*name).is_some() => TokenStream::new(),
            Statement::Set { local: name, operation } => {
                let is_first = self.declared.get_mut(name.0).is_some_and(|declared| !std::mem::replace(declared, true));
                let value = self.operation(operation, *name);
                let is_changed = self.sets.get(name.0).is_some_and(|sets| *sets > 1);
                let name = local(*name);
                match (is_first, is_changed) {
                    (true, true) => quote!(let mut #name = #value;),
                    (true, false) => quote!(let #name = #value;),
                    (false, _) => quote!(#name = #value;),
                }
            }
            Statement::Store { local: name, to } => {
                let name = self.operand(*name);
                let to = self.address(to);
                quote!(#name.store(#to);)
            }
        }
    }

    fn argument(&mut self, argument: &Argument) -> TokenStream {
        match argument {
            Argument::Address(address) => self.address(address),
            Argument::Fetched(address) => self.moved(address, &format_ident!("wrapping_add")),
            Argument::Null => quote!(null()),
            Argument::Index(index) => self.index(index, "count").tokens,
            Argument::Shape(shape) => {
                let shape = self.shape(shape);
                quote!(&#shape)
            }
        }
    }

    fn address(&mut self, address: &Address) -> TokenStream {
        self.moved(address, &format_ident!("add"))
    }

    /// An address, moved from its base by a method of pointers.
    fn moved(&mut self, address: &Address, method: &Ident) -> TokenStream {
        let (base, name) = match address.base {
            Base::Arena => (quote!(m.arena), "at"),
            Base::Scratch => (quote!(m.scratch), "scratch"),
            Base::Weights => return self.weight(&address.offset, method),
            Base::Input(index) => {
                let index = Literal::usize_unsuffixed(index);
                (quote!(m.input(#index)), "input")
            }
            Base::Output(index) => {
                let index = Literal::usize_unsuffixed(index);
                (quote!(m.output(#index)), "output")
            }
        };
        let offset = self.place(&address.offset, name);
        match offset {
            None => base,
            Some(offset) => {
                let offset = offset.tokens;
                quote!(#base.#method(#offset))
            }
        }
    }

    /// An address among the weights: a content, and how far behind its beginning.
    fn weight(&mut self, offset: &Index, method: &Ident) -> TokenStream {
        let terms = match offset {
            Index::Sum(terms) => terms.as_slice(),
            one => std::slice::from_ref(one),
        };
        let content = |term: &&Index| matches!(term, Index::Machine(Machine::Content(_), _));
        let base = match terms.iter().find(content) {
            Some(Index::Machine(Machine::Content(content), _)) => {
                let content = self.content(*content);
                quote!(m.weight(#content))
            }
            _ => quote!(m.weights),
        };
        let rest = Index::Sum(terms.iter().filter(|term| !content(term)).cloned().collect());
        match self.place(&rest, "weights") {
            None => base,
            Some(offset) => {
                let offset = offset.tokens;
                quote!(#base.#method(#offset))
            }
        }
    }

    fn content(&mut self, content: usize) -> TokenStream {
        let content = Constant::Number(self.contents.number(content));
        self.piece.hole(Kind::Place("content"), content)
    }

    /// An offset, whose constant part is a place; none if it is always nothing.
    fn place(&mut self, index: &Index, name: &'static str) -> Option<Expression> {
        let terms = match index {
            Index::Sum(terms) => terms.as_slice(),
            one => std::slice::from_ref(one),
        };
        let constant: usize = terms.iter().map(|term| if let Index::Constant(value) = term { *value } else { 0 }).sum();
        let is_placed = name == "at" || name == "input" || name == "output";
        let mut parts = Vec::new();
        if is_placed {
            parts.push(self.piece.hole(Kind::Place(name), Constant::Number(constant)));
        } else if constant > 0 {
            parts.push(self.number(name, constant));
        }
        for term in terms.iter().filter(|term| !matches!(term, Index::Constant(_))) {
            parts.push(self.index(term, name).within(Tightness::Sum));
        }
        match parts.as_slice() {
            [] => None,
            [one] => Some(Expression::atom(one.clone())),
            several => Some(Expression { tokens: quote!(#(#several)+*), tightness: Tightness::Sum }),
        }
    }

    fn index(&mut self, index: &Index, name: &'static str) -> Expression {
        match index {
            Index::Constant(value @ (0 | 1)) => {
                let value = Literal::usize_unsuffixed(*value);
                Expression::atom(quote!(#value))
            }
            Index::Constant(value) | Index::Size(value) => Expression::atom(self.number(name, *value)),
            Index::Machine(machine, _) => Expression::atom(self.machine(*machine)),
            Index::Variable(name) => {
                let name = variable(*name);
                Expression::atom(quote!(#name))
            }
            Index::Sum(terms) => {
                let terms: Vec<TokenStream> =
                    terms.iter().map(|term| self.index(term, name).within(Tightness::Sum)).collect();
                Expression { tokens: quote!(#(#terms)+*), tightness: Tightness::Sum }
            }
            Index::Multiple(left, right) => {
                let left = self.index(left, name).within(Tightness::Product);
                let right = self.index(right, "stride").within(Tightness::Atom);
                Expression { tokens: quote!(#left * #right), tightness: Tightness::Product }
            }
            Index::Difference(left, right) => {
                let left = self.index(left, name).within(Tightness::Sum);
                let right = self.index(right, name).within(Tightness::Product);
                Expression { tokens: quote!(#left - #right), tightness: Tightness::Sum }
            }
            Index::Quotient(left, right) => {
                let left = self.index(left, name).within(Tightness::Product);
                let right = self.index(right, name).within(Tightness::Atom);
                Expression { tokens: quote!(#left / #right), tightness: Tightness::Product }
            }
            Index::QuotientUp(left, right) => self.method("div_ceil", left, right, name),
            Index::Remainder(left, right) => {
                let left = self.index(left, name).within(Tightness::Product);
                let right = self.index(right, name).within(Tightness::Atom);
                Expression { tokens: quote!(#left % #right), tightness: Tightness::Product }
            }
            Index::Minimum(left, right) => self.method("min", left, right, name),
            Index::Maximum(left, right) => self.method("max", left, right, name),
        }
    }

    /// A method of `usize`.
    fn method(&mut self, method: &str, left: &Index, right: &Index, name: &'static str) -> Expression {
        let method = format_ident!("{method}");
        let left = match left {
            // A number by itself has no type; that of a hole gets one where it is filled.
            Index::Constant(value @ (0 | 1)) => Literal::usize_suffixed(*value).into_token_stream(),
            left => self.index(left, name).within(Tightness::Atom),
        };
        let right = self.index(right, name).tokens;
        Expression::atom(quote!(#left.#method(#right)))
    }

    fn machine(&mut self, machine: Machine) -> TokenStream {
        match machine {
            Machine::Width => {
                self.uses_width = true;
                quote!(width)
            }
            Machine::RestColumns => quote!(rest),
            Machine::RestWidth => quote!(m.panel_width(rest)),
            Machine::RowsPerUnit | Machine::PanelsPerUnit | Machine::RowsPerBlock => {
                let field = match machine {
                    Machine::RowsPerUnit => "rows_per_unit",
                    Machine::PanelsPerUnit => "panels_per_unit",
                    _ => "rows_per_block",
                };
                let field = format_ident!("{field}");
                quote!(#field)
            }
            Machine::PanelScratch => {
                quote!(m.panel_scratch(&product))
            }
            Machine::PanelsLength { depth, columns, dtype } => {
                let depth = self.number("depth", depth);
                let columns = self.number("columns", columns);
                let dtype = stored_as(dtype);
                quote!(m.panels_length(#depth, #columns, #dtype))
            }
            Machine::PanelLength { depth, dtype } => {
                let depth = self.number("depth", depth);
                let dtype = stored_as(dtype);
                quote!(m.panel_length(#depth, #dtype))
            }
            Machine::Content(content) => {
                let content = self.content(content);
                quote!(m.content(#content))
            }
        }
    }

    /// The type of a local.
    fn lanes(&self, local: Local) -> TokenStream {
        match self.routine.locals.get(local.0) {
            Some(Lanes::Four) => quote!(F32x4),
            Some(Lanes::One) | None => quote!(f32),
        }
    }

    fn constant(&self, local: Local) -> Option<f32> {
        self.constants.get(local.0).copied().flatten()
    }

    /// A local as an operand: its name, or the number that it always is.
    fn operand(&self, name: Local) -> TokenStream {
        match self.constant(name) {
            Some(value) => {
                let (lanes, value) = (self.lanes(name), float(value));
                quote!(#lanes::every(#value))
            }
            None => local(name).into_token_stream(),
        }
    }

    fn binary(&self, operator: &TokenStream, left: Local, right: Local) -> TokenStream {
        let (left, right) = (self.operand(left), self.operand(right));
        quote!(#left #operator #right)
    }

    fn operation(&mut self, operation: &Operation, result: Local) -> TokenStream {
        let lanes = self.lanes(result);
        match operation {
            Operation::Load(address) => {
                let address = self.address(address);
                quote!(#lanes::load(#address))
            }
            Operation::Splat(address) => {
                let address = self.address(address);
                quote!(#lanes::every(*#address))
            }
            Operation::Constant(value) => {
                let value = float(*value);
                quote!(#lanes::every(#value))
            }
            Operation::Add(left, right) => self.binary(&quote!(+), *left, *right),
            Operation::Subtract(left, right) => self.binary(&quote!(-), *left, *right),
            Operation::Multiply(left, right) => self.binary(&quote!(*), *left, *right),
            Operation::Divide(left, right) => self.binary(&quote!(/), *left, *right),
            Operation::MultiplyAdd(left, right, sum) => {
                let (left, right, sum) = (self.operand(*left), self.operand(*right), self.operand(*sum));
                quote!(Lanes::mul_add::<R>(#left, #right, #sum))
            }
            Operation::Minimum(left, right) => {
                let (left, right) = (self.operand(*left), self.operand(*right));
                quote!(Lanes::minimum(#left, #right))
            }
            Operation::Maximum(left, right) => {
                let (left, right) = (self.operand(*left), self.operand(*right));
                quote!(Lanes::maximum(#left, #right))
            }
            Operation::SelectGreater(left, right, yes, no) => {
                let [left, right, yes, no] = [left, right, yes, no].map(|operand| self.operand(*operand));
                quote!(Lanes::select_greater(#left, #right, #yes, #no))
            }
            Operation::ShiftLeft(value, count) => {
                let value = self.operand(*value);
                let count = Literal::u8_unsuffixed(*count);
                quote!(Lanes::shift_left(#value, #count))
            }
            Operation::Lane(value, lane) => {
                let value = self.operand(*value);
                let lane = Literal::u8_unsuffixed(*lane);
                quote!(#value.lane::<#lane>())
            }
        }
    }
}

/// A number of type `f32`, exact to the last bit.
fn float(value: f32) -> TokenStream {
    if value.is_finite() && (value != 0.0 || value.is_sign_positive()) {
        if value < 0.0 {
            let literal = Literal::f32_unsuffixed(-value);
            return quote!(-#literal);
        }
        let literal = Literal::f32_unsuffixed(value);
        return quote!(#literal);
    }
    let bits = Literal::u32_unsuffixed(value.to_bits());
    quote!(f32::from_bits(#bits))
}

/// How often each local is set, and to which number if it is once and to a number.
fn settings(routine: &Routine) -> (Vec<usize>, Vec<Option<f32>>) {
    let mut sets = vec![0; routine.locals.len()];
    let mut constants = vec![None; routine.locals.len()];
    routine.visit(|statement| {
        let Statement::Set { local, operation } = statement else { return };
        if let Some(sets) = sets.get_mut(local.0) {
            *sets += 1;
        }
        if let (Operation::Constant(value), Some(constant)) = (operation, constants.get_mut(local.0)) {
            *constant = Some(*value);
        }
    });
    for (constant, sets) in constants.iter_mut().zip(&sets) {
        if *sets > 1 {
            *constant = None;
        }
    }
    (sets, constants)
}
