//! An example that is not what was planned any more: nothing is sent for it, and nothing that was paid for is lost.

use std::collections::BTreeMap;
use std::sync::Arc;

use gatewright_core::manifest::Role;
use gatewright_core::plan::AttemptSpec;
use gatewright_core::problem::Location;
use gatewright_core::reference::{Changed, Example, ReferenceSet};
use gatewright_core::response::AttemptEnd;
use gatewright_engine::{Inputs, Limits, Request, RunEnd, Target, Targets, stop_pair};
use gatewright_testkit::provider::{Behaviour, Provider, Script};

use crate::live::{self, CHAT};
use crate::runner::{Ran, SEED, attempt, candidate, misbehave};

/// Which example is another one by now.
const CHANGED: u32 = 23;

struct Edited(ReferenceSet);

impl Edited {
    fn look(example: u32) -> Result<(), Changed> {
        match example == CHANGED {
            true => Err(Changed {
                at: Location {
                    file: "r.jsonl".into(),
                    line: 24,
                    column: 0,
                },
                why: "it is not what it was".to_owned(),
            }),
            false => Ok(()),
        }
    }
}

impl Inputs for Edited {
    fn is_shown(&self, example: u32) -> bool {
        self.0.is_shown(example)
    }

    fn request(&self, example: u32) -> Result<Option<Request>, Changed> {
        Self::look(example)?;
        self.0.request(example)
    }

    fn example(&self, example: u32) -> Result<Option<Arc<Example>>, Changed> {
        Self::look(example)?;
        Inputs::example(&self.0, example)
    }
}

fn run(targets: &Targets, limits: &Limits, todo: Vec<AttemptSpec>) -> Ran {
    let inputs = Edited(live::examples(40));
    live::run_committing(targets, &inputs, todo, limits, stop_pair().1, |_, _| Ok(())).ran
}

/// The run ended because of the example, which was never started; everything that was started has come back, or was taken back.
fn ended_before(ran: &Ran, systems: &[Role]) {
    match &ran.end {
        Ok(RunEnd::Changed(changed)) => assert_eq!(
            changed.to_string(),
            "r.jsonl:24 changed while this command was running"
        ),
        other => panic!("{other:?}"),
    }
    let ends = ran.ends();
    let taken_back = ran.shelved();
    for &system in systems {
        let spec = attempt(system, CHANGED, 0);
        assert!(!ends.contains_key(&spec) && !ran.started().contains(&spec));
    }
    for spec in ran.started() {
        let answered = matches!(ends.get(&spec), Some(AttemptEnd::Answered { .. }));
        assert!(answered != taken_back.contains(&spec), "{spec:?}");
    }
    assert!(ran.answers() >= 10, "{}", ran.answers());
}

#[test]
fn a_program_is_not_asked_an_example_that_changed() {
    let mut target = misbehave(&["echo"]);
    target.workers = 3;
    let todo = (0..40).map(|i| attempt(Role::Candidate, i, 0)).collect();
    let ran = run(&candidate(target), &crate::runner::limits(), todo);
    ended_before(&ran, &[Role::Candidate]);
}

#[test]
fn an_endpoint_is_not_asked_an_example_that_changed() {
    let provider = Provider::start(Script::always(Behaviour::answer_after(5)));
    let both = |way: &str| -> BTreeMap<Role, Target> {
        [Role::Candidate, Role::Production]
            .map(|role| {
                (
                    role,
                    Target::Live(Box::new(live::system(way, &provider.url()))),
                )
            })
            .into()
    };
    let targets = Targets {
        seed: SEED,
        begun: BTreeMap::new(),
        refused: BTreeMap::new(),
        answered: std::collections::BTreeSet::new(),
        by_role: both(CHAT),
    };
    let todo: Vec<_> = (0..40)
        .flat_map(|i| [Role::Candidate, Role::Production].map(|role| attempt(role, i, 0)))
        .collect();
    let ran = run(&targets, &live::limits(), todo);
    ended_before(&ran, &[Role::Candidate, Role::Production]);
    assert_eq!(provider.log().len(), ran.answers());
}
