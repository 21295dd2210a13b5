//! Single keys on a terminal. Its modes come back however the program ends: at the end of the run, or in a panic.

use std::sync::Mutex;

#[cfg(unix)]
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

/// The modes that the terminal had.
#[cfg(unix)]
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);
#[cfg(not(unix))]
static BEFORE: Mutex<Option<()>> = Mutex::new(None);

/// Listens to single keys until it is dropped.
pub(super) struct Keys;

impl Keys {
    /// Begins to listen; nothing when standard input is no terminal, or belongs to another job.
    #[cfg(unix)]
    pub(super) fn listen() -> Option<Self> {
        use std::io::IsTerminal as _;
        let stdin = std::io::stdin();
        if !stdin.is_terminal() || !is_foreground() {
            return None;
        }
        let before = tcgetattr(&stdin).ok()?;
        let mut modes = before.clone();
        modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        // A read returns at once with what is there.
        modes.special_codes[SpecialCodeIndex::VMIN] = 0;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        *BEFORE
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(before);
        let listens = Self;
        // What fails here is put back by the drop.
        tcsetattr(&stdin, OptionalActions::Now, &modes).ok()?;
        Some(listens)
    }

    #[cfg(not(unix))]
    pub(super) fn listen() -> Option<Self> {
        None
    }

    /// Says whether a key was pressed an odd number of times since it was last asked.
    pub(super) fn pressed(&self, key: u8) -> bool {
        #[cfg(unix)]
        if is_foreground() {
            let mut typed = [0; 64];
            let stdin = std::io::stdin();
            let count = rustix::io::read(&stdin, &mut typed).unwrap_or(0);
            return typed[..count].iter().filter(|&&one| one == key).count() % 2 == 1;
        }
        let _ = key;
        false
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back the modes that it had; nothing when they were not changed.
pub(crate) fn restore() {
    let mut before = BEFORE
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(_modes) = before.take() {
        #[cfg(unix)]
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &_modes);
    }
}

/// A job in the background must not read from its terminal: it would be stopped.
#[cfg(unix)]
fn is_foreground() -> bool {
    rustix::termios::tcgetpgrp(std::io::stdin()).ok() == Some(rustix::process::getpgrp())
}
