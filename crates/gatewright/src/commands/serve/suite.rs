//! Incidents and the suite as the review server shows them. Their files are not written here: a change leaves as a patch.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};

use gatewright_core::incident::IncidentStatus;
use gatewright_core::manifest::Kind;
use gatewright_core::patch::patch;
use gatewright_core::record::permit;
use gatewright_core::reference::aside::set_aside;
use gatewright_core::reference::{Entry, Standing, StatusChange};
use gatewright_web::project::{
    Aside, AsideWish, IncidentLine, IncidentWish, Incidents, KindLine, NotDone, Patch, Stale,
    Suite, ValueLine,
};
use serde_json::{Map, Value};

use super::releases::{Made, Served};
use crate::args::{IncidentAddArgs, IncidentCoverArgs};
use crate::commands::incident;
use crate::error::Failure;
use crate::pipeline::Loaded;

/// Largest file of which a patch is made, in bytes.
const BYTES_MAX: u64 = 64 << 20;

impl Served {
    pub(super) fn incidents_of(&self) -> Made<Incidents> {
        let context = self.context()?;
        let loaded = self.loaded(&context)?;
        let obliged = incident::missing(&loaded);
        let lines = loaded.incidents.iter().map(|one| {
            let obligation = obliged.iter().find(|it| it.incident == one.id);
            let segment = one.segment.iter();
            let segment = segment.map(|(name, value)| format!("{name} {value}"));
            IncidentLine {
                id: one.id.clone(),
                date: one.date.to_string(),
                class: one.class.clone(),
                segment: segment.collect::<Vec<_>>().join(" · "),
                what: one.what.clone(),
                example: one.example.clone(),
                open: one.status == IncidentStatus::Open,
                obliges: obligation.map(|it| it.what.clone()),
            }
        });
        let classes = loaded.manifest.classes.iter();
        Ok(Ok(Incidents {
            lines: lines.collect(),
            classes: classes.map(|class| class.id.to_string()).collect(),
            file: loaded.manifest.incidents.clone(),
            today: context.now.today.to_string(),
        }))
    }

    pub(super) fn incident_patch_of(&self, wish: &IncidentWish) -> Made<Patch> {
        let context = self.context()?;
        let loaded = self.loaded(&context)?;
        let made = match wish {
            IncidentWish::Add {
                id,
                date,
                class,
                segment,
                what,
                example,
            } => {
                let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
                let args = IncidentAddArgs {
                    id: id.clone(),
                    class: class.clone(),
                    what: what.clone(),
                    date: filled(date),
                    segment: segment.split_whitespace().map(str::to_owned).collect(),
                    example: filled(example),
                };
                let text = incident::added(&loaded, &context.now.today.to_string(), &args);
                text.map(|text| (text, format!("incident-{id}")))
            }
            IncidentWish::Cover { id, example, close } => {
                let args = IncidentCoverArgs {
                    id: id.clone(),
                    example: example.clone(),
                    close: *close,
                };
                let text = incident::covered(&loaded, &args);
                text.map(|text| (text, format!("cover-{id}")))
            }
        };
        let sound = made.and_then(|(text, name)| {
            incident::sound(&loaded, &text)?;
            Ok((text, name))
        });
        let (text, name) = match sound {
            Ok(made) => made,
            Err(failure) => return Ok(Err(NotDone::Bad(short(&failure)))),
        };
        let path = &loaded.manifest.incidents;
        if path.contains(':') {
            return Ok(Err(outside(path)));
        }
        let old = incident::current(&loaded)?;
        Ok(Ok(Patch {
            name,
            text: patch(path, old.as_deref(), &text),
        }))
    }

    pub(super) fn suite_of(&self) -> Made<Suite> {
        let context = self.context()?;
        let loaded = self.loaded(&context)?;
        let set = &loaded.reference;
        let mut kinds: BTreeMap<&str, KindLine> = BTreeMap::new();
        for entry in set.examples.iter().chain(&set.set_aside) {
            let line = kinds.entry(entry.kind.word()).or_default();
            match entry.standing {
                Standing::Active => line.active += 1,
                Standing::Quarantined => line.quarantined += 1,
                Standing::Retired => line.retired += 1,
            }
        }
        let kinds = Kind::ALL.iter().filter_map(|kind| {
            let line = kinds.remove(kind.word())?;
            let kind = kind.word();
            Some(KindLine { kind, ..line })
        });
        let today = context.now.today;
        let stale = set.examples.iter().filter_map(|entry| {
            let by = entry.review_by.filter(|date| *date < today)?;
            Some(Stale {
                id: entry.id.to_string(),
                kind: entry.kind.word(),
                review_by: by.to_string(),
                at: set.at(entry).to_string(),
            })
        });
        Ok(Ok(Suite {
            kinds: kinds.collect(),
            values: values(&loaded),
            stale: stale.collect(),
            aside: aside(&loaded)?,
            examples: set.examples.len(),
        }))
    }

    pub(super) fn suite_patch_of(&self, wish: &AsideWish) -> Made<Patch> {
        let context = self.context()?;
        let loaded = self.loaded(&context)?;
        let set = &loaded.reference;
        let all = set.examples.iter().chain(&set.set_aside);
        let Some(entry) = all.into_iter().find(|entry| entry.id.as_str() == wish.id) else {
            let said = format!("There is no example {}.", wish.id);
            return Ok(Err(NotDone::Bad(said)));
        };
        if !["quarantined", "retired"].contains(&wish.state.as_str()) {
            let said = "An example is quarantined or retired.";
            return Ok(Err(NotDone::Bad(said.to_owned())));
        }
        if permit::reason(&wish.reason).is_err() {
            let said = "The reason has 10 to 2,000 characters, and more than one word.";
            return Ok(Err(NotDone::Bad(said.to_owned())));
        }
        let at = set.at(entry);
        if at.file.contains(':') {
            return Ok(Err(outside(&at.file)));
        }
        let file = loaded.project.look_at(&at.file);
        let file = file.map_err(|error| Failure::usage(error.to_string()))?;
        let mut text = String::new();
        let read = file.take(BYTES_MAX + 1).read_to_string(&mut text);
        if read.is_err() || text.len() as u64 > BYTES_MAX {
            let said = format!("{} is too large, or no text: change it by hand.", at.file);
            return Ok(Err(NotDone::Stands(said)));
        }
        let change = StatusChange {
            by: wish.account.clone(),
            at: context.now.today.to_string(),
            why: wish.reason.trim().to_owned(),
        };
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        let place = (at.line as usize).checked_sub(1);
        let old = place
            .and_then(|place| lines.get(place))
            .copied()
            .unwrap_or_default();
        let body = old.trim_end_matches(['\n', '\r']);
        let Ok(new) = set_aside(body, &wish.id, &wish.state, &change) else {
            let said = format!(
                "{at} is not in Gatewright's own form: set the example aside where that file is made, or leave it out with `where` on the page."
            );
            return Ok(Err(NotDone::Stands(said)));
        };
        let new = format!("{new}{}", &old[body.len()..]);
        if let Some(line) = place.and_then(|place| lines.get_mut(place)) {
            *line = &new;
        }
        Ok(Ok(Patch {
            name: format!("{}-{}", wish.state, wish.id),
            text: patch(&at.file, Some(&text), &lines.concat()),
        }))
    }
}

fn outside(path: &str) -> NotDone {
    NotDone::Stands(format!(
        "{path} is outside the project: change it where it is kept."
    ))
}

/// What went wrong with what somebody typed, in a line or two.
fn short(failure: &Failure) -> String {
    match failure {
        Failure::Expected(expected) => {
            let next = expected.next.join("; ");
            format!("{}: {next}", expected.what)
                .trim_end_matches(": ")
                .to_owned()
        }
        Failure::Problems(problems) => {
            let all = problems
                .iter()
                .map(|one| format!("{}: {}", one.what, one.instead));
            all.collect::<Vec<_>>().join("; ")
        }
        other => other.text(200),
    }
}

/// Counts the active examples of each value, beside the share of traffic that the page states.
fn values(loaded: &Loaded) -> Vec<ValueLine> {
    let set = &loaded.reference;
    let dimensions = loaded
        .manifest
        .dimensions
        .iter()
        .zip(&set.values)
        .enumerate();
    let traffic = loaded.manifest.traffic.as_ref();
    let mut lines = Vec::new();
    for (index, (dimension, values)) in dimensions {
        let stated = traffic.and_then(|traffic| traffic.share.get(&dimension.name));
        for value in values {
            let has = |example: &u32| set.value(index, *example) == Some(value);
            let all = 0..set.examples.len() as u32;
            lines.push(ValueLine {
                dimension: dimension.name.clone(),
                value: value.clone(),
                active: all.filter(has).count(),
                share: stated.and_then(|stated| stated.get(value)).copied(),
            });
        }
    }
    lines
}

/// Lists what is set aside, with who did it, when and why: each file is read once.
fn aside(loaded: &Loaded) -> Result<Vec<Aside>, Failure> {
    let set = &loaded.reference;
    let mut wanted: BTreeMap<String, BTreeMap<u32, &Entry>> = BTreeMap::new();
    for entry in &set.set_aside {
        let at = set.at(entry);
        wanted
            .entry(at.file.to_string())
            .or_default()
            .insert(at.line, entry);
    }
    let mut found = Vec::new();
    for (file, entries) in wanted {
        let opened = loaded.project.look_at(&file);
        let opened = opened.map_err(|error| Failure::usage(error.to_string()))?;
        let mut lines = (1_u32..).zip(BufReader::new(opened).lines());
        for (number, entry) in entries {
            let line = lines.find(|(at, _)| *at == number);
            let line = line.and_then(|(_, line)| line.ok()).unwrap_or_default();
            let row: Map<String, Value> = serde_json::from_str(&line).unwrap_or_default();
            let status = row.get("status").cloned().unwrap_or_default();
            let text = |key: &str| {
                let found = status.get(key).and_then(Value::as_str);
                found.unwrap_or_default().to_owned()
            };
            found.push(Aside {
                id: entry.id.to_string(),
                kind: entry.kind.word(),
                retired: entry.standing == Standing::Retired,
                by: text("by"),
                at: text("at"),
                why: text("why"),
            });
        }
    }
    found.sort_by(|one, other| (one.retired, &one.id).cmp(&(other.retired, &other.id)));
    Ok(found)
}
