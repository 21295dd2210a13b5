//! A small project whose outputs are known by construction.

use std::fmt::Write as _;

use gatewright_testkit::TestEnvironment;
use gatewright_testkit::provider::Provider;

/// A hermetic environment for the built binary.
pub(crate) fn environment() -> TestEnvironment {
    TestEnvironment::new(env!("CARGO_BIN_EXE_gatewright"))
}

/// The smallest page that works, with recorded outputs; `more` goes before the gate.
pub(crate) fn page(decision: &str, gate: &str) -> String {
    format!(
        "gatewright: 1
product: demo
promise:
  does: Answer questions about colours from the colour book.
  for: painters
  evidence: the colour book
  when_not_ready: ask
tasks: {{warm: Warm colours, cold: Cold colours}}
failures:
  unsupported-claim: {{severity: high, cost: 10 USD, owner: team, repair: \"the colour book\"}}
owners:
  team: {{name: Colour team, contact: \"#colour\"}}
decision: {{question: \"Release?\", decided_by: team, {decision}}}
systems:
  candidate: {{recorded: runs/candidate.jsonl}}
  production: {{recorded: runs/production.jsonl}}
reference: [reference/*.jsonl]
criteria:
  right: {{grader: {{contains: {{}}}}, fails_as: unsupported-claim}}
gate:
{gate}"
    )
}

/// A project whose systems are asked of a provider with a key, one trial each.
pub(crate) fn live(provider: &Provider, key: &str, per_task: usize) -> TestEnvironment {
    let system = format!(
        "{{openai: {{model: m, base_url: \"{}/v1\", key: env:LLM_KEY}}}}",
        provider.url()
    );
    let page = page("standard: unbroken", GUARD)
        .replace("{recorded: runs/candidate.jsonl}", &system)
        .replace("{recorded: runs/production.jsonl}", &system)
        .replace("reference: [", "trials: 1\nreference: [");
    let environment = environment().with_variable("LLM_KEY", key).with_variable(
        "GATEWRIGHT_ALLOW_HOST",
        &format!("{}=env:LLM_KEY", provider.address()),
    );
    environment.write("gatewright.yaml", page);
    environment.write("reference/all.jsonl", examples(per_task));
    environment
}

/// A guard by task, at 10 points.
pub(crate) const GUARD: &str = "  - {id: no-task-breaks, guard: right, by: [task], against: production, margin: 10 pts, then: {violated: hold}, owner: team}\n";

/// Examples `warm-00 …` and `cold-00 …`, each expecting its own id in the answer.
pub(crate) fn examples(per_task: usize) -> String {
    let mut text = String::new();
    for task in ["cold", "warm"] {
        for index in 0..per_task {
            let id = format!("{task}-{index:02}");
            let _ = writeln!(
                text,
                r#"{{"id":"{id}","input":"what is {id}?","segments":{{"task":"{task}"}},"expect":{{"contains":["{id}"]}},"provenance":{{"kind":"policy","added":"2026-10-01"}}}}"#
            );
        }
    }
    text
}

/// Outputs that are right where `right` says so.
pub(crate) fn outputs(per_task: usize, right: impl Fn(&str, usize) -> bool) -> String {
    let mut text = String::new();
    for task in ["cold", "warm"] {
        for index in 0..per_task {
            let id = format!("{task}-{index:02}");
            let said = if right(task, index) {
                id.as_str()
            } else {
                "no idea"
            };
            let _ = writeln!(text, r#"{{"example":"{id}","output":"it is {said}"}}"#);
        }
    }
    text
}

/// A project in which the candidate loses six of ten warm answers, and no override bypasses its guard.
pub(crate) fn not_overridable() -> TestEnvironment {
    let project = recorded("standard: unbroken", 10, 6);
    let page = project.read("gatewright.yaml");
    project.write(
        "gatewright.yaml",
        page.replace("margin: 10 pts,", "margin: 10 pts, overridable: false,"),
    );
    project
}

/// A project in which the candidate loses the first `lost` warm answers of `per_task`.
pub(crate) fn recorded(decision: &str, per_task: usize, lost: usize) -> TestEnvironment {
    let environment = environment();
    environment.write("gatewright.yaml", page(decision, GUARD));
    environment.write("reference/all.jsonl", examples(per_task));
    environment.write("runs/production.jsonl", outputs(per_task, |_, _| true));
    environment.write(
        "runs/candidate.jsonl",
        outputs(per_task, |task, index| task == "cold" || index >= lost),
    );
    environment
}

/// A project whose criterion `right` goes by labels: `label` is the grader's, `beside` what stands behind the criterion.
pub(crate) fn labelled(
    (decision, gate): (&str, &str),
    (label, beside): (&str, &str),
    per_task: usize,
    right: impl Fn(usize) -> bool,
) -> TestEnvironment {
    let environment = environment();
    let page = page(decision, gate).replace(
        "right: {grader: {contains: {}}, fails_as: unsupported-claim}",
        &format!(
            "right: {{grader: {{label: {{{label}, values: {{pass: [ok], fail: [no]}}}}}}, fails_as: unsupported-claim{beside}}}"
        ),
    );
    environment.write("gatewright.yaml", page);
    environment.write("reference/all.jsonl", examples(per_task));
    for system in ["candidate", "production"] {
        let said = outputs(per_task, |_, index| right(index));
        environment.write(&format!("runs/{system}.jsonl"), said);
    }
    environment
}
