//! Turns: what takes its time is done by few at once, and few may wait for it.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most that wait for their turn; more are told to come again.
const WAITING: usize = 20;

/// Turns at one kind of work.
#[derive(Debug)]
pub(super) struct Turns {
    turn: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Turns {
    /// So many at once.
    pub(super) fn new(at_once: usize) -> Self {
        Self {
            turn: Arc::new(Semaphore::new(at_once)),
            queue: Arc::new(Semaphore::new(at_once + WAITING)),
        }
    }

    /// Waits for a turn; nothing when too many wait already.
    pub(super) async fn take(&self) -> Option<[OwnedSemaphorePermit; 2]> {
        let place = Arc::clone(&self.queue).try_acquire_owned().ok()?;
        let turn = Arc::clone(&self.turn).acquire_owned().await.ok()?;
        Some([turn, place])
    }
}
