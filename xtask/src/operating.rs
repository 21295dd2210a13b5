//! `cargo xtask operating [--quick]`: the operating table of the gate, by simulation.
//!
//! Simulated teams run the product's own analyse → confirm → decide, so the table is true for the code,
//! not for a model of it. The scenarios and the numbers to meet are those of statistics.md §13.

use std::collections::BTreeMap;
use std::io::Write as _;

use gatewright_core::analyse::{self, People};
use gatewright_core::decide::{self, Answer, DecisionContext};
use gatewright_core::manifest::{Manifest, Role, Standard};
use gatewright_core::outcome::{Bin, GraderKind, Outcome};
use gatewright_core::plan::{Confirmation, Plan};
use gatewright_core::reference::{ReferenceSet, load};
use gatewright_stats::rng::Stream;

/// Runs per cell of the full table.
const RUNS: u32 = 1500;
/// Runs per cell with `--quick`.
const RUNS_QUICK: u32 = 300;
/// Tasks of equal size.
const TASKS: usize = 5;

/// What differs between candidate and production.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scenario {
    /// ⌊n/24⌋ examples of one task go from pass to fail, ⌊7n/120⌋ others improve.
    Broken,
    /// The same chances: all disagreement is run noise.
    EqualNoise,
    /// Half of the disagreement is systematic, in both directions alike.
    EqualSystematic,
}

/// One row of the table: n, trials, and the ships in percent that statistics.md §13 gives.
struct Row {
    n: usize,
    trials: u32,
    /// (shown, unbroken) for broken, equal (noise), equal (half systematic).
    expected: [(f64, f64); 3],
}

const ROWS: [Row; 6] = [
    Row {
        n: 60,
        trials: 4,
        expected: [(45.0, 96.0), (78.0, 100.0), (48.0, 99.0)],
    },
    Row {
        n: 120,
        trials: 1,
        expected: [(3.8, 5.8), (55.0, 100.0), (47.0, 94.0)],
    },
    Row {
        n: 120,
        trials: 3,
        expected: [(0.9, 0.8), (91.0, 100.0), (66.0, 96.0)],
    },
    Row {
        n: 120,
        trials: 4,
        expected: [(0.5, 0.7), (96.0, 100.0), (71.0, 97.0)],
    },
    Row {
        n: 300,
        trials: 1,
        expected: [(0.7, 0.2), (85.0, 100.0), (79.0, 100.0)],
    },
    Row {
        n: 300,
        trials: 3,
        expected: [(0.0, 0.0), (100.0, 100.0), (94.0, 100.0)],
    },
];

/// Prints the table and returns an error when it leaves the acceptance of the issue or the specification's table.
pub(crate) fn run(quick: bool) -> Result<(), crate::repository::Failure> {
    let runs = if quick { RUNS_QUICK } else { RUNS };
    let mut out = std::io::stdout().lock();
    let mut failures = Vec::new();
    let say = |out: &mut std::io::StdoutLock<'_>, line: String| {
        writeln!(out, "{line}").map_err(|error| error.to_string())
    };
    say(
        &mut out,
        format!("ships in percent, {runs} runs a cell; in brackets: statistics.md §13"),
    )?;
    say(&mut out, "| n | trials | broken: shown | broken: unbroken | equal (noise): shown | unbroken | equal (half systematic): shown | unbroken |".to_owned())?;
    say(&mut out, "|---|---|---|---|---|---|---|---|".to_owned())?;
    for row in &ROWS {
        let team = Team::new(row.n, row.trials)?;
        let mut cells = Vec::new();
        for (scenario, expected) in [
            Scenario::Broken,
            Scenario::EqualNoise,
            Scenario::EqualSystematic,
        ]
        .into_iter()
        .zip(row.expected)
        {
            let found = team.simulate(scenario, runs);
            for (name, got, want) in [
                ("shown", found.0, expected.0),
                ("unbroken", found.1, expected.1),
            ] {
                cells.push(format!("{got:.1} ({want})"));
                let allowed = tolerance(want, runs, scenario);
                if (got - want).abs() > allowed {
                    failures.push(format!(
                        "n {} trials {} {}: {got:.1} % ships under {name}, the table says {want} ± {allowed:.1}",
                        row.n,
                        row.trials,
                        scenario.name()
                    ));
                }
            }
            failures.extend(acceptance(row, scenario, found));
        }
        say(
            &mut out,
            format!("| {} | {} | {} |", row.n, row.trials, cells.join(" | ")),
        )?;
    }
    if failures.is_empty() {
        Ok(say(&mut out, "the table holds".to_owned())?)
    } else {
        Err(failures.join("\n").into())
    }
}

/// The issue's acceptance at 120 examples and `trials: auto` (4).
fn acceptance(row: &Row, scenario: Scenario, (shown, unbroken): (f64, f64)) -> Option<String> {
    if row.n != 120 || row.trials != 4 {
        return None;
    }
    match scenario {
        Scenario::Broken if shown > 2.0 || unbroken > 2.0 => Some(format!(
            "the broken candidate ships in {shown:.1} % / {unbroken:.1} %, more than 2 %"
        )),
        Scenario::EqualNoise if shown < 90.0 => Some(format!(
            "the equal candidate ships in {shown:.1} %, less than 90 %"
        )),
        _ => None,
    }
}

/// Monte-Carlo error of both simulations (four standard errors), and what the specification's wording leaves open.
fn tolerance(want: f64, runs: u32, scenario: Scenario) -> f64 {
    let p = (want / 100.0).clamp(0.005, 0.995);
    let error = |runs: f64| 100.0 * (p * (1.0 - p) / runs).sqrt();
    let noise = 4.0 * (error(f64::from(runs)).powi(2) + error(1500.0).powi(2)).sqrt();
    // The specification's sentence leaves details of its simulation open (which examples break, how chances move).
    let reading = if scenario == Scenario::EqualSystematic {
        3.0
    } else {
        2.0
    };
    noise + reading
}

impl Scenario {
    fn name(self) -> &'static str {
        match self {
            Scenario::Broken => "broken",
            Scenario::EqualNoise => "equal (run noise)",
            Scenario::EqualSystematic => "equal (half systematic)",
        }
    }
}

/// A page and a reference set of one size.
struct Team {
    manifest: Manifest,
    reference: ReferenceSet,
    plan: Plan,
}

impl Team {
    fn new(n: usize, trials: u32) -> Result<Self, String> {
        let (manifest, problems) =
            gatewright_core::manifest::read::read(page(trials).as_bytes(), "simulated.yaml");
        let manifest =
            manifest.ok_or_else(|| format!("the simulated page does not read: {problems:?}"))?;
        let lines: String = (0..n)
            .map(|i| {
                format!(
                    "{{\"id\":\"e{i:04}\",\"input\":\"question {i}\",\"segments\":{{\"task\":\"t{}\"}},\"expect\":{{\"answer\":\"a\"}},\"provenance\":{{\"kind\":\"traffic\"}},\"stratum\":\"all\"}}\n",
                    i % TASKS
                )
            })
            .collect();
        let mut problems = Vec::new();
        let file = (
            manifest.reference[0].clone(),
            "reference.jsonl".to_owned(),
            lines.into_bytes(),
        );
        let reference = load::in_memory(&manifest, [file], &mut problems);
        if reference.examples.len() != n {
            return Err(format!(
                "the simulated reference set does not read: {problems:?}"
            ));
        }
        let plan = Plan::first_look(&manifest, &reference, |_| trials);
        Ok(Self {
            manifest,
            reference,
            plan,
        })
    }

    /// Share of ships in percent under both standards.
    fn simulate(&self, scenario: Scenario, runs: u32) -> (f64, f64) {
        let mut ships = [0_u32; 2];
        for run in 0..runs {
            let mut dice = Stream::new(
                20_260_101,
                "operating",
                scenario.name(),
                "simulate",
                u64::from(run),
            );
            let chances = chances(&mut dice, scenario, self.reference.examples.len());
            let answers = self.answers(&mut dice, &chances);
            for (count, answer) in ships.iter_mut().zip(answers) {
                *count += u32::from(answer == Answer::Ship);
            }
        }
        let percent = |count: u32| 100.0 * f64::from(count) / f64::from(runs);
        (percent(ships[0]), percent(ships[1]))
    }

    /// One release through the product: first look, confirmation where it asks for one, decision under both standards.
    fn answers(&self, dice: &mut Stream, chances: &[(f64, f64)]) -> [Answer; 2] {
        let mut plan = self.plan.clone();
        let mut outcomes = Vec::new();
        for role in [Role::Candidate, Role::Production] {
            for example in 0..chances.len() as u32 {
                for trial in 0..plan.trials(role) {
                    outcomes.push(draw(dice, chances, role, example, trial));
                }
            }
        }
        let analyse = |plan: &Plan, outcomes: &[Outcome]| {
            analyse::analyse(
                &self.manifest,
                &self.reference,
                plan,
                outcomes.iter().cloned(),
                &People::default(),
                BTreeMap::new(),
            )
        };
        let mut analysis = analyse(&plan, &outcomes);
        if let Some(round) =
            analyse::confirmation(&self.manifest, &self.reference, &plan, &analysis)
        {
            outcomes.extend(fresh(dice, chances, &round));
            plan.confirmations.push(round);
            analysis = analyse(&plan, &outcomes);
        }
        let context = DecisionContext::default();
        [Standard::Shown, Standard::Unbroken].map(|standard| {
            let mut manifest = self.manifest.clone();
            manifest.decision.standard = standard;
            decide::decide(&manifest, &analysis, &context).answer
        })
    }
}

fn fresh(dice: &mut Stream, chances: &[(f64, f64)], round: &Confirmation) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for &role in &round.roles {
        for &example in &round.examples {
            for trial in round.first_trial..round.first_trial + round.trials {
                outcomes.push(draw(dice, chances, role, example, trial));
            }
        }
    }
    outcomes
}

fn draw(
    dice: &mut Stream,
    chances: &[(f64, f64)],
    system: Role,
    example: u32,
    trial: u32,
) -> Outcome {
    let (candidate, production) = chances[example as usize];
    let chance = if system == Role::Candidate {
        candidate
    } else {
        production
    };
    let bin = if dice.uniform() < chance {
        Bin::Pass
    } else {
        Bin::Fail(0)
    };
    Outcome {
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
    }
}

/// Chances to pass, per example: (candidate, production).
fn chances(dice: &mut Stream, scenario: Scenario, n: usize) -> Vec<(f64, f64)> {
    // Beta(1.125, .125) has mean .9 and 2·E[p(1−p)] = .10: two runs of one system disagree on 10 %.
    // With half of the disagreement systematic, run noise is 5 % (the same mean with a + b = 5/13) and the other 5 %
    // come from examples whose chance is drawn anew: two independent draws disagree on 18 %, so f·(18 − 5) = 5.
    let systematic = scenario == Scenario::EqualSystematic;
    let (a, b) = if systematic {
        (0.9 * 5.0 / 13.0, 0.1 * 5.0 / 13.0)
    } else {
        (1.125, 0.125)
    };
    let mut both: Vec<(f64, f64)> = (0..n)
        .map(|_| {
            let production = beta(dice, a, b);
            let anew = systematic && dice.uniform() < 5.0 / 13.0;
            (if anew { beta(dice, a, b) } else { production }, production)
        })
        .collect();
    if scenario == Scenario::Broken {
        let broken = pick(dice, n / 24, |i| i % TASKS == 0 && both[i].1 > 0.5, n);
        let better = weakest(&both, 7 * n / 120, |i| i % TASKS != 0);
        for i in broken {
            both[i].0 = 0.0;
        }
        for i in better {
            both[i].0 = 1.0;
        }
    }
    both
}

/// Picks up to `count` of the examples that qualify, at random.
fn pick(
    dice: &mut Stream,
    count: usize,
    qualifies: impl Fn(usize) -> bool,
    n: usize,
) -> Vec<usize> {
    let mut pool: Vec<usize> = (0..n).filter(|&i| qualifies(i)).collect();
    for i in (1..pool.len()).rev() {
        pool.swap(i, dice.index(i as u64 + 1) as usize);
    }
    pool.truncate(count);
    pool
}

/// The examples that production fails most often, among those that qualify.
fn weakest(both: &[(f64, f64)], count: usize, qualifies: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut pool: Vec<usize> = (0..both.len()).filter(|&i| qualifies(i)).collect();
    pool.sort_by(|&i, &j| both[i].1.total_cmp(&both[j].1));
    pool.truncate(count);
    pool
}

/// Draws from Beta(a, b) by Jöhnk's method, which suits shapes below 1 (Jöhnk 1964).
fn beta(dice: &mut Stream, a: f64, b: f64) -> f64 {
    loop {
        let (x, y) = (dice.uniform().powf(1.0 / a), dice.uniform().powf(1.0 / b));
        if x + y <= 1.0 && x + y > 0.0 {
            return x / (x + y);
        }
    }
}

fn page(trials: u32) -> String {
    format!(
        r#"gatewright: 1
product: simulated-team
promise:
  does: Answer the questions of a simulated team from its simulated sources.
  for: simulated users of the operating table
  evidence: every answer is drawn with a stated chance to pass
  when_not_ready: fail
tasks: {{t0: one, t1: two, t2: three, t3: four, t4: five}}
failures:
  unsupported-claim: {{severity: medium, cost: 1, owner: team, repair: "none"}}
owners: {{team: {{name: Team}}}}
decision: {{question: "Release?", decided_by: team, standard: shown}}
systems:
  candidate: {{command: ["simulated"]}}
  production: {{command: ["simulated"]}}
trials: {trials}
reference: [reference.jsonl]
criteria:
  right: {{grader: {{exact: {{}}}}, fails_as: unsupported-claim}}
gate:
  - {{id: no-task-breaks, guard: right, by: [task], against: production, margin: 10 pts, then: {{violated: hold}}, owner: team}}
  - {{id: no-worse, require: right, against: production, margin: 5 pts, then: {{violated: hold}}, owner: team}}
"#
    )
}
