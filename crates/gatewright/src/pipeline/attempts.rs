//! Makes what is outstanding: the engine, the log behind it, signals, and the display.

use std::cell::RefCell;
use std::collections::BTreeMap;

use gatewright_core::event::RunEvent;
use gatewright_core::exchange::Blob;
use gatewright_core::manifest::Role;
use gatewright_core::plan::{Plan, outstanding};
use gatewright_engine::{Stopper, run, stop_pair};
use gatewright_store::{RunLog, StoreError};

use crate::console::Console;
use crate::crash;
use crate::error::Failure;
use crate::pipeline::display::Display;
use crate::pipeline::drive::Drive;
use crate::pipeline::ends;
use crate::pipeline::load::Loaded;

/// Room on the disk that a run keeps free while it asks: far more than all that can be on its way at once brings back.
pub(super) const ROOM_BYTES: u64 = 16 << 20;

/// Makes every outstanding attempt of the plan that the drive takes.
///
/// # Errors
/// Interrupted (130) or incomplete (111), both resumable, with the command that goes on; otherwise what the log refused.
pub(super) fn make(
    loaded: &Loaded,
    plan: &Plan,
    drive: &mut Drive,
    log: &mut RunLog,
    at: &str,
    console: &Console,
) -> Result<(), Failure> {
    let progress = log.progress()?;
    let mut todo: BTreeMap<Role, u64> = BTreeMap::new();
    let mut sends = false;
    for attempt in outstanding(plan, &progress).filter(|attempt| drive.takes(attempt)) {
        *todo.entry(attempt.system).or_default() += 1;
        sends |= drive.sends(&attempt);
    }
    let maybe_paid = progress.started.len();
    if maybe_paid > 0 {
        console.note(&match maybe_paid {
            1 => "1 attempt of the interrupted run may have been paid for without a result; it is made again".to_owned(),
            count => format!("{count} attempts of the interrupted run may have been paid for without a result; they are made again"),
        });
    }
    if sends {
        drive.open(loaded, plan, console)?;
        log.keep_room(ROOM_BYTES)?;
    }
    drive.targets.seed = plan.seed;
    let limits = drive.limits();
    let shown = RefCell::new(Display::new(
        loaded,
        plan,
        &todo,
        &limits,
        drive.command,
        console,
    ));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|source| Failure::Unexpected {
        doing: "start the engine".to_owned(),
        source: Box::new(source),
    })?;
    let (stopper, signal) = stop_pair();
    let driven = &*drive;
    let end = runtime.block_on(async {
        let watcher = tokio::spawn(watch_signals(stopper.clone()));
        let commit = |events: &[RunEvent], blobs: &[Blob]| {
            crash::point("before-commit");
            keep(log, events, blobs, at, &stopper)?;
            crash::point("committed");
            Ok(())
        };
        // What was refused before comes last: an answer to another one tells what the refusal was about.
        let todo = |last: bool| {
            let refused = &driven.targets.refused;
            outstanding(plan, &progress).filter(move |attempt| {
                driven.takes(attempt) && refused.contains_key(attempt) == last
            })
        };
        let work = run(
            todo(false).chain(todo(true)),
            &loaded.reference,
            &driven.targets,
            &limits,
            |event| {
                crash::point("counted");
                shown.borrow_mut().observe(event);
            },
            commit,
            signal,
        );
        let every = shown.borrow().every();
        let redraw = async {
            loop {
                tokio::time::sleep(every).await;
                shown.borrow_mut().tick();
            }
        };
        let end = tokio::select! {
            end = work => end,
            () = redraw => unreachable!("it redraws for as long as there is work"),
        };
        watcher.abort();
        end
    });
    let (calls, dollars) = shown.into_inner().finish();
    drive.spend(calls, dollars);
    ends::room(log, &end, drive.command)?;
    ends::settle(end, &loaded.manifest, drive.command)
}

/// Makes events durable. When that takes the room that was kept, the run is asked to stop: nothing more is sent, and what is on its way still finds a
/// place (F3).
pub(super) fn keep(
    log: &mut RunLog,
    events: &[RunEvent],
    blobs: &[Blob],
    at: &str,
    stopper: &Stopper,
) -> Result<(), StoreError> {
    let had = !log.is_out_of_room();
    log.append_with(events, blobs, at)?;
    if had && log.is_out_of_room() {
        stopper.request();
    }
    Ok(())
}

/// Ends when the program is asked to end.
pub(crate) async fn ended() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let one = async |kind| match signal(kind) {
            Ok(mut stream) => {
                stream.recv().await;
            }
            Err(_) => std::future::pending().await,
        };
        tokio::select! {
            () = one(SignalKind::interrupt()) => {}
            () = one(SignalKind::terminate()) => {}
            () = one(SignalKind::hangup()) => {}
        }
    }
    #[cfg(not(unix))]
    let _ = tokio::signal::ctrl_c().await;
}

/// Asks the run to stop on the signals that ask a program to end: once to drain, twice to stop now (F21).
pub(super) async fn watch_signals(stopper: Stopper) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        for kind in kinds {
            let stopper = stopper.clone();
            if let Ok(mut stream) = signal(kind) {
                tokio::spawn(async move {
                    while stream.recv().await.is_some() {
                        stopper.request();
                    }
                });
            }
        }
        std::future::pending::<()>().await;
    }
    #[cfg(not(unix))]
    while tokio::signal::ctrl_c().await.is_ok() {
        stopper.request();
    }
}
