//! A session for C: runs that come at once are refused, and what a run borrows is checked first.

use std::slice;
use std::sync::{Mutex, TryLockError};

use parameternet_runtime::program;

use crate::error::{Failure, Status, argument, failure};

/// `pnet_session`.
#[derive(Debug)]
pub struct Session {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    session: program::Session,
    /// Room for what a run borrows, so that none allocates; empty between runs.
    inputs: Vec<&'static [f32]>,
    outputs: Vec<&'static mut [f32]>,
}

/// Pointers to floats and how many there are of each.
#[derive(Debug)]
pub(crate) struct Arrays<'a, P> {
    pointers: &'a [P],
    lengths: &'a [usize],
    /// `input` or `output`.
    what: &'static str,
}

/// # Safety
/// The pointers are null or to arrays of `count` elements.
pub(crate) unsafe fn arrays<'a, P>(
    pointers: *const P,
    lengths: *const usize,
    count: usize,
    what: &'static str,
) -> Result<Arrays<'a, P>, Failure> {
    if count > 0 && (pointers.is_null() || lengths.is_null()) {
        return Err(argument(&format!("`{what}s` or `{what}_lengths` is null")));
    }
    if count > MOST {
        return Err(failure(Status::Length, format!("the network has not {count} {what}s")));
    }
    if count == 0 {
        return Ok(Arrays { pointers: &[], lengths: &[], what });
    }
    // SAFETY: by the contract; neither is null.
    unsafe {
        Ok(Arrays {
            pointers: slice::from_raw_parts(pointers, count),
            lengths: slice::from_raw_parts(lengths, count),
            what,
        })
    }
}

/// More inputs or outputs than any network has.
const MOST: usize = 1 << 16;

impl<P: Copy> Arrays<'_, P> {
    /// Each pointer with its length, checked alone.
    fn each(&self, address: impl Fn(P) -> *const f32) -> impl Iterator<Item = Result<(P, usize), Failure>> {
        let pairs = self.pointers.iter().zip(self.lengths).enumerate();
        pairs.map(move |(index, (pointer, length))| {
            let what = self.what;
            let at = address(*pointer);
            if at.is_null() || !at.is_aligned() {
                let wrong = if at.is_null() { "null" } else { "not aligned as floats are" };
                return Err(argument(&format!("the pointer of {what} {index} is {wrong}")));
            }
            let end = length.checked_mul(size_of::<f32>()).and_then(|bytes| at.addr().checked_add(bytes));
            if end.is_none_or(|end| end > isize::MAX as usize) {
                return Err(argument(&format!("the length of {what} {index} is larger than memory can be")));
            }
            Ok((*pointer, *length))
        })
    }
}

impl Session {
    pub(crate) fn new(session: program::Session) -> Session {
        let (inputs, outputs) = (session.program().inputs().len(), session.program().outputs().len());
        let state = State { session, inputs: Vec::with_capacity(inputs), outputs: Vec::with_capacity(outputs) };
        Session { state: Mutex::new(state) }
    }

    /// Runs the network.
    ///
    /// # Safety
    /// Pointers that are not null lead to as many floats as their lengths say, which nobody else writes, nor reads those of
    /// the outputs, until this returns.
    pub(crate) unsafe fn run(
        &self,
        inputs: Arrays<'_, *const f32>,
        outputs: Arrays<'_, *mut f32>,
    ) -> Result<(), Failure> {
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            // What a run that panicked left is cleared below.
            Err(TryLockError::Poisoned(state)) => state.into_inner(),
            Err(TryLockError::WouldBlock) => {
                return Err(failure(
                    Status::Busy,
                    "the session is running in another thread: make one for each thread",
                ));
            }
        };
        let state = &mut *state;
        state.clear();
        // SAFETY: by the contract; what is borrowed is cleared before this returns.
        let result = unsafe { state.borrow(&inputs, &outputs) }
            .and_then(|()| Ok(state.session.run(&state.inputs, borrowed(&mut state.outputs))?));
        state.clear();
        result
    }
}

/// The lifetime of the elements is not that of the room: a run asks for the same lifetime of both.
fn borrowed<'a>(outputs: &'a mut Vec<&'static mut [f32]>) -> &'a mut [&'a mut [f32]] {
    // SAFETY: a shorter lifetime of what is borrowed: whoever has the slice cannot keep an element longer than the slice, and
    // the room is cleared, not read, afterwards.
    unsafe { slice::from_raw_parts_mut(outputs.as_mut_ptr().cast(), outputs.len()) }
}

impl State {
    /// # Safety
    /// As [`Session::run`]; [`State::clear`] is called before what is borrowed goes.
    unsafe fn borrow(
        &mut self,
        inputs: &Arrays<'_, *const f32>,
        outputs: &Arrays<'_, *mut f32>,
    ) -> Result<(), Failure> {
        let range = |at: *const f32, length: usize| at.addr()..at.addr() + length * size_of::<f32>();
        for (index, output) in outputs.each(|pointer| pointer.cast_const()).enumerate() {
            let (pointer, length) = output?;
            let own = range(pointer, length);
            let overlaps = |at: *const f32, length: usize| {
                let other = range(at, length);
                own.start < other.end && other.start < own.end
            };
            let before = outputs.pointers.iter().zip(outputs.lengths).take(index);
            for input in inputs.each(|pointer| pointer) {
                let (at, length) = input?;
                if overlaps(at, length) {
                    return Err(argument(&format!("output {index} shares memory with an input")));
                }
            }
            if before.into_iter().any(|(at, length)| overlaps(*at, *length)) {
                return Err(argument(&format!("output {index} shares memory with another output")));
            }
        }
        for input in inputs.each(|pointer| pointer) {
            let (pointer, length) = input?;
            // SAFETY: by the contract; the pointer is aligned and not null.
            self.inputs.push(unsafe { slice::from_raw_parts(pointer, length) });
        }
        for output in outputs.each(|pointer| pointer.cast_const()) {
            let (pointer, length) = output?;
            // SAFETY: as above; it shares memory with no other.
            self.outputs.push(unsafe { slice::from_raw_parts_mut(pointer, length) });
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.inputs.clear();
        self.outputs.clear();
    }
}
