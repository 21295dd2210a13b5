//! `gatewright review ask`

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use gatewright_core::calibrate::{self, Stratum};
use gatewright_core::label::{self, Label, TextCode};
use gatewright_core::manifest::{Criterion, Grader, Manifest};
use gatewright_core::outcome::GraderKind;
use gatewright_core::report::untrusted::line;
use gatewright_core::review::{AskedRow, Desk, Item, Origin, ReviewEvent, is_of_people, person_of};

use super::pairs::{no_pairs, pairs};
use super::queue::{Cut, of_policy};
use super::{Outputs, criterion, given};
use gatewright_stats::rng::Stream;

use crate::args::{AskArgs, Policy};
use crate::commands::labelling::{Asked, labels_of};
use crate::commands::{Context, unknown};
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{DeskLog, Loaded, page_of, writer};
use crate::project::Project;

const COMMAND: &str = "gatewright review ask";
/// Most bytes of one row.
const ROW_BYTES_MAX: u64 = 16 << 20;

/// What was found to ask, before it is known what of it is new.
#[derive(Default)]
pub(super) struct Found {
    pub(super) items: Vec<Item>,
    /// Why each of them is asked, where it is not what the command says.
    pub(super) whys: Vec<String>,
    said: Vec<Said>,
    /// Rows of another version of the rubric than the page names.
    other_rubric: usize,
}

impl Found {
    /// Takes an answer in, with the labels that the page's files have of it.
    pub(super) fn push(&mut self, item: Item, why: &str, labels: &[Label]) {
        let is_people = |it: &&Label| it.kind.is_none_or(|kind| kind == GraderKind::Person);
        let labels = labels.iter().filter(is_people);
        self.said.extend(labels.map(|label| Said {
            item: self.items.len(),
            label: label.label.to_string(),
            by: person_of(&label.annotator),
            settles: label.settles,
            from: None,
        }));
        self.items.push(item);
        self.whys.push(why.to_owned());
    }
}

/// A label that is there.
struct Said {
    /// Index into the items.
    item: usize,
    label: String,
    by: String,
    settles: bool,
    /// The file that it stands in, where the page does not name that: else the page reads it anyway.
    from: Option<String>,
}

pub(super) fn ask(context: &Context, args: &AskArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let before = DeskLog::look(&project)?;
    let mut found = Found::default();
    let mut cut = Cut::default();
    match (&args.criterion, args.policy) {
        (_, Some(policy)) => cut = of_policy(context, args, policy, &before, &mut found)?,
        (Some(name), None) => of_criterion(context, args, name, &mut found)?,
        (None, None) if args.files.is_empty() => {
            return Err(Failure::usage("nothing to ask about")
                .next("gatewright review ask FILE   (rows to label)")
                .next("gatewright review ask --criterion NAME   (which people label)")
                .next("gatewright review ask --policy auto   (what can change the decision)"));
        }
        (None, None) => of_files(context, &project, args, &before, &mut found)?,
    }
    if found.other_rubric > 0 {
        let what = format!(
            "{} rows follow another version of the rubric than the page names",
            found.other_rubric
        );
        if found.items.is_empty() {
            return Err(Failure::usage(what)
                .why("what was said by one version is not said by another")
                .next("gatewright calibrate CRITERION --plan 90 -o labels.jsonl"));
        }
        context.console.note(&format!("{what}: left out"));
    }
    if args.gold && found.said.is_empty() {
        return Err(Failure::usage("--gold, and no row has a label")
            .why("what is known of an answer is the label in its row")
            .next("fill in `label` and `annotator`, or leave --gold out"));
    }
    let writer = writer(COMMAND, &context.now);
    let by = writer.actor.clone();
    let mut log = DeskLog::open(&project, writer)?;
    let known = log.refresh()?;
    let news = news(&known, &found, args, (&by, &context.now.at));
    let asked = news.asked.len();
    let events = news.asked.into_iter().chain(news.labels).collect();
    let (written, refused) = log.record_all(events, &context.now.at)?;
    let new = log.refresh()?.entries().len() - known.entries().len();
    tell(context, args, (new, &found, &cut), written - asked)?;
    if news.other > 0 {
        context.console.note(&format!(
            "{} labels are not what the same people said before: what they said first stands",
            news.other
        ));
    }
    if news.back > 0 {
        let note = format!(
            "{} labels were taken back by who gave them: left out",
            news.back
        );
        context.console.note(&note);
    }
    if let Some(why) = refused {
        let note = format!("some labels were not taken over: {why}");
        context.console.note(&note);
    }
    Ok(exit::SHIP)
}

/// What is not in the log yet.
struct News {
    asked: Vec<ReviewEvent>,
    labels: Vec<ReviewEvent>,
    /// Labels of people who said something else before.
    other: usize,
    /// Labels that were taken back.
    back: usize,
}

fn news(known: &Desk, found: &Found, args: &AskArgs, (by, at): (&str, &str)) -> News {
    let not_by: BTreeSet<String> = args.not_by.iter().map(|name| person_of(name)).collect();
    let items = found.items.iter().enumerate();
    let asked = items.filter(|(_, item)| known.is_news(item, args.people, &not_by));
    let asked = asked.map(|(place, item)| ReviewEvent::Asked {
        item: Box::new(item.clone()),
        people: args.people,
        not_by: not_by.clone(),
        why: match found.whys.get(place) {
            Some(why) if args.why.is_empty() => why.clone(),
            _ => args.why.clone(),
        },
        by: by.to_owned(),
        at: at.to_owned(),
    });
    let mut news = News {
        asked: asked.collect(),
        labels: Vec::new(),
        other: 0,
        back: 0,
    };
    for said in &found.said {
        let id = found.items[said.item].id();
        let entry = known.find(&id);
        if args.gold {
            let gold = (said.label.clone(), said.by.clone());
            if entry.is_none_or(|entry| entry.gold.as_ref() != Some(&gold)) {
                news.labels.push(ReviewEvent::Gold {
                    item: id,
                    label: gold.0,
                    by: gold.1,
                    at: at.to_owned(),
                });
            }
            continue;
        }
        let before = entry.and_then(|entry| match said.settles {
            true => entry.settled.as_ref(),
            false => entry.said_by(&said.by),
        });
        let mut back = entry.into_iter().flat_map(|entry| &entry.withdrawn);
        if before.is_none() && back.any(|it| (&it.by, &it.label) == (&said.by, &said.label)) {
            news.back += 1;
            continue;
        }
        if let Some(before) = before {
            news.other += usize::from(before.label != said.label);
            continue;
        }
        let note = said
            .from
            .as_ref()
            .map(|file| format!("taken over from {file}"));
        news.labels.push(ReviewEvent::Labelled {
            item: id,
            label: said.label.clone(),
            by: said.by.clone(),
            note: note.filter(|_| said.settles).unwrap_or_default(),
            settles: said.settles,
            origin: match said.from {
                None => Origin::Page,
                Some(_) => Origin::File,
            },
            at: at.to_owned(),
        });
    }
    news
}

fn of_files(
    context: &Context,
    project: &Project,
    args: &AskArgs,
    before: &Desk,
    found: &mut Found,
) -> Result<(), Failure> {
    let (page, problems) = page_of(project)?;
    let page = page.ok_or(Failure::Problems(problems))?;
    let whole = |path: &Path| path.canonicalize().ok();
    let of_page: BTreeSet<PathBuf> = label::requests(&page)
        .into_keys()
        .filter_map(|path| whole(&project.root.join(path)))
        .collect();
    let asked = before.entries().iter();
    let asked = asked.map(|it| {
        let item = &it.item;
        let rubric = item.rubric.as_deref();
        ((&*item.criterion, &*item.answer_id, rubric), item)
    });
    let asked: Before<'_> = asked.collect();
    for path in &args.files {
        let is_named = whole(&context.here.join(path)).is_some_and(|it| of_page.contains(&it));
        of_file(context, &page, (path, is_named), &asked, found)?;
    }
    Ok(())
}

/// What was asked before, by criterion, answer and version of the rubric.
type Before<'d> = BTreeMap<(&'d str, &'d str, Option<&'d str>), &'d Item>;

fn of_file(
    context: &Context,
    page: &Manifest,
    (path, is_named): (&Path, bool),
    before: &Before<'_>,
    found: &mut Found,
) -> Result<(), Failure> {
    let shown = line(&path.display().to_string(), 400);
    let unread = |error: std::io::Error| {
        Failure::usage(format!("cannot read `{shown}`"))
            .why(error.to_string())
            .next("gatewright calibrate CRITERION --plan 90 -o labels.jsonl")
    };
    let file = std::fs::File::open(context.here.join(path)).map_err(unread)?;
    let mut reader = BufReader::new(file);
    let mut row = Vec::new();
    for number in 1_u64.. {
        row.clear();
        let mut one = (&mut reader).take(ROW_BYTES_MAX);
        if one.read_until(b'\n', &mut row).map_err(unread)? == 0 {
            break;
        }
        if row.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let known = |criterion: &str, answer: &str, rubric: Option<&str>| {
            let rubric = rubric.or_else(|| of_page(page, criterion)?.people_rubric());
            before.get(&(criterion, answer, rubric)).copied()
        };
        let asks = AskedRow::parse(&row).and_then(|row| row.asks(known));
        let asks = asks.map_err(|why| {
            Failure::usage(format!("{shown}:{number}: no row to label"))
                .why(line(&why, 400))
                .next("gatewright calibrate CRITERION --plan 90 -o labels.jsonl")
        })?;
        let Some(declared) = of_page(page, &asks.item.criterion) else {
            let known = page.criteria.iter().map(|it| it.id.as_str());
            let unknown = unknown("criterion", &asks.item.criterion, known);
            return Err(unknown.why(format!("{shown}:{number} asks about it")));
        };
        if declared.people_rubric() != asks.item.rubric.as_deref() {
            found.other_rubric += 1;
            continue;
        }
        if let Some((label, by)) = asks.said {
            found.said.push(Said {
                item: found.items.len(),
                label,
                by,
                settles: asks.settles,
                from: (!is_named).then(|| shown.clone()),
            });
        }
        found.items.push(asks.item);
    }
    Ok(())
}

/// Finds a criterion of the page.
fn of_page<'p>(page: &'p Manifest, name: &str) -> Option<&'p Criterion> {
    page.criteria.iter().find(|it| it.id.as_str() == name)
}

/// All answers of a criterion: those that somebody labelled, with the labels, and those that nobody has.
fn of_criterion(
    context: &Context,
    args: &AskArgs,
    name: &str,
    found: &mut Found,
) -> Result<(), Failure> {
    let mut loaded = context.sound()?;
    let index = criterion(&loaded.manifest, name)?;
    let declared = &loaded.manifest.criteria[usize::from(index)];
    match (is_of_people(declared), args.plan) {
        (Some(true), Some(budget)) => {
            return of_plan(context, args, (&mut loaded, index), budget as usize, found);
        }
        (Some(true), None) => {
            return Err(Failure::usage(format!("`{name}` is judged by a model"))
                .why("which of its answers people look at is drawn by a plan")
                .next(format!(
                    "gatewright review ask --criterion {name} --plan 90"
                )));
        }
        (_, Some(_)) => {
            return Err(Failure::usage(format!("`{name}` is labelled by people"))
                .why("a plan draws answers for people to label beside a judge")
                .next(format!("gatewright review ask --criterion {name}")));
        }
        _ => {}
    }
    askable(declared)?;
    let rated = given(&loaded, index, false);
    let judging = context.judging(&mut loaded, args.run.as_deref())?;
    if matches!(
        loaded.manifest.criteria[usize::from(index)].grader,
        Grader::Preference(_)
    ) {
        for pair in pairs(&loaded, &judging, index)? {
            found.push(pair.item, "", &pair.labels);
        }
        if found.items.is_empty() {
            return Err(no_pairs(name));
        }
        mix(found, loaded.manifest.seed, name);
        return Ok(());
    }
    let outputs = Outputs::of(&loaded, &judging);
    let mut seen = BTreeSet::new();
    for unit in &rated.units {
        let Some(asked) = outputs.asked(index, unit) else {
            continue;
        };
        seen.insert((asked.example, asked.system, asked.trial));
        let item = asked.item(&loaded)?;
        for (label, by) in unit.given.iter().zip(&rated.people) {
            let label = label.and_then(|label| rated.labels.get(label as usize));
            let Some(label) = label.map(ToString::to_string) else {
                continue;
            };
            found.said.push(Said {
                item: found.items.len(),
                label,
                by: person_of(by),
                settles: false,
                from: None,
            });
        }
        found.items.push(item);
    }
    for (&(example, system, trial), output) in &outputs.0 {
        if !seen.contains(&(example, system, trial)) {
            let asked = Asked {
                criterion: index,
                example,
                system,
                trial,
                part: None,
                output: Some(output),
                text: Some(TextCode::of(output)),
                said: Vec::new(),
            };
            found.items.push(asked.item(&loaded)?);
        }
    }
    mix(found, loaded.manifest.seed, name);
    Ok(())
}

/// Refuses a criterion whose labels nobody could choose among.
///
/// # Errors
/// What its labels are, and what they would have to be.
pub(super) fn askable(declared: &Criterion) -> Result<(), Failure> {
    let name = &declared.id;
    let scored = match (&declared.people, &declared.grader) {
        (Some(people), _) => people.labels.score,
        (None, Grader::Label(own)) => own.score,
        _ => false,
    };
    if scored {
        let what = format!("the labels of `{name}` are scores");
        return Err(Failure::usage(what).next("a criterion whose labels have names"));
    }
    let labels = labels_of(&declared.grader);
    if labels.len() < 2 {
        let what = format!("the page names {} labels of `{name}`", labels.len());
        return Err(Failure::usage(what)
            .why("whoever labels chooses among the labels of the page")
            .next("`pass: [ok]` and `fail: {no: CLASS}` under its `label` (docs/review.md)"));
    }
    Ok(())
}

/// Puts the answers in a random order: in the order of systems' names the first would always be the same system's.
fn mix(found: &mut Found, seed: u64, criterion: &str) {
    let mut order: Vec<usize> = (0..found.items.len()).collect();
    Stream::new(seed, criterion, "", "review-order", 0).shuffle(&mut order);
    let mut places = vec![0; order.len()];
    for (to, from) in order.iter().enumerate() {
        places[*from] = to;
    }
    let mut all: Vec<(usize, Item)> = places.iter().copied().zip(found.items.drain(..)).collect();
    all.sort_by_key(|(to, _)| *to);
    found.items.extend(all.into_iter().map(|(_, item)| item));
    // Whoever asks about all of a criterion gives the same reason for each.
    found.whys.clear();
    for said in &mut found.said {
        said.item = places[said.item];
    }
}

/// Answers that a plan draws, for people to label beside a judge: those that can change what is decided first.
fn of_plan(
    context: &Context,
    args: &AskArgs,
    (loaded, criterion): (&mut Loaded, u16),
    budget: usize,
    found: &mut Found,
) -> Result<(), Failure> {
    let judging = context.judging(loaded, args.run.as_deref())?;
    let none = Vec::new();
    let units = judging.units.get(&criterion).unwrap_or(&none);
    let id = loaded.manifest.criteria[usize::from(criterion)].id.as_str();
    if units.is_empty() {
        return Err(
            Failure::usage(format!("no answer is judged for `{id}` yet")).next("gatewright run"),
        );
    }
    let mut drawing = calibrate::draw(units, budget, loaded.manifest.seed, id);
    drawing.answers.sort_by_key(|answer| answer.stratum);
    for answer in &drawing.answers {
        let Some(asked) = Asked::drawn(loaded, &judging, criterion, answer.unit) else {
            continue;
        };
        let mut item = asked.item(loaded)?;
        item.inclusion = Some(answer.inclusion);
        found.push(item, why_drawn(answer.stratum), &asked.labels(loaded));
    }
    Ok(())
}

/// Says why a plan draws an answer.
pub(super) fn why_drawn(stratum: Stratum) -> &'static str {
    match stratum {
        Stratum::Flip => "the judge sees a difference between two systems here",
        Stratum::Fail => "the judge fails it, or could not be read",
        Stratum::Pass => "drawn at random among those that the judge passes",
    }
}

fn tell(
    context: &Context,
    args: &AskArgs,
    (new, found, cut): (usize, &Found, &Cut),
    labels: usize,
) -> Result<(), Failure> {
    let all = found.items.len();
    if context.console.json {
        let mut document = serde_json::json!({
            "format": "gatewright-asked/1",
            "answers": all,
            "new": new,
            "labels": labels,
            "people": args.people,
        });
        if let Some(policy) = args.policy {
            document["policy"] = policy.word().into();
            document["asked_before"] = cut.before.into();
            document["left"] = cut.left.into();
        }
        return context.console.document(&document);
    }
    let s = |count: usize| if count == 1 { "" } else { "s" };
    let people = match args.people {
        1 => "1 person labels".to_owned(),
        people => format!("{people} people label"),
    };
    let mut text = format!("{all} answer{}, {new} of them new; {people} each\n", s(all));
    if labels > 0 {
        let what = if args.gold { "known label" } else { "label" };
        text.push_str(&format!("{labels} {what}{} taken over\n", s(labels)));
    }
    if cut.before > 0 {
        text.push_str(&format!("{} more were asked before\n", cut.before));
    }
    if cut.left > 0 {
        let word = args.policy.map_or("", Policy::word);
        text.push_str(&format!(
            "{} more that `{word}` picks are left: --at-most {}\n",
            cut.left,
            all + cut.left
        ));
    }
    text.push_str("Next: gatewright serve\n");
    context.console.out(&text)
}
