//! What fails, and the causes that people set: for the command and for the review server.

use std::collections::BTreeMap;

use gatewright_core::digest::Digest;
use gatewright_core::event::ProjectEvent;
use gatewright_core::manifest::{Role, Target};
use gatewright_core::outcome::{Bin, Outcome};
use gatewright_store::ProjectLog;
use serde::Serialize;

use crate::commands::{Context, criterion, unknown};
use crate::error::Failure;
use crate::pipeline::evidence::{answers, ends, graders};
use crate::pipeline::judging;
use crate::pipeline::ledger::project_events;
use crate::pipeline::load::Loaded;
use crate::pipeline::session::{Session, writer};

/// Shortest and longest reason, in characters.
const REASON_CHARS: std::ops::RangeInclusive<usize> = 10..=2000;
/// Causes that are no failure class: a person looked, and the flip was none.
pub(crate) const NO_FAILURE: [&str; 2] = ["label-wrong", "noise"];

/// One failing outcome, all trials together.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Failing {
    pub(crate) class: String,
    pub(crate) example: String,
    pub(crate) system: Role,
    pub(crate) criterion: String,
    /// Failing outcomes among the graded ones.
    pub(crate) failed: u64,
    pub(crate) graded: u64,
    pub(crate) why: Option<String>,
    pub(crate) cause: Option<String>,
}

/// What the trials of one example say on one criterion.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) failed: u64,
    pub(crate) graded: u64,
    class: Option<u16>,
    why: Option<String>,
}

/// A cause that somebody set.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    pub(crate) cause: String,
    pub(crate) by: String,
    pub(crate) reason: String,
    pub(crate) at: String,
}

/// Counts what the trials of the candidate say at first look, by example and criterion.
///
/// # Errors
/// When a log cannot be read, or an example is not what it was.
pub(crate) fn tallies(
    loaded: &Loaded,
    session: &Session,
) -> Result<BTreeMap<(u32, u16), Tally>, Failure> {
    let judged = judging::judged(loaded, session)?.unwrap_or_default();
    let graders = graders(loaded)?.with_judged(&judged);
    let mut found: BTreeMap<(u32, u16), Tally> = BTreeMap::new();
    let mut outcomes = Vec::new();
    for one in ends(session)? {
        let one = one?;
        if one.attempt.trial < session.plan.trials(one.attempt.system) {
            graders.grade(one.attempt, one.recorded_trial, &one.end, &mut outcomes)?;
            outcomes
                .drain(..)
                .for_each(|outcome| take(&mut found, outcome));
        }
    }
    let candidate = loaded.manifest.systems.get(&Role::Candidate);
    if candidate.is_some_and(|system| matches!(system.target, Target::LabelsOnly)) {
        graders.labels_only(Role::Candidate, &mut outcomes);
        outcomes
            .drain(..)
            .for_each(|outcome| take(&mut found, outcome));
    }
    Ok(found)
}

fn take(found: &mut BTreeMap<(u32, u16), Tally>, outcome: Outcome) {
    if outcome.system != Role::Candidate
        || matches!(outcome.bin, Bin::NotApplicable | Bin::Missing(_))
    {
        return;
    }
    let one = found
        .entry((outcome.example, outcome.criterion))
        .or_default();
    one.graded += 1;
    if let Bin::Fail(class) = outcome.bin {
        one.failed += 1;
        one.class.get_or_insert(class);
        if one.why.is_none() {
            one.why = outcome.why.map(|why| why.to_string());
        }
    }
}

/// Collects the candidate's failing outcomes at first look, by class, then example.
///
/// # Errors
/// As [`tallies`].
pub(crate) fn failing(loaded: &Loaded, session: &Session) -> Result<Vec<Failing>, Failure> {
    let causes = causes(loaded, &session.name)?;
    let mut failing: Vec<Failing> = tallies(loaded, session)?
        .into_iter()
        .filter_map(|(place, tally)| {
            let class = loaded.manifest.classes.get(usize::from(tally.class?))?;
            let (example, criterion) = named(loaded, place)?;
            let cause = causes.get(&(example.clone(), criterion.clone()));
            Some(Failing {
                class: class.id.to_string(),
                cause: cause.map(|it| it.cause.clone()),
                system: Role::Candidate,
                example,
                criterion,
                failed: tally.failed,
                graded: tally.graded,
                why: tally.why,
            })
        })
        .collect();
    failing.sort_by(|a, b| {
        (&a.class, &a.example, &a.criterion).cmp(&(&b.class, &b.example, &b.criterion))
    });
    Ok(failing)
}

/// Names an example and a criterion.
pub(crate) fn named(loaded: &Loaded, (example, criterion): (u32, u16)) -> Option<(String, String)> {
    let example = loaded.reference.examples.get(example as usize)?;
    let criterion = loaded.manifest.criteria.get(usize::from(criterion))?;
    Some((example.id.to_string(), criterion.id.to_string()))
}

/// Causes that people set in a run: the last one holds.
///
/// # Errors
/// When the project's log cannot be read.
pub(crate) fn causes(
    loaded: &Loaded,
    of: &str,
) -> Result<BTreeMap<(String, String), Cause>, Failure> {
    let mut causes = BTreeMap::new();
    for event in project_events(&loaded.project)? {
        if let ProjectEvent::Triaged {
            run,
            example,
            system: Role::Candidate,
            criterion,
            cause,
            author,
            reason,
            at,
            ..
        } = event.body
            && run == of
        {
            let cause = Cause {
                cause,
                by: author,
                reason,
                at,
            };
            causes.insert((example, criterion), cause);
        }
    }
    Ok(causes)
}

/// What somebody says of a failing outcome.
pub(crate) struct Said<'a> {
    pub(crate) example: &'a str,
    pub(crate) system: Role,
    pub(crate) criterion: &'a str,
    pub(crate) cause: &'a str,
    pub(crate) author: &'a str,
    pub(crate) reason: &'a str,
}

impl Said<'_> {
    /// Checks what is said, before a run is read.
    ///
    /// # Errors
    /// What cannot be, with what may be.
    pub(crate) fn check(&self, loaded: &Loaded) -> Result<u32, Failure> {
        let manifest = &loaded.manifest;
        let Some(example) = loaded.reference.index_of(self.example) else {
            let all = loaded.reference.examples.iter();
            let known: Vec<&str> = all.map(|example| example.id.as_str()).collect();
            return Err(unknown("example", self.example, known));
        };
        criterion(manifest, self.criterion)?;
        if manifest.class_index(self.cause).is_none() && !NO_FAILURE.contains(&self.cause) {
            let classes = manifest.classes.iter().map(|class| class.id.as_str());
            let known: Vec<&str> = classes.chain(NO_FAILURE).collect();
            return Err(unknown("cause", self.cause, known));
        }
        if !REASON_CHARS.contains(&self.reason.trim().chars().count()) {
            return Err(Failure::usage("the reason is too short, or too long")
                .why("somebody will read it in a year")
                .next("--reason with 10 to 2,000 characters"));
        }
        if self.author.trim().is_empty() {
            return Err(Failure::usage("the author is empty").next("--author YOUR-NAME"));
        }
        Ok(example)
    }

    /// Puts the cause on the record; returns the event, and whether it is new.
    ///
    /// # Errors
    /// As [`Said::check`], or when a log cannot be read or written.
    pub(crate) fn record(
        &self,
        context: &Context,
        command: &str,
        (loaded, session): (&Loaded, &Session),
    ) -> Result<(ProjectEvent, bool), Failure> {
        let example = self.check(loaded)?;
        let said = answers(session, |one| one == example)?;
        let response = said
            .get(&(example, self.system))
            .and_then(|ends| ends.first())
            .map(|(_, _, end)| Digest::of_json(end));
        let event = ProjectEvent::Triaged {
            run: session.name.clone(),
            example: self.example.to_owned(),
            system: self.system,
            criterion: self.criterion.to_owned(),
            response,
            cause: self.cause.to_owned(),
            author: self.author.to_owned(),
            reason: self.reason.to_owned(),
            at: context.now.at.clone(),
        };
        let now = &context.now;
        let mut log = ProjectLog::open(&loaded.project.state, writer(command, now))?;
        let new = log.append(std::slice::from_ref(&event), &now.at)?;
        Ok((event, new > 0))
    }
}
