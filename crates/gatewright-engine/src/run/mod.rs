//! The event loop: everything that can wake it is in one enum, and everything that it learns goes through one commit.

mod hear;
mod live;

use std::collections::BTreeMap;
use std::error::Error;

use gatewright_core::event::RunEvent;
use gatewright_core::exchange::{Blob, Fault};
use gatewright_core::manifest::Role;
use gatewright_core::plan::AttemptSpec;
use gatewright_core::reference::Changed;
use gatewright_core::response::AttemptEnd;
use tokio::time::Instant;

use crate::event::EngineEvent;
use crate::inputs::Inputs;
use crate::limits::Limits;
use crate::live::wire::{Heard, Wire};
use crate::pool::Pool;
use crate::protocol::{attempt_id, request_line, trial_seed};
use crate::state::{Reach, Recording, Slot, State, System};
use crate::stop::StopSignal;
use crate::tail::Tail;
use crate::target::{Target, Targets};
use crate::worker::{Message, Order, Question};

/// Why a commit failed.
pub type SinkError = Box<dyn Error + Send + Sync>;

/// How a run ended. What is outstanding stays so, and the next run makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// Everything that can be attempted has ended.
    Complete,
    /// It was asked to stop.
    Interrupted {
        /// Attempts that were on their way and left: they may have been paid for.
        in_flight: Vec<AttemptSpec>,
    },
    /// As much was done as was allowed.
    Limited {
        /// What ran out.
        what: Limit,
    },
    /// Nothing that could be sent to a system would succeed: money, key, address, or a host that is down.
    Paused {
        /// The system.
        system: Role,
        /// What went wrong.
        fault: Fault,
        /// Why, for people. It may quote the provider: untrusted text.
        why: String,
    },
    /// An example is not what was planned any more: nothing was sent for it.
    Changed(Changed),
    /// A system cannot be worked with: its program cannot be started, or fails again and again.
    Broken {
        /// The system.
        system: Role,
        /// Why, for people. It may quote the system: untrusted text.
        why: String,
    },
}

/// What can run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// [`Limits::attempts_max`].
    Attempts,
    /// [`Limits::calls_max`].
    Calls,
    /// [`Limits::cost_max_usd`].
    Cost,
}

/// What stops a run without an end. Nothing counts that was not committed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Events could not be made durable.
    #[error("could not commit {events} events; the run stopped and none of them counts")]
    Commit {
        /// How many.
        events: usize,
        /// Why it failed.
        #[source]
        source: SinkError,
    },
    /// The plan has a system that no target was given for.
    #[error("there is no target for the {}", role.word())]
    NoTarget {
        /// The system.
        role: Role,
    },
    /// A system cannot be asked as its page says.
    #[error("the {} cannot be asked: {why}", role.word())]
    Unusable {
        /// The system.
        role: Role,
        /// Why, for people.
        why: String,
    },
    /// A thread that drives the systems could not be started.
    #[error("could not start the thread that drives the systems")]
    Thread(#[source] std::io::Error),
    /// A thread that drives the systems ended by itself.
    #[error("the thread that drives the systems ended by itself; this is a defect of Gatewright")]
    ThreadEnded,
}

/// Makes attempts until none is outstanding, and commits what happens.
///
/// `todo` is taken in its order, a little ahead of what is being asked. `commit` makes a batch of events durable; it is
/// called from this thread and may block. `observe` is told of an attempt only after its commit has returned.
///
/// # Errors
/// [`RunError::Commit`] when `commit` failed: every program is killed and nothing more is asked or counted.
/// [`RunError::NoTarget`], [`RunError::Thread`].
pub async fn run<I, O, C>(
    todo: I,
    inputs: &dyn Inputs,
    targets: &Targets,
    limits: &Limits,
    observe: O,
    commit: C,
    stop: StopSignal,
) -> Result<RunEnd, RunError>
where
    I: IntoIterator<Item = AttemptSpec>,
    O: FnMut(&EngineEvent<'_>),
    C: FnMut(&[RunEvent], &[Blob]) -> Result<(), SinkError>,
{
    let mut programs = BTreeMap::new();
    let mut reaches = BTreeMap::new();
    let mut endpoints = Vec::new();
    for (&role, target) in &targets.by_role {
        let reach = match target {
            Target::Recorded(attempts) => Reach::Recording(Recording::new(attempts)),
            Target::Command(command) => {
                let tail = Tail::new(limits.stderr_lines_max, limits.stderr_line_bytes_max);
                programs.insert(role, (command.clone(), tail.clone()));
                Reach::Program(System::new(tail))
            }
            Target::Live(target) => {
                endpoints.push((role, &**target));
                continue;
            }
        };
        reaches.insert(role, reach);
    }
    let (pool, handles) = Pool::start(&programs, limits).map_err(RunError::Thread)?;
    let live = live::Live::start(&endpoints, targets, limits)?;
    let slots = handles
        .into_iter()
        .map(|handle| Slot {
            handle,
            state: State::Down,
            question: None,
        })
        .collect();
    let mut run = Run {
        todo: Some(todo.into_iter()),
        inputs,
        seed: targets.seed,
        limits,
        observe,
        commit,
        stop,
        pool,
        slots,
        reaches,
        live,
        pending: Vec::new(),
        pending_since: None,
        blobs: Vec::new(),
        asked: 0,
        stops: 0,
        end: None,
    };
    let end = run.work().await?;
    run.close().await?;
    Ok(end)
}

/// Everything that can wake the loop.
#[expect(clippy::large_enum_variant, reason = "one at a time, and moved once")]
enum Wake {
    /// A worker has something to say.
    Worker(Message),
    /// A request to an endpoint ended.
    Heard(Box<Heard>),
    /// Something that waited for its time may go on.
    Due,
    /// Events have waited long enough for their commit.
    CommitDue,
    /// Somebody asked to stop.
    Stop,
    /// The workers' thread is gone.
    ThreadEnded,
}

struct Run<'r, I, O, C> {
    /// What is outstanding; `None` at its end.
    todo: Option<I>,
    inputs: &'r dyn Inputs,
    seed: u64,
    limits: &'r Limits,
    observe: O,
    commit: C,
    stop: StopSignal,
    pool: Pool,
    slots: Vec<Slot>,
    reaches: BTreeMap<Role, Reach<'r>>,
    live: live::Live,
    /// Events that wait for their commit.
    pending: Vec<RunEvent>,
    pending_since: Option<Instant>,
    /// Bytes that the pending events name.
    blobs: Vec<Blob>,
    /// Attempts that were asked, or are about to be.
    asked: u64,
    /// How often a stop was asked for, as far as the loop has seen.
    stops: u32,
    /// Set as soon as nothing more is to be started, except at the plan's own end.
    end: Option<RunEnd>,
}

impl<I, O, C> Run<'_, I, O, C>
where
    I: Iterator<Item = AttemptSpec>,
    O: FnMut(&EngineEvent<'_>),
    C: FnMut(&[RunEvent], &[Blob]) -> Result<(), SinkError>,
{
    async fn work(&mut self) -> Result<RunEnd, RunError> {
        loop {
            self.notice_stop();
            if self.stops > 1 {
                return self.leave();
            }
            self.fill()?;
            self.assign();
            self.assign_live();
            if self.must_commit() {
                self.commit_pending()?;
                // Lets whoever shares this thread in: a signal must be seen, also in a run that never waits.
                tokio::task::yield_now().await;
                continue;
            }
            if self.is_over() {
                self.pause_in_doubt();
                self.release_held();
                self.commit_pending()?;
                return Ok(self.end.take().unwrap_or(RunEnd::Complete));
            }
            match self.wake().await {
                Wake::Worker(message) => {
                    self.hear(message);
                    // What else has come shares the commit.
                    while self.pending.len() < self.limits.batch_max
                        && let Ok(message) = self.pool.reports.try_recv()
                    {
                        self.hear(message);
                    }
                }
                Wake::Heard(heard) => {
                    self.hear_live(*heard);
                    while self.pending.len() < self.limits.batch_max
                        && let Some(heard) = self
                            .live
                            .wire
                            .as_mut()
                            .and_then(|it| it.heard.try_recv().ok())
                    {
                        self.hear_live(heard);
                    }
                }
                Wake::CommitDue => self.commit_pending()?,
                Wake::Due | Wake::Stop => {}
                Wake::ThreadEnded => return Err(RunError::ThreadEnded),
            }
        }
    }

    async fn wake(&mut self) -> Wake {
        let seen = self.stops;
        let due = self
            .pending_since
            .map(|since| since + self.limits.batch_wait);
        let programs = !self.slots.is_empty();
        let later = self.live.due();
        tokio::select! {
            biased;
            _ = self.stop.beyond(seen) => Wake::Stop,
            message = self.pool.reports.recv(), if programs => message.map_or(Wake::ThreadEnded, Wake::Worker),
            heard = heard(&mut self.live.wire) => {
                heard.map_or(Wake::ThreadEnded, |heard| Wake::Heard(Box::new(heard)))
            }
            () = until(due) => Wake::CommitDue,
            () = until(later) => Wake::Due,
        }
    }

    /// Begins to drain at the first request to stop.
    fn notice_stop(&mut self) {
        self.stops = self.stop.asked();
        if self.stops > 0 && self.end.is_none() {
            self.end = Some(RunEnd::Interrupted {
                in_flight: Vec::new(),
            });
            self.abandon_unsent();
            let in_flight =
                self.slots.iter().filter_map(Slot::in_flight).count() + self.live.in_flight().len();
            (self.observe)(&EngineEvent::Draining { in_flight });
        }
    }

    /// Takes attempts from the plan: recorded ones end at once, others queue for their system.
    fn fill(&mut self) -> Result<(), RunError> {
        while self.end.is_none() && self.pending.len() < self.limits.batch_max {
            let waiting: usize = self
                .reaches
                .values()
                .map(|reach| match reach {
                    Reach::Program(system) => system.queue.len(),
                    Reach::Recording(_) => 0,
                })
                .sum();
            let ahead = self.limits.ahead_max.max(self.live.ahead());
            if waiting + self.live.queued() >= ahead {
                return Ok(());
            }
            let Some(attempt) = self.todo.as_mut().and_then(Iterator::next) else {
                self.todo = None;
                return Ok(());
            };
            if self.live.has(attempt.system) {
                if self.inputs.is_shown(attempt.example) {
                    self.live.queue(attempt);
                } else {
                    self.refuse(attempt);
                }
                continue;
            }
            match self.reaches.get_mut(&attempt.system) {
                None => {
                    return Err(RunError::NoTarget {
                        role: attempt.system,
                    });
                }
                Some(Reach::Recording(recording)) => {
                    if let Some(event) = recording.ended(attempt) {
                        self.push(event);
                    }
                }
                Some(Reach::Program(system)) => {
                    if self.inputs.is_shown(attempt.example) {
                        system.queue.push_back(attempt);
                    } else {
                        self.refuse(attempt);
                    }
                }
            }
        }
        Ok(())
    }

    /// Gives queued attempts to workers: those with a program first.
    fn assign(&mut self) {
        for up in [true, false] {
            for index in 0..self.slots.len() {
                let state = self.slots[index].state;
                if state != if up { State::Up } else { State::Down } {
                    continue;
                }
                let Some(attempt) = self.next_for(self.slots[index].handle.system) else {
                    continue;
                };
                if up {
                    self.promise(index, attempt);
                } else if self.send(index, Order::Start) {
                    self.slots[index].state = State::Starting(attempt);
                }
            }
        }
    }

    /// Takes the next attempt of a system's queue, unless nothing more is to be started.
    fn next_for(&mut self, role: Role) -> Option<AttemptSpec> {
        if self.end.is_some() {
            return None;
        }
        let Some(Reach::Program(system)) = self.reaches.get_mut(&role) else {
            return None;
        };
        let attempt = system.queue.pop_front()?;
        if self
            .limits
            .attempts_max
            .is_some_and(|max| self.asked >= max)
        {
            self.end = Some(RunEnd::Limited {
                what: Limit::Attempts,
            });
            return None;
        }
        self.asked += 1;
        Some(attempt)
    }

    /// Has an attempt committed as started; it is asked right after. An example that is not there as planned ends the run before that.
    fn promise(&mut self, index: usize, attempt: AttemptSpec) {
        match self.question(attempt) {
            Ok(Some(question)) => {
                self.slots[index].question = Some(question);
                self.slots[index].state = State::Waiting(attempt);
                self.push(RunEvent::Started { attempt });
            }
            Ok(None) => self.refuse(attempt),
            Err(changed) => self.lose_example(changed),
        }
    }

    /// Writes what an attempt asks; `None` when that may not be shown.
    fn question(&self, attempt: AttemptSpec) -> Result<Option<Question>, Changed> {
        let Some(request) = self.inputs.request(attempt.example)? else {
            return Ok(None);
        };
        let (role, trial) = (attempt.system, attempt.trial);
        let id = attempt_id(self.seed, role, &request.key, trial);
        let seed = trial_seed(self.seed, role, &request.key, trial);
        let line = request_line(&id, &request, trial, seed);
        Ok(Some(Question { attempt, id, line }))
    }

    /// Ends the run: what is on its way still comes back and is kept.
    fn lose_example(&mut self, changed: Changed) {
        self.end.get_or_insert(RunEnd::Changed(changed));
    }

    /// Ends an attempt that cannot be asked, before anything is started for it.
    fn refuse(&mut self, attempt: AttemptSpec) {
        self.push(RunEvent::Ended {
            attempt,
            recorded_trial: None,
            exchange: None,
            end: AttemptEnd::HarnessError {
                message: "its input is withheld, so it cannot be asked".to_owned(),
            },
        });
    }

    fn send(&mut self, index: usize, order: Order) -> bool {
        // A worker has room for its one order as long as its thread lives; the loop sees the thread's end by itself.
        self.slots[index].handle.orders.try_send(order).is_ok()
    }

    fn push(&mut self, event: RunEvent) {
        self.pending_since.get_or_insert_with(Instant::now);
        self.pending.push(event);
    }

    fn must_commit(&self) -> bool {
        let due = self
            .pending_since
            .is_some_and(|since| since.elapsed() >= self.limits.batch_wait);
        due || self.pending.len() >= self.limits.batch_max
            || self.live.waits_for_commit()
            || self
                .slots
                .iter()
                .any(|slot| matches!(slot.state, State::Waiting(_)))
    }

    fn is_over(&self) -> bool {
        let engaged = self.slots.iter().any(Slot::is_engaged);
        let queued = self
            .reaches
            .values()
            .any(|reach| matches!(reach, Reach::Program(system) if !system.queue.is_empty()));
        let queued = queued || self.live.queued() > 0;
        !engaged && self.live.is_idle() && (self.end.is_some() || (self.todo.is_none() && !queued))
    }

    /// Commits what is pending, tells the observer, and only then sends what waits for its commit.
    fn commit_pending(&mut self) -> Result<(), RunError> {
        if self.pending.is_empty() {
            self.send_live();
            return Ok(());
        }
        let batch = std::mem::take(&mut self.pending);
        self.pending_since = None;
        (self.commit)(&batch, &std::mem::take(&mut self.blobs)).map_err(|source| {
            RunError::Commit {
                events: batch.len(),
                source,
            }
        })?;
        self.live.rooms.clear();
        for event in &batch {
            match event {
                // A request may go later than its start is committed: it is told when it goes.
                RunEvent::Started { attempt } if !self.live.has(attempt.system) => {
                    (self.observe)(&EngineEvent::Started { attempt: *attempt });
                }
                RunEvent::Ended {
                    attempt,
                    end,
                    exchange,
                    ..
                } => {
                    (self.observe)(&EngineEvent::Ended {
                        attempt: *attempt,
                        end,
                        exchange: exchange.as_deref(),
                    });
                }
                RunEvent::Exchanged {
                    attempt, exchange, ..
                } => {
                    let again_in = self.live.again_in.remove(attempt);
                    (self.observe)(&EngineEvent::Exchanged {
                        attempt: *attempt,
                        exchange,
                        again_in,
                    });
                }
                RunEvent::Paced {
                    host,
                    concurrency,
                    why,
                } => (self.observe)(&EngineEvent::Paced {
                    host,
                    concurrency: *concurrency,
                    why,
                }),
                _ => {}
            }
        }
        self.send_live();
        for index in 0..self.slots.len() {
            if let State::Waiting(attempt) = self.slots[index].state {
                self.ask(index, attempt);
            }
        }
        Ok(())
    }

    fn send_live(&mut self) {
        for attempt in self.live.send_waiting() {
            (self.observe)(&EngineEvent::Started { attempt });
        }
    }

    fn ask(&mut self, index: usize, attempt: AttemptSpec) {
        let Some(question) = self.slots[index].question.take() else {
            return;
        };
        self.slots[index].state = State::Busy(attempt);
        self.send(index, Order::Ask(question));
    }

    /// Leaves now: keeps what has come back, and names what has not.
    fn leave(&mut self) -> Result<RunEnd, RunError> {
        while let Ok(message) = self.pool.reports.try_recv() {
            self.hear(message);
        }
        while let Some(heard) = self
            .live
            .wire
            .as_mut()
            .and_then(|it| it.heard.try_recv().ok())
        {
            self.hear_live(heard);
        }
        self.abandon_unsent();
        self.pool.kill();
        for slot in &mut self.slots {
            if let State::Waiting(attempt) = slot.state {
                slot.state = State::Up;
                self.pending
                    .retain(|event| *event != RunEvent::Started { attempt });
            }
        }
        self.release_held();
        self.commit_pending()?;
        let mut in_flight: Vec<_> = self.slots.iter().filter_map(Slot::in_flight).collect();
        in_flight.extend(self.live.in_flight());
        in_flight.sort_unstable();
        Ok(RunEnd::Interrupted { in_flight })
    }

    /// Lets the programs end, and keeps the last lines of their standard error.
    async fn close(mut self) -> Result<(), RunError> {
        self.live.wire = None;
        self.slots.clear();
        loop {
            self.stops = self.stop.asked();
            let seen = self.stops;
            if seen > 1 {
                self.pool.kill();
            }
            tokio::select! {
                _ = self.stop.beyond(seen) => {}
                message = self.pool.reports.recv() => match message {
                    Some(_) => {}
                    None => break,
                },
            }
        }
        let mut lines = Vec::new();
        for (&role, reach) in &self.reaches {
            if let Reach::Program(system) = reach {
                lines.extend(
                    system
                        .tail
                        .take()
                        .into_iter()
                        .map(|line| RunEvent::Stderr { system: role, line }),
                );
            }
        }
        for event in lines {
            self.push(event);
        }
        self.commit_pending()
    }
}

/// Waits for the end of a request; for ever when there is no endpoint.
async fn heard(wire: &mut Option<Wire>) -> Option<Heard> {
    match wire {
        Some(wire) => wire.heard.recv().await,
        None => std::future::pending().await,
    }
}

/// Waits for a moment; for ever when there is none.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
