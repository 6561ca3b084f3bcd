//! Random networks: machine code computes what the interpreter computes, with every pass on and with one left out.
//!
//! `PNET_SEEDS=FIRST..END` runs other seeds than those of every test run, for longer searches.

use parameternet_compiler::compile::Options;
use parameternet_compiler::plan::{ImageLayout, Where};
use parameternet_compiler::weight::InitialTensors;
use parameternet_generator::{Settings, program};
use parameternet_runtime::{Dtype, Isa};

use crate::compare::{TOLERANCE, error_in_shares, expected, inputs};
use crate::ladder::{names, options, run, same_bits};
use crate::seeds::{GAIN, LEAST_SIZE, graph, is_ill_conditioned, seeds};

/// Those of every test run.
const SEEDS: std::ops::Range<u64> = 0..2000;

/// How a seed ended.
enum Outcome {
    /// All agree.
    Same,
    /// The network normalises what is nearly constant: of the result, little but rounding is left.
    IllConditioned,
}

/// What is wrong with the network of a seed.
fn check(seed: u64) -> Result<Outcome, String> {
    let text = program(seed, &Settings::default());
    let fail = |what: String| format!("seed {seed}: {what}\n{text}");
    let graph = graph(&text).map_err(&fail)?;
    let inputs = inputs(&graph);
    let expected = expected(&graph, &inputs, GAIN);
    let weights = InitialTensors { graph: &graph, gain: GAIN };
    let mut outcome = Outcome::Same;
    // Each seed leaves out another pass, or none, or all.
    let names = names();
    let choices = names.len() + 2;
    let left_out = match usize::try_from(seed).unwrap_or(0) % choices {
        choice if choice < names.len() => vec![names[choice]],
        choice if choice == names.len() => Vec::new(),
        _ => names.clone(),
    };
    // Independent of what is left out: the layout of images, and whether other numbers of threads are tried.
    let round = seed / choices as u64;
    let layout = if round.is_multiple_of(2) { ImageLayout::Nchw } else { ImageLayout::Nhwc };
    let is_threaded = round.is_multiple_of(4) || round % 4 == 3;
    // Everything on is tried on every instruction set, the rest on one in turn.
    let isas = Isa::available();
    let in_turn = isas[usize::try_from(round / 4).unwrap_or(0) % isas.len()];
    let whole = isas.iter().map(|isa| (Vec::new(), *isa, Where::Faster));
    // Products in halves wherever that can be, too: these are no part of a cascade.
    let others = [(left_out, in_turn, Where::Faster), (Vec::new(), in_turn, Where::Possible)];
    // Sample by sample wherever that can be, or hardly ever: networks are small.
    let by_sample = if round.is_multiple_of(3) { Where::Faster } else { Where::Possible };
    for (without, isa, strassen) in whole.chain(others) {
        let options = |threads| Options {
            layout,
            cascades: Where::Possible,
            strassen,
            by_sample,
            ..options(isa, threads, &without)
        };
        let found = run(&graph, &options(1), &inputs, &weights);
        let error = error_in_shares(&found, &expected, LEAST_SIZE);
        if error >= TOLERANCE && is_ill_conditioned(&graph, &inputs) {
            outcome = Outcome::IllConditioned;
        } else if error >= TOLERANCE {
            return Err(fail(format!(
                "{isa}, {layout:?} without {without:?}, halves {strassen:?}: relative error {error:e}"
            )));
        }
        for threads in [2, 3].into_iter().filter(|_| is_threaded && isa == in_turn) {
            if !same_bits(&found, &run(&graph, &options(threads), &inputs, &weights)) {
                return Err(fail(format!(
                    "{isa} without {without:?}, halves {strassen:?}: {threads} threads give other bits"
                )));
            }
        }
    }
    // How exact fewer bytes are is no question of networks without meaning; that bits do not depend on threads is.
    let experts_dtype = if seed.is_multiple_of(2) { Dtype::Bf16 } else { Dtype::Int8 };
    let fewer = |threads| {
        let options = Options { layout, experts_dtype, ..options(in_turn, threads, &[]) };
        run(&graph, &options, &inputs, &weights)
    };
    let found = fewer(1);
    if expected.iter().flatten().all(|value| value.is_finite())
        && !found.iter().flatten().all(|value| value.is_finite())
    {
        return Err(fail(format!("{in_turn}, {experts_dtype}: not a number")));
    }
    if is_threaded && !same_bits(&found, &fewer(3)) {
        return Err(fail(format!("{in_turn}, {experts_dtype}: 3 threads give other bits")));
    }
    Ok(outcome)
}

#[test]
fn machine_code_computes_what_the_interpreter_computes() {
    let check = |seed: u64| match std::panic::catch_unwind(|| check(seed)) {
        Ok(result) => result,
        Err(_) => Err(format!("seed {seed} panics\n{}", program(seed, &Settings::default()))),
    };
    let seeds: Vec<u64> = seeds(SEEDS).collect();
    // Two threads, each with every other seed; after a few failures there is nothing to be learnt.
    let run = |half: usize| {
        let (mut failures, mut ill_conditioned) = (Vec::new(), Vec::new());
        for seed in seeds.iter().skip(half).step_by(2) {
            match check(*seed) {
                Ok(Outcome::Same) => {}
                Ok(Outcome::IllConditioned) => ill_conditioned.push(*seed),
                Err(failure) => failures.push(failure),
            }
            if failures.len() >= 5 {
                break;
            }
        }
        (failures, ill_conditioned)
    };
    let halves = std::thread::scope(|scope| {
        let other = scope.spawn(|| run(1));
        [run(0), other.join().expect("failures are caught")]
    });
    let (failures, ill_conditioned): (Vec<_>, Vec<_>) = halves.into_iter().unzip();
    let (failures, ill_conditioned) = (failures.concat(), ill_conditioned.concat());
    println!("{} seeds, ill-conditioned and therefore not compared: {ill_conditioned:?}", seeds.len());
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(ill_conditioned.len() * 100 <= seeds.len().max(100), "more than one in a hundred is not compared");
}
