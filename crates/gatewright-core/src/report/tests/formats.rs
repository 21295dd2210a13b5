//! Test tabs, code scanning, spreadsheets, annotations: hostile text stays text in all of them (hardening.md A10–A12).

use std::sync::Arc;

use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::*;
use crate::outcome::{Bin, GraderKind, Outcome};
use crate::reference::{Example, Input};

/// What systems, files and people may write.
const ODD: [&str; 9] = [
    "plain",
    "::error file=x::gotcha\n::add-mask::x",
    "a\u{0}\u{8}\u{b}\u{1b}[31m\u{fffe}\u{ffff}\u{202e}b",
    "]]></failure><testcase name=\"forged\"/>&amp;<!--",
    "=HYPERLINK(\"http://x\",\"y\")",
    "+1+cmd|' /C calc'!A0",
    "@SUM(A1)\r\n\"quoted\", and more",
    "\t=1+1",
    "##[error]gotcha %0A 100 %",
];

fn example(id: &str) -> Example {
    Example::asking(id, Input::Text("What is it?".to_owned()))
}

fn set() -> ReferenceSet {
    ReferenceSet::of(ODD.iter().map(|id| example(id)).collect())
}

fn outcome(example: u32, system: Role, bin: Bin, why: &str) -> Outcome {
    Outcome {
        example,
        system,
        trial: 0,
        criterion: 0,
        part: None,
        bin,
        value: None,
        by: GraderKind::Rule,
        why: Some(Arc::from(why)),
        beside: None,
        observed: None,
    }
}

/// The candidate fails as every odd text says, production passes every other one.
fn outcomes() -> Vec<Outcome> {
    let numbered = (0_u32..).zip(ODD);
    let of = |(example, why): (u32, &'static str)| {
        let production = match example % 2 {
            0 => Bin::Pass,
            _ => Bin::Fail(0),
        };
        [
            outcome(example, Role::Candidate, Bin::Fail(0), why),
            outcome(example, Role::Production, production, why),
        ]
    };
    numbered.flat_map(of).collect()
}

fn units<'a>(page: &'a Manifest, set: &'a ReferenceSet, plan: &'a Plan) -> Units<'a> {
    let mut units = Units::new(page, set, plan);
    outcomes().iter().for_each(|outcome| units.add(outcome));
    units
}

fn hostile_view(page: &Manifest) -> View {
    let mut view = made(page, &proposal(), &analysis());
    view.sentence = ODD.join(" ");
    view.product = ODD[3].to_owned();
    for finding in &mut view.findings {
        finding.rule = ODD[2].to_owned();
        finding.sentence = ODD.join("\n");
        finding.slice.words = ODD[3].to_owned();
    }
    view
}

/// XML 1.0, production 2 (`Char`).
fn is_xml(one: char) -> bool {
    matches!(one, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[test]
fn a11_junit_is_xml_whatever_was_said() {
    let (page, set, plan) = (page(), set(), plan());
    let view = hostile_view(&page);
    let mut bytes = Vec::new();
    junit(&view, &units(&page, &set, &plan), &mut bytes).expect("written");
    let text = String::from_utf8(bytes).expect("UTF-8");
    assert!(text.chars().all(is_xml), "{text}");
    assert!(
        text.contains("\\u{fffe}") && text.contains("\\u{1b}"),
        "what is left out is noted"
    );
    let mut reader = Reader::from_str(&text);
    let (mut cases, mut failures, mut depth) = (0, 0, 0_i32);
    let mut said = None;
    loop {
        let event = reader.read_event().expect("well formed");
        if let Event::Start(one) | Event::Empty(one) = &event {
            let attributes: BTreeMap<String, String> = one
                .attributes()
                .map(|it| {
                    let it = it.expect("an attribute");
                    let key = it.key.as_ref().to_owned();
                    (key, it.value.into_owned())
                })
                .collect();
            match one.name().as_ref() {
                "testsuites" => said = Some(attributes),
                "testcase" => cases += 1,
                "failure" => failures += 1,
                _ => {}
            }
        }
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0);
    let said = said.expect("suites");
    assert_eq!(said["tests"], cases.to_string());
    assert_eq!(said["failures"], failures.to_string());
    assert_eq!(
        cases,
        1 + view.findings.len() + ODD.len(),
        "nothing is forged"
    );
}

#[test]
fn a12_a_spreadsheet_runs_no_cell() {
    let (page, set) = (page(), set());
    for (cells, safe) in [(Cells::Safe, true), (Cells::Exact, false)] {
        let mut table = Csv::new(&page, &set, cells, Vec::new()).expect("head");
        for outcome in outcomes() {
            table.add(&outcome).expect("a row");
        }
        let bytes = table.end().expect("written");
        let mut reader = ::csv::Reader::from_reader(bytes.as_slice());
        let rows: Vec<::csv::StringRecord> =
            reader.records().map(|it| it.expect("a row")).collect();
        assert_eq!(rows.len(), 2 * ODD.len());
        for (row, said) in rows.iter().zip(ODD.iter().flat_map(|it| [it, it])) {
            let why = row.iter().next_back().expect("a cell");
            match safe {
                false => assert_eq!(why, *said, "what was written is read back"),
                true => {
                    let shown = said
                        .replace('\u{0}', "\\u{0}")
                        .replace('\u{8}', "\\u{8}")
                        .replace('\u{b}', "\\u{b}")
                        .replace('\u{1b}', "\\u{1b}");
                    assert_eq!(why.strip_prefix('\'').unwrap_or(why), shown);
                    let runs = why.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
                    assert!(!runs, "{why:?}");
                }
            }
        }
    }
}

/// Numbers stay numbers; what only looks like a number does not.
#[test]
fn a12_numbers_are_no_formulas() {
    let (page, set) = (page(), set());
    for (value, why, shown) in [
        (-1.5, "-2", "-2"),
        (0.25, "-2+3", "'-2+3"),
        (0.0, " =1", "' =1"),
    ] {
        let mut table = Csv::new(&page, &set, Cells::Safe, Vec::new()).expect("head");
        table
            .add(&outcome(0, Role::Candidate, Bin::Value(value), why))
            .expect("a row");
        let bytes = table.end().expect("written");
        let mut reader = ::csv::Reader::from_reader(bytes.as_slice());
        let row = reader.records().next().expect("a row").expect("read");
        assert_eq!(row.get(row.len() - 3), Some(value.to_string().as_str()));
        assert_eq!(row.get(row.len() - 1), Some(shown));
    }
}

#[test]
fn a10_annotations_are_ours_alone() {
    let page = page();
    let mut view = hostile_view(&page);
    for class in &mut view.classes {
        class.repair = ODD[1].to_owned();
        class.owner.name = ODD[8].to_owned();
    }
    let text = annotations(&view, "a,b:c/gatewright.yaml");
    let lines: Vec<&str> = text.lines().collect();
    assert!((2..=ANNOTATIONS_MAX).contains(&lines.len()), "{text}");
    for line in lines {
        let command = ["::error ", "::warning ", "::notice "];
        assert!(command.iter().any(|it| line.starts_with(it)), "{line}");
        assert!(line.contains("file=a%2Cb%3Ac/gatewright.yaml,"), "{line}");
        let properties = line[2..].split("::").next().unwrap_or_default();
        for property in properties.split_once(' ').map_or("", |it| it.1).split(',') {
            let key = property.split('=').next();
            assert!(
                matches!(key, Some("file" | "line" | "col" | "title")),
                "{line}"
            );
        }
        assert!(!line.contains("##["), "{line}");
        let percents = line.split('%').skip(1);
        for after in percents {
            let escaped = ["25", "0D", "0A", "3A", "2C"];
            assert!(escaped.iter().any(|it| after.starts_with(it)), "{line}");
        }
    }
}

/// A step shows ten of a kind: the tenth says how many more there are.
#[test]
fn many_annotations_end_in_how_many_more() {
    let page = page();
    let mut view = made(&page, &proposal(), &analysis());
    let one = view.findings[0].clone();
    view.findings = vec![one; 30];
    view.fired = (0..30).collect();
    view.classes.clear();
    let text = annotations(&view, "gatewright.yaml");
    assert_eq!(text.lines().count(), ANNOTATIONS_MAX);
    assert!(text.ends_with("::22 more are in the report\n"), "{text}");
}

#[test]
fn sarif_names_lost_examples_first_and_is_cut_where_viewers_stop() {
    let (page, plan) = (page(), plan());
    let many: Vec<Example> = (0..6000).map(|it| example(&format!("e{it}"))).collect();
    let set = ReferenceSet::of(many);
    let mut units = Units::new(&page, &set, &plan);
    for example in 0..6000 {
        units.add(&outcome(example, Role::Candidate, Bin::Fail(0), ODD[2]));
        let production = match example {
            5999 => Bin::Pass,
            _ => Bin::Fail(0),
        };
        units.add(&outcome(example, Role::Production, production, "x"));
    }
    let view = hostile_view(&page);
    let log = sarif(&view, &units, "evals/a b");
    let run = &log["runs"][0];
    let results = run["results"].as_array().expect("results");
    assert_eq!(results.len(), RESULTS_MAX);
    let fired = view.fired.len();
    let lost = set.examples[5999].id.as_str();
    assert_eq!(results[fired]["properties"]["example"], lost);
    assert_eq!(results[fired]["properties"]["lost"], true);
    let notes = run["invocations"][0]["toolExecutionNotifications"].to_string();
    assert!(
        notes.contains(&format!("{} more", 6000 + fired - RESULTS_MAX)),
        "{notes}"
    );
    let rules: Vec<&str> = run["tool"]["driver"]["rules"]
        .as_array()
        .expect("rules")
        .iter()
        .filter_map(|it| it["id"].as_str())
        .collect();
    for result in results {
        let id = result["ruleId"].as_str().expect("an id");
        assert!(rules.contains(&id), "{id} is no rule");
    }
    assert!(!log.to_string().contains('\u{202e}'));
    let place = &results[fired]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    let place = place.as_str().expect("a place");
    assert!(place.starts_with("evals/a%20b/"), "{place}");
}

/// A failure outweighs a missing verdict, whichever came first, and is told.
#[test]
fn a_unit_stands_where_its_worst_trial_stands() {
    let (page, set) = (page(), set());
    let mut plan = plan();
    plan.systems[0].trials = 3;
    let mut units = Units::new(&page, &set, &plan);
    let missing = Bin::Missing(Missing::ProviderError);
    for (trial, bin, why) in [
        (0, missing, "down"),
        (1, Bin::Pass, ""),
        (2, Bin::Fail(0), "wrong"),
        // A confirmation trial.
        (3, Bin::Pass, ""),
    ] {
        let mut one = outcome(1, Role::Candidate, bin, why);
        one.trial = trial;
        units.add(&one);
    }
    let (_, _, unit) = units.iter().next().expect("a unit");
    assert_eq!(unit.candidate.stands(), Stands::Failed);
    assert_eq!(unit.candidate.why.as_deref(), Some("wrong"));
    assert_eq!(unit.candidate.words(), "1 of 3 pass");
    assert!(!unit.is_lost(), "production was not judged");
}

proptest! {
    #[test]
    fn a12_any_text_is_read_back(why in "\\PC{0,20}|[\\x00-\\x20=+@-]{0,8}") {
        let (page, set) = (page(), set());
        let mut table = Csv::new(&page, &set, Cells::Exact, Vec::new()).expect("head");
        table.add(&outcome(0, Role::Candidate, Bin::Pass, &why)).expect("a row");
        let bytes = table.end().expect("written");
        let mut reader = ::csv::Reader::from_reader(bytes.as_slice());
        let row = reader.records().next().expect("a row").expect("read");
        prop_assert_eq!(row.iter().next_back(), Some(why.as_str()));
    }
}
