//! `gatewright calibrate`

use std::fmt::Write as _;
use std::path::Path;

use gatewright_core::calibrate::{self, Answer, Drawing, Stratum, Unit};
use gatewright_core::manifest::Manifest;

use crate::args::CalibrateArgs;
use crate::commands::labelling::{Asked, Given};
use crate::commands::{self, Context, replace, shell, writable};
use crate::console::document;
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{Judging, Loaded, record_calibrations};

pub(crate) fn calibrate(context: &Context, args: &CalibrateArgs) -> Result<u8, Failure> {
    let mut loaded = context.sound()?;
    let criterion = criterion(&loaded.manifest, args.criterion.as_deref())?;
    if let Some(path) = &args.output {
        writable(&context.here.join(path), path)?;
    }
    let judging = context.judging(&mut loaded, args.run.as_deref())?;
    if let (Some(budget), Some(path)) = (args.plan, &args.output) {
        let criterion = the_one(&judging, &loaded, criterion)?;
        return plan(context, &loaded, &judging, criterion, budget, path);
    }
    let found = judging.document(&loaded, criterion);
    let kept = record_calibrations(&loaded, &judging.calibrations, &context.now)?;
    if kept > 0 {
        context.console.detail("kept in the project log");
    }
    if let Some(path) = &args.output {
        replace(&context.here.join(path), document(&found)?.as_bytes())?;
        context.console.detail(&format!("wrote {}", path.display()));
    }
    let text = |width| calibrate::text(&found, width);
    context.console.answer(&found, text)?;
    Ok(exit::SHIP)
}

/// Finds the criterion that was asked for, and says what is missing when it cannot be calibrated.
fn criterion(manifest: &Manifest, name: Option<&str>) -> Result<Option<u16>, Failure> {
    let calibrated = || {
        let all = manifest.criteria.iter();
        all.filter(|criterion| criterion.is_calibrated())
    };
    let how =
        "`people: {from: labels.jsonl}` beside a grader that is `by: model` (docs/calibration.md)";
    let Some(name) = name else {
        return match calibrated().next() {
            Some(_) => Ok(None),
            None => {
                Err(Failure::usage("no criterion has people's labels beside a judge").next(how))
            }
        };
    };
    let index = commands::criterion(manifest, name)?;
    if !manifest.criteria[usize::from(index)].is_calibrated() {
        let what = format!("`{name}` has no people's labels beside a judge");
        return Err(Failure::usage(what).next(how));
    }
    Ok(Some(index))
}

/// A file of labels is about one criterion.
fn the_one(judging: &Judging, loaded: &Loaded, asked: Option<u16>) -> Result<u16, Failure> {
    match (asked, judging.calibrations.as_slice()) {
        (Some(criterion), _) => Ok(criterion),
        (None, [one]) => Ok(one.criterion),
        (None, several) => {
            let names: Vec<&str> = several
                .iter()
                .map(|one| {
                    loaded.manifest.criteria[usize::from(one.criterion)]
                        .id
                        .as_str()
                })
                .collect();
            Err(
                Failure::usage("a file to label is about one criterion").next(format!(
                    "gatewright calibrate {} --plan N -o FILE (one of {})",
                    names.first().unwrap_or(&"CRITERION"),
                    names.join(", ")
                )),
            )
        }
    }
}

fn plan(
    context: &Context,
    loaded: &Loaded,
    judging: &Judging,
    criterion: u16,
    budget: u32,
    path: &Path,
) -> Result<u8, Failure> {
    let whole = context.here.join(path);
    if whole.exists() {
        let what = format!("`{}` is there already, and may hold labels", path.display());
        return Err(Failure::usage(what).next("another name, and that name under `people.from`"));
    }
    let none = Vec::new();
    let units: &[Unit] = judging.units.get(&criterion).unwrap_or(&none);
    let id = loaded.manifest.criteria[usize::from(criterion)].id.as_str();
    if units.is_empty() {
        return Err(
            Failure::usage(format!("no answer is judged for `{id}` yet")).next("gatewright run"),
        );
    }
    let drawing = calibrate::draw(units, budget as usize, loaded.manifest.seed, id);
    let mut text = String::new();
    for answer in &drawing.answers {
        rows(loaded, judging, criterion, answer, &mut text)?;
    }
    replace(&whole, text.as_bytes())?;
    tell(context, &drawing, budget, path, id)?;
    Ok(exit::SHIP)
}

/// Writes an answer once for each label that it has, or once to be labelled.
fn rows(
    loaded: &Loaded,
    judging: &Judging,
    criterion: u16,
    answer: &Answer<'_>,
    text: &mut String,
) -> Result<(), Failure> {
    let Some(asked) = Asked::drawn(loaded, judging, criterion, answer.unit) else {
        return Ok(());
    };
    let given = asked.labels(loaded).into_iter();
    let mut given: Vec<Given> = given
        .map(|label| Given {
            label: Some(label.label.to_string()),
            annotator: label.annotator.to_string(),
            inclusion: Some(answer.inclusion),
            ..Given::default()
        })
        .collect();
    if given.is_empty() {
        given.push(Given {
            inclusion: Some(answer.inclusion),
            ..Given::default()
        });
    }
    given
        .into_iter()
        .try_for_each(|given| asked.write(loaded, given, text))
}

fn tell(
    context: &Context,
    drawing: &Drawing<'_>,
    budget: u32,
    path: &Path,
    criterion: &str,
) -> Result<(), Failure> {
    let count = |stratum| drawing.strata.get(&stratum).copied().unwrap_or_default();
    let (flips, fails, passes) = (
        count(Stratum::Flip),
        count(Stratum::Fail),
        count(Stratum::Pass),
    );
    if context.console.json {
        return context.console.document(&serde_json::json!({
            "format": "gatewright-label-plan/1",
            "criterion": criterion,
            "file": path.display().to_string(),
            "answers": drawing.answers.len(),
            "examples": {
                "flips": {"drawn": flips.0, "there": flips.1},
                "judge_fails": {"drawn": fails.0, "there": fails.1},
                "judge_passes": {"drawn": passes.0, "there": passes.1},
            },
            "whole": drawing.whole,
        }));
    }
    let mut text = format!(
        "Wrote {} answers of {} examples to {}\n",
        drawing.answers.len(),
        flips.0 + fails.0 + passes.0,
        path.display()
    );
    let _ = writeln!(
        text,
        "  {} of {} examples on which the judge sees a difference\n  {} of {} that it fails\n  {} of {} that it passes, at random",
        flips.0, flips.1, fails.0, fails.1, passes.0, passes.1
    );
    if drawing.whole > budget as usize {
        let _ = writeln!(
            text,
            "All flips, all fails and 30 passes are {} answers (--plan {}).",
            drawing.whole, drawing.whole
        );
    }
    let _ = writeln!(
        text,
        "Next: fill in `label` and `annotator`, name the file under `people.from`, then\n      gatewright calibrate {}",
        shell(Path::new(criterion))
    );
    context.console.out(&text)
}
