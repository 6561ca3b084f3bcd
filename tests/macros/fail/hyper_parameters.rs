//! Hyper-parameters that are not there, and values that are wrong.
use parameternet::parameternet;

parameternet! { mod unknown = "models/pets.pnet" { widht: 16, depth: 3, bacth: 2 } }
parameternet! { mod value = "models/pets.pnet" { width: sixteen, classes: 4 } }
parameternet! { mod kind = "models/pets.pnet" { width: [8, 16] } }
parameternet! { mod syntax = "models/pets.pnet" { width: 8 +, act: |x| x } }

fn main() {
    let _ = (unknown::Pets::MACS, value::Pets::MACS);
}
