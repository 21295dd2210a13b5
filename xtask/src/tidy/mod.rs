//! `cargo xtask tidy`: the rules of the repository that no compiler checks.
//!
//! Each rule is a function from what it looks at to findings, so that a test can show it both kinds of input.

mod code;
mod dependencies;
mod documents;
mod invariants;
mod licence;
mod problems;
mod sources;

use dependencies::Build;

use crate::repository::{self, Failure};

/// One thing that a rule has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Fails the run; otherwise it is only shown.
    pub(crate) fails: bool,
    /// `path`, `path:line` or a crate's name.
    pub(crate) at: String,
    /// What is wrong and what to do instead.
    pub(crate) what: String,
}

impl Finding {
    fn error(at: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            fails: true,
            at: at.into(),
            what: what.into(),
        }
    }

    fn warning(at: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            fails: false,
            at: at.into(),
            what: what.into(),
        }
    }
}

/// Checks everything and prints all findings; fails when one of them is an error.
pub(crate) fn run() -> Result<(), Failure> {
    let files = repository::text_files()?;
    let metadata = dependencies::metadata(Build::Everyday)?;
    let providers = dependencies::metadata(Build::Providers)?;
    let mut findings = Vec::new();
    findings.extend(dependencies::arrows(&metadata));
    findings.extend(dependencies::optional(&metadata));
    findings.extend(dependencies::banned(&metadata, Build::Everyday));
    findings.extend(dependencies::banned(&providers, Build::Providers));
    // The larger tree holds the everyday one.
    findings.extend(licence::check(&providers));
    findings.extend(sources::check(&files));
    findings.extend(documents::check(&files));
    findings.extend(invariants::check(&files));
    findings.extend(problems::check(&files));

    for finding in findings.iter().filter(|finding| !finding.fails) {
        println!("warning: {}: {}", finding.at, finding.what);
    }
    let errors: Vec<&Finding> = findings.iter().filter(|finding| finding.fails).collect();
    for finding in &errors {
        println!("error: {}: {}", finding.at, finding.what);
    }
    println!(
        "tidy: {} files, {} errors, {} warnings",
        files.len(),
        errors.len(),
        findings.len() - errors.len()
    );
    if errors.is_empty() {
        Ok(())
    } else {
        Err("the repository is not tidy".into())
    }
}
