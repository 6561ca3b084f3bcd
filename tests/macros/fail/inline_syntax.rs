//! Text that is not of the language.
use parameternet::parameternet;

parameternet! {
    network A {
        input x: f32[1, 6];
        return x |> linear(4) as l
    }
    network B {
        input x: f32[1, 6]
        return x | linear(4) as l
    }
    netwrok C {
        input x: f32[1, 6]
        return x |> relu
    }
}

fn main() {
    let _ = (a::A::MACS, b::B::MACS);
}
