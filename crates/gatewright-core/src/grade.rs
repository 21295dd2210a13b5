//! Graders: pure functions from what came back to outcomes. Patterns and schemas are compiled once.
//!
//! Every unit ends in exactly one bin per criterion. A criterion does not apply by what the example is, never by what came back. An attempt that
//! ended in a provider or harness error is missing on every criterion that applies, also under negative ones; one that exceeded the
//! system's own time promise fails every criterion as `latency`.

mod behaviour;
mod beside;
mod date;
mod digits;
mod evidence;
mod expression;
mod grounding;
mod instructions;
mod joined;
mod json;
mod judged;
mod label;
mod language;
mod length;
mod markdown;
mod measure;
mod parts;
mod preference;
mod quantity;
mod quotation;
mod ready;
mod scope;
mod sheet;
mod similarity;
mod steps;
mod structure;
mod symptom;
mod text;
mod tools;
mod trajectory;
mod trial;
mod verdict;

use std::sync::Arc;

pub use self::judged::Lack;
pub use self::language::{knows_language, knows_script, languages};
pub use self::quantity::is_quantity;
pub(crate) use self::scope::{Bits, Marks, Scope};
pub use self::sheet::{Measures, Sheet, blind_to_correctness, kind, sheet, sheets, table};
pub use self::symptom::symptoms;
pub use self::trial::{Tried, TriedPart, try_one};

pub(crate) use self::expression::Flaw;
use self::label::ReadyLabel;
use self::parts::Parts;
use self::preference::ReadyPreference;
use self::ready::{Ready, applies, judge, prepare};
use self::verdict::{Graded, Verdict, clip};
use crate::judge::Judged;
use crate::label::{Labels, TextCode};
use crate::manifest::{Criterion, FailsAs, Grader, Manifest, Role, System};
use crate::outcome::{Bin, GraderKind, Missing, Outcome};
use crate::plan::AttemptSpec;
use crate::problem::Problem;
use crate::reference::{Changed, Example, ReferenceSet};
use crate::response::{AttemptEnd, Behaviour, Response};

/// The page's criteria, ready to grade.
#[derive(Debug)]
pub struct Graders<'a> {
    manifest: &'a Manifest,
    reference: &'a ReferenceSet,
    labels: &'a Labels,
    judged: Option<&'a Judged>,
    ready: Vec<Ready<'a>>,
    /// For each criterion and example: whether it applies.
    applies: Vec<Vec<bool>>,
    latency: Option<u16>,
    /// For each criterion whose judge is calibrated: what people say of the same answers.
    people: Vec<(u16, ReadyLabel<'a>)>,
}

impl<'a> Graders<'a> {
    /// Compiles every criterion's grader.
    ///
    /// # Errors
    /// Every pattern and schema that cannot be used, with its place on the page; an example that is not what it was.
    pub fn new(
        manifest: &'a Manifest,
        reference: &'a ReferenceSet,
        labels: &'a Labels,
    ) -> Result<Self, Vec<Problem>> {
        let marks = Marks::of(manifest, reference).map_err(|changed| vec![changed.problem()])?;
        let set = (reference, &*marks);
        let mut problems = Vec::new();
        let mut ready = Vec::with_capacity(manifest.criteria.len());
        for (criterion, index) in manifest.criteria.iter().zip(0..) {
            match prepare(manifest, set, labels, criterion, index) {
                Ok(one) => ready.push(one),
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let applies = manifest
            .criteria
            .iter()
            .zip(&ready)
            .zip(0..)
            .map(|((criterion, ready), index)| applies(manifest, set, criterion, index, ready))
            .collect();
        Ok(Self {
            manifest,
            reference,
            labels,
            judged: None,
            ready,
            applies,
            latency: manifest.class_index("latency"),
            people: beside::prepare(manifest, set, labels),
        })
    }

    /// Takes what judges and programs said; without it, all of that is outstanding.
    #[must_use]
    pub fn with_judged(mut self, judged: &'a Judged) -> Self {
        self.judged = Some(judged);
        self
    }

    /// Says whether a criterion applies to an example: by `applies_to`, and by whether the example expects something for it.
    pub fn applies(&self, criterion: u16, example: u32) -> bool {
        self.applies
            .get(usize::from(criterion))
            .and_then(|examples| examples.get(example as usize))
            .copied()
            .unwrap_or(false)
    }

    /// Says whether the candidate is the first of the two systems that a recorded preference about an example names; nothing where the criterion
    /// does not apply, or is no preference.
    pub fn candidate_is_first(&self, criterion: u16, example: u32) -> Option<bool> {
        match self.ready.get(usize::from(criterion))? {
            Ready::Preference(ready) if self.applies(criterion, example) => {
                Some(ready.candidate_is_first(example))
            }
            _ => None,
        }
    }

    /// Grades one attempt on every criterion. `recorded_trial` is the trial's number in the file it was recorded in; labels join on it.
    ///
    /// # Errors
    /// When the example is not what it was when it was loaded. Nothing is added to `out` then.
    pub fn grade(
        &self,
        attempt: AttemptSpec,
        recorded_trial: Option<u32>,
        end: &AttemptEnd,
        out: &mut Vec<Outcome>,
    ) -> Result<(), Changed> {
        let from = out.len();
        self.graded(attempt, recorded_trial, end, out)?;
        let text = match end {
            // Nobody labels beside a judge: nothing to compare.
            AttemptEnd::Answered { response } if !self.people.is_empty() => {
                Some(TextCode::of(&response.output))
            }
            _ => None,
        };
        self.put_beside(attempt, recorded_trial, text, &mut out[from..]);
        Ok(())
    }

    fn graded(
        &self,
        attempt: AttemptSpec,
        recorded_trial: Option<u32>,
        end: &AttemptEnd,
        out: &mut Vec<Outcome>,
    ) -> Result<(), Changed> {
        let why = match end {
            AttemptEnd::Answered { response } => {
                return self.answered(attempt, recorded_trial, response, out);
            }
            AttemptEnd::TimedOut { after_ms } => {
                self.timed_out(attempt, *after_ms, out);
                return Ok(());
            }
            AttemptEnd::ProviderError { message, code, .. } => match code {
                Some(code) => (Missing::ProviderError, clip(format!("{message} ({code})"))),
                None => (Missing::ProviderError, clip(message)),
            },
            AttemptEnd::HarnessError { message } => (Missing::HarnessError, clip(message)),
        };
        self.missing(attempt, why.0, &why.1, out);
        Ok(())
    }

    /// Says why an answer has no verdict on a criterion that judges or a program grade, if it has none. Where the criterion does not apply, or
    /// the answer is production's beside which the candidate's is put, none is wanted.
    pub fn lack(&self, criterion: u16, attempt: AttemptSpec, response: &Response) -> Option<Lack> {
        let nothing = Judged::default();
        let judged = self.judged.unwrap_or(&nothing);
        let ready = self.ready.get(usize::from(criterion))?;
        if !self.wants(criterion, attempt) {
            return None;
        }
        match ready {
            Ready::Judge(ready) => ready.lack(judged, attempt, response),
            Ready::Program(ready) => ready.lack(judged, attempt, response),
            _ => None,
        }
    }

    /// Says whether an answer is to be judged on a criterion that judges or a program grade.
    pub fn wants(&self, criterion: u16, attempt: AttemptSpec) -> bool {
        let Some(ready) = self.ready.get(usize::from(criterion)) else {
            return false;
        };
        matches!(ready, Ready::Judge(_) | Ready::Program(_))
            && (!is_pair(ready) || attempt.system == Role::Candidate)
            && self.applies(criterion, attempt.example)
    }

    /// Marks a planned attempt that was never made.
    pub fn not_attempted(&self, attempt: AttemptSpec, out: &mut Vec<Outcome>) {
        self.missing(attempt, Missing::NotAttempted, "not attempted", out);
    }

    /// Marks a planned attempt that was not wanted any more.
    pub fn not_needed(&self, attempt: AttemptSpec, out: &mut Vec<Outcome>) {
        self.missing(attempt, Missing::NotNeeded, "not needed", out);
    }

    /// Grades a system of which only labels were recorded: every example, as many trials as its labels carry.
    ///
    /// Trials are numbered from 0 in the order of the recorded ones. An example without any label of the system was not attempted, unless the
    /// criterion says what an absent label means. Criteria that need an output are missing.
    pub fn labels_only(&self, role: Role, out: &mut Vec<Outcome>) {
        let Some(system) = self.manifest.systems.get(&role) else {
            return;
        };
        let trials = self.labels.trials(&system.name).max(1);
        let all = 0..self.reference.examples.len() as u32;
        self.labels_of(role, system, trials, all, out);
    }

    /// Grades labels-only systems example by example in blocks, so that the outcomes of a large set are never all in memory.
    pub fn labels_only_blocks(&self, role: Role) -> impl Iterator<Item = Vec<Outcome>> + '_ {
        // Small enough to stay near the processor between grading and counting.
        const BLOCK: u32 = 64;
        let system = self.manifest.systems.get(&role);
        let trials = system.map_or(0, |system| self.labels.trials(&system.name).max(1));
        let n = self.reference.examples.len() as u32;
        (0..n).step_by(BLOCK as usize).map(move |from| {
            let mut out = Vec::new();
            if let Some(system) = system {
                out.reserve(self.ready.len() * BLOCK as usize * trials as usize);
                self.labels_of(role, system, trials, from..n.min(from + BLOCK), &mut out);
            }
            out
        })
    }

    fn labels_of(
        &self,
        role: Role,
        system: &System,
        trials: u32,
        examples: std::ops::Range<u32>,
        out: &mut Vec<Outcome>,
    ) {
        for example in examples {
            let recorded = self.labels.recorded_trials(&system.name, example);
            for trial in 0..trials {
                let attempt = AttemptSpec {
                    example,
                    system: role,
                    trial,
                };
                let there = recorded.get(trial as usize).copied();
                let from = out.len();
                for (index, ready) in (0..).zip(&self.ready) {
                    self.labelled(attempt, index, ready, there, out);
                }
                if let Some(there) = there {
                    self.put_beside(attempt, Some(there), None, &mut out[from..]);
                }
            }
        }
    }

    fn labelled(
        &self,
        attempt: AttemptSpec,
        index: u16,
        ready: &Ready<'_>,
        recorded_trial: Option<u32>,
        out: &mut Vec<Outcome>,
    ) {
        let mut sink = Sink {
            out,
            attempt,
            index,
        };
        if let Ready::Preference(ready) = ready {
            return self.preferred(attempt, ready, None, &mut sink);
        }
        if !self.applies(index, attempt.example) {
            return sink.push(self.by(index), Bin::NotApplicable, None, None);
        }
        match (ready, recorded_trial) {
            (Ready::Label(ready), Some(trial)) => {
                let parts = match ready.parts_from() {
                    None => Parts::Unstated,
                    Some(field) => match self.reference.example(attempt.example) {
                        Ok(example) => Parts::of(field, &example, None),
                        Err(_) => {
                            let bin = Bin::Missing(Missing::HarnessError);
                            let why = "the example is not what it was".into();
                            return sink.push(ready.by(), bin, None, Some(why));
                        }
                    },
                };
                ready.grade(
                    self.labels,
                    (attempt, None),
                    trial,
                    self.manifest,
                    &parts,
                    &mut sink,
                );
            }
            (Ready::Label(ready), None) if attempt.trial == 0 && ready.says_absent() => {
                ready.absent(&mut sink);
            }
            _ => {
                let bin = Bin::Missing(Missing::NotAttempted);
                sink.push(
                    self.by(index),
                    bin,
                    None,
                    Some("no output was recorded".into()),
                );
            }
        }
    }

    fn preferred(
        &self,
        attempt: AttemptSpec,
        ready: &ReadyPreference<'_>,
        texts: Option<(TextCode, TextCode)>,
        sink: &mut Sink<'_>,
    ) {
        let trials = ready.trials(self.labels, attempt.example);
        if attempt.system != Role::Candidate || attempt.trial as usize >= trials.len().max(1) {
            return;
        }
        if !self.applies(sink.index, attempt.example) {
            return sink.push(ready.by(), Bin::NotApplicable, None, None);
        }
        let trial = trials.get(attempt.trial as usize).copied();
        ready.grade(self.labels, attempt.example, trial, texts, sink);
    }

    fn answered(
        &self,
        attempt: AttemptSpec,
        recorded_trial: Option<u32>,
        response: &Response,
        out: &mut Vec<Outcome>,
    ) -> Result<(), Changed> {
        if attempt.example as usize >= self.reference.examples.len() {
            return Ok(());
        }
        let rule = |(index, ready): (u16, &Ready<'_>)| {
            let looks = match ready {
                Ready::Label(ready) => ready.parts_from().is_some(),
                Ready::Preference(_) => false,
                _ => true,
            };
            looks && self.applies(index, attempt.example)
        };
        // Labels say all by themselves; only rules look at the example.
        let example = match (0..).zip(&self.ready).any(rule) {
            true => Some(self.reference.example(attempt.example)?),
            false => None,
        };
        for (index, (criterion, ready)) in (0..).zip(self.manifest.criteria.iter().zip(&self.ready))
        {
            let mut sink = Sink {
                out,
                attempt,
                index,
            };
            if let Ready::Preference(ready) = ready {
                let ours = TextCode::of(&response.output);
                let theirs = self.judged.and_then(|it| it.beside_text(attempt));
                let texts = theirs.map(|theirs| (ours, theirs));
                self.preferred(attempt, ready, texts, &mut sink);
            } else if is_pair(ready) && attempt.system != Role::Candidate {
                // The pair is the candidate's.
            } else if !self.applies(index, attempt.example) {
                sink.push(self.by(index), Bin::NotApplicable, None, None);
            } else if let Ready::Judge(_) | Ready::Program(_) = ready {
                self.judged(attempt, ready, response, &mut sink);
            } else if let Ready::Label(ready) = ready {
                let trial = recorded_trial.unwrap_or(attempt.trial);
                let parts = match ready.parts_from().zip(example.as_ref()) {
                    Some((field, example)) => Parts::of(field, example, Some(response)),
                    None => Parts::Unstated,
                };
                ready.grade(
                    self.labels,
                    (attempt, Some(response.output.as_str())),
                    trial,
                    self.manifest,
                    &parts,
                    &mut sink,
                );
            } else if let Some(example) = &example {
                self.ruled(criterion, ready, example, response, &mut sink);
            }
        }
        Ok(())
    }

    fn judged(
        &self,
        attempt: AttemptSpec,
        ready: &Ready<'_>,
        response: &Response,
        sink: &mut Sink<'_>,
    ) {
        let nothing = Judged::default();
        let judged = self.judged.unwrap_or(&nothing);
        match ready {
            Ready::Judge(ready) if ready.pair => ready.prefer(judged, attempt, response, sink),
            Ready::Judge(ready) => {
                let example = self.reference.examples.get(attempt.example as usize);
                let expected = example.and_then(|example| example.traits.behaviour);
                ready.grade(judged, attempt, (response, expected), sink);
            }
            Ready::Program(ready) => ready.grade(judged, attempt, response, sink),
            _ => {}
        }
    }

    /// Applies a rule: to the whole answer, or to each of its parts.
    fn ruled(
        &self,
        criterion: &Criterion,
        ready: &Ready<'_>,
        example: &Example,
        response: &Response,
        sink: &mut Sink<'_>,
    ) {
        if let Ready::Behaviour(ready) = ready {
            let observed = ready.observed(example, response);
            let graded = behaviour::grade(example, &observed);
            settle(criterion, None, graded, sink);
            return sink.observed(observed.ok());
        }
        let Grader::Instructions {
            field,
            reading,
            parts,
        } = &criterion.grader
        else {
            let graded = judge(&criterion.grader, ready, example, response);
            return settle(criterion, None, graded, sink);
        };
        let each = instructions::grade(field, *reading, example, response);
        match parts {
            Some(rule) => settle(criterion, None, instructions::join(*rule, &each), sink),
            None => {
                for (part, graded) in (0..).zip(each) {
                    settle(criterion, Some(part), graded, sink);
                }
            }
        }
    }

    fn timed_out(&self, attempt: AttemptSpec, after_ms: u64, out: &mut Vec<Outcome>) {
        let why = match after_ms {
            0 => "timed out".to_owned(),
            after_ms => format!("exceeded its own time promise of {after_ms} ms"),
        };
        let Some(latency) = self.latency else {
            return self.missing(attempt, Missing::ProviderError, &why, out);
        };
        for (index, (criterion, ready)) in (0..).zip(self.manifest.criteria.iter().zip(&self.ready))
        {
            let mut sink = Sink {
                out,
                attempt,
                index,
            };
            let measured = matches!(criterion.grader, Grader::Latency { .. });
            // No answer came: it stands beyond every limit (statistics.md 2.5).
            let value = measured.then_some(f64::INFINITY);
            match ready {
                Ready::Preference(_) => {
                    self.not_there(attempt, ready, Missing::ProviderError, &why, &mut sink);
                }
                // A late answer lost its comparison.
                _ if is_pair(ready) => {
                    self.not_there(attempt, ready, Missing::ProviderError, &why, &mut sink);
                }
                _ if !self.applies(index, attempt.example) => {
                    sink.push(self.by(index), Bin::NotApplicable, None, None);
                }
                _ => sink.push(
                    self.by(index),
                    Bin::Fail(latency),
                    value,
                    Some(why.as_str().into()),
                ),
            }
        }
    }

    fn missing(&self, attempt: AttemptSpec, missing: Missing, why: &str, out: &mut Vec<Outcome>) {
        for (index, ready) in (0..).zip(&self.ready) {
            let mut sink = Sink {
                out,
                attempt,
                index,
            };
            self.not_there(attempt, ready, missing, why, &mut sink);
        }
    }

    fn not_there(
        &self,
        attempt: AttemptSpec,
        ready: &Ready<'_>,
        missing: Missing,
        why: &str,
        sink: &mut Sink<'_>,
    ) {
        if let Ready::Preference(ready) = ready {
            let trials = ready.trials(self.labels, attempt.example).len().max(1);
            if attempt.system != Role::Candidate || attempt.trial as usize >= trials {
                return;
            }
        }
        if is_pair(ready) && attempt.system != Role::Candidate {
            return;
        }
        if self.applies(sink.index, attempt.example) {
            sink.push(
                self.by(sink.index),
                Bin::Missing(missing),
                None,
                Some(why.into()),
            );
        } else {
            sink.push(self.by(sink.index), Bin::NotApplicable, None, None);
        }
    }

    fn by(&self, index: u16) -> GraderKind {
        match &self.ready[usize::from(index)] {
            Ready::Label(ready) => ready.by(),
            Ready::Preference(ready) => ready.by(),
            Ready::Judge(_) | Ready::NoRubric => GraderKind::Model,
            Ready::Program(_) => GraderKind::Program,
            _ => GraderKind::Rule,
        }
    }
}

/// Turns a verdict into an outcome; a failure finds its class by its symptom.
fn settle(criterion: &Criterion, part: Option<u32>, graded: Graded, sink: &mut Sink<'_>) {
    let (bin, why) = match graded.verdict {
        Verdict::Pass => (Bin::Pass, None),
        Verdict::Value(value) => (Bin::Value(value), None),
        Verdict::Missing(why) => (Bin::Missing(Missing::GraderError), Some(why)),
        Verdict::Fail { symptom, why } => match class_of(&criterion.fails_as, &symptom) {
            Some(class) => (Bin::Fail(class), Some(why)),
            None => {
                let why = format!("`fails_as` names no class for `{symptom}`: {why}");
                (Bin::Missing(Missing::GraderError), Some(why))
            }
        },
    };
    let why = why.map(Arc::from);
    sink.part(part, GraderKind::Rule, bin, graded.value, why);
}

/// Takes the outcomes of one attempt on one criterion.
struct Sink<'o> {
    out: &'o mut Vec<Outcome>,
    attempt: AttemptSpec,
    index: u16,
}

impl Sink<'_> {
    fn push(&mut self, by: GraderKind, bin: Bin, value: Option<f64>, why: Option<Arc<str>>) {
        self.part(None, by, bin, value, why);
    }

    fn part(
        &mut self,
        part: Option<u32>,
        by: GraderKind,
        bin: Bin,
        value: Option<f64>,
        why: Option<Arc<str>>,
    ) {
        self.out.push(Outcome {
            example: self.attempt.example,
            system: self.attempt.system,
            trial: self.attempt.trial,
            criterion: self.index,
            part,
            bin,
            value,
            by,
            why,
            beside: None,
            observed: None,
        });
    }

    /// Says of the last outcome what the system did.
    fn observed(&mut self, observed: Option<Behaviour>) {
        if let Some(outcome) = self.out.last_mut() {
            outcome.observed = observed;
        }
    }
}

/// Says whether an expression of the page can be used; one that is `on_call` is a rule on each call.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn usable(text: &str, on_call: bool) -> Result<(), Flaw> {
    expression::expression(text, on_call).map(drop)
}

/// Says whether a trajectory's rules can be used.
///
/// # Errors
/// The key that cannot, and why.
pub(crate) fn trajectory(rules: &crate::manifest::Trajectory) -> Result<(), (String, String)> {
    trajectory::ReadyTrajectory::new(rules).map(drop)
}

fn is_pair(ready: &Ready<'_>) -> bool {
    matches!(ready, Ready::Judge(ready) if ready.pair)
}

fn class_of(fails_as: &FailsAs, symptom: &str) -> Option<u16> {
    match fails_as {
        FailsAs::One(class) => Some(*class),
        FailsAs::BySymptom { map, otherwise } => map.get(symptom).copied().or(*otherwise),
        FailsAs::Nothing => None,
    }
}

#[cfg(test)]
mod tests;
