//! What a CI system needs to run the gate on every pull request.

use std::path::{Path, PathBuf};

use gatewright_core::digest::Digest;

use crate::args::{Ci, InitArgs};
use crate::error::Failure;

const GITHUB: &str = include_str!("workflow/github.yml");
const GITLAB: &str = include_str!("workflow/gitlab.yml");

/// A workflow file.
pub(crate) struct Workflow {
    /// Where it goes: where the repository begins, not where the page is.
    pub(crate) path: PathBuf,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
}

/// Makes the workflow of a CI system for the page in `folder`; nothing when none was asked for.
///
/// # Errors
/// Without a place to install this tool from, or with one that a workflow cannot hold.
pub(crate) fn workflow(args: &InitArgs, folder: &Path) -> Result<Option<Workflow>, Failure> {
    let Some(system) = args.ci else {
        return Ok(None);
    };
    let Some(source) = &args.source else {
        return Err(Failure::usage("a workflow installs gatewright from its repository, and none is named")
            .why("there are no released binaries yet; a branch would change under you, so a revision goes along")
            .next("gatewright init --ci github --source https://HOST/OWNER/gatewright#REVISION"));
    };
    let (url, revision) = parts(source)?;
    let root = repository(folder);
    let inside = folder.strip_prefix(&root).unwrap_or(Path::new(""));
    let inside = match inside.to_str() {
        Some("") => ".".to_owned(),
        Some(inside) => inside.replace('\\', "/"),
        None => return Err(Failure::usage("the folder's name is not UTF-8")),
    };
    // Two pages of one repository have a comment each.
    let mark = match inside.as_str() {
        "." => "gatewright",
        inside => inside,
    };
    let (place, text) = match system {
        Ci::Gitlab => (".gitlab", GITLAB),
        Ci::Github | Ci::Auto => (".github/workflows", GITHUB),
    };
    // A repository may have several pages.
    let path = match inside.as_str() {
        "." => format!("{place}/gatewright.yml"),
        inside => format!("{place}/gatewright-{}.yml", file_name(inside)),
    };
    let text = text
        .replace("@SOURCE@", url)
        .replace("@REVISION@", revision)
        .replace("@FOLDER@", &plain("folder", &inside)?)
        .replace("@NAME@", &plain("folder", mark)?)
        .replace("@FILE@", &path);
    Ok(Some(Workflow {
        path: root.join(path),
        bytes: text.into_bytes(),
    }))
}

/// The name of a folder as part of a file's name: no two folders of a repository have the same. `a/b` is `a--b`; where a folder's
/// own name could be read so, its hash follows.
fn file_name(inside: &str) -> String {
    let unclear = |part: &str| part.contains("--") || part.starts_with('-') || part.ends_with('-');
    let name = inside.replace('/', "--");
    match inside.split('/').any(unclear) {
        true => format!("{name}-{}", &Digest::of_json(&inside).hex()[..8]),
        false => name,
    }
}

/// Splits `URL#REVISION`; both go into a script, so both must be plain.
fn parts(source: &str) -> Result<(&str, &str), Failure> {
    let wrong = |why: &str| {
        Failure::usage(format!("`{source}` is no source to install from"))
            .why(why.to_owned())
            .next("--source https://HOST/OWNER/gatewright#REVISION")
    };
    let (url, revision) = source
        .split_once('#')
        .ok_or_else(|| wrong("it names no revision"))?;
    if !(url.starts_with("https://") || url.starts_with("ssh://")) {
        return Err(wrong("it is neither an https nor an ssh address"));
    }
    let hexadecimal = revision.chars().all(|one| one.is_ascii_hexdigit());
    if !hexadecimal || !(7..=64).contains(&revision.len()) {
        return Err(wrong(
            "a revision is the hash of a commit, 7 to 64 hexadecimal digits",
        ));
    }
    if !url.chars().all(is_plain) {
        return Err(wrong(
            "an address in a script has no blanks, quotes or signs",
        ));
    }
    Ok((url, revision))
}

fn is_plain(one: char) -> bool {
    one.is_ascii_alphanumeric() || "/._-+:@%~".contains(one)
}

fn plain(what: &str, text: &str) -> Result<String, Failure> {
    match text.chars().all(is_plain) {
        true => Ok(text.to_owned()),
        false => Err(
            Failure::usage(format!("the {what} `{text}` cannot stand in a workflow"))
                .why("it goes into a script: letters, digits and /._-+:@%~ are allowed")
                .next("a folder with a plainer name"),
        ),
    }
}

/// Finds where the repository begins; without one, it begins here.
pub(crate) fn repository(folder: &Path) -> PathBuf {
    folder
        .ancestors()
        .find(|it| it.join(".git").exists())
        .unwrap_or(folder)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_an_address_and_a_revision() {
        let good = "https://example.org/a/gatewright#0123abc";
        let (url, revision) = parts(good).expect("a source");
        assert_eq!(
            (url, revision),
            ("https://example.org/a/gatewright", "0123abc")
        );
        for bad in [
            "https://example.org/a/gatewright",
            "https://example.org/a/gatewright#main",
            "http://example.org/a#0123abc",
            "https://example.org/$(id)#0123abc",
            "https://example.org/a b#0123abc",
            "https://example.org/a#0123abc;id",
            "file:///etc#0123abc",
        ] {
            assert!(parts(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn two_folders_have_two_workflows() {
        assert_eq!(file_name("evals"), "evals");
        assert_eq!(file_name("a-b"), "a-b");
        assert_eq!(file_name("a/b"), "a--b");
        let folders = [
            "a/b", "a-b", "a--b", "a-/b", "a/-b", "a---b", "a/b/c", "a/b-c", "a-b/c",
        ];
        let names: std::collections::BTreeSet<String> =
            folders.into_iter().map(file_name).collect();
        assert_eq!(names.len(), folders.len(), "{names:?}");
    }

    #[test]
    fn nothing_is_left_to_fill_in() {
        for text in [GITHUB, GITLAB] {
            let mut text = text.to_owned();
            for name in ["@SOURCE@", "@REVISION@", "@FOLDER@", "@NAME@", "@FILE@"] {
                text = text.replace(name, "x");
            }
            let left = text.split('@').skip(1).any(|it| {
                let word: String = it.chars().take_while(char::is_ascii_uppercase).collect();
                word.len() > 2
            });
            assert!(!left, "{text}");
        }
    }
}
