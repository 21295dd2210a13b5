//! Compact tables of labels: 32 bytes a label, found by (system, example).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::{Label, PEOPLE, TextCode};
use crate::manifest::{Criterion, Grader, Manifest};
use crate::outcome::GraderKind;
use crate::reference::ReferenceSet;

/// Marks a label about the whole answer.
pub(crate) const NO_PART: u32 = u32::MAX;

/// One label. `value` is the index of its text, or the bits of its score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) value: u64,
    pub(crate) example: u32,
    pub(crate) trial: u32,
    pub(crate) part: u32,
    pub(crate) line: u32,
    pub(crate) annotator: u16,
    /// 0 for the pair, else 1 + index of the system's name.
    pub(crate) system: u8,
    pub(crate) file: u8,
    pub(crate) kind: Option<GraderKind>,
    /// Settles what others said of the same unit.
    pub(crate) settles: bool,
}

impl Row {
    /// Returns the score of a table of scores; NaN when it was unreadable.
    pub(crate) fn score(&self) -> f64 {
        f64::from_bits(self.value)
    }

    fn unit(&self) -> (u32, u32, u16) {
        (self.trial, self.part, self.annotator)
    }
}

/// Texts by small numbers, in the order of their first appearance.
#[derive(Clone, Debug, Default)]
pub(super) struct Interner {
    texts: Vec<Arc<str>>,
    index: HashMap<Arc<str>, u32>,
}

impl Interner {
    /// Up to this many texts are searched one by one, which is faster.
    const FEW: usize = 8;

    pub(super) fn intern(&mut self, text: &str) -> u32 {
        let found = if self.texts.len() <= Self::FEW {
            self.texts
                .iter()
                // Labels are short: comparing in place is faster than a call.
                .position(|known| known.len() == text.len() && known.bytes().eq(text.bytes()))
                .map(|index| index as u32)
        } else {
            self.index.get(text).copied()
        };
        found.unwrap_or_else(|| {
            let index = self.texts.len() as u32;
            let text: Arc<str> = text.into();
            self.texts.push(text.clone());
            self.index.insert(text, index);
            index
        })
    }

    pub(super) fn texts(&self) -> &[Arc<str>] {
        &self.texts
    }
}

/// The labels of one criterion, in the order of system, example, trial, part, annotator.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    /// Rows that were read and are not in `rows` yet, as blocks of lines gave them.
    pub(super) pieces: Vec<Vec<Row>>,
    rows: Vec<Row>,
    /// For each system and example: where its rows start.
    starts: Vec<u32>,
    pub(super) score: bool,
    /// A row names a trial other than 0.
    trials: bool,
    /// What labels say of themselves, by file and line, for those that say anything.
    pub(super) stated: HashMap<(u8, u32), Stated>,
    /// How far its annotators agree.
    agreement: Disagreement,
}

/// What the row of a label says of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stated {
    /// The probability with which the unit was drawn, in (0, 1].
    pub(super) inclusion: f64,
    /// The text that was labelled, where the row tells.
    pub(super) text: Option<TextCode>,
}

impl Table {
    /// Takes the pieces in and sorts by bucket, then within buckets: linear in the number of labels. Returns pairs of rows that are
    /// about the same unit by the same annotator; the later one is dropped.
    pub(super) fn index(&mut self, systems: usize, examples: usize) -> Vec<(Row, Row)> {
        let mut pieces = std::mem::take(&mut self.pieces);
        if !self.rows.is_empty() {
            pieces.insert(0, std::mem::take(&mut self.rows));
        }
        let buckets = (systems + 1) * examples;
        let bucket = |row: &Row| usize::from(row.system) * examples + row.example as usize;
        let mut starts = vec![0_u32; buckets + 1];
        for row in pieces.iter().flatten() {
            starts[bucket(row) + 1] += 1;
            self.trials |= row.trial != 0;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let total = pieces.iter().map(Vec::len).sum();
        if let Some(any) = pieces.iter().flatten().next().copied() {
            let mut next = starts.clone();
            self.rows = vec![any; total];
            for row in pieces.into_iter().flatten() {
                let place = &mut next[bucket(&row)];
                self.rows[*place as usize] = row;
                *place += 1;
            }
        }
        let mut twice = Vec::new();
        for pair in starts.windows(2) {
            let rows = &mut self.rows[pair[0] as usize..pair[1] as usize];
            if rows.len() > 1 {
                rows.sort_by_key(|row| (row.unit(), text_of(&self.stated, row)));
                let same = rows
                    .windows(2)
                    .filter(|two| is_same(&self.stated, &two[0], &two[1]));
                twice.extend(same.map(|two| (two[0], two[1])));
            }
        }
        self.starts = starts;
        if !twice.is_empty() {
            self.rows.dedup_by(|later, first| {
                (later.system, later.example) == (first.system, first.example)
                    && is_same(&self.stated, first, later)
            });
            self.index(systems, examples);
        }
        self.agreement = disagreement(&self.rows);
        twice
    }

    fn of(&self, system: usize, example: u32, examples: usize) -> &[Row] {
        let bucket = system * examples + example as usize;
        match (self.starts.get(bucket), self.starts.get(bucket + 1)) {
            (Some(&from), Some(&to)) => &self.rows[from as usize..to as usize],
            _ => &[],
        }
    }
}

/// Says whether two labels of one answer are by the same annotator about the same text of it.
fn is_same(stated: &HashMap<(u8, u32), Stated>, one: &Row, other: &Row) -> bool {
    one.unit() == other.unit() && text_of(stated, one) == text_of(stated, other)
}

/// Returns the text that was labelled, where its row tells.
fn text_of(stated: &HashMap<(u8, u32), Stated>, row: &Row) -> Option<TextCode> {
    stated.get(&(row.file, row.line))?.text
}

/// How far annotators agree about one criterion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disagreement {
    /// Units (answers, or parts of answers) with a label.
    pub units: u32,
    /// Of these, units that two or more annotators labelled.
    pub shared: u32,
    /// Of these, units on which annotators gave different labels.
    pub differ: u32,
    /// Units whose verdict somebody settled.
    pub settled: u32,
    /// Of these, units on which all others agree on another label.
    pub overruled: u32,
}

fn disagreement(rows: &[Row]) -> Disagreement {
    let mut found = Disagreement::default();
    let unit = |row: &Row| (row.system, row.example, row.trial, row.part);
    for rows in rows.chunk_by(|a, b| unit(a) == unit(b)) {
        // Who settles a disagreement is no third party to it.
        let mut given = rows.iter().filter(|row| !row.settles).map(|row| row.value);
        let settled = rows.iter().find(|row| row.settles).map(|row| row.value);
        let first = given.next();
        let (mut others, mut differs) = (0, false);
        for other in given {
            others += 1;
            differs |= Some(other) != first;
        }
        found.units += 1;
        found.shared += u32::from(others > 0);
        found.differ += u32::from(differs);
        found.settled += u32::from(settled.is_some());
        let overrules = !differs && first.is_some() && settled.is_some_and(|it| Some(it) != first);
        found.overruled += u32::from(overrules);
    }
    found
}

/// System, example, trial and part of an answer, as rows have them.
pub(super) type Place = (u8, u32, u32, u32);

/// All labels of a project, by criterion.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// Distinct system names of the page.
    systems: Vec<Arc<str>>,
    examples: usize,
    /// Trials that the page declares for its labels; 0 for none.
    declared: u32,
    pub(super) texts: Interner,
    pub(super) annotators: Interner,
    pub(super) files: Vec<Arc<str>>,
    pub(super) tables: BTreeMap<u16, Table>,
    /// Places for a label that nobody has filled in, by criterion.
    pub(super) open: BTreeMap<u16, BTreeSet<Place>>,
    /// Answers of which a row says that not all who were asked have labelled them, with their texts where the rows tell, by criterion.
    pub(super) awaited: BTreeMap<u16, BTreeSet<(Place, Option<TextCode>)>>,
    /// Answers with a label by another version of the rubric than the page names, with their texts where the rows tell, by criterion.
    pub(super) outdated: BTreeMap<u16, BTreeSet<(Place, Option<TextCode>)>>,
    /// Labels that follow another version of the rubric than the page names, over all files, by criterion.
    pub other_rubric_rows: BTreeMap<u16, u64>,
    /// Rows of systems that the page does not name, over all files.
    pub other_system_rows: u64,
    /// Rows of examples that are quarantined or retired.
    pub set_aside_rows: u64,
    /// Rows of examples that the reference set does not have.
    pub unknown_rows: u64,
    /// The first few of these examples by id.
    pub unknown_examples: Vec<String>,
}

impl Labels {
    pub(super) fn prepare(&mut self, manifest: &Manifest, reference: &ReferenceSet) {
        let names: BTreeSet<&str> = manifest
            .systems
            .values()
            .map(|system| system.name.as_str())
            .collect();
        self.systems = names.into_iter().map(Arc::from).collect();
        self.examples = reference.examples.len();
        let of_labels = |criterion: &Criterion| match &criterion.grader {
            Grader::Label(label) => label.sources.iter().filter_map(|it| it.trials).max(),
            _ => None,
        };
        let declared = manifest.criteria.iter().filter_map(of_labels).max();
        self.declared = declared.unwrap_or(0);
    }

    pub(super) fn system_names(&self) -> &[Arc<str>] {
        &self.systems
    }

    /// Number of labels of a criterion.
    pub fn count(&self, criterion: u16) -> usize {
        self.tables
            .get(&criterion)
            .map_or(0, |table| table.rows.len())
    }

    /// Returns the labels of one criterion about one example, of every system, trial, part and annotator.
    pub fn of_example(&self, criterion: u16, example: u32) -> Vec<Label> {
        let Some(table) = self.tables.get(&criterion) else {
            return Vec::new();
        };
        (0..=self.systems.len())
            .flat_map(|system| table.of(system, example, self.examples))
            .map(|row| self.label(row, table))
            .collect()
    }

    fn label(&self, row: &Row, table: &Table) -> Label {
        let score = table.score;
        Label {
            example: row.example,
            system: usize::from(row.system)
                .checked_sub(1)
                .map(|index| self.systems[index].clone()),
            trial: row.trial,
            part: (row.part != NO_PART).then_some(row.part),
            annotator: self.annotators.texts()[usize::from(row.annotator)].clone(),
            kind: row.kind,
            settles: row.settles,
            label: if score { "".into() } else { self.text(row) },
            score: (score && row.score().is_finite()).then(|| row.score()),
            text: text_of(&table.stated, row),
        }
    }

    /// Returns how far the annotators of a criterion agree, over all systems of the page.
    pub fn disagreement(&self, criterion: u16) -> Disagreement {
        self.tables
            .get(&criterion)
            .map_or_else(Disagreement::default, |table| table.agreement)
    }

    /// Counts the answers that people were to label beside a criterion's judge: their row is there and nobody has labelled them, or a row says
    /// that not all have who were asked.
    pub fn people_open(&self, criterion: u16) -> u64 {
        let key = criterion | PEOPLE;
        let (none, no_places) = (BTreeSet::new(), BTreeSet::new());
        let open = self.open.get(&key).unwrap_or(&none);
        let awaited = self.awaited.get(&key).unwrap_or(&no_places);
        let outdated = self.outdated.get(&key).unwrap_or(&no_places);
        let table = self.tables.get(&key);
        let awaited: BTreeSet<&Place> = awaited.iter().map(|(place, _)| place).collect();
        let is_labelled = |(system, example, trial, part): &&Place| {
            let rows = table.map_or(&[][..], |table| {
                table.of(usize::from(*system), *example, self.examples)
            });
            rows.iter()
                .any(|row| (row.trial, row.part) == (*trial, *part))
        };
        // What was labelled by another version of the rubric awaits a label by this one.
        let open = open.iter().chain(outdated.iter().map(|(place, _)| place));
        let unlabelled = open.filter(|place| !is_labelled(place));
        unlabelled.chain(awaited).collect::<BTreeSet<_>>().len() as u64
    }

    /// Returns the same of people beside a criterion's judge.
    pub fn people_disagreement(&self, criterion: u16) -> Disagreement {
        self.disagreement(criterion | PEOPLE)
    }

    /// Returns the recorded trials of one system's labels about one example, over all criteria, sorted.
    pub fn recorded_trials(&self, system: &str, example: u32) -> Vec<u32> {
        let Some(system) = self.system_index(system) else {
            return Vec::new();
        };
        let mut trials: Vec<u32> = Vec::new();
        // People label what was judged: their labels make no trials.
        for table in self.judged() {
            if !table.trials {
                // No need to look at the rows themselves.
                if trials.first() != Some(&0)
                    && !table.of(system, example, self.examples).is_empty()
                {
                    trials.insert(0, 0);
                }
                continue;
            }
            for row in table.of(system, example, self.examples) {
                if trials.last() != Some(&row.trial) {
                    trials.push(row.trial);
                }
            }
        }
        trials.sort_unstable();
        trials.dedup();
        trials
    }

    /// Returns the most trials that labels of a system carry for any one example, or as many as the page declares.
    pub fn trials(&self, system: &str) -> u32 {
        match self.carried_trials(system) {
            0 => 0,
            carried => carried.max(self.declared),
        }
    }

    fn carried_trials(&self, system: &str) -> u32 {
        if self.judged().all(|table| !table.trials) {
            let system = self.system_index(system).unwrap_or_default();
            let rows = |table: &Table| {
                let (from, to) = (system * self.examples, (system + 1) * self.examples);
                table.starts.get(from) < table.starts.get(to)
            };
            return u32::from(system > 0 && self.judged().any(rows));
        }
        (0..self.examples as u32)
            .map(|example| self.recorded_trials(system, example).len() as u32)
            .max()
            .unwrap_or(0)
    }

    fn judged(&self) -> impl Iterator<Item = &Table> {
        self.tables.range(..PEOPLE).map(|(_, table)| table)
    }

    /// Returns who labelled a criterion, sorted: the judge, or with `people` those who label beside it.
    pub fn annotators(&self, criterion: u16, people: bool) -> BTreeSet<Arc<str>> {
        let key = if people {
            criterion | PEOPLE
        } else {
            criterion
        };
        let rows = self.tables.get(&key).map_or(&[][..], |table| &table.rows);
        let who: BTreeSet<u16> = rows.iter().map(|row| row.annotator).collect();
        let names = who.into_iter();
        names
            .map(|index| self.annotators.texts()[usize::from(index)].clone())
            .collect()
    }

    /// Returns the labels of people beside a judge's about one example, of every system, trial, part and annotator.
    pub fn people_of_example(&self, criterion: u16, example: u32) -> Vec<Label> {
        self.of_example(criterion | PEOPLE, example)
    }

    /// Returns the probability with which people's label was drawn; 1 where its row says nothing.
    pub(crate) fn inclusion(&self, criterion: u16, row: &Row) -> f64 {
        let table = self.tables.get(&(criterion | PEOPLE));
        let stated = table.and_then(|table| table.stated.get(&(row.file, row.line)));
        stated.map_or(1.0, |stated| stated.inclusion)
    }

    /// Says whether any label of a criterion tells which text it is of, or any row that its answer awaits more, or another label.
    pub fn tells_texts(&self, criterion: u16) -> bool {
        let awaited = self
            .awaited
            .get(&criterion)
            .is_some_and(|it| !it.is_empty());
        let told = |table: &Table| table.stated.values().any(|it| it.text.is_some());
        let outdated = self.outdated.get(&criterion);
        let outdated = outdated.is_some_and(|it| !it.is_empty());
        awaited || outdated || self.tables.get(&criterion).is_some_and(told)
    }

    /// Says whether an answer, or a part of it that none of these labels is of, has labels by another version of the rubric alone. What they said
    /// must not be as if nobody had said anything.
    pub(crate) fn is_outdated(
        &self,
        criterion: u16,
        (system, example, trial): (usize, u32, u32),
        answer: Option<TextCode>,
        rows: &[Row],
    ) -> bool {
        let all = self.outdated.get(&criterion).into_iter().flatten();
        let mut of_answer = all.filter(|((of, at, told, _), text)| {
            (usize::from(*of), *at, *told) == (system, example, trial)
                && (text.is_none() || *text == answer)
        });
        of_answer.any(|((.., part), _)| rows.iter().all(|row| row.part != *part))
    }

    /// Says whether not all who were asked about an answer have labelled it, or a part of it.
    pub(crate) fn is_awaited(
        &self,
        criterion: u16,
        (system, example, trial): (usize, u32, u32),
        answer: Option<TextCode>,
    ) -> bool {
        let all = self.awaited.get(&criterion).into_iter().flatten();
        let mut of_answer = all.filter(|((of, at, told, _), _)| {
            (usize::from(*of), *at, *told) == (system, example, trial)
        });
        of_answer.any(|(_, text)| text.is_none() || *text == answer)
    }

    /// Says whether a label is about an answer of this text. One whose row does not tell its text is about whatever answer is in its place;
    /// one that does is about nothing else, not even about an answer whose text nobody knows.
    pub(crate) fn is_about(&self, criterion: u16, row: &Row, answer: Option<TextCode>) -> bool {
        let table = self.tables.get(&criterion);
        let text = table.and_then(|table| text_of(&table.stated, row));
        text.is_none() || text == answer
    }

    /// Returns the place of a system's name in the tables; 0 is the pair.
    pub(crate) fn system_index(&self, name: &str) -> Option<usize> {
        self.systems
            .iter()
            .position(|known| &**known == name)
            .map(|index| index + 1)
    }

    /// Returns a label's text.
    pub(crate) fn text(&self, row: &Row) -> Arc<str> {
        self.texts
            .texts()
            .get(row.value as usize)
            .cloned()
            .unwrap_or_else(|| "".into())
    }

    /// Returns a criterion's labels of one system (by its place in the tables) about one example.
    pub(crate) fn rows(&self, criterion: u16, system: usize, example: u32) -> &[Row] {
        match self.tables.get(&criterion) {
            Some(table) => table.of(system, example, self.examples),
            None => &[],
        }
    }

    /// Returns a criterion's labels about one example, whatever their system.
    pub(crate) fn of_every_system(
        &self,
        criterion: u16,
        example: u32,
    ) -> impl Iterator<Item = &Row> {
        let systems = 0..=self.systems.len();
        systems.flat_map(move |system| self.rows(criterion, system, example))
    }

    /// Returns every distinct label text; a row's `value` is the index.
    pub(crate) fn texts(&self) -> &[Arc<str>] {
        self.texts.texts()
    }
}
