//! An error over several lines: on the whole expression, with the place where the shape comes from.
use parameternet::parameternet;

parameternet! {
    /// Adds what cannot be added.
    network Sum {
        input x: f32[1, 3, 8, 8]
        let a = x |> conv(4, kernel=3) as a
        let b = x
            |> conv(
                6, // channels
                kernel=3,
            ) as b
        return a + b
    }
}

fn main() {}
