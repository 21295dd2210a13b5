//! Reads every answer of a stored run and does nothing with it: `read-run FOLDER`.
//!
//! What `cargo xtask bench regrade` measures beside `gatewright grade`: the same events, unpacked, held against their hashes and parsed.
//! Prints how many answers there are and how many bytes of text they have, as JSON.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use gatewright_core::event::RunEvent;
use gatewright_core::response::AttemptEnd;
use gatewright_store::RunLog;

fn main() -> ExitCode {
    let folder = std::env::args().nth(1);
    match folder
        .ok_or_else(|| "usage: read-run FOLDER".into())
        .and_then(|folder| read(&folder))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn read(folder: &str) -> Result<(), Box<dyn Error>> {
    let (mut answers, mut bytes) = (0_u64, 0_u64);
    for event in RunLog::read_only(Path::new(folder))?.events() {
        let (RunEvent::Ended { end, .. } | RunEvent::Reused { end, .. }) = event?.body else {
            continue;
        };
        if let AttemptEnd::Answered { response } = end {
            answers += 1;
            bytes += response.output.len() as u64;
        }
    }
    println!(
        "{}",
        serde_json::json!({"answers": answers, "bytes": bytes})
    );
    Ok(())
}
