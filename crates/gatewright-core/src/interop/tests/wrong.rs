//! What once made a wrong decision, or a page that decided nothing: verdicts that vanished, systems and questions that ran together.

use std::collections::BTreeSet;

use super::*;
use crate::interop::pair::Known;

/// Pairs with examples that the page has already.
fn paired_with<'l>(logs: &'l [Log], known: &[Known]) -> Paired<'l> {
    let found: Vec<Found> = ["a", "b"]
        .iter()
        .flat_map(|system| {
            let here = logs
                .iter()
                .enumerate()
                .filter(|(_, log)| log.rows.iter().any(|row| row.system == *system));
            here.map(|(index, log)| Found {
                log: index,
                file: log.file.clone(),
                system: (*system).to_owned(),
                rows: 1,
            })
        })
        .collect();
    let named = [Named {
        role: Role::Candidate,
        text: "b".to_owned(),
    }];
    let chosen = choose(&found, &named).expect("named");
    let mut problems = Vec::new();
    let paired = pair::pair(
        logs,
        &chosen,
        &Key::Auto,
        &Vocabulary::default(),
        known,
        &mut problems,
    );
    assert_eq!(lines(&problems), Vec::<String>::new());
    paired
}

fn problems_of(logs: &[Log], key: &Key) -> Vec<String> {
    let mut problems = Vec::new();
    paired(logs, key, &mut problems);
    lines(&problems)
}

fn csv(text: &str) -> Log {
    good(Format::Csv, "t.csv", text)
}

/// A row with one more assertion.
fn also(mut row: Value, metric: &str, kind: &str, pass: bool) -> Value {
    let assertion = json!({"type": kind, "metric": metric});
    row["testCase"]["assert"]
        .as_array_mut()
        .expect("a list")
        .push(assertion.clone());
    row["success"] = (row["success"] == true && pass).into();
    let parts = row["gradingResult"]["componentResults"]
        .as_array_mut()
        .expect("a list");
    parts.push(json!({"pass": pass, "score": 0, "reason": "", "assertion": assertion}));
    row
}

#[test]
fn which_examples_a_criterion_judges_hangs_on_no_other_import() {
    let rows = [
        also(asked("a", "one?", "x"), "safe", "javascript", true),
        also(asked("b", "one?", "x"), "safe", "javascript", false),
        asked("a", "two?", "x"),
        asked("b", "two?", "x"),
    ];
    let logs = [good(Format::Promptfoo, "out.json", &promptfoo(&rows))];
    let page_of = |known: &[Known]| {
        let paired = paired_with(&logs, known);
        let written = written(&paired);
        let page = page::parts(&paired, &written, &page::Page::default());
        (page, written.examples)
    };
    // All examples are new: each is marked.
    let (page, examples) = page_of(&[]);
    assert!(
        page.contains("applies_to: {fields.judged.safe: \"yes\"}"),
        "{page}"
    );
    assert!(examples.contains(r#""judged":{"safe":"no"}"#), "{examples}");
    // One was there before, and has no mark of this import.
    let known = [Known {
        id: "known-1".to_owned(),
        input: "one?".into(),
    }];
    let (page, examples) = page_of(&known);
    assert!(page.contains("applies_to: {id: [\"known-1\"]}"), "{page}");
    assert!(!examples.contains("judged"), "{examples}");
}

#[test]
fn a_failure_that_no_assertion_tells_is_one_of_the_whole_row() {
    let mut failed = asked("b", "one?", "x");
    failed["success"] = false.into();
    failed["gradingResult"]["pass"] = false.into();
    let passed = asked("a", "one?", "x");
    let of = |rows: &[Value]| {
        let mut logs = vec![good(Format::Promptfoo, "out.json", &promptfoo(rows))];
        together(Format::Promptfoo, &mut logs);
        logs.remove(0)
    };
    let whole = |log: &Log| -> Vec<Option<Verdict>> {
        let of = |row: &Row| {
            let whole = row.grades.iter().find(|grade| grade.criterion == "passes");
            whole.map(|grade| grade.verdict.clone())
        };
        log.rows.iter().map(of).collect()
    };
    let [pass, fail] = [true, false].map(|passes| Some(Verdict::of(passes)));
    // A threshold or a scoring function: every part passed, and the row did not. Both systems are judged by it.
    let log = of(&[passed.clone(), failed.clone()]);
    assert_eq!(whole(&log), [pass.clone(), fail.clone()]);
    assert_eq!(log.rows[1].grades[1].by, GraderKind::Rule);
    // A verdict without an assertion.
    let mut nameless = failed.clone();
    let parts = nameless["gradingResult"]["componentResults"].as_array_mut();
    parts
        .expect("a list")
        .push(json!({"pass": false, "score": 0, "reason": "leaks data", "assertion": null}));
    let log = of(&[passed.clone(), nameless]);
    assert_eq!(whole(&log), [pass, fail]);
    assert_eq!(log.rows[1].grades[1].why, "leaks data");
    assert!(
        log.notes.iter().any(|note| note.starts_with(
            "1 verdicts say not which assertion they are of (first in results.results[1])"
        )),
        "{:?}",
        log.notes
    );
    // A failure that a part tells needs nothing more, and what broke is no failure.
    let mut told = failed.clone();
    told["gradingResult"]["componentResults"][0]["pass"] = false.into();
    assert_eq!(whole(&of(&[passed.clone(), told])), [None, None]);
    let broken = also(passed.clone(), "program", "javascript", false);
    let mut broken: Value = broken;
    broken["gradingResult"]["componentResults"][1]["reason"] =
        "Custom function threw error: x".into();
    broken["gradingResult"]["pass"] = false.into();
    assert_eq!(whole(&of(&[passed, broken])), [None, None]);
}

/// An assertion without any verdict, as where a run stops at the first that fails.
#[test]
fn what_tests_ask_for_and_nothing_says_is_told() {
    let mut rows = [asked("a", "one?", "x"), asked("b", "one?", "x")];
    for row in &mut rows {
        let asserts = row["testCase"]["assert"].as_array_mut();
        asserts
            .expect("a list")
            .push(json!({"type": "llm-rubric", "metric": "safe"}));
    }
    let logs = [good(Format::Promptfoo, "out.json", &promptfoo(&rows))];
    let paired = paired_with(&logs, &[]);
    assert_eq!(
        paired.notes,
        ["no answer has a verdict of `safe`, which the tests ask for: no rule is written for it"]
    );
}

#[test]
fn what_nobody_knows_may_be_a_model() {
    let kinds = [
        ("icontains", GraderKind::Rule),
        ("not-contains-any", GraderKind::Rule),
        ("trajectory:step-count", GraderKind::Rule),
        ("trajectory:goal-success", GraderKind::Model),
        ("javascript", GraderKind::Program),
        ("human", GraderKind::Person),
        ("similar:cosine", GraderKind::Model),
        ("not-llm-rubric", GraderKind::Model),
        ("promptfoo:redteam:harmful", GraderKind::Model),
        ("judge-of-tomorrow", GraderKind::Model),
    ];
    let rows: Vec<Value> = kinds
        .iter()
        .map(|(kind, _)| also(asked("a", kind, "x"), "m", kind, true))
        .collect();
    let read = good(Format::Promptfoo, "out.json", &promptfoo(&rows));
    let by: Vec<GraderKind> = read.rows.iter().map(|row| row.grades[1].by).collect();
    assert_eq!(by, kinds.map(|(_, by)| by));
}

/// A reason quotes whom it likes; that a judge broke is told by reasons that its own type gives.
#[test]
fn a_reason_breaks_only_what_gives_it() {
    let verdict = |kind: &str, reason: &str| {
        let mut row = also(asked("a", "one?", "x"), "m", kind, false);
        row["gradingResult"]["componentResults"][1]["reason"] = reason.into();
        let read = good(Format::Promptfoo, "out.json", &promptfoo(&[row]));
        read.rows[0].grades[1].verdict.clone()
    };
    assert_eq!(verdict("llm-rubric", "API error: 429"), Verdict::Broken);
    assert_eq!(
        verdict("python", "Python code execution failed: x"),
        Verdict::Broken
    );
    assert_eq!(
        verdict("javascript", "API error codes are missing in the answer"),
        Verdict::of(false)
    );
    assert_eq!(
        verdict("icontains", "Invalid regex pattern"),
        Verdict::of(false)
    );
}

#[test]
fn two_runs_in_one_file_are_not_one_system() {
    let run = |system: &str| {
        [
            json!({"spec": {"completion_fns": [system], "base_eval": "bill"}}),
            json!({"sample_id": "s1", "type": "sampling", "data": {"prompt": "q", "sampled": ["yes"]}}),
            json!({"sample_id": "s1", "type": "match", "data": {"correct": true}}),
        ]
    };
    let text: Vec<String> = run("old")
        .iter()
        .chain(&run("new"))
        .map(Value::to_string)
        .collect();
    let (none, said) = log(Format::OpenaiEvals, "log.jsonl", &text.join("\n"));
    assert!(none.is_none());
    assert_eq!(
        said,
        [
            "log.jsonl:4:1: the file holds several runs: old from line 1, new from line 4 / one file for each run; --record_path is written on to when it is there already"
        ]
    );
}

#[test]
fn one_key_of_several_questions_makes_no_repeats() {
    let text = "topic,question,model,answer,correct\nwarm,one?,a,x,yes\nwarm,two?,a,x,yes\ncold,three?,a,x,yes\ncold,four?,a,x,yes\nwarm,one?,b,x,yes\ncold,three?,b,x,yes\n";
    let said = problems_of(&[csv(text)], &Key::Field("topic".to_owned()));
    assert_eq!(
        said,
        [
            "t.csv: `warm` is the key of two questions of `a`: line 2 and line 3, and 1 more key is like this / --key with a field that tells the examples apart, or --key content"
        ]
    );
    assert!(problems_of(&[csv(text)], &Key::Content).is_empty());
}

#[test]
fn what_asks_nothing_is_no_example() {
    let text = "question,model,answer,correct\n,a,x,yes\n ,a,y,no\nq?,b,x,yes\n";
    assert_eq!(
        problems_of(&[csv(text)], &Key::Auto),
        ["t.csv: line 2 has no question, and is matched by it / a question in every row"]
    );
}

#[test]
fn trials_are_numbered_all_or_none() {
    let text = "id,model,answer,correct,trial\r\n1,a,x,yes,\r\n1,a,y,no,0\r\n1,b,x,yes,0\r\n";
    assert_eq!(
        problems_of(&[csv(text)], &Key::Auto),
        [
            "t.csv: line 2 has no number of its trial, and other rows of its example have / a number in every row of the example, or in none"
        ]
    );
    let (_, said) = log(
        Format::Csv,
        "t.csv",
        "\u{feff}id,answer,trial\r\n1,x,0\r\n\r\n2,x,4294967295\r\n",
    );
    assert_eq!(
        said,
        ["t.csv:4:3: `4294967295` is no number of a trial / a whole number up to 9999"]
    );
}

#[test]
fn one_system_in_two_files_is_told_once_and_as_it_is_typed() {
    let two = json!([sample("1", 1, "one?", "C"), sample("2", 1, "two?", "C")]);
    let of = |file: &str, system: &str| good(Format::Inspect, file, &inspect(system, &two));
    let mut logs = [of("x.json", "a"), of("y.json", "b"), of("z.json", "b")];
    let mut more = logs[0].rows[0].clone();
    more.system = "c".to_owned();
    logs[2].rows.push(more);
    assert_eq!(
        problems_of(&logs, &Key::Auto),
        [
            "y.json: `b` answers the same examples in y.json and in z.json / one file for each role: --candidate NEW --production OLD; when they are repeats of one system: --candidate 'y.json' --candidate 'z.json=b'"
        ]
    );
}

#[test]
fn verdicts_of_a_table_are_words_or_numbers() {
    let settled = |cells: [&str; 3]| {
        let text = cells.map(|cell| format!("q?,a,x,{cell}")).join("\n");
        let log = csv(&format!("question,model,answer,correct\n{text}\n"));
        let mut problems = Vec::new();
        let rows = log.rows.iter();
        let settled =
            crate::interop::criteria::settle(rows, &Vocabulary::default(), "t.csv", &mut problems);
        (settled[0].measure.clone(), lines(&problems))
    };
    let words = |pass: &[&str], fail: &[&str]| Measure::Words {
        pass: pass.iter().map(|it| (*it).to_owned()).collect(),
        fail: fail.iter().map(|it| (*it).to_owned()).collect(),
    };
    assert_eq!(
        settled(["1.0", "0.0", "1.0"]),
        (words(&["1.0"], &["0.0"]), Vec::new())
    );
    assert_eq!(settled(["1.0", "0.5", "0.0"]).0, Measure::Number);
    assert!(!settled(["yes", "0.5", "0.0"]).1.is_empty());
}

/// A scorer that says letters of some answers and numbers of others.
#[test]
fn letters_beside_numbers_are_asked_about() {
    let mut samples = vec![sample("1", 1, "one?", "C"), sample("2", 1, "two?", "I")];
    samples[1]["scores"]["includes"]["value"] = 0.4.into();
    let logs = [
        good(Format::Inspect, "x.json", &inspect("a", &json!(samples))),
        good(Format::Inspect, "y.json", &inspect("b", &json!(samples))),
    ];
    assert_eq!(
        problems_of(&logs, &Key::Auto),
        [
            "x.json: `includes` says words (`C`) and numbers: which numbers pass? / --at-least 'includes=0.5' with the smallest number that passes"
        ]
    );
}

#[test]
fn cells_of_a_table_are_taken_for_what_they_say() {
    let log = csv(
        "id,question,answer,model,correct,error,,\n 1 ,x,  ,a,yes,,,\n2,x, kept as it is ,a,yes,None,,\n3,x,y,a,yes,no error,,\n4,x,y,a,yes,boom,,\n",
    );
    let ends: Vec<Option<&str>> = log
        .rows
        .iter()
        .map(|row| match &row.end {
            End::Answered(answer) => answer["output"].as_str(),
            End::Error { .. } => None,
        })
        .collect();
    assert_eq!(ends, [None, Some(" kept as it is "), Some("y"), None]);
    assert_eq!(log.rows[0].case.id.as_deref(), Some("1"));
    // A column that is guessed wrongly is switched off.
    let mut reading = Reading::default();
    reading.columns.error = Some(String::new());
    let mut problems = Vec::new();
    let text = "id,answer,error,correct\n1,x,an answer about an error,yes\n";
    let read = read(Format::Csv, &input("t.csv", text), &reading, &mut problems).expect("read");
    assert!(matches!(read.rows[0].end, End::Answered(_)));
    assert_eq!(
        read.rows[0].case.metadata["error"],
        "an answer about an error"
    );
    reading.columns.output = Some(String::new());
    let none = super::read(Format::Csv, &input("t.csv", text), &reading, &mut problems);
    assert!(
        none.is_none() && !problems.is_empty(),
        "an answer there must be"
    );
    let utf16: Vec<u8> = "\u{feff}id,answer\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut problems = Vec::new();
    let none = super::read(
        Format::Csv,
        &input("t.csv", utf16),
        &Reading::default(),
        &mut problems,
    );
    assert!(none.is_none());
    assert_eq!(
        lines(&problems),
        ["t.csv:1:1: the file is UTF-16 / save it as UTF-8; in a spreadsheet: \"CSV UTF-8\""]
    );
}

#[test]
fn a_judge_that_is_named_and_judged_nothing_is_an_error() {
    let logs = [csv("id,model,answer,correct\n1,a,x,yes\n1,b,x,yes\n")];
    let vocabulary = Vocabulary {
        by: BTreeSet::from(["corect".to_owned()]),
        ..Vocabulary::default()
    };
    let mut problems = Vec::new();
    let rows = logs[0].rows.iter();
    crate::interop::criteria::settle(rows, &vocabulary, "t.csv", &mut problems);
    assert_eq!(
        lines(&problems),
        ["t.csv: nothing was judged by `corect` / did you mean `correct`?"]
    );
}
