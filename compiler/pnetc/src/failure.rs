//! What ends a command early, and how it is told to the user.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use parameternet_compiler::backend::jit::JitError;
use parameternet_compiler::compile::CompileError;
use parameternet_compiler::graph::Graph;
use parameternet_compiler::program::Failure as ProgramFailure;
use parameternet_data::{DataError, Problem};
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::{self, Diagnostic, Style};
use parameternet_dsl::source::SourceMap;
use parameternet_runtime::machine::MeasureError;
use parameternet_runtime::prepare::PrepareError;
use parameternet_runtime::program::{RunError, SessionError};
use parameternet_runtime::weights::WeightFileProblem;
use parameternet_runtime::{Isa, IsaError, MismatchError, ReadError, SaveError, WeightFileError};

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Errors of a program or of data, with the texts they point into.
    Diagnostics(Box<ProgramFailure>),
    /// Something that was said already, such as "not formatted".
    Told,
    /// The command line does not fit the program: exit code 2.
    Usage(String),
    /// What went wrong where exit code 1 says something else: exit code 2.
    Trouble(Box<Failure>),
    /// This machine lacks memory or threads, or the compiler has a defect: nothing to point at.
    Fault(String),
}

impl Failure {
    /// Shows the failure on standard error and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Failure::Diagnostics(failure) => {
                let style = if colored() { Style::Colored } else { Style::Plain };
                anstream::eprint!("{}", diagnostic::render(&failure.diagnostics, &failure.sources, style));
                ExitCode::from(1)
            }
            Failure::Told => ExitCode::from(1),
            Failure::Usage(message) => {
                anstream::eprintln!("error: {message}\n\nFor more information, try '--help'.");
                ExitCode::from(2)
            }
            Failure::Trouble(failure) => {
                failure.report();
                ExitCode::from(2)
            }
            Failure::Fault(message) => {
                anstream::eprintln!("error: {message}");
                ExitCode::from(1)
            }
        }
    }
}

/// Whether standard error shows colours: only on a terminal, unless `NO_COLOR` or `CLICOLOR_FORCE` say otherwise.
fn colored() -> bool {
    match anstream::AutoStream::choice(&std::io::stderr()) {
        anstream::ColorChoice::Always | anstream::ColorChoice::AlwaysAnsi => true,
        anstream::ColorChoice::Never => false,
        anstream::ColorChoice::Auto => std::io::stderr().is_terminal(),
    }
}

impl From<ProgramFailure> for Failure {
    fn from(failure: ProgramFailure) -> Self {
        Failure::Diagnostics(Box::new(failure))
    }
}

impl From<Diagnostic> for Failure {
    /// An error that no source text causes.
    fn from(diagnostic: Diagnostic) -> Self {
        Failure::Diagnostics(Box::new(ProgramFailure { sources: SourceMap::new(), diagnostics: vec![diagnostic] }))
    }
}

impl From<IsaError> for Failure {
    /// What the environment asks for.
    fn from(error: IsaError) -> Self {
        Failure::Usage(format!("the environment variable PNET_ISA cannot be followed: {error}{}", instruction_sets()))
    }
}

/// What there is instead.
fn instruction_sets() -> String {
    let available: Vec<&str> = Isa::available().into_iter().map(Isa::name).collect();
    format!("\n\nInstruction sets of this machine: {}", available.join(", "))
}

impl From<CompileError> for Failure {
    fn from(error: CompileError) -> Self {
        match error {
            CompileError::Jit(JitError::Isa(_)) => Failure::Usage(format!("{error}{}", instruction_sets())),
            CompileError::Pass(_) | CompileError::Plan(_) | CompileError::Jit(_) => Failure::Fault(error.to_string()),
        }
    }
}

/// Errors that this machine or the compiler is to blame for.
macro_rules! faults {
    ($($error:ty),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Failure::Fault(error.to_string())
            }
        })*
    };
}

faults!(SessionError, RunError, MeasureError);

impl From<PrepareError> for Failure {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Read(error) => error.into(),
            error => Failure::Fault(error.to_string()),
        }
    }
}

impl From<ReadError> for Failure {
    /// A file of weights that was in order when it was opened.
    fn from(error: ReadError) -> Self {
        Diagnostic::new(Code::E0706, error.to_string()).into()
    }
}

/// A file that cannot be read or written.
pub(crate) fn io(doing: &str, path: &str, error: &std::io::Error) -> Failure {
    Diagnostic::new(Code::E0706, format!("cannot {doing} `{path}`: {}", plain(error))).into()
}

/// The system's message without its number.
pub(crate) fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text.get(..end).unwrap_or(&text).to_lowercase(),
        None => text,
    }
}

/// Weights that cannot be written.
pub(crate) fn save(error: &SaveError) -> Failure {
    Diagnostic::new(Code::E0706, error.to_string()).into()
}

/// A file that holds no weights.
pub(crate) fn weights(path: &Path, error: &WeightFileError) -> Failure {
    match &error.problem {
        WeightFileProblem::Open { error } | WeightFileProblem::Read { error } => {
            io("read", &path.display().to_string(), error)
        }
        _ => Diagnostic::new(Code::E0701, error.to_string()).into(),
    }
}

/// Weights that do not fit the network: the first line says so, each list that follows is a note.
pub(crate) fn mismatch(error: &MismatchError, graph: &Graph) -> Failure {
    let text = error.to_string();
    let mut lines = text.lines();
    let mut diagnostic = Diagnostic::new(Code::E0702, lines.next().unwrap_or_default());
    let mut notes: Vec<String> = Vec::new();
    for line in lines {
        match notes.last_mut() {
            Some(note) if line.starts_with(' ') => {
                note.push('\n');
                note.push_str(line);
            }
            _ => notes.push(line.to_owned()),
        }
    }
    diagnostic.notes = notes;
    if !error.wrong_shapes.is_empty() && !graph.settings.is_empty() {
        let settings: Vec<String> = graph.settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        diagnostic = diagnostic.help(format!(
            "set the hyper-parameters that the weights were trained with (`--set NAME=VALUE`); now they are {}",
            settings.join(", ")
        ));
    }
    diagnostic.into()
}

/// An input or output file that does not do.
pub(crate) fn data(error: &DataError) -> Failure {
    let code = match &error.problem {
        Problem::CannotRead { .. } | Problem::CannotWrite { .. } | Problem::TooLong { .. } => Code::E0706,
        Problem::NotAnImage { .. }
        | Problem::UnsupportedFormat { .. }
        | Problem::DamagedImage { .. }
        | Problem::ImageTooLarge { .. }
        | Problem::CannotResize { .. } => Code::E0703,
        Problem::MalformedNpy { .. } | Problem::UnsupportedDtype { .. } => Code::E0704,
        Problem::ShapeMismatch { .. }
        | Problem::ImageSizeMismatch { .. }
        | Problem::ImageForOtherInput { .. }
        | Problem::UnsupportedChannels { .. }
        | Problem::StatisticsCount { .. }
        | Problem::BadSetting { .. } => Code::E0705,
        Problem::Metadata { .. } => Code::E0701,
    };
    let mut diagnostic = Diagnostic::new(code, error.to_string());
    diagnostic.notes = error.notes();
    match error.help() {
        Some(help) => diagnostic.help(help).into(),
        None => diagnostic.into(),
    }
}
