//! Files that a text uses: one with an error, one that is not there.
use parameternet::parameternet;

parameternet! {
    use "models/blocks.pnet"
    network A { input x: f32[1, 6] return x |> Head(4) as a }
}

parameternet! {
    use "models/block.pnet"
    network B { input x: f32[1, 6] return x |> Head(4) as b }
}

fn main() {}
