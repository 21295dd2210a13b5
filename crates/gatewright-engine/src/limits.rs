//! The stated limit of everything.

use std::time::Duration;

/// Limits of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most events of one commit.
    pub batch_max: usize,
    /// Longest time that an ended attempt waits for its commit while others are awaited.
    pub batch_wait: Duration,
    /// How many attempts may wait for one system while another goes on. Bounds memory, and keeps the arms of an
    /// interrupted run paired.
    pub ahead_max: usize,
    /// Longest answer line in bytes.
    pub response_bytes_max: usize,
    /// Lines of standard error that are kept for each system: the last ones.
    pub stderr_lines_max: usize,
    /// Bytes kept of one line of standard error.
    pub stderr_line_bytes_max: usize,
    /// Time for an answer where the system promises none: after it, our side gives up.
    pub answer_timeout: Duration,
    /// What a program that was just started gets on top for its first answer.
    pub start_timeout: Duration,
    /// Time that a program gets to end after its standard input was closed.
    pub close_grace: Duration,
    /// Programs of one system that may fail one after the other, without an answer between them, before the run stops.
    pub faults_in_a_row_max: u32,
    /// Programs of one system that may be lost in the whole run before it stops.
    pub restarts_max: u32,
    /// Attempts that may be made; `None` for as many as are outstanding.
    pub attempts_max: Option<u64>,
}

impl Limits {
    /// Most programs of one system.
    pub const WORKERS_MAX: u32 = 256;

    /// Returns the limits that are used when nothing else is asked for.
    pub fn standard() -> Self {
        Self {
            batch_max: 256,
            batch_wait: Duration::from_millis(50),
            ahead_max: 64,
            response_bytes_max: 16 << 20,
            stderr_lines_max: 100,
            stderr_line_bytes_max: 2000,
            answer_timeout: Duration::from_secs(120),
            start_timeout: Duration::from_secs(60),
            close_grace: Duration::from_secs(2),
            faults_in_a_row_max: 5,
            restarts_max: 1000,
            attempts_max: None,
        }
    }
}
