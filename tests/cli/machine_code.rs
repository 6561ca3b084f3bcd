//! Commands around machine code: both executors agree, stages can be printed, networks measured and analysed. What is
//! measured is not judged.

use parameternet_runtime::Isa;
use serde_json::Value;

use super::{DIGITS, command, fails, shared, stderr, stdout, succeeds, text};

const IMAGE: &str = "examples/digits/seven.png";
const WEIGHTS: &str = "examples/digits/digits-e4.safetensors";
const ZOO: [&str; 3] =
    ["examples/models/mobilenetv2.pnet", "examples/models/ghostnet.pnet", "examples/models/parameternet.pnet"];

pub(crate) fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&succeeds(arguments)).expect("valid JSON")
}

/// The number at a path of keys.
pub(crate) fn number(value: &Value, path: &str) -> f64 {
    let found = path.split('.').fold(value, |value, key| &value[key]);
    found.as_f64().unwrap_or_else(|| panic!("`{path}` is a number, not {found}"))
}

#[test]
fn both_back_ends_and_any_number_of_threads_agree() {
    let folder = tempfile::tempdir().expect("a folder");
    let logits = |name: &str, more: &[&str]| {
        let path = folder.path().join(format!("{name}.npy"));
        let output = text(&path);
        let fixed = ["run", DIGITS, IMAGE, "--weights", WEIGHTS, "--output", &output];
        let arguments: Vec<&str> = fixed.iter().chain(more).copied().collect();
        assert_eq!(succeeds(&arguments), "");
        shared::npy_at(&path)
    };
    let exact = logits("exact", &["--backend", "interp"]);
    let largest = exact.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    let found = logits("default", &[]);
    assert_eq!(found.len(), exact.len());
    for (found, exact) in found.iter().zip(&exact) {
        assert!((found - exact).abs() < 1e-5 * largest, "{found} instead of {exact}");
    }
    for threads in ["1", "2", "3"] {
        assert_eq!(logits(threads, &["--backend", "jit", "--threads", threads]), found, "{threads} threads");
    }
}

#[test]
fn several_images_run_on_the_same_code() {
    let names = ["one", "two", "three"];
    let images = names.map(|name| format!("examples/digits/{name}.png"));
    let mut arguments = vec!["run", DIGITS, "--weights", WEIGHTS, "--top", "1"];
    arguments.extend(images.iter().map(String::as_str));
    let shown = succeeds(&arguments);
    assert!(names.iter().zip(shown.lines().skip(1).step_by(2)).all(|(name, line)| line.ends_with(name)), "{shown}");
    arguments.extend(["--backend", "interp"]);
    assert_eq!(succeeds(&arguments), shown);
}

#[test]
fn the_environment_chooses_the_instruction_set() {
    let arguments = ["run", DIGITS, IMAGE, "--weights", WEIGHTS, "--top", "1"];
    for isa in Isa::ALL {
        let output = command(&arguments).env("PNET_ISA", isa.name()).output().expect("pnetc runs");
        if isa.is_available() {
            assert!(stdout(&output).ends_with("seven\n"), "{isa}: {}", stderr(&output));
        } else {
            assert_eq!(output.status.code(), Some(2), "{isa}");
            assert!(stderr(&output).contains("portable"), "{}", stderr(&output));
        }
    }
    for arguments in [&arguments[..], &["bench", DIGITS], &["analyze", DIGITS], &["build", DIGITS, "--emit", "plan"]] {
        let output = command(arguments).env("PNET_ISA", "sse9").output().expect("pnetc runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = stderr(&output);
        for fact in ["PNET_ISA", "'sse9'", "avx512, avx2 and portable", "this machine: portable"] {
            assert!(said.contains(fact), "{said}");
        }
    }
    // The interpreter does not care.
    let mut interpreter = command(&arguments);
    let output = interpreter.args(["--backend", "interp"]).env("PNET_ISA", "sse9").output().expect("pnetc runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn what_machine_code_does_can_be_left_out() {
    let logits = |more: &[&str]| {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("logits.npy");
        let path = file.to_str().expect("a path in Unicode");
        let arguments = ["run", DIGITS, IMAGE, "--weights", WEIGHTS, "--output", path];
        succeeds(&arguments.iter().chain(more).copied().collect::<Vec<_>>());
        std::fs::read(&file).expect("the file is there")
    };
    let (usual, unfolded) = (logits(&[]), logits(&["--without", "fold-batch-norm", "--without", "fuse-epilogues"]));
    assert_eq!(usual.len(), unfolded.len());
    assert_ne!(usual, unfolded, "what batch norms are folded into rounds otherwise");
}

#[test]
fn misuse_around_machine_code_is_told() {
    for (arguments, fact) in [
        (&["run", DIGITS, IMAGE, "--weights", WEIGHTS, "--backend", "interp", "--threads", "2"][..], "--backend jit"),
        (&["run", DIGITS, IMAGE, "--weights", WEIGHTS, "--backend", "gpu"], "interp"),
        (&["run", DIGITS, IMAGE, "--weights", WEIGHTS, "--threads", "0"], "--threads"),
        (&["build", DIGITS, "--emit", "ir", "--threads", "2"], "--emit plan"),
        (&["build", DIGITS, "--emit", "ast", "--without", "fold-scale"], "`plan`"),
        (&["build", DIGITS, "--emit", "plan", "--after", "all"], "--emit ir"),
        (&["build", DIGITS, "--emit", "ir", "--after", "all", "--without", "fuse-epilogues"], "--emit plan"),
        (&["build", DIGITS, "--emit", "plan", "--without", "fuse-everything"], "fuse-epilogues"),
        (&["build", DIGITS, "--emit", "plan", "--isa", "sse9"], "avx2"),
        (
            &["run", DIGITS, IMAGE, "--weights", WEIGHTS, "--backend", "interp", "--experts-dtype", "int8"],
            "--backend jit",
        ),
        (
            &["run", DIGITS, IMAGE, "--weights", WEIGHTS, "--backend", "interp", "--without", "winograd"],
            "--backend jit",
        ),
        (&["run", DIGITS, IMAGE, "--weights", WEIGHTS, "--without", "fuse-everything"], "fuse-epilogues"),
        (&["build", DIGITS, "--emit", "onnx", "--experts-dtype", "int8"], "--emit rust"),
        (&["bench", DIGITS, "--experts-dtype", "f16"], "[possible values: f32, bf16, int8]"),
        (&["bench", DIGITS, "--runs", "3", "--seconds", "1"], "--seconds"),
        (&["bench", DIGITS, "--seconds", "0"], "greater than 0"),
        (&["bench", DIGITS, "--set", "expert"], "NAME=VALUE"),
    ] {
        let said = fails(2, arguments);
        assert!(said.contains(fact), "{arguments:?}: {said}");
    }
    assert!(fails(1, &["bench", DIGITS, "--set", "expert=2"]).contains("`experts`"));
    assert!(fails(1, &["bench", DIGITS, "--weights", WEIGHTS, "--set", "experts=1"]).contains("E0702"));
    assert!(fails(1, &["analyze", "examples/models/blocks/ghost.pnet"]).contains("E0105"));
    if let Some(missing) = Isa::ALL.into_iter().find(|isa| !isa.is_available()) {
        for emit in ["clif", "asm"] {
            let said = fails(2, &["build", DIGITS, "--emit", emit, "--isa", missing.name()]);
            assert!(said.contains("this machine does not have"), "{said}");
        }
        let said = fails(2, &["bench", DIGITS, "--isa", missing.name()]);
        assert!(said.contains("this machine does not have"), "{said}");
    }
}

#[test]
fn plans_can_be_printed_for_any_machine() {
    for (isa, tiles) in [("portable", "tiles 4 x 8"), ("avx2", "tiles 6 x 16"), ("avx512", "tiles 12 x 32")] {
        let plan = succeeds(&["build", DIGITS, "--emit", "plan", "--isa", isa, "--threads", "3"]);
        assert!(plan.contains(tiles) && plan.contains("3 thread(s)"), "{plan}");
        assert!(plan.contains(" depthwise ") && plan.contains(" mean_rows "), "{plan}");
    }
    let plan = |more: &[&str]| {
        let arguments: Vec<&str> = ["build", DIGITS, "--emit", "plan"].iter().chain(more).copied().collect();
        succeeds(&arguments)
    };
    let usual = plan(&[]);
    assert_ne!(usual, plan(&["--without", "fold-batch-norm"]));
    let unfused = plan(&["--without", "fuse-epilogues"]);
    assert!(unfused.lines().count() > usual.lines().count(), "activations become steps: {unfused}");
}

#[test]
fn code_can_be_printed() {
    let clif = succeeds(&["build", DIGITS, "--emit", "clif"]);
    for fact in ["; step0_matmul\n", "function u0:", "call_indirect", "return"] {
        assert!(clif.contains(fact), "{fact:?} in {clif}");
    }
    let listing = |isa: &str| succeeds(&["build", DIGITS, "--emit", "asm", "--isa", isa]);
    let portable = listing("portable");
    assert!(portable.contains("; step0_matmul\n") && portable.contains("ret"), "{portable}");
    assert!(!portable.contains("vfmadd"), "{portable}");
    if Isa::Avx2.is_available() {
        assert!(listing("avx2").contains("vfmadd"));
    }
}

#[test]
fn a_benchmark_has_all_figures() {
    let arguments = ["bench", DIGITS, "--runs", "3", "--per-step", "--json", "--batch", "2", "--threads", "2"];
    let report = json(&arguments);
    for path in [
        "median_ms",
        "min_ms",
        "p95_ms",
        "images_per_second",
        "multiply_adds",
        "bytes",
        "gflops",
        "gigabytes_per_second",
        "share_of_peak",
        "share_of_bandwidth",
        "machine.gflops",
        "machine.gigabytes_per_second",
        "compilation.graph_ms",
        "compilation.passes_ms",
        "compilation.plan_ms",
        "compilation.code_ms",
        "compilation.total_ms",
        "preparation_ms",
        "memory.arena_bytes",
        "memory.weight_bytes",
    ] {
        let value = number(&report, path);
        assert!(value.is_finite() && value > 0.0, "{path}: {value}");
    }
    assert!(number(&report, "memory.scratch_bytes_per_thread") >= 0.0);
    assert_eq!((number(&report, "batch"), number(&report, "threads"), number(&report, "runs")), (2.0, 2.0, 3.0));
    assert_eq!(report["network"], "Digits");
    assert_eq!(report["settings"]["experts"], "4");
    assert!(report["weights"].is_null());

    let steps = report["steps"].as_array().expect("steps");
    let sum = |key: &str| steps.iter().map(|step| number(step, key)).sum::<f64>();
    assert!((sum("share") - 1.0).abs() < 1e-6, "{}", sum("share"));
    assert_eq!(sum("multiply_adds"), number(&report, "multiply_adds"));
    assert_eq!(sum("bytes"), number(&report, "bytes"));
    assert!(steps.is_sorted_by(|a, b| number(a, "ms") >= number(b, "ms")), "the longest first");
    assert!(steps.iter().all(|step| step["node"].as_str().is_some_and(|node| !node.is_empty())), "{steps:#?}");
    let mix = steps.iter().find(|step| step["kernel"] == "mix").expect("a mixture of experts");
    assert!(mix["node"].as_str().expect("text").ends_with(".depthwise"), "{mix}");
    let kernels = report["kernels"].as_array().expect("kernels");
    let counted: f64 = kernels.iter().map(|kernel| number(kernel, "steps")).sum();
    assert_eq!(counted, steps.len() as f64);
}

#[test]
fn a_benchmark_reads_well() {
    let shown = succeeds(&["bench", DIGITS, "--seconds", "0.01", "--weights", WEIGHTS, "--per-step"]);
    for fact in ["Digits, batch 1", ", 1 thread\n", "median ", "images/s", "GFLOP/s", WEIGHTS, "\nKernels\n"] {
        assert!(shown.contains(fact), "{fact:?} in {shown}");
    }
    assert!(shown.lines().any(|line| line.contains("stages[0].refine.pointwise") && line.contains("matmul 64x32x32")));
    assert!(shown.lines().all(|line| line == line.trim_end()), "{shown}");
    assert!(!succeeds(&["bench", DIGITS, "--runs", "1"]).contains("Kernels"));
}

/// Experts in fewer bytes: the plan says which weights are, reports count their bytes, and results are near.
#[test]
fn experts_take_fewer_bytes() {
    let plan = |dtype| succeeds(&["build", DIGITS, "--emit", "plan", "--experts-dtype", dtype]);
    assert_eq!(plan("f32"), succeeds(&["build", DIGITS, "--emit", "plan"]));
    for dtype in ["bf16", "int8"] {
        let plan = plan(dtype);
        assert_eq!(plan.matches(&format!("mix of 4 from {dtype} weights")).count(), 4, "{plan}");
        let source = succeeds(&["build", DIGITS, "--emit", "rust", "--experts-dtype", dtype]);
        assert!(source.contains(&format!("mix_{dtype}(")), "{source}");
    }
    let [whole, halves, quarters] = ["f32", "bf16", "int8"].map(|dtype| {
        let report = json(&["bench", DIGITS, "--runs", "1", "--json", "--experts-dtype", dtype]);
        assert_eq!(report["experts_dtype"], dtype);
        let analysis = json(&["analyze", DIGITS, "--json", "--experts-dtype", dtype]);
        assert_eq!(number(&analysis, "size.prepared_weight_bytes"), number(&report, "memory.weight_bytes"));
        [number(&report, "memory.weight_bytes"), number(&report, "bytes")]
    });
    let saved = |fewer: [f64; 2]| [whole[0] - fewer[0], whole[1] - fewer[1]];
    // Pointwise experts are 21,504 numbers.
    for (fewer, bytes) in [(halves, 2.0), (quarters, 2.5)] {
        assert!(saved(fewer).iter().all(|saved| *saved >= bytes * 21_504.0), "{whole:?} {fewer:?}");
    }
    let arguments = ["run", DIGITS, IMAGE, "--weights", WEIGHTS, "--top", "1", "--experts-dtype", "int8"];
    assert!(succeeds(&arguments).ends_with("seven\n"));
}

#[test]
fn costs_are_known_without_running() {
    for net in ZOO.into_iter().chain([DIGITS]) {
        let report = json(&["analyze", net, "--json"]);
        let ratio = number(&report, "memory.arena_ratio");
        println!("{net}: {ratio:.3}");
        assert!((1.0..=1.15).contains(&ratio), "{net}: {ratio}");
        assert!(number(&report, "memory.arena_bytes") >= number(&report, "memory.live_bytes"));
        assert!(number(&report, "size.weight_bytes") >= 4.0 * number(&report, "size.parameters"));
        assert!(number(&report, "size.prepared_weight_bytes") > 0.0 && number(&report, "size.steps") > 0.0);
    }
    let shown = succeeds(&["analyze", "examples/models/parameternet.pnet", "--isa", "avx2"]);
    for (name, fact) in [("parameters", "34,504,504"), ("arena / live set", "1.0"), ("scratch per thread", " bytes")] {
        let line = shown.lines().find(|line| line.trim_start().starts_with(name));
        assert!(line.is_some_and(|line| line.contains(fact)), "{name} {fact} in {shown}");
    }
}
