//! Repository chores. One file per command; `cargo xtask` alone lists them.

mod bench;
mod crash;
mod generate;
mod operating;
mod repository;
mod tamper;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask COMMAND

  tidy                 the rules of the repository: crate arrows, dependencies, file shapes, invariants and their tests
  generate [--check]   docs/cli.md, docs/graders.md, the JSON schemas and the outputs shown in README and tutorial; --check fails on a difference and writes nothing
  operating [--quick]  how often the gate ships what it should and should not: the table of the specification, by simulation
  crash --seeds N [--from SEED]
                       kills the program with SIGKILL at named points and at random, lets it go on, and demands that nothing is lost or paid twice
  tamper --flips N [--from SEED] [--release]
                       changes single bytes of a signed record and of everything it rests on, and counts what `gatewright verify` misses: none
  bench [WHAT]         how long users wait, beside the Python way; WHAT is graded, check, rules, verify, run, peers (run without ours) or clone
                       (default: the first two)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["tidy"] => tidy::run(),
        ["generate"] => generate::run(false),
        ["generate", "--check"] => generate::run(true),
        ["operating"] => operating::run(false),
        ["operating", "--quick"] => operating::run(true),
        ["crash", rest @ ..] => crash::run(rest),
        ["tamper", rest @ ..] => tamper::run(rest),
        ["bench"] => bench::run(None),
        ["bench", what] => bench::run(Some(what)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
