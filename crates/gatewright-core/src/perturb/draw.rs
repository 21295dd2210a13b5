//! Draws of one perturbation of one example: a stream of its own, so that no other example or kind moves them.

use gatewright_stats::rng::Stream;

/// A seeded source of choices.
pub(super) struct Draw(Stream);

impl Draw {
    /// Opens the stream of a perturbation of an example.
    pub(super) fn new(seed: u64, example: &str, purpose: &str) -> Self {
        Self(Stream::new(seed, "perturb", example, purpose, 0))
    }

    /// Draws an index below n; 0 when n is 0.
    pub(super) fn index(&mut self, n: usize) -> usize {
        self.0.index(n as u64) as usize
    }

    /// Draws a number below n; 0 when n is 0.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0.index(n)
    }

    /// Draws one of some.
    pub(super) fn pick<'t, T>(&mut self, of: &'t [T]) -> Option<&'t T> {
        of.get(self.index(of.len()))
    }

    /// Draws true as often as false.
    pub(super) fn flip(&mut self) -> bool {
        self.index(2) == 1
    }

    /// Draws `count` of n indices without putting back, sorted; all of them when there are no more.
    pub(super) fn some(&mut self, count: usize, n: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..n).collect();
        self.0.shuffle(&mut all);
        all.truncate(count);
        all.sort_unstable();
        all
    }
}
