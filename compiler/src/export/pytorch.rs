//! A network as PyTorch: a readable file to train it with.
//!
//! In: a program, the request that says which network with which hyper-parameters, and its graph. Out: one Python file that
//! depends on `torch` alone. A module of the language is a class, a loop is a loop, a hyper-parameter an argument of the
//! constructor, and `state_dict` has the names and shapes of the network's weights.
//!
//! The text is translated, not the graph: `flow` finds out what is known when a network is made and what is computed when it
//! runs; `body`, `statement`, `expression`, `call`, `layer`, `operation` and `parameter` write each body once for either time; `liveness`
//! leaves out what a time does not need; `layout` prints. `runtime/` has the layers that PyTorch lacks. Invariant: any program
//! that elaborates is translated, and computes in PyTorch what the graph says.

mod body;
mod call;
mod expression;
mod file;
mod flow;
mod layer;
mod layout;
mod liveness;
mod meaning;
mod names;
mod operation;
mod parameter;
mod python;
mod runtime;
mod statement;

use std::collections::HashMap;

use parameternet_dsl::ast::Expr;

use crate::elaborate::{self, Chosen, Request, elaborate};
use crate::graph::Graph;
use crate::program::{Failure, Program};
use file::File;
use flow::Flow;
use names::Reserved;

/// The network of a request as the text of a Python file. `graph` is what the request elaborates to.
///
/// # Errors
/// What elaboration would say of the request.
pub fn pytorch(program: &Program, request: &Request, graph: &Graph) -> Result<String, Failure> {
    let Chosen { network, settings, sources } = elaborate::chosen(program, request)?;
    let Some(network) = program.lookup(program.root_id(), &network.name.text) else {
        return Err(Failure { sources, diagnostics: Vec::new() });
    };
    let batch = made_for(program, request, graph);
    elaborate::on_large_stack(program, || {
        let settings: HashMap<String, &Expr> = settings.iter().map(|(name, expr)| (name.clone(), expr)).collect();
        let file = |reserved| {
            let flow = Flow::of(program, network, settings.clone());
            File::new(program, flow, reserved, graph.outputs().len() > 1, batch)
        };
        let head = format!(
            "{} as PyTorch, for training: written by `pnetc build --emit pytorch`.\n\n\
             `{}()` makes the network; its `state_dict` has the names and shapes of the weights of the `.pnet` file.",
            graph.network, graph.network
        );
        // Once to see which helpers are used, once without names in their way.
        let (_, helpers) = file(Reserved::default()).text(network, &head);
        let (text, _) = file(Reserved { helpers: Some(helpers) }).text(network, &head);
        Ok(text)
    })
}

/// The batch size that has to be known when the network is made: that of the request if its weights depend on it.
fn made_for(program: &Program, request: &Request, graph: &Graph) -> Option<usize> {
    let weights = |graph: &Graph| -> Vec<(String, crate::shape::Shape)> {
        graph.stored_weights().map(|weight| (weight.name.clone(), weight.shape.clone())).collect()
    };
    let expected = weights(graph);
    let depends = [1, 2].into_iter().filter(|batch| *batch != request.batch).any(|batch| {
        let other = elaborate(program, &Request { batch, ..request.clone() });
        !other.is_ok_and(|other| weights(&other) == expected)
    });
    depends.then_some(request.batch)
}
