//! Whether one and the same model answered a whole run: an alias that moves in the middle of it makes two systems of one.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::RunEvent;
use crate::exchange::Exchange;
use crate::manifest::Role;

/// Most names that are said of one system.
const NAMED_MAX: usize = 3;

/// Who answered each system of a run, by what its provider says. What it does not say counts for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answerers {
    by_role: BTreeMap<Role, Seen>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    models: BTreeSet<String>,
    fingerprints: BTreeSet<String>,
}

impl Answerers {
    /// Takes in what an event says. The order of events does not matter.
    pub fn observe(&mut self, event: &RunEvent) {
        match event {
            RunEvent::ModelSeen {
                system,
                model,
                fingerprint,
            } => self.note(*system, model.as_deref(), fingerprint.as_deref()),
            RunEvent::Ended {
                attempt,
                exchange: Some(exchange),
                ..
            }
            | RunEvent::Exchanged {
                attempt, exchange, ..
            } => self.exchange(attempt.system, exchange),
            _ => {}
        }
    }

    fn exchange(&mut self, system: Role, exchange: &Exchange) {
        // What a failing host or a proxy says of itself is not who answered.
        if exchange.fault.is_none() {
            self.note(
                system,
                exchange.model.as_deref(),
                exchange.fingerprint.as_deref(),
            );
        }
    }

    fn note(&mut self, system: Role, model: Option<&str>, fingerprint: Option<&str>) {
        if model.is_none() && fingerprint.is_none() {
            return;
        }
        let seen = self.by_role.entry(system).or_default();
        let add = |known: &mut BTreeSet<String>, name: Option<&str>| {
            if let Some(name) = name
                && !known.contains(name)
            {
                known.insert(name.to_owned());
            }
        };
        add(&mut seen.models, model);
        add(&mut seen.fingerprints, fingerprint);
    }

    /// Says which systems were not one system all along, one sentence for each; empty when none. The names are the
    /// provider's: untrusted text.
    pub fn mixed(&self) -> Vec<String> {
        self.by_role
            .iter()
            .filter_map(|(role, seen)| {
                let (names, what) = if seen.models.len() > 1 {
                    (&seen.models, "models")
                } else if seen.fingerprints.len() > 1 {
                    (&seen.fingerprints, "versions of a model")
                } else {
                    return None;
                };
                let shown: Vec<&str> = names.iter().take(NAMED_MAX).map(String::as_str).collect();
                let more = if names.len() > NAMED_MAX { ", …" } else { "" };
                Some(format!(
                    "the {} was answered by {} {what} within the run: {}{more}",
                    role.word(),
                    names.len(),
                    shown.join(", ")
                ))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Fault;
    use crate::plan::AttemptSpec;
    use crate::response::{AttemptEnd, Response};

    fn seen(system: Role, model: Option<&str>, fingerprint: Option<&str>) -> RunEvent {
        RunEvent::ModelSeen {
            system,
            model: model.map(str::to_owned),
            fingerprint: fingerprint.map(str::to_owned),
        }
    }

    fn ended(model: &str, fault: Option<Fault>) -> RunEvent {
        RunEvent::Ended {
            attempt: AttemptSpec {
                example: 0,
                system: Role::Candidate,
                trial: 0,
            },
            recorded_trial: None,
            end: AttemptEnd::Answered {
                response: Response::default(),
            },
            exchange: Some(Box::new(Exchange {
                model: Some(model.to_owned()),
                fault,
                ..Exchange::default()
            })),
        }
    }

    fn mixed(events: &[RunEvent]) -> Vec<String> {
        let mut answerers = Answerers::default();
        events.iter().for_each(|event| answerers.observe(event));
        answerers.mixed()
    }

    #[test]
    fn f27_a_model_that_changes_within_a_run_is_named() {
        let (candidate, production) = (Role::Candidate, Role::Production);
        let same = [
            seen(candidate, Some("m-1"), Some("f")),
            seen(production, Some("m-2"), None),
            seen(candidate, Some("m-1"), None),
            seen(candidate, None, None),
            ended("m-1", None),
            ended("gateway", Some(Fault::Server)),
        ];
        assert_eq!(mixed(&same), Vec::<String>::new());
        assert_eq!(mixed(&[]), Vec::<String>::new());
        let models = [seen(candidate, Some("m-1"), None), ended("m-2", None)];
        assert_eq!(
            mixed(&models),
            ["the candidate was answered by 2 models within the run: m-1, m-2"]
        );
        let versions = [
            seen(production, Some("m"), Some("f2")),
            seen(production, Some("m"), Some("f1")),
        ];
        assert_eq!(
            mixed(&versions),
            ["the production was answered by 2 versions of a model within the run: f1, f2"]
        );
    }
}
