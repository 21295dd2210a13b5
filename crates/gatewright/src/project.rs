//! Where the page is, and which files it may open: those inside its folder, or under a root that the caller declares.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Failure;

/// The page's name when none is given.
pub(crate) const PAGE: &str = "gatewright.yaml";
/// Largest page in bytes.
pub(crate) const PAGE_BYTES_MAX: u64 = gatewright_core::manifest::PAGE_LIMIT as u64;

/// A project: the page and the folders it may read.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    /// The page's folder, canonical.
    pub(crate) root: PathBuf,
    /// The page's file.
    pub(crate) page: PathBuf,
    /// The page as messages name it.
    pub(crate) name: String,
    /// Where runs and the project log are kept.
    pub(crate) state: PathBuf,
    /// The last event of the project log that counts; all of them where nothing is said.
    pub(crate) log_until: Option<u64>,
    roots: BTreeMap<String, PathBuf>,
    /// Files that were opened, as the page writes them.
    opened: Arc<Mutex<BTreeSet<String>>>,
}

/// Why a path of the page was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// It is no plain relative path.
    #[error("`{path}` is refused: {why}")]
    Shape {
        /// As written.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Its root was not declared.
    #[error("`{path}` names the root `{root}`, which is not declared")]
    Root {
        /// As written.
        path: String,
        /// The root.
        root: String,
    },
    /// It leaves its folder through a link.
    #[error("`{path}` is refused: it is a link that leaves the folder")]
    Leaves {
        /// As written.
        path: String,
    },
    /// It is not there, or cannot be read.
    #[error("`{path}` cannot be read: {why}")]
    Unreadable {
        /// As written.
        path: String,
        /// The operating system's word.
        why: String,
    },
}

impl Refused {
    /// Says what to do instead.
    pub(crate) fn instead(&self) -> String {
        match self {
            Refused::Shape { .. } | Refused::Leaves { .. } => {
                "a path inside the project, or ROOT:path with --root ROOT=DIR".to_owned()
            }
            Refused::Root { root, .. } => format!("--root {root}=DIR on the command line"),
            Refused::Unreadable { .. } => "check the name and its permissions".to_owned(),
        }
    }
}

impl Project {
    /// Finds the page: the one given, else `gatewright.yaml` here or in a folder above.
    ///
    /// # Errors
    /// When there is none, or a root is no folder.
    pub(crate) fn find(
        config: Option<&Path>,
        state: Option<&Path>,
        roots: &[String],
        here: &Path,
    ) -> Result<Self, Failure> {
        let (page, name) = match config {
            Some(path) => (here.join(path), path.display().to_string()),
            None => search(here)?,
        };
        let missing = |error: std::io::Error| {
            Failure::usage(format!("cannot read the page `{name}`"))
                .why(error.to_string())
                .next("gatewright init")
                .next("gatewright --config PATH COMMAND")
        };
        let page = page.canonicalize().map_err(missing)?;
        let root = page.parent().unwrap_or(Path::new("/")).to_path_buf();
        Ok(Self {
            state: state.map_or_else(|| root.join(".gatewright"), |state| here.join(state)),
            log_until: None,
            opened: Arc::default(),
            roots: declared(roots, here)?,
            root,
            page,
            name,
        })
    }

    /// Makes a project of files that were copied into a record: `files` and `roots/NAME` in its folder.
    ///
    /// # Errors
    /// When the page is not there.
    pub(crate) fn of_copies(
        folder: &Path,
        page: &str,
        state: &Path,
        log_until: u64,
    ) -> Result<Self, Failure> {
        let files = folder.join("files");
        let config = files.join(page);
        let mut project = Self::find(Some(&config), Some(state), &[], &files)?;
        page.clone_into(&mut project.name);
        project.log_until = Some(log_until);
        let roots = std::fs::read_dir(folder.join("roots"));
        for root in roots.into_iter().flatten().flatten() {
            if let (Ok(name), Ok(path)) =
                (root.file_name().into_string(), root.path().canonicalize())
            {
                project.roots.insert(name, path);
            }
        }
        Ok(project)
    }

    /// Returns the page's own file name.
    pub(crate) fn page_name(&self) -> String {
        let name = self.page.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Opens a file that the page names. What was opened is what a decision rests on: a record takes it along.
    ///
    /// # Errors
    /// When the path is refused or cannot be read.
    pub(crate) fn open(&self, path: &str) -> Result<File, Refused> {
        let file = self.look_at(path)?;
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.insert(path.to_owned());
        Ok(file)
    }

    /// Lists what was opened, sorted.
    pub(crate) fn opened(&self) -> Vec<String> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.iter().cloned().collect()
    }

    /// Opens a file that nothing is decided on.
    ///
    /// # Errors
    /// When the path is refused or cannot be read.
    pub(crate) fn look_at(&self, path: &str) -> Result<File, Refused> {
        let full = self.resolve(path)?;
        let unreadable = |error: std::io::Error| Refused::Unreadable {
            path: path.to_owned(),
            why: error.to_string(),
        };
        let file = File::open(full).map_err(unreadable)?;
        if !file.metadata().map_err(unreadable)?.is_file() {
            return Err(Refused::Unreadable {
                path: path.to_owned(),
                why: "it is not a file".to_owned(),
            });
        }
        Ok(file)
    }

    /// Finds where a path of the page is, without links that leave its folder.
    ///
    /// # Errors
    /// When the path is refused or not there.
    pub(crate) fn resolve(&self, path: &str) -> Result<PathBuf, Refused> {
        let (base, inner) = self.base(path)?;
        shape(path, inner)?;
        let full = base
            .join(inner)
            .canonicalize()
            .map_err(|error| Refused::Unreadable {
                path: path.to_owned(),
                why: error.to_string(),
            })?;
        if full.starts_with(base) {
            Ok(full)
        } else {
            Err(Refused::Leaves {
                path: path.to_owned(),
            })
        }
    }

    /// Lists what a path with `*` in its last part means, sorted by name; a path without one is itself.
    ///
    /// # Errors
    /// When the path is refused, or nothing matches.
    pub(crate) fn expand(&self, path: &str) -> Result<Vec<String>, Refused> {
        let (folder, pattern) = path.rsplit_once('/').unwrap_or(("", path));
        let pattern_part = pattern.rsplit_once(':').map_or(pattern, |(_, part)| part);
        if !pattern_part.contains('*') {
            return Ok(vec![path.to_owned()]);
        }
        let (base, inner) = self.base(path)?;
        shape(path, inner)?;
        let inner_folder = inner.rsplit_once('/').map_or(".", |(folder, _)| folder);
        let unreadable = |why: String| Refused::Unreadable {
            path: path.to_owned(),
            why,
        };
        let full = base
            .join(inner_folder)
            .canonicalize()
            .map_err(|error| unreadable(error.to_string()))?;
        if !full.starts_with(base) {
            return Err(Refused::Leaves {
                path: path.to_owned(),
            });
        }
        let prefix = &path[..path.len() - pattern_part.len()];
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&full).map_err(|error| unreadable(error.to_string()))? {
            let name = entry
                .map_err(|error| unreadable(error.to_string()))?
                .file_name();
            if let Some(name) = name.to_str().filter(|name| matches(pattern_part, name)) {
                names.push(format!("{prefix}{name}"));
            }
        }
        names.sort();
        if names.is_empty() {
            let place = if folder.is_empty() {
                "the project"
            } else {
                folder
            };
            return Err(unreadable(format!("nothing in {place} matches")));
        }
        Ok(names)
    }

    /// Splits `ROOT:path` into the folder and the path inside it.
    pub(crate) fn base<'p>(&self, path: &'p str) -> Result<(&Path, &'p str), Refused> {
        let Some((root, inner)) = path.split_once(':') else {
            return Ok((&self.root, path));
        };
        if root.len() < 2
            || !root
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        {
            return Err(Refused::Shape {
                path: path.to_owned(),
                why: "it has a colon and names no root (two letters or more)",
            });
        }
        match self.roots.get(root) {
            Some(folder) => Ok((folder, inner)),
            None => Err(Refused::Root {
                path: path.to_owned(),
                root: root.to_owned(),
            }),
        }
    }
}

fn search(here: &Path) -> Result<(PathBuf, String), Failure> {
    for (depth, folder) in here.ancestors().enumerate() {
        let page = folder.join(PAGE);
        if page.is_file() {
            return Ok((page, format!("{}{PAGE}", "../".repeat(depth))));
        }
    }
    Err(
        Failure::usage(format!("there is no {PAGE} here or in a folder above"))
            .next("gatewright init")
            .next("gatewright init --example billing-support billing"),
    )
}

fn declared(roots: &[String], here: &Path) -> Result<BTreeMap<String, PathBuf>, Failure> {
    let mut declared = BTreeMap::new();
    for root in roots {
        let example = "--root data=../shared/data";
        let (name, folder) = root
            .split_once('=')
            .filter(|(name, folder)| name.len() >= 2 && !folder.is_empty())
            .ok_or_else(|| {
                Failure::usage(format!("`--root {root}` is not NAME=DIR")).next(example)
            })?;
        let folder = here
            .join(folder)
            .canonicalize()
            .ok()
            .filter(|folder| folder.is_dir());
        let folder = folder.ok_or_else(|| {
            Failure::usage(format!("`--root {root}` names no folder")).next(example)
        })?;
        declared.insert(name.to_owned(), folder);
    }
    Ok(declared)
}

/// Refuses everything but plain relative paths, before anything is joined.
fn shape(path: &str, inner: &str) -> Result<(), Refused> {
    let refuse = |why| {
        Err(Refused::Shape {
            path: path.to_owned(),
            why,
        })
    };
    if inner.is_empty() {
        return refuse("it is empty");
    }
    if inner.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return refuse("it holds a control character");
    }
    if inner.contains('\\') {
        return refuse("it holds a backslash");
    }
    let lower = inner.to_ascii_lowercase();
    if ["%2e", "%2f", "%5c", "%25", "%00"]
        .iter()
        .any(|code| lower.contains(code))
    {
        return refuse("it holds an encoded dot, slash or per cent sign");
    }
    if inner.contains(':') {
        return refuse("it holds a colon");
    }
    for component in Path::new(inner).components() {
        match component {
            Component::Normal(name) if name.len() > 255 => {
                return refuse("a part is longer than 255 bytes");
            }
            Component::Normal(name) if device(&name.to_string_lossy()) => {
                return refuse("a part is a device name");
            }
            Component::Normal(_) | Component::CurDir => {}
            Component::ParentDir => return refuse("it goes up with `..`"),
            Component::RootDir | Component::Prefix(_) => return refuse("it is absolute"),
        }
    }
    Ok(())
}

fn device(name: &str) -> bool {
    let stem = name
        .split('.')
        .next()
        .unwrap_or_default()
        .to_ascii_uppercase();
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL")
        || (stem.len() == 4
            && (stem.starts_with("COM") || stem.starts_with("LPT"))
            && stem.as_bytes()[3].is_ascii_digit())
}

/// Says whether a name matches a pattern of literal parts and `*`.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    // A star does not match hidden files, as in a shell.
    if first.is_empty() && name.starts_with('.') {
        return false;
    }
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(folder: &Path, roots: &[String]) -> Project {
        std::fs::write(folder.join(PAGE), "gatewright: 1\n").expect("written");
        Project::find(None, None, roots, folder).expect("found")
    }

    #[test]
    fn a1_paths_that_could_leave_are_refused_before_any_join() {
        let folder = tempfile::tempdir().expect("a folder");
        let project = project(folder.path(), &[]);
        let long = "x".repeat(300);
        for path in [
            "../secret",
            "a/../../secret",
            "/etc/passwd",
            "..\\secret",
            "%252e%252e/secret",
            "%2e%2e/x",
            "C:/windows",
            "a\0b",
            &long,
            "NUL",
            "con.txt",
            "sub/LPT1.jsonl",
            "",
            "data:x",
            "data:../x",
        ] {
            assert!(project.open(path).is_err(), "{path}");
        }
        std::fs::write(folder.path().join("ok.jsonl"), "{}").expect("written");
        assert!(project.open("ok.jsonl").is_ok());
        assert!(project.open("./ok.jsonl").is_ok());
        let refused = project.open("data:x").expect_err("undeclared");
        assert_eq!(refused.instead(), "--root data=DIR on the command line");
    }

    #[cfg(unix)]
    #[test]
    fn a2_links_that_leave_the_folder_are_refused() {
        let outside = tempfile::tempdir().expect("a folder");
        std::fs::write(outside.path().join("secret.jsonl"), "{}").expect("written");
        let folder = tempfile::tempdir().expect("a folder");
        let link = |target: PathBuf, name: &str| {
            std::os::unix::fs::symlink(target, folder.path().join(name)).expect("linked");
        };
        link(outside.path().join("secret.jsonl"), "link.jsonl");
        link(outside.path().to_path_buf(), "folder");
        std::fs::write(folder.path().join("own.jsonl"), "{}").expect("written");
        link(folder.path().join("own.jsonl"), "inner.jsonl");
        let bare = project(folder.path(), &[]);
        assert!(matches!(
            bare.open("link.jsonl"),
            Err(Refused::Leaves { .. })
        ));
        assert!(matches!(
            bare.open("folder/secret.jsonl"),
            Err(Refused::Leaves { .. })
        ));
        assert!(matches!(
            bare.expand("folder/*.jsonl"),
            Err(Refused::Leaves { .. })
        ));
        assert!(
            bare.open("inner.jsonl").is_ok(),
            "a link inside the folder stays inside"
        );
        let declared = project(
            folder.path(),
            &[format!("data={}", outside.path().display())],
        );
        assert!(declared.open("data:secret.jsonl").is_ok());
    }

    #[test]
    fn stars_match_in_the_last_part_and_sort() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("reference")).expect("made");
        for name in ["b.jsonl", "a.jsonl", ".hidden.jsonl", "c.txt"] {
            std::fs::write(folder.path().join("reference").join(name), "").expect("written");
        }
        let project = project(folder.path(), &[]);
        assert_eq!(
            project.expand("reference/*.jsonl").expect("matches"),
            ["reference/a.jsonl", "reference/b.jsonl"]
        );
        assert_eq!(project.expand("x.jsonl").expect("itself"), ["x.jsonl"]);
        assert!(project.expand("reference/*.csv").is_err());
        assert!(matches("a*c*e", "abcde") && !matches("a*c*e", "abde") && matches("*", "x"));
    }
}
