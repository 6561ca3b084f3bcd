//! A run allocates nothing: not on the caller's thread, not on the others.

#[path = "shared/allocations.rs"]
mod allocations;

use parameternet::Compiler;

/// Every kind of step: convolutions with and without experts, depthwise and grouped, attention, pools, copies.
const NETWORK: &str = "network Everything {
    input image: f32[batch, 3, 32, 32]
    let x = image |> conv(16, kernel=3, stride=2) as stem |> batch_norm as bn |> hard_swish
    let gate = x |> global_avg_pool |> conv(16, bias=true) as expand |> sigmoid
    x = x * gate |> dynamic_conv(24, kernel=3, experts=3) as dynamic |> silu
    x = concat(x, x |> dynamic_conv(24, kernel=3, groups=24, experts=2) as cheap |> gelu)
    x = x |> conv(48, kernel=3, groups=4) as grouped |> max_pool(2) |> upsample(2, mode=bilinear) |> roll(3, dims=2)
    x = x |> group_norm(4) as groups |> pad(1) |> avg_pool(2, stride=1) |> gather([0, 1, 2, 3, 5, 8], dim=1)
    x = concat(x, x |> adaptive_avg_pool(8) |> upsample(size=[x.height, x.width])) |> prelu as slopes
    let tokens = x |> flatten(2) |> permute([0, 2, 1]) |> layer_norm as norm
    let scores = matmul(tokens, tokens |> permute([0, 2, 1])) |> softmax
    return matmul(scores, tokens) |> mean([1]) |> linear(10) as classifier
}";

#[test]
fn a_run_allocates_nothing() {
    for threads in [1, 3] {
        let compiled = Compiler::new().threads(threads).compile_text(NETWORK).unwrap_or_else(|error| panic!("{error}"));
        let program = compiled.initial_weights(2.0).expect("memory for the weights");
        let mut session = program.session().expect("memory for a session");
        let image = vec![0.5; 3 * 32 * 32];
        let mut scores = vec![0.0; 10];
        // The first run may set up what threads sleep on.
        session.run(&[&image], &mut [&mut scores]).expect("the right lengths");
        let before = allocations::count();
        for _ in 0..10 {
            session.run(&[&image], &mut [&mut scores]).expect("the right lengths");
        }
        assert_eq!(allocations::count() - before, 0, "{threads} threads");
        assert!(scores.iter().all(|score| score.is_finite()));
    }
}
