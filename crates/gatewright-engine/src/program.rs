//! Where a program is, looked for as starting it would: by `PATH`, or from the folder it runs in.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::target::CommandTarget;

/// Where programs are looked for when there is no `PATH`, as the system does.
const PATH_DEFAULT: &str = "/bin:/usr/bin";

/// Why a program cannot be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoProgram {
    /// No file of this name is in any of these folders, or at this path.
    Absent {
        /// The folders of `PATH`, or the one path, in the order they were looked at.
        looked: Vec<PathBuf>,
    },
    /// There is a file, and it may not be executed; or it is a folder.
    NotExecutable {
        /// The file.
        file: PathBuf,
    },
}

impl CommandTarget {
    /// Finds the file that would be started: a name without `/` in the folders of the program's own `PATH`, any other from the folder
    /// it runs in.
    ///
    /// # Errors
    /// Where it was looked for, or which file may not be executed.
    pub fn find(&self) -> Result<PathBuf, NoProgram> {
        let program = self.argv.first().map_or("", String::as_str);
        let candidates: Vec<PathBuf> = if program.contains('/') {
            vec![self.cwd.join(program)]
        } else {
            let named = self.folders().into_iter();
            named.map(|folder| folder.join(program)).collect()
        };
        let mut refused = None;
        for file in &candidates {
            match state(file) {
                State::Executable => return Ok(file.clone()),
                State::Refused => refused = refused.or_else(|| Some(file.clone())),
                State::Absent => {}
            }
        }
        Err(match refused {
            Some(file) => NoProgram::NotExecutable { file },
            None if program.contains('/') => NoProgram::Absent { looked: candidates },
            None => NoProgram::Absent {
                looked: self.folders(),
            },
        })
    }

    /// Lists the folders of the program's `PATH`; an empty entry is the folder it runs in.
    pub fn folders(&self) -> Vec<PathBuf> {
        let path = self.env.get(OsStr::new("PATH"));
        let path = path
            .cloned()
            .unwrap_or_else(|| OsString::from(PATH_DEFAULT));
        std::env::split_paths(&path)
            .map(|folder| self.cwd.join(folder))
            .collect()
    }
}

enum State {
    Executable,
    Refused,
    Absent,
}

fn state(file: &Path) -> State {
    match file.metadata() {
        Err(_) => State::Absent,
        Ok(found) if found.is_file() && access(file, Access::EXEC_OK).is_ok() => State::Executable,
        Ok(_) => State::Refused,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn target(cwd: &Path, program: &str, path: Option<&str>) -> CommandTarget {
        CommandTarget {
            argv: vec![program.to_owned()],
            workers: 1,
            timeout: None,
            env: path
                .map(|path| (OsString::from("PATH"), OsString::from(path)))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
            cwd: cwd.to_owned(),
            memory_mib: None,
        }
    }

    #[test]
    fn a_program_is_found_where_starting_it_would_find_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        std::fs::create_dir_all(root.join("bin/tool")).expect("made");
        std::fs::create_dir_all(root.join("more")).expect("made");
        for (name, mode) in [("bin/run", 0o755), ("more/tool", 0o755), ("plain", 0o644)] {
            std::fs::write(root.join(name), "#!/bin/sh\n").expect("written");
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(root.join(name), mode).expect("set");
        }
        let path = format!("{0}/none:{0}/bin:more", root.display());
        let find = |program: &str| target(root, program, Some(&path)).find();
        assert_eq!(find("run"), Ok(root.join("bin/run")));
        // A folder of that name is passed over; an entry of PATH is relative to where it runs.
        assert_eq!(find("tool"), Ok(root.join("more/tool")));
        assert_eq!(find("./bin/run"), Ok(root.join("./bin/run")));
        assert_eq!(
            find("./plain"),
            Err(NoProgram::NotExecutable {
                file: root.join("./plain")
            })
        );
        assert_eq!(
            find("./bin/tool"),
            Err(NoProgram::NotExecutable {
                file: root.join("./bin/tool")
            })
        );
        let looked = vec![root.join("none"), root.join("bin"), root.join("more")];
        assert_eq!(find("plain"), Err(NoProgram::Absent { looked }));
        assert_eq!(
            find("bin/ru"),
            Err(NoProgram::Absent {
                looked: vec![root.join("bin/ru")]
            })
        );
        assert!(target(root, "sh", None).find().is_ok());
    }
}
