//! What is outstanding, against an independent oracle and a truth table.
//!
//! The oracle asks of every conceivable attempt whether it is planned and whether it has ended; the code under test
//! iterates over the plan. They share nothing but the types.

use std::collections::BTreeSet;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// More trials than any generated plan has.
const TRIALS_BEYOND: u32 = 12;
const EXAMPLES_BEYOND: u32 = 8;

/// What a log may say of an attempt.
#[derive(Clone, Copy, Debug)]
enum Said {
    Started,
    Ended,
}

fn role() -> impl Strategy<Value = Role> {
    select(&Role::ALL[..])
}

prop_compose! {
    fn attempt()(example in 0..EXAMPLES_BEYOND, system in role(), trial in 0..TRIALS_BEYOND) -> AttemptSpec {
        AttemptSpec { example, system, trial }
    }
}

prop_compose! {
    fn round()(
        examples in btree_set(0..6_u32, 0..4),
        roles in btree_set(role(), 0..3),
        first_trial in 0..6_u32,
        trials in 0..4_u32,
    ) -> Confirmation {
        Confirmation {
            examples: examples.into_iter().collect(),
            roles: roles.into_iter().collect(),
            first_trial,
            trials,
        }
    }
}

prop_compose! {
    fn plan()(
        examples in 0..6_usize,
        roles in btree_set(role(), 0..=3),
        trials in vec(1..4_u32, 3),
        confirmations in vec(round(), 0..3),
    ) -> Plan {
        Plan {
            examples: (0..examples).map(|i| ExampleId(format!("e{i}"))).collect(),
            example_digests: (0..examples).map(|i| Digest::of(&[i as u8])).collect(),
            systems: roles
                .into_iter()
                .zip(trials)
                .map(|(role, trials)| PlannedSystem { role, fingerprint: Digest::of(b"f"), trials })
                .collect(),
            seed: 1,
            confirmations,
        }
    }
}

fn log() -> impl Strategy<Value = Vec<(AttemptSpec, Said)>> {
    vec(
        (attempt(), select(&[Said::Started, Said::Ended][..])),
        0..60,
    )
}

fn fold(log: &[(AttemptSpec, Said)]) -> Progress {
    let mut progress = Progress::default();
    for (attempt, said) in log {
        match said {
            Said::Started => progress.start(*attempt),
            Said::Ended => progress.end(*attempt),
        }
    }
    progress
}

/// Every conceivable attempt, for the oracle.
fn conceivable() -> impl Iterator<Item = AttemptSpec> {
    (0..EXAMPLES_BEYOND).flat_map(|example| {
        Role::ALL.into_iter().flat_map(move |system| {
            (0..TRIALS_BEYOND).map(move |trial| AttemptSpec {
                example,
                system,
                trial,
            })
        })
    })
}

fn is_planned(plan: &Plan, attempt: &AttemptSpec) -> bool {
    let first_look = plan.systems.iter().any(|system| {
        system.role == attempt.system
            && attempt.trial < system.trials
            && (attempt.example as usize) < plan.examples.len()
    });
    first_look
        || plan.confirmations.iter().any(|round| {
            round.examples.contains(&attempt.example)
                && round.roles.contains(&attempt.system)
                && attempt.trial >= round.first_trial
                && attempt.trial - round.first_trial < round.trials
        })
}

proptest! {
    #[test]
    fn outstanding_is_what_the_oracle_says(plan in plan(), log in log()) {
        let progress = fold(&log);
        let said = |attempt: &AttemptSpec, wanted: fn(&Said) -> bool| {
            log.iter().any(|(which, said)| which == attempt && wanted(said))
        };
        let has_ended = |attempt: &AttemptSpec| said(attempt, |said| matches!(said, Said::Ended));
        let expected: BTreeSet<_> = conceivable()
            .filter(|attempt| is_planned(&plan, attempt) && !has_ended(attempt))
            .collect();
        let listed: Vec<_> = outstanding(&plan, &progress).collect();
        let seen: BTreeSet<_> = listed.iter().copied().collect();
        prop_assert_eq!(listed.len(), seen.len(), "an attempt is listed twice");
        prop_assert_eq!(&seen, &expected);

        let in_flight: BTreeSet<_> = conceivable()
            .filter(|attempt| said(attempt, |said| matches!(said, Said::Started)) && !has_ended(attempt))
            .collect();
        prop_assert_eq!(&progress.started, &in_flight);
    }

    #[test]
    fn the_first_look_comes_first_and_arms_stay_together(plan in plan()) {
        let progress = Progress::default();
        let listed: Vec<_> = outstanding(&plan, &progress).collect();
        let first: usize = plan.systems.iter().map(|system| system.trials as usize).sum::<usize>() * plan.examples.len();
        prop_assert!(listed.len() >= first);
        prop_assert!(listed[..first].windows(2).all(|pair| pair[0].example <= pair[1].example));
        for attempt in &listed[..first] {
            prop_assert!(attempt.trial < plan.trials(attempt.system));
        }
    }

    #[test]
    fn resuming_at_any_point_makes_what_was_left_and_nothing_else(plan in plan(), cut in 0..40_usize) {
        let mut progress = Progress::default();
        let whole: Vec<_> = outstanding(&plan, &progress).collect();
        for attempt in whole.iter().take(cut) {
            progress.start(*attempt);
            progress.end(*attempt);
        }
        let rest: Vec<_> = outstanding(&plan, &progress).collect();
        prop_assert_eq!(&rest[..], &whole[cut.min(whole.len())..]);
    }
}

#[test]
fn truth_table_of_one_attempt() {
    use Said::{Ended, Started};
    // What the log says, whether it is outstanding, whether it may have been paid for with nothing to show.
    let table: [(&[Said], bool, bool); 8] = [
        (&[], true, false),
        (&[Started], true, true),
        (&[Ended], false, false),
        (&[Started, Ended], false, false),
        (&[Started, Started], true, true),
        (&[Started, Started, Ended], false, false),
        (&[Ended, Started], false, false),
        (&[Started, Ended, Started, Ended], false, false),
    ];
    let attempt = AttemptSpec {
        example: 0,
        system: Role::Candidate,
        trial: 0,
    };
    let plan = Plan {
        examples: vec!["e0".into()],
        example_digests: vec![Digest::of(b"e0")],
        systems: vec![PlannedSystem {
            role: Role::Candidate,
            fingerprint: Digest::of(b"f"),
            trials: 1,
        }],
        seed: 1,
        confirmations: Vec::new(),
    };
    for (log, is_outstanding, is_in_flight) in table {
        let log: Vec<_> = log.iter().map(|said| (attempt, *said)).collect();
        let progress = fold(&log);
        assert_eq!(
            outstanding(&plan, &progress).count() == 1,
            is_outstanding,
            "{log:?}"
        );
        assert_eq!(progress.started.contains(&attempt), is_in_flight, "{log:?}");
    }
}
