//! Agreement against counts by hand, and what is left out of it.

mod desk;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::num::NonZeroUsize;

use super::{Standing, Whose, agreement, rated, text};
use crate::label::{Labels, load, requests};
use crate::manifest::{Absent, Combine, FailsAs, Grader, LabelGrader, Manifest, Role, Target};
use crate::outcome::GraderKind;
use crate::problem::Location;
use crate::reference::ReferenceSet;
use crate::source::Source;
use crate::testing::{criterion, lines, page, set, system};

const EXAMPLES: usize = 40;

fn labelled(rows: &str) -> (Manifest, ReferenceSet, Labels) {
    read(rows, false)
}

fn read(rows: &str, score: bool) -> (Manifest, ReferenceSet, Labels) {
    let mut manifest = page();
    system(&mut manifest, Role::Candidate, "new", Target::LabelsOnly);
    system(&mut manifest, Role::Production, "old", Target::LabelsOnly);
    let grader = LabelGrader {
        sources: vec![Source::plain("l.jsonl", Location::default())],
        by: GraderKind::Person,
        rubric: Some("r-2".to_owned()),
        values: Vec::new(),
        behaviours: Default::default(),
        combine: Combine::Majority,
        parts: None,
        parts_from: None,
        absent: Absent::Missing,
        score,
    };
    criterion(
        &mut manifest,
        "good",
        Grader::Label(grader),
        FailsAs::One(0),
    );
    let mut examples = String::new();
    for index in 0..EXAMPLES {
        let _ = writeln!(examples, r#"{{"id":"e{index:02}","input":"x{index}"}}"#);
    }
    let source = Source::plain("r.jsonl", Location::default());
    let (reference, _) = set(&page(), &source, examples.as_bytes());
    let (mut labels, mut problems) = (Labels::default(), Vec::new());
    let wanted = requests(&manifest);
    load(
        &manifest,
        &reference,
        &wanted["l.jsonl"],
        "l.jsonl",
        rows.as_bytes(),
        NonZeroUsize::MIN,
        &mut labels,
        &mut problems,
    );
    assert_eq!(lines(&problems), Vec::<String>::new());
    drop(wanted);
    (manifest, reference, labels)
}

/// What ana and ben say of each example: they differ on every eighth.
fn two_people() -> String {
    let mut rows = String::new();
    for index in 0..EXAMPLES {
        let ana = if index % 2 == 0 { "ok" } else { "no" };
        let ben = if index % 8 == 0 { "no" } else { ana };
        for (who, said) in [("ana", ana), ("ben", ben)] {
            let _ = writeln!(
                rows,
                r#"{{"example":"e{index:02}","system":"new","annotator":"{who}","label":"{said}"}}"#
            );
        }
    }
    rows
}

#[test]
fn agreement_is_counted_as_by_hand() {
    let (manifest, reference, labels) = labelled(&two_people());
    let found = agreement(&manifest, &reference, &labels, None, &BTreeSet::new());
    let one = &found.criteria[0];
    assert_eq!(
        (one.criterion.as_str(), one.rubric.as_deref()),
        ("good", Some("r-2"))
    );
    assert_eq!(one.people, ["ana", "ben"]);
    assert_eq!((one.all.units, one.all.shared, one.all.differ), (40, 40, 5));
    let near = |found: Option<f64>, wanted: f64| {
        let found = found.expect("defined");
        assert!((found - wanted).abs() < 1e-12, "{found} is not {wanted}");
    };
    near(one.all.percent, 35.0 / 40.0);
    // 35 of 80 labels are `ok` and 45 are `no`; D_o = 5/40, D_e = 2·35·45/(80·79).
    near(
        one.all.alpha.map(|it| it.value),
        1.0 - (5.0 / 40.0) / (2.0 * 35.0 * 45.0 / (80.0 * 79.0)),
    );
    // Chance of Gwet: 2·π(1 − π), π = 35/80.
    let chance = 2.0 * (35.0 / 80.0) * (45.0 / 80.0);
    near(
        one.all.ac1.map(|it| it.value),
        (0.875 - chance) / (1.0 - chance),
    );
    // Chance of Cohen: 20/40·15/40 + 20/40·25/40.
    near(one.pairs[0].kappa, (0.875 - 0.5) / 0.5);
    let (lower, upper) = one.all.alpha.expect("defined").interval.expect("40 units");
    assert!(
        lower < 0.667 && 0.75 < upper && upper <= 1.0,
        "{lower} {upper}"
    );
    assert_eq!(one.all.standing, Standing::RepairRubric);
    assert!(
        one.systems.is_empty() && one.labels.is_empty(),
        "one system, two labels"
    );
    let again = agreement(&manifest, &reference, &labels, Some(0), &BTreeSet::new());
    assert_eq!(found, again, "the page's seed makes the intervals");
    let said = text(&found, 80);
    assert!(
        said.starts_with("good (rubric r-2): repair the rubric"),
        "{said}"
    );
    assert!(
        said.lines().all(|line| line.chars().count() <= 80),
        "{said}"
    );
}

#[test]
fn who_settles_and_what_a_judge_says_is_no_agreement() {
    let mut rows = two_people();
    for (who, kind) in [("carla", "human_adjudicated"), ("judge", "model")] {
        let _ = writeln!(
            rows,
            r#"{{"example":"e00","system":"new","annotator":"{who}","kind":"{kind}","label":"else"}}"#
        );
    }
    let (_, reference, labels) = labelled(&rows);
    let whose = Whose {
        criterion: 0,
        beside: false,
        system: None,
    };
    let found = rated(&labels, &reference, whose);
    assert_eq!(
        found.people.iter().map(|it| &**it).collect::<Vec<_>>(),
        ["ana", "ben"]
    );
    assert_eq!(found.units[0].given, [Some(0), Some(1)]);
    assert_eq!(found.units.iter().filter(|it| it.is_disputed()).count(), 5);
    let alone = found.by(&BTreeSet::from(["ana".to_owned()]));
    assert_eq!((alone.units.len(), alone.units[0].is_shared()), (40, false));
}

#[test]
fn few_or_equal_labels_say_so() {
    let of = |rows: &str| {
        let (manifest, reference, labels) = labelled(rows);
        let found = agreement(&manifest, &reference, &labels, None, &BTreeSet::new());
        found.criteria[0].all.clone()
    };
    let equal = of(&two_people().replace("\"no\"", "\"ok\""));
    assert_eq!((equal.standing, equal.alpha), (Standing::AllEqual, None));
    let ana: String = two_people()
        .lines()
        .filter(|it| it.contains("ana"))
        .map(|it| format!("{it}\n"))
        .collect();
    assert_eq!(of(&ana).standing, Standing::NotShared);
    let few: String = two_people()
        .lines()
        .take(38)
        .map(|it| format!("{it}\n"))
        .collect();
    let few = of(&few);
    assert_eq!((few.shared, few.standing), (19, Standing::Anecdote));
    assert_eq!(few.alpha.expect("defined").interval, None);
}

/// Scores are not equal or unequal: who is half a point apart agrees more than who is four apart.
#[test]
fn scores_agree_by_how_far_apart_they_are() {
    let of = |apart: f64| {
        let mut rows = String::new();
        for index in 0..EXAMPLES {
            let first = f64::from(index as u32 % 5);
            let second = if index % 2 == 0 { first } else { first + apart };
            for (who, score) in [("ana", first), ("ben", second)] {
                let _ = writeln!(
                    rows,
                    r#"{{"example":"e{index:02}","system":"new","annotator":"{who}","score":{score}}}"#
                );
            }
        }
        // What cannot be read is no score, and no agreement.
        rows += r#"{"example":"e00","system":"new","annotator":"carla","score":"high"}"#;
        let (manifest, reference, labels) = read(&rows, true);
        let found = agreement(&manifest, &reference, &labels, None, &BTreeSet::new());
        found.criteria[0].clone()
    };
    let (near, far) = (of(0.5), of(4.0));
    for one in [&near, &far] {
        assert_eq!(one.level, "interval");
        assert_eq!(one.people, ["ana", "ben"]);
        assert_eq!(
            (one.all.units, one.all.shared, one.all.differ),
            (40, 40, 20)
        );
        assert_eq!((one.all.ac1, one.pairs[0].kappa), (None, None));
        assert!(one.labels.is_empty());
    }
    let alpha = |one: &super::CriterionView| one.all.alpha.expect("defined").value;
    assert!(alpha(&near) > 0.9, "{}", alpha(&near));
    assert!(alpha(&far) < 0.3, "{}", alpha(&far));
    assert_eq!(
        (near.all.standing, far.all.standing),
        (Standing::Agrees, Standing::RepairRubric)
    );
}

/// A page with two criteria that people label, one of them on a single line.
const PAGE: &str = "gatewright: 1
product: p
promise: {does: answer, for: people, evidence: books, when_not_ready: ask}
tasks: {a: A}
failures: {unsupported-claim: {severity: high, cost: 10 USD, owner: team, repair: book}}
owners: {team: {name: Team}}
decision: {question: Release?, decided_by: team, standard: shown}
systems: {candidate: {recorded: c.jsonl}}
reference: [r.jsonl]
criteria:
  kind:   # rubric: tone-1 is what people read
    grader:
      label:
        from: l.jsonl
        by: person
        rubric: \"tone-1\"
        values: {pass: [kind], fail: [cold]}
    fails_as: unsupported-claim
  kinder: {grader: {label: {from: l.jsonl, by: person, rubric: tone-1, values: {pass: [kind], fail: [cold]}}}, fails_as: unsupported-claim}
  plain: {grader: {contains: {}}, fails_as: unsupported-claim}
gate:
  - {id: w, watch: kind, owner: team}
";

#[test]
fn a_repaired_rubric_changes_one_word_of_the_page() {
    use super::{file_with, is_version, page_with};
    let text = page_with(PAGE, "kind", "tone-1", "tone-2").expect("a page");
    assert_eq!(text, PAGE.replace("\"tone-1\"", "\"tone-2\""));
    let text = page_with(PAGE, "kinder", "tone-1", "tone-2").expect("a page");
    assert_eq!(
        text,
        PAGE.replace("rubric: tone-1, values", "rubric: tone-2, values")
    );
    // Hostile: what is not there, half a word, another's word, what would break the page.
    for (criterion, from, to) in [
        ("plain", "tone-1", "tone-2"),
        ("kin", "tone-1", "tone-2"),
        ("kind", "tone", "tune"),
        ("kind", "tone-9", "tone-2"),
        ("kind", "tone-1", "x\"\n  other: {"),
        ("kinder", "tone-1", "x}, y: {z"),
    ] {
        assert_eq!(
            page_with(PAGE, criterion, from, to),
            None,
            "{criterion} {from}"
        );
    }
    assert!(is_version("tone-2.1") && !is_version("") && !is_version("a b") && !is_version("a: b"));
    let file = "---\nversion: 1\nlevels: {ok: pass, no: fail}\n---\n# Tone\nBe kind.";
    let new = file_with(file, "2", "  Short is not cold.\n").expect("a rubric");
    assert_eq!(
        new,
        "---\nversion: 2\nlevels: {ok: pass, no: fail}\n---\n# Tone\nBe kind.\n\nShort is not cold.\n"
    );
    assert_eq!(file_with("no head", "2", ""), None);
    assert_eq!(file_with(file, "2\nlevels: {}", ""), None);
}
