//! One pass over a file of labels, a block of lines at a time, for every criterion that wants it.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::num::NonZeroUsize;

use super::plan::{Compiled, Field, KEYS, Plan, is_text, is_there, score, sign, text};
use super::table::{Interner, Labels, NO_PART, Place, Row, Stated, Table};
use super::{
    PAIR, PEOPLE, Request, TextCode, answer_id, is_place, kind_of, settles, split_answer_id,
};
use crate::json::{BLOCK_BYTES, Block, Collector, Fault, Picker, Slot, map_blocks};
use crate::manifest::Manifest;
use crate::outcome::GraderKind;
use crate::problem::{Problem, nearest};
use crate::recorded::is_set_aside;
use crate::reference::ReferenceSet;

/// Problems of one block that are kept one by one.
const BLOCK_PROBLEMS: usize = crate::json::SHOWN_LIMIT;
/// Names of unknown examples that are kept for showing.
const NAMED_LIMIT: usize = 5;
#[expect(
    clippy::too_many_arguments,
    reason = "the public entry's arguments, passed on"
)]
pub(super) fn read(
    manifest: &Manifest,
    reference: &ReferenceSet,
    requests: &[Request<'_>],
    file: &str,
    reader: impl BufRead,
    threads: NonZeroUsize,
    into: &mut Labels,
    problems: &mut Vec<Problem>,
) {
    let mut problems = Collector::new(file, problems);
    let plan = Plan::new(manifest, reference, requests, into);
    let file_index = into.files.len().min(usize::from(u8::MAX)) as u8;
    into.files.push(file.into());
    let read = map_blocks(
        reader,
        (threads, BLOCK_BYTES),
        &|block: &Block| read_block(&plan, block),
        |found| merge(found, requests, file_index, into, &mut problems),
    );
    if let Err(error) = read {
        problems.unreadable(&error);
    }
    let touched: BTreeSet<u16> = requests.iter().map(Request::table).collect();
    for criterion in &touched {
        let table = into.tables.entry(*criterion).or_default();
        table.score = requests
            .iter()
            .any(|request| request.table() == *criterion && request.score);
    }
    for (criterion, twice) in index(into, &touched, reference.examples.len(), threads) {
        for (first, later) in twice {
            let id = &reference.examples[first.example as usize].id;
            let who = &into.annotators.texts()[usize::from(first.annotator)];
            let name = &manifest.criteria[usize::from(criterion & !PEOPLE)].id;
            let of = if first.file == later.file {
                String::new()
            } else {
                format!(" of `{}`", into.files[usize::from(first.file)])
            };
            let what = format!(
                "`{who}` already labelled `{id}` for `{name}` in line {}{of}",
                first.line
            );
            let mut at = problems.line(later.line);
            // The row as a whole.
            at.column = 1;
            problems.push(
                Problem::error("duplicate-label", at, what)
                    .why("one annotator has one vote on a unit")
                    .instead(
                        "map `annotator`, `trial` or `part`, or keep one question with `where`",
                    ),
            );
        }
    }
    problems.finish();
}

/// Pairs of labels of one criterion that are about the same unit by the same annotator.
type Twice = (u16, Vec<(Row, Row)>);

/// Indexes the tables that were read into, several at a time; the result is in the order of criteria.
fn index(
    into: &mut Labels,
    touched: &BTreeSet<u16>,
    examples: usize,
    threads: NonZeroUsize,
) -> Vec<Twice> {
    let systems = into.system_names().len();
    let mut tables: Vec<(u16, &mut Table)> = into
        .tables
        .iter_mut()
        .filter(|(criterion, _)| touched.contains(criterion))
        .map(|(criterion, table)| (*criterion, table))
        .collect();
    let share = tables.len().div_ceil(threads.get()).max(1);
    std::thread::scope(|scope| {
        let workers: Vec<_> = tables
            .chunks_mut(share)
            .map(|some| {
                scope.spawn(move || {
                    some.iter_mut()
                        .map(|(criterion, table)| (*criterion, table.index(systems, examples)))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| match worker.join() {
                Ok(found) => found,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

/// What one block holds. Texts are numbered in the block's own order of appearance.
struct Found {
    rows: Vec<Vec<Row>>,
    /// Places for a label that nobody has filled in.
    open: Vec<Vec<Place>>,
    /// Answers that not all who were asked have labelled, with their texts where the rows tell.
    awaited: Vec<Vec<(Place, Option<TextCode>)>>,
    /// Answers with a label by another version of the rubric.
    outdated: Vec<Vec<(Place, Option<TextCode>)>>,
    /// Labels by another version of the rubric.
    other_rubric_rows: Vec<u64>,
    /// Line of the labels that state how they were drawn, or of which text they are.
    stated: Vec<Vec<(u32, Stated)>>,
    texts: Interner,
    annotators: Interner,
    other_system_rows: u64,
    set_aside_rows: u64,
    unknown_rows: u64,
    unknown: Vec<String>,
    faults: Vec<(u32, u32, Fault)>,
    problems: Vec<Bad>,
    /// Further faults and problems.
    more: usize,
}

/// What is wrong with a row.
struct Bad {
    line: u32,
    /// Found when the row is done with.
    column: u32,
    code: &'static str,
    what: String,
    instead: String,
}

fn merge(
    found: Found,
    requests: &[Request<'_>],
    file: u8,
    into: &mut Labels,
    problems: &mut Collector<'_>,
) {
    for (line, column, fault) in &found.faults {
        problems.fault(*line, *column, fault);
    }
    for bad in found.problems {
        let mut at = problems.line(bad.line);
        at.column = bad.column;
        let problem = Problem::error(bad.code, at, bad.what);
        problems.push(problem.instead(bad.instead));
    }
    for _ in 0..found.more {
        problems.push(Problem::error(
            "more-problems",
            problems.line(0),
            "and more",
        ));
    }
    let texts: Vec<u32> = found
        .texts
        .texts()
        .iter()
        .map(|text| into.texts.intern(text))
        .collect();
    let annotators: Vec<u32> = found
        .annotators
        .texts()
        .iter()
        .map(|text| into.annotators.intern(text))
        .collect();
    for (request, open) in requests.iter().zip(found.open) {
        let all = into.open.entry(request.table()).or_default();
        all.extend(open);
    }
    for (request, awaited) in requests.iter().zip(found.awaited) {
        let all = into.awaited.entry(request.table()).or_default();
        all.extend(awaited);
    }
    for (request, outdated) in requests.iter().zip(found.outdated) {
        let all = into.outdated.entry(request.table()).or_default();
        all.extend(outdated);
    }
    for (request, rows) in requests.iter().zip(found.other_rubric_rows) {
        *into.other_rubric_rows.entry(request.criterion).or_default() += rows;
    }
    for ((request, mut rows), stated) in requests.iter().zip(found.rows).zip(found.stated) {
        for row in &mut rows {
            if !request.score {
                row.value = u64::from(texts[row.value as usize]);
            }
            row.annotator = annotators[usize::from(row.annotator)].min(u32::from(u16::MAX)) as u16;
            row.file = file;
        }
        let table = into.tables.entry(request.table()).or_default();
        let stated = stated.into_iter();
        table
            .stated
            .extend(stated.map(|(line, stated)| ((file, line), stated)));
        if !rows.is_empty() {
            table.pieces.push(rows);
        }
    }
    into.other_system_rows += found.other_system_rows;
    into.set_aside_rows += found.set_aside_rows;
    into.unknown_rows += found.unknown_rows;
    for id in found.unknown {
        if into.unknown_examples.len() < NAMED_LIMIT && !into.unknown_examples.contains(&id) {
            into.unknown_examples.push(id);
        }
    }
}

fn read_block(plan: &Plan<'_>, block: &Block) -> Found {
    let mut reader = BlockReader {
        plan,
        found: Found {
            rows: plan.requests.iter().map(|_| Vec::new()).collect(),
            open: plan.requests.iter().map(|_| Vec::new()).collect(),
            awaited: plan.requests.iter().map(|_| Vec::new()).collect(),
            outdated: plan.requests.iter().map(|_| Vec::new()).collect(),
            other_rubric_rows: vec![0; plan.requests.len()],
            stated: plan.requests.iter().map(|_| Vec::new()).collect(),
            texts: Interner::default(),
            annotators: Interner::default(),
            other_system_rows: 0,
            set_aside_rows: 0,
            unknown_rows: 0,
            unknown: Vec::new(),
            faults: Vec::new(),
            problems: Vec::new(),
            more: 0,
        },
        last: (String::new(), None),
        reported: BTreeSet::new(),
    };
    for (line, fault) in &block.faults {
        reader.found.faults.push((*line, 1, fault.clone()));
    }
    let mut picker = Picker::new(plan.paths.clone());
    let mut slots = Vec::new();
    for (number, line) in block.lines() {
        match picker.pick(line, &mut slots) {
            Ok(new_shape) => {
                if new_shape {
                    reader.known_keys(number, picker.keys());
                }
                reader.row(number, &slots);
                let bad = reader.found.problems.iter_mut().rev();
                for bad in bad.take_while(|bad| bad.column == 0) {
                    bad.column = crate::json::column_named(line, &bad.what);
                }
            }
            Err(error) if reader.found.faults.len() < BLOCK_PROBLEMS => {
                let column = error.column(line);
                reader.found.faults.push((number, column, error.fault));
            }
            Err(_) => reader.found.more += 1,
        }
    }
    reader.found
}

/// Says whether somebody has filled the row in: `null` and an empty text are places for a label.
fn is_filled(request: &Compiled, slots: &[Slot<'_>]) -> bool {
    match text(&request.value, slots) {
        Some(label) => !label.trim().is_empty(),
        None => !is_there(&request.value, slots),
    }
}

struct BlockReader<'p, 'r> {
    plan: &'p Plan<'r>,
    found: Found,
    /// The last example id and its index: rows of one example mostly stand together.
    last: (String, Option<u32>),
    reported: BTreeSet<String>,
}

impl<'a> BlockReader<'a, '_> {
    fn bad(&mut self, line: u32, code: &'static str, what: String, instead: String) {
        if self.found.problems.len() < BLOCK_PROBLEMS {
            self.found.problems.push(Bad {
                line,
                column: 0,
                code,
                what,
                instead,
            });
        } else {
            self.found.more += 1;
        }
    }

    fn known_keys<'k>(&mut self, line: u32, keys: impl Iterator<Item = &'k str>) {
        let Some(known) = &self.plan.known else {
            return;
        };
        for key in keys {
            if known.contains(key) || !self.reported.insert(key.to_owned()) {
                continue;
            }
            let instead = match nearest(key, KEYS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "read the file with a `map`, or put the key under `fields`".to_owned(),
            };
            self.bad(line, "unknown-key", format!("unknown key `{key}`"), instead);
        }
    }

    fn row(&mut self, line: u32, slots: &[Slot<'_>]) {
        let plan: &'a Plan<'_> = self.plan;
        // Criteria of one long file mostly filter on the same field: its sign tells most of them apart at a glance.
        let mut signed: Option<(usize, u64)> = None;
        for group in &plan.groups {
            if let Some((slot, wanted)) = group.only
                && let Slot::Text(text) = &slots[slot]
            {
                let known = signed.filter(|(of, _)| *of == slot);
                let (_, found) = *signed.insert(known.unwrap_or_else(|| (slot, sign(text))));
                if found != wanted {
                    continue;
                }
            }
            let admitted = group
                .filter
                .iter()
                .all(|(slot, accepted)| accepted.iter().any(|one| is_text(&slots[*slot], one)));
            if !admitted {
                continue;
            }
            for &index in &group.members {
                self.label(line, index, slots);
            }
        }
    }

    fn label(&mut self, line: u32, index: usize, slots: &[Slot<'_>]) {
        let request = &self.plan.requests[index];
        if let Some(field) = &request.own_criterion
            && text(field, slots).is_some_and(|named| named != request.criterion)
        {
            return;
        }
        let answer = text(&request.answer_id, slots).filter(|answer| {
            // Files of others may have a column of this name, with their own ids.
            request.people
                || (request.by_person
                    && split_answer_id(answer).is_some_and(|(place, _)| is_place(place)))
        });
        let filled = is_filled(request, slots);
        if !filled && request.people && answer.is_none() {
            return;
        }
        let rubric = text(&request.rubric, slots).filter(|_| answer.is_some());
        let is_other = rubric.is_some_and(|it| Some(&*it) != request.page_rubric.as_deref());
        let trial = self.count(line, "trial", &request.trial, slots);
        let part = self.count(line, "part", &request.part, slots);
        if let Some(answer) = answer.as_ref().filter(|_| is_other || !filled) {
            // What is wrong with its code is said of labels.
            let unit = (trial.flatten(), part.flatten());
            let place = self.place(request, answer, slots, unit);
            let is_open = text(&request.open, slots).is_some_and(|open| open == "true");
            let found = &mut self.found;
            found.other_rubric_rows[index] += u64::from(is_other && filled);
            match (place, filled) {
                (Some(place), true) => found.outdated[index].push(place),
                (Some(place), false) if is_open => found.awaited[index].push(place),
                // A place for a label, that nobody has filled in.
                (Some((place, _)), false) => found.open[index].push(place),
                (None, _) => {}
            }
            return;
        }
        let place = match (answer, trial, part) {
            (Some(answer), Some(trial), Some(part)) => {
                self.answer(line, request, slots, &answer, (trial, part))
            }
            _ => {
                let system = self.system(line, request, slots);
                system.map(|system| (system, None))
            }
        };
        let Some((system, text_code)) = place else {
            return;
        };
        let Some(example) = self.example(line, request, slots) else {
            return;
        };
        let kind = self.kind(line, request, slots);
        let (Some(trial), Some(part), Some((kind, settles))) = (trial, part, kind) else {
            return;
        };
        let value = if request.score {
            // NaN stands for "unreadable": missing(grader error) later, never a number.
            score(&request.value, slots).unwrap_or(f64::NAN).to_bits()
        } else {
            match text(&request.value, slots) {
                Some(label) => u64::from(self.found.texts.intern(&label)),
                None if is_there(&request.value, slots) => {
                    u64::from(self.found.texts.intern("null"))
                }
                None => {
                    let what = format!("the row has no label for `{}`", request.criterion);
                    let instead = "map `label`, or leave the row out with `where`";
                    return self.bad(line, "missing-label", what, instead.to_owned());
                }
            }
        };
        let annotator = match text(&request.annotator, slots) {
            Some(name) => self.found.annotators.intern(&name),
            None => self.found.annotators.intern(""),
        };
        if annotator > u32::from(u16::MAX) {
            let what = "more than 65,535 annotators in one file".to_owned();
            return self.bad(
                line,
                "too-many-annotators",
                what,
                "split the file".to_owned(),
            );
        }
        let inclusion = self.inclusion(line, request, slots);
        if inclusion.is_some() || text_code.is_some() {
            let stated = Stated {
                inclusion: inclusion.unwrap_or(1.0),
                text: text_code,
            };
            self.found.stated[index].push((line, stated));
        }
        self.found.rows[index].push(Row {
            value,
            example,
            trial: trial.unwrap_or(0),
            part: part.unwrap_or(NO_PART),
            line,
            annotator: annotator as u16,
            system,
            file: 0,
            kind,
            settles,
        });
    }

    /// Returns the place of the row's system in the tables.
    fn system(&mut self, line: u32, request: &Compiled, slots: &[Slot<'_>]) -> Option<u8> {
        if request.pair {
            return Some(0);
        }
        if let Some(place) = request.fixed_system {
            self.found.other_system_rows += u64::from(place.is_none());
            return place;
        }
        let systems = &self.plan.systems;
        let found = match text(&request.system, slots) {
            Some(name) => systems.iter().position(|known| *known == name),
            None if systems.len() == 1 => Some(0),
            None => {
                let what = "the row names no system".to_owned();
                let instead = "map `system`, or fix it: `set: {system: NAME}`";
                self.bad(line, "missing-system", what, instead.to_owned());
                return None;
            }
        };
        if found.is_none() {
            self.found.other_system_rows += 1;
        }
        found.map(|index| index as u8 + 1)
    }

    /// Returns the system that a row names by the code of its answer only, so that whoever labels it does not see which it is, and
    /// the text of that answer.
    fn answer(
        &mut self,
        line: u32,
        request: &Compiled,
        slots: &[Slot<'_>],
        answer: &str,
        (trial, part): (Option<u32>, Option<u32>),
    ) -> Option<(u8, Option<TextCode>)> {
        let example = text(&request.example, slots).unwrap_or_default();
        let found = self.answered(request, &example, answer, (trial, part));
        if found.is_none() {
            let what = format!("`answer_id` {answer} is no answer of this page's systems");
            let instead =
                "leave the rows that Gatewright wrote as they are, but for `label` and `annotator`";
            self.bad(line, "unknown-answer", what, instead.to_owned());
        }
        found
    }

    /// Finds the place of an answer that a row names by its code, and the text that the code tells.
    fn place(
        &self,
        request: &Compiled,
        answer: &str,
        slots: &[Slot<'_>],
        unit: (Option<u32>, Option<u32>),
    ) -> Option<(Place, Option<TextCode>)> {
        let example = text(&request.example, slots).unwrap_or_default();
        let (system, code) = self.answered(request, &example, answer, unit)?;
        let example = self.plan.ids.get(example.as_ref()).copied()?;
        let part = unit.1.unwrap_or(NO_PART);
        Some(((system, example, unit.0.unwrap_or(0), part), code))
    }

    /// Finds the system that a code of an answer stands for, and the text that it tells.
    fn answered(
        &self,
        request: &Compiled,
        example: &str,
        answer: &str,
        (trial, part): (Option<u32>, Option<u32>),
    ) -> Option<(u8, Option<TextCode>)> {
        let unit = (trial.unwrap_or(0), part);
        let (place, text) = split_answer_id(answer)?;
        if request.pair {
            let own = answer_id(&request.criterion, example, PAIR, unit, None);
            return (own == place).then_some((0, text));
        }
        let mut systems = self.plan.systems.iter();
        let at = systems.position(|system| {
            answer_id(&request.criterion, example, system, unit, None) == place
        })?;
        Some((at as u8 + 1, text))
    }

    /// Reads the probability with which a unit was drawn.
    fn inclusion(&mut self, line: u32, request: &Compiled, slots: &[Slot<'_>]) -> Option<f64> {
        let stated = text(&request.inclusion, slots).filter(|_| request.people)?;
        let share = stated.parse::<f64>().ok();
        let share = share.filter(|share| *share > 0.0 && *share <= 1.0);
        if share.is_none() {
            let what = format!("`inclusion` is {stated}");
            let instead = "the probability of being drawn, above 0 and at most 1";
            self.bad(line, "bad-number", what, instead.to_owned());
        }
        share
    }

    fn example(&mut self, line: u32, request: &Compiled, slots: &[Slot<'_>]) -> Option<u32> {
        let Some(id) = text(&request.example, slots) else {
            let what = "the row names no example".to_owned();
            self.bad(
                line,
                "missing-id",
                what,
                "`example`: the example's id".to_owned(),
            );
            return None;
        };
        if self.last.0 != id.as_ref() {
            self.last.1 = self.plan.ids.get(id.as_ref()).copied();
            self.last.0.clear();
            self.last.0.push_str(&id);
        }
        if self.last.1.is_none() {
            if is_set_aside(self.plan.reference, &id) {
                self.found.set_aside_rows += 1;
            } else {
                self.found.unknown_rows += 1;
                let named = &mut self.found.unknown;
                if named.len() < NAMED_LIMIT && !named.iter().any(|known| *known == id) {
                    named.push(id.into_owned());
                }
            }
        }
        self.last.1
    }

    /// Reads an optional whole number; `None` when it is none.
    fn count(
        &mut self,
        line: u32,
        ours: &str,
        field: &Field,
        slots: &[Slot<'_>],
    ) -> Option<Option<u32>> {
        let Some(stated) = text(field, slots) else {
            return Some(None);
        };
        let count = stated.parse::<u32>().ok().filter(|count| *count < NO_PART);
        if count.is_none() {
            let what = format!("`{ours}` is {stated}");
            self.bad(line, "bad-number", what, "a whole number from 0".to_owned());
        }
        count.map(Some)
    }

    /// The kind of annotator, where the row tells, and whether the label settles what others said.
    fn kind(
        &mut self,
        line: u32,
        request: &Compiled,
        slots: &[Slot<'_>],
    ) -> Option<(Option<GraderKind>, bool)> {
        let Some(word) = text(&request.kind, slots) else {
            return Some((None, false));
        };
        let kind = kind_of(&word);
        if kind.is_none() && self.reported.insert(format!("kind {word}")) {
            let what = format!("`{word}` is no kind of annotator");
            let instead = match nearest(
                &word,
                ["person", "human", "model", "judge", "program", "rule"],
            ) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "one of person, model, program, rule".to_owned(),
            };
            self.bad(line, "unknown-word", what, instead);
        }
        kind.map(|kind| (Some(kind), settles(&word)))
    }
}
