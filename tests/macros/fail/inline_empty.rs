//! No network at all.
use parameternet::parameternet;

parameternet! {}

parameternet! { fn twice(x) = 2 * x }

fn main() {}
