//! The smallest program that runs systems into a log: `run-to-log DIR EXAMPLES TRIALS WORKERS -- COMMAND...`.
//!
//! It is killed and started again by the tests. Candidate and production are the same command; SIGINT drains, a second
//! one leaves. It prints `in-flight ID` for each attempt of an earlier run of which nothing came back, then how it ended.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use gatewright_core::digest::Digest;
use gatewright_core::id::ExampleId;
use gatewright_core::manifest::Role;
use gatewright_core::plan::{Plan, PlannedSystem, outstanding};
use gatewright_core::reference::{Changed, Example};
use gatewright_engine::{
    CommandTarget, Inputs, Limits, Request, RunEnd, Target, Targets, attempt_id, environment,
    stop_pair,
};
use gatewright_store::{RunLog, Writer};
use serde_json::{Map, Value};

const SEED: u64 = 7;
const AT: &str = "2026-01-01T00:00:00Z";

struct Numbers;

impl Inputs for Numbers {
    fn is_shown(&self, _: u32) -> bool {
        true
    }

    fn example(&self, _: u32) -> Result<Option<Arc<Example>>, Changed> {
        Ok(None)
    }

    fn request(&self, example: u32) -> Result<Option<Request>, Changed> {
        Ok(Some(Request {
            key: name(example),
            example: name(example),
            input: Value::String(format!("question {example}")),
            context: Map::new(),
        }))
    }
}

fn name(example: u32) -> String {
    format!("example-{example:04}")
}

fn main() -> ExitCode {
    match work() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(1)
        }
    }
}

fn work() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("too few arguments");
    let folder = PathBuf::from(next()?);
    let (examples, trials, workers) = (next()?.parse()?, next()?.parse()?, next()?.parse()?);
    next()?;
    let argv: Vec<String> = arguments.collect();

    let plan = plan(examples, trials);
    let mut log = open(&folder)?;
    let progress = log.progress()?;
    for attempt in &progress.started {
        let id = attempt_id(SEED, attempt.system, &name(attempt.example), attempt.trial);
        println!("in-flight {id}");
    }
    let command = CommandTarget {
        argv,
        workers,
        timeout: None,
        env: environment(&[], |name| std::env::var_os(name)),
        cwd: std::env::current_dir()?,
        memory_mib: None,
    };
    let targets = Targets {
        seed: SEED,
        begun: Default::default(),
        answered: Default::default(),
        refused: Default::default(),
        by_role: [Role::Candidate, Role::Production]
            .map(|role| (role, Target::Command(command.clone())))
            .into(),
    };
    let (stopper, stop) = stop_pair();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let end = runtime.block_on(async {
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                stopper.request();
            }
        });
        gatewright_engine::run(
            outstanding(&plan, &progress),
            &Numbers,
            &targets,
            &Limits::standard(),
            |_| {},
            |events, blobs| log.append_with(events, blobs, AT).map_err(Into::into),
            stop,
        )
        .await
    })?;
    println!("{end:?}");
    Ok(match end {
        RunEnd::Complete => ExitCode::SUCCESS,
        RunEnd::Interrupted { .. } => ExitCode::from(130),
        RunEnd::Limited { .. }
        | RunEnd::Paused { .. }
        | RunEnd::Changed(_)
        | RunEnd::Broken { .. } => ExitCode::from(111),
    })
}

fn open(folder: &Path) -> Result<RunLog, Box<dyn Error>> {
    let writer = Writer {
        name: "run-to-log".to_owned(),
        actor: "test".to_owned(),
        at: AT.to_owned(),
    };
    // A kill between making the file and its first table leaves an empty file, which `create` finishes.
    let there = folder.join(RunLog::FILE);
    if there.metadata().is_ok_and(|file| file.len() > 0) {
        return Ok(RunLog::open(folder, writer)?);
    }
    Ok(RunLog::create(folder, writer)?)
}

fn plan(examples: u32, trials: u32) -> Plan {
    let names: Vec<ExampleId> = (0..examples).map(|i| name(i).as_str().into()).collect();
    Plan {
        example_digests: names
            .iter()
            .map(|name| Digest::of(name.as_str().as_bytes()))
            .collect(),
        examples: names,
        systems: [Role::Candidate, Role::Production]
            .map(|role| PlannedSystem {
                role,
                fingerprint: Digest::of(role.word().as_bytes()),
                trials,
            })
            .into(),
        seed: SEED,
        confirmations: Vec::new(),
        shard: None,
    }
}
