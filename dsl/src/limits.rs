//! The limits of the front end: nothing that a user can write makes it overflow the stack, hang or eat the memory.

/// The most bytes that one source text may have (1 MiB: seconds and some hundred megabytes for the worst text of that size).
pub const MAX_SOURCE_BYTES: usize = 1 << 20;

/// How deep brackets may nest, and how deep the syntax tree may be.
pub const MAX_NESTING: usize = 128;

/// The most errors of one text that are kept.
pub const MAX_ERRORS: usize = 1000;

/// The most errors of one run that are shown.
pub const MAX_SHOWN_ERRORS: usize = 20;
