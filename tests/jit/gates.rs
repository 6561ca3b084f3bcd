//! Gates of an image in the filters of the convolution that reads it: what the interpreter computes, and the same bits for a sample
//! whatever stands beside it.

use parameternet_compiler::graph::Graph;

use crate::samples::check_rewrite;
use crate::seeds::graph;

/// Squeeze and excite before convolutions of one panel and more, with a residual, and before a dynamic one, whose routing looks at the
/// image with gates too; gates of a parameter; and a small image, whose filters are more than its pixels.
fn network(batch: usize) -> Graph {
    let text = format!(
        "module Excited(x) {{
            let gates = x |> global_avg_pool |> conv(4, bias=true) as reduce |> relu |> conv(x.channels, bias=true) as expand |> sigmoid
            return x * gates
        }}
        network Gates {{
            input x: f32[{batch}, 6, 15, 14]
            let a = x |> conv(24) as stem |> hard_swish
            let b = a |> Excited as first |> conv(7, bias=true) as narrow
            let c = b |> conv(24) as wide |> Excited as second |> conv(24) as same
            let m = c |> Excited as mixed |> dynamic_conv(24, experts=3, bias=true) as experts
            let d = a + m |> relu
            let e = param(\"scale\", [1, 24, 1, 1]) * d |> conv(70, bias=true) as widest |> relu
            let f = e |> max_pool(4) |> Excited as third |> conv(40) as small
            return f |> mean([2, 3]) |> linear(10) as head
        }}"
    );
    graph(&text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn results_are_right_and_do_not_depend_on_the_batch() {
    check_rewrite(network, "gate-filters", |shown, is_done| {
        let counts = ["gate_panels", " and gates "].map(|what| shown.matches(what).count());
        assert_eq!(counts, if is_done { [3, 1] } else { [0, 0] }, "{shown}");
    });
}
