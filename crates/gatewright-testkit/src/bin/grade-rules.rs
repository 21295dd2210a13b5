//! Grades recorded answers with a page's rules and nothing else: `grade-rules PAGE EXAMPLES RESPONSES [THREADS]`.
//!
//! The counterpart of the script that `cargo xtask bench rules` measures beside it: same lines in, and the same counts out, as JSON. Nothing
//! is stored or analysed.

use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::process::ExitCode;

use gatewright_core::grade::Graders;
use gatewright_core::json::{self, Block, Blocks};
use gatewright_core::label::Labels;
use gatewright_core::manifest::{Manifest, Role, read};
use gatewright_core::outcome::{Bin, Outcome};
use gatewright_core::plan::AttemptSpec;
use gatewright_core::problem::has_errors;
use gatewright_core::reference::{ReferenceSet, load};
use gatewright_core::response::{AttemptEnd, Response};
use gatewright_core::source::Source;
use serde_json::{Map, Value};

/// What stops the work.
type Failed = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn work() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (page, examples, responses, threads) = match arguments.as_slice() {
        [page, examples, responses] => (page, examples, responses, 1),
        [page, examples, responses, threads] => (page, examples, responses, threads.parse()?),
        _ => return Err("usage: grade-rules PAGE EXAMPLES RESPONSES [THREADS]".into()),
    };
    let manifest = manifest(page)?;
    let reference = reference(&manifest, examples)?;
    let labels = Labels::default();
    let graders = Graders::new(&manifest, &reference, &labels)
        .map_err(|problems| format!("the page's graders cannot be used: {problems:?}"))?;
    let mut blocks = Blocks::new(BufReader::with_capacity(1 << 20, File::open(responses)?));
    let mut total = Counts::of(&manifest);
    loop {
        let mut taken = Vec::new();
        while taken.len() < threads {
            match blocks.next_block() {
                Some(block) => taken.push(block?),
                None => break,
            }
        }
        if taken.is_empty() {
            break;
        }
        let counted: Vec<Result<Counts, Failed>> = std::thread::scope(|scope| {
            let workers: Vec<_> = taken
                .iter()
                .map(|block| scope.spawn(|| count(block, &manifest, &reference, &graders)))
                .collect();
            let joined = workers.into_iter().map(|worker| worker.join());
            joined
                .map(|done| done.unwrap_or_else(|_| Err("a thread ended early".into())))
                .collect()
        });
        for counts in counted {
            total.add(&counts?);
        }
        for block in taken {
            blocks.reuse(block);
        }
    }
    println!("{}", total.json(&manifest));
    Ok(())
}

fn manifest(path: &str) -> Result<Manifest, Failed> {
    let (manifest, problems) = read::read(&std::fs::read(path)?, path);
    manifest.ok_or_else(|| format!("{path}: {problems:?}").into())
}

fn reference(manifest: &Manifest, path: &str) -> Result<ReferenceSet, Failed> {
    let mut problems = Vec::new();
    let source = Source::plain(path, Default::default());
    let file = (source, path.to_owned(), std::fs::read(path)?);
    let set = load::in_memory(manifest, [file], &mut problems);
    if has_errors(&problems) {
        return Err(format!("{path}: {problems:?}").into());
    }
    Ok(set)
}

/// How many answers there are, and how many pass each criterion.
struct Counts {
    answers: u64,
    passed: Vec<u64>,
}

impl Counts {
    fn of(manifest: &Manifest) -> Self {
        Self {
            answers: 0,
            passed: vec![0; manifest.criteria.len()],
        }
    }

    fn add(&mut self, other: &Counts) {
        self.answers += other.answers;
        for (sum, more) in self.passed.iter_mut().zip(&other.passed) {
            *sum += more;
        }
    }

    fn json(&self, manifest: &Manifest) -> Value {
        let named = manifest.criteria.iter().zip(&self.passed);
        let passed: Map<String, Value> = named
            .map(|(criterion, passed)| (criterion.id.to_string(), (*passed).into()))
            .collect();
        serde_json::json!({"answers": self.answers, "passed": passed})
    }
}

fn count(
    block: &Block,
    manifest: &Manifest,
    reference: &ReferenceSet,
    graders: &Graders<'_>,
) -> Result<Counts, Failed> {
    let mut counts = Counts::of(manifest);
    let mut out: Vec<Outcome> = Vec::new();
    for (number, line) in block.lines() {
        let mut row = json::parse_object(line)?;
        let name = row.get("example").and_then(Value::as_str).unwrap_or("");
        let example = reference
            .index_of(name)
            .ok_or_else(|| format!("line {number}: no example `{name}`"))?;
        let Some(Value::String(output)) = row.remove("output") else {
            return Err(format!("line {number}: no output").into());
        };
        let attempt = AttemptSpec {
            example,
            system: Role::Candidate,
            trial: 0,
        };
        let response = Response {
            output,
            ..Response::default()
        };
        let end = AttemptEnd::Answered { response };
        graders
            .grade(attempt, None, &end, &mut out)
            .map_err(|changed| changed.to_string())?;
        counts.answers += 1;
        for outcome in out.drain(..) {
            let slot = counts.passed.get_mut(usize::from(outcome.criterion));
            if let (Some(slot), Bin::Pass) = (slot, outcome.bin) {
                *slot += 1;
            }
        }
    }
    Ok(counts)
}
