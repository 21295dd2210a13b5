//! Text of every kind: no paths of the machine it was written on, no link to a page that is not there.

use std::sync::LazyLock;

use regex::Regex;

use super::Finding;
use crate::repository::TextFile;

/// Parts of paths that exist on somebody's machine only. Written in two halves, so that this file passes.
const MACHINE_PATHS: [&str; 6] = [
    concat!("/wo", "rk/"),
    concat!("/fa", "rm/"),
    concat!("/tmp/", "gw"),
    concat!("bash_", "jobs"),
    concat!(".lib", "rary"),
    concat!("/ro", "ot/"),
];

static LINK: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\]\(([^()\s]+)\)").expect("the pattern is a literal"));

/// Checks every text file.
pub(crate) fn check(files: &[TextFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        machine_paths(file, &mut findings);
        if file.path.ends_with(".md") {
            links(file, files, &mut findings);
        }
    }
    findings
}

fn machine_paths(file: &TextFile, findings: &mut Vec<Finding>) {
    for (index, line) in file.text.lines().enumerate() {
        if let Some(path) = MACHINE_PATHS.iter().find(|path| line.contains(**path)) {
            findings.push(Finding::error(
                format!("{}:{}", file.path, index + 1),
                format!("`{path}` is a path of one machine"),
            ));
        }
    }
}

fn links(file: &TextFile, files: &[TextFile], findings: &mut Vec<Finding>) {
    let folder: Vec<&str> = {
        let mut parts: Vec<&str> = file.path.split('/').collect();
        parts.pop();
        parts
    };
    let mut fenced = false;
    for (index, line) in file.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for found in LINK.captures_iter(line) {
            let target = found[1].split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains(':') {
                continue;
            }
            let path = resolve(&folder, target);
            let inside = format!("{}/", path.trim_end_matches('/'));
            let there = files
                .iter()
                .any(|other| other.path == path || other.path.starts_with(&inside));
            if !there {
                findings.push(Finding::error(
                    format!("{}:{}", file.path, index + 1),
                    format!("links to `{target}`, which is not there"),
                ));
            }
        }
    }
}

fn resolve(folder: &[&str], target: &str) -> String {
    let mut parts = folder.to_vec();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_from_the_page() {
        let files = [
            TextFile::of(
                "docs/a.md",
                "[b](b.md#x) [up](../README.md) [folder](../docs/) [web](https://example.org) [here](#x)\n```\n[no](c.md)\n```\n",
            ),
            TextFile::of("docs/b.md", ""),
            TextFile::of("README.md", "[gone](docs/gone.md)"),
        ];
        let found = check(&files);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].at, "README.md:1");
    }

    #[test]
    fn machine_paths_are_found_in_any_file() {
        let text = format!("a\ncd {}x\n", MACHINE_PATHS[2]);
        assert_eq!(check(&[TextFile::of("test", &text)])[0].at, "test:2");
    }
}
