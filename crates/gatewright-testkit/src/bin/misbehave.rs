//! A system under test that misbehaves on purpose: `misbehave MODE [--only TEXT] [--log FILE] [--delay-ms N] [--size N]`.
//!
//! It answers like `echo` but for requests whose example holds TEXT, or one of several with commas between them (all of them without `--only`): those it treats as
//! MODE says. With `--log` it writes a line when it receives a request and one just before it answers: the oracle for
//! "nothing is paid for twice".

use std::fs::{File, OpenOptions};
use std::io::{BufRead, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

struct Options {
    mode: String,
    only: Option<String>,
    log: Option<File>,
    delay: Duration,
    size: usize,
}

fn main() -> ExitCode {
    let Some(mut options) = options() else {
        eprintln!("misbehave MODE [--only TEXT] [--log FILE] [--delay-ms N] [--size N]");
        return ExitCode::from(2);
    };
    match options.mode.as_str() {
        "dies-at-start" => {
            eprintln!("Traceback: no module named model");
            return ExitCode::from(1);
        }
        "early-talk" => say("Loading model..."),
        "ready" => {
            std::thread::sleep(options.delay);
            say(r#"{"ready": true}"#);
        }
        "never-reads" => std::thread::sleep(Duration::from_secs(3600)),
        "closes-input" => return closes_input(),
        _ => {}
    }
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        let Ok(request) = serde_json::from_str::<Value>(&line) else {
            eprintln!("misbehave: not a request: {line}");
            return ExitCode::from(2);
        };
        note(&mut options, "received", &request);
        let example = request["example"].as_str().unwrap_or_default();
        let chosen = options
            .only
            .as_ref()
            .is_none_or(|only| only.split(',').any(|one| example.contains(one)));
        if chosen {
            if let Some(code) = misbehave(&mut options, &request) {
                return code;
            }
        } else {
            answer(&mut options, &request, "echo");
        }
    }
    if options.mode == "ignore-close" {
        std::thread::sleep(Duration::from_secs(3600));
    }
    ExitCode::SUCCESS
}

fn options() -> Option<Options> {
    let mut arguments = std::env::args().skip(1);
    let mut options = Options {
        mode: arguments.next()?,
        only: None,
        log: None,
        delay: Duration::ZERO,
        size: 1 << 20,
    };
    while let Some(name) = arguments.next() {
        let value = arguments.next()?;
        match name.as_str() {
            "--only" => options.only = Some(value),
            "--log" => {
                let file = OpenOptions::new().create(true).append(true).open(value);
                options.log = Some(file.ok()?);
            }
            "--delay-ms" => options.delay = Duration::from_millis(value.parse().ok()?),
            "--size" => options.size = value.parse().ok()?,
            _ => return None,
        }
    }
    Some(options)
}

/// Deals with one request; returns an exit code when the program is to end there.
fn misbehave(options: &mut Options, request: &Value) -> Option<ExitCode> {
    let id = request["id"].as_str().unwrap_or_default();
    match options.mode.as_str() {
        "slow" => {
            std::thread::sleep(options.delay);
            answer(options, request, "slow");
        }
        "silent" => {}
        "garbage" => say("I am not JSON \u{1b}[31m"),
        "dies-half-way" => {
            eprintln!("boom");
            print!("{{\"id\": \"{id}\", \"out");
            flush();
            return Some(ExitCode::from(3));
        }
        "aborts" => std::process::abort(),
        "blank-flood" => flood(""),
        "ready-flood" => flood(r#"{"ready": true}"#),
        "second-answer-flood" => {
            answer(options, request, "first");
            flood(&json!({"id": id, "output": "again"}).to_string());
        }
        "wrong-id" => say(&json!({"id": "somebody-else", "output": "x"}).to_string()),
        "double" => {
            answer(options, request, "first");
            answer(options, request, "second");
        }
        "flood-stderr" => {
            for i in 0..options.size {
                eprintln!("noise {i} \u{1b}[31m {}", "x".repeat(5000));
            }
            answer(options, request, "echo");
        }
        "long-line" => {
            let block = "x".repeat(1 << 16);
            for _ in 0..options.size.div_ceil(block.len()) {
                print!("{block}");
            }
            say("");
        }
        "invalid-utf8" => {
            let mut line = format!("{{\"id\": \"{id}\", \"output\": \"").into_bytes();
            line.extend_from_slice(b"\xff\xfe\"}\n");
            let _ = std::io::stdout().write_all(&line);
            flush();
        }
        "every-character" => {
            let text =
                "nul \0 esc \u{1b}[31m bidi \u{202e} bom \u{feff} crlf \r\n sep \u{2028} astral 🜁";
            say(&json!({"id": id, "output": text}).to_string());
        }
        "bad-shape" => say(&json!({"id": id, "output": ["not", "text"]}).to_string()),
        "error-reply" => {
            say(&json!({"id": id, "error": {"message": "overloaded", "code": 529}}).to_string())
        }
        "spawn-child" | "orphan-holds-pipe" => return leave_child(options, id),
        "environment" => {
            let mut names: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
            names.sort();
            let folder = std::env::current_dir().unwrap_or_default();
            say(&json!({"id": id, "output": names.join(" "), "folder": folder}).to_string());
        }
        "request" => say(&json!({"id": id, "output": "", "request": request}).to_string()),
        _ => answer(options, request, "echo"),
    }
    None
}

fn answer(options: &mut Options, request: &Value, prefix: &str) {
    if options.mode == "echo" {
        std::thread::sleep(options.delay);
    }
    note(options, "answers", request);
    let output = format!(
        "{prefix}: {} with seed {}",
        request["input"], request["seed"]
    );
    say(&json!({"id": request["id"], "output": output, "behaviour": "answer"}).to_string());
}

/// Starts a child that outlives the answer; or, without answering, this program.
fn leave_child(options: &Options, id: &str) -> Option<ExitCode> {
    let child = Command::new("sleep")
        .arg("3600")
        .stdin(Stdio::null())
        .spawn();
    if options.mode == "orphan-holds-pipe" {
        return Some(ExitCode::SUCCESS);
    }
    let pid = child.map_or(0, |child| child.id());
    say(&json!({"id": id, "output": pid.to_string()}).to_string());
    None
}

/// Reads nothing, closes its standard input by replacing itself, and lives on.
fn closes_input() -> ExitCode {
    use std::os::unix::process::CommandExt;
    let error = Command::new("sleep")
        .arg("3600")
        .stdin(Stdio::null())
        .exec();
    eprintln!("{error}");
    ExitCode::from(2)
}

/// Writes one line again and again until nobody reads it any more.
fn flood(line: &str) {
    let block = format!("{line}\n").repeat(1000);
    while std::io::stdout().write_all(block.as_bytes()).is_ok() {}
}

fn note(options: &mut Options, what: &str, request: &Value) {
    if let Some(log) = &mut options.log {
        // One write for one line: several processes share the file.
        let line = format!("{what} {}\n", request["id"].as_str().unwrap_or_default());
        let _ = log.write_all(line.as_bytes());
    }
}

fn say(line: &str) {
    println!("{line}");
    flush();
}

fn flush() {
    let _ = std::io::stdout().flush();
}
