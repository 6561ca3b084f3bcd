//! Classifies photos with MobileNetV2, on the command line.
//!
//! `cargo run --release -p classifier -- --weights mobilenetv2.safetensors photo.jpg`

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use parameternet::{Shaped, WeightFile, parameternet};
use parameternet_data::{Settings, Source, classes, load_input, settings};

parameternet! { mod mobilenet = "../models/mobilenetv2.pnet" }

// A change of the network that costs more does not compile.
const _: () = assert!(mobilenet::MobileNetV2::MACS <= 301_000_000);

/// Classifies photos with MobileNetV2.
#[derive(Debug, Parser)]
struct Arguments {
    /// The weights: a safetensors file with timm's names
    #[arg(long)]
    weights: PathBuf,
    /// The names of the classes, one a line [default: those that the weights carry, else numbers]
    #[arg(long)]
    labels: Option<PathBuf>,
    /// How many classes are shown
    #[arg(long, default_value_t = 5)]
    top: usize,
    /// How many threads share the work
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Photos (PNG, JPEG, BMP or WebP); `-` is standard input
    #[arg(required = true)]
    photos: Vec<String>,
}

fn main() -> ExitCode {
    match classify(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn classify(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let file = WeightFile::open(&arguments.weights)?;
    let weights = mobilenet::Weights::bind(&file)?;
    let preprocess = Settings::default().with_weights(&file)?;
    let labels = match &arguments.labels {
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            text.lines().map(str::to_owned).collect()
        }
        None => settings::labels(&file).unwrap_or_default(),
    };
    let mut network = mobilenet::MobileNetV2::with_threads(&weights, arguments.threads)?;
    for photo in &arguments.photos {
        let pixels = load_input(&Source::from(OsString::from(photo)), &[1, 3, 224, 224], &preprocess)?;
        let [scores] = network.run(Shaped::view(&pixels).ok_or("the photo has another size")?)?;
        println!("{photo}");
        for (class, share) in classes::likeliest(scores, arguments.top) {
            let label = labels.get(class).cloned().unwrap_or_else(|| format!("class {class}"));
            println!("  {:6.2}%  {label}", share * 100.0);
        }
    }
    Ok(())
}
