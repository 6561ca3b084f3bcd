//! Which network of a file.
use parameternet::parameternet;

parameternet! { mod unknown = "models/two.pnet" { network: Frist } }
parameternet! { mod several = "models/two.pnet" {} }
parameternet! { mod none = "models/blocks_only.pnet" { batch: 2 } }

fn main() {
    let _ = several::Second::MACS;
}
