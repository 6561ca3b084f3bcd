//! Products by Strassen's algorithm: what the interpreter computes, and the same bits for a sample whatever stands beside it.

use parameternet_compiler::compile::Options;
use parameternet_compiler::graph::Graph;
use parameternet_compiler::plan::Where;
use parameternet_runtime::Isa;

use crate::ladder::options;
use crate::samples::check;
use crate::seeds::graph;

/// Pointwise convolutions with residuals, and layers over tokens; none is so small that it is generated whole.
fn network(batch: usize, [height, width]: [usize; 2]) -> Graph {
    let text = format!(
        "network Halves {{
            input x: f32[{batch}, 6, {height}, {width}]
            let y = x |> conv(70, bias=true) as wide |> hard_swish |> conv(6) as narrow
            let t = x + y |> relu |> permute([0, 2, 3, 1])
            let u = t |> linear(46) as up |> gelu |> linear(6) as down
            return (t + u) |> linear(40) as head
        }}"
    );
    graph(&text).unwrap_or_else(|error| panic!("{error}"))
}

fn everywhere(isa: Isa, threads: usize) -> Options {
    Options { strassen: Where::Possible, ..options(isa, threads, &[]) }
}

#[test]
fn results_are_right_and_do_not_depend_on_the_batch() {
    // An even number of pixels a sample, whose pairs follow each other through the batch, and odd ones.
    for size in [[5, 6], [5, 7], [3, 5], [9, 11]] {
        check(
            |batch| network(batch, size),
            everywhere,
            |plan| {
                assert_eq!(plan.to_string().matches("in halves").count(), 5, "{plan}");
            },
        );
    }
}
