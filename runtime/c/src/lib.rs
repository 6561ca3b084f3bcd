//! The functions of `parameternet.h`: networks of object files for C, and for whatever calls C.
//!
//! In: pointers, which are checked as far as that is possible. Out: statuses; what went wrong stands in the thread's last error
//! (`error.rs`). Nothing unwinds into C: every function that does anything runs inside `guarded`.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

mod error;
mod session;

use std::ffi::{CStr, c_char, c_void};
use std::path::PathBuf;
use std::ptr::NonNull;

use parameternet_runtime::WeightFile;
use parameternet_runtime::object::{self, Network, Object};

pub use error::Status;
use error::{Failure, argument, guarded};
pub use session::Session;

/// `pnet_weights`.
#[derive(Debug)]
pub struct Weights(object::Weights);

/// `pnet_version`
#[unsafe(no_mangle)]
pub extern "C" fn pnet_version() -> *const c_char {
    const { CStr::as_ptr(TEXT) }
}

/// The version with the zero that C wants behind it.
const TEXT: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(text) => text,
    Err(_) => c"",
};

/// `pnet_error`
#[unsafe(no_mangle)]
pub extern "C" fn pnet_error() -> *const c_char {
    error::last()
}

/// `pnet_weights_load`
///
/// # Safety
/// `network` is what the function of an object file gave, `path` a text that ends with a zero, `weights` a place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pnet_weights_load(
    network: *const Object,
    path: *const c_char,
    weights: *mut *mut Weights,
) -> Status {
    guarded(|| {
        // SAFETY: by the contract.
        let place = unsafe { place(weights, "weights") }?;
        if path.is_null() {
            return Err(argument("`path` is null"));
        }
        // SAFETY: by the contract; the pointer is not null.
        let path = path_of(unsafe { CStr::from_ptr(path) })?;
        // SAFETY: by the contract.
        let network = unsafe { read(network) }?;
        let file = WeightFile::open(path)?;
        put(place, Weights(network.bind(&file)?));
        Ok(())
    })
}

/// `pnet_weights_from_memory`
///
/// # Safety
/// As [`pnet_weights_load`]; `bytes` points to `length` bytes, which nobody writes during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pnet_weights_from_memory(
    network: *const Object,
    bytes: *const c_void,
    length: usize,
    weights: *mut *mut Weights,
) -> Status {
    guarded(|| {
        // SAFETY: by the contract.
        let place = unsafe { place(weights, "weights") }?;
        if bytes.is_null() {
            return Err(argument("`bytes` is null"));
        }
        if length > isize::MAX as usize {
            return Err(argument("`length` is larger than memory can be"));
        }
        // SAFETY: by the contract; the lifetime ends with the call, since the file is dropped and prepared weights are a copy.
        let bytes: &'static [u8] = unsafe { std::slice::from_raw_parts(bytes.cast(), length) };
        // SAFETY: by the contract.
        let network = unsafe { read(network) }?;
        let file = WeightFile::from_bytes(bytes)?;
        put(place, Weights(network.bind(&file)?));
        Ok(())
    })
}

/// `pnet_weights_free`
///
/// # Safety
/// `weights` is null or what a function of this library gave, not freed, and not in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pnet_weights_free(weights: *mut Weights) {
    // SAFETY: by the contract.
    unsafe { free(weights) };
}

/// `pnet_session_new`
///
/// # Safety
/// `weights` is what a function of this library gave and not freed, `session` a place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pnet_session_new(
    weights: *const Weights,
    threads: usize,
    session: *mut *mut Session,
) -> Status {
    guarded(|| {
        // SAFETY: by the contract.
        let place = unsafe { place(session, "session") }?;
        // SAFETY: by the contract.
        let Some(weights) = (unsafe { weights.as_ref() }) else { return Err(argument("`weights` is null")) };
        put(place, Session::new(weights.0.session(threads)?));
        Ok(())
    })
}

/// `pnet_session_free`
///
/// # Safety
/// As [`pnet_weights_free`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pnet_session_free(session: *mut Session) {
    // SAFETY: by the contract.
    unsafe { free(session) };
}

/// `pnet_run`
///
/// # Safety
/// `session` is what [`pnet_session_new`] gave and not freed. The arrays have as many elements as the counts say; each input
/// and output points to as many floats as its length says, of which nobody writes the inputs, and nobody else reads or writes
/// the outputs, during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pnet_run(
    session: *const Session,
    inputs: *const *const f32,
    input_lengths: *const usize,
    input_count: usize,
    outputs: *const *mut f32,
    output_lengths: *const usize,
    output_count: usize,
) -> Status {
    guarded(|| {
        // SAFETY: by the contract.
        let Some(session) = (unsafe { session.as_ref() }) else { return Err(argument("`session` is null")) };
        // SAFETY: by the contract.
        unsafe {
            let inputs = session::arrays(inputs, input_lengths, input_count, "input")?;
            let outputs = session::arrays(outputs, output_lengths, output_count, "output")?;
            session.run(inputs, outputs)
        }
    })
}

/// A place for a pointer, which is null from now on.
///
/// # Safety
/// The pointer is null or to such a place.
unsafe fn place<'p, T>(pointer: *mut *mut T, name: &str) -> Result<&'p mut *mut T, Failure> {
    if pointer.is_null() {
        return Err(argument(&format!("`{name}` is null")));
    }
    // SAFETY: by the contract; what the place held before is not read.
    unsafe {
        pointer.write(std::ptr::null_mut());
        Ok(&mut *pointer)
    }
}

fn put<T>(place: &mut *mut T, value: T) {
    *place = Box::into_raw(Box::new(value));
}

/// # Safety
/// The pointer is null or what [`put`] put, not freed, and not in use.
unsafe fn free<T>(pointer: *mut T) {
    // A destructor that panics has freed what it could.
    let _ = guarded(|| {
        if !pointer.is_null() {
            // SAFETY: by the contract.
            drop(unsafe { Box::from_raw(pointer) });
        }
        Ok(())
    });
}

/// # Safety
/// The pointer is null or what the function of an object file gave.
unsafe fn read(network: *const Object) -> Result<Network, Failure> {
    let network = NonNull::new(network.cast_mut()).ok_or_else(|| argument("`network` is null"))?;
    // SAFETY: by the contract.
    Ok(unsafe { Network::read(network) }?)
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere a path is a text")]
fn path_of(path: &CStr) -> Result<PathBuf, Failure> {
    use std::os::unix::ffi::OsStrExt;
    Ok(std::ffi::OsStr::from_bytes(path.to_bytes()).into())
}

#[cfg(not(unix))]
fn path_of(path: &CStr) -> Result<PathBuf, Failure> {
    path.to_str().map(PathBuf::from).map_err(|_| argument("`path` is not UTF-8"))
}
