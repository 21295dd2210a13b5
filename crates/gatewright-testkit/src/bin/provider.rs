//! A provider of language models that misbehaves by script: `provider --listen ADDRESS --script FILE|JSON --log FILE`.
//!
//! It prints `{"address": …, "url": …}` as one line, appends two lines for each request to the log (`received` when it
//! was read; `served` when the whole response was written, or `cut` when it was not), and ends when its standard input
//! is closed or it is told to terminate.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::ExitCode;

use gatewright_testkit::provider::{Script, serve_to_file};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

const USAGE: &str = "provider --listen ADDRESS --script FILE|JSON --log FILE";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("provider: {why}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let (mut listen, mut script, mut log) = ("127.0.0.1:0".to_owned(), "{}".to_owned(), None);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        match name.as_str() {
            "--listen" => listen = value,
            "--script" => script = value,
            "--log" => log = Some(value),
            _ => return Err(USAGE.into()),
        }
    }
    if !script.trim_start().starts_with('{') {
        script = std::fs::read_to_string(&script)?;
    }
    let script = Script::parse(&script)?;
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log.ok_or(USAGE)?)?;
    let listener = TcpListener::bind(listen)?;
    let address = listener.local_addr()?;
    println!(
        "{}",
        json!({"address": address.to_string(), "url": format!("http://{address}")})
    );
    std::io::stdout().flush()?;
    serve_to_file(listener, script, log, told_to_stop())?;
    Ok(())
}

async fn told_to_stop() {
    let (closed, input) = oneshot::channel();
    // A thread, as reading standard input cannot be broken off; the process ends around it.
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        let mut heap = [0; 256];
        while matches!(stdin.read(&mut heap), Ok(read) if read > 0) {}
        let _ = closed.send(());
    });
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = input.await;
        return;
    };
    tokio::select! {
        _ = input => {}
        _ = terminate.recv() => {}
    }
}
