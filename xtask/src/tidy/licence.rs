//! Every crate in the tree must offer a licence that an Apache-2.0 program may carry.

use serde_json::Value;

use super::Finding;
use super::dependencies::{list, text};

const ALLOWED: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    // Data, not code: the root certificates of public authorities.
    "CDLA-Permissive-2.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Checks the licence expression of every package.
pub(crate) fn check(metadata: &Value) -> Vec<Finding> {
    list(metadata, "packages")
        .filter(|package| !acceptable(text(package, "license")))
        .map(|package| {
            Finding::error(
                format!("{} {}", text(package, "name"), text(package, "version")),
                format!(
                    "licence `{}` is not on the list of xtask/src/tidy/licence.rs",
                    text(package, "license")
                ),
            )
        })
        .collect()
}

/// Evaluates a licence expression: AND needs both sides, OR (and the old `/`) one.
fn acceptable(expression: &str) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    either(&mut rest) && rest.is_empty()
}

fn either(words: &mut &[&str]) -> bool {
    let mut good = both(words);
    while let Some((&"OR", rest)) = words.split_first() {
        *words = rest;
        // No short circuit: the right side must be read either way.
        good |= both(words);
    }
    good
}

fn both(words: &mut &[&str]) -> bool {
    let mut good = one(words);
    while let Some((&"AND", rest)) = words.split_first() {
        *words = rest;
        good &= one(words);
    }
    good
}

fn one(words: &mut &[&str]) -> bool {
    match words.split_first() {
        Some((&"(", rest)) => {
            *words = rest;
            let good = either(words);
            match words.split_first() {
                Some((&")", rest)) => {
                    *words = rest;
                    good
                }
                _ => false,
            }
        }
        Some((name, rest)) => {
            *words = rest;
            if let [first, exception, rest @ ..] = rest
                && *first == "WITH"
            {
                *words = rest;
                return ALLOWED.contains(&format!("{name} WITH {exception}").as_str());
            }
            ALLOWED.contains(name)
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        for good in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
            "LGPL-2.1 OR MIT",
        ] {
            assert!(acceptable(good), "{good}");
        }
        for bad in [
            "",
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "(MIT",
            "Apache-2.0 WITH Odd-exception",
            "MIT MIT",
        ] {
            assert!(!acceptable(bad), "{bad}");
        }
    }
}
