//! One worker: a task that owns at most one program, asks it one thing at a time and says how that ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gatewright_core::json::size_text;
use gatewright_core::plan::AttemptSpec;
use gatewright_core::response::AttemptEnd;
use rustix::process::Pid;
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::limits::Limits;
use crate::line::Line;
use crate::process::Process;
use crate::protocol::{Said, read_line};
use crate::tail::Tail;
use crate::target::CommandTarget;

/// How long the last lines of a program that has ended are waited for.
const LAST_WORDS_GRACE: Duration = Duration::from_millis(100);

/// Why a program is ended that writes on and on without saying anything.
const BABBLE: &str = "it wrote too many lines that nobody asked for";

/// What the loop wants of a worker.
#[derive(Debug)]
pub(crate) enum Order {
    /// Have a program running.
    Start,
    /// Ask this.
    Ask(Question),
}

/// One attempt, ready to be sent.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) attempt: AttemptSpec,
    pub(crate) id: String,
    pub(crate) line: Vec<u8>,
}

/// What a worker has to say.
#[derive(Debug)]
pub(crate) enum Report {
    /// A program runs.
    Started { pid: u32 },
    /// No program can be started. `scarce` says that the machine lacks room for one more.
    CannotStart { why: String, scarce: bool },
    /// An attempt ended and the program is fit for the next.
    Ended {
        attempt: AttemptSpec,
        end: AttemptEnd,
    },
    /// An attempt ended and its program with it.
    Failed {
        attempt: AttemptSpec,
        end: AttemptEnd,
        /// False when the system only exceeded its own promise of time.
        fault: bool,
    },
    /// The program was lost while nothing was asked of it.
    Lost { why: String },
    /// Something odd that cost nothing.
    Note { what: String },
}

/// A report and whose it is.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) worker: usize,
    pub(crate) report: Report,
}

/// A worker's fixed parts.
pub(crate) struct Worker {
    pub(crate) number: usize,
    pub(crate) target: Arc<CommandTarget>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) tail: Tail,
    pub(crate) reports: mpsc::Sender<Message>,
    pub(crate) kill: watch::Receiver<bool>,
    /// How long a copy of the program took to its first answer, of all copies the fastest; shared by the workers of a system.
    pub(crate) start: Arc<StartTime>,
}

/// What starting a program takes, as far as its first answers tell. One that was started again gets twice that and a second on top for its first
/// answer and no more: a machine may be busier than it was, but an answer must not have a minute more because the one before it was late.
#[derive(Debug)]
pub(crate) struct StartTime(AtomicU64);

impl StartTime {
    /// Nothing is known yet.
    pub(crate) fn unknown() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }

    /// Notes that a first answer came after this time.
    fn saw(&self, took: Duration) {
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_min(took, Ordering::Relaxed);
    }

    fn at_most(&self, most: Duration) -> Duration {
        let fastest = Duration::from_millis(self.0.load(Ordering::Relaxed));
        fastest
            .saturating_mul(2)
            .saturating_add(Duration::from_secs(1))
            .min(most)
    }
}

/// How asking went.
#[expect(clippy::large_enum_variant, reason = "one at a time, and moved once")]
enum Asked {
    /// It ended, and the program goes on.
    Well(AttemptEnd),
    /// It ended, and the program must go. The end still lacks how the program ended when `gone`.
    Badly { message: String, gone: bool },
    /// It exceeded its own promise.
    Late(Duration),
    /// We were told to leave everything.
    Left,
}

/// What a line means while a request is being answered.
#[expect(clippy::large_enum_variant, reason = "one at a time, and moved once")]
enum Understood {
    /// It is the answer.
    Answer(AttemptEnd),
    /// The program is ready only now: the clock starts again.
    Ready,
    /// It changes nothing.
    Nothing,
    /// The program cannot be trusted with another request.
    Fault(String),
}

impl Worker {
    /// Works until the orders end or everything is to be left.
    pub(crate) async fn work(self, mut orders: mpsc::Receiver<Order>) {
        let mut process: Option<Process> = None;
        let mut kill = self.kill.clone();
        loop {
            let order = tokio::select! {
                biased;
                () = told(&mut kill) => break,
                order = orders.recv() => match order {
                    Some(order) => order,
                    None => {
                        if let Some(process) = process.take() {
                            tokio::select! {
                                () = told(&mut kill) => {}
                                () = process.close(self.limits.close_grace) => {}
                            }
                        }
                        return;
                    }
                },
                line = unasked(&mut process) => {
                    self.hear_unasked(&mut process, line).await;
                    continue;
                }
            };
            if process.is_none() {
                process = self.start().await;
            }
            if let Order::Ask(question) = order
                && let Some(running) = process.take()
            {
                process = self.attempt(running, question).await;
            }
        }
        if let Some(process) = process {
            process.kill().await;
        }
    }

    async fn report(&self, report: Report) {
        // Nobody listens any more only when the run is being left.
        let worker = self.number;
        let _ = self.reports.send(Message { worker, report }).await;
    }

    async fn start(&self) -> Option<Process> {
        match Process::start(&self.target, &self.limits, &self.tail) {
            Ok(process) => {
                self.report(Report::Started { pid: process.id() }).await;
                Some(process)
            }
            Err(error) => {
                let program = self.target.argv.first().map_or("", String::as_str);
                self.report(Report::CannotStart {
                    why: format!("`{program}` cannot be started: {error}"),
                    scarce: is_scarce(&error),
                })
                .await;
                None
            }
        }
    }

    /// Deals with a line that came while nothing was asked.
    async fn hear_unasked(&self, process: &mut Option<Process>, line: Line) {
        let why = match line {
            Line::Whole(line) => match (read_line(&line), process.as_mut()) {
                (Said::Ready, Some(running)) => {
                    running.warm = true;
                    if !running.babbles() {
                        return;
                    }
                    BABBLE.to_owned()
                }
                (Said::Reply { id, .. }, Some(running)) if running.answered(&id) => {
                    self.note_second_answer().await;
                    if !running.babbles() {
                        return;
                    }
                    BABBLE.to_owned()
                }
                (Said::Reply { .. }, _) => "it answered what was never asked".to_owned(),
                (Said::Nonsense(what), _) => format!("it spoke before it was asked: {what}"),
                (Said::Ready, None) => return,
            },
            Line::TooLong => self.too_long(),
            Line::End { .. } => {
                if let Some(process) = process.take() {
                    let why = format!("it {}", process.bury().await);
                    self.report(Report::Lost { why }).await;
                }
                return;
            }
        };
        if let Some(process) = process.take() {
            process.kill().await;
        }
        self.report(Report::Lost { why }).await;
    }

    /// Makes one attempt; returns the program when it is fit for the next.
    async fn attempt(&self, mut process: Process, question: Question) -> Option<Process> {
        let attempt = question.attempt;
        let (end, fault) = match self.ask(&mut process, &question).await {
            Asked::Well(end) => {
                self.report(Report::Ended { attempt, end }).await;
                return Some(process);
            }
            Asked::Left => {
                process.kill().await;
                return None;
            }
            Asked::Late(promise) => {
                process.kill().await;
                let after_ms = u64::try_from(promise.as_millis()).unwrap_or(u64::MAX);
                (AttemptEnd::TimedOut { after_ms }, false)
            }
            Asked::Badly {
                message,
                gone: false,
            } => {
                process.kill().await;
                (AttemptEnd::HarnessError { message }, true)
            }
            Asked::Badly {
                message,
                gone: true,
            } => {
                let message = process.bury().await + &message;
                let end = AttemptEnd::ProviderError {
                    message,
                    code: None,
                    latency_ms: None,
                };
                (end, true)
            }
        };
        self.report(Report::Failed {
            attempt,
            end,
            fault,
        })
        .await;
        None
    }

    /// Sends a request and reads until its answer. Writing and reading go on side by side, so that a program that
    /// speaks before it has read everything blocks neither.
    async fn ask(&self, process: &mut Process, question: &Question) -> Asked {
        let patience = self.target.timeout.unwrap_or(self.limits.answer_timeout);
        let mut kill = self.kill.clone();
        let mut sent = Instant::now();
        let mut deadline = sent + patience;
        let mut cold = !process.warm;
        if cold {
            deadline += self.start.at_most(self.limits.start_timeout);
        }
        let mut exited = false;
        let mut rest = question.line.as_slice();
        loop {
            let Process {
                stdin, lines, pid, ..
            } = &mut *process;
            let line = tokio::select! {
                biased;
                () = told(&mut kill) => return Asked::Left,
                line = lines.next() => line,
                wrote = write_some(stdin, rest), if !rest.is_empty() => {
                    rest = &rest[wrote.unwrap_or(rest.len())..];
                    if stdin.is_none() {
                        // It cannot be told anything any more; what it still says, or its end, comes by `lines`.
                        deadline = deadline.min(Instant::now() + self.limits.close_grace);
                    }
                    continue;
                }
                () = exit_of(*pid), if !exited => {
                    // Its last words are in the pipe. A child that it left behind may keep that open for ever.
                    exited = true;
                    deadline = deadline.min(Instant::now() + LAST_WORDS_GRACE);
                    continue;
                }
                () = tokio::time::sleep_until(deadline) => {
                    return if exited { gone(0) } else { self.out_of_time(process, patience) };
                }
            };
            let line = match line {
                Line::Whole(line) => line,
                Line::TooLong => return badly(self.too_long()),
                Line::End { unfinished } => return gone(unfinished),
            };
            match self.understand(process, question, read_line(&line)).await {
                Understood::Answer(end) => {
                    if cold {
                        self.start.saw(sent.elapsed());
                    }
                    return Asked::Well(with_latency(end, sent.elapsed()));
                }
                Understood::Ready => {
                    cold = false;
                    sent = Instant::now();
                    deadline = sent + patience;
                }
                Understood::Nothing => {}
                Understood::Fault(message) => return badly(message),
            }
        }
    }

    /// Says what a line means while a request is being answered.
    async fn understand(
        &self,
        process: &mut Process,
        question: &Question,
        said: Said,
    ) -> Understood {
        match said {
            Said::Ready if process.warm => idle_word(process),
            Said::Ready => {
                process.warm = true;
                Understood::Ready
            }
            Said::Reply { id, end } if id == question.id => {
                process.has_answered(&id);
                Understood::Answer(end)
            }
            Said::Reply { id, .. } if process.answered(&id) => {
                self.note_second_answer().await;
                idle_word(process)
            }
            Said::Reply { .. } => {
                Understood::Fault("it answered with an id that was not asked".to_owned())
            }
            Said::Nonsense(message) => Understood::Fault(message),
        }
    }

    async fn note_second_answer(&self) {
        let what = "it answered one request twice; the first answer counts".to_owned();
        self.report(Report::Note { what }).await;
    }

    fn out_of_time(&self, process: &Process, patience: Duration) -> Asked {
        if process.stdin.is_none() {
            return badly("it closed its standard input and did not end".to_owned());
        }
        if self.target.timeout.is_some() {
            return Asked::Late(patience);
        }
        badly(format!(
            "it did not answer within {} s, and it promises no time of its own",
            patience.as_secs_f64()
        ))
    }

    fn too_long(&self) -> String {
        format!(
            "it wrote more than {} without an answer",
            size_text(self.limits.response_bytes_max)
        )
    }
}

/// Waits until everything is to be left, or nobody is there any more to want it.
async fn told(kill: &mut watch::Receiver<bool>) {
    let _ = kill.wait_for(|kill| *kill).await;
}

/// Waits for a line that nobody asked for; for ever when there is no program.
async fn unasked(process: &mut Option<Process>) -> Line {
    match process {
        Some(process) => process.lines.next().await,
        None => std::future::pending().await,
    }
}

/// Writes what the pipe takes, and closes it when it takes nothing any more. May be dropped without losing a byte.
async fn write_some(stdin: &mut Option<ChildStdin>, bytes: &[u8]) -> Option<usize> {
    let wrote = match stdin {
        Some(pipe) => pipe.write(bytes).await.ok().filter(|&n| n > 0),
        None => None,
    };
    if wrote.is_none() {
        *stdin = None;
    }
    wrote
}

/// Waits for the end of a program whose standard output may stay open.
async fn exit_of(pid: Option<Pid>) {
    match pid {
        Some(pid) => crate::process::exit_of(pid).await,
        None => std::future::pending().await,
    }
}

/// Counts a line that changes nothing.
fn idle_word(process: &mut Process) -> Understood {
    if process.babbles() {
        Understood::Fault(BABBLE.to_owned())
    } else {
        Understood::Nothing
    }
}

fn badly(message: String) -> Asked {
    Asked::Badly {
        message,
        gone: false,
    }
}

fn gone(unfinished: usize) -> Asked {
    let message = if unfinished > 0 {
        format!("; it left {unfinished} bytes of a line without an end")
    } else {
        String::new()
    };
    Asked::Badly {
        message,
        gone: true,
    }
}

fn with_latency(end: AttemptEnd, latency: Duration) -> AttemptEnd {
    let measured = Some(latency.as_secs_f64() * 1e3);
    match end {
        AttemptEnd::Answered { mut response } => {
            response.latency_ms = measured;
            AttemptEnd::Answered { response }
        }
        AttemptEnd::ProviderError { message, code, .. } => AttemptEnd::ProviderError {
            message,
            code,
            latency_ms: measured,
        },
        other => other,
    }
}

/// Says whether starting failed because the machine has no room for one more process, file or page.
fn is_scarce(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    [Errno::AGAIN, Errno::MFILE, Errno::NFILE, Errno::NOMEM]
        .iter()
        .any(|scarce| error.raw_os_error() == Some(scarce.raw_os_error()))
}
