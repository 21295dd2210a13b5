//! `docs/cli.md`: the help of every command, as the program prints it.

use std::fmt::Write as _;
use std::sync::LazyLock;

use regex::Regex;

use super::Generated;
use super::program::Program;
use crate::repository::{self, Failure};

/// Commands are listed at two spaces, lower case, with their line of help after at least two more.
static COMMAND: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^  ([a-z][a-z-]*)(?:  +\S.*)?$").expect("a literal pattern"));

/// Asks the program for the help of every command.
pub(super) fn generate(program: &Program) -> Result<Generated, Failure> {
    let mut text = String::from(
        "# Commands\n\nThe help of every command, as the program prints it; `cargo xtask generate` writes this page.\n",
    );
    describe(program, &[], &mut text)?;
    Ok(Generated {
        path: "docs/cli.md",
        text,
    })
}

fn describe(program: &Program, command: &[String], text: &mut String) -> Result<(), Failure> {
    let mut arguments = command.to_vec();
    arguments.push("--help".into());
    let help = program.run(&arguments, &repository::root())?.text;
    let title = if command.is_empty() {
        "gatewright".to_owned()
    } else {
        command.join(" ")
    };
    let level = "#".repeat(command.len().max(1) + 1);
    write!(
        text,
        "\n{level} {title}\n\n```text\n{}\n```\n",
        trimmed(&help)
    )?;
    for name in commands(&help) {
        let mut inner = command.to_vec();
        inner.push(name);
        describe(program, &inner, text)?;
    }
    Ok(())
}

fn commands(help: &str) -> Vec<String> {
    // Examples are indented too; commands come before them and before the options.
    let listed = ["\nExamples:", "\nOptions:", "\nArguments:"]
        .iter()
        .filter_map(|heading| help.find(heading))
        .min()
        .map_or(help, |end| &help[..end]);
    COMMAND
        .captures_iter(listed)
        .map(|found| found[1].to_owned())
        .filter(|name| name != "help")
        .collect()
}

fn trimmed(help: &str) -> String {
    help.trim_end()
        .lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_in_groups() {
        let help = "Evals that decide.\n\nUsage: x\n\nStart:\n  init   asks\n           and more\n  check  says\n\nDecide:\n  report-all  shows\n  help  h\n\nOptions:\n  -h, --help  Print help\n\nExamples:\n  gatewright  gate\n";
        assert_eq!(commands(help), ["init", "check", "report-all"]);
        assert!(commands("Usage: x\n\nArguments:\n  [DIR]  where\n").is_empty());
    }
}
