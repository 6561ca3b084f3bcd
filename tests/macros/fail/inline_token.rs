//! Names that are not there, each on its token; no other errors where the network is used.
use parameternet::parameternet;

parameternet! {
    network Mlp(hidden = 64) {
        input x: f32[1, 6]
        return x |> linaer(hidden) as l1 |> relu |> linear(hiden) as l2
    }
}

fn main() {
    let weights = mlp::Weights::load("mlp.safetensors").unwrap();
    let mut network = mlp::Mlp::new(&weights).unwrap();
    let scores: &[[f32; 4]; 1] = network.run(&[[0.0; 6]]).unwrap();
    assert!(mlp::Mlp::MACS > 0 && scores[0][0] > 0.0);
}
