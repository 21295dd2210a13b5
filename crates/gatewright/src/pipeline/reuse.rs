//! Answers of earlier runs: taken over for the very same request and trial, when that was asked for.
//!
//! Only first-look trials of live systems: a program costs nothing and may depend on more than its files, and a
//! confirmation is worth something because it is fresh. The key is content: the system's fingerprint, the example's
//! digest, the trial, the tool. Errors and timeouts are never taken over.

use std::collections::{BTreeMap, BTreeSet};

use gatewright_core::digest::Digest;
use gatewright_core::event::{Event, RunEvent};
use gatewright_core::exchange::Exchange;
use gatewright_core::manifest::Role;
use gatewright_core::plan::{AttemptSpec, PlannedSystem, outstanding};
use gatewright_core::response::AttemptEnd;
use gatewright_store::{RunLog, StoreError};

use crate::console::Console;
use crate::error::Failure;
use crate::now::Now;
use crate::pipeline::TOOL;
use crate::pipeline::load::Loaded;
use crate::pipeline::runs;
use crate::pipeline::session::Session;

/// Answers that are appended at once.
const BATCH: usize = 256;

/// What an answer is an answer to: the system's fingerprint, the example's digest, the trial.
type Key = (Digest, Digest, u32);

/// What is still wanted; never an empty list.
type Wanted = BTreeMap<Key, Vec<AttemptSpec>>;

/// Takes over what earlier runs of this project have, newest first, before anything is sent.
///
/// # Errors
/// When this run's log refuses it. An earlier run that cannot be read has nothing.
pub(super) fn take_over(
    loaded: &Loaded,
    session: &mut Session,
    now: &Now,
    console: &Console,
) -> Result<(), Failure> {
    let mut wanted = wanted(loaded, session)?;
    let mut used = BTreeSet::new();
    let (mut taken, mut changed) = (0, 0);
    for folder in runs::list(&loaded.project.state).into_iter().rev() {
        if wanted.is_empty() {
            break;
        }
        if folder.name == session.name {
            continue;
        }
        let Ok(log) = RunLog::read_only(&folder.dir) else {
            continue;
        };
        let mut earlier = Earlier::new(&folder.name);
        let mut batch = Vec::new();
        for event in log.sound_events() {
            match event {
                Ok(event) => {
                    let Some(Found {
                        key,
                        role,
                        from,
                        end,
                        exchange,
                    }) = earlier.take(event, &wanted)
                    else {
                        continue;
                    };
                    if !is_kept(&log, exchange.as_deref()) {
                        changed += 1;
                        continue;
                    }
                    // One answer stands for one attempt, also where two systems are asked the very same.
                    if !used.insert(Digest::of_json(&(key, &end))) {
                        continue;
                    }
                    if let Some(attempt) = pick(&mut wanted, &key, role) {
                        batch.push(RunEvent::Reused { attempt, from, end });
                    }
                }
                Err(StoreError::Changed { .. }) => changed += 1,
                Err(_) => {}
            }
            if batch.len() >= BATCH {
                taken += batch.len();
                session.log.append(&batch, &now.at)?;
                batch.clear();
            }
        }
        taken += batch.len();
        session.log.append(&batch, &now.at)?;
    }
    console.note(&match taken {
        0 => "no earlier answer to the very same requests".to_owned(),
        1 => "1 answer is taken over from an earlier run".to_owned(),
        count => format!("{count} answers are taken over from earlier runs"),
    });
    if changed > 0 {
        console.note(&format!(
            "{changed} events of earlier runs were changed after they were written: nothing of them is taken over"
        ));
    }
    Ok(())
}

fn wanted(loaded: &Loaded, session: &Session) -> Result<Wanted, Failure> {
    let live: BTreeMap<Role, Digest> = loaded
        .manifest
        .systems
        .values()
        .filter(|system| system.live().is_some())
        .map(|system| (system.role, system.fingerprint))
        .collect();
    let progress = session.log.progress()?;
    let mut wanted = Wanted::new();
    for attempt in outstanding(&session.plan, &progress) {
        // What was reopened ended in an error here; an earlier answer to the same request is as good as a new one.
        let Some(fingerprint) = live.get(&attempt.system) else {
            continue;
        };
        let digest = session.plan.example_digests.get(attempt.example as usize);
        if let Some(digest) = digest
            && attempt.trial < session.plan.trials(attempt.system)
        {
            let key = (*fingerprint, *digest, attempt.trial);
            wanted.entry(key).or_default().push(attempt);
        }
    }
    Ok(wanted)
}

/// Says whether the bytes that an answer was read from are there as they came.
fn is_kept(log: &RunLog, exchange: Option<&Exchange>) -> bool {
    let Some(exchange) = exchange else {
        return true;
    };
    exchange
        .response
        .iter()
        .chain([&exchange.request])
        .all(|digest| matches!(log.blob(digest), Ok(Some(_))))
}

/// Takes the attempt that an answer is for off the list: the same system's before another's.
fn pick(wanted: &mut Wanted, key: &Key, role: Role) -> Option<AttemptSpec> {
    let attempts = wanted.get_mut(key)?;
    let same = attempts.iter().position(|attempt| attempt.system == role);
    let attempt = attempts.swap_remove(same.unwrap_or(0));
    if attempts.is_empty() {
        wanted.remove(key);
    }
    Some(attempt)
}

/// An answer of an earlier run that is wanted.
struct Found {
    key: Key,
    role: Role,
    from: String,
    end: AttemptEnd,
    exchange: Option<Box<Exchange>>,
}

/// What an earlier run says of itself, as far as it was read.
struct Earlier<'n> {
    name: &'n str,
    same_tool: bool,
    systems: Vec<PlannedSystem>,
    examples: BTreeMap<u32, Digest>,
}

impl<'n> Earlier<'n> {
    fn new(name: &'n str) -> Self {
        Self {
            name,
            same_tool: false,
            systems: Vec::new(),
            examples: BTreeMap::new(),
        }
    }

    /// Takes in an event; returns an answer that is wanted.
    fn take(&mut self, event: Event<RunEvent>, wanted: &Wanted) -> Option<Found> {
        let (attempt, from, end, exchange) = match event.body {
            RunEvent::Sealed { seal } => {
                self.same_tool = seal.tool == TOOL;
                return None;
            }
            RunEvent::Systems { systems } => {
                self.systems = systems;
                return None;
            }
            RunEvent::Examples { first, examples } => {
                let digests = (first..).zip(examples.into_iter().map(|(_, digest)| digest));
                self.examples.extend(digests);
                return None;
            }
            RunEvent::Ended {
                attempt,
                end,
                exchange,
                ..
            } => (attempt, self.name.to_owned(), end, exchange),
            RunEvent::Reused { attempt, from, end } => (attempt, from, end, None),
            _ => return None,
        };
        let system = self
            .systems
            .iter()
            .find(|system| system.role == attempt.system)?;
        let is_answer = matches!(end, AttemptEnd::Answered { .. });
        if !self.same_tool || !is_answer || attempt.trial >= system.trials {
            return None;
        }
        let example = *self.examples.get(&attempt.example)?;
        let key = (system.fingerprint, example, attempt.trial);
        wanted.contains_key(&key).then_some(Found {
            key,
            role: attempt.system,
            from,
            end,
            exchange,
        })
    }
}
