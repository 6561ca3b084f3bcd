//! Reads handwritten digits: the network and its trained weights are part of this binary, which needs no other file.
//!
//! `cargo run --release -p digits -- examples/digits/three.png`

use std::error::Error;
use std::process::ExitCode;

use parameternet::{Shaped, WeightFile, parameternet};
use parameternet_data::{Settings, Source, classes, load_input, settings};

parameternet! {
    mod network = "../digits/digits.pnet" { weights: embed "../digits/digits-e4.safetensors" }
}

fn main() -> ExitCode {
    match read(std::env::args_os().skip(1).map(Source::from).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the digit of each picture and how sure the network is.
fn read(pictures: Vec<Source>) -> Result<(), Box<dyn Error>> {
    if pictures.is_empty() {
        return Err("which pictures? usage: digits PICTURE...".into());
    }
    let weights = network::Weights::embedded()?;
    // The weights also say how a picture is prepared, and what the classes are called.
    let file = WeightFile::from_bytes(network::Digits::WEIGHTS)?;
    let preprocess = Settings::default().with_weights(&file)?;
    let names = settings::labels(&file).ok_or("the weights do not name their classes")?;
    let mut digits = network::Digits::new(&weights)?;
    for picture in pictures {
        let pixels = load_input(&picture, &[1, 1, 8, 8], &preprocess)?;
        let [scores] = digits.run(Shaped::view(&pixels).ok_or("a picture has another size")?)?;
        for (class, share) in classes::likeliest(scores, 1) {
            println!("{picture}: {} ({:.1}%)", names.get(class).map_or("?", String::as_str), share * 100.0);
        }
    }
    Ok(())
}
