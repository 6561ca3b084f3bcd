//! A network that costs more than its author allows.
use parameternet::parameternet;

parameternet! {
    network Dear {
        input x: f32[1, 3, 16, 16]
        return x |> conv(16, kernel=3) as first |> relu |> conv(16, kernel=3) as second
    }
    budget Dear { macs <= 100K, params <= 10M }
}

fn main() {
    // Its type is there.
    assert!(dear::Dear::MACS > 0);
}
