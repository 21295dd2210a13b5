//! What both systems said on the examples that changed, from the log: for reports that show it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use gatewright_core::grade::Graders;
use gatewright_core::manifest::Role;
use gatewright_core::outcome::{Bin, Outcome};
use gatewright_core::report::model::{EvidenceView, TallyView};
use gatewright_core::report::{self, Heard, Took};
use gatewright_core::response::AttemptEnd;

use crate::error::Failure;
use crate::pipeline::evidence::{self, Ended, FirstLook};
use crate::pipeline::judge::Judged;
use crate::pipeline::judging;
use crate::pipeline::load::Loaded;
use crate::pipeline::session::Session;

/// Most bytes of text that flips in full may take together: a page stays one that a browser opens at once.
const EVIDENCE_BYTES_MAX: usize = 8 << 20;

/// First-look answers of one system to one example, and verdicts on its fresh ones.
#[derive(Default)]
struct Answers {
    first_look: Vec<(u32, AttemptEnd, Vec<Outcome>)>,
    fresh: Vec<Outcome>,
}

/// Reads flips in full, and what answers took, in one pass over the log.
///
/// # Errors
/// When the log cannot be read, or an example is not what it was.
pub(crate) fn evidence(
    loaded: &Loaded,
    session: &Session,
    judged: &Judged,
) -> Result<EvidenceView, Failure> {
    let shown = judged.view.flips.len().min(judged.analysis.flips.len());
    in_full(loaded, session, judged, 0..shown)
}

/// Reads some flips in full, by their indices into the analysis.
///
/// # Errors
/// As [`evidence()`].
pub(crate) fn in_full(
    loaded: &Loaded,
    session: &Session,
    judged: &Judged,
    shown: Range<usize>,
) -> Result<EvidenceView, Failure> {
    let flips = &judged.analysis.flips;
    if !session.same_plan {
        return Ok(EvidenceView::default());
    }
    let wanted: BTreeSet<u32> = flips[shown.clone()]
        .iter()
        .map(|flip| flip.example)
        .collect();
    let verdicts = judging::judged(loaded, session)?.unwrap_or_default();
    let graders = evidence::graders(loaded)?.with_judged(&verdicts);
    let mut answers: BTreeMap<(u32, Role), Answers> = BTreeMap::new();
    let mut took: BTreeMap<Role, Took> = BTreeMap::new();
    for one in evidence::ends(session)? {
        let Ended {
            attempt,
            recorded_trial,
            end,
            ..
        } = one?;
        let is_first = attempt.trial < session.plan.trials(attempt.system);
        if let AttemptEnd::Answered { response } = &end
            && is_first
        {
            let of = took.entry(attempt.system).or_default();
            of.observe(attempt.example, attempt.trial, response);
        }
        if attempt.system == Role::Fallback || !wanted.contains(&attempt.example) {
            continue;
        }
        let mut outcomes = Vec::new();
        graders.grade(attempt, recorded_trial, &end, &mut outcomes)?;
        let of = answers
            .entry((attempt.example, attempt.system))
            .or_default();
        if is_first {
            of.first_look.push((attempt.trial, end, outcomes));
        } else {
            of.fresh.append(&mut outcomes);
        }
    }
    for of in answers.values_mut() {
        of.first_look.sort_by_key(|(trial, ..)| *trial);
    }
    let manifest = &loaded.manifest;
    let mut view = EvidenceView {
        pace: report::pace(manifest, &loaded.reference, &judged.analysis, &took),
        ..EvidenceView::default()
    };
    let mut bytes = 0;
    for index in shown {
        let flip = &flips[index];
        let example = loaded.reference.example(flip.example)?;
        let lost = flip.change < 0.0;
        let heard = |role, wants_pass| {
            let of = answers.get(&(flip.example, role))?;
            heard(of, flip.criterion, wants_pass)
        };
        let changed = report::changed(
            manifest,
            &judged.analysis,
            index,
            &example,
            heard(Role::Candidate, !lost),
            heard(Role::Production, lost),
        );
        let Some(changed) = changed else { continue };
        bytes += changed.bytes();
        if bytes > EVIDENCE_BYTES_MAX {
            break;
        }
        view.changed.push(changed);
    }
    view.not_in_full = judged.view.flips_total - view.changed.len() as u64;
    Ok(view)
}

/// Chooses the trial that shows the change: the first that passes on the better side, the first that fails on the other.
fn heard(of: &Answers, criterion: u16, wants_pass: bool) -> Option<Heard<'_>> {
    let looks = &of.first_look;
    let telling = looks
        .iter()
        .find(|(_, _, outcomes)| tells(outcomes, criterion, wants_pass));
    let (trial, end, outcomes) = telling.or_else(|| looks.first())?;
    let first = looks.iter().flat_map(|(_, _, outcomes)| outcomes);
    Some(Heard {
        end,
        trial: *trial,
        outcomes,
        first_look: tally(first, criterion),
        fresh: tally(of.fresh.iter(), criterion),
    })
}

/// Says whether an answer shows what is wanted of one criterion.
pub(crate) fn tells(outcomes: &[Outcome], criterion: u16, wants_pass: bool) -> bool {
    let mut of = outcomes
        .iter()
        .filter(|outcome| outcome.criterion == criterion);
    of.any(|outcome| match outcome.bin {
        Bin::Pass => wants_pass,
        Bin::Fail(_) => !wants_pass,
        _ => false,
    })
}

/// Chooses of one system's first-look answers to an example the one that shows what a criterion says: the first that passes, or the first that fails.
///
/// # Errors
/// When the example is not what it was.
pub(crate) fn telling<'a>(
    graders: &Graders<'_>,
    of: &'a [FirstLook],
    (criterion, wants_pass): (u16, bool),
) -> Result<Option<&'a FirstLook>, Failure> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    for one in of {
        let (attempt, recorded, end) = one;
        outcomes.clear();
        graders.grade(*attempt, *recorded, end, &mut outcomes)?;
        if tells(&outcomes, criterion, wants_pass) {
            return Ok(Some(one));
        }
    }
    Ok(of.first())
}

/// Counts verdicts of one criterion; of an answer in parts, each part.
fn tally<'o>(outcomes: impl Iterator<Item = &'o Outcome>, criterion: u16) -> TallyView {
    let mut tally = TallyView::default();
    for outcome in outcomes.filter(|outcome| outcome.criterion == criterion) {
        match outcome.bin {
            Bin::Pass => {
                tally.passes += 1;
                tally.trials += 1;
            }
            Bin::Fail(_) => tally.trials += 1,
            _ => {}
        }
    }
    tally
}
