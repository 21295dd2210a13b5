//! A run: its folder, its log, what was sealed, what is planned. Opened, resumed or started.

use std::collections::BTreeMap;

use gatewright_core::decide::DecisionContext;
use gatewright_core::event::RunEvent;
use gatewright_core::manifest::Role;
use gatewright_core::plan::{Confirmation, Plan, RunOptions};
use gatewright_core::response::AttemptEnd;
use gatewright_core::seal::Seal;
use gatewright_engine::Begun;
use gatewright_store::{RunLog, StoreError, Writer};

use crate::args::Asks;
use crate::console::Console;
use crate::crash;
use crate::error::Failure;
use crate::exit;
use crate::now::Now;
use crate::pipeline::attempts;
use crate::pipeline::drive::Drive;
use crate::pipeline::ledger::{catch_up, is_attempted};
use crate::pipeline::load::Loaded;
use crate::pipeline::reuse;
use crate::pipeline::runs::{self, RunFolder};

/// How a run begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// An unfinished run of the same plan and seal goes on; otherwise a new one begins.
    Resume,
    /// An unfinished run of the same plan and seal goes on, and none begins.
    Only,
    /// A new one begins.
    Fresh,
}

/// A run that is open.
pub(crate) struct Session {
    /// Its folder's name.
    pub(crate) name: String,
    /// Its log.
    pub(crate) log: RunLog,
    /// What is planned, with the confirmation rounds of the log.
    pub(crate) plan: Plan,
    /// What was sealed.
    pub(crate) seal: Option<Seal>,
    /// The last decision, if there was one.
    pub(crate) decided: Option<Decided>,
    /// False when the run's plan is not the page's any more.
    pub(crate) same_plan: bool,
}

/// A decision that is on the record.
pub(crate) struct Decided {
    /// What it was computed in.
    pub(crate) context: DecisionContext,
    /// The answer's word.
    pub(crate) answer: String,
}

/// What a log says about its run, besides attempts.
#[derive(Default)]
struct Facts {
    seal: Option<Seal>,
    rounds: Vec<Confirmation>,
    decided: Option<Decided>,
}

/// What a run is asked for, besides the page.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked {
    /// What it differs in from the page.
    pub(crate) options: RunOptions,
    /// Attempts that ended in an error are made again.
    pub(crate) retry_errors: bool,
}

impl Asked {
    /// Says whether a run with these options can be the one: what was not asked for may be as it is.
    fn admits(&self, asked: &RunOptions, recorded: &RunOptions) -> bool {
        (self.options.trials.is_none() || asked.trials == recorded.trials)
            && (self.options.seed.is_none() || asked.seed == recorded.seed)
            && (self.options.shard.is_none() || asked.shard == recorded.shard)
    }
}

impl Session {
    /// Starts a run, or goes on with one.
    ///
    /// # Errors
    /// When nothing is there to judge, or an unfinished run of the same plan was sealed on other terms.
    pub(crate) fn begin(
        loaded: &mut Loaded,
        start: Start,
        asked: &Asked,
        now: &Now,
        console: &Console,
        command: &str,
    ) -> Result<Self, Failure> {
        if loaded.reference.examples.is_empty() {
            return Err(Failure::nothing_to_judge());
        }
        let options = loaded.beyond_the_page(asked.options);
        let going = match start {
            Start::Fresh => None,
            _ => resumable(loaded, asked, &options, now, console, command)?,
        };
        match going {
            Some(session) if start == Start::Only && session.is_told(loaded)? => {
                return Err(nothing_to_resume());
            }
            Some(session) => return Ok(session),
            None if start == Start::Only => return Err(nothing_to_resume()),
            None => {}
        }
        loaded.adopt(options);
        catch_up(loaded, now, command)?;
        let plan = loaded.plan();
        let seal = loaded.seal();
        let folder = runs::create(&loaded.project.state, &runs::plan_mark(&plan))?;
        let mut log = RunLog::create(&folder.dir, writer(command, now))?;
        let live = loaded
            .manifest
            .systems
            .values()
            .any(|system| system.live().is_some());
        let first = first_events(&plan, &seal, options, live, loaded.names());
        log.append_each(first, &now.at)?;
        crash::point("sealed");
        console.detail(&format!("run {} sealed", folder.name));
        Ok(Self {
            name: folder.name,
            log,
            plan,
            seal: Some(seal),
            decided: None,
            same_plan: true,
        })
    }

    /// Opens a stored run to add to it; its options are taken over.
    ///
    /// # Errors
    /// When there is none, or another process writes to it.
    pub(crate) fn open(
        loaded: &mut Loaded,
        wanted: Option<&str>,
        now: &Now,
        console: &Console,
        command: &str,
    ) -> Result<Self, Failure> {
        let folder = find(loaded, wanted, console, command)?;
        let log = RunLog::open(&folder.dir, writer(command, now))?;
        let plan = loaded.plan();
        let mark = runs::plan_mark(&plan);
        Self::of(folder, log, plan, &mark)
    }

    /// Opens a stored run to read it; its options are taken over.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn read(
        loaded: &mut Loaded,
        wanted: Option<&str>,
        now: &Now,
        console: &Console,
        command: &str,
    ) -> Result<Self, Failure> {
        let folder = find(loaded, wanted, console, command)?;
        let log = match RunLog::read_only(&folder.dir) {
            // A file of an older program is brought to this one's schema once, with a copy beside it.
            Err(StoreError::Older { .. }) => RunLog::open(&folder.dir, writer(command, now))?,
            log => log?,
        };
        let plan = loaded.plan();
        let mark = runs::plan_mark(&plan);
        Self::of(folder, log, plan, &mark)
    }

    /// Opens the run that [`Session::begin`] would go on with, to read it; nothing when a new one would begin. Options are taken over either way.
    ///
    /// # Errors
    /// When a log cannot be read.
    pub(crate) fn standing(
        loaded: &mut Loaded,
        start: Start,
        asked: &Asked,
    ) -> Result<Option<Self>, Failure> {
        let options = loaded.beyond_the_page(asked.options);
        if start != Start::Fresh
            && let Some((folder, recorded)) = choose(of_page(loaded), asked, &options)
            && let Ok(log) = RunLog::read_only(&folder.dir)
        {
            loaded.adopt(recorded);
            let plan = loaded.plan();
            let mark = runs::plan_mark(&plan);
            let left = std::fs::metadata(folder.dir.join(RunLog::LEASE));
            let left = left.is_ok_and(|lease| lease.len() > 0);
            let session = Self::of(folder, log, plan, &mark)?;
            let seal = loaded.seal();
            let same = session
                .seal
                .as_ref()
                .is_some_and(|sealed| sealed.differences(&seal).is_empty());
            // A decided run of recorded files alone is decided again.
            let mut systems = loaded.manifest.systems.values();
            let callable = systems.any(|system| system.target.can_rerun());
            let goes_on =
                session.decided.is_none() || left || !callable || !is_attempted(loaded, &session)?;
            if session.same_plan && goes_on && same {
                return Ok(Some(session));
            }
        }
        loaded.adopt(options);
        Ok(None)
    }

    /// Says whether it is decided and everybody who is told was told.
    fn is_told(&self, loaded: &Loaded) -> Result<bool, Failure> {
        let left = self.log.taken_over_from().is_some();
        Ok(self.decided.is_some() && !left && is_attempted(loaded, self)?)
    }

    /// Names the newest run of the page. Options are taken over from any of them: before a run is opened.
    pub(crate) fn newest(loaded: &mut Loaded) -> Option<String> {
        let all = of_page(loaded);
        all.first().map(|(folder, _)| folder.name.clone())
    }

    /// Refuses a run that is one of several parts: its examples are not all of them.
    ///
    /// # Errors
    /// Incomplete (111), with how parts are put together.
    pub(crate) fn whole(&self) -> Result<(), Failure> {
        let Some(shard) = self.plan.shard else {
            return Ok(());
        };
        Err(Failure::expected(
            exit::INCOMPLETE,
            format!("run {} is part {shard}: a part decides nothing", self.name),
        )
        .why("the examples of the other parts are not in it")
        .next("gatewright merge RUN RUN …   (all parts), then gatewright gate")
        .next("gatewright gate --fresh   (makes the whole run here)"))
    }

    /// Puts a run together from its log and what is planned.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(super) fn of(
        folder: RunFolder,
        log: RunLog,
        mut plan: Plan,
        mark: &str,
    ) -> Result<Self, Failure> {
        let facts = facts(&log)?;
        plan.confirmations = facts.rounds;
        Ok(Self {
            same_plan: folder.name.ends_with(mark),
            name: folder.name,
            log,
            plan,
            seal: facts.seal,
            decided: facts.decided,
        })
    }

    /// Makes every outstanding attempt that the drive takes.
    ///
    /// # Errors
    /// Interrupted or incomplete, both resumable; otherwise what the engine or the log refused.
    pub(crate) fn attempt(
        &mut self,
        loaded: &Loaded,
        drive: &mut Drive,
        now: &Now,
        console: &Console,
    ) -> Result<(), Failure> {
        drive.targets.seed = self.plan.seed;
        drive.targets.begun.clear();
        drive.targets.refused.clear();
        let mut systems = loaded.manifest.systems.values();
        if systems.any(|system| system.live().is_some()) {
            drive.targets.answered = self.log.answered()?;
            drive.targets.refused = self.log.refused()?;
            for (attempt, turns) in self.log.begun()? {
                let turns = turns
                    .into_iter()
                    .map(|(exchange, response)| Begun { exchange, response });
                drive.targets.begun.insert(attempt, turns.collect());
            }
        }
        let made = attempts::make(loaded, &self.plan, drive, &mut self.log, &now.at, console);
        // A part goes on as itself: `gate` refuses it.
        made.map_err(|failure| match self.plan.shard {
            Some(shard) if [exit::INTERRUPTED, exit::INCOMPLETE].contains(&failure.code()) => {
                failure.only(format!(
                    "gatewright run --shard {shard}   (it goes on where it was)"
                ))
            }
            _ => failure,
        })
    }

    /// Does what was asked for before attempts are made: errors go back on the list, earlier answers are taken over.
    ///
    /// # Errors
    /// When a log cannot be read, or this one refuses.
    pub(crate) fn prepare(
        &mut self,
        loaded: &Loaded,
        asks: &Asks,
        now: &Now,
        console: &Console,
    ) -> Result<(), Failure> {
        if asks.retry_errors {
            self.reopen_errors(loaded, now, console)?;
        }
        if asks.reuse {
            reuse::take_over(loaded, self, now, console)?;
        }
        Ok(())
    }

    /// Puts attempts that ended in an error back on the list. Their errors count until they have ended anew.
    ///
    /// # Errors
    /// When the log cannot be read, or refuses it.
    fn reopen_errors(
        &mut self,
        loaded: &Loaded,
        now: &Now,
        console: &Console,
    ) -> Result<(), Failure> {
        let superseded = self.log.superseded()?;
        let progress = self.log.progress()?;
        // A recorded error would be read from its file again.
        let callable = |role| {
            let system = loaded.manifest.systems.get(&role);
            system.is_some_and(|system| system.target.can_rerun())
        };
        let mut again = Vec::new();
        for event in self.log.events() {
            let event = event?;
            if let RunEvent::Ended {
                attempt,
                end: AttemptEnd::ProviderError { .. } | AttemptEnd::HarnessError { .. },
                ..
            } = event.body
                && !superseded.contains(&event.seq)
                && !progress.reopened.contains(&attempt)
                && callable(attempt.system)
            {
                again.push(RunEvent::Reopened { attempt });
            }
        }
        self.log.append(&again, &now.at)?;
        console.note(&match again.len() {
            0 => "no attempt ended in an error".to_owned(),
            1 => "1 attempt that ended in an error is made again".to_owned(),
            count => format!("{count} attempts that ended in an error are made again"),
        });
        Ok(())
    }

    /// Adds a round of fresh trials to the plan, on the record first.
    ///
    /// # Errors
    /// When the log refuses it.
    pub(crate) fn confirm(&mut self, round: Confirmation, now: &Now) -> Result<(), Failure> {
        let event = RunEvent::Confirming {
            round: round.clone(),
        };
        self.log.append(&[event], &now.at)?;
        crash::point("confirming");
        self.plan.confirmations.push(round);
        Ok(())
    }
}

/// What `--resume` says where no run is incomplete.
pub(crate) fn nothing_to_resume() -> Failure {
    Failure::expected(exit::NOTHING, "there is nothing to resume")
        .why("no run of this page is incomplete, and --resume begins none")
        .next("the same command without --resume   (begins a run)")
}

/// Examples that one event lists.
const EXAMPLES_AN_EVENT: usize = 1000;

/// What a log begins with: the seal, what the run differs in, its systems, and where the log must be readable without the page, the examples.
pub(super) fn first_events<'p>(
    plan: &'p Plan,
    seal: &Seal,
    options: RunOptions,
    live: bool,
    names: BTreeMap<Role, String>,
) -> impl Iterator<Item = RunEvent> + use<'p> {
    let sealed = RunEvent::Sealed {
        seal: Box::new(seal.clone()),
    };
    let differs = (!options.is_default()).then_some(RunEvent::Options { options });
    let readable = live || options.shard.is_some();
    let systems = std::iter::once(RunEvent::Systems {
        systems: plan.systems.clone(),
        names,
    });
    let all = if readable { plan.examples.len() } else { 0 };
    let examples = (0..all).step_by(EXAMPLES_AN_EVENT).map(move |first| {
        let some = first..all.min(first + EXAMPLES_AN_EVENT);
        RunEvent::Examples {
            first: first as u32,
            examples: plan.examples[some.clone()]
                .iter()
                .cloned()
                .zip(plan.example_digests[some].iter().copied())
                .collect(),
        }
    });
    std::iter::once(sealed)
        .chain(differs)
        .chain(systems)
        .chain(examples)
}

/// Lists the runs of this page, newest first, with what each was asked to differ in.
fn of_page(loaded: &mut Loaded) -> Vec<(RunFolder, RunOptions)> {
    let mut marks: Vec<(RunOptions, String)> = Vec::new();
    let mut found = Vec::new();
    for folder in runs::list(&loaded.project.state).into_iter().rev() {
        let options = options_of(&folder);
        // All parts of a run are of one plan.
        let plan = RunOptions {
            shard: None,
            ..options
        };
        if !marks.iter().any(|(known, _)| *known == plan) {
            loaded.adopt(plan);
            marks.push((plan, runs::plan_mark(&loaded.plan())));
        }
        let is_same =
            |(known, mark): &(RunOptions, String)| *known == plan && folder.name.ends_with(mark);
        if marks.iter().any(is_same) {
            found.push((folder, options));
        }
    }
    found
}

/// Reads what a run was asked to differ in. A log that cannot be read is refused when it is opened, not when it is looked for.
fn options_of(folder: &RunFolder) -> RunOptions {
    RunLog::read_only(&folder.dir)
        .and_then(|log| log.options())
        .unwrap_or_default()
}

/// Finds the run that was asked for: by name, by number, else the newest of this page, else the newest. Its options are taken over. One that
/// nobody named and that differs from the page is said.
fn find(
    loaded: &mut Loaded,
    wanted: Option<&str>,
    console: &Console,
    command: &str,
) -> Result<RunFolder, Failure> {
    if wanted.is_none() {
        let all = of_page(loaded);
        if let Some((folder, options)) = all.first().cloned() {
            loaded.adopt(options);
            if !options.is_default() {
                let as_page = all.iter().find(|(_, options)| options.is_default());
                let other = as_page.map_or("RUN", |(folder, _)| folder.name.as_str());
                console.note(&format!(
                    "run {} is used ({options}): it is the newest of this page. Another one: {command} {other}",
                    folder.name
                ));
            }
            return Ok(folder);
        }
    }
    let folder = runs::find(&loaded.project.state, wanted, "")?;
    loaded.adopt(options_of(&folder));
    Ok(folder)
}

/// Chooses the run that goes on: of each set of options only the newest run counts; among those the newest that is
/// not decided, else the newest that was asked for. A part only when a part was asked for, or nothing newer is whole.
fn choose(
    all: Vec<(RunFolder, RunOptions)>,
    asked: &Asked,
    options: &RunOptions,
) -> Option<(RunFolder, RunOptions)> {
    let mut newest: Vec<(RunFolder, RunOptions)> = Vec::new();
    for (folder, recorded) in all {
        let whole_is_newer = asked.options.shard.is_none()
            && recorded.shard.is_some()
            && newest.iter().any(|(_, known)| known.shard.is_none());
        if asked.admits(options, &recorded)
            && !whole_is_newer
            && newest.iter().all(|(_, known)| *known != recorded)
        {
            newest.push((folder, recorded));
        }
    }
    let alone = newest.len() == 1;
    let goes_on = newest
        .iter()
        .position(|(folder, recorded)| (alone && recorded == options) || !is_decided(folder));
    let wanted = goes_on.or_else(|| {
        newest
            .iter()
            .position(|(_, recorded)| recorded == options || asked.retry_errors)
    });
    wanted.map(|index| newest.swap_remove(index))
}

fn is_decided(folder: &RunFolder) -> bool {
    RunLog::read_only(&folder.dir).is_ok_and(|log| log.is_decided().unwrap_or(false))
}

/// Finds a run of the same plan that can go on: unfinished, or finished from recorded files alone.
fn resumable(
    loaded: &mut Loaded,
    asked: &Asked,
    options: &RunOptions,
    now: &Now,
    console: &Console,
    command: &str,
) -> Result<Option<Session>, Failure> {
    let all = of_page(loaded);
    let Some((folder, recorded)) = choose(all, asked, options) else {
        return Ok(None);
    };
    loaded.adopt(recorded);
    let (plan, seal) = (loaded.plan(), loaded.seal());
    let mark = runs::plan_mark(&plan);
    let log = match RunLog::open(&folder.dir, writer(command, now)) {
        Ok(log) => log,
        Err(StoreError::Absent { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let left = log.taken_over_from().is_some();
    if let Some(holder) = log.taken_over_from() {
        console.detail(&format!("taken over from {holder}, which has ended"));
    }
    let session = Session::of(folder, log, plan, &mark)?;
    let Some(sealed) = &session.seal else {
        // A crash before the seal was on disk: nothing was judged, and nothing may be.
        return Ok(None);
    };
    if session.decided.is_some() && asked.retry_errors {
        return Err(Failure::usage(format!(
            "run {} is decided, and a decision is never updated",
            session.name
        ))
        .why("its errors are part of what was decided on")
        .next(format!(
            "{command} --fresh --reuse   (a new run: answers of live systems are taken over, the rest is made)"
        )));
    }
    let changed = sealed.differences(&seal);
    match (session.decided.is_some(), changed.is_empty()) {
        (false, false) => Err(Failure::usage(format!(
            "run {} is unfinished and was sealed on other terms",
            session.name
        ))
        .why(format!("changed since: {}", changed.join(", ")))
        .next("put back what changed, and the run goes on")
        .next(format!("{command} --fresh   (starts anew)"))),
        (true, true) => Ok(told_again(loaded, &session, left, console)?.then_some(session)),
        (true, false) => Ok(None),
        (false, true) => {
            let differs = match recorded.is_default() {
                true => String::new(),
                false => format!(" ({recorded}); --fresh begins another"),
            };
            console.note(&format!("going on with run {}{differs}", session.name));
            Ok(Some(session))
        }
    }
}

/// Says whether a decided run of these very terms goes on instead of a new one. `left` says that its last writer died.
fn told_again(
    loaded: &Loaded,
    session: &Session,
    left: bool,
    console: &Console,
) -> Result<bool, Failure> {
    let mut systems = loaded.manifest.systems.values();
    if !systems.any(|system| system.target.can_rerun()) {
        console.detail(&format!(
            "run {} has these very files: its record is decided again",
            session.name
        ));
        return Ok(true);
    }
    // Everything is paid for and decided, and nobody may have been told: the ledger and the reports still are.
    let untold = left || !is_attempted(loaded, session)?;
    if untold {
        console.note(&format!(
            "going on with run {}: it is decided, and was interrupted before it had said so",
            session.name
        ));
    } else {
        console.note(&format!(
            "run {} is decided; a new run begins, which asks every system again",
            session.name
        ));
    }
    Ok(untold)
}

fn facts(log: &RunLog) -> Result<Facts, Failure> {
    let mut facts = Facts::default();
    for event in log.events() {
        match event?.body {
            RunEvent::Sealed { seal } if facts.seal.is_none() => facts.seal = Some(*seal),
            RunEvent::Confirming { round } => facts.rounds.push(round),
            RunEvent::Proposed {
                context, answer, ..
            } => {
                facts.decided = serde_json::from_value(context)
                    .ok()
                    .map(|context| Decided { context, answer });
            }
            _ => {}
        }
    }
    Ok(facts)
}

/// Says who writes.
pub(crate) fn writer(command: &str, now: &Now) -> Writer {
    let name = ["GATEWRIGHT_ACTOR", "USER", "LOGNAME"];
    let actor = name
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()));
    Writer {
        name: command.to_owned(),
        actor: actor.unwrap_or_else(|| "unknown".to_owned()),
        at: now.at.clone(),
    }
}
