//! Model judges and grader programs, as the page names them.

use super::{Live, Target};
use crate::digest::Digest;
use crate::judge::Rubric;

/// A model judge: how it is reached, once for all criteria that ask it.
#[derive(Clone, Debug)]
pub struct Judge {
    /// Its name on the page.
    pub name: String,
    /// How it is reached: an endpoint or a program that speaks as systems do.
    pub target: Target,
    /// Its promise of time, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Hash of everything that makes it what it is.
    pub fingerprint: Digest,
}

impl Judge {
    /// Returns its endpoint, when it is reached over HTTP.
    pub fn live(&self) -> Option<&Live> {
        match &self.target {
            Target::Live(live) => Some(live),
            _ => None,
        }
    }
}

/// A criterion that model judges judge by a rubric.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgeGrader {
    /// The rubric's file.
    pub file: String,
    /// The rubric; nothing until its file was provided.
    pub rubric: Option<Rubric>,
    /// Who judges, by name under `judges`: one, or a panel.
    pub by: Vec<String>,
    /// What a judge sees besides the question and the answer.
    pub sees: Sees,
    /// Two answers are compared, in both orders, instead of one being judged.
    pub pair: bool,
    /// How often each judge judges each answer, from 1.
    pub votes: u32,
    /// The verdict's JSON Schema is sent along, for endpoints that keep to one.
    pub structured: bool,
    /// Canaries of each kind in every judged run, for each judge.
    pub canaries: u32,
}

/// What a judge sees besides the question and the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sees {
    /// The example's sources.
    pub sources: bool,
    /// The expected answer (reference-guided).
    pub expect: bool,
    /// The example's context.
    pub context: bool,
}

/// A criterion that a program grades, over JSON lines.
#[derive(Clone, Debug, PartialEq)]
pub struct ProgramGrader {
    /// Program and arguments; no shell.
    pub argv: Vec<String>,
    /// Programs side by side, from 1; none: one for each core.
    pub workers: Option<u32>,
    /// Further environment variables by name.
    pub env: Vec<String>,
    /// Time for one answer in milliseconds; exceeding it is missing(grader error).
    pub timeout_ms: Option<u64>,
    /// Memory that one program may use, in MiB.
    pub memory_mib: Option<u64>,
    /// Hash of the command and of its own files.
    pub fingerprint: Digest,
}
