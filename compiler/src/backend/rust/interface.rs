//! What users see of a network in Rust: a type that runs it, its weights, and its costs as constants.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::Options;
use super::documentation::of_network;
use super::functions::Source;
use super::identifiers::identifier;
use crate::analysis::analyze;
use crate::graph::{Graph, NodeId, Port};
use crate::plan::{ImageLayout, Plan};

/// The items of the module.
pub(super) fn module(graph: &Graph, plans: &[Plan; 3], source: &Source, options: &Options) -> TokenStream {
    let runtime = &options.runtime;
    let Source { weights, steps } = source;
    let network = network(graph, plans, options);
    let session = session(graph, &plans[0], options);
    let allowed = quote!(#[allow(clippy::all, clippy::pedantic, unsafe_code, unsafe_op_in_unsafe_fn, unused)]);
    quote! {
        use #runtime::generated as rt;

        #session
        #network

        /// What the weights are, and how they are prepared.
        #allowed
        mod weights {
            use super::rt::{self, Describe, N};
            #weights
        }

        /// What is computed, one step after the other.
        #allowed
        mod steps {
            use super::rt::activations::*;
            use super::rt::{self, Activation, F32x4, Kernels, Lanes, Member, N, null};
            #steps
        }
    }
}

/// What the runtime knows of the network.
fn network(graph: &Graph, plans: &[Plan; 3], options: &Options) -> TokenStream {
    let name = format_ident!("{}", graph.network);
    let plan = &plans[0];
    let ports = |ports: &[crate::plan::Port]| {
        let ports = ports.iter().map(|port| {
            let name = &port.name;
            let dims = port.shape.dims().iter().map(|size| Literal::usize_unsuffixed(*size));
            quote!((#name, &[#(#dims),*]))
        });
        quote!(&[#(#ports),*])
    };
    let (inputs, outputs) = (ports(&plan.inputs), ports(&plan.outputs));
    let arena = Literal::usize_unsuffixed(plan.arena);
    let rounds = plan.rounds().iter().map(|round| {
        let [steps, parts] = [round.steps, round.parts].map(Literal::usize_unsuffixed);
        quote!([#steps, #parts])
    });
    let scratch = plans.iter().map(|plan| Literal::usize_unsuffixed(plan.scratch));
    let embedded = options.embedded.as_ref().map(|_| {
        quote! {
            impl rt::Embeds for #name {
                const BYTES: &'static [u8] = #name::WEIGHTS;
            }
        }
    });
    quote! {
        /// Weights of the network, ready to run. Cheap to clone: sessions share them.
        pub type Weights = rt::Weights<#name>;

        impl rt::Net for #name {
            const NETWORK: &'static rt::Network = &NETWORK;
        }

        #embedded

        static NETWORK: rt::Network = rt::Network {
            inputs: #inputs,
            outputs: #outputs,
            arena: #arena,
            scratch: [#(#scratch),*],
            rounds: &[#(#rounds),*],
            describe: weights::describe,
            run: steps::run,
        };
    }
}

/// Costs, as constants of the type.
fn costs(graph: &Graph) -> TokenStream {
    let totals = analyze(graph).totals;
    let [parameters, macs, flops] =
        [totals.parameters, totals.counts.core, totals.counts.strict].map(Literal::u64_unsuffixed);
    quote! {
        /// Trainable parameters.
        pub const PARAMETERS: u64 = #parameters;
        /// Multiply-adds of a run: convolutions, linear layers, matrix products, routing and mixing.
        pub const MACS: u64 = #macs;
        /// Floating-point operations of a run, of every kind; a multiply-add is two.
        pub const FLOPS: u64 = #flops;
    }
}

/// The shape of an input or output as it lies in memory.
fn dims(graph: &Graph, node: NodeId, layout: ImageLayout) -> Vec<usize> {
    let dims = graph.node(node).map(|node| node.shape.dims().to_vec()).unwrap_or_default();
    match (layout, dims.as_slice()) {
        (ImageLayout::Nhwc, [batch, channels, height, width]) => vec![*batch, *height, *width, *channels],
        _ => dims,
    }
}

/// `[[f32; 3]; 2]` for `[2, 3]`.
fn array(dims: &[usize]) -> TokenStream {
    dims.iter().rev().fold(quote!(f32), |inner, size| {
        let size = Literal::usize_unsuffixed(*size);
        quote!([#inner; #size])
    })
}

/// The type that runs the network.
fn session(graph: &Graph, plan: &Plan, options: &Options) -> TokenStream {
    let name = format_ident!("{}", graph.network);
    let shapes = |ports: &[Port]| -> Vec<TokenStream> {
        ports.iter().map(|port| array(&dims(graph, port.node, options.layout))).collect()
    };
    let (inputs, outputs) = (shapes(graph.inputs()), shapes(graph.outputs()));
    let input_names: Vec<_> = graph.inputs().iter().map(|port| identifier(&port.name)).collect();
    let output_names: Vec<_> = (0..outputs.len()).map(|index| format_ident!("output{index}")).collect();
    let lengths = plan.outputs.iter().map(|port| Literal::usize_unsuffixed(port.shape.elements()));
    let (result, value) = match (outputs.as_slice(), output_names.as_slice()) {
        ([shape], [name]) => (quote!(&#shape), quote!(rt::view(#name))),
        _ => (quote!((#(&#outputs),*)), quote!(Ok((#(rt::view(#output_names)?),*)))),
    };
    let documentation = of_network(graph, &options.documentation);
    let costs = costs(graph);
    let weights = options.embedded.as_ref().map(|bytes| {
        quote! {
            /// The safetensors file that is part of the program.
            pub const WEIGHTS: &'static [u8] = #bytes;
        }
    });
    let count = Literal::usize_unsuffixed(outputs.len());
    quote! {
        #(#[doc = #documentation])*
        #[derive(Debug)]
        pub struct #name {
            session: rt::Session,
            outputs: [rt::Elements; #count],
        }

        #[allow(dead_code, reason = "a program need not use all of it")]
        impl #name {
            #costs
            #weights

            /// A session with these weights, on the calling thread.
            ///
            /// # Errors
            /// When memory runs out.
            pub fn new(weights: &Weights) -> Result<Self, rt::SessionError> {
                Self::with_threads(weights, 1)
            }

            /// A session whose runs are shared by so many threads; the results are the same to the last bit.
            ///
            /// # Errors
            /// When memory runs out or no thread can be started.
            pub fn with_threads(weights: &Weights, threads: usize) -> Result<Self, rt::SessionError> {
                let outputs = [#(rt::zeros(#lengths)),*];
                Ok(Self { session: weights.session(threads)?, outputs })
            }

            /// Computes the outputs, which stay until the next run. Allocates nothing.
            ///
            /// # Errors
            /// None: the types have the shapes of the network.
            pub fn run(&mut self #(, #input_names: &#inputs)*) -> Result<#result, rt::RunError> {
                let inputs = [#(rt::Shaped::elements(#input_names)),*];
                let [#(#output_names),*] = &mut self.outputs;
                self.session.run(&inputs, &mut [#(&mut **#output_names),*])?;
                let [#(#output_names),*] = &self.outputs;
                #value
            }
        }
    }
}
