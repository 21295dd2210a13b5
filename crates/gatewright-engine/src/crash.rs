//! Named points at which the program dies, for `cargo xtask crash` and for tests. A release has none: they are there where debug assertions are,
//! and with the feature `crash-points`, with which the command line's crate does not build as a release.

/// Dies by SIGKILL when `GATEWRIGHT_CRASH_AT=NAME:COUNT` names this point and it is reached for the COUNTth time. Nothing runs after it:
/// no destructor, no flush. With `GATEWRIGHT_CRASH_SAYS=TEXT` it panics with that text instead.
///
/// # Panics
/// When it is told to.
#[cfg(any(feature = "crash-points", debug_assertions))]
pub fn point(name: &str) {
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
        if let Ok(says) = std::env::var("GATEWRIGHT_CRASH_SAYS") {
            panic!("{says}");
        }
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

/// Nothing.
#[cfg(not(any(feature = "crash-points", debug_assertions)))]
pub fn point(_name: &str) {}
