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
    Reused,
    Reopened,
    Withdrawn,
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
        shard in proptest::option::of((1..4_u32, 0..4_u32)),
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
            shard: shard.map(|(of, index)| Shard { index: index % of + 1, of }),
        }
    }
}

fn log() -> impl Strategy<Value = Vec<(AttemptSpec, Said)>> {
    vec(
        (
            attempt(),
            select(
                &[
                    Said::Started,
                    Said::Ended,
                    Said::Reused,
                    Said::Reopened,
                    Said::Withdrawn,
                ][..],
            ),
        ),
        0..60,
    )
}

fn fold(log: &[(AttemptSpec, Said)]) -> Progress {
    let mut progress = Progress::default();
    for (attempt, said) in log {
        match said {
            Said::Started => progress.start(*attempt),
            Said::Ended | Said::Reused => progress.end(*attempt),
            Said::Reopened => progress.reopen(*attempt),
            Said::Withdrawn => progress.withdraw(*attempt),
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

/// The shard's arithmetic again, from the digest's hexadecimal digits.
fn is_in_shard(plan: &Plan, attempt: &AttemptSpec) -> bool {
    let Some(shard) = plan.shard else { return true };
    let Some(digest) = plan.example_digests.get(attempt.example as usize) else {
        return false;
    };
    let first = u64::from_str_radix(&digest.hex()[..16], 16).expect("digits");
    first % u64::from(shard.of) + 1 == u64::from(shard.index)
}

fn is_planned(plan: &Plan, attempt: &AttemptSpec) -> bool {
    if !is_in_shard(plan, attempt) {
        return false;
    }
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
        // From the last end on: whether it was reopened since, and whether it was started since then.
        let since = |attempt: &AttemptSpec| {
            let said: Vec<Said> = log.iter().filter(|(which, _)| which == attempt).map(|(_, said)| *said).collect();
            let end = said.iter().rposition(|said| matches!(said, Said::Ended | Said::Reused));
            let rest = said[end.map_or(0, |end| end + 1)..].to_vec();
            (end.is_some(), rest)
        };
        let has_ended = |attempt: &AttemptSpec| {
            let (ended, rest) = since(attempt);
            ended && !rest.iter().any(|said| matches!(said, Said::Reopened))
        };
        let is_in_flight = |attempt: &AttemptSpec| {
            let (ended, rest) = since(attempt);
            rest.iter()
                .skip_while(|said| ended && !matches!(said, Said::Reopened))
                .fold(0_u32, |open, said| match said {
                    Said::Started => open + 1,
                    Said::Withdrawn => open.saturating_sub(1),
                    _ => open,
                })
                > 0
        };
        let expected: BTreeSet<_> = conceivable()
            .filter(|attempt| is_planned(&plan, attempt) && !has_ended(attempt))
            .collect();
        let listed: Vec<_> = outstanding(&plan, &progress).collect();
        let seen: BTreeSet<_> = listed.iter().copied().collect();
        prop_assert_eq!(listed.len(), seen.len(), "an attempt is listed twice");
        prop_assert_eq!(&seen, &expected);

        let in_flight: BTreeSet<_> = conceivable()
            .filter(is_in_flight)
            .collect();
        let started: BTreeSet<_> = progress.started.keys().copied().collect();
        prop_assert_eq!(&started, &in_flight);
    }

    #[test]
    fn the_first_look_comes_first_and_arms_stay_together(plan in plan()) {
        let progress = Progress::default();
        let listed: Vec<_> = outstanding(&plan, &progress).collect();
        let held = (0..plan.examples.len() as u32).filter(|&example| plan.holds(example)).count();
        let first: usize = plan.systems.iter().map(|system| system.trials as usize).sum::<usize>() * held;
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

proptest! {
    #[test]
    fn f18_shards_make_the_whole_plan_and_nothing_twice(plan in plan(), of in 1..5_u32) {
        let whole = Plan { shard: None, ..plan.clone() };
        let examples = whole.examples.len() as u32;
        let mut parts: Vec<_> = (1..=of)
            .flat_map(|index| {
                let part = Plan { shard: Some(Shard { index, of }), ..plan.clone() };
                part.attempts().collect::<Vec<_>>()
            })
            .collect();
        parts.sort();
        // Confirmation of an example that the plan does not have is nobody's.
        let mut all: Vec<_> = whole.attempts().filter(|attempt| attempt.example < examples).collect();
        all.sort();
        prop_assert_eq!(parts, all);
        prop_assert_eq!(whole.digest(), plan.digest());
    }
}

#[test]
fn truth_table_of_one_attempt() {
    use Said::{Ended, Reopened, Reused, Started, Withdrawn};
    // What the log says, whether it is outstanding, whether it may have been paid for with nothing to show.
    let table: [(&[Said], bool, bool); 22] = [
        (&[], true, false),
        (&[Started], true, true),
        (&[Ended], false, false),
        (&[Started, Ended], false, false),
        (&[Started, Started], true, true),
        (&[Started, Started, Ended], false, false),
        (&[Ended, Started], false, false),
        (&[Started, Ended, Started, Ended], false, false),
        (&[Reused], false, false),
        (&[Started, Reused], false, false),
        (&[Reopened], true, false),
        (&[Ended, Reopened], true, false),
        (&[Started, Ended, Reopened], true, false),
        (&[Started, Ended, Reopened, Started], true, true),
        (&[Started, Ended, Reopened, Started, Ended], false, false),
        (&[Ended, Reopened, Ended, Reopened], true, false),
        (&[Ended, Reopened, Reused], false, false),
        (&[Started, Withdrawn], true, false),
        (&[Started, Started, Withdrawn], true, true),
        (&[Started, Withdrawn, Started], true, true),
        (&[Started, Withdrawn, Started, Ended], false, false),
        (&[Ended, Reopened, Started, Withdrawn], true, false),
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
        shard: None,
    };
    for (log, is_outstanding, is_in_flight) in table {
        let log: Vec<_> = log.iter().map(|said| (attempt, *said)).collect();
        let progress = fold(&log);
        assert_eq!(
            outstanding(&plan, &progress).count() == 1,
            is_outstanding,
            "{log:?}"
        );
        assert_eq!(
            progress.started.contains_key(&attempt),
            is_in_flight,
            "{log:?}"
        );
    }
}
