use std::ptr::NonNull;

use super::*;
use crate::prepare::{Content, Layout, Prepared, Value, ValueId};
use crate::program::Context;
use crate::weights::{NamedTensor, save};

/// Adds the weight of the step's name to what the output holds.
unsafe extern "C" fn add(context: *const Context, _scratch: *mut f32, begin: usize, end: usize) {
    // SAFETY: the context is that of a run of the network below; units are elements of its output.
    unsafe {
        let (input, output) = (*(*context).inputs, *(*context).outputs);
        for unit in begin..end {
            *output.add(unit) = *input.add(unit) + *(*context).weights;
        }
    }
}

unsafe extern "C" fn double(context: *const Context, _scratch: *mut f32, begin: usize, end: usize) {
    // SAFETY: as above.
    unsafe {
        let output = *(*context).outputs;
        // Not the units' own elements, so that it matters that the step before is done.
        for unit in begin..end {
            if unit == 0 {
                (0..LENGTH).for_each(|index| *output.add(index) *= 2.0);
            }
        }
    }
}

/// Leaves an element and the weight in the arena, where there is room for one.
unsafe extern "C" fn leave(context: *const Context, _scratch: *mut f32, begin: usize, end: usize) {
    // SAFETY: the context is that of a run of the network of rounds below; units are elements of its input.
    unsafe {
        let input = *(*context).inputs;
        (begin..end).for_each(|unit| *(*context).arena = *input.add(unit) + *(*context).weights);
    }
}

/// Doubles what the step before left.
unsafe extern "C" fn collect(context: *const Context, _scratch: *mut f32, begin: usize, end: usize) {
    // SAFETY: as above; units are elements of its output.
    unsafe {
        let output = *(*context).outputs;
        (begin..end).for_each(|unit| *output.add(unit) = 2.0 * *(*context).arena);
    }
}

const LENGTH: usize = 5;

fn description() -> Description {
    described([("add", LENGTH), ("double", 1)], 0, vec![Round { steps: 2, parts: 1 }])
}

/// A network of two steps with so many units, and an arena of that length.
fn described(steps: [(&str, usize); 2], arena: usize, rounds: Vec<Round>) -> Description {
    let port = |name: &str| Port { name: name.to_owned(), shape: vec![1, LENGTH] };
    let preparation = Preparation {
        values: vec![Value::Stored { index: 0, length: 1 }, Value::Constant([f64::NAN, 0.1].into())],
        contents: vec![Prepared {
            offset: 0,
            content: Content::Value { value: ValueId(0), layout: Layout::Strided(Vec::new()) },
        }],
        length: 1,
    };
    let step = |(name, units): (&str, usize)| StepOutline { name: name.to_owned(), units, in_runs: false };
    let steps: Vec<StepOutline> = steps.map(step).into();
    let variant = |isa| Variant {
        isa,
        arena,
        scratch: 0,
        preparation: preparation.clone(),
        steps: steps.clone(),
        rounds: rounds.clone(),
    };
    Description {
        inputs: vec![port("x")],
        outputs: vec![port("y")],
        tensors: vec![TensorSpec { name: "w".to_owned(), shape: vec![1], flat_tail: false }],
        threads: 2,
        variants: Isa::ALL.map(variant).into(),
    }
}

const STEPS: [StepFunction; 6] = [add, double, add, double, add, double];

fn object(version: &'static str, description: &'static [u8], steps: &'static [StepFunction]) -> Object {
    Object {
        magic: MAGIC,
        version: version.as_ptr(),
        version_length: version.len(),
        description: description.as_ptr(),
        description_length: description.len(),
        steps: steps.as_ptr(),
        step_count: steps.len(),
    }
}

fn read(object: &Object) -> Result<Network, ObjectError> {
    // SAFETY: the object is one, and all that it leads to is static.
    unsafe { Network::read(NonNull::from(object)) }
}

fn bytes() -> &'static [u8] {
    description().to_bytes().unwrap().leak()
}

fn weights(value: f32) -> WeightFile {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    save(&path, &[NamedTensor { name: "w", shape: &[1], data: &[value] }], &Default::default()).unwrap();
    WeightFile::from_bytes(std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_description_survives_its_bytes() {
    let decoded = |bytes| -> Result<Description, postcard::Error> {
        let Encoded { inputs, outputs, tensors, threads, variants } = postcard::from_bytes(bytes)?;
        let variants = variants.into_iter().map(|(isa, steps, bytes)| {
            let variant: Variant = postcard::from_bytes(bytes)?;
            assert_eq!((variant.isa, variant.steps.len()), (isa, steps));
            Ok(variant)
        });
        Ok(Description { inputs, outputs, tensors, threads, variants: variants.collect::<Result<_, _>>()? })
    };
    // NaN is unlike itself.
    assert_eq!(format!("{:?}", decoded(bytes()).unwrap()), format!("{:?}", description()));
    for length in 0..bytes().len() {
        assert!(decoded(&bytes()[..length]).is_err(), "{length}");
    }
}

#[test]
fn sessions_of_any_number_of_threads_do_all_steps() {
    let network = read(&object(VERSION, bytes(), &STEPS)).unwrap();
    let weights = network.bind(&weights(0.5)).unwrap();
    for threads in [0, 1, 2, 3, 7] {
        let mut session = weights.session(threads).unwrap();
        assert_eq!(session.program().threads(), if threads == 0 { 2 } else { threads });
        let mut output = [f32::NAN; LENGTH];
        for _ in 0..20 {
            session.run(&[&[1.0, 2.0, 3.0, 4.0, 5.0]], &mut [&mut output]).unwrap();
            assert_eq!(output, [3.0, 5.0, 7.0, 9.0, 11.0], "{threads}");
        }
        let mut times = [std::time::Duration::ZERO; 2];
        session.run_timed(&[&[0.0; LENGTH]], &mut [&mut output], &mut times).unwrap();
        assert_eq!(output, [1.0; LENGTH]);
    }
    let error = weights.session(MAX_THREADS + 1).unwrap_err();
    assert_eq!(error.to_string(), "1025 threads cannot share a network: at most 1024 can");
}

#[test]
fn the_parts_of_a_round_follow_each_other() {
    let description = described([("leave", LENGTH), ("collect", LENGTH)], 1, vec![Round { steps: 2, parts: LENGTH }]);
    let bytes = description.to_bytes().unwrap().leak();
    let network = read(&object(VERSION, bytes, &[leave, collect, leave, collect, leave, collect])).unwrap();
    let weights = network.bind(&weights(0.5)).unwrap();
    for threads in [1, 2, 3] {
        let mut session = weights.session(threads).unwrap();
        let mut times = [std::time::Duration::ZERO; 2];
        let mut output = [f32::NAN; LENGTH];
        let input: &[f32] = &[1.0, 2.0, 3.0, 4.0, 5.0];
        let mut check = |run: &dyn Fn(&mut Session, &mut [&mut [f32]])| {
            output.fill(f32::NAN);
            run(&mut session, &mut [&mut output]);
            assert_eq!(output, [3.0, 5.0, 7.0, 9.0, 11.0], "{threads}");
        };
        check(&|session, output| session.run(&[input], output).unwrap());
        check(&|session, output| session.run_backwards(&[input], output).unwrap());
        let timed = std::cell::RefCell::new(&mut times);
        check(&|session, output| session.run_timed(&[input], output, &mut **timed.borrow_mut()).unwrap());
        assert!(times.iter().all(|time| !time.is_zero()), "{times:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let other = Object { magic: MAGIC + (1 << 56), ..object(VERSION, bytes(), &STEPS) };
    assert!(matches!(read(&other), Err(ObjectError::Form)));
    let old = read(&object("0.0.9", bytes(), &STEPS)).unwrap_err();
    assert!(
        old.to_string().starts_with("the network was compiled by pnetc 0.0.9, but this is the runtime of "),
        "{old}"
    );
    assert!(matches!(read(&object(VERSION, &bytes()[1..], &STEPS)), Err(ObjectError::Damaged(_))));
    assert!(matches!(read(&object(VERSION, bytes(), &[])), Err(ObjectError::Damaged(_))));
    let mut none = description();
    none.variants.clear();
    let none = read(&object(VERSION, none.to_bytes().unwrap().leak(), &[])).unwrap_err();
    assert!(matches!(none, ObjectError::Isa(IsaError::NoneAvailable { .. })));
}

#[test]
fn the_header_declares_what_there_is() {
    let declared =
        C_HEADER.lines().filter(|line| line.contains("pnet_") && line.contains('(') && !line.starts_with(['/', ' ']));
    let names = declared.filter_map(|line| line.split('(').next()?.rsplit([' ', '*']).next());
    assert!(names.eq(C_FUNCTIONS));
}
