//! Exports: the graph of a network in the forms of other tools.
//!
//! In: the graph as it is written and its costs. [`view`] folds it to what a picture shows, [`caption`] says what stands in
//! its boxes, [`dot`] writes it for Graphviz. Nothing is laid out here. [`pytorch`] makes of the program's text, not of the
//! graph, a Python file to train the network with.

pub mod caption;
pub mod dot;
pub mod pytorch;
pub mod view;
