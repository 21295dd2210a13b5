//! `--dry-run`: what would be sent, where to, at what price and how long at least. Nothing is sent and nothing is written.

mod judges;

use std::collections::BTreeMap;
use std::time::Duration;

use gatewright_core::analyse::confirmation_at_most;
use gatewright_core::manifest::{Live, Protocol, Role, Target};
use gatewright_core::plan::{AttemptSpec, Plan, Progress, outstanding};
use gatewright_core::problem::Problem;
use gatewright_core::reference::Changed;
use gatewright_core::report::untrusted;
use serde::Serialize;

use self::judges::DryJudge;
use crate::args::Budget;
use crate::console::Console;
use crate::error::{Failure, problems_text};
use crate::exit;
use crate::pipeline::adapters;
use crate::pipeline::caller::Caller;
use crate::pipeline::display::{dollars, number, span};
use crate::pipeline::drive;
use crate::pipeline::hosts::{self, Allowed, Known};
use crate::pipeline::load::Loaded;
use crate::pipeline::prompts::{self, Filled, Ready};
use crate::pipeline::select::Selection;
use crate::pipeline::session::{Asked, Session, Start, nothing_to_resume};

/// Characters of a token, roughly, in English.
const CHARACTERS_OF_A_TOKEN: f64 = 4.0;
/// Parameters that bound what is written.
const BOUNDS: [&str; 3] = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
/// Lines and characters of a prompt that are shown.
const PROMPT_LINES_MAX: usize = 8;
/// Examples without a prompt that are named for each system.
const NAMED_MAX: usize = 20;

/// What would happen.
#[derive(Debug, Serialize)]
struct Dry {
    format: &'static str,
    /// The run that would go on; none when a new one would begin.
    run: Option<String>,
    systems: Vec<DrySystem>,
    /// What judges and grader programs would be asked then, by `gatewright gate` or `gatewright grade --ask`.
    judges: Vec<DryJudge>,
    /// What `gatewright gate` and `gatewright confirm` may add at most; none when nothing can be confirmed.
    confirmation: Option<DryConfirmation>,
    problems: Vec<Problem>,
}

/// What a confirmation may add at most: every guard trips everywhere.
#[derive(Debug, Serialize)]
struct DryConfirmation {
    examples: usize,
    attempts: u64,
    calls: u64,
    /// Verdicts of judges and programs on the fresh answers.
    judgements: u64,
    usd_from: Option<f64>,
    usd_to: Option<f64>,
}

/// What would be asked of one system.
#[derive(Debug, Serialize)]
struct DrySystem {
    role: Role,
    name: String,
    kind: &'static str,
    attempts: u64,
    calls: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<DryLive>,
}

/// What goes over the wire.
#[derive(Debug, Serialize)]
struct DryLive {
    url: String,
    host: String,
    keys: Vec<String>,
    /// `own`, `allowed`, `remembered`, `unknown`
    consent: &'static str,
    tokens_read: u64,
    tokens_written_max: Option<u64>,
    usd_from: Option<f64>,
    usd_to: Option<f64>,
    /// What an answer costs stands in it (`cost_usd`), and nowhere before.
    usd_in_answers: bool,
    at_once: u32,
    requests_per_minute: Option<u32>,
    tokens_per_minute: Option<u32>,
    seconds_at_least: Option<f64>,
    first_prompt: Vec<(String, String)>,
}

/// Shows what would be sent.
///
/// # Errors
/// When a log cannot be read, or a prompt cannot be filled in (exit code 2, after everything was shown).
pub(crate) fn dry_run(
    loaded: &mut Loaded,
    start: Start,
    asked: &Asked,
    allow_host: &[String],
    budget: &Budget,
    selection: Option<&Selection>,
    console: &Console,
) -> Result<u8, Failure> {
    let var = |name: &str| std::env::var(name).ok();
    let allowed = Allowed::read(allow_host, var, console)?;
    let (session, plan, progress) = standing(loaded, start, asked)?;
    let loaded = &*loaded;
    let mut to_make = Vec::new();
    let mut todo: BTreeMap<Role, Vec<AttemptSpec>> = BTreeMap::new();
    for attempt in outstanding(&plan, &progress) {
        if selection.is_none_or(|selection| selection.holds(attempt.example)) {
            todo.entry(attempt.system).or_default().push(attempt);
            to_make.push(attempt);
        }
    }
    let mut problems = adapters::problems(&loaded.manifest);
    let mut systems = Vec::new();
    for (role, system) in &loaded.manifest.systems {
        let attempts = todo.remove(role).unwrap_or_default();
        let mut shown = DrySystem {
            role: *role,
            name: system.name.clone(),
            kind: kind(&system.target),
            attempts: attempts.len() as u64,
            calls: 0,
            live: None,
        };
        match &system.target {
            Target::Live(live) => {
                let filled = fill(loaded, *role, live, &attempts, &mut problems)?;
                shown.calls = filled.calls;
                let caller = Caller::System(*role);
                shown.live = Some(estimate(loaded, &caller, live, filled, &allowed, budget));
            }
            Target::Command { .. } => shown.calls = shown.attempts,
            _ => {}
        }
        systems.push(shown);
    }
    let judges = judges::dry(
        loaded,
        &plan,
        session.as_ref(),
        (&to_make, asked.retry_errors),
        &allowed,
        budget,
    )?;
    let confirmation = most(loaded, &plan, &allowed, budget);
    let code = if problems.is_empty() {
        exit::SHIP
    } else {
        exit::USAGE
    };
    let dry = Dry {
        format: "gatewright-dry-run/1",
        run: session.map(|session| session.name),
        systems,
        judges,
        confirmation,
        problems,
    };
    if console.json {
        console.document(&dry)?;
    } else {
        console.out(&dry.text(console.options.width))?;
    }
    Ok(code)
}

fn kind(target: &Target) -> &'static str {
    match target {
        Target::Recorded(_) => "recorded",
        Target::LabelsOnly => "labels only",
        Target::Command { .. } => "command",
        Target::Live(live) => match live.protocol {
            Protocol::OpenAiChat | Protocol::OpenAiResponses => "openai",
            Protocol::Anthropic => "anthropic",
            Protocol::Http => "http",
            Protocol::Provider => "provider",
        },
    }
}

/// Says in one line what a confirmation may add at most; nothing when nothing can be confirmed.
pub(super) fn confirmation(
    loaded: &Loaded,
    plan: &Plan,
    allowed: &Allowed,
    budget: &Budget,
) -> Option<String> {
    most(loaded, plan, allowed, budget).map(|most| most.line())
}

fn most(
    loaded: &Loaded,
    plan: &Plan,
    allowed: &Allowed,
    budget: &Budget,
) -> Option<DryConfirmation> {
    // A part decides nothing, and what was confirmed is not confirmed again.
    if plan.shard.is_some() || !plan.confirmations.is_empty() {
        return None;
    }
    let round = confirmation_at_most(&loaded.manifest, &loaded.reference, plan)?;
    let mut most = DryConfirmation {
        examples: round.examples.len(),
        attempts: round.attempts().count() as u64,
        calls: 0,
        judgements: judges::on_fresh(loaded, &round)?,
        usd_from: Some(0.0),
        usd_to: Some(0.0),
    };
    for role in &round.roles {
        let attempts: Vec<AttemptSpec> = round
            .attempts()
            .filter(|attempt| attempt.system == *role)
            .collect();
        let Some(live) = loaded.manifest.systems.get(role).and_then(|it| it.live()) else {
            most.calls += attempts.len() as u64;
            continue;
        };
        // Prompts that cannot be filled in, and examples that changed, are named where the first look is.
        let filled = fill(loaded, *role, live, &attempts, &mut Vec::new()).ok()?;
        most.calls += filled.calls;
        let live = estimate(
            loaded,
            &Caller::System(*role),
            live,
            filled,
            allowed,
            budget,
        );
        let add = |a: Option<f64>, b: Option<f64>| Some(a? + b?);
        most.usd_from = add(most.usd_from, live.usd_from);
        most.usd_to = add(most.usd_to, live.usd_to);
    }
    Some(most)
}

/// Finds the run that would go on, and what of it has ended.
fn standing(
    loaded: &mut Loaded,
    start: Start,
    asked: &Asked,
) -> Result<(Option<Session>, Plan, Progress), Failure> {
    match Session::standing(loaded, start, asked)? {
        None if start == Start::Only => Err(nothing_to_resume()),
        None => Ok((None, loaded.plan(), Progress::default())),
        Some(session) => {
            let progress = session.log.progress()?;
            let plan = session.plan.clone();
            Ok((Some(session), plan, progress))
        }
    }
}

/// All prompts of one system, added up.
#[derive(Debug, Default)]
struct Sum {
    calls: u64,
    /// What is read in the whole, without the answers that come back in later turns.
    tokens_read: u64,
    /// Answers that are read again in later turns of a conversation.
    answers_again: u64,
    first: Option<Filled>,
}

fn fill(
    loaded: &Loaded,
    role: Role,
    live: &Live,
    attempts: &[AttemptSpec],
    problems: &mut Vec<Problem>,
) -> Result<Sum, Changed> {
    let mut sum = Sum::default();
    let Some(ready) = Ready::new(live) else {
        return Ok(sum);
    };
    let mut trials: BTreeMap<u32, u64> = BTreeMap::new();
    for attempt in attempts {
        *trials.entry(attempt.example).or_default() += 1;
    }
    let mut named = 0;
    for (example, trials) in trials {
        let entry = loaded.reference.examples.get(example as usize);
        if entry.is_none_or(|entry| entry.traits.withheld) {
            continue;
        }
        let example = &*loaded.reference.example(example)?;
        match ready.fill(example) {
            Ok(filled) => {
                let tokens = (filled.characters as f64 / CHARACTERS_OF_A_TOKEN).ceil() as u64;
                sum.calls += filled.turns * trials;
                sum.tokens_read += tokens * trials;
                sum.answers_again += trials * (filled.turns * filled.turns.saturating_sub(1) / 2);
                sum.first.get_or_insert(filled);
            }
            Err(why) if named < NAMED_MAX => {
                named += 1;
                problems.push(prompts::problem(role, example, &why));
            }
            Err(_) => {}
        }
    }
    Ok(sum)
}

fn estimate(
    loaded: &Loaded,
    caller: &Caller,
    live: &Live,
    sum: Sum,
    allowed: &Allowed,
    budget: &Budget,
) -> DryLive {
    let bound = BOUNDS.iter().find_map(|name| {
        live.parameters
            .get(*name)
            .and_then(serde_json::Value::as_u64)
    });
    let written = bound.map(|bound| bound * sum.calls);
    let read_most = bound.map(|bound| sum.tokens_read + bound * sum.answers_again);
    let usd_to = written
        .zip(read_most)
        .and_then(|(written, read)| live.cost(read, written));
    let consent = hosts::called(&loaded.manifest)
        .iter()
        .find(|one| one.caller == *caller)
        .and_then(|one| allowed.knows(one));
    let (requests, tokens) = (live.pace.requests_per_minute, live.pace.tokens_per_minute);
    let minutes = |amount: u64, pace: Option<u32>| pace.map(|pace| amount as f64 / f64::from(pace));
    let slowest = [
        minutes(sum.calls, requests),
        minutes(sum.tokens_read, tokens),
    ]
    .into_iter()
    .flatten()
    .reduce(f64::max);
    DryLive {
        url: live.url.clone(),
        host: live.host().unwrap_or_default(),
        keys: live.secrets().iter().map(ToString::to_string).collect(),
        consent: match consent {
            Some(Known::Own) => "own",
            Some(Known::Flag) => "allowed",
            Some(Known::Remembered) => "remembered",
            None => "unknown",
        },
        tokens_read: sum.tokens_read,
        tokens_written_max: written,
        usd_from: live.cost(sum.tokens_read, 0),
        usd_to,
        usd_in_answers: live.price.is_none() && drive::states_cost(live),
        at_once: budget
            .concurrency
            .or(live.pace.concurrency)
            .unwrap_or(gatewright_engine::Limits::standard().concurrency),
        requests_per_minute: requests,
        tokens_per_minute: tokens,
        seconds_at_least: slowest.map(|minutes| (minutes * 60.0).round()),
        first_prompt: sum.first.map(|filled| filled.parts).unwrap_or_default(),
    }
}

impl Dry {
    fn text(&self, width: usize) -> String {
        let mut text = match &self.run {
            Some(run) => format!("Run {run} would go on. Nothing was sent or written.\n"),
            None => "A new run would begin. Nothing was sent or written.\n".to_owned(),
        };
        for system in &self.systems {
            for line in system.lines() {
                for row in untrusted::wrap(&line, width, 4) {
                    text += &(row + "\n");
                }
            }
        }
        if !self.judges.is_empty() {
            text += "Then, by `gatewright gate` or `gatewright grade --ask`:\n";
        }
        for judge in &self.judges {
            for line in judge.lines() {
                for row in untrusted::wrap(&line, width, 4) {
                    text += &(row + "\n");
                }
            }
        }
        if let Some(most) = &self.confirmation {
            for row in untrusted::wrap(&most.line(), width, 4) {
                text += &(row + "\n");
            }
        }
        if !self.problems.is_empty() {
            text += "\n";
            text += &problems_text(&self.problems, width);
        }
        text
    }
}

impl DryConfirmation {
    fn line(&self) -> String {
        let money = match (self.usd_from, self.usd_to) {
            (_, Some(0.0)) => "no money".to_owned(),
            (Some(from), Some(to)) => {
                format!("{} to {} USD, roughly", dollars(from), dollars(to))
            }
            (Some(from), None) => format!("{} USD and what is written", dollars(from)),
            (None, _) => "money is not known before: that takes a `price:` of each".to_owned(),
        };
        format!(
            "confirmation: guards that trip are run again by `gatewright gate`: at most {} further calls ({money}){}",
            number(self.calls),
            match self.judgements {
                0 => String::new(),
                1 => ", and 1 judgement".to_owned(),
                count => format!(", and {} judgements", number(count)),
            }
        )
    }
}

impl DrySystem {
    fn lines(&self) -> Vec<String> {
        let name = untrusted::line(&self.name, 100);
        let head = match self.name == self.role.word() {
            true => format!("{} ({})", self.role.word(), self.kind),
            false => format!("{} {name} ({})", self.role.word(), self.kind),
        };
        let mut lines = vec![format!(
            "{head}: {} attempts to make, {} calls",
            number(self.attempts),
            number(self.calls)
        )];
        if let Some(live) = &self.live {
            lines.extend(live.lines());
        }
        lines
    }
}

impl DryLive {
    fn lines(&self) -> Vec<String> {
        let written = match self.tokens_written_max {
            Some(most) => format!("at most {} written", number(most)),
            None => "no bound on what is written: add `max_tokens:`".to_owned(),
        };
        let money = match (self.usd_from, self.usd_to) {
            (Some(from), Some(to)) => {
                format!("money: {} to {} USD, roughly", dollars(from), dollars(to))
            }
            (Some(from), None) => format!("money: {} USD and what is written", dollars(from)),
            _ if self.usd_in_answers => {
                "money: known from each answer (`cost_usd`), and not before".to_owned()
            }
            _ => "money: price unknown: add `price:`".to_owned(),
        };
        let keys = match self.keys.is_empty() {
            true => "no key".to_owned(),
            false => untrusted::line(&self.keys.join(", "), 400),
        };
        let consent = match self.consent {
            "own" => "the provider's own".to_owned(),
            "unknown" if self.keys.is_empty() => {
                format!("not allowed yet: --allow-host {}", self.host)
            }
            "unknown" => {
                let flags = self.keys.iter();
                let flags: Vec<String> = flags
                    .map(|key| format!("--allow-host {}={key}", self.host))
                    .collect();
                format!("not allowed yet: {}", flags.join(" "))
            }
            other => other.to_owned(),
        };
        let mut pace = vec![format!("{} at once", self.at_once)];
        pace.extend(
            self.requests_per_minute
                .map(|it| format!("{} requests a minute", number(u64::from(it)))),
        );
        pace.extend(
            self.tokens_per_minute
                .map(|it| format!("{} tokens a minute", number(u64::from(it)))),
        );
        pace.extend(
            self.seconds_at_least
                .map(|it| format!("so at least {}", span(Duration::from_secs_f64(it)))),
        );
        let mut lines = vec![
            format!(
                "  tokens: about {} read, {written}",
                number(self.tokens_read)
            ),
            format!("  {money}"),
            format!(
                "  host: {} gets {keys} ({consent})",
                untrusted::line(&self.host, 300)
            ),
            format!("  pace: {}", pace.join(", ")),
        ];
        for (role, said) in &self.first_prompt {
            lines.push(format!("  first {}:", untrusted::line(role, 40)));
            let block = untrusted::block(said, 200, PROMPT_LINES_MAX);
            lines.extend(block.into_iter().map(|line| format!("    | {line}")));
        }
        lines
    }
}
