//! Reports as files, and what a CI system is told.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use gatewright_core::digest::Digest;
use gatewright_core::report::{Cells, Csv, Units, View, annotations, junit, markdown, sarif};

use crate::args::{Ci, Output};
use crate::commands::{self, Context, replace};
use crate::console::{clean, document};
use crate::error::Failure;
use crate::pipeline::{Judged, Loaded, Session, evidence, stable, with_outcomes};
use crate::workflow::repository;

/// What names may end in.
const ENDINGS: &str = ".html, .md, .json, .xml, .sarif or .csv";

/// A report's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Html,
    Json,
    Markdown,
    Junit,
    Sarif,
    Csv,
}

/// Reads a report's format from its name.
fn format(path: &Path) -> Result<Format, Failure> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html" | "htm") => Ok(Format::Html),
        Some("json") => Ok(Format::Json),
        Some("md" | "markdown") => Ok(Format::Markdown),
        Some("xml") => Ok(Format::Junit),
        Some("sarif") => Ok(Format::Sarif),
        Some("csv") => Ok(Format::Csv),
        _ => Err(Failure::usage(format!(
            "`{}` has no type that a report can have",
            path.display()
        ))
        .next(format!("a name that ends in {ENDINGS}"))),
    }
}

/// Checks that every report has a type, and a folder to go to, before anything is spent on what it would hold.
///
/// # Errors
/// For other names, for a folder that is not there, and where a folder stands in the report's place.
pub(crate) fn writable(context: &Context, output: &Output) -> Result<(), Failure> {
    for path in &output.output {
        format(path)?;
        commands::writable(&context.here.join(path), path)?;
    }
    Ok(())
}

/// Writes the reports that were asked for, and tells a CI system what it can show. A page and JSON also show what both systems said on
/// the examples that changed.
///
/// # Errors
/// When a file cannot be written, or the run cannot be read.
pub(crate) fn write(
    context: &Context,
    (loaded, session): (&Loaded, &Session),
    judged: &mut Judged,
    output: &Output,
) -> Result<(), Failure> {
    let mut wanted: Vec<(Format, PathBuf)> = Vec::new();
    for path in &output.output {
        wanted.push((format(path)?, context.here.join(path)));
    }
    let ci = output.ci.and_then(Ci::resolve);
    if let Some(Ci::Gitlab) = ci {
        let folder = folder_of_gitlab(context);
        wanted.push((Format::Junit, folder.join("gatewright-junit.xml")));
        wanted.push((Format::Markdown, folder.join("gatewright-report.md")));
    }
    if wanted
        .iter()
        .any(|(format, _)| matches!(format, Format::Html | Format::Json))
    {
        judged.view.evidence = Some(evidence(loaded, session, judged)?);
    }
    let shown = |format: &Format| matches!(format, Format::Html | Format::Json | Format::Markdown);
    let given = judged.view.stability.take();
    if wanted.iter().any(|(format, _)| shown(format)) {
        judged.view.stability = match given.clone() {
            Some(given) => Some(given),
            None => stable(loaded, session, judged, false)?,
        };
    }
    let view = &judged.view;
    for why in &view.invalid {
        context.console.say_wrapped(&format!(
            "what is written is of a run that cannot decide: {why}"
        ));
    }
    let mut units = None;
    for (format, path) in &wanted {
        let text = match format {
            Format::Html => html(view)?,
            Format::Json => document(view)?,
            Format::Markdown => markdown(view),
            Format::Csv => table(loaded, session, output.cells())?,
            Format::Junit | Format::Sarif => {
                let units = match &units {
                    Some(units) => units,
                    None => units.insert(self::units(loaded, session)?),
                };
                match format {
                    Format::Junit => tests(view, units)?,
                    _ => document(&sarif(view, units, &folder(loaded)))?,
                }
            }
        };
        replace(path, clean(&text).as_bytes())?;
        context.console.detail(&format!("wrote {}", path.display()));
    }
    // What goes to a terminal is the same with and without files.
    judged.view.evidence = None;
    judged.view.stability = given;
    let view = &judged.view;
    match ci {
        Some(Ci::Github) => github(context, loaded, view),
        Some(Ci::Gitlab) => gitlab(context, view),
        Some(Ci::Auto) | None => {
            if output.ci.is_some() {
                context.console.wrapped(
                    "--ci: no CI system is recognised here (GITHUB_ACTIONS, GITLAB_CI): nothing more is written",
                );
            }
            Ok(())
        }
    }
}

/// The HTML report of a view.
///
/// # Errors
/// When a template cannot be written: a defect.
pub(crate) fn html(view: &View) -> Result<String, Failure> {
    let page = gatewright_web::report(view).map_err(|source| Failure::Unexpected {
        doing: "write HTML".to_owned(),
        source: Box::new(source),
    })?;
    Ok(clean(&page).into_owned())
}

/// The page's folder from where the repository begins, with forward slashes; empty when it begins there, or nowhere above.
fn folder(loaded: &Loaded) -> String {
    let own = &loaded.project.root;
    let root = ["GITHUB_WORKSPACE", "CI_PROJECT_DIR"]
        .into_iter()
        .filter_map(variable)
        .filter_map(|root| Path::new(&root).canonicalize().ok())
        .find(|root| own.starts_with(root));
    let root = root.unwrap_or_else(|| repository(own));
    let inside = own.strip_prefix(&root).unwrap_or(Path::new(""));
    inside.display().to_string().replace('\\', "/")
}

fn units<'a>(loaded: &'a Loaded, session: &'a Session) -> Result<Units<'a>, Failure> {
    with_outcomes(loaded, session, |outcomes| {
        let mut units = Units::new(&loaded.manifest, &loaded.reference, &session.plan);
        outcomes.for_each(|outcome| units.add(&outcome));
        units
    })
}

fn tests(view: &View, units: &Units<'_>) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    junit(view, units, &mut bytes).map_err(|error| unwritten(&error))?;
    text(bytes)
}

fn table(loaded: &Loaded, session: &Session, cells: Cells) -> Result<String, Failure> {
    let bytes = with_outcomes(loaded, session, |outcomes| {
        let mut csv = Csv::new(&loaded.manifest, &loaded.reference, cells, Vec::new())?;
        for outcome in outcomes {
            csv.add(&outcome)?;
        }
        csv.end()
    })?;
    text(bytes.map_err(|error| unwritten(&error))?)
}

fn text(bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|error| unwritten(&error))
}

fn unwritten(error: &dyn std::fmt::Display) -> Failure {
    Failure::usage("a report could not be made").why(error.to_string())
}

/// Names of the environment hold no secrets that are wanted here: only paths.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Ci {
    /// Looks at the environment for the system that was not named.
    fn resolve(self) -> Option<Self> {
        match self {
            Ci::Auto if variable("GITHUB_ACTIONS").is_some() => Some(Ci::Github),
            Ci::Auto if variable("GITLAB_CI").is_some() => Some(Ci::Gitlab),
            Ci::Auto => None,
            named => Some(named),
        }
    }
}

/// Prints annotations, and writes the step summary and the step's outputs: what cannot be written takes nothing else with it.
fn github(context: &Context, loaded: &Loaded, view: &View) -> Result<(), Failure> {
    let page = match folder(loaded).as_str() {
        "" => loaded.project.name.clone(),
        folder => format!("{folder}/{}", loaded.project.name),
    };
    // A runner reads commands from both streams; standard output may be one JSON document.
    let text = annotations(view, &page);
    context.console.say(&text);
    let put = |name: &str, text: String| match variable(name) {
        Some(path) => append(Path::new(&path), &text).map_err(|failure| {
            failure.next(format!(
                "let this step write to the file that {name} names, or unset {name}"
            ))
        }),
        None => Ok(()),
    };
    let summary = put("GITHUB_STEP_SUMMARY", markdown(view));
    let outputs = put("GITHUB_OUTPUT", outputs(view));
    summary.and(outputs)
}

/// Outputs of a step: `answer`, `exit-code`, `run`, `sentence`.
fn outputs(view: &View) -> String {
    // A delimiter that the sentence cannot hold, for it is made of the sentence's hash.
    let end = format!("end-{}", Digest::of_json(&view.sentence).hex());
    format!(
        "answer={}\nexit-code={}\nrun={}\nsentence<<{end}\n{}\n{end}\n",
        view.answer.word().replace(' ', "-"),
        view.exit_code,
        view.run.name,
        view.sentence.replace(['\r', '\n'], " "),
    )
}

fn folder_of_gitlab(context: &Context) -> PathBuf {
    variable("CI_PROJECT_DIR").map_or_else(|| context.here.clone(), PathBuf::from)
}

/// Writes what a later job can read as variables (`artifacts:reports:dotenv`).
fn gitlab(context: &Context, view: &View) -> Result<(), Failure> {
    let mut text = String::new();
    let _ = writeln!(text, "GATE_ANSWER={}", view.answer.word().replace(' ', "-"));
    let _ = writeln!(text, "GATE_EXIT_CODE={}", view.exit_code);
    let _ = writeln!(text, "GATE_RUN={}", view.run.name);
    replace(
        &folder_of_gitlab(context).join("gatewright.env"),
        text.as_bytes(),
    )
}

fn append(path: &Path, text: &str) -> Result<(), Failure> {
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path);
    let written = file
        .as_mut()
        .map_err(|error| std::io::Error::new(error.kind(), error.to_string()))
        .and_then(|file| file.write_all(clean(text).as_bytes()));
    written.map_err(|source| {
        Failure::usage(format!("cannot write `{}`", path.display())).why(source.to_string())
    })
}
