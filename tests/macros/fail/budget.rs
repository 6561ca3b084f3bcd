//! A hyper-parameter with which the network costs more than its file allows.
use parameternet::parameternet;

parameternet! { mod pets = "models/pets.pnet" { width: 64 } }

fn main() {
    // Its type is there.
    assert!(pets::Pets::MACS > 0);
}
