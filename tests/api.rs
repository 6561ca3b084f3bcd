//! The library as a program uses it.

use std::collections::BTreeMap;

use parameternet::runtime::{NamedTensor, WeightFile};
use parameternet::{Compiler, Error, ImageLayout, Isa, Port, Program, RunError, Session};

const TEXT: &str = "network Small(width = 8) {
    input image: f32[batch, 3, 9, 7]
    let x = image |> conv(width, kernel=3) as stem |> batch_norm as bn |> relu
    return scores = x |> mean([2, 3]) |> linear(5) as head, features = x |> dynamic_conv(4, experts=2) as mix
}";

fn program(compiler: &Compiler) -> Program {
    let compiled = compiler.compile_text(TEXT).unwrap_or_else(|error| panic!("{error}"));
    compiled.initial_weights(2.0).unwrap_or_else(|error| panic!("{error}"))
}

fn image(elements: usize) -> Vec<f32> {
    parameternet::runtime::synth::tensor("image", elements).collect()
}

fn run(session: &mut Session, image: &[f32]) -> [Vec<f32>; 2] {
    let lengths: Vec<usize> = session.program().outputs().iter().map(Port::elements).collect();
    let mut outputs = [vec![f32::NAN; lengths[0]], vec![f32::NAN; lengths[1]]];
    let [scores, features] = &mut outputs;
    session.run(&[image], &mut [scores, features]).unwrap_or_else(|error| panic!("{error}"));
    outputs
}

#[test]
fn ports_have_names_and_shapes() {
    let program = program(&Compiler::new().batch(2).set("width", 6));
    let port = |name: &str, shape: &[usize]| Port { name: name.to_owned(), shape: shape.to_vec() };
    assert_eq!(program.inputs(), [port("image", &[2, 3, 9, 7])]);
    assert_eq!(program.outputs(), [port("scores", &[2, 5]), port("features", &[2, 4, 9, 7])]);
}

#[test]
fn images_may_have_their_channels_last() {
    let image = image(2 * 3 * 9 * 7);
    let [scores, features] = run(&mut program(&Compiler::new().batch(2)).session().expect("a session"), &image);
    let channels_last = |data: &[f32], channels: usize| -> Vec<f32> {
        let pixels = 9 * 7;
        let value = |index: usize| {
            let (sample, pixel, channel) = (index / (pixels * channels), index / channels % pixels, index % channels);
            data[(sample * channels + channel) * pixels + pixel]
        };
        (0..data.len()).map(value).collect()
    };
    let last = program(&Compiler::new().batch(2).layout(ImageLayout::Nhwc));
    let found = run(&mut last.session().expect("a session"), &channels_last(&image, 3));
    assert_eq!(found, [scores, channels_last(&features, 4)], "the same to the last bit");
}

#[test]
fn sessions_run_at_once_on_one_set_of_weights() {
    fn is_shared<T: Send + Sync + Clone>(_: &T) {}
    let program = program(&Compiler::new().threads(2));
    is_shared(&program);
    let images: Vec<Vec<f32>> = (0..4u16).map(|user| vec![f32::from(user) * 0.25; 3 * 9 * 7]).collect();
    let alone: Vec<_> = images.iter().map(|image| run(&mut program.session().expect("a session"), image)).collect();
    std::thread::scope(|scope| {
        for (image, expected) in images.iter().zip(&alone) {
            let program = program.clone();
            scope.spawn(move || {
                let mut session = program.session().expect("a session");
                for _ in 0..50 {
                    assert_eq!(run(&mut session, image), *expected);
                }
            });
        }
    });
    // A session keeps what it needs.
    let mut session = program.session().expect("a session");
    drop(program);
    assert_eq!(run(&mut session, &images[1]), alone[1]);
}

#[test]
fn every_instruction_set_and_number_of_threads_can_be_asked_for() {
    let image = image(3 * 9 * 7);
    for isa in Isa::available() {
        let one = run(&mut program(&Compiler::new().isa(isa)).session().expect("a session"), &image);
        for threads in [0, 2, 5] {
            let program = program(&Compiler::new().isa(isa).threads(threads));
            assert_eq!(program.threads(), threads.max(1));
            assert_eq!(run(&mut program.session().expect("a session"), &image), one);
        }
    }
}

#[test]
fn errors_are_values() {
    let wrong = Compiler::new().compile_text("network N { input x: f32[batch, 3] return x |> linaer(3) }");
    let Err(Error::Program(failure)) = wrong else { panic!("a misspelt operation is found") };
    assert_eq!(failure.diagnostics.len(), 1);
    assert!(failure.to_string().contains("cannot find `linaer` in this scope"), "{failure}");
    assert!(matches!(Compiler::new().compile_file("no/such.pnet"), Err(Error::Program(_))));
    let dear = format!("{TEXT} budget Small {{ params <= 10 }}");
    let Err(Error::Program(failure)) = Compiler::new().compile_text(&dear) else { panic!("the budget is held") };
    assert!(failure.to_string().starts_with("error[E0601]"), "{failure}");
    let unknown = Compiler::new().without("fold-everything").compile_text(TEXT);
    assert_eq!(unknown.map(drop).unwrap_err().to_string(), "there is no pass `fold-everything`");
    let missing = Compiler::new().compile_text(TEXT).expect("a right program").load_weights("no/such.safetensors");
    assert!(matches!(missing, Err(Error::WeightFile(_))));

    let program = program(&Compiler::new());
    let mut session = program.session().expect("a session");
    let (mut scores, mut features) = ([0.0; 5], [0.0; 4 * 9 * 7]);
    let few = session.run(&[], &mut [&mut scores, &mut features]);
    assert_eq!(few, Err(RunError::Count { what: "inputs", expected: 1, found: 0 }));
    let short = session.run(&[&[0.0; 10]], &mut [&mut scores, &mut features]).unwrap_err();
    assert_eq!(short.to_string(), "`image` of shape [1, 3, 9, 7] has 189 elements, not 10");
    let long = session.run(&[&[0.0; 189]], &mut [&mut [0.0; 6], &mut features]).unwrap_err();
    assert_eq!(long.to_string(), "`scores` of shape [1, 5] has 5 elements, not 6");
}

#[test]
fn programs_with_different_weights_share_their_code() {
    let compiled = Compiler::new().compile_text(TEXT).expect("a right program");
    let image = image(3 * 9 * 7);
    let outputs = [1.0, 4.0].map(|gain| {
        let program = compiled.initial_weights(gain).expect("memory for the weights");
        run(&mut program.session().expect("a session"), &image)
    });
    assert_ne!(outputs[0], outputs[1]);
}

#[test]
fn each_step_can_be_timed() {
    let program = program(&Compiler::new().threads(2));
    let mut session = program.session().expect("a session");
    let image = image(3 * 9 * 7);
    let expected = run(&mut session, &image);
    let mut times = vec![std::time::Duration::ZERO; program.steps().len()];
    let mut found = [vec![0.0; 5], vec![0.0; 4 * 9 * 7]];
    let [scores, features] = &mut found;
    session.run_timed(&[&image], &mut [scores, features], &mut times).expect("the right lengths");
    assert_eq!(found, expected);
    let [scores, features] = &mut found;
    let few = session.run_timed(&[&image], &mut [scores, features], &mut []);
    assert_eq!(few, Err(RunError::Count { what: "steps", expected: times.len(), found: 0 }));
}

#[test]
fn weights_of_another_network_are_refused() {
    let folder = std::env::temp_dir().join(format!("parameternet-api-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("other.safetensors");
    let tensor = NamedTensor { name: "stem.weight", shape: &[1], data: &[0.0] };
    parameternet::runtime::save(&path, &[tensor], &BTreeMap::new()).expect("a file");
    let error = Compiler::new().compile_text(TEXT).expect("a right program").load_weights(&path).map(drop);
    std::fs::remove_dir_all(&folder).expect("the folder goes");
    let Err(Error::Mismatch(mismatch)) = error else { panic!("the weights do not fit") };
    assert!(mismatch.to_string().contains("stem.weight"), "{mismatch}");
}

/// What is prepared is all that is left of a file of weights.
#[test]
#[cfg(target_os = "linux")]
fn loaded_weights_keep_nothing_of_their_file() {
    let folder = std::env::temp_dir().join(format!("parameternet-api-kept-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    // The system tells paths without links.
    let folder = folder.canonicalize().expect("the folder");
    let path = folder.join("net.safetensors");
    let compiled = Compiler::new().compile_text(TEXT).expect("a right program");
    let specs = compiled.weights();
    let data: Vec<Vec<f32>> = specs.iter().map(|spec| vec![0.5; spec.shape.iter().product()]).collect();
    let tensors: Vec<NamedTensor<'_>> = specs
        .iter()
        .zip(&data)
        .map(|(spec, data)| NamedTensor { name: &spec.name, shape: &spec.shape, data })
        .collect();
    parameternet::runtime::save(&path, &tensors, &BTreeMap::new()).expect("a file");

    let is_mapped = || std::fs::read_to_string("/proc/self/maps").expect("the maps").contains("net.safetensors");
    let is_open = || {
        let files = std::fs::read_dir("/proc/self/fd").expect("the open files");
        // Files of other tests may be closed meanwhile.
        files.flatten().any(|file| std::fs::read_link(file.path()).is_ok_and(|target| target == path))
    };
    let file = WeightFile::open(&path).expect("a file of weights");
    assert!(is_open(), "an open file is found");
    let bound = compiled.bind_weights(&file).expect("weights that fit");
    assert!(!is_mapped(), "not even while it is open");
    drop(file);
    let loaded = compiled.load_weights(&path).expect("weights that fit");
    assert!(!is_mapped() && !is_open());
    drop((bound, loaded));
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}

/// The memory of code is never writable and executable, and goes with the program.
#[test]
#[cfg(target_os = "linux")]
fn code_memory_is_executable_and_freed() {
    let maps = || std::fs::read_to_string("/proc/self/maps").expect("the maps of the process");
    // Anonymous memory has no path; libraries and the program itself have one.
    let executable = |maps: &str| -> u64 {
        let fields = maps.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let code = fields.filter(|fields| fields.len() == 5 && fields[1] == "r-xp");
        let bytes = |fields: Vec<&str>| {
            let (start, end) = fields[0].split_once('-').expect("a range");
            let address = |text: &str| u64::from_str_radix(text, 16).expect("an address");
            address(end) - address(start)
        };
        code.map(bytes).sum()
    };
    let has_both =
        |maps: &str| maps.lines().any(|line| line.split_whitespace().nth(1).is_some_and(|p| p.contains("wx")));
    let programs: Vec<Program> = (0..40).map(|_| program(&Compiler::new())).collect();
    let with = maps();
    assert!(!has_both(&with), "{with}");
    drop(programs);
    let without = maps();
    // Other tests may come and go meanwhile, but have few programs.
    let freed = executable(&with).saturating_sub(executable(&without));
    assert!(freed >= 20 * 4096, "{freed} of {} bytes", executable(&with));
}
