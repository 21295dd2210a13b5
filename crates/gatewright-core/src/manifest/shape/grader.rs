//! The shape of graders.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::Value;

use super::judge::{JudgeMode, JudgeSees};
use super::{Dollars, Memory, Share, Sources, Time, Word, Words};
use crate::manifest::{
    Absent, Combine, DateOrder, Drawn, LengthIn, ListMarks, PartsRule, Reading, SimilarityMetric,
};
use crate::outcome::GraderKind;
use crate::response::Behaviour;

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
    CodeFence,
    List,
    Table,
    Quantity,
    Date,
    Instructions,
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
    Behaviour {
        /// What the system states counts first. Default: true.
        stated: Option<bool>,
        /// Behaviour to what shows it, in this order: the first that is there counts. Default: nothing is read from words.
        read: Option<BTreeMap<Behaviour, SignOrPatterns>>,
        /// What words without a sign do. Default: answer.
        otherwise: Option<BehaviourOrMissing>,
    },
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
    /// Tool calls keep to rules.
    Trajectory {
        /// The response's field that holds the messages of the talk. Default: its turns, else its calls alone.
        from: Option<Word>,
        /// The only tools that may be called.
        only: Option<Words>,
        /// Tools that must never be called.
        never: Option<Words>,
        /// Tool to the tools that must have been called before it.
        before: Option<BTreeMap<String, Words>>,
        /// Tool to how often it is called.
        counts: Option<BTreeMap<String, CallCount>>,
        /// Tool to the JSON Schema of its arguments.
        arguments: Option<BTreeMap<String, Value>>,
        /// Rules on each call.
        rules: Option<Vec<CallRuleShape>>,
        /// Which role may call which tools.
        permissions: Option<PermissionsShape>,
        /// Tools that write.
        writes: Option<Words>,
        /// What the user must have said last before a write: a linear-time pattern.
        confirmed_by: Option<Word>,
        /// One call a message, and no text beside it.
        one_at_a_time: Option<bool>,
        /// Tool to the arguments that each call must leave on record.
        audit: Option<BTreeMap<String, Words>>,
        /// What must hold at the end (CEL).
        r#final: Option<Word>,
    },
    /// What is cited, quoted and counted rests on the right sources.
    Grounding {
        /// Something must be cited. Default: true.
        must_cite: Option<bool>,
        /// Quoted passages stand in what is cited. Default: true.
        quotes: Option<bool>,
        /// Numbers stand in what is cited, or in the question. Default: true.
        numbers: Option<bool>,
        /// The example's field that lists sources which contradict each other.
        conflicts: Option<Word>,
    },
    /// Model judges, by a rubric.
    Judge {
        /// The rubric: a Markdown file whose head names its version and levels.
        rubric: Word,
        /// Who judges, by name under `judges`: one, or a panel.
        by: Words,
        /// What a judge sees besides the question and the answer. Default: sources.
        sees: Option<Vec<JudgeSees>>,
        /// One answer is judged, or the candidate's and production's are compared in both orders. Default: single.
        mode: Option<JudgeMode>,
        /// How often each judge judges each answer. Default: 1.
        votes: Option<u32>,
        /// Send the verdict's JSON Schema along, for endpoints that keep to one. Default: false.
        structured: Option<bool>,
        /// Canaries of each kind in every judged run, for each judge. Default: 8.
        canaries: Option<u32>,
    },
    /// A program, over JSON lines.
    Program {
        /// Program and arguments; no shell.
        command: Words,
        /// Programs side by side. Default: one for each core.
        workers: Option<u32>,
        /// Further environment variables that the program gets, by name.
        env: Option<Words>,
        /// Time for one answer; exceeding it is missing.
        timeout: Option<Time>,
        /// Memory that one program may use.
        memory: Option<Memory>,
    },
    /// Every rule passes.
    All {
        /// The rules.
        of: Vec<GraderOrName>,
    },
    /// One of the rules passes at least.
    Any {
        /// The rules.
        of: Vec<GraderOrName>,
    },
    /// None of the rules passes.
    None {
        /// The rules.
        of: Vec<GraderOrName>,
    },
    /// The output starts with one of the texts.
    StartsWith {
        /// The texts.
        texts: Words,
        /// Ignore case.
        ignore_case: Option<bool>,
    },
    /// The output ends with one of the texts.
    EndsWith {
        /// The texts.
        texts: Words,
        /// Ignore case.
        ignore_case: Option<bool>,
    },
    /// The output's length is within limits.
    Length {
        /// What is counted. Default: words.
        of: Option<LengthIn>,
        /// The smallest number that is allowed.
        at_least: Option<u64>,
        /// The largest number that is allowed.
        at_most: Option<u64>,
    },
    /// The output is in one of the languages.
    Language {
        /// Languages, by their ISO 639 codes.
        is: Words,
    },
    /// The output's letters are of the scripts.
    Script {
        /// Unicode names of scripts.
        is: Words,
        /// The share of letters that must be. Default: all.
        share: Option<Share>,
    },
    /// A JSONPath selects values of a JSON output.
    JsonPath {
        /// The path (RFC 9535).
        path: Word,
        /// What every selected value equals.
        equals: Option<Value>,
        /// A linear-time pattern that every selected value matches, as text.
        matches: Option<Word>,
        /// How many values are selected at least. Default: 1.
        at_least: Option<u64>,
        /// How many values are selected at most.
        at_most: Option<u64>,
    },
    /// JSON that stands somewhere in the output holds a value, or is valid under a schema.
    JsonContains {
        /// What it holds; objects may have further keys, lists further items.
        value: Option<Value>,
        /// What some value in it is valid under.
        schema: Option<Value>,
    },
    /// The output holds fenced code.
    CodeFence {
        /// Languages of the fences. Default: any.
        languages: Option<Words>,
        /// How many fences at least. Default: 1.
        at_least: Option<u64>,
        /// How many fences at most.
        at_most: Option<u64>,
        /// Nothing stands outside the fences.
        only: Option<bool>,
    },
    /// The output holds a list.
    List {
        /// What marks the items. Default: any.
        marks: Option<ListMarks>,
        /// How many items at least. Default: 1.
        at_least: Option<u64>,
        /// How many items at most.
        at_most: Option<u64>,
        /// Count the items of lists inside items too.
        nested: Option<bool>,
    },
    /// The output holds a table.
    Table {
        /// Names that its head must hold.
        columns: Option<Words>,
        /// Number of columns.
        width: Option<u64>,
        /// How many rows below the head at least.
        at_least: Option<u64>,
        /// How many rows below the head at most.
        at_most: Option<u64>,
    },
    /// A number with a unit is near the one expected.
    Quantity {
        /// Fixed quantity, such as `12.5 km`; `expect.answer` when absent.
        is: Option<Word>,
        /// Tolerance in the expected unit.
        tolerance: Option<f64>,
        /// Relative tolerance.
        relative: Option<Share>,
    },
    /// A date in the output is the one expected.
    Date {
        /// Fixed date; `expect.answer` when absent.
        is: Option<Word>,
        /// How dates of three numbers are read.
        order: Option<DateOrder>,
        /// How many days it may be away.
        within_days: Option<u64>,
    },
    /// The output is like `expect.answer`.
    Similarity {
        /// How it is measured.
        metric: SimilarityMetric,
        /// The threshold; without one the similarity is a value.
        at_least: Option<Share>,
    },
    /// Each instruction about form that the example lists is followed.
    Instructions {
        /// The example's field that holds the list. Default: instructions.
        from: Option<Word>,
        /// How they are read. Default: strict.
        reading: Option<Reading>,
        /// How the parts make one verdict. Default: each part is a row.
        parts: Option<PartsRule>,
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
        /// Behaviour to the labels that name it, where labels say what was done.
        behaviour: Option<BTreeMap<Behaviour, Words>>,
        /// How several annotators make one verdict. Default: majority.
        combine: Option<Combine>,
        /// How several parts make one verdict. Default: each part is a row.
        parts: Option<PartsRule>,
        /// The field of the response, else of the example, that says how many parts an answer has: a number, or a list.
        parts_from: Option<Word>,
        /// What an absent label means. Default: missing.
        absent: Option<Absent>,
        /// The mapped `score` is the value itself.
        score: Option<bool>,
    },
    /// Recorded preferences between two systems.
    Preference {
        /// Where the labels are: one source, or a list of them.
        from: Sources,
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

/// What shows a behaviour: patterns, or patterns and an expression.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum SignOrPatterns {
    Patterns(Words),
    Sign(SignShape),
}

/// What shows a behaviour.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct SignShape {
    /// Linear-time patterns, of which one is enough.
    patterns: Option<Words>,
    /// Ignore case. Default: true.
    ignore_case: Option<bool>,
    /// What holds of the whole response (CEL).
    when: Option<Word>,
}

/// A behaviour, or missing.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub(super) enum BehaviourOrMissing {
    Answer,
    Ask,
    Escalate,
    Refuse,
    Call,
    Stop,
    Missing,
}

/// A rule on each call.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct CallRuleShape {
    /// Which calls it is about (CEL). Default: every call.
    when: Option<Word>,
    /// What must hold of them (CEL).
    must: Word,
    /// The rule in words.
    says: Option<Word>,
}

/// How often a tool is called.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct CallCount {
    /// The smallest number that is allowed.
    at_least: Option<u64>,
    /// The largest number that is allowed.
    at_most: Option<u64>,
}

/// Which role may call which tools; tools that no role has are open to all.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct PermissionsShape {
    /// The example's segment or field that names the role.
    by: Word,
    /// Role to its tools.
    tools: BTreeMap<String, Words>,
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
