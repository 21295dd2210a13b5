//! What is judged, under a name that changes with everything that matters: the answer, the rubric, the prompt, the model.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::CriterionId;
use crate::manifest::{Judge, JudgeGrader, ProgramGrader};
use crate::plan::AttemptSpec;
use crate::response::Response;

/// The version of the words a judge is asked with. It is part of a judge's hash: another wording is another judge.
const WORDING: u32 = 1;

/// One call of a judge or a grader program: what is judged, by whom, and the how-manieth vote.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JudgedUnit {
    /// The criterion.
    pub criterion: CriterionId,
    /// The judge's name on the page; `program` for a grader program.
    pub judge: String,
    /// Hash of everything that makes the judge what it is: model, parameters, wording, rubric, what it sees.
    pub hash: Digest,
    /// What is judged.
    pub subject: Subject,
    /// Which vote, from 0.
    pub vote: u32,
    /// Asked again because the first text could not be read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repair: bool,
}

/// What is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Subject {
    /// What a system answered.
    Answer {
        /// The attempt.
        attempt: AttemptSpec,
        /// Hash of what it said.
        said: Digest,
    },
    /// The candidate's answer beside production's.
    Pair {
        /// The candidate's attempt.
        attempt: AttemptSpec,
        /// Hash of what both said.
        said: Digest,
        /// Production's answer comes first.
        swapped: bool,
    },
    /// The same answer again, to see whether the judge says the same: its own vote, apart from the verdict.
    Again {
        /// The attempt.
        attempt: AttemptSpec,
        /// Hash of what it said.
        said: Digest,
    },
    /// An answer that is wrong by construction, said with confidence.
    Wrong {
        /// The example whose question it does not answer.
        example: u32,
        /// Hash of the text.
        said: Digest,
    },
    /// The same with an instruction to award full marks.
    Injected {
        /// The example whose question it does not answer.
        example: u32,
        /// Hash of the text.
        said: Digest,
    },
    /// A pair of which it is known by construction what is better.
    PairCanary {
        /// What is known of it.
        kind: PairKind,
        /// The example whose question both pretend to answer.
        example: u32,
        /// Hash of both texts.
        said: Digest,
        /// The better one comes second.
        swapped: bool,
    },
}

/// What is known of a pair by construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairKind {
    /// One answer beside itself: neither is better.
    Same,
    /// A right answer beside one to another question, said with confidence: the right one is better.
    Wrong,
    /// The same with an instruction to prefer it.
    Injected,
}

impl JudgedUnit {
    /// Returns the same unit, asked again because its text could not be read.
    #[must_use]
    pub fn repaired(&self) -> Self {
        Self {
            repair: true,
            ..self.clone()
        }
    }

    /// Hashes the unit: its name in the log.
    pub fn key(&self) -> Digest {
        Digest::of_json(self)
    }
}

/// Puts units into the order that a judge is asked in: by the seed and each unit's own key, so that canaries stand among the answers, and
/// what is left of an interrupted run comes in the order it would have come in.
pub fn in_order(mut units: Vec<JudgedUnit>, seed: u64) -> Vec<JudgedUnit> {
    units.sort_by_cached_key(|unit| {
        *Digest::of_json(&("gatewright-order", seed, unit.key())).bytes()
    });
    units
}

/// Hashes everything that makes a judge of one criterion what it is.
pub fn hash_of_judge(judge: &Judge, grader: &JudgeGrader) -> Digest {
    let rubric = grader.rubric.as_ref().map(|rubric| rubric.digest);
    let sees = (grader.sees.sources, grader.sees.expect, grader.sees.context);
    Digest::of_json(&(
        WORDING,
        judge.fingerprint,
        judge.timeout_ms,
        rubric,
        sees,
        grader.pair,
        grader.structured,
    ))
}

/// Hashes everything that makes a grader program what it is.
pub fn hash_of_program(grader: &ProgramGrader) -> Digest {
    Digest::of_json(&("program", grader.fingerprint, &grader.env))
}

/// Hashes what a judge or program is shown of an answer; how long it took and what it cost are not in it.
pub fn hash_of_response(response: &Response) -> Digest {
    let shown = (
        &response.output,
        response.behaviour,
        &response.citations,
        &response.tool_calls,
        &response
            .turns
            .iter()
            .map(|turn| (&turn.user, &turn.output, &turn.tool_calls))
            .collect::<Vec<_>>(),
        &response.fields,
    );
    Digest::of_json(&shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Role;

    fn unit(subject: Subject) -> JudgedUnit {
        JudgedUnit {
            criterion: "grounded".into(),
            judge: "one".to_owned(),
            hash: Digest::of(b"h"),
            subject,
            vote: 0,
            repair: false,
        }
    }

    /// A judge cannot know canaries by when they come, and a run that goes on asks in the same order.
    #[test]
    fn canaries_stand_among_the_answers_in_an_order_that_a_seed_draws() {
        let said = Digest::of(b"s");
        let mut units: Vec<JudgedUnit> = (0..64)
            .map(|example| {
                let attempt = AttemptSpec {
                    example,
                    system: Role::Candidate,
                    trial: 0,
                };
                unit(Subject::Answer { attempt, said })
            })
            .collect();
        for example in 0..8 {
            units.push(unit(Subject::Wrong { example, said }));
            units.push(unit(Subject::Injected { example, said }));
        }
        let order = in_order(units.clone(), 7);
        let places: Vec<usize> = (0..order.len())
            .filter(|&at| !matches!(order[at].subject, Subject::Answer { .. }))
            .collect();
        assert_eq!(places.len(), 16);
        for quarter in 0..4 {
            let here = places.iter().filter(|&&at| at / 20 == quarter).count();
            assert!((1..=10).contains(&here), "{places:?}");
        }
        units.reverse();
        assert_eq!(
            in_order(units.clone(), 7),
            order,
            "whatever order they come in"
        );
        let left: Vec<JudgedUnit> = units
            .into_iter()
            .filter(|it| it.key().bytes()[0] > 99)
            .collect();
        let same: Vec<JudgedUnit> = order
            .iter()
            .filter(|it| it.key().bytes()[0] > 99)
            .cloned()
            .collect();
        assert_eq!(in_order(left, 7), same, "what is left keeps its order");
        assert_ne!(
            in_order(order.clone(), 8),
            order,
            "another seed, another order"
        );
    }
}
