//! Attention some rows at a time: what the interpreter computes, and the same bits for a sample whatever stands beside it.

use parameternet_compiler::graph::Graph;

use crate::samples::check_rewrite;
use crate::seeds::graph;

/// Of tokens: several units of queries and one; queries, keys and values of other sizes and of one token; queries, keys and values that heads share;
/// biases and masks of all ranks, stored and computed, one of which hides all keys of a query; factors before, between and behind; residuals behind the products,
/// one of them the queries; and what attention gives as scores of another product.
fn network(batch: usize) -> Graph {
    let text = format!(
        "fn headed(x, heads, depth) = x |> reshape([x.batch, x.shape[1], heads, depth]) |> permute([0, 2, 1, 3])
        fn transposed(x) = x |> permute([0, 1, 3, 2])
        fn joined(x) = x |> permute([0, 2, 1, 3]) |> flatten(2)
        network Attentions {{
            input image: f32[{batch}, 7, 11, 13]
            let x = image |> flatten(2) |> permute([0, 2, 1])
            let q = x |> linear(24) as q |> headed(3, 8)
            let k = x |> linear(24) as k |> headed(3, 8)
            let v = x |> linear(15) as v |> headed(3, 5)
            let a = q |> attention(k, v) |> joined

            let few = x[:, :9, :]
            let fq = few |> linear(34) as fq |> headed(2, 17)
            let shared = few |> linear(17) as fk |> headed(1, 17)
            let bias = param(\"bias\", [2, 9, 9])
            let mask = constant([[if i < j || i == 4 {{ -1e30 }} else {{ 0 }} for j in 0..9] for i in 0..9])
            let b = matmul(matmul(fq * 0.25, shared |> transposed) + bias + mask |> softmax, shared) |> joined

            let one = x[:, 5:6, :] |> linear(24) as one |> headed(3, 8)
            let keys = constant([0.01 * (i * i % 90) - 0.4 for i in 0..143])
            let c = matmul(keys + matmul(one, k |> transposed) / 2.5 |> softmax(temperature=1), v)

            let scores = 0.5 * matmul(fq / 2, (fq |> transposed) * 3) + 7
            let d = matmul(scores |> softmax(temperature=0.7), fq) + fq |> relu

            let wide = param(\"wide\", [1, 2, 9, 9])
            let seen = few |> linear(9) as seen |> reshape([few.batch, 1, 9, 9])
            let e = matmul(matmul(fq, fq |> transposed) + wide + seen |> softmax, shared)
            let row = param(\"row\", [2, 1, 9])
            let f = matmul(matmul(shared, fq |> transposed) + row |> softmax, param(\"values\", [9, 6]))
            let own = few |> linear(34) as own |> headed(2, 17)
            let g = matmul(matmul(own, own |> transposed) |> softmax, shared) + own
            let h = matmul(matmul(matmul(own * 2, own |> transposed) |> softmax, fq) * 0.5 |> softmax, param(\"last\", [17, 3]))
            let tokens = concat(e |> joined, f |> joined, g |> joined, h |> joined, dim=2)
            return concat(a |> flatten, b |> flatten, c |> joined |> flatten, d |> joined |> flatten, tokens |> flatten)
        }}"
    );
    graph(&text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn results_are_right_and_do_not_depend_on_the_batch() {
    check_rewrite(network, "fuse-attention", |shown, is_done| {
        // What attention gives as scores of another product has a softmax of its own.
        let counts = [" attention ", "softmax"].map(|what| shown.matches(what).count());
        assert_eq!(counts, if is_done { [8, 9] } else { [0, 9] }, "{shown}");
    });
}
