//! Named points at which the program kills itself, for `cargo xtask crash`. Without the feature `crash-points` they are nothing.

#[cfg(all(feature = "crash-points", not(debug_assertions)))]
compile_error!("`crash-points` is for `cargo xtask crash` alone and never in a release");

/// Dies by SIGKILL when `GATEWRIGHT_CRASH_AT=NAME:COUNT` names this point and it is reached for the COUNTth time. Nothing runs after it:
/// no destructor, no flush.
#[cfg(feature = "crash-points")]
pub(crate) fn point(name: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    static WANTED: LazyLock<Option<(String, u64)>> = LazyLock::new(|| {
        let wanted = std::env::var("GATEWRIGHT_CRASH_AT").ok()?;
        let (name, count) = wanted.split_once(':')?;
        Some((name.to_owned(), count.parse().ok()?))
    });
    static REACHED: AtomicU64 = AtomicU64::new(0);

    if let Some((wanted, count)) = &*WANTED
        && wanted == name
        && REACHED.fetch_add(1, Ordering::Relaxed) + 1 == *count
    {
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

/// Nothing.
#[cfg(not(feature = "crash-points"))]
pub(crate) fn point(_name: &str) {}
