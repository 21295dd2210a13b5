//! Events and writers for the tests.

use gatewright_core::event::RunEvent;
use gatewright_core::exchange::Exchange;
use gatewright_core::manifest::Role;
use gatewright_core::plan::AttemptSpec;
use gatewright_core::response::{AttemptEnd, Response};
use gatewright_store::Writer;

pub(crate) const NOW: &str = "2026-01-02T03:04:05Z";

pub(crate) fn writer(name: &str) -> Writer {
    Writer {
        name: name.to_owned(),
        actor: "ada".to_owned(),
        at: NOW.to_owned(),
    }
}

pub(crate) fn attempt(example: u32, trial: u32) -> AttemptSpec {
    AttemptSpec {
        example,
        system: Role::Candidate,
        trial,
    }
}

pub(crate) fn started(example: u32) -> RunEvent {
    RunEvent::Started {
        attempt: attempt(example, 0),
    }
}

pub(crate) fn ended(example: u32, output: &str) -> RunEvent {
    RunEvent::Ended {
        attempt: attempt(example, 0),
        recorded_trial: None,
        exchange: None,
        end: AttemptEnd::Answered {
            response: Response {
                output: output.to_owned(),
                latency_ms: Some(12.75),
                ..Response::default()
            },
        },
    }
}

pub(crate) fn failed(example: u32) -> RunEvent {
    RunEvent::Ended {
        attempt: attempt(example, 0),
        recorded_trial: None,
        exchange: None,
        end: AttemptEnd::HarnessError {
            message: "no".to_owned(),
        },
    }
}

pub(crate) fn reopened(example: u32) -> RunEvent {
    RunEvent::Reopened {
        attempt: attempt(example, 0),
    }
}

pub(crate) fn reused(example: u32) -> RunEvent {
    RunEvent::Reused {
        attempt: attempt(example, 0),
        from: "0001-00000000".to_owned(),
        end: AttemptEnd::Answered {
            response: Response::default(),
        },
    }
}

pub(crate) fn exchanged(example: u32, step: u32, said: Option<&str>) -> RunEvent {
    RunEvent::Exchanged {
        attempt: attempt(example, 0),
        exchange: Box::new(Exchange {
            step,
            ..Exchange::default()
        }),
        response: said.map(|output| {
            Box::new(Response {
                output: output.to_owned(),
                ..Response::default()
            })
        }),
    }
}

/// Returns an error and its whole chain of causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
