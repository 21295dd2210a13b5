//! `gatewright import`

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use gatewright_core::digest::Digest;
use gatewright_core::interop::files::{self, Summary, Terms, Written};
use gatewright_core::interop::pair::{self, Key, Known, Paired};
use gatewright_core::interop::{
    self, Bytes, Columns, FILE_BYTES_MAX, Format, Found, Input, Log, Named, ROWS_MAX, Reading,
    Vocabulary, page,
};
use gatewright_core::manifest::{self, Role};
use gatewright_core::problem::{Problem, Weight, has_errors};
use gatewright_core::reference::Input as Asked;

use crate::archive;
use crate::args::{ImportArgs, grader_kind};
use crate::commands::init::{SCHEMA, SCHEMA_COMMENT};
use crate::commands::{Context, pairs, replace};
use crate::console::document;
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{Depth, Loaded};
use crate::project::{PAGE, Project, matches};

mod told;

/// The folder of everything imported, in the page's folder.
const FOLDER: &str = "imported";
/// The file that says what an import found.
const SUMMARY: &str = "import.json";
/// The parts that go into a page that is there.
const PARTS: &str = "page-parts.yaml";

pub(crate) fn import(context: &Context, args: &ImportArgs) -> Result<u8, Failure> {
    let format = args.tool.format();
    let reading = reading(args)?;
    let mut vocabulary = vocabulary(args)?;
    vocabulary.by.extend(reading.by.keys().cloned());
    let key = match args.key.as_deref() {
        None => Key::Auto,
        Some("content") => Key::Content,
        Some(field) => Key::Field(field.to_owned()),
    };
    let place = Place::find(context, args)?;
    let (mut logs, digests) = read_files(context, args, format, &reading)?;
    interop::together(format, &mut logs);
    let found = systems(&logs);
    let chosen = interop::choose(&found, &named(args)).map_err(|unclear| {
        let failure = Failure::usage(unclear.what).why(unclear.why);
        unclear.next.into_iter().fold(failure, Failure::next)
    })?;
    let known = place.known(context)?;
    let mut problems = Vec::new();
    let paired = pair::pair(&logs, &chosen, &key, &vocabulary, &known, &mut problems);
    let terms = terms(context, args, format, &paired, &logs, &digests)?;
    let written = files::write(&paired, &terms, &mut problems);
    if has_errors(&problems) {
        return Err(Failure::Problems(problems));
    }
    if place.project.is_none() && paired.criteria.is_empty() {
        return Err(nothing_judged(format, &written));
    }
    let taken = |one: &&Found| {
        let part = (one.log, one.system.clone());
        chosen.iter().any(|of| of.parts.contains(&part))
    };
    let left_out = found.iter().filter(|one| !taken(one));
    let left_out = left_out
        .map(|one| (format!("{} ({})", one.system, one.file), one.rows))
        .collect();
    let mut summary = files::summary(format, &logs, &digests, &paired, &written, left_out);
    let parts = place.write(args, &paired, &written, &terms, &mut summary)?;
    if context.console.json {
        context.console.document(&summary)?;
    } else {
        told::tell(context, &summary, parts.as_deref())?;
    }
    Ok(exit::SHIP)
}

/// A page starts from verdicts: one without any could only be a broken one.
fn nothing_judged(format: Format, written: &Written) -> Failure {
    let answered: u64 = written.ours.iter().map(|ours| ours.answered).sum();
    let what = match answered {
        0 => "every attempt in these files ended in an error",
        _ => "these files hold no verdict on any answer",
    };
    let failure = Failure::usage(what)
        .why("a page starts from what was judged, and nothing was; nothing is written");
    let failure = match (format, answered) {
        (_, 0) => failure.next("run it again, and import what it says then"),
        (Format::Csv, _) => {
            failure.next("--label CRITERION=COLUMN, with the column that holds the verdicts")
        }
        _ => failure.next("a run with assertions, scorers or metrics"),
    };
    failure.next("gatewright init, for a page with criteria of its own; then import once more")
}

/// Reads what the flags say of columns and judges.
fn reading(args: &ImportArgs) -> Result<Reading, Failure> {
    let columns = &args.columns;
    let labels = pairs(&columns.label, "--label correct=verdict")?;
    let mut by = BTreeMap::new();
    for (criterion, kind) in pairs(&args.by, "--by correct=person")? {
        let read = grader_kind(&kind).ok_or_else(|| {
            Failure::usage(format!("`{kind}` judges nothing"))
                .next("--by CRITERION=rule, program, model or person")
        })?;
        by.insert(criterion, read);
    }
    let columns = Columns {
        id: columns.id.clone(),
        input: columns.input.clone(),
        output: columns.output.clone(),
        system: columns.system.clone(),
        trial: columns.trial.clone(),
        expected: columns.expected.clone(),
        error: columns.error.clone(),
        labels,
    };
    if args.tool.format() != Format::Csv && columns != Columns::default() {
        return Err(Failure::usage("columns belong to tables")
            .why(format!(
                "what {} writes has fields, which are known",
                args.tool.format().word()
            ))
            .next("gatewright import csv FILE --output COLUMN"));
    }
    Ok(Reading { columns, by })
}

fn vocabulary(args: &ImportArgs) -> Result<Vocabulary, Failure> {
    let mut vocabulary = Vocabulary::default();
    for (criterion, words) in pairs(&args.pass, "--pass tone=good,fair")? {
        let words = words.split(',').map(|word| word.trim().to_owned());
        vocabulary.pass.entry(criterion).or_default().extend(words);
    }
    for (criterion, number) in pairs(&args.at_least, "--at-least similarity=0.8")? {
        let least = number
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite());
        let least = least.ok_or_else(|| {
            Failure::usage(format!("`{number}` is no number")).next("--at-least similarity=0.8")
        })?;
        vocabulary.at_least.insert(criterion, least);
    }
    Ok(vocabulary)
}

fn read_files(
    context: &Context,
    args: &ImportArgs,
    format: Format,
    reading: &Reading,
) -> Result<(Vec<Log>, Vec<String>), Failure> {
    let (mut logs, mut digests, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    let mut rows = 0;
    for path in &args.files {
        let name = path.display().to_string();
        let bytes = bytes(&context.here.join(path), &name)?;
        let digest = Digest::of(&bytes).to_string();
        if let Some(twice) = digests.iter().position(|known| *known == digest) {
            return Err(Failure::usage(format!(
                "`{name}` is the same file as `{}`",
                args.files[twice].display()
            ))
            .why("its answers would count twice"));
        }
        let bytes = match archive::is_archive(&bytes) {
            true => {
                let wanted = |member: &str| {
                    ["header.json", "_journal/start.json"].contains(&member)
                        || (member.starts_with("samples/") && member.ends_with(".json"))
                };
                Bytes::Members(archive::members(&name, bytes, wanted)?)
            }
            false => Bytes::Whole(bytes),
        };
        let input = Input { name, bytes };
        let log = interop::read(format, &input, reading, &mut problems);
        rows += log.as_ref().map_or(0, |log| log.rows.len());
        if rows > ROWS_MAX {
            return Err(
                Failure::usage(format!("the files hold more than {ROWS_MAX} answers"))
                    .next("import them in parts, each under its own --name"),
            );
        }
        logs.extend(log);
        digests.push(digest);
    }
    if has_errors(&problems) {
        return Err(Failure::Problems(problems));
    }
    Ok((logs, digests))
}

fn bytes(path: &Path, name: &str) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!("cannot read `{name}`"))
            .why(error.to_string())
            .next("check the name and its permissions")
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Failure::usage(format!("`{name}` is not a file"))
            .next("the files themselves, such as logs/*.eval"));
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure::usage(format!(
            "`{name}` is larger than {} MiB",
            FILE_BYTES_MAX >> 20
        ))
        .next("let the tool write it in parts, or as .jsonl or .eval"));
    }
    Ok(bytes)
}

/// Lists the systems of each file, in the order of the files.
fn systems(logs: &[Log]) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for (index, log) in logs.iter().enumerate() {
        for row in &log.rows {
            match found
                .iter_mut()
                .find(|one| one.log == index && one.system == row.system)
            {
                Some(one) => one.rows += 1,
                None => found.push(Found {
                    log: index,
                    file: log.file.clone(),
                    system: row.system.clone(),
                    rows: 1,
                }),
            }
        }
    }
    found
}

fn named(args: &ImportArgs) -> Vec<Named> {
    let of = |role: Role, texts: &[String]| -> Vec<Named> {
        texts
            .iter()
            .map(|text| Named {
                role,
                text: text.clone(),
            })
            .collect()
    };
    let mut named = of(Role::Candidate, &args.candidate);
    named.extend(of(Role::Production, &args.production));
    named.extend(of(Role::Fallback, &args.fallback));
    named
}

/// What examples say besides their question. Where nothing names the kinds of work, a field called `task` does.
fn terms(
    context: &Context,
    args: &ImportArgs,
    format: Format,
    paired: &Paired<'_>,
    logs: &[Log],
    digests: &[String],
) -> Result<Terms, Failure> {
    let mut segments = pairs(&args.segment, "--segment risk=metadata.risk")?;
    let everywhere = |field: &str| {
        let mut examples = paired.examples.iter();
        !paired.examples.is_empty() && examples.all(|example| example.case.field(field).is_some())
    };
    let task = args.task.clone().or_else(|| {
        let guesses = ["task", "suite"].into_iter();
        guesses.map(str::to_owned).find(|field| everywhere(field))
    });
    if let Some(task) = task {
        segments.insert(0, ("task".to_owned(), task));
    }
    let version = logs.iter().find_map(|log| log.version.as_deref());
    let tool = match version {
        Some(version) => format!("{} {version}", format.word()),
        None => format.word().to_owned(),
    };
    let files: Vec<String> = logs
        .iter()
        .zip(digests)
        .map(|(log, digest)| {
            format!(
                "{} {}",
                interop::name(interop::last(&log.file)),
                &digest[..digest.len().min(19)]
            )
        })
        .collect();
    Ok(Terms {
        format,
        origin: format!("{tool}: {}", files.join(", ")),
        today: context.now.today.to_string(),
        kind: args.kind,
        segments,
    })
}

/// Where things are written.
struct Place {
    project: Option<Project>,
    root: PathBuf,
    /// From the root, with `/`.
    folder: String,
}

impl Place {
    fn find(context: &Context, args: &ImportArgs) -> Result<Self, Failure> {
        let named = args.name.as_deref().unwrap_or(args.tool.format().word());
        let name = interop::slug(named, 60);
        if name != named || name.is_empty() {
            return Err(Failure::usage(format!("`{named}` cannot name a folder"))
                .why("lower case letters, digits and hyphens, at most 60")
                .next(format!(
                    "--name {}",
                    if name.is_empty() { "results" } else { &name }
                )));
        }
        let there = context.global.config.is_some()
            || context
                .here
                .ancestors()
                .any(|folder| folder.join(PAGE).is_file());
        let project = match there {
            true => Some(context.project()?),
            false => None,
        };
        let root = project
            .as_ref()
            .map_or(&context.here, |project| &project.root)
            .clone();
        let place = Self {
            project,
            root,
            folder: format!("{FOLDER}/{name}"),
        };
        place.refuse_existing(args)?;
        Ok(place)
    }

    /// Says what would be written over, before anything is read.
    fn refuse_existing(&self, args: &ImportArgs) -> Result<(), Failure> {
        let folder = self.root.join(&self.folder);
        let outside = |path: &Path| {
            let link = path
                .symlink_metadata()
                .is_ok_and(|metadata| metadata.is_symlink());
            link.then(|| {
                Failure::usage(format!("`{}` is a link", path.display()))
                    .why("what is written through it may lie anywhere")
                    .next("--name NAME, for another folder")
            })
        };
        if let Some(failure) = outside(&self.root.join(FOLDER)).or_else(|| outside(&folder)) {
            return Err(failure);
        }
        if args.replace {
            return Ok(());
        }
        let mut there = std::fs::read_dir(&folder).into_iter().flatten();
        if there.next().is_some() {
            return Err(
                Failure::usage(format!("`{}` is there already", self.folder))
                    .why("a run that was decided on these files would no longer be what it was")
                    .next(format!("--name NAME   (writes {FOLDER}/NAME beside it)"))
                    .next("--replace   (writes over it)"),
            );
        }
        Ok(())
    }

    /// Reads the examples that the page has. What is wrong with the page otherwise stops nothing here: an import may be what it lacks.
    fn known(&self, context: &Context) -> Result<Vec<Known>, Failure> {
        let Some(project) = &self.project else {
            return Ok(Vec::new());
        };
        let loaded = Loaded::read(project.clone(), &context.now, Depth::Errors)?;
        let own = format!("{}/", self.folder);
        let sources = &loaded.manifest.reference;
        let of_examples = |problem: &Problem| {
            let file = &*problem.at.file;
            let named = sources.iter().any(|source| matches(&source.file, file));
            problem.weight == Weight::Error && named && !file.starts_with(&own)
        };
        let problems = loaded.problems.iter();
        let broken: Vec<Problem> = problems.filter(|it| of_examples(it)).cloned().collect();
        if !broken.is_empty() {
            return Err(Failure::Problems(broken));
        }
        let mut known = Vec::new();
        for index in 0..loaded.reference.examples.len() as u32 {
            let example = loaded.reference.example(index)?;
            // What an earlier import wrote there is written anew.
            let at = loaded
                .reference
                .at(&loaded.reference.examples[index as usize]);
            if at.file.starts_with(&own) {
                continue;
            }
            let input = match &example.input {
                Asked::Text(text) => text.as_str().into(),
                Asked::Messages(messages) => serde_json::to_value(messages).unwrap_or_default(),
                Asked::Turns(_) | Asked::Withheld => serde_json::Value::Null,
            };
            known.push(Known {
                id: example.id.to_string(),
                input,
            });
        }
        Ok(known)
    }

    /// Writes everything; returns the parts for a page that is there.
    fn write(
        &self,
        args: &ImportArgs,
        paired: &Paired<'_>,
        written: &Written,
        terms: &Terms,
        summary: &mut Summary<'_>,
    ) -> Result<Option<String>, Failure> {
        let folder = self.root.join(&self.folder);
        let failed = |source: std::io::Error| {
            Failure::usage(format!("cannot write into `{}`", folder.display()))
                .why(source.to_string())
        };
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let mut all: Vec<(String, Vec<u8>)> = Vec::new();
        let mut put = |name: &str, text: &str| {
            if !text.is_empty() {
                all.push((format!("{}/{name}", self.folder), text.as_bytes().to_vec()));
            }
        };
        put("examples.jsonl", &written.examples);
        for (role, text) in &written.outputs {
            put(&format!("{}.jsonl", role.word()), text);
        }
        put("labels.jsonl", &written.labels);
        let page = page::Page {
            schema_comment: format!("{SCHEMA_COMMENT}{SCHEMA}\n"),
            folder: self.folder.clone(),
            origin: terms.origin.clone(),
            product: String::new(),
        };
        let parts = match &self.project {
            Some(_) => {
                let parts = page::parts(paired, written, &page);
                put(PARTS, &parts);
                Some(parts)
            }
            None => {
                all.push((
                    PAGE.to_owned(),
                    page::whole(paired, written, &page).into_bytes(),
                ));
                // A schema that is there is some program's; the page only points at it.
                if self.root.join(SCHEMA).symlink_metadata().is_err() {
                    all.push((
                        SCHEMA.to_owned(),
                        document(&manifest::schema::schema())?.into_bytes(),
                    ));
                }
                None
            }
        };
        let listed = format!("{}/{SUMMARY}", self.folder);
        summary.wrote = all.iter().map(|(path, _)| path.clone()).collect();
        summary.wrote.push(listed.clone());
        all.push((listed, document(summary)?.into_bytes()));
        if args.replace {
            self.clear(&summary.wrote)?;
        }
        for (path, bytes) in &all {
            replace(&self.root.join(path), bytes)?;
        }
        Ok(parts)
    }

    /// Takes away what an import of before wrote and this one does not: a role that is gone would stay in the page's sight.
    fn clear(&self, wrote: &[String]) -> Result<(), Failure> {
        let ours = ["examples", "candidate", "production", "fallback", "labels"]
            .map(|name| format!("{name}.jsonl"));
        for name in ours {
            let path = format!("{}/{name}", self.folder);
            let full = self.root.join(&path);
            if wrote.contains(&path) || !full.is_file() {
                continue;
            }
            std::fs::remove_file(&full).map_err(|source| {
                Failure::usage(format!("cannot take `{path}` away")).why(source.to_string())
            })?;
        }
        Ok(())
    }
}
