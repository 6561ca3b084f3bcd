//! Weights that do not fit, are not there, or are none.
use parameternet::parameternet;

parameternet! { mod shape = "models/pets.pnet" { weights: embed "models/pets.safetensors", classes: 5 } }
parameternet! { mod missing = "models/pets.pnet" { weights: embed "models/pet.safetensors" } }
parameternet! { mod text = "models/pets.pnet" { weights: embed "models/pets.pnet" } }

fn main() {
    let weights = missing::Weights::embedded().unwrap();
    let _network = missing::Pets::new(&weights).unwrap();
}
