//! Two networks whose modules have one name.
use parameternet::parameternet;

parameternet! {
    network Mlp { input x: f32[1, 6] return x |> linear(4) as l }
    network MLP { input x: f32[1, 6] return x |> linear(4) as l }
}

fn main() {}
