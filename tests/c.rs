//! Networks for C: compiled by `pnetc`, linked by `cc` with the runtime library, run, and compared to the last bit with what
//! machine code in memory computes. Without `cc` these tests say that they skip; with `CI` set they fail.

mod shared;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use parameternet_runtime::Isa;
use tempfile::TempDir;

// Makes cargo build the library that is linked here.
use parameternet_c as _;

const DIGITS: &str = "examples/digits/digits.pnet";
const WEIGHTS: &str = "examples/digits/digits-e4.safetensors";
const OTHER_WEIGHTS: &str = "examples/digits/digits-e1.safetensors";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A program that is run in the root of the repository.
fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(repository()).env_remove("PNET_ISA");
    command
}

/// Whether a program is there that tests need.
fn has(program: &str) -> bool {
    let is_there = command(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !is_there {
        assert!(std::env::var_os("CI").is_none(), "there is no {program}");
        println!("skipped: there is no {program}");
    }
    is_there
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Runs a command that succeeds and says nothing on standard error; gives what it printed.
fn succeeds(command: &mut Command) -> String {
    let output = output(command);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.is_empty(), "{command:?}: {}: {told}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

fn pnetc(arguments: &[&str]) -> Command {
    let mut pnetc = command(env!("CARGO_BIN_EXE_pnetc"));
    pnetc.args(arguments);
    pnetc
}

/// Runs `pnetc`, expects that exit code, and gives what it said.
fn fails(code: i32, arguments: &[&str]) -> String {
    let output = output(&mut pnetc(arguments));
    let told = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
    told
}

/// The runtime library: cargo puts it beside the tests.
fn runtime() -> String {
    let tests = std::env::current_exe().expect("this program has a path");
    let library = tests.with_file_name("libparameternet_c.a");
    assert!(library.is_file(), "{} is missing", library.display());
    text(&library)
}

fn text(path: &Path) -> String {
    path.to_str().expect("a path of text").to_owned()
}

/// A folder for what a test makes.
struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, name: &str) -> String {
        text(&self.0.path().join(name))
    }

    /// Compiles a network into `NAME.o` and `NAME.h`.
    fn object(&self, name: &str, arguments: &[&str]) {
        let (object, header) = (self.file(&format!("{name}.o")), self.file(&format!("{name}.h")));
        let fixed = ["--emit", "object", "--prefix", name, "-o", &object, "--header", &header];
        assert_eq!(succeeds(pnetc(&["build"]).args(arguments).args(fixed)), "");
    }

    /// Compiles a program of `tests/c` with some objects and the runtime library.
    fn program(&self, source: &str, linked: &[String]) -> Command {
        let program = self.file(source);
        let mut cc = command("cc");
        cc.args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-O1", "-I", &self.file("")]);
        cc.arg(format!("tests/c/{source}.c")).args(linked).args(["-o", &program, "-lpthread", "-ldl", "-lm"]);
        assert_eq!(succeeds(&mut cc), "");
        command(program)
    }
}

#[test]
fn the_example_reads_a_digit() {
    if !has("cc") {
        return;
    }
    let folder = Folder::new();
    let mut build = command("examples/c/build.sh");
    build.arg(folder.0.path()).env("PNETC", env!("CARGO_BIN_EXE_pnetc")).env("RUNTIME_LIB", runtime());
    succeeds(&mut build);
    let shown = succeeds(
        pnetc(&["run", DIGITS, "examples/digits/three.png", "--weights", WEIGHTS, "--output"])
            .arg(folder.file("scores.npy")),
    );
    assert_eq!(shown, "");
    let best = shared::npy_at(&folder.0.path().join("scores.npy")).into_iter().fold(f64::MIN, f64::max);
    // Once from the file, once from memory.
    let expected = format!("three, with a score of {best:.4}\n").repeat(2);
    for threads in ["0", "1", "2"] {
        assert_eq!(succeeds(command(folder.file("digits")).args([WEIGHTS, threads])), expected);
    }
    // The program of the documentation, too.
    let page = std::fs::read_to_string(repository().join("docs/c.md")).expect("the page");
    let (_, rest) = page.split_once("\n```c\n").expect("a program in C");
    let (program, _) = rest.split_once("```").expect("its end");
    let (source, compiled) = (folder.file("program.c"), folder.file("program"));
    std::fs::write(&source, program).expect("written");
    let mut cc = command("cc");
    cc.args(["-Wall", "-Wextra", "-Werror", "-I", &folder.file(""), &source, &folder.file("libdigits.a")]);
    succeeds(cc.args(["-lpthread", "-ldl", "-lm", "-o", &compiled]));
    assert!(succeeds(&mut command(compiled)).trim_end().parse::<f64>().is_ok());

    let wrong = output(command(folder.file("digits")).arg(OTHER_WEIGHTS));
    let told = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert_eq!(wrong.status.code(), Some(1), "{told}");
    assert!(told.starts_with("digits: cannot load the weights: ") && told.contains("[4, 16, 1, 3, 3]"), "{told}");
}

/// Every instruction set and number of threads gives the bits of machine code in memory.
#[test]
fn objects_compute_the_same_bits() {
    if !has("cc") {
        return;
    }
    for (file, input, more, dtype) in [
        (DIGITS, &[3, 1, 8, 8][..], &["--batch", "3"][..], "f32"),
        (DIGITS, &[3, 1, 8, 8], &["--batch", "3"], "bf16"),
        ("examples/models/ghostnet.pnet", &[1, 3, 224, 224], &["--set", "width=0.3", "--threads", "2"], "f32"),
        ("examples/models/parameternet.pnet", &[1, 3, 224, 224], &["--set", "width=0.3", "--threads", "4"], "int8"),
    ] {
        let folder = Folder::new();
        let dtype = ["--experts-dtype", dtype];
        folder.object("net", &[&[file][..], more, &dtype].concat());
        let program = folder.program("run", &[folder.file("net.o"), runtime()]);
        let program = text(Path::new(program.get_program()));
        let network: Vec<&str> = more.iter().copied().take(2).collect();
        let weights = folder.file("w.safetensors");
        succeeds(pnetc(&["init", file, "-o", &weights]).args(&network));
        let values: Vec<f32> = parameternet_runtime::synth::tensor("image", input.iter().product()).collect();
        let (array, raw) = (folder.file("x.npy"), folder.file("x"));
        std::fs::write(&array, shared::npy_bytes(input, &values)).expect("written");
        std::fs::write(&raw, values.iter().flat_map(|value| value.to_ne_bytes()).collect::<Vec<u8>>())
            .expect("written");
        for isa in Isa::available() {
            let expected = folder.file("y.npy");
            let mut run = pnetc(&["run", file, &array, "--weights", &weights, "--output", &expected, "--threads", "1"]);
            succeeds(run.args(&network).args(dtype).env("PNET_ISA", isa.name()));
            let expected = shared::npy_at(Path::new(&expected));
            for threads in ["1", "2", "3"] {
                let found = folder.file("y");
                succeeds(command(&program).args([&weights, &raw, &found, threads]).env("PNET_ISA", isa.name()));
                let found = std::fs::read(found).expect("outputs");
                let found: Vec<f64> =
                    found.as_chunks().0.iter().map(|bytes| f64::from(f32::from_ne_bytes(*bytes))).collect();
                assert_eq!(found, expected, "{file}, {isa}, {threads} threads");
            }
        }
    }
}

#[test]
fn wrong_arguments_are_told() {
    if !has("cc") {
        return;
    }
    let folder = Folder::new();
    folder.object("net", &[DIGITS]);
    let mut program = folder.program("errors", &[folder.file("net.o"), runtime()]);
    insta::assert_snapshot!(succeeds(program.args([WEIGHTS, OTHER_WEIGHTS])));
}

#[test]
fn the_machine_must_have_what_the_code_was_made_for() {
    if !has("cc") {
        return;
    }
    let folder = Folder::new();
    folder.object("net", &[DIGITS, "--isa", "portable"]);
    let program = folder.program("run", &[folder.file("net.o"), runtime()]);
    let program = text(Path::new(program.get_program()));
    let (raw, found) = (folder.file("x"), folder.file("y"));
    std::fs::write(&raw, [0; 64 * 4]).expect("written");
    let run = |isa: Option<&str>| {
        let mut run = command(&program);
        run.args([WEIGHTS, &raw, &found, "1"]);
        if let Some(isa) = isa {
            run.env("PNET_ISA", isa);
        }
        String::from_utf8(output(&mut run).stderr).expect("text")
    };
    assert_eq!(run(None), "");
    assert_eq!(run(Some("portable")), "");
    if Isa::Avx2.is_available() {
        let told = "status 3: this machine cannot run the network: there is no code for the instruction set avx2, only for portable\n";
        assert_eq!(run(Some("avx2")), told);
    }
    let told = run(Some("sse9"));
    assert!(told.contains("status 3") && told.contains("there is no instruction set 'sse9'"), "{told}");
}

const SECOND: &str =
    "network Second { input x: f32[batch, 6] return x |> linear(32) as l1 |> relu |> linear(4) as l2 }";

#[test]
fn two_networks_live_in_one_program() {
    if !has("cc") {
        return;
    }
    let folder = Folder::new();
    let second = folder.file("second.pnet");
    std::fs::write(&second, SECOND).expect("written");
    let weights = folder.file("second.safetensors");
    succeeds(&mut pnetc(&["init", &second, "-o", &weights]));
    folder.object("first", &[DIGITS]);
    folder.object("second", &[&second]);
    let objects = [folder.file("first.o"), folder.file("second.o"), runtime()];
    let shown = succeeds(folder.program("two", &objects).args([WEIGHTS, &weights]));
    assert!(shown.split_whitespace().all(|sum| sum.parse::<f64>().is_ok_and(|sum| sum != 0.0)), "{shown}");
    // Each in a library with a runtime of its own.
    let libraries = ["first", "second"].map(|name| {
        let (library, file) = (folder.file(&format!("lib{name}.a")), if name == "first" { DIGITS } else { &second });
        let arguments = ["build", file, "--emit", "staticlib", "--prefix", name, "-o", &library];
        succeeds(pnetc(&arguments).args(["--runtime-lib", &runtime()]));
        library
    });
    assert_eq!(succeeds(folder.program("two", &libraries).args([WEIGHTS, &weights])), shown);
}

#[test]
#[cfg(target_os = "linux")]
fn a_shared_library_serves_other_languages() {
    if !has("cc") || !has("python3") {
        return;
    }
    let folder = Folder::new();
    let library = folder.file("libnet.so");
    let arguments = ["build", DIGITS, "--emit", "cdylib", "--prefix", "net", "-o", &library];
    succeeds(pnetc(&arguments).args(["--runtime-lib", &runtime()]));
    let run = |weights: &str| output(command("python3").args(["tests/c/shared.py", &library, weights, "64", "10"]));
    let shown = run(WEIGHTS);
    let shown = String::from_utf8(shown.stdout).expect("text");
    let found: Vec<f64> = shown.split_whitespace().map(|number| number.parse().expect("a number")).collect();
    let (zeros, expected) = (folder.file("zeros.npy"), folder.file("y.npy"));
    std::fs::write(&zeros, shared::npy_bytes(&[1, 1, 8, 8], &[0.0; 64])).expect("written");
    succeeds(&mut pnetc(&["run", DIGITS, &zeros, "--weights", WEIGHTS, "--output", &expected]));
    assert_eq!(found, shared::npy_at(Path::new(&expected)));
    let wrong = run(OTHER_WEIGHTS);
    assert!(!wrong.status.success());
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("[4, 16, 1, 3, 3]"));
}

#[test]
fn a_header_has_shapes_and_versions() {
    let folder = Folder::new();
    let path = folder.file("odd.pnet");
    // Names that are keywords of C, or the same in capitals; a text that would end a comment.
    let odd = "network OddNames(mode = \"*/\") {\n    input int: f32[batch, 2]\n    input INT: f32[3, 1]\n    \
               return lengths = int |> relu, output = INT\n}\n";
    std::fs::write(&path, odd).expect("written");
    let (object, header) = (folder.file("odd.o"), folder.file("odd.h"));
    succeeds(&mut pnetc(&[
        "build", &path, "--emit", "object", "-o", &object, "--header", &header, "--isa", "portable",
    ]));
    let text = std::fs::read_to_string(&header).expect("a header");
    let (before, rest) = text.split_once(parameternet_runtime::object::C_HEADER).expect("the part of all networks");
    let own = format!("{before}[…]\n{rest}").replace(parameternet_runtime::object::VERSION, "VERSION");
    insta::assert_snapshot!(own);
    if has("cc") {
        for language in ["-std=c99", "-xc++"] {
            let mut cc = command("cc");
            cc.args([
                language,
                "-Wall",
                "-Wextra",
                "-Werror",
                "-Wno-pragma-once-outside-header",
                "-fsyntax-only",
                &header,
            ]);
            if language == "-std=c99" {
                cc.arg("-xc");
            }
            let output = output(&mut cc);
            assert!(output.status.success(), "{language}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn misuse_is_told_and_nothing_is_written() {
    let folder = Folder::new();
    let out = folder.file("out");
    let build =
        |more: &[&str]| -> Vec<String> { ["build", DIGITS].iter().chain(more).map(ToString::to_string).collect() };
    let told = |code, more: &[&str]| {
        let arguments = build(more);
        fails(code, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert!(told(2, &["--emit", "object"]).contains("need `--output`"));
    assert!(told(2, &["--emit", "plan", "--header", &out]).contains("--emit object"));
    assert!(told(2, &["--emit", "ir", "--prefix", "x"]).contains("--emit object"));
    assert!(told(2, &["--emit", "object", "-o", &out, "--runtime-lib", "x"]).contains("`--emit staticlib`"));
    assert!(told(2, &["--emit", "object", "-o", &out, "--prefix", "2d"]).contains("`2d` is no name in C"));
    assert!(told(2, &["--emit", "object", "-o", &out, "--prefix", "pnet"]).contains("`--prefix`"));
    assert!(told(2, &["--emit", "object", "-o", &out, "--after", "all"]).contains("--emit ir"));
    assert!(told(1, &["--emit", "object", "-o", &out, "--budget", "macs<1"]).contains("E0601"));
    let missing = folder.file("missing.a");
    for emit in ["staticlib", "cdylib"] {
        let told = told(1, &["--emit", emit, "-o", &out, "--runtime-lib", &missing]);
        assert!(told.contains("E0706") && told.contains("cargo build --release --package parameternet-c"), "{told}");
    }
    let none = told(1, &["--emit", "staticlib", "-o", &out, "--runtime-lib", DIGITS]);
    assert!(none.contains("is no archive of object files"), "{none}");
    assert!(told(1, &["--emit", "object", "-o", "/nowhere/at/all.o"]).contains("E0706"));
    assert_eq!(std::fs::read_dir(folder.0.path()).expect("a folder").count(), 0);
}
