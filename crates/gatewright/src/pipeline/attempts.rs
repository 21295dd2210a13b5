//! Makes what is outstanding: the engine, the log behind it, signals, and the progress line.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gatewright_core::event::RunEvent;
use gatewright_core::exchange::Blob;
use gatewright_core::manifest::{Manifest, Role, System, Target as Reach};
use gatewright_core::plan::{Plan, outstanding};
use gatewright_core::recorded::Recorded;
use gatewright_core::report::untrusted;
use gatewright_core::response::AttemptEnd;
use gatewright_engine::{
    CommandTarget, EngineEvent, Inputs, Limits, RunEnd, Stopper, Target, Targets, environment, run,
    stop_pair,
};
use gatewright_store::RunLog;

use crate::console::Console;
use crate::error::Failure;
use crate::exit;
use crate::project::Project;

/// How often a line is printed where nothing can be drawn over.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// How often the line of a terminal is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(100);

/// Builds the targets of the systems that can be attempted. Systems of which only labels were recorded have none.
///
/// # Errors
/// For systems that this build cannot call.
pub(super) fn targets(
    manifest: &Manifest,
    project: &Project,
    recorded: &BTreeMap<Role, Recorded>,
) -> Result<Targets, Failure> {
    let mut by_role = BTreeMap::new();
    for (role, system) in &manifest.systems {
        let target = match &system.target {
            Reach::LabelsOnly => continue,
            Reach::Recorded(_) => Target::Recorded(
                recorded
                    .get(role)
                    .map(|one| one.attempts.clone())
                    .unwrap_or_default(),
            ),
            Reach::Command { argv, workers, env } => Target::Command(CommandTarget {
                argv: argv.clone(),
                workers: *workers,
                timeout: system.timeout_ms.map(Duration::from_millis),
                env: environment(env, |name| std::env::var_os(name)),
                cwd: project.root.clone(),
            }),
            Reach::Live(_) => return Err(live(system, "http")),
        };
        by_role.insert(*role, target);
    }
    Ok(Targets {
        seed: manifest.seed,
        by_role,
        begun: BTreeMap::new(),
    })
}

fn live(system: &System, kind: &str) -> Failure {
    Failure::usage(format!(
        "the {} is reached through `{kind}`, which this build does not call",
        system.role.word()
    ))
    .why("it calls programs (`command`) and reads recorded files (`recorded`)")
    .next("write a small program that reads and writes JSON lines: docs/command-systems.md")
}

/// Makes every outstanding attempt of the plan.
///
/// # Errors
/// Interrupted (130) or incomplete (111), both resumable, with the command that goes on; otherwise what the log refused.
pub(super) fn make(
    plan: &Plan,
    inputs: &dyn Inputs,
    targets: &Targets,
    log: &mut RunLog,
    at: &str,
    console: &Console,
) -> Result<(), Failure> {
    let progress = log.progress()?;
    let todo: Vec<_> = outstanding(plan, &progress)
        .filter(|attempt| targets.by_role.contains_key(&attempt.system))
        .collect();
    let maybe_paid = progress.started.len();
    if maybe_paid > 0 {
        console.note(&format!(
            "{maybe_paid} attempts of the interrupted run may have been paid for without a result; they are made again"
        ));
    }
    let mut shown = Progress::new(todo.len() as u64, console);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|source| Failure::Unexpected {
        doing: "start the engine".to_owned(),
        source: Box::new(source),
    })?;
    let (stopper, signal) = stop_pair();
    let end = runtime.block_on(async {
        let watcher = tokio::spawn(watch_signals(stopper));
        let limits = Limits::standard();
        let commit = |events: &[RunEvent], blobs: &[Blob]| {
            log.append_with(events, blobs, at).map_err(Into::into)
        };
        let end = run(
            todo,
            inputs,
            targets,
            &limits,
            |event| shown.observe(event),
            commit,
            signal,
        )
        .await;
        watcher.abort();
        end
    });
    shown.finish();
    match end {
        Ok(RunEnd::Complete) => Ok(()),
        Ok(RunEnd::Interrupted { in_flight }) => Err(Failure::expected(
            exit::INTERRUPTED,
            "interrupted; every result so far is kept",
        )
        .why(match in_flight.len() {
            0 => "nothing was on its way".to_owned(),
            1 => "1 attempt was on its way and may have been paid for".to_owned(),
            count => format!("{count} attempts were on their way and may have been paid for"),
        })
        .next("gatewright gate   (it goes on where it was)")),
        Ok(RunEnd::Paused { system, why, .. }) => Err(Failure::expected(
            exit::INCOMPLETE,
            format!("the run is paused: the {} cannot be asked", system.word()),
        )
        .why(why)
        .next("repair it, then gatewright gate   (it goes on where it was)")),
        Ok(RunEnd::Limited { .. }) => Err(Failure::expected(
            exit::INCOMPLETE,
            "the run is incomplete: its limit was reached",
        )
        .next("gatewright gate   (it goes on where it was)")),
        Ok(RunEnd::Broken { system, why }) => Err(Failure::expected(
            exit::INCOMPLETE,
            format!("the {} cannot be worked with", system.word()),
        )
        .why(why)
        .next("repair it, then gatewright gate   (it goes on where it was)")),
        Err(error) => Err(Failure::Unexpected {
            doing: "make the attempts".to_owned(),
            source: Box::new(error),
        }),
    }
}

/// Asks the run to stop on the signals that ask a program to end: once to drain, twice to stop now (F21).
async fn watch_signals(stopper: Stopper) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        for kind in kinds {
            let stopper = stopper.clone();
            if let Ok(mut stream) = signal(kind) {
                tokio::spawn(async move {
                    while stream.recv().await.is_some() {
                        stopper.request();
                    }
                });
            }
        }
        std::future::pending::<()>().await;
    }
    #[cfg(not(unix))]
    while tokio::signal::ctrl_c().await.is_ok() {
        stopper.request();
    }
}

/// The counter on standard error.
struct Progress<'c> {
    console: &'c Console,
    total: u64,
    done: u64,
    errors: u64,
    last: Instant,
    drawn: bool,
}

impl<'c> Progress<'c> {
    fn new(total: u64, console: &'c Console) -> Self {
        if total > 0 {
            console.detail(&format!("{total} attempts to make"));
        }
        Self {
            console,
            total,
            done: 0,
            errors: 0,
            last: Instant::now(),
            drawn: false,
        }
    }

    fn observe(&mut self, event: &EngineEvent<'_>) {
        let line = |text: &str| untrusted::line(text, 300);
        match event {
            EngineEvent::Ended { end, .. } => {
                self.done += 1;
                let failed = matches!(
                    end,
                    AttemptEnd::ProviderError { .. } | AttemptEnd::HarnessError { .. }
                );
                self.errors += u64::from(failed);
                self.draw(false);
            }
            EngineEvent::ProcessLost { system, why } => {
                self.say(&format!("{}: {}", system.word(), line(why)));
            }
            EngineEvent::FewerWorkers { system, why } => {
                self.say(&format!(
                    "{} works with fewer programs: {}",
                    system.word(),
                    line(why)
                ));
            }
            EngineEvent::Note { system, what } => {
                if self.console.verbose {
                    self.say(&format!("{}: {}", system.word(), line(what)));
                }
            }
            EngineEvent::Draining { in_flight } => {
                let waiting = match in_flight {
                    1 => "1 attempt is on its way".to_owned(),
                    count => format!("{count} attempts are on their way"),
                };
                self.say(&format!("stopping: {waiting}; once more stops now"));
            }
            EngineEvent::ModelChanged { system, from, to } => {
                self.say(&format!(
                    "{}: another model answers: {} instead of {}",
                    system.word(),
                    line(to),
                    line(from)
                ));
            }
            EngineEvent::Started { .. }
            | EngineEvent::ProcessStarted { .. }
            | EngineEvent::Exchanged { .. }
            | EngineEvent::Waiting { .. }
            | EngineEvent::Paced { .. } => {}
        }
    }

    fn text(&self) -> String {
        let errors = match self.errors {
            0 => String::new(),
            count => format!(", {count} errors"),
        };
        format!("{} of {} attempts{errors}", self.done, self.total)
    }

    fn draw(&mut self, last: bool) {
        let every = if self.console.live {
            DRAW_EVERY
        } else {
            LINE_EVERY
        };
        if !last && self.last.elapsed() < every {
            return;
        }
        self.last = Instant::now();
        if self.console.live {
            use std::io::Write as _;
            let _ = write!(std::io::stderr().lock(), "\r{}\u{1b}[K", self.text());
            self.drawn = true;
        } else if !last {
            self.console.note(&self.text());
        }
    }

    fn say(&mut self, text: &str) {
        if self.drawn {
            use std::io::Write as _;
            let _ = write!(std::io::stderr().lock(), "\r\u{1b}[K");
            self.drawn = false;
        }
        self.console.note(text);
    }

    fn finish(&mut self) {
        if self.drawn {
            self.draw(true);
            self.say("");
        }
    }
}
