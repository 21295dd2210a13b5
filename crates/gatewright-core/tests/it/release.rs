//! A small release to decide on: one page, a reference set of two tasks, outcomes by rule.

use std::collections::BTreeMap;

use gatewright_core::analyse::{self, Analysis, People};
use gatewright_core::decide::{self, DecisionContext, Proposal};
use gatewright_core::manifest::{Manifest, Role};
use gatewright_core::outcome::{Bin, GraderKind, Missing, Outcome};
use gatewright_core::plan::Plan;
use gatewright_core::reference::{ReferenceSet, load};

pub(crate) struct Release {
    pub(crate) manifest: Manifest,
    pub(crate) reference: ReferenceSet,
    pub(crate) plan: Plan,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) context: DecisionContext,
    pub(crate) people: People,
}

/// Builds a release of `n` examples per task (a, b) whose page has this `decision:` and these gate lines.
/// Candidate, production and fallback are recorded unless `call` says that they can be called.
pub(crate) fn release(n: usize, decision: &str, gate: &[&str], call: bool) -> Release {
    let system = if call {
        "{command: [\"true\"]}"
    } else {
        "{labels_only: true}"
    };
    let gate: String = gate.iter().map(|line| format!("  - {line}\n")).collect();
    let page = format!(
        r#"gatewright: 1
product: two-tasks
promise:
  does: Answer two kinds of questions from the current handbook.
  for: people who read this test
  evidence: every answer quotes the handbook section it used
  when_not_ready: say so and hand over to a person
tasks: {{a: the first kind, b: the second kind}}
failures:
  unsupported-claim: {{severity: medium, cost: 10, owner: team, repair: "grounding"}}
  over-refusal: {{severity: low, cost: 1, owner: team, repair: "policy"}}
owners: {{team: {{name: Team}}, platform: {{name: Platform}}}}
traffic: {{per_week: 1000, share: {{task: {{a: 0.5, b: 0.5}}}}}}
decision: {{question: "Release?", decided_by: team, {decision}}}
segments: {{risk: [high, low]}}
systems:
  candidate: {system}
  production: {system}
  fallback: {system}
trials: 1
reference: [reference.jsonl]
criteria:
  right: {{grader: {{exact: {{}}}}, fails_as: unsupported-claim}}
  open: {{grader: {{not_contains: {{texts: ["no"]}}}}, fails_as: over-refusal}}
gate:
{gate}"#
    );
    let (manifest, problems) = gatewright_core::manifest::read::read(page.as_bytes(), "page.yaml");
    let manifest = manifest.unwrap_or_else(|| panic!("the page does not read: {problems:#?}"));
    let reference = references(&manifest, (0..2 * n).map(|i| (i, ["a", "b"][i % 2])), "");
    assert_eq!(reference.examples.len(), 2 * n);
    let plan = Plan::first_look(&manifest, &reference, |_| 1);
    let mut release = Release {
        manifest,
        reference,
        plan,
        outcomes: Vec::new(),
        context: DecisionContext::default(),
        people: People::default(),
    };
    release.fill();
    release
}

/// Reads examples of these numbers and tasks, each line with this text at its end.
fn references(
    manifest: &Manifest,
    each: impl Iterator<Item = (usize, &'static str)>,
    more: &str,
) -> ReferenceSet {
    let lines: String = each
        .map(|(i, task)| {
            format!(
                "{{\"id\":\"e{i:03}\",\"input\":\"question number {i}\",\"segments\":{{\"task\":\"{task}\"}},\"expect\":{{\"answer\":\"x\"}},\"provenance\":{{\"kind\":\"traffic\"}}{more}}}\n"
            )
        })
        .collect();
    let file = (
        manifest.reference[0].clone(),
        "reference.jsonl".to_owned(),
        lines.into_bytes(),
    );
    load::in_memory(manifest, [file], &mut Vec::new())
}

impl Release {
    /// The same release with the examples of one task only, all passing, each line with this text at its end.
    pub(crate) fn only_task(mut self, task: &'static str, more: &str) -> Self {
        let kept = self.task(task).into_iter().map(|i| (i as usize, task));
        self.reference = references(&self.manifest, kept, more);
        self.plan = Plan::first_look(&self.manifest, &self.reference, |_| 1);
        self.outcomes.clear();
        self.fill();
        self
    }

    /// The same release with examples of these tasks and risks, `count` of each, all passing, where traffic has these shares.
    /// A risk of nothing is left out.
    pub(crate) fn of_cells(
        mut self,
        cells: &[(&str, &str, usize)],
        shares: &[(&str, &[(&str, f64)])],
    ) -> Self {
        let mut lines = String::new();
        let all = cells.iter().flat_map(|cell| (0..cell.2).map(move |_| cell));
        for (i, (task, risk, _)) in all.enumerate() {
            let risk = match *risk {
                "" => String::new(),
                risk => format!(",\"risk\":\"{risk}\""),
            };
            lines += &format!(
                "{{\"id\":\"e{i:03}\",\"input\":\"question number {i}\",\"segments\":{{\"task\":\"{task}\"{risk}}},\"expect\":{{\"answer\":\"x\"}},\"provenance\":{{\"kind\":\"traffic\"}}}}\n"
            );
        }
        let traffic = self.manifest.traffic.as_mut().expect("stated");
        let shares = shares.iter().map(|(name, each)| {
            let each = each
                .iter()
                .map(|(value, share)| ((*value).to_owned(), *share));
            ((*name).to_owned(), each.collect())
        });
        traffic.share = shares.collect();
        let file = self.manifest.reference[0].clone();
        let file = (file, "reference.jsonl".to_owned(), lines.into_bytes());
        let mut problems = Vec::new();
        self.reference = load::in_memory(&self.manifest, [file], &mut problems);
        assert!(problems.is_empty(), "{problems:#?}");
        self.plan = Plan::first_look(&self.manifest, &self.reference, |_| 1);
        self.outcomes.clear();
        self.fill();
        self
    }

    /// Everything passes.
    fn fill(&mut self) {
        for example in 0..self.reference.examples.len() as u32 {
            for system in Role::ALL {
                for criterion in 0..2 {
                    self.outcomes.push(Outcome {
                        example,
                        system,
                        trial: 0,
                        criterion,
                        part: None,
                        bin: Bin::Pass,
                        value: None,
                        by: GraderKind::Rule,
                        why: None,
                        beside: None,
                        observed: None,
                    });
                }
            }
        }
    }

    /// Examples of a task, in order.
    pub(crate) fn task(&self, task: &str) -> Vec<u32> {
        (0..self.reference.examples.len() as u32)
            .filter(|&example| self.reference.value(0, example) == Some(task))
            .collect()
    }

    /// Fails the first `count` examples of a task on a system (criterion `right`).
    pub(crate) fn fail(mut self, system: Role, task: &str, count: usize) -> Self {
        let class = self
            .manifest
            .class_index("unsupported-claim")
            .expect("declared");
        let chosen: Vec<u32> = self.task(task).into_iter().take(count).collect();
        self.set(system, &chosen, Bin::Fail(class));
        self
    }

    /// Makes the first `count` examples of a task missing on a system (criterion `right`).
    pub(crate) fn lose(mut self, system: Role, task: &str, count: usize) -> Self {
        let chosen: Vec<u32> = self.task(task).into_iter().take(count).collect();
        self.set(system, &chosen, Bin::Missing(Missing::ProviderError));
        self
    }

    fn set(&mut self, system: Role, examples: &[u32], bin: Bin) {
        for outcome in &mut self.outcomes {
            if outcome.system == system
                && outcome.criterion == 0
                && examples.contains(&outcome.example)
            {
                outcome.bin = bin;
            }
        }
    }

    /// Adds the fresh round that the analysis asks for; `lost` says which examples the candidate loses again.
    pub(crate) fn confirm(mut self, lost: impl Fn(u32) -> bool) -> Self {
        let analysis = self.analysis();
        let round = analyse::confirmation(&self.manifest, &self.reference, &self.plan, &analysis)
            .expect("something tripped that can be called");
        let class = self
            .manifest
            .class_index("unsupported-claim")
            .expect("declared");
        for &example in &round.examples {
            for &system in &round.roles {
                for trial in round.first_trial..round.first_trial + round.trials {
                    let bin = if system == Role::Candidate && lost(example) {
                        Bin::Fail(class)
                    } else {
                        Bin::Pass
                    };
                    self.outcomes.push(Outcome {
                        example,
                        system,
                        trial,
                        criterion: 0,
                        part: None,
                        bin,
                        value: None,
                        by: GraderKind::Rule,
                        why: None,
                        beside: None,
                        observed: None,
                    });
                }
            }
        }
        self.plan.confirmations.push(round);
        self
    }

    pub(crate) fn analysis(&self) -> Analysis {
        self.analysis_of(self.outcomes.clone())
    }

    pub(crate) fn analysis_of(&self, outcomes: Vec<Outcome>) -> Analysis {
        analyse::analyse(
            &self.manifest,
            &self.reference,
            &self.plan,
            outcomes,
            &self.people,
            BTreeMap::new(),
        )
    }

    pub(crate) fn decide(&self) -> Proposal {
        decide::decide(&self.manifest, &self.analysis(), &self.context)
    }
}
