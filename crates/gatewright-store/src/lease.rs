//! The lease: one writer for each run.
//!
//! The kernel's lock on the lease file decides; it is released when its process ends, however it ends, so a stale
//! lease breaks by itself and a process id that was given to another program cannot confuse it. The text in the file
//! is for people, and says who holds it.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

use crate::Writer;
use crate::disk;
use crate::error::StoreError;

/// How often a lease without a living holder is tried again.
const PATIENCE: u32 = 100;
/// How long to wait before it is.
const PAUSE: Duration = Duration::from_millis(10);

/// Who holds a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The program.
    pub name: String,
    /// Who started it.
    pub actor: String,
    /// Its process id.
    pub pid: u32,
    /// The host it runs on.
    pub host: String,
    /// Since when, RFC 3339.
    pub since: String,
}

impl Holder {
    fn this_process(writer: &Writer) -> Self {
        Self {
            name: writer.name.clone(),
            actor: writer.actor.clone(),
            pid: std::process::id(),
            host: host(),
            since: writer.at.clone(),
        }
    }

    /// Says whether its process may still run. Of another host this cannot be known.
    fn is_alive(&self) -> bool {
        self.host != host()
            || Pid::from_raw(self.pid.cast_signed())
                .is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
    }

    /// Stands for a holder that has not written its name yet.
    fn unknown() -> Self {
        Self {
            name: "another process".to_owned(),
            actor: String::new(),
            pid: 0,
            host: host(),
            since: String::new(),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.pid != 0 {
            write!(
                f,
                " (process {} on {}, started by {}) since {}",
                self.pid, self.host, self.actor, self.since
            )?;
        }
        Ok(())
    }
}

/// Holds a run until it is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    file: File,
    /// Who held the run before and ended without giving it back: it was killed, or crashed.
    pub(crate) broken: Option<Holder>,
}

impl Lease {
    /// Takes the run's lease.
    pub(crate) fn take(log: &Path, lease: &Path, writer: &Writer) -> Result<Self, StoreError> {
        let mut file = disk::private_file(lease)?;
        let mut patience = PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => {
                    return Err(disk::file_error("lock", lease)(source));
                }
            }
            // Held by a process that is gone: what holds it is a child that is just being started, for a moment more.
            // Held by nobody with a name: the name is a moment away from being written.
            let holder = read(&mut file);
            if patience == 0 || holder.as_ref().is_some_and(Holder::is_alive) {
                return Err(StoreError::Held {
                    path: log.to_owned(),
                    holder: Box::new(holder.unwrap_or_else(Holder::unknown)),
                });
            }
            patience -= 1;
            std::thread::sleep(PAUSE);
        }
        let broken = read(&mut file);
        if let Some(holder) = &broken
            && holder.host != host()
            && disk::is_network(lease)
        {
            return Err(StoreError::HeldElsewhere {
                path: log.to_owned(),
                lease: PathBuf::from(lease),
                holder: Box::new(holder.clone()),
            });
        }
        write(&mut file, &Holder::this_process(writer))
            .map_err(disk::file_error("write", lease))?;
        Ok(Self { file, broken })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // An empty file says that the run was given back. The lock itself goes with the file, also when this fails.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

fn host() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(4096).read_to_string(&mut text).ok()?;
    serde_json::from_str(text.lines().next()?).ok()
}

fn write(file: &mut File, holder: &Holder) -> std::io::Result<()> {
    let mut text = serde_json::to_string(holder)?;
    text.push('\n');
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)
}
