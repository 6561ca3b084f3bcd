//! A plan as text.
