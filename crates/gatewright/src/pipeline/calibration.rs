//! Judges against people: what they said is gathered here, from a run or from what was recorded, and what came of it is kept.

use std::collections::BTreeMap;

use gatewright_core::calibrate::{self, Calibration, Carried, Document, KnownJudges, Unit};
use gatewright_core::digest::Digest;
use gatewright_core::event::ProjectEvent;
use gatewright_core::judge::{MemberReport, hash_of_judge};
use gatewright_core::manifest::{Grader, Role, Target};
use gatewright_core::outcome::Outcome;
use gatewright_core::plan::AttemptSpec;
use gatewright_core::response::AttemptEnd;
use gatewright_core::review::{Reviewers, Whose, reviewers};
use gatewright_stats::judge::Confusion;
use gatewright_store::ProjectLog;

use crate::console::Console;
use crate::error::Failure;
use crate::now::Now;
use crate::pipeline::evidence::{ends, graders};
use crate::pipeline::judging::{self, Heard};
use crate::pipeline::ledger::project_events;
use crate::pipeline::load::Loaded;
use crate::pipeline::session::{Session, writer};

/// What is known of the page's judges beside the verdicts that count. `reports` say what they made of canaries, and of answers that they judged again.
///
/// # Errors
/// When the project log cannot be read.
pub(super) fn known(
    loaded: &Loaded,
    reports: &[(u16, Vec<MemberReport>)],
) -> Result<KnownJudges, Failure> {
    let all = 0..loaded.manifest.criteria.len() as u16;
    let open = all.map(|criterion| (criterion, loaded.labels.people_open(criterion)));
    Ok(KnownJudges {
        judges: judges(loaded),
        carried: carried(loaded)?,
        forbidden: judging::forbidden(reports),
        retested: judging::retested(reports),
        open: open.filter(|(_, open)| *open > 0).collect(),
    })
}

/// The judge of each calibrated criterion, by hash.
fn judges(loaded: &Loaded) -> BTreeMap<u16, Digest> {
    (0..)
        .zip(&loaded.manifest.criteria)
        .filter(|(_, criterion)| criterion.is_calibrated())
        .map(|(index, criterion)| {
            let judge = match &criterion.grader {
                Grader::Judge(grader) => {
                    let of = |name: &String| loaded.manifest.judges.get(name);
                    let hashes = grader.by.iter().filter_map(of);
                    let hashes: Vec<Digest> =
                        hashes.map(|judge| hash_of_judge(judge, grader)).collect();
                    Digest::of_json(&hashes)
                }
                _ => calibrate::judge_digest(criterion, index, &loaded.labels),
            };
            (index, judge)
        })
        .collect()
}

/// The last calibration of each criterion that is on the record.
///
/// # Errors
/// When the project log cannot be read.
fn carried(loaded: &Loaded) -> Result<BTreeMap<u16, Carried>, Failure> {
    let mut carried = BTreeMap::new();
    for event in project_events(&loaded.project)? {
        let ProjectEvent::Calibrated {
            product,
            criterion,
            judge,
            true_pass,
            false_fail,
            false_pass,
            true_fail,
            ..
        } = event.body
        else {
            continue;
        };
        let index = loaded.manifest.criterion_index(&criterion);
        if let Some(index) = index.filter(|_| product == loaded.manifest.product) {
            let table = Confusion {
                true_pass,
                false_fail,
                false_pass,
                true_fail,
            };
            carried.insert(index, Carried { judge, table });
        }
    }
    Ok(carried)
}

/// Everything that a calibration looks at.
pub(crate) struct Judging {
    /// Judged units by criterion, those of criteria without people's labels too where a model judges.
    pub(crate) units: BTreeMap<u16, Vec<Unit>>,
    /// What systems answered, where it was recorded, and the trial's number there.
    pub(crate) answers: BTreeMap<(u32, Role, u32), (u32, Option<String>)>,
    /// How the judges stand.
    pub(crate) calibrations: Vec<Calibration>,
    /// How far the people agree.
    pub(crate) reviewers: BTreeMap<u16, Reviewers>,
}

impl Judging {
    /// Gathers it: recorded systems from their files, others from the run.
    ///
    /// # Errors
    /// When a log cannot be read, or a system that is called has no run yet.
    pub(crate) fn of(
        loaded: &mut Loaded,
        run: Option<&str>,
        now: &Now,
        console: &Console,
    ) -> Result<Self, Failure> {
        let called = |target: &Target| target.can_rerun();
        let systems = loaded.manifest.systems.values();
        // What a judge said that is asked stands in the run too, also of answers that were recorded.
        let needs_run =
            systems.into_iter().any(|s| called(&s.target)) || judging::is_judged(loaded);
        let session = match needs_run {
            true => Some(Session::read(
                loaded,
                run,
                now,
                console,
                "gatewright calibrate",
            )?),
            false => None,
        };
        let loaded: &Loaded = loaded;
        let mut gathered = Gathered::default();
        // A judge that is asked is held against its canaries too.
        let graders = graders(loaded)?;
        let heard = match &session {
            Some(session) => Heard::of(loaded, session, &graders)?,
            None => Heard::default(),
        };
        let graders = graders.with_judged(&heard.judged);
        let mut outcomes = Vec::new();
        for recorded in loaded.recorded.values() {
            for one in &recorded.attempts {
                let trial = Some(one.recorded_trial);
                gathered.answer(one.attempt, trial, &one.end);
                graders.grade(one.attempt, trial, &one.end, &mut outcomes)?;
                gathered.take(loaded, &mut outcomes);
            }
        }
        for (role, system) in &loaded.manifest.systems {
            if matches!(system.target, Target::LabelsOnly) {
                graders.labels_only(*role, &mut outcomes);
                gathered.take(loaded, &mut outcomes);
            }
        }
        if let Some(session) = &session {
            for one in ends(session)? {
                let one = one?;
                let system = loaded.manifest.systems.get(&one.attempt.system);
                let first = one.attempt.trial < session.plan.trials(one.attempt.system);
                if first && system.is_some_and(|system| called(&system.target)) {
                    gathered.answer(one.attempt, one.recorded_trial, &one.end);
                    graders.grade(one.attempt, one.recorded_trial, &one.end, &mut outcomes)?;
                    gathered.take(loaded, &mut outcomes);
                }
            }
        }
        for units in gathered.units.values_mut() {
            units.sort_by_key(|unit| (unit.example, unit.role, unit.trial, unit.part));
        }
        let calibrations = calibrate::calibrate(
            &loaded.manifest,
            &loaded.reference,
            &gathered.units,
            &known(loaded, &heard.reports)?,
        );
        let reviewers = calibrations
            .iter()
            .map(|one| {
                let whose = Whose {
                    criterion: one.criterion,
                    beside: true,
                    system: None,
                };
                let found = reviewers(&loaded.labels, &loaded.reference, whose);
                (one.criterion, found)
            })
            .collect();
        Ok(Self {
            units: gathered.units,
            answers: gathered.answers,
            calibrations,
            reviewers,
        })
    }

    /// Makes the document of one criterion or of all.
    pub(crate) fn document(&self, loaded: &Loaded, of: Option<u16>) -> Document {
        let kept: Vec<Calibration> = self
            .calibrations
            .iter()
            .filter(|one| of.is_none_or(|of| of == one.criterion))
            .cloned()
            .collect();
        calibrate::document(&loaded.manifest, &kept, &self.reviewers)
    }
}

#[derive(Default)]
struct Gathered {
    units: BTreeMap<u16, Vec<Unit>>,
    answers: BTreeMap<(u32, Role, u32), (u32, Option<String>)>,
}

impl Gathered {
    fn answer(&mut self, attempt: AttemptSpec, recorded: Option<u32>, end: &AttemptEnd) {
        let output = match end {
            AttemptEnd::Answered { response } => Some(response.output.clone()),
            _ => None,
        };
        let key = (attempt.example, attempt.system, attempt.trial);
        self.answers
            .insert(key, (recorded.unwrap_or(attempt.trial), output));
    }

    fn take(&mut self, loaded: &Loaded, outcomes: &mut Vec<Outcome>) {
        for outcome in outcomes.drain(..) {
            let criterion = &loaded.manifest.criteria[usize::from(outcome.criterion)];
            if criterion.is_calibrated() {
                let units = self.units.entry(outcome.criterion).or_default();
                units.push(Unit::of(&outcome));
            }
        }
    }
}

/// Keeps the calibrations of judges that have labels. One that is on the record already is not written again.
///
/// # Errors
/// When the log refuses it.
pub(crate) fn record(
    loaded: &Loaded,
    calibrations: &[Calibration],
    now: &Now,
) -> Result<usize, Failure> {
    let known = carried(loaded)?;
    let new: Vec<ProjectEvent> = calibrations
        .iter()
        .filter_map(|one| {
            let table = one.evidence.reading.table;
            let labelled = table.passes() + table.fails() > 0;
            let same = known
                .get(&one.criterion)
                .is_some_and(|known| known.judge == one.judge && known.table == table);
            (labelled && !same && !one.evidence.chosen).then(|| ProjectEvent::Calibrated {
                product: loaded.manifest.product.clone(),
                criterion: loaded.manifest.criteria[usize::from(one.criterion)]
                    .id
                    .to_string(),
                judge: one.judge,
                fitness: one.fitness.word().to_owned(),
                true_pass: table.true_pass,
                false_fail: table.false_fail,
                false_pass: table.false_pass,
                true_fail: table.true_fail,
                at: now.at.clone(),
            })
        })
        .collect();
    if !new.is_empty() {
        ProjectLog::open(&loaded.project.state, writer("gatewright calibrate", now))?
            .append(&new, &now.at)?;
    }
    Ok(new.len())
}
