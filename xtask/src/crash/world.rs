//! What one seed stands for: a project, two providers that misbehave by script, and when the program is killed.

use std::fmt;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use gatewright_stats::rng::Stream;
use serde_json::{Value, json};

use crate::repository::Failure;

/// Examples of a project; every third is a conversation.
pub(super) const EXAMPLES: usize = 40;
/// Trials of each example before a guard trips.
pub(super) const TRIALS: u64 = 2;
/// Requests that may be on their way to one host.
pub(super) const CONCURRENCY: u64 = 8;
/// The systems; each has a provider of its own.
pub(super) const ROLES: [&str; 2] = ["candidate", "production"];
/// Kills of one seed at most.
const KILLS_MAX: u64 = 4;
/// A kill that is not at a named point comes within this time.
const KILL_WITHIN_MS: u64 = 1500;

/// The named points, and the highest count that is drawn for each.
pub(super) const POINTS: [(&str, u64); 11] = [
    ("sealed", 1),
    ("in-flight", 300),
    ("body-read", 300),
    ("parsed", 300),
    ("before-commit", 40),
    ("committed", 40),
    ("counted", 300),
    ("confirming", 1),
    ("judged", 1),
    ("recorded", 1),
    ("report-written", 1),
];

/// How the program is killed, by SIGKILL always.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kill {
    /// By itself, when it reaches a point for so many times.
    At(&'static str, u64),
    /// From outside, after so many milliseconds.
    After(u64),
}

/// Everything that a seed draws.
#[derive(Clone, Debug)]
pub(super) struct World {
    /// The seed.
    pub(super) seed: u64,
    /// What is done, one after the other, until the program ends by itself.
    pub(super) kills: Vec<Kill>,
    /// The scripts of the providers, in the order of [`ROLES`].
    pub(super) scripts: [Value; 2],
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(point, count) => write!(f, "at {point}:{count}"),
            Self::After(ms) => write!(f, "after {ms} ms"),
        }
    }
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut draw = Stream::new(seed, "crash", "world", "sweep", 0);
        let kills = (0..=draw.index(KILLS_MAX)).map(|_| kill(&mut draw));
        let kills = kills.collect();
        // Better and worse candidates: with some a guard trips, and a confirmation round runs.
        let right = [
            thousandths(0.70 + 0.25 * draw.uniform()),
            thousandths(0.95 + 0.05 * draw.uniform()),
        ];
        Self {
            seed,
            kills,
            scripts: right.map(|share| script(seed, share, &mut draw)),
        }
    }

    /// Writes the project into a folder.
    pub(super) fn write(&self, folder: &Path, urls: &[String; 2]) -> Result<(), Failure> {
        let [candidate, production] = urls;
        let seed = self.seed;
        fs::write(
            folder.join("gatewright.yaml"),
            format!(
                "gatewright: 1
product: crash
promise: {{does: Answer questions about colours., for: painters, evidence: the colour book, when_not_ready: ask}}
tasks: {{warm: Warm colours, cold: Cold colours}}
failures:
  unsupported-claim: {{severity: high, cost: 10 USD, owner: team, repair: \"the colour book\"}}
owners: {{team: {{name: Colour team}}}}
decision: {{question: \"Release?\", decided_by: team, standard: unbroken}}
systems:
  candidate: {{openai: {{model: scripted, base_url: \"{candidate}/v1\", key: none, seed: trial}}}}
  production: {{openai: {{model: scripted, base_url: \"{production}/v1\", key: none, seed: trial}}}}
seed: {seed}
trials: {TRIALS}
reference: [examples.jsonl]
criteria:
  right: {{grader: {{contains: {{}}}}, fails_as: unsupported-claim}}
gate:
  - {{id: no-task-breaks, guard: right, by: [task], against: production, margin: 10 pts, then: {{violated: hold}}, owner: team}}
"
            ),
        )?;
        fs::write(folder.join("examples.jsonl"), examples())?;
        Ok(())
    }

    /// Says in a line what it drew.
    pub(super) fn words(&self) -> String {
        let kills: Vec<String> = self.kills.iter().map(ToString::to_string).collect();
        format!(
            "killed {}; scripts of candidate and production: {} {}",
            kills.join(", "),
            self.scripts[0],
            self.scripts[1]
        )
    }
}

fn kill(draw: &mut Stream) -> Kill {
    if draw.index(2) == 0 {
        return Kill::After(draw.index(KILL_WITHIN_MS + 1));
    }
    let (point, most) = POINTS[draw.index(POINTS.len() as u64) as usize];
    Kill::At(point, 1 + draw.index(most))
}

/// Faults come at the first request of a key, so every attempt ends in an answer, and in the same one however often it was cut off.
fn script(seed: u64, right: f64, draw: &mut Stream) -> Value {
    let mut few = |most: f64| thousandths(most * draw.uniform());
    let first = json!({"at": [1]});
    let mut rules = vec![
        json!({"when": {"nth_for_key": first, "share": few(0.03)}, "do": {"rate_limited": {"seconds": 0}}}),
        json!({"when": {"nth_for_key": first, "share": few(0.04)}, "do": {"status": {"code": 500}}}),
        json!({"when": {"nth_for_key": first, "share": few(0.04)}, "do": "truncated"}),
        json!({"when": {"nth_for_key": first, "share": few(0.02)}, "do": "reset"}),
        json!({"when": {"share": few(0.01)}, "do": {"slow": {"gap_ms": 1}}}),
    ];
    for (share, most) in [(0.05, 400), (0.6, 25)] {
        let delay_ms = 1 + draw.index(most);
        rules.push(json!({"when": {"share": share}, "do": {"answer": {"delay_ms": delay_ms}}}));
    }
    json!({
        "seed": seed,
        "reply": {"correct": {"share": right, "wrong": "no idea"}},
        "rules": rules,
    })
}

fn thousandths(share: f64) -> f64 {
    (share * 1000.0).round() / 1000.0
}

/// What is asked is said in words that no other example has, so that the provider's key tells all requests apart.
fn examples() -> String {
    let mut text = String::new();
    for index in 0..EXAMPLES {
        let task = ["warm", "cold"][index % 2];
        let id = format!("{task}-{index:02}");
        let input = match index % 3 {
            0 => {
                let turns = 2 + index % 2;
                let turns: Vec<String> = (1..=turns)
                    .map(|turn| format!("question {turn} about {id}"))
                    .collect();
                json!({"turns": turns})
            }
            _ => json!(format!("what is {id}?")),
        };
        let example = json!({
            "id": id, "input": input, "segments": {"task": task}, "expect": {"contains": [id]},
            "provenance": {"kind": "policy", "added": "2026-10-01"},
        });
        let _ = writeln!(text, "{example}");
    }
    text
}
