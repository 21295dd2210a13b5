//! Snapshots that are the same on every machine: times, hashes, process ids and folders by name.

use std::path::Path;

use regex::Regex;

/// Replaces what differs from run to run, in the order in which the replacements were added.
#[derive(Clone, Debug)]
pub struct Redactor {
    replacements: Vec<(Regex, String)>,
}

impl Redactor {
    /// Starts with times (`<time>`), hashes (`<sha256>`) and process ids (`process <pid>`).
    ///
    /// # Panics
    /// Never: the patterns are fixed.
    pub fn new() -> Self {
        let redactor = Self {
            replacements: Vec::new(),
        };
        redactor
            .also(
                r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)(\[[^\]]*\])?",
                "<time>",
            )
            .also(r"sha256:[0-9a-f]{64}", "<sha256>")
            .also(r"\b[0-9a-f]{64}\b", "<sha256>")
            .also(r"\bprocess \d+", "process <pid>")
    }

    /// Replaces a folder by `<NAME>`. Longer paths should be added before those that hold them.
    ///
    /// # Panics
    /// Never: the path is escaped.
    #[must_use]
    pub fn folder(self, path: &Path, name: &str) -> Self {
        let pattern = regex::escape(&path.to_string_lossy());
        self.also(&pattern, &format!("<{name}>"))
    }

    /// Replaces what a pattern matches; `$1` in the replacement stands for its first group.
    ///
    /// # Panics
    /// When the pattern is not a regular expression.
    #[must_use]
    pub fn also(mut self, pattern: &str, replacement: &str) -> Self {
        let pattern = Regex::new(pattern).expect("a test's own pattern");
        self.replacements.push((pattern, replacement.to_owned()));
        self
    }

    /// Applies all replacements.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.replacements
            .iter()
            .fold(text.to_owned(), |text, (pattern, replacement)| {
                pattern
                    .replace_all(&text, replacement.as_str())
                    .into_owned()
            })
    }
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_run_to_run_is_replaced() {
        let redactor = Redactor::new()
            .folder(Path::new("/tmp/a.b/project"), "project")
            .also(r"in (\d+) ms", "in <n> ms");
        let hash = "0123456789abcdef".repeat(4);
        assert_eq!(
            redactor.redact(&format!(
                "/tmp/a.b/project/x at 2026-01-02T03:04:05.678Z sha256:{hash} {hash} process 42 in 7 ms, /tmp/axb/project"
            )),
            "<project>/x at <time> <sha256> <sha256> process <pid> in <n> ms, /tmp/axb/project"
        );
    }
}
