//! `cargo xtask crash --seeds N [--from SEED] [--at-once N] [--release]`: the real program, killed by SIGKILL at named points and at
//! random, and gone on with.
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

const USAGE: &str = "cargo xtask crash --seeds N [--from SEED] [--at-once N] [--release]";
/// Seeds at a time unless told otherwise: most of a run is waiting.
const AT_ONCE: usize = 4;
/// Failed seeds after which no further one begins: a defect that meets every seed is told at once, not after thousands.
const FAILED_MAX: usize = 20;

/// What is asked for.
struct Wanted {
    seeds: u64,
    from: u64,
    /// Seeds at a time.
    at_once: usize,
    /// The release, with its named points.
    release: bool,
}

/// Sweeps the seeds, prints one line, and fails when one of them failed; the folders of those are kept.
pub(crate) fn run(arguments: &[&str]) -> Result<(), Failure> {
    let Wanted {
        seeds,
        from,
        at_once,
        release,
    } = wanted(arguments)?;
    let folder = target().join("crash");
    fs::create_dir_all(&folder)?;
    let tools = build(&folder, release)?;
    let next = AtomicU64::new(from);
    let done: Mutex<(Vec<Swept>, Vec<u64>)> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let failed = done
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner)
                        .1
                        .len();
                    if seed >= from.saturating_add(seeds) || failed >= FAILED_MAX {
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
        Err(format!(
            "{} of {} seeds failed: {failed:?}",
            failed.len(),
            failed.len() + swept.len()
        )
        .into())
    }
}

/// Reads what is asked for.
fn wanted(arguments: &[&str]) -> Result<Wanted, Failure> {
    let mut wanted = Wanted {
        seeds: 25,
        from: 1,
        at_once: AT_ONCE,
        release: false,
    };
    let mut arguments = arguments.iter().copied();
    while let Some(argument) = arguments.next() {
        if argument == "--release" {
            wanted.release = true;
            continue;
        }
        let number = arguments.next().ok_or(USAGE)?;
        match argument {
            "--seeds" => wanted.seeds = number.parse()?,
            "--from" => wanted.from = number.parse()?,
            "--at-once" => wanted.at_once = number.parse::<usize>()?.max(1),
            _ => return Err(USAGE.into()),
        }
    }
    Ok(wanted)
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
fn build(folder: &Path, release: bool) -> Result<Tools, Failure> {
    let points = ["--features", "gatewright/crash-points"];
    // Only the program's own crate differs from a release: it alone refuses to be built with its points where nothing is asserted.
    let asserted = "profile.release.package.gatewright.debug-assertions=true";
    let program = if release {
        cargo(&[
            &["-p", "gatewright", "--release", "--config", asserted],
            &points[..],
        ])?;
        copy("release", "gatewright", folder)?
    } else {
        cargo(&[&["--workspace", "--bins"], &points[..]])?;
        copy("debug", "gatewright", folder)?
    };
    if release {
        cargo(&[&["-p", "gatewright-testkit", "--bins"]])?;
    }
    Ok(Tools {
        gatewright: program,
        provider: copy("debug", "provider", folder)?,
    })
}

fn cargo(arguments: &[&[&str]]) -> Result<(), Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--locked"])
        .args(arguments.concat())
        .current_dir(repository::root())
        .status()?;
    if built.success() {
        Ok(())
    } else {
        Err("gatewright does not build with its named points".into())
    }
}

fn copy(profile: &str, name: &str, folder: &Path) -> Result<PathBuf, Failure> {
    let to = folder.join(name);
    // A copy that is still running cannot be written over, but its name can be taken.
    let _ = fs::remove_file(&to);
    fs::copy(target().join(profile).join(name), &to)?;
    Ok(to)
}

fn target() -> PathBuf {
    let root = repository::root();
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    root.join(target)
}
