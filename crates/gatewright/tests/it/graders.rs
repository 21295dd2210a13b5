//! `gatewright graders`: the list, and one grader on one response.

use serde_json::Value;

use crate::project::environment;

#[test]
fn the_list_names_every_grader_and_what_it_does_not_see() {
    let place = environment();
    let list = place.run(&["graders"]).expect(0);
    for kind in [
        "contains",
        "quotes_in_sources",
        "similarity",
        "instructions",
        "preference",
    ] {
        assert!(
            list.stdout
                .lines()
                .any(|line| line.starts_with(&format!("{kind} "))),
            "{kind}: {list}"
        );
    }
    assert!(
        list.stdout.lines().all(|line| line.chars().count() <= 100),
        "{list}"
    );
    let verbose = place.run(&["graders", "--verbose"]).expect(0);
    assert!(
        verbose.stdout.contains("blind spot: `not 50 USD`"),
        "{verbose}"
    );
    let json = place.run(&["graders", "--json"]).expect(0);
    let value: Value = serde_json::from_str(&json.stdout).expect("one document");
    let graders = value["graders"].as_array().expect("a list");
    let length = graders
        .iter()
        .find(|it| it["kind"] == "length")
        .expect("length");
    assert_eq!(
        length["options"],
        serde_json::json!(["of", "at_least", "at_most"])
    );
    assert_eq!(length["deterministic"], true);
}

#[test]
fn one_grader_is_tried_on_one_response() {
    let place = environment();
    let words = [
        "graders",
        "try",
        "length",
        "--options",
        "{of: words, at_most: 2}",
    ];
    let run = |more: &[&str]| place.run(&[&words[..], more].concat()).expect(0);
    assert_eq!(run(&["--response", "two words"]).stdout, "length: pass\n");
    place.write("answer.txt", "three \u{1b}[31mred words");
    let failed = run(&["--response", "@answer.txt"]);
    assert_eq!(
        failed.stdout,
        "length: fail (too-long): 3 words; at most 2\n"
    );
    let json = run(&["--response", "three more words", "--json"]);
    let value: Value = serde_json::from_str(&json.stdout).expect("one document");
    assert_eq!(value["tried"]["verdict"], "fail");
    assert_eq!(value["tried"]["symptom"], "too-long");
}

/// What a response says is shown as text, never obeyed by the terminal.
#[test]
fn a_hostile_response_stays_text() {
    let place = environment();
    place.write("answer.txt", "\u{1b}]0;title\u{7}\u{202e}evil\r::error::x");
    let run = place.run(&[
        "graders",
        "try",
        "starts_with",
        "--options",
        "{texts: [ok]}",
        "--response",
        "@answer.txt",
    ]);
    let run = run.expect(0);
    assert!(
        run.stdout
            .starts_with("starts_with: fail (different-start)"),
        "{run}"
    );
    assert!(
        !run.stdout.contains(['\u{1b}', '\u{7}', '\u{202e}', '\r']),
        "{run}"
    );
    assert!(
        !run.stdout
            .lines()
            .any(|line| line.trim_start().starts_with("::")),
        "{run}"
    );
}

#[test]
fn an_example_says_what_is_expected() {
    let place = environment();
    place.write(
        "reference/all.jsonl",
        "{\"id\":\"a\",\"input\":\"Where?\",\"expect\":{\"must_cite\":[\"s1\"]}}\n",
    );
    place.write(
        "response.json",
        r#"{"output": "There.", "citations": ["s2"]}"#,
    );
    let tries = |id: &str| {
        place.run(&[
            "graders",
            "try",
            "must_cite",
            "--response",
            "@response.json",
            "--example",
            "reference/all.jsonl",
            "--id",
            id,
        ])
    };
    let cited = tries("a").expect(0);
    assert_eq!(
        cited.stdout,
        "must_cite: fail (missing-citation): does not cite `s1`\n"
    );
    let unknown = tries("b").expect(2);
    assert!(
        unknown.stderr.contains("there is no example `b`"),
        "{unknown}"
    );
    let bare = place
        .run(&["graders", "try", "must_cite", "--response", "x"])
        .expect(0);
    assert_eq!(
        bare.stdout,
        "must_cite: not applicable: the example expects nothing for it\n"
    );
}

/// Instructions of another tool's file, found through a map; each is shown.
#[test]
fn parts_are_shown_one_by_one() {
    let place = environment();
    place.write(
        "theirs.jsonl",
        "{\"id\":\"a\",\"input\":\"x\",\"todo\":[{\"id\":\"punctuation:no_comma\"},{\"id\":\"startend:quotation\"}]}\n",
    );
    let run = place.run(&[
        "graders",
        "try",
        "instructions",
        "--response",
        "\"a, b\"",
        "--example",
        "theirs.jsonl",
        "--id",
        "a",
        "--map",
        "fields.instructions=todo",
    ]);
    let run = run.expect(0);
    assert_eq!(
        run.stdout,
        "instructions: fail (punctuation:no_comma): does not follow `punctuation:no_comma`\n  0: fail (punctuation:no_comma): does not follow `punctuation:no_comma`\n  1: pass\n"
    );
}

/// What is wrong is said with its place and what to write instead; nothing is tried.
#[test]
fn what_cannot_be_tried_says_why() {
    let place = environment();
    let fails = |arguments: &[&str], expect: &[&str]| {
        let run = place
            .run(&[&["graders", "try"], arguments].concat())
            .expect(2);
        assert!(run.stdout.is_empty(), "{run}");
        for text in expect {
            assert!(run.stderr.contains(text), "{text}: {run}");
        }
    };
    fails(
        &["lenght", "--response", "x"],
        &["there is no grader `lenght`", "did you mean `length`?"],
    );
    fails(
        &[
            "length",
            "--options",
            "{of: words, at_mots: 2}",
            "--response",
            "x",
        ],
        &["--options:1:13", "did you mean `at_most`?"],
    );
    fails(
        &["label", "--response", "x"],
        &["`label` cannot be tried", "recorded labels"],
    );
    fails(
        &["exact", "--response", "@none.txt"],
        &["cannot read `none.txt`"],
    );
    place.write("response.json", "{\"ouput\": 1}");
    fails(
        &["exact", "--response", "@response.json"],
        &[
            "there is no key of a response `ouput`",
            "did you mean `output`?",
        ],
    );
    place.write("response.json", "{\"output\": 1,}");
    fails(
        &["exact", "--response", "@response.json"],
        &["no response", "column"],
    );
}
