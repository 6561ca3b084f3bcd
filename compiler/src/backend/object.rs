//! Object files: a network for C, and for whatever calls C.
//!
//! In: a graph as it is written, and a plan of it for each instruction set that the object serves. Out: the bytes of an object
//! file of this machine's kind, and the header that C programs include. The file exports one function, `<prefix>_network`,
//! which gives the network to the functions of the runtime library; it imports nothing, and may be put anywhere.
//!
//! The functions of steps are written by `clif`, as those in memory are; what the runtime must know besides stands in the file as an
//! [`Object`].

mod header;

use std::mem::offset_of;

use cranelift_codegen::ir::{AbiParam, InstBuilder, types};
use cranelift_frontend::FunctionBuilder;
use cranelift_module::{DataDescription, DataId, FuncId, Linkage, Module, ModuleError};
use cranelift_object::{ObjectBuilder, ObjectModule};
use parameternet_runtime::Isa;
use parameternet_runtime::object::{Description, MAGIC, Object, VERSION, Variant};
use parameternet_runtime::program::{Port, StepFunction};

use super::clif::{CodeError, Position, Writer, host, outline, refused, target};
use crate::backend::names::snake_case;
use crate::code;
use crate::graph::Graph;
use crate::plan::{self, Plan};
use crate::weight::Weight;

/// The instruction sets that there is code for on machines of this kind.
pub const ISAS: &[Isa] = if cfg!(target_arch = "x86_64") { &Isa::ALL } else { &[Isa::Portable] };

/// An object file and its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectFile {
    /// The bytes of the object file.
    pub object: Vec<u8>,
    /// The text of the header.
    pub header: String,
    /// The function that the object file exports.
    pub symbol: String,
}

/// Why names in C cannot begin with a prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// It is no name.
    #[error("`{0}` is no name in C: it needs letters, digits and `_`, and a letter first")]
    NoName(String),
    /// The runtime's names begin with it.
    #[error("names of the runtime library begin with `pnet_`, so those of a network cannot begin with `{0}_`")]
    Taken(String),
}

/// What the names of a network begin with in C.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// A prefix that the user chose.
    ///
    /// # Errors
    /// When it is no name in C, or one that the runtime library uses.
    pub fn new(name: &str) -> Result<Prefix, PrefixError> {
        let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
        if !is_name {
            return Err(PrefixError::NoName(name.to_owned()));
        }
        let lower = name.to_ascii_lowercase();
        if lower == "pnet" || lower.starts_with("pnet_") {
            return Err(PrefixError::Taken(name.to_owned()));
        }
        Ok(Prefix(name.to_owned()))
    }

    /// The prefix of a network's own name, in the habits of C.
    ///
    /// # Errors
    /// When the name begins with `_` or as names of the runtime library do.
    pub fn of(graph: &Graph) -> Result<Prefix, PrefixError> {
        Prefix::new(&snake_case(&graph.network))
    }
}

/// Writes the object file of a graph with one plan for each instruction set, and its header.
///
/// # Errors
/// All errors are defects, but for a machine that there is no code generator for.
pub fn compile(graph: &Graph, plans: &[Plan], prefix: &Prefix) -> Result<ObjectFile, CodeError> {
    let portable = target(Isa::Portable, Position::Independent)?;
    let libcalls = cranelift_module::default_libcall_names();
    let builder = ObjectBuilder::new(portable.clone(), graph.network.as_bytes(), libcalls).map_err(host)?;
    let mut module = ObjectModule::new(builder);
    let (mut variants, mut functions) = (Vec::new(), Vec::new());
    for plan in plans {
        let isa = plan.options.isa;
        let routines = code::generate(plan);
        let mut writer = Writer::new(&mut module, target(isa, Position::Independent)?, isa, names_of(isa), None);
        functions.extend(writer.steps(&routines)?);
        variants.push(Variant {
            isa,
            arena: plan.arena,
            scratch: plan.scratch,
            preparation: plan.weights.preparation.clone(),
            steps: routines.iter().map(outline).collect(),
            rounds: plan.rounds.clone(),
        });
    }
    let port = |port: &plan::Port| Port { name: port.name.clone(), shape: port.shape.dims().to_vec() };
    let ports = |of: fn(&Plan) -> &[plan::Port]| plans.first().map(of).unwrap_or_default().iter().map(port).collect();
    let description = Description {
        inputs: ports(Plan::inputs),
        outputs: ports(Plan::outputs),
        tensors: graph.stored_weights().map(Weight::spec).collect(),
        threads: plans.first().map_or(1, |plan| plan.options.threads.max(1)),
        variants,
    };
    let bytes = description.to_bytes().map_err(|error| refused("the description", error))?;
    let object = data(&mut module, bytes, &functions).map_err(|error| refused("the description", error))?;
    let symbol = format!("{}_network", prefix.0);
    let mut writer = Writer::new(&mut module, portable, Isa::Portable, "", None);
    export(&mut writer, &symbol, object)?;
    let object = module.finish().emit().map_err(|error| refused("the object file", error))?;
    Ok(ObjectFile { object, header: header::write(graph, &description, prefix), symbol })
}

/// What the names of everything for an instruction set begin with.
fn names_of(isa: Isa) -> &'static str {
    match isa {
        Isa::Portable => "portable_",
        Isa::Avx2 => "avx2_",
        Isa::Avx512 => "avx512_",
    }
}

/// Writes an [`Object`] and all that it leads to.
fn data(module: &mut ObjectModule, description: Vec<u8>, functions: &[FuncId]) -> Result<DataId, Box<ModuleError>> {
    let lengths = [VERSION.len(), description.len(), functions.len()];
    let version = define(module, "version", VERSION.as_bytes().to_vec(), |_, _| ())?;
    let description = define(module, "description", description, |_, _| ())?;
    let steps = vec![0; functions.len() * size_of::<StepFunction>()];
    let steps = define(module, "steps", steps, |module, data| {
        for (index, function) in functions.iter().enumerate() {
            let function = module.declare_func_in_data(*function, data);
            data.write_function_addr(offset(index * size_of::<StepFunction>()), function);
        }
    })?;
    let mut object = vec![0; size_of::<Object>()];
    let mut put = |at: usize, bytes: &[u8]| {
        if let Some(place) = object.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    };
    put(offset_of!(Object, magic), &MAGIC.to_ne_bytes());
    let places =
        [offset_of!(Object, version_length), offset_of!(Object, description_length), offset_of!(Object, step_count)];
    for (at, length) in places.into_iter().zip(lengths) {
        put(at, &length.to_ne_bytes());
    }
    define(module, "object", object, |module, data| {
        let targets = [
            (offset_of!(Object, version), version),
            (offset_of!(Object, description), description),
            (offset_of!(Object, steps), steps),
        ];
        for (at, target) in targets {
            let target = module.declare_data_in_data(target, data);
            data.write_data_addr(offset(at), target, 0);
        }
    })
}

/// Puts constant data that may hold addresses into a module.
fn define(
    module: &mut ObjectModule,
    name: &str,
    bytes: Vec<u8>,
    addresses: impl FnOnce(&mut ObjectModule, &mut DataDescription),
) -> Result<DataId, Box<ModuleError>> {
    let id = module.declare_data(name, Linkage::Local, false, false)?;
    let mut data = DataDescription::new();
    data.set_align(align_of::<Object>() as u64);
    data.define(bytes.into());
    addresses(module, &mut data);
    module.define_data(id, &data)?;
    Ok(id)
}

#[expect(clippy::cast_possible_truncation, reason = "a network has far fewer than 2^29 steps")]
fn offset(bytes: usize) -> u32 {
    bytes as u32
}

/// Writes the function that gives the address of the object.
fn export(writer: &mut Writer<'_, ObjectModule>, symbol: &str, object: DataId) -> Result<(), CodeError> {
    let mut signature = writer.signature(0);
    signature.returns.push(AbiParam::new(types::I64));
    writer.context.func.signature = signature;
    let mut builder = FunctionBuilder::new(&mut writer.context.func, &mut writer.builders);
    let block = builder.create_block();
    builder.switch_to_block(block);
    builder.seal_block(block);
    let object = writer.module.declare_data_in_func(object, builder.func);
    let address = builder.ins().symbol_value(types::I64, object);
    builder.ins().return_(&[address]);
    builder.finalize(writer.module.target_config());
    writer.define(symbol, Linkage::Export)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_names_that_nobody_else_uses() {
        for name in ["digits", "MobileNet", "a_b2", "pnets"] {
            assert_eq!(Prefix::new(name), Ok(Prefix(name.to_owned())));
        }
        for name in ["", "2d", "_x", "a-b", "ä", "a b"] {
            assert_eq!(Prefix::new(name), Err(PrefixError::NoName(name.to_owned())));
        }
        for name in ["pnet", "PNET", "pnet_weights"] {
            assert_eq!(Prefix::new(name), Err(PrefixError::Taken(name.to_owned())));
        }
    }
}
