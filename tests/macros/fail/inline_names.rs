//! Two networks whose modules have one name, and names that Rust cannot have there.
use parameternet::parameternet;

parameternet! {
    network Mlp { input x: f32[1, 6] return x |> linear(4) as l }
    network MLP { input x: f32[1, 6] return x |> linear(4) as l }
}

parameternet! { network Weights { input x: f32[1, 6] return x |> relu } }
parameternet! { network Self { input x: f32[1, 6] return x |> relu } }
parameternet! { network match { input x: f32[1, 6] return x |> relu } }
parameternet! { network A { input self: f32[1, 6] return self |> relu } }
parameternet! { network B { input x: f32[1, 6] return x } }

fn main() {
    let _ = a::A::MACS;
}
