//! Grade, analyse, decide, view: pure from the log onwards.

use std::collections::BTreeMap;

use gatewright_core::analyse::{self, Analysis, Folded, People, Resolution};
use gatewright_core::decide::{self, DecisionContext};
use gatewright_core::digest::Digest;
use gatewright_core::event::{ProjectEvent, RunEvent};
use gatewright_core::incident::{self, IncidentStatus};
use gatewright_core::judge::MemberReport;
use gatewright_core::manifest::{MixedModels, Role};
use gatewright_core::outcome::{Bin, GraderKind, Outcome};
use gatewright_core::plan::Confirmation;
use gatewright_core::report::untrusted::line;
use gatewright_core::report::{self, RunFacts, View};
use gatewright_store::ProjectLog;

use crate::console::Console;
use crate::crash;
use crate::error::Failure;
use crate::now::Now;
use crate::pipeline::drive::Drive;
use crate::pipeline::evidence::Counted;
use crate::pipeline::judging::Heard;
use crate::pipeline::ledger::{is_attempted, project_events};
use crate::pipeline::load::Loaded;
use crate::pipeline::programs::{self, Whose};
use crate::pipeline::session::{Decided, Session, writer};
use crate::pipeline::{TOOL, calibration, evidence};

/// What a run amounts to.
pub(crate) struct Judged {
    /// Every number.
    pub(crate) analysis: Analysis,
    /// What people added, and what forbids judges to gate.
    pub(crate) people: People,
    /// What the gate computed from.
    pub(crate) context: DecisionContext,
    /// Everything a report says, but for what is on the record besides.
    pub(crate) view: View,
}

/// Runs what tripped again, when it can be called; says whether it did.
///
/// # Errors
/// As an attempt.
pub(crate) fn confirm(
    loaded: &Loaded,
    session: &mut Session,
    drive: &mut Drive,
    now: &Now,
    console: &Console,
) -> Result<bool, Failure> {
    // Where nothing can be called, there is nothing to confirm, and the analysis need not be made twice.
    let callable = loaded
        .manifest
        .systems
        .values()
        .any(|system| system.target.can_rerun());
    if !callable {
        return Ok(false);
    }
    let Analysed { analysis, .. } = analyse(loaded, session)?;
    let Some(round) = wanted(loaded, session, &analysis) else {
        return Ok(false);
    };
    programs::present(loaded, |whose| match whose {
        Whose::System(role) => round.roles.contains(role),
        Whose::Judge(_) | Whose::Grader(_) => true,
    })?;
    console.note(&format!(
        "{} examples tripped a guard: {} fresh trials of each on {} systems",
        round.examples.len(),
        round.trials,
        round.roles.len()
    ));
    session.confirm(round, now)?;
    session.attempt(loaded, drive, now, console)?;
    Ok(true)
}

fn wanted(loaded: &Loaded, session: &Session, analysis: &Analysis) -> Option<Confirmation> {
    analyse::confirmation(&loaded.manifest, &loaded.reference, &session.plan, analysis)
}

/// Analyses and decides a run. Nothing is written.
///
/// # Errors
/// When a log cannot be read.
pub(crate) fn judge(loaded: &Loaded, session: &Session, now: &Now) -> Result<Judged, Failure> {
    let Analysed {
        analysis,
        verdicts,
        mixed,
        judges,
        people,
        mut notes,
    } = analyse(loaded, session)?;
    let mut context = context(loaded, session, now, &verdicts)?;
    match loaded.manifest.decision.mixed_models {
        MixedModels::Hold => context.invalid.extend(mixed),
        MixedModels::Allow => notes.splice(..0, mixed).for_each(drop),
    }
    let proposal = decide::decide(&loaded.manifest, &analysis, &context);
    let recorded = loaded.recorded.iter();
    let unknown = recorded.filter(|(_, recorded)| recorded.unknown_rows > 0);
    notes.extend(unknown.map(|(role, recorded)| recorded.unknown_said(*role)));
    let facts = RunFacts {
        run: &session.name,
        tool: TOOL,
        seal: session.seal.as_ref(),
        notes: &notes,
        judges: &judges,
        incidents: &loaded.incidents,
    };
    let view = report::view(
        &loaded.manifest,
        &loaded.reference,
        &session.plan,
        &analysis,
        &proposal,
        &context,
        &facts,
    );
    Ok(Judged {
        analysis,
        people,
        context,
        view,
    })
}

/// Puts the answer on the record: in the run, and in the ledger of attempts. What is there already stays as it is.
///
/// # Errors
/// When a log refuses it.
pub(crate) fn record(
    loaded: &Loaded,
    session: &mut Session,
    view: &View,
    now: &Now,
    command: &str,
) -> Result<(), Failure> {
    let answer = match &session.decided {
        // The ledger comes second, so a crash may have come between.
        Some(_) if !session.same_plan || is_attempted(loaded, session)? => return Ok(()),
        Some(decided) => decided.answer.clone(),
        None => propose(session, view, now)?,
    };
    let candidate = loaded.manifest.systems.get(&Role::Candidate);
    let attempted = ProjectEvent::Attempted {
        product: loaded.manifest.product.clone(),
        reference: loaded.reference.digest,
        candidate: candidate
            .map(|system| system.fingerprint)
            .unwrap_or_default(),
        run: session.name.clone(),
        answer,
        at: now.at.clone(),
    };
    ProjectLog::open(&loaded.project.state, writer(command, now))?.append(&[attempted], &now.at)?;
    Ok(())
}

/// Puts the answer on the run's own record; returns its word.
fn propose(session: &mut Session, view: &View, now: &Now) -> Result<String, Failure> {
    let context = DecisionContext {
        today: view.run.today.clone(),
        attempt: view.run.attempt,
        ..DecisionContext::default()
    };
    let answer = view.answer.word().to_owned();
    let proposed = RunEvent::Proposed {
        answer: answer.clone(),
        proposal: Digest::of_json(view),
        context: serde_json::to_value(&context).unwrap_or_default(),
    };
    session.log.append(&[proposed], &now.at)?;
    crash::point("recorded");
    session.decided = Some(Decided {
        context,
        answer: answer.clone(),
    });
    Ok(answer)
}

/// Per example and criterion: passes, and everything else that a person or a rule said.
type Verdicts = BTreeMap<(u32, u16), (u64, u64)>;

/// What a run's log amounts to.
struct Analysed {
    analysis: Analysis,
    /// What was said of examples that reproduce incidents.
    verdicts: Verdicts,
    /// Which systems were not one all along.
    mixed: Vec<String>,
    /// How judges stand by their canaries, by criterion.
    judges: Vec<(u16, Vec<MemberReport>)>,
    /// What people added.
    people: People,
    /// Which judges were not one all along, where nothing else says so.
    notes: Vec<String>,
}

fn analyse(loaded: &Loaded, session: &Session) -> Result<Analysed, Failure> {
    let graders = evidence::graders(loaded)?;
    let heard = Heard::of(loaded, session, &graders)?;
    let graders = graders.with_judged(&heard.judged);
    let people = people(loaded, session, &heard)?;
    let Counted {
        denominators,
        answerers,
    } = evidence::count(loaded, session)?;
    let reproducing: Vec<u32> = loaded
        .incidents
        .iter()
        .filter(|incident| incident.status == IncidentStatus::Open)
        .filter_map(|incident| loaded.reference.index_of(incident.example.as_deref()?))
        .collect();
    let plan = &session.plan;
    let fold = |outcomes: &mut dyn Iterator<Item = Outcome>| {
        let mut verdicts = Verdicts::new();
        let outcomes = outcomes.inspect(|outcome| {
            if outcome.system == Role::Candidate && reproducing.contains(&outcome.example) {
                count(&mut verdicts, outcome);
            }
        });
        let folded = Folded::of(&loaded.manifest, &loaded.reference, plan, outcomes);
        (folded, verdicts)
    };
    let join = |all: &mut (Folded, Verdicts), part: (Folded, Verdicts)| {
        all.0.join(part.0);
        for (unit, (right, wrong)) in part.1 {
            let one = all.1.entry(unit).or_default();
            *one = (one.0 + right, one.1 + wrong);
        }
    };
    let (folded, verdicts) = evidence::graded_in_parts(loaded, session, &graders, fold, join)?;
    let analysis = analyse::analyse_folded(
        &loaded.manifest,
        &loaded.reference,
        &session.plan,
        folded,
        &people,
        denominators,
    );
    // Names that a provider gave: one line each.
    let mixed = answerers.mixed();
    let mixed = mixed.iter().map(|text| line(text, 300)).collect();
    Ok(Analysed {
        analysis,
        verdicts,
        mixed,
        judges: heard.reports,
        people,
        notes: heard.notes,
    })
}

/// Counts a verdict on an example that reproduces an incident. Judges are not asked: they are not calibrated.
fn count(verdicts: &mut Verdicts, outcome: &Outcome) {
    if outcome.by == GraderKind::Model || outcome.bin == Bin::NotApplicable {
        return;
    }
    let one = verdicts
        .entry((outcome.example, outcome.criterion))
        .or_default();
    match outcome.bin {
        Bin::Pass | Bin::Win | Bin::Tie | Bin::Value(_) => one.0 += 1,
        _ => one.1 += 1,
    }
}

/// What people said: resolved flips and disagreements.
fn people(loaded: &Loaded, session: &Session, heard: &Heard) -> Result<People, Failure> {
    let mut people = People::default();
    for index in 0..loaded.manifest.criteria.len() as u16 {
        let beside = loaded.labels.people_disagreement(index);
        let found = match beside.units {
            0 => loaded.labels.disagreement(index),
            _ => beside,
        };
        if found.differ > 0 || found.settled > 0 {
            people.disagreements.insert(index, found);
        }
    }
    people.known = calibration::known(loaded, &heard.reports)?;
    for event in project_events(&loaded.project)? {
        let ProjectEvent::Triaged {
            run,
            example,
            system,
            criterion,
            cause,
            ..
        } = event.body
        else {
            continue;
        };
        let key = loaded
            .reference
            .index_of(&example)
            .zip(loaded.manifest.criterion_index(&criterion));
        let Some(key) = key.filter(|_| run == session.name && system == Role::Candidate) else {
            continue;
        };
        if let Some(class) = loaded.manifest.class_index(&cause) {
            people.causes.insert(key, class);
        } else {
            people.causes.remove(&key);
        }
        let resolution = match cause.as_str() {
            "noise" => Resolution::Noise,
            "label-wrong" => Resolution::LabelWrong,
            _ => Resolution::Real,
        };
        people.resolutions.insert(key, resolution);
    }
    Ok(people)
}

fn context(
    loaded: &Loaded,
    session: &Session,
    now: &Now,
    verdicts: &Verdicts,
) -> Result<DecisionContext, Failure> {
    let seal = loaded.seal();
    let broken_seal = match &session.seal {
        // The parts of a seal are compared by the version that made them; a record's files are compared by their bytes, by any version.
        Some(sealed) if loaded.project.log_until.is_some() && sealed.tool != TOOL => Vec::new(),
        Some(sealed) => sealed.differences(&seal),
        None => Vec::new(),
    };
    let mut invalid = Vec::new();
    if session.seal.is_none() {
        invalid.push("the run was never sealed".to_owned());
    }
    if !session.same_plan {
        invalid.push(
            "the plan is not the one that was run: examples, systems, trials or seed changed"
                .to_owned(),
        );
    }
    let passes = |example: u32| {
        let mut of = verdicts
            .range((example, 0)..=(example, u16::MAX))
            .peekable();
        of.peek()?;
        Some(of.all(|(_, (passed, other))| passed > other))
    };
    let obligations = incident::obligations(
        &loaded.incidents,
        &loaded.manifest,
        &loaded.reference,
        passes,
    );
    let (today, attempt) = match &session.decided {
        Some(Decided { context, .. }) => (context.today.clone(), context.attempt),
        None => (now.today.to_string(), attempt_number(loaded, session)?),
    };
    Ok(DecisionContext {
        today,
        attempt,
        broken_seal,
        obligations,
        sealed_after_outputs: session.seal.as_ref().is_some_and(|seal| seal.after_outputs),
        invalid,
    })
}

/// Counts release attempts on this version of the reference set, this one included. A candidate whose fingerprint was
/// decided before is the same attempt (statistics.md §4f).
fn attempt_number(loaded: &Loaded, session: &Session) -> Result<u32, Failure> {
    let current = loaded
        .manifest
        .systems
        .get(&Role::Candidate)
        .map(|system| system.fingerprint);
    let mut others = std::collections::BTreeSet::new();
    for event in project_events(&loaded.project)? {
        if let ProjectEvent::Attempted {
            product,
            reference,
            candidate,
            run,
            ..
        } = event.body
        {
            let same = product == loaded.manifest.product && reference == loaded.reference.digest;
            if same && run != session.name && Some(candidate) != current {
                others.insert(candidate);
            }
        }
    }
    Ok(1 + others.len() as u32)
}
