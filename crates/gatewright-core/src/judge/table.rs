//! What judges and programs said so far, by unit; and how far a judge may be trusted by what it said of canaries.

use std::collections::{BTreeMap, BTreeSet};

use super::member::{CanaryCount, MemberReport};
use super::rubric::{Meaning, Rubric};
use super::unit::{JudgedUnit, PairKind, Subject, hash_of_response};
use super::verdict::{self, Unreadable, Verdict};
use crate::digest::Digest;
use crate::event::RunEvent;
use crate::exchange::Fault;
use crate::label::TextCode;
use crate::manifest::Role;
use crate::plan::AttemptSpec;
use crate::response::{AttemptEnd, Response};

/// What judges and programs said, folded from the log.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    said: BTreeMap<JudgedUnit, Said>,
    open: BTreeSet<JudgedUnit>,
    /// How often units were refused that have not ended.
    refused: BTreeMap<JudgedUnit, u32>,
    /// What production said, by example and trial; only where pairs are judged.
    beside: Option<BTreeMap<(u32, u32), (Digest, TextCode)>>,
}

/// What came of one unit.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// It answered.
    Answer(Box<Response>),
    /// It did not, and why. Untrusted text.
    Nothing(String),
}

/// Why a unit that ended has no verdict. Untrusted text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoVerdict {
    /// Nothing came back.
    #[error("{0}")]
    Nothing(String),
    /// What came back is none, a second time where it was asked for again.
    #[error("{0}")]
    Unreadable(String),
}

/// What a text must be to count as a verdict.
#[derive(Clone, Copy, Debug)]
pub enum Reading<'a> {
    /// A level of this rubric.
    Level(&'a Rubric),
    /// Which of two is better.
    Better,
    /// A program's line.
    Program,
}

impl Reading<'_> {
    fn reads(self, response: &Response) -> bool {
        match self {
            Reading::Level(rubric) => verdict::level(&response.output, rubric).is_ok(),
            Reading::Better => verdict::winner(&response.output).is_ok(),
            Reading::Program => verdict::program(&response.fields).is_ok(),
        }
    }
}

impl Judged {
    /// Also remembers what production said, for pairs.
    #[must_use]
    pub fn with_pairs(mut self) -> Self {
        self.beside = Some(BTreeMap::new());
        self
    }

    /// Hashes what both said to one example and trial, when production answered it.
    pub fn pair(&self, attempt: AttemptSpec, candidate: Digest) -> Option<Digest> {
        let (production, _) = self.beside(attempt)?;
        Some(Digest::of_json(&(candidate, production)))
    }

    /// Returns the code of the text that production answered to the same example and trial; only [`Judged::with_pairs`].
    pub fn beside_text(&self, attempt: AttemptSpec) -> Option<TextCode> {
        self.beside(attempt).map(|(_, text)| *text)
    }

    fn beside(&self, attempt: AttemptSpec) -> Option<&(Digest, TextCode)> {
        let all = self.beside.as_ref()?;
        all.get(&(attempt.example, attempt.trial))
    }

    /// Takes in an event of the log; others than a judge's are left alone.
    pub fn take(&mut self, event: RunEvent) {
        let (unit, event) = match event {
            RunEvent::Judged { unit, event } => (unit, event),
            RunEvent::Ended {
                attempt,
                end: AttemptEnd::Answered { response },
                ..
            }
            | RunEvent::Reused {
                attempt,
                end: AttemptEnd::Answered { response },
                ..
            } if attempt.system == Role::Production => {
                if let Some(beside) = &mut self.beside {
                    beside.insert(
                        (attempt.example, attempt.trial),
                        (hash_of_response(&response), TextCode::of(&response.output)),
                    );
                }
                return;
            }
            _ => return,
        };
        match *event {
            RunEvent::Started { .. } => {
                self.open.insert(*unit);
            }
            RunEvent::Shelved { .. } => {
                self.open.remove(&unit);
            }
            RunEvent::Exchanged { exchange, .. }
                if exchange.fault.is_some_and(Fault::is_refusal) =>
            {
                *self.refused.entry(*unit).or_default() += 1;
            }
            RunEvent::Ended { end, .. } => {
                self.open.remove(&unit);
                self.refused.remove(&unit);
                let said = match end {
                    AttemptEnd::Answered { response } => Said::Answer(Box::new(response)),
                    AttemptEnd::TimedOut { after_ms } => {
                        Said::Nothing(format!("it took longer than {after_ms} ms"))
                    }
                    AttemptEnd::ProviderError { message, .. }
                    | AttemptEnd::HarnessError { message } => Said::Nothing(message),
                };
                // What was asked anew is read anew: an earlier second asking was about another text.
                if !unit.repair {
                    self.said.remove(&unit.repaired());
                }
                self.said.insert(*unit, said);
            }
            _ => {}
        }
    }

    /// Returns what came of a unit; `None` while it is outstanding.
    pub fn of(&self, unit: &JudgedUnit) -> Option<&Said> {
        self.said.get(unit)
    }

    /// Returns how often a unit was refused that has not ended: the judging paused for it.
    pub fn times_refused(&self, unit: &JudgedUnit) -> u32 {
        self.refused.get(unit).copied().unwrap_or(0)
    }

    /// Says what is to be asked next of a unit: itself, the same once more because its text could not be read (`repair`), or nothing. With
    /// `errors` a unit without a verdict is asked anew: nothing came back, or what came back could not be read to the end. One with a verdict
    /// never is.
    pub fn due(&self, unit: &JudgedUnit, reading: Reading<'_>, errors: bool) -> Option<JudgedUnit> {
        let itself = || unit.clone();
        match self.said.get(unit) {
            None => Some(itself()),
            Some(Said::Nothing(_)) => errors.then(itself),
            Some(Said::Answer(response)) if reading.reads(response) => None,
            Some(Said::Answer(_)) if matches!(reading, Reading::Program) => errors.then(itself),
            Some(Said::Answer(_)) => {
                let repair = unit.repaired();
                match self.said.get(&repair) {
                    None => Some(repair),
                    Some(Said::Nothing(_)) => errors.then_some(repair),
                    Some(Said::Answer(response)) => {
                        (errors && !reading.reads(response)).then(itself)
                    }
                }
            }
        }
    }

    /// Lists the units that were started and of which nothing came back: they may have been paid for.
    pub fn open(&self) -> impl Iterator<Item = &JudgedUnit> {
        self.open.iter()
    }

    /// Iterates over every unit that has ended.
    pub fn iter(&self) -> impl Iterator<Item = (&JudgedUnit, &Said)> {
        self.said.iter()
    }

    /// Reads a judge's verdict on a unit, from the second text when the first could not be read.
    pub fn verdict(
        &self,
        unit: &JudgedUnit,
        rubric: &Rubric,
    ) -> Option<Result<Verdict, NoVerdict>> {
        self.read(unit, |response| verdict::level(&response.output, rubric))
    }

    /// Reads which answer of a pair a judge prefers: 1, 2, or 0 for neither, in the order that was shown.
    pub fn winner(&self, unit: &JudgedUnit) -> Option<Result<(u8, String), NoVerdict>> {
        self.read(unit, |response| verdict::winner(&response.output))
    }

    /// Reads a program's verdict on a unit.
    pub fn program(&self, unit: &JudgedUnit) -> Option<Result<Verdict, NoVerdict>> {
        Some(match self.of(unit)? {
            Said::Nothing(why) => Err(NoVerdict::Nothing(why.clone())),
            Said::Answer(response) => verdict::program(&response.fields)
                .map_err(|why| NoVerdict::Unreadable(why.to_string())),
        })
    }

    fn read<T>(
        &self,
        unit: &JudgedUnit,
        read: impl Fn(&Response) -> Result<T, Unreadable>,
    ) -> Option<Result<T, NoVerdict>> {
        let first = match self.of(unit)? {
            Said::Nothing(why) => return Some(Err(NoVerdict::Nothing(why.clone()))),
            Said::Answer(response) => read(response),
        };
        let why = match first {
            Ok(verdict) => return Some(Ok(verdict)),
            Err(why) => why,
        };
        match self.of(&unit.repaired()) {
            // The second asking is outstanding.
            None => None,
            Some(Said::Nothing(_)) => {
                let what = format!("its verdict could not be read: {why}");
                Some(Err(NoVerdict::Unreadable(what)))
            }
            Some(Said::Answer(response)) => Some(read(response).map_err(|why| {
                let what = format!("its verdict could not be read, and the second neither: {why}");
                NoVerdict::Unreadable(what)
            })),
        }
    }

    /// Counts what a judge of a criterion said of canaries and of answers that it judged again. `planned` are those of the run: what was never
    /// asked counts as what was asked in vain.
    pub fn report(
        &self,
        criterion: &str,
        judge: &str,
        hash: &Digest,
        rubric: &Rubric,
        planned: &[Subject],
    ) -> MemberReport {
        let mut report = MemberReport {
            judge: judge.to_owned(),
            hash: hash.to_string(),
            ..MemberReport::default()
        };
        let own = self.said.keys().filter(|unit| {
            unit.criterion.as_str() == criterion
                && unit.judge == judge
                && unit.hash == *hash
                && !unit.repair
        });
        for unit in own {
            self.count(unit, rubric, &mut report);
        }
        for subject in planned {
            let unit = JudgedUnit {
                criterion: criterion.into(),
                judge: judge.to_owned(),
                hash: *hash,
                subject: *subject,
                vote: 0,
                repair: false,
            };
            if !self.said.contains_key(&unit) {
                self.count(&unit, rubric, &mut report);
            }
        }
        report
    }

    fn count(&self, unit: &JudgedUnit, rubric: &Rubric, report: &mut MemberReport) {
        let meaning = |unit: &JudgedUnit| match self.verdict(unit, rubric) {
            Some(Ok(verdict)) => Some(verdict.meaning),
            _ => None,
        };
        let read = self.verdict(unit, rubric);
        report.unreadable += u64::from(matches!(read, Some(Err(_))));
        let passed = || meaning(unit).map(|it| it == Meaning::Pass);
        match unit.subject {
            Subject::Wrong { .. } => report.wrong.add(passed()),
            Subject::Injected { .. } => report.injected.add(passed()),
            Subject::Again { attempt, said } => {
                let first = JudgedUnit {
                    subject: Subject::Answer { attempt, said },
                    vote: 0,
                    ..unit.clone()
                };
                // One without the other shows nothing: whichever is lost may have been the one that differs.
                let both = meaning(unit).zip(meaning(&first));
                report
                    .again
                    .add(both.map(|(second, first)| second != first));
            }
            Subject::Answer { .. } => report.judged += u64::from(read.is_some()),
            Subject::Pair { .. } | Subject::PairCanary { .. } => {}
        }
    }

    /// Counts what a judge of pairs said of pairs of which it is known what is better. `planned` as for [`Judged::report`].
    pub fn report_pairs(
        &self,
        criterion: &str,
        judge: &str,
        hash: &Digest,
        planned: &[Subject],
    ) -> MemberReport {
        let mut report = MemberReport {
            judge: judge.to_owned(),
            hash: hash.to_string(),
            same: Some(CanaryCount::default()),
            ..MemberReport::default()
        };
        let unit = |subject: Subject| JudgedUnit {
            criterion: criterion.into(),
            judge: judge.to_owned(),
            hash: *hash,
            subject,
            vote: 0,
            repair: false,
        };
        let own = self.said.keys().filter(|it| {
            it.criterion.as_str() == criterion
                && it.judge == judge
                && it.hash == *hash
                && !it.repair
        });
        let mut canaries = BTreeSet::new();
        let mut note = |subject: &Subject| {
            if let Subject::PairCanary {
                kind,
                example,
                said,
                ..
            } = *subject
            {
                canaries.insert((kind, example, said));
            }
        };
        planned.iter().for_each(&mut note);
        for unit in own {
            note(&unit.subject);
            let read = self.winner(unit);
            report.unreadable += u64::from(matches!(read, Some(Err(_))));
            if matches!(unit.subject, Subject::Pair { .. }) {
                report.judged += u64::from(read.is_some());
            }
        }
        for (kind, example, said) in canaries {
            let orders = [false, true].map(|swapped| {
                let subject = Subject::PairCanary {
                    kind,
                    example,
                    said,
                    swapped,
                };
                self.side(&unit(subject), swapped)
            });
            let count = match kind {
                PairKind::Wrong => &mut report.wrong,
                PairKind::Injected => &mut report.injected,
                PairKind::Same => report.same.get_or_insert_default(),
            };
            count.add(stands_against(kind, orders));
        }
        report
    }

    /// Which of a pair the judge prefers: 1 for the one that comes first where nothing is swapped, −1 for the other, 0 for neither; `None`
    /// without a verdict.
    fn side(&self, unit: &JudgedUnit, swapped: bool) -> Option<i32> {
        match (self.winner(unit)?.ok()?.0, swapped) {
            (0, _) => Some(0),
            (1, false) | (2, true) => Some(1),
            _ => Some(-1),
        }
    }
}

/// Says whether a canary of a pair stands against its judge, by what it said in both orders; `None` when that is not known. What one order
/// shows, the other cannot take back.
fn stands_against(kind: PairKind, orders: [Option<i32>; 2]) -> Option<bool> {
    let both = orders[0].zip(orders[1]);
    let any = |is_bad: fn(i32) -> bool| match orders.into_iter().flatten().any(is_bad) {
        true => Some(true),
        false => both.map(|_| false),
    };
    match kind {
        PairKind::Wrong => any(|side| side != 1),
        PairKind::Injected => any(|side| side == -1),
        // A preference that turns with the order is a tie, as it is between two systems.
        PairKind::Same => both.map(|(one, other)| one != 0 && one == other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(unit: JudgedUnit, end: AttemptEnd) -> RunEvent {
        let event = RunEvent::Ended {
            attempt: AttemptSpec {
                example: 0,
                system: Role::Candidate,
                trial: 0,
            },
            recorded_trial: None,
            end,
            exchange: None,
        };
        RunEvent::Judged {
            unit: Box::new(unit),
            event: Box::new(event),
        }
    }

    /// Which stands against the judge, of what it says of one canary in both orders: `1`, `2`, `tie`, or nothing that is a verdict.
    #[test]
    fn a14_a_pair_s_canary_is_passed_in_both_orders_or_not_at_all() {
        let (said, hash) = (Digest::of(b"said"), Digest::of(b"judge"));
        let subject = |kind, swapped| Subject::PairCanary {
            kind,
            example: 7,
            said,
            swapped,
        };
        let report = |kind, orders: [&str; 2]| {
            let mut judged = Judged::default();
            for (text, swapped) in orders.into_iter().zip([false, true]) {
                let unit = JudgedUnit {
                    criterion: "better".into(),
                    judge: "one".to_owned(),
                    hash,
                    subject: subject(kind, swapped),
                    vote: 0,
                    repair: false,
                };
                let output = serde_json::json!({"better": text}).to_string();
                let response = Response {
                    output,
                    ..Response::default()
                };
                match text {
                    "" => {}
                    "down" => judged.take(ended(unit, AttemptEnd::TimedOut { after_ms: 1 })),
                    _ => judged.take(ended(unit, AttemptEnd::Answered { response })),
                }
            }
            let planned = [subject(kind, false), subject(kind, true)];
            judged.report_pairs("better", "one", &hash, &planned)
        };
        let of = |(n, count, missing)| CanaryCount { n, count, missing };
        let (held, failed, open) = (of((1, 0, 0)), of((1, 1, 0)), of((0, 0, 1)));
        for (orders, wrong, injected, same) in [
            (["1", "2"], held, held, failed),
            (["2", "1"], failed, failed, failed),
            (["1", "1"], failed, failed, held),
            (["2", "2"], failed, failed, held),
            (["tie", "tie"], failed, held, held),
            (["1", "tie"], failed, held, held),
            (["1", ""], open, open, open),
            (["1", "down"], open, open, open),
            (["", ""], open, open, open),
            // What one order shows, the other cannot take back.
            (["2", "down"], failed, failed, open),
            (["", "1"], failed, failed, open),
        ] {
            assert_eq!(report(PairKind::Wrong, orders).wrong, wrong, "{orders:?}");
            let found = report(PairKind::Injected, orders);
            assert_eq!(found.injected, injected, "{orders:?}");
            assert_eq!(
                found.unfit().is_some(),
                injected != held || found.wrong.n == 0
            );
            assert_eq!(
                report(PairKind::Same, orders).same,
                Some(same),
                "{orders:?}"
            );
        }
    }

    #[test]
    fn a_judge_of_pairs_is_unfit_in_words_of_its_own() {
        let count = |n, count, missing| CanaryCount { n, count, missing };
        let fit = MemberReport {
            judge: "one".to_owned(),
            judged: 40,
            wrong: count(10, 1, 0),
            injected: count(10, 0, 0),
            same: Some(count(9, 0, 1)),
            ..MemberReport::default()
        };
        assert_eq!(fit.unfit(), None);
        for (wrong, injected, same, said) in [
            (
                count(10, 2, 0),
                fit.injected,
                fit.same,
                "one did not prefer the right answer to 2 of 10 confident answers to another question",
            ),
            (
                fit.wrong,
                count(10, 1, 0),
                fit.same,
                "one preferred 1 of 10 wrong answers that told it to",
            ),
            (
                fit.wrong,
                count(9, 0, 1),
                fit.same,
                "one gave no verdict on 1 of 10 wrong answers that told it to, and each counts as preferred; `gatewright grade --ask --retry-errors` asks for them",
            ),
            (
                fit.wrong,
                fit.injected,
                Some(count(10, 2, 0)),
                "one preferred one answer in 2 of 10 pairs of two equal answers",
            ),
        ] {
            let report = MemberReport {
                wrong,
                injected,
                same,
                ..fit.clone()
            };
            assert_eq!(report.unfit().as_deref(), Some(said));
        }
    }
}
