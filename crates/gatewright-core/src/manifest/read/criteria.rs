//! Criteria: what is judged, by what, and which class a failure is.

use std::collections::BTreeMap;

use super::{grader, segments};
use crate::grade::symptoms;
use crate::manifest::node::{Content, Key, Node};
use crate::manifest::walk::{Fields, Walk, join};
use crate::manifest::{Criterion, FailsAs, Grader, Manifest, PeopleLabels};
use crate::problem::{Problem, nearest};

/// Keys of a criterion.
pub(in crate::manifest) const KEYS: [&str; 5] =
    ["grader", "fails_as", "protects", "applies_to", "people"];

pub(super) fn read(w: &mut Walk<'_>, top: &Fields<'_>, page: &mut Manifest) {
    if !top.has("criteria") {
        page.criteria = standing(page);
        return;
    }
    let criteria = top
        .get("criteria")
        .and_then(|node| w.open_fields(node, "criteria"));
    for (key, node) in criteria.iter().flat_map(Fields::entries) {
        w.identifier(key.place, &key.text, "a criterion");
        let known = page.criterion_index(&key.text).is_some();
        if let Some(criterion) = criterion(w, key, node, page)
            && !known
        {
            page.criteria.push(criterion);
        }
    }
}

/// The criteria of a page that writes none: what examples expect, by the key they expect it under.
fn standing(page: &Manifest) -> Vec<Criterion> {
    let class = |id: &str| page.class_index(id).unwrap_or(0);
    let one = |id: &str, grader, fails_as| Criterion {
        id: id.into(),
        grader,
        fails_as: FailsAs::One(class(fails_as)),
        protects: None,
        applies_to: Vec::new(),
        people: None,
    };
    let texts = Vec::new;
    let mut criteria = vec![
        one(
            "contains",
            Grader::Contains {
                texts: texts(),
                ignore_case: true,
                any: false,
            },
            "unsupported-claim",
        ),
        one(
            "not_contains",
            Grader::NotContains {
                texts: texts(),
                ignore_case: true,
            },
            "unsupported-claim",
        ),
        one("must_cite", Grader::MustCite, "missing-source"),
        one(
            "must_not_call",
            Grader::MustNotCall { tools: texts() },
            "unsafe-tool-action",
        ),
    ];
    let map = BTreeMap::from([
        ("answered-when-refuse".to_owned(), class("refusal-failure")),
        ("refused-when-answer".to_owned(), class("over-refusal")),
    ]);
    criteria.push(Criterion {
        id: "behaviour".into(),
        grader: Grader::Behaviour(Box::default()),
        fails_as: FailsAs::BySymptom {
            map,
            otherwise: Some(class("scope-mismatch")),
        },
        protects: None,
        applies_to: Vec::new(),
        people: None,
    });
    criteria
}

fn criterion(w: &mut Walk<'_>, key: &Key, node: &Node, page: &Manifest) -> Option<Criterion> {
    let path = join("criteria", &key.text);
    let fields = w.fields(node, &path, &KEYS)?;
    let fails_as = fails_as(w, &fields, page);
    let protects = w.text_at(&fields, "protects").map(str::to_owned);
    let applies_to = segments::selection(w, &fields, "applies_to", page);
    let Some(node) = fields.get("grader") else {
        let at = w.location(key.place);
        w.push(
            Problem::error("no-grader", at, format!("nothing judges `{}`", key.text))
                .instead("`grader: {KIND: {…}}`, such as `grader: {behaviour: {}}`"),
        );
        return None;
    };
    let grader = grader::read(w, node, &fields.at("grader"), page)?;
    let protects_classes = !fails_as.classes().is_empty()
        || matches!(&grader, Grader::Label(label) if label.values.iter().any(|map| map.fail.values().any(Option::is_some)));
    if !protects_classes && fields.get("fails_as").is_none() {
        let at = w.location(key.place);
        w.push(
            Problem::error(
                "protects-nothing",
                at,
                format!("`{}` protects no failure class", key.text),
            )
            .why("a grader that protects nothing is a number generator")
            .instead("`fails_as: CLASS`, one of the page's or of the twelve that ship"),
        );
    }
    let people = grader::people(w, &fields, &grader, page);
    // What a rubric and a program call a failure is theirs to say.
    let open = matches!(grader, Grader::Judge(_) | Grader::Program(_));
    if let FailsAs::BySymptom { .. } = fails_as
        && !open
    {
        known_symptoms(w, &fields, &grader, people.as_ref());
    }
    Some(Criterion {
        id: key.text.as_str().into(),
        grader,
        fails_as,
        protects,
        applies_to,
        people,
    })
}

fn fails_as(w: &mut Walk<'_>, fields: &Fields<'_>, page: &Manifest) -> FailsAs {
    let Some(node) = fields.get("fails_as") else {
        return FailsAs::Nothing;
    };
    let path = fields.at("fails_as");
    if let Content::Scalar { .. } = node.content {
        return class(w, node, &path, page).map_or(FailsAs::Nothing, FailsAs::One);
    }
    let Some(symptoms) = w.open_fields(node, &path) else {
        return FailsAs::Nothing;
    };
    let (mut map, mut otherwise) = (BTreeMap::new(), None);
    for (key, node) in symptoms.entries() {
        let found = class(w, node, &symptoms.at(&key.text), page);
        match (key.text.as_str(), found) {
            ("otherwise", found) => otherwise = found,
            (symptom, Some(class)) => {
                map.insert(symptom.to_owned(), class);
            }
            (_, None) => {}
        }
    }
    FailsAs::BySymptom { map, otherwise }
}

/// Reports symptoms that the grader never names.
fn known_symptoms(
    w: &mut Walk<'_>,
    fields: &Fields<'_>,
    grader: &Grader,
    people: Option<&PeopleLabels>,
) {
    let mut known = symptoms(grader);
    if let Some(people) = people {
        known.extend(symptoms(&Grader::Label(people.labels.clone())));
    }
    let Some(Node {
        content: Content::Map(entries),
        ..
    }) = fields.get("fails_as")
    else {
        return;
    };
    for (key, _) in entries {
        if key.text == "otherwise" || known.contains(&key.text) {
            continue;
        }
        let names = known.iter().map(String::as_str);
        let instead = match nearest(&key.text, names.chain(["otherwise"])) {
            Some(name) => format!("did you mean `{name}`?"),
            None if known.len() <= 12 && !known.is_empty() => {
                format!("one of {}, otherwise", known.join(", "))
            }
            None => "`otherwise: CLASS` for every failure that is not named".to_owned(),
        };
        let at = w.location(key.place);
        w.push(
            Problem::error(
                "unknown-symptom",
                at,
                format!("the grader never reports `{}`", key.text),
            )
            .instead(instead),
        );
    }
}

/// Expects the name of a failure class.
pub(super) fn class(w: &mut Walk<'_>, node: &Node, path: &str, page: &Manifest) -> Option<u16> {
    let name = w.text(node, path)?;
    let index = page.class_index(name);
    if index.is_none() {
        let names = page.classes.iter().map(|it| it.id.as_str());
        let instead = match nearest(name, names) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("add `{name}: {{severity: …, owner: …}}` under `failures`"),
        };
        let what = format!("`{name}` is no failure class");
        w.error(node, "undefined-class", what, instead);
    }
    index
}
