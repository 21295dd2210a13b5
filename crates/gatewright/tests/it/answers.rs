//! From the page to the answer, its exit code and its text.

use serde_json::Value;

use crate::project::{environment, recorded};

#[test]
fn a_broken_segment_holds_and_the_answer_is_the_exit_code() {
    let project = recorded("standard: unbroken", 30, 12);
    let gate = project.run(&["gate"]).expect(100);
    let first = gate.stdout.lines().next().unwrap_or_default();
    assert!(
        first.starts_with("HOLD: warm lost 12 of 30 answers that production gets right"),
        "{gate}"
    );
    assert!(gate.stdout.contains("Colour team"), "{gate}");
    assert!(gate.stdout.lines().count() <= 25, "{gate}");
    assert!(
        gate.stdout
            .contains("Next: gatewright diff --segment task=warm --criterion right"),
        "{gate}"
    );
}

#[test]
fn nothing_broken_ships_and_says_what_it_does_not_show() {
    let project = recorded("standard: unbroken", 30, 0);
    let gate = project.run(&["gate"]).expect(0);
    assert!(
        gate.stdout
            .starts_with("SHIP: nothing broke on these 60 examples"),
        "{gate}"
    );
}

#[test]
fn what_is_not_asked_or_has_no_example_is_said_in_every_report() {
    let project = recorded("standard: unbroken", 30, 0);
    let aside = |id: &str, state: &str| {
        format!(
            r#"{{"id":"{id}","input":"{id}?","segments":{{"task":"warm"}},"expect":{{"contains":["x"]}},"provenance":{{"kind":"policy","added":"2026-10-01"}},"status":{{"state":"{state}","by":"jo","at":"2026-10-02","why":"wrong"}}}}"#
        )
    };
    let mut lines = crate::project::examples(30);
    for (id, state) in [
        ("x1", "quarantined"),
        ("x2", "quarantined"),
        ("x3", "retired"),
    ] {
        lines.push_str(&format!("{}\n", aside(id, state)));
    }
    project.write("reference/all.jsonl", lines);
    let page = project.read("gatewright.yaml");
    let page = page.replace(
        "cold: Cold colours",
        "cold: Cold colours, grey: Grey colours",
    );
    let page = page.replace(", by: [task]", "");
    project.write("gatewright.yaml", page);
    let gate = project
        .run(&["gate", "-o", "report.html", "-o", "report.md"])
        .expect(0);
    let aside = "2 examples quarantined, 1 retired: not asked";
    let absent = "no example at all of task grey";
    let (html, markdown) = (project.read("report.html"), project.read("report.md"));
    for said in [&gate.stdout, &html, &markdown] {
        assert!(said.contains(aside), "{said}");
        assert!(said.contains(absent), "{said}");
    }
    let json = project.run(&["decide", "--json"]).expect(0);
    let view: Value = serde_json::from_str(&json.stdout).expect("a report");
    assert_eq!(view["unseen"][0], absent);
    assert_eq!(view["reference"]["quarantined"], 2);
}

#[test]
fn means_are_called_means_in_tables_and_pictures() {
    let project = recorded("standard: unbroken", 30, 0);
    let page = project.read("gatewright.yaml");
    let speed = "criteria:\n  speed: {grader: {latency: {}}, fails_as: latency}\n";
    project.write("gatewright.yaml", page.replace("criteria:\n", speed));
    for (system, took) in [("candidate", 900), ("production", 700)] {
        let file = format!("runs/{system}.jsonl");
        let mut timed = String::new();
        for (at, line) in project.read(&file).lines().enumerate() {
            let took = took + at * at % 97;
            let line = line.trim_end_matches('}');
            timed.push_str(&format!("{line},\"latency_ms\":{took}}}\n"));
        }
        project.write(&file, timed);
    }
    let _ = project
        .run(&["gate", "-o", "report.html", "-o", "report.md"])
        .expect(0);
    assert!(project.read("report.md").contains("speed (mean)"));
    let html = project.read("report.html");
    assert!(
        html.contains("<th scope=\"col\">speed (mean)</th>"),
        "{html}"
    );
    assert!(html.matches("speed (mean)").count() > 2);
    assert!(!html.contains("right (mean)"));
}

#[test]
fn advice_exits_zero_and_says_would_hold() {
    for enforce in ["advise", "observe"] {
        let project = recorded(&format!("standard: unbroken, enforce: {enforce}"), 30, 12);
        let gate = project.run(&["gate"]).expect(0);
        assert!(
            gate.stdout.starts_with("WOULD HOLD: warm lost 12"),
            "{gate}"
        );
    }
}

#[test]
fn accepted_answers_exit_zero_and_unknown_ones_are_named() {
    let project = recorded("standard: unbroken", 30, 12);
    let _ = project.run(&["gate", "--accept", "ship,hold"]).expect(0);
    let _ = project.run(&["decide", "--accept", "narrow"]).expect(100);
    let wrong = project.run(&["gate", "--accept", "maybe"]).expect(2);
    assert!(wrong.stderr.contains("not-enough-evidence"), "{wrong}");
}

#[test]
fn json_is_one_document_on_standard_output_and_nothing_else() {
    let project = recorded("standard: unbroken", 30, 12);
    let gate = project.run(&["gate", "--json", "--verbose"]).expect(100);
    let view: Value = serde_json::from_str(&gate.stdout).expect("one document");
    assert_eq!(view["format"], "gatewright-report/1");
    assert_eq!(view["answer"], "hold");
    assert_eq!(
        view["findings"][view["fired"][0].as_u64().expect("an index") as usize]["lost"],
        12
    );
    for arguments in [
        &["check", "--json"][..],
        &["diff", "--json"],
        &["triage", "--json"],
        &["grade", "--json"],
        &["run", "--json"],
        &["confirm", "--json"],
        &["incident", "list", "--json"],
        &["schema", "report", "--json"],
    ] {
        let said = project.run(arguments).expect(0);
        serde_json::from_str::<Value>(&said.stdout)
            .unwrap_or_else(|error| panic!("{error}\n{said}"));
    }
    let wrong = project.run(&["decide", "9999", "--json"]).expect(2);
    let error: Value = serde_json::from_str(&wrong.stdout).expect("also when it fails");
    assert_eq!(error["exit_code"], 2);
}

#[test]
fn no_line_is_wider_than_the_terminal_and_colour_is_asked_for() {
    let project = recorded("standard: unbroken", 30, 12).with_variable("COLUMNS", "80");
    let quiet = project.run(&["gate", "--quiet"]).expect(100);
    assert!(quiet.stdout.starts_with("HOLD: "), "{quiet}");
    assert!(
        !quiet.stdout.contains("Rule:") && quiet.stdout.lines().count() <= 4,
        "{quiet}"
    );
    let quiet = project.run(&["diff", "-q"]).expect(0);
    assert_eq!(quiet.stdout.lines().count(), 1, "{quiet}");
    for arguments in [
        &["decide"][..],
        &["diff"],
        &["triage"],
        &["incident", "list"],
        &["grade"],
        &["check"],
        &["check", "--explain", "no-task-breaks"],
    ] {
        let said = project.run(arguments);
        for line in said.stdout.lines() {
            assert!(
                line.chars().count() <= 80,
                "{}: {line}",
                arguments.join(" ")
            );
        }
        assert!(
            !said.stdout.contains('\u{1b}') && !said.stderr.contains('\u{1b}'),
            "{said}"
        );
    }
    let forced = project
        .command(&["decide"])
        .env("FORCE_COLOR", "1")
        .output()
        .expect("runs");
    assert!(forced.stdout.starts_with(b"\x1b[1;31mHOLD\x1b[0m: "));
    let bare = project
        .command(&["decide"])
        .env("FORCE_COLOR", "1")
        .env("NO_COLOR", "1")
        .output()
        .expect("runs");
    assert!(bare.stdout.starts_with(b"HOLD: "));
    let dumb = project
        .command(&["decide"])
        .env("TERM", "dumb")
        .output()
        .expect("runs");
    assert!(dumb.stdout.is_ascii());
}

#[test]
fn check_explains_a_rule_before_anything_is_spent() {
    let project = recorded("standard: unbroken", 30, 12);
    let said = project
        .run(&["check", "--explain", "no-task-breaks"])
        .expect(0);
    for needed in ["What follows", "Colour team", "task warm: 30 examples"] {
        assert!(said.stdout.contains(needed), "{needed}\n{said}");
    }
    let wrong = project
        .run(&["check", "--explain", "no-task-break"])
        .expect(2);
    assert!(
        wrong.stderr.contains("did you mean `no-task-breaks`?"),
        "{wrong}"
    );
}

#[test]
fn every_flag_has_a_twin_in_the_environment() {
    let project = recorded("standard: unbroken", 30, 12).with_variable("GATEWRIGHT_JSON", "1");
    let gate = project.run(&["gate"]).expect(100);
    assert!(gate.stdout.starts_with('{'), "{gate}");
    let project = recorded("standard: unbroken", 30, 12).with_variable("GATEWRIGHT_ACCEPT", "hold");
    let _ = project.run(&["gate"]).expect(0);
    let project = recorded("standard: unbroken", 30, 12).with_variable("GATEWRIGHT_JSON", "false");
    assert!(
        project
            .run(&["gate"])
            .expect(100)
            .stdout
            .starts_with("HOLD")
    );
}

#[test]
fn deciding_again_gives_the_same_bytes_and_a_changed_gate_is_refused() {
    let project = recorded("standard: unbroken", 30, 0);
    let _ = project.run(&["gate"]).expect(0);
    let once = project.run(&["decide", "--json"]).expect(0);
    let later = project
        .command(&["decide", "--json"])
        .env("GATEWRIGHT_NOW", "2027-01-01")
        .output()
        .expect("runs");
    assert_eq!(
        once.stdout.as_bytes(),
        later.stdout,
        "the decision's own date stands"
    );
    let again = project.run(&["gate", "--json"]).expect(0);
    assert_eq!(
        once.stdout, again.stdout,
        "recorded files that did not change"
    );
    let easier = project.read("gatewright.yaml").replace("10 pts", "40 pts");
    project.write("gatewright.yaml", easier);
    let refused = project.run(&["decide"]).expect(112);
    assert!(
        refused.stderr.contains("what was sealed has changed since")
            && refused.stderr.contains("why: gate (sealed "),
        "{refused}"
    );
    assert!(refused.stdout.is_empty(), "{refused}");
    let report = project.run(&["report"]).expect(0);
    assert!(report.stdout.starts_with("# hold: demo"), "{report}");
    let anew = project.run(&["gate", "--json"]).expect(0);
    assert!(
        anew.stdout.contains("\"name\": \"0002-"),
        "a new run, sealed anew"
    );
}

#[test]
fn changed_outputs_and_examples_break_the_seal() {
    let project = recorded("standard: unbroken", 30, 12);
    let _ = project.run(&["gate"]).expect(100);
    project.write(
        "runs/candidate.jsonl",
        crate::project::outputs(30, |_, _| true),
    );
    let refused = project.run(&["decide"]).expect(112);
    assert!(
        refused.stderr.contains("runs/candidate.jsonl (sealed "),
        "{refused}"
    );
    project.write("reference/all.jsonl", crate::project::examples(29));
    let refused = project.run(&["decide"]).expect(112);
    assert!(refused.stderr.contains("reference (sealed "), "{refused}");
}

#[test]
fn diff_shows_what_both_said_beside_each_other_or_below() {
    let project = recorded("standard: unbroken", 30, 12);
    let _ = project.run(&["gate"]).expect(100);
    let wide = project
        .run(&["diff", "--segment", "task=warm", "--limit", "2"])
        .expect(0);
    assert!(
        wide.stdout
            .starts_with("12 lost, 0 gained; the first 2 of them"),
        "{wide}"
    );
    assert!(wide.stdout.contains("it is warm-00"), "{wide}");
    assert!(wide.stdout.contains("│ it is no idea"), "{wide}");
    let at = |columns: &str| {
        let said = project
            .command(&["diff"])
            .env("COLUMNS", columns)
            .output()
            .expect("runs");
        String::from_utf8_lossy(&said.stdout).into_owned()
    };
    let usual = at("80");
    assert!(usual.contains("│ it is no idea"), "{usual}");
    let wide = usual.lines().find(|line| line.chars().count() > 80);
    assert_eq!(wide, None);
    let narrow = at("70");
    assert!(
        narrow.contains("  production:\n    it is warm-00\n  candidate:\n    it is no idea"),
        "{narrow}"
    );
    let none = project.run(&["diff", "--segment", "task=cold"]).expect(0);
    assert!(none.stdout.starts_with("0 lost, 0 gained"), "{none}");
    let wrong = project.run(&["diff", "--segment", "task=warn"]).expect(2);
    assert!(wrong.stderr.contains("did you mean `warm`?"), "{wrong}");
    let wrong = project.run(&["diff", "--criterion", "rigt"]).expect(2);
    assert!(wrong.stderr.contains("did you mean `right`?"), "{wrong}");
}

#[test]
fn a_page_is_found_from_below_and_commands_are_suggested() {
    let project = recorded("standard: unbroken", 30, 12);
    let below = project
        .command(&["gate"])
        .current_dir(project.project().join("reference"))
        .output()
        .expect("runs");
    assert_eq!(below.status.code(), Some(100));
    let wrong = project.run(&["gaet"]).expect(2);
    assert!(wrong.stderr.contains("gate"), "{wrong}");
    let lost = environment().run(&["gate"]).expect(2);
    assert!(lost.stderr.contains("try: gatewright init"), "{lost}");
    assert!(
        lost.stderr
            .contains("there is no gatewright.yaml here or in a folder above"),
        "{lost}"
    );
}

/// A page of one criterion and one demand on traffic, over examples that each name their source.
fn demanded(grader: &str, gate: &str, clusters: &[usize]) -> gatewright_testkit::TestEnvironment {
    let project = environment();
    project.write(
        "gatewright.yaml",
        format!(
            "gatewright: 1
promise: Answer.
tasks: {{a: Anything}}
failures: {{bad: {{severity: medium, cost: 10}}}}
owners: {{o: Olga}}
decision: {{standard: shown}}
systems: {{candidate: {{recorded: candidate.jsonl}}, production: {{recorded: production.jsonl}}}}
criteria: {{good: {{grader: {grader}, fails_as: bad}}}}
gate: [{{id: q, require: good, {gate}, then: {{violated: hold}}, owner: o}}]
"
        ),
    );
    let example = |(at, cluster): (usize, &usize)| {
        format!(
            r#"{{"id":"e{at}","input":"question {at}","segments":{{"task":"a"}},"provenance":{{"kind":"traffic"}},"cluster":"c{cluster}"}}"#
        ) + "\n"
    };
    let lines: String = clusters.iter().enumerate().map(example).collect();
    project.write("reference/all.jsonl", lines);
    project
}

/// The answers of one system: each a line, or none.
fn said(lines: impl Iterator<Item = Option<String>>) -> String {
    let lines = lines.enumerate().filter_map(|(at, fields)| {
        let fields = fields?;
        Some(format!("{{\"example\":\"e{at}\",{fields}}}\n"))
    });
    lines.collect()
}

/// An answer that is made up as failed makes rows vary that did not: what is missing never makes anything surer.
#[test]
fn leaving_an_answer_out_never_makes_a_release() {
    let good = || Some(r#""output":"GOOD""#.to_owned());
    let poor = || Some(r#""output":"poor""#.to_owned());
    let contains = "{contains: {texts: [GOOD]}}";
    // 20 sources of 5 alike rows; and 10 of 10, one of which fails.
    let fives: Vec<usize> = (0..100).map(|at| at / 5).collect();
    let tens: Vec<usize> = (0..100).map(|at| at / 10).collect();
    let margin = "against: production, margin: 10 pts";
    for (clusters, gate, fails, left_out) in [
        (&fives, margin, 0..0, 0..1),
        (&tens, "at_least: 55 %", 0..10, 10..19),
    ] {
        let project = demanded(contains, gate, clusters);
        let candidate = |without: std::ops::Range<usize>| {
            said((0..100).map(|at| match at {
                at if without.contains(&at) => None,
                at if fails.contains(&at) => poor(),
                _ => good(),
            }))
        };
        project.write("production.jsonl", said((0..100).map(|_| good())));
        for without in [0..0, left_out] {
            project.write("candidate.jsonl", candidate(without.clone()));
            let gate = project.run(&["gate", "--fresh"]).expect(110);
            assert!(
                gate.stdout.starts_with("NOT ENOUGH EVIDENCE"),
                "{without:?}: {gate}"
            );
        }
    }
}

/// What timed out never came: it is no measurement of 0, whatever the record says of it.
#[test]
fn recorded_timeouts_are_beyond_every_limit() {
    let clusters: Vec<usize> = (0..80).collect();
    let gate = "metric: p50, at_most: 2 s";
    let project = demanded("{latency: {}}", gate, &clusters);
    let quick = || Some(r#""output":"x","latency_ms":700"#.to_owned());
    let late = || Some(r#""status":"timeout""#.to_owned());
    project.write("production.jsonl", said((0..80).map(|_| quick())));
    project.write("candidate.jsonl", said((0..80).map(|_| quick())));
    let gate = project.run(&["gate", "--fresh"]).expect(0);
    assert!(gate.stdout.starts_with("SHIP"), "{gate}");
    let half = (0..80).map(|at| if at % 5 < 3 { late() } else { quick() });
    project.write("candidate.jsonl", said(half));
    let gate = project.run(&["gate", "--fresh"]).expect(100);
    assert!(gate.stdout.starts_with("HOLD"), "{gate}");
    assert!(gate.stdout.contains("∞ s"), "{gate}");
}

/// Examples that are drawn with stated probabilities are weighed to traffic; the statement of one of them is not what a release hangs on.
#[test]
fn one_inclusion_less_never_makes_a_release() {
    let project = demanded(
        "{contains: {texts: [GOOD]}}",
        "at_least: 70 %",
        &(0..100).collect::<Vec<_>>(),
    );
    let good = || Some(r#""output":"GOOD""#.to_owned());
    let poor = || Some(r#""output":"poor""#.to_owned());
    let candidate = (0..100).map(|at| if at < 10 { poor() } else { good() });
    project.write("candidate.jsonl", said(candidate));
    project.write("production.jsonl", said((0..100).map(|_| good())));
    // The ten that fail stand for as much traffic as the ninety that do not.
    let lines = project.read("reference/all.jsonl");
    let drawn = |skipped: &str| -> String {
        let each = lines.lines().enumerate().map(|(at, line)| {
            let share = if at < 10 { 0.01 } else { 0.09 };
            let line = line.strip_suffix('}').expect("an object");
            match line.contains(skipped) {
                true => format!("{line}}}\n"),
                false => format!("{line},\"inclusion\":{share}}}\n"),
            }
        });
        each.collect()
    };
    project.write("reference/all.jsonl", drawn("no such"));
    let gate = project.run(&["gate"]).expect(100);
    assert!(gate.stdout.starts_with("HOLD"), "{gate}");
    project.write("reference/all.jsonl", drawn("\"e50\""));
    let check = project.run(&["check"]).expect(2);
    let wanted = "`q`: some of its 100 examples state inclusion, and some do not";
    let words: Vec<&str> = check.stdout.split_whitespace().collect();
    assert!(words.join(" ").contains(wanted), "{check}");
    let gate = project.run(&["gate", "--fresh"]).expect(2);
    assert!(gate.stdout.is_empty(), "nothing is decided: {gate}");
}
