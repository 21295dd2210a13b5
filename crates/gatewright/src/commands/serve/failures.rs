//! Failures as the review server shows them: what fails in the newest decided run, since when, and what was repaired since.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use gatewright_core::digest::Digest;
use gatewright_core::manifest::Role;
use gatewright_core::record::Keys;
use gatewright_core::report::words;
use gatewright_core::response::AttemptEnd;
use gatewright_store::RunLog;
use gatewright_web::project::{
    CauseLine, CauseWish, FailingClass, FailingLine, FailingOne, Failures, NotDone, Repaired,
};

use super::COMMAND;
use super::held::Held;
use super::releases::{Made, Served, examples};
use crate::commands::Context;
use crate::error::Failure;
use crate::pipeline::triage::{self, Failing, NO_FAILURE, Said};
use crate::pipeline::{
    Loaded, Session, Signer as _, answers, changed, project_events, run_folders,
};

/// Decided runs that are held against each other: the newest, and those before it.
const RUNS_MAX: usize = 5;

/// What a run says of each example and criterion: failing outcomes among the graded ones.
pub(super) type Counted = BTreeMap<(String, String), (u64, u64)>;

/// Counted runs, by name and seal: what was sealed and decided does not change.
pub(super) type Known = BTreeMap<(String, Digest), Arc<Counted>>;

/// A decided run, with the page as it was read for it.
struct Run {
    loaded: Loaded,
    session: Session,
    at: String,
}

impl Served {
    /// Reads the newest decided runs that stand on the terms of today, the newest first.
    fn decided_runs(&self, context: &Context, most: usize) -> Result<Vec<Run>, Failure> {
        let mut runs = Vec::new();
        let loaded = self.loaded(context)?;
        for folder in run_folders(&loaded.project.state).into_iter().rev() {
            if runs.len() == most {
                break;
            }
            let Ok(log) = RunLog::read_only(&folder.dir) else {
                continue;
            };
            if log.answer()?.is_none() {
                continue;
            }
            let at = log.first_at()?.unwrap_or_default();
            drop(log);
            let mut loaded = self.loaded(context)?;
            let (now, console) = (&context.now, &context.console);
            let session = Session::read(&mut loaded, Some(&folder.name), now, console, COMMAND)?;
            if changed(&loaded, &session).is_empty() {
                runs.push(Run {
                    loaded,
                    session,
                    at,
                });
            }
        }
        Ok(runs)
    }

    /// Counts what a run says; once for what was sealed.
    fn counted(&self, run: &Run) -> Result<Arc<Counted>, Failure> {
        let key = (run.session.name.clone(), run.loaded.seal().digest());
        if let Some(found) = self
            .counted
            .lock()
            .ok()
            .and_then(|it| it.get(&key).cloned())
        {
            return Ok(found);
        }
        let tallies = triage::tallies(&run.loaded, &run.session)?;
        let counted = tallies.into_iter().filter_map(|(place, tally)| {
            let name = triage::named(&run.loaded, place)?;
            Some((name, (tally.failed, tally.graded)))
        });
        let counted: Arc<Counted> = Arc::new(counted.collect());
        if let Ok(mut known) = self.counted.lock() {
            if known.len() > 2 * RUNS_MAX {
                known.clear();
            }
            known.insert(key, Arc::clone(&counted));
        }
        Ok(counted)
    }

    pub(super) fn board(&self) -> Made<Failures> {
        let context = self.context()?;
        let runs = self.decided_runs(&context, RUNS_MAX)?;
        let Some(newest) = runs.first() else {
            return Ok(Ok(Failures::default()));
        };
        let counted = runs.iter().map(|run| self.counted(run));
        let counted: Vec<Arc<Counted>> = counted.collect::<Result<_, _>>()?;
        let failing = triage::failing(&newest.loaded, &newest.session)?;
        let since = |one: &Failing| {
            let name = (one.example.clone(), one.criterion.clone());
            let failed =
                |counted: &&Arc<Counted>| counted.get(&name).is_some_and(|(failed, _)| *failed > 0);
            let times = counted.iter().take_while(failed).count();
            runs[times.max(1) - 1].at.clone()
        };
        let causes = triage::causes(&newest.loaded, &newest.session.name)?;
        let mut classes: Vec<FailingClass> = Vec::new();
        for (index, one) in failing.iter().enumerate() {
            let cause = causes.get(&(one.example.clone(), one.criterion.clone()));
            let line = FailingLine {
                number: index + 1,
                since: since(one).get(..10).unwrap_or_default().to_owned(),
                cause: cause.map(|it| cause_line(&newest.loaded, it)),
                ..line(one)
            };
            match classes.last_mut().filter(|class| class.id == one.class) {
                Some(class) => class.lines.push(line),
                None => classes.push(FailingClass {
                    lines: vec![line],
                    ..class(&newest.loaded, &one.class)
                }),
            }
        }
        // What costs most stands first.
        let rank = |word: &str| {
            ["critical", "high", "medium", "low"]
                .iter()
                .position(|it| *it == word)
        };
        classes.sort_by_key(|class| (rank(class.severity), Reverse(class.lines.len())));
        Ok(Ok(Failures {
            run: newest.session.name.clone(),
            runs: runs.len(),
            repaired: repaired(&runs, &counted),
            examples: examples(&newest.loaded),
            classes,
        }))
    }

    /// Finds a failing outcome of the newest decided run by its number.
    fn failing_one(
        &self,
        context: &Context,
        number: usize,
    ) -> Result<Option<(Run, Failing)>, Failure> {
        let Some(run) = self.decided_runs(context, 1)?.pop() else {
            return Ok(None);
        };
        let failing = triage::failing(&run.loaded, &run.session)?;
        let one = number
            .checked_sub(1)
            .and_then(|it| failing.into_iter().nth(it));
        Ok(one.map(|one| (run, one)))
    }

    pub(super) fn one_failure(&self, number: usize) -> Made<FailingOne> {
        let context = self.context()?;
        let Some((run, one)) = self.failing_one(&context, number)? else {
            return Ok(Err(NotDone::Missing));
        };
        let Run {
            loaded, session, ..
        } = &run;
        let Some(index) = loaded.reference.index_of(&one.example) else {
            return Ok(Err(NotDone::Missing));
        };
        let said = answers(session, |example| example == index)?;
        let ends = said.get(&(index, Role::Candidate));
        let first = ends.and_then(|ends| ends.first());
        let input = loaded.reference.example(index)?.input.text().into_owned();
        let causes = triage::causes(loaded, &session.name)?;
        let cause = causes.get(&(one.example.clone(), one.criterion.clone()));
        let classes = loaded.manifest.classes.iter();
        let class = class(loaded, &one.class);
        Ok(Ok(FailingOne {
            run: session.name.clone(),
            line: FailingLine {
                number,
                cause: cause.map(|it| cause_line(loaded, it)),
                ..line(&one)
            },
            class,
            input: (!input.is_empty()).then_some(input),
            answer: first.and_then(|(_, _, end)| match end {
                AttemptEnd::Answered { response } => Some(response.output.clone()),
                _ => None,
            }),
            causes: classes
                .map(|class| class.id.to_string())
                .chain(NO_FAILURE.map(str::to_owned))
                .collect(),
            examples: examples(loaded),
        }))
    }

    pub(super) fn cause(&self, wish: &CauseWish) -> Made<()> {
        let context = self.context()?;
        let Some((run, one)) = self.failing_one(&context, wish.number)? else {
            return Ok(Err(NotDone::Missing));
        };
        let shown = (&wish.run, &wish.example, &wish.criterion);
        if (&run.session.name, &one.example, &one.criterion) != shown {
            return Ok(Err(NotDone::Moved(vec!["what fails".to_owned()])));
        }
        let held = Held {
            state: &run.loaded.project.state,
            account: &wish.account,
        };
        let author = held.who(&Keys::fold(&project_events(&run.loaded.project)?))?;
        let said = Said {
            example: &one.example,
            system: Role::Candidate,
            criterion: &one.criterion,
            cause: &wish.cause,
            author: &author,
            reason: wish.reason.trim(),
        };
        if let Err(Failure::Expected(expected)) = said.check(&run.loaded) {
            let mut words = expected.what.clone();
            if let Some(first) = words.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            return Ok(Err(NotDone::Bad(format!("{words}."))));
        }
        said.record(&context, COMMAND, (&run.loaded, &run.session))?;
        Ok(Ok(()))
    }
}

fn line(one: &Failing) -> FailingLine {
    FailingLine {
        number: 0,
        example: one.example.clone(),
        criterion: one.criterion.clone(),
        failed: one.failed,
        graded: one.graded,
        why: one.why.clone().unwrap_or_default(),
        cause: None,
        since: String::new(),
    }
}

fn owner(loaded: &Loaded, class: &str) -> (String, Option<String>) {
    let index = loaded.manifest.class_index(class);
    let class = index.and_then(|index| loaded.manifest.classes.get(usize::from(index)));
    let Some(class) = class else {
        return (String::new(), None);
    };
    match loaded.manifest.owners.get(&class.owner) {
        Some(owner) => (owner.name.clone(), owner.contact.clone()),
        None => (class.owner.to_string(), None),
    }
}

fn cause_line(loaded: &Loaded, cause: &triage::Cause) -> CauseLine {
    CauseLine {
        owner: owner(loaded, &cause.cause).0,
        cause: cause.cause.clone(),
        by: cause.by.clone(),
        at: cause.at.clone(),
        reason: cause.reason.clone(),
    }
}

fn class(loaded: &Loaded, id: &str) -> FailingClass {
    let index = loaded.manifest.class_index(id);
    let class = index.and_then(|index| loaded.manifest.classes.get(usize::from(index)));
    let (owner, contact) = owner(loaded, id);
    FailingClass {
        id: id.to_owned(),
        name: words::class(id, 2),
        severity: class.map_or("", |class| class.severity.word()),
        owner,
        contact,
        repair: class.map(|class| class.repair.clone()).unwrap_or_default(),
        lines: Vec::new(),
    }
}

/// Lists what failed in an earlier run and passes in the newest: confirmed when it passes in the run before, too, or had more trials than one.
fn repaired(runs: &[Run], counted: &[Arc<Counted>]) -> Vec<Repaired> {
    let Some((newest, before)) = counted.split_first() else {
        return Vec::new();
    };
    let passes = |counted: &Counted, name: &(String, String)| {
        counted
            .get(name)
            .filter(|(failed, graded)| *failed == 0 && *graded > 0)
            .map(|(_, graded)| *graded)
    };
    let all = newest.keys().filter_map(|name| {
        passes(newest, name)?;
        let failed = |counted: &Arc<Counted>| counted.get(name).is_some_and(|it| it.0 > 0);
        let last = before.iter().position(failed)?;
        // Between the last failure and now, every run that judged it passed it.
        let again: u64 = before[..last]
            .iter()
            .filter_map(|it| passes(it, name))
            .count() as u64;
        Some(Repaired {
            example: name.0.clone(),
            criterion: name.1.clone(),
            failed_in: runs[last + 1].session.name.clone(),
            passes: again + 1,
        })
    });
    all.collect()
}
