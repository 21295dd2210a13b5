//! One judge is asked: the engine runs its units, and every event is wrapped with its unit before it is committed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use gatewright_core::event::RunEvent;
use gatewright_core::exchange::{Blob, Exchange};
use gatewright_core::judge::JudgedUnit;
use gatewright_core::manifest::Role;
use gatewright_core::plan::AttemptSpec;
use gatewright_core::reference::{Changed, Example, Input};
use gatewright_engine::{
    EngineEvent, Inputs, Limits, Request, RunEnd, Target, Targets, run, stop_pair,
};
use gatewright_store::RunLog;

use crate::console::Console;
use crate::crash;
use crate::error::Failure;
use crate::exit;
use crate::pipeline::attempts::{self, watch_signals};
use crate::pipeline::display::number;
use crate::pipeline::ends;

/// How often it is said how far the judging is.
const EVERY: Duration = Duration::from_secs(10);

/// Everything that one round of judging needs.
pub(super) struct Session<'a> {
    pub(super) units: Vec<JudgedUnit>,
    /// Writes what a unit asks when it is asked: nothing of it is held before.
    pub(super) asks: &'a Composer<'a>,
    pub(super) target: Target,
    pub(super) seed: u64,
    pub(super) has_answered: bool,
    /// How often units were refused before the judging paused for it; others without an entry.
    pub(super) refused: BTreeMap<u32, u32>,
}

/// Writes what a unit asks.
pub(super) type Composer<'a> = dyn Fn(&JudgedUnit) -> Result<Option<Asks>, Changed> + 'a;

/// What one unit asks.
pub(super) struct Asks {
    /// For judges.
    pub(super) example: Example,
    /// For programs: the whole line's input.
    pub(super) line: Option<serde_json::Value>,
}

/// What came of a round.
pub(super) struct Asked {
    /// Why it could not be asked to the end; nothing when it was.
    pub(super) why: Option<String>,
    pub(super) calls: u64,
    pub(super) dollars: f64,
    /// What was odd about it, and changes no verdict.
    pub(super) odd: BTreeSet<String>,
    /// What is on the disk now.
    pub(super) said: Vec<RunEvent>,
}

struct Lines<'a> {
    units: &'a [JudgedUnit],
    asks: &'a Composer<'a>,
}

impl Lines<'_> {
    fn asks(&self, index: u32) -> Result<Option<Asks>, Changed> {
        match self.units.get(index as usize) {
            Some(unit) => (self.asks)(unit),
            None => Ok(None),
        }
    }
}

impl Inputs for Lines<'_> {
    fn is_shown(&self, example: u32) -> bool {
        (example as usize) < self.units.len()
    }

    /// A grader program gets the answer and what belongs to it; a judge that is a program gets the messages.
    fn request(&self, example: u32) -> Result<Option<Request>, Changed> {
        let Some(one) = self.asks(example)? else {
            return Ok(None);
        };
        let messages = match &one.example.input {
            Input::Messages(messages) => serde_json::to_value(messages).ok(),
            _ => None,
        };
        let unit = self.units.get(example as usize);
        // The hash of an answer cannot stand in that answer: no system can write a verdict on itself that would be taken for the grader's.
        let key = unit.map_or_else(String::new, |unit| unit.key().hex());
        Ok(one.line.or(messages).map(|input| Request {
            key,
            example: one.example.id.as_str().to_owned(),
            input,
            context: serde_json::Map::new(),
        }))
    }

    fn example(&self, example: u32) -> Result<Option<Arc<Example>>, Changed> {
        Ok(self.asks(example)?.map(|one| Arc::new(one.example)))
    }
}

/// What is counted while judging.
#[derive(Default)]
struct Counts {
    /// What was odd, each once.
    odd: BTreeSet<String>,
    ended: u64,
    calls: u64,
    dollars: f64,
}

impl Counts {
    fn observe(&mut self, event: &EngineEvent<'_>) {
        let exchange: Option<&Exchange> = match event {
            EngineEvent::Ended { exchange, .. } => {
                self.ended += 1;
                *exchange
            }
            EngineEvent::Note { what, .. } => {
                self.odd.insert((*what).to_owned());
                None
            }
            EngineEvent::Exchanged { exchange, .. } => Some(exchange),
            _ => None,
        };
        if let Some(exchange) = exchange {
            self.calls += 1;
            self.dollars += exchange.usage.cost_usd.unwrap_or(0.0);
        }
    }
}

impl Session<'_> {
    /// Asks all units.
    ///
    /// # Errors
    /// Interrupted (130) and out of budget (111), and what the log refused.
    pub(super) fn run(
        self,
        log: &mut RunLog,
        limits: &Limits,
        at: &str,
        command: &str,
        console: &Console,
    ) -> Result<Asked, Failure> {
        let Session {
            units,
            asks,
            target,
            seed,
            has_answered,
            refused,
        } = self;
        let all = units.len() as u64;
        let spec = |example| AttemptSpec {
            example,
            system: Role::Candidate,
            trial: 0,
        };
        let todo: Vec<AttemptSpec> = (0..units.len() as u32).map(spec).collect();
        let targets = Targets {
            seed,
            by_role: BTreeMap::from([(Role::Candidate, target)]),
            begun: BTreeMap::new(),
            refused: refused
                .into_iter()
                .map(|(unit, times)| (spec(unit), times))
                .collect(),
            answered: has_answered
                .then_some(Role::Candidate)
                .into_iter()
                .collect::<BTreeSet<_>>(),
        };
        log.keep_room(attempts::ROOM_BYTES)?;
        let counts = RefCell::new(Counts::default());
        let said = RefCell::new(Vec::new());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|source| Failure::Unexpected {
            doing: "start the engine".to_owned(),
            source: Box::new(source),
        })?;
        let (stopper, signal) = stop_pair();
        let lines = Lines {
            units: &units,
            asks,
        };
        let end = runtime.block_on(async {
            let watcher = tokio::spawn(watch_signals(stopper.clone()));
            let commit = |events: &[RunEvent], blobs: &[Blob]| {
                crash::point("before-commit");
                let wrapped: Vec<RunEvent> = events
                    .iter()
                    .filter_map(|event| wrap(event, &units))
                    .collect();
                attempts::keep(log, &wrapped, blobs, at, &stopper)?;
                crash::point("committed");
                said.borrow_mut().extend(wrapped);
                Ok(())
            };
            let observe = |event: &EngineEvent<'_>| counts.borrow_mut().observe(event);
            let work = run(todo, &lines, &targets, limits, observe, commit, signal);
            let telling = async {
                loop {
                    tokio::time::sleep(EVERY).await;
                    let ended = counts.borrow().ended;
                    console.note(&format!("judged {} of {}", number(ended), number(all)));
                }
            };
            let end = tokio::select! {
                end = work => end,
                () = telling => unreachable!("it tells for as long as there is work"),
            };
            watcher.abort();
            end
        });
        ends::room(log, &end, command)?;
        let counts = counts.into_inner();
        Ok(Asked {
            why: settle(end, command)?,
            calls: counts.calls,
            dollars: counts.dollars,
            said: said.into_inner(),
            odd: counts.odd,
        })
    }
}

/// Puts a judge's event under its unit. What the engine says of hosts stays as it is; what a judge's model calls itself stands in its exchanges.
fn wrap(event: &RunEvent, units: &[JudgedUnit]) -> Option<RunEvent> {
    let attempt = match event {
        RunEvent::Started { attempt }
        | RunEvent::Shelved { attempt }
        | RunEvent::Exchanged { attempt, .. }
        | RunEvent::Ended { attempt, .. } => attempt,
        RunEvent::Paced { .. } => return Some(event.clone()),
        _ => return None,
    };
    let unit = units.get(attempt.example as usize)?;
    Some(RunEvent::Judged {
        unit: Box::new(unit.clone()),
        event: Box::new(event.clone()),
    })
}

/// A judge that cannot be asked is a reason; an interruption and an empty purse are failures that can be resumed.
fn settle(
    end: Result<RunEnd, gatewright_engine::RunError>,
    command: &str,
) -> Result<Option<String>, Failure> {
    let on = format!("{command}   (it goes on where it was)");
    match end {
        Ok(RunEnd::Complete) => Ok(None),
        Ok(RunEnd::Paused { fault, why, .. }) => Ok(Some(format!("{} ({})", why, fault.word()))),
        Ok(RunEnd::Broken { why, .. }) => Ok(Some(why)),
        Ok(RunEnd::Interrupted { in_flight }) => Err(Failure::expected(
            exit::INTERRUPTED,
            "interrupted while judging; every answer and every verdict so far is kept",
        )
        .why(match in_flight.len() {
            0 => "nothing was on its way".to_owned(),
            count => format!("{count} judgements were on their way and may have been paid for"),
        })
        .next(on)),
        Ok(RunEnd::Limited { .. }) => Err(Failure::expected(
            exit::INCOMPLETE,
            "the judging is incomplete: the budget is reached",
        )
        .why("every answer and every verdict so far is kept; the rest stays outstanding")
        .next(format!(
            "{command}   (with a larger --max-calls or --max-cost)"
        ))),
        Ok(RunEnd::Changed(changed)) => Err(changed.into()),
        Err(error) => Err(Failure::Unexpected {
            doing: "ask the judges".to_owned(),
            source: Box::new(error),
        }),
    }
}
