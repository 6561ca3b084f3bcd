//! The header of a network: what a C program sees of it.
//!
//! Names of macros are in capitals, and none occurs twice, whatever the ports are called.

use std::collections::HashSet;
use std::fmt::Write as _;

use parameternet_runtime::object::{C_HEADER, Description, VERSION};
use parameternet_runtime::program::Port;

use super::Prefix;
use crate::analysis::analyze;
use crate::graph::Graph;

/// The text of the header.
pub(super) fn write(graph: &Graph, description: &Description, Prefix(prefix): &Prefix) -> String {
    let capitals = prefix.to_ascii_uppercase();
    let inputs = Ports::new(&description.inputs, &format!("{capitals}_INPUT"), "in");
    let outputs = Ports::new(&description.outputs, &format!("{capitals}_OUTPUT"), "out");
    let isas: Vec<&str> = description.variants.iter().map(|variant| variant.isa.name()).collect();
    let summary = summary(graph);
    let (isas, threads) = (isas.join(", "), description.threads);
    let (input_macros, output_macros) = (inputs.macros(), outputs.macros());
    let parameters = [inputs.parameters("const float *"), outputs.parameters("float *")].concat().join(", ");
    let (input_arrays, output_arrays) =
        (inputs.arrays("const float *const ", "input"), outputs.arrays("float *const ", "output"));
    let (input_count, output_count) = (inputs.names.len(), outputs.names.len());
    format!(
        "\
/*
{summary} * Instruction sets: {isas}.
 */
#ifndef {capitals}_NETWORK_H
#define {capitals}_NETWORK_H

{C_HEADER}
#ifdef __cplusplus
extern \"C\" {{
#endif

/* The version of pnetc that compiled the network. The runtime library must be of the same, which is checked when weights
 * are loaded. */
#define {capitals}_VERSION \"{VERSION}\"

/* How many threads the work is cut for; a session may have any number. */
#define {capitals}_THREADS {threads}

/* Lengths count floats. */
#define {capitals}_INPUT_COUNT {input_count}
{input_macros}#define {capitals}_OUTPUT_COUNT {output_count}
{output_macros}
/* The network, for all functions that take one. Lives as long as the program. */
const pnet_network *{prefix}_network(void);

/* pnet_weights_load for this network. */
static inline pnet_status {prefix}_load(const char *path, pnet_weights **weights)
{{
    return pnet_weights_load({prefix}_network(), path, weights);
}}

/* pnet_weights_from_memory for this network. */
static inline pnet_status {prefix}_load_memory(const void *bytes, size_t length, pnet_weights **weights)
{{
    return pnet_weights_from_memory({prefix}_network(), bytes, length, weights);
}}

/* pnet_run for a session of this network; arrays have the lengths above. */
static inline pnet_status {prefix}_run(pnet_session *session, {parameters})
{{
{input_arrays}{output_arrays}    return pnet_run(session, inputs, input_lengths, {input_count}, outputs, output_lengths, {output_count});
}}

#ifdef __cplusplus
}}
#endif

#endif
"
    )
}

/// What the network is and what it costs, as lines of a comment.
fn summary(graph: &Graph) -> String {
    let totals = analyze(graph).totals;
    let settings: Vec<String> = graph.settings.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let mut lines = vec![format!(
        "{}, compiled by pnetc {VERSION}: {} parameters, {} multiply-adds for batch {}.",
        graph.network, totals.parameters, totals.counts.core, graph.batch
    )];
    if !settings.is_empty() {
        lines.push(format!("Hyper-parameters: {}.", settings.join(", ")));
    }
    // A text among the settings must not end the comment.
    lines.iter().map(|line| format!(" * {}\n", line.replace("*/", "* /"))).collect()
}

/// The inputs, or the outputs.
struct Ports<'p> {
    ports: &'p [Port],
    /// The beginning of the macros of each.
    names: Vec<String>,
    /// What parameters begin with, so that none is a keyword.
    side: &'static str,
}

impl<'p> Ports<'p> {
    fn new(ports: &'p [Port], prefix: &str, side: &'static str) -> Ports<'p> {
        let mut taken = HashSet::new();
        let names = ports.iter().map(|port| {
            let mut name = format!("{prefix}_{}", port.name.to_ascii_uppercase());
            while !taken.insert(name.clone()) {
                name.push('_');
            }
            name
        });
        Ports { ports, names: names.collect(), side }
    }

    fn macros(&self) -> String {
        let mut text = String::new();
        for (port, name) in self.ports.iter().zip(&self.names) {
            let dims: Vec<String> = port.shape.iter().map(ToString::to_string).collect();
            let (length, rank, dims) = (port.elements(), dims.len(), dims.join(", "));
            let _ = writeln!(text, "#define {name}_LENGTH {length}");
            let _ = writeln!(text, "#define {name}_RANK {rank}");
            let _ = writeln!(text, "#define {name}_SHAPE {{{dims}}}");
        }
        text
    }

    fn parameters(&self, kind: &str) -> Vec<String> {
        self.ports.iter().map(|port| format!("{kind}{}_{}", self.side, port.name)).collect()
    }

    /// The arguments of `pnet_run` as variables.
    fn arrays(&self, kind: &str, variable: &str) -> String {
        let names: Vec<String> = self.ports.iter().map(|port| format!("{}_{}", self.side, port.name)).collect();
        let lengths: Vec<String> = self.names.iter().map(|name| format!("{name}_LENGTH")).collect();
        format!(
            "    {kind}{variable}s[] = {{{}}};\n    const size_t {variable}_lengths[] = {{{}}};\n",
            names.join(", "),
            lengths.join(", ")
        )
    }
}
