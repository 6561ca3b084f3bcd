//! `--emit object`, `staticlib` and `cdylib`: the network for C, alone or with the runtime library, and its header.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

use ar_archive_writer::{ArchiveKind, DEFAULT_OBJECT_READER, NewArchiveMember, write_archive_to_stream};
use object::read::archive::ArchiveFile;
use parameternet_compiler::backend::object::{self as backend, ISAS, ObjectFile, Prefix};
use parameternet_compiler::compile::{self, CompileError, Options};
use parameternet_compiler::graph::Graph;
use parameternet_compiler::plan::Plan;
use parameternet_dsl::codes::Code;
use parameternet_dsl::diagnostic::Diagnostic;
use parameternet_runtime::Isa;
use parameternet_runtime::object::C_FUNCTIONS;

use crate::arguments::{Build, Stage};
use crate::failure::{self, Failure};
use crate::files;

/// Writes the file, and the header if one is asked for.
pub(super) fn write(graph: &Graph, options: &Build, output: &Path) -> Result<(), Failure> {
    let made = compile(graph, options)?;
    let bytes = match options.emit {
        Stage::Staticlib => archive(&made, &runtime(options)?)?,
        Stage::Cdylib => link(&made, &runtime(options)?)?,
        _ => made.object,
    };
    files::write(output, &bytes)?;
    match &options.object.header {
        Some(header) => files::write(header, made.header.as_bytes()),
        None => Ok(()),
    }
}

/// Threads that the work is cut for unless someone says how many: it serves one as well, within 1 %.
const SEVERAL: usize = 4;

/// The object file and the header.
fn compile(graph: &Graph, options: &Build) -> Result<ObjectFile, Failure> {
    let prefix = match &options.object.prefix {
        Some(prefix) => Prefix::new(prefix),
        None => Prefix::of(graph),
    };
    let prefix = prefix.map_err(|error| Failure::Usage(format!("{error}; choose another with `--prefix`")))?;
    let plan = |isa: &Isa| {
        let threads = options.machine.threads.map_or(SEVERAL, usize::from);
        let experts_dtype = options.machine.experts.experts_dtype.unwrap_or_default();
        let mut wanted = Options { threads, experts_dtype, ..Options::new(*isa) };
        wanted.passes.without.clone_from(&options.without);
        compile::plan(graph, &wanted)
    };
    let plans = match options.machine.isa {
        Some(isa) if !ISAS.contains(&isa) => {
            return Err(Failure::Usage(format!("machines of this kind do not have the instruction set {isa}")));
        }
        Some(isa) => vec![plan(&isa)?],
        None => ISAS.iter().map(plan).collect::<Result<Vec<Plan>, CompileError>>()?,
    };
    backend::compile(graph, &plans, &prefix).map_err(|error| Failure::Fault(error.to_string()))
}

/// The runtime library as it is called on this system.
const RUNTIME: &str = if cfg!(target_env = "msvc") { "parameternet_c.lib" } else { "libparameternet_c.a" };

/// Where the runtime library is: where the user says, else beside this program.
fn runtime(options: &Build) -> Result<PathBuf, Failure> {
    let beside = || std::env::current_exe().unwrap_or_default().with_file_name(RUNTIME);
    let path = options.object.runtime_lib.clone().unwrap_or_else(beside);
    if path.is_file() {
        return Ok(path);
    }
    let missing = format!("there is no runtime library at `{}`", path.display());
    Err(Diagnostic::new(Code::E0706, missing)
        .help(format!(
            "build it in the repository with `cargo build --release --package parameternet-c`, and say where it is: \
             `--runtime-lib target/release/{RUNTIME}`"
        ))
        .into())
}

/// The archive of the runtime library with the object file in it.
fn archive(made: &ObjectFile, runtime: &Path) -> Result<Vec<u8>, Failure> {
    let shown = runtime.display().to_string();
    let bytes = std::fs::read(runtime).map_err(|error| failure::io("read", &shown, &error))?;
    let damaged = |error: &dyn ToString| -> Failure {
        let message = format!("`{shown}` is no archive of object files: {}", error.to_string());
        Diagnostic::new(Code::E0706, message).into()
    };
    let library = ArchiveFile::parse(bytes.as_slice()).map_err(|error| damaged(&error))?;
    let member = |name: &str, bytes| NewArchiveMember::new(bytes, &DEFAULT_OBJECT_READER, name.to_owned());
    let mut members = vec![member(&format!("{}.o", made.symbol), made.object.as_slice())];
    for found in library.members() {
        let found = found.map_err(|error| damaged(&error))?;
        let data = found.data(bytes.as_slice()).map_err(|error| damaged(&error))?;
        members.push(member(&String::from_utf8_lossy(found.name()), data));
    }
    let kind = if cfg!(target_vendor = "apple") { ArchiveKind::Darwin } else { ArchiveKind::Gnu };
    let mut archive = Cursor::new(Vec::new());
    write_archive_to_stream(&mut archive, &members, kind, false, None).map_err(|error| damaged(&error))?;
    Ok(archive.into_inner())
}

/// A shared library, which exports the network's function and those of the runtime library and nothing else.
fn link(made: &ObjectFile, runtime: &Path) -> Result<Vec<u8>, Failure> {
    if !cfg!(target_os = "linux") {
        let message = "pnetc links shared libraries on Linux only; `--emit object` gives what another linker can take";
        return Err(Failure::Fault(message.to_owned()));
    }
    let temporary = |error: &std::io::Error| failure::io("write", "a temporary file", error);
    let folder = tempfile::tempdir().map_err(|error| temporary(&error))?;
    let file = |name: &str| folder.path().join(name);
    let [object, exports, library] = [file("network.o"), file("exports"), file("network.so")];
    let script = format!("{{ global: {}; {}; local: *; }};\n", made.symbol, C_FUNCTIONS.join("; "));
    std::fs::write(&object, &made.object).map_err(|error| temporary(&error))?;
    std::fs::write(&exports, script).map_err(|error| temporary(&error))?;
    let mut command = Command::new("cc");
    command.arg("-shared").arg("-o").arg(&library).arg(&object);
    command.args(C_FUNCTIONS.map(|function| format!("-Wl,--undefined={function}")));
    command.arg(runtime).args(["-Wl,--gc-sections", "-Wl,-z,defs"]);
    command.arg(format!("-Wl,--version-script={}", exports.display())).args(["-lpthread", "-ldl", "-lm"]);
    let output = command.output().map_err(|error| {
        let told = failure::plain(&error);
        Failure::Fault(format!(
            "`cc`, which links shared libraries, cannot be run: {told}; `--emit staticlib` needs no `cc`"
        ))
    })?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::Fault(format!("`cc` cannot link the shared library:\n{}", told.trim_end())));
    }
    std::fs::read(&library).map_err(|error| failure::io("read", &library.display().to_string(), &error))
}
