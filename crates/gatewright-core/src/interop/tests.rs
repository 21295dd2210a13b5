//! Small files by hand, where every row is known; what the tools themselves wrote is imported by the command's tests.

use serde_json::json;

mod wrong;

use super::files::{self, Counts, Terms, Written};
use super::pair::{self, Key, Paired};
use super::*;
use crate::manifest::{Kind, Role};

fn lines(problems: &[Problem]) -> Vec<String> {
    problems
        .iter()
        .map(|it| format!("{}: {} / {}", it.at, it.what, it.instead))
        .collect()
}

fn input(name: &str, text: impl Into<Vec<u8>>) -> Input {
    Input {
        name: name.to_owned(),
        bytes: Bytes::Whole(text.into()),
    }
}

fn log(format: Format, name: &str, text: &str) -> (Option<Log>, Vec<String>) {
    let mut problems = Vec::new();
    let log = read(
        format,
        &input(name, text),
        &Reading::default(),
        &mut problems,
    );
    (log, lines(&problems))
}

fn good(format: Format, name: &str, text: &str) -> Log {
    let (log, problems) = log(format, name, text);
    assert_eq!(problems, Vec::<String>::new());
    log.expect("read")
}

/// Pairs system `b` as candidate with `a` as production.
fn paired<'l>(logs: &'l [Log], key: &Key, problems: &mut Vec<Problem>) -> Paired<'l> {
    let mut found = Vec::new();
    for (index, log) in logs.iter().enumerate() {
        for system in ["a", "b"] {
            let rows = log.rows.iter().filter(|row| row.system == system).count();
            if rows > 0 {
                found.push(Found {
                    log: index,
                    file: log.file.clone(),
                    system: system.to_owned(),
                    rows,
                });
            }
        }
    }
    let named = [(Role::Candidate, "b"), (Role::Production, "a")].map(|(role, text)| Named {
        role,
        text: text.to_owned(),
    });
    let chosen = choose(&found, &named).expect("named");
    pair::pair(logs, &chosen, key, &Vocabulary::default(), &[], problems)
}

fn written(paired: &Paired<'_>) -> Written {
    let terms = Terms {
        format: Format::Promptfoo,
        origin: "x".to_owned(),
        today: "2026-11-02".to_owned(),
        kind: Kind::Handpicked,
        segments: Vec::new(),
    };
    let mut problems = Vec::new();
    let written = files::write(paired, &terms, &mut problems);
    assert_eq!(lines(&problems), Vec::<String>::new());
    written
}

fn promptfoo(rows: &[Value]) -> String {
    json!({"evalId": "e", "results": {"version": 3, "results": rows}, "metadata": {"promptfooVersion": "0.121.20"}}).to_string()
}

/// A row that passed one assertion.
fn asked(system: &str, question: &str, expected: &str) -> Value {
    json!({
        "success": true, "failureReason": 0, "score": 1, "latencyMs": 12, "cost": 0,
        "provider": {"id": system}, "promptId": "p", "promptIdx": 0,
        "prompt": {"raw": question, "label": "{{q}}"}, "vars": {"q": question},
        "response": {"output": "yes", "tokenUsage": {"prompt": 3, "completion": 1}},
        "testCase": {"vars": {"q": question}, "assert": [{"type": "icontains", "value": expected}]},
        "gradingResult": {"pass": true, "score": 1, "reason": "", "componentResults": [
            {"pass": true, "score": 1, "reason": "Assertion passed", "assertion": {"type": "icontains", "value": expected}},
        ]},
    })
}

#[test]
fn an_error_of_the_provider_is_missing_whatever_promptfoo_counts() {
    let mut passed = asked("a", "one?", "x");
    passed["response"] = json!({"error": "429 rate limited"});
    let mut failed = asked("b", "one?", "x");
    failed["success"] = false.into();
    failed["failureReason"] = 2.into();
    failed["error"] = "timeout".into();
    failed["gradingResult"] = Value::Null;
    let read = good(Format::Promptfoo, "out.json", &promptfoo(&[passed, failed]));
    let ends: Vec<&End> = read.rows.iter().map(|row| &row.end).collect();
    let error = |message: &str| End::Error {
        message: message.to_owned(),
        latency_ms: Some(12.0),
    };
    assert_eq!(ends, [&error("429 rate limited"), &error("timeout")]);
    assert!(read.rows.iter().all(|row| row.grades.is_empty()));
    assert!(read.notes[0].contains("counts a row with an error of the provider as passed"));
    let theirs: Vec<f64> = read
        .theirs
        .iter()
        .flat_map(|it| it.figures.iter().map(|(_, value)| *value))
        .collect();
    assert_eq!(
        theirs,
        [1.0, 0.0, 0.0, 0.0, 0.0, 1.0],
        "as promptfoo counts"
    );
}

#[test]
fn an_assertion_that_broke_is_no_failure_and_a_row_without_one_no_pass() {
    let mut broken = asked("a", "one?", "x");
    broken["success"] = false.into();
    broken["gradingResult"]["componentResults"] = json!([
        {"pass": false, "score": 0, "reason": "Custom function threw error: x", "assertion": {"type": "javascript"}},
        {"pass": false, "score": 0, "reason": "judge said nonsense", "metadata": {"graderError": true}, "assertion": {"type": "llm-rubric", "metric": "tone"}},
        {"pass": true, "score": 1, "reason": "", "assertion": {"type": "not-icontains"}},
    ]);
    let mut bare = asked("b", "one?", "x");
    bare["testCase"]["assert"] = json!([]);
    bare["gradingResult"] =
        json!({"pass": true, "score": 1, "reason": "No assertions", "componentResults": []});
    let read = good(Format::Promptfoo, "out.json", &promptfoo(&[broken, bare]));
    let of: Vec<(&str, &Verdict, GraderKind)> = read.rows[0]
        .grades
        .iter()
        .map(|grade| (grade.criterion.as_str(), &grade.verdict, grade.by))
        .collect();
    assert_eq!(
        of,
        [
            ("javascript", &Verdict::Broken, GraderKind::Program),
            ("tone", &Verdict::Broken, GraderKind::Model),
            ("not-icontains", &Verdict::of(true), GraderKind::Rule),
        ]
    );
    assert!(read.rows[1].grades.is_empty());
    assert!(
        read.notes[0].contains("without assertions"),
        "{:?}",
        read.notes
    );
}

#[test]
fn prompts_times_providers_are_systems_and_calls_are_calls() {
    let mut rows = Vec::new();
    for (prompt, label) in [("p1", "short"), ("p2", "long")] {
        let mut row = asked("a", "one?", "x");
        row["promptId"] = prompt.into();
        row["prompt"]["label"] = label.into();
        row["response"]["output"] = json!([{"type": "function", "function": {"name": "refund", "arguments": "{\"usd\": 5}"}}]);
        row["response"]["cached"] = true.into();
        rows.push(row);
    }
    let read = good(Format::Promptfoo, "out.json", &promptfoo(&rows));
    let systems: Vec<&str> = read.rows.iter().map(|row| row.system.as_str()).collect();
    assert_eq!(systems, ["a | short", "a | long"]);
    let End::Answered(answer) = &read.rows[0].end else {
        panic!("answered")
    };
    assert_eq!(
        answer["tool_calls"],
        json!([{"name": "refund", "arguments": {"usd": 5}}])
    );
    assert!(
        !answer.contains_key("latency_ms"),
        "a cached answer took no time of its own"
    );
    let jsonl: Vec<String> = rows.iter().map(Value::to_string).collect();
    let lines = good(Format::Promptfoo, "out.jsonl", &jsonl.join("\n"));
    assert_eq!(lines.rows.len(), 2);
    assert_eq!(lines.rows[1].place, "line 2");
}

#[test]
fn one_question_with_two_expectations_is_two_examples_and_repeats_are_trials() {
    let rows = [
        asked("a", "one?", "x"),
        asked("a", "one?", "x"),
        asked("a", "one?", "y"),
        asked("b", " one? ", "y"),
        asked("b", "one?", "x"),
        asked("b", "two?", "z"),
    ];
    let logs = [good(Format::Promptfoo, "out.json", &promptfoo(&rows))];
    let mut problems = Vec::new();
    let paired = paired(&logs, &Key::Auto, &mut problems);
    assert_eq!(lines(&problems), Vec::<String>::new());
    let of = |role: Role| -> Vec<(usize, u32)> {
        let answers = paired.answers.iter().filter(|answer| answer.role == role);
        answers
            .map(|answer| (answer.example, answer.trial))
            .collect()
    };
    // Rows of the candidate come first: ` one? ` differs in its variables, which are what was asked.
    assert_eq!(of(Role::Candidate).len(), 3);
    assert_eq!(of(Role::Production).len(), 3);
    assert!(
        paired
            .notes
            .iter()
            .any(|note| note.starts_with("1 questions are asked more than once")),
        "{:?}",
        paired.notes
    );
    let unpaired: Vec<(&str, &[&str])> = paired
        .unpaired
        .iter()
        .map(|it| (it.example.as_str(), it.only.as_slice()))
        .collect();
    assert_eq!(unpaired.len(), 3, "{unpaired:?}");
    let trials: Vec<u32> = of(Role::Production)
        .iter()
        .map(|(_, trial)| *trial)
        .collect();
    assert_eq!(
        trials.iter().max(),
        Some(&1),
        "the same case twice is two trials"
    );
    let ids: std::collections::BTreeSet<&str> =
        paired.examples.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids.len(), paired.examples.len(), "{ids:?}");
}

fn inspect(system: &str, samples: &Value) -> String {
    json!({
        "version": 2, "status": "success",
        "eval": {"task": "pack/bill", "model": system, "packages": {"inspect_ai": "0.3.285"}, "scorers": [{"name": "includes"}]},
        "results": {"scores": []}, "samples": samples,
    })
    .to_string()
}

fn sample(id: &str, epoch: u32, question: &str, score: &str) -> Value {
    json!({
        "id": id, "epoch": epoch, "input": question, "target": "yes", "messages": [],
        "output": {"choices": [{"message": {"content": "yes"}}], "completion": "yes", "time": 0.5},
        "scores": {"includes": {"value": score}},
    })
}

#[test]
fn inspect_puts_texts_apart_and_scores_in_many_forms() {
    let mut long = sample("1", 1, "attachment://abc", "C");
    long["attachments"] = json!({"abc": "the long question"});
    long["output"]["completion"] = "attachment://abc".into();
    long["scores"] = json!({"parts": {"value": {"a": true, "b": 0.5}}, "grade": {"value": "P", "metadata": {"grading": []}}, "odd": {"value": null}});
    let mut scored = sample("2", 1, "q", "C");
    scored["error"] = json!({"message": "boom"});
    let mut limited = sample("3", 1, "q", "C");
    limited["output"] = json!({"choices": [], "completion": ""});
    limited["limit"] = json!({"type": "time"});
    let text =
        inspect("m", &json!([long, scored, limited])).replace("\"value\":null", "\"value\":NaN");
    let read = good(Format::Inspect, "x.json", &text);
    assert_eq!(read.rows[0].case.input, "the long question");
    let End::Answered(answer) = &read.rows[0].end else {
        panic!("answered")
    };
    assert_eq!(
        (&answer["output"], &answer["latency_ms"]),
        (&json!("the long question"), &json!(500.0))
    );
    let grades: Vec<(&str, &Verdict)> = read.rows[0]
        .grades
        .iter()
        .map(|it| (it.criterion.as_str(), &it.verdict))
        .collect();
    assert_eq!(
        grades,
        [
            ("grade", &Verdict::Word("P".to_owned())),
            ("odd", &Verdict::Broken),
            ("parts a", &Verdict::of(true)),
            ("parts b", &Verdict::Number(0.5)),
        ]
    );
    assert_eq!(read.rows[0].grades[0].by, GraderKind::Model);
    let message = |row: &Row| match &row.end {
        End::Error { message, .. } => message.clone(),
        End::Answered(_) => panic!("an error"),
    };
    assert_eq!(message(&read.rows[1]), "boom");
    assert_eq!(
        message(&read.rows[2]),
        "no output: the time limit ended the sample"
    );
    assert!(
        read.rows[1].grades.is_empty() && read.notes[0].contains("scores of 2 samples"),
        "{:?}",
        read.notes
    );
}

#[test]
fn one_id_for_two_questions_is_no_pair() {
    let logs = [
        good(
            Format::Inspect,
            "old.json",
            &inspect(
                "a",
                &json!([sample("1", 1, "one?", "C"), sample("2", 1, "two?", "C")]),
            ),
        ),
        good(
            Format::Inspect,
            "new.json",
            &inspect(
                "b",
                &json!([sample("1", 1, "two?", "C"), sample("2", 1, "one?", "I")]),
            ),
        ),
    ];
    let mut problems = Vec::new();
    paired(&logs, &Key::Auto, &mut problems);
    assert_eq!(
        lines(&problems)[0],
        "old.json: `1` is another question in old.json (samples[0]) than in new.json (samples[0]) / --key content, to match by what was asked; or --key FIELD with ids of your own"
    );
    let mut problems = Vec::new();
    let by_content = paired(&logs, &Key::Content, &mut problems);
    assert_eq!(
        (
            lines(&problems).len(),
            by_content.examples.len(),
            by_content.unpaired.len()
        ),
        (0, 2, 0)
    );
    let mut problems = Vec::new();
    let stated = paired(&logs, &Key::Field("id".to_owned()), &mut problems);
    assert!(
        problems.is_empty() && stated.notes[0].contains("your key says that they are the same")
    );
    let mut problems = Vec::new();
    paired(&logs, &Key::Field("ticket".to_owned()), &mut problems);
    assert_eq!(
        lines(&problems).len(),
        2,
        "one for each file: {:?}",
        lines(&problems)
    );
}

#[test]
fn one_trial_twice_and_one_system_in_two_files() {
    let twice = json!([sample("1", 1, "one?", "C"), sample("1", 1, "one?", "I")]);
    let logs = [
        good(Format::Inspect, "x.json", &inspect("a", &twice)),
        good(
            Format::Inspect,
            "y.json",
            &inspect("b", &json!([sample("1", 1, "one?", "C")])),
        ),
    ];
    let mut problems = Vec::new();
    paired(&logs, &Key::Auto, &mut problems);
    assert!(
        lines(&problems)[0].starts_with("x.json: samples[0] and samples[1] are the same trial"),
        "{:?}",
        lines(&problems)
    );
    let one = |file: &str, system: &str| {
        good(
            Format::Inspect,
            file,
            &inspect(system, &json!([sample("1", 1, "one?", "C")])),
        )
    };
    let logs = [one("x.json", "a"), one("y.json", "b"), one("z.json", "b")];
    let mut problems = Vec::new();
    paired(&logs, &Key::Auto, &mut problems);
    assert!(
        lines(&problems)[0].contains("--candidate 'y.json' --candidate 'z.json'"),
        "{:?}",
        lines(&problems)
    );
}

#[test]
fn openai_evals_tells_events_of_a_sample_together() {
    let text = [
        json!({"spec": {"completion_fns": ["m"], "base_eval": "bill"}}),
        json!({"sample_id": "s1", "type": "sampling", "data": {"prompt": [{"role": "user", "content": "q"}], "sampled": ["yes"], "usage": {"prompt_tokens": 4}}}),
        json!({"sample_id": "s1", "type": "sampling", "data": {"prompt": "judge it", "sampled": ["Y"]}}),
        json!({"sample_id": "s1", "type": "metrics", "data": {"choice": "Y", "score": 1.0}}),
        json!({"sample_id": "s2", "type": "error", "data": {"type": "APIError", "message": "overloaded"}}),
        json!({"sample_id": "s3", "type": "sampling", "data": {"prompt": "p", "sampled": "no"}}),
        json!({"sample_id": "s4", "type": "metrics", "data": {"choice": "__invalid__"}}),
    ];
    let lines: Vec<String> = text.iter().map(Value::to_string).collect();
    let read = good(Format::OpenaiEvals, "log.jsonl", &lines.join("\n"));
    let ends: Vec<bool> = read
        .rows
        .iter()
        .map(|row| matches!(row.end, End::Answered(_)))
        .collect();
    assert_eq!(ends, [true, false, true, false]);
    let End::Answered(answer) = &read.rows[0].end else {
        panic!("answered")
    };
    assert_eq!(answer["output"], "yes", "what a judge says is no answer");
    assert_eq!(read.rows[0].grades[0].by, GraderKind::Model);
    assert_eq!(
        read.rows[2].grades[0].verdict,
        Verdict::Broken,
        "asked, answered and never judged"
    );
    assert!(read.notes[0].contains("no final report"));
    let (none, said) = log(Format::OpenaiEvals, "x.jsonl", "{\"a\":1}\n");
    assert!(none.is_none() && said[0].starts_with("x.jsonl:1:1: no line holds a `spec`"));
}

#[test]
fn tables_by_common_names_and_by_named_columns() {
    let text = "id;Question;model;answer;correct;notes\n1;\"a;b\";b;yes;true;x\n1;\"a;b\";a;;true;\n2;c;a;no;;y\n2;c;b;no;false;z\n";
    let logs = [good(Format::Csv, "t.csv", text)];
    assert!(logs[0].notes[0].starts_with("columns: id `id`, input `Question`, output `answer`, system `model`, label correct=`correct`"));
    let mut problems = Vec::new();
    let paired = paired(&logs, &Key::Auto, &mut problems);
    let written = written(&paired);
    let counts: Vec<Counts> = written
        .ours
        .iter()
        .map(|ours| ours.criteria["correct"].clone())
        .collect();
    let of = |pass, fail, no_answer, no_verdict| Counts {
        pass,
        fail,
        numbers: 0,
        no_answer,
        no_verdict,
    };
    assert_eq!(counts, [of(1, 1, 0, 0), of(0, 0, 1, 1)]);
    assert!(
        written.examples.contains(r#""id":"1","input":"a;b""#),
        "{}",
        written.examples
    );
    let wrong = [
        (
            "a,b\n1,2\n",
            "t.csv:1:1: no column looks like the answer / --output COLUMN, one of: a, b",
        ),
        (
            "id,output,id\n1,2,3\n",
            "t.csv:1:1: two columns are called `id` / a name of its own for each column",
        ),
        (
            "id,output\n1,2,3\n",
            "t.csv:2:1: the row has 3 cells, the first row 2 / quote cells that hold separators or line breaks",
        ),
        (
            "id,output,system\n1,2,\n",
            "t.csv:2:3: the row names no system / a name in every row",
        ),
        (
            "id,output,trial\n1,2,first\n",
            "t.csv:2:3: `first` is no number of a trial / a whole number up to 9999",
        ),
        (
            "",
            "t.csv:1:1: the file is empty / a first row with the names of the columns, and a row for each answer",
        ),
    ];
    for (text, said) in wrong {
        assert_eq!(
            log(Format::Csv, "t.csv", text)
                .1
                .first()
                .map(String::as_str),
            Some(said),
            "{text}"
        );
    }
}

#[test]
fn what_is_not_their_format_says_where_and_what_to_type() {
    for (format, text, said) in [
        (
            Format::Promptfoo,
            "{\"results\": {\"results\": [\n  {\"success\": 1}]}}",
            "f:2:3: results.results[0] names no `provider`",
        ),
        (
            Format::Promptfoo,
            "{\"evalId\": 1}",
            "f:1:1: there is no list `results.results`",
        ),
        (
            Format::Promptfoo,
            "[1,",
            "f:1:4: the line ends inside a value",
        ),
        (
            Format::Inspect,
            "{\"eval\": 3}",
            "f:1:10: there is no `eval.task`",
        ),
        (
            Format::Inspect,
            "{\"eval\": {\"task\": \"t\"},\n\"samples\": [{\"id\": 1}]}",
            "f:2:13: samples[0] has no `epoch` from 1",
        ),
        (
            Format::Inspect,
            "{\"eval\": {\"task\": \"t\"}}",
            "f:1:1: the log holds no samples",
        ),
        (
            Format::Deepeval,
            "{\"testCases\": [{\"name\": \"x\"}]}",
            "f:1:16: testCases[0] has no `input`",
        ),
        (
            Format::Deepeval,
            "{}",
            "f:1:1: there is no list `testCases`",
        ),
        (
            Format::Deepeval,
            "{\"testCases\": []}",
            "f: there is no answer in the file",
        ),
    ] {
        let (_, problems) = log(format, "f", text);
        assert!(
            problems
                .first()
                .is_some_and(|first| first.starts_with(said)),
            "{text}: {problems:?}"
        );
    }
}

/// A time of its own makes no row another example.
#[test]
fn repeats_of_a_table_are_trials_whatever_else_stands_in_the_row() {
    let text = "question,model,answer,correct,took\nq?,a,x,yes,1\nq?,a,y,no,2\nq?,b,x,yes,3\nq?,b,z,yes,4\n";
    let logs = [good(Format::Csv, "t.csv", text)];
    let mut problems = Vec::new();
    let paired = paired(&logs, &Key::Auto, &mut problems);
    assert_eq!(lines(&problems), Vec::<String>::new());
    assert_eq!((paired.examples.len(), paired.unpaired.len()), (1, 0));
    let trials: Vec<u32> = paired.answers.iter().map(|answer| answer.trial).collect();
    assert_eq!(trials, [0, 1, 0, 1]);
    assert_eq!(paired.notes, [""; 0]);
}

/// A8, A9, A10: what a tool recorded is text, in names too.
#[test]
fn a9_hostile_names_and_answers_are_text() {
    let evil = "\u{1b}]0;x\u{7}\n::error::../../etc\u{202e} <script> {{env.KEY}}";
    let mut row = asked(evil, evil, evil);
    row["response"]["output"] = evil.into();
    row["gradingResult"]["componentResults"][0]["assertion"]["metric"] = evil.into();
    let mut other = row.clone();
    other["provider"] = "a".into();
    let text = promptfoo(&[row, other]).replace("0.121.20", "\\u001b[2J1");
    let logs = [good(Format::Promptfoo, "out.json", &text)];
    assert_eq!(logs[0].version.as_deref(), Some("[2J1"));
    let system = logs[0].rows[0].system.clone();
    assert_eq!(system, "]0;x ::error::../../etc <script> {{env.KEY}}");
    let found = vec![
        Found {
            log: 0,
            file: "f".to_owned(),
            system: system.clone(),
            rows: 1,
        },
        Found {
            log: 0,
            file: "f".to_owned(),
            system: "a".to_owned(),
            rows: 1,
        },
    ];
    let chosen = choose(
        &found,
        &[Named {
            role: Role::Candidate,
            text: system,
        }],
    )
    .expect("named");
    let mut problems = Vec::new();
    let paired = pair::pair(
        &logs,
        &chosen,
        &Key::Auto,
        &Vocabulary::default(),
        &[],
        &mut problems,
    );
    assert_eq!(lines(&problems), Vec::<String>::new());
    assert!(
        paired.examples[0]
            .id
            .starts_with("0-x-error-etc-script-env-key-"),
        "{}",
        paired.examples[0].id
    );
    let written = written(&paired);
    let answer: Value =
        serde_json::from_str(written.outputs[0].1.lines().next().expect("a line")).expect("JSON");
    assert_eq!(answer["output"], evil, "byte for byte");
    let page = page::whole(
        &paired,
        &written,
        &page::Page {
            folder: "imported/x".to_owned(),
            origin: evil.to_owned(),
            ..page::Page::default()
        },
    );
    assert!(
        page.lines()
            .all(|line| !line.starts_with("::") && !line.contains('\u{1b}')),
        "{page}"
    );
    let (manifest, problems) = crate::manifest::read::read(page.as_bytes(), "g.yaml");
    assert!(manifest.is_some(), "{:?}", lines(&problems));
}

/// Cut anywhere, bent anywhere: problems, never a panic, and never a row from nowhere.
#[test]
fn cut_and_bent_files_are_problems() {
    let whole = [
        (Format::Promptfoo, promptfoo(&[asked("a", "one?", "x")])),
        (Format::Inspect, inspect("m", &json!([sample("1", 1, "q", "C")]))),
        (Format::Deepeval, json!({"testCases": [{"input": "q", "actualOutput": "a", "metricsData": [{"name": "m", "success": true}]}]}).to_string()),
    ];
    for (format, text) in &whole {
        for cut in 0..text.len() {
            let mut problems = Vec::new();
            read(
                *format,
                &input("f", &text.as_bytes()[..cut]),
                &Reading::default(),
                &mut problems,
            );
            assert!(
                crate::problem::has_errors(&problems),
                "{} cut at {cut}",
                format.word()
            );
            let mut bent = text.clone().into_bytes();
            bent[cut] = b'[';
            read(
                *format,
                &input("f", bent),
                &Reading::default(),
                &mut Vec::new(),
            );
        }
    }
}
