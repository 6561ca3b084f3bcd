//! Tokens that another macro wrote, and what it was given.
use parameternet::parameternet;

macro_rules! mlp {
    ($name:ident, $act:ident, $hidden:expr) => {
        parameternet! {
            network $name { input x: f32[1, 6] return x |> linear(2 * $hidden) as l1 |> $act |> linear(4) as l2 }
        }
    };
}

mlp!(Good, relu, 3 + 4);
mlp!(Bad, rleu, 3 + 4);

const _: () = assert!(good::Good::PARAMETERS == 7 * 14 + 15 * 4);

fn main() {}
