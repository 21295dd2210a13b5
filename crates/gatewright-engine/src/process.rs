//! One program: started in a process group of its own, spoken to by lines, and ended with everything it started.

use std::collections::VecDeque;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::limits::Limits;
use crate::line::Lines;
use crate::tail::{LastLine, Tail, lock};
use crate::target::CommandTarget;

/// Answered ids that a program's lines are compared with, to tell a second answer from a wrong one.
const ANSWERED_KEPT: usize = 64;
/// Lines that change nothing (second answers, "ready" said again) that one program may write.
const IDLE_WORDS_MAX: u32 = 100;
/// How long a program that closed its standard output may take to end by itself, so that its status can be told.
const EXIT_GRACE: Duration = Duration::from_millis(500);
/// Longest pause between two looks at whether a program has ended.
const EXIT_POLL_MAX: Duration = Duration::from_millis(50);
/// How long the rest of a dead program's standard error is waited for.
const STDERR_GRACE: Duration = Duration::from_millis(200);

/// A running program. Dropping it kills it with its whole process group.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// The leader of its group; `None` once it has been waited for, as the id may then belong to somebody else.
    pub(crate) pid: Option<Pid>,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) lines: Lines<ChildStdout>,
    /// False until it has said that it is ready, or answered.
    pub(crate) warm: bool,
    answered: VecDeque<String>,
    idle_words: u32,
    stderr: JoinHandle<()>,
    last_stderr: LastLine,
}

impl Process {
    /// Starts a program. Its environment is what the target says and nothing else.
    pub(crate) fn start(
        target: &CommandTarget,
        limits: &Limits,
        tail: &Tail,
    ) -> std::io::Result<Self> {
        let (program, arguments) = target
            .argv
            .split_first()
            .ok_or_else(|| std::io::Error::other("the command is empty"))?;
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(&target.env)
            .current_dir(&target.cwd)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        limit_memory(pid, target.memory_mib)?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(std::io::Error::other("its pipes could not be opened"));
        };
        let last_stderr = LastLine::default();
        let stderr = tokio::spawn(tail.clone().follow(stderr, last_stderr.clone()));
        Ok(Self {
            child,
            pid,
            stdin: Some(stdin),
            lines: Lines::new(stdout, limits.response_bytes_max),
            warm: false,
            answered: VecDeque::new(),
            idle_words: 0,
            stderr,
            last_stderr,
        })
    }

    /// Returns its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Notes that it answered the request with this id.
    pub(crate) fn has_answered(&mut self, id: &str) {
        self.warm = true;
        if self.answered.len() == ANSWERED_KEPT {
            self.answered.pop_front();
        }
        self.answered.push_back(id.to_owned());
    }

    /// Says whether it answered the request with this id before.
    pub(crate) fn answered(&self, id: &str) -> bool {
        self.answered.iter().any(|answered| answered == id)
    }

    /// Counts a line that changes nothing; says whether there have been too many to be an accident.
    pub(crate) fn babbles(&mut self) -> bool {
        self.idle_words += 1;
        self.idle_words > IDLE_WORDS_MAX
    }

    /// Kills it and all that it started, and frees its process id.
    pub(crate) async fn kill(mut self) -> Option<ExitStatus> {
        self.kill_group();
        let status = self.child.wait().await.ok();
        self.pid = None;
        status
    }

    /// Ends a program that closed its standard output, and says in words how it ended.
    pub(crate) async fn bury(mut self) -> String {
        self.stdin = None;
        let exited = self.exits_within(EXIT_GRACE).await;
        self.kill_group();
        let status = self.child.wait().await;
        self.pid = None;
        let mut words = match status {
            Ok(status) if exited => status_words(status),
            Ok(_) => "closed its standard output and did not end".to_owned(),
            Err(error) => format!("ended, and its status is not known ({error})"),
        };
        let _ = tokio::time::timeout(STDERR_GRACE, &mut self.stderr).await;
        let last = lock(&self.last_stderr).clone();
        if !last.is_empty() {
            words.push_str("; the last line of its standard error: ");
            words.push_str(&last);
        }
        words
    }

    /// Closes its standard input and lets it end by itself; kills it when it does not.
    pub(crate) async fn close(mut self, grace: Duration) {
        self.stdin = None;
        self.exits_within(grace).await;
        self.kill().await;
    }

    async fn exits_within(&self, grace: Duration) -> bool {
        match self.pid {
            Some(pid) => tokio::time::timeout(grace, exit_of(pid)).await.is_ok(),
            None => true,
        }
    }

    fn kill_group(&self) {
        if let Some(pid) = self.pid {
            // The group may be gone already: that is what was wanted.
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_group();
    }
}

/// Waits for a child's exit without freeing its process id, so that its group can still be named safely.
pub(crate) async fn exit_of(pid: Pid) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let mut pause = Duration::from_millis(1);
    // Anything but "still running" ends the wait: a child that cannot be asked about is gone.
    while let Ok(None) = rustix::process::waitid(WaitId::Pid(pid), options) {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(EXIT_POLL_MAX);
    }
}

fn status_words(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    if let Some(code) = status.code() {
        return format!("exited with status {code}");
    }
    let signal = status.signal().unwrap_or_default();
    let name = match signal {
        4 => " (illegal instruction)",
        6 => " (abort)",
        9 => " (killed)",
        11 => " (segmentation fault)",
        13 => " (broken pipe)",
        15 => " (terminated)",
        _ => "",
    };
    format!("was ended by signal {signal}{name}")
}

/// Limits the address space of a program that was just started. What it started before this moment keeps none: a program is limited before it can have read
/// its first request.
#[cfg(target_os = "linux")]
fn limit_memory(pid: Option<Pid>, memory_mib: Option<u64>) -> std::io::Result<()> {
    use rustix::process::{Resource, Rlimit, prlimit};
    let (Some(pid), Some(mib)) = (pid, memory_mib) else {
        return Ok(());
    };
    let bytes = Some(mib << 20);
    let limit = Rlimit {
        current: bytes,
        maximum: bytes,
    };
    prlimit(Some(pid), Resource::As, limit)?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn limit_memory(_: Option<Pid>, _: Option<u64>) -> std::io::Result<()> {
    Ok(())
}
