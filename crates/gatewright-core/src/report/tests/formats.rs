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
                        .replace('\u{1b}', "\\u{1b}")
                        .replace('\u{202e}', "\\u{202e}");
                    assert_eq!(why.strip_prefix('\'').unwrap_or(why), shown);
                    let runs = why.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
                    assert!(!runs, "{why:?}");
                }
            }
        }
    }
}

/// A cell that turns its row's text round would show another verdict than it has.
#[test]
fn a9_a_cell_turns_no_text_round() {
    let (page, set) = (page(), set());
    let why = "safe \u{202e}liaf\u{202c} \u{200b}here";
    for (cells, shown) in [
        (Cells::Safe, "safe \\u{202e}liaf\\u{202c} \\u{200b}here"),
        (Cells::Exact, why),
    ] {
        let mut table = Csv::new(&page, &set, cells, Vec::new()).expect("head");
        let mut late = outcome(0, Role::Candidate, Bin::Pass, why);
        late.value = Some(f64::INFINITY);
        table.add(&late).expect("a row");
        let bytes = table.end().expect("written");
        let mut reader = ::csv::Reader::from_reader(bytes.as_slice());
        let row = reader.records().next().expect("a row").expect("read");
        assert_eq!(row.get(row.len() - 1), Some(shown));
        // What never came has no value.
        assert_eq!(row.get(row.len() - 3), Some(""));
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

/// Reads a plain text message as SARIF 2.1.0 §3.11 has it: `\[` is a bracket, a bare one begins or ends a link; `{{` is a
/// brace, a bare one belongs to a placeholder.
fn message_read(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(one) = chars.next() {
        match one {
            '\\' => out.push(chars.next().expect("an escaped character")),
            '{' | '}' => {
                assert_eq!(chars.next(), Some(one), "a placeholder: {text}");
                out.push(one);
            }
            '[' | ']' => panic!("a link: {text}"),
            one => out.push(one),
        }
    }
    out
}

#[test]
fn a12_sarif_text_is_neither_link_nor_placeholder() {
    let hostile =
        r"[the fix](https://evil.example/x) \[and\](file:///etc/passwd) {0} {{1}} \\[z](0) }";
    let (mut page, set, plan) = (page(), set(), plan());
    page.owners.get_mut("grounding").expect("there").name = hostile.to_owned();
    for class in &mut page.classes {
        class.repair = hostile.to_owned();
    }
    let mut units = Units::new(&page, &set, &plan);
    units.add(&outcome(0, Role::Candidate, Bin::Fail(0), hostile));
    let mut view = made(&page, &proposal(), &analysis());
    view.findings[0].sentence = hostile.to_owned();
    let log = sarif(&view, &units, "");
    let run = &log["runs"][0];
    let results = run["results"].as_array().expect("results");
    assert_eq!(results.len(), 2);
    for result in results {
        let text = result["message"]["text"].as_str().expect("a text");
        let read = message_read(text);
        assert!(read.contains(hostile), "{read}");
    }
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    for rule in rules {
        message_read(rule["shortDescription"]["text"].as_str().expect("a text"));
        let help = message_read(rule["help"]["text"].as_str().expect("a text"));
        let ours = rule["id"].as_str() == Some("gate/no-task-breaks");
        assert!(!ours || help.contains(hostile), "{help}");
    }
}

fn junit_text(view: &View, page: &Manifest) -> String {
    let (set, plan) = (set(), plan());
    let mut bytes = Vec::new();
    junit(view, &units(page, &set, &plan), &mut bytes).expect("written");
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn junit_says_a_reason_once() {
    let page = page();
    let mut analysis = analysis();
    analysis.findings[0].standing = Standing::Undecided(Undecided::Missing { units: 7 });
    let view = made(&page, &proposal(), &analysis);
    let text = junit_text(&view, &page);
    let case = text
        .lines()
        .find(|line| line.contains("type=\"undecided\""))
        .expect("an undecided rule");
    assert_eq!(case.matches("7 missing outcomes").count(), 1, "{case}");
}

/// A number stands nowhere without n, interval and method, also where only the sentence used to be.
#[test]
fn formats_say_what_a_finding_rests_on() {
    let (page, set, plan) = (page(), set(), plan());
    let view = made(&page, &proposal(), &analysis());
    let rests = "24 examples, effective n 24, 0 missing outcomes, change −20.8 points (−37.8 to −3.8, 95 % interval, Tango score), fresh runs lose 20 % (at least 15 % at one-sided 95 % for run noise, 240 calls)";
    assert_eq!(view.findings[0].rests_on, rests);
    assert!(junit_text(&view, &page).contains(rests));
    let log = sarif(&view, &units(&page, &set, &plan), "");
    let text = log["runs"][0]["results"][0]["message"]["text"].as_str();
    assert!(text.expect("a text").contains(rests));
    let text = annotations(&view, "gatewright.yaml");
    assert!(text.contains(&rests.replace('%', "%25")), "{text}");
    let mut analysis = analysis();
    let paired = analysis.cells[1].against.get_mut(&Role::Production);
    paired.expect("there").difference = Err(Undefined::TooFewClusters { clusters: 1 });
    let view = made(&page, &proposal(), &analysis);
    let rests = &view.findings[0].rests_on;
    assert!(
        rests.contains("no interval: only 1 independent source"),
        "{rests}"
    );
}

/// Without production nothing is "more than production".
#[test]
fn annotations_say_of_how_many_a_class_has_more() {
    let mut page = page();
    let mut view = made(&page, &proposal(), &analysis());
    view.reference.active = 120;
    let text = annotations(&view, "gatewright.yaml");
    let said = "::4 unsupported claims more than production: 9 of 120 examples, production 5 (counts of these examples, so no interval). Repair: ";
    assert!(text.contains(said), "{text}");
    assert!(
        !text.contains("over-refusal"),
        "fewer are no warning: {text}"
    );
    page.systems.remove(&Role::Production);
    let text = annotations(&made(&page, &proposal(), &analysis()), "gatewright.yaml");
    assert!(!text.contains("more than production"), "{text}");
}
