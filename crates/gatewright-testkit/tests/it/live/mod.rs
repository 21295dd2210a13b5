//! The engine against the scripted provider: every fault by its id. The provider's own log is the oracle.

mod ahead;
mod budget;
mod disk;
mod door;
mod faults;
mod refused;
mod room;
mod secrets;
mod shapes;
mod way;

use std::collections::BTreeMap;
use std::time::Duration;

use gatewright_core::digest::Digest;
use gatewright_core::event::RunEvent;
use gatewright_core::exchange::{Blob, Exchange};
use gatewright_core::manifest::{Manifest, Role, read};
use gatewright_core::plan::AttemptSpec;
use gatewright_core::reference::{Example, Input, ReferenceSet};
use gatewright_engine::{
    EngineEvent, Inputs, Limits, LiveTarget, RunEnd, SecretText, SinkError, StopSignal, Target,
    Targets, stop_pair,
};
use gatewright_testkit::provider::{Behaviour, Provider, Script};

use crate::runner::{Ran, SEED, attempt};

/// Examples `e000`, `e001`, … that ask `question 0`, `question 1`, …
pub(crate) fn examples(n: u32) -> ReferenceSet {
    with_inputs((0..n).map(|i| Input::Text(format!("question {i}"))))
}

pub(crate) fn with_inputs(inputs: impl IntoIterator<Item = Input>) -> ReferenceSet {
    ReferenceSet::of(each(inputs))
}

/// Examples that ask this and expect nothing.
pub(crate) fn each(inputs: impl IntoIterator<Item = Input>) -> Vec<Example> {
    let examples = inputs.into_iter().enumerate().map(|(i, input)| Example {
        digest: Digest::of(&i.to_le_bytes()),
        ..Example::asking(&format!("e{i:03}"), input)
    });
    examples.collect()
}

/// Short patience, so that tests of waiting do not wait.
pub(crate) fn limits() -> Limits {
    Limits {
        answer_timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(2),
        idle_timeout: Duration::from_millis(400),
        backoff_min: Duration::from_millis(4),
        backoff_max: Duration::from_millis(40),
        retry_after_max: Duration::from_millis(300),
        ..Limits::standard()
    }
}

/// Reads a system as a page describes it. `URL` becomes the provider's address.
pub(crate) fn system(way: &str, provider: &str) -> LiveTarget {
    // In quotes, as an address of IPv6 has brackets.
    let way = way.replace("URL/v1", &format!("\"{provider}/v1\""));
    let way = way.replace("URL", provider);
    let page = format!(
        "gatewright: 1\npromise: Answer.\ntasks: {{a: b}}\nfailures: {{}}\nowners: {{p: P}}\nsystems:\n  candidate: {way}\ngate: []\n"
    );
    let (manifest, problems): (Option<Manifest>, _) = read::survey(page.as_bytes(), "page");
    let manifest = manifest.unwrap_or_else(|| panic!("{problems:?}"));
    let system = &manifest.systems[&Role::Candidate];
    LiveTarget {
        live: system
            .live()
            .unwrap_or_else(|| panic!("{problems:?}"))
            .clone(),
        secrets: Vec::new(),
        timeout: system.timeout_ms.map(Duration::from_millis),
        private_allowed: true,
        proxy: None,
        door: None,
    }
}

pub(crate) const CHAT: &str = "{openai: {model: m, base_url: URL/v1}}";
pub(crate) const STREAM: &str = "{openai: {model: m, base_url: URL/v1, stream: true}}";

pub(crate) fn targets(target: LiveTarget) -> Targets {
    Targets {
        seed: SEED,
        by_role: BTreeMap::from([(Role::Candidate, Target::Live(Box::new(target)))]),
        begun: BTreeMap::new(),
        answered: Default::default(),
        refused: Default::default(),
    }
}

/// What a run against a provider did.
pub(crate) struct Live {
    pub(crate) ran: Ran,
    pub(crate) blobs: BTreeMap<Digest, Vec<u8>>,
}

impl Live {
    /// Every exchange, in the order of the log.
    pub(crate) fn exchanges(&self) -> Vec<(AttemptSpec, Exchange)> {
        let events = self.ran.events();
        events
            .filter_map(|event| match event {
                RunEvent::Exchanged {
                    attempt, exchange, ..
                }
                | RunEvent::Ended {
                    attempt,
                    exchange: Some(exchange),
                    ..
                } => Some((*attempt, (**exchange).clone())),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn faults(&self) -> Vec<&'static str> {
        let exchanges = self.exchanges();
        exchanges
            .iter()
            .filter_map(|(_, it)| it.fault)
            .map(|it| it.word())
            .collect()
    }

    pub(crate) fn paced(&self) -> Vec<String> {
        let events = self.ran.events();
        events
            .filter_map(|event| match event {
                RunEvent::Paced { why, .. } => Some(why.clone()),
                _ => None,
            })
            .collect()
    }

    /// Returns why the run paused, with the fault's word.
    pub(crate) fn paused(&self) -> (&'static str, &str) {
        match &self.ran.end {
            Ok(RunEnd::Paused { fault, why, .. }) => (fault.word(), why),
            other => panic!("{other:?}"),
        }
    }

    /// The bytes that came back in an exchange.
    pub(crate) fn response(&self, exchange: &Exchange) -> &[u8] {
        &self.blobs[&exchange.response.expect("something came")]
    }
}

pub(crate) fn run(targets: &Targets, examples: &ReferenceSet, limits: &Limits) -> Live {
    let todo = (0..examples.examples.len() as u32)
        .map(|i| attempt(Role::Candidate, i, 0))
        .collect();
    run_todo(targets, examples, todo, limits, stop_pair().1)
}

pub(crate) fn run_todo(
    targets: &Targets,
    examples: &ReferenceSet,
    todo: Vec<AttemptSpec>,
    limits: &Limits,
    stop: StopSignal,
) -> Live {
    run_committing(targets, examples, todo, limits, stop, |_, _| Ok(()))
}

/// As [`run_todo`], with something done at each commit.
pub(crate) fn run_committing(
    targets: &Targets,
    examples: &dyn Inputs,
    todo: Vec<AttemptSpec>,
    limits: &Limits,
    stop: StopSignal,
    mut commit: impl FnMut(&[RunEvent], &[Blob]) -> Result<(), SinkError>,
) -> Live {
    let mut batches: Vec<Vec<RunEvent>> = Vec::new();
    let mut seen = Vec::new();
    let mut kept = BTreeMap::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime");
    let end = runtime.block_on(async {
        let running = gatewright_engine::run(
            todo,
            examples,
            targets,
            limits,
            |event: &EngineEvent<'_>| seen.push(format!("{event:?}")),
            |events: &[RunEvent], blobs: &[Blob]| {
                commit(events, blobs)?;
                batches.push(events.to_vec());
                kept.extend(blobs.iter().map(|blob| (blob.digest, blob.bytes.clone())));
                Ok(())
            },
            stop,
        );
        // Whatever the provider does, a run ends.
        let bound = Duration::from_secs(30);
        tokio::time::timeout(bound, running)
            .await
            .expect("a run never hangs")
    });
    Live {
        ran: Ran { end, batches, seen },
        blobs: kept,
    }
}

/// Runs `n` examples over the chat interface against a script.
pub(crate) fn chat(script: Script, n: u32) -> (Live, Provider) {
    let provider = Provider::start(script);
    let live = run(
        &targets(system(CHAT, &provider.url())),
        &examples(n),
        &limits(),
    );
    (live, provider)
}

/// Parses a script that a test writes inline.
#[expect(
    clippy::needless_pass_by_value,
    reason = "tests write the script inline"
)]
pub(crate) fn script(json: serde_json::Value) -> Script {
    Script::parse(&json.to_string()).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs one example against a provider that always does the same.
pub(crate) fn always(behaviour: Behaviour) -> (Live, Provider) {
    chat(Script::always(behaviour), 1)
}

pub(crate) fn secret(value: &str) -> SecretText {
    SecretText::new(value.to_owned())
}
