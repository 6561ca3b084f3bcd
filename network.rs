//! Networks compiled while a program runs.

use std::fmt::Display;
use std::path::Path;

use parameternet_compiler::analysis::budget;
use parameternet_compiler::compile::{self, CompileError, Options};
use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::plan::ImageLayout;
use parameternet_compiler::program::{Failure, MemoryLoader, Program as Source};
use parameternet_compiler::weight::{InitialTensors, Weight};
use parameternet_dsl::files::FileLoader;
use parameternet_dsl::source::Loader;
use parameternet_runtime::prepare::{PrepareError, TensorSource};
use parameternet_runtime::program::{Port, Program};
use parameternet_runtime::{Dtype, Isa, IsaError, MismatchError, TensorSpec, WeightFile, WeightFileError};

/// Why a network cannot be compiled or loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program is wrong; displays as the errors that `pnetc` prints.
    #[error("{0}")]
    Program(#[from] Box<Failure>),
    /// `PNET_ISA` asks for what is not there.
    #[error(transparent)]
    Isa(#[from] IsaError),
    /// The network cannot be compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The file of weights cannot be read.
    #[error(transparent)]
    WeightFile(#[from] WeightFileError),
    /// The weights are those of another network.
    #[error(transparent)]
    Mismatch(#[from] Box<MismatchError>),
    /// The weights cannot be prepared.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
}

/// Compiles networks: says which network of a text, with what hyper-parameters, and for how many threads.
///
/// ```
/// use parameternet::Compiler;
///
/// let text = "network Mlp(hidden = 64) {
///     input x: f32[batch, 6]
///     return x |> linear(hidden) as l1 |> relu |> linear(4) as l2
/// }";
/// let program = Compiler::new().set("hidden", 32).batch(2).compile_text(text)?.initial_weights(2.0)?;
/// let mut session = program.session()?;
/// let mut scores = [0.0; 2 * 4];
/// session.run(&[&[0.5; 2 * 6]], &mut [&mut scores])?;
/// assert_eq!(scores[..4], scores[4..]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Compiler {
    request: Request,
    threads: usize,
    layout: ImageLayout,
    isa: Option<Isa>,
    experts_dtype: Dtype,
    without: Vec<String>,
}

impl Compiler {
    /// A compiler for the only network of a text, with its own hyper-parameters, a batch of 1, and one thread.
    #[must_use]
    pub fn new() -> Self {
        Compiler::default()
    }

    /// Which network, where a file defines several.
    #[must_use]
    pub fn network(mut self, name: impl Into<String>) -> Self {
        self.request.network = Some(name.into());
        self
    }

    /// Sets a hyper-parameter. The value is an expression of the language: a number, `true`, `silu`, `[1, 2]`.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.request.settings.push((name.into(), value.to_string()));
        self
    }

    /// How many samples a run takes at once.
    #[must_use]
    pub fn batch(mut self, batch: usize) -> Self {
        self.request.batch = batch;
        self
    }

    /// How many threads share the work of a run. With one, no thread is started. The results are the same to the last bit.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// How images lie in the memory of inputs and outputs.
    #[must_use]
    pub fn layout(mut self, layout: ImageLayout) -> Self {
        self.layout = layout;
        self
    }

    /// The instruction set, in place of the best one of this machine (or that of the environment variable `PNET_ISA`).
    #[must_use]
    pub fn isa(mut self, isa: Isa) -> Self {
        self.isa = Some(isa);
        self
    }

    /// What experts are stored as in memory, and the weights of linear layers and pointwise convolutions of one row. With
    /// [`Dtype::Bf16`] or [`Dtype::Int8`] they are read faster, and results are less exact; everything is computed in `f32`.
    #[must_use]
    pub fn experts_dtype(mut self, dtype: Dtype) -> Self {
        self.experts_dtype = dtype;
        self
    }

    /// Leaves a pass out, see [`parameternet_compiler::passes::PASSES`] and
    /// [`parameternet_compiler::plan::rewrites::REWRITES`].
    #[must_use]
    pub fn without(mut self, pass: impl Into<String>) -> Self {
        self.without.push(pass.into());
        self
    }

    /// Compiles a text that uses no other file.
    ///
    /// # Errors
    /// When the program is wrong.
    pub fn compile_text(&self, text: &str) -> Result<Compiled, Error> {
        self.compile(&MemoryLoader::new("network.pnet", text), "network.pnet")
    }

    /// Compiles a file, and the files that it uses.
    ///
    /// # Errors
    /// When a file cannot be read, the program is wrong, or the network costs more than a budget of the file allows.
    pub fn compile_file(&self, path: impl AsRef<Path>) -> Result<Compiled, Error> {
        self.compile(&FileLoader, &path.as_ref().to_string_lossy())
    }

    /// Compiles what a loader finds under a path.
    ///
    /// # Errors
    /// As [`Compiler::compile_file`].
    pub fn compile(&self, loader: &dyn Loader, path: &str) -> Result<Compiled, Error> {
        let source = Source::load(loader, path).map_err(Box::new)?;
        let graph = elaborate(&source, &self.request).map_err(Box::new)?;
        budget::check(&source, &self.request, &graph, &[]).map_err(Box::new)?;
        let isa = self.isa.map_or_else(Isa::chosen, Ok)?;
        let (threads, experts_dtype) = (self.threads.max(1), self.experts_dtype);
        let mut options = Options { threads, experts_dtype, layout: self.layout, ..Options::new(isa) };
        options.passes.without.clone_from(&self.without);
        Ok(Compiled { executable: compile::compile(&graph, &options)?, graph, options })
    }
}

/// A compiled network that waits for weights. Programs with different weights share its code.
#[derive(Debug, Clone)]
pub struct Compiled {
    graph: Graph,
    executable: parameternet_compiler::backend::jit::Executable,
    options: Options,
}

impl Compiled {
    /// The inputs in order.
    #[must_use]
    pub fn inputs(&self) -> &[Port] {
        self.executable.inputs()
    }

    /// The outputs in order.
    #[must_use]
    pub fn outputs(&self) -> &[Port] {
        self.executable.outputs()
    }

    /// What a file of weights must hold.
    #[must_use]
    pub fn weights(&self) -> Vec<TensorSpec> {
        self.graph.stored_weights().map(Weight::spec).collect()
    }

    /// The graph of the network as it is written.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The plan of the code as text, as `pnetc build --emit plan` prints it.
    ///
    /// # Errors
    /// None that compiling did not have.
    pub fn plan(&self) -> Result<String, Error> {
        Ok(compile::plan(&self.graph, &self.options)?.to_string())
    }

    /// Loads the weights of a safetensors file. The file is not needed afterwards.
    ///
    /// # Errors
    /// When it cannot be read, or does not fit the network: then all that does not fit is listed.
    pub fn load_weights(&self, path: impl AsRef<Path>) -> Result<Program, Error> {
        let file = WeightFile::open(path)?;
        self.bind_weights(&file)
    }

    /// Takes the weights of an opened file, or of one that is embedded in the program ([`WeightFile::from_bytes`]).
    ///
    /// # Errors
    /// When it does not fit the network.
    pub fn bind_weights(&self, file: &WeightFile) -> Result<Program, Error> {
        let bound = file.bind(&self.weights())?;
        self.with_weights(&bound)
    }

    /// Takes weights from anywhere, numbered as in [`Compiled::weights`].
    ///
    /// # Errors
    /// When the source lacks one, or has one of another length.
    pub fn with_weights(&self, source: &dyn TensorSource) -> Result<Program, Error> {
        Ok(self.executable.load(source)?)
    }

    /// Takes weights made from their names alone, as `pnetc init` writes them: for tests and measurements.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn initial_weights(&self, gain: f64) -> Result<Program, Error> {
        let source = InitialTensors { graph: &self.graph, gain };
        Ok(self.executable.load(&source)?)
    }
}
