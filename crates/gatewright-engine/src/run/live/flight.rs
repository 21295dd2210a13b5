//! An attempt that is being made.

use std::sync::Arc;

use gatewright_core::exchange::Exchange;
use gatewright_core::plan::AttemptSpec;
use gatewright_core::reference::{Example, Input};
use gatewright_core::response::{Response, Turn, Usage};
use tokio::time::Instant;

use crate::live::ask::Outgoing;

/// An attempt that is being made.
pub(super) struct Flight {
    pub(super) attempt: AttemptSpec,
    /// Read once for all its requests.
    pub(super) example: Arc<Example>,
    pub(super) outgoing: Outgoing,
    pub(super) history: Vec<Turn>,
    pub(super) usage: Usage,
    pub(super) step: u32,
    pub(super) call: u32,
    pub(super) tries: u32,
    pub(super) waits: u32,
    /// Its start is not committed yet.
    pub(super) fresh: bool,
    pub(super) sent: Option<Instant>,
    pub(super) tokens: u64,
}

impl Flight {
    pub(super) fn new(attempt: AttemptSpec, example: Arc<Example>) -> Self {
        Self {
            attempt,
            example,
            outgoing: Outgoing {
                body: Vec::new(),
                user: String::new(),
                tool_results: false,
                tokens: 0,
                cost_usd: None,
            },
            history: Vec::new(),
            usage: Usage::default(),
            step: 0,
            call: 0,
            tries: 0,
            waits: 0,
            fresh: true,
            sent: None,
            tokens: 0,
        }
    }

    /// Adds a turn that came back.
    pub(super) fn learn(&mut self, exchange: &Exchange, response: &Response) {
        let said = response.turns.last();
        self.history.push(Turn {
            user: said.map_or_else(|| self.outgoing.user.clone(), |turn| turn.user.clone()),
            tool_results: said.map_or(self.outgoing.tool_results, |turn| turn.tool_results),
            output: response.output.clone(),
            tool_calls: response.tool_calls.clone(),
            latency_ms: Some(exchange.latency_ms),
        });
        self.step += 1;
        self.usage = add(self.usage, exchange.usage);
    }

    /// Says whether it may have more turns after this answer.
    pub(super) fn has_more(&self, response: &Response) -> bool {
        matches!(self.example.input, Input::Turns(_))
            || (!response.tool_calls.is_empty()
                && self.example.context.contains_key("tool_results"))
    }

    /// Makes one response of all turns: what was said last, every tool that was called, and what all of it took.
    pub(super) fn whole(&self, last: Response) -> Response {
        let latency = self.history.iter().filter_map(|turn| turn.latency_ms).sum();
        Response {
            output: self
                .history
                .last()
                .map(|turn| turn.output.clone())
                .unwrap_or_default(),
            tool_calls: self
                .history
                .iter()
                .flat_map(|turn| turn.tool_calls.clone())
                .collect(),
            usage: self.usage,
            latency_ms: Some(latency),
            turns: self.history.clone(),
            ..last
        }
    }
}

fn add(a: Usage, b: Usage) -> Usage {
    let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0) + b.unwrap_or(0)),
    };
    Usage {
        input_tokens: sum(a.input_tokens, b.input_tokens),
        output_tokens: sum(a.output_tokens, b.output_tokens),
        cost_usd: match (a.cost_usd, b.cost_usd) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
        },
    }
}
