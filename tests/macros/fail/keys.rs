//! Settings that are not written as they should be; each is told.
use parameternet::parameternet;

parameternet! {
    mod many = "models/pets.pnet" {
        batch: 0,
        layout: hwc,
        experts_dtype: f16,
        network: "Pets",
        weights: "pets.safetensors",
        width: 8,
        width: 9,
        classes = 4,
        act: relu depth: 3,
        17: 3,
        head,
        tail:,
    }
}
parameternet! { mod commas = "models/pets.pnet" { width: 8,, classes: 4 } }
parameternet! { mod parentheses = "models/pets.pnet" (width: 8) }
parameternet! { mod path = models }
parameternet! { mod braces { width: 8 } }
parameternet! { mod one = "models/pets.pnet" {} mod two = "models/pets.pnet" {} }

fn main() {}
