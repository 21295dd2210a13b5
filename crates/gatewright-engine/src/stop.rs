//! Asking a run to stop: once to drain, twice to stop now.

use tokio::sync::watch;

/// The side that asks.
#[derive(Clone, Debug)]
pub struct Stopper(watch::Sender<u32>);

impl Stopper {
    /// Asks once more. The first time what is on its way is awaited; the second time it is left.
    pub fn request(&self) {
        self.0.send_modify(|asked| *asked = asked.saturating_add(1));
    }
}

/// The side that a run listens to.
#[derive(Clone, Debug)]
pub struct StopSignal(watch::Receiver<u32>);

impl StopSignal {
    /// Returns how often a stop was asked for.
    pub fn asked(&self) -> u32 {
        *self.0.borrow()
    }

    /// Waits until a stop was asked for more than `seen` times; for ever when nobody can ask any more.
    pub(crate) async fn beyond(&mut self, seen: u32) -> u32 {
        match self.0.wait_for(|asked| *asked > seen).await {
            Ok(asked) => *asked,
            Err(_) => std::future::pending().await,
        }
    }
}

/// Makes the two sides.
pub fn stop_pair() -> (Stopper, StopSignal) {
    let (sender, receiver) = watch::channel(0);
    (Stopper(sender), StopSignal(receiver))
}
