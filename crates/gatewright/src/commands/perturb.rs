//! `gatewright perturb`

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use gatewright_core::manifest::Role;
use gatewright_core::manifest::read::templates;
use gatewright_core::perturb::template::{CASES_MAX, Making, Unmade, expand};
use gatewright_core::perturb::{
    NotApplicable, Perturbation, Setting, line, perturb as change, probe,
};
use gatewright_core::problem::{Problem, Weight};
use gatewright_core::reference::{Entry, Example, ReferenceSet};
use gatewright_core::report::untrusted::{self, wrap};
use serde::Serialize;

use crate::args::{PerturbArgs, Select};
use crate::commands::{Context, replace, writable};
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{Depth, Loaded, Selection};
use crate::project::{PAGE_BYTES_MAX, matches};

/// Reasons that are shown for each kind.
const REASONS_SHOWN: usize = 3;

/// What was made, and what was not and why.
#[derive(Default)]
struct Made {
    examples: Vec<Example>,
    /// Variants or cases, by kind or template.
    counts: BTreeMap<String, usize>,
    /// Variants whose changed sources the candidate is not sent.
    unsent: usize,
    refused: Vec<Refused>,
}

/// A perturbation that made no variant of an example.
#[derive(Serialize)]
struct Refused {
    kind: String,
    example: String,
    why: String,
}

pub(crate) fn perturb(context: &Context, args: &PerturbArgs) -> Result<u8, Failure> {
    if let Some(path) = &args.output {
        let whole = context.here.join(path);
        if whole.exists() {
            return Err(
                Failure::usage(format!("`{}` is there already", path.display()))
                    .why("what was reviewed would be lost")
                    .next("another name after -o, or take the file away first"),
            );
        }
        writable(&whole, path)?;
    }
    let loaded = examples(context)?;
    let seed = args.seed.unwrap_or(loaded.manifest.seed);
    let added = context.now.today.to_string();
    let made = match &args.template {
        Some(path) => from_templates(context, &loaded, args, path, (seed, &added))?,
        None => variants(&loaded, args, (seed, &added))?,
    };
    if made.examples.is_empty() {
        let mut failure = Failure::expected(exit::NOTHING, "nothing was made");
        if let Some(first) = made.refused.first() {
            failure = failure.why(format!("{}, {}: {}", first.kind, first.example, first.why));
        }
        return Err(failure
            .next("gatewright perturb --json says why for each example")
            .next("gatewright perturb --help names every kind"));
    }
    write(context, &loaded, args, &made)
}

/// Loads page and examples. What the page still lacks (a rule without examples, say) stops nothing: variants may be what it lacks. What is
/// wrong with the examples does.
fn examples(context: &Context) -> Result<Loaded, Failure> {
    let loaded = Loaded::read(context.project()?, &context.now, Depth::Errors)?;
    let errors = || {
        let problems = loaded.problems.iter();
        problems.filter(|problem| problem.weight == Weight::Error)
    };
    let on_page = |problem: &Problem| *problem.at.file == *loaded.project.name;
    let broken: Vec<Problem> = errors().filter(|it| !on_page(it)).cloned().collect();
    if !broken.is_empty() {
        return Err(Failure::Problems(broken));
    }
    let open = errors().count();
    if open > 0 {
        let s = if open == 1 { "" } else { "s" };
        context.console.wrapped(&format!(
            "note: the page has {open} error{s} that variants may mend; gatewright check says which"
        ));
    }
    Ok(loaded)
}

/// Changes every selected base in every way that applies.
fn variants(
    loaded: &Loaded,
    args: &PerturbArgs,
    (seed, added): (u64, &str),
) -> Result<Made, Failure> {
    let select = Select {
        filter: args.filter.clone(),
        ..Select::default()
    };
    let (manifest, reference) = (&loaded.manifest, &loaded.reference);
    let selection = Selection::read(manifest, reference, seed, &select, "--where")?;
    let qualities: Vec<String> = manifest
        .dimension("source_quality")
        .map(|(_, dimension)| dimension.values.iter().map(|it| it.name.clone()).collect())
        .unwrap_or_default();
    // Every base is looked at, and may lend its question to another.
    let mut all = Vec::with_capacity(reference.examples.len());
    for index in 0..reference.examples.len() as u32 {
        all.push((*reference.example(index)?).clone());
    }
    let setting = Setting {
        seed,
        not_ready: Setting::not_ready(&manifest.promise.when_not_ready),
        qualities: &qualities,
        by_capability: manifest.dimension("capability").is_some(),
        added,
        others: &all,
    };
    let wanted = |kind: &Perturbation| {
        args.kind.is_empty() || args.kind.iter().any(|word| word == kind.word())
    };
    let kinds: Vec<Perturbation> = Perturbation::ALL.into_iter().filter(wanted).collect();
    let bases = (0..)
        .zip(&all)
        .filter(|(index, _)| selection.as_ref().is_none_or(|it| it.holds(*index)))
        .map(|(_, example)| example)
        // A test is no base: its own changes would be changes of a change.
        .filter(|example| probe(example).is_none())
        .take(args.limit.map_or(usize::MAX, |limit| limit as usize));
    let sees_sources = manifest
        .systems
        .get(&Role::Candidate)
        .is_some_and(|system| system.live().is_some());
    let mut made = Made::default();
    for base in bases {
        for &kind in &kinds {
            let found = change(kind, base, &setting);
            // A program is sent the context and not the sources.
            let unsent = |variant: &Example| {
                !sees_sources && kind.changes_sources() && variant.context == base.context
            };
            made.unsent += usize::from(found.as_ref().is_ok_and(unsent));
            made.take(kind, base, found, reference);
        }
    }
    Ok(made)
}

impl Made {
    fn take(
        &mut self,
        kind: Perturbation,
        base: &Example,
        found: Result<Example, NotApplicable>,
        reference: &ReferenceSet,
    ) {
        let count = self.counts.entry(kind.word().to_owned()).or_default();
        let why = match found {
            Ok(variant) if taken(reference, variant.id.as_str()) => {
                format!("`{}` is in the reference set already", variant.id)
            }
            Ok(variant) => {
                *count += 1;
                self.examples.push(variant);
                return;
            }
            Err(NotApplicable(why)) => why,
        };
        self.refused.push(Refused {
            kind: kind.word().to_owned(),
            example: base.id.to_string(),
            why,
        });
    }
}

/// Says whether an example has an id, in force or set aside.
fn taken(reference: &ReferenceSet, id: &str) -> bool {
    let aside = |entry: &Entry| entry.id.as_str().cmp(id);
    reference.index_of(id).is_some() || reference.set_aside.binary_search_by(aside).is_ok()
}

/// Fills every template of a file.
fn from_templates(
    context: &Context,
    loaded: &Loaded,
    args: &PerturbArgs,
    path: &Path,
    (seed, added): (u64, &str),
) -> Result<Made, Failure> {
    let bytes = read(context, path)?;
    let name = path.display().to_string();
    let templates = templates(&bytes, &name).map_err(Failure::Problems)?;
    let making = Making {
        seed,
        limit: args.limit,
        by_capability: loaded.manifest.dimension("capability").is_some(),
        added,
    };
    let mut made = Made::default();
    for template in &templates {
        let examples = expand(template, making).map_err(|unmade| match unmade {
            Unmade::Wrong(problems) => Failure::Problems(problems),
            Unmade::TooMany { ways } => Failure::usage(format!(
                "{}: the template `{}` can be filled in {ways} ways",
                template.at, template.id
            ))
            .why(format!(
                "more than {CASES_MAX} cases of one template cost calls and are one cluster"
            ))
            .next("--limit 50"),
        })?;
        let count = made.counts.entry(template.id.clone()).or_default();
        for example in examples {
            if taken(&loaded.reference, example.id.as_str()) {
                made.refused.push(Refused {
                    kind: template.id.clone(),
                    example: example.id.to_string(),
                    why: "it is in the reference set already".to_owned(),
                });
            } else {
                *count += 1;
                made.examples.push(example);
            }
        }
    }
    Ok(made)
}

fn read(context: &Context, path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!("cannot read the templates `{}`", path.display()))
            .why(error.to_string())
            .next("gatewright perturb --template FILE")
    };
    let file = std::fs::File::open(context.here.join(path)).map_err(unreadable)?;
    let mut bytes = Vec::new();
    // One byte more than is read: the reader says that it is too much.
    file.take(PAGE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

fn write(
    context: &Context,
    loaded: &Loaded,
    args: &PerturbArgs,
    made: &Made,
) -> Result<u8, Failure> {
    let mut rows = String::new();
    for example in &made.examples {
        rows.push_str(&line(example));
        rows.push('\n');
    }
    if let Some(path) = &args.output {
        replace(&context.here.join(path), rows.as_bytes())?;
    }
    if made.unsent > 0 {
        context.console.wrapped(&format!(
            "note: {} variants change sources, and the candidate is no endpoint whose prompt shows them: it reads its own, and these say nothing about it. Put the texts of the sources into `context`, which every system is sent",
            made.unsent
        ));
    }
    if context.console.json {
        let examples: Vec<serde_json::Value> = match &args.output {
            Some(_) => Vec::new(),
            None => rows
                .lines()
                .filter_map(|row| serde_json::from_str(row).ok())
                .collect(),
        };
        context.console.document(&serde_json::json!({
            "format": "gatewright-perturb/1",
            "output": args.output,
            "made": made.counts,
            "sources_not_sent": made.unsent,
            "not_applicable": made.refused,
            "examples": examples,
        }))?;
        return Ok(exit::SHIP);
    }
    let summary = summary(made, context.console.options.width);
    match &args.output {
        // Examples go out alone, so that they can be piped on.
        None => {
            context.console.out(&untrusted::json(&rows))?;
            context.console.note(summary.trim_end());
        }
        Some(path) => {
            let next = next(context, loaded, path);
            context.console.out(&format!(
                "{summary}wrote {} examples to {}: read them before they count\n{next}\n",
                made.examples.len(),
                path.display()
            ))?;
        }
    }
    Ok(exit::SHIP)
}

/// One line for each kind, and below it why it did not apply elsewhere.
fn summary(made: &Made, width: usize) -> String {
    let mut text = String::new();
    for (kind, count) in &made.counts {
        text.push_str(&format!("{:<22} {count:>5}\n", untrusted::line(kind, 60)));
        let mut whys: BTreeMap<&str, usize> = BTreeMap::new();
        for refused in made.refused.iter().filter(|it| it.kind == *kind) {
            *whys.entry(&refused.why).or_default() += 1;
        }
        let mut whys: Vec<(&str, usize)> = whys.into_iter().collect();
        whys.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let more = whys.len().saturating_sub(REASONS_SHOWN);
        for (why, count) in whys.into_iter().take(REASONS_SHOWN) {
            let why = format!("    not of {count}: {}", untrusted::line(why, 300));
            for row in wrap(&why, width, 8) {
                text.push_str(&row);
                text.push('\n');
            }
        }
        if more > 0 {
            text.push_str(&format!("    and {more} more reasons: --json has all\n"));
        }
    }
    text
}

/// The next command, or what the page must say first.
fn next(context: &Context, loaded: &Loaded, path: &Path) -> String {
    let whole = context.here.join(path);
    let folder = whole.parent().and_then(|folder| folder.canonicalize().ok());
    let inside = folder
        .as_deref()
        .and_then(|folder| folder.strip_prefix(&loaded.project.root).ok())
        .zip(whole.file_name())
        .map(|(folder, name)| folder.join(name).display().to_string());
    let Some(inside) = inside else {
        return "Next: put the file into the project and name it under `reference`".to_owned();
    };
    let named = |pattern: &str| {
        let split = |path: &str| {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            (folder.trim_start_matches("./").to_owned(), name.to_owned())
        };
        let ((folder, pattern), (in_folder, name)) = (split(pattern), split(&inside));
        folder == in_folder && matches(&pattern, &name)
    };
    let sources = &loaded.manifest.reference;
    match sources.iter().any(|it| !it.is_foreign() && named(&it.file)) {
        true => "Next: gatewright check".to_owned(),
        false => {
            format!("Next: name `{inside}` under `reference` on the page, then gatewright check")
        }
    }
}
