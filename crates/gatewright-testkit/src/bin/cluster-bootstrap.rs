//! Resamples the clusters of rows: `cluster-bootstrap VALUES CLUSTERS REPLICATES THREADS`, the first two little-endian f64 and u32.
//!
//! The counterpart of the script that `cargo xtask bench bootstrap` measures beside it. What comes out is the percentile interval, the standard
//! error and a digest of every resampled mean, as JSON.

use std::error::Error;
use std::process::ExitCode;

use gatewright_core::digest::Digest;
use gatewright_stats::bootstrap::{percentile, resampled_means};

fn main() -> ExitCode {
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn work() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [values, clusters, replicates, threads] = arguments.as_slice() else {
        return Err("usage: cluster-bootstrap VALUES CLUSTERS REPLICATES THREADS".into());
    };
    let values: Vec<f64> = std::fs::read(values)?
        .as_chunks()
        .0
        .iter()
        .map(|bytes| f64::from_le_bytes(*bytes))
        .collect();
    let clusters: Vec<u32> = std::fs::read(clusters)?
        .as_chunks()
        .0
        .iter()
        .map(|bytes| u32::from_le_bytes(*bytes))
        .collect();
    let (replicates, threads) = (replicates.parse()?, threads.parse()?);
    let means = resampled_means(&values, &clusters, (1, "bench", "*"), replicates, threads)
        .map_err(|why| format!("{why:?}"))?;
    let (low, high) = percentile(&means, 0.025).map_err(|why| format!("{why:?}"))?;
    let count = means.len() as f64;
    let centre = means.iter().sum::<f64>() / count;
    let squares = means.iter().map(|mean| (mean - centre) * (mean - centre));
    let se = (squares.sum::<f64>() / (count - 1.0)).sqrt();
    let bytes: Vec<u8> = means.iter().flat_map(|mean| mean.to_le_bytes()).collect();
    println!(
        "{}",
        serde_json::json!({"low": low, "high": high, "se": se, "digest": Digest::of(&bytes).to_string()})
    );
    Ok(())
}
