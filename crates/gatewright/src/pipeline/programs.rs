//! Programs that the page names: whether each is there, before anything is asked of anybody and money is spent on it.

use std::fmt;
use std::path::Path;

use gatewright_core::manifest::{Grader, Manifest, Role, Target as Reach};
use gatewright_core::problem::{Location, Problem, nearest};
use gatewright_engine::{CommandTarget, NoProgram, environment};

use crate::error::Failure;
use crate::pipeline::load::Loaded;

/// Folders of `PATH` that are named in a message.
const FOLDERS_NAMED: usize = 8;
/// Programs whose first argument is a file.
const RUNS_A_FILE: [&str; 8] = [
    "python3", "python", "node", "ruby", "perl", "sh", "bash", "Rscript",
];

/// Who is a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// A system under test.
    System(Role),
    /// A judge, by name.
    Judge(String),
    /// The grader of a criterion, by id.
    Grader(String),
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whose::System(role) => write!(f, "the {}", role.word()),
            Whose::Judge(name) => write!(f, "judge {name}"),
            Whose::Grader(criterion) => write!(f, "the grader of {criterion}"),
        }
    }
}

/// A program of the page.
struct Program {
    whose: Whose,
    target: CommandTarget,
    /// Where its first word stands, and where its second would.
    at: Location,
    argument_at: Location,
}

/// Names every program of the page that cannot be started as things are now, and suggests where a script beside it is not there.
pub(crate) fn problems(loaded: &Loaded) -> Vec<Problem> {
    let mut problems = Vec::new();
    for program in programs(loaded) {
        problems.extend(program.missing());
        problems.extend(program.script_missing());
    }
    problems
}

/// Refuses to go on when a program is not there that somebody would ask.
///
/// # Errors
/// All of them, with their places.
pub(crate) fn present(loaded: &Loaded, asked: impl Fn(&Whose) -> bool) -> Result<(), Failure> {
    let missing: Vec<Problem> = programs(loaded)
        .iter()
        .filter(|program| program.is_used(&loaded.manifest) && asked(&program.whose))
        .filter_map(Program::missing)
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Failure::Problems(missing))
    }
}

/// Lists the programs of the page: systems in the order of roles, judges by name, graders in the order of the page.
fn programs(loaded: &Loaded) -> Vec<Program> {
    let manifest = &loaded.manifest;
    let systems = manifest.systems.values().filter_map(|system| {
        let path = format!("systems.{}.command", system.role.word());
        let (argv, env) = command(&system.target)?;
        Some((Whose::System(system.role), path, argv, env))
    });
    let judges = manifest.judges.values().filter_map(|judge| {
        let path = format!("judges.{}.command", judge.name);
        let (argv, env) = command(&judge.target)?;
        Some((Whose::Judge(judge.name.clone()), path, argv, env))
    });
    let graders = manifest.criteria.iter().filter_map(|criterion| {
        let Grader::Program(grader) = &criterion.grader else {
            return None;
        };
        let path = format!("criteria.{}.grader.program.command", criterion.id);
        let whose = Whose::Grader(criterion.id.to_string());
        Some((whose, path, &grader.argv, &grader.env))
    });
    systems
        .chain(judges)
        .chain(graders)
        .map(|(whose, path, argv, env)| Program {
            whose,
            at: manifest.at(&format!("{path}[0]")),
            argument_at: manifest.at(&format!("{path}[1]")),
            target: CommandTarget {
                argv: argv.clone(),
                workers: 1,
                timeout: None,
                env: environment(env, |name| std::env::var_os(name)),
                cwd: loaded.project.root.clone(),
                memory_mib: None,
            },
        })
        .collect()
}

fn command(target: &Reach) -> Option<(&Vec<String>, &Vec<String>)> {
    match target {
        Reach::Command { argv, env, .. } => Some((argv, env)),
        _ => None,
    }
}

impl Program {
    /// Says whether anything on the page asks it: a judge that no criterion names is asked nothing.
    fn is_used(&self, manifest: &Manifest) -> bool {
        let Whose::Judge(name) = &self.whose else {
            return true;
        };
        manifest.criteria.iter().any(
            |criterion| matches!(&criterion.grader, Grader::Judge(judge) if judge.by.contains(name)),
        )
    }

    fn name(&self) -> &str {
        self.target.argv.first().map_or("", String::as_str)
    }

    /// Says what stops it from being started, if anything.
    fn missing(&self) -> Option<Problem> {
        let (whose, name) = (&self.whose, self.name());
        Some(match self.target.find().err()? {
            NoProgram::NotExecutable { file } if file.is_dir() => Problem::error(
                "no-program",
                self.at.clone(),
                format!("{whose} is the program `{name}`, and that is a folder"),
            )
            .why(format!("found {}", file.display()))
            .instead("the program's own path"),
            NoProgram::NotExecutable { file } => Problem::error(
                "no-program",
                self.at.clone(),
                format!("{whose} is the program `{name}`, and it may not be executed"),
            )
            .why(format!("found {}", file.display()))
            .instead(self.executable(name)),
            NoProgram::Absent { looked } => Problem::error(
                "no-program",
                self.at.clone(),
                format!("{whose} is the program `{name}`, and there is none"),
            )
            .why(looked_for(name, &looked))
            .instead(self.nearest(name, &looked)),
        })
    }

    /// What makes a file executable, or what runs it.
    fn executable(&self, name: &str) -> String {
        let chmod = format!("`chmod +x {name}`");
        let runs = match Path::new(name).extension().and_then(|it| it.to_str()) {
            Some("py") => "python3",
            Some("js" | "mjs") => "node",
            Some("sh") => "sh",
            Some("rb") => "ruby",
            Some("pl") => "perl",
            _ => return chmod,
        };
        format!("{chmod}; or `command: [{runs}, {name}]`")
    }

    /// What to write instead of a name that is not there.
    fn nearest(&self, name: &str, looked: &[std::path::PathBuf]) -> String {
        if !name.contains('/') && self.target.cwd.join(name).is_file() {
            return format!("`./{name}`: a file beside the page is named with its folder");
        }
        let folders: Vec<&Path> = match name.contains('/') {
            true => looked.iter().filter_map(|file| file.parent()).collect(),
            false => looked.iter().map(|folder| folder.as_path()).collect(),
        };
        let names: Vec<String> = folders
            .iter()
            .filter_map(|folder| std::fs::read_dir(folder).ok())
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        let (folder, last) = match name.rsplit_once('/') {
            Some((folder, last)) => (format!("{folder}/"), last),
            None => (String::new(), name),
        };
        match nearest(last, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{folder}{near}`?"),
            None if name.contains('/') => {
                "put the program there, or write the path it has, from the page's folder".to_owned()
            }
            None => format!("install it, or write the path it has: `./{name}`"),
        }
    }

    /// Suggests the right file where a script that a program would run is not there.
    fn script_missing(&self) -> Option<Problem> {
        let script = self.target.argv.get(1)?;
        let is_script = RUNS_A_FILE.contains(&self.name())
            && !script.starts_with('-')
            && Path::new(script).extension().is_some();
        if !is_script || self.target.cwd.join(script).exists() {
            return None;
        }
        let what = format!("{} runs `{script}`, and there is no such file", self.whose);
        let looked = [self.target.cwd.join(script)];
        Some(
            Problem::suggestion("no-script", self.argument_at.clone(), what)
                .why(looked_for(script, &looked))
                .instead(self.nearest(&format!("./{script}"), &looked)),
        )
    }
}

fn looked_for(name: &str, looked: &[std::path::PathBuf]) -> String {
    if name.contains('/') || looked.len() == 1 {
        let files: Vec<String> = looked.iter().map(|it| it.display().to_string()).collect();
        return format!("looked for {}", files.join(", "));
    }
    let named = looked.iter().take(FOLDERS_NAMED);
    let named: Vec<String> = named.map(|it| it.display().to_string()).collect();
    let more = match looked.len().saturating_sub(FOLDERS_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("looked in PATH: {}{more}", named.join(", "))
}
