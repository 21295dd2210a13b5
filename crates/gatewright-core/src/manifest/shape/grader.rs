//! The shape of graders.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::Value;

use super::{Dollars, Share, SourceOrPath, Sources, Time, Word, Words};
use crate::manifest::{Absent, Combine, Drawn, PartsRule};
use crate::outcome::GraderKind;

/// What judges: a kind, or a kind with options.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum GraderOrName {
    Name(GraderName),
    Options(Box<GraderShape>),
}

/// A grader without options.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub(super) enum GraderName {
    Exact,
    Contains,
    NotContains,
    Number,
    MustCite,
    Cites,
    QuotesInSources,
    MustCall,
    MustNotCall,
    Behaviour,
    Latency,
    Cost,
}

/// A grader and its options.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum GraderShape {
    /// The output equals `text`, or the example's `expect.answer`.
    Exact {
        /// Fixed text.
        text: Option<Word>,
        /// Ignore case and runs of white space.
        normalise: Option<bool>,
    },
    /// The output contains all of `texts` and `expect.contains`.
    Contains {
        /// Fixed texts.
        texts: Option<Words>,
        /// Ignore case.
        ignore_case: Option<bool>,
        /// Pass when any one is contained.
        any: Option<bool>,
    },
    /// The output contains none of `texts` and `expect.not_contains`.
    NotContains {
        /// Fixed texts.
        texts: Option<Words>,
        /// Ignore case.
        ignore_case: Option<bool>,
    },
    /// The output matches a linear-time regular expression.
    Regex {
        /// The pattern.
        pattern: Word,
        /// Pass when it does not match.
        negate: Option<bool>,
    },
    /// A number of the output is near `expect.answer`.
    Number {
        /// Absolute tolerance.
        tolerance: Option<f64>,
        /// Relative tolerance.
        relative: Option<Share>,
    },
    /// The output is JSON that is valid under a schema.
    JsonSchema {
        /// The schema itself, or the path of a file.
        schema: Value,
    },
    /// Every id of `expect.must_cite` is cited.
    MustCite {},
    /// Everything cited is among the example's sources, and something is cited.
    Cites {
        /// What may be cited.
        from: Option<CitesFrom>,
    },
    /// Quoted passages stand in the example's sources.
    QuotesInSources {},
    /// Every tool of `expect.must_call` is called.
    MustCall {},
    /// No tool of `tools` and `expect.must_not_call` is called.
    MustNotCall {
        /// Fixed tool names.
        tools: Option<Words>,
    },
    /// The behaviour is the one expected.
    Behaviour {},
    /// The time of the whole answer, or of a field.
    Latency {
        /// The limit.
        at_most: Option<Time>,
        /// A numeric field of the response to read instead.
        field: Option<Word>,
    },
    /// The money of an answer.
    Cost {
        /// The limit.
        at_most: Option<Dollars>,
    },
    /// Recorded labels of people, programs or model judges.
    Label {
        /// Where the labels are: one source, or a list of them (also of one file, which is read once).
        from: Sources,
        /// Who gave them.
        by: GraderKind,
        /// Version of the rubric.
        rubric: Option<Word>,
        /// What the labels mean.
        values: Option<LabelMaps>,
        /// How several annotators make one verdict. Default: majority.
        combine: Option<Combine>,
        /// How several parts make one verdict. Default: each part is a row.
        parts: Option<PartsRule>,
        /// What an absent label means. Default: missing.
        absent: Option<Absent>,
        /// The mapped `score` is the value itself.
        score: Option<bool>,
    },
    /// Recorded preferences between two systems.
    Preference {
        /// Where the labels are.
        from: SourceOrPath,
        /// Who gave them.
        by: GraderKind,
        /// Version of the rubric.
        rubric: Option<Word>,
        /// Labels that prefer the first system.
        first: Words,
        /// Labels that prefer the second system.
        second: Words,
        /// Labels that prefer neither.
        tie: Option<Words>,
        /// Example field that names the first system. Default: system_1.
        first_system_field: Option<Word>,
        /// Example field that names the second system. Default: system_2.
        second_system_field: Option<Word>,
        /// How several annotators make one verdict. Default: majority.
        combine: Option<Combine>,
    },
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub(super) enum CitesFrom {
    /// The example's sources.
    Sources,
}

/// One label map, or several: the first whose `when` matches counts.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum LabelMaps {
    One(LabelMapShape),
    Many(Vec<LabelMapShape>),
}

/// What labels mean.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct LabelMapShape {
    /// Dimension or field to values; absent: every example.
    when: Option<BTreeMap<String, Words>>,
    /// Labels that pass.
    pass: Option<Words>,
    /// Labels that fail, or labels with the class they fail as.
    fail: Option<FailLabels>,
    /// Labels that say the criterion does not apply.
    not_applicable: Option<Words>,
}

/// Labels of people on the answers that a model judges. What is left out is as the judge has it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct PeopleShape {
    /// Where the labels are; a file that is not there yet holds none.
    from: Sources,
    /// A person.
    by: Option<GraderKind>,
    /// Version of the rubric. Default: the judge's.
    rubric: Option<Word>,
    /// What the labels mean. Default: what the judge's mean.
    values: Option<LabelMaps>,
    /// How several annotators make one verdict. Default: majority.
    combine: Option<Combine>,
    /// How several parts make one verdict. Default: as the judge's.
    parts: Option<PartsRule>,
    /// The mapped `score` is the value itself. Default: as the judge's.
    score: Option<bool>,
    /// How the answers to label were drawn. Default: random, or by the `inclusion` of each label.
    drawn: Option<Drawn>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum FailLabels {
    Labels(Words),
    Classes(BTreeMap<String, Word>),
}
