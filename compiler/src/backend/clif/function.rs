//! The function of a step: each statement of a routine as Cranelift instructions.

#![expect(clippy::indexing_slicing, reason = "variables and locals are indices into the routine's own tables")]

use std::collections::HashMap;

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{AbiParam, InstBuilder, MemFlagsData, SigRef, Signature, Value, types};
use cranelift_frontend::{FunctionBuilder, Variable as FrontVariable};
use cranelift_module::Module;
use parameternet_runtime::abi::Kernel;
use parameternet_runtime::program::Context;
use parameternet_runtime::{Isa, Kernels};

use super::shapes::Shapes;
use crate::code::{Address, Argument, Base, Index, Lanes, Local, Operation, Routine, Statement, Variable};

/// Bytes of an element.
const BYTES: usize = size_of::<f32>();

/// Writes one function.
struct Function<'f, 'm, M> {
    builder: FunctionBuilder<'f>,
    module: &'m mut M,
    shapes: &'m Shapes,
    isa: Isa,
    variables: Vec<FrontVariable>,
    locals: Vec<(FrontVariable, Lanes)>,
    bases: HashMap<Base, Value>,
    /// The table of kernels, if the routine calls any.
    kernels: Option<Value>,
    /// By number of arguments.
    signatures: HashMap<usize, SigRef>,
}

/// Writes the function `(context, scratch, begin, end)` of a routine, one of those whose structures `shapes` has.
pub(super) fn write(
    routine: &Routine,
    builder: FunctionBuilder<'_>,
    module: &mut impl Module,
    shapes: &Shapes,
    isa: Isa,
) {
    let mut function = Function {
        builder,
        module,
        shapes,
        isa,
        variables: Vec::new(),
        locals: Vec::new(),
        bases: HashMap::new(),
        kernels: None,
        signatures: HashMap::new(),
    };
    function.enter(routine);
    function.statements(&routine.body);
    function.builder.ins().return_(&[]);
    function.builder.seal_all_blocks();
    let frontend = function.module.target_config();
    function.builder.finalize(frontend);
}

/// A constant operand.
#[expect(clippy::cast_possible_wrap, reason = "lengths of memory and counts of units are far below 2^63")]
fn immediate(value: usize) -> i64 {
    value as i64
}

/// An index as a computed part and a constant that is added to it.
#[derive(Debug, Clone, Copy)]
struct Affine {
    value: Option<Value>,
    constant: usize,
}

impl<M: Module> Function<'_, '_, M> {
    /// The head: parameters, variables, and what addresses are counted from.
    fn enter(&mut self, routine: &Routine) {
        let block = self.builder.create_block();
        self.builder.append_block_params_for_function_params(block);
        self.builder.switch_to_block(block);
        let parameters = self.builder.block_params(block).to_vec();
        let [context, scratch, begin, end] = [parameters[0], parameters[1], parameters[2], parameters[3]];
        for _ in 0..routine.variables {
            let variable = self.builder.declare_var(types::I64);
            self.variables.push(variable);
        }
        for lanes in &routine.locals {
            let local = self.builder.declare_var(type_of(*lanes));
            self.locals.push((local, *lanes));
        }
        self.builder.def_var(self.variables[Variable::BEGIN.0], begin);
        self.builder.def_var(self.variables[Variable::END.0], end);
        self.bases.insert(Base::Scratch, scratch);
        for base in bases(routine) {
            let field = |function: &mut Self, offset: usize| function.pointer(context, offset);
            let value = match base {
                Base::Scratch => scratch,
                Base::Arena => field(self, std::mem::offset_of!(Context, arena)),
                Base::Weights => field(self, std::mem::offset_of!(Context, weights)),
                Base::Input(index) => {
                    let inputs = field(self, std::mem::offset_of!(Context, inputs));
                    self.pointer(inputs, index * size_of::<usize>())
                }
                Base::Output(index) => {
                    let outputs = field(self, std::mem::offset_of!(Context, outputs));
                    self.pointer(outputs, index * size_of::<usize>())
                }
            };
            self.bases.insert(base, value);
        }
        if calls_kernels(routine) {
            self.kernels = Some(self.pointer(context, std::mem::offset_of!(Context, kernels)));
        }
    }

    fn pointer(&mut self, from: Value, offset: usize) -> Value {
        let address = self.builder.ins().iadd_imm_u(from, immediate(offset));
        self.builder.ins().load(types::I64, MemFlagsData::trusted().with_readonly(), address, 0)
    }

    fn statements(&mut self, statements: &[Statement]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::For { variable, from, to, by, body } => self.repeat(*variable, [from, to], by, body),
            Statement::Panels { variable, from, to, columns, full, rest } => {
                let full_panels = Index::from(columns / self.isa.tile().columns());
                if !full.is_empty() {
                    self.repeat(*variable, [from, &to.clone().min(full_panels.clone())], &1.into(), full);
                }
                if !rest.is_empty() {
                    self.repeat(*variable, [&from.clone().max(full_panels), to], &1.into(), rest);
                }
            }
            Statement::Let { variable, value } => {
                let value = self.index(value);
                self.builder.def_var(self.variables[variable.0], value);
            }
            Statement::Call { kernel, arguments } => {
                let arguments: Vec<Value> = arguments.iter().map(|argument| self.argument(argument)).collect();
                self.call(*kernel, &arguments);
            }
            Statement::Set { local, operation } => {
                let (variable, lanes) = self.locals[local.0];
                let value = self.operation(operation, lanes);
                self.builder.def_var(variable, value);
            }
            Statement::Store { local, to } => {
                let value = self.local(*local);
                let (address, offset) = self.address(to);
                self.builder.ins().store(memory(), value, address, offset);
            }
        }
    }

    /// A loop: whether it goes on is asked before it and at the end of its body, so that there is one jump in each turn.
    fn repeat(&mut self, variable: Variable, [from, to]: [&Index; 2], by: &Index, body: &[Statement]) {
        let (from, to) = (self.index(from), self.index(to));
        let counter = self.variables[variable.0];
        self.builder.def_var(counter, from);
        let (inside, behind) = (self.builder.create_block(), self.builder.create_block());
        let begins = self.builder.ins().icmp(IntCC::UnsignedLessThan, from, to);
        self.builder.ins().brif(begins, inside, &[], behind, &[]);
        self.builder.switch_to_block(inside);
        self.statements(body);
        let by = self.index(by);
        let current = self.builder.use_var(counter);
        let next = self.builder.ins().iadd(current, by);
        self.builder.def_var(counter, next);
        let goes_on = self.builder.ins().icmp(IntCC::UnsignedLessThan, next, to);
        self.builder.ins().brif(goes_on, inside, &[], behind, &[]);
        self.builder.switch_to_block(behind);
    }

    fn argument(&mut self, argument: &Argument) -> Value {
        match argument {
            Argument::Address(address) | Argument::Fetched(address) => {
                let (address, offset) = self.address(address);
                if offset == 0 { address } else { self.builder.ins().iadd_imm_u(address, i64::from(offset)) }
            }
            Argument::Null => self.builder.ins().iconst(types::I64, 0),
            Argument::Index(index) => self.index(index),
            Argument::Shape(shape) => {
                let global = self.module.declare_data_in_func(self.shapes.of(shape), self.builder.func);
                self.builder.ins().symbol_value(types::I64, global)
            }
        }
    }

    fn call(&mut self, kernel: Kernel, arguments: &[Value]) {
        let Some(kernels) = self.kernels else { return };
        let function = self.pointer(kernels, Kernels::offset(kernel));
        let signature = match self.signatures.get(&arguments.len()) {
            Some(signature) => *signature,
            None => {
                let mut signature = Signature::new(self.module.isa().default_call_conv());
                signature.params.extend(std::iter::repeat_n(AbiParam::new(types::I64), arguments.len()));
                let signature = self.builder.import_signature(signature);
                self.signatures.insert(arguments.len(), signature);
                signature
            }
        };
        self.builder.ins().call_indirect(signature, function, arguments);
    }

    /// A pointer and a constant number of bytes behind it.
    fn address(&mut self, address: &Address) -> (Value, i32) {
        let base = self.bases[&address.base];
        let Affine { value, constant } = self.affine(&address.offset);
        let base = match value {
            Some(value) => {
                let bytes = self.builder.ins().ishl_imm_u(value, i64::from(BYTES.trailing_zeros()));
                self.builder.ins().iadd(base, bytes)
            }
            None => base,
        };
        match i32::try_from(constant * BYTES) {
            Ok(offset) => (base, offset),
            Err(_) => (self.builder.ins().iadd_imm_u(base, immediate(constant * BYTES)), 0),
        }
    }

    fn index(&mut self, index: &Index) -> Value {
        match self.affine(index) {
            Affine { value: None, constant } => self.builder.ins().iconst(types::I64, immediate(constant)),
            Affine { value: Some(value), constant: 0 } => value,
            Affine { value: Some(value), constant } => self.builder.ins().iadd_imm_u(value, immediate(constant)),
        }
    }

    fn affine(&mut self, index: &Index) -> Affine {
        let computed = |value| Affine { value: Some(value), constant: 0 };
        if let Some(constant) = index.value() {
            return Affine { value: None, constant };
        }
        match index {
            Index::Constant(value) | Index::Size(value) | Index::Machine(_, value) => {
                Affine { value: None, constant: *value }
            }
            Index::Variable(variable) => computed(self.builder.use_var(self.variables[variable.0])),
            Index::Sum(terms) => {
                let mut sum = Affine { value: None, constant: 0 };
                for term in terms {
                    let term = self.affine(term);
                    sum.constant += term.constant;
                    sum.value = match (sum.value, term.value) {
                        (Some(left), Some(right)) => Some(self.builder.ins().iadd(left, right)),
                        (left, right) => left.or(right),
                    };
                }
                sum
            }
            Index::Multiple(inner, factor) => {
                let factor = factor.value().unwrap_or(0);
                if factor == 0 {
                    return Affine { value: None, constant: 0 };
                }
                let inner = self.affine(inner);
                let value = inner.value.map(|value| self.builder.ins().imul_imm_u(value, immediate(factor)));
                Affine { value, constant: inner.constant * factor }
            }
            Index::Difference(left, right) => {
                let (left, right) = (self.index(left), self.index(right));
                computed(self.builder.ins().isub(left, right))
            }
            Index::Quotient(inner, divisor) => {
                let inner = self.index(inner);
                match divisor.value().unwrap_or(1) {
                    1 => computed(inner),
                    divisor => computed(self.builder.ins().udiv_imm_u(inner, immediate(divisor))),
                }
            }
            Index::QuotientUp(inner, divisor) => {
                let divisor = divisor.value().unwrap_or(1).max(1);
                let inner = self.index(inner);
                let sum = self.builder.ins().iadd_imm_u(inner, immediate(divisor - 1));
                computed(self.builder.ins().udiv_imm_u(sum, immediate(divisor)))
            }
            Index::Remainder(inner, divisor) => match divisor.value().unwrap_or(1) {
                1 => Affine { value: None, constant: 0 },
                divisor => {
                    let inner = self.index(inner);
                    computed(self.builder.ins().urem_imm_u(inner, immediate(divisor)))
                }
            },
            Index::Minimum(left, right) => computed(self.chosen(IntCC::UnsignedLessThan, left, right)),
            Index::Maximum(left, right) => computed(self.chosen(IntCC::UnsignedGreaterThan, left, right)),
        }
    }

    fn chosen(&mut self, condition: IntCC, left: &Index, right: &Index) -> Value {
        let (left, right) = (self.index(left), self.index(right));
        let is_left = self.builder.ins().icmp(condition, left, right);
        self.builder.ins().select(is_left, left, right)
    }

    fn local(&mut self, local: Local) -> Value {
        let (variable, _) = self.locals[local.0];
        self.builder.use_var(variable)
    }

    fn operation(&mut self, operation: &Operation, lanes: Lanes) -> Value {
        match operation {
            Operation::Load(address) => {
                let (address, offset) = self.address(address);
                self.builder.ins().load(type_of(lanes), memory(), address, offset)
            }
            Operation::Splat(address) => {
                let (address, offset) = self.address(address);
                let value = self.builder.ins().load(types::F32, memory(), address, offset);
                self.in_every_lane(value, lanes)
            }
            Operation::Constant(constant) => {
                let value = self.builder.ins().f32const(*constant);
                self.in_every_lane(value, lanes)
            }
            Operation::Add(left, right) => {
                let (left, right) = (self.local(*left), self.local(*right));
                self.builder.ins().fadd(left, right)
            }
            Operation::Subtract(left, right) => {
                let (left, right) = (self.local(*left), self.local(*right));
                self.builder.ins().fsub(left, right)
            }
            Operation::Multiply(left, right) => {
                let (left, right) = (self.local(*left), self.local(*right));
                self.builder.ins().fmul(left, right)
            }
            Operation::Divide(left, right) => {
                let (left, right) = (self.local(*left), self.local(*right));
                self.builder.ins().fdiv(left, right)
            }
            Operation::MultiplyAdd(left, right, sum) => {
                let (left, right, sum) = (self.local(*left), self.local(*right), self.local(*sum));
                if self.isa != Isa::Portable {
                    self.builder.ins().fma(left, right, sum)
                } else {
                    let product = self.builder.ins().fmul(left, right);
                    self.builder.ins().fadd(product, sum)
                }
            }
            Operation::Minimum(left, right) => {
                let (left, right) = (self.local(*left), self.local(*right));
                self.select(FloatCC::LessThan, [left, right], [left, right], lanes)
            }
            Operation::Maximum(left, right) => {
                let (left, right) = (self.local(*left), self.local(*right));
                self.select(FloatCC::GreaterThan, [left, right], [left, right], lanes)
            }
            Operation::SelectGreater(left, right, yes, no) => {
                let compared = [self.local(*left), self.local(*right)];
                let chosen = [self.local(*yes), self.local(*no)];
                self.select(FloatCC::GreaterThan, compared, chosen, lanes)
            }
            Operation::ShiftLeft(value, count) => {
                let value = self.local(*value);
                let bits = if lanes == Lanes::Four { types::I32X4 } else { types::I32 };
                let value = self.builder.ins().bitcast(bits, as_is(), value);
                let shifted = self.builder.ins().ishl_imm_u(value, i64::from(*count));
                self.builder.ins().bitcast(type_of(lanes), as_is(), shifted)
            }
            Operation::Lane(value, lane) => {
                let value = self.local(*value);
                self.builder.ins().extractlane(value, *lane)
            }
        }
    }

    fn in_every_lane(&mut self, value: Value, lanes: Lanes) -> Value {
        match lanes {
            Lanes::One => value,
            Lanes::Four => self.builder.ins().splat(types::F32X4, value),
        }
    }

    /// The first of `chosen` where the comparison holds, else the second.
    fn select(&mut self, condition: FloatCC, [left, right]: [Value; 2], [yes, no]: [Value; 2], lanes: Lanes) -> Value {
        let holds = self.builder.ins().fcmp(condition, left, right);
        match lanes {
            Lanes::One => self.builder.ins().select(holds, yes, no),
            Lanes::Four => {
                let mask = self.builder.ins().bitcast(types::F32X4, as_is(), holds);
                self.builder.ins().bitselect(mask, yes, no)
            }
        }
    }
}

fn type_of(lanes: Lanes) -> cranelift_codegen::ir::Type {
    match lanes {
        Lanes::One => types::F32,
        Lanes::Four => types::F32X4,
    }
}

/// Accesses of elements: they cannot trap, and vectors need not be aligned.
fn memory() -> MemFlagsData {
    MemFlagsData::new().with_notrap()
}

/// A change of type that leaves the bits as they are.
fn as_is() -> MemFlagsData {
    MemFlagsData::new().with_endianness(cranelift_codegen::ir::Endianness::Little)
}

/// Whether any statement of a routine is a call.
fn calls_kernels(routine: &Routine) -> bool {
    let mut calls = false;
    routine.visit(|statement| calls |= matches!(statement, Statement::Call { .. }));
    calls
}

/// What the addresses of a routine are counted from, each once, in a fixed order.
fn bases(routine: &Routine) -> Vec<Base> {
    let mut found = Vec::new();
    let mut note = |address: &Address| {
        if !found.contains(&address.base) {
            found.push(address.base);
        }
    };
    routine.visit(|statement| match statement {
        Statement::Call { arguments, .. } => {
            for argument in arguments {
                if let Argument::Address(address) | Argument::Fetched(address) = argument {
                    note(address);
                }
            }
        }
        Statement::Set { operation: Operation::Load(address) | Operation::Splat(address), .. }
        | Statement::Store { to: address, .. } => note(address),
        Statement::Set { .. } | Statement::For { .. } | Statement::Panels { .. } | Statement::Let { .. } => {}
    });
    found
}
