//! Reads a handwritten digit: a network compiled while the program runs, with trained weights.
//!
//! `cargo run --release --features jit --example classify`

use parameternet::Compiler;

/// A handwritten seven of the held-out digits (`examples/digits/seven.png`): 0 is paper, 16 is ink.
const SEVEN: [[u8; 8]; 8] = [
    [0, 0, 2, 13, 16, 9, 0, 0],
    [0, 0, 12, 12, 7, 16, 3, 0],
    [0, 1, 14, 3, 0, 16, 4, 0],
    [0, 0, 0, 4, 10, 16, 6, 0],
    [0, 0, 0, 13, 16, 16, 9, 0],
    [0, 0, 0, 5, 13, 1, 0, 0],
    [0, 0, 0, 11, 9, 0, 0, 0],
    [0, 0, 1, 16, 4, 0, 0, 0],
];

const NAMES: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let program = Compiler::new()
        .compile_file("examples/digits/digits.pnet")?
        .load_weights("examples/digits/digits-e4.safetensors")?;
    let mut session = program.session()?;
    let image: Vec<f32> = SEVEN.iter().flatten().map(|ink| f32::from(*ink) / 16.0).collect();
    let mut scores = [0.0f32; 10];
    session.run(&[&image], &mut [&mut scores])?;
    let best = scores.iter().zip(NAMES).max_by(|(left, _), (right, _)| left.total_cmp(right));
    println!("It is a {}.", best.map_or("?", |(_, name)| name));
    Ok(())
}
