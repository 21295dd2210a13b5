//! Runs the engine in memory and keeps what it said.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use gatewright_core::event::RunEvent;
use gatewright_core::manifest::Role;
use gatewright_core::plan::AttemptSpec;
use gatewright_core::reference::{Changed, Example};
use gatewright_core::response::{AttemptEnd, Response};
use gatewright_engine::{
    CommandTarget, EngineEvent, Inputs, Limits, Request, RunEnd, RunError, SinkError, StopSignal,
    Target, Targets, environment, stop_pair,
};
use serde_json::{Map, Value, json};

pub(crate) const MISBEHAVE: &str = env!("CARGO_BIN_EXE_misbehave");
pub(crate) const SEED: u64 = 7;
/// An example whose input may not be shown.
pub(crate) const WITHHELD: u32 = u32::MAX;

/// Examples `e0`, `e1`, …; [`WITHHELD`] may not be shown.
pub(crate) struct Numbers;

impl Inputs for Numbers {
    fn is_shown(&self, example: u32) -> bool {
        example != WITHHELD
    }

    fn example(&self, _: u32) -> Result<Option<Arc<Example>>, Changed> {
        Ok(None)
    }

    fn request(&self, example: u32) -> Result<Option<Request>, Changed> {
        Ok(self.is_shown(example).then(|| Request {
            key: format!("e{example}"),
            example: format!("e{example}"),
            input: Value::String(format!("question {example}")),
            context: Map::from_iter([("account".to_owned(), json!("A-1"))]),
        }))
    }
}

pub(crate) fn misbehave(arguments: &[&str]) -> CommandTarget {
    command(&[&[MISBEHAVE], arguments].concat())
}

pub(crate) fn command(argv: &[&str]) -> CommandTarget {
    CommandTarget {
        argv: argv.iter().map(|&word| word.to_owned()).collect(),
        workers: 1,
        timeout: None,
        env: environment(&[], |name| std::env::var_os(name)),
        cwd: std::env::temp_dir(),
        memory_mib: None,
    }
}

pub(crate) fn with_env(mut target: CommandTarget, name: &str, value: &str) -> CommandTarget {
    target.env.insert(name.into(), OsString::from(value));
    target
}

pub(crate) fn candidate(target: CommandTarget) -> Targets {
    Targets {
        seed: SEED,
        begun: Default::default(),
        answered: Default::default(),
        refused: Default::default(),
        by_role: BTreeMap::from([(Role::Candidate, Target::Command(target))]),
    }
}

pub(crate) fn attempt(system: Role, example: u32, trial: u32) -> AttemptSpec {
    AttemptSpec {
        example,
        system,
        trial,
    }
}

/// The candidate's first trials of examples 0 to n − 1.
pub(crate) fn first(n: u32) -> Vec<AttemptSpec> {
    (0..n).map(|i| attempt(Role::Candidate, i, 0)).collect()
}

/// Short patience, so that tests of waiting do not wait.
pub(crate) fn limits() -> Limits {
    Limits {
        answer_timeout: Duration::from_secs(20),
        start_timeout: Duration::from_secs(20),
        close_grace: Duration::from_millis(300),
        ..Limits::standard()
    }
}

/// What a run did.
pub(crate) struct Ran {
    pub(crate) end: Result<RunEnd, RunError>,
    pub(crate) batches: Vec<Vec<RunEvent>>,
    pub(crate) seen: Vec<String>,
}

impl Ran {
    pub(crate) fn events(&self) -> impl Iterator<Item = &RunEvent> {
        self.batches.iter().flatten()
    }

    pub(crate) fn ends(&self) -> BTreeMap<AttemptSpec, AttemptEnd> {
        let mut ends = BTreeMap::new();
        for event in self.events() {
            if let RunEvent::Ended { attempt, end, .. } = event {
                let before = ends.insert(*attempt, end.clone());
                assert_eq!(before, None, "{attempt:?} ended twice");
            }
        }
        ends
    }

    pub(crate) fn started(&self) -> Vec<AttemptSpec> {
        self.events()
            .filter_map(|event| match event {
                RunEvent::Started { attempt } => Some(*attempt),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn shelved(&self) -> Vec<AttemptSpec> {
        self.events()
            .filter_map(|event| match event {
                RunEvent::Shelved { attempt } => Some(*attempt),
                _ => None,
            })
            .collect()
    }

    /// The candidate's end of one example.
    pub(crate) fn end_of(&self, example: u32) -> AttemptEnd {
        self.ends()
            .remove(&attempt(Role::Candidate, example, 0))
            .expect("it ended")
    }

    /// The candidate's answer to one example.
    pub(crate) fn answer(&self, example: u32) -> Response {
        match self.end_of(example) {
            AttemptEnd::Answered { response } => response,
            other => panic!("{example}: {other:?}"),
        }
    }

    pub(crate) fn answers(&self) -> usize {
        self.ends()
            .values()
            .filter(|end| matches!(end, AttemptEnd::Answered { .. }))
            .count()
    }

    pub(crate) fn complete(&self) {
        assert_eq!(self.end.as_ref().expect("ran"), &RunEnd::Complete);
    }

    /// Returns why the run broke off.
    pub(crate) fn broken(&self) -> (Role, &str) {
        match &self.end {
            Ok(RunEnd::Broken { system, why }) => (*system, why),
            other => panic!("{other:?}"),
        }
    }
}

/// Returns the message of an attempt that our side could not finish.
pub(crate) fn harness_error(end: &AttemptEnd) -> &str {
    match end {
        AttemptEnd::HarnessError { message } => message,
        other => panic!("{other:?}"),
    }
}

/// Returns the message of an attempt that the system failed.
pub(crate) fn provider_error(end: &AttemptEnd) -> &str {
    match end {
        AttemptEnd::ProviderError { message, .. } => message,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn run(targets: &Targets, todo: Vec<AttemptSpec>, limits: &Limits) -> Ran {
    run_with(targets, todo, limits, stop_pair().1, |_| Ok(()))
}

pub(crate) fn run_with(
    targets: &Targets,
    todo: Vec<AttemptSpec>,
    limits: &Limits,
    stop: StopSignal,
    mut commit: impl FnMut(&[RunEvent]) -> Result<(), SinkError>,
) -> Ran {
    let mut batches: Vec<Vec<RunEvent>> = Vec::new();
    let mut seen = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime");
    let end = runtime.block_on(gatewright_engine::run(
        todo,
        &Numbers,
        targets,
        limits,
        |event: &EngineEvent<'_>| seen.push(format!("{event:?}")),
        |events, _blobs| {
            commit(events)?;
            batches.push(events.to_vec());
            Ok(())
        },
        stop,
    ));
    Ran { end, batches, seen }
}
