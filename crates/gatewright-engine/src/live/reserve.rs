//! Requests whose start is committed already, in reserve for one host.
//!
//! A place that becomes free would stay so until the next start is on the disk. With a reserve the thread that speaks HTTP fills it at once.
//! It does so only after an answer: what follows a fault is for the loop to decide.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::wire::Order;

/// The reserve of one host, shared by the loop and the thread that speaks HTTP.
#[derive(Debug, Default)]
pub(crate) struct Reserve(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    orders: VecDeque<Order>,
    flows: bool,
}

impl Reserve {
    /// Adds a request whose start is committed.
    pub(crate) fn add(&self, order: Order) {
        self.inner().orders.push_back(order);
    }

    /// Takes the next request for the loop to send.
    pub(crate) fn next(&self) -> Option<Order> {
        self.inner().orders.pop_front()
    }

    /// Takes the next request to follow one that was answered, unless the loop or a fault stopped that.
    pub(crate) fn follow(&self) -> Option<Order> {
        let mut inner = self.inner();
        if inner.flows {
            inner.orders.pop_front()
        } else {
            None
        }
    }

    /// Says whether requests may follow one another without the loop.
    pub(crate) fn flow(&self, flows: bool) {
        self.inner().flows = flows;
    }

    /// Returns how many are in reserve.
    pub(crate) fn len(&self) -> usize {
        self.inner().orders.len()
    }

    /// Takes everything back; what is not in it was sent.
    pub(crate) fn take_back(&self) -> Vec<Order> {
        let mut inner = self.inner();
        inner.flows = false;
        inner.orders.drain(..).collect()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here can be half done: a push or a pop is all that happens under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(ticket: u64) -> Order {
        Order {
            ticket,
            line: 0,
            step: 0,
            call: 0,
            body: Vec::new(),
        }
    }

    #[test]
    fn nothing_follows_until_the_loop_says_so_nor_after_a_fault() {
        let reserve = Reserve::default();
        reserve.add(order(1));
        reserve.add(order(2));
        assert!(reserve.follow().is_none());
        reserve.flow(true);
        assert_eq!(reserve.follow().map(|it| it.ticket), Some(1));
        reserve.flow(false);
        assert!(reserve.follow().is_none());
        assert_eq!(reserve.next().map(|it| it.ticket), Some(2));
    }

    #[test]
    fn what_was_taken_back_is_not_sent() {
        let reserve = Reserve::default();
        reserve.add(order(1));
        reserve.add(order(2));
        reserve.flow(true);
        assert!(reserve.follow().is_some());
        let back: Vec<u64> = reserve.take_back().iter().map(|it| it.ticket).collect();
        assert_eq!(back, [2]);
        reserve.add(order(3));
        assert!(reserve.follow().is_none(), "it has to be said again");
    }
}
