//! `cargo xtask generate [--check]`: every checked-in file, or part of a file, that the program itself can write.
//!
//! With `--check` nothing is written, and a difference fails: so what a page shows is what the program does.

mod graders;
mod manual;
mod pages;
mod program;
mod schemas;

use crate::repository::{self, Failure};
use program::Program;

/// A file as it must be.
struct Generated {
    /// Path from the root.
    path: &'static str,
    /// Its whole text.
    text: String,
}

/// Writes all generated files, or with `check` fails when one of them differs.
pub(crate) fn run(check: bool) -> Result<(), Failure> {
    let mut all = schemas::generate()?;
    all.push(graders::generate());
    let program = Program::build()?;
    // One page that cannot be made does not keep the others from being made.
    let mut failures = 0;
    let pages = pages::PAGES.map(|page| pages::generate(page, &program));
    for made in [manual::generate(&program)].into_iter().chain(pages) {
        match made {
            Ok(file) => all.push(file),
            Err(error) => {
                failures += 1;
                println!("error: {error}");
            }
        }
    }
    let mut stale = Vec::new();
    for file in &all {
        let path = repository::root().join(file.path);
        let old = std::fs::read_to_string(&path).unwrap_or_default();
        if old == file.text {
            continue;
        }
        stale.push(file.path);
        if check {
            println!("{}", difference(file, &old));
        } else {
            std::fs::write(path, &file.text)?;
            println!("wrote {}", file.path);
        }
    }
    println!("generate: {} files, {} changed", all.len(), stale.len());
    if failures > 0 {
        return Err(format!("{failures} pages could not be made").into());
    }
    if check && !stale.is_empty() {
        return Err(
            "generated files are out of date: run `cargo xtask generate` and look at what changed"
                .into(),
        );
    }
    Ok(())
}

/// Says where a file first differs.
fn difference(file: &Generated, old: &str) -> String {
    let line = old
        .lines()
        .zip(file.text.lines())
        .take_while(|(old, new)| old == new)
        .count();
    let at = |text: &str| text.lines().nth(line).unwrap_or("(end)").to_owned();
    format!(
        "{}:{}: differs\n  in the file: {}\n  now:         {}",
        file.path,
        line + 1,
        at(old),
        at(&file.text)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        let file = Generated {
            path: "a.md",
            text: "one\nthree\n".into(),
        };
        let said = difference(&file, "one\ntwo\n");
        assert!(said.starts_with("a.md:2: differs"), "{said}");
        assert!(said.contains("two") && said.contains("three"), "{said}");
        assert!(difference(&file, "").contains("(end)"));
    }
}
