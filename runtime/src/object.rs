//! Networks in object files: what the compiler leaves in one beside machine code, and how it becomes a session.
//!
//! In: an [`Object`], which stands in the memory of the program that the object file was linked into. Out: a [`Network`] for
//! the instruction set of the machine; with the weights of a file, [`Weights`], which any number of [`Session`]s share.
//!
//! An object is read by the runtime of the very version that it was made for, which is checked first: machine code and
//! runtime share structures that change with every release.

use std::ptr::NonNull;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::arena::AlignedBuffer;
use crate::generated::LoadError;
use crate::isa::{Isa, IsaError};
use crate::kernels::Kernels;
use crate::prepare::Preparation;
use crate::program::{
    Body, Code, MAX_THREADS, Port, Program, Round, Session, SessionError, StepEntry, StepFunction, StepOutline,
};
use crate::weights::{TensorSpec, WeightFile};

/// The header of C programs, as far as it is the same for all networks.
pub const C_HEADER: &str = include_str!("object/parameternet.h");

/// The functions that it declares.
pub const C_FUNCTIONS: [&str; 8] = [
    "pnet_version",
    "pnet_error",
    "pnet_weights_load",
    "pnet_weights_from_memory",
    "pnet_weights_free",
    "pnet_session_new",
    "pnet_session_free",
    "pnet_run",
];

/// The version of the runtime.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What an [`Object`] begins with: `pnetobj` and the number of its form.
pub const MAGIC: u64 = u64::from_le_bytes(*b"pnetobj\x05");

/// A network in an object file; the compiler writes it field by field. Pointers lead into the same file.
#[repr(C)]
#[derive(Debug)]
pub struct Object {
    /// [`MAGIC`].
    pub magic: u64,
    /// The version of the compiler, a text.
    pub version: *const u8,
    /// Its length.
    pub version_length: usize,
    /// A [`Description`] as bytes.
    pub description: *const u8,
    /// How many.
    pub description_length: usize,
    /// The functions of the steps of all variants, one variant after the other.
    pub steps: *const StepFunction,
    /// How many.
    pub step_count: usize,
}

/// What there is to know of a network beside its code.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// The inputs in order.
    pub inputs: Vec<Port>,
    /// The outputs in order.
    pub outputs: Vec<Port>,
    /// What a file of weights must hold.
    pub tensors: Vec<TensorSpec>,
    /// How many threads the work is cut for.
    pub threads: usize,
    /// The code for each instruction set.
    pub variants: Vec<Variant>,
}

/// What belongs to the code for one instruction set. Lengths count `f32`s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// The instruction set.
    pub isa: Isa,
    /// The length of the arena.
    pub arena: usize,
    /// The length of each thread's own memory.
    pub scratch: usize,
    /// How the weights are prepared.
    pub preparation: Preparation,
    /// The steps.
    pub steps: Vec<StepOutline>,
    /// Their order.
    pub rounds: Vec<Round>,
}

/// A description as an object has it. What belongs to one instruction set is bytes by itself, since it may hold large tables and
/// only that of the machine is read.
#[derive(Serialize, Deserialize)]
struct Encoded<'bytes> {
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    tensors: Vec<TensorSpec>,
    threads: usize,
    /// By instruction set: the number of steps, and a [`Variant`].
    #[serde(borrow)]
    variants: Vec<(Isa, usize, &'bytes [u8])>,
}

/// Why the network of an object cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// It does not begin as an object does.
    #[error("this is no network that pnetc compiled, or one of a form that this runtime ({VERSION}) does not know")]
    Form,
    /// Compiler and runtime are of different versions.
    #[error("the network was compiled by pnetc {found}, but this is the runtime of {VERSION}: use both of one version")]
    Version {
        /// The compiler's version.
        found: String,
    },
    /// The description cannot be read.
    #[error("the description of the network is damaged: {0}")]
    Damaged(String),
    /// This machine cannot run the code.
    #[error("this machine cannot run the network: {0}")]
    Isa(#[from] IsaError),
    /// Nor any other code of ours.
    #[error("this machine cannot run the network: it lacks SSE4.1")]
    Machine,
}

impl Description {
    /// The bytes that [`Object::description`] leads to.
    ///
    /// # Errors
    /// None that is known: the format has a word for all that a description holds.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ObjectError> {
        let variants = self.variants.iter().map(|variant| Ok((variant, postcard::to_allocvec(variant)?)));
        let encoded = variants.collect::<Result<Vec<_>, _>>().and_then(|variants| {
            let variants =
                variants.iter().map(|(variant, bytes)| (variant.isa, variant.steps.len(), bytes.as_slice())).collect();
            postcard::to_allocvec(&Encoded {
                inputs: self.inputs.clone(),
                outputs: self.outputs.clone(),
                tensors: self.tensors.clone(),
                threads: self.threads,
                variants,
            })
        });
        encoded.map_err(damaged)
    }
}

fn damaged(error: postcard::Error) -> ObjectError {
    ObjectError::Damaged(error.to_string())
}

/// A compiled network, ready for weights: its code for the instruction set that this machine uses.
#[derive(Debug)]
pub struct Network {
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    tensors: Vec<TensorSpec>,
    threads: usize,
    kernels: &'static Kernels,
    arena: usize,
    scratch: usize,
    preparation: Preparation,
    steps: Vec<StepEntry>,
    rounds: Vec<Round>,
}

impl Network {
    /// Reads the network of an object, for the best instruction set that there is code for, or that of `PNET_ISA`.
    ///
    /// # Errors
    /// When it is of another version, or the machine cannot run it.
    ///
    /// # Safety
    /// `object` points to at least eight bytes. If they are [`MAGIC`], it is what the compiler wrote, and stays where it is
    /// as long as the program runs.
    pub unsafe fn read(object: NonNull<Object>) -> Result<Network, ObjectError> {
        // SAFETY: by the contract.
        if unsafe { object.cast::<u64>().read_unaligned() } != MAGIC {
            return Err(ObjectError::Form);
        }
        // SAFETY: by the contract, since the magic number is there.
        let object = unsafe { object.as_ref() };
        // SAFETY: the compiler wrote pointers with the lengths of what they point to.
        let [version, description] = unsafe {
            [
                std::slice::from_raw_parts(object.version, object.version_length),
                std::slice::from_raw_parts(object.description, object.description_length),
            ]
        };
        if version != VERSION.as_bytes() {
            return Err(ObjectError::Version { found: String::from_utf8_lossy(version).into_owned() });
        }
        let description = postcard::from_bytes(description).map_err(damaged)?;
        // SAFETY: as above.
        let functions = unsafe { std::slice::from_raw_parts(object.steps, object.step_count) };
        Network::choose(description, functions)
    }

    /// The variant of this machine.
    fn choose(description: Encoded<'_>, mut functions: &[StepFunction]) -> Result<Network, ObjectError> {
        if !Isa::has_machine_code() {
            return Err(ObjectError::Machine);
        }
        let isas: Vec<Isa> = description.variants.iter().map(|(isa, ..)| *isa).collect();
        let isa = Isa::chosen_among(&isas)?;
        let kernels = Kernels::for_isa(isa).ok_or(IsaError::Unavailable { isa })?;
        for (variant_isa, steps, bytes) in description.variants {
            let Some((own, others)) = functions.split_at_checked(steps) else { break };
            functions = others;
            if variant_isa == isa {
                let variant: Variant = postcard::from_bytes(bytes).map_err(damaged)?;
                let steps = variant.steps.into_iter().zip(own);
                return Ok(Network {
                    inputs: description.inputs,
                    outputs: description.outputs,
                    tensors: description.tensors,
                    threads: description.threads,
                    kernels,
                    arena: variant.arena,
                    scratch: variant.scratch,
                    preparation: variant.preparation,
                    rounds: variant.rounds,
                    steps: steps.map(|(outline, function)| StepEntry { outline, function: *function }).collect(),
                });
            }
        }
        Err(ObjectError::Damaged("it has more steps than there are functions".to_owned()))
    }

    /// Takes the weights of an opened file, which is not needed afterwards.
    ///
    /// # Errors
    /// When it does not fit the network: then all that does not fit is listed.
    pub fn bind(mut self, file: &WeightFile) -> Result<Weights, LoadError> {
        let block = Arc::new(self.preparation.run(&file.bind(&self.tensors)?)?);
        // Nothing reads them any more, and what is known of weights when a network is compiled may be much.
        (self.preparation, self.tensors) = (Preparation::default(), Vec::new());
        Ok(Weights { network: Arc::new(self), block })
    }
}

/// The weights of a network, ready to run. Cheap to clone: sessions share them.
#[derive(Debug, Clone)]
pub struct Weights {
    network: Arc<Network>,
    block: Arc<AlignedBuffer>,
}

impl Weights {
    /// A session of so many threads, or of as many as the work is cut for if it is 0.
    ///
    /// # Errors
    /// When there are too many threads, memory runs out or no thread can be started.
    pub fn session(&self, threads: usize) -> Result<Session, SessionError> {
        let network = &*self.network;
        let threads = if threads == 0 { network.threads } else { threads };
        if threads > MAX_THREADS {
            return Err(SessionError::Threads { found: threads });
        }
        let code = Code {
            inputs: network.inputs.clone(),
            outputs: network.outputs.clone(),
            arena: network.arena,
            scratch: network.scratch,
            preparation: Preparation::default(),
            threads: threads.try_into().map_err(|_| SessionError::NoThread)?,
            rounds: network.rounds.clone(),
            body: Body::Steps(network.steps.clone()),
            kernels: network.kernels,
            owner: Box::new(()),
        };
        // SAFETY: the compiler made the functions of a verified plan, so that they touch what the plan says; the block was
        // prepared as the plan of the same variant says, and the kernels are those of its instruction set. The functions
        // stand in the program itself; the session's threads take their units, and begin a step of several when the one before it is done.
        unsafe { Program::with_block(Arc::new(code), Arc::clone(&self.block)) }.session()
    }
}

#[cfg(test)]
mod tests;
