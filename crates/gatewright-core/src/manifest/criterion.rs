//! Criteria: one thing that can fail for its own reason, and what judges it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::rule::{DateOrder, Edge, Join, LengthIn, Limits, ListMarks, Reading, SimilarityMetric};
use crate::id::CriterionId;
use crate::outcome::GraderKind;
use crate::response::Behaviour;
use crate::source::Source;

/// One thing that can fail for its own reason.
#[derive(Clone, PartialEq)]
pub struct Criterion {
    /// Its name.
    pub id: CriterionId,
    /// What judges it.
    pub grader: Grader,
    /// Which classes its failures are.
    pub fails_as: FailsAs,
    /// Which part of the promise it protects, in words; optional.
    pub protects: Option<String>,
    /// Which examples it applies to; empty means all.
    pub applies_to: Vec<(String, Vec<String>)>,
    /// What people say of the same answers: the judge is calibrated against it. Only where a model judges.
    pub people: Option<PeopleLabels>,
}

/// A seal hashes this form: a page without `people` has the hash that it always had.
impl fmt::Debug for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Criterion");
        shown
            .field("id", &self.id)
            .field("grader", &self.grader)
            .field("fails_as", &self.fails_as)
            .field("protects", &self.protects)
            .field("applies_to", &self.applies_to);
        if let Some(people) = &self.people {
            shown.field("people", people);
        }
        shown.finish()
    }
}

/// Labels of people on answers that a model judges.
#[derive(Clone, Debug, PartialEq)]
pub struct PeopleLabels {
    /// Where they are and what they mean; `by` is a person.
    pub labels: LabelGrader,
    /// How the answers to label were drawn.
    pub drawn: Drawn,
}

/// How the answers that people labelled were drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Drawn {
    /// At random from the answers of this run, or by the probability that each label states as `inclusion`.
    Random,
    /// By hand: they confirm what they are about, and estimate nothing.
    Chosen,
}

impl Criterion {
    /// Says whether a model judges it and people's labels calibrate the judge.
    pub fn is_calibrated(&self) -> bool {
        self.people.is_some() && self.judged_by() == GraderKind::Model
    }

    /// Returns who the page says judges it. A criterion of a model judge is a watch as a whole until the judge is calibrated,
    /// whatever single labels say: whether a rule gates must not depend on which labels happen to be there.
    pub fn judged_by(&self) -> GraderKind {
        match &self.grader {
            Grader::Label(grader) => grader.by,
            Grader::Preference(grader) => grader.by,
            Grader::Judge(_) => GraderKind::Model,
            Grader::Program(_) => GraderKind::Program,
            _ => GraderKind::Rule,
        }
    }

    /// Returns the version of the rubric that people follow, beside a judge or by themselves.
    pub fn people_rubric(&self) -> Option<&str> {
        match (&self.people, &self.grader) {
            (Some(people), _) => people.labels.rubric.as_deref(),
            (None, Grader::Label(own)) => own.rubric.as_deref(),
            (None, Grader::Preference(own)) => own.rubric.as_deref(),
            _ => None,
        }
    }

    /// Returns every class that its failures can be of, those that a label map names included.
    pub fn classes(&self) -> BTreeSet<u16> {
        let mut classes = self.fails_as.classes();
        let judge = match &self.grader {
            Grader::Label(label) => Some(label),
            _ => None,
        };
        let people = self.people.as_ref().map(|people| &people.labels);
        for label in judge.into_iter().chain(people) {
            let named = label.values.iter().flat_map(|map| map.fail.values());
            classes.extend(named.copied().flatten());
        }
        classes
    }
}

/// Maps a criterion's failures to classes (indexes into [`super::Manifest::classes`]).
#[derive(Clone, Debug, PartialEq)]
pub enum FailsAs {
    /// Every failure is of one class.
    One(u16),
    /// By the symptom that the grader names (`answered-when-refuse`, or a label), with an optional default.
    BySymptom {
        /// Symptom to class.
        map: BTreeMap<String, u16>,
        /// For symptoms not in the map (`otherwise`).
        otherwise: Option<u16>,
    },
    /// It protects nothing (an error that `check` reports).
    Nothing,
}

impl FailsAs {
    /// Returns all classes named.
    pub fn classes(&self) -> BTreeSet<u16> {
        match self {
            FailsAs::One(class) => BTreeSet::from([*class]),
            FailsAs::BySymptom { map, otherwise } => {
                map.values().copied().chain(*otherwise).collect()
            }
            FailsAs::Nothing => BTreeSet::new(),
        }
    }
}

/// What judges a criterion.
#[derive(Clone, Debug, PartialEq)]
pub enum Grader {
    /// The output equals the expected answer (`expect.answer`), or `text`.
    Exact {
        /// Fixed text; the example's `expect.answer` when absent.
        text: Option<String>,
        /// Ignore case and runs of white space.
        normalise: bool,
    },
    /// The output contains all of `texts` and `expect.contains`.
    Contains {
        /// Fixed texts, besides `expect.contains`.
        texts: Vec<String>,
        /// Ignore case.
        ignore_case: bool,
        /// Pass when any one is contained.
        any: bool,
    },
    /// The output contains none of `texts` and `expect.not_contains`.
    NotContains {
        /// Fixed texts, besides `expect.not_contains`.
        texts: Vec<String>,
        /// Ignore case.
        ignore_case: bool,
    },
    /// The output matches (or must not match) a linear-time regular expression.
    Regex {
        /// The pattern.
        pattern: String,
        /// Pass when it does not match.
        negate: bool,
    },
    /// A number in the output is within tolerance of `expect.answer`.
    Number {
        /// Absolute tolerance, ≥ 0.
        tolerance: f64,
        /// Relative tolerance, ≥ 0.
        relative: f64,
    },
    /// The output is JSON valid under a schema.
    JsonSchema {
        /// The schema itself.
        schema: serde_json::Value,
    },
    /// Every id of `expect.must_cite` is among the citations.
    MustCite,
    /// Cited ids exist among the example's sources, and at least one is cited when sources exist (`cites: {from: sources}`).
    CitesKnown,
    /// Quoted passages (in double quotes) of the output stand in the example's sources.
    QuotesInSources,
    /// Every tool of `expect.must_call` is called.
    MustCall,
    /// No tool of `expect.must_not_call`, nor of `tools`, is called.
    MustNotCall {
        /// Fixed tool names, besides `expect.must_not_call`.
        tools: Vec<String>,
    },
    /// The behaviour is the one expected. Symptoms read `answered-when-refuse`, `refused-when-answer`, …
    Behaviour(Box<super::BehaviourReading>),
    /// The time of the whole answer: fails above `at_most_ms`; its value is in milliseconds.
    Latency {
        /// Limit in milliseconds; none = only measured.
        at_most_ms: Option<f64>,
        /// A numeric response field in seconds or milliseconds to read instead of the whole answer's time.
        field: Option<String>,
    },
    /// The money of an answer in US dollars: fails above `at_most_usd`.
    Cost {
        /// Limit in US dollars; none = only measured.
        at_most_usd: Option<f64>,
    },
    /// Tool calls keep to rules.
    Trajectory(Box<super::Trajectory>),
    /// What is cited, quoted and counted rests on the right sources.
    Grounding(super::Grounding),
    /// Model judges, by a rubric.
    Judge(Box<super::JudgeGrader>),
    /// A program, over JSON lines.
    Program(Box<super::ProgramGrader>),
    /// Several rules make one verdict. Rules that do not apply to an example are left out for it.
    Joined {
        /// How.
        join: Join,
        /// The rules, at least one; no labels, preferences, instructions or mere measures.
        of: Vec<Grader>,
    },
    /// The output starts or ends with one of the texts, white space around it left out.
    Edge {
        /// Which end.
        edge: Edge,
        /// The texts, at least one.
        texts: Vec<String>,
        /// Ignore case.
        ignore_case: bool,
    },
    /// The output's length is within limits.
    Length {
        /// What is counted.
        of: LengthIn,
        /// The limits, at least one.
        limits: Limits,
    },
    /// The output is in one of the languages.
    Language {
        /// Languages, by their ISO 639 codes.
        is: Vec<String>,
    },
    /// The output's letters are of the scripts.
    Script {
        /// Unicode names of scripts (`Latin`, `Arabic`).
        is: Vec<String>,
        /// The share of letters that must be, in (0, 1].
        share: f64,
    },
    /// A JSONPath selects values of a JSON output, and they are as wanted.
    JsonPath {
        /// The path (RFC 9535).
        path: String,
        /// What every selected value equals.
        equals: Option<serde_json::Value>,
        /// A linear-time pattern that every selected value matches, as text.
        matches: Option<String>,
        /// How many values are selected; at least one where nothing is said.
        limits: Limits,
    },
    /// JSON that stands somewhere in the output holds a value, or is valid under a schema.
    JsonContains {
        /// What it holds: objects may have further keys, lists further items.
        value: Option<serde_json::Value>,
        /// What some value in it is valid under.
        schema: Option<serde_json::Value>,
    },
    /// The output holds fenced code.
    CodeFence {
        /// Languages of the fences; empty means any.
        languages: Vec<String>,
        /// How many fences; at least one where nothing is said.
        limits: Limits,
        /// Nothing stands outside the fences.
        only: bool,
    },
    /// The output holds a list.
    List {
        /// What marks the items.
        marks: ListMarks,
        /// How many items all lists have together; at least one where nothing is said.
        limits: Limits,
        /// Count the items of lists inside items too.
        nested: bool,
    },
    /// The output holds a table.
    Table {
        /// Names that its head must hold, in any order; empty means any.
        columns: Vec<String>,
        /// Number of columns.
        width: Option<u64>,
        /// How many rows below the head.
        limits: Limits,
    },
    /// A number with a unit is near the one expected (`expect.answer`, or `is`), converted where the units measure the same.
    Quantity {
        /// Fixed quantity, such as `12.5 km`.
        is: Option<String>,
        /// Tolerance in the expected unit, ≥ 0.
        tolerance: f64,
        /// Relative tolerance, ≥ 0.
        relative: f64,
    },
    /// A date in the output is the one expected (`expect.answer`, or `is`).
    Date {
        /// Fixed date.
        is: Option<jiff::civil::Date>,
        /// How dates of three numbers are read; absent: only those that can be read one way.
        order: Option<DateOrder>,
        /// How many days it may be away.
        within_days: u64,
    },
    /// The output is like `expect.answer`: a value in [0, 1], or with a threshold a verdict.
    Similarity {
        /// How it is measured.
        metric: SimilarityMetric,
        /// The threshold.
        at_least: Option<f64>,
    },
    /// Each instruction about form that the example lists is followed: one part of the answer each.
    Instructions {
        /// The example's field that holds the list (`{id, args}` each).
        field: String,
        /// How they are read.
        reading: Reading,
        /// How the parts make one verdict; none: each part is a row in its example's cluster.
        parts: Option<PartsRule>,
    },
    /// Recorded labels of people, programs or model judges.
    Label(LabelGrader),
    /// Recorded preferences between candidate and production.
    Preference(Box<PreferenceGrader>),
}

/// Reads recorded labels.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelGrader {
    /// Where the labels are: one source or several, also of one file, which is then read once.
    pub sources: Vec<Source>,
    /// Who gave them (decides whether they may gate).
    pub by: crate::outcome::GraderKind,
    /// Version of the rubric they followed, if stated.
    pub rubric: Option<String>,
    /// Label to verdict, first entry whose `when` matches the example.
    pub values: Vec<LabelMap>,
    /// Label to the behaviour it names, where labels say what was done instead of whether it was right. There is then one map for each expected
    /// behaviour, in the order of [`Behaviour::ALL`].
    pub behaviours: BTreeMap<String, Behaviour>,
    /// How several annotators make one verdict. Their disagreement is kept either way.
    pub combine: Combine,
    /// How several parts of one answer make the answer's verdict; none: each part is a row in its example's cluster.
    pub parts: Option<PartsRule>,
    /// The field of the response, else of the example, that says how many parts an answer has: a number, or a list of them.
    pub parts_from: Option<String>,
    /// A numeric field is the score itself, instead of a label.
    pub score: bool,
    /// What it means when an answered trial has no label.
    pub absent: Absent,
}

/// What an absent label means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Absent {
    /// Missing(grader error).
    Missing,
    /// The criterion does not apply (for parts: an answer without parts).
    NotApplicable,
    /// Counted as a failure (the published reading of some benchmarks); with `parts: share` a share of 0.
    Fail,
    /// Counted as a pass (an answer without claims has no contradicted claim); with `parts: share` a share of 1.
    Pass,
}

/// Maps labels to verdicts for the examples that `when` selects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelMap {
    /// Dimension or example field to accepted values; empty means every example.
    pub when: Vec<(String, Vec<String>)>,
    /// Labels that pass.
    pub pass: BTreeSet<String>,
    /// Labels that fail, with the symptom or class they fail as (`None`: the criterion's only class).
    pub fail: BTreeMap<String, Option<u16>>,
    /// Labels that say the criterion does not apply.
    pub not_applicable: BTreeSet<String>,
}

impl LabelMap {
    /// Makes one map of labels for each behaviour that an example may expect, in the order of [`Behaviour::ALL`]: the labels that name it pass.
    pub(crate) fn of_behaviours(labels: &BTreeMap<String, Behaviour>) -> Vec<Self> {
        let map = |expected: Behaviour| {
            let named = labels.iter();
            let (pass, fail): (Vec<_>, Vec<_>) = named.partition(|(_, it)| **it == expected);
            let expects = "expect.behaviour".to_owned();
            Self {
                when: vec![(expects, vec![expected.word().to_owned()])],
                pass: pass.into_iter().map(|(label, _)| label.clone()).collect(),
                fail: fail
                    .into_iter()
                    .map(|(label, _)| (label.clone(), None))
                    .collect(),
                not_applicable: BTreeSet::new(),
            }
        };
        Behaviour::ALL.map(map).into()
    }
}

/// How several annotators' labels of one unit make one verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Combine {
    /// The verdict most annotators gave; a split is missing(grader error).
    Majority,
    /// Pass only if every annotator passes it.
    Unanimous,
    /// Pass if any annotator passes it.
    Any,
}

/// How the parts of an answer make the answer's verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PartsRule {
    /// Pass when every part passes.
    All,
    /// Pass when any part passes.
    Any,
    /// The share of parts that pass, a value in [0, 1].
    Share,
}

/// Reads recorded preferences: labels that name the better of two systems.
#[derive(Clone, Debug, PartialEq)]
pub struct PreferenceGrader {
    /// Where the labels are, in the order of the page.
    pub sources: Vec<Source>,
    /// Who gave them.
    pub by: crate::outcome::GraderKind,
    /// Version of the rubric, if stated.
    pub rubric: Option<String>,
    /// Labels that mean "the first system is better".
    pub first: BTreeSet<String>,
    /// Labels that mean "the second system is better".
    pub second: BTreeSet<String>,
    /// Labels that mean "no preference".
    pub tie: BTreeSet<String>,
    /// Example field that names the first system; its value is a system's `name`.
    pub first_field: String,
    /// Example field that names the second system.
    pub second_field: String,
    /// How several annotators make one verdict.
    pub combine: Combine,
}
