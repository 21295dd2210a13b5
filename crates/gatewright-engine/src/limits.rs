//! The stated limit of everything.

use std::time::Duration;

/// Limits of one run.
#[derive(Clone, Debug, PartialEq)]
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
    /// Bytes of an endpoint's answer up to which every one that is on its way is read at once. See [`Limits::large_bodies_max`].
    pub small_body_bytes: usize,
    /// Answers of endpoints that may be larger than [`Limits::small_body_bytes`] at the same time, until they are committed; others wait, and
    /// their time does not go on. So the answers that are held take at most `concurrency * small_body_bytes + large_bodies_max * response_bytes_max`
    /// bytes as they come: 96 MiB by the standard, and once more for each as it is read.
    pub large_bodies_max: u32,
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
    /// Exchanges with providers that may be made, retries among them.
    pub calls_max: Option<u64>,
    /// US dollars that may be spent. What is on its way counts with the most that one exchange has cost so far, or is estimated to.
    pub cost_max_usd: Option<f64>,
    /// Requests on their way to one host, where the page says nothing.
    pub concurrency: u32,
    /// Exchanges for one request: the first and its retries. Being told to wait (429) does not count.
    pub tries_max: u32,
    /// Being told to wait for one request.
    pub waits_max: u32,
    /// Shortest time before a retry; it doubles each time, and half of it is drawn by lot.
    pub backoff_min: Duration,
    /// Longest time before a retry, unless the provider asks for more.
    pub backoff_max: Duration,
    /// Longest time that a provider may ask us to wait; what it asks beyond counts as this.
    pub retry_after_max: Duration,
    /// Time to make a connection.
    pub connect_timeout: Duration,
    /// Time without a byte from the provider.
    pub idle_timeout: Duration,
    /// Faults of a host one after the other that open its circuit.
    pub circuit_faults: u32,
    /// How often a circuit may open without an answer between before the run pauses.
    pub circuit_openings_max: u32,
    /// Different examples in a row for which a system that has answered before is refused ([`gatewright_core::exchange::Fault::is_refusal`])
    /// until the run pauses.
    pub refusals_max: u32,
    /// Turns of one conversation, tool results among them.
    pub turns_max: u32,
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
            small_body_bytes: 1 << 20,
            large_bodies_max: 4,
            stderr_lines_max: 100,
            stderr_line_bytes_max: 2000,
            answer_timeout: Duration::from_secs(120),
            start_timeout: Duration::from_secs(60),
            close_grace: Duration::from_secs(2),
            faults_in_a_row_max: 5,
            restarts_max: 1000,
            attempts_max: None,
            calls_max: None,
            cost_max_usd: None,
            concurrency: 32,
            tries_max: 5,
            waits_max: 30,
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_secs(30),
            retry_after_max: Duration::from_secs(120),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            circuit_faults: 10,
            circuit_openings_max: 6,
            refusals_max: 5,
            turns_max: 20,
        }
    }
}
