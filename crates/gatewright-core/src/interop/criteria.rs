//! What other tools judged by, as criteria of a page: which words pass, what judged, which class a failure is.

use std::collections::{BTreeMap, BTreeSet};

use super::{Grade, Row, Verdict, name, slug};
use crate::outcome::GraderKind;
use crate::problem::{Location, Problem};

/// Words that pass, in lower case.
const PASS: [&str; 9] = [
    "pass", "passed", "true", "yes", "y", "1", "correct", "c", "ok",
];
/// Words that fail, in lower case. Inspect's P (partly) and N (no answer) are no passes.
const FAIL: [&str; 11] = [
    "fail",
    "failed",
    "false",
    "no",
    "n",
    "0",
    "incorrect",
    "i",
    "wrong",
    "p",
    "bad",
];
/// Words that say that nothing was judged.
const BROKEN: [&str; 4] = ["error", "null", "none", "nan"];

/// What the user says of verdicts.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    /// Criterion to the words that pass; every other word of it fails.
    pub pass: BTreeMap<String, Vec<String>>,
    /// Criterion to the smallest number that passes.
    pub at_least: BTreeMap<String, f64>,
    /// Criteria of which the user says what judged them.
    pub by: BTreeSet<String>,
}

/// How a criterion is read.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// Words that pass and words that fail, as they stand in the labels.
    Words {
        /// Passing.
        pass: Vec<String>,
        /// Failing.
        fail: Vec<String>,
    },
    /// A number that nothing divides into pass and fail.
    Number,
}

/// A criterion of the imported results.
#[derive(Clone, Debug, PartialEq)]
pub struct Criterion {
    /// Its id on the page.
    pub id: String,
    /// What the tool calls it.
    pub theirs: String,
    /// What judged.
    pub by: GraderKind,
    /// How it is read.
    pub measure: Measure,
    /// An answer may have several verdicts of it.
    pub parts: bool,
    /// The class that a failure is by default.
    pub class: &'static str,
    at_least: Option<f64>,
    bits: bool,
}

/// A verdict as a label says it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Label {
    Word(String),
    Score(f64),
    Broken,
}

impl Criterion {
    pub(super) fn label(&self, verdict: &Verdict) -> Label {
        match (verdict, self.at_least) {
            (Verdict::Broken, _) => Label::Broken,
            (Verdict::Word(word), _) if is_in(&BROKEN, word) => Label::Broken,
            (Verdict::Word(word), Some(least)) => match word.trim().parse::<f64>() {
                Ok(number) => passing(number >= least),
                Err(_) => Label::Word(word.clone()),
            },
            (Verdict::Word(word), None) if self.measure == Measure::Number => {
                word.trim().parse().map_or(Label::Broken, Label::Score)
            }
            (Verdict::Word(word), None) => Label::Word(word.clone()),
            (Verdict::Number(number), Some(least)) => passing(*number >= least),
            (Verdict::Number(number), None) if self.bits => passing(*number >= 1.0),
            (Verdict::Number(number), None) => Label::Score(*number),
        }
    }

    /// Says whether a label passes; nothing when it says nothing of the kind.
    pub(super) fn passes(&self, label: &Label) -> Option<bool> {
        match (label, &self.measure) {
            (Label::Word(word), Measure::Words { pass, fail }) => {
                let passes = pass.contains(word);
                (passes || fail.contains(word)).then_some(passes)
            }
            _ => None,
        }
    }
}

fn passing(passes: bool) -> Label {
    Label::Word(if passes { "pass" } else { "fail" }.to_owned())
}

/// Says whether a word passes by itself; nothing where it could be either. `1.0` and `0.0` are what tables make of 1 and 0.
fn reads(word: &str) -> Option<bool> {
    let number = word.trim().parse::<f64>().ok();
    match () {
        () if is_in(&PASS, word) || number == Some(1.0) => Some(true),
        () if is_in(&FAIL, word) || number == Some(0.0) => Some(false),
        () => None,
    }
}

fn is_in(words: &[&str], word: &str) -> bool {
    words.contains(&word.trim().to_lowercase().as_str())
}

/// Everything that was seen of one criterion.
#[derive(Default)]
struct Seen {
    words: BTreeSet<String>,
    numbers: u64,
    bits: bool,
    by: Option<GraderKind>,
    parts: bool,
}

/// Settles the criteria of all rows, in the order of their names. What can be neither pass nor fail is a problem.
pub(super) fn settle<'r>(
    rows: impl Iterator<Item = &'r Row>,
    vocabulary: &Vocabulary,
    file: &str,
    problems: &mut Vec<Problem>,
) -> Vec<Criterion> {
    let mut seen: BTreeMap<&str, Seen> = BTreeMap::new();
    for row in rows {
        for (index, grade) in row.grades.iter().enumerate() {
            let of = seen.entry(&grade.criterion).or_insert_with(|| Seen {
                bits: true,
                ..Seen::default()
            });
            of.take(grade);
            let mut before = row.grades[..index].iter();
            of.parts |= before.any(|other| other.criterion == grade.criterion);
        }
    }
    strangers(&seen, vocabulary, file, problems);
    let mut taken = BTreeSet::new();
    let settled = seen.iter().map(|(theirs, of)| {
        let mut id = slug(theirs, 60);
        if id.is_empty() {
            id = "criterion".to_owned();
        }
        let mut number = 1;
        while !taken.insert(id.clone()) {
            number += 1;
            id = format!("{}-{number}", slug(theirs, 56));
        }
        of.settled(id, theirs, vocabulary, file, problems)
    });
    settled.collect()
}

/// Names of the user that no verdict has.
fn strangers(
    seen: &BTreeMap<&str, Seen>,
    vocabulary: &Vocabulary,
    file: &str,
    problems: &mut Vec<Problem>,
) {
    let named = vocabulary.pass.keys().chain(vocabulary.at_least.keys());
    let named: BTreeSet<&String> = named.chain(&vocabulary.by).collect();
    for named in named
        .into_iter()
        .filter(|named| !seen.contains_key(named.as_str()))
    {
        let known: Vec<&str> = seen.keys().copied().collect();
        let at = Location::file(file);
        problems.push(
            Problem::error(
                "unknown-criterion",
                at,
                format!("nothing was judged by `{}`", name(named)),
            )
            .instead(
                match crate::problem::nearest(named, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if known.is_empty() => "without it: nothing was judged at all".to_owned(),
                    None => format!("one of: {}", name(&known.join(", "))),
                },
            ),
        );
    }
}

impl Seen {
    fn take(&mut self, grade: &Grade) {
        match &grade.verdict {
            Verdict::Word(word) if is_in(&BROKEN, word) => {}
            Verdict::Word(word) => {
                self.words.insert(word.clone());
            }
            Verdict::Number(number) => {
                self.numbers += 1;
                self.bits &= *number == 0.0 || *number == 1.0;
            }
            Verdict::Broken => {}
        }
        // What decides least by itself counts for all: a model's word is checked before it gates.
        let rank = |by: GraderKind| match by {
            GraderKind::Rule => 0,
            GraderKind::Program => 1,
            GraderKind::Person => 2,
            GraderKind::Model => 3,
        };
        if self.by.is_none_or(|by| rank(grade.by) > rank(by)) {
            self.by = Some(grade.by);
        }
    }

    fn settled(
        &self,
        id: String,
        theirs: &str,
        vocabulary: &Vocabulary,
        file: &str,
        problems: &mut Vec<Problem>,
    ) -> Criterion {
        let at_least = vocabulary.at_least.get(theirs).copied();
        let stated = vocabulary.pass.get(theirs);
        let is_number = |word: &&String| word.trim().parse::<f64>().is_ok();
        let all_numbers = !self.words.is_empty()
            && self.words.iter().all(|word| is_number(&word))
            && !self.words.iter().all(|word| reads(word).is_some());
        let numbers_alone =
            (self.words.is_empty() && self.numbers > 0 && !self.bits) || all_numbers;
        let measure = if at_least.is_none() && stated.is_none() && numbers_alone {
            Measure::Number
        } else {
            let (mut pass, mut fail) = (BTreeSet::new(), BTreeSet::new());
            let mut neither = Vec::new();
            if self.numbers > 0 || at_least.is_some() || self.words.is_empty() {
                pass.insert("pass".to_owned());
                fail.insert("fail".to_owned());
            }
            for word in &self.words {
                match stated {
                    _ if at_least.is_some() && is_number(&word) => {}
                    Some(stated) if stated.contains(word) => drop(pass.insert(word.clone())),
                    Some(_) => drop(fail.insert(word.clone())),
                    None => match reads(word) {
                        Some(true) => drop(pass.insert(word.clone())),
                        Some(false) => drop(fail.insert(word.clone())),
                        None => neither.push(word.as_str()),
                    },
                }
            }
            if !neither.is_empty() {
                problems.push(unclear(theirs, &neither, file));
            } else if self.numbers > 0 && !self.bits && at_least.is_none() {
                problems.push(mixed(theirs, &self.words, file));
            }
            Measure::Words {
                pass: pass.into_iter().collect(),
                fail: fail.into_iter().collect(),
            }
        };
        Criterion {
            class: class(theirs),
            id,
            theirs: theirs.to_owned(),
            by: self.by.unwrap_or(GraderKind::Program),
            measure,
            parts: self.parts,
            at_least,
            bits: self.bits,
        }
    }
}

fn unclear(theirs: &str, neither: &[&str], file: &str) -> Problem {
    let few: Vec<String> = neither
        .iter()
        .take(6)
        .map(|word| format!("`{}`", name(word)))
        .collect();
    let more = match neither.len().saturating_sub(few.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let first = neither.first().copied().unwrap_or_default();
    Problem::error(
        "unclear-verdict",
        Location::file(file),
        format!(
            "`{}` says {}{more}: is that a pass or a failure?",
            name(theirs),
            few.join(", ")
        ),
    )
    .why("a guess would decide the release")
    .instead(format!(
        "--pass '{}={}' with every word that passes; all others fail",
        name(theirs),
        name(first)
    ))
}

/// Words beside numbers that nothing divides into pass and fail.
fn mixed(theirs: &str, words: &BTreeSet<String>, file: &str) -> Problem {
    let few: Vec<String> = words
        .iter()
        .take(6)
        .map(|word| format!("`{}`", name(word)))
        .collect();
    Problem::error(
        "unclear-verdict",
        Location::file(file),
        format!(
            "`{}` says words ({}) and numbers: which numbers pass?",
            name(theirs),
            few.join(", ")
        ),
    )
    .why("a guess would decide the release")
    .instead(format!(
        "--at-least '{}=0.5' with the smallest number that passes",
        name(theirs)
    ))
}

/// Guesses the class of a failure from what judged. The page says what is right.
fn class(theirs: &str) -> &'static str {
    let lower = theirs.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if has(&["latency", "duration", "cost"]) {
        "latency"
    } else if lower.starts_with("not-is-refusal") {
        "over-refusal"
    } else if has(&["refusal"]) {
        "refusal-failure"
    } else if has(&[
        "json",
        "xml",
        "html",
        "sql",
        "regex",
        "format",
        "schema",
        "word-count",
        "starts-with",
        "valid-",
    ]) {
        "format-violation"
    } else {
        WRONG
    }
}

/// The class of a wrong answer, which a page that is written here declares.
const WRONG: &str = "wrong-answer";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interop::{Case, End};

    fn row(verdicts: &[(&str, Verdict)]) -> Row {
        Row {
            place: String::new(),
            system: "a".to_owned(),
            case: Case::default(),
            trial: None,
            end: End::Answered(serde_json::Map::new()),
            whole: None,
            grades: verdicts
                .iter()
                .map(|(criterion, verdict)| Grade {
                    criterion: (*criterion).to_owned(),
                    by: GraderKind::Program,
                    verdict: verdict.clone(),
                    score: None,
                    why: String::new(),
                })
                .collect(),
        }
    }

    fn word(text: &str) -> Verdict {
        Verdict::Word(text.to_owned())
    }

    #[test]
    fn words_numbers_and_thresholds() {
        let rows = [
            row(&[
                ("inc", word("C")),
                ("len", Verdict::Number(0.3)),
                ("bit", Verdict::Number(1.0)),
                ("csv", word("0.25")),
            ]),
            row(&[
                ("inc", word("P")),
                ("len", Verdict::Broken),
                ("bit", Verdict::Number(0.0)),
                ("csv", word("error")),
                ("bit", Verdict::Number(1.0)),
            ]),
        ];
        let mut problems = Vec::new();
        let mut vocabulary = Vocabulary::default();
        let settled = settle(rows.iter(), &vocabulary, "f", &mut problems);
        assert!(problems.is_empty());
        let by = |id: &str| settled.iter().find(|one| one.id == id).expect("there");
        assert_eq!(by("len").measure, Measure::Number);
        assert_eq!(by("csv").measure, Measure::Number);
        assert_eq!(by("csv").label(&word("0.25")), Label::Score(0.25));
        assert_eq!(by("csv").label(&word("error")), Label::Broken);
        assert!(by("bit").parts && !by("inc").parts);
        let passes = |id: &str, verdict: &Verdict| by(id).passes(&by(id).label(verdict));
        assert_eq!(passes("inc", &word("C")), Some(true));
        assert_eq!(passes("inc", &word("P")), Some(false), "partly is no pass");
        assert_eq!(passes("bit", &Verdict::Number(0.0)), Some(false));
        vocabulary.at_least.insert("len".to_owned(), 0.3);
        vocabulary
            .pass
            .insert("inc".to_owned(), vec!["C".to_owned(), "P".to_owned()]);
        let settled = settle(rows.iter(), &vocabulary, "f", &mut problems);
        let by = |id: &str| settled.iter().find(|one| one.id == id).expect("there");
        let passes = |id: &str, verdict: &Verdict| by(id).passes(&by(id).label(verdict));
        assert_eq!(passes("len", &Verdict::Number(0.3)), Some(true));
        assert_eq!(passes("len", &Verdict::Number(0.29)), Some(false));
        assert_eq!(passes("inc", &word("P")), Some(true));
        assert!(problems.is_empty());
    }

    #[test]
    fn a_word_that_could_be_either_is_asked_about() {
        let mut problems = Vec::new();
        let rows = [row(&[
            ("tone", word("fair")),
            ("a b", word("yes")),
            ("a-b", word("no")),
        ])];
        let mut vocabulary = Vocabulary::default();
        vocabulary.pass.insert("ton".to_owned(), Vec::new());
        let settled = settle(rows.iter(), &vocabulary, "f.csv", &mut problems);
        let said: Vec<String> = problems
            .iter()
            .map(|it| format!("{} / {}", it.what, it.instead))
            .collect();
        assert_eq!(
            said,
            [
                "nothing was judged by `ton` / did you mean `tone`?",
                "`tone` says `fair`: is that a pass or a failure? / --pass 'tone=fair' with every word that passes; all others fail",
            ]
        );
        let ids: Vec<&str> = settled.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, ["a-b", "a-b-2", "tone"]);
    }
}
