//! Pages that show output: a comment names the command, the fence after it holds what the command prints.
//!
//! ````text
//! <!-- output: gatewright check -->          runs in a folder with a fresh copy of the shipped example
//! ```text
//! …                                          replaced by what it prints
//! ```
//! <!-- replace in FILE: OLD => NEW -->       edits the copy before the next command
//! <!-- run: gatewright … -->                 runs without showing
//! ````

use std::path::{Path, PathBuf};

use super::Generated;
use super::program::Program;
use crate::repository::{self, Failure};

/// The pages, each with an example folder of its own.
pub(super) const PAGES: [&str; 2] = ["README.md", "docs/tutorial.md"];

/// A comment that asks for something.
#[derive(Debug, PartialEq, Eq)]
enum Directive {
    /// Fill the next fence with what this prints.
    Output(Vec<String>),
    /// Run this and show nothing.
    Run(Vec<String>),
    /// Replace a text in a file of the copy.
    Replace {
        file: String,
        old: String,
        new: String,
    },
}

/// Runs a page's commands from top to bottom and fills its fences.
pub(super) fn generate(page: &'static str, program: &Program) -> Result<Generated, Failure> {
    let folder = example(page)?;
    let source = std::fs::read_to_string(repository::root().join(page))?;
    let filled = fill(&source, |directive| obey(directive, program, &folder));
    std::fs::remove_dir_all(folder.parent().unwrap_or(&folder))?;
    Ok(Generated {
        path: page,
        text: filled.map_err(|error| format!("{page}: {error}"))?,
    })
}

fn obey(directive: Directive, program: &Program, folder: &Path) -> Result<String, Failure> {
    match directive {
        Directive::Output(words) => {
            let printed = program.run(&words, folder)?;
            let mut text = printed.text;
            if printed.code != 0 {
                text.push_str(&format!("(exit code {})\n", printed.code));
            }
            Ok(text)
        }
        Directive::Run(words) => program.run(&words, folder).map(|_| String::new()),
        Directive::Replace { file, old, new } => {
            let path = folder.join(&file);
            let text = std::fs::read_to_string(&path)?;
            if !text.contains(&old) {
                return Err(format!("{file} does not hold `{old}`").into());
            }
            std::fs::write(path, text.replace(&old, &new))?;
            Ok(String::new())
        }
    }
}

/// Copies the shipped example's tracked files into a fresh folder.
fn example(page: &str) -> Result<PathBuf, Failure> {
    const FROM: &str = "examples/billing-support/";
    let name = page.replace(['/', '.'], "-");
    let folder = std::env::temp_dir()
        .join(format!("gatewright-generate-{}-{name}", std::process::id()))
        .join("billing");
    for file in repository::text_files()? {
        if let Some(path) = file.path.strip_prefix(FROM) {
            let to = folder.join(path);
            if let Some(parent) = to.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(to, file.text)?;
        }
    }
    Ok(folder)
}

/// Copies the page, asking for the text of each fence that follows an output comment.
fn fill(
    source: &str,
    mut ask: impl FnMut(Directive) -> Result<String, Failure>,
) -> Result<String, Failure> {
    let mut out = String::with_capacity(source.len());
    let mut lines = source.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        out.push_str(line);
        out.push('\n');
        let at = |what: String| format!("line {}: {what}", index + 1);
        let Some(directive) = parse(line).map_err(at)? else {
            continue;
        };
        let fills = matches!(directive, Directive::Output(_));
        let text = ask(directive).map_err(|error| at(error.to_string()))?;
        if !fills {
            continue;
        }
        match lines.next() {
            Some((_, fence)) if fence.starts_with("```") => {
                out.push_str(fence);
                out.push('\n');
            }
            _ => return Err(at("an output comment needs a fence on the next line".into()).into()),
        }
        out.push_str(text.trim_end());
        out.push_str("\n```\n");
        if !lines.any(|(_, line)| line == "```") {
            return Err(at("the fence is not closed".into()).into());
        }
    }
    Ok(out)
}

fn parse(line: &str) -> Result<Option<Directive>, String> {
    let Some(inside) = line
        .strip_prefix("<!-- ")
        .and_then(|rest| rest.strip_suffix(" -->"))
    else {
        return Ok(None);
    };
    if let Some(command) = inside.strip_prefix("output: ") {
        return Ok(Some(Directive::Output(words(command)?)));
    }
    if let Some(command) = inside.strip_prefix("run: ") {
        return Ok(Some(Directive::Run(words(command)?)));
    }
    if let Some(edit) = inside.strip_prefix("replace in ") {
        let parts = edit
            .split_once(": ")
            .and_then(|(file, change)| Some((file, change.split_once(" => ")?)));
        let (file, (old, new)) = parts.ok_or("write `replace in FILE: OLD => NEW`")?;
        return Ok(Some(Directive::Replace {
            file: file.into(),
            old: old.into(),
            new: new.into(),
        }));
    }
    Ok(None)
}

/// Splits `gatewright WORD "TWO WORDS"` into the words after the program's name.
fn words(command: &str) -> Result<Vec<String>, String> {
    let rest = command
        .strip_prefix("gatewright")
        .ok_or("a command starts with `gatewright`")?;
    let mut words = Vec::new();
    for (index, part) in rest.split('"').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    if rest.matches('"').count() % 2 == 1 {
        return Err("a quote is not closed".into());
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_are_filled_and_the_rest_stays() {
        let page = "# A\n<!-- output: gatewright check -->\n```text\nold\n```\ntext\n<!-- other -->\n```sh\nls\n```\n";
        let filled = fill(page, |directive| {
            assert_eq!(directive, Directive::Output(vec!["check".into()]));
            Ok("new\nlines\n\n".into())
        })
        .expect("a good page");
        assert_eq!(
            filled,
            "# A\n<!-- output: gatewright check -->\n```text\nnew\nlines\n```\ntext\n<!-- other -->\n```sh\nls\n```\n"
        );
    }

    #[test]
    fn a_broken_fence_is_an_error_with_its_line() {
        for page in [
            "\n<!-- output: gatewright gate -->\ntext\n",
            "\n<!-- output: gatewright gate -->\n```\n",
        ] {
            let error = fill(page, |_| Ok(String::new())).expect_err("a broken page");
            assert!(error.to_string().starts_with("line 2: "), "{error}");
        }
    }

    #[test]
    fn directives() {
        assert_eq!(
            parse("<!-- replace in a.yaml: \"12\" => \"13\" -->"),
            Ok(Some(Directive::Replace {
                file: "a.yaml".into(),
                old: "\"12\"".into(),
                new: "\"13\"".into()
            }))
        );
        assert_eq!(
            parse("<!-- run: gatewright triage --why \"two words\" x -->"),
            Ok(Some(Directive::Run(
                ["triage", "--why", "two words", "x"]
                    .map(String::from)
                    .to_vec()
            )))
        );
        assert!(parse("<!-- output: rm -rf -->").is_err());
        assert!(parse("<!-- output: gatewright \"a -->").is_err());
        assert_eq!(parse("<!-- a comment -->"), Ok(None));
    }
}
