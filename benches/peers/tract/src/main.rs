//! A network in tract, as a process that measures when it is asked to; see `worker.py` for what it reads and writes.
//!
//! `tract-worker MODEL.onnx WEIGHTS INPUT.npy OUTPUT.npy THREADS SHAPE`

use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use parameternet_data::npy;
use tract_onnx::prelude::*;

/// The most memory that the process had so far, in bytes; 0 where the system does not say.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, _, input, output, ..] = arguments.as_slice() else { return Err("usage: see worker.py".into()) };
    let (shape, values) = npy::read(&std::fs::read(input)?, None)?;
    let x: TValue = Tensor::from_shape(&shape, &values)?.into();
    let baseline = peak_bytes();
    let start = Instant::now();
    let plan = tract_onnx::onnx()
        .model_for_path(model)?
        .with_input_fact(0, f32::fact(&shape).into())?
        .into_optimized()?
        .into_runnable()?;
    let run = || plan.run(tvec!(x.clone()));
    let first = run()?;
    let seconds = start.elapsed().as_secs_f64();
    let scores = first[0].cast_to::<f32>()?;
    npy::write(Path::new(output), scores.shape(), scores.try_as_plain_ram()?.as_slice::<f32>()?)?;
    let mut out = std::io::stdout().lock();
    let facts =
        serde_json::json!({ "first_seconds": seconds, "baseline_bytes": baseline, "peak_bytes": peak_bytes() });
    writeln!(out, "{facts}")?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        let mut times = Vec::new();
        for _ in 0..line?.trim().parse()? {
            let begin = Instant::now();
            run()?;
            times.push(begin.elapsed().as_nanos() as u64);
        }
        writeln!(out, "{}", serde_json::to_string(&times)?)?;
        out.flush()?;
    }
    Ok(())
}
