//! The live display: a block that is drawn over on a terminal, a line now and then everywhere else. It says what happened and decides nothing.

mod counts;
mod keys;
mod rates;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::{Duration, Instant};

use gatewright_core::grade::Graders;
use gatewright_core::manifest::Role;
use gatewright_core::plan::Plan;
use gatewright_core::report::untrusted;
use gatewright_engine::{EngineEvent, Limits};

pub(super) use self::counts::{dollars, number, span};
pub(crate) use self::keys::restore as restore_terminal;

use self::counts::Counts;
use self::keys::Keys;
use self::rates::Rates;
use crate::console::{Console, clean};
use crate::pipeline::load::Loaded;

/// How often a line is printed where nothing can be drawn over.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// How often a terminal is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(100);

/// What somebody who watches sees.
pub(super) struct Display<'l> {
    console: &'l Console,
    /// What goes on with a run that was stopped.
    command: &'static str,
    graders: Option<Graders<'l>>,
    counts: Counts<'l>,
    keys: Option<Keys>,
    /// Whether the slowest calls are shown.
    slow: bool,
    start: Instant,
    last: Instant,
    /// Columns of the lines that stand on the terminal now.
    drawn: Vec<usize>,
}

impl<'l> Display<'l> {
    /// Prepares to show attempts, of which so many are to be made on each system.
    pub(super) fn new(
        loaded: &'l Loaded,
        plan: &'l Plan,
        todo: &BTreeMap<Role, u64>,
        limits: &Limits,
        command: &'static str,
        console: &'l Console,
    ) -> Self {
        let attempts: u64 = todo.values().sum();
        if attempts > 0 {
            console.detail(&format!("{attempts} attempts to make"));
        }
        let callable = todo.keys().any(|role| {
            let system = loaded.manifest.systems.get(role);
            system.is_some_and(|system| system.target.can_rerun())
        });
        let watched = callable && !console.quiet;
        let graders = watched
            .then(|| Graders::new(&loaded.manifest, &loaded.reference, &loaded.labels).ok())
            .flatten();
        let rates = graders
            .as_ref()
            .and_then(|_| Rates::new(&loaded.manifest, &loaded.reference));
        Self {
            console,
            command,
            graders,
            counts: Counts::new(plan, todo, limits, rates, console.options.symbols),
            keys: (watched && console.live).then(Keys::listen).flatten(),
            slow: false,
            start: Instant::now(),
            last: Instant::now(),
            drawn: Vec::new(),
        }
    }

    /// How often it wants to be asked to draw.
    pub(super) fn every(&self) -> Duration {
        match self.console.live {
            true => DRAW_EVERY,
            false => Duration::from_secs(1),
        }
    }

    /// Takes in what happened.
    pub(super) fn observe(&mut self, event: &EngineEvent<'_>) {
        let now = self.start.elapsed();
        self.counts.observe(event, now);
        let line = |text: &str| untrusted::line(text, 300);
        match event {
            EngineEvent::Ended { attempt, end, .. } => {
                if let Some(graders) = &self.graders
                    && self.counts.is_first_look(attempt)
                {
                    let mut outcomes = Vec::new();
                    // Only an impression: who decides reads the example again, and says what is wrong with it.
                    let _ = graders.grade(*attempt, None, end, &mut outcomes);
                    self.counts.graded(*attempt, &outcomes);
                }
            }
            EngineEvent::ProcessLost { system, why } => {
                self.say(&format!("{}: {}", system.word(), line(why)));
            }
            EngineEvent::FewerWorkers { system, why } => {
                let why = line(why);
                self.say(&format!(
                    "{} works with fewer programs: {why}",
                    system.word()
                ));
            }
            EngineEvent::Note { system, what } if self.console.verbose => {
                self.say(&format!("{}: {}", system.word(), line(what)));
            }
            EngineEvent::Draining { in_flight } => {
                let waiting = match in_flight {
                    0 => "nothing is on its way".to_owned(),
                    1 => "1 attempt is on its way and is waited for; Ctrl-C once more stops now"
                        .to_owned(),
                    count => format!(
                        "{count} attempts are on their way and are waited for; Ctrl-C once more stops now"
                    ),
                };
                let command = self.command;
                self.say(&format!("stopping: {waiting}. To go on: {command}"));
            }
            EngineEvent::ModelChanged { system, from, to } => {
                let (from, to) = (line(from), line(to));
                self.say(&format!(
                    "{}: another model answers: {to} instead of {from}",
                    system.word()
                ));
            }
            _ => {}
        }
    }

    /// Draws, when it is time to.
    pub(super) fn tick(&mut self) {
        let pressed = self.keys.as_ref().is_some_and(|keys| keys.pressed(b't'));
        self.slow ^= pressed;
        let every = match self.console.live {
            true => DRAW_EVERY,
            false => LINE_EVERY,
        };
        if self.counts.is_empty() || (!pressed && self.last.elapsed() < every.mul_f64(0.9)) {
            return;
        }
        self.last = Instant::now();
        let now = self.start.elapsed();
        if self.console.live {
            self.draw(now);
        } else if !self.console.quiet {
            self.console.note(&self.counts.line(now));
            for line in self.counts.stuck(now) {
                self.console.note(&line);
            }
        }
    }

    fn draw(&mut self, now: Duration) {
        let width = width().unwrap_or(self.console.options.width);
        // The last column stays free: some terminals wrap as soon as it is filled.
        let lines = self.counts.lines(now, width.saturating_sub(1), self.slow);
        let mut text = self.erase(width);
        for line in &lines {
            text.push_str(&clean(line));
            text.push('\n');
        }
        self.drawn = lines.iter().map(|line| untrusted::columns(line)).collect();
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }

    /// Moves to where the block begins and clears it. A terminal that became narrower has wrapped its lines.
    fn erase(&mut self, width: usize) -> String {
        let rows: usize = self
            .drawn
            .drain(..)
            .map(|columns| columns.div_ceil(width.max(1)).max(1))
            .sum();
        match rows {
            0 => String::new(),
            rows => format!("\r\u{1b}[{rows}A\u{1b}[J"),
        }
    }

    fn say(&mut self, text: &str) {
        self.clear();
        self.console.note(text);
    }

    fn clear(&mut self) {
        let width = width().unwrap_or(self.console.options.width);
        let text = self.erase(width);
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }

    /// Clears the block, restores the terminal and says what was done. Returns the calls and the money.
    pub(super) fn finish(mut self) -> (u64, f64) {
        self.clear();
        self.keys = None;
        if self.graders.is_some() {
            for line in self.counts.summary(self.start.elapsed()) {
                self.console.wrapped(&line);
            }
        }
        (self.counts.calls(), self.counts.dollars())
    }
}

/// Measures standard error's terminal each time: windows change.
fn width() -> Option<usize> {
    let (width, _) = terminal_size::terminal_size_of(std::io::stderr())?;
    Some(usize::from(width.0)).filter(|&width| width > 0)
}
