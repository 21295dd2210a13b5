//! Short queues by policy: which answers of a graded run are worth a person's label, those first that can change the decision.

use std::collections::BTreeSet;

use gatewright_core::analyse::Analysis;
use gatewright_core::calibrate::{self, Fitness, Unit};
use gatewright_core::digest::Digest;
use gatewright_core::grade::Graders;
use gatewright_core::label::{Label, TextCode};
use gatewright_core::manifest::{Grader, Manifest, Role};
use gatewright_core::outcome::Bin;
use gatewright_core::response::AttemptEnd;
use gatewright_core::review::{Desk, Item, Picked, deciding, flips, guard_flips, is_of_people};

use super::ask::{Found, askable, why_drawn};
use super::pairs::pairs;
use super::{Outputs, criterion, given, nobody_labels, place, settled};
use crate::args::{AskArgs, Policy};
use crate::commands::labelling::Asked;
use crate::commands::{self, Context};
use crate::error::Failure;
use crate::pipeline::{
    Answers, Judging, Loaded, Session, answers, graders, judge, telling, what_judges_said,
};

const COMMAND: &str = "gatewright review ask";
/// The two whose answers a flip is about.
const SIDES: [Role; 2] = [Role::Candidate, Role::Production];

/// What a policy picks and is not asked now.
#[derive(Default)]
pub(super) struct Cut {
    /// Asked before.
    pub(super) before: usize,
    /// Beyond the most that were wanted.
    pub(super) left: usize,
}

/// A queue that is being filled.
struct Queue<'a> {
    loaded: &'a Loaded,
    judging: &'a Judging,
    /// What was asked before.
    desk: &'a Desk,
    people: u32,
    at_most: usize,
    /// Answers that are asked about.
    taken: usize,
    seen: BTreeSet<Digest>,
    cut: Cut,
    found: &'a mut Found,
}

/// Fills the queue of a policy: for one criterion that people label, or for all.
///
/// # Errors
/// When nothing is labelled by people, no run is there, or the policy picks nothing at all.
pub(super) fn of_policy(
    context: &Context,
    args: &AskArgs,
    policy: Policy,
    desk: &Desk,
    found: &mut Found,
) -> Result<Cut, Failure> {
    let mut loaded = context.sound()?;
    let labelled = labelled(&loaded.manifest, args)?;
    let of = args.of.as_deref();
    let of = of.map(|name| commands::criterion(&loaded.manifest, name));
    let of = of.transpose()?;
    let graded = match policy {
        Policy::Disputed | Policy::Gaps => None,
        _ => {
            let run = args.run.as_deref();
            let (now, console) = (&context.now, &context.console);
            let session = Session::read(&mut loaded, run, now, console, COMMAND)?;
            let analysis = judge(&loaded, &session, now)?.analysis;
            Some((session, analysis))
        }
    };
    let judging = context.judging(&mut loaded, args.run.as_deref())?;
    let mut queue = Queue {
        loaded: &loaded,
        judging: &judging,
        desk,
        people: args.people,
        at_most: args.at_most as usize,
        taken: 0,
        seen: BTreeSet::new(),
        cut: Cut::default(),
        found,
    };
    let parts = match policy {
        Policy::Auto => &[
            Policy::GuardFlips,
            Policy::Disputed,
            Policy::Gaps,
            Policy::Flips,
        ][..],
        _ => std::slice::from_ref(&policy),
    };
    for part in parts {
        for &index in &labelled {
            match (part, &graded) {
                (Policy::Disputed, _) => queue.disputed(index)?,
                (Policy::Gaps, _) => queue.gaps(index)?,
                (_, Some((session, analysis))) => {
                    let wanted = wanted(&loaded.manifest, index, of);
                    let picked = picked(&loaded.manifest, analysis, *part, &wanted);
                    queue.flips(session, index, (&picked, *part))?;
                }
                (_, None) => {}
            }
        }
    }
    let cut = queue.cut;
    if found.items.is_empty() && cut.before == 0 {
        let waits = desk.to_settle().count();
        return Err(nothing(policy, waits));
    }
    Ok(cut)
}

/// Lists the criteria that people are asked about: the one named, or all that people label by name.
fn labelled(manifest: &Manifest, args: &AskArgs) -> Result<Vec<u16>, Failure> {
    if let Some(name) = &args.criterion {
        let index = commands::criterion(manifest, name)?;
        let declared = &manifest.criteria[usize::from(index)];
        if is_of_people(declared).is_none() {
            let what = format!("`{name}` is not labelled by people");
            return Err(Failure::usage(what)
                .why("what somebody said of it would count nowhere: a criterion that people label takes it")
                .next(format!(
                    "gatewright review ask --policy {} --of {name}   (asks as the criteria that people label)",
                    args.policy.map_or("auto", Policy::word)
                )));
        }
        askable(declared)?;
        return Ok(vec![criterion(manifest, name)?]);
    }
    let all = (0..).zip(&manifest.criteria);
    let of_people = all.filter(|(_, it)| is_of_people(it).is_some() && askable(it).is_ok());
    let found: Vec<u16> = of_people.map(|(index, _)| index).collect();
    match found.is_empty() {
        true => Err(nobody_labels()),
        false => Ok(found),
    }
}

/// Whose verdicts pick the answers: those of the criterion named, of a judge its own, and else of all that the gate decides by.
fn wanted(manifest: &Manifest, index: u16, of: Option<u16>) -> BTreeSet<u16> {
    let declared = &manifest.criteria[usize::from(index)];
    match (of, is_of_people(declared)) {
        (Some(of), _) => BTreeSet::from([of]),
        (None, Some(true)) => BTreeSet::from([index]),
        (None, _) => {
            let mut all = deciding(manifest);
            all.remove(&index);
            all
        }
    }
}

fn picked(
    manifest: &Manifest,
    analysis: &Analysis,
    part: Policy,
    wanted: &BTreeSet<u16>,
) -> Vec<Picked> {
    match part {
        Policy::GuardFlips => guard_flips(manifest, analysis, wanted),
        _ => flips(analysis, wanted),
    }
}

/// Says that a policy picks nothing. What people differ on at the server waits there already.
fn nothing(policy: Policy, waits: usize) -> Failure {
    if waits > 0 && matches!(policy, Policy::Disputed | Policy::Auto) {
        let s = if waits == 1 { "" } else { "s" };
        return Failure::usage("nothing new to ask about")
            .why(format!("{waits} answer{s} that people differ on, or ask about, wait to be settled at the server"))
            .next("gatewright serve   (Disagreements)");
    }
    let (what, why) = match policy {
        Policy::GuardFlips => (
            "no rule turns on an answer that somebody could look at",
            "never and guard rules hold, or fresh trials have answered for what regressed",
        ),
        Policy::Disputed => (
            "nobody differs on anything that is not settled",
            "neither people among themselves, nor people and a judge",
        ),
        Policy::Gaps => (
            "no judge lacks labels",
            "each is fit, or unfit whatever more people say, or no model judges",
        ),
        Policy::Flips => (
            "no example is right on one of candidate and production, and wrong on the other",
            "so there is no flip of these criteria to look at",
        ),
        Policy::Auto => (
            "no answer could change the decision by what people say of it",
            "no guard turns on one, nobody differs, no judge lacks labels, and there is no flip",
        ),
    };
    let failure = Failure::usage(what).why(why);
    match policy {
        Policy::GuardFlips => failure.next("gatewright review ask --policy flips"),
        _ => failure.next("gatewright review ask --criterion NAME   (all answers of one)"),
    }
}

impl Queue<'_> {
    /// Takes an answer in, if it is new and there is room.
    fn push(&mut self, item: Item, why: &str, labels: &[Label]) {
        let id = item.id();
        if !self.seen.insert(id) {
            return;
        }
        let before = self.desk.find(&id);
        if let Some(entry) = before.filter(|entry| entry.people >= self.people) {
            self.cut.before += 1;
            // Nobody is asked again; but what was drawn more surely by now weighs less.
            if item.inclusion > entry.item.inclusion {
                self.found.push(item, why, labels);
            }
        } else if self.taken < self.at_most {
            self.taken += 1;
            self.found.push(item, why, labels);
        } else {
            self.cut.left += 1;
        }
    }

    fn is_pair(&self, index: u16) -> bool {
        let declared = &self.loaded.manifest.criteria[usize::from(index)];
        matches!(declared.grader, Grader::Preference(_))
    }

    /// Says whether a judged answer was asked about before.
    fn is_asked(&self, index: u16, unit: &Unit) -> Result<bool, Failure> {
        let asked = Asked::drawn(self.loaded, self.judging, index, unit);
        let item = asked.map(|asked| asked.item(self.loaded)).transpose()?;
        Ok(item.is_some_and(|item| self.desk.find(&item.id()).is_some()))
    }

    /// Takes in a judged answer, with the probability with which it was drawn.
    fn drawn(
        &mut self,
        index: u16,
        unit: &Unit,
        (why, inclusion): (&str, f64),
    ) -> Result<(), Failure> {
        let (loaded, judging) = (self.loaded, self.judging);
        if let Some(asked) = Asked::drawn(loaded, judging, index, unit) {
            let mut item = asked.item(loaded)?;
            item.inclusion = Some(inclusion);
            self.push(item, why, &asked.labels(loaded));
        }
        Ok(())
    }

    /// The answers of both sides to examples that were picked: beside a judge all that it judged, else of each side the one that shows it.
    fn flips(
        &mut self,
        session: &Session,
        index: u16,
        (picked, part): (&[Picked], Policy),
    ) -> Result<(), Failure> {
        let loaded = self.loaded;
        let beside = is_of_people(&loaded.manifest.criteria[usize::from(index)]) == Some(true);
        if beside {
            let none = Vec::new();
            let units = self.judging.units.get(&index).unwrap_or(&none);
            for one in picked {
                let why = why(&loaded.manifest, one, part);
                let of_it = |it: &&Unit| {
                    let is_side = SIDES.contains(&it.role);
                    it.example == one.example && is_side && it.judge != Bin::NotApplicable
                };
                // All of them are taken, for certain.
                for unit in units.iter().filter(of_it) {
                    self.drawn(index, unit, (&why, 1.0))?;
                }
            }
            return Ok(());
        }
        if self.is_pair(index) {
            let mut all = pairs(loaded, self.judging, index)?;
            for one in picked {
                let why = why(&loaded.manifest, one, part);
                if let Some(at) = all.iter().position(|it| it.example == one.example) {
                    let pair = all.swap_remove(at);
                    self.push(pair.item, &why, &pair.labels);
                }
            }
            return Ok(());
        }
        let wanted: BTreeSet<u32> = picked.iter().map(|it| it.example).collect();
        let said = answers(session, |example| wanted.contains(&example))?;
        let verdicts = what_judges_said(loaded, session)?.unwrap_or_default();
        let graders = graders(loaded)?.with_judged(&verdicts);
        let applying = picked
            .iter()
            .filter(|it| graders.applies(index, it.example));
        for one in applying {
            let why = why(&loaded.manifest, one, part);
            for role in SIDES {
                self.side(index, (one, role), (&graders, &said), &why)?;
            }
        }
        Ok(())
    }

    /// The answer of one side that shows what the picking criterion says: the first that fails on the failing side, the first that passes on the
    /// other.
    fn side(
        &mut self,
        index: u16,
        (one, role): (&Picked, Role),
        (graders, said): (&Graders<'_>, &Answers),
        why: &str,
    ) -> Result<(), Failure> {
        let loaded = self.loaded;
        let (Some(system), Some(ends)) = (
            loaded.manifest.systems.get(&role),
            said.get(&(one.example, role)),
        ) else {
            return Ok(());
        };
        let fails = (role == Role::Candidate) == one.regressed;
        let Some((attempt, recorded, end)) = telling(graders, ends, (one.of, !fails))? else {
            return Ok(());
        };
        let AttemptEnd::Answered { response } = end else {
            return Ok(());
        };
        let output = response.output.as_str();
        let asked = Asked {
            criterion: index,
            example: one.example,
            system: &system.name,
            trial: recorded.unwrap_or(attempt.trial),
            part: None,
            output: Some(output),
            text: Some(TextCode::of(output)),
            said: Vec::new(),
        };
        let item = asked.item(loaded)?;
        self.push(item, why, &asked.labels(loaded));
        Ok(())
    }

    /// Answers on which people differ, and those that people and a judge read differently, while nobody has settled them.
    fn disputed(&mut self, index: u16) -> Result<(), Failure> {
        let (loaded, judging) = (self.loaded, self.judging);
        if self.is_pair(index) {
            for pair in pairs(loaded, judging, index)? {
                let mut said = pair.labels.iter().filter(|label| !label.settles);
                let first = said.next().map(|label| &label.label);
                let differ = said.any(|label| Some(&label.label) != first);
                if differ && pair.labels.iter().all(|label| !label.settles) {
                    self.push(pair.item, "people differ on it", &pair.labels);
                }
            }
            return Ok(());
        }
        let beside = is_of_people(&loaded.manifest.criteria[usize::from(index)]) == Some(true);
        let rated = given(loaded, index, beside);
        let done = settled(loaded, index, beside);
        let outputs = Outputs::of(loaded, judging);
        let open = rated.units.iter().filter(|unit| unit.is_disputed());
        for unit in open.filter(|unit| !done.contains(&place(unit))) {
            let Some(asked) = outputs.asked(index, unit) else {
                continue;
            };
            let item = asked.item(loaded)?;
            self.push(item, "people differ on it", &asked.labels(loaded));
        }
        let none = Vec::new();
        let units = judging.units.get(&index).filter(|_| beside);
        for unit in units.unwrap_or(&none) {
            let differ = unit.said().zip(unit.judged());
            if differ.is_some_and(|(said, judged)| said != judged) {
                let why = "the judge and somebody who labelled it read it differently";
                let drawn = unit.beside.people.as_ref().map_or(1.0, |it| it.inclusion);
                self.drawn(index, unit, (why, drawn))?;
            }
        }
        Ok(())
    }

    /// Answers whose labels a judge lacks that could still be shown fit: drawn as `calibrate --plan` draws, so that they estimate.
    fn gaps(&mut self, index: u16) -> Result<(), Failure> {
        let judging = self.judging;
        let of = |one: &&calibrate::Calibration| one.criterion == index;
        let Some(calibration) = judging.calibrations.iter().find(of) else {
            return Ok(());
        };
        let Fitness::Undecided { labels, .. } = calibration.fitness else {
            return Ok(());
        };
        let none = Vec::new();
        let units = judging.units.get(&index).unwrap_or(&none);
        let lacking = labels.unwrap_or(calibration.first_labels.1) as usize;
        let wanted = lacking.min(self.at_most).max(1);
        let (seed, id) = (
            self.loaded.manifest.seed,
            self.loaded.manifest.criteria[usize::from(index)]
                .id
                .as_str(),
        );
        let mut budget = wanted;
        let mut drawing = calibrate::draw(units, budget, seed, id);
        let unlabelled = |drawing: &calibrate::Drawing<'_>| {
            let open = drawing.answers.iter();
            open.filter(|it| it.unit.beside.people.is_none()).count()
        };
        while unlabelled(&drawing) < wanted && budget < units.len() {
            budget = (budget + wanted).min(units.len());
            drawing = calibrate::draw(units, budget, seed, id);
        }
        drawing.answers.sort_by_key(|answer| answer.stratum);
        for answer in &drawing.answers {
            // What a file says of an answer stands; one that was asked here is drawn more surely by now.
            if answer.unit.beside.people.is_none() || self.is_asked(index, answer.unit)? {
                let why = why_drawn(answer.stratum);
                self.drawn(index, answer.unit, (why, answer.inclusion))?;
            }
        }
        Ok(())
    }
}

/// Says why a flip is asked about. It does not say which of the two is the better one: whoever reads it may still label the other answer.
fn why(manifest: &Manifest, one: &Picked, part: Policy) -> String {
    let of = &manifest.criteria[usize::from(one.of)].id;
    match part {
        Policy::GuardFlips => {
            format!(
                "a rule of the gate turns on it: by {of} the answers to this question differ, or one is an event that must never be"
            )
        }
        _ => format!("by {of} one system's answer to this question passes, and another's does not"),
    }
}
