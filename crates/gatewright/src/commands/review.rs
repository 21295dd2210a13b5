//! `gatewright review`

mod ask;
mod export;
mod pairs;
mod queue;

use std::collections::{BTreeMap, BTreeSet};

use gatewright_core::label::TextCode;
use gatewright_core::manifest::{Grader, Manifest, Role};
use gatewright_core::report::untrusted::line;
use gatewright_core::review::{self, Rated, SETTLES, Unit, Whose, is_of_people, rated};

use crate::args::{AgreementArgs, DisagreementsArgs, ReviewAction, ReviewArgs};
use crate::commands::labelling::{Asked, Given};
use crate::commands::{self, Context, replace, unknown, writable};
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{DeskLog, Judging, Loaded};

pub(crate) fn review(context: &Context, args: &ReviewArgs) -> Result<u8, Failure> {
    match &args.action {
        ReviewAction::Ask(args) => ask::ask(context, args),
        ReviewAction::Export(args) => export::export(context, args),
        ReviewAction::Agreement(args) => agreement(context, args),
        ReviewAction::Disagreements(args) => disagreements(context, args),
    }
}

fn agreement(context: &Context, args: &AgreementArgs) -> Result<u8, Failure> {
    let loaded = context.sound()?;
    if args.asked {
        let desk = DeskLog::look(&loaded.project)?;
        let found = review::desk_agreement(&desk, loaded.manifest.seed);
        if found.criteria.is_empty() {
            return Err(
                Failure::usage("nobody has labelled anything that was asked")
                    .next("gatewright review ask FILE, then gatewright serve"),
            );
        }
        let text = |width| review::text(&found, width);
        context.console.answer(&found, text)?;
        return Ok(exit::SHIP);
    }
    let criterion = match &args.criterion {
        Some(name) => Some(criterion(&loaded.manifest, name)?),
        None => None,
    };
    let only: BTreeSet<String> = args.person.iter().cloned().collect();
    known(&loaded, criterion, &only)?;
    let found = review::agreement(
        &loaded.manifest,
        &loaded.reference,
        &loaded.labels,
        criterion,
        &only,
    );
    if found.criteria.is_empty() {
        return Err(nobody_labels());
    }
    let text = |width| review::text(&found, width);
    context.console.answer(&found, text)?;
    Ok(exit::SHIP)
}

fn nobody_labels() -> Failure {
    Failure::usage("no criterion of this page is labelled by people")
        .next("`label: {from: FILE, by: person, …}` as a grader, or `people: {from: FILE}` beside a judge (docs/review.md)")
}

/// Finds a criterion that people label.
fn criterion(manifest: &Manifest, name: &str) -> Result<u16, Failure> {
    let index = commands::criterion(manifest, name)?;
    if is_of_people(&manifest.criteria[usize::from(index)]).is_none() {
        let what = format!("`{name}` is not labelled by people");
        return Err(Failure::usage(what).next("gatewright review agreement   (shows what is)"));
    }
    Ok(index)
}

/// Refuses names of people who labelled nothing: a slip would leave everybody out.
fn known(loaded: &Loaded, of: Option<u16>, only: &BTreeSet<String>) -> Result<(), Failure> {
    if only.is_empty() {
        return Ok(());
    }
    let all = (0..).zip(&loaded.manifest.criteria);
    let wanted = all.filter(|(index, _)| of.is_none_or(|one| one == *index));
    let of_people = wanted.filter_map(|(index, it)| Some(given(loaded, index, is_of_people(it)?)));
    let people: BTreeSet<String> = of_people
        .flat_map(|found| found.people)
        .map(|name| name.to_string())
        .collect();
    match only.iter().find(|name| !people.contains(*name)) {
        Some(name) => Err(unknown("person", name, people.iter().map(String::as_str))),
        None => Ok(()),
    }
}

fn given(loaded: &Loaded, criterion: u16, beside: bool) -> Rated {
    let whose = Whose {
        criterion,
        beside,
        system: None,
    };
    rated(&loaded.labels, &loaded.reference, whose)
}

fn disagreements(context: &Context, args: &DisagreementsArgs) -> Result<u8, Failure> {
    let mut loaded = context.sound()?;
    let index = criterion(&loaded.manifest, &args.criterion)?;
    writable(&context.here.join(&args.output), &args.output)?;
    let whole = context.here.join(&args.output);
    if whole.exists() {
        let what = format!(
            "`{}` is there already, and may hold labels",
            args.output.display()
        );
        return Err(Failure::usage(what).next("another name"));
    }
    let declared = &loaded.manifest.criteria[usize::from(index)];
    if matches!(declared.grader, Grader::Preference(_)) {
        let what = format!("the labels of `{}` are about two answers", args.criterion);
        return Err(Failure::usage(what)
            .why("a file would show them in one order to everybody, and they are settled side by side")
            .next(format!(
                "gatewright review ask --policy disputed --criterion {}   (then gatewright serve)",
                args.criterion
            ))
            .next("gatewright review agreement --json   (counts them)"));
    }
    let beside = is_of_people(declared).unwrap_or_default();
    let found = given(&loaded, index, beside);
    let settled = settled(&loaded, index, beside);
    let judging = context.judging(&mut loaded, args.run.as_deref())?;
    let outputs = Outputs::of(&loaded, &judging);
    let mut text = String::new();
    let (mut written, mut before) = (0_usize, 0_usize);
    for unit in found.units.iter().filter(|unit| unit.is_disputed()) {
        if settled.contains(&place(unit)) {
            before += 1;
            continue;
        }
        written += 1;
        write(&loaded, (index, beside), &found, unit, &outputs, &mut text)?;
    }
    if written > 0 {
        replace(&whole, text.as_bytes())?;
    }
    tell(context, args, written, before)
}

type Place = (
    u32,
    Option<std::sync::Arc<str>>,
    u32,
    Option<u32>,
    Option<TextCode>,
);

fn place(unit: &Unit) -> Place {
    let system = unit.system.clone();
    (unit.example, system, unit.trial, unit.part, unit.text)
}

/// Units about which somebody has settled what others said.
fn settled(loaded: &Loaded, criterion: u16, beside: bool) -> BTreeSet<Place> {
    let examples = 0..loaded.reference.examples.len() as u32;
    let labels = examples.flat_map(|example| match beside {
        true => loaded.labels.people_of_example(criterion, example),
        false => loaded.labels.of_example(criterion, example),
    });
    labels
        .filter(|label| label.settles)
        .map(|it| (it.example, it.system, it.trial, it.part, it.text))
        .collect()
}

/// What systems answered, by example, system and recorded trial.
struct Outputs<'a>(BTreeMap<(u32, &'a str, u32), &'a str>);

impl<'a> Outputs<'a> {
    fn of(loaded: &'a Loaded, judging: &'a Judging) -> Self {
        let name = |role: &Role| loaded.manifest.systems.get(role).map(|it| it.name.as_str());
        let one = |(&(example, role, _), (trial, output)): (
            &(u32, Role, u32),
            &'a (u32, Option<String>),
        )| { Some(((example, name(&role)?, *trial), output.as_deref()?)) };
        Self(judging.answers.iter().filter_map(one).collect())
    }

    /// Asks about the answer of a labelled unit; nothing where something else is answered now than what was labelled: that is asked anew.
    fn asked<'u>(&self, criterion: u16, unit: &'u Unit) -> Option<Asked<'u>>
    where
        'a: 'u,
    {
        let system = unit.system.as_deref().unwrap_or_default();
        let output = self.0.get(&(unit.example, system, unit.trial)).copied();
        let is_of_it = |text: TextCode| output.is_none_or(|output| text == TextCode::of(output));
        unit.text.is_none_or(is_of_it).then(|| Asked {
            criterion,
            example: unit.example,
            system,
            trial: unit.trial,
            part: unit.part,
            output,
            // What a label that does not tell its text is about is what stands there now, and a new one is of this text alone.
            text: unit.text.or_else(|| output.map(TextCode::of)),
            said: Vec::new(),
        })
    }
}

fn write(
    loaded: &Loaded,
    (criterion, beside): (u16, bool),
    found: &Rated,
    unit: &Unit,
    outputs: &Outputs<'_>,
    text: &mut String,
) -> Result<(), Failure> {
    let system = unit.system.as_deref().unwrap_or_default();
    let output = outputs.0.get(&(unit.example, system, unit.trial)).copied();
    // A label may be of another text than the one that is answered today.
    let output = output.filter(|output| unit.text.is_none_or(|text| text == TextCode::of(output)));
    let given: BTreeSet<&str> = unit
        .given
        .iter()
        .flatten()
        .filter_map(|number| found.labels.get(*number as usize))
        .map(|label| &**label)
        .collect();
    let asked = Asked {
        criterion,
        example: unit.example,
        system,
        trial: unit.trial,
        part: unit.part,
        output,
        // What people say beside a judge is of one text; a criterion's own label is of whatever is recorded.
        text: unit
            .text
            .or_else(|| output.filter(|_| beside).map(TextCode::of)),
        said: given.into_iter().collect(),
    };
    let to_settle = Given {
        kind: Some(SETTLES),
        ..Given::default()
    };
    asked.write(loaded, to_settle, text)
}

fn tell(
    context: &Context,
    args: &DisagreementsArgs,
    written: usize,
    before: usize,
) -> Result<u8, Failure> {
    let file = args.output.display().to_string();
    if context.console.json {
        context.console.document(&serde_json::json!({
            "format": "gatewright-disagreements/1",
            "criterion": args.criterion,
            "file": (written > 0).then_some(&file),
            "answers": written,
            "settled": before,
        }))?;
        return Ok(exit::SHIP);
    }
    let s = |count: usize| if count == 1 { "" } else { "s" };
    let mut text = match written {
        0 => format!("`{}`: nothing is left to settle\n", args.criterion),
        _ => format!(
            "Wrote {written} disputed answer{} to {}\n",
            s(written),
            line(&file, 400)
        ),
    };
    if before > 0 {
        text.push_str(&format!("{before} settled already\n"));
    }
    if written > 0 {
        text.push_str(
            "Next: fill in `label` and `annotator`, and name the file beside theirs:\n      from: [THEIR-FILE, THIS-FILE]   (a label of this kind is the verdict)\n",
        );
    }
    context.console.out(&text)?;
    Ok(exit::SHIP)
}
