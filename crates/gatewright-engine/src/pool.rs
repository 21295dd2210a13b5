//! The thread that drives the programs. It is not the one that commits: a disk that takes half a minute to flush
//! neither lengthens a latency nor lets an answer run out of time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use gatewright_core::manifest::Role;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::limits::Limits;
use crate::tail::Tail;
use crate::target::CommandTarget;
use crate::worker::{Message, Order, StartTime, Worker};

/// Reports that may wait for the loop.
const REPORTS_MAX: usize = 1024;

/// The programs' thread. Dropping it kills every program and waits for the thread.
pub(crate) struct Pool {
    kill: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    pub(crate) reports: mpsc::Receiver<Message>,
}

/// A worker as the loop sees it.
pub(crate) struct Handle {
    pub(crate) system: Role,
    pub(crate) orders: mpsc::Sender<Order>,
}

impl Pool {
    /// Starts the thread with all workers, none of which has a program yet. Without workers there is no thread.
    pub(crate) fn start(
        systems: &BTreeMap<Role, (CommandTarget, Tail)>,
        limits: &Limits,
    ) -> std::io::Result<(Self, Vec<Handle>)> {
        let (kill, killed) = watch::channel(false);
        let (reports, received) = mpsc::channel(REPORTS_MAX);
        let limits = Arc::new(limits.clone());
        let mut handles = Vec::new();
        let mut workers = Vec::new();
        let systems: Vec<_> = systems
            .iter()
            .map(|(&system, (target, tail))| {
                let start = Arc::new(StartTime::unknown());
                (system, Arc::new(target.clone()), tail, start)
            })
            .collect();
        // The first worker of each system, then the second: when the machine has room for some programs only, each
        // system gets its share.
        for place in 0..Limits::WORKERS_MAX {
            for (system, target, tail, start) in &systems {
                if place >= target.workers.max(1) {
                    continue;
                }
                // One attempt at a time: a start and a question never wait behind another question.
                let (orders, received) = mpsc::channel(2);
                let worker = Worker {
                    number: handles.len(),
                    target: target.clone(),
                    limits: limits.clone(),
                    tail: (*tail).clone(),
                    reports: reports.clone(),
                    kill: killed.clone(),
                    start: start.clone(),
                };
                handles.push(Handle {
                    system: *system,
                    orders,
                });
                workers.push((worker, received));
            }
        }
        let thread = if workers.is_empty() {
            None
        } else {
            Some(spawn(workers)?)
        };
        let pool = Self {
            kill,
            thread,
            reports: received,
        };
        Ok((pool, handles))
    }

    /// Tells every worker to kill its program and leave.
    pub(crate) fn kill(&self) {
        self.kill.send_replace(true);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.kill();
        self.reports.close();
        if let Some(thread) = self.thread.take() {
            // A panic there has shown itself already as the end of the reports.
            let _ = thread.join();
        }
    }
}

fn spawn(workers: Vec<(Worker, mpsc::Receiver<Order>)>) -> std::io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("gatewright-programs".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                let mut tasks = JoinSet::new();
                for (worker, orders) in workers {
                    tasks.spawn(worker.work(orders));
                }
                while tasks.join_next().await.is_some() {}
            });
        })
}
