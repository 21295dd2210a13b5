//! The grader that reads recorded labels.

use std::cmp::Reverse;
use std::sync::Arc;

use super::behaviour::symptom;
use super::parts::{Parts, unlabelled};
use super::scope::Marks;
use super::sheet::{Measures, Sheet};
use super::{Sink, class_of};
use crate::label::{Labels, NO_PART, PEOPLE, Row, TextCode};
use crate::manifest::{
    Absent, Combine, Criterion, LabelGrader, LabelMap, Manifest, PartsRule, Role,
};
use crate::outcome::{Bin, GraderKind, Missing};
use crate::plan::AttemptSpec;
use crate::reference::ReferenceSet;
use crate::response::Behaviour;
use crate::segment;

/// What this grader can tell.
pub(super) const SHEETS: [Sheet; 1] = [Sheet {
    kind: "label",
    measures: Measures::Judgement,
    checks: "a recorded label of a person, a program or a model says so",
    protects: &[
        "unsupported-claim",
        "wrong-source",
        "source-conflict",
        "policy-ambiguity",
        "refusal-failure",
        "over-refusal",
        "scope-mismatch",
        "reviewer-disagreement",
    ],
    cost: "one look-up; the labels themselves cost people or money",
    deterministic: true,
    blind_spot: "it is as good as who labelled, and as current as the rubric; a model judge gates nothing until it is calibrated",
}];

/// Marks an example that no label map is for.
const NO_MAP: u8 = u8::MAX;

/// A label grader with its labels' verdicts looked up.
#[derive(Debug)]
pub(super) struct ReadyLabel<'a> {
    grader: &'a LabelGrader,
    criterion: u16,
    /// For each label map and each distinct label text: the vote.
    votes: Vec<Vec<Vote>>,
    /// For each example: its label map.
    maps: Vec<u8>,
    /// Rows tell of which text they are, or that not all have labelled an answer.
    tells_texts: bool,
    /// For each role: the system's place in the tables.
    systems: [Option<usize>; 3],
    /// What an absent label fails as.
    absent_class: Option<u16>,
    /// For each distinct label text: the behaviour that it names, where the page says so.
    behaviours: Vec<Option<Behaviour>>,
    /// For each distinct label text: what a unit with this one label is explained by.
    whys: Vec<Arc<str>>,
}

/// What was said of one unit, all labels of it together.
#[derive(Debug)]
pub(super) struct Unit {
    /// The part; none for the whole answer.
    pub(super) part: Option<u32>,
    /// The verdict of all labels.
    pub(super) bin: Bin,
    /// The label as written, when all are the same.
    pub(super) label: Option<Arc<str>>,
    /// With several labels: whether their verdicts differ.
    pub(super) flips: Option<bool>,
    /// The probability with which the unit was drawn, for people's labels.
    pub(super) inclusion: f64,
}

/// What one label says.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Vote {
    Pass,
    Fail(u16),
    NotApplicable,
    /// The label is mapped to nothing, or its failure to no class.
    Unread,
    Score(f64),
}

impl<'a> ReadyLabel<'a> {
    pub(super) fn new(
        manifest: &Manifest,
        set: (&ReferenceSet, &Marks),
        labels: &Labels,
        criterion: &Criterion,
        index: u16,
        grader: &'a LabelGrader,
    ) -> Self {
        let fits = |place: usize, example: u32| set.1.fits(index, place, example);
        Self::fitting(manifest, set.0, labels, criterion, index, grader, fits)
    }

    /// Makes the labels of people beside a judge ready; they have label maps of their own.
    pub(super) fn of_people(
        manifest: &Manifest,
        set: (&ReferenceSet, &Marks),
        labels: &Labels,
        criterion: &Criterion,
        index: u16,
        grader: &'a LabelGrader,
    ) -> Self {
        let own = index & !PEOPLE;
        let fits = |place: usize, example: u32| set.1.fits_people(own, place, example);
        Self::fitting(manifest, set.0, labels, criterion, index, grader, fits)
    }

    fn fitting(
        manifest: &Manifest,
        reference: &ReferenceSet,
        labels: &Labels,
        criterion: &Criterion,
        index: u16,
        grader: &'a LabelGrader,
        has_fields: impl Fn(usize, u32) -> bool,
    ) -> Self {
        let votes = grader.values.iter().enumerate().map(|(place, map)| {
            let texts = labels.texts().iter();
            let vote = |text: &Arc<str>| match grader.behaviours.get(text.as_ref()) {
                Some(done) => vote_of(criterion, *done, expected_of(place)),
                None => vote(criterion, map, text),
            };
            texts.map(vote).collect()
        });
        let votes = votes.collect();
        let behaviours = labels.texts().iter();
        let behaviours = behaviours.map(|text| grader.behaviours.get(text.as_ref()).copied());
        let behaviours = behaviours.collect();
        let maps = (0..reference.examples.len() as u32)
            .map(|example| {
                let fits = |(place, map): (usize, &LabelMap)| {
                    has_fields(place, example)
                        && segment::is_in(manifest, reference, example, &map.when)
                };
                match grader.values.iter().enumerate().position(fits) {
                    Some(at) => at.min(usize::from(NO_MAP) - 1) as u8,
                    // Scores need no map.
                    None if grader.score => 0,
                    None => NO_MAP,
                }
            })
            .collect();
        let systems = Role::ALL.map(|role| {
            let system = manifest.systems.get(&role)?;
            labels.system_index(&system.name)
        });
        Self {
            grader,
            criterion: index,
            votes,
            maps,
            tells_texts: labels.tells_texts(index),
            systems,
            absent_class: class_of(&criterion.fails_as, "absent"),
            behaviours,
            whys: labels
                .texts()
                .iter()
                .map(|text| super::clip(format!("labelled {text}")).into())
                .collect(),
        }
    }

    pub(super) fn by(&self) -> GraderKind {
        self.grader.by
    }

    /// An example that no label map is for is not what the criterion is about.
    pub(super) fn applies(&self, example: u32) -> bool {
        self.maps[example as usize] != NO_MAP
    }

    /// Says whether the page states what an absent label means.
    pub(super) fn says_absent(&self) -> bool {
        self.grader.absent != Absent::Missing
    }

    pub(super) fn absent(&self, sink: &mut Sink<'_>) {
        let share = self.grader.parts == Some(PartsRule::Share);
        let bin = match (self.grader.absent, self.absent_class) {
            // A share is a number also for an answer without parts, so that it stays in the mean.
            (Absent::Pass, _) if share => Bin::Value(1.0),
            (Absent::Fail, _) if share => Bin::Value(0.0),
            (Absent::Pass, _) => Bin::Pass,
            (Absent::NotApplicable, _) => Bin::NotApplicable,
            (Absent::Fail, Some(class)) => Bin::Fail(class),
            (Absent::Fail, None) | (Absent::Missing, _) => Bin::Missing(Missing::GraderError),
        };
        sink.push(self.by(), bin, None, Some("no label".into()));
    }

    /// The field that says how many parts an answer has.
    pub(super) fn parts_from(&self) -> Option<&str> {
        self.grader.parts_from.as_deref()
    }

    /// Grades one answered attempt by the labels that carry its recorded trial; `output` is what was answered, where it is known.
    pub(super) fn grade(
        &self,
        labels: &Labels,
        (attempt, output): (AttemptSpec, Option<&str>),
        recorded_trial: u32,
        manifest: &Manifest,
        parts: &Parts,
        sink: &mut Sink<'_>,
    ) {
        let system = self.systems[attempt.system.index()];
        let all = match system {
            Some(system) => labels.rows(self.criterion, system, attempt.example),
            None => &[],
        };
        // Rows are in the order of trial, then part.
        let from = all.partition_point(|row| row.trial < recorded_trial);
        let to = all.partition_point(|row| row.trial <= recorded_trial);
        let rows = &all[from..to];
        if !self.tells_texts {
            return self.grade_rows(labels, rows, manifest, parts, sink);
        }
        let text = output.map(TextCode::of);
        let place = (system.unwrap_or_default(), attempt.example, recorded_trial);
        let about = |row: &&Row| labels.is_about(self.criterion, row, text);
        let own: Vec<Row> = rows.iter().filter(about).copied().collect();
        let why = if labels.is_awaited(self.criterion, place, text) {
            "not all who were asked have labelled it"
        } else if labels.is_outdated(self.criterion, place, text, &own) {
            "people labelled it by another version of the rubric"
        } else if own.is_empty() && !rows.is_empty() {
            "what people labelled is another text than this answer"
        } else {
            return self.grade_rows(labels, &own, manifest, parts, sink);
        };
        let missing = Bin::Missing(Missing::GraderError);
        sink.push(self.by(), missing, None, Some(why.into()));
    }

    /// Grades one answer by these of its labels, in the order of parts.
    fn grade_rows(
        &self,
        labels: &Labels,
        rows: &[Row],
        manifest: &Manifest,
        parts: &Parts,
        sink: &mut Sink<'_>,
    ) {
        if rows.is_empty() && matches!(parts, Parts::Unstated | Parts::Count(0)) {
            return self.absent(sink);
        }
        let without;
        let rows = match self.decisive(rows) {
            Some(kept) => {
                without = kept;
                without.as_slice()
            }
            None => rows,
        };
        let map = usize::from(self.maps[sink.attempt.example as usize]);
        let unlabelled = unlabelled(rows, parts);
        let severity = |class: u16| {
            let class = manifest.classes.get(usize::from(class));
            class.map_or(crate::class::Severity::Low, |class| class.severity)
        };
        let units = rows.chunk_by(|a, b| a.part == b.part).map(|unit| {
            if let [row] = unit {
                return (unit, self.vote(map, row));
            }
            let votes: Vec<Vote> = unit.iter().map(|row| self.vote(map, row)).collect();
            (unit, combine(&votes, self.grader.combine, severity))
        });
        // How many parts there should be cannot be told: that is one more without a verdict.
        let unknown = match parts {
            Parts::Unknown(why) => Some(Arc::clone(why)),
            _ => None,
        };
        match self.grader.parts {
            Some(rule) => {
                let mut parts: Vec<Vote> = units.map(|(_, vote)| vote).collect();
                parts.extend(unlabelled.iter().map(|_| Vote::Unread));
                parts.extend(unknown.iter().map(|_| Vote::Unread));
                let bin = join(&parts, rule, severity);
                let own = unknown.filter(|_| matches!(bin, Bin::Missing(_)));
                let why = own.or_else(|| self.explain(labels, rows, bin));
                sink.push(self.kind(rows), bin, None, why);
            }
            None => {
                for (unit, vote) in units {
                    let bin = vote.bin();
                    let part = (unit[0].part != NO_PART).then_some(unit[0].part);
                    let why = self.explain(labels, unit, bin);
                    sink.part(part, self.kind(unit), bin, None, why);
                    sink.observed(self.observed(unit, bin, map));
                }
                for part in unlabelled {
                    let missing = Bin::Missing(Missing::GraderError);
                    let why = Some("no label for this part".into());
                    sink.part(Some(part), self.grader.by, missing, None, why);
                }
                if let Some(why) = unknown {
                    let missing = Bin::Missing(Missing::GraderError);
                    let last = rows.last().map(|row| row.part.saturating_add(1));
                    let part = last.filter(|part| *part != NO_PART);
                    sink.part(part, self.grader.by, missing, None, Some(why));
                }
            }
        }
    }

    /// What the system did, by the labels of one unit: what most of those say that its verdict rests on.
    fn observed(&self, unit: &[Row], bin: Bin, map: usize) -> Option<Behaviour> {
        if self.grader.behaviours.is_empty() {
            return None;
        }
        let expected = expected_of(map);
        match bin {
            Bin::Pass => return Some(expected),
            Bin::Fail(_) => {}
            _ => return None,
        }
        let named = unit.iter().filter_map(|row| {
            let named = self.behaviours.get(row.value as usize);
            named.copied().flatten().filter(|it| *it != expected)
        });
        let named: Vec<Behaviour> = named.collect();
        let often = |one: Behaviour| named.iter().filter(|it| **it == one).count();
        let most = named.iter().map(|one| often(*one)).max()?;
        let mut first = Behaviour::ALL.into_iter().filter(|one| often(*one) == most);
        // Two that are said as often: it cannot be told.
        let only = first.next();
        only.filter(|_| first.next().is_none())
    }

    /// Returns what the labels of one answer say, unit by unit; nothing where there is no label. The second are the units with labels of
    /// another text only, by part: what was said of another answer is not said of this one.
    pub(super) fn units(
        &self,
        labels: &Labels,
        (attempt, text): (AttemptSpec, Option<TextCode>),
        recorded_trial: u32,
        manifest: &Manifest,
    ) -> (Vec<Unit>, Vec<Option<u32>>) {
        let Some(system) = self.systems[attempt.system.index()] else {
            return Default::default();
        };
        let all = labels.rows(self.criterion, system, attempt.example);
        let of_trial = all.iter().filter(|row| row.trial == recorded_trial);
        let (rows, others): (Vec<Row>, Vec<Row>) =
            of_trial.partition(|row| labels.is_about(self.criterion, row, text));
        let place = |row: &Row| (row.part != NO_PART).then_some(row.part);
        let of_another = others.iter().map(place).collect();
        if rows.is_empty() {
            return (Vec::new(), of_another);
        }
        let map = usize::from(self.maps[attempt.example as usize]);
        let mut graded = Vec::new();
        let mut sink = Sink {
            out: &mut graded,
            attempt,
            index: self.criterion,
        };
        self.grade_rows(labels, &rows, manifest, &Parts::Unstated, &mut sink);
        let units = graded.into_iter().filter_map(|outcome| {
            let of_unit = |row: &&Row| match (self.grader.parts, outcome.part) {
                (Some(_), _) => true,
                (None, part) => place(row) == part,
            };
            let rows: Vec<&Row> = rows.iter().filter(of_unit).collect();
            let first = *rows.first()?;
            let alike = rows.iter().all(|row| row.value == first.value);
            let texts = !self.grader.score && (self.grader.parts.is_none() || rows.len() == 1);
            Some(Unit {
                part: outcome.part,
                bin: outcome.bin,
                label: (alike && texts).then(|| labels.text(first)),
                flips: self.repeats(map, &rows),
                inclusion: labels.inclusion(self.criterion & !PEOPLE, first),
            })
        });
        (units.collect(), of_another)
    }

    /// With several labels of one unit: whether their verdicts differ.
    fn repeats(&self, map: usize, rows: &[&Row]) -> Option<bool> {
        let mut asked = None;
        for unit in rows.chunk_by(|a, b| a.part == b.part) {
            if unit.len() > 1 {
                let first = self.vote(map, unit[0]);
                let differ = unit.iter().any(|row| self.vote(map, row) != first);
                asked = Some(asked.unwrap_or(false) || differ);
            }
        }
        asked
    }

    /// Keeps the labels that a unit's verdict rests on, where not all do; `None` where nothing is left out.
    ///
    /// A label that settles what others said is the verdict. Else a judge's labels are left out of every unit that somebody else labelled
    /// too, unless the page lets a judge judge: what a judge adds to people's labels must not decide whether theirs count.
    fn decisive(&self, rows: &[Row]) -> Option<Vec<Row>> {
        let judge = |row: &Row| row.kind == Some(GraderKind::Model);
        let judges = self.by() != GraderKind::Model && rows.iter().any(judge);
        if !judges && !rows.iter().any(|row| row.settles) {
            return None;
        }
        let units = rows.chunk_by(|a, b| a.part == b.part);
        let kept = units.flat_map(|unit| {
            let settled = unit.iter().any(|row| row.settles);
            let keeps_judges = !judges || unit.iter().all(judge);
            unit.iter().filter(move |row| match settled {
                true => row.settles,
                false => keeps_judges || !judge(row),
            })
        });
        Some(kept.copied().collect())
    }

    fn vote(&self, map: usize, row: &Row) -> Vote {
        if self.grader.score {
            let score = row.score();
            return if score.is_finite() {
                Vote::Score(score)
            } else {
                Vote::Unread
            };
        }
        let votes = self.votes.get(map);
        let vote = votes.and_then(|votes| votes.get(row.value as usize));
        vote.copied().unwrap_or(Vote::Unread)
    }

    /// Says why a unit failed or is missing: its labels, each once.
    fn explain(&self, labels: &Labels, rows: &[Row], bin: Bin) -> Option<Arc<str>> {
        if !matches!(bin, Bin::Fail(_) | Bin::Missing(_)) {
            return None;
        }
        if self.grader.score {
            return Some("the score is no number".into());
        }
        if let [row] = rows {
            return self.whys.get(row.value as usize).cloned();
        }
        let mut said: Vec<Arc<str>> = Vec::new();
        for row in rows {
            let text = labels.text(row);
            if !said.contains(&text) && said.len() < 5 {
                said.push(text);
            }
        }
        Some(super::clip(format!("labelled {}", said.join(", "))).into())
    }

    /// One kind when all labels agree on it; a model among others makes it a model's.
    fn kind(&self, rows: &[Row]) -> GraderKind {
        let mut kinds = rows.iter().map(|row| row.kind.unwrap_or(self.grader.by));
        let first = kinds.next().unwrap_or(self.grader.by);
        let mut mixed = false;
        let mut model = first == GraderKind::Model;
        for kind in kinds {
            mixed |= kind != first;
            model |= kind == GraderKind::Model;
        }
        match (mixed, model) {
            (false, _) => first,
            (true, true) => GraderKind::Model,
            (true, false) => self.grader.by,
        }
    }
}

/// The behaviour that the label maps of `behaviour` expect, by their place.
fn expected_of(place: usize) -> Behaviour {
    Behaviour::ALL
        .get(place)
        .copied()
        .unwrap_or(Behaviour::Answer)
}

fn vote_of(criterion: &Criterion, done: Behaviour, expected: Behaviour) -> Vote {
    if done == expected {
        return Vote::Pass;
    }
    let class = class_of(&criterion.fails_as, &symptom(done, expected));
    class.map_or(Vote::Unread, Vote::Fail)
}

fn vote(criterion: &Criterion, map: &LabelMap, text: &str) -> Vote {
    if map.pass.contains(text) {
        return Vote::Pass;
    }
    if map.not_applicable.contains(text) {
        return Vote::NotApplicable;
    }
    match map.fail.get(text) {
        Some(Some(class)) => Vote::Fail(*class),
        Some(None) => class_of(&criterion.fails_as, text).map_or(Vote::Unread, Vote::Fail),
        None => Vote::Unread,
    }
}

impl Vote {
    fn bin(self) -> Bin {
        match self {
            Vote::Pass => Bin::Pass,
            Vote::Fail(class) => Bin::Fail(class),
            Vote::NotApplicable => Bin::NotApplicable,
            Vote::Unread => Bin::Missing(Missing::GraderError),
            Vote::Score(score) => Bin::Value(score),
        }
    }
}

/// The class of several failures: the most frequent, of those the severest, of those the first.
fn worst<S: Ord>(votes: &[Vote], severity: impl Fn(u16) -> S) -> Option<u16> {
    let mut classes: Vec<(usize, u16)> = Vec::new();
    for vote in votes {
        if let Vote::Fail(class) = vote {
            match classes.iter_mut().find(|(_, known)| known == class) {
                Some((count, _)) => *count += 1,
                None => classes.push((1, *class)),
            }
        }
    }
    classes
        .into_iter()
        .max_by_key(|(count, class)| (*count, severity(*class), Reverse(*class)))
        .map(|(_, class)| class)
}

/// Makes one vote of several annotators'. Scores: the mean (majority), the lowest (unanimous) or the highest (any).
fn combine<S: Ord>(votes: &[Vote], rule: Combine, severity: impl Fn(u16) -> S) -> Vote {
    if let [one] = votes {
        return *one;
    }
    if let Some(scores) = scores(votes) {
        return Vote::Score(match rule {
            Combine::Majority => mean(&scores),
            Combine::Unanimous => scores.iter().copied().fold(f64::INFINITY, f64::min),
            Combine::Any => scores.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        });
    }
    let count = |wanted: fn(&Vote) -> bool| votes.iter().filter(|vote| wanted(vote)).count();
    let pass = count(|vote| *vote == Vote::Pass);
    let fail = count(|vote| matches!(vote, Vote::Fail(_)));
    let beside = count(|vote| *vote == Vote::NotApplicable);
    let unread = votes.len() - pass - fail - beside;
    let failed = || worst(votes, &severity).map_or(Vote::Unread, Vote::Fail);
    match rule {
        Combine::Majority => {
            let most = pass.max(fail).max(beside).max(unread);
            match (pass == most, fail == most, beside == most, unread == most) {
                (true, false, false, false) => Vote::Pass,
                (false, true, false, false) => failed(),
                (false, false, true, false) => Vote::NotApplicable,
                // A split, or a majority that cannot be read.
                _ => Vote::Unread,
            }
        }
        Combine::Unanimous if fail > 0 => failed(),
        Combine::Any if pass > 0 => Vote::Pass,
        Combine::Unanimous | Combine::Any if unread > 0 => Vote::Unread,
        Combine::Unanimous if pass > 0 => Vote::Pass,
        Combine::Any if fail > 0 => failed(),
        Combine::Unanimous | Combine::Any => Vote::NotApplicable,
    }
}

/// Makes the answer's verdict of its parts'. Parts that do not apply are left out; a part that cannot be read leaves the answer undecided, unless another decides it.
fn join<S: Ord>(parts: &[Vote], rule: PartsRule, severity: impl Fn(u16) -> S) -> Bin {
    let counted: Vec<Vote> = parts
        .iter()
        .copied()
        .filter(|vote| *vote != Vote::NotApplicable)
        .collect();
    if counted.is_empty() {
        return Bin::NotApplicable;
    }
    let unread = counted.contains(&Vote::Unread);
    if let Some(scores) = scores(&counted) {
        return Bin::Value(match rule {
            PartsRule::All => scores.iter().copied().fold(f64::INFINITY, f64::min),
            PartsRule::Any => scores.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            PartsRule::Share => mean(&scores),
        });
    }
    let passed = counted.iter().filter(|vote| **vote == Vote::Pass).count();
    let failed = worst(&counted, severity);
    match (rule, failed) {
        (PartsRule::All, Some(class)) => Bin::Fail(class),
        (PartsRule::Any, _) if passed > 0 => Bin::Pass,
        _ if unread => Bin::Missing(Missing::GraderError),
        (PartsRule::All, None) => Bin::Pass,
        (PartsRule::Any, Some(class)) => Bin::Fail(class),
        (PartsRule::Any, None) => Bin::Missing(Missing::GraderError),
        (PartsRule::Share, _) => Bin::Value(passed as f64 / counted.len() as f64),
    }
}

/// Returns the scores when every vote is one.
fn scores(votes: &[Vote]) -> Option<Vec<f64>> {
    votes
        .iter()
        .map(|vote| match vote {
            Vote::Score(score) => Some(*score),
            _ => None,
        })
        .collect()
}

fn mean(scores: &[f64]) -> f64 {
    scores.iter().sum::<f64>() / scores.len() as f64
}
