//! One seed: killed as often as it drew, then run to its end; after each of these the disk is held against what the providers heard.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::provider::Provider;
use super::world::{CONCURRENCY, EXAMPLES, Kill, ROLES, TRIALS, World};
use crate::repository::{self, Failure};

/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(2);
const SIGKILL: i32 = 9;
/// Exit codes of the six answers (docs/exit-codes.md).
const ANSWERS: [i32; 6] = [0, 100, 101, 102, 103, 110];

/// The programs.
pub(super) struct Tools {
    pub(super) gatewright: PathBuf,
    pub(super) provider: PathBuf,
}

/// What a seed came to.
#[derive(Default)]
pub(super) struct Swept {
    /// The kills that met a living program.
    pub(super) kills: Vec<Kill>,
    /// Requests that were on their way at a kill and left nothing behind, at most.
    pub(super) most_in_flight: u64,
    /// Requests, all told.
    pub(super) asked: usize,
    /// A confirmation round ran.
    pub(super) confirmed: bool,
}

enum End {
    Killed,
    Exited(i32),
}

struct Sweep<'s> {
    tools: &'s Tools,
    folder: &'s Path,
    seed: u64,
    providers: [Provider; 2],
    starts: usize,
    /// Per provider: the keys whose answers were on the disk when it was last looked at.
    done: [BTreeSet<String>; 2],
    /// Per provider: requests when it was last looked at.
    asked: [usize; 2],
    /// Per provider: requests that left nothing on the disk, because a kill came first.
    cut: [u64; 2],
    /// Attempts that had started and not ended.
    open: u64,
    swept: Swept,
}

/// Goes through one seed in an empty folder.
pub(super) fn sweep(world: &World, tools: &Tools, folder: &Path) -> Result<Swept, Failure> {
    let start = |index: usize| {
        let log = folder.join(format!("{}.log", ROLES[index]));
        Provider::start(&tools.provider, &world.scripts[index], log)
    };
    let providers = [start(0)?, start(1)?];
    world.write(
        folder,
        &[providers[0].url.clone(), providers[1].url.clone()],
    )?;
    let mut sweep = Sweep {
        tools,
        folder,
        seed: world.seed,
        providers,
        starts: 0,
        done: Default::default(),
        asked: [0; 2],
        cut: [0; 2],
        open: 0,
        swept: Swept::default(),
    };
    let mut code = None;
    let mut told = false;
    for kill in &world.kills {
        match sweep.gate(Some(kill), &[])? {
            End::Killed => {
                sweep.swept.kills.push(kill.clone());
                let place = format!("after the kill {kill} (start {})", sweep.starts);
                let seen = sweep
                    .look(true)
                    .map_err(|error| format!("{place}: {error}"))?;
                // The kill came when all was told and the run given back: the next gate is another attempt.
                told = seen.is_some_and(|(run, _)| {
                    run["given_back"] == true && run["proposed"] != json!([])
                });
            }
            End::Exited(ended) => code = Some(ended),
        }
        if told || code.is_some() {
            break;
        }
    }
    if code.is_none() && !told {
        code = Some(sweep.undisturbed(&[])?);
    }
    sweep
        .finish(code)
        .map_err(|error| format!("at the end: {error}"))?;
    Ok(sweep.swept)
}

impl Sweep<'_> {
    fn undisturbed(&mut self, more: &[&str]) -> Result<i32, Failure> {
        match self.gate(None, more)? {
            End::Exited(code) => Ok(code),
            End::Killed => Err("the program was killed, and not by the sweep".into()),
        }
    }

    /// Runs `gatewright gate` until it ends or is killed.
    fn gate(&mut self, kill: Option<&Kill>, more: &[&str]) -> Result<End, Failure> {
        self.starts += 1;
        let mut command = self.command(&[
            "gate",
            "-j",
            &CONCURRENCY.to_string(),
            "-o",
            "decision.json",
        ]);
        command.args(more);
        for provider in &self.providers {
            command.args(["--allow-host", provider.host()]);
        }
        if let Some(Kill::At(point, count)) = kill {
            command.env("GATEWRIGHT_CRASH_AT", format!("{point}:{count}"));
        }
        let mut child = command
            .stdout(File::create(self.folder.join("stdout.txt"))?)
            .stderr(File::create(self.stderr())?)
            .spawn()?;
        let since = Instant::now();
        let until = match kill {
            Some(Kill::After(ms)) => Duration::from_millis(*ms),
            _ => PATIENCE,
        };
        loop {
            if let Some(status) = child.try_wait()? {
                return match (status.signal(), status.code()) {
                    (Some(SIGKILL), _) => Ok(End::Killed),
                    (_, Some(code)) if ANSWERS.contains(&code) => Ok(End::Exited(code)),
                    _ => Err(format!("start {}: {status}: {}", self.starts, self.said()).into()),
                };
            }
            if since.elapsed() >= until {
                child.kill()?;
                child.wait()?;
                return match kill {
                    Some(Kill::After(_)) => Ok(End::Killed),
                    _ => Err(format!("start {} hung: {}", self.starts, self.said()).into()),
                };
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.tools.gatewright);
        command
            .args(arguments)
            .current_dir(self.folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder)
            .env("USER", "sweep")
            .stdin(Stdio::null());
        command
    }

    fn stderr(&self) -> PathBuf {
        self.folder.join(format!("stderr-{}.txt", self.starts))
    }

    fn said(&self) -> String {
        fs::read_to_string(self.stderr()).unwrap_or_default()
    }

    /// Reads the disk without Gatewright.
    fn disk(&self) -> Result<Value, Failure> {
        // Isolated and without its site: it starts in half the time.
        let output = Command::new("python3")
            .args(["-I", "-S"])
            .arg(repository::root().join("xtask/src/crash/look.py"))
            .arg(self.folder)
            .arg(self.seed.to_string())
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Holds the disk against what the providers heard; returns the one run, and the ledger.
    fn look(&mut self, killed: bool) -> Result<Option<(Value, Value)>, Failure> {
        let disk = self.disk()?;
        let runs = list(&disk["runs"]);
        let wrong = runs.iter().flat_map(|run| list(&run["wrong"]));
        if let Some(wrong) = list(&disk["wrong"]).into_iter().chain(wrong).next() {
            return Err(format!("on the disk: {wrong}").into());
        }
        let sealed: Vec<&Value> = runs.iter().filter(|run| run["sealed"] == true).collect();
        if sealed.len() > 1 {
            return Err("a second run began where the first one had to go on".into());
        }
        let run = sealed.first().copied();
        let before: usize = self.asked.iter().sum();
        let in_flight = self.hold(0, run, killed)? + self.hold(1, run, killed)?;
        let attempts = match self.open {
            1 => "1 attempt".to_owned(),
            count => format!("{count} attempts"),
        };
        let told = format!("{attempts} of the interrupted run may have been paid for");
        let asked_more = self.asked.iter().sum::<usize>() > before;
        if self.open > 0 && asked_more && !self.said().contains(&told) {
            let said = self.said();
            return Err(format!("start {} did not say `{told}`: {said}", self.starts).into());
        }
        self.open = run.and_then(|run| run["open"].as_u64()).unwrap_or(0);
        if killed && self.open < in_flight {
            let open = self.open;
            return Err(
                format!("{in_flight} requests left nothing, {open} attempts are open").into(),
            );
        }
        self.swept.most_in_flight = self.swept.most_in_flight.max(in_flight);
        if run.is_some() {
            self.must(&["grade", "--json"])?;
        }
        Ok(run.map(|run| (run.clone(), disk["ledger"].clone())))
    }

    /// Holds what is on the disk of one system against its provider; returns how many requests left nothing.
    fn hold(&mut self, index: usize, run: Option<&Value>, killed: bool) -> Result<u64, Failure> {
        let role = ROLES[index];
        let keys = self.providers[index].settled()?.keys;
        let done = &self.done[index];
        if let Some(key) = keys[self.asked[index]..]
            .iter()
            .find(|key| done.contains(*key))
        {
            return Err(format!(
                "paid twice: {role} was asked `{key}`, and its answer was on the disk"
            )
            .into());
        }
        let now = run.map(|run| words(&run["done"][role])).unwrap_or_default();
        if let Some(key) = done.difference(&now).next() {
            return Err(format!("lost: the answer of {role} to `{key}` was on the disk").into());
        }
        let kept = run
            .and_then(|run| run["exchanges"][role].as_u64())
            .unwrap_or(0);
        let heard = keys.len() as u64;
        let missing = heard
            .checked_sub(kept + self.cut[index])
            .ok_or_else(|| format!("{role}: {kept} exchanges on the disk of {heard} requests"))?;
        // What is on its way, and what followed an answer whose commit the kill came before: starts are committed ahead for half of the places
        // (docs/design/0003-live-systems.md). Every one of them is named as open, which is held above.
        let ahead = CONCURRENCY / 2;
        let bound = if killed { CONCURRENCY + ahead } else { 0 };
        if missing > bound {
            return Err(
                format!("lost: {missing} requests to {role} left nothing; {bound} may").into(),
            );
        }
        self.cut[index] += missing;
        self.asked[index] = keys.len();
        self.done[index] = now;
        Ok(missing)
    }

    /// Runs a command that only reads, on the log as the kill left it.
    fn must(&self, arguments: &[&str]) -> Result<Value, Failure> {
        let output = self.command(arguments).output()?;
        let code = output.status.code().unwrap_or(-1);
        if !ANSWERS.contains(&code) {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!(
                "gatewright {} ended with {code}: {said}",
                arguments.join(" ")
            )
            .into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Demands that everything was made once, and that all of it is what a run that nobody kills comes to.
    fn finish(&mut self, code: Option<i32>) -> Result<(), Failure> {
        let (run, attempted) = self.look(false)?.ok_or("there is no run")?;
        self.swept.asked = self.asked.iter().sum();
        self.swept.confirmed = !list(&run["rounds"]).is_empty();
        let ended: Vec<Value> = list(&run["ended"])
            .iter()
            .map(|one| json!([one[0], one[1], one[2], one[3]]))
            .collect();
        let planned = planned(&run);
        if ended != planned {
            let differs = ended
                .iter()
                .zip(&planned)
                .find(|(ended, planned)| ended != planned);
            return Err(format!(
                "{} ends of {} attempts; the first that differs: {differs:?}",
                ended.len(),
                planned.len()
            )
            .into());
        }
        let answers = list(&run["proposed"]);
        let [answer] = answers.as_slice() else {
            return Err(format!("{} answers on the record", answers.len()).into());
        };
        let ledger = json!([[run["name"], answer]]);
        if attempted != ledger {
            return Err(format!("the ledger is {attempted} and should be {ledger}").into());
        }
        let written: Value =
            serde_json::from_str(&fs::read_to_string(self.folder.join("decision.json"))?)?;
        let decided = self.must(&["decide", "--json"])?;
        for (what, view) in [("decision.json", &written), ("gatewright decide", &decided)] {
            if view["answer"] != *answer {
                return Err(format!("{what} says {}, the record {answer}", view["answer"]).into());
            }
        }
        let expected = self.undisturbed(&["--fresh"])?;
        let disk = self.disk()?;
        let other = list(&disk["runs"]).pop().unwrap_or_default();
        for part in ["ended", "rounds", "proposed"] {
            if other[part] != run[part] {
                return Err(format!(
                    "{part} differs from a run that nobody killed:\n{}\n{}",
                    run[part], other[part]
                )
                .into());
            }
        }
        if let Some(code) = code
            && code != expected
        {
            return Err(
                format!("exit code {code}, and {expected} of a run that nobody killed").into(),
            );
        }
        Ok(())
    }
}

/// Every attempt of the plan, with how it has to end.
fn planned(run: &Value) -> Vec<Value> {
    let mut all = BTreeSet::new();
    for example in 0..EXAMPLES as u64 {
        for role in ROLES {
            all.extend((0..TRIALS).map(|trial| (example, role.to_owned(), trial)));
        }
    }
    for round in list(&run["rounds"]) {
        let first = round["first_trial"].as_u64().unwrap_or(0);
        let trials = round["trials"].as_u64().unwrap_or(0);
        for example in list(&round["examples"]).iter().filter_map(Value::as_u64) {
            for role in words(&round["roles"]) {
                all.extend((first..first + trials).map(|trial| (example, role.clone(), trial)));
            }
        }
    }
    all.into_iter()
        .map(|(example, role, trial)| json!([example, role, trial, "answered"]))
        .collect()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn words(value: &Value) -> BTreeSet<String> {
    list(value)
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}
