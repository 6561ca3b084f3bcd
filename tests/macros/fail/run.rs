//! Inputs of another shape, and outputs taken for another, do not compile.
use parameternet::parameternet;

parameternet! { mod pets = "models/pets.pnet" {} }

fn main() {
    let weights = pets::Weights::load("pets.safetensors").unwrap();
    let mut network = pets::Pets::new(&weights).unwrap();
    network.run(&[[[[0.0; 8]; 3]; 8]]).unwrap();
    let _scores: &[[f32; 5]; 1] = network.run(&[[[[0.0; 8]; 8]; 3]]).unwrap();
    network.run().unwrap();
}

const _: () = assert!(pets::Pets::MACS < 1_000);
