//! The parts of a run, put together: checked against each other and against the page, counted, and written as one log.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use gatewright_core::digest::{Digest, Hasher};
use gatewright_core::event::{Event, RunEvent};
use gatewright_core::exchange::Blob;
use gatewright_core::id::ExampleId;
use gatewright_core::manifest::{Role, Target};
use gatewright_core::plan::{AttemptSpec, Plan, PlannedSystem, RunOptions, Shard, outstanding};
use gatewright_core::seal::Seal;
use gatewright_store::RunLog;

use crate::error::Failure;
use crate::exit;
use crate::now::Now;
use crate::pipeline::load::Loaded;
use crate::pipeline::runs;
use crate::pipeline::session::{first_events, writer};

/// Events that are written at once.
const BATCH_EVENTS: usize = 1000;
/// Kept bytes that are written at once.
const BATCH_BYTES: usize = 4 << 20;
/// Attempts that are named when two parts disagree.
const NAMED_MAX: usize = 5;

/// One part, as far as it must be compared.
struct Part {
    /// As it was given.
    name: String,
    log: RunLog,
    shard: Shard,
    seal: Seal,
    options: RunOptions,
    systems: Vec<PlannedSystem>,
    examples: Vec<(ExampleId, Digest)>,
    /// Hash of all its events: equal for copies of one file.
    identity: Digest,
}

/// What is missing of a part.
pub(crate) struct Missing {
    /// Which part.
    pub(crate) shard: Shard,
    /// Attempts that have not ended.
    pub(crate) attempts: u64,
    /// False when the part itself was not given.
    pub(crate) given: bool,
}

/// A merged run.
pub(crate) struct Merged {
    /// Its folder's name.
    pub(crate) name: String,
    /// Parts that it was made of, by number.
    pub(crate) shards: Vec<Shard>,
    /// Attempts of the whole plan.
    pub(crate) attempts: u64,
    /// Attempts that ended.
    pub(crate) ended: u64,
    /// What is missing.
    pub(crate) missing: Vec<Missing>,
    /// Attempts that two parts had, both with the same end: kept once.
    pub(crate) double: u64,
}

/// Merges parts into a new run of this project.
///
/// # Errors
/// Usage (2) when the parts do not belong together; incomplete (111) when something is missing and `partial` is not
/// set; otherwise what a log refused.
pub(crate) fn merge(
    loaded: &mut Loaded,
    given: &[String],
    here: &Path,
    partial: bool,
    now: &Now,
    command: &str,
) -> Result<Merged, Failure> {
    let mut parts = Vec::new();
    for name in given {
        parts.push(Part::read(name, &locate(loaded, name, here)?)?);
    }
    // From here on nothing depends on the order of the arguments.
    parts.sort_by_key(|part| (part.shard, part.identity));
    let of = parts[0].shard.of;
    for other in &parts[1..] {
        same(&parts[0], other)?;
    }
    loaded.adopt(RunOptions {
        shard: None,
        ..parts[0].options
    });
    let plan = loaded.plan();
    of_this_page(&parts[0], &plan)?;
    let double = doubles(&parts, &plan)?;
    parts.dedup_by(|a, b| a.shard == b.shard && a.identity == b.identity);
    let missing = missing(loaded, &parts, &plan, of)?;
    if !missing.is_empty() && !partial {
        return Err(incomplete(&missing));
    }
    let name = write(loaded, &parts, &plan, now, command)?;
    let log = RunLog::read_only(&loaded.project.state.join("runs").join(&name))?;
    let ended = log.progress()?.ended.len() as u64;
    let mut shards: Vec<Shard> = parts.iter().map(|part| part.shard).collect();
    shards.dedup();
    Ok(Merged {
        name,
        shards,
        attempts: plan.attempts().count() as u64,
        ended,
        missing,
        double,
    })
}

/// Finds a part: a run of this project by name or number, else a path to a log or its folder.
fn locate(loaded: &Loaded, name: &str, here: &Path) -> Result<PathBuf, Failure> {
    if let Ok(folder) = runs::find(&loaded.project.state, Some(name), "") {
        return Ok(folder.dir);
    }
    let path = here.join(name);
    let dir = match path.file_name() {
        Some(file) if file == RunLog::FILE => path.parent().map(Path::to_path_buf),
        _ => Some(path),
    };
    dir.filter(|dir| dir.join(RunLog::FILE).is_file())
        .ok_or_else(|| {
            Failure::usage(format!("there is no run `{name}`"))
                .why("it is no run of this project and no path to one")
                .next("a run's name or number, a path to run.db, or to the folder that holds it")
        })
}

impl Part {
    fn read(name: &str, dir: &Path) -> Result<Self, Failure> {
        let log = RunLog::read_only(dir)?;
        let refuse = |what: &str| Failure::usage(format!("run {name} {what}"));
        let (mut seal, mut options) = (None, RunOptions::default());
        let (mut systems, mut examples) = (Vec::new(), Vec::new());
        let mut identity = Hasher::default();
        for event in log.events() {
            let event = event?;
            identity.update(event.id.bytes());
            match event.body {
                RunEvent::Sealed { seal: sealed } => seal = Some(*sealed),
                RunEvent::Options { options: asked } => options = asked,
                RunEvent::Systems {
                    systems: planned, ..
                } => systems = planned,
                RunEvent::Examples { examples: some, .. } => examples.extend(some),
                RunEvent::Proposed { .. } | RunEvent::Confirming { .. } => {
                    return Err(refuse("was confirmed or decided: it is no part any more"));
                }
                _ => {}
            }
        }
        let shard = options
            .shard
            .ok_or_else(|| refuse("is no part of a run").why("it was not made with --shard i/n"))?;
        let seal = seal.ok_or_else(|| refuse("was never sealed"))?;
        Ok(Self {
            name: name.to_owned(),
            log,
            shard,
            seal,
            options,
            systems,
            examples,
            identity: identity.finish(),
        })
    }
}

/// Refuses two parts that were not made on the same terms, with everything that differs.
fn same(one: &Part, other: &Part) -> Result<(), Failure> {
    let mut differ = Vec::new();
    let mut compare = |what: &str, one: String, other: String| {
        if one != other {
            differ.push(format!("{what} ({one} and {other})"));
        }
    };
    let stated =
        |value: Option<u64>| value.map_or("the page's".to_owned(), |value| value.to_string());
    compare("tool", one.seal.tool.clone(), other.seal.tool.clone());
    compare(
        "number of parts",
        one.shard.of.to_string(),
        other.shard.of.to_string(),
    );
    let seed = |part: &Part| stated(part.options.seed);
    compare("seed", seed(one), seed(other));
    let repeat = |part: &Part| stated(part.options.trials.map(u64::from));
    compare("repeat", repeat(one), repeat(other));
    for part in one.seal.differences(&other.seal) {
        // The seed and the trials were said already, with their values.
        let said = part == "seed" && !differ.is_empty();
        if !said {
            differ.push(part);
        }
    }
    if one.seal.after_outputs != other.seal.after_outputs {
        differ.push("whether outputs existed before the seal".to_owned());
    }
    if one.systems != other.systems {
        differ.push("planned systems".to_owned());
    }
    if one.examples != other.examples {
        differ.push("planned examples".to_owned());
    }
    if differ.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "runs {} and {} are not parts of one run",
        one.name, other.name
    ))
    .why(format!("they differ in: {}", differ.join(", ")))
    .next("make the part anew on the same page, files, tool and flags"))
}

/// Refuses parts of another plan than the page's: the merged run could not go on.
fn of_this_page(part: &Part, plan: &Plan) -> Result<(), Failure> {
    let mut differ = Vec::new();
    let examples = plan.examples.iter().zip(&plan.example_digests);
    if !examples.eq(part.examples.iter().map(|(id, digest)| (id, digest))) {
        differ.push("examples");
    }
    if part.systems != plan.systems {
        differ.push("systems or trials");
    }
    if differ.is_empty() {
        return Ok(());
    }
    Err(
        Failure::usage(format!("run {} is not of this page", part.name))
            .why(format!("they differ in: {}", differ.join(", ")))
            .next("merge with the page and the files that the parts were made with"),
    )
}

/// Returns how each attempt of a part ended last, by hash.
fn ends(part: &Part) -> Result<BTreeMap<AttemptSpec, Digest>, Failure> {
    let mut ends = BTreeMap::new();
    for event in part.log.events() {
        match event?.body {
            RunEvent::Ended {
                attempt,
                end,
                recorded_trial,
                ..
            } => ends.insert(attempt, Digest::of_json(&(end, recorded_trial))),
            RunEvent::Reused { attempt, end, .. } => {
                ends.insert(attempt, Digest::of_json(&(end, None::<u32>)))
            }
            _ => None,
        };
    }
    Ok(ends)
}

/// Counts the attempts that two parts have, and refuses those that ended differently.
fn doubles(parts: &[Part], plan: &Plan) -> Result<u64, Failure> {
    let mut double = 0;
    for copies in parts.chunk_by(|a, b| a.shard == b.shard) {
        let [first, others @ ..] = copies else {
            continue;
        };
        if others.is_empty() {
            continue;
        }
        let mut known: BTreeMap<AttemptSpec, (Digest, &str)> = BTreeMap::new();
        let of_first = ends(first)?.into_iter();
        known.extend(of_first.map(|(attempt, end)| (attempt, (end, first.name.as_str()))));
        for other in others {
            let mut differing = Vec::new();
            let mut of = "";
            for (attempt, end) in ends(other)? {
                match known.get(&attempt) {
                    Some((same, _)) if *same == end => double += 1,
                    Some((_, name)) => {
                        of = name;
                        differing.push(attempt);
                    }
                    None => {
                        known.insert(attempt, (end, other.name.as_str()));
                    }
                }
            }
            if !differing.is_empty() {
                return Err(disagree(of, &other.name, &differing, plan));
            }
        }
    }
    Ok(double)
}

fn disagree(one: &str, other: &str, attempts: &[AttemptSpec], plan: &Plan) -> Failure {
    let named: Vec<String> = attempts
        .iter()
        .take(NAMED_MAX)
        .map(|attempt| {
            let example = plan.examples.get(attempt.example as usize);
            let example = example.map_or_else(String::new, ToString::to_string);
            format!(
                "{example} ({}, trial {})",
                attempt.system.word(),
                attempt.trial
            )
        })
        .collect();
    let more = if attempts.len() > named.len() {
        ", …"
    } else {
        ""
    };
    Failure::usage(format!(
        "runs {one} and {other} both made {} attempts, and they ended differently",
        attempts.len()
    ))
    .why(format!("{}{more}", named.join(", ")))
    .next("merge only one of the two: the first that was made, not the better one")
}

/// Counts what has not ended, part by part. What no file has recorded cannot end and is not missing.
fn missing(loaded: &Loaded, parts: &[Part], plan: &Plan, of: u32) -> Result<Vec<Missing>, Failure> {
    let recorded: BTreeSet<AttemptSpec> = loaded
        .recorded
        .values()
        .flat_map(|recorded| recorded.attempts.iter().map(|one| one.attempt))
        .collect();
    let can_end = |attempt: &AttemptSpec| match loaded.manifest.systems.get(&attempt.system) {
        Some(system) if system.target.can_rerun() => true,
        Some(system) => matches!(system.target, Target::Recorded(_)) && recorded.contains(attempt),
        None => false,
    };
    let mut missing = Vec::new();
    for index in 1..=of {
        let shard = Shard { index, of };
        let part = Plan {
            shard: Some(shard),
            ..plan.clone()
        };
        let mut left: BTreeSet<AttemptSpec> = part.attempts().filter(can_end).collect();
        let mut given = false;
        for copy in parts.iter().filter(|part| part.shard == shard) {
            given = true;
            let progress = copy.log.progress()?;
            if let Some(stray) = progress.ended.iter().find(|one| !part.holds(one.example)) {
                return Err(Failure::usage(format!(
                    "run {} has an attempt on example {} that is not of part {shard}",
                    copy.name,
                    stray.example + 1
                )));
            }
            let still: BTreeSet<AttemptSpec> = outstanding(&part, &progress).collect();
            left.retain(|attempt| still.contains(attempt));
        }
        if !left.is_empty() {
            missing.push(Missing {
                shard,
                attempts: left.len() as u64,
                given,
            });
        }
    }
    Ok(missing)
}

fn incomplete(missing: &[Missing]) -> Failure {
    let all: u64 = missing.iter().map(|one| one.attempts).sum();
    let parts: Vec<String> = missing.iter().map(Missing::words).collect();
    Failure::expected(
        exit::INCOMPLETE,
        format!("{all} attempts are missing: nothing was merged"),
    )
    .why(parts.join("; "))
    .next(format!("gatewright run --shard {}", missing[0].shard))
    .next("gatewright merge --partial …   (what is missing stays to be made)")
}

impl Missing {
    /// Says what is missing.
    pub(crate) fn words(&self) -> String {
        let (shard, attempts) = (self.shard, self.attempts);
        if self.given {
            format!("part {shard} is incomplete: {attempts} attempts have not ended")
        } else {
            format!("part {shard} was not given: {attempts} attempts")
        }
    }
}

/// Writes the merged run beside the others and gives it its name when all of it is on the disk.
fn write(
    loaded: &Loaded,
    parts: &[Part],
    plan: &Plan,
    now: &Now,
    command: &str,
) -> Result<String, Failure> {
    let state = &loaded.project.state;
    let half = state
        .join("runs")
        .join(format!("merging-{}", std::process::id()));
    // A program of the same number that was killed left it.
    let _ = std::fs::remove_dir_all(&half);
    let written = fill(&half, parts, plan, loaded.names(), now, command);
    let named = written.and_then(|()| {
        let folder = runs::create(state, &runs::plan_mark(plan))?;
        std::fs::rename(&half, &folder.dir).map_err(|source| Failure::Unexpected {
            doing: format!("name the merged run {}", folder.name),
            source: Box::new(source),
        })?;
        Ok(folder.name)
    });
    if named.is_err() {
        // What is left of it is no run: its name says so.
        let _ = std::fs::remove_dir_all(&half);
    }
    named
}

fn fill(
    dir: &Path,
    parts: &[Part],
    plan: &Plan,
    names: BTreeMap<Role, String>,
    now: &Now,
    command: &str,
) -> Result<(), Failure> {
    let mut log = RunLog::create(dir, writer(command, now))?;
    let options = RunOptions {
        shard: None,
        ..parts[0].options
    };
    let first = first_events(plan, &parts[0].seal, options, true, names);
    log.append_each(first, &now.at)?;
    for copies in parts.chunk_by(|a, b| a.shard == b.shard) {
        let mut ended = BTreeSet::new();
        for part in copies {
            copy_events(part, &ended, &mut log)?;
            if copies.len() > 1 {
                ended.extend(part.log.progress()?.ended);
            }
        }
    }
    for part in parts {
        copy_bytes(part, &mut log)?;
    }
    Ok(())
}

/// Copies what happened in a part, but for attempts that an earlier copy of the part has the end of.
fn copy_events(part: &Part, skip: &BTreeSet<AttemptSpec>, to: &mut RunLog) -> Result<(), Failure> {
    let mut batch: Vec<RunEvent> = Vec::new();
    let mut at = String::new();
    for event in part.log.events() {
        let event = event?;
        if is_of_the_plan(&event) || attempt(&event.body).is_some_and(|one| skip.contains(&one)) {
            continue;
        }
        if batch.len() >= BATCH_EVENTS || (event.at != at && !batch.is_empty()) {
            to.append(&batch, &at)?;
            batch.clear();
        }
        at = event.at;
        batch.push(event.body);
    }
    to.append(&batch, &at)?;
    Ok(())
}

fn is_of_the_plan(event: &Event<RunEvent>) -> bool {
    matches!(
        event.body,
        RunEvent::Sealed { .. }
            | RunEvent::Options { .. }
            | RunEvent::Systems { .. }
            | RunEvent::Examples { .. }
    )
}

fn attempt(event: &RunEvent) -> Option<AttemptSpec> {
    match event {
        RunEvent::Started { attempt }
        | RunEvent::Ended { attempt, .. }
        | RunEvent::Exchanged { attempt, .. }
        | RunEvent::Reused { attempt, .. }
        | RunEvent::Reopened { attempt }
        | RunEvent::Shelved { attempt } => Some(*attempt),
        _ => None,
    }
}

fn copy_bytes(part: &Part, to: &mut RunLog) -> Result<(), Failure> {
    let mut batch = Vec::new();
    let mut size = 0;
    for digest in part.log.blobs()? {
        let Some(bytes) = part.log.blob(&digest)? else {
            continue;
        };
        size += bytes.len();
        batch.push(Blob { digest, bytes });
        if size >= BATCH_BYTES {
            to.append_with(&[], &batch, "")?;
            batch.clear();
            size = 0;
        }
    }
    to.append_with(&[], &batch, "")?;
    Ok(())
}
