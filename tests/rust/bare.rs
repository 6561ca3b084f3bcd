//! Source without the standard library: a program that has an allocator and nothing else computes what machine code computes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use parameternet_compiler::backend::rust::{Documentation, Options, generate};
use parameternet_compiler::compile::{self, compile};
use parameternet_compiler::plan::ImageLayout;
use parameternet_runtime::{Dtype, Isa, TensorSpec, WeightFile};
use quote::quote;

use crate::made::input;
use crate::{from_file, package};

/// A program without std: what it allocates comes from C, and the bits of the scores go to standard output.
const MAIN: &str = r#"#![no_std]
#![no_main]

extern crate alloc;

mod digits;

use core::alloc::{GlobalAlloc, Layout};
use core::ffi::{c_int, c_void};
use core::panic::PanicInfo;

use parameternet_runtime::{Shaped, synth};

unsafe extern "C" {
    fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void;
    fn free(pointer: *mut c_void);
    fn write(file: c_int, bytes: *const c_void, count: usize) -> isize;
    fn abort() -> !;
}

struct C;

// SAFETY: memory comes from the C library's allocator, at the alignment and of at least the size that the layout asks for, and goes back to it.
unsafe impl GlobalAlloc for C {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let alignment = layout.align().max(16);
        // SAFETY: the alignment is a power of two, and the size a multiple of it.
        unsafe { aligned_alloc(alignment, layout.size().next_multiple_of(alignment)) }.cast()
    }

    unsafe fn dealloc(&self, pointer: *mut u8, _: Layout) {
        // SAFETY: by the contract, the pointer came from `alloc` above.
        unsafe { free(pointer.cast()) }
    }
}

#[global_allocator]
static ALLOCATOR: C = C;

// A program that contains the standard library has a second one of these, and does not compile.
#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    // SAFETY: it may be called at any time.
    unsafe { abort() }
}

// The libraries of a target with an operating system are compiled for unwinding. Nothing unwinds here: panics abort.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    // SAFETY: it may be called at any time.
    unsafe { abort() }
}

#[unsafe(no_mangle)]
extern "C" fn main(_: c_int, _: *const *const u8) -> c_int {
    let Ok(weights) = digits::Weights::from_bytes(include_bytes!("digits.safetensors")) else { return 1 };
    let Ok(mut network) = digits::Digits::new(&weights) else { return 2 };
    if digits::Digits::with_threads(&weights, 2).is_ok() {
        return 3;
    }
    let image: alloc::vec::Vec<f32> = synth::tensor("image", 64).collect();
    let Some(image) = Shaped::view(&image) else { return 4 };
    let Ok(scores) = network.run(image) else { return 5 };
    let scores = Shaped::elements(scores);
    // SAFETY: the scores are valid for reads of their size.
    unsafe { write(1, scores.as_ptr().cast(), size_of_val(scores)) };
    0
}
"#;

#[test]
fn source_needs_no_standard_library() {
    if !cfg!(target_os = "linux") {
        println!("skipped: the program is linked with the C library as on Linux");
        return;
    }
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let graph = from_file("digits/digits.pnet", 1);
    let weights = root.join("examples/digits/digits-e4.safetensors");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bare-network");
    write_crate(&folder, &root, &weights);
    let bits = run(&folder);

    let file = WeightFile::open(&weights).expect("the weights are there");
    let specs: Vec<TensorSpec> = graph.stored_weights().map(parameternet_compiler::weight::Weight::spec).collect();
    let bound = file.bind(&specs).expect("the weights fit");
    let executable = compile(&graph, &compile::Options::new(Isa::Portable)).expect("it compiles");
    let mut scores = vec![0.0f32; 10];
    let mut session = executable.load(&bound).expect("there is memory").session().expect("there is memory");
    session.run(&[&input("image", 64)], &mut [&mut scores]).expect("the lengths are right");
    let expected: Vec<u8> = scores.iter().flat_map(|score| score.to_ne_bytes()).collect();
    assert_eq!(bits, expected);
}

fn write_crate(folder: &Path, root: &Path, weights: &Path) {
    fs::create_dir_all(folder.join("src")).expect("the folder can be made");
    let runtime = root.join("runtime").canonicalize().expect("the runtime is there");
    let manifest = format!(
        "[package]\nname = \"bare-network\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [dependencies]\nparameternet-runtime = {{ path = {runtime:?}, default-features = false }}\n\
         [profile.dev]\npanic = \"abort\"\nopt-level = 1\ndebug = false\n[workspace]\n"
    );
    package::write(&folder.join("Cargo.toml"), &manifest);
    package::write(
        &folder.join("Cargo.lock"),
        &fs::read_to_string(root.join("Cargo.lock")).expect("the lock file is there"),
    );
    package::write(&folder.join("build.rs"), "fn main() { println!(\"cargo::rustc-link-lib=c\"); }\n");
    let options = Options {
        runtime: quote!(::parameternet_runtime),
        layout: ImageLayout::Nchw,
        experts_dtype: Dtype::F32,
        embedded: None,
        documentation: Documentation::default(),
    };
    let source = generate(&from_file("digits/digits.pnet", 1), &options).unwrap_or_else(|error| panic!("{error}"));
    package::write(&folder.join("src/digits.rs"), &source.to_string());
    package::write(&folder.join("src/main.rs"), MAIN);
    fs::copy(weights, folder.join("src/digits.safetensors")).expect("the weights are there");
}

/// What the program prints.
fn run(folder: &Path) -> Vec<u8> {
    package::build(folder, &[]);
    let ran = Command::new(folder.join("target/debug/bare-network")).output().expect("the program runs");
    assert!(ran.status.success(), "{}", ran.status);
    ran.stdout
}
