//! What happened so far, counted, and how it reads. Pure: the time arrives as a value.

use std::collections::BTreeMap;
use std::time::Duration;

use gatewright_core::exchange::{Exchange, Fault};
use gatewright_core::id::ExampleId;
use gatewright_core::manifest::Role;
use gatewright_core::outcome::{Bin, Outcome};
use gatewright_core::plan::{AttemptSpec, Plan};
use gatewright_core::report::untrusted;
use gatewright_core::response::AttemptEnd;
use gatewright_engine::{EngineEvent, Limits};
use gatewright_stats::choose::quantile_point;

use super::rates::Rates;

/// Most lines of the block.
const LINES_MAX: usize = 12;
/// Attempts that are begun and listed.
const SLOW_MAX: usize = 3;
/// An attempt that is begun this long is said where nothing is drawn, and again each time that it has become twice as old.
const STUCK_AFTER: Duration = Duration::from_secs(60);
/// Hosts that are listed.
const HOSTS_MAX: usize = 2;

/// The counts of one run.
pub(super) struct Counts<'l> {
    names: &'l [ExampleId],
    trials: BTreeMap<Role, u32>,
    systems: BTreeMap<Role, Arm>,
    rates: Option<Rates<'l>>,
    symbols: bool,
    calls: u64,
    retries: u64,
    faults: BTreeMap<Fault, u64>,
    tokens: [u64; 2],
    dollars: f64,
    unpriced: u64,
    dollars_max: Option<f64>,
    calls_max: Option<u64>,
    hosts: BTreeMap<String, Host>,
    in_flight: BTreeMap<AttemptSpec, Duration>,
    /// At which age each attempt that is long begun is said the next time.
    stuck: BTreeMap<AttemptSpec, Duration>,
}

/// One system.
#[derive(Clone, Debug, Default)]
struct Arm {
    total: u64,
    done: u64,
    errors: u64,
    failing: u64,
    /// Of its answers, in milliseconds.
    latencies: Vec<f64>,
}

/// What is known of a host's pace.
#[derive(Clone, Debug, Default)]
struct Host {
    at_once: Option<u32>,
    waits_until: Duration,
    why: String,
    /// Its circuit is open: one request at a time tries whether it is back.
    is_down: bool,
}

impl Host {
    /// Says whether it answers nothing for now. A limit a minute that we keep by ourselves is a pace and no standstill.
    fn stands_still(&self, now: Duration) -> bool {
        self.is_down || (self.waits_until > now && !self.why.ends_with("-a-minute"))
    }
}

impl<'l> Counts<'l> {
    pub(super) fn new(
        plan: &'l Plan,
        todo: &BTreeMap<Role, u64>,
        limits: &Limits,
        rates: Option<Rates<'l>>,
        symbols: bool,
    ) -> Self {
        let arm = |total| Arm {
            total,
            ..Arm::default()
        };
        let systems = todo.iter().map(|(&role, &total)| (role, arm(total)));
        Self {
            names: &plan.examples,
            trials: plan.systems.iter().map(|it| (it.role, it.trials)).collect(),
            systems: systems.collect(),
            rates,
            symbols,
            calls: 0,
            retries: 0,
            faults: BTreeMap::new(),
            tokens: [0; 2],
            dollars: 0.0,
            unpriced: 0,
            dollars_max: limits.cost_max_usd,
            calls_max: limits.calls_max,
            hosts: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            stuck: BTreeMap::new(),
        }
    }

    /// Says whether there is nothing to show.
    pub(super) fn is_empty(&self) -> bool {
        self.systems.is_empty()
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls
    }

    pub(super) fn dollars(&self) -> f64 {
        self.dollars
    }

    /// Says whether an attempt belongs to the first look.
    pub(super) fn is_first_look(&self, attempt: &AttemptSpec) -> bool {
        let trials = self.trials.get(&attempt.system).copied();
        attempt.trial < trials.unwrap_or(0)
    }

    /// Takes in what happened.
    pub(super) fn observe(&mut self, event: &EngineEvent<'_>, now: Duration) {
        match event {
            EngineEvent::Started { attempt } => {
                self.in_flight.insert(*attempt, now);
            }
            EngineEvent::Ended {
                attempt,
                end,
                exchange,
            } => {
                self.in_flight.remove(attempt);
                self.stuck.remove(attempt);
                self.ended(*attempt, end, exchange.is_some());
                if let Some(exchange) = exchange {
                    self.exchanged(exchange);
                }
            }
            EngineEvent::Exchanged {
                exchange, again_in, ..
            } => {
                self.exchanged(exchange);
                self.retries += u64::from(again_in.is_some());
            }
            EngineEvent::Waiting { host, wait, why } => {
                let host = self.hosts.entry((*host).to_owned()).or_default();
                host.waits_until = now + *wait;
                (*why).clone_into(&mut host.why);
            }
            EngineEvent::Paced {
                host,
                concurrency,
                why,
            } => {
                let host = self.hosts.entry((*host).to_owned()).or_default();
                host.at_once = Some(*concurrency);
                match *why {
                    "circuit-open" => host.is_down = true,
                    "circuit-closed" => host.is_down = false,
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// Takes in what an attempt of the first look came to.
    pub(super) fn graded(&mut self, attempt: AttemptSpec, outcomes: &[Outcome]) {
        let fails = outcomes.iter().any(|one| matches!(one.bin, Bin::Fail(_)));
        if let Some(arm) = self.systems.get_mut(&attempt.system) {
            arm.failing += u64::from(fails);
        }
        if let Some(rates) = &mut self.rates {
            rates.add(attempt, outcomes);
        }
    }

    fn ended(&mut self, attempt: AttemptSpec, end: &AttemptEnd, is_live: bool) {
        let arm = self.systems.entry(attempt.system).or_default();
        arm.done += 1;
        match end {
            AttemptEnd::Answered { response } => {
                arm.latencies.extend(response.latency_ms);
                if !is_live {
                    self.dollars += response.usage.cost_usd.unwrap_or(0.0);
                    self.tokens[0] += response.usage.input_tokens.unwrap_or(0);
                    self.tokens[1] += response.usage.output_tokens.unwrap_or(0);
                }
            }
            AttemptEnd::TimedOut { .. } => {}
            AttemptEnd::ProviderError { .. } | AttemptEnd::HarnessError { .. } => arm.errors += 1,
        }
    }

    fn exchanged(&mut self, exchange: &Exchange) {
        self.calls += 1;
        self.tokens[0] += exchange.usage.input_tokens.unwrap_or(0);
        self.tokens[1] += exchange.usage.output_tokens.unwrap_or(0);
        match (exchange.usage.cost_usd, exchange.fault) {
            (Some(dollars), _) => self.dollars += dollars,
            (None, None) => self.unpriced += 1,
            (None, Some(_)) => {}
        }
        if let Some(fault) = exchange.fault {
            *self.faults.entry(fault).or_default() += 1;
        }
    }

    /// The block for a terminal of some columns: never wider, at most twelve lines.
    pub(super) fn lines(&self, now: Duration, width: usize, slow: bool) -> Vec<String> {
        let mut lines: Vec<String> = self
            .systems
            .iter()
            .map(|(role, arm)| self.arm(*role, arm, width))
            .collect();
        lines.extend(rows(&self.facts(now), width));
        let hosts = self.waiting(now, HOSTS_MAX);
        let slowest = match slow {
            true => self.slowest(now),
            false => Vec::new(),
        };
        let left = LINES_MAX.saturating_sub(lines.len() + hosts.len() + slowest.len());
        if let Some(rates) = &self.rates {
            lines.extend(rates.rows(left.min(7)));
        }
        lines.extend(hosts);
        lines.extend(slowest);
        lines
            .iter()
            .take(LINES_MAX)
            .map(|line| untrusted::clip(line, width))
            .collect()
    }

    fn arm(&self, role: Role, arm: &Arm, width: usize) -> String {
        let cells = if width >= 70 { 20 } else { 8 };
        let share = arm.done as f64 / (arm.total.max(1)) as f64;
        let full = ((share * cells as f64) as usize).min(cells);
        let (on, off) = if self.symbols {
            ("█", "░")
        } else {
            ("#", ".")
        };
        let mut text = format!(
            "{:<10} {}{} {}/{}",
            role.word(),
            on.repeat(full),
            off.repeat(cells - full),
            number(arm.done),
            number(arm.total)
        );
        if arm.errors > 0 {
            text += &format!("  {}", plural(arm.errors, "error"));
        }
        if arm.failing > 0 {
            text += &format!("  {} failing", number(arm.failing));
        }
        text
    }

    /// Calls, money, the time left, and what is begun.
    fn facts(&self, now: Duration) -> Vec<String> {
        let mut parts = Vec::new();
        if self.calls > 0 || self.calls_max.is_some() {
            let most = self.calls_max.map(|most| format!(" of {}", number(most)));
            let mut calls = format!("{}{} calls", number(self.calls), most.unwrap_or_default());
            if self.retries > 0 {
                calls += &format!(" ({} again)", number(self.retries));
            }
            parts.push(calls);
        }
        parts.extend(self.money());
        if self.hosts.values().any(|host| host.stands_still(now)) {
            parts.push("waiting".to_owned());
        } else if let Some(left) = self.left(now) {
            parts.push(format!("about {} left", span(left)));
        }
        parts.push(format!("{} so far", span(now)));
        if !self.in_flight.is_empty() {
            // Some of them may wait for another try.
            parts.push(format!("{} begun", number(self.in_flight.len() as u64)));
        }
        parts
    }

    fn money(&self) -> Option<String> {
        if self.dollars == 0.0 && self.dollars_max.is_none() {
            return (self.unpriced > 0).then(|| "price unknown".to_owned());
        }
        let most = self
            .dollars_max
            .map(|most| format!(" of {}", dollars(most)));
        let unpriced = match self.unpriced {
            0 => "",
            _ => " and what has no price",
        };
        Some(format!(
            "{}{} USD{unpriced}",
            dollars(self.dollars),
            most.unwrap_or_default()
        ))
    }

    /// Estimates the time left from the pace so far; nothing at the beginning, and nothing when all that is left is begun: that takes as long as
    /// one answer does, or several tries.
    fn left(&self, now: Duration) -> Option<Duration> {
        let done: u64 = self.systems.values().map(|arm| arm.done).sum();
        let total: u64 = self.systems.values().map(|arm| arm.total).sum();
        let left = total
            .checked_sub(done)
            .filter(|&left| left > self.in_flight.len() as u64)?;
        if done < 5 || now < Duration::from_secs(2) {
            return None;
        }
        Some(now.mul_f64(left as f64 / done as f64))
    }

    fn waiting(&self, now: Duration, most: usize) -> Vec<String> {
        let waits = |host: &&Host| host.waits_until > now;
        let told = |host: &&Host| host.at_once.is_some() || waits(host);
        self.hosts
            .iter()
            .filter(|(_, host)| told(host))
            .take(most)
            .map(|(name, host)| {
                let pace = host.at_once.map(|at_once| format!("{at_once} at once"));
                let wait = (host.waits_until > now).then(|| {
                    let left = span(host.waits_until - now);
                    format!("waits {left}: {}", untrusted::line(&host.why, 60))
                });
                let facts: Vec<String> = pace.into_iter().chain(wait).collect();
                format!("{}: {}", untrusted::line(name, 100), facts.join(", "))
            })
            .collect()
    }

    fn slowest(&self, now: Duration) -> Vec<String> {
        let mut oldest: Vec<_> = self.in_flight.iter().collect();
        oldest.sort_by_key(|(_, since)| **since);
        oldest
            .into_iter()
            .take(SLOW_MAX)
            .map(|(attempt, since)| self.begun(attempt, now.saturating_sub(*since)))
            .collect()
    }

    fn begun(&self, attempt: &AttemptSpec, age: Duration) -> String {
        let name = self.names.get(attempt.example as usize);
        let name = name.map_or("?", ExampleId::as_str);
        format!(
            "begun {} ago: {} {} trial {}",
            span(age),
            attempt.system.word(),
            untrusted::line(name, 100),
            attempt.trial
        )
    }

    /// Takes the attempts that are begun for long and are to be said now, the oldest first: a few at a time, each of them ever more rarely (F15).
    pub(super) fn stuck(&mut self, now: Duration) -> Vec<String> {
        let age = |since: &Duration| now.saturating_sub(*since);
        let mut due: Vec<(AttemptSpec, Duration)> = self
            .in_flight
            .iter()
            .map(|(attempt, since)| (*attempt, age(since)))
            .filter(|(attempt, age)| *age >= *self.stuck.get(attempt).unwrap_or(&STUCK_AFTER))
            .collect();
        due.sort_by_key(|(attempt, age)| (std::cmp::Reverse(*age), *attempt));
        due.truncate(SLOW_MAX);
        for (attempt, age) in &due {
            self.stuck.insert(*attempt, *age * 2);
        }
        due.iter()
            .map(|(attempt, age)| self.begun(attempt, *age))
            .collect()
    }

    /// One plain line with the same facts.
    pub(super) fn line(&self, now: Duration) -> String {
        let mut parts: Vec<String> = self
            .systems
            .iter()
            .map(|(role, arm)| {
                let mut text = format!("{} {}/{}", role.word(), arm.done, arm.total);
                if arm.errors > 0 {
                    text += &format!(", {}", plural(arm.errors, "error"));
                }
                if arm.failing > 0 {
                    text += &format!(", {} failing", arm.failing);
                }
                text
            })
            .collect();
        parts.push(self.facts(now).join(", "));
        parts.extend(self.rates.as_ref().and_then(Rates::worst));
        parts.extend(self.waiting(now, HOSTS_MAX));
        parts.join("; ")
    }

    /// What was done, when it is over: three sentences at most.
    pub(super) fn summary(&self, now: Duration) -> Vec<String> {
        let done: u64 = self.systems.values().map(|arm| arm.done).sum();
        let errors: u64 = self.systems.values().map(|arm| arm.errors).sum();
        if done == 0 && self.calls == 0 {
            return Vec::new();
        }
        let mut first = vec![format!("{} in {}", plural(done, "attempt"), span(now))];
        if self.calls > 0 {
            first.push(format!(
                "{}, {} again",
                plural(self.calls, "call"),
                number(self.retries)
            ));
        }
        if errors > 0 {
            first.push(plural(errors, "error"));
        }
        first.extend(self.money());
        if self.tokens != [0, 0] {
            let [read, written] = self.tokens.map(number);
            first.push(format!("{read} tokens read, {written} written"));
        }
        let mut lines = vec![first.join("; ")];
        let times: Vec<String> = self
            .systems
            .iter()
            .filter_map(|(role, arm)| {
                let quantile = |p| quantile_point(&arm.latencies, None, p);
                let (p50, p95) = (quantile(0.5)?, quantile(0.95)?);
                Some(format!("{} p50 {p50:.0} ms, p95 {p95:.0} ms", role.word()))
            })
            .collect();
        if !times.is_empty() {
            lines.push(format!("time of answers: {}", times.join("; ")));
        }
        if !self.faults.is_empty() {
            let faults: Vec<String> = self
                .faults
                .iter()
                .map(|(fault, count)| format!("{} {}", fault.word(), number(*count)))
                .collect();
            lines.push(format!("faults on the way: {}", faults.join(", ")));
        }
        lines
    }
}

/// Puts facts into as few rows as they take, none broken in two unless it is wider than a row.
fn rows(facts: &[String], width: usize) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for fact in facts {
        match rows.last_mut() {
            Some(row) if untrusted::columns(row) + 3 + untrusted::columns(fact) <= width => {
                row.push_str(" · ");
                row.push_str(fact);
            }
            _ => rows.push(fact.clone()),
        }
    }
    rows
}

/// Shows a duration for people: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 4 min`.
pub(crate) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{:.1} s", time.as_secs_f64()),
        1..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Shows US dollars: two decimals, and below one dollar as many as two significant digits need (`0.0042`).
pub(crate) fn dollars(amount: f64) -> String {
    let size = amount.abs();
    if size >= 0.1 || size == 0.0 || !size.is_finite() {
        return format!("{amount:.2}");
    }
    let decimals = (1.0 - size.log10().floor()).clamp(2.0, 12.0) as usize;
    let text = format!("{amount:.decimals$}");
    let short = text.trim_end_matches('0');
    let least = text.find('.').map_or(0, |point| point + 3);
    match short.len() >= least {
        true => short.to_owned(),
        false => text[..least.min(text.len())].to_owned(),
    }
}

/// Shows a number with its thousands apart.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn plural(count: u64, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{} {what}{s}", number(count))
}

#[cfg(test)]
mod tests;
