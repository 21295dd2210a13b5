//! The plan: examples × systems × trials, content-addressed; and what of it is outstanding.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Hasher};
use crate::id::ExampleId;
use crate::manifest::{Manifest, Role, Trials};
use crate::reference::ReferenceSet;

/// What will be attempted. Trials from 0 to `first_look − 1` are the first look; confirmation adds fresh ones above.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Example ids in reference order (index = the outcome's example index).
    pub examples: Vec<ExampleId>,
    /// Their content digests, in the same order.
    pub example_digests: Vec<Digest>,
    /// Systems in the plan with their fingerprints and first-look trials.
    pub systems: Vec<PlannedSystem>,
    /// Seed for everything random in the run.
    pub seed: u64,
    /// Confirmation rounds added after the first look.
    pub confirmations: Vec<Confirmation>,
    /// The part of it that this run makes; `None` for all of it. Not in the digest: all parts are of one plan.
    pub shard: Option<Shard>,
}

/// A system in a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedSystem {
    /// Its role.
    pub role: Role,
    /// Its fingerprint.
    pub fingerprint: Digest,
    /// First-look trials, from 1.
    pub trials: u32,
}

/// Fresh trials of whole tripped segments, on both arms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Examples by index, sorted.
    pub examples: Vec<u32>,
    /// Roles to run.
    pub roles: Vec<Role>,
    /// First trial number of the round.
    pub first_trial: u32,
    /// Trials of the round for each example and role.
    pub trials: u32,
}

/// What a run differs in from the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOptions {
    /// Trials of systems that can be called, instead of the page's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trials: Option<u32>,
    /// The seed, instead of the page's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The part of the examples that this run makes, when it is one of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
}

/// One of several parts of a run: the examples whose digest falls into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shard {
    /// Which, from 1.
    pub index: u32,
    /// Of how many.
    pub of: u32,
}

impl RunOptions {
    /// Says whether nothing differs from the page.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// As the flags that ask for it: `--repeat 3 --seed 9`.
impl std::fmt::Display for RunOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let flags = [
            self.trials.map(|trials| format!("--repeat {trials}")),
            self.seed.map(|seed| format!("--seed {seed}")),
            self.shard.map(|shard| format!("--shard {shard}")),
        ];
        let flags: Vec<String> = flags.into_iter().flatten().collect();
        f.write_str(&flags.join(" "))
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl std::str::FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let (index, of) = text.split_once('/').ok_or(ShardError::Form)?;
        let number = |text: &str| text.parse::<u32>().map_err(|_| ShardError::Form);
        let (index, of) = (number(index)?, number(of)?);
        if of == 0 || of > Self::OF_MAX {
            return Err(ShardError::Of);
        }
        if index == 0 || index > of {
            return Err(ShardError::Index { of });
        }
        Ok(Self { index, of })
    }
}

/// Why a text names no shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// It is not two numbers.
    #[error("a shard is written i/n, such as 1/4")]
    Form,
    /// There are none or too many.
    #[error("there are 1 to {} shards", Shard::OF_MAX)]
    Of,
    /// There is no such shard.
    #[error("shards are counted from 1 to {of}")]
    Index {
        /// How many there are.
        of: u32,
    },
}

impl Shard {
    /// Most parts that a run can have.
    pub const OF_MAX: u32 = 10_000;

    /// Says whether an example is this shard's: by its digest, so that order and other examples do not matter.
    pub fn holds(self, digest: &Digest) -> bool {
        let first = digest.bytes()[..8]
            .iter()
            .fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
        first % u64::from(self.of.max(1)) == u64::from(self.index.saturating_sub(1))
    }
}

/// One attempt to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptSpec {
    /// Index into [`Plan::examples`].
    pub example: u32,
    /// The system.
    pub system: Role,
    /// The trial.
    pub trial: u32,
}

/// Which attempts have ended. Folds ids only, so memory stays flat.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Attempts that ended with a result that is kept; made here or taken over from an earlier run.
    pub ended: BTreeSet<AttemptSpec>,
    /// Attempts that were started and of which nothing came back: they may have been paid for.
    pub started: BTreeSet<AttemptSpec>,
    /// Attempts that were started and have not ended, and of which nothing was on its way when their run stopped.
    pub shelved: BTreeSet<AttemptSpec>,
    /// Attempts that ended and are made again: outstanding, and their old end counts until there is a new one.
    pub reopened: BTreeSet<AttemptSpec>,
}

impl Confirmation {
    /// Iterates over the round: example, then role, then trial.
    pub fn attempts(&self) -> impl Iterator<Item = AttemptSpec> + '_ {
        self.examples.iter().flat_map(move |&example| {
            self.roles.iter().flat_map(move |&system| {
                self.trial_numbers().map(move |trial| AttemptSpec {
                    example,
                    system,
                    trial,
                })
            })
        })
    }

    fn trial_numbers(&self) -> std::ops::Range<u32> {
        self.first_trial..self.first_trial.saturating_add(self.trials)
    }

    fn holds(&self, attempt: &AttemptSpec) -> bool {
        self.trial_numbers().contains(&attempt.trial)
            && self.roles.contains(&attempt.system)
            && self.examples.binary_search(&attempt.example).is_ok()
    }
}

impl Progress {
    /// Notes that an attempt is about to be made. One that has ended stays ended, unless it was reopened.
    pub fn start(&mut self, attempt: AttemptSpec) {
        if self.is_outstanding(&attempt) {
            self.shelved.remove(&attempt);
            self.started.insert(attempt);
        }
    }

    /// Notes that nothing of an attempt is on its way any more, though it has not ended.
    pub fn shelve(&mut self, attempt: AttemptSpec) {
        if self.started.remove(&attempt) {
            self.shelved.insert(attempt);
        }
    }

    /// Notes that an attempt ended or was reused: from here on it is not made again, unless it is reopened.
    pub fn end(&mut self, attempt: AttemptSpec) {
        self.started.remove(&attempt);
        self.shelved.remove(&attempt);
        self.reopened.remove(&attempt);
        self.ended.insert(attempt);
    }

    /// Notes that an attempt that ended is to be made again. One that has not ended is outstanding anyway.
    pub fn reopen(&mut self, attempt: AttemptSpec) {
        if self.ended.contains(&attempt) {
            self.reopened.insert(attempt);
        }
    }

    /// Says whether an attempt, if it is planned, is still to be made.
    pub fn is_outstanding(&self, attempt: &AttemptSpec) -> bool {
        !self.ended.contains(attempt) || self.reopened.contains(attempt)
    }
}

/// Trials of the recorded system that carries most; at least 1.
fn most_carried(manifest: &Manifest, recorded_trials: impl Fn(Role) -> u32) -> u32 {
    let recorded = manifest
        .systems
        .values()
        .filter(|system| !system.target.can_rerun());
    recorded
        .map(|system| recorded_trials(system.role))
        .fold(1, u32::max)
}

impl Plan {
    /// Number of fresh trials per example and arm in a confirmation (statistics.md §13).
    pub const CONFIRM_TRIALS: u32 = 5;

    /// Plans the first look. `recorded_trials` says how many trials a recorded system carries.
    ///
    /// Recorded systems are planned with as many trials as the one that carries most: a trial that was cut from every example of one of
    /// them would otherwise leave no trace. What a system lacks is missing as not attempted.
    pub fn first_look(
        manifest: &Manifest,
        reference: &ReferenceSet,
        recorded_trials: impl Fn(Role) -> u32,
    ) -> Self {
        let n = reference.examples.len();
        let carried = most_carried(manifest, recorded_trials);
        let systems = manifest
            .systems
            .values()
            .map(|system| PlannedSystem {
                role: system.role,
                fingerprint: system.fingerprint,
                trials: match (system.target.can_rerun(), manifest.trials) {
                    (true, Trials::Auto) => auto_trials(n),
                    (true, Trials::Fixed(k)) => k.max(1),
                    (false, _) => carried,
                },
            })
            .collect();
        Self {
            examples: reference
                .examples
                .iter()
                .map(|example| example.id.clone())
                .collect(),
            example_digests: reference
                .examples
                .iter()
                .map(|example| example.digest)
                .collect(),
            systems,
            seed: manifest.seed,
            confirmations: Vec::new(),
            shard: None,
        }
    }

    /// Returns the first-look trials of a role; 0 when the role is not in the plan.
    pub fn trials(&self, role: Role) -> u32 {
        self.systems
            .iter()
            .find(|system| system.role == role)
            .map_or(0, |system| system.trials)
    }

    /// Hashes the plan: the identity under which results are kept.
    pub fn digest(&self) -> Digest {
        let systems: Vec<_> = self
            .systems
            .iter()
            .map(|system| (system.role, system.fingerprint, system.trials))
            .collect();
        // The examples' digests go in as bytes: there may be hundreds of thousands.
        let mut examples = Hasher::default();
        for digest in &self.example_digests {
            examples.update(digest.bytes());
        }
        Digest::of_json(&(examples.finish(), systems, self.seed))
    }

    /// Says whether an example is this run's: all are, unless it is one of several.
    pub fn holds(&self, example: u32) -> bool {
        self.shard.is_none_or(|shard| {
            self.example_digests
                .get(example as usize)
                .is_some_and(|digest| shard.holds(digest))
        })
    }

    /// Iterates over every planned attempt of this run once: example, then role, then trial; confirmation rounds after the first look.
    pub fn attempts(&self) -> impl Iterator<Item = AttemptSpec> + '_ {
        let first = (0..self.examples.len() as u32).flat_map(move |example| {
            self.systems.iter().flat_map(move |system| {
                (0..system.trials).map(move |trial| AttemptSpec {
                    example,
                    system: system.role,
                    trial,
                })
            })
        });
        let confirm = self
            .confirmations
            .iter()
            .enumerate()
            .flat_map(move |(index, round)| {
                round
                    .attempts()
                    .filter(move |attempt| !self.is_planned_before(index, attempt))
            });
        first
            .chain(confirm)
            .filter(|attempt| self.holds(attempt.example))
    }

    /// Says whether the first look or a round before this one holds an attempt: it is made once.
    fn is_planned_before(&self, round: usize, attempt: &AttemptSpec) -> bool {
        let in_first_look = (attempt.example as usize) < self.examples.len()
            && attempt.trial < self.trials(attempt.system);
        in_first_look
            || self.confirmations[..round]
                .iter()
                .any(|earlier| earlier.holds(attempt))
    }
}

/// Few examples, more trials: `clamp(ceil(400 / n), 1, 5)` (design.md §4).
pub fn auto_trials(n: usize) -> u32 {
    if n == 0 {
        1
    } else {
        (400_usize.div_ceil(n)).clamp(1, 5) as u32
    }
}

/// Returns the attempts of the plan that have not ended, or are to be made again. Pure: the same plan and progress give the same attempts.
pub fn outstanding<'a>(
    plan: &'a Plan,
    progress: &'a Progress,
) -> impl Iterator<Item = AttemptSpec> + 'a {
    plan.attempts()
        .filter(|attempt| progress.is_outstanding(attempt))
}

#[cfg(test)]
mod oracle;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_trials_follow_the_design() {
        assert_eq!(
            [60, 80, 120, 200, 399, 400, 1000].map(auto_trials),
            [5, 5, 4, 2, 2, 1, 1]
        );
        assert_eq!(auto_trials(0), 1);
    }

    #[test]
    fn shards_are_read_and_what_is_none_is_refused() {
        assert_eq!("2/4".parse(), Ok(Shard { index: 2, of: 4 }));
        assert_eq!(
            "10000/10000".parse::<Shard>().map(|s| s.to_string()),
            Ok("10000/10000".to_owned())
        );
        for (text, why) in [
            ("", ShardError::Form),
            ("1", ShardError::Form),
            ("a/2", ShardError::Form),
            ("-1/2", ShardError::Form),
            ("1/0", ShardError::Of),
            ("1/10001", ShardError::Of),
            ("0/2", ShardError::Index { of: 2 }),
            ("3/2", ShardError::Index { of: 2 }),
        ] {
            assert_eq!(text.parse::<Shard>(), Err(why), "{text}");
        }
    }

    #[test]
    fn f18_every_example_is_in_exactly_one_shard() {
        for of in [1, 2, 3, 7, 100] {
            for example in 0..50_u8 {
                let digest = Digest::of(&[example]);
                let holding = (1..=of).filter(|&index| Shard { index, of }.holds(&digest));
                assert_eq!(holding.count(), 1);
            }
        }
    }
}
