//! The shape of `gatewright.yaml` as editors know it: the JSON Schema is derived from these types.
//!
//! Nothing is read through them: reading needs every problem with its place, and walks the page itself (`read`). A test holds the keys here and
//! the keys there together.

#![expect(
    dead_code,
    reason = "only the schema of these types is used, never a value"
)]

mod grader;
mod judge;
mod live;

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use self::grader::{GraderOrName, PeopleShape};
use self::judge::JudgeShape;
use self::live::{Anthropic, Http, OpenAi, Provider};
use super::{Action, Enforce, Kind, MixedModels, Standard, Uses};
use crate::class::Severity;

/// A type that is written as one of a few texts or numbers.
macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $schema:expr) => {
        $(#[$doc])*
        pub(super) struct $name;
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

quantity!(
    Word,
    json_schema!({"description": "A text. Unquoted numbers and truth values are read as the text that is written.", "type": ["string", "number", "boolean"]})
);
quantity!(
    Words,
    json_schema!({"description": "One text or a list of texts.", "anyOf": [
        {"type": ["string", "number", "boolean"]},
        {"type": "array", "items": {"type": ["string", "number", "boolean", "null"]}}
    ]})
);
quantity!(
    Memory,
    json_schema!({"description": "An amount of memory: `512 MiB`, `2 GiB`.", "type": "string", "pattern": "^[0-9]+ *(MiB|GiB)$"})
);
quantity!(
    Version,
    json_schema!({"description": "The version of the page's format.", "enum": [1, "1"]})
);
quantity!(
    Share,
    json_schema!({"description": "A share: `95 %` or `0.95`.", "anyOf": [
        {"type": "number", "minimum": 0, "maximum": 1},
        {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? *%$"}
    ]})
);
quantity!(
    Amount,
    json_schema!({"description": "A number, or a number with its unit: `10 pts`, `95 %`, `4 s`, `0.02 USD`.", "anyOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? *(pts|pt|%|ms|s|min|h|[A-Z]{3})?$"}
    ]})
);
quantity!(
    Time,
    json_schema!({"description": "A time with its unit: `4 s`, `250 ms`, `2 min`, `1 h`.", "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? *(ms|s|min|h)$"})
);
quantity!(
    Money,
    json_schema!({"description": "Money, `400 USD`, or plain cost units, `15`.", "anyOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? *([A-Z]{3})?$"}
    ]})
);
quantity!(
    Dollars,
    json_schema!({"description": "US dollars: `0.02 USD`.", "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? *USD$"})
);
quantity!(
    TrialCount,
    json_schema!({"description": "`auto`, or how many trials each example gets.", "anyOf": [
        {"const": "auto"},
        {"type": "integer", "minimum": 1, "maximum": 1000}
    ]})
);
quantity!(
    MetricName,
    json_schema!({"description": "What is measured.", "type": "string", "pattern": "^(share|mean|p50|p95|p99|cost_per_solved|failure_cost|invariance|directional|pass[\\^@][1-9][0-9]*)$"})
);
quantity!(
    RestWord,
    json_schema!({"description": "Everything that no other value takes.", "const": "rest"})
);

/// gatewright.yaml: the promise, what failing costs, and the gate, on one page.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Page {
    gatewright: Version,
    /// Product name.
    product: Option<Word>,
    promise: PromiseOrText,
    /// Machinery in use; each brings demands that `gatewright check` makes.
    uses: Option<Vec<Uses>>,
    /// Kinds of work users ask for, each with a description.
    tasks: BTreeMap<String, Option<Word>>,
    /// The failures that cost most, by class. Twelve classes ship with the product; a page may add its own.
    failures: BTreeMap<String, Option<Failure>>,
    /// Who answers for what.
    owners: BTreeMap<String, Option<OwnerOrName>>,
    /// Where real examples can be sampled.
    evidence: Option<Vec<EvidencePlace>>,
    traffic: Option<TrafficShape>,
    decision: Option<Decision>,
    /// Dimensions by which results are reported separately. `task` comes by itself.
    segments: Option<BTreeMap<String, Option<DimensionShape>>>,
    systems: Systems,
    /// Model judges, by name: how each is reached.
    judges: Option<BTreeMap<String, JudgeShape>>,
    /// How often each example is run; `auto` runs few examples more often.
    trials: Option<TrialCount>,
    /// Where the examples are. Default: `reference/*.jsonl`.
    reference: Option<Sources>,
    /// What is judged, by what, and which class a failure is.
    criteria: Option<BTreeMap<String, CriterionShape>>,
    /// The rules, agreed before the run.
    gate: Vec<RuleShape>,
    /// Seed of everything random. Default: 1.
    seed: Option<u64>,
    /// Where incidents are kept. Default: `incidents.jsonl`.
    incidents: Option<String>,
}

/// What the product promises, in one sentence or in parts.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum PromiseOrText {
    Text(String),
    Parts(PromiseShape),
}

/// What the product promises.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct PromiseShape {
    /// What it does.
    does: Option<Word>,
    /// For whom.
    #[schemars(rename = "for")]
    for_whom: Option<Word>,
    /// What counts as evidence for an answer.
    evidence: Option<Word>,
    /// What it must keep to.
    constraints: Option<Words>,
    /// What it does when the answer is not ready.
    when_not_ready: Option<Word>,
}

/// A failure class.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Failure {
    /// How bad one such failure is. Default: medium.
    severity: Option<Severity>,
    /// What one such failure costs. Default: 1.
    cost: Option<Money>,
    /// Who repairs it, by a name under `owners`.
    owner: Option<Word>,
    /// How it is repaired.
    repair: Option<Word>,
}

/// A person or team, by name or with a contact.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum OwnerOrName {
    Name(Word),
    Full(OwnerShape),
}

/// A person or team.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct OwnerShape {
    /// Shown name.
    name: Option<Word>,
    /// How to reach them.
    contact: Option<Word>,
}

/// A place where real examples can be sampled.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct EvidencePlace {
    /// Its name.
    id: Option<Word>,
    /// What it yields. Default: traffic.
    kind: Option<Kind>,
    /// Where it is.
    at: Word,
}

/// Traffic volume and mix, so that a verdict can say failures and money per week.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct TrafficShape {
    /// Requests a week.
    per_week: f64,
    /// Share of traffic of each value, by dimension.
    share: Option<BTreeMap<String, BTreeMap<String, Share>>>,
}

/// How the release is decided.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Decision {
    /// The question that the gate answers.
    question: Option<Word>,
    /// Who decides, by a name under `owners`.
    decided_by: Option<Word>,
    /// True when the candidate already serves users. Default: false.
    exposed: Option<bool>,
    /// `shown`: at least one require, and all hold. `unbroken`: nothing broke. Default: `shown` when the gate has a require.
    standard: Option<Standard>,
    /// Dimensions that a router can isolate, so that `narrow` can name their values.
    route_by: Option<Words>,
    /// Share of traffic of a narrow that names no segment. Default: 5 %.
    narrow_share: Option<Share>,
    /// What the exit code does. Default: block.
    enforce: Option<Enforce>,
    /// Planned release attempts on this reference set; each is tested at α/N.
    attempts: Option<u32>,
    /// What follows when another model answers in the middle of a run: `hold` or `allow` (the report says so). Default: hold.
    mixed_models: Option<MixedModels>,
    /// Who may sign a decision.
    sign: Option<Sign>,
}

/// Who may sign a decision, by identity.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Sign {
    /// Persons whose signatures a decision needs. Default: 1.
    persons: Option<u32>,
    /// Whether the author of the change may sign. `false`: the author must be known, and may not. Default: not where the author is known.
    author_may_sign: Option<bool>,
    /// Authors of the change, as identities.
    authors: Option<Words>,
    /// Identities that may sign. Default: everyone in the project's list of keys.
    by: Option<Words>,
    /// Longest life of an override, in days. Default: 90.
    override_days: Option<u32>,
}

/// A dimension: a list of values that examples carry themselves, or values by expression. Empty: whatever occurs.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum DimensionShape {
    Values(Vec<Word>),
    Expressions(BTreeMap<String, Option<ValueShape>>),
}

/// Which examples have a value.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum ValueShape {
    Rest(RestWord),
    Expression(Expression),
}

/// Which examples have a value: by the input's text, or by a field.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Expression {
    /// A regular expression (linear-time, case ignored) that the input matches.
    input_matches: Option<Word>,
    /// A field of the example: `context.plan`, `expect.behaviour`, `provenance.kind`.
    field: Option<Word>,
    /// The value that the field has.
    equals: Option<Word>,
    /// The values that the field may have.
    #[schemars(rename = "in")]
    one_of: Option<Words>,
}

/// The systems under test, by role.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Systems {
    /// The release under question.
    candidate: SystemShape,
    /// What serves users now.
    production: Option<SystemShape>,
    /// What would serve if neither did.
    fallback: Option<SystemShape>,
}

/// A system under test; it is reached in exactly one way.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct SystemShape {
    /// Its own name, on which labels join. Default: its role.
    name: Option<Word>,
    /// Outputs recorded in a file.
    recorded: Option<SourceOrPath>,
    /// Only labels were recorded.
    labels_only: Option<bool>,
    /// A program and its arguments; it reads and writes JSON lines.
    command: Option<Words>,
    /// Parallel processes of a command. Default: 1.
    workers: Option<u32>,
    /// Names of further environment variables that a command gets.
    env: Option<Words>,
    /// An endpoint of the OpenAI shape.
    openai: Option<OpenAi>,
    /// An endpoint of the Anthropic shape.
    anthropic: Option<Anthropic>,
    /// An HTTP endpoint of the team's own shape.
    http: Option<Http>,
    /// A further provider, through an adapter: in builds with the feature `providers`.
    provider: Option<Provider>,
    /// The system's own promise of time; exceeding it fails as `latency`.
    timeout: Option<Time>,
}

/// One source or a list of them.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Sources {
    One(SourceOrPath),
    Many(Vec<SourceOrPath>),
}

/// A path, or a file with a field map.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum SourceOrPath {
    Path(String),
    Mapped(SourceShape),
}

/// A file and how its fields become ours.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct SourceShape {
    /// Path inside the project, or `ROOT:path` with `--root ROOT=DIR`.
    file: String,
    /// Our field to theirs.
    map: Option<BTreeMap<String, Word>>,
    /// Our field to a fixed value.
    set: Option<BTreeMap<String, Value>>,
    /// Their field to the values that are read; other rows are left out.
    #[schemars(rename = "where")]
    filter: Option<BTreeMap<String, Words>>,
    /// Where every example of the file comes from.
    provenance: Option<ProvenanceShape>,
    /// The input exists and may not be shown.
    withheld: Option<bool>,
    /// Of outputs and labels: how many trials of each example there should be.
    trials: Option<u32>,
}

/// Where every example of a file comes from.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ProvenanceShape {
    /// The kind of the examples.
    kind: Option<Kind>,
    /// A reference: a ticket, a data set, the gap they target.
    #[schemars(rename = "ref")]
    reference: Option<Word>,
}

/// One thing that can fail for its own reason.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct CriterionShape {
    grader: GraderOrName,
    fails_as: Option<FailsAsShape>,
    /// Which part of the promise it protects.
    protects: Option<Word>,
    /// Which examples it applies to: dimension or field to values. Default: all.
    applies_to: Option<BTreeMap<String, Words>>,
    /// Labels of people on the answers that a model judges: the judge is calibrated against them.
    people: Option<PeopleShape>,
}

/// The class of its failures, or a class for each symptom that the grader reports.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum FailsAsShape {
    Class(String),
    BySymptom(BTreeMap<String, Word>),
}

/// A line of the gate: exactly one of never, guard, require and watch.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct RuleShape {
    /// Its name. Default: verb and subject.
    id: Option<Word>,
    /// A failure class of which one event is too many.
    never: Option<Word>,
    /// A criterion that these examples must not lose: trip, then confirm.
    guard: Option<Word>,
    /// A criterion or class for a claim about traffic.
    require: Option<Word>,
    /// A criterion or class that is reported and never decides.
    watch: Option<Word>,
    /// Restriction: dimension to values.
    #[schemars(rename = "where")]
    restrict: Option<BTreeMap<String, Words>>,
    /// Dimensions by whose values the rule is split.
    by: Option<Words>,
    /// The other system of a comparison.
    against: Option<AgainstRole>,
    /// How much worse than the other system is still no worse.
    margin: Option<Amount>,
    /// How much better than the other system it must be.
    better_by: Option<Amount>,
    /// The floor.
    at_least: Option<Amount>,
    /// The ceiling.
    at_most: Option<Amount>,
    /// Whose value a floor or ceiling is about. Default: candidate.
    of: Option<super::Role>,
    /// Kinds of examples that carry it. Default: traffic for a require, every kind otherwise.
    from: Option<Kinds>,
    /// For a never: the largest rate that may be claimed.
    cap: Option<Share>,
    metric: Option<MetricName>,
    /// Default: the severest class it protects.
    severity: Option<Severity>,
    then: Option<Then>,
    /// Who acts, by a name under `owners`.
    owner: Word,
    /// False: no override may bypass it. Default: true.
    overridable: Option<bool>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum AgainstRole {
    Production,
    Fallback,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum Kinds {
    One(Kind),
    Many(Vec<Kind>),
}

/// What follows a result.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Then {
    /// What follows when the rule is violated.
    violated: Action,
    /// `narrow` lets an undecided rule go to a share of the traffic.
    undecided: Option<Narrow>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Narrow {
    Narrow,
}
