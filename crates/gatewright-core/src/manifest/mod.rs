//! The one page: `gatewright.yaml` as the domain sees it.
//!
//! Reading (`read`) turns the file's serde shape (`shape`) into these types and returns everything
//! wrong at once. Nothing here is serialised: the shape is the file format, these are the meaning.

mod adapter;
mod conduct;
mod criterion;
mod gate;
mod judge;
mod live;
mod node;
pub(crate) mod quantity;
pub mod read;
mod rule;
pub mod schema;
mod shape;
mod signing;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::class::FailureClass;
use crate::digest::Digest;
use crate::id::OwnerId;
use crate::judge::{Meaning, Rubric};
use crate::problem::Location;
use crate::source::Source;

/// What stands in the place of a product's name on a page that the program wrote.
pub const PRODUCT_PLACEHOLDER: &str = "my-product";
/// What a product is called whose page gives it no name.
pub const PRODUCT_UNNAMED: &str = "product";

pub use adapter::{ADAPTERS, Adapter, EFFORTS};
pub use conduct::{BehaviourReading, BehaviourSign, CallRule, Grounding, Trajectory};
pub use criterion::{
    Absent, Combine, Criterion, Drawn, FailsAs, Grader, LabelGrader, LabelMap, PartsRule,
    PeopleLabels, PreferenceGrader,
};
pub use gate::{Action, Compare, Metric, Rule, Subject, Verb};
pub use judge::{Judge, JudgeGrader, ProgramGrader, Sees};
pub use live::{HeaderText, HttpShape, Live, Pace, Price, Protocol, Secret, SeedUse, Template};
pub use node::PAGE_LIMIT;
pub use rule::{DateOrder, Edge, Join, LengthIn, Limits, ListMarks, Reading, SimilarityMetric};
pub use signing::{SignRules, identity, may_be_one};

/// The whole page.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Product name.
    pub product: String,
    /// What the product promises.
    pub promise: Promise,
    /// Kinds of machinery in use; each brings demands.
    pub uses: BTreeSet<Uses>,
    /// Tasks users ask for, with a description.
    pub tasks: BTreeMap<String, String>,
    /// The twelve shipped classes merged with the page's, sorted by id. Outcomes refer to them by index.
    pub classes: Vec<FailureClass>,
    /// Who owns what.
    pub owners: BTreeMap<OwnerId, Owner>,
    /// Where real examples can be sampled.
    pub evidence: Vec<EvidenceSource>,
    /// Traffic volume and mix.
    pub traffic: Option<Traffic>,
    /// The release decision.
    pub decision: DecisionPolicy,
    /// Who may sign a decision.
    pub signing: SignRules,
    /// Dimensions in page order; `task` comes first by itself.
    pub dimensions: Vec<Dimension>,
    /// Systems by role. Candidate is required; production and fallback are optional.
    pub systems: BTreeMap<Role, System>,
    /// Model judges by name.
    pub judges: BTreeMap<String, Judge>,
    /// Planned trials.
    pub trials: Trials,
    /// Where the examples are.
    pub reference: Vec<Source>,
    /// Where incidents are kept (`incidents.jsonl` beside the page by default).
    pub incidents: String,
    /// Criteria in page order. Outcomes refer to them by index.
    pub criteria: Vec<Criterion>,
    /// The gate: rules in page order.
    pub gate: Vec<Rule>,
    /// Seed of everything random that is derived from the page.
    pub seed: u64,
    /// Where each key stands: dotted path (`gate[2].margin`, `criteria.grounded.grader`) to location.
    pub spans: BTreeMap<String, Location>,
    /// Hash of the page's bytes.
    pub digest: Digest,
}

impl Manifest {
    /// Returns the location of a dotted path, or of its nearest ancestor.
    pub fn at(&self, path: &str) -> Location {
        let mut path = path;
        loop {
            if let Some(location) = self.spans.get(path) {
                return location.clone();
            }
            match path.rfind(['.', '[']) {
                Some(cut) => path = &path[..cut],
                None => return self.spans.get("").cloned().unwrap_or_default(),
            }
        }
    }

    /// Finds a class's index by name.
    pub fn class_index(&self, id: &str) -> Option<u16> {
        self.classes
            .binary_search_by(|class| class.id.as_str().cmp(id))
            .ok()
            .map(|index| index as u16)
    }

    /// Finds a criterion's index by name.
    pub fn criterion_index(&self, id: &str) -> Option<u16> {
        self.criteria
            .iter()
            .position(|criterion| criterion.id.as_str() == id)
            .map(|index| index as u16)
    }

    /// Lists the JSON Schemas that the page names as files, by criterion index. This crate opens no files: the caller reads each and calls
    /// [`Manifest::provide_schema`] before grading or checking.
    pub fn schema_files(&self) -> Vec<(u16, String)> {
        let files = (0_u16..).zip(&self.criteria);
        files
            .filter_map(|(index, criterion)| match &criterion.grader {
                Grader::JsonSchema {
                    schema: serde_json::Value::String(path),
                } => Some((index, path.clone())),
                _ => None,
            })
            .collect()
    }

    /// Puts the content of a schema file in its place.
    pub fn provide_schema(&mut self, criterion: u16, content: serde_json::Value) {
        if let Some(Criterion {
            grader: Grader::JsonSchema { schema },
            ..
        }) = self.criteria.get_mut(usize::from(criterion))
        {
            *schema = content;
        }
    }

    /// Lists the rubrics that criteria name, by criterion index. The caller reads each and calls [`Manifest::provide_rubric`] before
    /// grading or checking.
    pub fn rubric_files(&self) -> Vec<(u16, String)> {
        let files = (0_u16..).zip(&self.criteria);
        files
            .filter_map(|(index, criterion)| match &criterion.grader {
                Grader::Judge(judge) => Some((index, judge.file.clone())),
                _ => None,
            })
            .collect()
    }

    /// Puts a rubric in its place.
    pub fn provide_rubric(&mut self, criterion: u16, read: Rubric) {
        if let Some(Criterion {
            grader: Grader::Judge(judge),
            ..
        }) = self.criteria.get_mut(usize::from(criterion))
        {
            judge.rubric = Some(read);
        }
        self.name_levels(criterion);
    }

    /// Lets people's labels mean what the rubric's levels mean, where the page gives them no meaning of their own.
    fn name_levels(&mut self, criterion: u16) {
        let Some(Criterion {
            grader: Grader::Judge(judge),
            people: Some(people),
            ..
        }) = self.criteria.get_mut(usize::from(criterion))
        else {
            return;
        };
        let Some(rubric) = judge
            .rubric
            .as_ref()
            .filter(|_| people.labels.values.is_empty())
        else {
            return;
        };
        let mut map = LabelMap::default();
        for level in &rubric.levels {
            match level.meaning {
                Meaning::Pass => map.pass.insert(level.name.clone()),
                Meaning::Fail => map.fail.insert(level.name.clone(), None).is_none(),
                Meaning::NotApplicable => map.not_applicable.insert(level.name.clone()),
            };
        }
        people.labels.values.push(map);
    }

    /// Lists the files that judges need, by name.
    pub fn judge_files(&self) -> Vec<(String, String)> {
        let judges = self.judges.values();
        judges
            .filter_map(|judge| Some((judge, judge.live()?)))
            .flat_map(|(judge, live)| {
                let files = live.files().into_iter();
                files.map(|file| (judge.name.clone(), file))
            })
            .collect()
    }

    /// Puts the content of a judge's file in its place, and into the judge's fingerprint.
    ///
    /// # Errors
    /// Why the content cannot be used.
    pub fn provide_judge_file(
        &mut self,
        name: &str,
        path: &str,
        content: &str,
    ) -> Result<(), String> {
        let Some(judge) = self.judges.get_mut(name) else {
            return Ok(());
        };
        if let Target::Live(live) = &mut judge.target {
            live.provide(path, content)?;
        }
        judge.fingerprint = Digest::of_json(&(judge.fingerprint, path, content));
        Ok(())
    }

    /// Lists the files that live systems need, by role: templates and lists of tools. The caller reads each and calls
    /// [`Manifest::provide_file`] before anything is asked.
    pub fn live_files(&self) -> Vec<(Role, String)> {
        self.systems
            .values()
            .filter_map(|system| Some((system.role, system.live()?)))
            .flat_map(|(role, live)| live.files().into_iter().map(move |file| (role, file)))
            .collect()
    }

    /// Puts the content of a live system's file in its place, and into the system's fingerprint.
    ///
    /// # Errors
    /// Why the content cannot be used: a list of tools that is no list.
    pub fn provide_file(&mut self, role: Role, path: &str, content: &str) -> Result<(), String> {
        let Some(system) = self.systems.get_mut(&role) else {
            return Ok(());
        };
        if let Target::Live(live) = &mut system.target {
            live.provide(path, content)?;
        }
        system.fingerprint = Digest::of_json(&(system.fingerprint, path, content));
        Ok(())
    }

    /// Finds a dimension by name.
    pub fn dimension(&self, name: &str) -> Option<(usize, &Dimension)> {
        self.dimensions
            .iter()
            .enumerate()
            .find(|(_, dimension)| dimension.name == name)
    }
}

/// What the product does, for whom, with what evidence, under which constraints, and what it does when the answer is not ready.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Promise {
    /// What it does.
    pub does: String,
    /// For whom.
    pub for_whom: String,
    /// What counts as evidence for an answer.
    pub evidence: String,
    /// What it must keep to.
    pub constraints: Vec<String>,
    /// What it does when the answer is not ready.
    pub when_not_ready: String,
}

/// A kind of machinery whose use brings demands that `check` makes.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Uses {
    /// Answers follow a written policy: policy-sensitive examples are demanded.
    Policy,
    /// Answers come from retrieved sources: source quality and answerability are demanded.
    Retrieval,
    /// Support work: durable resolution is demanded.
    Support,
    /// Tools are called: permission boundaries and audit fields are demanded.
    Tools,
}

/// A person or team.
#[derive(Clone, Debug, PartialEq)]
pub struct Owner {
    /// Shown name.
    pub name: String,
    /// How to reach them.
    pub contact: Option<String>,
}

/// Where real examples can be sampled.
#[derive(Clone, Debug, PartialEq)]
pub struct EvidenceSource {
    /// Its name.
    pub id: String,
    /// What it yields.
    pub kind: Kind,
    /// Where it is (not opened by this tool's everyday commands).
    pub at: String,
}

/// The kind of an example: where it came from.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Sampled from traffic by a stated design: the only kind that estimates traffic rates by itself.
    Traffic,
    /// From a production failure.
    Incident,
    /// At the edge of the task.
    Edge,
    /// From a written policy.
    Policy,
    /// Made up to fill a named gap.
    Synthetic,
    /// Chosen by hand: may break a guard, never carries a require unless `from` names it.
    Handpicked,
    /// From a public benchmark: the same limits as handpicked.
    Benchmark,
}

impl Kind {
    /// All kinds in the order of reports.
    pub const ALL: [Kind; 7] = [
        Kind::Traffic,
        Kind::Incident,
        Kind::Edge,
        Kind::Policy,
        Kind::Synthetic,
        Kind::Handpicked,
        Kind::Benchmark,
    ];

    /// Returns the word used in files.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Traffic => "traffic",
            Kind::Incident => "incident",
            Kind::Edge => "edge",
            Kind::Policy => "policy",
            Kind::Synthetic => "synthetic",
            Kind::Handpicked => "handpicked",
            Kind::Benchmark => "benchmark",
        }
    }
}

/// Traffic volume and mix.
#[derive(Clone, Debug, PartialEq)]
pub struct Traffic {
    /// Requests a week.
    pub per_week: f64,
    /// Share of traffic per value, by dimension; each dimension's shares add up to at most 1.
    pub share: BTreeMap<String, BTreeMap<String, f64>>,
}

/// How the release is decided.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionPolicy {
    /// The question that the gate answers.
    pub question: String,
    /// Who decides.
    pub decided_by: Option<OwnerId>,
    /// True when the candidate already serves users, so that a rollback means something.
    pub exposed: bool,
    /// The standard of proof.
    pub standard: Standard,
    /// Dimensions that a router can isolate.
    pub route_by: Vec<String>,
    /// Share of traffic of a narrow that names no segment, in (0, 1).
    pub narrow_share: f64,
    /// What the exit code does.
    pub enforce: Enforce,
    /// Planned release attempts on this reference set; each spends α/N.
    pub attempts: Option<u32>,
    /// What a run says whose model changed in the middle of it.
    pub mixed_models: MixedModels,
}

/// What follows when another model answers in the middle of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MixedModels {
    /// The run decides nothing: its numbers are of two systems.
    Hold,
    /// The report says so.
    Allow,
}

/// The standard of proof (design.md §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Standard {
    /// At least one require, and all hold.
    Shown,
    /// Nothing violated, tripped, unconfirmed or missing; requires are optional.
    Unbroken,
}

/// How far the answer reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Enforce {
    /// Report only; exit 0.
    Observe,
    /// Say "would hold"; exit 0.
    Advise,
    /// The exit code is the answer's.
    Block,
}

/// A dimension by which results are reported separately.
#[derive(Clone, Debug, PartialEq)]
pub struct Dimension {
    /// Its name.
    pub name: String,
    /// Its values in page order. Empty: whatever values the examples carry.
    pub values: Vec<DimensionValue>,
}

/// One value of a dimension.
#[derive(Clone, Debug, PartialEq)]
pub struct DimensionValue {
    /// Its name.
    pub name: String,
    /// Which examples have it.
    pub matches: Matcher,
}

/// Which examples a dimension value takes. First match in page order wins.
#[derive(Clone, Debug, PartialEq)]
pub enum Matcher {
    /// The example's own segment field says so.
    Field,
    /// The input's text matches a regular expression (case-insensitive).
    InputMatches(String),
    /// A field of the example (dotted path) equals one of these values.
    FieldIn {
        /// Dotted path inside the example: `context.plan`, `expect.behaviour`, `provenance.kind`.
        field: String,
        /// Accepted values as text.
        values: Vec<String>,
    },
    /// Everything no other value takes.
    Rest,
}

/// The role of a system under test.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The release under question.
    Candidate,
    /// What serves users now.
    Production,
    /// What would serve if neither did.
    Fallback,
}

impl Role {
    /// All roles in the order of reports.
    pub const ALL: [Role; 3] = [Role::Candidate, Role::Production, Role::Fallback];

    /// Returns the word used in files.
    pub fn word(self) -> &'static str {
        match self {
            Role::Candidate => "candidate",
            Role::Production => "production",
            Role::Fallback => "fallback",
        }
    }

    /// Returns the index in [`Role::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}

/// A system under test.
#[derive(Clone, Debug)]
pub struct System {
    /// Its role.
    pub role: Role,
    /// Its own name (`assistant-12`); labels from files join on it. The role's word by default.
    pub name: String,
    /// How it is reached.
    pub target: Target,
    /// Its own promise of time, in milliseconds; exceeding it fails as `latency`.
    pub timeout_ms: Option<u64>,
    /// Hash of everything that makes it what it is.
    pub fingerprint: Digest,
}

impl System {
    /// Returns its endpoint, when it is reached over HTTP.
    pub fn live(&self) -> Option<&Live> {
        match &self.target {
            Target::Live(live) => Some(live),
            _ => None,
        }
    }
}

/// How a system is reached.
#[derive(Clone, Debug)]
pub enum Target {
    /// Outputs recorded in a file.
    Recorded(Source),
    /// Only labels were recorded: there are no outputs to read; `trials` is how many the labels carry.
    LabelsOnly,
    /// A program that reads and writes JSON lines.
    Command {
        /// Program and arguments; no shell.
        argv: Vec<String>,
        /// Parallel processes, from 1.
        workers: u32,
        /// Further environment variables by name, taken from the caller's environment (never values).
        env: Vec<String>,
    },
    /// A live endpoint (`openai`, `anthropic`, `http`).
    Live(Box<Live>),
}

impl Target {
    /// Says whether fresh trials can be had.
    pub fn can_rerun(&self) -> bool {
        matches!(self, Target::Command { .. } | Target::Live(_))
    }
}

/// Planned trials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trials {
    /// `clamp(ceil(400 / n), 1, 5)` for systems that can be called.
    Auto,
    /// This many.
    Fixed(u32),
}
