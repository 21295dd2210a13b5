//! `gatewright review` on the two people of XSTest: their agreement, what they differ on, and what the adjudicated labels make of it; and on the
//! three of PandaLM, who compare two answers.
//!
//! Completions are never printed, by the command or by a failing test.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use gatewright_core::event::ProjectEvent;
use gatewright_core::review::{Desk, Origin, ReviewEvent};
use serde_json::Value;

use crate::xstest::SYSTEMS;

const CRITERION: &str = "two-full-compliance";

fn run(folder: &Path, data: &Path, arguments: &[&str]) -> (i32, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_gatewright"))
        .args(arguments)
        .args(["--json", "--root"])
        .arg(format!("data={}", data.display()))
        .current_dir(folder)
        .env_clear()
        .output()
        .expect("the command starts");
    let code = output.status.code().expect("an exit code");
    let told = String::from_utf8_lossy(&output.stderr);
    let found = serde_json::from_slice(&output.stdout);
    (
        code,
        found.unwrap_or_else(|_| panic!("exit {code}: {told}")),
    )
}

fn lines(text: &str) -> impl Iterator<Item = Value> + '_ {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a JSON line"))
}

/// The adjudicated label of each of a system's answers.
fn adjudicated(labels: &str, system: &str) -> BTreeMap<String, String> {
    let of =
        lines(labels).filter(|row| row["annotator"] == "human_final" && row["system"] == system);
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    of.map(|row| (text(&row["example_id"]), text(&row["label"])))
        .collect()
}

#[test]
fn two_people_disagree_81_times_and_the_adjudicated_labels_settle_it() {
    let Some(data) = gatewright_testkit::shared_data() else {
        return;
    };
    let read = |name: &str| std::fs::read_to_string(data.join("xstest").join(name)).expect(name);
    let expected: Value = serde_json::from_str(&read("expected.json")).expect("JSON");
    let labels = read("labels.jsonl");
    let page = gatewright_testkit::shared::project_root().join("tests/real/xstest/labels.yaml");
    let page = std::fs::read_to_string(page).expect("the page");
    let mut disputed = 0;
    for system in SYSTEMS {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = folder.path();
        let page = page.replace("llama2orig", system);
        std::fs::write(folder.join("gatewright.yaml"), &page).expect("written");
        let (code, found) = run(folder, &data, &["review", "agreement", CRITERION]);
        assert_eq!(code, 0);
        let one = &found["criteria"][0];
        let wanted = &expected["agreement"][system];
        assert_eq!(one["all"]["shared"], wanted["n"], "{system}");
        let near = |found: &Value, wanted: &Value, scale: f64, within: f64| {
            let (found, wanted) = (
                found.as_f64().expect("found"),
                wanted.as_f64().expect("wanted"),
            );
            assert!(
                (scale * found - wanted).abs() <= within,
                "{system}: {found} for {wanted}"
            );
        };
        near(&one["all"]["percent"], &wanted["percent"], 100.0, 0.5e-4);
        near(
            &one["all"]["alpha"]["value"],
            &wanted["krippendorff_alpha_nominal"],
            1.0,
            0.5e-6,
        );
        near(
            &one["pairs"][0]["kappa"],
            &wanted["cohen_kappa"],
            1.0,
            0.5e-6,
        );
        at_the_desk(folder, &data, wanted, &one["all"]);
        let (_, wrote) = run(
            folder,
            &data,
            &["review", "disagreements", CRITERION, "-o", "disputed.jsonl"],
        );
        assert_eq!(wrote["answers"], one["all"]["differ"], "{system}");
        disputed += wrote["answers"].as_u64().expect("a count");
        settle(folder, &adjudicated(&labels, system));
        let both = "[human_1, human_2]}}\n        by: person\n        rubric: xstest-1\n        values: {pass: [\"1_full";
        assert!(page.contains(both), "the page has changed");
        let source = "{file: data:xstest/labels.jsonl, map: {example: example_id}, where: {annotator: [human_1, human_2]}}";
        let from = format!("[{source}, settled.jsonl]");
        std::fs::write(
            folder.join("gatewright.yaml"),
            page.replacen(source, &from, 1),
        )
        .expect("written");
        let (_, view) = run(folder, &data, &["gate"]);
        same_counts(&view, system);
    }
    assert_eq!(
        disputed,
        expected["agreement"]["ALL"]["disagreements"]
            .as_u64()
            .expect("81")
    );
}

/// Taken over as the work of two people at the desk, their labels agree as far, and what they differ on waits to be settled.
fn at_the_desk(folder: &Path, data: &Path, wanted: &Value, in_files: &Value) {
    let (_, asked) = run(folder, data, &["review", "ask", "--criterion", CRITERION]);
    assert_eq!(asked["answers"], wanted["n"]);
    assert_eq!(
        asked["labels"].as_u64(),
        wanted["n"].as_u64().map(|n| 2 * n)
    );
    let (_, here) = run(folder, data, &["review", "agreement", "--asked"]);
    let here = &here["criteria"][0]["all"];
    // Intervals are drawn under another name; figures are the same.
    for figure in ["units", "shared", "differ", "percent"] {
        assert_eq!(here[figure], in_files[figure], "{figure}");
    }
    for figure in ["alpha", "ac1"] {
        assert_eq!(here[figure]["value"], in_files[figure]["value"], "{figure}");
    }
    let (_, due) = run(folder, data, &["today", "--person", "human_final"]);
    assert_eq!(due["to_settle"][CRITERION], here["differ"]);
    assert_eq!(due["review"]["disputed"], here["differ"]);
}

/// Fills in what the adjudicator said.
fn settle(folder: &Path, adjudicated: &BTreeMap<String, String>) {
    let text = std::fs::read_to_string(folder.join("disputed.jsonl")).expect("written");
    let mut settled = String::new();
    for mut row in lines(&text) {
        let example = row["example"].as_str().expect("an example");
        row["label"] = adjudicated[example].as_str().into();
        row["annotator"] = "human_final".into();
        let _ = writeln!(settled, "{row}");
    }
    std::fs::write(folder.join("settled.jsonl"), settled).expect("written");
}

/// The two people with what was settled count as the adjudicated labels do.
fn same_counts(view: &Value, system: &str) {
    let of = |criterion: &str| -> BTreeMap<String, Value> {
        let cells = view["tables"].as_array().expect("tables").iter();
        let own = cells.filter(|cell| cell["criterion"] == criterion);
        own.map(|cell| {
            (
                cell["slice"].to_string(),
                cell["systems"]["candidate"].clone(),
            )
        })
        .collect()
    };
    let (two, last) = (of(CRITERION), of("final-full-compliance"));
    assert!(!two.is_empty(), "{system}: no counts");
    for (slice, found) in &two {
        for count in ["pass", "fail", "missing", "units"] {
            assert!(!found[count].is_null(), "{count}");
            assert_eq!(
                found[count], last[slice][count],
                "{system}: {slice}: {count}"
            );
        }
    }
}

/// Asks about all 999 pairs, ten pairs of systems one after the other, at one desk.
fn ask_all_pairs(folder: &Path, data: &Path, page: &str, expected: &Value) -> u64 {
    let pairs = expected["pair_win_tie_loss_by_majority(system_1 wins,ties,system_2 wins)"]
        .as_object()
        .expect("pairs of systems");
    let mut asked = 0;
    for (pair, counts) in pairs {
        let (first, second) = pair.split_once('_').expect("two systems");
        let page = page
            .replace("bloom-7b", "FIRST")
            .replace("llama-7b", "SECOND")
            .replace("FIRST", first)
            .replace("SECOND", second);
        std::fs::write(folder.join("gatewright.yaml"), page).expect("written");
        let ask = ["review", "ask", "--criterion", "preferred", "--people", "3"];
        let (code, told) = run(folder, data, &ask);
        assert_eq!(code, 0, "{pair}: {told}");
        let all: u64 = counts
            .as_array()
            .expect("three")
            .iter()
            .filter_map(Value::as_u64)
            .sum();
        assert_eq!(told["new"], all, "{pair}");
        asked += all;
    }
    asked
}

/// What each person said of each example, by the labels that the page gives a meaning.
fn preferences(labels: &str) -> BTreeMap<(String, String), String> {
    let of = lines(labels).filter(|row| row["annotator_kind"] == "human");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    of.map(|row| {
        let label = match text(&row["label"]).as_str() {
            "Tie" => "0".to_owned(),
            label => label.to_owned(),
        };
        ((text(&row["example_id"]), text(&row["annotator"])), label)
    })
    .collect()
}

/// Labels all that waits for a person at the desk, through what the server calls: each event is checked against the desk, and then in the log.
fn label_all(folder: &Path, said: &BTreeMap<(String, String), String>) {
    let at = "2026-11-27T09:00:00Z";
    let writer = gatewright_store::Writer {
        name: "gatewright serve".to_owned(),
        actor: "test".to_owned(),
        at: at.to_owned(),
    };
    let state = folder.join(".gatewright");
    let mut log = gatewright_store::ProjectLog::open(&state, writer).expect("opens");
    let mut desk = Desk::default();
    for event in log.events_after(&Default::default()) {
        if let ProjectEvent::Reviewed { what } = event.expect("read").body {
            desk.apply(&what);
        }
    }
    for person in ["human_1", "human_2", "human_3"] {
        let mut events = Vec::new();
        while let Some(entry) = desk.next_for(person) {
            let two = (&entry.item.output, &entry.item.second);
            assert!(two.0.is_some() && two.1.is_some(), "both answers are there");
            let key = (entry.item.example.clone(), person.to_owned());
            let event = ReviewEvent::Labelled {
                item: entry.id,
                label: said[&key].clone(),
                by: person.to_owned(),
                note: String::new(),
                settles: false,
                origin: Origin::Here,
                at: at.to_owned(),
            };
            desk.may_be_said(&event).expect("may be said");
            desk.apply(&event);
            events.push(ProjectEvent::Reviewed { what: event });
        }
        log.append(&events, at).expect("written");
    }
}

/// The three people of PandaLM compare the same pairs at the desk: asked, labelled, written and read again they agree as far as in their own file,
/// and the gate counts what most of them prefer.
#[test]
fn three_people_compare_999_pairs_at_the_desk() {
    let Some(data) = gatewright_testkit::shared_data() else {
        return;
    };
    let read = |name: &str| std::fs::read_to_string(data.join("pandalm").join(name)).expect(name);
    let expected: Value = serde_json::from_str(&read("expected.json")).expect("JSON");
    let page =
        gatewright_testkit::shared::project_root().join("tests/real/pandalm/bloom-llama.yaml");
    let page = std::fs::read_to_string(page).expect("the page");
    let source = "{file: data:pandalm/labels.jsonl, map: {example: example_id}, where: {annotator: [human_1, human_2, human_3]}}";
    let one_pair = "    where: {segment_pair: bloom-7b_llama-7b}\n";
    assert!(
        page.contains(source) && page.contains(one_pair),
        "the page has changed"
    );
    let page = page.replace(source, "reviewed.jsonl").replace(one_pair, "");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    std::fs::write(folder.join("reviewed.jsonl"), "").expect("written");
    assert_eq!(ask_all_pairs(folder, &data, &page, &expected), 999);
    label_all(folder, &preferences(&read("labels.jsonl")));

    std::fs::write(folder.join("gatewright.yaml"), &page).expect("written");
    let (_, wrote) = run(folder, &data, &["review", "export", "-o", "reviewed.jsonl"]);
    assert_eq!(
        (&wrote["labels"], &wrote["open"]),
        (&2997.into(), &0.into())
    );
    let rows = std::fs::read_to_string(folder.join("reviewed.jsonl")).expect("written");
    assert!(
        !rows.contains("llama") && !rows.contains("bloom"),
        "no row names a system"
    );
    let (_, in_file) = run(folder, &data, &["review", "agreement", "preferred"]);
    let (_, at_desk) = run(folder, &data, &["review", "agreement", "--asked"]);
    for found in [&in_file, &at_desk] {
        let one = &found["criteria"][0];
        assert_eq!(one["all"]["shared"], 999);
        assert_eq!(one["all"]["differ"], expected["items_not_unanimous"]);
        let alpha = one["all"]["alpha"]["value"].as_f64().expect("alpha");
        let wanted = expected["krippendorff_alpha_nominal"]
            .as_f64()
            .expect("alpha");
        assert!((alpha - wanted).abs() <= 0.5e-6, "{alpha} for {wanted}");
        for (place, names) in ["1-2", "1-3", "2-3"].into_iter().enumerate() {
            let kappa = one["pairs"][place]["kappa"].as_f64().expect("kappa");
            let wanted = expected["cohen_kappa"][names].as_f64().expect("kappa");
            assert!(
                (kappa - wanted).abs() <= 0.5e-6,
                "{names}: {kappa} for {wanted}"
            );
        }
    }
    let (_, view) = run(folder, &data, &["gate"]);
    let cells = view["tables"].as_array().expect("tables").iter();
    let mut whole =
        cells.filter(|it| it["criterion"] == "preferred" && it["slice"]["words"] == "all examples");
    let counts = &whole.next().expect("a cell")["systems"]["candidate"];
    let found = ["win", "tie", "loss"].map(|it| counts[it].as_u64());
    assert_eq!(found, [Some(28), Some(11), Some(72)], "{counts}");
}
