//! Exports: the graph of a network in the forms of other tools.
//!
//! In: the graph as it is written and its costs. [`view`] folds it to what a picture shows, [`caption`] says what stands in
//! its boxes, [`dot`] writes it for Graphviz. Nothing is laid out here.

pub mod caption;
pub mod dot;
pub mod view;
