//! Recorded outputs go the same way as live ones.

use gatewright_core::event::RunEvent;
use gatewright_core::manifest::Role;
use gatewright_core::recorded::RecordedAttempt;
use gatewright_core::response::{AttemptEnd, Response};
use gatewright_engine::{Target, Targets};

use crate::runner::{SEED, attempt, limits, misbehave, run};

fn recording(role: Role, examples: impl IntoIterator<Item = u32>) -> Vec<RecordedAttempt> {
    examples
        .into_iter()
        .map(|i| RecordedAttempt {
            attempt: attempt(role, i, 0),
            recorded_trial: 3,
            end: AttemptEnd::Answered {
                response: Response {
                    output: format!("recorded {i}"),
                    ..Response::default()
                },
            },
        })
        .collect()
}

#[test]
fn recorded_attempts_stream_in_batches_and_absent_ones_stay_unattempted() {
    // Not in order, and with holes: what other tools write.
    let attempts = recording(Role::Candidate, (0..50_000).rev().filter(|i| i % 10 != 4));
    let targets = Targets {
        seed: SEED,
        begun: Default::default(),
        answered: Default::default(),
        refused: Default::default(),
        by_role: [(Role::Candidate, Target::Recorded(attempts))].into(),
    };
    let todo = (0..50_000)
        .map(|i| attempt(Role::Candidate, i, 0))
        .collect();
    let ran = run(&targets, todo, &limits());
    ran.complete();
    assert!(
        ran.batches
            .iter()
            .all(|batch| batch.len() <= limits().batch_max)
    );
    assert!(ran.started().is_empty(), "nothing is paid for");
    let ends = ran.ends();
    assert_eq!(ends.len(), 45_000);
    assert!(!ends.contains_key(&attempt(Role::Candidate, 4, 0)));
    assert!(ran.events().all(|event| matches!(
        event,
        RunEvent::Ended {
            recorded_trial: Some(3),
            ..
        }
    )));
}

#[test]
fn a_recorded_arm_runs_beside_a_live_one() {
    let targets = Targets {
        seed: SEED,
        begun: Default::default(),
        answered: Default::default(),
        refused: Default::default(),
        by_role: [
            (Role::Candidate, Target::Command(misbehave(&["echo"]))),
            (
                Role::Production,
                Target::Recorded(recording(Role::Production, 0..100)),
            ),
        ]
        .into(),
    };
    let todo = (0..100)
        .flat_map(|i| {
            [
                attempt(Role::Candidate, i, 0),
                attempt(Role::Production, i, 0),
            ]
        })
        .collect();
    let ran = run(&targets, todo, &limits());
    ran.complete();
    assert_eq!(ran.answers(), 200, "{:#?}", ran.seen);
}
