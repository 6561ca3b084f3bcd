//! Every way to write it, without a warning.
#![deny(warnings)]
#![deny(missing_docs)]

use parameternet::parameternet;

parameternet! {
    /// Pets, four at a time.
    pub mod pets = "models/pets.pnet" {
        network: Pets,
        batch: 4,
        layout: nhwc,
        weights: embed "models/pets.safetensors",
        width: 2 * 4,
        act: relu,
    }
}

parameternet! { mod plain = "./models/../models/pets.pnet"; }

parameternet! {
    #[cfg(any())]
    mod left_out = "models/pets.pnet" {}
}

parameternet! { network Mlp(hidden = 64) { input x: f32[1, 6] return x |> linear(hidden) as l1 |> relu |> linear(4) as l2 } }

parameternet! {
    // A comment of the language is one of Rust.
    const WIDTHS = [4, 6]

    /// Two layers.
    module Pair(x, act = relu) {
        for i, width in WIDTHS {
            x = x |> linear(width, bias=false) as layers[i] |> act
        }
        return x
    }

    /// The first.
    network OneOutput { input x: f32[batch, 6] return x |> Pair as pair }
    network TwoOutputs {
        input left: f32[batch, 6]
        input right: f32[batch, 6]
        let sum = left + right
        return sum = sum |> Pair(act=silu) as pair, difference = left - right
    }
    budget TwoOutputs { params < 10K }
}

const _: () = assert!(mlp::Mlp::PARAMETERS == 7 * 64 + 65 * 4);
const _: () = assert!(pets::Pets::MACS == 4 * plain::Pets::MACS);
const _: () = assert!(one_output::OneOutput::MACS == 6 * 4 + 4 * 6 && two_outputs::TwoOutputs::FLOPS > 0);

// A word of Rust may be a name of the language.
parameternet! { network Words { input type: f32[1, 2] return type |> relu } }

fn main() {
    let weights = pets::Weights::embedded().unwrap();
    let mut network = pets::Pets::with_threads(&weights, 2).unwrap();
    let scores: &[[f32; 4]; 4] = network.run(&[[[[0.5; 3]; 8]; 8]; 4]).unwrap();
    assert_eq!(scores[0], scores[3]);
    assert!(scores[0].iter().all(|score| score.is_finite()));

    // Where it is used, it may be any item.
    parameternet! { network Inner { input x: f32[1, 2] return x |> relu } }
    let empty: &'static [u8] = b"\x02\0\0\0\0\0\0\0{}";
    let mut network = inner::Inner::new(&inner::Weights::from_bytes(empty).unwrap()).unwrap();
    assert_eq!(network.run(&[[-1.0, 2.0]]).unwrap(), &[[0.0, 2.0]]);
}
