//! Whatever a user writes, the compiler ends soon, in bounded memory, with a graph or with errors: never with a panic.
//!
//! Three sources of programs: bombs made by hand against each limit, random programs of the whole language (every
//! operation and function with arguments from all over the range), and the examples of the explanations with random
//! damage. `PROPTEST_CASES` makes the random ones more.

mod bombs;
mod programs;

use std::sync::mpsc;
use std::time::Duration;

use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::graph::print;
use parameternet_compiler::program::{Failure, MemoryLoader, Program};
use parameternet_dsl::diagnostic::Style;

/// A program that takes longer hangs: the limits of the compiler let none run for more than a few seconds.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// The number of nodes, or the errors.
type Outcome = Result<usize, Failure>;

/// Compiles, renders and checks what comes out; panics if that takes too long.
fn compile(loader: MemoryLoader, about: &str) -> Outcome {
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        let result = Program::load(&loader, "main.pnet").and_then(|program| elaborate(&program, &Request::default()));
        let outcome = result.map(|graph| {
            if graph.node_count() < 1000 {
                assert!(!print::print(&graph).is_empty());
            }
            graph.node_count()
        });
        if let Err(failure) = &outcome {
            check(failure);
        }
        // The receiver is gone if the time was over.
        let _ = sender.send(outcome);
    });
    match receiver.recv_timeout(TIME_LIMIT) {
        Ok(outcome) => outcome,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{about}: it takes more than {TIME_LIMIT:?}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match thread.expect("a thread").join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => panic!("{about}: the thread ended without a result"),
        },
    }
}

/// Errors must be complete and bounded, and point into the texts.
fn check(failure: &Failure) {
    assert!(!failure.diagnostics.is_empty(), "a failure without errors");
    for diagnostic in &failure.diagnostics {
        assert!(!diagnostic.message.is_empty());
        for label in &diagnostic.labels {
            let file = failure.sources.get(label.span.source).expect("a file for every label");
            assert!(file.text.get(label.span.range()).is_some(), "a label outside of the text: {diagnostic:?}");
        }
        let primary = diagnostic.labels.first().is_none_or(|label| label.primary);
        assert!(primary, "the first label must be the primary one: {diagnostic:?}");
    }
    let plain = failure.render(Style::Plain);
    assert!(plain.contains("error["), "{plain}");
    assert!(!failure.render(Style::Colored).is_empty());
    let source: usize = failure.sources.iter().map(|(_, file)| file.text.len()).sum();
    assert!(plain.len() < 100_000 + 3 * source, "{} bytes of errors", plain.len());
}
