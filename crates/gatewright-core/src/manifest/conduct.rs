//! Rules on conduct and evidence that take more than a word: tool trajectories and grounding.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Limits;
use crate::response::Behaviour;

/// Which tools may be called, when, how often, with what, and what must be left behind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trajectory {
    /// The response's field that holds the messages of the talk; none: its turns, else its calls alone.
    pub from: Option<String>,
    /// The only tools that may be called; empty means any.
    pub only: Vec<String>,
    /// Tools that must never be called.
    pub never: Vec<String>,
    /// Pairs of tools: the second is not called before the first was.
    pub before: Vec<(String, String)>,
    /// How often tools are called.
    pub counts: BTreeMap<String, Limits>,
    /// JSON Schemas of arguments, by tool.
    pub arguments: BTreeMap<String, Value>,
    /// Rules on each call, as expressions.
    pub rules: Vec<CallRule>,
    /// Who may call what: the example's field that names the role, and the tools of each role. Tools that no role has are open to all.
    pub permissions: Option<(String, BTreeMap<String, Vec<String>>)>,
    /// Tools that write.
    pub writes: Vec<String>,
    /// What the user must have said last before a write: a linear-time pattern.
    pub confirmed_by: Option<String>,
    /// One call a message, and no text beside it.
    pub one_at_a_time: bool,
    /// Arguments that each call of a tool must leave on record, not empty.
    pub audit: BTreeMap<String, Vec<String>>,
    /// What must hold at the end, as an expression.
    pub final_state: Option<String>,
}

/// A rule on each call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallRule {
    /// Which calls it is about (CEL); none: every call.
    pub when: Option<String>,
    /// What must hold of them (CEL).
    pub must: String,
    /// The rule in words.
    pub says: Option<String>,
}

/// How a response's behaviour is read.
#[derive(Clone, Debug, PartialEq)]
pub struct BehaviourReading {
    /// What the system states counts first.
    pub stated: bool,
    /// What shows a behaviour, in the page's order: the first that is there counts. Empty: nothing is read from words.
    pub read: Vec<BehaviourSign>,
    /// What words without a sign do; none: it cannot be told, and the outcome is missing.
    pub otherwise: Option<Behaviour>,
}

/// What shows one behaviour: a pattern that the text matches, or an expression that holds.
#[derive(Clone, Debug, PartialEq)]
pub struct BehaviourSign {
    /// The behaviour.
    pub behaviour: Behaviour,
    /// Linear-time patterns, of which one is enough.
    pub patterns: Vec<String>,
    /// Ignore case.
    pub ignore_case: bool,
    /// An expression (CEL) on the whole response.
    pub when: Option<String>,
}

impl Default for BehaviourReading {
    fn default() -> Self {
        Self {
            stated: true,
            read: Vec::new(),
            otherwise: Some(Behaviour::Answer),
        }
    }
}

/// What an answer must rest on.
#[derive(Clone, Debug, PartialEq)]
pub struct Grounding {
    /// Something must be cited.
    pub must_cite: bool,
    /// Quoted passages of three words or more stand in what is cited.
    pub quotes: bool,
    /// Numbers stand in what is cited, or in the question.
    pub numbers: bool,
    /// The example's field that lists sources which contradict each other.
    pub conflicts: Option<String>,
}

impl Default for Grounding {
    fn default() -> Self {
        Self {
            must_cite: true,
            quotes: true,
            numbers: true,
            conflicts: None,
        }
    }
}
