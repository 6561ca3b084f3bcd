//! Errors of a file are shown with its lines; those of brackets, too.
use parameternet::parameternet;

parameternet! { pub mod wrong = "models/wrong.pnet" {} }
parameternet! { mod brackets = "models/brackets.pnet" }

fn main() {
    // No other errors where they are used.
    let weights = wrong::Weights::load("wrong.safetensors").unwrap();
    let mut network = wrong::Wrong::new(&weights).unwrap();
    let _scores: &[[f32; 4]; 1] = network.run(&[[[[0.0; 8]; 8]; 3]]).unwrap();
    let _ = brackets::Brackets::MACS;
}
