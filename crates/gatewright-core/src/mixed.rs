//! Whether one and the same model answered a whole run: an alias that moves in the middle of it makes two systems of one.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Digest;
use crate::event::RunEvent;
use crate::exchange::Exchange;
use crate::manifest::Role;

/// Most names that are said of one system.
const NAMED_MAX: usize = 3;

/// Who answered each system and each judge of a run, by what its provider says. What it does not say counts for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answerers {
    by_role: BTreeMap<Role, Seen>,
    /// By the judge's hash too: what another model or rubric said before is no verdict of this judge.
    by_judge: BTreeMap<String, BTreeMap<Digest, Seen>>,
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
            } if model.is_some() || fingerprint.is_some() => {
                let seen = self.by_role.entry(*system).or_default();
                seen.note(model.as_deref(), fingerprint.as_deref());
            }
            RunEvent::Judged { unit, event } => {
                if let Some((_, exchange)) = exchange(event) {
                    let of_judge = self.by_judge.entry(unit.judge.clone()).or_default();
                    of_judge.entry(unit.hash).or_default().exchange(exchange);
                }
            }
            event => {
                if let Some((system, exchange)) = exchange(event) {
                    self.by_role.entry(system).or_default().exchange(exchange);
                }
            }
        }
    }

    /// Says by which models a judge was answered, where it was not one all along: under any of these hashes, those that its name on the page has
    /// with the rubrics of its criteria. The names are the provider's: untrusted text.
    pub fn mixed_judge(&self, judge: &str, hashes: &[Digest]) -> Option<String> {
        let mut all = Seen::default();
        let of_judge = self.by_judge.get(judge)?;
        for seen in hashes.iter().filter_map(|hash| of_judge.get(hash)) {
            all.models.extend(seen.models.iter().cloned());
            all.fingerprints.extend(seen.fingerprints.iter().cloned());
        }
        all.mixed()
    }

    /// Says which systems were not one system all along, one sentence for each; empty when none. The names are the
    /// provider's: untrusted text.
    pub fn mixed(&self) -> Vec<String> {
        let of = |(role, seen): (&Role, &Seen)| {
            let how = seen.mixed()?;
            Some(format!("the {} {how}", role.word()))
        };
        self.by_role.iter().filter_map(of).collect()
    }
}

/// The exchange that an event brought, and which system it was made for.
fn exchange(event: &RunEvent) -> Option<(Role, &Exchange)> {
    match event {
        RunEvent::Ended {
            attempt,
            exchange: Some(exchange),
            ..
        }
        | RunEvent::Exchanged {
            attempt, exchange, ..
        } => Some((attempt.system, exchange)),
        _ => None,
    }
}

impl Seen {
    fn exchange(&mut self, exchange: &Exchange) {
        // What a failing host or a proxy says of itself is not who answered.
        if exchange.fault.is_none() {
            self.note(exchange.model.as_deref(), exchange.fingerprint.as_deref());
        }
    }

    fn note(&mut self, model: Option<&str>, fingerprint: Option<&str>) {
        let add = |known: &mut BTreeSet<String>, name: Option<&str>| {
            if let Some(name) = name
                && !known.contains(name)
            {
                known.insert(name.to_owned());
            }
        };
        add(&mut self.models, model);
        add(&mut self.fingerprints, fingerprint);
    }

    fn mixed(&self) -> Option<String> {
        let (names, what) = if self.models.len() > 1 {
            (&self.models, "models")
        } else if self.fingerprints.len() > 1 {
            (&self.fingerprints, "versions of a model")
        } else {
            return None;
        };
        let shown: Vec<&str> = names.iter().take(NAMED_MAX).map(String::as_str).collect();
        let more = if names.len() > NAMED_MAX { ", …" } else { "" };
        Some(format!(
            "was answered by {} {what} within the run: {}{more}",
            names.len(),
            shown.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Fault;
    use crate::judge::{JudgedUnit, Subject};
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

    fn judged(judge: &str, hash: &[u8], model: &str, fault: Option<Fault>) -> RunEvent {
        let subject = Subject::Wrong {
            example: 0,
            said: Digest::of(b"said"),
        };
        RunEvent::Judged {
            unit: Box::new(JudgedUnit {
                criterion: "grounded".into(),
                judge: judge.to_owned(),
                hash: Digest::of(hash),
                subject,
                vote: 0,
                repair: false,
            }),
            event: Box::new(ended(model, fault)),
        }
    }

    #[test]
    fn f27_a_judge_whose_model_changes_within_a_run_is_named_and_no_system_is() {
        let mut answerers = Answerers::default();
        for event in [
            judged("strict", b"now", "j-1", None),
            judged("strict", b"now", "j-1", None),
            judged("strict", b"now", "gateway", Some(Fault::Server)),
            judged("strict", b"another rubric", "j-2", None),
            judged("strict", b"an older page", "j-0", None),
            judged("kind", b"now", "k-1", None),
            ended("m-1", None),
        ] {
            answerers.observe(&event);
        }
        let now = Digest::of(b"now");
        let both = [now, Digest::of(b"another rubric")];
        assert_eq!(answerers.mixed(), Vec::<String>::new());
        assert_eq!(answerers.mixed_judge("strict", &[now]), None);
        assert_eq!(answerers.mixed_judge("kind", &both), None);
        assert_eq!(answerers.mixed_judge("nobody", &both), None);
        assert_eq!(
            answerers.mixed_judge("strict", &both).as_deref(),
            Some("was answered by 2 models within the run: j-1, j-2")
        );
    }
}
