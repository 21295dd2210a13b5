//! `cargo xtask crash --seeds N [--from SEED]`: the real program, killed by SIGKILL at named points and at random, and gone on with.
//!
//! The promise is that no paid-for result is lost and none is paid for twice (docs/format-run.md, "What is promised"). The oracle is the
//! log of the scripted provider, a process of its own that outlives every kill; the disk is read without Gatewright (`look.py`).

mod provider;
mod sweep;
mod world;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use self::sweep::{Swept, Tools};
use self::world::{Kill, POINTS, World};
use crate::repository::{self, Failure};

const USAGE: &str = "cargo xtask crash --seeds N [--from SEED]";
/// Seeds at a time: most of a run is waiting.
const AT_ONCE: usize = 4;

/// Sweeps the seeds, prints one line, and fails when one of them failed; the folders of those are kept.
pub(crate) fn run(arguments: &[&str]) -> Result<(), Failure> {
    let (mut seeds, mut from) = (25, 1);
    for pair in arguments.chunks(2) {
        match pair {
            ["--seeds", number] => seeds = number.parse()?,
            ["--from", number] => from = number.parse()?,
            _ => return Err(USAGE.into()),
        }
    }
    let folder = target().join("crash");
    fs::create_dir_all(&folder)?;
    let tools = build(&folder)?;
    let next = AtomicU64::new(from);
    let done: Mutex<(Vec<Swept>, Vec<u64>)> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from.saturating_add(seeds) {
                        return;
                    }
                    let one = one(seed, &tools, &folder);
                    let mut done = done
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner);
                    match one {
                        Ok(swept) => done.0.push(swept),
                        Err(why) => {
                            println!("{why}");
                            done.1.push(seed);
                        }
                    }
                }
            });
        }
    });
    let (swept, failed) = done
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    println!("{}", summary(&swept, failed.len()));
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("{} of {seeds} seeds failed: {failed:?}", failed.len()).into())
    }
}

/// Goes through one seed; what is wrong is told with everything that it takes to do it again.
fn one(seed: u64, tools: &Tools, folder: &Path) -> Result<Swept, String> {
    let world = World::new(seed);
    let folder = folder.join(format!("seed-{seed}"));
    let _ = fs::remove_dir_all(&folder);
    let swept = fs::create_dir_all(&folder)
        .map_err(Failure::from)
        .and_then(|()| sweep::sweep(&world, tools, &folder));
    match swept {
        Ok(swept) => {
            let _ = fs::remove_dir_all(&folder);
            Ok(swept)
        }
        Err(error) => Err(format!(
            "seed {seed}: {error}\n  drawn: {}\n  kept: {}\n  again: cargo xtask crash --seeds 1 --from {seed}",
            world.words(),
            folder.display()
        )),
    }
}

fn summary(swept: &[Swept], failed: usize) -> String {
    let mut at: BTreeMap<&str, u64> = POINTS.iter().map(|(point, _)| (*point, 0)).collect();
    let mut at_random = 0_u64;
    for kill in swept.iter().flat_map(|one| &one.kills) {
        match kill {
            Kill::At(point, _) => *at.entry(point).or_default() += 1,
            Kill::After(_) => at_random += 1,
        }
    }
    let named: u64 = at.values().sum();
    let points: Vec<String> = POINTS
        .iter()
        .map(|(point, _)| format!("{point} {}", at[point]))
        .collect();
    let confirmed = swept.iter().filter(|one| one.confirmed).count();
    let asked: usize = swept.iter().map(|one| one.asked).sum();
    let most = swept
        .iter()
        .map(|one| one.most_in_flight)
        .max()
        .unwrap_or(0);
    let verdict = match failed {
        0 => "0 lost, 0 paid twice".to_owned(),
        _ => format!("and {failed} seeds that FAILED, see above"),
    };
    format!(
        "{} seeds ({confirmed} with a confirmation round, {asked} requests), {} kills ({named} at named points: {}; {at_random} at random), \
         {verdict}, most in flight at a kill: {most}",
        swept.len(),
        named + at_random,
        points.join(", "),
    )
}

/// Builds the program with its named points, and the provider, and copies both: the next build of the everyday program takes their place.
fn build(folder: &Path) -> Result<Tools, Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--locked", "--workspace", "--bins"])
        .args(["--features", "gatewright/crash-points"])
        .current_dir(repository::root())
        .status()?;
    if !built.success() {
        return Err("gatewright does not build with its named points".into());
    }
    let copy = |name: &str| -> Result<PathBuf, Failure> {
        let to = folder.join(name);
        // A copy that is still running cannot be written over, but its name can be taken.
        let _ = fs::remove_file(&to);
        fs::copy(target().join("debug").join(name), &to)?;
        Ok(to)
    };
    Ok(Tools {
        gatewright: copy("gatewright")?,
        provider: copy("provider")?,
    })
}

fn target() -> PathBuf {
    let root = repository::root();
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    root.join(target)
}
