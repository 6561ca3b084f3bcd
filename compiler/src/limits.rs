//! The limits of elaboration, each with an error of its own: whatever a user writes, compilation ends soon and in bounded memory.

/// How deep calls of modules and functions may nest (E0501).
pub const MAX_CALL_DEPTH: usize = 64;

/// How many evaluation steps (expressions, loop turns, list elements) one compilation may take (E0502).
pub const MAX_STEPS: u64 = 20_000_000;

/// The most elements that one compile-time list may have (E0502).
pub const MAX_LIST: usize = 1 << 22;

/// The most nodes that a graph may have (E0503).
pub const MAX_NODES: usize = 200_000;

/// The most elements that one tensor may have: 1 GiB of f32 (E0504).
pub const MAX_TENSOR_ELEMENTS: u128 = 1 << 28;

/// The most dimensions that a tensor may have (E0402).
pub const MAX_RANK: usize = 8;

/// How deep lists, tuples and settings may nest in one value (E0502).
pub const MAX_VALUE_DEPTH: usize = 64;

/// The most bytes that a compile-time string may have (E0502).
pub const MAX_STRING: usize = 1 << 16;

/// How deep files may use each other (E0101).
pub const MAX_USE_DEPTH: usize = 64;

/// The most rows or columns that a window, its stride, dilation or padding may have (E0306).
pub const MAX_EXTENT: usize = 1 << 16;

/// The most bytes that the name of an instance or weight may have (E0502).
pub const MAX_NAME: usize = 1024;

/// Elaboration stops after so many distinct errors.
pub const MAX_ERRORS: usize = 50;

/// How many evaluation steps an error costs, so that errors in a loop end it soon.
pub const STEPS_OF_AN_ERROR: u64 = 1000;

/// How many evaluation steps an element costs that is passed to an operation.
pub const STEPS_OF_AN_OPERAND: u64 = 8;

/// The stack that elaboration runs on. [`MAX_CALL_DEPTH`] calls, each with expressions as deep as the parser allows, fit
/// with room to spare even in unoptimised builds; only touched pages are ever committed.
pub const STACK_BYTES: usize = 1 << 28;

/// Most threads that share the work of a run.
pub const MAX_THREADS: usize = parameternet_runtime::program::MAX_THREADS;
