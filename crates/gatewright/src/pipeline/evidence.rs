//! From the log to outcomes, one event at a time.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use gatewright_core::analyse::{self, Denominator};
use gatewright_core::event::{Event, RunEvent};
use gatewright_core::grade::Graders;
use gatewright_core::manifest::{Grader, Role, Target};
use gatewright_core::mixed::Answerers;
use gatewright_core::outcome::Outcome;
use gatewright_core::plan::AttemptSpec;
use gatewright_core::response::{AttemptEnd, Response};
use gatewright_store::StoreError;

use crate::error::Failure;
use crate::pipeline::judging;
use crate::pipeline::load::Loaded;
use crate::pipeline::session::Session;

/// Blocks of graded labels that may wait to be counted.
const BLOCKS_AHEAD: usize = 8;

/// Compiles the graders.
///
/// # Errors
/// Everything on the page that cannot be compiled.
pub(crate) fn graders(loaded: &Loaded) -> Result<Graders<'_>, Failure> {
    Graders::new(&loaded.manifest, &loaded.reference, &loaded.labels).map_err(Failure::Problems)
}

/// Streams every outcome of a run: what ended, in log order, then what was never attempted, then systems of which only labels exist.
///
/// # Errors
/// When the log cannot be read, or an example is not what it was; `fold` has then seen only a part and its result is dropped.
pub(crate) fn with_outcomes<T>(
    loaded: &Loaded,
    session: &Session,
    fold: impl FnOnce(&mut dyn Iterator<Item = Outcome>) -> T,
) -> Result<T, Failure> {
    let judged = judging::judged(loaded, session)?.unwrap_or_default();
    let graders = graders(loaded)?.with_judged(&judged);
    graded(loaded, session, &graders, fold)
}

/// The same by graders that know already what judges and programs said.
///
/// # Errors
/// As [`with_outcomes`].
pub(super) fn graded<T>(
    loaded: &Loaded,
    session: &Session,
    graders: &Graders<'_>,
    fold: impl FnOnce(&mut dyn Iterator<Item = Outcome>) -> T,
) -> Result<T, Failure> {
    attempted(loaded, session, graders, |attempted| {
        let labelled: Vec<Role> = labels_only(loaded).collect();
        // Labels are graded on a thread of their own and come in the order they always have.
        std::thread::scope(|scope| {
            let (give, labels) = std::sync::mpsc::sync_channel(BLOCKS_AHEAD);
            scope.spawn(move || {
                let mut blocks = labelled
                    .into_iter()
                    .flat_map(|role| graders.labels_only_blocks(role));
                // An error says that nobody counts any more.
                let _ = blocks.try_for_each(|block| give.send(block));
            });
            fold(&mut attempted.chain(labels.into_iter().flatten()))
        })
    })
}

/// Folds the outcomes in parts and joins them: what was attempted first, then each system of which only labels exist, on a thread of its own.
///
/// # Errors
/// As [`with_outcomes`].
pub(super) fn graded_in_parts<T: Send>(
    loaded: &Loaded,
    session: &Session,
    graders: &Graders<'_>,
    fold: impl Fn(&mut dyn Iterator<Item = Outcome>) -> T + Sync,
    join: impl Fn(&mut T, T),
) -> Result<T, Failure> {
    let fold = &fold;
    attempted(loaded, session, graders, |attempted| {
        std::thread::scope(|scope| {
            let labels = labels_only(loaded).map(|role| {
                scope.spawn(move || fold(&mut graders.labels_only_blocks(role).flatten()))
            });
            let labels: Vec<_> = labels.collect();
            let mut all = fold(attempted);
            for part in labels {
                match part.join() {
                    Ok(part) => join(&mut all, part),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            all
        })
    })
}

/// Streams the outcomes of what ended, in log order, then of what was never attempted.
fn attempted<T>(
    loaded: &Loaded,
    session: &Session,
    graders: &Graders<'_>,
    fold: impl FnOnce(&mut dyn Iterator<Item = Outcome>) -> T,
) -> Result<T, Failure> {
    let progress = session.log.progress()?;
    let superseded = session.log.superseded()?;
    let failed: RefCell<Option<Failure>> = RefCell::new(None);
    let ended = session
        .log
        .events()
        .map_while(|event| {
            event
                .map_err(|error| *failed.borrow_mut() = Some(error.into()))
                .ok()
        })
        .filter(|_| session.same_plan)
        .map_while(|event| {
            let mut outcomes = Vec::with_capacity(loaded.manifest.criteria.len());
            let graded = match ended(event, &superseded) {
                Some(one) => {
                    graders.grade(one.attempt, one.recorded_trial, &one.end, &mut outcomes)
                }
                None => Ok(()),
            };
            graded
                .map_err(|changed| *failed.borrow_mut() = Some(changed.into()))
                .ok()?;
            Some(outcomes)
        })
        .flatten();
    let labelled: Vec<Role> = labels_only(loaded).collect();
    let never = session
        .plan
        .attempts()
        .filter(|attempt| !session.same_plan || !progress.ended.contains(attempt))
        .filter(|attempt| !labelled.contains(&attempt.system))
        .flat_map(|attempt| {
            let mut outcomes = Vec::new();
            graders.not_attempted(attempt, &mut outcomes);
            outcomes
        });
    let folded = fold(&mut ended.chain(never));
    match failed.into_inner() {
        Some(failure) => Err(failure),
        None => Ok(folded),
    }
}

/// How an attempt ended that counts.
pub(crate) struct Ended {
    /// Which.
    pub(crate) attempt: AttemptSpec,
    /// For recorded systems: the trial number in the file.
    pub(crate) recorded_trial: Option<u32>,
    /// How.
    pub(crate) end: AttemptEnd,
    /// True when an earlier run had it.
    reused: bool,
}

/// Takes the end out of an event, if it has one that no later one took the place of.
pub(super) fn ended(event: Event<RunEvent>, superseded: &BTreeSet<u64>) -> Option<Ended> {
    if superseded.contains(&event.seq) {
        return None;
    }
    match event.body {
        RunEvent::Ended {
            attempt,
            recorded_trial,
            end,
            ..
        } => Some(Ended {
            attempt,
            recorded_trial,
            end,
            reused: false,
        }),
        RunEvent::Reused { attempt, end, .. } => Some(Ended {
            attempt,
            recorded_trial: None,
            end,
            reused: true,
        }),
        _ => None,
    }
}

/// Iterates over how attempts ended: of each the last end.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn ends(
    session: &Session,
) -> Result<impl Iterator<Item = Result<Ended, Failure>> + '_, Failure> {
    let superseded = session.log.superseded()?;
    Ok(session.log.events().filter_map(move |event| match event {
        Ok(event) => ended(event, &superseded).map(Ok),
        Err(error) => Some(Err(error.into())),
    }))
}

/// What was counted in a run.
pub(super) struct Counted {
    /// What was planned and what became of it.
    pub(super) denominators: BTreeMap<Role, Denominator>,
    /// Which models answered.
    pub(super) answerers: Answerers,
}

/// Counts what was planned and what became of it.
///
/// # Errors
/// When the log cannot be read.
pub(super) fn count(loaded: &Loaded, session: &Session) -> Result<Counted, Failure> {
    // The analysis counts ends by kind alone, so one of each stands for all and nothing is held.
    let answered = AttemptEnd::Answered {
        response: Response::default(),
    };
    let late = AttemptEnd::TimedOut { after_ms: 0 };
    let provider = AttemptEnd::ProviderError {
        message: String::new(),
        code: None,
        latency_ms: None,
    };
    let harness = AttemptEnd::HarnessError {
        message: String::new(),
    };
    let failed: RefCell<Option<StoreError>> = RefCell::new(None);
    let superseded = session.log.superseded()?;
    let mut answerers = Answerers::default();
    let mut reused: BTreeMap<Role, u64> = BTreeMap::new();
    let ends = session
        .log
        .events()
        .map_while(|event| {
            event
                .map_err(|error| *failed.borrow_mut() = Some(error))
                .ok()
        })
        .inspect(|event| answerers.observe(&event.body))
        .filter(|_| session.same_plan)
        .filter_map(|event| ended(event, &superseded))
        .map(|one| {
            *reused.entry(one.attempt.system).or_default() += u64::from(one.reused);
            match one.end {
                AttemptEnd::Answered { .. } => (one.attempt, &answered),
                AttemptEnd::TimedOut { .. } => (one.attempt, &late),
                AttemptEnd::ProviderError { .. } => (one.attempt, &provider),
                AttemptEnd::HarnessError { .. } => (one.attempt, &harness),
            }
        });
    let preferences: Vec<u16> = (0..)
        .zip(&loaded.manifest.criteria)
        .filter(|(_, criterion)| matches!(criterion.grader, Grader::Preference(_)))
        .map(|(index, _)| index)
        .collect();
    let preferences = &preferences;
    let labelled = labels_only(loaded).flat_map(|role| {
        let name = loaded
            .manifest
            .systems
            .get(&role)
            .map_or("", |system| &system.name);
        (0..loaded.reference.examples.len() as u32).flat_map(move |example| {
            let trials = loaded.labels.recorded_trials(name, example).len() as u32;
            // Preferences are labels about the pair: they name no system.
            let pair = trials == 0
                && preferences
                    .iter()
                    .any(|&one| !loaded.labels.of_example(one, example).is_empty());
            let trials = trials.max(u32::from(pair));
            (0..trials).map(move |trial| AttemptSpec {
                example,
                system: role,
                trial,
            })
        })
    });
    let mut denominators = analyse::denominators(
        &session.plan,
        ends.chain(labelled.map(|attempt| (attempt, &answered))),
    );
    for (role, count) in reused {
        if let Some(denominator) = denominators.get_mut(&role) {
            denominator.reused = count;
        }
    }
    match failed.into_inner() {
        Some(error) => Err(error.into()),
        None => Ok(Counted {
            denominators,
            answerers,
        }),
    }
}

fn labels_only(loaded: &Loaded) -> impl Iterator<Item = Role> + '_ {
    loaded
        .manifest
        .systems
        .values()
        .filter(|system| matches!(system.target, Target::LabelsOnly))
        .map(|system| system.role)
}

/// A first-look attempt, its trial as recorded, and how it ended.
pub(crate) type FirstLook = (AttemptSpec, Option<u32>, AttemptEnd);

/// First-look ends of some examples, by example and role, in trial order.
pub(crate) type Answers = BTreeMap<(u32, Role), Vec<FirstLook>>;

/// Fetches what the systems said to some examples at first look.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn answers(session: &Session, wanted: impl Fn(u32) -> bool) -> Result<Answers, Failure> {
    let mut answers = Answers::new();
    for one in ends(session)? {
        let Ended {
            attempt,
            recorded_trial,
            end,
            ..
        } = one?;
        if wanted(attempt.example) && attempt.trial < session.plan.trials(attempt.system) {
            let one = answers
                .entry((attempt.example, attempt.system))
                .or_default();
            one.push((attempt, recorded_trial, end));
        }
    }
    for one in answers.values_mut() {
        one.sort_by_key(|(attempt, ..)| *attempt);
    }
    Ok(answers)
}
