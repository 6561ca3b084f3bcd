//! No such file, with and without one of a similar name.
use parameternet::parameternet;

parameternet! { mod pets = "models/pet.pnet" { network: Pets } }
parameternet! { mod nothing = "no/such/network.pnet" {} }

fn main() {
    let _ = pets::Pets::MACS;
}
