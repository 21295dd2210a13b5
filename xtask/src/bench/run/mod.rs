//! A run of 20,000 examples beside promptfoo, Inspect and a bare aiohttp loop, all in one session and in turn.
//!
//! The endpoint is nginx on this machine and shares its cores with whoever asks. promptfoo and Inspect get 2,000 examples, because 20,000 take
//! them minutes; what is compared is examples a second from start to end of the process.

mod endpoint;
mod ours;
mod peers;

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use self::endpoint::{Door, Endpoint};
use self::ours::{Ours, Resumed};
use self::peers::{Peer, Peers};
use super::measure::{self, Run, median};
use crate::repository::{self, Failure};

const CONNECTIONS: usize = 256;
const EXAMPLES: usize = 20_000;
const EXAMPLES_OF_SLOW_PEERS: usize = 2_000;
const MANY_EXAMPLES: usize = 200_000;
const ROUNDS: usize = 3;
const DELAY_S: f64 = 0.05;

/// Targets, from the design.
const TIMES_THE_FASTEST_TOOL: f64 = 30.0;
const TIMES_AIOHTTP: f64 = 1.0;
const OVER_IDEAL: f64 = 1.10;
const MEMORY_MIB: f64 = 100.0;
/// Ten times the examples in at most this times the memory.
const MEMORY_GROWTH: f64 = 1.25;

/// Who is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sides {
    All,
    /// Without ours.
    Peers,
}

/// All runs, in the order of the rounds.
#[derive(Default)]
struct Measured {
    ours: Vec<Run>,
    grade: Vec<Run>,
    delayed: Vec<Run>,
    aiohttp: Vec<Run>,
    promptfoo: Vec<Run>,
    inspect: Vec<Run>,
    wrk: Vec<f64>,
}

/// Measures everything, prints it, keeps it, and fails at the end when a target is missed.
pub(super) fn run(sides: Sides) -> Result<(), Failure> {
    let peers = Peers::install()?;
    let ours = match sides {
        Sides::All => Some(Ours::build()?),
        Sides::Peers => None,
    };
    let endpoint = Endpoint::start()?;
    let mut measured = Measured::default();
    for round in 1..=ROUNDS {
        measured.round(ours.as_ref(), &peers, &endpoint)?;
        eprintln!("round {round} of {ROUNDS}");
    }
    let mut line = json!({"bench": "run", "rounds": ROUNDS, "connections": CONNECTIONS});
    let mut missed = Vec::new();
    report_peers(&measured, &mut line);
    if let Some(ours) = &ours {
        let many = ours.run(&prompts(MANY_EXAMPLES)?, endpoint.port(Door::Now))?;
        let resumed = ours.killed(&prompts(EXAMPLES)?, &endpoint, EXAMPLES)?;
        report_speed(&measured, &mut line, &mut missed);
        report_delay(&measured, &mut line, &mut missed);
        report_memory(&measured, &many, &mut line, &mut missed);
        report_resume(&resumed, &mut line, &mut missed);
    }
    measure::record(&line)?;
    if missed.is_empty() {
        Ok(())
    } else {
        Err(format!("missed: {}", missed.join(", ")).into())
    }
}

impl Measured {
    fn round(
        &mut self,
        ours: Option<&Ours>,
        peers: &Peers,
        endpoint: &Endpoint,
    ) -> Result<(), Failure> {
        let (all, few) = (prompts(EXAMPLES)?, prompts(EXAMPLES_OF_SLOW_PEERS)?);
        let (now, later) = (endpoint.port(Door::Now), endpoint.port(Door::Later));
        let asked = |door, wanted: usize, run: &dyn Fn() -> Result<Run, Failure>| {
            let before = endpoint.asked(door)?.len();
            let run = run()?;
            let count = endpoint.asked(door)?.len() - before;
            if count == wanted {
                Ok(run)
            } else {
                Err(Failure::from(format!(
                    "{count} requests for {wanted} examples"
                )))
            }
        };
        if let Some(ours) = ours {
            self.ours
                .push(asked(Door::Now, EXAMPLES, &|| ours.run(&all, now))?);
            self.grade.push(ours.grade(&all, now)?);
        }
        for (peer, examples, folder, runs) in [
            (Peer::Aiohttp, EXAMPLES, &all, &mut self.aiohttp),
            (
                Peer::Promptfoo,
                EXAMPLES_OF_SLOW_PEERS,
                &few,
                &mut self.promptfoo,
            ),
            (
                Peer::Inspect,
                EXAMPLES_OF_SLOW_PEERS,
                &few,
                &mut self.inspect,
            ),
        ] {
            runs.push(asked(Door::Now, examples, &|| {
                peers.run(peer, folder, now)
            })?);
        }
        if let Some(ours) = ours {
            self.delayed
                .push(asked(Door::Later, EXAMPLES, &|| ours.run(&all, later))?);
        }
        self.wrk.push(endpoint.ceiling(CONNECTIONS)?);
        Ok(())
    }
}

fn report_peers(measured: &Measured, line: &mut Value) {
    println!(
        "{CONNECTIONS} connections, median of {ROUNDS}, examples a second over the whole process, peak memory:"
    );
    println!(
        "  {:<30} {:>9} /s",
        "wrk (requests only)",
        thousands(median(measured.wrk.iter().copied()))
    );
    keep(line, "wrk_per_s", median(measured.wrk.iter().copied()));
    for (name, count, runs) in [
        ("gatewright", EXAMPLES, &measured.ours),
        ("aiohttp", EXAMPLES, &measured.aiohttp),
        ("promptfoo", EXAMPLES_OF_SLOW_PEERS, &measured.promptfoo),
        ("inspect", EXAMPLES_OF_SLOW_PEERS, &measured.inspect),
    ] {
        if runs.is_empty() {
            continue;
        }
        println!(
            "  {:<30} {:>9} /s {:>8.2} s {:>6.0} MiB",
            format!("{name}, {count} examples"),
            thousands(rate(count, runs)),
            wall(runs),
            memory(runs)
        );
        keep(line, &format!("{name}_per_s"), rate(count, runs));
        keep(line, &format!("{name}_wall_s"), wall(runs));
        keep(line, &format!("{name}_rss_mib"), memory(runs));
    }
}

fn report_speed(measured: &Measured, line: &mut Value, missed: &mut Vec<&'static str>) {
    let ours = rate(EXAMPLES, &measured.ours);
    let tools = rate(EXAMPLES_OF_SLOW_PEERS, &measured.promptfoo)
        .max(rate(EXAMPLES_OF_SLOW_PEERS, &measured.inspect));
    let aiohttp = rate(EXAMPLES, &measured.aiohttp);
    let wrk = median(measured.wrk.iter().copied());
    println!(
        "  {:.1} times the faster of promptfoo and Inspect (target {TIMES_THE_FASTEST_TOOL}), {:.2} times aiohttp (target {TIMES_AIOHTTP}), {:.0} % of wrk; grading them after it {:.2} s",
        ours / tools,
        ours / aiohttp,
        100.0 * ours / wrk,
        wall(&measured.grade)
    );
    keep(line, "ratio_tools", ours / tools);
    keep(line, "ratio_aiohttp", ours / aiohttp);
    keep(line, "share_of_wrk", ours / wrk);
    keep(line, "grade_wall_s", wall(&measured.grade));
    if ours < tools * TIMES_THE_FASTEST_TOOL {
        missed.push("times the fastest tool");
    }
    if ours <= aiohttp * TIMES_AIOHTTP {
        missed.push("times aiohttp");
    }
}

fn report_delay(measured: &Measured, line: &mut Value, missed: &mut Vec<&'static str>) {
    let ideal = EXAMPLES.div_ceil(CONNECTIONS) as f64 * DELAY_S;
    let wall = wall(&measured.delayed);
    println!(
        "50 ms an answer, {EXAMPLES} examples: {wall:.2} s, {:+.1} % over the ideal {ideal:.2} s (target {:+.0} %)",
        100.0 * (wall / ideal - 1.0),
        100.0 * (OVER_IDEAL - 1.0)
    );
    keep(line, "delayed_wall_s", wall);
    keep(line, "delayed_over_ideal", wall / ideal);
    if wall > ideal * OVER_IDEAL {
        missed.push("50 ms over ideal");
    }
}

fn report_memory(
    measured: &Measured,
    many: &Run,
    line: &mut Value,
    missed: &mut Vec<&'static str>,
) {
    let few = memory(&measured.ours).max(memory(&measured.delayed));
    println!(
        "peak memory: {few:.0} MiB at {EXAMPLES} examples (target {MEMORY_MIB:.0}), {:.0} MiB at {MANY_EXAMPLES} (target {MEMORY_GROWTH} times), which took {:.1} s",
        many.rss_mib, many.wall_s
    );
    keep(line, "rss_mib", few);
    keep(line, "many_rss_mib", many.rss_mib);
    keep(line, "many_wall_s", many.wall_s);
    if few > MEMORY_MIB {
        missed.push("memory");
    }
    if many.rss_mib > few * MEMORY_GROWTH {
        missed.push("flat memory");
    }
}

fn report_resume(resumed: &Resumed, line: &mut Value, missed: &mut Vec<&'static str>) {
    println!(
        "kill -9 at half of {EXAMPLES}: {} requests before, {} after, {} beyond one an example (target at most {CONNECTIONS}); {} answers on disk at the kill, {} of them asked again (target 0); the rest took {:.2} s",
        resumed.before,
        resumed.after,
        resumed.extra,
        resumed.answered,
        resumed.repeated,
        resumed.wall_s
    );
    for (name, value) in [
        ("resume_before", resumed.before),
        ("resume_after", resumed.after),
        ("resume_extra", resumed.extra),
        ("resume_answered", resumed.answered),
        ("resume_repeated", resumed.repeated),
    ] {
        keep(line, name, value as f64);
    }
    keep(line, "resume_wall_s", resumed.wall_s);
    if resumed.extra > CONNECTIONS {
        missed.push("requests after a kill");
    }
    if resumed.repeated > 0 {
        missed.push("answers asked again");
    }
}

/// The folder with that many prompts, written on first use.
fn prompts(count: usize) -> Result<PathBuf, Failure> {
    let folder = measure::folder(&format!("prompts-{count}"))?;
    measure::once(&folder.join("ready"), || {
        measure::must(
            Command::new("python3")
                .arg(repository::root().join("bench/run/gen.py"))
                .arg(&folder)
                .arg(count.to_string()),
        )?;
        std::fs::write(folder.join("ready"), "")?;
        Ok(())
    })?;
    Ok(folder)
}

fn wall(runs: &[Run]) -> f64 {
    median(runs.iter().map(|run| run.wall_s))
}

fn memory(runs: &[Run]) -> f64 {
    median(runs.iter().map(|run| run.rss_mib))
}

fn rate(examples: usize, runs: &[Run]) -> f64 {
    examples as f64 / wall(runs)
}

fn keep(line: &mut Value, name: &str, value: f64) {
    let rounded = (value * 1e4).round() / 1e4;
    if let Some(fields) = line.as_object_mut() {
        let _ = fields.insert(name.to_owned(), rounded.into());
    }
}

/// 217500.4 as 217,500.
fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(thousands(217_500.4), "217,500");
        assert_eq!(thousands(80.0), "80");
    }
}
