//! What generated Rust source builds on: the functions that the compiler writes call these, and nothing else.
//!
//! A generated [`Network`] is data and two functions: one says what its weights are and how they are prepared
//! ([`Describe`]), one runs a thread's part of the work ([`Member`]). With the weights of a file it becomes [`Weights`],
//! which any number of sessions share. The source is the same for every instruction set; the one of the machine is chosen
//! when weights are loaded ([`Isa::chosen`]).
//!
//! Programs do not use this module themselves, and it may change with every release, together with the compiler.

mod describe;
mod lanes;
mod member;
mod shapes;

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use core::num::NonZeroUsize;
#[cfg(feature = "std")]
use std::path::Path;

pub use crate::abi::ActivationShape as Activation;
pub use crate::dtype::Dtype::{Bf16, F32, Int8};
pub use describe::Describe;
use describe::Described;
pub use lanes::{F32x4, Lanes, Once, Rounding, Twice};
pub use member::{Environment, Member};
pub use shapes::{
    activations, depthwise, gemm, in_groups, in_halves, in_lines, in_parts, in_runs, leaky_relu, norm, pool, product,
    resample, softmax, strip, window, winograd_input, winograd_output,
};

use crate::arena::AlignedBuffer;
use crate::isa::{Isa, IsaError};
pub use crate::kernels::Kernels;
use crate::prepare::{Preparation, PrepareError, TensorSource};
use crate::program::{Body, Code, Port, Program, Round};
pub use crate::program::{RunError, Session, SessionError};
pub use crate::shaped::Shaped;
use crate::weights::{MismatchError, TensorSpec, WeightFile, WeightFileError};

/// A network that the compiler wrote down. Lengths count `f32`s.
#[derive(Debug)]
pub struct Network {
    /// Names and shapes of the inputs.
    pub inputs: &'static [(&'static str, &'static [usize])],
    /// Names and shapes of the outputs.
    pub outputs: &'static [(&'static str, &'static [usize])],
    /// The length of the arena.
    pub arena: usize,
    /// The length of a thread's own memory, for each of [`Isa::ALL`].
    pub scratch: [usize; 3],
    /// Steps and parts of each [`Round`].
    pub rounds: &'static [[usize; 2]],
    /// Says what the weights are and how they are prepared.
    pub describe: fn(&mut Describe<'_>),
    /// A thread's part of a run, or of a part of a [`Round`]: it is called again for each.
    ///
    /// # Safety
    /// The compiler vouches for what [`Program::new`] asks of code, if the member is of this network.
    pub run: unsafe fn(&mut Member<'_>),
}

/// Why weights cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read, or is no safetensors file.
    #[error(transparent)]
    File(#[from] WeightFileError),
    /// It does not fit the network.
    #[error(transparent)]
    Mismatch(#[from] Box<MismatchError>),
    /// There is no memory for them, or a tensor of the file cannot be read.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The instruction set that was asked for is not there.
    #[error(transparent)]
    Isa(#[from] IsaError),
}

/// A network that is a type.
pub trait Net: 'static {
    /// What the compiler wrote down.
    const NETWORK: &'static Network;
}

/// A network whose weights are part of the program.
pub trait Embeds: Net {
    /// The bytes of a safetensors file.
    const BYTES: &'static [u8];
}

/// The weights of a network, ready to run. Cheap to clone: sessions share them.
pub struct Weights<N> {
    isa: Isa,
    /// Where each content of the block begins.
    contents: Arc<[usize]>,
    block: Arc<AlignedBuffer>,
    network: PhantomData<fn() -> N>,
}

impl<N> Clone for Weights<N> {
    fn clone(&self) -> Self {
        let (contents, block) = (Arc::clone(&self.contents), Arc::clone(&self.block));
        Weights { isa: self.isa, contents, block, network: PhantomData }
    }
}

impl<N> fmt::Debug for Weights<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Weights").field("isa", &self.isa).field("elements", &self.block.len()).finish_non_exhaustive()
    }
}

impl Network {
    /// What a file of weights must hold.
    #[must_use]
    pub fn tensors(&self) -> Vec<TensorSpec> {
        self.described(Isa::Portable).0
    }

    fn described(&self, isa: Isa) -> (Vec<TensorSpec>, Preparation) {
        let described = Described::of(self.describe, isa.tile());
        (described.tensors, described.preparation)
    }
}

impl<N: Net> Weights<N> {
    /// Loads a safetensors file, which is not needed afterwards.
    ///
    /// # Errors
    /// When it cannot be read or does not fit the network: then all that does not fit is listed.
    #[cfg(feature = "std")]
    pub fn load(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        Weights::bind(&WeightFile::open(path)?)
    }

    /// Takes the bytes of a safetensors file.
    ///
    /// # Errors
    /// When they are no such file or do not fit the network.
    pub fn from_bytes(bytes: &'static [u8]) -> Result<Self, LoadError> {
        Weights::bind(&WeightFile::from_bytes(bytes)?)
    }

    /// Takes the weights of an opened file.
    ///
    /// # Errors
    /// When it does not fit the network.
    pub fn bind(file: &WeightFile) -> Result<Self, LoadError> {
        let isa = Isa::chosen()?;
        let (tensors, preparation) = N::NETWORK.described(isa);
        let bound = file.bind(&tensors)?;
        Ok(Weights::prepare(isa, &preparation, &bound)?)
    }

    /// Takes weights from anywhere, numbered as in [`Network::tensors`], for an instruction set.
    ///
    /// # Errors
    /// When the source lacks one or has one of another length, or the machine lacks the instruction set.
    pub fn with_source(isa: Isa, source: &dyn TensorSource) -> Result<Self, LoadError> {
        if !isa.is_available() {
            return Err(IsaError::Unavailable { isa }.into());
        }
        Ok(Weights::prepare(isa, &N::NETWORK.described(isa).1, source)?)
    }

    /// The weights that are part of the program.
    ///
    /// # Errors
    /// When there is no memory for them.
    pub fn embedded() -> Result<Self, LoadError>
    where
        N: Embeds,
    {
        Weights::from_bytes(N::BYTES)
    }

    fn prepare(isa: Isa, preparation: &Preparation, source: &dyn TensorSource) -> Result<Self, PrepareError> {
        let contents = preparation.contents.iter().map(|prepared| prepared.offset).collect();
        Ok(Weights { isa, contents, block: Arc::new(preparation.run(source)?), network: PhantomData })
    }

    /// The instruction set that they are prepared for.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// The bytes of memory that they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.block.len() * size_of::<f32>()
    }

    /// A session of so many threads.
    ///
    /// # Errors
    /// When memory runs out or no thread can be started.
    pub fn session(&self, threads: usize) -> Result<Session, SessionError> {
        let network = N::NETWORK;
        let kernels = Kernels::for_isa(self.isa).ok_or(SessionError::NoThread)?;
        let threads = NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN);
        let port = |(name, shape): &(&str, &[usize])| Port { name: (*name).to_owned(), shape: shape.to_vec() };
        let [portable, avx2, avx512] = network.scratch;
        let code = Code {
            inputs: network.inputs.iter().map(port).collect(),
            outputs: network.outputs.iter().map(port).collect(),
            arena: network.arena,
            scratch: match self.isa {
                Isa::Portable => portable,
                Isa::Avx2 => avx2,
                Isa::Avx512 => avx512,
            },
            preparation: Preparation::default(),
            threads,
            rounds: network.rounds.iter().map(|[steps, parts]| Round { steps: *steps, parts: *parts }).collect(),
            body: Body::Source(Environment::new(Arc::clone(&self.contents), network.run)),
            kernels,
            owner: Box::new(()),
        };
        // SAFETY: the compiler vouches for the network's code by the same plan as for machine code; see `Network::run`. The
        // block was prepared by the network's own description for the instruction set of the kernels.
        unsafe { Program::with_block(Arc::new(code), Arc::clone(&self.block)) }.session()
    }
}

/// Memory of an output.
pub type Elements = Box<[f32]>;

/// Numbers that are passed together.
pub type N<const LENGTH: usize> = [usize; LENGTH];

/// No operand.
#[must_use]
pub const fn null() -> *mut f32 {
    core::ptr::null_mut()
}

/// Memory for an output.
#[must_use]
pub fn zeros(length: usize) -> Elements {
    vec![0.0; length].into()
}

/// An output in its shape.
///
/// # Errors
/// When it has not as many elements as the type.
pub fn view<T: Shaped>(elements: &[f32]) -> Result<&T, RunError> {
    let length = RunError::Count { what: "elements", expected: T::ELEMENTS, found: elements.len() };
    T::view(elements).ok_or(length)
}

/// Numbers written as runs: how many there are of each.
#[must_use]
pub fn runs(runs: &[(f64, usize)]) -> Vec<f64> {
    runs.iter().flat_map(|(value, count)| core::iter::repeat_n(*value, *count)).collect()
}

/// Numbers written as runs of neighbours: the first of each run, and how many there are.
#[must_use]
pub fn ranges(ranges: &[[usize; 2]]) -> Vec<u32> {
    let numbers = ranges.iter().flat_map(|[first, count]| *first..first + count);
    numbers.filter_map(|number| u32::try_from(number).ok()).collect()
}

/// Numbers out of their bytes, little-endian.
#[must_use]
pub fn integers(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect()
}

/// Runs out of their bytes, little-endian: a number in 8 bytes, then in 4 how many there are of it.
#[must_use]
pub fn packed_runs(bytes: &[u8]) -> Vec<f64> {
    let mut numbers = Vec::new();
    for run in bytes.as_chunks::<12>().0 {
        let [a, b, c, d, e, f, g, h, length @ ..] = *run;
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(0);
        numbers.extend(core::iter::repeat_n(f64::from_le_bytes([a, b, c, d, e, f, g, h]), length));
    }
    numbers
}
