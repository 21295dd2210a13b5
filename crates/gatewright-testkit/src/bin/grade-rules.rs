//! Grades recorded answers with a page's rules and nothing else: `grade-rules PAGE EXAMPLES RESPONSES [THREADS]`.
//!
//! The counterpart of the script that `cargo xtask bench rules` measures beside it: same lines in, and the same counts out, as JSON. Nothing
//! is stored or analysed.

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use gatewright_core::grade::Graders;
use gatewright_core::json::{Block, Blocks, Picker, Slot};
use gatewright_core::label::Labels;
use gatewright_core::manifest::{Manifest, Role, read};
use gatewright_core::outcome::{Bin, Outcome};
use gatewright_core::plan::AttemptSpec;
use gatewright_core::problem::has_errors;
use gatewright_core::reference::{ReferenceSet, load};
use gatewright_core::response::{AttemptEnd, Response};
use gatewright_core::source::Source;
use serde_json::{Map, Value};

/// The product's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    let known = reference.examples.iter().zip(0_u32..);
    let side = Side {
        manifest: &manifest,
        graders: &graders,
        index: known.map(|(entry, at)| (entry.id.as_str(), at)).collect(),
    };
    let reader = BufReader::with_capacity(1 << 20, File::open(responses)?);
    let blocks = Mutex::new(Blocks::new(reader));
    let counted: Vec<Result<Counts, Failed>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| side.blocks(&blocks)))
            .collect();
        let joined = workers.into_iter().map(|worker| worker.join());
        joined
            .map(|done| done.unwrap_or_else(|_| Err("a thread ended early".into())))
            .collect()
    });
    let mut total = Counts::of(&manifest);
    for counts in counted {
        total.add(&counts?);
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

/// What every thread needs.
struct Side<'a> {
    manifest: &'a Manifest,
    graders: &'a Graders<'a>,
    index: HashMap<&'a str, u32>,
}

impl Side<'_> {
    /// Grades blocks until there are none.
    fn blocks(&self, blocks: &Mutex<Blocks<BufReader<File>>>) -> Result<Counts, Failed> {
        let lock = || blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts = Counts::of(self.manifest);
        let mut picker = Picker::new(vec!["example".to_owned(), "output".to_owned()]);
        loop {
            let next = lock().next_block();
            let Some(block) = next else {
                return Ok(counts);
            };
            let block = block?;
            self.count(&block, &mut picker, &mut counts)?;
            lock().reuse(block);
        }
    }

    fn count(&self, block: &Block, picker: &mut Picker, counts: &mut Counts) -> Result<(), Failed> {
        let mut out: Vec<Outcome> = Vec::new();
        let mut slots = Vec::new();
        for (number, line) in block.lines() {
            picker.pick(line, &mut slots)?;
            let [Slot::Text(name), Slot::Text(output)] = slots.as_mut_slice() else {
                return Err(format!("line {number}: no example, or no output").into());
            };
            let example = self.index.get(name.as_ref());
            let attempt = AttemptSpec {
                example: *example.ok_or_else(|| format!("line {number}: no example `{name}`"))?,
                system: Role::Candidate,
                trial: 0,
            };
            let response = Response {
                output: std::mem::take(output).into_owned(),
                ..Response::default()
            };
            let end = AttemptEnd::Answered { response };
            self.graders
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
        Ok(())
    }
}
