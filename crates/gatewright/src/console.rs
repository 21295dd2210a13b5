//! The terminal: width, colour, symbols; what goes to standard output and what to standard error.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::RwLock;

use gatewright_core::report::TerminalOptions;
use gatewright_core::report::untrusted;
use gatewright_engine::{Scrubber, SecretText};

use crate::args::Global;
use crate::error::Failure;

/// Takes the secrets of this process out of everything that it writes. Global, as a panic writes too.
static SCRUBBER: RwLock<Option<Scrubber>> = RwLock::new(None);

/// From here on these secrets are taken out of everything that is written.
pub(crate) fn guard<'s>(secrets: impl IntoIterator<Item = &'s SecretText>) {
    let scrubber = Scrubber::new(secrets);
    let mut held = SCRUBBER
        .write()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    *held = Some(scrubber);
}

/// Takes the secrets of this process out of a text.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    let held = SCRUBBER
        .read()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    match held.as_ref() {
        Some(scrubber) => scrubber.text(text),
        None => Cow::Borrowed(text),
    }
}

/// Where a command writes.
#[derive(Clone, Debug)]
pub(crate) struct Console {
    /// Facts about standard output.
    pub(crate) options: TerminalOptions,
    /// Only one JSON document on standard output.
    pub(crate) json: bool,
    /// Nothing but the answer and errors.
    pub(crate) quiet: bool,
    /// More of what happens.
    pub(crate) verbose: bool,
    /// Standard error is a terminal that may be drawn on.
    pub(crate) live: bool,
    /// Somebody can answer questions.
    pub(crate) interactive: bool,
}

impl Console {
    /// Looks at the flags, the environment and the streams.
    pub(crate) fn new(global: &Global, var: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| var(name).is_some_and(|value| !value.is_empty());
        let dumb = var("TERM").is_some_and(|term| term == "dumb");
        let ci = set("CI");
        let out_is_terminal = io::stdout().is_terminal();
        let forced = set("FORCE_COLOR")
            || var("CLICOLOR_FORCE").is_some_and(|value| value != "0" && !value.is_empty());
        let colour =
            !global.no_color && !set("NO_COLOR") && !dumb && (forced || (out_is_terminal && !ci));
        let columns = var("COLUMNS")
            .and_then(|text| text.trim().parse().ok())
            .filter(|&width: &usize| width >= 40);
        Self {
            options: TerminalOptions {
                width: columns.or_else(measured).unwrap_or(80).min(200),
                colour,
                symbols: !dumb,
            },
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose,
            live: io::stderr().is_terminal() && !ci && !dumb && !global.quiet && !global.json,
            interactive: io::stdin().is_terminal() && out_is_terminal && !ci && !global.json,
        }
    }

    /// Writes to standard output. A closed pipe is quiet: whoever reads has seen enough.
    ///
    /// # Errors
    /// When the disk behind it is full, or similar.
    pub(crate) fn out(&self, text: &str) -> Result<(), Failure> {
        let text = clean(text);
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Unexpected {
                doing: "write to standard output".to_owned(),
                source: Box::new(error),
            }),
            _ => Ok(()),
        }
    }

    /// Writes one JSON document to standard output.
    ///
    /// # Errors
    /// As [`Console::out`].
    pub(crate) fn document<T: serde::Serialize>(&self, value: &T) -> Result<(), Failure> {
        let text = document(value)?;
        self.out(&text)
    }

    /// Writes what a command found: as one JSON document, or as text for the terminal's width.
    ///
    /// # Errors
    /// As [`Console::out`].
    pub(crate) fn answer<T: serde::Serialize>(
        &self,
        value: &T,
        text: impl FnOnce(usize) -> String,
    ) -> Result<(), Failure> {
        match self.json {
            true => self.document(value),
            false => self.out(&text(self.options.width)),
        }
    }

    /// Says something on standard error, unless quiet.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.say(text);
        }
    }

    /// Says something of several sentences on standard error, unless quiet: no line is wider than the terminal.
    pub(crate) fn wrapped(&self, text: &str) {
        self.note(&untrusted::wrap(text, self.options.width, 2).join("\n"));
    }

    /// Says something on standard error when asked to say more.
    pub(crate) fn detail(&self, text: &str) {
        if self.verbose {
            self.say(text);
        }
    }

    /// Says something of several sentences on standard error in any case: no line is wider than the terminal.
    pub(crate) fn say_wrapped(&self, text: &str) {
        self.say(&untrusted::wrap(text, self.options.width, 2).join("\n"));
    }

    /// Says something on standard error in any case.
    pub(crate) fn say(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{}", clean(text.trim_end()));
    }
}

/// Measures the terminal, when standard output is one.
fn measured() -> Option<usize> {
    let (width, _) = terminal_size::terminal_size_of(io::stdout())?;
    Some(usize::from(width.0)).filter(|&width| width >= 40)
}

/// Formats one JSON document; what a terminal could obey is escaped.
///
/// # Errors
/// When a value cannot be serialised: a defect.
pub(crate) fn document<T: serde::Serialize>(value: &T) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::Unexpected {
        doing: "write JSON".to_owned(),
        source: Box::new(error),
    })?;
    Ok(untrusted::json(&clean(&text)) + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A17: what goes out goes through the scrubber, also where JSON escaped it.
    #[test]
    fn a17_secrets_of_the_process_are_taken_out_of_what_it_writes() {
        let secret = SecretText::new("sk-canary-\"quoted\"-console".to_owned());
        guard([&secret]);
        let shown = clean("the provider said: sk-canary-\"quoted\"-console is wrong");
        assert!(!shown.contains("canary-"), "{shown}");
        let panic = crate::defect("panicked at x: Err(\"sk-canary-\"quoted\"-console\u{1b}[2J\")");
        assert!(!panic.concat().contains("canary-"), "{panic:?}");
        assert!(!panic.concat().contains('\u{1b}'), "{panic:?}");
        let document = document(&serde_json::json!({"why": secret.reveal()})).expect("JSON");
        assert!(!document.contains("canary-"), "{document}");
    }
}
