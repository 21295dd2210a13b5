//! Labels of people, programs and model judges, as recorded.

mod plan;
mod read;
mod table;

use std::collections::BTreeMap;
use std::io::BufRead;
use std::num::NonZeroUsize;
use std::sync::Arc;

pub use self::table::{Disagreement, Labels};
pub(crate) use self::table::{NO_PART, Row};
use crate::digest::Digest;
use crate::manifest::{Grader, Manifest};
use crate::outcome::GraderKind;
use crate::problem::Problem;
use crate::reference::ReferenceSet;
use crate::source::Source;

/// One recorded label. Labels bind to an example and, through the system's name and the trial as recorded, to a response.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Index into the reference set.
    pub example: u32,
    /// System name as recorded; `None` for labels about the pair (preferences).
    pub system: Option<Arc<str>>,
    /// Trial as recorded (before renumbering).
    pub trial: u32,
    /// Part of the answer.
    pub part: Option<u32>,
    /// Who labelled.
    pub annotator: Arc<str>,
    /// What kind of annotator, if the file says so; the criterion's `by` otherwise.
    pub kind: Option<GraderKind>,
    /// True where its kind says that it settles what others said (`human_adjudicated`).
    pub settles: bool,
    /// The label as text; empty when the grader reads a score.
    pub label: Arc<str>,
    /// The score, when the grader reads one.
    pub score: Option<f64>,
    /// The text that it was said of, where its row tells.
    pub text: Option<TextCode>,
}

/// Stands for the text of an answer that somebody labelled: 64 bits of its hash. What was said of one text is not said of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TextCode(u64);

impl TextCode {
    /// Takes the code of an answer's text.
    pub fn of(output: &str) -> Self {
        let hash = Digest::of(output.as_bytes());
        let bytes = hash.bytes().iter().take(8);
        Self(bytes.fold(0, |code, byte| code << 8 | u64::from(*byte)))
    }

    /// Makes the code of two answers that are compared, in their order.
    pub fn of_two(first: Self, second: Self) -> Self {
        Self::of(&format!("{first} {second}"))
    }

    /// Reads the 16 hexadecimal digits that it is written as.
    fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u64::from_str_radix(text, 16)
            .ok()
            .filter(|_| digits)
            .map(Self)
    }
}

impl std::fmt::Display for TextCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What one criterion wants from a file of labels.
#[derive(Clone, Debug)]
pub struct Request<'m> {
    /// Index of the criterion.
    pub criterion: u16,
    /// How it reads the file.
    pub source: &'m Source,
    /// It reads `score`, a number, instead of `label`.
    pub score: bool,
    /// Its labels are about the pair: rows name no system.
    pub pair: bool,
    /// They are people's labels beside a judge's. A row without a label is one that nobody has filled in yet.
    pub people: bool,
    /// People gave them, so that a row may name its answer by `answer_id` and not by the system.
    pub by_person: bool,
}

impl Request<'_> {
    /// Returns the key of its table.
    fn table(&self) -> u16 {
        if self.people {
            self.criterion | PEOPLE
        } else {
            self.criterion
        }
    }
}

/// What stands in the place of a system's name in the code of a pair: labels about two answers name no system.
pub const PAIR: &str = "";

/// Marks the tables of people's labels beside a judge's; no page has as many criteria.
pub(crate) const PEOPLE: u16 = 1 << 15;

/// Lists what the page's criteria want, by file as written on the page, so that each file is read once.
pub fn requests(manifest: &Manifest) -> BTreeMap<&str, Vec<Request<'_>>> {
    let mut files: BTreeMap<&str, Vec<Request<'_>>> = BTreeMap::new();
    for (criterion, index) in manifest.criteria.iter().zip(0..) {
        let (sources, score, pair) = match &criterion.grader {
            Grader::Label(grader) => (grader.sources.as_slice(), grader.score, false),
            Grader::Preference(grader) => (grader.sources.as_slice(), false, true),
            _ => (&[][..], false, false),
        };
        let by_person = match &criterion.grader {
            Grader::Label(own) => own.by == GraderKind::Person,
            Grader::Preference(own) => own.by == GraderKind::Person,
            _ => false,
        };
        let people = criterion.people.as_ref().map(|people| &people.labels);
        let beside = people.map_or(&[][..], |labels| labels.sources.as_slice());
        let judged = sources.iter().map(|source| (source, score, false));
        let labelled = beside
            .iter()
            .map(|source| (source, people.is_some_and(|labels| labels.score), true));
        for (source, score, people) in judged.chain(labelled) {
            let request = Request {
                criterion: index,
                source,
                score,
                pair,
                people,
                by_person: people || by_person,
            };
            files.entry(&source.file).or_default().push(request);
        }
    }
    files
}

/// Reads one file of labels in one pass for every criterion that wants it. The result does not depend on the number of threads.
///
/// Rows of systems that the page does not name, and of examples that the set does not have, are counted and left out.
/// The same annotator labelling the same unit twice is an error.
#[expect(
    clippy::too_many_arguments,
    reason = "one call of the wiring, every argument a different thing"
)]
pub fn load(
    manifest: &Manifest,
    reference: &ReferenceSet,
    requests: &[Request<'_>],
    file: &str,
    reader: impl BufRead,
    threads: NonZeroUsize,
    into: &mut Labels,
    problems: &mut Vec<Problem>,
) {
    into.prepare(manifest, reference);
    read::read(
        manifest, reference, requests, file, reader, threads, into, problems,
    );
}

/// Returns the code that stands for an answer where whoever labels it must not see which system gave it: 16 hexadecimal digits
/// for its place, and where its text is known a dash and 16 more for that.
///
/// It depends on nothing but the arguments, so that a file of labels joins again in any later run on the same answers, and
/// on no other ones.
pub fn answer_id(
    criterion: &str,
    example: &str,
    system: &str,
    (trial, part): (u32, Option<u32>),
    text: Option<TextCode>,
) -> String {
    let named = Digest::of_json(&("answer/1", criterion, example, system, trial, part));
    let hex = named.hex();
    let place = &hex[..16];
    match text {
        Some(text) => format!("{place}-{text}"),
        None => place.to_owned(),
    }
}

/// Splits an answer's code into its place and its text; nothing when the text is none.
fn split_answer_id(id: &str) -> Option<(&str, Option<TextCode>)> {
    match id.split_once('-') {
        Some((place, text)) => Some((place, Some(TextCode::parse(text)?))),
        None => Some((id, None)),
    }
}

/// Says whether a text looks like the place of an answer: 16 hexadecimal digits.
fn is_place(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Reads the word that files use for a kind of annotator.
pub(crate) fn kind_of(word: &str) -> Option<GraderKind> {
    // `human_adjudicated` and `model_judge` say the kind first and its flavour after it.
    let word = word.to_lowercase();
    let head = word.split(['_', '-', ' ', ':']).next().unwrap_or_default();
    match head {
        "person" | "people" | "human" | "expert" | "crowd" => Some(GraderKind::Person),
        "model" | "llm" | "judge" => Some(GraderKind::Model),
        "program" | "programmatic" | "automatic" => Some(GraderKind::Program),
        "rule" | "string" | "heuristic" => Some(GraderKind::Rule),
        _ => None,
    }
}

/// Says whether a kind of annotator settles what others said of the same answer: a person's, adjudicated.
pub(crate) fn settles(word: &str) -> bool {
    let flavour = |part: &str| part.starts_with("adjudicat");
    kind_of(word) == Some(GraderKind::Person)
        && word.to_lowercase().split(['_', '-', ' ', ':']).any(flavour)
}

#[cfg(test)]
mod tests;
