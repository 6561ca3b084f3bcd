//! Statuses, and the text of a thread's last failure.
//!
//! In: what a function does. Out: its status; a panic becomes one, too.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

use parameternet_runtime::generated::LoadError;
use parameternet_runtime::object::ObjectError;
use parameternet_runtime::prepare::PrepareError;
use parameternet_runtime::program::{RunError, SessionError};
use parameternet_runtime::{MismatchError, WeightFileError};

/// `pnet_status`
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "parameternet.h says it")]
pub enum Status {
    Ok = 0,
    Argument = 1,
    Version = 2,
    Machine = 3,
    File = 4,
    Weights = 5,
    Resources = 6,
    Length = 7,
    Busy = 8,
    Defect = 9,
}

/// Why a function failed.
#[derive(Debug)]
pub(crate) struct Failure {
    status: Status,
    text: String,
}

/// An argument that no caller may pass.
pub(crate) fn argument(text: &str) -> Failure {
    failure(Status::Argument, text)
}

pub(crate) fn failure(status: Status, text: impl Display) -> Failure {
    Failure { status, text: text.to_string() }
}

impl From<ObjectError> for Failure {
    fn from(error: ObjectError) -> Self {
        let status = match error {
            ObjectError::Form | ObjectError::Version { .. } => Status::Version,
            ObjectError::Isa(_) | ObjectError::Machine => Status::Machine,
            ObjectError::Damaged(_) => Status::Defect,
        };
        failure(status, error)
    }
}

impl From<WeightFileError> for Failure {
    fn from(error: WeightFileError) -> Self {
        failure(Status::File, error)
    }
}

impl From<Box<MismatchError>> for Failure {
    fn from(error: Box<MismatchError>) -> Self {
        failure(Status::Weights, error)
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let status = match error {
            LoadError::File(_) | LoadError::Prepare(PrepareError::Read(_)) => Status::File,
            LoadError::Mismatch(_) => Status::Weights,
            LoadError::Prepare(_) => Status::Resources,
            LoadError::Isa(_) => Status::Machine,
        };
        failure(status, error)
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        let status = match error {
            SessionError::Threads { .. } => Status::Argument,
            SessionError::Allocation(_) | SessionError::Thread(_) => Status::Resources,
            SessionError::NoThread => Status::Defect,
        };
        failure(status, error)
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        failure(Status::Length, error)
    }
}

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

/// Does something and gives its status; the text of a failure becomes the thread's last error.
pub(crate) fn guarded(work: impl FnOnce() -> Result<(), Failure>) -> Status {
    // Whatever a panic leaves behind is freed or refused by the caller.
    let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let text = format!("a defect of the runtime, please report it: {}", text.unwrap_or("an unknown panic"));
        // Dropping the panic could panic again.
        std::mem::forget(panic);
        Err(failure(Status::Defect, text))
    });
    match result {
        Ok(()) => Status::Ok,
        Err(Failure { status, mut text }) => {
            text.retain(|character| character != '\0');
            // A thread that is ending keeps no text.
            let _ = LAST.try_with(|last| {
                if let (Ok(mut last), Ok(text)) = (last.try_borrow_mut(), CString::new(text)) {
                    *last = text;
                }
            });
            status
        }
    }
}

/// The text of the thread's last failure, until the next one.
pub(crate) fn last() -> *const c_char {
    LAST.try_with(|last| last.try_borrow().map_or(EMPTY.as_ptr(), |last| last.as_ptr())).unwrap_or(EMPTY.as_ptr())
}

const EMPTY: &CStr = c"";

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> String {
        // SAFETY: the text lives until the next failure of this thread.
        unsafe { CStr::from_ptr(last()) }.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_failure_leaves_a_text_and_a_panic_ends_here() {
        assert_eq!(text(), "");
        assert_eq!(guarded(|| Err(argument("a\0b"))), Status::Argument);
        assert_eq!(text(), "ab");
        assert_eq!(guarded(|| Ok(())), Status::Ok);
        assert_eq!(text(), "ab");
        assert_eq!(guarded(|| panic!("number {}", 7)), Status::Defect);
        assert!(text().ends_with("number 7"), "{}", text());
        std::thread::spawn(|| assert_eq!(text(), "")).join().unwrap();
    }
}
