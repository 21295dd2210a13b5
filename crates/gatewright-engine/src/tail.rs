//! The last lines that a system wrote to its standard error.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};

/// The last lines of one system, over all of its programs.
#[derive(Clone, Debug)]
pub(crate) struct Tail {
    lines: Arc<Mutex<VecDeque<String>>>,
    lines_max: usize,
    line_bytes_max: usize,
}

/// The last line of one program.
pub(crate) type LastLine = Arc<Mutex<String>>;

impl Tail {
    pub(crate) fn new(lines_max: usize, line_bytes_max: usize) -> Self {
        Self {
            lines: Arc::default(),
            lines_max,
            line_bytes_max,
        }
    }

    /// Takes the lines out.
    pub(crate) fn take(&self) -> Vec<String> {
        lock(&self.lines).drain(..).collect()
    }

    /// Reads a program's standard error to its end. Nothing but the last lines is kept, whatever it writes.
    pub(crate) async fn follow(self, mut stream: impl AsyncRead + Unpin, last: LastLine) {
        let mut chunk = vec![0; 16 << 10];
        let mut line = Vec::new();
        while let Ok(n @ 1..) = stream.read(&mut chunk).await {
            for &byte in &chunk[..n] {
                if byte == b'\n' {
                    self.keep(&line, &last);
                    line.clear();
                } else if line.len() < self.line_bytes_max {
                    line.push(byte);
                }
            }
        }
        self.keep(&line, &last);
    }

    fn keep(&self, line: &[u8], last: &LastLine) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() || self.lines_max == 0 {
            return;
        }
        let line = String::from_utf8_lossy(line).into_owned();
        lock(last).clone_from(&line);
        let mut lines = lock(&self.lines);
        if lines.len() == self.lines_max {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// Locks; a panic elsewhere does not make the lines wrong.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_lines_are_kept_and_clipped() {
        let tail = Tail::new(3, 5);
        let last = LastLine::default();
        let text: &[u8] = b"one\ntwo\n\nthree-and-more\r\nfour\nfi\xff\x1b[0";
        tail.clone().follow(text, last.clone()).await;
        assert_eq!(tail.take(), ["three", "four", "fi\u{fffd}\u{1b}["]);
        assert_eq!(*lock(&last), "fi\u{fffd}\u{1b}[");
        assert!(tail.take().is_empty());
    }
}
