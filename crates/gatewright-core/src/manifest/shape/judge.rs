//! The shape of judges and of the graders that ask them or a program.

use schemars::JsonSchema;

use super::live::{Anthropic, Http, OpenAi, Provider};
use super::{Time, Words};

/// A model judge and how it is reached: exactly one way.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct JudgeShape {
    /// A program that reads and writes JSON lines, as a system does: program and arguments; no shell.
    command: Option<Words>,
    /// Programs side by side. Default: 1.
    workers: Option<u32>,
    /// Further environment variables that the program gets, by name.
    env: Option<Words>,
    /// An endpoint of the OpenAI shape, without a prompt: the rubric is what a judge is asked.
    openai: Option<OpenAi>,
    /// An endpoint of the Anthropic shape, without a prompt.
    anthropic: Option<Anthropic>,
    /// An HTTP endpoint of the team's own shape.
    http: Option<Http>,
    /// A further provider, through an adapter, without a prompt: in builds with the feature `providers`.
    provider: Option<Provider>,
    /// Its promise of time.
    timeout: Option<Time>,
}

/// One answer is judged, or two are compared.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub(super) enum JudgeMode {
    Single,
    Pair,
}

/// What a judge sees besides the question and the answer.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub(super) enum JudgeSees {
    /// The question, which a judge always sees.
    Input,
    /// The example's sources.
    Sources,
    /// The expected answer.
    Expect,
    /// The example's context.
    Context,
}
